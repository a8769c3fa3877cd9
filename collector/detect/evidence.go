package detect

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// gather brings the evidence of an incident up to date. Once a site has failed
// it stays listed as failed, with its last failing time: recovery does not
// erase what was seen.
func (e *Engine) gather(now time.Time, l *live) {
	for _, id := range slices.Sorted(maps.Keys(l.quiet)) { // there may be no room for all
		e.gatherSilence(l, id)
	}
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil {
			continue
		}
		for _, s := range e.sites {
			if l.scope.looks(s) && t.concerns(s) {
				e.gatherPair(now, l, s, t)
			}
		}
	}
}

func (e *Engine) gatherSilence(l *live, id string) {
	s := e.siteByID[id]
	if s == nil || s.silence == nil || s.silence.l != l {
		return
	}
	ev := l.row(s, "")
	if ev == nil {
		return
	}
	ev.Answer, ev.First, ev.Last = "silent", s.silence.from, s.silence.to
	ev.Why = "lost contact"
	if s.silence.stopped {
		ev.Why = whyStopped
	}
}

// row finds or makes the evidence of a pair; nil when there is no room.
func (l *live) row(s *site, target string) *Evidence {
	k := proofKey{s.ID, target}
	ev := l.proof[k]
	if ev == nil {
		if len(l.proof) >= maxEvidence {
			return nil
		}
		ev = &Evidence{Site: s.ID, Target: target, Answer: vantage.Abstain.String()}
		l.proof[k] = ev
	}
	ev.Client, ev.Network, ev.VRegion = s.Client, s.net, s.Region
	return ev
}

func (e *Engine) gatherPair(now time.Time, l *live, s *site, t *target) {
	v := e.siteView(s, t.over(l.scope.family), now, 0, probes.LayerNone)
	old := l.proof[proofKey{s.ID, t.ID}]
	if v.has && !v.down && old != nil && (old.Answer == "down" || old.Answer == "degraded" && !e.slowStill(now, l, s, t)) {
		return
	}
	ev := l.row(s, t.ID)
	if ev == nil {
		return
	}
	switch {
	case v.has && v.down:
		c := &e.checks[v.check]
		if ev.First.IsZero() || fromMS(v.first).Before(ev.First) {
			ev.First = fromMS(v.first)
		}
		ev.Answer, ev.Why, ev.Last = "down", "", e.lastDown(s, t)
		if !e.standsBy(ev, s) {
			ev.observed(c.ID, v.cause)
			ev.Addr, ev.Edge, ev.Err = "", "", ""
		}
		l.failing[s.ID] = true
	case v.has:
		ev.Answer, ev.Why = "up", ""
	case ev.Answer != "down":
		ev.Answer = "abstain"
		if ok, why := e.eligible(now, s, t.Provider); !ok {
			ev.Why = why
		} else if ev.Why == "" {
			ev.Why = "no fresh result"
		}
	}
	e.quote(now, ev, s, t)
	e.gatherMild(now, l, ev, s, t)
}

// lastDown is when the newest observation of s began that found t down: other
// checks of it may have been good since.
func (e *Engine) lastDown(s *site, t *target) time.Time {
	var last int64
	for _, a := range s.agents {
		for _, i := range t.checks {
			if c := &a.cells[i]; e.checks[i].reach != probes.LayerNone && c.outcome == probes.Down {
				last = max(last, c.view)
			}
		}
	}
	return fromMS(last)
}

// observed takes the check and the cause of one observation.
func (ev *Evidence) observed(check string, cause probes.Cause) {
	ev.Check, ev.Cause, ev.Layer = check, cause.String(), ""
	if l := cause.Layer(); l != probes.LayerNone {
		ev.Layer = l.String()
	}
}

// standsBy says whether what a vote told for the row (peer, error text) is
// still what its check finds: then the row stays with that observation as a
// whole, since an error text belongs to its own cause only.
func (e *Engine) standsBy(ev *Evidence, s *site) bool {
	i, ok := e.checkByID[ev.Check]
	if !ok || ev.Addr == "" && ev.Edge == "" && ev.Err == "" {
		return false
	}
	return slices.ContainsFunc(s.agents, func(a *agent) bool {
		return int(i) < len(a.cells) && a.cells[i].outcome == probes.Down && a.cells[i].cause.String() == ev.Cause
	})
}

// quote tells the row by the site's vote, as one whole: check, cause, peer,
// text of the error, or why it abstained.
func (e *Engine) quote(now time.Time, ev *Evidence, s *site, t *target) {
	r := t.last
	if t.round != nil {
		r = t.round
	}
	if r == nil || now.Sub(r.opened) > e.rule.Merge {
		return
	}
	for k := range r.electors {
		if r.electors[k].site != s {
			continue
		}
		for _, an := range r.electors[k].answers {
			if !an.in || an.answer.String() != ev.Answer {
				continue
			}
			if ev.Answer == "down" {
				if !e.stillSays(r.check, an) {
					continue
				}
				ev.observed(e.checks[r.check].ID, an.cause)
			}
			if ev.Answer == "abstain" && an.why != "" {
				ev.Why = an.why
			}
			ev.Check = cmp.Or(ev.Check, e.checks[r.check].ID)
			if ev.Addr = ""; an.addr.IsValid() {
				ev.Addr = an.addr.String()
			}
			ev.Edge, ev.Err = an.edge, an.err
			return
		}
	}
}

// stillSays says whether the agent's newest word on the check is what it voted.
func (e *Engine) stillSays(check uint32, an answer) bool {
	if int(check) >= len(an.agent.cells) {
		return false // it has left the fleet
	}
	c := &an.agent.cells[check]
	return c.outcome == probes.Down && c.cause == an.cause
}

// sortedProof is the evidence as it is shown: failing first, then by site and target.
func (l *live) sortedProof() []Evidence {
	order := map[string]int{"silent": 0, "down": 1, "degraded": 2, "up": 3}
	out := make([]Evidence, 0, len(l.proof))
	for _, ev := range l.proof {
		out = append(out, *ev)
	}
	rank := func(a string) int {
		if n, ok := order[a]; ok {
			return n
		}
		return 4
	}
	slices.SortFunc(out, func(a, b Evidence) int {
		return cmp.Or(cmp.Compare(rank(a.Answer), rank(b.Answer)), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Target, b.Target))
	})
	return out
}
