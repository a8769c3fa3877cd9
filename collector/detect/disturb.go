package detect

import (
	"cmp"
	"slices"
	"time"

	"picket/probes"
)

// want asks for an explanation within wait.
func (e *Engine) want(now time.Time, wait time.Duration) {
	if t := now.Add(wait); e.emitAt.IsZero() || t.Before(e.emitAt) {
		e.emitAt = t
	}
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

// rows builds the rows of the explainer. A healthy answer counts only if it
// vouches for the layer at which the target (or, if that is well, the
// disturbance) fails: an open port says nothing about a broken certificate.
func (e *Engine) rows(now time.Time) ([]row, *world) {
	t0 := e.dawn(now)
	var rows []row
	causes := map[probes.Cause]int{}
	byTarget := make([]map[probes.Cause]int, len(e.targets))
	for _, s := range e.sites {
		for _, t := range e.targets {
			if t.Reference || !t.concerns(s) {
				continue
			}
			v := e.siteView(s, t, now, t0, probes.LayerNone)
			if !v.has {
				continue
			}
			rows = append(rows, row{s: s, t: t, down: v.down, first: v.first, last: v.last, cause: v.cause, check: v.check})
			if v.down {
				causes[v.cause]++
				if byTarget[t.i] == nil {
					byTarget[t.i] = map[probes.Cause]int{}
				}
				byTarget[t.i][v.cause]++
			}
		}
	}
	if len(causes) == 0 {
		return nil, nil
	}
	general, _ := majority(causes)
	layerOf := func(t *target) probes.Layer {
		if byTarget[t.i] == nil {
			return general
		}
		l, _ := majority(byTarget[t.i])
		return l
	}
	type key struct {
		s *site
		p string
	}
	able := map[key]bool{}
	rows = slices.DeleteFunc(rows, func(r row) bool {
		return !r.down && !e.siteView(r.s, r.t, now, t0, layerOf(r.t)).has
	})
	for i := range rows {
		k := key{rows[i].s, rows[i].t.Provider}
		ok, known := able[k]
		if !known {
			ok, _ = e.eligible(now, k.s, k.p)
			able[k] = ok
		}
		rows[i].able = ok
	}
	w := &world{rule: e.rule, targets: e.targets, providers: len(e.providers),
		measured: func(t *target) bool {
			l := layerOf(t)
			return slices.ContainsFunc(t.checks, func(i uint32) bool { return e.checks[i].reach >= max(l, probes.LayerDNS) })
		},
		others: func(h *hypothesis) elsewhere { return lookElsewhere(rows, h) }}
	return rows, w
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
}

// quorate says whether the finding's own counts could carry "confirmed".
func (f *finding) quorate(rule Rule) bool {
	return f.reason.DownSites >= rule.MinSites && f.reason.DownNetworks >= rule.MFew
}

// finding turns an explanation of the rows into one.
func (h *hypothesis) finding() finding {
	f := finding{scope: h.scope, targets: h.sortedTargets(), first: h.first}
	f.layer, f.cause = majority(h.causes)
	for s, p := range h.sites {
		if p.bad() {
			f.sites = append(f.sites, s)
		}
	}
	f.reason = Reason{Code: Explained, DownSites: len(f.sites), Sites: len(h.sites), Share: h.share()}
	f.reason.DownNetworks, f.reason.Networks = h.networks()
	return f
}

// fromRound is the finding that a round's decision makes by itself, for targets
// that no broader explanation takes in.
func fromRound(r *round) finding {
	f := finding{scope: targetScope(r.t), targets: []string{r.t.ID}, reason: r.t.out.Reason, conf: r.t.out.Confidence, first: ms(r.since)}
	causes := map[probes.Cause]int{}
	for k := range r.electors {
		el := &r.electors[k]
		if el.ballot().Answer != 2 {
			continue
		}
		f.sites = append(f.sites, el.site)
		for _, an := range el.answers {
			if an.answer == 2 {
				causes[an.cause]++
				f.first = min(f.first, ms(an.start))
			}
		}
		if r.t.out.Path {
			f.scope = scope{kind: KindNetworkProvider, network: el.site.net, provider: r.t.Provider}
		}
	}
	f.layer, f.cause = majority(causes)
	return f
}

// explain runs the explainer and turns what it finds into incidents.
func (e *Engine) explain(now time.Time) {
	e.emitAt = time.Time{}
	rows, w := e.rows(now)
	held := map[scope]time.Time{}
	taken := map[*target]bool{}
	if w != nil {
		for _, h := range explainRows(rows, w) {
			if h.kind.ProviderSide() {
				e.blameProvider(now, h, taken)
			} else {
				e.blameOurs(now, h, held)
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
		l := e.incidentOf(t)
		if l == nil && t.out.Path {
			l = e.pathOf(t)
		}
		if l == nil && !e.siblingMayFollow(now, t) || l != nil && l.inc.Confidence.Rank() < t.out.Confidence.Rank() {
			e.declare(now, fromRound(t.last))
		}
	}
	e.flush(now)
}

// blameProvider declares a provider-side explanation if a round stands behind it.
func (e *Engine) blameProvider(now time.Time, h *hypothesis, taken map[*target]bool) {
	f := h.finding()
	var best Decision
	for t, p := range h.targets {
		if p.bad() && e.calledOut(now, t) && !t.out.Path && t.out.Confidence.Rank() > best.Confidence.Rank() {
			best = t.out
		}
	}
	f.conf = best.Confidence
	if best.Out {
		code, need, needNets, needShare := best.Reason.Code, best.Reason.Need, best.Reason.NeedNetworks, best.Reason.NeedShare
		abstained := best.Reason.Abstained
		if best.Confidence == ConfidenceConfirmed && !f.quorate(e.rule) {
			return // who voted has gone meanwhile: the round speaks for itself
		}
		f.reason.Code, f.reason.Need, f.reason.NeedNetworks, f.reason.NeedShare, f.reason.Abstained = code, need, needNets, needShare, abstained
	} else if e.ancestor(f.scope) == nil {
		return // scheduled results alone open nothing
	}
	for t := range h.targets {
		if h.kind == KindTarget && e.siblingMayFollow(now, t) {
			return
		}
		taken[t] = true
	}
	e.declare(now, f)
}

// siblingMayFollow holds back a lone target of a provider that has just had an
// incident: most likely both are one, which the next rows will show.
func (e *Engine) siblingMayFollow(now time.Time, t *target) bool {
	if now.Sub(t.outAt) >= e.rule.Sibling || e.ancestor(targetScope(t)) != nil {
		return false
	}
	for _, l := range e.open {
		if l.scope.kind.ProviderSide() && l.scope.provider == t.Provider && now.Sub(l.inc.Opened) <= e.rule.Merge {
			e.want(now, e.rule.EmitWait)
			return true
		}
	}
	return false
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
	f.conf = ConfidenceProbable
	if f.reason.Share >= 0.8 && !e.isFrozen(now) && e.clearlyOurs(now, h) {
		f.conf = ConfidenceConfirmed
	}
	e.declare(now, f)
}
