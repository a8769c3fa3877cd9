// Package vantage is what one agent may conclude by itself: the state of each
// of its checks, the health of its own line, when to doubt, and how to vote.
//
// It is pure. Time is an argument, there is no goroutine, no socket and no
// lock: the agent feeds it what it asked and heard, and acts on what comes
// back. The same calls with the same times give the same answers, so that a
// year of an agent's life can be replayed in a test. A [Vantage] is not safe
// for concurrent use; its owner holds the lock.
//
// # One check
//
//	stale --ok--> up
//	up, stale --fail or overdue--> suspect
//	suspect --an attempt of the confirmation ok, or the next probe ok--> up (a transient)
//	suspect --both attempts fail, or two more probes after telling--> down
//	down --2 ok in a row--> recovering --3rd ok--> up
//	recovering --fail--> suspect
//	any --no result for max(3 intervals, 30 s)--> stale
//
// A failing check doubts: [Vantage.Result] and [Vantage.Tick] return a [Doubt]
// for the agent to tell. The second way to down (two more failing probes after
// the doubt was told) exists because the collector may be away: a site that
// nobody asks must still know what it has seen, and say so in its next hello.
// A check that is down doubts no more; it has been told.
//
// What could not tell (outcome unknown: a guard's 403, no route, a cancelled
// probe, a policy) changes nothing at all.
//
// # Overdue
//
// A blackhole answers with nothing, and waiting for the timeout costs seconds.
// So the agent doubts when a reply is later than this check's replies ever are:
// with 50 good samples after max(300 ms, min(4 x median, p99.9)), with 5 after
// max(500 ms, 4 x median), with fewer than that after max(500 ms, 4 x the
// fleet's median), which the config brings if the fleet knows it, else never.
// The probe goes on; its answer settles the doubt if nothing else did. A check
// that has never answered here is not missed: it may never do.
//
// # Its own line first
//
// Reference checks are targets of nobody's cloud. While fewer than 60 % of them
// are reachable the trouble is here: the agent doubts nothing, abstains, and
// failures count neither against a check nor in its history, or every line cut
// would leave a memory of broken clouds. A reference that went down while the line
// was well is out by itself: beside it two others may fail, as they may beside one
// that is well, as long as half of them answer. One or two references cannot outvote
// one operator's bad day, so with fewer than three the line counts as well while
// any of them answers, and the vote says [WhyFewReferences]. Without any, the
// line's health is unknown; refusing to vote would make such a fleet blind, so
// the agent votes and says [WhyNoReferences] each time. The collector may weigh
// that. An agent that has just started is on probation until two rounds of its
// references in a row went well.
//
// # Witnesses that do not count
//
// A check that failed its first 20 runs was never measurable here (a firewall,
// most likely): it abstains until it has worked for an hour on end. A check
// with more than 20 % failures among at least 10 recent results is bad here and
// abstains too: 2 % of real vantage points fail towards a given target for ever.
// That share is judged as it was before the disturbance, so that a real outage
// does not silence its witnesses. A spell of down, once over, weighs as at most
// ten failures, and half of that every five minutes after: one long outage thus
// never disqualifies a check that worked before, while a line that flaps between
// up and down does get there.
//
// # Slower, or losing
//
// A check that answers can still be worse than it used to be from here: slower
// by 30 % and 20 ms for some five results (slow.go), or losing a tenth of its
// attempts without being down (loss.go). Then [Vantage.Result] returns a [Doubt]
// that says Degraded, again every 30 s, and [Vantage.Mark] marks the results. In
// a quorum about outages such a check is up. What the references are slower is
// taken off first, so that a full line accuses nobody; then the references'
// own results are marked.
//
// # Telling only what is news
//
// A check doubts at most once per 5 s and the agent at most 20 times per 10 s,
// so that fifty broken targets do not become a storm of confirmations; what was
// refused is raised again by the next failure. A check that fails by itself
// more than once in 200 runs over the last hour, or has not worked yet, has
// [Doubt].Own set: the agent confirms alone before it bothers anybody, once in
// ten seconds at most: when more such checks fail together, that is news. Ping
// never doubts (ICMP is filtered and deprioritised everywhere), references
// never do.
package vantage

import (
	"cmp"
	"iter"
	"reflect"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// Options tunes the judgement; the zero value is what the simulations and
// measurements behind the defaults argue for.
type Options struct {
	WellShare   float64       // share of references that must answer; 0 means 0.6
	Probation   int           // good reference rounds before the first vote; 0 means 2, negative none
	CheckBudget time.Duration // least time between two doubts of one check; 0 means 5 s
	AgentBudget int           // doubts of the agent per 10 s; 0 means 20
	OwnBudget   int           // of these, confirmed alone first; 0 means 1
	OwnRate     float64       // failure rate of the last hour above which to confirm alone first; 0 means 0.005
	BadShare    float64       // failure share above which a check is bad here; 0 means 0.2
}

func (o Options) filled() Options {
	o.WellShare = cmp.Or(o.WellShare, 0.6)
	o.Probation = cmp.Or(o.Probation, 2)
	o.CheckBudget = cmp.Or(o.CheckBudget, 5*time.Second)
	o.AgentBudget = cmp.Or(o.AgentBudget, 20)
	o.OwnBudget = cmp.Or(o.OwnBudget, 1)
	o.OwnRate = cmp.Or(o.OwnRate, 0.005)
	o.BadShare = cmp.Or(o.BadShare, 0.2)
	return o
}

// Vantage is one agent's judgement of all its checks. Its memory is bounded by
// the config: at most about 3 KiB per check.
type Vantage struct {
	o          Options
	checks     []*check // by their index in the config; nil is a blank place
	politeness time.Duration
	sites      int
	stretch    func(uint32) float64 // of each check, to spare the line; nil: none
	configured time.Time            // when the current config was set
	latest     time.Time            // the latest now that was seen
	line       line
	budget     budget
	own        budget // own confirmations
}

// New returns a vantage point that watches nothing yet.
func New(o Options) *Vantage {
	o = o.filled()
	return &Vantage{o: o, budget: budget{limit: o.AgentBudget}, own: budget{limit: o.OwnBudget}}
}

// SetConfig makes cfg what is watched. Checks whose ID and Spec stay the same
// keep their state and history. A result of a probe that started before now is
// not accepted any more: its index belonged to the old config. A check without id
// and kind is a blank place, which keeps the indexes of the others: it is not
// asked here, and there is nothing to say about it.
func (v *Vantage) SetConfig(now time.Time, cfg fleet.Config) {
	v.see(now)
	references := make(map[string]bool)
	for _, t := range cfg.Targets {
		if t.Reference {
			references[t.ID] = true
		}
	}
	old := make(map[string]*check, len(v.checks))
	for c := range v.each() {
		old[c.id] = c
	}
	v.checks = make([]*check, len(cfg.Checks))
	v.configured, v.politeness = now, cfg.Politeness
	v.line.references = nil
	for i, fc := range cfg.Checks {
		if fc.Spec.Kind == 0 && fc.ID == "" {
			continue
		}
		c := old[fc.ID]
		delete(old, fc.ID)
		if c == nil || !sameSpec(c.spec, fc.Spec) {
			c = &check{id: fc.ID, spec: fc.Spec}
		}
		c.index, c.target, c.configuredInterval, c.typical = uint32(i), fc.Target, fc.Interval, max(0, fc.Typical)
		c.reference = references[fc.Target]
		c.answered() // whatever is in flight belongs to the old config
		v.checks[i] = c
		if c.reference {
			c.pace.measure()
			v.line.references = append(v.line.references, c)
		}
	}
	v.space()
}

// SetSites says how many sites ask these checks, from the roster: a polite
// fleet asks less often the larger it is, and only who knows the real interval
// can tell a late result from a stale one. Unset, every check is believed to
// run at its own interval.
func (v *Vantage) SetSites(n int) {
	v.sites = n
	v.space()
}

// space works out the real interval of each check.
func (v *Vantage) space() {
	for c := range v.each() {
		c.interval = max(c.configuredInterval, v.politeness*time.Duration(v.sites))
		if v.stretch != nil {
			c.interval = max(c.interval, time.Duration(float64(c.interval)*v.stretch(c.index)))
		}
	}
}

// SetStretch says by which factor each check, by its index in the config, is
// asked less often than configured, to spare the line. Unset, or below 1: it is not.
func (v *Vantage) SetStretch(by func(check uint32) float64) {
	v.stretch = by
	v.space()
}

// sameSpec compares two questions. A list that was sent and read back may be
// nil where it was empty.
func sameSpec(a, b probes.Spec) bool {
	if len(a.Status) == 0 {
		a.Status = nil
	}
	if len(b.Status) == 0 {
		b.Status = nil
	}
	return reflect.DeepEqual(a, b)
}

// each goes through the checks that are asked here, in the order of the config.
func (v *Vantage) each() iter.Seq[*check] {
	return func(yield func(*check) bool) {
		for _, c := range v.checks {
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

// check returns the check at an index of the current config, nil if none is
// asked there.
func (v *Vantage) check(index uint32) *check {
	if uint64(index) >= uint64(len(v.checks)) {
		return nil
	}
	return v.checks[index]
}

func (v *Vantage) see(now time.Time) {
	if now.After(v.latest) {
		v.latest = now
	}
}

// Began says that a scheduled probe of the check has started now; it arms the
// overdue timer.
func (v *Vantage) Began(now time.Time, index uint32) {
	v.see(now)
	if c := v.check(index); c != nil {
		c.asked(now)
	}
}

// Result takes the result of a scheduled probe that started at started, and
// returns what is to be doubted because of it. A reference check's result
// feeds the health of the line.
func (v *Vantage) Result(now time.Time, index uint32, started time.Time, r probes.Result) []Doubt {
	v.see(now)
	c := v.check(index)
	if c == nil || started.Before(v.configured) {
		return nil
	}
	wasLate := c.late
	c.answered()
	if c.reference {
		v.line.observe(now, c, r, v.o)
	} else {
		c.pace.line = v.line.slower
	}
	switch read(r) {
	case saysUp:
		c.succeeded(now, r)
		if c.reference {
			v.line.paced(c)
		}
		return v.strain(now, c, started)
	case saysDown:
		if v.line.unwell(now, v.o) {
			return nil // local trouble is nothing about the target
		}
		if c.failed(now, started, r, v.o) && !(wasLate && c.spell.told) {
			return v.raise(now, c, Doubt{Cause: r.Cause, Started: started})
		}
	}
	return nil
}

// Tick returns the doubts about replies that are overdue at now.
func (v *Vantage) Tick(now time.Time) []Doubt {
	v.see(now)
	var doubts []Doubt
	for c := range v.each() {
		if c.overdueAt.IsZero() || c.late || now.Before(c.overdueAt) {
			continue
		}
		c.late = true
		if c.current(now) != StateUp {
			continue
		}
		doubts = append(doubts, v.raise(now, c, Doubt{Cause: timeoutOf(c.spec.Kind), Overdue: true, Started: c.askedAt})...)
	}
	return doubts
}

// Next is when [Vantage.Tick] is worth calling, if at all.
func (v *Vantage) Next() (at time.Time, ok bool) {
	for c := range v.each() {
		if c.overdueAt.IsZero() || c.late || !c.doubts() || c.state != StateUp {
			continue
		}
		if !ok || c.overdueAt.Before(at) {
			at, ok = c.overdueAt, true
		}
	}
	return at, ok
}

// raise returns the doubt if it may be told: the line is well, the check is a
// witness at all, and both budgets allow it.
func (v *Vantage) raise(now time.Time, c *check, d Doubt) []Doubt {
	if !c.doubts() || !v.line.health(now, v.o).Voting || c.disqualified(now, v.o) != WhyNone {
		return nil
	}
	if !c.doubted.IsZero() && now.Sub(c.doubted) < v.o.CheckBudget || !v.budget.take(now) {
		return nil
	}
	c.doubted = now
	if d.Overdue {
		c.suspect(now, d.Started, v.o)
	}
	c.spell.told = true
	// An own confirmation costs two attempts. Several checks that fail at once are
	// no noise of one of them: what is over the budget is told as it is.
	d.Check, d.Own = c.index, c.spell.own && v.own.take(now)
	return []Doubt{d}
}

// Deadline is how long each attempt of a confirmation may take:
// clamp(4 x p99, 1 s, 2 s). Below one second a single lost SYN, which TCP
// repeats after a second (RFC 6298), would look like an outage. A check without
// a history gets the patient end.
func (v *Vantage) Deadline(index uint32) time.Duration {
	c := v.check(index)
	if c == nil || c.totals.len() < fewSamples {
		return 2 * time.Second
	}
	return min(max(4*c.totals.quantile(0.99), time.Second), 2*time.Second)
}

// ConnectDeadline is how much of [Vantage.Deadline] the opening of a TCP
// connection may take: four times what it usually takes, but at least the
// second after which TCP repeats a lost SYN (RFC 6298). A connection takes one
// round trip and everything above it another at least, so half of a check's
// total bounds it from above. A blackhole shows while connecting: without this,
// far sites, whose totals are long, would make every such outage a second later.
func (v *Vantage) ConnectDeadline(index uint32) time.Duration {
	whole, c := v.Deadline(index), v.check(index)
	if c == nil || c.totals.len() < fewSamples {
		return whole
	}
	usual := c.totals.quantile(0.5)
	if c.spec.Kind == probes.TLS || c.spec.Kind == probes.HTTP {
		usual /= 2
	}
	return min(max(4*usual, time.Second), whole)
}

// Health is what the agent thinks of its own line at now.
func (v *Vantage) Health(now time.Time) Health {
	v.see(now)
	return v.line.health(now, v.o)
}

// Beside returns the indices of the reference checks from which a confirmation
// draws its three: those that were well when last asked, if there are three, else
// all. A reference that is known to be out, as when a public resolver is, says
// nothing about the line at this moment; drawn with one that is unlucky it would
// cost the vote.
func (v *Vantage) Beside() []uint32 {
	var out []uint32
	for _, c := range v.line.references {
		if c.reach.ok {
			out = append(out, c.index)
		}
	}
	if len(out) < enough {
		return v.References()
	}
	return out
}

// References returns the indices of the reference checks.
func (v *Vantage) References() []uint32 {
	var out []uint32
	for _, c := range v.line.references {
		out = append(out, c.index)
	}
	return out
}

// timeoutOf is the cause of a reply that is missing: which phase is late is not
// known yet, so it is the kind's own.
func timeoutOf(k probes.Kind) probes.Cause {
	switch k {
	case probes.DNS:
		return probes.DNSTimeout
	case probes.TCP:
		return probes.TCPTimeout
	case probes.TLS:
		return probes.TLSTimeout
	case probes.HTTP:
		return probes.HTTPTimeout
	case probes.Ping:
		return probes.PingTimeout
	default:
		return probes.Other
	}
}
