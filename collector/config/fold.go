package config

import (
	"cmp"
	"fmt"
	"slices"

	"picket/collector/config/strict"
	"picket/internal/fleet"
	"picket/probes"
)

// One https check opens one connection and tells all of it: the name, the
// connection, the TLS session and the answer, each timed, and at which of them it
// failed. A tcp or tls check of the same target to the same port that says nothing
// of its own would open a second and a third one for a part of that answer: it is
// folded into the http check, and a warning says so. Whoever wants it apart gives
// it anything of its own, such as an interval.
//
// A dns check stays: it opens no connection, costs a twentieth, and is asked three
// times as often, which is when it is worth having.

// bare says whether a check says no more than its kind and the port.
func bare(n *strict.Node) bool {
	return n.Kind == strict.Scalar ||
		!slices.ContainsFunc(n.Fields, func(f strict.Field) bool { return f.Key != "kind" && f.Key != "port" })
}

// fold leaves the checks out that an http check answers too. plain are the bare
// ones, with where they stand.
func (s *schema) fold(t *Target, plain map[string]strict.Place) {
	t.Checks = slices.DeleteFunc(t.Checks, func(c fleet.Check) bool {
		at, ok := plain[c.ID]
		if !ok || c.Spec.Kind != probes.TCP && c.Spec.Kind != probes.TLS {
			return false
		}
		i := slices.IndexFunc(t.Checks, func(h fleet.Check) bool { return covers(h.Spec, c.Spec) })
		if i < 0 {
			return false
		}
		s.out.Warnings = append(s.out.Warnings, Problem{File: s.File, Line: at.Line, Column: at.Column,
			Text: fmt.Sprintf("%s asks nothing that %s does not: one https check tells of the connection, TLS and the answer, so it is left out; give it an interval of its own to have it asked apart", c.ID, t.Checks[i].ID)})
		return true
	})
}

// covers says whether an https check asks all that a bare check c of the same
// target asks.
func covers(h, c probes.Spec) bool {
	const https = 443
	return h.Kind == probes.HTTP && !h.Plain && h.Host == c.Host && cmp.Or(h.Port, https) == cmp.Or(c.Port, https) &&
		h.Resolver == "" && h.Family == 0 && h.ServerName == ""
}
