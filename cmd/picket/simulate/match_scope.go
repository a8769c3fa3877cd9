package simulate

import (
	"slices"
	"strings"

	"picket/collector/detect"
	"picket/probes"
)

// above says which kinds contain a kind, one step up. An incident of a kind
// above or below the expected one, about the same things, is found but not
// exact (scenarios.md, "Matching"). Kinds that do not stand here stand alone.
func above(k detect.Kind) []detect.Kind {
	switch k {
	case detect.KindTarget:
		return []detect.Kind{detect.KindService, detect.KindDependency}
	case detect.KindService:
		return []detect.Kind{detect.KindProviderRegion}
	case detect.KindProviderRegion:
		return []detect.Kind{detect.KindProvider}
	case detect.KindEdge:
		return []detect.Kind{detect.KindDependency}
	case detect.KindNetworkProvider:
		return []detect.Kind{detect.KindNetwork}
	case detect.KindVRegionTarget, detect.KindVRegionDependency, detect.KindVRegionProvider:
		return []detect.Kind{detect.KindVRegion}
	}
	return nil
}

// unrelated is the distance between labels of which neither contains the other.
const unrelated = -1

// steps returns how many steps up lead from low to high, or unrelated.
func steps(low, high detect.Kind) int {
	if low == high {
		return 0
	}
	for _, k := range above(low) {
		if n := steps(k, high); n != unrelated {
			return n + 1
		}
	}
	return unrelated
}

// levels returns how far the label of i is from what m describes: 0 exact, 1
// and more if one is an ancestor of the other and both are about the same
// things, unrelated otherwise.
func levels(s *Scenario, m *Match, i *detect.Incident) int {
	want := detect.Kind(m.Kind)
	if i.Kind == want {
		if !sameScope(s, m, i) {
			return unrelated
		}
		return 0
	}
	n := max(steps(i.Kind, want), steps(want, i.Kind))
	if n == unrelated || !agrees(m.Network, i.Network) || !agrees(m.Site, i.Site) || !agrees(m.VRegion, i.VRegion) ||
		!agrees(m.Family, i.Family) || m.VRegionNone && i.VRegion != "" || !overlaps(s, m, i) {
		return unrelated
	}
	return n
}

// agrees says that two labels do not contradict each other: the wider one may
// leave the field out.
func agrees(want, have string) bool { return want == "" || have == "" || want == have }

// sameScope says whether i is about exactly what m names. What the label of an
// endpoint leaves out is known from the scenario.
func sameScope(s *Scenario, m *Match, i *detect.Incident) bool {
	provider, service, region, client := i.Provider, i.Service, i.Region, i.Client
	depends := []string{i.Dependency}
	if t := s.target(i.Target); t != nil {
		provider, service, region, client = t.Provider, t.Service, t.Region, t.Client
		depends = append(depends, t.Depends...)
	}
	return asked(m.Provider, provider) && asked(m.Service, service) && asked(m.Region, region) && asked(m.Client, client) &&
		asked(m.Target, i.Target) && (m.Depends == "" || slices.Contains(depends, m.Depends)) && asked(m.Edge, i.Edge) &&
		asked(m.Network, i.Network) && asked(m.Site, i.Site) && asked(m.VRegion, i.VRegion) && asked(m.Family, i.Family) &&
		(!m.VRegionNone || i.VRegion == "")
}

// asked says that have is want, or that nothing was asked for.
func asked(want, have string) bool { return want == "" || want == have }

// overlaps says whether a target exists that both labels cover.
func overlaps(s *Scenario, m *Match, i *detect.Incident) bool {
	return slices.ContainsFunc(s.Targets, func(t Target) bool { return m.covers(&t) && covered(&t, i) })
}

// covers says whether t is among what m names.
func (m *Match) covers(t *Target) bool {
	return asked(m.Provider, t.Provider) && asked(m.Service, t.Service) && asked(m.Region, t.Region) && asked(m.Target, t.ID) &&
		(m.Client == "" || t.Client == "" || m.Client == t.Client) &&
		(m.Depends == "" || slices.Contains(t.Depends, m.Depends)) && (m.Edge == "" || behind(t, m.Edge))
}

// covered says whether t is among what i blames.
func covered(t *Target, i *detect.Incident) bool {
	m := Match{Provider: i.Provider, Service: i.Service, Region: i.Region, Target: i.Target, Client: i.Client, Depends: i.Dependency, Edge: i.Edge}
	return m.covers(t)
}

// behind says whether edge answers for t in some vantage region.
func behind(t *Target, edge string) bool {
	for _, e := range t.Edge {
		if e == edge {
			return true
		}
	}
	return false
}

// target returns the target with this id; nil if there is none.
func (s *Scenario) target(id string) *Target {
	if k := slices.IndexFunc(s.Targets, func(t Target) bool { return t.ID == id }); k >= 0 && id != "" {
		return &s.Targets[k]
	}
	return nil
}

// holds says whether i has what m asks of a single moment: at least the asked
// confidence (probable if none is asked: a suspicion is shown to nobody unless
// asked for), the severity and the layer.
func (m *Match) holds(i *detect.Incident) bool {
	floor := detect.ConfidenceProbable
	if m.Confidence != "" {
		floor = detect.Confidence(m.Confidence)
	}
	return i.Confidence.Rank() >= floor.Rank() && asked(m.Severity, string(i.Severity)) && asked(m.Layer, i.Layer)
}

// label names what an incident blames, for reports.
func label(i *detect.Incident) string {
	words := []string{string(i.Kind)}
	for _, w := range []string{i.Site, i.Network, i.VRegion, i.Provider, i.Service, i.Region, i.Target, i.Dependency, i.Edge} {
		if w != "" {
			words = append(words, w)
		}
	}
	if i.Family != "" {
		words = append(words, "IPv"+i.Family)
	}
	return strings.Join(words, " ")
}

// String says what was asked for, as in the file.
func (m *Match) String() string {
	var words []string
	for _, f := range []struct{ key, value string }{
		{"kind", m.Kind}, {"provider", m.Provider}, {"service", m.Service}, {"region", m.Region}, {"target", m.Target},
		{"depends", m.Depends}, {"edge", m.Edge}, {"network", m.Network}, {"site", m.Site}, {"vregion", m.VRegion}, {"client", m.Client},
		{"layer", m.Layer}, {"severity", m.Severity}, {"confidence", m.Confidence}, {"family", m.Family}, {"cause", m.Cause}, {"note", m.Note},
	} {
		if f.value != "" {
			words = append(words, f.key+": "+f.value)
		}
	}
	if len(words) == 0 {
		return "any incident"
	}
	return strings.Join(words, ", ")
}

// rank orders kinds of probe by how much of a service they exercise.
func rank(k probes.Kind) int {
	return slices.Index([]probes.Kind{probes.Ping, probes.DNS, probes.TCP, probes.TLS, probes.HTTP}, k)
}
