package detect

import (
	"slices"
	"strings"
	"time"
)

// scopeOf reads a stored incident's scope back.
func (e *Engine) scopeOf(inc *Incident) scope {
	switch inc.Kind {
	case KindSite:
		return scope{kind: KindSite, site: inc.Site, family: familyNamed(inc.Family)}
	case KindFleet, KindCollector:
		return scope{kind: inc.Kind, site: inc.Site}
	case KindTarget:
		if t := e.targetByID[inc.Target]; t != nil {
			sc := targetScope(t)
			sc.family = familyNamed(inc.Family)
			return sc
		}
	}
	return scope{kind: inc.Kind, provider: inc.Provider, service: inc.Service, region: inc.Region, target: inc.Target, network: inc.Network,
		dependency: inc.Dependency, edge: inc.Edge, vregion: inc.VRegion, family: familyNamed(inc.Family)}
}

// Restore takes back the incidents of a former life, after SetFleet and
// SetConfig: open ones go on under their ids, and those resolved within the
// last 90 minutes may reopen.
func (e *Engine) Restore(now time.Time, open []Incident) {
	e.wake(now)
	for _, in := range open {
		in = in.clone()
		in.Easing = false // nobody has answered us yet
		slices.Sort(in.Targets)
		l := newLive(in, e.scopeOf(&in))
		l.lastBad, l.told = in.Started, true
		for _, ev := range in.Evidence {
			if len(l.proof) < maxEvidence {
				ev := ev
				l.proof[proofKey{ev.Site, ev.Target}] = &ev
			}
			switch ev.Answer {
			case "silent":
				l.quiet[ev.Site] = true
				e.restoreSilence(now, l, ev)
			case "down":
				l.failing[ev.Site] = true
				e.restoreCell(ev)
				if ev.Last.After(l.lastBad) {
					l.lastBad = ev.Last
				}
			}
		}
		switch {
		case in.State.Open() && len(e.open) < maxOpen:
			if in.State == Recovering {
				l.healthy = now // a fresh minute of health: we did not watch
			}
			if len(l.quiet) == 0 && (in.Kind == KindSite || in.Kind == KindNetwork || in.Kind == KindVRegion) {
				// Nobody has said anything yet: what was known is the past.
				l.inc.CoverageLost, l.dirty = true, true
				l.unwell = strings.HasSuffix(in.Title, unwellTitle)
			}
			e.open = append(e.open, l)
		case !in.State.Open() && now.Sub(in.Resolved) <= e.rule.Reopen && len(e.recent) < maxRecent:
			e.recent = append(e.recent, l)
		}
	}
	slices.SortStableFunc(e.open, func(a, b *live) int { return a.inc.Opened.Compare(b.inc.Opened) })
	slices.SortStableFunc(e.recent, func(a, b *live) int { return a.inc.Resolved.Compare(b.inc.Resolved) })
	e.dropTargets(now)
	e.dropRemoved(now)
}

// restoreCell remembers that a check which fails now has worked before: it is
// evidence of an incident, not one that never worked here.
func (e *Engine) restoreCell(ev Evidence) {
	i, ok := e.checkByID[ev.Check]
	s := e.siteByID[ev.Site]
	if !ok || s == nil {
		return
	}
	for _, a := range s.agents {
		a.cells[i].worked = true
	}
}

// dropTargets lets go of targets that are no longer watched.
func (e *Engine) dropTargets(now time.Time) {
	for _, l := range slices.Clone(e.open) {
		if len(l.inc.Targets) == 0 {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(l.inc.Targets), func(id string) bool {
			t := e.targetByID[id]
			return t == nil || t.Reference != (l.scope.kind == KindReference)
		})
		switch {
		case len(left) == len(l.inc.Targets):
		case len(left) == 0 && len(l.quiet) == 0:
			e.close(now, l, Unwatched) // it keeps the names it had
		default:
			l.inc.Targets, l.dirty = left, true
		}
	}
	e.flush(now)
}

// dropRemoved lets go of sites that have left the fleet.
func (e *Engine) dropRemoved(now time.Time) {
	for _, l := range slices.Clone(e.open) {
		for id := range l.quiet {
			if e.siteByID[id] == nil {
				delete(l.quiet, id)
				l.dirty = true
			}
		}
		gone := l.scope.site != "" && e.siteByID[l.scope.site] == nil
		if gone || len(l.quiet) == 0 && len(l.inc.Targets) == 0 {
			e.close(now, l, Unwatched)
		}
	}
	e.flush(now)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
