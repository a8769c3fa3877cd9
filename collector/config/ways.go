package config

import (
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"picket/collector/config/strict"
)

// PagerDutyURL is where events go if the file says nothing else. The service
// region EU has its own.
const PagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// PagerDuty is a route's integration of PagerDuty's Events API v2.
type PagerDuty struct {
	Key Secret
	URL string
}

// Alertmanager is a route to a Prometheus Alertmanager.
type Alertmanager struct {
	URL      string // of its page, without /api/v2
	Username string // "" does not log in by name
	Password Secret // zero with no Username
	Token    Secret // zero: none
}

// Ticket is a route to a service desk, by a signed POST or by mail.
type Ticket struct {
	Webhook   string // "" for mail. May contain a secret: do not log it
	Secret    Secret
	Mail      []string
	PerClient bool // each client concerned has its own ticket
}

// wayKeys are the keys of the ways, of which a route has exactly one, in the
// order of the manual.
func wayKeys() []string {
	return []string{"webhook", "mail", "slack", "teams", "pagerduty", "alertmanager", "ticket", "shoutrrr"}
}

// Way is which way the route goes: one of the keys.
func (r Route) Way() string {
	switch {
	case len(r.Mail) > 0:
		return "mail"
	case r.Slack != nil:
		return "slack"
	case r.Teams != nil:
		return "teams"
	case r.PagerDuty != nil:
		return "pagerduty"
	case r.Alertmanager != nil:
		return "alertmanager"
	case r.Ticket != nil:
		return "ticket"
	case r.Shoutrrr != nil:
		return "shoutrrr"
	}
	return "webhook"
}

// secrets are the secrets of a route.
func (r Route) secrets() []Secret {
	all := []Secret{r.Secret}
	for _, s := range []*Secret{r.Slack, r.Teams, r.Shoutrrr} {
		if s != nil {
			all = append(all, *s)
		}
	}
	if r.PagerDuty != nil {
		all = append(all, r.PagerDuty.Key)
	}
	if a := r.Alertmanager; a != nil {
		all = append(all, a.Password, a.Token)
	}
	if r.Ticket != nil {
		all = append(all, r.Ticket.Secret)
	}
	return slices.DeleteFunc(all, func(s Secret) bool { return s == Secret{} })
}

// wayChange says how the way of a route changed, without what may be secret.
func wayChange(a, b Route) []string {
	if a.Way() != b.Way() {
		return []string{a.Way() + " -> " + b.Way()}
	}
	var parts []string
	hook := func(r Route) string {
		switch {
		case r.Ticket != nil:
			return r.Ticket.Webhook
		case r.PagerDuty != nil:
			return r.PagerDuty.URL
		case r.Alertmanager != nil:
			return r.Alertmanager.URL
		}
		return r.Webhook
	}
	if hook(a) != hook(b) {
		if a.Way() == "webhook" {
			parts = append(parts, "another webhook")
		} else {
			parts = append(parts, "another URL")
		}
	}
	if !reflect.DeepEqual(a.secrets(), b.secrets()) {
		parts = append(parts, "another place of the secret")
	}
	to, now := a.Mail, b.Mail
	if a.Ticket != nil {
		to, now = a.Ticket.Mail, b.Ticket.Mail
		if a.Ticket.PerClient != b.Ticket.PerClient {
			parts = append(parts, "tickets per "+per(a.Ticket.PerClient)+" -> per "+per(b.Ticket.PerClient))
		}
	}
	if a.Alertmanager != nil && a.Alertmanager.Username != b.Alertmanager.Username {
		parts = append(parts, "another user name")
	}
	return append(parts, recipientsChange(to, now)...)
}

func per(client bool) string {
	if client {
		return "client"
	}
	return "incident"
}

// way wants exactly one way to tell people, with what it needs.
func (s *schema) way(n *strict.Node, path string) {
	ways := slices.DeleteFunc(wayKeys(), func(key string) bool { return !n.Has(key) })
	file, env := n.Has("secret_file"), n.Has("secret_env")
	switch {
	case len(ways) > 1:
		s.Bad(n.At, "%s has both %s: make a route of each, so that each can fail alone", path, strings.Join(ways, " and "))
	case len(ways) == 0:
		s.Bad(n.At, "%s tells nobody: write webhook: with the URL to be told, mail: with a list of addresses, or one of %s",
			path, strings.Join(wayKeys()[2:], ", "))
	case ways[0] == "mail" && (file || env):
		s.Bad(n.At, "%s has a secret, but mail is not signed: remove it", path)
	case ways[0] == "mail":
		s.needSMTP(n, path)
	case ways[0] != "webhook" && (file || env):
		s.Bad(n.At, "%s has a secret of its own, but what %s needs stands under %s: move or remove it", path, ways[0], ways[0])
	case ways[0] != "webhook":
	case !file && !env:
		s.Bad(n.At, "%s has no secret: messages are signed; name a file with secret_file or a variable with secret_env", path)
	case file && env:
		s.Bad(n.At, "%s has both secret_file and secret_env: keep one", path)
	}
}

func (s *schema) needSMTP(n *strict.Node, path string) {
	s.Later(func() {
		if !s.sawSMTP {
			s.Bad(n.At, "%s writes mail, but the file has no smtp: say which server takes it, such as smtp: {host: mail.msp.example, from: picket@msp.example}", path)
		}
	})
}

// place wants a secret under name_file or name_env of n, and not in the file.
func (s *schema) place(n *strict.Node, path, name, what string) {
	if n.Kind != strict.Object {
		return
	}
	switch file, env := n.Has(name+"_file"), n.Has(name+"_env"); {
	case file && env:
		s.Bad(n.At, "%s has both %s_file and %s_env: keep one", path, name, name)
	case !file && !env:
		s.Bad(n.At, "%s does not say where %s is: name a file with %s_file or a variable with %s_env", path, what, name, name)
	}
}

// inTheOpen refuses a secret that stands in the file itself.
func (s *schema) inTheOpen(name string) strict.Read {
	return func(n *strict.Node, path string) {
		s.Bad(n.At, "%s is a secret and must not stand here: put it into a file that only Picket reads, and name that with %s_file (or a variable with %s_env)", path, name, name)
	}
}

// secretURL reads a way whose URL is the secret.
func (s *schema) secretURL(into **Secret) strict.Read {
	return func(n *strict.Node, path string) {
		v := &Secret{}
		s.Object(n, path, strict.Keys{"url": s.inTheOpen("url"), "url_file": s.path(&v.File), "url_env": s.variable(&v.Env)})
		if !n.Has("url") {
			s.place(n, path, "url", "its URL")
		}
		*into = v
	}
}

func (s *schema) pagerDuty(into **PagerDuty) strict.Read {
	return func(n *strict.Node, path string) {
		v := &PagerDuty{URL: PagerDutyURL}
		s.Object(n, path, strict.Keys{"key": s.inTheOpen("key"), "key_file": s.path(&v.Key.File), "key_env": s.variable(&v.Key.Env), "url": s.webURL(&v.URL)})
		if !n.Has("key") {
			s.place(n, path, "key", "its integration key")
		}
		*into = v
	}
}

func (s *schema) alertmanager(into **Alertmanager) strict.Read {
	return func(n *strict.Node, path string) {
		v := &Alertmanager{}
		s.Object(n, path, strict.Keys{
			"url": s.webURL(&v.URL), "username": s.Line(&v.Username, 200),
			"password": s.inTheOpen("password"), "password_file": s.path(&v.Password.File), "password_env": s.variable(&v.Password.Env),
			"token": s.inTheOpen("token"), "token_file": s.path(&v.Token.File), "token_env": s.variable(&v.Token.Env),
		})
		*into = v
		if n.Kind != strict.Object {
			return
		}
		if !n.Has("url") {
			s.Bad(n.At, "%s.url is missing: write where its page is, such as http://127.0.0.1:9093", path)
		}
		named, password, token := n.Has("username"), n.Has("password_file") || n.Has("password_env"), n.Has("token_file") || n.Has("token_env")
		if named || password {
			s.place(n, path, "password", "the password")
		}
		if token {
			s.place(n, path, "token", "the token")
		}
		switch {
		case named && token:
			s.Bad(n.At, "%s has both a user name and a token: keep one", path)
		case password && !named:
			s.Bad(n.At, "%s has a password and no username", path)
		case (named || token) && inTheClear(v.URL):
			s.Bad(n.At, "%s.url is unencrypted, and a password or token would go over it: use https, or go without on this machine's own address", path)
		}
	}
}

// inTheClear says whether what is sent to a URL can be read on the way.
func inTheClear(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback())
}

func (s *schema) ticket(into **Ticket) strict.Read {
	return func(n *strict.Node, path string) {
		v, per := &Ticket{}, "incident"
		s.Object(n, path, strict.Keys{
			"webhook": s.webURL(&v.Webhook), "secret": s.inTheOpen("secret"), "secret_file": s.path(&v.Secret.File), "secret_env": s.variable(&v.Secret.Env),
			"mail": s.recipients(&v.Mail), "per": s.Choice(&per, "incident", "client"),
		})
		v.PerClient = per == "client"
		*into = v
		if n.Kind != strict.Object {
			return
		}
		switch hook, mail := n.Has("webhook"), n.Has("mail"); {
		case hook && mail:
			s.Bad(n.At, "%s has both webhook and mail: make a route of each, so that each can fail alone", path)
		case hook:
			s.place(n, path, "secret", "the secret that signs")
		case !mail:
			s.Bad(n.At, "%s says no service desk: write webhook: with its URL, or mail: with its address", path)
		case n.Has("secret_file") || n.Has("secret_env"):
			s.Bad(n.At, "%s has a secret, but mail is not signed: remove it", path)
		case v.PerClient:
			s.Bad(n.At, "%s: per: client needs a webhook: a service desk that only reads mail cannot tell the tickets of one incident apart", path)
		default:
			s.needSMTP(n, path)
		}
	}
}
