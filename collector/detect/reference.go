package detect

import (
	"time"

	"picket/probes"
)

// This file watches the references themselves. A reference that is out says
// nothing of any cloud, and no site becomes unwell over it: an uplink is judged
// by most of its references, not by each. But people should know, and choose
// another one.

// references looks at every reference target, once a second. One of which K
// sites on M networks, by the quorum of section 2.4, find two results in a row
// failing, while their other references answer, is an incident of its own kind:
// likely at once, confirmed when it holds for Hold.
func (e *Engine) references(now time.Time) {
	for _, t := range e.refs {
		if !e.failsAtSome(t, e.rule.MinSites) { // no smaller quorum could find it out
			t.refOut = time.Time{}
			continue
		}
		f, ok := e.referenceOut(now, t)
		if !ok {
			t.refOut = time.Time{}
			continue
		}
		if t.refOut.IsZero() {
			t.refOut = now
		}
		f.conf = ConfidenceProbable
		if now.Sub(t.refOut) >= e.rule.Hold && !e.isFrozen(now) {
			f.conf = ConfidenceConfirmed
		}
		e.declare(now, f)
	}
}

// failsAtSome says whether a check of t fails at n sites or more.
func (e *Engine) failsAtSome(t *target, n int) bool {
	for _, s := range e.sites {
		if e.failsAt(s, t) {
			if n--; n <= 0 {
				return true
			}
		}
	}
	return false
}

// failsAt says whether any agent of the site holds a check of t DOWN.
func (e *Engine) failsAt(s *site, t *target) bool {
	for _, a := range s.agents {
		for _, i := range t.checks {
			if a.failing[i>>6]&(1<<(i&63)) != 0 {
				return true
			}
		}
	}
	return false
}

// referenceOut counts who finds the reference failing and its others well.
func (e *Engine) referenceOut(now time.Time, t *target) (finding, bool) {
	h := newHypothesis(scope{kind: KindReference, target: t.ID}, 0)
	for _, s := range e.sites {
		if ok, _ := e.canVote(now, s); !ok || !t.concerns(s) {
			continue
		}
		v := e.siteView(s, t, now, 0, probes.LayerNone)
		if !v.has || v.down && !e.othersWell(now, s, t) {
			continue
		}
		h.add(&row{s: s, t: t, able: true, down: v.down && v.sure, first: v.first, last: v.last, cause: v.cause, check: v.check})
	}
	_, nets := h.networks()
	if len(h.sites) < e.rule.MinSites || nets < e.rule.MFew || !h.quorum(e.rule) || h.share() < e.rule.floor(nets)-1e-9 {
		return finding{}, false
	}
	return h.finding(), true
}

// othersWell says whether enough of the site's other references answer.
func (e *Engine) othersWell(now time.Time, s *site, t *target) bool {
	n, up := 0, 0
	for _, o := range e.refs {
		if v := e.siteView(s, o, now, 0, probes.LayerNone); o != t && v.has {
			if n++; !v.down {
				up++
			}
		}
	}
	return n > 0 && float64(up) >= e.rule.References*float64(n)
}
