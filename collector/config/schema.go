package config

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"hash"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket/collector/config/strict"
	"picket/probes"
)

//go:embed catalogue.yaml
var catalogueSource []byte

// Bounds of the file.
const (
	maxTargets  = 5_000
	maxChecks   = 32 // per target
	maxNetworks = 20_000
	maxNames    = 1_000 // providers, clients
	maxRoutes   = 100
	maxPublic   = 8
)

// Parse reads the fleet file src. file is its name, for messages and for
// finding files relative to it. The error is [Problems], every one of the file
// up to 100. Files named by ca_file are read here; secrets are not.
func Parse(file string, src []byte) (*File, error) {
	f, problems := parse(file, src, &catalogueOf{})
	if len(problems) > 0 {
		return nil, problems
	}
	return f, nil
}

// Defaults is the configuration without a file: the embedded catalogue.
func Defaults() *File {
	f, problems := parse("", nil, &catalogueOf{})
	if len(problems) > 0 {
		// The embedded text is part of the program, and a test parses it.
		panic("embedded catalogue: " + problems.Error())
	}
	return f
}

// catalogueOf parses the embedded catalogue, at most once per file.
type catalogueOf struct{ file *File }

func (c *catalogueOf) get() *File {
	if c.file == nil {
		f, problems := parse("catalogue.yaml", catalogueSource, nil)
		if len(problems) > 0 {
			panic("embedded catalogue: " + problems.Error())
		}
		c.file = f
	}
	return c.file
}

// parse reads src; catalogue is nil for the catalogue itself.
func parse(file string, src []byte, catalogue *catalogueOf) (*File, Problems) {
	root, problems := strict.Parse(file, src)
	if len(problems) > 0 {
		return nil, problems
	}
	f := &File{Name: file, Listen: DefaultListen, ListenTCP: true, HTTP: DefaultHTTP, Politeness: DefaultPoliteness, WANCheck: true, Official: true, Traffic: Traffic{Budget: DefaultBudget()},
		Lookups: LookupsSystem, WeeklyTest: defaultWeekly()}
	s := &schema{Reader: strict.Reader{File: file}, out: f, catalogue: catalogue, interval: map[probes.Kind]time.Duration{}, digest: sha256.New()}
	s.digest.Write(src)
	include := strict.Place{Line: 1, Column: 1}
	wants := "" // include_catalogue as written
	if root.Kind != strict.Null {
		s.Object(root, "the file", s.keys(&include, &wants))
	}
	if problems := s.Settle(); len(problems) > 0 {
		return nil, problems
	}
	f.Catalogue = wants == "true" || wants == "" && len(f.Targets) == 0
	if catalogue == nil {
		f.Catalogue = false
	}
	if f.Catalogue {
		f.merge(catalogue.get())
	}
	f.nameProviders(catalogue)
	f.settleFallbacks()
	s.warn(include)
	s.digest.Sum(f.Digest[:0])
	return f, nil
}

// schema is what the keys of the file mean.
type schema struct {
	strict.Reader
	out       *File
	catalogue *catalogueOf
	interval  map[probes.Kind]time.Duration // of the interval key
	digest    hash.Hash                     // of everything that was read
	// Which keys the file has, right or wrong: so that one mistake is told once.
	sawTLS, sawNames, sawSMTP, sawProxies bool
}

func (s *schema) keys(include *strict.Place, wants *string) strict.Keys {
	f := s.out
	return strict.Keys{
		"listen":     s.hostport(&f.Listen),
		"listen_tcp": s.Boolean(&f.ListenTCP),
		"http":       s.http,
		"data":       s.path(&f.Data),
		"public":     s.Each(maxPublic, s.public),
		"tls":        s.tls,
		"names": func(n *strict.Node, path string) {
			s.sawNames = true
			s.names(&f.Names, false)(n, path)
		},
		"login":           s.Boolean(&f.Login),
		"behind_proxy":    s.behindProxy,
		"trusted_proxies": s.proxies,
		"smtp": func(n *strict.Node, path string) {
			s.sawSMTP = true
			s.smtp(n, path)
		},
		"influx":      s.influx,
		"networks":    s.Each(maxNetworks, s.networks()),
		"politeness":  s.Duration(&f.Politeness, 0, time.Minute),
		"interval":    s.intervals,
		"wan_check":   s.Boolean(&f.WANCheck),
		"official":    s.Boolean(&f.Official),
		"traffic":     s.traffic,
		"providers":   s.Each(maxNames, s.providers()),
		"clients":     s.Each(maxNames, s.clients()),
		"targets":     s.Each(maxTargets, s.targets()),
		"alerts":      s.alerts,
		"fallback":    s.fallback(&f.Fallback, nil),
		"lookups":     s.lookups,
		"weekly_test": s.weekly,
		"maintenance": s.Each(maxWindows, s.maintenance),
		"digest":      s.dailyDigest,
		"runbooks":    s.Each(maxRunbooks, s.runbook),
		"include_catalogue": func(n *strict.Node, path string) {
			var b bool
			s.Boolean(&b)(n, path)
			*include, *wants = n.At, strconv.FormatBool(b)
		},
	}
}

// merge adds the catalogue's providers and targets that f does not define.
func (f *File) merge(c *File) {
	for _, p := range c.Providers {
		if !slices.ContainsFunc(f.Providers, func(q Provider) bool { return q.ID == p.ID }) {
			f.Providers = append(f.Providers, p)
		}
	}
	own := map[string]bool{}
	for _, t := range f.Targets {
		own[t.ID] = true
	}
	for _, t := range c.Targets {
		if !own[t.ID] {
			f.Targets = append(f.Targets, t)
		}
	}
}

// nameProviders adds the catalogue's providers that own targets use.
func (f *File) nameProviders(catalogue *catalogueOf) {
	known := map[string]bool{"": true}
	for _, p := range f.Providers {
		known[p.ID] = true
	}
	for _, t := range f.Targets {
		if known[t.Provider] {
			continue
		}
		known[t.Provider] = true
		for _, p := range catalogue.get().Providers {
			if p.ID == t.Provider {
				f.Providers = append(f.Providers, p)
			}
		}
	}
}

// warn notes what is legal but unwise.
func (s *schema) warn(at strict.Place) {
	f := s.out
	note := func(text string) {
		f.Warnings = append(f.Warnings, Problem{File: f.Name, Line: at.Line, Column: at.Column, Text: text})
	}
	references, monitored := 0, 0
	for _, t := range f.Targets {
		if t.Reference {
			references++
		} else {
			monitored++
		}
	}
	if monitored > 0 && references < 3 {
		note(fmt.Sprintf("%d reference targets: with fewer than 3 on different operators an agent cannot tell its own line from the provider's; add targets with reference: true, or include_catalogue: true", references))
	}
	if monitored == 0 && s.catalogue != nil {
		note("nothing to watch: add targets, or include_catalogue: true")
	}
}

func (s *schema) hostport(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 300)(n, path)
		if v == "" {
			return
		}
		host, port, err := net.SplitHostPort(v)
		p, perr := strconv.ParseUint(port, 10, 16)
		if err != nil || perr != nil || strings.ContainsAny(host, " /@") {
			s.Wrong(n, path, "not an address: write host:port, such as 0.0.0.0:4443 or [::]:4443")
			return
		}
		*into = net.JoinHostPort(host, strconv.FormatUint(p, 10))
	}
}

func (s *schema) public(_ int, n *strict.Node, path string) {
	var v string
	s.hostport(&v)(n, path)
	if v == "" {
		return
	}
	host, port, _ := net.SplitHostPort(v)
	ip, err := netip.ParseAddr(host)
	if host == "" || port == "0" || err == nil && ip.IsUnspecified() {
		s.Wrong(n, path, "agents cannot dial this: write the name or address and the port under which they reach this collector")
		return
	}
	s.out.Public = append(s.out.Public, v)
}

// path reads the name of a file or folder, relative to the fleet file.
func (s *schema) path(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 4096)(n, path)
		*into = beside(s.File, v)
	}
}

// webURL reads an http or https URL. The value is not repeated in messages:
// the URL of a webhook is often a secret.
func (s *schema) webURL(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 2048)(n, path)
		if v == "" {
			return
		}
		u, err := url.Parse(v)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "":
			s.Bad(n.At, "%s: not a URL that can be asked: write it in full, such as https://host.example/path", path)
		case u.User != nil:
			s.Bad(n.At, "%s: a password in a URL ends up in logs: use the secret file or variable instead", path)
		default:
			*into = v
		}
	}
}

func (s *schema) intervals(n *strict.Node, path string) {
	take := func(k probes.Kind) strict.Read {
		return func(n *strict.Node, path string) {
			var d time.Duration
			s.Duration(&d, minInterval, maxInterval)(n, path)
			if d > 0 {
				s.interval[k] = d
			}
		}
	}
	known := strict.Keys{}
	for _, k := range []probes.Kind{probes.DNS, probes.Ping, probes.TCP, probes.TLS, probes.HTTP} {
		known[k.String()] = take(k)
	}
	s.Object(n, path, known)
}

func (s *schema) networks() func(int, *strict.Node, string) {
	first := map[netip.Prefix]int{}
	return func(_ int, n *strict.Node, path string) {
		var prefix string
		at := n
		net := Network{}
		s.Object(n, path, strict.Keys{
			"prefix":   func(n *strict.Node, path string) { at = n; s.Line(&prefix, 64)(n, path) },
			"name":     s.Line(&net.Name, 100),
			"upstream": s.Line(&net.Upstream, 100),
			"metered":  s.Boolean(&net.Metered),
		})
		if n.Kind != strict.Object {
			return
		}
		if net.Name == "" && !n.Has("name") {
			s.Bad(n.At, "%s has no name: name the ISP as people know it", path)
		}
		if prefix == "" {
			if !n.Has("prefix") {
				s.Bad(n.At, "%s has no prefix: write one, such as 198.51.100.0/24", path)
			}
			return
		}
		p, err := netip.ParsePrefix(prefix)
		switch {
		case err != nil || p.Addr().Is4In6():
			s.Wrong(at, path+".prefix", "not a prefix: write address/bits, such as 198.51.100.0/24 or 2001:db8::/32")
			return
		case p != p.Masked():
			s.Wrong(at, path+".prefix", "has bits beyond its length, did you mean %q?", p.Masked())
			return
		}
		if line, twice := first[p]; twice {
			s.Wrong(at, path+".prefix", "is given twice, first on line %d: remove one", line)
			return
		}
		first[p] = at.At.Line
		net.Prefix = p
		s.out.Networks = append(s.out.Networks, net)
	}
}

// named reads {id, name} entries with unique ids.
func (s *schema) named(what string, form func(*string) strict.Read, take func(id, name string)) func(int, *strict.Node, string) {
	first := map[string]int{}
	return func(_ int, n *strict.Node, path string) {
		var id, name string
		at := n
		s.Object(n, path, strict.Keys{
			"id":   func(n *strict.Node, path string) { at = n; form(&id)(n, path) },
			"name": s.Line(&name, 100),
		})
		if s.unique(first, n, at, path, what, id) {
			take(id, name)
		}
	}
}

// unique says whether the object n has an id that was not seen before.
func (s *schema) unique(first map[string]int, n, at *strict.Node, path, what, id string) bool {
	if id == "" {
		if n.Kind == strict.Object && !n.Has("id") {
			s.Bad(n.At, "%s has no id: %s", path, strict.IDRule)
		}
		return false
	}
	if line, twice := first[id]; twice {
		s.Wrong(at, path+".id", "this %s id is already used on line %d: rename or remove one", what, line)
		return false
	}
	first[id] = at.At.Line
	return true
}

func (s *schema) providers() func(int, *strict.Node, string) {
	return s.named("provider", s.ID, func(id, name string) {
		s.out.Providers = append(s.out.Providers, Provider{id, name})
	})
}

// client reads a client's id, which is what its join token was made with: any
// short name without a slash, since a site's id is "client/site".
func (s *schema) client(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 128)(n, path)
		if strings.Contains(v, "/") || strings.TrimSpace(v) != v {
			s.Wrong(n, path, "not a client: write the name its join tokens were made with, without / and outer spaces")
			return
		}
		*into = v
	}
}
