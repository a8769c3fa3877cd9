package demo

import (
	"fmt"
	"strings"
	"time"
)

// site is one place from which the demo looks.
type site struct {
	client, name, region, network string
}

func (s site) id() string { return s.client + "/" + s.name }

// sites are twelve sites of five clients on six internet providers, seen from
// three vantage regions. The numbers of the networks are reserved for
// documentation (RFC 5398).
var sites = []site{
	{"acme", "madrid", "eu", "AS64496 Northnet"},
	{"acme", "lisbon", "eu", "AS64497 Westel"},
	{"acme", "berlin", "eu", "AS64498 Citylink"},
	{"borealis", "oslo", "eu", "AS64496 Northnet"},
	{"borealis", "boston", "us", "AS64499 Atlanta Fiber"},
	{"cobalt", "austin", "us", "AS64499 Atlanta Fiber"},
	{"cobalt", "denver", "us", "AS64500 Prairie Cable"},
	{"dune", "tucson", "us", "AS64500 Prairie Cable"},
	{"dune", "singapore", "ap", "AS64501 Straits"},
	{"ember", "sydney", "ap", "AS64501 Straits"},
	{"ember", "osaka", "ap", "AS64497 Westel"},
	{"ember", "hamburg", "eu", "AS64498 Citylink"},
}

// interval is how often every site asks every check.
const interval = 10 * time.Second

// picketYAML is the collector's configuration: the same text that a person
// would write, for the same parser.
func picketYAML(c *cloud, hook, secretFile, influx, page string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# The configuration of the demo's collector.")
	p("listen: 127.0.0.1:0")
	p("http: %q", page)
	// With 12 sites the default of 1 s would stretch the interval to 12 s.
	p("politeness: 800ms")
	// At this interval the default of 5 GB would have the dear checks asked a
	// quarter as often, and more or less so by the day of the month.
	p("traffic: {month: 200GB}")
	if influx != "" {
		p("influx: {url: %q, bucket: picket}", influx)
	}
	p("alerts:")
	p("  - {name: helpdesk, webhook: %q, secret_file: %q, delay: 2s, resolve_delay: 5s, kinds: all, min_confidence: probable}", hook, secretFile)
	p("providers:")
	for _, id := range providers {
		p("  - {id: %s, name: %s}", id, strings.ToUpper(id[:1])+id[1:])
	}
	p("targets:")
	for _, s := range c.servers {
		_, port, _ := strings.Cut(s.addr, ":") // every name resolves to 127.0.0.1
		if s.service == "reference" {
			p("  - id: %s", s.id())
			p("    reference: true")
		} else {
			p("  - id: %s", s.id())
			p("    provider: %s", s.provider)
			p("    service: %s", s.service)
			p("    region: %s", s.region)
		}
		p("    ca: |")
		for line := range strings.Lines(c.ca) {
			p("      %s", strings.TrimSpace(line))
		}
		p("    checks:")
		switch s.service {
		case "storage":
			p("      - {kind: http, url: \"https://%s:%s/healthz\", body: healthy, interval: %s, resolver: %q}", s.host(), port, interval, c.resolver)
			p("      - {kind: dns, host: %s, interval: %s, resolver: %q}", s.host(), interval, c.resolver)
		case "compute":
			p("      - {kind: tls, host: %s, port: %s, interval: %s, resolver: %q}", s.host(), port, interval, c.resolver)
			p("      - {kind: tcp, host: %s, port: %s, interval: %s, resolver: %q}", s.host(), port, interval, c.resolver)
		case "reference":
			p("      - {kind: tcp, host: %s, port: %s, interval: 5s, resolver: %q}", s.host(), port, c.resolver)
		}
	}
	return b.String()
}
