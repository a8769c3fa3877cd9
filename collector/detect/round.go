package detect

import (
	"net/netip"
	"slices"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// round is one asking of the electorate about one target.
type round struct {
	id       uint64
	t        *target
	check    uint32
	since    time.Time // the failing probe that opened it began
	opened   time.Time
	origin   *site
	before   int
	electors []elector

	attempt  int
	asked    time.Time // this attempt
	deadline time.Time // of this attempt's answers
	held     int       // earlier attempts whose condition held
	graceAt  time.Time // K DOWN are in: wait until then for contradiction
	revoteAt time.Time // the next attempt; zero: none is due
	told     bool      // a provisional decision was passed on
	settled  time.Time
	decision Decision
}

// elector is a site in a round, with what its agents said in this attempt.
type elector struct {
	site    *site
	answers []answer
}

type answer struct {
	agent  *agent
	in     bool // answered, or will never
	answer vantage.Answer
	cause  probes.Cause
	why    string
	refs   bool
	start  time.Time
	addr   netip.Addr
	edge   string
	err    string
}

// openRound asks the electorate about check i of t.
func (e *Engine) openRound(now time.Time, t *target, i uint32, origin *site, since time.Time) {
	sites, before := e.electorate(now, t, origin)
	if len(sites) == 0 {
		return
	}
	e.lastRound++
	r := &round{id: e.lastRound, t: t, check: i, since: since, opened: now, origin: origin, before: before}
	for _, s := range sites {
		r.electors = append(r.electors, elector{site: s})
	}
	t.round = r
	e.rounds[r.id] = r
	e.ask(now, r)
}

// ask puts the current attempt to every agent that can answer now.
func (e *Engine) ask(now time.Time, r *round) {
	d := e.deadline(&e.checks[r.check])
	r.asked, r.deadline = now, now.Add(d+e.rule.AnswerWithin)
	r.graceAt, r.revoteAt = time.Time{}, time.Time{}
	var agents []string
	for k := range r.electors {
		el := &r.electors[k]
		el.answers = nil
		if ok, _ := e.eligible(now, el.site, r.t.Provider); !ok || el.site.removed {
			continue
		}
		for _, a := range el.site.agents {
			if ok, _ := e.able(now, a); ok {
				el.answers = append(el.answers, answer{agent: a})
				agents = append(agents, a.id)
			}
		}
	}
	if len(agents) == 0 {
		e.judge(now, r)
		return
	}
	e.emit(Ask{Round: r.id, Config: e.cfg.ID, Check: r.check, Attempt: r.attempt, Agents: agents, Deadline: d})
}

// answer takes a vote into the open attempt of its round.
func (e *Engine) answer(now time.Time, r *round, a *agent, v Vote) {
	if v.Attempt != r.attempt {
		return
	}
	slot := r.slot(a)
	if slot == nil || slot.in {
		return
	}
	start := now.Add(-max(v.Age, 0))
	*slot = answer{agent: a, in: true, answer: v.Answer, cause: v.Cause, why: clip(v.Why, 80), start: start,
		refs: v.RefsAsked == 0 || v.RefsOK == v.RefsAsked || 3*v.RefsOK >= 2*v.RefsAsked,
		addr: v.Addr, edge: clip(v.Edge, 60), err: clip(v.Err, 200)}
	oldest := r.since
	if r.attempt > 0 {
		oldest = r.asked
	}
	switch {
	case !tells(v.Answer):
		slot.answer = vantage.Abstain
	case v.RefsAsked > 0 && float64(v.RefsOK) < e.rule.References*float64(v.RefsAsked):
		slot.answer, slot.why = vantage.Abstain, vantage.WhyReferencesFailed.String()
	case start.Before(oldest.Add(-e.rule.Slack)):
		slot.answer, slot.why = vantage.Abstain, "its probe is older than the failure"
	case v.Answer == vantage.Down && !blames(v.Cause):
		slot.answer, slot.why = vantage.Abstain, v.Cause.String()
	default:
		a.cells[r.check].vote(ms(start), v.Answer, v.Cause)
		r.t.stirred = true
	}
	if slot.why == vantage.WhyReferencesFailed.String() {
		a.shaky = now
	}
	e.judge(now, r)
}

// blames says whether a cause can be the target's fault at all.
func blames(c probes.Cause) bool {
	return c != probes.Blocked && c != probes.TLSIntercepted && (c == probes.None || c == probes.Other || c.Layer() != probes.LayerNone)
}

func (r *round) slot(a *agent) *answer {
	for k := range r.electors {
		for j := range r.electors[k].answers {
			if r.electors[k].answers[j].agent == a {
				return &r.electors[k].answers[j]
			}
		}
	}
	return nil
}

func (r *round) pending() int {
	n := 0
	for k := range r.electors {
		if b := r.electors[k].ballot(); b.Pending {
			n++
		}
	}
	return n
}

// ballot combines the agents of a site: UP if any is, DOWN if all that can tell
// are (amendment 7); pending while that is open.
func (el *elector) ballot() Ballot {
	b := Ballot{Site: el.site.ID, Client: el.site.Client, Network: el.site.net,
		Unknown: el.site.Network.Basis == fleet.BasisPrefix, RefsWell: true}
	for _, an := range el.answers {
		switch {
		case !an.in:
			b.Pending = true
		case an.answer == vantage.Up:
			b.Answer = vantage.Up
		case an.answer == vantage.Degraded && b.Answer != vantage.Up:
			b.Answer = vantage.Degraded
		case an.answer == vantage.Down && b.Answer == vantage.Abstain:
			b.Answer = vantage.Down
		}
		b.RefsWell = b.RefsWell && (!an.in || an.refs)
	}
	if b.Answer == vantage.Up {
		b.Pending = false
	}
	return b
}

// judge looks at the votes that are in and moves the round on.
func (e *Engine) judge(now time.Time, r *round) {
	ballots := make([]Ballot, len(r.electors))
	for k := range r.electors {
		ballots[k] = r.electors[k].ballot()
	}
	d := Judge(ballots, e.rule, Circumstances{Before: r.before, Held: r.held,
		Private: r.t.Client != "", Frozen: e.isFrozen(now)})
	pending := r.pending()
	if d.Out && pending > 0 { // an UP is as fast as a round trip: give it time to contradict
		if r.graceAt.IsZero() {
			r.graceAt = now.Add(e.rule.Grace)
		}
		if now.Before(r.graceAt) {
			return
		}
	} else if !d.Out {
		r.graceAt = time.Time{}
	}
	switch {
	case d.Step == Settle:
		e.settle(now, r, d)
	case d.Out && !r.told:
		r.told = true
		e.callOut(now, r, d)
	}
	if d.Out {
		r.graceAt = r.deadline // it has been waited for; what remains are the other answers
	}
	if d.Step != Revote || pending > 0 || !r.revoteAt.IsZero() {
		return
	}
	r.decision = d
	every := e.rule.Revote
	if d.Reason.Code != Waiting {
		every = e.rule.Patience
	}
	r.revoteAt = r.opened.Add(time.Duration(r.attempt+1) * every)
	if !r.revoteAt.After(now) {
		r.revoteAt = now.Add(every / 4)
	}
}

// settle ends a round.
func (e *Engine) settle(now time.Time, r *round, d Decision) {
	delete(e.rounds, r.id)
	r.settled, r.decision = now, d
	r.t.round, r.t.last = nil, r
	switch {
	case d.Out:
		e.callOut(now, r, d)
	case r.told: // was out provisionally and did not hold: the incident closes by its own rule
	default:
		r.t.out, r.t.outAt = Decision{}, time.Time{}
		if d.Reason.DownSites > 0 || d.Reason.Abstained > 0 {
			e.want(now, e.rule.EmitWait)
		}
	}
	if !e.emitAt.IsZero() && !e.undecided() {
		e.explain(now)
	}
	if r.t.next != nil {
		e.serveQueue(now)
	}
}

// callOut passes an Out decision to the explainer.
func (e *Engine) callOut(now time.Time, r *round, d Decision) {
	r.t.out, r.t.outAt, r.t.last = d, now, r
	if e.undecided() {
		e.want(now, e.rule.EmitWait)
		return
	}
	e.explain(now)
}

// undecided says whether any round is still in its first attempt.
func (e *Engine) undecided() bool {
	for _, r := range e.rounds {
		if r.attempt == 0 && !r.told && r.revoteAt.IsZero() {
			return true
		}
	}
	return false
}

// next is when the round needs attention.
func (r *round) next() time.Time {
	if !r.revoteAt.IsZero() {
		return r.revoteAt
	}
	if !r.graceAt.IsZero() && r.graceAt.Before(r.deadline) {
		return r.graceAt
	}
	return r.deadline
}

// dueRounds returns the rounds whose time has come, oldest first: maps have no order.
func (e *Engine) dueRounds(now time.Time) []*round {
	var out []*round
	for _, r := range e.rounds {
		if !r.next().After(now) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *round) int { return int(a.id) - int(b.id) })
	return out
}

// advance does what a round's timer asks for: grace over, answers overdue, re-vote.
func (e *Engine) advance(now time.Time, r *round) {
	if e.rounds[r.id] != r {
		return // settled meanwhile
	}
	if due(r.revoteAt, now) {
		r.held++
		r.attempt++
		e.budget.spend(now, e.capacity(), e.rule.BudgetWindow)
		e.ask(now, r)
		return
	}
	if !r.deadline.After(now) {
		for k := range r.electors {
			for j := range r.electors[k].answers {
				if an := &r.electors[k].answers[j]; !an.in {
					an.in, an.why = true, "no answer in time"
				}
			}
		}
	}
	e.judge(now, r)
}
