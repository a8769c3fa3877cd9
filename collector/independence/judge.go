package independence

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Way is something that must work: a way of telling people, or an address.
type Way struct {
	// Hosts must all work: whom a webhook asks, or the server that takes our mail.
	Hosts []string
	// Mail are addresses of recipients; while one of them can be read, people hear.
	Mail []string
}

// Stand says that something stands on a provider.
type Stand struct {
	Provider string // its id, as the fleet file has it
	Product  string // what it stands on, for people: "Microsoft Teams (Workflows)"
	Name     string // the name that gave it away
	Of       string // what of the way it is: a host, or the domain of a mailbox
	Mail     bool   // Of is where mailboxes are
}

// String says it in a few words: "Exchange Online has the mailboxes of msp.example".
func (s Stand) String() string {
	switch {
	case s.Mail:
		return fmt.Sprintf("%s has the mailboxes of %s", s.Product, s.Of)
	case s.Of == "" || s.Product == s.Of:
		return s.Product
	case s.Of == s.Name:
		return fmt.Sprintf("%s (%s)", s.Product, s.Of)
	}
	return fmt.Sprintf("%s (%s leads to %s)", s.Product, s.Of, s.Name)
}

// Verdict is what a way relies on.
type Verdict struct {
	// Stands are the providers without each of which the way tells nobody, in
	// order of their ids, one each.
	Stands []Stand
	// Unknown is what could not be found out, for people.
	Unknown []string
}

// On returns how the way relies on provider.
func (v Verdict) On(provider string) (Stand, bool) {
	k := slices.IndexFunc(v.Stands, func(s Stand) bool { return s.Provider == provider })
	if k < 0 {
		return Stand{}, false
	}
	return v.Stands[k], true
}

// Kind is what is asked of DNS.
type Kind string

// The questions.
const (
	Exchangers Kind = "mx"    // the best of a domain's mail exchangers
	Chain      Kind = "cname" // where a name leads
)

// Question is one question to DNS.
type Question struct {
	Kind Kind
	Name string
}

// Answer is what DNS said, or why it did not.
type Answer struct {
	Names []string
	Err   string // "" if it answered; no names and no error: there are none
}

// Questions lists what has to be looked up to judge w, each once.
func (t Table) Questions(w Way) (list []Question) {
	add := func(q Question) {
		if !slices.Contains(list, q) {
			list = append(list, q)
		}
	}
	for _, h := range w.Hosts {
		if h = plain(h); asks(h) {
			if _, _, known := t.stands(t.hosts, h); !known {
				add(Question{Chain, h})
			}
		}
	}
	for _, a := range w.Mail {
		if d := domain(a); d != "" {
			add(Question{Exchangers, d})
			add(Question{Chain, autodiscover(d)})
		}
	}
	return list
}

// autodiscover is where Outlook looks for a domain's mailboxes; Microsoft has its
// customers point it to autodiscover.outlook.com.
func autodiscover(domain string) string { return "autodiscover." + domain }

// asks says whether host is a name that DNS can be asked for.
func asks(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	return host != "" && host != "localhost" && strings.Contains(host, ".")
}

func domain(address string) string {
	_, d, _ := strings.Cut(address, "@")
	if d = plain(d); !asks(d) {
		return ""
	}
	return d
}

// Judge says what w relies on, given what DNS answered. It is a pure function.
func (t Table) Judge(w Way, answer func(Question) (Answer, bool)) Verdict {
	var v Verdict
	unknown := func(text string) {
		if text != "" && !slices.Contains(v.Unknown, text) {
			v.Unknown = append(v.Unknown, text)
		}
	}
	var all []Stand
	for _, h := range w.Hosts {
		stands, why := t.host(plain(h), answer)
		all = append(all, stands...)
		unknown(why)
	}
	// Only what every recipient needs takes all of them away.
	var shared []Stand
	for k, a := range w.Mail {
		d := domain(a)
		stands, why := t.mailbox(d, answer)
		unknown(why)
		if k == 0 {
			shared = stands
		}
		shared = slices.DeleteFunc(shared, func(s Stand) bool {
			return !slices.ContainsFunc(stands, func(o Stand) bool { return o.Provider == s.Provider })
		})
	}
	all = append(all, shared...)
	slices.SortStableFunc(all, func(a, b Stand) int { return cmp.Compare(a.Provider, b.Provider) })
	v.Stands = slices.CompactFunc(all, func(a, b Stand) bool { return a.Provider == b.Provider })
	return v
}

// host says whom a name relies on: by itself, or by one of those it leads to.
func (t Table) host(host string, answer func(Question) (Answer, bool)) (all []Stand, unknown string) {
	note := func(name string) bool {
		stands, _, known := t.stands(t.hosts, name)
		for _, s := range stands {
			s.Of = host
			if !slices.ContainsFunc(all, func(o Stand) bool { return o.Provider == s.Provider }) {
				all = append(all, s)
			}
		}
		return known
	}
	if note(host) || !asks(host) {
		return all, ""
	}
	got, ok := answer(Question{Chain, host})
	if !ok || got.Err != "" {
		return nil, fmt.Sprintf("where %s is hosted (%s)", host, cmp.Or(got.Err, "DNS was not asked"))
	}
	for _, name := range got.Names {
		note(name)
	}
	return all, ""
}

// mailbox says whom the mailboxes of a domain rely on.
func (t Table) mailbox(domain string, answer func(Question) (Answer, bool)) (all []Stand, unknown string) {
	if domain == "" {
		return nil, ""
	}
	got, ok := answer(Question{Exchangers, domain})
	if !ok || got.Err != "" {
		return nil, fmt.Sprintf("who has the mailboxes of %s (%s)", domain, cmp.Or(got.Err, "DNS was not asked"))
	}
	filter := ""
	for _, name := range got.Names {
		stands, product, known := t.stands(t.exchangers, name)
		if known && len(stands) == 0 {
			filter = product
		}
		for _, s := range stands {
			s.Of, s.Mail = domain, true
			if !slices.ContainsFunc(all, func(o Stand) bool { return o.Provider == s.Provider }) {
				all = append(all, s)
			}
		}
	}
	if len(all) > 0 {
		return all, ""
	}
	if outlook, ok := answer(Question{Chain, autodiscover(domain)}); ok && outlook.Err == "" {
		for _, name := range outlook.Names {
			stands, _, _ := t.stands(t.hosts, name)
			for _, s := range stands {
				s.Of, s.Mail = domain, true
				all = append(all, s)
			}
		}
	}
	if len(all) == 0 && filter != "" {
		return nil, fmt.Sprintf("who has the mailboxes of %s (its mail goes through %s, which does not tell)", domain, filter)
	}
	return all, ""
}
