package detect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// This file is the quorum for latency (3.1). An agent knows what is slow from
// where it is and has taken its own line's slowness off; it marks results and
// tells added time and ratio. Here the marks of the last minute are rows of the
// same explainer as failures: K sites on M networks, a balanced share of 0.6,
// and all networks by about the same factor (co-direction), or it is not one
// cause. A slow site is UP in every quorum about outages.
//
// A site most of whose references are slow has a full line: that is told of the
// site, and its word on anybody else's speed is not heard meanwhile.
const (
	slowWindow = 60 * time.Second // 3.1: votes within a window of 60 s
	slowFactor = 3.0              // 3.1: co-direction
	slowHold   = 30 * time.Second // [E] our own side waits for the slower flags of the others
	slowWait   = 10 * time.Second // [E] what blames a part of the fleet, or rests on one, waits for the others' next results
	slowEvery  = 5 * time.Second  // [E] explained at least this often while anything is slow
	slowRefs   = 2                // [E] least slow references of a slow line
	maxMarks   = 1 << 16
)

type slowKey struct {
	agent *agent
	check uint32
}

// mark is a check that is slow from an agent.
type mark struct {
	since, at int64 // ms: first and latest word of it
	added     time.Duration
	ratio     float64 // 0: not told yet
}

// slows is what the engine holds for this file.
type slows struct {
	marks map[slowKey]mark
	next  time.Time // explained again then
	stirs bool      // a new mark came
}

// paced takes a scheduled result's word on speed.
func (e *Engine) paced(now time.Time, a *agent, i uint32, o Observation) {
	switch {
	case o.Result.Outcome == probes.Degraded && o.Result.Cause == probes.Slow:
		e.flag(now, a, i, 0, 0)
	case o.Result.Outcome == probes.Up && len(e.slows.marks) > 0:
		delete(e.slows.marks, slowKey{a, i})
	}
}

// strained takes a doubt that says that nothing fails. Losses are a hint that
// the pools do not need.
func (e *Engine) strained(now time.Time, a *agent, i uint32, s Suspicion) {
	if s.Cause == probes.Slow && s.Ratio > 1 && !math.IsInf(s.Ratio, 1) && s.Added > 0 {
		e.flag(now, a, i, s.Added, s.Ratio)
	}
}

func (e *Engine) flag(now time.Time, a *agent, i uint32, added time.Duration, ratio float64) {
	if e.checks[i].reach == probes.LayerNone {
		return
	}
	k := slowKey{a, i}
	m, known := e.slows.marks[k]
	if !known {
		if len(e.slows.marks) >= maxMarks {
			return
		}
		m.since = ms(now)
		e.slows.stirs = true
	}
	m.at = ms(now)
	if ratio > 0 {
		e.slows.stirs = e.slows.stirs || m.ratio == 0
		m.added, m.ratio = added, ratio
	}
	if e.slows.marks == nil {
		e.slows.marks = map[slowKey]mark{}
	}
	e.slows.marks[k] = m
}

// moveMarks lets marks follow their checks to a new config.
func (e *Engine) moveMarks(old map[string]uint32) {
	to := map[uint32]uint32{}
	for id, i := range e.checkByID {
		if j, ok := old[id]; ok {
			to[j] = i
		}
	}
	moved := map[slowKey]mark{}
	for k, m := range e.slows.marks {
		if j, ok := to[k.check]; ok {
			moved[slowKey{k.agent, j}] = m
		}
	}
	e.slows.marks = moved
}

// slowAt says whether the target is slow as seen from the site: some check of
// each of its agents that has a fresh word.
func (e *Engine) slowAt(now time.Time, s *site, t *target) (m mark, slow bool) {
	for _, a := range s.agents {
		here := false
		for _, i := range t.checks {
			k, ok := e.slows.marks[slowKey{a, i}]
			if !ok || ms(now)-k.at > slowWindow.Milliseconds() {
				continue
			}
			here = true
			if m.since == 0 || k.since < m.since {
				m.since = k.since
			}
			if k.ratio > m.ratio {
				m.added, m.ratio = k.added, k.ratio
			}
		}
		if !here && e.agentView(a, t, now, 0, probes.LayerNone).has {
			return mark{}, false
		}
		slow = slow || here
	}
	return m, slow
}

// lineSlow says whether most of the site's references are slow; heard, whether
// enough of them can tell.
func (e *Engine) lineSlow(now time.Time, s *site) (slow, heard bool) {
	n, d := 0, 0
	for _, t := range e.targets {
		if !t.Reference || !t.concerns(s) {
			continue
		}
		if _, is := e.slowAt(now, s, t); is {
			n, d = n+1, d+1
		} else if e.siteView(s, t, now, 0, probes.LayerNone).has {
			n++
		}
	}
	return d >= slowRefs && float64(d) >= e.rule.References*float64(n), n > 0
}

// careSlows runs once a second: marks that are over, findings.
func (e *Engine) careSlows(now time.Time) {
	if len(e.slows.marks) == 0 {
		return
	}
	for k, m := range e.slows.marks {
		if ms(now)-m.at > slowWindow.Milliseconds() || k.agent.site == nil || k.agent.site.removed {
			delete(e.slows.marks, k)
		}
	}
	if !e.slows.stirs && now.Before(e.slows.next) {
		return
	}
	e.slows.stirs, e.slows.next = false, now.Add(slowEvery)
	lines := map[*site]bool{}
	for _, s := range e.sites {
		if slow, _ := e.lineSlow(now, s); slow {
			lines[s] = true
			e.blameLine(now, s)
		}
	}
	e.explainSlow(now, lines)
}

// blameLine declares a slow line once it has been slow for a while.
func (e *Engine) blameLine(now time.Time, s *site) {
	first := ms(now)
	f := finding{scope: scope{kind: KindSite, site: s.ID}, sites: []*site{s}, cause: probes.Slow, conf: ConfidenceProbable, severity: SeverityDegraded,
		reason: Reason{Code: Explained, DownSites: 1, Sites: 1, DownNetworks: 1, Networks: 1, Share: 1}}
	for _, t := range e.targets {
		if !t.concerns(s) {
			continue
		}
		if !t.Reference {
			f.targets = append(f.targets, t.ID)
		} else if m, slow := e.slowAt(now, s, t); slow {
			first = min(first, m.since)
		}
	}
	slices.Sort(f.targets)
	if f.first = first; len(f.targets) > 0 && ms(now)-first >= e.rule.Hold.Milliseconds() {
		e.declare(now, f)
	}
}

// explainSlow declares what the slow pairs have in common. Pairs that cannot tell
// yet are neither slow nor well (drift.go).
func (e *Engine) explainSlow(now time.Time, lines map[*site]bool) {
	rows, unsure, wider := e.slowRows(now, lines)
	if !slices.ContainsFunc(rows, func(r row) bool { return r.down }) {
		return
	}
	for _, h := range e.mildRows(rows) {
		f, alike := e.slowFinding(now, h)
		since := ms(now) - h.first
		switch {
		case !alike || f.added <= 0:
		case h.kind.ProviderSide() && f.reason.Sites >= e.rule.MinSites:
			if !wider(h) && e.slowThereOnly(h) {
				continue
			}
			waits := h.vregion != "" || slices.ContainsFunc(h.badOnes(), func(t *target) bool { return unsure[t] })
			if !waits || since >= slowWait.Milliseconds() {
				e.declare(now, f)
			}
		case !h.kind.ProviderSide() && since >= slowHold.Milliseconds():
			f.conf = ConfidenceProbable
			e.declare(now, f)
		}
	}
}

// slowRows are the pairs that are slow or well, the slow targets about which some
// vantage region cannot tell, and whether such a region is rather slow, too, towards
// any failing target of a hypothesis.
func (e *Engine) slowRows(now time.Time, lines map[*site]bool) (rows []row, unsure map[*target]bool, wider func(*hypothesis) bool) {
	slowTargets := map[*target]bool{}
	for _, t := range e.targets {
		if t.Reference {
			continue
		}
		for _, s := range e.sites {
			if !t.concerns(s) || lines[s] || e.outageTells(t, s) {
				continue
			}
			if ok, _ := e.eligible(now, s, t.Provider); !ok {
				continue
			}
			m, slow := e.slowAt(now, s, t)
			if v := e.siteView(s, t, now, 0, probes.LayerNone); !slow && (!v.has || v.down) {
				continue
			}
			slowTargets[t] = slowTargets[t] || slow
			rows = append(rows, row{s: s, t: t, able: true, down: slow, first: m.since, last: ms(now), cause: probes.Slow, check: t.anyCheck()})
		}
	}
	by, leans := e.slowChecks(), map[leanKey]*lean{}
	for _, r := range rows {
		if !r.down && slowTargets[r.t] {
			k := leanOf(r.s, r.t)
			if leans[k] == nil {
				leans[k] = &lean{}
			}
			leans[k].add(r.s, r.t, by)
		}
	}
	unsure = map[*target]bool{}
	slow := map[*target]bool{}
	wider = func(h *hypothesis) bool {
		return slices.ContainsFunc(h.badOnes(), func(t *target) bool { return slow[t] })
	}
	return slices.DeleteFunc(rows, func(r row) bool {
		if r.down || !slowTargets[r.t] || leans[leanOf(r.s, r.t)].well() {
			return false
		}
		unsure[r.t] = true
		slow[r.t] = slow[r.t] || leans[leanOf(r.s, r.t)].odds() <= -leanSure
		return true
	}), unsure, wider
}

// slowFinding is a hypothesis over slow pairs in the words of an incident: the
// medians of what was added and of the ratio. It is false if the networks do
// not agree on the ratio.
func (e *Engine) slowFinding(now time.Time, h *hypothesis) (finding, bool) {
	f := h.finding()
	f.severity, f.conf = SeverityDegraded, ConfidenceConfirmed
	var added []time.Duration
	var ratios []float64
	byNet := map[string][]float64{}
	known := map[string]bool{}
	for _, r := range h.rows {
		if !r.down {
			continue
		}
		if m, _ := e.slowAt(now, r.s, r.t); m.ratio > 0 {
			added, ratios = append(added, m.added), append(ratios, m.ratio)
			byNet[r.s.net] = append(byNet[r.s.net], m.ratio)
		}
		if r.s.named() {
			known[r.s.net] = true
		}
	}
	f.added, f.ratio = medianOf(added), medianOf(ratios)
	least, most := f.ratio, f.ratio
	for _, v := range byNet {
		m := medianOf(v)
		least, most = min(least, m), max(most, m)
	}
	if f.reason.Networks <= 2 || len(known) < e.rule.MMany || e.isFrozen(now) {
		f.conf = ConfidenceProbable
	}
	return f, most <= slowFactor*least
}

// slowHealth is how a target of an incident of severity degraded is.
func (e *Engine) slowHealth(now time.Time, l *live, t *target) health {
	nets := map[string]*tallyPair{}
	down := 0
	for _, s := range e.sites {
		if !l.scope.looks(s) || !t.concerns(s) || !e.counts(now, l, s) {
			continue
		}
		_, slow := e.slowAt(now, s, t)
		if !slow && !e.siteView(s, t, now, 0, probes.LayerNone).has {
			continue
		}
		p := nets[s.net]
		if p == nil {
			p = &tallyPair{}
			nets[s.net] = p
		}
		if p.n++; slow {
			p.d++
			down++
		}
	}
	low := balanced(nets) <= e.rule.CloseShare+1e-9
	seen := len(nets) > 0
	return health{well: seen && low, calm: seen && low, seen: seen, relapsed: !low && (down >= 2 || l.scope.kind == KindSite)}
}

// paceHealth is how the line of a site is whose references were slow.
func (e *Engine) paceHealth(now time.Time, s *site) health {
	if s == nil {
		return health{}
	}
	slow, heard := e.lineSlow(now, s)
	return health{well: heard && !slow, calm: heard && !slow, seen: heard, relapsed: slow}
}

// balanced is the mean over networks of the failing share, in whole numbers so
// that the order of a map does not matter.
func balanced(nets map[string]*tallyPair) float64 {
	const unit = 1e8
	if len(nets) == 0 {
		return 0
	}
	var sum int64
	for _, p := range nets {
		sum += int64(unit * float64(p.d) / float64(p.n))
	}
	return float64(sum) / unit / float64(len(nets))
}

// gatherMild makes the evidence of a pair that is slow, or whose site's line is.
func (e *Engine) gatherMild(now time.Time, l *live, ev *Evidence, s *site, t *target) {
	if l.inc.Severity != SeverityDegraded || ev.Answer == vantage.Down.String() {
		return
	}
	m, slow := e.slowAt(now, s, t)
	if l.lineOnly() && !slow {
		if slow, _ = e.lineSlow(now, s); slow {
			m.since = ms(l.inc.Started)
		}
	}
	if !slow {
		return
	}
	if ev.First.IsZero() {
		ev.First = fromMS(m.since)
	}
	ev.Answer, ev.Why, ev.Last = vantage.Degraded.String(), "", now
	ev.Cause = probes.Slow.String()
	l.failing[s.ID] = true
}

// slowText is the sentence of an incident of severity degraded.
func slowText(inc *Incident, subject, who string, past bool) string {
	by := fmt.Sprintf("+%d ms (x%.1f)", inc.Added.Milliseconds(), inc.Ratio)
	if past {
		return fmt.Sprintf("%s was slower from %s: %s at %s.", subject, clock(inc.Started), by, who)
	}
	return fmt.Sprintf("%s is slower: %s at %s.", subject, by, who)
}

// named says whether the site's network is known by name.
func (s *site) named() bool { return s.Network.Basis != fleet.BasisPrefix }

// slowStill says whether what made the pair's evidence slow goes on.
func (e *Engine) slowStill(now time.Time, l *live, s *site, t *target) bool {
	_, slow := e.slowAt(now, s, t)
	if l.lineOnly() && !slow {
		slow, _ = e.lineSlow(now, s)
	}
	return slow
}
