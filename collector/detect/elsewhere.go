package detect

import (
	"time"

	"picket/probes"
)

// This file knows what everybody else finds. Blaming a site, an ISP or a path
// is a comparison: "others reach it" must be counted, never assumed. Only
// sites that may vote about the provider count as others: one whose own
// references fail neither clears a cloud nor accuses it.

// elsewhere counts the rows of the other sites (of the other networks or
// vantage regions, if the hypothesis blames one) on the failing targets of a
// hypothesis, as far as no other explanation has taken them.
type elsewhere struct {
	n, d int // rows, failing ones
	up   int // failing targets that somebody else reaches
}

// elsewhere is all of the rows on those targets less the hypothesis's own.
func (x *explanation) elsewhere(h *hypothesis) elsewhere {
	var o elsewhere
	for t, p := range h.targets {
		if !p.bad() {
			continue
		}
		all := &x.all[3*t.i+familyIndex(h.family)]
		n, d := all.n-p.voters.n, all.d-p.voters.d
		o.n, o.d = o.n+n, o.d+d
		if n > d {
			o.up++
		}
	}
	return o
}

// share is the failing share; 1 if nobody else looks, since then nobody clears
// the targets.
func (o elsewhere) share() float64 {
	if o.n == 0 {
		return 1
	}
	return float64(o.d) / float64(o.n)
}

// clear says whether the others clear the targets: few of their rows fail, and
// somebody else reaches enough of the targets for "others reach them" to hold.
func (o elsewhere) clear(h *hypothesis, rule Rule) bool {
	return o.share() <= rule.CloseShare &&
		(o.up >= rule.FreshMany || float64(o.up) >= rule.FreshShare*float64(h.badTargets()))
}

// contrast is how the other voting sites find the targets of an incident now.
type contrast struct {
	well, sites int             // sites that reach most of what they see of it, and that see any of it
	networks    map[string]bool // of the well ones
}

// clear says whether nearly all of the others reach the targets.
func (c contrast) clear(rule Rule) bool {
	return c.well > 0 && float64(c.sites-c.well) <= rule.CloseShare*float64(c.sites)
}

// contrastTo asks everybody whom the scope does not blame about the targets.
func (e *Engine) contrastTo(now time.Time, sc scope, targets []string) contrast {
	c := contrast{networks: map[string]bool{}}
	for _, s := range e.sites {
		if sc.looks(s) {
			continue
		}
		p := tallyPair{}
		for _, id := range targets {
			t := e.targetByID[id]
			if t == nil || !t.concerns(s) {
				continue
			}
			if ok, _ := e.eligible(now, s, t.Provider); !ok {
				continue
			}
			if v := e.siteView(s, t, now, 0, probes.LayerNone); v.has {
				p.n++
				if v.down {
					p.d++
				}
			}
		}
		if p.n == 0 {
			continue
		}
		c.sites++
		if !p.bad() {
			c.well++
			c.networks[s.net] = true
		}
	}
	return c
}

// clearlyOurs says whether a site, an ISP or a path is to blame beyond doubt:
// a site, if two other sites that may vote reach what it does not; an ISP or a
// path, if sites on two other networks do.
func (e *Engine) clearlyOurs(now time.Time, h *hypothesis) bool {
	c := e.contrastTo(now, h.scope, h.sortedTargets())
	if h.kind == KindSite {
		return c.clear(e.rule) && c.well >= 2
	}
	if h.kind == KindVRegion && h.badSites() < e.rule.MinSites {
		return false
	}
	return c.clear(e.rule) && len(c.networks) >= e.rule.SickNetworks
}

// unwell says whether none of the sites that the incident blames may vote: then
// its failures say nothing of any cloud, only of its own line or resolver.
func (e *Engine) unwell(now time.Time, l *live) bool {
	n := 0
	for id := range l.failing {
		s := e.siteByID[id]
		if s == nil || !l.scope.looks(s) {
			continue
		}
		n++
		if !e.referencesFail(s) {
			return false
		}
	}
	return n > 0
}

// referencesFail says whether every agent of the site that has reported does
// without too many of its references.
func (e *Engine) referencesFail(s *site) bool {
	n := 0
	for _, a := range s.agents {
		h := a.health
		if !a.told || h.RefsAsked == 0 {
			continue
		}
		if n++; h.Voting && h.RefsOK > 0 || float64(h.RefsOK) >= e.rule.References*float64(h.RefsAsked) {
			return false
		}
	}
	return n > 0
}

// heardElsewhere counts the sites outside the scope that are in contact.
func (e *Engine) heardElsewhere(now time.Time, sc scope) int {
	n := 0
	for _, s := range e.sites {
		if sc.looks(s) {
			continue
		}
		if _, connected, _ := s.contact(now, e.silentAfter(s)); connected {
			n++
		}
	}
	return n
}
