package detect

import (
	"cmp"
	"slices"
	"time"

	"picket/probes"
)

// This file tells lines of ours that lose much: a site's own pool over all of
// its targets is in alarm, its failures are spread as those of a line are, and
// the other sites reach the same targets.

// siteAlarm looks at a site's own pool: a lossy line fails towards several
// targets of several providers.
func (e *Engine) siteAlarm(now time.Time, s *site) {
	if !e.failsWidely(s) || !e.failsBeyondOne(s) {
		return
	}
	s.pool.ring(now)
	e.pools.busy = true
}

// failsWidely says whether the failures of a site's pool that no outage tells of
// are spread over targets and providers as those of a line are.
func (e *Engine) failsWidely(s *site) bool {
	targets, provs := 0, map[string]bool{}
	for _, t := range e.targets {
		if t.i >= len(s.pairs) || t.Reference {
			continue
		}
		if k := s.pairs[t.i].site; k.epoch == s.pool.epoch && k.fails > 0 && !e.outageTells(t, s) {
			targets++
			provs[t.Provider] = true
		}
	}
	return len(e.providers) >= 2 && targets >= 3 && len(provs) >= min(3, len(e.providers))
}

// failsBeyondOne says whether a site's pool shows it without the provider that
// shows it most, too: one cloud that a site cannot reach, with a chance failure
// here and there, is no bad line.
func (e *Engine) failsBeyondOne(s *site) bool {
	by, rest, most := map[string]int64{}, int64(0), int64(0)
	for _, t := range e.targets {
		if t.i >= len(s.pairs) || t.Reference || e.outageTells(t, s) {
			continue
		}
		if k := s.pairs[t.i].site; k.epoch == s.pool.epoch {
			v := k.shows(&e.pools)
			by[t.Provider] += v
			rest += v
		}
	}
	for _, v := range by {
		most = max(most, v)
	}
	return rest-most >= poolRest
}

// lossHealth is how the lines stand that an incident says lose much.
func (e *Engine) lossHealth(now time.Time, l *live) health {
	h := health{well: true, calm: true}
	for _, s := range e.sites {
		if !l.scope.looks(s) {
			continue
		}
		w := e.poolHealth(now, l, &s.pool, nil)
		h.seen, h.relapsed = h.seen || w.seen, h.relapsed || w.relapsed
		h.well, h.calm = h.well && (w.well || !w.seen), h.calm && (w.calm || !w.seen)
	}
	return h
}

// explainLossySites declares sites whose own line loses much: they fail towards
// many, and the others do not.
func (e *Engine) explainLossySites(now time.Time) {
	at := ms(now)
	var rows []row
	any := false
	for _, s := range e.sites {
		lossy := s.pool.lasts(now) && at-s.pool.alarm >= siteHold.Milliseconds() && !s.silence.holds(now)
		any = any || lossy
		for _, t := range e.targets {
			if t.Reference || !t.concerns(s) || t.leans() || t.i >= len(s.pairs) || e.outageTells(t, s) {
				continue
			}
			r := row{s: s, t: t, able: true, first: s.pool.began, last: at, cause: probes.Lossy, check: t.anyCheck()}
			if k := s.pairs[t.i].site; lossy && k.epoch == s.pool.epoch {
				r.down = k.failsAt(s.pool.share(at))
			}
			rows = append(rows, r)
		}
	}
	if !any {
		return
	}
	for _, h := range e.mildRows(rows) {
		if h.kind != KindSite && h.kind != KindNetwork {
			continue
		}
		f := h.finding()
		f.severity, f.conf, f.cause, f.layer = SeverityDegraded, ConfidenceProbable, probes.Lossy, probes.LayerNone
		slices.SortFunc(f.sites, func(a, b *site) int { return cmp.Compare(a.i, b.i) })
		for _, s := range f.sites {
			f.rate += s.pool.share(at) / float64(len(f.sites))
		}
		f.reason.Code = Pooled
		e.declare(now, f)
	}
}
