package detect

import (
	"slices"
	"time"

	"picket/probes"
)

// care runs once a second: it keeps the books and looks after open incidents.
func (e *Engine) care(now time.Time) {
	for _, s := range e.sites {
		if ok, _ := e.canVote(now, s); ok {
			s.votedAt = now
		}
	}
	e.maintain(now)
	e.standAlone(now)
	e.prune(now)
	e.stops(now)
	for _, l := range slices.Clone(e.open) {
		e.tend(now, l)
	}
	e.recheck(now)
	e.hindsight(now)
	e.references(now)
	e.lookBack(now)
	e.thaw(now)
	e.carePools(now)
	e.careSlows(now)
	e.recent = slices.DeleteFunc(e.recent, func(l *live) bool { return now.Sub(l.inc.Resolved) > e.rule.Reopen })
	if !e.mute {
		e.reconsider(now)
	}
	e.flush(now)
}

// tend moves an open incident towards recovery, resolution, a smaller label, or
// back. Health is a failing share of at most CloseShare with most of the sites
// that failed back to two good results in a row; once it is reached, its minute
// runs on while the share stays there, whoever times out alone, and both must
// hold at its end. A larger share starts the minute anew. Only a share that
// could carry an incident by itself ends the recovery.
func (e *Engine) tend(now time.Time, l *live) {
	e.gather(now, l)
	h := e.healthOf(now, l)
	if l.inc.CoverageLost != !h.seen {
		l.inc.CoverageLost, l.dirty = !h.seen, true
	}
	recovering := l.inc.State == Recovering
	switch {
	case recovering && h.relapsed:
		e.relapse(now, l)
	case recovering && !h.calm:
		l.dirty = l.dirty || !l.healthy.IsZero()
		l.healthy = time.Time{}
	case recovering && l.healthy.IsZero():
		l.healthy, l.dirty = now, true
	case !recovering && !h.well:
		l.lastBad = now
		e.narrow(now, l)
		e.linger(now, l)
	case !recovering:
		l.healthy, l.inc.Recovered = now, now
		l.inc.State, l.inc.Easing = Recovering, false
		l.pauseFrom, l.pauseTo = time.Time{}, time.Time{}
		e.announce(now, l, Changed)
	case h.well && now.Sub(l.healthy) >= e.closeAfter(l) && now.Sub(l.inc.Opened) >= e.rule.MinOpen:
		left := e.stillSilent(l)
		e.close(now, l, Healthy)
		for _, s := range left { // the network is back, this site is not
			e.declareSilence(now, scope{kind: KindSite, site: s.ID}, []*site{s}, 1, LostContact)
		}
	}
}

// health is how an open incident stands.
type health struct {
	well     bool // everything is healthy by the words of section 2.4
	calm     bool // the failing share is low everywhere, and enough sites can tell
	seen     bool // enough sites can tell
	relapsed bool // so much fails that it would be an incident by itself
}

// healthOf looks at all that the incident tells of. What blames one side of
// ours tells of nearly everything at once, so one target that fails again is
// not yet that side; what blames a cloud is back with any of its targets.
func (e *Engine) healthOf(now time.Time, l *live) health {
	if l.mild() {
		return e.mildHealth(now, l)
	}
	heard := e.wellSilence(l)
	h := health{well: heard, calm: heard, seen: true, relapsed: !heard}
	again, n := 0, 0
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil {
			continue
		}
		n++
		w := e.healthAt(now, l, t)
		h.seen, h.calm = h.seen && w.seen, h.calm && w.calm
		if w.relapsed {
			again++
		}
		if !w.well {
			delete(l.well, id)
			h.well = false
		} else if l.well[id].IsZero() {
			l.well[id] = now
		}
	}
	if l.scope.kind == KindSite || l.scope.kind == KindNetwork || l.scope.kind == KindVRegion {
		if n > 0 && len(l.quiet) == 0 && !h.well {
			c := e.contrastTo(now, l.scope, l.inc.Targets)
			h.seen = h.seen && c.clear(e.rule)
			l.dirty = l.dirty || c.sites != l.others
			l.others = c.sites
		}
		h.relapsed = h.relapsed || float64(again) > e.rule.CloseShare*float64(n)
		return h
	}
	h.relapsed = h.relapsed || again > 0
	return h
}

// relapse ends a recovery that did not last. The counts begin anew from who
// fails now: those of the time before are told as the past.
func (e *Engine) relapse(now time.Time, l *live) {
	inc := &l.inc
	l.pauseFrom, l.pauseTo = inc.Recovered, now
	l.healthy, inc.Recovered, l.lastBad = time.Time{}, time.Time{}, now
	l.recheck, l.tail = easing{}, tail{}
	e.turnedBad(now, l)
	inc.State = State(inc.Confidence)
	if c := e.failingNow(now, l); c.down > 0 && !l.mild() {
		inc.DownSites, inc.Sites, inc.DownNetworks, inc.Networks = c.down, c.sites, c.downNets, c.nets
		r := &inc.Reason
		r.DownSites, r.Sites, r.DownNetworks, r.Networks = c.down, c.sites, c.downNets, c.nets
	}
	e.announce(now, l, Changed)
}

// failing counts sites and their networks.
type failing struct{ down, sites, downNets, nets int }

// failingNow counts who surely fails now towards any target of the incident,
// of those that can tell.
func (e *Engine) failingNow(now time.Time, l *live) failing {
	var c failing
	nets := map[string]bool{}
	for _, s := range e.sites {
		if !l.scope.looks(s) {
			continue
		}
		has, down := false, false
		for _, id := range l.inc.Targets {
			if t := e.targetByID[id]; t != nil && t.concerns(s) && e.counts(now, l, s) {
				v := e.siteView(s, t.over(l.scope.family), now, 0, probes.LayerNone)
				has, down = has || v.has, down || v.down && v.sure
			}
		}
		if !has {
			continue
		}
		c.sites++
		nets[s.net] = nets[s.net] || down
		if down {
			c.down++
		}
	}
	for _, down := range nets {
		if c.nets++; down {
			c.downNets++
		}
	}
	return c
}

// counts says whether the site's word counts about the incident: of a cloud
// only those tell that may vote.
func (e *Engine) counts(now time.Time, l *live, s *site) bool {
	if !l.scope.kind.ProviderSide() {
		return true
	}
	ok, _ := e.canVote(now, s)
	return ok
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

// healthAt says how a target of an incident is by the results of who looks, and
// whether enough of those that saw it fail can tell. A lone failed result that
// nobody has confirmed is not yet DOWN, as everywhere else.
func (e *Engine) healthAt(now time.Time, l *live, t *target) health {
	layer := l.layer()
	nets := map[string]*tallyPair{}
	former, heard, back, down := 0, 0, 0, 0
	var left rest
	for _, s := range e.sites {
		if !l.scope.looks(s) || !t.concerns(s) {
			continue
		}
		failed := l.failed(s.ID, t.ID)
		if failed {
			former++
		}
		if !e.counts(now, l, s) {
			continue
		}
		v := e.siteView(s, t.over(l.scope.family), now, 0, layer)
		if !v.has {
			continue
		}
		p := nets[s.net]
		if p == nil {
			p = &tallyPair{}
			nets[s.net] = p
		}
		p.n++
		if v.down && v.sure {
			p.d++
			down++
		}
		if failed {
			heard++
			if !v.down && v.well {
				back++
			}
			if v.down && v.sure && now.Sub(fromMS(v.first)) >= e.rule.CloseAfter {
				left.add(s)
			}
		}
	}
	downNets := 0
	for _, p := range nets {
		if p.d > 0 {
			downNets++
		}
	}
	var h health
	low := balanced(nets) <= e.rule.CloseShare+1e-9
	h.seen = heard > 0 && 2*heard >= former || former == 0 && len(nets) > 0
	h.calm = h.seen && low && !(l.scope.kind.ProviderSide() && left.more)
	h.well = h.calm && float64(back) >= e.rule.CloseSites*float64(former)
	switch {
	case l.scope.kind == KindSite || l.inc.Confidence == ConfidenceSuspected:
		h.relapsed = !low
	case l.scope.kind.ProviderSide():
		h.relapsed = !low && down >= 2 && downNets >= e.rule.MFew
	default:
		h.relapsed = !low && down >= 2
	}
	return h
}

// layer is the one at which the incident fails: only answers that vouch for it
// speak against it.
func (l *live) layer() probes.Layer {
	for _, c := range []probes.Layer{probes.LayerTCP, probes.LayerTLS, probes.LayerHTTP} {
		if l.inc.Layer == c.String() {
			return c
		}
	}
	return probes.LayerDNS
}

// failed says whether the site has failed towards the target in this incident.
func (l *live) failed(site, target string) bool {
	if ev := l.proof[proofKey{site, target}]; ev != nil {
		return ev.Answer == "down"
	}
	return len(l.proof) >= maxEvidence && l.failing[site]
}
