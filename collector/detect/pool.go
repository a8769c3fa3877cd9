package detect

import (
	"math"
	"time"

	"picket/probes"
)

// This file pools failures over the fleet (3.2). A majority of sites that each
// retry is blind below some 60 % of failing requests: at 30 % a quorum of ten
// sites holds once in 10^7 rounds [S]. So every scheduled result, the first
// attempt of it, feeds a CUSUM of the log-likelihood ratio of 10 % against the
// fleet's own base rate: one per target, one per target and vantage region that
// has sites on three networks, and one per site over its targets, which is how
// a lossy line is told from a lossy cloud.
//
// A failure counts at most three times per site (per target, in a site's own
// pool) and excursion, the time since the sum left zero. What says nothing of a
// cloud does not feed: references, pings, agents that may not vote, checks that
// are bad here or have never worked, what an open outage tells of, late data.
// An OK counts if it vouches for the layer at which the excursion began.
//
// At a base rate of 0.3 % a sum alone, without any of the other guards, raised no
// alarm in 4,000 target-days of 5 sites, 2,000 of 10 and 1,000 of 20
// (TestNoiseRaisesNoPool): at most one in 1,300, 670 and 330 at 95 %.
//
// Sums are whole millionths, so that the order of additions does not matter and
// a quiet hour is one multiplication.
const (
	poolUnit    = 1e6
	poolBad     = 0.10 // p1 (3.2)
	poolBase    = 0.01 // least p0 (3.2)
	poolBaseTop = 0.05 // [E] most p0: a fleet that fails more often than this cannot see 10 %
	poolTimes   = 3    // p0 is this many times the measured base rate (3.2)
	poolAlarm   = 13.8 * poolUnit
	poolTop     = 1.5 * poolAlarm
	poolLean    = poolAlarm / 3   // [E] a sibling of an alarmed target above it belongs to the same trouble
	poolCap     = 3               // failures of one site in an excursion (3.2)
	poolNets    = 3               // networks that must contribute (3.2)
	poolFewest  = 5               // sites; with fewer there is no partial verdict (3.2)
	poolMost    = 0.6             // [E] a share from which on this may be an outage, or a line that is down
	poolWait    = 6 * time.Second // [E] ... which is told by then (re-votes at +2.5 and +5 s)
	poolOwn     = poolAlarm / 3   // [E] what a site shows by itself: three failures in some two dozen requests
	poolRest    = poolAlarm / 2   // [E] what all but two sites show: the alarm of a lone pair's sum (3.2)
	poolClean   = 0.02            // A17: without the worst site the rest is below this: it was that site

	poolSlot   = 10 * time.Second
	poolSlots  = 6 // a minute of recent results
	baseHours  = 24
	baseFewest = 20_000 // results before the base rate is believed
)

// tried counts the results of one pair in the excursion of a pool; it is void if
// the epoch is not the pool's.
type tried struct {
	epoch       uint16
	fails, runs uint8
}

// pair is what one site holds of one target for the pools: 12 bytes.
type pair struct{ target, region, site tried }

// pool is one pooled CUSUM.
type pool struct {
	sum         int32 // millionths of nats
	epoch       uint16
	layer       probes.Layer // at which the excursion began
	cause       probes.Cause // of the latest failure
	fails, runs uint32       // in the excursion, all of them
	began       int64        // ms: the first failure of the excursion began
	from        int64        // ms: it came; OKs that came before are of the time before
	alarm       int64        // ms: since when it is in alarm; 0: it is not
	well        int64        // ms: since when the last minute is well; 0: it is not
	wasFails    uint32       // fails and runs when it went into alarm
	wasRuns     uint32
	recent      [poolSlots]slot
}

type slot struct {
	at          uint32 // number of the slot since 1970
	runs, fails uint16
}

// pools is what the engine holds for this file: the measured base rate, what
// one result weighs because of it, and what needs looking after.
type pools struct {
	hours    [baseHours]baseHour
	fail, ok int32 // millionths of nats
	weighed  int64 // the hour for which they hold
	regions  map[string]int
	busy     bool      // some pool is in alarm
	next     time.Time // alarms that are told are explained again then
}

type baseHour struct {
	at          int64
	runs, fails uint64
}

// weigh works out, once an hour, what a failure and an OK weigh at the measured
// base rate.
func (p *pools) weigh(now time.Time) {
	h := now.Unix() / 3600
	if p.fail != 0 && p.weighed == h {
		return
	}
	p.weighed = h
	p0 := min(max(poolBase, poolTimes*p.rate(now)), poolBaseTop)
	p.fail = int32(poolUnit * math.Log(poolBad/p0))
	p.ok = int32(-poolUnit * math.Log((1-poolBad)/(1-p0)))
}

// rate is the share of first attempts that failed in the last day, the hour that
// has begun left out, while nothing was known to be wrong; 0 while too little is
// known.
func (p *pools) rate(now time.Time) float64 {
	h := now.Unix() / 3600
	var runs, fails uint64
	for _, b := range p.hours {
		if b.at < h && b.at > h-baseHours {
			runs, fails = runs+b.runs, fails+b.fails
		}
	}
	if runs < baseFewest {
		return 0
	}
	return float64(fails) / float64(runs)
}

func (p *pools) note(now time.Time, runs, fails uint64) {
	h := now.Unix() / 3600
	b := &p.hours[h%baseHours]
	if b.at != h {
		*b = baseHour{at: h}
	}
	b.runs, b.fails = b.runs+runs, b.fails+fails
}

// feed takes one result of a pair. It says whether the sum is in the red.
func (p *pool) feed(w *pools, t *tried, at int64, start int64, reach probes.Layer, failed bool, cause probes.Cause) bool {
	idle := p.sum == 0 && p.alarm == 0
	if idle && failed {
		p.begin(at, start, cause.Layer())
		idle = false
	}
	if !idle && reach < p.layer {
		return false
	}
	p.minute(at, 1, failed)
	if idle {
		return false
	}
	if t.epoch != p.epoch {
		*t = tried{epoch: p.epoch}
	}
	p.runs++
	t.ran()
	if !failed {
		p.drain(w, 1)
		return false
	}
	p.fails, p.cause = p.fails+1, cause
	t.fails++
	if p.alarm == 0 && t.fails <= poolCap {
		p.sum = min(p.sum+w.fail, int32(poolTop))
	}
	return p.alarm == 0 && p.sum >= int32(poolAlarm)
}

// drain takes n OKs off the sum; at zero the excursion is over.
func (p *pool) drain(w *pools, n int) {
	if p.alarm != 0 || p.sum == 0 {
		return
	}
	p.sum = int32(max(0, int64(p.sum)-int64(n)*int64(w.ok)))
}

// begin starts an excursion; all tallies of the one before are void.
func (p *pool) begin(at, start int64, layer probes.Layer) {
	p.epoch++
	p.fails, p.runs, p.began, p.from, p.well = 0, 0, start, at, 0
	p.layer = max(layer, probes.LayerDNS)
}

// reset forgets excursion, alarm and the last minute.
func (p *pool) reset() {
	p.sum, p.alarm, p.well, p.fails, p.runs = 0, 0, 0, 0, 0
	p.epoch++
	p.recent = [poolSlots]slot{}
}

func (p *pool) minute(at int64, n uint16, failed bool) {
	k := uint32(at / poolSlot.Milliseconds())
	s := &p.recent[k%poolSlots]
	if s.at > k {
		return // told late: its minute is over
	}
	if s.at != k {
		*s = slot{at: k}
	}
	if s.runs < math.MaxUint16-n {
		s.runs += n
		if failed {
			s.fails += n
		}
	}
}

// lately counts the results of the last few slots, the current one included.
func (p *pool) lately(at int64, slots uint32) (runs, fails int) {
	k := uint32(at / poolSlot.Milliseconds())
	for _, s := range p.recent {
		if s.at <= k && k-s.at < slots {
			runs, fails = runs+int(s.runs), fails+int(s.fails)
		}
	}
	return runs, fails
}

// ring puts the pool in alarm.
func (p *pool) ring(now time.Time) {
	p.alarm, p.well, p.wasFails, p.wasRuns = ms(now), 0, p.fails, p.runs
}

// lasts says whether the alarm may be told: what raised it has gone on since. A
// blip of two seconds is over by then. Where nearly everything fails the votes
// are given the time that a contradicted round takes, and an agent that of
// saying that its own line is down.
func (p *pool) lasts(now time.Time) bool {
	if p.alarm == 0 || p.well != 0 {
		return false
	}
	rate := float64(p.wasFails) / float64(max(p.wasRuns, 1))
	wait := time.Duration(0)
	if rate >= poolMost {
		wait = poolWait
	}
	runs, fails := p.runs-p.wasRuns, p.fails-p.wasFails
	return ms(now)-p.alarm >= wait.Milliseconds() && fails > 0 && 3*float64(fails) >= rate*float64(runs)
}

// share is the failing share of requests, of the last minute within the excursion.
func (p *pool) share(at int64) float64 {
	runs, fails := p.lately(at, poolSlots)
	if p.runs < uint32(runs) {
		runs, fails = int(p.runs), int(p.fails)
	}
	if runs == 0 {
		return 0
	}
	return float64(fails) / float64(runs)
}

// latest is the beginning of the newest slot, in ms.
func (p *pool) latest() int64 {
	var k uint32
	for _, s := range p.recent {
		k = max(k, s.at)
	}
	return int64(k) * poolSlot.Milliseconds()
}

// calm says whether what came lately speaks for the base rate; seen, whether
// anything came at all. Half a minute shows it after a high rate, a low one
// needs the whole.
func (p *pool) calm(w *pools, at int64, rate float64) (calm, seen bool) {
	slots := uint32(poolSlots)
	if rate >= 0.2 {
		slots /= 2
	}
	runs, fails := p.lately(at, slots)
	return int64(fails)*int64(w.fail) <= int64(runs-fails)*int64(w.ok), runs > 0
}
