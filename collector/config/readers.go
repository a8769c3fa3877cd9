package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones are known by name on every machine

	"picket/collector/config/strict"
)

// DefaultDigestAt is when the digest goes out if the file does not say.
const DefaultDigestAt = 7*time.Hour + 30*time.Minute

// DigestRoute is the name under which the digest is sent; no route may have it.
const DigestRoute = "digest"

const maxRunbooks = 1000

// Digest is one mail a day about what happened, and what nobody was woken for.
type Digest struct {
	Mail []string       // the recipients, as plain addresses
	At   time.Duration  // after midnight, by the clock of Zone
	Zone *time.Location // nil: the server's
}

// words is the digest for people.
func (d *Digest) words() string {
	if d == nil {
		return ""
	}
	return fmt.Sprintf("at %s %s to %s", clockOf(d.At), zoneName(d.Zone), strings.Join(d.Mail, ", "))
}

func clockOf(at time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(at.Hours()), int(at.Minutes())%60)
}

func zoneName(z *time.Location) string {
	if z == nil {
		return "server time"
	}
	return z.String()
}

// Runbook says where to read what to do. What is "" matches anything.
type Runbook struct {
	URL, Provider, Target string
	Kinds                 string // "provider-side", "site" or "all"
}

// zone reads the name of a time zone, such as Europe/Madrid.
func (s *schema) zone(into **time.Location) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 64)(n, path)
		if v == "" {
			return
		}
		zone, err := time.LoadLocation(v)
		if err != nil || strings.EqualFold(v, "local") {
			s.Wrong(n, path, "is no time zone: write its name, such as Europe/Madrid, America/New_York or UTC")
			return
		}
		*into = zone
	}
}

// clock reads a time of day.
func (s *schema) clock(into *time.Duration) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 10)(n, path)
		if v == "" {
			return
		}
		at, err := time.Parse("15:04", v)
		if err != nil {
			s.Wrong(n, path, "is no time of day: write it like \"07:30\"")
			return
		}
		*into = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
}

// dailyDigest reads who gets the daily digest, and when.
func (s *schema) dailyDigest(n *strict.Node, path string) {
	d := Digest{At: DefaultDigestAt}
	s.Object(n, path, strict.Keys{"mail": s.recipients(&d.Mail), "at": s.clock(&d.At), "zone": s.zone(&d.Zone)})
	if n.Kind != strict.Object {
		return
	}
	if !n.Has("mail") {
		s.Bad(n.At, "%s has no mail: write who gets it, such as digest: {mail: [desk@msp.example]}", path)
	}
	s.Later(func() {
		if !s.sawSMTP {
			s.Bad(n.At, "%s goes by mail, but the file has no smtp: say which server takes it, such as smtp: {host: mail.msp.example, from: picket@msp.example}", path)
		}
		if slices.ContainsFunc(s.out.Alerts, func(r Route) bool { return r.Name == DigestRoute }) {
			s.Bad(n.At, "%s: an alert route is called %s, under which the digest is sent: rename the route", path, DigestRoute)
		}
	})
	s.out.Daily = &d
}

// runbook reads one place that says what to do.
func (s *schema) runbook(_ int, n *strict.Node, path string) {
	r := Runbook{Kinds: "all"}
	s.Object(n, path, strict.Keys{
		"url":      s.webURL(&r.URL),
		"provider": s.watched(&r.Provider, "provider", func(t Target) string { return t.Provider }),
		"target":   s.watched(&r.Target, "target", func(t Target) string { return t.ID }),
		"kinds":    s.Choice(&r.Kinds, "all", "provider-side", "site"),
	})
	if n.Kind != strict.Object {
		return
	}
	if !n.Has("url") {
		s.Bad(n.At, "%s has no url: write where to read what to do", path)
	}
	s.out.Runbooks = append(s.out.Runbooks, r)
}

// RunbookFor returns the URL of the first runbook that matches; "" if none does.
// providerSide says that the trouble is a cloud's, siteSide that it is a site's
// or an internet provider's; it may be neither.
func (f *File) RunbookFor(provider string, targets []string, providerSide, siteSide bool) string {
	for _, r := range f.Runbooks {
		switch {
		case r.Provider != "" && r.Provider != provider, r.Target != "" && !slices.Contains(targets, r.Target):
		case r.Kinds == "provider-side" && !providerSide, r.Kinds == "site" && !siteSide:
		default:
			return r.URL
		}
	}
	return ""
}

func runbookWords(all []Runbook) string {
	var parts []string
	for _, r := range all {
		parts = append(parts, strings.Join(strings.Fields(r.URL+" "+r.Provider+" "+r.Target), " ")+" ("+r.Kinds+")")
	}
	return strings.Join(parts, ", ")
}
