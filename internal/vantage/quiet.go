package vantage

import (
	"math"
	"time"

	"picket/probes"
)

// Overdue is how long the reply of the next probe of the check may take before
// [Vantage.Tick] doubts it: what [Vantage.Began] arms. 0 means never.
func (v *Vantage) Overdue(index uint32) time.Duration {
	if c := v.check(index); c != nil {
		return c.overdue()
	}
	return 0
}

// Quiet does exactly what n pairs of calls
//
//	v.Began(start, index)
//	v.Result(start.Add(r.Total), index, start, r)
//
// with start = first, first+every, first+2*every ... would do, at a cost that
// does not grow with n: a replay leaps over the hours in which nothing happens.
//
// r must be up, every positive, and first not before the current config was
// set; then nothing is doubted, unless the check is slow or lossy. Anything else
// is still right, but fed one by one, and what would be doubted is lost: so are
// the results of a check that is flagged slow or lossy, or on the way there.
// [Vantage.Tick] is not called in between, so r.Total must stay below
// [Vantage.Overdue] where nobody is to be asked.
//
// Checks depend on each other in two ways only. A round of references is over
// when each was heard, and with Quiet of one of them nothing was heard of the
// others: use it when probation is over. And what the references are slower than
// they used to be is taken off the others' totals: tell of the references first.
func (v *Vantage) Quiet(first time.Time, every time.Duration, n int, index uint32, r probes.Result) {
	c := v.check(index)
	plain := c != nil && r.Outcome == probes.Up && read(r) == saysUp && every > 0 && !first.Before(v.configured)
	if plain && n > 0 && v.routine(c, first, every, r) {
		v.stride(c, first, every, n, r)
		return
	}
	for i := 0; i < n; i++ {
		// The first results end whatever the check was in, and a round of references;
		// the last one sets what speaks of the latest. Those between only count.
		if between := n - 1 - i; plain && i >= healthyAfter && between > 0 && c.calm() {
			v.leap(c, first.Add(time.Duration(i)*every), every, between, r)
			i = n - 1
		}
		v.pair(first.Add(time.Duration(i)*every), index, r)
	}
}

// routine says that results like r of a check that has long been up are nothing
// new: neither state nor flags can change.
func (v *Vantage) routine(c *check, first time.Time, every time.Duration, r probes.Result) bool {
	switch p := &c.pace; {
	case c.state != StateUp || c.streak < healthyAfter || c.unproven || c.working.IsZero() || c.spell.row != 0 || every > staleAtLeast || c.stale(first.Add(r.Total)):
		return false
	case c.reference:
		return v.line.passed
	default:
		return !c.doubts() || !p.slow && !c.loss.lossy && p.scale > 0 && max(p.median(), r.Total-v.line.slower) < p.base()+p.gate()
	}
}

// stride is n good results of a check for which they are routine.
func (v *Vantage) stride(c *check, first time.Time, every time.Duration, n int, r probes.Result) {
	came := first.Add(r.Total)
	now := came.Add(time.Duration(n-1) * every)
	v.see(now)
	c.answered()
	if c.reference {
		v.line.observe(now, c, r, v.o)
	} else {
		c.pace.line = v.line.slower
	}
	c.last, c.outcome, c.cause = now, r.Outcome, r.Cause
	c.hour.fill(came, every, n)
	c.record.fill(n)
	c.quietSlow(came, every, n, r)
	if c.reference {
		v.line.paced(c)
	}
}

// pair is one probe and its result.
func (v *Vantage) pair(start time.Time, index uint32, r probes.Result) {
	v.Began(start, index)
	v.Result(start.Add(r.Total), index, start, r)
}

// leap is n more good results of a check that is up, the first of a probe that
// started at first. The caller feeds one more, which sets all that is of the
// latest result alone: a check that went stale between two of them is up since
// that one.
func (v *Vantage) leap(c *check, first time.Time, every time.Duration, n int, r probes.Result) {
	if c.reference {
		v.line.leap(n, v.o)
	}
	c.last = first.Add(time.Duration(n-1)*every + r.Total)
	c.hour.fill(first.Add(r.Total), every, n)
	c.record.fill(n)
	c.quietSlow(first.Add(r.Total), every, n, r)
}

// calm says that more results like the last three, which were good and equal, have
// nothing to tell: no flag is up, and none can go up, because the median of the
// last five is theirs and the baseline only moves towards it.
func (c *check) calm() bool {
	if !c.doubts() {
		return true
	}
	p := &c.pace
	if p.slow || c.loss.lossy || p.scale == 0 {
		return false
	}
	return p.median() < p.base()+p.gate()
}

// leap is n more good results of one reference. Where it is the only one each
// ends a round; otherwise the round that it was heard in waits for the others.
func (l *line) leap(n int, o Options) {
	if l.passed || len(l.references) != 1 {
		return
	}
	rounds := min(n, max(1, o.Probation-l.good))
	l.round += rounds
	l.good += rounds
	l.passed = l.good >= o.Probation
}

// fill counts n good runs, the first at first and the others every apart, in the
// slots that still matter at the last of them.
func (h *hour) fill(first time.Time, every time.Duration, n int) {
	from, step := first.UnixNano(), int64(every)
	last := (from + int64(n-1)*step) / int64(slotSpan)
	// runs before t: those numbered 0 to ceil((t-from)/step)-1
	before := func(t int64) int64 { return min(max((t-from+step-1)/step, 0), int64(n)) }
	for slot := max(last-slots+1, from/int64(slotSpan)); slot <= last; slot++ {
		begin := slot * int64(slotSpan)
		runs := before(begin+int64(slotSpan)) - before(begin)
		if runs == 0 {
			continue
		}
		i := ((slot % slots) + slots) % slots
		if h.began[i] != slot {
			h.began[i], h.runs[i], h.fails[i] = slot, 0, 0
		}
		h.runs[i] += uint32(min(runs, math.MaxUint32))
	}
}

// fill adds n good results.
func (r *record) fill(n int) {
	if n >= recordSize {
		r.bits = 0
	} else {
		r.bits <<= n
	}
	r.n = min(r.n+n, recordSize)
}
