package detect

import (
	"cmp"
	"slices"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// want asks for an explanation within wait.
func (e *Engine) want(now time.Time, wait time.Duration) {
	if t := now.Add(wait); e.emitAt.IsZero() || t.Before(e.emitAt) {
		e.emitAt = t
	}
}

// largeFleet is the number of pairs of site and target from which on an
// explanation takes a noticeable part of a second.
const largeFleet = 100_000 // [E]

// explainNow explains at once. A large fleet waits until EmitWait has passed
// since the last time: a round that ends should not cost a look at all pairs.
func (e *Engine) explainNow(now time.Time) {
	if next := e.explained.Add(e.rule.EmitWait); len(e.sites)*len(e.targets) >= largeFleet && now.Before(next) {
		e.want(now, next.Sub(now))
		return
	}
	e.explain(now)
}

// prune forgets suspicions that a later answer has refuted, and those older
// than the merge window.
func (e *Engine) prune(now time.Time) {
	oldest := ms(now.Add(-e.rule.Merge))
	e.troubles = slices.DeleteFunc(e.troubles, func(tr trouble) bool {
		if tr.since < oldest || tr.agent.site == nil || tr.agent.site.removed || int(tr.check) >= len(tr.agent.cells) {
			return true
		}
		c := &tr.agent.cells[tr.check]
		return c.view > tr.since && c.outcome != probes.Down && c.outcome != probes.Unknown
	})
}

// dawn is t0 of amendment 2: the start of the earliest failing probe of the
// disturbance that is being explained, in ms. Failures less than Join apart are
// one disturbance; suspicions that proved wrong are none.
func (e *Engine) dawn(now time.Time) int64 {
	e.prune(now)
	slices.SortFunc(e.troubles, func(a, b trouble) int { return cmp.Compare(b.since, a.since) })
	t0 := ms(now.Add(-e.rule.Fresh))
	if len(e.troubles) > 0 {
		t0 = e.troubles[0].since
	}
	for _, t := range e.targets {
		if e.calledOut(now, t) && !e.covered(t) {
			t0 = min(t0, ms(t.last.since))
		}
	}
	for _, tr := range e.troubles {
		if tr.since < t0 && t0-tr.since < e.rule.Join.Milliseconds() {
			t0 = tr.since
		}
	}
	return t0 - e.rule.Slack.Milliseconds()
}

// calledOut says whether a round has lately found t down.
func (e *Engine) calledOut(now time.Time, t *target) bool {
	return t.out.Out && t.last != nil && !t.outAt.IsZero() && now.Sub(t.outAt) <= e.rule.Merge
}

// askedAnew says whether what a round found about t belongs to an earlier
// disturbance and is being asked about again. Half of the new answers and the
// old decision must not open an incident together: a decision about the target
// would back what those say who happen to be the first.
func (e *Engine) askedAnew(t *target) bool {
	r := t.round
	return r != nil && r != t.last && !r.told && r.opened.Sub(t.outAt) >= e.rule.Join
}

// rows builds the rows of the explainer. A healthy answer counts only if it
// vouches for the layer at which the target (or, if that is well, the
// disturbance) fails: an open port says nothing about a broken certificate.
func (e *Engine) rows(now time.Time) ([]row, *world) {
	t0 := e.dawn(now)
	if !e.underWay() && e.hopeless(now, t0) {
		return nil, nil
	}
	return e.rowsSince(now, t0)
}

// rowsSince is rows without the quick look that spares them, since t0 (ms).
func (e *Engine) rowsSince(now time.Time, t0 int64) ([]row, *world) {
	rows := make([]row, 0, len(e.sites)*len(e.targets))
	causes := map[probes.Cause]int{}
	byTarget := make([]map[probes.Cause]int, len(e.targets))
	able := make([]int8, len(e.providers)) // of one site: 0 not asked, 1 yes, -1 no
	for _, s := range e.sites {
		clear(able)
		for _, t := range e.targets {
			if t.Reference || !t.concerns(s) {
				continue
			}
			for _, f := range t.families {
				v := e.siteView(s, t.over(f), now, t0, probes.LayerNone)
				if !v.has {
					continue
				}
				if able[t.vendor] == 0 {
					able[t.vendor] = -1
					if ok, _ := e.eligible(now, s, t.Provider); ok {
						able[t.vendor] = 1
					}
				}
				rows = append(rows, row{s: s, t: t, able: able[t.vendor] > 0, down: v.down, first: v.first, last: v.last,
					cause: v.cause, check: v.check, edge: e.edgeOf(s, t), family: f, vouches: v.vouches})
				if v.down {
					causes[v.cause]++
					if byTarget[t.i] == nil {
						byTarget[t.i] = map[probes.Cause]int{}
					}
					byTarget[t.i][v.cause]++
				}
			}
		}
	}
	if len(causes) == 0 {
		return nil, nil
	}
	layers := layersOf(causes, byTarget)
	rows = slices.DeleteFunc(rows, func(r row) bool { return !r.down && r.vouches < layers[r.t.i] })
	return rows, e.world(func(t *target) bool {
		l := layers[t.i]
		return slices.ContainsFunc(t.checks, func(i uint32) bool { return e.checks[i].reach >= max(l, probes.LayerDNS) })
	})
}

// layersOf are the layers at which targets fail, by the majority; a target that
// is well has that of the disturbance.
func layersOf(causes map[probes.Cause]int, byTarget []map[probes.Cause]int) []probes.Layer {
	general, _ := majority(causes)
	out := make([]probes.Layer, len(byTarget))
	for i, c := range byTarget {
		if out[i] = general; c != nil {
			out[i], _ = majority(c)
		}
	}
	return out
}

// underWay says whether an outage is open and not recovering: then there is
// something to explain.
func (e *Engine) underWay() bool {
	return slices.ContainsFunc(e.open, func(l *live) bool {
		return !l.mild() && len(l.inc.Targets) > 0 && l.inc.State != Recovering
	})
}

// finding is an explanation in the words of an incident.
type finding struct {
	scope   scope
	targets []string
	sites   []*site // that fail
	layer   probes.Layer
	cause   probes.Cause
	first   int64
	reason  Reason
	conf    Confidence
	// severity of the finding, "" means outage; rate is the failing share of a
	// partial one, added and ratio how much slower a degraded one has become.
	severity   Severity
	rate       float64
	added      time.Duration
	ratio      float64
	neighbours []Neighbour // why it is not the labels beside it
	fading     bool        // rate is falling because it is over
}

// quorate says whether the finding's own counts could carry "confirmed".
func (f *finding) quorate(rule Rule) bool {
	return f.reason.DownSites >= rule.MinSites && f.reason.DownNetworks >= rule.MFew
}

// finding turns an explanation of the rows into one.
func (h *hypothesis) finding() finding {
	f := finding{scope: h.scope, targets: h.sortedTargets(), first: h.first, neighbours: h.neighbours}
	f.layer, f.cause = majority(h.causes)
	for s, p := range h.sites {
		if p.bad() {
			f.sites = append(f.sites, s)
		}
	}
	slices.SortFunc(f.sites, func(a, b *site) int { return a.i - b.i })
	f.reason = Reason{Code: Explained, DownSites: len(f.sites), Sites: len(h.sites), Share: h.share()}
	f.reason.DownNetworks, f.reason.Networks = h.networks()
	return f
}

// fromRound is the finding that a round's decision makes by itself, for targets
// that no broader explanation takes in.
func (e *Engine) fromRound(now time.Time, r *round) finding {
	f := finding{scope: targetScope(r.t).within(r.t.out.Region), targets: []string{r.t.ID}, reason: r.t.out.Reason, conf: r.t.out.Confidence, first: ms(r.since)}
	causes := map[probes.Cause]int{}
	for k := range r.electors {
		el := &r.electors[k]
		if el.ballot().Answer != vantage.Down || r.t.out.Region != "" && el.site.Region != r.t.out.Region {
			continue
		}
		f.sites = append(f.sites, el.site)
		for _, an := range el.answers {
			if an.answer == vantage.Down {
				causes[an.cause]++
				f.first = min(f.first, ms(an.start))
			}
		}
		if r.t.out.Path {
			f.scope = scope{kind: KindNetworkProvider, network: el.site.net, provider: r.t.Provider}
		}
	}
	f.layer, f.cause = majority(causes)
	if fam := r.t.out.Family; fam != 0 && e.wellOver(now, r.t, other(fam)) {
		f.scope.family = fam
	}
	return f
}

// explain runs the explainer and turns what it finds into incidents.
func (e *Engine) explain(now time.Time) {
	e.emitAt, e.explained = time.Time{}, now
	rows, w := e.rows(now)
	held := map[scope]time.Time{}
	taken := map[*target]bool{}
	if w != nil {
		for _, h := range explainRows(rows, w) {
			if h.kind.ProviderSide() {
				e.blameProvider(now, h, taken)
			} else {
				e.blameOurs(now, h, held)
				for t := range h.targets { // the region's internet, not each thing seen from there
					taken[t] = taken[t] || h.kind == KindVRegion && t.out.Region == h.vregion
				}
			}
		}
	}
	e.standing = held
	if len(held) > 0 {
		e.want(now, e.rule.EmitWait)
	}
	for _, t := range e.targets {
		if !e.calledOut(now, t) || taken[t] {
			continue
		}
		if t.out.Edge != "" {
			continue // of an edge only the explainer knows whose it is
		}
		f := e.fromRound(now, t.last)
		l := e.home(f)
		if l == nil && (e.partTells(t) || e.askedAnew(t)) {
			continue
		}
		if l == nil && t.out.Path {
			l = e.pathOf(t)
		}
		if l == nil && !e.siblingMayFollow(now, t) || l != nil && l.inc.Confidence.Rank() < t.out.Confidence.Rank() {
			e.declare(now, f)
		}
	}
	e.flush(now)
}

// blameProvider declares a provider-side explanation if a round stands behind it.
func (e *Engine) blameProvider(now time.Time, h *hypothesis, taken map[*target]bool) {
	f := h.finding()
	f.first = h.began(e.rule)
	if e.partCovers(h) {
		for t := range h.targets {
			taken[t] = true
		}
		return
	}
	var best Decision
	told := e.home(f) != nil
	for _, id := range f.targets { // sorted: of equals the first
		if t := e.targetByID[id]; e.calledOut(now, t) && (told || !e.askedAnew(t)) && t.out.backs(h.scope) && t.out.Confidence.Rank() > best.Confidence.Rank() {
			best = t.out
		}
	}
	f.conf = best.Confidence
	if t := h.only(); best.Family != 0 && t != nil && h.saw(best.Family) && e.wellOver(now, t, other(best.Family)) {
		f.scope.family = best.Family // nobody has looked over the other version since: it was well
	}
	if best.Out {
		code, need, needNets, needShare := best.Reason.Code, best.Reason.Need, best.Reason.NeedNetworks, best.Reason.NeedShare
		abstained := best.Reason.Abstained
		if best.Confidence == ConfidenceConfirmed && !f.quorate(e.rule) || best.Confidence == ConfidenceProbable && f.reason.DownNetworks < e.rule.MFew {
			return // who voted has gone meanwhile: the round speaks for itself
		}
		f.reason.Code, f.reason.Need, f.reason.NeedNetworks, f.reason.NeedShare, f.reason.Abstained = code, need, needNets, needShare, abstained
	} else if !told {
		return // scheduled results alone open nothing
	}
	for t := range h.targets {
		if e.mayGrow(h, t) && e.siblingMayFollow(now, t) {
			return
		}
	}
	for t := range h.targets {
		taken[t] = true
	}
	e.declare(now, f)
}

// mayGrow says whether an explanation is likely to become a wider one: that of a
// lone target, or of some of the targets that a part of the fleet has lost already.
func (e *Engine) mayGrow(h *hypothesis, t *target) bool {
	switch h.kind {
	case KindTarget, KindVRegionTarget:
		return true
	case KindService, KindProviderRegion:
		return e.toldOfPart(t, func(sc scope) bool { return sc.vregion != "" || sc.kind == KindEdge })
	}
	return false
}

// siblingMayFollow holds back a lone target of a provider, or on a shared
// component, that has just had an incident: most likely both are one, which the next rows will show.
func (e *Engine) siblingMayFollow(now time.Time, t *target) bool {
	if now.Sub(t.outAt) >= e.rule.Sibling || e.ancestor(targetScope(t)) != nil {
		return false
	}
	for _, l := range e.open {
		if l.mild() && l.lists(t) {
			continue // its own, which has only become worse
		}
		if l.scope.kind.ProviderSide() && (l.scope.provider == t.Provider || e.shareComponent(l, t)) && now.Sub(l.inc.Opened) <= e.rule.Merge {
			e.want(now, e.rule.EmitWait)
			return true
		}
	}
	return false
}

// shareComponent says whether any target of the incident depends on what t depends on.
func (e *Engine) shareComponent(l *live, t *target) bool {
	return slices.ContainsFunc(l.inc.Targets, func(id string) bool {
		o := e.targetByID[id]
		return o != nil && slices.ContainsFunc(t.Dependencies, func(d string) bool { return slices.Contains(o.Dependencies, d) })
	})
}

// blameOurs declares a site, network or path explanation once it has held.
func (e *Engine) blameOurs(now time.Time, h *hypothesis, held map[scope]time.Time) {
	since, ok := e.standing[h.scope]
	if !ok {
		since = now
	}
	held[h.scope] = since
	if now.Sub(since) < e.rule.Hold {
		return
	}
	f := h.finding()
	f.first = h.began(e.rule)
	f.conf = ConfidenceProbable
	if f.reason.Share >= 0.8 && !e.isFrozen(now) && e.clearlyOurs(now, h) {
		f.conf = ConfidenceConfirmed
	}
	e.declare(now, f)
}
