package detect

import (
	"cmp"
	"slices"
	"time"

	"picket/probes"
)

// restless is how often a verdict is made anew when nothing has stirred: what
// changes then is only the age of data and who may vote.
const restless = 5 * time.Second

// reconsider makes the verdicts anew about which something has stirred, and
// those that are restless.
func (e *Engine) reconsider(now time.Time) {
	j := &e.jury
	j.wanted = j.wanted[:0]
	for _, t := range e.targets {
		if t.stirred || now.Sub(t.verdict.At) >= restless {
			j.wanted = append(j.wanted, t)
		}
	}
	e.verdicts(now, j.wanted)
}

// verdict judges one target afresh and tells of a change.
func (e *Engine) verdict(now time.Time, t *target) { e.verdicts(now, []*target{t}) }

// verdicts judges targets afresh, in their order, and tells of changes.
func (e *Engine) verdicts(now time.Time, ts []*target) {
	e.judgeEach(now, ts, func(t *target, v Verdict) { e.take(t, v) })
}

// take makes v the verdict of t and tells of a change.
func (e *Engine) take(t *target, v Verdict) {
	old := &t.verdict
	changed := v.State != old.State || v.Incident != old.Incident || v.Confidence != old.Confidence
	t.verdict, t.stirred = v, false
	if changed {
		e.emit(VerdictEvent{Verdict: v})
	}
}

// grid tells every target's verdict at the aligned grid point that has come.
func (e *Engine) grid(now time.Time) {
	point := now.Truncate(e.rule.Grid)
	e.gridAt = point.Add(e.rule.Grid)
	if e.mute {
		return
	}
	e.judgeEach(now, e.targets, func(t *target, v Verdict) {
		e.take(t, v)
		v.At = point
		e.emit(VerdictEvent{Verdict: v, Grid: true})
	})
}

// judgeEach makes the verdicts of targets, references left out, and passes them
// on in their order.
func (e *Engine) judgeEach(now time.Time, ts []*target, pass func(*target, Verdict)) {
	for len(ts) > 0 {
		n := min(len(ts), juryTargets)
		e.hear(now, ts[:n])
		for k, t := range ts[:n] {
			if t.Reference {
				continue
			}
			v := e.judgeTarget(now, t, k)
			if v.Since = t.verdict.Since; v.State != t.verdict.State {
				v.Since = now
			}
			pass(t, v)
		}
		ts = ts[n:]
	}
}

// juryTargets bounds the scratch paper: so many targets x networks.
const juryTargets = 128

// jury is the scratch paper of verdicts. What is fresh and who may vote changes
// with time alone, so a verdict cannot be kept as a running count: it is made
// from the cells. They lie in memory by agent, so hear goes through the fleet
// once for many targets, and not once for each of them.
type jury struct {
	seats  []seat
	nets   []netPair // seat x network
	wanted []*target // of reconsider
}

// netPair counts the sites of one network, and those that surely fail.
type netPair struct{ n, d int32 }

// seat is what the sites say of one target.
type seat struct {
	tally  tallyPair // sites, and those that surely fail
	newest int64
	causes map[probes.Cause]int // of those; nil while there are none
}

// hear counts in jury.seats what the sites that may vote say of the targets, from
// fresh scheduled results and the votes among them.
func (e *Engine) hear(now time.Time, ts []*target) {
	j, isps := &e.jury, len(e.isps)
	j.seats = resized(j.seats, len(ts))
	j.nets = resized(j.nets, len(ts)*isps)
	clear(j.seats)
	clear(j.nets)
	for _, s := range e.sites {
		if ok, _ := e.canVote(now, s); !ok {
			continue
		}
		for k, t := range ts {
			if !t.concerns(s) {
				continue
			}
			w := e.siteView(s, t, now, 0, probes.LayerNone)
			if !w.has {
				continue
			}
			seat, net := &j.seats[k], &j.nets[k*isps+int(s.isp)]
			seat.tally.n++
			net.n++
			seat.newest = max(seat.newest, w.last)
			if w.down && w.sure {
				seat.tally.d++
				net.d++
				if seat.causes == nil {
					seat.causes = map[probes.Cause]int{}
				}
				seat.causes[w.cause]++
			}
		}
	}
}

// judgeTarget makes the verdict of a target from seat k of the jury, and the
// incident that tells of it.
func (e *Engine) judgeTarget(now time.Time, t *target, k int) Verdict {
	v := Verdict{Scope: "target", Provider: t.Provider, Service: t.Service, Region: t.Region, Target: t.ID,
		Client: t.Client, State: NoData, At: now, Age: -1, Maintained: e.closed(t)}
	s := &e.jury.seats[k]
	v.Sites, v.DownSites = s.tally.n, s.tally.d
	sum := 0.0
	for _, p := range e.jury.nets[k*len(e.isps):][:len(e.isps)] {
		if p.n == 0 {
			continue
		}
		v.Networks++
		sum += float64(p.d) / float64(p.n)
		if p.d > 0 {
			v.DownNetworks++
		}
	}
	f := 0.0
	if v.Networks > 0 {
		f = sum / float64(v.Networks)
	}
	if s.newest > 0 {
		v.Age = max(now.Sub(fromMS(s.newest)), 0)
	}
	if layer, _ := majority(s.causes); layer != probes.LayerNone {
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
			v.State, v.Layer = stateOfSeverity(l.inc.Severity), cmp.Or(l.inc.Layer, v.Layer)
			v.Reason = l.inc.Reason
		case v.State != NoData:
			v.State, v.Reason.Code = Disputed, l.inc.Reason.Code
		}
	}
	if old := &t.verdict; v.Reason.Text == "" && old.Reason.Code == v.Reason.Code && old.State == v.State && old.Sites == v.Sites && old.Networks == v.Networks &&
		old.DownSites == v.DownSites && old.DownNetworks == v.DownNetworks && old.Incident == v.Incident {
		v.Reason.Text = old.Reason.Text // the same words
	}
	if v.Reason.Text == "" {
		v.Reason.Text = verdictText(v)
	}
}

// Snapshot is the whole picture as a copy. It changes nothing.
func (e *Engine) Snapshot(now time.Time) Snapshot {
	s := Snapshot{At: now, Config: e.cfg.ID, Rounds: len(e.rounds), Frozen: e.isFrozen(now),
		Verdicts: []Verdict{}, Cells: []Cell{}, Open: []Incident{}, Recent: []Incident{}, Sites: []SiteStatus{}}
	e.judgeEach(now, e.targets, func(_ *target, v Verdict) { s.Verdicts = append(s.Verdicts, v) })
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
	cellOf := make([]int, len(e.targets)) // -1: in no cell
	for i := range cellOf {
		cellOf[i] = -1
	}
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
		if t := e.targetByID[v.Target]; t != nil {
			cellOf[t.i] = i
		}
	}
	e.whoSees(now, cellOf, out)
	slices.SortFunc(out, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Region, b.Region))
	})
	return out
}

// whoSees counts the sites and networks that see any target of each cell: once
// through the fleet, and no further at a site than to its first sight of a cell.
func (e *Engine) whoSees(now time.Time, cellOf []int, out []Cell) {
	isps := make([]bool, len(out)*len(e.isps))
	seen := make([]int, len(out)) // the last site (plus one) that was counted
	for _, s := range e.sites {
		if ok, _ := e.canVote(now, s); !ok {
			continue
		}
		for _, t := range e.targets {
			i := cellOf[t.i]
			if i < 0 || seen[i] == s.i+1 || !t.concerns(s) || !e.siteView(s, t, now, 0, probes.LayerNone).has {
				continue
			}
			seen[i] = s.i + 1
			out[i].Sites++
			if n := i*len(e.isps) + int(s.isp); !isps[n] {
				isps[n] = true
				out[i].Networks++
			}
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
