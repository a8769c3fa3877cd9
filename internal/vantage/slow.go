package vantage

import (
	"math"
	"slices"
	"time"

	"picket/probes"
)

// This file notices that a check has become slower than it used to be from
// here: a one-sided CUSUM over the logarithm of its good totals (3.1).
//
// The textbook's parameters are useless on real latencies: with 5 % of spikes
// and some autocorrelation the textbook (drift 0.5, alarm 5) cries every 31
// samples. Clipping each sample to -3..+4 deviations, a drift of 1.5 and an
// alarm at 10 make that 1.0e5 samples, for a delay of 7.5 samples at a shift of
// 3 deviations and 4 to 5 at 5 or more [S]. The alarm is worth a word only if
// the median of the last five is also above the baseline by 30 % and by 20 ms
// (A11): a check that goes from 2 to 4 ms has moved, and nobody cares.
//
// The baseline is the median and the MAD of the ring of good totals. It learns
// nothing while the sum is above half of its alarm, while the flag is up and
// while the references are slow, so that a long slow spell does not become
// normal; after 24 hours it does, for then it is. (The 14-day median that 3.1
// mentions as a second opinion is not kept: the ring spans most of an hour, and
// an agent's memory does not outlive it.)
//
// The line's own slowness is taken off first: what the references take longer
// than they used to (the median of them) is subtracted from every total. A full
// upload queue thus moves no target; it moves the references, whose results are
// marked, which is how the Picket server learns of it.
const (
	slowDrift  = 1.5  // k, in deviations [S]
	slowAlarm  = 10.0 // h [S]
	slowMost   = 1.5 * slowAlarm
	zLeast     = -3.0 // 3.1
	zMost      = 4.0  // 3.1: the winsorising that keeps spikes from carrying an alarm
	scaleLeast = 0.05 // 3.1: below 5 % the clock and the kernel are what is measured
	madToSigma = 1.4826

	slowShare = 0.3                   // 3.1, practical gate: above the baseline by this share
	slowAdded = 20 * time.Millisecond // ... and by this much
	lineAdded = 5 * time.Millisecond  // [E] references above it are slow: nothing is learned

	recents     = 5  // totals in the gate's median
	levelEvery  = 16 // good totals between two baselines
	acceptAfter = 24 * time.Hour
	toldAgain   = 30 * time.Second // a flag that lasts is told again
)

// pace is how fast a check answers, against how fast it used to.
type pace struct {
	level  float64       // ln of the baseline's median in µs; valid if scale > 0
	scale  float64       // the baseline's deviation, in ln; 0 while there is none
	middle time.Duration // the baseline's median; valid if scale > 0
	shift  time.Duration // of a reference: how far the last five were above it at the latest result
	sum    float64       // S
	recent [recents]uint32
	logOf  uint32  // what log is of; 0 nothing yet
	log    float64 // ln of the latest total: answers often take as long as the one before
	n      uint8   // values in recent
	next   uint8   // the oldest of them
	due    uint8   // good totals until the baseline is made anew
	slow   bool
	held   time.Time     // since when the baseline learns nothing because of sum or slow; zero: it learns
	told   time.Time     // latest doubt of it
	line   time.Duration // by how much the references were slower at the latest total
}

// timed takes a good total into the ring, the baseline and the sum. It
// allocates nothing once the ring is full.
func (c *check) timed(now time.Time, total time.Duration) {
	p := &c.pace
	p.push(total - p.line)
	if p.scale == 0 {
		c.totals.add(total)
		if c.totals.len() >= manySamples {
			p.rebase(&c.totals)
		}
		return
	}
	z := (p.lastLog() - p.level) / p.scale
	p.sum = min(max(0, p.sum+min(max(z, zLeast), zMost)-slowDrift), slowMost)
	p.flag()
	switch {
	case !p.slow && p.sum <= slowAlarm/2:
		p.held = time.Time{}
	case p.held.IsZero():
		p.held = now
		return
	case now.Sub(p.held) < acceptAfter:
		return
	default: // it has been like this for a day: this is what it is now
		c.totals = totals{}
		*p = pace{recent: p.recent, n: p.n, next: p.next, line: p.line}
		c.totals.add(total)
		return
	}
	if p.line >= lineAdded {
		return
	}
	c.totals.add(total)
	if p.due--; p.due == 0 {
		p.rebase(&c.totals)
	}
}

// flag raises or ends the flag. Half of the gate ends it, so that a shift that
// sits on the gate does not blink.
func (p *pace) flag() {
	if p.n < recents || !p.slow && p.sum < slowAlarm {
		return
	}
	base, now, gate := p.base(), p.median(), p.gate()
	switch {
	case !p.slow && p.sum >= slowAlarm && now >= base+gate:
		p.slow, p.told = true, time.Time{}
	case p.slow && now < base+gate/2:
		p.slow, p.sum = false, 0
	}
}

// gate is how far above the baseline is worth a word.
func (p *pace) gate() time.Duration {
	return max(time.Duration(slowShare*float64(p.base())), slowAdded)
}

// rebase makes the baseline from the ring.
func (p *pace) rebase(t *totals) {
	median, mad := t.spread()
	p.level, p.scale = math.Log(median), max(madToSigma*mad, scaleLeast)
	p.middle = time.Duration(math.Exp(p.level)) * time.Microsecond
	p.due = levelEvery
}

// base is the baseline's median.
func (p *pace) base() time.Duration { return p.middle }

func (p *pace) push(d time.Duration) {
	p.recent[p.next] = uint32(min(max(d.Microseconds(), 1), math.MaxUint32))
	p.next = (p.next + 1) % recents
	p.n = min(p.n+1, recents)
}

func (p *pace) latest() uint32 { return p.recent[(p.next+recents-1)%recents] }

// lastLog is the logarithm of the latest total.
func (p *pace) lastLog() float64 {
	if v := p.latest(); v != p.logOf || v == 0 {
		p.logOf, p.log = v, math.Log(float64(v))
	}
	return p.log
}

// median is that of the last five totals, without the line's part; 0 before.
func (p *pace) median() time.Duration {
	if p.n < recents {
		return 0
	}
	last := p.recent
	slices.Sort(last[:])
	return time.Duration(last[recents/2]) * time.Microsecond
}

// above is how far the last five are above the baseline, and by which factor.
func (p *pace) above() (added time.Duration, ratio float64) {
	if p.scale == 0 || p.n < recents {
		return 0, 0
	}
	base, now := p.base(), p.median()
	return now - base, float64(now) / float64(max(base, 1))
}

// measure notes how far the last five are above the baseline.
func (p *pace) measure() {
	added, _ := p.above()
	p.shift = max(added, 0)
}

// wider is d, or the time within which an answer is not yet missed while the
// check or the line is slow: the ring behind d does not learn then.
func (p *pace) wider(d time.Duration) time.Duration {
	if d <= 0 || p.n < recents || !p.slow && p.line < lineAdded {
		return d
	}
	return max(d, 4*(p.median()+p.line))
}

// spread returns the median of the ring in microseconds (at least 1) and the
// median of |ln(x/median)|. What lies below the middle of the sorted ring and what
// lies above it are two sorted lists of such ratios: the median of both is found
// by halving.
func (t *totals) spread() (median, mad float64) {
	at := func(i int) float64 { return float64(max(t.sorted[i], 1)) }
	n := len(t.sorted)
	mid := (n+1)/2 - 1
	median = at(mid)
	below := func(i int) float64 { return median / at(mid-i) } // the i-th smallest, from 1
	above := func(i int) float64 { return at(mid+i) / median }
	want := (n+1)/2 - 1 // so many of them are no larger than what is looked for
	if want == 0 {
		return median, 0
	}
	// How many of these are below: as few as leave nothing smaller above.
	low, high := max(0, want-(n-1-mid)), min(want, mid)
	for low < high {
		if k := (low + high) / 2; below(k+1) <= above(want-k) {
			low = k + 1
		} else {
			high = k
		}
	}
	ratio := 1.0
	if low > 0 {
		ratio = max(ratio, below(low))
	}
	if low < want {
		ratio = max(ratio, above(want-low))
	}
	return median, math.Log(ratio)
}

// paced notes by how much the references are slower than they used to be: the
// median of them, since one operator's bad day is not the line. c is the one that
// was heard: the shifts of the others are as they were.
func (l *line) paced(c *check) {
	c.pace.measure()
	var buf [16]time.Duration
	shifts := buf[:0]
	for _, c := range l.references {
		if c.pace.scale > 0 && c.pace.n == recents && len(shifts) < len(buf) {
			shifts = append(shifts, c.pace.shift)
		}
	}
	if l.slower = 0; len(shifts) > 0 {
		slices.Sort(shifts)
		l.slower = shifts[(len(shifts)-1)/2]
	}
}

// Mark returns the result as it is to be stored and told: while the check is
// slower than it used to be from here, or loses much more, a good result is
// [probes.Degraded] with cause [probes.Slow] or [probes.Lossy]. Call it after
// [Vantage.Result], which takes the result as it was. References are marked
// when they are slow: that is the line's own slowness. Pings never are.
func (v *Vantage) Mark(index uint32, r probes.Result) probes.Result {
	if r.Outcome == probes.Up {
		if flag := v.Flag(index); flag != probes.None {
			r.Outcome, r.Cause = probes.Degraded, flag
		}
	}
	return r
}

// Flag is the cause by which [Vantage.Mark] marks a good result now;
// [probes.None]: it does not.
func (v *Vantage) Flag(index uint32) probes.Cause {
	c := v.check(index)
	switch {
	case c == nil || c.spec.Kind == probes.Ping:
		return probes.None
	case c.pace.slow:
		return probes.Slow
	case c.loss.lossy && !c.reference:
		return probes.Lossy
	}
	return probes.None
}

// strain returns the doubt that tells of a flag, when it is new and every 30 s
// while it lasts, within the agent's budget. Slowness goes before losses.
func (v *Vantage) strain(now time.Time, c *check, started time.Time) []Doubt {
	var told *time.Time
	d := Doubt{Check: c.index, Degraded: true, Started: started}
	switch {
	case !c.doubts():
		return nil
	case c.pace.slow:
		told, d.Cause = &c.pace.told, probes.Slow
		d.Added, d.Ratio = c.pace.above()
	case c.loss.lossy:
		told, d.Cause = &c.loss.told, probes.Lossy
	default:
		return nil
	}
	if !told.IsZero() && now.Sub(*told) < toldAgain || !v.line.health(now, v.o).Voting || c.disqualified(now, v.o) != WhyNone || !v.budget.take(now) {
		return nil
	}
	*told = now
	return []Doubt{d}
}

// strained says of a good ballot that the check is slow from here.
func (c *check) strained(b Ballot) Ballot {
	if b.Answer == Up && c.pace.slow {
		b.Answer, b.Cause = Degraded, probes.Slow
		b.Added, b.Ratio = c.pace.above()
	}
	return b
}

// quietTimed does what n calls of timed do with the same total, at first and
// every so often after it. Its cost does not depend on n: once the ring holds
// nothing else and the sum rests, only the clock moves.
func (c *check) quietTimed(first time.Time, every time.Duration, n int, total time.Duration) {
	p := &c.pace
	for i := 0; i < n; i++ {
		before := *p
		c.timed(first.Add(time.Duration(i)*every), total)
		left := n - 1 - i
		switch {
		case left == 0 || before.scale == 0 || p.scale == 0 || p.sum != before.sum || p.slow != before.slow || !p.even():
		case p.held.IsZero() && p.line < lineAdded:
			if c.totals.even() && p.level == before.level && p.scale == before.scale {
				p.skip(left)
				c.totals.skip(left)
				return
			}
		case p.held.IsZero():
			p.skipRecent(left)
			return
		case before.held.Equal(p.held) && every > 0:
			// Held: nothing happens until the day is over.
			at := first.Add(time.Duration(i) * every)
			rest := int((p.held.Add(acceptAfter).Sub(at) - 1) / every)
			if rest = min(rest, left); rest > 0 {
				p.skipRecent(rest)
				i += rest
			}
		}
	}
}

// skip passes n equal totals over that change nothing but the counters.
func (p *pace) skip(n int) {
	p.skipRecent(n)
	p.due = uint8(((int(p.due)-1-n)%levelEvery+levelEvery)%levelEvery + 1)
}

func (p *pace) skipRecent(n int) { p.next = uint8((int(p.next) + n) % recents) }

// even says whether the last totals are all the same.
func (p *pace) even() bool {
	return p.n == recents && !slices.ContainsFunc(p.recent[:], func(v uint32) bool { return v != p.recent[0] })
}

// even says whether the ring is full of one value.
func (t *totals) even() bool {
	return len(t.ring) == ringSize && t.sorted[0] == t.sorted[ringSize-1]
}

func (t *totals) skip(n int) { t.next = (t.next + n) % ringSize }

// quietSlow is what n good results in a row of a check that is up do to this
// file and to loss.go. The caller sees to it that nothing is to be told
// meanwhile: neither flag is up, and r is not slow enough to raise one.
func (c *check) quietSlow(first time.Time, every time.Duration, n int, r probes.Result) {
	c.quietTimed(first, every, n, r.Total)
	c.loss.worked(n)
}
