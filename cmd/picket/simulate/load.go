package simulate

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"picket/collector/config/strict"
	"picket/probes"
)

// Bounds of a file.
const (
	maxSeeds    = 100_000
	maxSites    = 5_000
	maxTargets  = 5_000
	maxFaults   = 1_000
	maxExpects  = 1_000
	maxAgents   = 16
	maxInterval = day
)

// Load reads the scenario src; file is its name, for messages. The error is
// [strict.Problems]: all that is wrong in the file, up to 100, each with file,
// line, column, what it is and what to do. A scenario without an error is
// complete: every default is filled in, every name that is used is defined, and
// every fault hits somebody.
func Load(file string, src []byte) (*Scenario, error) {
	root, problems := strict.Parse(file, src)
	if len(problems) > 0 {
		return nil, problems
	}
	s := Defaults()
	for i := range s.Targets {
		s.Targets[i].Interval = 0 // the file may name another
	}
	s.File = file
	s.ID = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	l := &loader{Reader: strict.Reader{File: file}, out: &s, seen: map[string]int{}, names: map[string]map[string]bool{}}
	if root.Kind != strict.Null {
		l.Object(root, "the file", l.keys())
	}
	l.fill()
	if problems := l.Settle(); len(problems) > 0 {
		return nil, problems
	}
	return &s, nil
}

// loader is what the keys of a scenario mean.
type loader struct {
	strict.Reader
	out *Scenario

	// The sections that have a problem: what they would define is not known, so
	// names are not looked up in them and one mistake is told once.
	badFleet, badTargets, badReferences, badFaults bool
	seen                                           map[string]int // sections and ids in use -> line

	names map[string]map[string]bool // by sort of name, made when the first is asked for
}

func (l *loader) keys() strict.Keys {
	s := l.out
	return strict.Keys{
		"id":         l.name(&s.ID),
		"title":      l.Line(&s.Title, 200),
		"seeds":      l.Integer(&s.Seeds, 1, maxSeeds),
		"duration":   l.duration(&s.Duration, time.Second, maxTime),
		"cold":       l.Boolean(&s.Cold),
		"fleet":      l.section(&l.badFleet, l.fleet),
		"targets":    l.section(&l.badTargets, l.targets),
		"references": l.section(&l.badReferences, l.references),
		"interval":   l.duration(&s.Interval, time.Second, maxInterval),
		"noise":      l.noise,
		"faults":     l.section(&l.badFaults, l.faults),
		"expect":     l.Each(maxExpects, l.expect),
		"forbid":     l.Each(maxExpects, l.forbid),
	}
}

// section notes in bad whether reading added a problem.
func (l *loader) section(bad *bool, read strict.Read) strict.Read {
	return func(n *strict.Node, path string) {
		before := len(l.Problems)
		read(n, path)
		*bad = len(l.Problems) > before
	}
}

// fill puts in what depends on the rest of the file.
func (l *loader) fill() {
	s := l.out
	for i := range s.Targets {
		t := &s.Targets[i]
		if t.Interval == 0 {
			t.Interval = s.Interval
		}
	}
	for i := range s.Faults {
		f := &s.Faults[i]
		if f.How.Name == CollectorRestart && f.For == 0 {
			f.For = defaultRestart
		}
	}
}

func (l *loader) fleet(n *strict.Node, path string) {
	f := &l.out.Fleet
	l.Object(n, path, strict.Keys{
		"relay_delay": l.duration(&f.RelayDelay, 0, 10*time.Second),
		"sites": func(n *strict.Node, path string) {
			f.Sites = nil
			l.Each(maxSites, l.site)(n, path)
			if n.Kind == strict.List && len(n.Items) == 0 {
				l.Bad(n.At, "%s is empty: somebody must look; remove the key for the default fleet", path)
			}
		},
	})
}

func (l *loader) site(_ int, n *strict.Node, path string) {
	s := Site{Client: defaultClient, Region: defaultRegion, OS: defaultOS, Agents: 1, Families: []probes.Family{4}}
	l.Object(n, path, strict.Keys{
		"id":       l.name(&s.ID),
		"client":   l.name(&s.Client),
		"network":  l.name(&s.Network),
		"region":   l.name(&s.Region),
		"upstream": l.name(&s.Upstream),
		"os":       l.Choice(&s.OS, operatingSystems...),
		"agents":   l.Integer(&s.Agents, 1, maxAgents),
		"clock":    l.duration(&s.Clock, -maxTime, maxTime),
		"families": l.families(&s.Families),
	})
	if !l.has(n, path, "id", "write one, such as s01") || !l.has(n, path, "network", "name its ISP, such as AS64501") {
		return
	}
	if l.sameName(n, path, "site", s.ID) {
		return
	}
	l.out.Fleet.Sites = append(l.out.Fleet.Sites, s)
}

func (l *loader) targets(n *strict.Node, path string) {
	l.out.Targets = nil
	l.Each(maxTargets, l.target)(n, path)
	if n.Kind == strict.List && len(n.Items) == 0 {
		l.Bad(n.At, "%s is empty: something must be watched; remove the key for the default targets", path)
	}
}

func (l *loader) target(_ int, n *strict.Node, path string) {
	t := Target{Kinds: []probes.Kind{probes.Ping, probes.HTTP}, Families: []probes.Family{4}, RTT: map[string]time.Duration{"default": defaultRTT}}
	l.Object(n, path, strict.Keys{
		"id":       l.name(&t.ID),
		"provider": l.name(&t.Provider),
		"service":  l.name(&t.Service),
		"region":   l.name(&t.Region),
		"client":   func(n *strict.Node, path string) { l.name(&t.Client)(n, path); l.known(n, path, "client", t.Client) },
		"depends":  some(l, &t.Depends, l.name),
		"edge":     func(n *strict.Node, path string) { l.edges(&t.Edge)(n, path) },
		"kinds":    l.kinds(&t.Kinds),
		"rtt":      func(n *strict.Node, path string) { l.rtt(t.RTT)(n, path) },
		"interval": l.duration(&t.Interval, time.Second, maxInterval),
		"families": l.families(&t.Families),
	})
	if !l.has(n, path, "id", "write one, such as azure-blob-westeurope") {
		return
	}
	if t.Client == "" && !l.has(n, path, "provider", "name the cloud it belongs to, or the client that it is private to") {
		return
	}
	if l.sameName(n, path, "target", t.ID) {
		return
	}
	l.out.Targets = append(l.out.Targets, t)
}

// edges reads which edge answers in which vantage region.
func (l *loader) edges(into *map[string]string) strict.Read {
	return func(n *strict.Node, path string) {
		if !l.Expect(n, path, strict.Object) {
			return
		}
		edges := map[string]string{}
		l.byRegion(n, path, func(region string, n *strict.Node, path string) {
			var edge string
			l.name(&edge)(n, path)
			edges[region] = edge
		})
		if len(edges) > 0 {
			*into = edges
		}
	}
}

// rtt reads a round trip for everybody or by vantage region.
func (l *loader) rtt(into map[string]time.Duration) strict.Read {
	one := func(key string, n *strict.Node, path string) {
		d := into["default"]
		l.duration(&d, 0, 10*time.Second)(n, path)
		into[key] = d
	}
	return func(n *strict.Node, path string) {
		if n.Kind != strict.Object {
			one("default", n, path)
			return
		}
		l.byRegion(n, path, one)
	}
}

// byRegion reads a block whose keys are vantage regions. They need not be those
// of the fleet: a list of targets serves fleets of several places.
func (l *loader) byRegion(n *strict.Node, path string, one func(region string, n *strict.Node, path string)) {
	first := map[string]int{}
	for _, f := range n.Fields {
		if line, twice := first[f.Key]; twice {
			l.Bad(f.At, "key %q is given twice, first on line %d: remove one", path+"."+f.Key, line)
			continue
		}
		first[f.Key] = f.At.Line
		one(f.Key, f.Value, path+"."+f.Key)
	}
}

func (l *loader) references(n *strict.Node, path string) {
	l.out.References = nil
	l.Each(1_000, func(_ int, n *strict.Node, path string) {
		r := Reference{Kinds: []probes.Kind{probes.TCP}}
		l.Object(n, path, strict.Keys{"id": l.name(&r.ID), "network": l.name(&r.Network), "kinds": l.kinds(&r.Kinds)})
		if l.has(n, path, "id", "write one, such as ref-1") && l.has(n, path, "network", "name its operator, such as AS64601") &&
			!l.sameName(n, path, "target", r.ID) {
			l.out.References = append(l.out.References, r)
		}
	})(n, path)
}

func (l *loader) noise(n *strict.Node, path string) {
	v := &l.out.Noise
	v.ClearsOnRetry = 0.8 // detection.md 2.2; counts only if something fails
	l.Object(n, path, strict.Keys{
		"fail":            l.number(&v.Fail, 0, 1),
		"clears_on_retry": l.number(&v.ClearsOnRetry, 0, 1),
		"uplink":          l.episodes(&v.Uplink),
		"isp":             l.episodes(&v.ISP),
		"path":            l.episodes(&v.Path),
		"site_path":       l.episodes(&v.SitePath),
		"latency": func(n *strict.Node, path string) {
			l.Object(n, path, strict.Keys{"sigma": l.number(&v.Latency.Sigma, 0, 3), "spikes": l.number(&v.Latency.Spikes, 0, 1), "ar1": l.number(&v.Latency.AR1, 0, 0.999)})
		},
	})
	if v.Fail == 0 {
		v.ClearsOnRetry = 0
	}
}

func (l *loader) episodes(into *Episodes) strict.Read {
	return func(n *strict.Node, path string) {
		var e Episodes
		l.Object(n, path, strict.Keys{"per_year": l.number(&e.PerYear, 0, 1e6), "lasts": l.duration(&e.Lasts, time.Second, 365*day)})
		if n.Kind != strict.Object || !l.has(n, path, "per_year", "say how often, such as per_year: 24") ||
			!l.has(n, path, "lasts", "say how long on average, such as lasts: 15m") {
			return
		}
		*into = e
	}
}

// has says whether the object n has the key, and notes if it has not.
func (l *loader) has(n *strict.Node, path, key, what string) bool {
	switch {
	case n.Kind != strict.Object: // told already
		return false
	case n.Has(key):
		return true
	}
	l.Bad(n.At, "%s has no %s: %s", path, key, what)
	return false
}

// sameName notes an id that was used before.
func (l *loader) sameName(n *strict.Node, path, what, id string) bool {
	if id == "" {
		return true // told already
	}
	at := n
	for _, f := range n.Fields {
		if f.Key == "id" {
			at = f.Value
		}
	}
	key := fmt.Sprintf("%s %s", what, id)
	if line, twice := l.seen[key]; twice {
		l.Wrong(at, path+".id", "this id is already used on line %d: rename or remove one", line)
		return true
	}
	l.seen[key] = at.At.Line
	return false
}
