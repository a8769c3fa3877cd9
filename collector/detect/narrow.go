package detect

import (
	"slices"
	"time"

	"picket/probes"
)

// narrow gives a provider-side incident a smaller label under its id once part
// of it has been well for as long as closing takes (amendment 18): some of its
// targets, all vantage regions but one, or one of the two IP versions. The latter
// two go by everybody's latest result, which says nothing of what is less than an
// outage: of that most results are good all along. See keepsTo.
func (e *Engine) narrow(now time.Time, l *live) {
	if !l.scope.kind.ProviderSide() {
		return
	}
	if len(l.inc.Targets) >= 2 && e.narrowTargets(now, l) || !l.mild() && (e.narrowRegions(now, l) || e.narrowFamily(now, l)) {
		l.inc.Neighbours = nil // they were the wider label's
		e.announce(now, l, Changed)
	}
}

// narrowTargets lets go of targets that are well.
func (e *Engine) narrowTargets(now time.Time, l *live) bool {
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
		return false
	}
	l.scope = e.smallest(l.scope, left)
	l.inc.Targets = nil
	for _, t := range left {
		l.inc.Targets = append(l.inc.Targets, t.ID)
	}
	slices.Sort(l.inc.Targets)
	return true
}

// wellParts is since when a part of what an incident blames is well: a vantage
// region, or an IP version.
type wellParts struct {
	vregions map[string]time.Time
	families [11]time.Time // 4 and 6
}

// note keeps the time since when something is well; it says whether that is
// long enough for the part to be let go.
func (e *Engine) note(now time.Time, since *time.Time, well bool) bool {
	switch {
	case !well:
		*since = time.Time{}
	case since.IsZero():
		*since = now
	}
	return well && now.Sub(*since) >= e.rule.CloseAfter
}

// narrowRegions relabels an incident of everybody's that only one vantage region
// has any more. It takes that region's own quorum of failing sites.
func (e *Engine) narrowRegions(now time.Time, l *live) bool {
	sc := l.scope
	if sc.kind = regionalKind(sc.kind); sc.kind == "" {
		return false
	}
	bad := map[string]*hypothesis{}
	var names []string
	for _, s := range e.sites {
		p, has := e.findsOf(now, l, s, sc.family)
		if !has {
			continue
		}
		h := bad[s.Region]
		if h == nil {
			h = newHypothesis(sc, 0)
			bad[s.Region] = h
			names = append(names, s.Region)
		}
		h.sites[s] = &p
	}
	if len(names) < 2 {
		return false
	}
	if l.parts.vregions == nil {
		l.parts.vregions = map[string]time.Time{}
	}
	var still []string
	for _, r := range names { // all of them: the time of one that is well must not wait for another's
		since := l.parts.vregions[r]
		if !e.note(now, &since, bad[r].share() <= e.rule.CloseShare) {
			still = append(still, r)
		}
		l.parts.vregions[r] = since
	}
	if len(still) != 1 || still[0] == "" || !bad[still[0]].part(e.rule) {
		return false
	}
	left := still[0]
	sc.vregion = left
	l.scope = sc
	for _, id := range l.inc.Targets {
		if t := e.targetByID[id]; t != nil {
			t.out, t.outAt = Decision{}, time.Time{}
		}
	}
	e.recount(now, l)
	return true
}

// regionalKind is the kind of the same scope as seen from one vantage region, ""
// if there is none.
func regionalKind(k Kind) Kind {
	switch k {
	case KindTarget:
		return KindVRegionTarget
	case KindDependency:
		return KindVRegionDependency
	case KindProvider:
		return KindVRegionProvider
	}
	return ""
}

// keepsTo narrows an open partial failure to the vantage region that alone the
// findings about it have blamed for as long as closing takes: the pools, which
// found it, say where it is. A finding that blames more begins that time anew, and
// so does a minute that shows too little of it there to tell it from chance.
func (e *Engine) keepsTo(now time.Time, f *finding) {
	i := slices.IndexFunc(e.open, func(l *live) bool {
		return l.inc.Severity == SeverityPartial && l.scope.vregion == "" && e.contains(l.scope, f.scope)
	})
	if i < 0 {
		return
	}
	l := e.open[i]
	only := f.scope.vregion != "" && f.scope.kind == regionalKind(l.scope.kind) && l.inc.State != Recovering && e.showsThere(now, f) &&
		!slices.ContainsFunc(l.inc.Targets, func(id string) bool { return !slices.Contains(f.targets, id) })
	if l.parts.vregions == nil || !only {
		l.parts.vregions = map[string]time.Time{}
	}
	since := l.parts.vregions[f.scope.vregion]
	if gone := e.note(now, &since, only); gone {
		l.scope = f.scope
		l.count(*f)
		e.announce(now, l, Changed)
	} else if only {
		l.parts.vregions = map[string]time.Time{f.scope.vregion: since} // of one region at a time
	}
}

// showsThere says whether the last minute of the vantage region that a finding
// blames would put a pool on the way to its alarm by itself.
func (e *Engine) showsThere(now time.Time, f *finding) bool {
	r, pooled := e.pools.regions[f.scope.vregion]
	return pooled && slices.ContainsFunc(f.targets, func(id string) bool {
		t := e.targetByID[id]
		if t == nil || r >= len(t.regional) {
			return false
		}
		runs, fails := t.regional[r].lately(ms(now), poolSlots)
		return int64(fails)*int64(e.pools.fail)-int64(runs-fails)*int64(e.pools.ok) >= poolLean
	})
}

// narrowFamily relabels an incident of both IP versions of which only one fails
// any more.
func (e *Engine) narrowFamily(now time.Time, l *live) bool {
	if l.scope.family != 0 || len(l.inc.Targets) == 0 {
		return false
	}
	for _, id := range l.inc.Targets {
		if t := e.targetByID[id]; t == nil || t.four == nil {
			return false
		}
	}
	for _, f := range []probes.Family{4, 6} {
		h := newHypothesis(l.scope, 0)
		for _, s := range e.sites {
			if p, has := e.findsOf(now, l, s, f); has {
				h.sites[s] = &p
			}
		}
		if e.note(now, &l.parts.families[f], len(h.sites) > 0 && h.share() <= e.rule.CloseShare) {
			l.scope.family = other(f)
			e.recount(now, l)
			return true
		}
	}
	return false
}

// findsOf counts the incident's targets as one site finds them now, the surely
// failing ones apart.
func (e *Engine) findsOf(now time.Time, l *live, s *site, f probes.Family) (p tallyPair, has bool) {
	if !l.scope.looks(s) || !e.counts(now, l, s) {
		return p, false
	}
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil || !t.concerns(s) {
			continue
		}
		if v := e.siteView(s, t.over(f), now, 0, l.layer()); v.has {
			p.count(v.down && v.sure, 1)
		}
	}
	return p, p.n > 0
}

// recount takes the counts of a narrowed incident from who fails now.
func (e *Engine) recount(now time.Time, l *live) {
	if c := e.failingNow(now, l); c.down > 0 {
		inc := &l.inc
		inc.DownSites, inc.Sites, inc.DownNetworks, inc.Networks = c.down, c.sites, c.downNets, c.nets
		r := &inc.Reason
		r.DownSites, r.Sites, r.DownNetworks, r.Networks = c.down, c.sites, c.downNets, c.nets
	}
}
