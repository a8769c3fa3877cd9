package detect

import (
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
// pools: sums and base rate are those of n calls of pooled, the last minute
// holds at most a few of them.
func (e *Engine) poolQuiet(now time.Time, a *agent, c *check, held *cell, n int) {
	t, s := c.target, a.site
	if c.reach == probes.LayerNone || t.Reference || !t.concerns(s) || held.unfit() || n <= 0 || t.i >= len(s.pairs) || e.outageTells(t, s) {
		return
	}
	if e.pools.fail == 0 {
		e.pools.weigh(now)
	}
	w := &e.pools
	able, _ := e.able(now, a)
	able = able && !now.Before(s.onTrial)
	s.pool.quiet(w, ms(now), c.reach, n)
	if !able {
		return
	}
	if t.pool.alarm == 0 {
		w.note(now, uint64(n), 0)
	}
	t.pool.quiet(w, ms(now), c.reach, n)
	if s.poolRegion >= 0 {
		t.regional[s.poolRegion].quiet(w, ms(now), c.reach, n)
	}
}

// quiet takes n OKs.
func (p *pool) quiet(w *pools, at int64, reach probes.Layer, n int) {
	idle := p.sum == 0 && p.alarm == 0
	if !idle && reach < p.layer {
		return
	}
	p.minute(at, uint16(min(n, poolSlots)), false)
	if !idle {
		p.runs += uint32(n)
		p.drain(w, n)
	}
}

// poolsIdle says that no pool is in an excursion or in alarm, and that nobody
// is flagged as slow.
func (e *Engine) poolsIdle() bool {
	if len(e.slows.marks) > 0 {
		return false
	}
	for _, s := range e.sites {
		if s.pool.sum != 0 || s.pool.alarm != 0 {
			return false
		}
	}
	for _, t := range e.targets {
		if t.pool.sum != 0 || t.pool.alarm != 0 {
			return false
		}
		for i := range t.regional {
			if t.regional[i].sum != 0 || t.regional[i].alarm != 0 {
				return false
			}
		}
	}
	return true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
