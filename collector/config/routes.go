package config

import (
	"maps"
	"strings"
	"time"

	"picket/collector/config/strict"
)

// Bounds of alert routes.
const (
	maxDelay        = 24 * time.Hour
	maxResolveDelay = 24 * time.Hour
)

// influx reads the database for dashboards.
func (s *schema) influx(n *strict.Node, path string) {
	var db Influx
	s.Object(n, path, strict.Keys{
		"url":        s.webURL(&db.URL),
		"org":        s.Line(&db.Org, 200),
		"bucket":     s.Line(&db.Bucket, 200),
		"token_file": s.path(&db.Token.File),
		"token_env":  s.variable(&db.Token.Env),
	})
	if n.Kind != strict.Object {
		return
	}
	for _, key := range []string{"url", "bucket"} {
		if !n.Has(key) {
			s.Bad(n.At, "%s.%s is missing: write it, or remove influx to go without", path, key)
		}
	}
	if n.Has("token_file") && n.Has("token_env") {
		s.Bad(n.At, "%s has both token_file and token_env: keep one", path)
	}
	s.out.Influx = &db
}

// routes reads whom to tell; names are unique.
func (s *schema) routes() func(int, *strict.Node, string) {
	first := map[string]int{}
	return func(_ int, n *strict.Node, path string) {
		r := Route{Kinds: "all", MinConfidence: "probable", Delay: DefaultDelay, ResolveDelay: DefaultResolveDelay}
		at := n
		keys := strict.Keys{
			"name":           func(n *strict.Node, path string) { at = n; s.ID(&r.Name)(n, path) },
			"webhook":        s.webURL(&r.Webhook),
			"mail":           s.recipients(&r.Mail),
			"secret_file":    s.path(&r.Secret.File),
			"secret_env":     s.variable(&r.Secret.Env),
			"slack":          s.secretURL(&r.Slack),
			"teams":          s.secretURL(&r.Teams),
			"pagerduty":      s.pagerDuty(&r.PagerDuty),
			"alertmanager":   s.alertmanager(&r.Alertmanager),
			"ticket":         s.ticket(&r.Ticket),
			"shoutrrr":       s.secretURL(&r.Shoutrrr),
			"delay":          s.Duration(&r.Delay, 0, maxDelay),
			"resolve_delay":  s.Duration(&r.ResolveDelay, 0, maxResolveDelay),
			"kinds":          s.Choice(&r.Kinds, "all", "provider-side", "site"),
			"min_confidence": s.Choice(&r.MinConfidence, "suspected", "probable", "confirmed"),

			"zone":            s.zone(&r.Zone),
			"escalate":        s.escalate(&r),
			"only_escalation": s.lastResort(&r),
			"fallback":        s.fallback(&r.Fallback, &r),
		}
		maps.Copy(keys, s.policy(&r))
		s.Object(n, path, keys)
		if n.Kind != strict.Object {
			return
		}
		s.settlePolicy(&r, n, path)
		s.way(n, path)
		if r.Name == "" {
			if !n.Has("name") {
				s.Bad(n.At, "%s has no name: %s", path, strict.IDRule)
			}
			return
		}
		if line, twice := first[r.Name]; twice {
			s.Wrong(at, path+".name", "this alert name is already used on line %d: rename or remove one", line)
			return
		}
		first[r.Name] = at.At.Line
		s.out.Alerts = append(s.out.Alerts, r)
	}
}

// variable reads the name of an environment variable.
func (s *schema) variable(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 200)(n, path)
		bad := func(c rune) bool {
			return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
		}
		if v == "" {
			return
		}
		if strings.ContainsFunc(v, bad) || v[0] >= '0' && v[0] <= '9' {
			// Not repeated: it may be the secret itself.
			s.Bad(n.At, "%s: not the name of an environment variable: write the name, not the secret", path)
			return
		}
		*into = v
	}
}
