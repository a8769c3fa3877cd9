package detect

import (
	"slices"
	"time"

	"picket/probes"
)

// restless is how often a verdict is made anew when nothing has stirred: what
// changes then is only the age of data and who may vote.
const restless = 5 * time.Second

// care runs once a second: it keeps the books and looks after open incidents.
func (e *Engine) care(now time.Time) {
	for _, s := range e.sites {
		if ok, _ := e.canVote(now, s); ok {
			s.votedAt = now
		}
	}
	e.prune(now)
	e.stops(now)
	for _, l := range slices.Clone(e.open) {
		e.tend(now, l)
	}
	e.hindsight(now)
	e.thaw(now)
	e.recent = slices.DeleteFunc(e.recent, func(l *live) bool { return now.Sub(l.inc.Resolved) > e.rule.Reopen })
	for _, t := range e.targets {
		if t.stirred || now.Sub(t.verdict.At) >= restless {
			e.verdict(now, t)
		}
	}
	e.flush(now)
}

// tend moves an open incident towards recovery, resolution, a smaller label, or back.
func (e *Engine) tend(now time.Time, l *live) {
	e.gather(now, l)
	well, seen := e.wellSilence(l), true
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil {
			continue
		}
		ok, enough := e.wellTarget(now, l, t)
		seen = seen && enough
		if !ok {
			delete(l.well, id)
			well = false
		} else if l.well[id].IsZero() {
			l.well[id] = now
		}
	}
	if l.inc.CoverageLost != !seen {
		l.inc.CoverageLost, l.dirty = !seen, true
	}
	switch {
	case !well && l.inc.State == Recovering:
		l.healthy, l.inc.Recovered = time.Time{}, time.Time{}
		l.inc.State = State(l.inc.Confidence)
		l.lastBad = now
		e.announce(now, l, Changed)
	case !well:
		l.lastBad = now
		e.narrow(now, l)
	case l.healthy.IsZero():
		l.healthy, l.inc.Recovered = now, now
		l.inc.State = Recovering
		e.announce(now, l, Changed)
	case now.Sub(l.healthy) >= e.rule.CloseAfter && now.Sub(l.inc.Opened) >= e.rule.MinOpen:
		left := e.stillSilent(l)
		e.close(now, l, Healthy)
		for _, s := range left { // the network is back, this site is not
			e.declareSilence(now, scope{kind: KindSite, site: s.ID}, []*site{s}, 1, LostContact)
		}
	}
}

// wellSilence says whether nearly all of the silent sites are heard again.
func (e *Engine) wellSilence(l *live) bool {
	return float64(e.still(l)) <= e.rule.CloseShare*float64(len(l.quiet))
}

func (e *Engine) stillSilent(l *live) []*site {
	var out []*site
	for id := range l.quiet {
		if s := e.siteByID[id]; s != nil && !s.silence.over() {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *site) int { return a.i - b.i })
	return out
}

// wellTarget says whether a target of an incident is healthy by the scheduled
// results of who looks, and whether enough of those that saw it fail can tell.
func (e *Engine) wellTarget(now time.Time, l *live, t *target) (well, enough bool) {
	layer := probes.LayerDNS
	for _, c := range []probes.Layer{probes.LayerTCP, probes.LayerTLS, probes.LayerHTTP} {
		if l.inc.Layer == c.String() {
			layer = c
		}
	}
	nets := map[string]*tallyPair{}
	former, heard, back := 0, 0, 0
	for _, s := range e.sites {
		if !l.scope.looks(s) || !t.concerns(s) {
			continue
		}
		failed := l.failed(s.ID, t.ID)
		if failed {
			former++
		}
		if l.scope.kind.ProviderSide() {
			if ok, _ := e.canVote(now, s); !ok {
				continue
			}
		}
		v := e.siteView(s, t, now, 0, layer)
		if !v.has {
			continue
		}
		p := nets[s.net]
		if p == nil {
			p = &tallyPair{}
			nets[s.net] = p
		}
		p.n++
		if v.down {
			p.d++
		}
		if failed {
			heard++
			if !v.down && v.well {
				back++
			}
		}
	}
	enough = heard > 0 && 2*heard >= former || former == 0 && len(nets) > 0
	f := 0.0
	for _, p := range nets {
		f += float64(p.d) / float64(p.n)
	}
	well = enough && f <= e.rule.CloseShare*float64(len(nets))+1e-9 && float64(back) >= e.rule.CloseSites*float64(former)
	return well, enough
}

// failed says whether the site has failed towards the target in this incident.
func (l *live) failed(site, target string) bool {
	if ev := l.proof[proofKey{site, target}]; ev != nil {
		return ev.Answer == "down"
	}
	return len(l.proof) >= maxEvidence && l.failing[site]
}

// narrow gives a provider-side incident a smaller label under its id once part
// of it has been well for as long as closing takes (amendment 18).
func (e *Engine) narrow(now time.Time, l *live) {
	if !l.scope.kind.ProviderSide() || len(l.inc.Targets) < 2 {
		return
	}
	var left []*target
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil {
			continue
		}
		if since := l.well[id]; since.IsZero() || now.Sub(since) < e.rule.CloseAfter {
			left = append(left, t)
		} else {
			t.out, t.outAt = Decision{}, time.Time{}
		}
	}
	if len(left) == 0 || len(left) == len(l.inc.Targets) {
		return
	}
	sc := smallest(left)
	if !e.contains(l.scope, sc) {
		sc = l.scope
	}
	l.scope = sc
	l.inc.Targets = nil
	for _, t := range left {
		l.inc.Targets = append(l.inc.Targets, t.ID)
	}
	slices.Sort(l.inc.Targets)
	e.announce(now, l, Changed)
}

// smallest is the least scope that holds all targets (at least one, of one provider).
func smallest(ts []*target) scope {
	sc := targetScope(ts[0])
	if len(ts) == 1 {
		return sc
	}
	region, service := sc.region != "", sc.service != ""
	for _, t := range ts[1:] {
		region = region && t.Region == sc.region
		service = service && t.Service == sc.service
	}
	switch {
	case region:
		return scope{kind: KindProviderRegion, provider: sc.provider, region: sc.region}
	case service:
		return scope{kind: KindService, provider: sc.provider, service: sc.service}
	}
	return scope{kind: KindProvider, provider: sc.provider}
}
