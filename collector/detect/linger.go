package detect

import (
	"time"

	"picket/probes"
)

// This file knows the long tail of an outage (A10): most of it has healed, a
// rest has not, for a long time. That is one incident in state Lingering, not
// a new one: its label shrinks with its scope (closing.go's narrow, A18), it
// closes as any other does, and it is itself again when it grows. Of many sites one
// fails now and then by itself: less than twice a rest, for less than a minute, is
// still that rest.

// tail is how an incident's failing pairs of site and target went.
type tail struct {
	peak  int       // most that surely failed at once, since it was (re)opened or relapsed
	since time.Time // small since; zero: it is not
	grown time.Time // since when there is a little more than that; zero: there is not
}

// rest is who still fails towards a target without one good answer for as long
// as health must last. On two sites of two networks that is no trouble of one
// site: the outage is not over, however few they are of many (A10 over 2.4).
type rest struct {
	first *site
	more  bool // another site, on another network
}

func (r *rest) add(s *site) {
	if r.first == nil {
		r.first = s
	}
	r.more = r.more || s.net != r.first.net
}

// linger moves an incident that is not recovering into Lingering and out of it.
func (e *Engine) linger(now time.Time, l *live) {
	n, t := e.pairsDown(now, l), &l.tail
	t.peak = max(t.peak, n)
	switch {
	case n == 0:
	case float64(n) <= e.rule.LingerShare*float64(t.peak):
		t.grown = time.Time{}
		if t.since.IsZero() {
			t.since = now
		}
		if l.inc.State != Lingering && now.Sub(t.since) >= e.rule.LingerAfter {
			l.inc.State = Lingering
			e.announce(now, l, Changed)
		}
	case l.inc.State == Lingering && float64(n) <= 2*e.rule.LingerShare*float64(t.peak):
		// a little more than a rest: not news yet
	case !t.since.IsZero() && float64(n) <= 2*e.rule.LingerShare*float64(t.peak) && (t.grown.IsZero() || now.Sub(t.grown) < e.rule.CloseAfter):
		if t.grown.IsZero() {
			t.grown = now
		}
	default:
		t.since, t.grown = time.Time{}, time.Time{}
		if l.inc.State == Lingering {
			l.inc.State = State(l.inc.Confidence)
			e.announce(now, l, Changed)
		}
	}
}

// pairsDown counts the pairs of the incident that surely fail now.
func (e *Engine) pairsDown(now time.Time, l *live) int {
	n := 0
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil {
			continue
		}
		for _, s := range e.sites {
			if !l.scope.looks(s) || !t.concerns(s) || !e.counts(now, l, s) {
				continue
			}
			if v := e.siteView(s, t, now, 0, probes.LayerNone); v.has && v.down && v.sure {
				n++
			}
		}
	}
	return n
}
