package config

import (
	"strings"
	"time"
)

// Bounds of alert routes.
const (
	maxDelay        = 24 * time.Hour
	maxResolveDelay = 24 * time.Hour
)

// influx reads the database for dashboards.
func (s *schema) influx(n *node, path string) {
	var db Influx
	s.object(n, path, fields{
		"url":        s.webURL(&db.URL),
		"org":        s.line(&db.Org, 200),
		"bucket":     s.line(&db.Bucket, 200),
		"token_file": s.path(&db.Token.File),
		"token_env":  s.variable(&db.Token.Env),
	})
	if n.kind != object {
		return
	}
	for _, key := range []string{"url", "bucket"} {
		if !has(n, key) {
			s.bad(n.at, "%s.%s is missing: write it, or remove influx to go without", path, key)
		}
	}
	if has(n, "token_file") && has(n, "token_env") {
		s.bad(n.at, "%s has both token_file and token_env: keep one", path)
	}
	s.out.Influx = &db
}

// routes reads whom to tell; names are unique.
func (s *schema) routes() func(int, *node, string) {
	first := map[string]int{}
	return func(_ int, n *node, path string) {
		r := Route{Kinds: "all", MinConfidence: "probable", ResolveDelay: DefaultResolveDelay}
		at := n
		s.object(n, path, fields{
			"name":           func(n *node, path string) { at = n; s.id(&r.Name)(n, path) },
			"webhook":        s.webURL(&r.Webhook),
			"mail":           s.recipients(&r.Mail),
			"secret_file":    s.path(&r.Secret.File),
			"secret_env":     s.variable(&r.Secret.Env),
			"delay":          s.duration(&r.Delay, 0, maxDelay),
			"resolve_delay":  s.duration(&r.ResolveDelay, 0, maxResolveDelay),
			"kinds":          s.choice(&r.Kinds, "all", "provider-side", "site"),
			"min_confidence": s.choice(&r.MinConfidence, "probable", "confirmed"),
		})
		if n.kind != object {
			return
		}
		s.channel(n, path)
		if r.Name == "" {
			if !has(n, "name") {
				s.bad(n.at, "%s has no name: %s", path, idRule)
			}
			return
		}
		if line, twice := first[r.Name]; twice {
			s.wrong(at, path+".name", "this alert name is already used on line %d: rename or remove one", line)
			return
		}
		first[r.Name] = at.at.line
		s.out.Alerts = append(s.out.Alerts, r)
	}
}

// channel wants exactly one way to tell people, with what it needs.
func (s *schema) channel(n *node, path string) {
	hook, mail := has(n, "webhook"), has(n, "mail")
	file, env := has(n, "secret_file"), has(n, "secret_env")
	switch {
	case hook && mail:
		s.bad(n.at, "%s has both webhook and mail: make two routes of it, so that each can fail alone", path)
	case !hook && !mail:
		s.bad(n.at, "%s tells nobody: write webhook: with the URL to be told, or mail: with a list of addresses", path)
	case mail && (file || env):
		s.bad(n.at, "%s has a secret, but mail is not signed: remove it", path)
	case mail:
		s.later = append(s.later, func() {
			if !s.sawSMTP {
				s.bad(n.at, "%s writes mail, but the file has no smtp: say which server takes it, such as smtp: {host: mail.msp.example, from: picket@msp.example}", path)
			}
		})
	case !file && !env:
		s.bad(n.at, "%s has no secret: messages are signed; name a file with secret_file or a variable with secret_env", path)
	case file && env:
		s.bad(n.at, "%s has both secret_file and secret_env: keep one", path)
	}
}

// variable reads the name of an environment variable.
func (s *schema) variable(into *string) read {
	return func(n *node, path string) {
		var v string
		s.line(&v, 200)(n, path)
		bad := func(c rune) bool {
			return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
		}
		if v == "" {
			return
		}
		if strings.ContainsFunc(v, bad) || v[0] >= '0' && v[0] <= '9' {
			// Not repeated: it may be the secret itself.
			s.bad(n.at, "%s: not the name of an environment variable: write the name, not the secret", path)
			return
		}
		*into = v
	}
}
