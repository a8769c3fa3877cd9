package detect

import (
	"math"
	"time"

	"picket/probes"
)

// This file brings results to the pools (pool.go): what may feed which, and how
// the pools follow the fleet and the config.

// fitPools makes sure that the pools fit the fleet and the config.
func (e *Engine) fitPools() {
	nets := map[string]map[string]bool{}
	for _, s := range e.sites {
		if s.Region == "" {
			continue
		}
		if nets[s.Region] == nil {
			nets[s.Region] = map[string]bool{}
		}
		nets[s.Region][s.net] = true
	}
	e.pools.regions = map[string]int{}
	if len(nets) >= 2 {
		for _, s := range e.sites { // in the order of the fleet
			if _, known := e.pools.regions[s.Region]; !known && len(nets[s.Region]) >= poolNets {
				e.pools.regions[s.Region] = len(e.pools.regions)
			}
		}
	}
	for _, s := range e.sites {
		s.poolRegion = -1
		if r, ok := e.pools.regions[s.Region]; ok {
			s.poolRegion = r
		}
	}
	for _, t := range e.targets {
		if len(t.regional) != len(e.pools.regions) {
			t.regional = make([]pool, len(e.pools.regions))
		} else {
			for i := range t.regional {
				t.regional[i].reset() // a region may have another number now
			}
		}
	}
}

// fitPairs moves the pairs of every site to where their targets are now.
func (e *Engine) fitPairs(old []*target) {
	for _, s := range e.sites {
		pairs := make([]pair, len(e.targets))
		for i, t := range old {
			if i < len(s.pairs) && e.targetByID[t.ID] == t {
				pairs[t.i] = s.pairs[i]
			}
		}
		s.pairs = pairs
	}
}

// pooled feeds one scheduled result into the pools that it concerns.
func (e *Engine) pooled(now time.Time, a *agent, c *check, held *cell, o Observation) {
	t, s := c.target, a.site
	failed := o.Result.Outcome == probes.Down
	if c.reach == probes.LayerNone || t.Reference || o.Result.Outcome == probes.Unknown || !t.concerns(s) ||
		failed && (!blames(o.Result.Cause) || !held.worked) || held.unfit() {
		return
	}
	if e.pools.fail == 0 {
		e.pools.weigh(now)
	}
	at, start, w := ms(now), ms(o.Start), &e.pools
	if t.i >= len(s.pairs) || e.outageTells(t, s) {
		return
	}
	p := &s.pairs[t.i]
	if s.pool.feed(w, &p.site, at, start, c.reach, failed, o.Result.Cause) {
		e.siteAlarm(now, s)
	}
	if ok, _ := e.able(now, a); !ok || now.Before(s.onTrial) {
		return
	}
	if t.pool.alarm == 0 {
		w.note(now, 1, uint64(b2i(failed)))
	}
	if t.pool.feed(w, &p.target, at, start, c.reach, failed, o.Result.Cause) {
		e.poolAlarm(now, t, &t.pool, -1)
	}
	if r := s.poolRegion; r >= 0 && t.regional[r].feed(w, &p.region, at, start, c.reach, failed, o.Result.Cause) {
		e.poolAlarm(now, t, &t.regional[r], r)
	}
}

// poolQuiet is what n good scheduled results in a row of one check do to the
// pools, the last of which comes at now and the others every apart before it: what
// n calls of pooled would.
func (e *Engine) poolQuiet(now time.Time, a *agent, c *check, held *cell, n int, every time.Duration) {
	t, s := c.target, a.site
	if c.reach == probes.LayerNone || t.Reference || !t.concerns(s) || held.unfit() || n <= 0 || t.i >= len(s.pairs) || e.outageTells(t, s) {
		return
	}
	if e.pools.fail == 0 {
		e.pools.weigh(now)
	}
	w, p := &e.pools, &s.pairs[t.i]
	able, _ := e.able(now, a)
	able = able && !now.Before(s.onTrial)
	q := oks{at: ms(now), every: every.Milliseconds(), n: n, reach: c.reach}
	s.pool.quiet(w, &p.site, q)
	if !able {
		return
	}
	if t.pool.alarm == 0 {
		w.note(now, uint64(n), 0)
	}
	t.pool.quiet(w, &p.target, q)
	if s.poolRegion >= 0 {
		t.regional[s.poolRegion].quiet(w, &p.region, q)
	}
}

// oks are n OKs in a row, every ms apart, the last at at.
type oks struct {
	at, every int64
	n         int
	reach     probes.Layer
}

// since counts those that came after from, in ms.
func (q *oks) since(from int64) int {
	if q.every <= 0 || q.at <= from {
		return q.n * b2i(q.at > from)
	}
	return int(min(int64(q.n), (q.at-from-1)/q.every+1))
}

// quiet takes OKs. Those that come when the sum is at zero are in no excursion.
func (p *pool) quiet(w *pools, t *tried, q oks) {
	idle := p.sum == 0 && p.alarm == 0
	if !idle && q.reach < p.layer {
		return
	}
	for i := range int64(q.n) {
		at := q.at - i*q.every
		if q.at-at > poolSlots*poolSlot.Milliseconds() {
			break // older than the last minute
		}
		p.minute(at, 1, false)
	}
	if idle {
		return
	}
	n := q.since(p.from)
	if p.alarm == 0 {
		n = min(n, int((p.sum+w.ok-1)/w.ok))
	}
	if t.epoch != p.epoch {
		*t = tried{epoch: p.epoch}
	}
	p.runs += uint32(n)
	for range n {
		t.ran()
	}
	p.drain(w, n)
}

// ran counts a result of the pair; what is far in the past counts half.
func (t *tried) ran() {
	if t.runs++; t.runs == math.MaxUint8 {
		t.runs, t.fails = t.runs/2, t.fails/2
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
