package vantage

import (
	"time"

	"picket/probes"
)

const (
	enough       = 3 // references that can outvote one operator
	referenceAge = 10 * time.Second
)

// reach is what a reference check last said about the line.
type reach struct {
	at     time.Time // zero: nothing yet
	usable bool      // it can tell at all
	ok     bool
	round  int // the round in which it was last heard
}

// line judges the agent's own uplink by its reference checks.
type line struct {
	references []*check
	round      int // the current round of references; it ends when each was heard
	good       int // good rounds in a row, while on probation
	passed     bool
	slower     time.Duration // than the references used to be (slow.go)
}

// observe takes a reference's result. A guard, a policy or a missing right
// makes a reference useless; it does not make the line bad.
func (l *line) observe(now time.Time, c *check, r probes.Result, o Options) {
	seen := reach{at: now, usable: true, round: l.round}
	switch read(r) {
	case saysUp:
		seen.ok = true
	case saysNothing:
		switch r.Cause {
		case probes.LocalNoRoute, probes.LocalResources, probes.LocalResolver:
			// Our own trouble: exactly what is being asked.
		case probes.LocalCancelled, probes.LocalPanic:
			return
		default:
			seen.usable = false
		}
	}
	c.reach = seen
	if !l.passed {
		l.finish(o)
	}
}

// finish ends the round if every reference was heard in it. Only good rounds in
// a row end probation.
func (l *line) finish(o Options) {
	usable, ok := 0, 0
	for _, c := range l.references {
		if c.reach.at.IsZero() || c.reach.round != l.round {
			return
		}
		if c.reach.usable {
			usable++
		}
		if c.reach.ok {
			ok++
		}
	}
	l.round++
	if !well(ok, usable, o) {
		l.good = 0
		return
	}
	l.good++
	l.passed = l.good >= o.Probation
}

// well says whether ok of asked references carry the line.
func well(ok, asked int, o Options) bool {
	if asked < enough {
		return ok > 0
	}
	return float64(ok) >= o.WellShare*float64(asked)
}

// count returns the usable references, those asked lately, those of them that
// answered, and how many of the others are known to be out: down while the line
// was well, which is news of them and not of the line. One whose answer is overdue
// right now has not answered.
func (l *line) count(now time.Time) (usable, asked, ok, out int) {
	for _, c := range l.references {
		if !c.reach.at.IsZero() && !c.reach.usable {
			continue
		}
		usable++
		if c.reach.at.IsZero() || now.Sub(c.reach.at) > max(referenceAge, c.interval*3/2) {
			continue
		}
		asked++
		missed := !c.overdueAt.IsZero() && !now.Before(c.overdueAt)
		switch {
		case c.reach.ok && !missed:
			ok++
		case c.current(now) == StateDown:
			out++
		}
	}
	return usable, asked, ok, out
}

// carries says whether the references carry the line, as of count. As many may
// fail besides those that are out as might fail if those were well, but at most
// half of the rest: two that fail by chance beside a resolver that is out for
// everybody are no broken line. At least three must be left to go by.
func carries(asked, ok, out int, o Options) bool {
	if well(ok, asked, o) || asked-out < enough {
		return well(ok, asked, o)
	}
	return well(ok+out, asked, o) && 2*ok >= asked-out
}

// health judges the line at now.
func (l *line) health(now time.Time, o Options) Health {
	if len(l.references) == 0 {
		return Health{Voting: true, Why: WhyNoReferences}
	}
	usable, asked, ok, out := l.count(now)
	h := Health{RefsOK: ok, RefsAsked: asked}
	switch {
	case !l.passed && o.Probation > 0:
		h.Why = WhyProbation
	case asked == 0 || asked < min(enough, usable):
		h.Why = WhyReferencesStale
	case !carries(asked, ok, out, o):
		h.Why = WhyUplink
	case usable < enough:
		h.Voting, h.Why = true, WhyFewReferences
	default:
		h.Voting = true
	}
	return h
}

// unwell says that failures are to be blamed on the line, as far as is known:
// also before probation is over, or a machine that starts without its network
// would learn that nothing has ever worked here.
func (l *line) unwell(now time.Time, o Options) bool {
	_, asked, ok, out := l.count(now)
	return asked > 0 && !carries(asked, ok, out, o)
}
