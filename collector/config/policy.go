package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/collector/config/strict"
	"picket/internal/fleet"
)

const (
	maxQuiet   = 20  // times of one route
	maxPatrons = 500 // clients of one route
)

// The classes of routes.
const (
	ClassPage   = "page"
	ClassChat   = "chat"
	ClassTicket = "ticket"
	ClassClient = "client"
)

// Policy is of what, when and how often a route is told, beside the kinds.
type Policy struct {
	Class   string // page, chat, ticket or client
	Updates string // all, changes or none; "": as its class
	Quiet   []Quiet
	Clients []string // the only ones that it is for; empty: all
	Drills  bool     // a route of class client is told of drills
}

// Quiet is a time of the week in which a route is told nothing new.
type Quiet struct {
	Days     []time.Weekday // on which it begins; empty: every day
	From, To time.Duration  // of the day; a To that is not after From is of the next day
	Zone     *time.Location // nil: the route's, or the server's
	Except   string         // critical, high or medium: told all the same, and what is worse; "" nothing
}

// classDelay is how long what is told to a route of a class must last first.
func classDelay(class string) time.Duration {
	return map[string]time.Duration{ClassChat: 30 * time.Second, ClassTicket: 3 * time.Minute, ClassClient: 10 * time.Minute}[class]
}

// policy are the keys of a route's policy.
func (s *schema) policy(r *Route) strict.Keys {
	return strict.Keys{
		"class":   s.Choice(&r.Class, ClassPage, ClassChat, ClassTicket, ClassClient),
		"updates": s.Choice(&r.Updates, "all", "changes", "none"),
		"drills":  s.Boolean(&r.Drills),
		"quiet":   s.Each(maxQuiet, s.quiet(&r.Quiet)),
		"clients": s.Each(maxPatrons, s.patron(&r.Clients)),
	}
}

// settlePolicy fills in what the block of a route leaves to its class, and the
// class from the way. A webhook or a mail without either keeps its own delay:
// what is gone within ten seconds is never told on it.
func (s *schema) settlePolicy(r *Route, n *strict.Node, path string) {
	asked := r.Class != ""
	if !asked {
		r.Class = classOfWay(n)
	}
	if !n.Has("delay") && (asked || !n.Has("webhook") && !n.Has("mail")) {
		r.Delay = classDelay(r.Class)
	}
	if r.Class == ClassClient && len(r.Clients) == 0 {
		s.out.Warnings = append(s.out.Warnings, Problem{File: s.File, Line: n.At.Line, Column: n.At.Column,
			Text: path + " is read by customers and has no clients, so it is told of the sites of all clients: write whose it is, such as clients: [acme]"})
	}
}

// classOfWay is what a route is for if it does not say, by how it goes.
func classOfWay(n *strict.Node) string {
	for _, way := range []struct{ key, class string }{
		{"slack", ClassChat}, {"teams", ClassChat}, {"shoutrrr", ClassChat}, {"ticket", ClassTicket},
	} {
		if n.Has(way.key) {
			return way.class
		}
	}
	return ClassPage
}

// clients reads who is served, and who before others.
func (s *schema) clients() func(int, *strict.Node, string) {
	first := map[string]int{}
	return func(_ int, n *strict.Node, path string) {
		var c fleet.Client
		tier, at := "standard", n
		s.Object(n, path, strict.Keys{
			"id":   func(n *strict.Node, path string) { at = n; s.client(&c.ID)(n, path) },
			"name": s.Line(&c.Name, 100),
			"tier": s.Choice(&tier, "gold", "standard"),
		})
		if !s.unique(first, n, at, path, "client", c.ID) {
			return
		}
		s.out.Clients = append(s.out.Clients, c)
		if tier == "gold" {
			s.out.Gold = append(s.out.Gold, c.ID)
		}
	}
}

func (s *schema) patron(into *[]string) func(int, *strict.Node, string) {
	return func(_ int, n *strict.Node, path string) {
		var id string
		s.reference(&id, s.client, "client", s.clientIDs)(n, path)
		switch {
		case id == "":
		case slices.Contains(*into, id):
			s.Wrong(n, path, "is given twice: remove one")
		default:
			*into = append(*into, id)
		}
	}
}

func (s *schema) quiet(into *[]Quiet) func(int, *strict.Node, string) {
	return func(_ int, n *strict.Node, path string) {
		var q Quiet
		s.Object(n, path, strict.Keys{
			"days": s.Each(7, s.weekday(&q.Days)),
			"from": s.clock(&q.From), "to": s.clock(&q.To), "zone": s.zone(&q.Zone),
			"except": s.Choice(&q.Except, "critical", "high", "medium"),
		})
		switch {
		case n.Kind != strict.Object:
		case !n.Has("from") || !n.Has("to"):
			s.Bad(n.At, "%s needs from and to, such as {from: \"22:00\", to: \"07:00\"}", path)
		default:
			*into = append(*into, q)
		}
	}
}

func (s *schema) weekday(into *[]time.Weekday) func(int, *strict.Node, string) {
	var words []string
	for d := range 7 {
		words = append(words, strings.ToLower(time.Weekday(d).String()[:3]))
	}
	return func(_ int, n *strict.Node, path string) {
		var v string
		s.Choice(&v, words...)(n, path)
		if d := time.Weekday(slices.Index(words, v)); d >= 0 {
			*into = append(*into, d)
		}
	}
}

// alerts reads whom to tell: a list of routes, the word shadow, or both in a
// block. Shadow without routes has one of each class that nobody receives.
func (s *schema) alerts(n *strict.Node, path string) {
	list := s.Each(maxRoutes, s.routes())
	mode := ""
	switch n.Kind {
	case strict.List:
		list(n, path)
	case strict.Scalar:
		s.Choice(&mode, "shadow")(n, path)
	default:
		s.Object(n, path, strict.Keys{"mode": s.Choice(&mode, "live", "shadow"), "routes": list})
		if n.Kind == strict.Object && !n.Has("mode") {
			s.Bad(n.At, "%s has no mode: write mode: live, or mode: shadow to have alerts written down and not sent", path)
		}
	}
	if s.out.Shadow = mode == "shadow"; s.out.Shadow && (n.Kind == strict.Scalar || !n.Has("routes")) {
		for _, class := range []string{ClassPage, ClassChat, ClassTicket, ClassClient} {
			s.out.Alerts = append(s.out.Alerts, Route{Name: class, BuiltIn: true, Kinds: "all", MinConfidence: "probable",
				Delay: classDelay(class), ResolveDelay: DefaultResolveDelay, Policy: Policy{Class: class}})
		}
	}
}

// policyChange names what differs between two policies.
func policyChange(a, b Policy) (parts []string) {
	for _, v := range []struct{ name, a, b string }{
		{"class", a.Class, b.Class}, {"updates", a.updates(), b.updates()}, {"quiet", quietWords(a.Quiet), quietWords(b.Quiet)},
		{"clients", clientWords(a.Clients), clientWords(b.Clients)}, {"drills", fmt.Sprint(a.Drills), fmt.Sprint(b.Drills)},
	} {
		if v.a != v.b {
			parts = append(parts, v.name+" "+v.a+" -> "+v.b)
		}
	}
	return parts
}

func (p Policy) updates() string {
	if p.Updates == "" {
		return "as its class"
	}
	return p.Updates
}

func clientWords(ids []string) string {
	if len(ids) == 0 {
		return "all"
	}
	return strings.Join(ids, ", ")
}

// quietWords are quiet times for people.
func quietWords(all []Quiet) string {
	var parts []string
	for _, q := range all {
		text := clockOf(q.From) + "-" + clockOf(q.To)
		for k, d := range q.Days {
			text += map[bool]string{true: " ", false: ","}[k == 0] + strings.ToLower(d.String()[:3])
		}
		if q.Zone != nil {
			text += " " + q.Zone.String()
		}
		if q.Except != "" {
			text += " except " + q.Except
		}
		parts = append(parts, text)
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, "; ")
}
