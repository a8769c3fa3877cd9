package vantage

import (
	"time"

	"picket/probes"
)

const (
	recoverAfter = 2  // consecutive good results that end down
	healthyAfter = 3  // consecutive good results that end recovering
	downAfter    = 3  // consecutive failing probes that stand in for a confirmation nobody asked for
	firstRuns    = 20 // failing all of them means never worked here
	provenAfter  = time.Hour
	staleAtLeast = 30 * time.Second
)

// says is what one result is worth to a judgement.
type says uint8

const (
	saysNothing says = iota
	saysUp           // it answered as it should, perhaps slowly
	saysDown
)

// read reduces a result to what it says about the target. Guards and local
// trouble say nothing, whatever outcome they came with.
func read(r probes.Result) says {
	switch {
	case r.Outcome == probes.Up || r.Outcome == probes.Degraded:
		return saysUp
	case r.Outcome != probes.Down || guarded(r.Cause) || r.Cause >= probes.LocalNoRoute && r.Cause < probes.Other:
		return saysNothing
	default:
		return saysDown
	}
}

// guarded says that something answered in the target's place, or on purpose.
func guarded(c probes.Cause) bool { return c == probes.Blocked || c == probes.TLSIntercepted }

// spell is a disturbance of one check, from the first failing probe until it is
// up again.
type spell struct {
	began time.Time // when the first failing or late probe started
	fails int       // failing probes in all
	row   int       // failing probes in a row
	told  bool      // a doubt of it went out
	own   bool      // the check failed often enough before it
	down  bool      // it was confirmed
}

// check is one check as this vantage point holds it.
type check struct {
	index              uint32
	id, target         string
	spec               probes.Spec
	configuredInterval time.Duration
	interval           time.Duration
	reference          bool
	typical            time.Duration // fleet's median of good totals; 0 unknown

	state    State
	since    time.Time
	streak   int       // consecutive good results
	last     time.Time // latest result that could tell
	outcome  probes.Outcome
	cause    probes.Cause
	settled  time.Time // start of the attempts that decided last: older failures are no news
	doubted  time.Time // latest doubt
	spell    spell     // valid in suspect, down and recovering
	totals   totals
	hour     hour
	record   record
	runs     int       // up to firstRuns
	worked   bool      // has ever been up
	unproven bool      // never worked in its first runs, and not for an hour since
	working  time.Time // since when it has been up without a failure
	passing  int       // transients

	// The probe in flight.
	askedAt   time.Time
	overdueAt time.Time // zero: never
	late      bool

	reach reach // of a reference

	pace pace // slow.go
	loss loss // loss.go
}

// doubts says whether this kind of check ever raises a doubt.
func (c *check) doubts() bool { return !c.reference && c.spec.Kind != probes.Ping }

// overdue is how long the next reply may take before it is missed, 0 for ever.
func (c *check) overdue() time.Duration { return c.pace.wider(c.totals.overdue(c.typical)) }

// asked notes that a probe is in flight since now.
func (c *check) asked(now time.Time) {
	c.askedAt, c.overdueAt, c.late = now, time.Time{}, false
	if d := c.overdue(); d > 0 {
		c.overdueAt = now.Add(d)
	}
}

// answered notes that no probe is in flight.
func (c *check) answered() { c.askedAt, c.overdueAt, c.late = time.Time{}, time.Time{}, false }

// stale says that nothing fresh is known at now.
func (c *check) stale(now time.Time) bool {
	return now.Sub(c.last) > max(3*c.interval, staleAtLeast)
}

// current is the state at now.
func (c *check) current(now time.Time) State {
	if c.stale(now) {
		return StateStale
	}
	return c.state
}

func (c *check) become(now time.Time, s State) {
	if c.state != s {
		c.state, c.since = s, now
	}
}

// heard notes a result that could tell; a state that went stale is forgotten first.
func (c *check) heard(now time.Time, o probes.Outcome, cause probes.Cause) {
	if c.state != StateStale && c.stale(now) {
		c.settle(now)
		c.become(now, StateStale)
	}
	c.last, c.outcome, c.cause = now, o, cause
}

// succeeded takes a good scheduled result.
func (c *check) succeeded(now time.Time, r probes.Result) {
	c.heard(now, r.Outcome, r.Cause)
	c.hour.add(now, false)
	if c.working.IsZero() {
		c.working = now
	}
	if c.unproven && now.Sub(c.working) >= provenAfter {
		c.unproven = false
	}
	if r.Outcome == probes.Up {
		c.timed(now, r.Total)
	}
	c.good(now)
	if c.state == StateUp {
		c.record.add(false)
		c.loss.worked(1)
	}
}

// good moves the state on one good answer, scheduled or of a confirmation.
func (c *check) good(now time.Time) {
	c.worked = true
	c.spell.row = 0
	c.streak = min(c.streak+1, healthyAfter)
	switch c.state {
	case StateStale:
		c.become(now, StateUp)
	case StateSuspect:
		c.passing++
		c.settle(now)
		c.become(now, StateUp)
	case StateDown:
		if c.streak >= recoverAfter {
			c.become(now, StateRecovering)
		}
	case StateRecovering:
		if c.streak >= healthyAfter {
			c.settle(now)
			c.become(now, StateUp)
		}
	}
}

// failed takes a failing scheduled result and says whether it is worth a doubt.
func (c *check) failed(now, started time.Time, r probes.Result, o Options) bool {
	if started.Before(c.settled) && (c.state == StateUp || c.state == StateRecovering) {
		// The late end of a probe that fresher attempts have already answered.
		c.hour.add(now, true)
		c.record.add(true)
		c.loss.failed(1)
		return false
	}
	c.heard(now, r.Outcome, r.Cause)
	switch c.state {
	case StateUp, StateStale, StateRecovering:
		c.suspect(now, started, o)
	}
	c.hour.add(now, true) // after suspect, which judges the hour before
	c.streak, c.working = 0, time.Time{}
	if !c.worked {
		if c.runs = min(c.runs+1, firstRuns); c.runs == firstRuns {
			c.unproven = true
		}
	}
	c.spell.fails++
	c.spell.row++
	if c.state == StateDown {
		return false
	}
	if c.spell.row >= downAfter && (c.spell.told || !c.doubts()) {
		c.spell.down = true
		c.become(now, StateDown)
		return false
	}
	return true
}

// suspect opens a spell, or goes on with the one that seemed to end.
func (c *check) suspect(now, started time.Time, o Options) {
	if c.state == StateRecovering {
		c.spell.told = false
	} else {
		c.spell = spell{began: started, own: !c.worked || c.hour.rate(now) > o.OwnRate}
	}
	c.streak = 0
	c.become(now, StateSuspect)
}

// settle closes the spell and puts it on record.
func (c *check) settle(now time.Time) {
	switch c.state {
	case StateSuspect, StateDown, StateRecovering:
		c.record.close(now, c.spell)
		if !c.spell.down {
			c.loss.failed(c.spell.fails)
		}
	}
	c.spell = spell{}
}

// confirmedDown takes a confirmation whose attempts, begun at started, all failed.
func (c *check) confirmedDown(now, started time.Time, cause probes.Cause) {
	c.heard(now, probes.Down, cause)
	c.settled, c.streak, c.working = started, 0, time.Time{}
	if c.state == StateUp || c.state == StateStale {
		c.spell = spell{began: started}
	}
	c.spell.down, c.spell.told = true, true
	c.become(now, StateDown)
}

// confirmedUp takes a confirmation of which an attempt begun at started answered.
func (c *check) confirmedUp(now, started time.Time, o probes.Outcome, cause probes.Cause) {
	c.heard(now, o, cause)
	c.settled = started
	c.good(now)
}

// disqualified says why this check is no witness at now, [WhyNone] if it is one.
func (c *check) disqualified(now time.Time, o Options) Why {
	if c.unproven {
		return WhyNeverWorked
	}
	at := now
	switch c.current(now) {
	case StateSuspect, StateDown, StateRecovering:
		at = c.spell.began // as it was before the disturbance
	}
	if c.record.bad(at, o.BadShare) {
		return WhyBadHere
	}
	return WhyNone
}
