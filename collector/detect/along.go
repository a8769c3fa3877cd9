package detect

import (
	"math"
	"slices"
	"time"
)

// This file knows which targets fail together with one whose pool is in alarm.

// leans says whether the target's pool is in alarm, or on the way to it.
func (t *target) leans() bool {
	return t.pool.alarm > 0 || t.pool.sum >= int32(poolLean)
}

// alongOdds is the logarithm of how much more a target's failures must look like
// an alarm's than like chance [E]: ten to one. A cloud has some ten targets, each
// of which chance may put on the way to an alarm.
const alongOdds = 2.3

// failsAlong says whether the target takes part in an alarm: its own, or, on the
// way to it, that of a target of the same cloud or component. Three chance failures
// within half a minute put a pool on the way, too. So that alarm's trouble must go
// on, and what has failed since it began, of the last minute, must look ten times
// more like two thirds of the share of requests that fail there than like chance.
func (e *Engine) failsAlong(now time.Time, t *target) bool {
	if t.pool.alarm > 0 || !t.leans() {
		return t.pool.alarm > 0
	}
	at, w := ms(now), &e.pools
	return slices.ContainsFunc(e.targets, func(o *target) bool {
		if o == t || !o.related(t) {
			return false
		}
		if o.pool.alarm > 0 && t.pool.like(w, at, &o.pool) {
			return true
		}
		for i := range o.regional {
			if o.regional[i].alarm > 0 && t.regional[i].like(w, at, &o.regional[i]) {
				return true
			}
		}
		return false
	})
}

// like says whether the pool's recent results resemble those of one in alarm.
func (p *pool) like(w *pools, at int64, alarmed *pool) bool {
	runs, fails := p.lately(at, alarmed.since(at))
	return alarmed.goesOn(at) && w.odds(runs, fails, alarmed.share(at)) >= alongOdds
}

// everywhere says whether the rest of the fleet rather fails like the pool, which
// is of one vantage region, than by chance. Of a few per cent that fail everywhere
// some region always has the most: then it is for the pool of all to tell.
func (p *pool) everywhere(w *pools, at int64, all *pool) bool {
	runs, fails := all.lately(at, p.since(at))
	r, f := p.lately(at, p.since(at))
	return fails > f && w.odds(runs-r, fails-f, p.share(at)) >= 0
}

// goesOn says whether an alarm's trouble has not ended.
func (p *pool) goesOn(at int64) bool {
	n, d := p.lately(at, 2)
	return 2*float64(d) >= p.share(at)*float64(n)
}

// since is the number of slots, of the last minute, since the excursion began.
func (p *pool) since(at int64) uint32 {
	return uint32(max(min((at-p.began)/poolSlot.Milliseconds()+1, poolSlots), 1))
}

// odds is the logarithm of how much more results look like two thirds of a share
// than like chance.
func (w *pools) odds(runs, fails int, share float64) float64 {
	bad := max(share*2/3, poolBad)
	base := poolBad * math.Exp(-float64(w.fail)/poolUnit)
	return float64(fails)*math.Log(bad/base) + float64(runs-fails)*math.Log((1-bad)/(1-base))
}
