package vantage

import (
	"time"

	"picket/probes"
)

// Vote judges the attempts of a confirmation (two, on fresh connections) and
// the references asked beside them, and moves the check's state by what they
// saw. The answer is Down only if there were at least two attempts and all of
// them failed, Up if any answered, and Abstain, with its reason, otherwise or
// where this agent is no witness.
func (v *Vantage) Vote(now time.Time, index uint32, attempts, refs []probes.Result) Ballot {
	v.see(now)
	c := v.check(index)
	if c == nil {
		return Ballot{Why: WhyNoCheck}
	}
	h := v.line.health(now, v.o)
	switch {
	case refsFailed(refs):
		c.spell.told = false
		return Ballot{Why: WhyReferencesFailed}
	case v.line.unwell(now, v.o):
		c.spell.told = false
		return Ballot{Why: WhyUplink}
	}
	why := c.disqualified(now, v.o) // before the attempts move the state
	b := judge(attempts)
	switch b.Answer {
	case Up:
		c.confirmedUp(now, earliest(now, attempts), probes.Up, probes.None)
	case Down:
		c.confirmedDown(now, earliest(now, attempts), b.Cause)
	default:
		c.spell.told = false // nothing came of the doubt: the next failure raises it again
		return b
	}
	switch {
	case !h.Voting:
		return Ballot{Why: h.Why}
	case why != WhyNone:
		return Ballot{Why: why}
	}
	b.Why = h.Why
	return c.strained(b)
}

// refsFailed says that two references failed in the very seconds of the
// confirmation: an uplink that is just breaking shows here first. One failing
// reference may be that operator's own bad day.
func refsFailed(refs []probes.Result) bool {
	failed := 0
	for _, r := range refs {
		if read(r) == saysDown || r.Cause == probes.LocalNoRoute || r.Cause == probes.LocalResources || r.Cause == probes.LocalResolver {
			failed++
		}
	}
	return failed >= 2
}

// judge turns attempts into an answer, without regard to who asks.
func judge(attempts []probes.Result) Ballot {
	down, guards := 0, 0
	var cause probes.Cause
	for _, r := range attempts {
		switch read(r) {
		case saysUp:
			return Ballot{Answer: Up}
		case saysDown:
			if down == 0 || r.Cause.Layer() < cause.Layer() {
				cause = r.Cause
			}
			down++
		default:
			if guarded(r.Cause) {
				guards++
			}
		}
	}
	switch {
	case down >= 2 && down == len(attempts):
		return Ballot{Answer: Down, Cause: cause}
	case down > 0:
		return Ballot{Cause: cause, Why: WhySplit}
	case guards > 0:
		return Ballot{Cause: probes.Blocked, Why: WhyBlocked}
	default:
		return Ballot{Why: WhyUnknown}
	}
}

// earliest is when the first attempt began, now if none says.
func earliest(now time.Time, attempts []probes.Result) time.Time {
	first := now
	for _, r := range attempts {
		if !r.Start.IsZero() && r.Start.Before(first) {
			first = r.Start
		}
	}
	return first
}
