package detect

import (
	"cmp"
	"slices"
	"time"

	"picket/probes"
)

// verdict judges one target afresh and tells of a change.
func (e *Engine) verdict(now time.Time, t *target) {
	if t.Reference {
		return
	}
	v := e.judgeTarget(now, t)
	t.stirred = false
	old := t.verdict
	v.Since = old.Since
	if v.State != old.State {
		v.Since = now
	}
	changed := v.State != old.State || v.Incident != old.Incident || v.Confidence != old.Confidence
	t.verdict = v
	if changed {
		e.emit(VerdictEvent{Verdict: v})
	}
}

// grid tells every target's verdict at the aligned grid point that has come.
func (e *Engine) grid(now time.Time) {
	point := now.Truncate(e.rule.Grid)
	e.gridAt = point.Add(e.rule.Grid)
	for _, t := range e.targets {
		if t.Reference {
			continue
		}
		e.verdict(now, t)
		v := t.verdict
		v.At = point
		e.emit(VerdictEvent{Verdict: v, Grid: true})
	}
}

// judgeTarget makes the verdict of a target from fresh scheduled results, the
// votes among them, and the incident that tells of it.
func (e *Engine) judgeTarget(now time.Time, t *target) Verdict {
	v := Verdict{Scope: "target", Provider: t.Provider, Service: t.Service, Region: t.Region, Target: t.ID,
		Client: t.Client, State: NoData, At: now, Age: -1}
	nets := map[string]*tallyPair{}
	causes := map[probes.Cause]int{}
	var newest int64
	for _, s := range e.sites {
		if !t.concerns(s) {
			continue
		}
		if ok, _ := e.canVote(now, s); !ok {
			continue
		}
		w := e.siteView(s, t, now, 0, probes.LayerNone)
		if !w.has {
			continue
		}
		p := nets[s.net]
		if p == nil {
			p = &tallyPair{}
			nets[s.net] = p
		}
		p.n++
		v.Sites++
		if w.down && w.sure {
			p.d++
			v.DownSites++
			causes[w.cause]++
		}
		newest = max(newest, w.last)
	}
	f := 0.0
	for _, p := range nets {
		f += float64(p.d) / float64(p.n) / float64(len(nets))
		if p.d > 0 {
			v.DownNetworks++
		}
	}
	v.Networks = len(nets)
	if newest > 0 {
		v.Age = max(now.Sub(fromMS(newest)), 0)
	}
	if layer, _ := majority(causes); layer != probes.LayerNone {
		v.Layer = layer.String()
	}
	e.stateOf(now, t, &v, f)
	return v
}

func (e *Engine) stateOf(now time.Time, t *target, v *Verdict, f float64) {
	code := NoneDown
	switch {
	case v.Sites == 0:
		code = NoVotes
	case f <= e.rule.CloseShare:
		v.State = OK
	default:
		v.State, code = Disputed, Minority
	}
	v.Reason = Reason{Code: code, DownSites: v.DownSites, Sites: v.Sites, DownNetworks: v.DownNetworks, Networks: v.Networks, Share: f}
	if l := e.incidentOf(t); l != nil {
		v.Incident, v.Confidence = l.inc.ID, l.inc.Confidence
		over := l.inc.State == Recovering && v.State == OK
		switch {
		case over:
			v.Reason.Code = Healthy
		case l.inc.Confidence.Rank() >= ConfidenceProbable.Rank():
			v.State, v.Layer = Down, cmp.Or(l.inc.Layer, v.Layer)
			v.Reason = l.inc.Reason
		case v.State != NoData:
			v.State, v.Reason.Code = Disputed, l.inc.Reason.Code
		}
	}
	if v.Reason.Text == "" {
		v.Reason.Text = verdictText(v)
	}
}

// Snapshot is the whole picture as a copy. It changes nothing.
func (e *Engine) Snapshot(now time.Time) Snapshot {
	s := Snapshot{At: now, Config: e.cfg.ID, Rounds: len(e.rounds), Frozen: e.isFrozen(now),
		Verdicts: []Verdict{}, Cells: []Cell{}, Open: []Incident{}, Recent: []Incident{}, Sites: []SiteStatus{}}
	for _, t := range e.targets {
		if t.Reference {
			continue
		}
		v := e.judgeTarget(now, t)
		v.Since = t.verdict.Since
		if v.State != t.verdict.State {
			v.Since = now
		}
		s.Verdicts = append(s.Verdicts, v)
	}
	s.Cells = e.cells(now, s.Verdicts)
	for _, l := range e.open {
		s.Open = append(s.Open, l.inc.clone())
	}
	for i := len(e.recent) - 1; i >= 0; i-- {
		s.Recent = append(s.Recent, e.recent[i].inc.clone())
	}
	slices.SortStableFunc(s.Open, func(a, b Incident) int { return a.Opened.Compare(b.Opened) })
	for _, v := range e.sites {
		s.Sites = append(s.Sites, e.statusOf(now, v))
	}
	slices.SortFunc(s.Sites, func(a, b SiteStatus) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// cells rolls verdicts up into the matrix of providers and regions.
func (e *Engine) cells(now time.Time, verdicts []Verdict) []Cell {
	type key struct{ provider, region string }
	at := map[key]int{}
	out := []Cell{}
	sites, nets := map[key]map[string]bool{}, map[key]map[string]bool{}
	for _, v := range verdicts {
		if v.Client != "" {
			continue
		}
		k := key{v.Provider, v.Region}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, Cell{Provider: v.Provider, Region: v.Region, State: NoData, Age: -1})
			sites[k], nets[k] = map[string]bool{}, map[string]bool{}
		}
		c := &out[i]
		c.Targets++
		if v.State > OK {
			c.Bad++
		}
		if v.State > c.State {
			c.State, c.Incident = v.State, v.Incident
		}
		c.Incident = cmp.Or(c.Incident, v.Incident)
		if v.Age >= 0 && (c.Age < 0 || v.Age < c.Age) {
			c.Age = v.Age
		}
		e.whoSees(now, v.Target, sites[k], nets[k])
	}
	for k, i := range at {
		out[i].Sites, out[i].Networks = len(sites[k]), len(nets[k])
	}
	slices.SortFunc(out, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Region, b.Region))
	})
	return out
}

func (e *Engine) whoSees(now time.Time, id string, sites, nets map[string]bool) {
	t := e.targetByID[id]
	if t == nil {
		return
	}
	for _, s := range e.sites {
		if sites[s.ID] || !t.concerns(s) {
			continue
		}
		if ok, _ := e.canVote(now, s); ok && e.siteView(s, t, now, 0, probes.LayerNone).has {
			sites[s.ID], nets[s.net] = true, true
		}
	}
}

func (e *Engine) statusOf(now time.Time, s *site) SiteStatus {
	st := SiteStatus{ID: s.ID, Client: s.Client, Network: s.net, VRegion: s.Region, Agents: len(s.agents)}
	st.LastSeen, st.Connected, _ = s.contact(now, e.silentAfter(s))
	st.Eligible, st.Why = e.canVote(now, s)
	for _, a := range s.agents {
		if a.health.RefsAsked >= st.RefsAsked {
			st.RefsOK, st.RefsAsked = a.health.RefsOK, a.health.RefsAsked
		}
	}
	return st
}
