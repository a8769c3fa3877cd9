package simulate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"picket/collector/config/strict"
	"picket/probes"
)

// hows are the things that a fault can do by name alone.
var hows = []string{
	Refused, Blackhole, Reset, DNSServfail, DNSTimeout, DNSEmpty, DNSNXDomain, TLSHang, TLSAlert, TLSExpired, TLSIntercepted,
	HTTP500, HTTP503, HTTPBody, Blocked, Resolver, AgentCrash, AgentReboot, AgentOffline, GossipCut, CollectorRestart,
	CollectorCut, LieDown, LieUp, Maintenance, ConfigPush,
}

// valued are those that need a value, with an example.
var valued = map[string]string{
	Slow: "{slow: x2} or {slow: +80ms}", Loss: "{loss: 0.3}", Backfill: "{backfill: 10m}", LineSwitch: "{line_switch: AS64509}", Clock: "{clock: +1h}",
}

var operatingSystems = []string{"linux", "windows", "darwin"}

func (l *loader) faults(n *strict.Node, path string) {
	l.Each(maxFaults, func(_ int, n *strict.Node, path string) {
		f := Fault{Rate: 1, Line: n.At.Line}
		var who, what *strict.Node
		before := 0
		l.Later(func() { before = len(l.Problems) })
		l.Object(n, path, strict.Keys{
			"at":     func(n *strict.Node, path string) { l.span(&f.At)(n, path); l.inTime(n, path, f.At) },
			"for":    l.duration(&f.For, time.Millisecond, maxTime),
			"ramp":   l.span(&f.Ramp),
			"every":  l.duration(&f.Every, time.Millisecond, maxTime),
			"spread": l.span(&f.Spread),
			"who":    func(n *strict.Node, path string) { who = n; l.who(&f.Who)(n, path) },
			"what":   func(n *strict.Node, path string) { what = n; l.what(&f.What)(n, path) },
			"uplink": l.Boolean(&f.Uplink),
			"how":    func(n *strict.Node, path string) { l.how(&f.How, n, path) },
			"rate":   l.share(&f.Rate),
		})
		if !l.has(n, path, "how", "say what breaks, such as how: blackhole") {
			return
		}
		l.out.Faults = append(l.out.Faults, f)
		l.Later(func() {
			if len(l.Problems) == before { // else a name is wrong, and told
				l.hitsSomebody(&f, who, what, path)
			}
		})
	})(n, path)
}

// inTime refuses a moment that the run does not reach.
func (l *loader) inTime(n *strict.Node, path string, at time.Duration) {
	l.Later(func() {
		if at >= l.out.Duration {
			l.Wrong(n, path, "the run ends at %s: begin earlier or lengthen duration", strict.Short(l.out.Duration))
		}
	})
}

func (l *loader) how(into *How, n *strict.Node, path string) {
	switch n.Kind {
	case strict.Object:
		if len(n.Fields) != 1 {
			l.Bad(n.At, "%s has %d keys: a fault does one thing; make one fault of each", path, len(n.Fields))
			return
		}
		if f := n.Fields[0]; slices.Contains(hows, f.Key) {
			l.Bad(f.At, "%s: %s takes no value: write how: %s", path, f.Key, f.Key)
			return
		}
		l.Object(n, path, strict.Keys{
			Slow:       l.slow(into),
			Loss:       l.share(&into.Share),
			Backfill:   l.duration(&into.D, time.Second, maxTime),
			LineSwitch: l.name(&into.Network),
			Clock:      l.duration(&into.D, -maxTime, maxTime),
		})
		if into.Name = n.Fields[0].Key; valued[into.Name] == "" {
			into.Name = "" // told already
		}
	default:
		if example := valued[n.Text]; n.Kind == strict.Scalar && example != "" {
			l.Bad(n.At, "%s: %s needs a value: write how: %s", path, n.Text, example)
			return
		}
		l.Choice(&into.Name, hows...)(n, path)
	}
}

// slow reads x2 or +80ms.
func (l *loader) slow(into *How) strict.Read {
	return func(n *strict.Node, path string) {
		if !l.Expect(n, path, strict.Scalar) {
			return
		}
		if factor, ok := strings.CutPrefix(n.Text, "x"); ok {
			v, err := strconv.ParseFloat(factor, 64)
			if err == nil && v > 1 && v <= 1000 {
				into.Factor = v
				return
			}
		} else if add, err := parseDuration(n.Text); err == nil && strings.HasPrefix(n.Text, "+") && add > 0 && add <= time.Minute {
			into.Add = add
			return
		}
		l.Wrong(n, path, "not a slowness: write a factor such as x2 (above x1, at most x1000) or a time such as +80ms (at most +1m)")
	}
}

func (l *loader) who(w *Who) strict.Read {
	return func(n *strict.Node, path string) {
		l.Object(n, path, strict.Keys{
			"site":    l.selector(&w.Sites, "site"),
			"client":  l.selector(&w.Clients, "client"),
			"network": l.selector(&w.Networks, "network"),
			"region":  l.selector(&w.Regions, "vantage region"),
			"agent":   l.selector(&w.Agents, "agent"),
			"os":      some(l, &w.OS, func(into *string) strict.Read { return l.Choice(into, operatingSystems...) }),
			"family":  l.families(&w.Families),
			"share":   l.share(&w.Share),
		})
	}
}

func (l *loader) what(w *What) strict.Read {
	return func(n *strict.Node, path string) {
		l.Object(n, path, strict.Keys{
			"all":      l.Boolean(&w.All),
			"provider": l.selector(&w.Providers, "provider"),
			"service":  l.selector(&w.Services, "service"),
			"region":   l.selector(&w.Regions, "provider region"),
			"target":   l.selector(&w.Targets, "target"),
			"depends":  l.selector(&w.Depends, "dependency"),
			"edge":     l.selector(&w.Edges, "edge"),
			"kind":     l.kinds(&w.Kinds),
			"reference": func(n *strict.Node, path string) {
				if n.Kind == strict.Scalar && !n.Quoted && (n.Text == "true" || n.Text == "false") {
					w.Reference = n.Text == "true"
					return
				}
				l.selector(&w.References, "reference")(n, path)
			},
		})
	}
}

// selector reads a name or a list of names that the scenario must define.
func (l *loader) selector(into *[]string, what string) strict.Read {
	return func(n *strict.Node, path string) {
		some(l, into, l.name)(n, path)
		for i, name := range *into {
			at := n
			if i < len(n.Items) {
				at = n.Items[i]
			}
			l.known(at, path, what, name)
		}
	}
}

// hitsSomebody refuses a fault whose selectors, each right by itself, have
// nobody or nothing in common: it would test nothing.
func (l *loader) hitsSomebody(f *Fault, who, what *strict.Node, path string) {
	if who != nil && !l.badFleet && !l.badFaults && !slices.ContainsFunc(l.out.Fleet.Sites, f.Who.hits) {
		l.Bad(who.At, "%s.who matches no site: all that is given must match; give less, or other names", path)
	}
	if what == nil || l.badTargets || l.badReferences || l.badFaults {
		return
	}
	w := &f.What
	if w.Reference || len(w.References) > 0 {
		if len(w.Providers)+len(w.Services)+len(w.Regions)+len(w.Targets)+len(w.Depends)+len(w.Edges) > 0 {
			l.Bad(what.At, "%s.what asks for references that are also something of a cloud: there are none; make one fault of each", path)
		}
		return
	}
	if !slices.ContainsFunc(l.out.Targets, w.hits) {
		l.Bad(what.At, "%s.what matches no target: all that is given must match; give less, or other names", path)
	}
}

// hits says whether s may be among the sites that w selects.
func (w *Who) hits(s Site) bool {
	agent := len(w.Agents) == 0
	for i := range s.Agents {
		agent = agent || slices.Contains(w.Agents, s.Agent(i))
	}
	return agent && among(w.Sites, s.ID) && among(w.Clients, s.Client) && among(w.Networks, s.Network) && among(w.Regions, s.Region) &&
		among(w.OS, s.OS) && (len(w.Families) == 0 || slices.ContainsFunc(w.Families, func(f probes.Family) bool { return slices.Contains(s.Families, f) }))
}

// hits says whether w selects something of the target t.
func (w *What) hits(t Target) bool {
	depends := len(w.Depends) == 0 || slices.ContainsFunc(t.Depends, func(d string) bool { return slices.Contains(w.Depends, d) })
	edge := len(w.Edges) == 0
	for _, e := range t.Edge {
		edge = edge || slices.Contains(w.Edges, e)
	}
	kind := len(w.Kinds) == 0 || slices.ContainsFunc(t.Kinds, func(k probes.Kind) bool { return slices.Contains(w.Kinds, k) })
	return depends && edge && kind && among(w.Providers, t.Provider) && among(w.Services, t.Service) && among(w.Regions, t.Region) && among(w.Targets, t.ID)
}

// among says whether the selector takes the value; an empty one takes all.
func among(selector []string, value string) bool {
	return len(selector) == 0 || slices.Contains(selector, value)
}
