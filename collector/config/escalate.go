package config

import (
	"slices"
	"time"

	"picket/collector/config/strict"
)

// Bounds of escalation. A minute is the least in which somebody can read, log in
// and press a button.
const (
	minEscalate = time.Minute
	maxEscalate = 24 * time.Hour
	maxSteps    = 2 // channel, person, all
)

// Escalation is whom a route's incidents are handed on to if nobody acknowledges.
type Escalation struct {
	After time.Duration
	To    string // name of a route; "" nobody
}

// words is the escalation for people.
func (e Escalation) words() string {
	if e.To == "" {
		return "none"
	}
	return "to " + e.To + " after " + strict.Short(e.After)
}

// escalate reads the escalation of a route, which has its name by the time that
// the whole file is looked at.
func (s *schema) escalate(r *Route) strict.Read {
	return func(n *strict.Node, path string) {
		var to *strict.Node
		s.Object(n, path, strict.Keys{
			"after": s.Duration(&r.Escalate.After, minEscalate, maxEscalate),
			"to":    func(n *strict.Node, path string) { to = n; s.ID(&r.Escalate.To)(n, path) },
		})
		if n.Kind != strict.Object {
			return
		}
		if to == nil || !n.Has("after") {
			s.Bad(n.At, "%s needs after and to, such as {after: 15m, to: on-call}", path)
			return
		}
		if r.Escalate.To != "" {
			s.Later(func() { s.chain(r, to, path+".to") })
		}
	}
}

// chain follows an escalation to its end.
func (s *schema) chain(r *Route, to *strict.Node, path string) {
	names := make([]string, len(s.out.Alerts))
	next := map[string]string{}
	for i, x := range s.out.Alerts {
		names[i], next[x.Name] = x.Name, x.Escalate.To
	}
	if !slices.Contains(names, r.Escalate.To) {
		s.Wrong(to, path, "no such alert route%s; define it under alerts", strict.DidYouMean(r.Escalate.To, names))
		return
	}
	steps := []string{r.Name}
	for at := r.Escalate.To; at != ""; at = next[at] {
		if at == r.Name {
			if first := slices.IndexFunc(names, func(x string) bool { return slices.Contains(steps, x) }); names[first] == r.Name { // told once of a circle
				s.Wrong(to, path, "goes round in a circle: the last route must escalate to nobody")
			}
			return
		}
		if slices.Contains(steps, at) {
			return // a circle behind it, which is told of there
		}
		steps = append(steps, at)
	}
	if len(steps) == maxSteps+2 {
		s.Wrong(to, path, "is the first of more than %d steps: leave some out", maxSteps)
	}
}

// lastResort reads whether a route is told only what is handed on to it.
func (s *schema) lastResort(r *Route) strict.Read {
	return func(n *strict.Node, path string) {
		s.Boolean(&r.OnlyEscalation)(n, path)
		if !r.OnlyEscalation {
			return
		}
		s.Later(func() {
			if r.Name != "" && !slices.ContainsFunc(s.out.Alerts, func(x Route) bool { return x.Escalate.To == r.Name && x.Name != r.Name }) {
				s.Wrong(n, path, "no route escalates to %s, so nobody would ever be told on it: write escalate: {after: 15m, to: %s} at another one, or leave this out", r.Name, r.Name)
			}
		})
	}
}
