package detect

import (
	"slices"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// This file finds the open incident that a finding or a failure belongs to.

// coveredFrom says whether an open provider-side incident already tells of what
// the site finds about t over the IP version, so that nobody need be asked.
func (e *Engine) coveredFrom(now time.Time, t *target, s *site, f probes.Family) bool {
	return slices.ContainsFunc(e.open, func(l *live) bool {
		return !l.mild() && l.scope.kind.ProviderSide() && l.lists(t) && e.sees(l.scope, s, t) && (l.scope.family == 0 || l.scope.family == f) && !e.outgrown(now, l)
	})
}

// outgrown says whether an incident that is not confirmed is the word of few: no
// round about its targets has asked Coverage of those who could be asked now. It
// was found when the Picket server had just started, or in a fleet that has grown
// since, and asking again can make it sure.
func (e *Engine) outgrown(now time.Time, l *live) bool {
	if l.inc.Confidence == ConfidenceConfirmed {
		return false
	}
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil || t.last == nil {
			continue
		}
		if sites, _ := e.electorate(now, t, nil); float64(len(t.last.electors)) >= e.rule.Coverage*float64(len(sites)) {
			return false
		}
	}
	return true
}

// home is the open outage that a finding belongs to.
func (e *Engine) home(f finding) *live {
	if l := e.ancestor(f.scope); l != nil {
		return l
	}
	for _, l := range e.open {
		if !l.mild() && e.takesIn(l.scope, f.scope, f.targets) {
			return l
		}
	}
	return nil
}

// partTells says whether an open incident of a part of the fleet tells already of
// what the last round about t found: whoever said DOWN belongs to that part, and
// whoever does not is well. A round that found the many of a part failing has not
// found everybody's trouble.
func (e *Engine) partTells(t *target) bool {
	for _, l := range e.open {
		if l.mild() || l.scope.kind != KindEdge && l.scope.vregion == "" || !slices.Contains(l.inc.Targets, t.ID) {
			continue
		}
		here, there := 0, tallyPair{}
		for k := range t.last.electors {
			el := &t.last.electors[k]
			b := el.ballot()
			switch {
			case b.Pending || !tells(b.Answer):
			case e.sees(l.scope, el.site, t):
				here++
			default:
				there.count(b.Answer == vantage.Down, 1)
			}
		}
		if here > 0 && float64(there.d) <= e.rule.OtherShare*float64(there.n) {
			return true
		}
	}
	return false
}

// partCovers says whether one open incident of a part of the fleet tells already
// of every failing row of a hypothesis that reaches beyond that part: whoever is
// asked whether it recovers belongs to the part, and their fresh rows alone would
// make it everybody's.
func (e *Engine) partCovers(h *hypothesis) bool {
	for _, l := range e.open {
		if l.mild() || l.scope.kind != KindEdge && l.scope.vregion == "" || e.contains(l.scope, h.scope) || h.scope.kind == KindEdge || h.scope.vregion != "" {
			continue
		}
		if !slices.ContainsFunc(h.rows, func(r *row) bool {
			return r.down && !(slices.Contains(l.inc.Targets, r.t.ID) && e.sees(l.scope, r.s, r.t) && (l.scope.family == 0 || l.scope.family == r.family))
		}) {
			return true
		}
	}
	return false
}

// replaces says whether a finding explains all that an open incident tells of.
// One of both IP versions that is young may have been told before the other
// version had been asked; one of a lone target, before there were rows enough to
// find the edge that answers all who fail.
func (e *Engine) replaces(now time.Time, f finding, l *live) bool {
	b := l.scope
	if young := now.Sub(l.inc.Opened) <= e.rule.Merge; young {
		if b.family == 0 {
			b.family = f.scope.family
		}
		if f.scope.kind == KindEdge && b.kind == KindTarget && e.named(b, f.scope) && e.allSee(f.scope, l) {
			return true
		}
	}
	return e.takesIn(f.scope, b, l.inc.Targets)
}

// allSee says whether all sites that fail in an incident of one target see what
// the scope blames.
func (e *Engine) allSee(sc scope, l *live) bool {
	t := e.targetByID[l.scope.target]
	for id := range l.failing {
		if s := e.siteByID[id]; s != nil && t != nil && !e.sees(sc, s, t) {
			return false
		}
	}
	return t != nil
}

// pathInto says whether a path incident lies inside what a finding blames: the
// trouble between an ISP and a cloud was the cloud's.
func (e *Engine) pathInto(sc scope, l *live) bool {
	if !sc.kind.ProviderSide() || l.scope.kind != KindNetworkProvider && l.scope.kind != KindNetworkDependency {
		return false
	}
	return !slices.ContainsFunc(l.inc.Targets, func(id string) bool {
		t := e.targetByID[id]
		return t == nil || !sc.has(&t.Target)
	})
}

// oneFamily relabels a young incident of both IP versions once the other one is
// found to be well.
func (e *Engine) oneFamily(now time.Time, l *live, f finding) {
	sc := f.scope
	sc.family = 0
	if f.scope.family != 0 && sc == l.scope && now.Sub(l.inc.Opened) <= e.rule.Merge {
		l.scope, l.dirty = f.scope, true
	}
}
