package detect

import (
	"slices"

	"picket/internal/fleet"
	"picket/probes"
)

// scope names what an explanation blames. Comparable: it is the key of an
// incident. Fields that the kind does not use are "".
type scope struct {
	kind                                             Kind
	provider, service, region, target, network, site string
	dependency, edge, vregion                        string
	family                                           probes.Family // 0: whatever the IP version
}

// has says whether target t lies inside the scope (whoever looks).
func (s scope) has(t *fleet.Target) bool {
	switch s.kind {
	case KindTarget, KindVRegionTarget, KindReference:
		return t.ID == s.target
	case KindService:
		return t.Provider == s.provider && t.Service == s.service
	case KindProviderRegion:
		return t.Provider == s.provider && t.Region == s.region
	case KindProvider, KindNetworkProvider, KindVRegionProvider:
		return t.Provider == s.provider
	case KindDependency, KindEdge, KindNetworkDependency, KindVRegionDependency:
		return slices.Contains(t.Dependencies, s.dependency)
	case KindSite, KindNetwork, KindVRegion:
		return true
	}
	return false
}

// looks says whether the site is one of those that see the trouble of the scope.
// An edge is seen by whom it answers, which no site knows before it asks: all look.
func (s scope) looks(v *site) bool {
	switch s.kind {
	case KindSite:
		return v.ID == s.site
	case KindNetwork, KindNetworkProvider, KindNetworkDependency:
		return v.net == s.network
	case KindVRegion, KindVRegionProvider, KindVRegionDependency, KindVRegionTarget:
		return v.Region == s.vregion
	}
	return true
}

// targetScope is the scope of one target.
func targetScope(t *target) scope {
	return scope{kind: KindTarget, provider: t.Provider, service: t.Service, region: t.Region, target: t.ID}
}

// within narrows the scope of a target to one vantage region ("" does not).
func (s scope) within(vregion string) scope {
	if vregion != "" {
		s.kind, s.vregion = KindVRegionTarget, vregion
	}
	return s
}

// contains says whether everything that b blames lies inside a, by the lineage
//
//	target < service, provider-region < provider
//	target < dependency; edge < dependency
//	vregion-target < vregion-provider, vregion-dependency < vregion
//	vregion-x < x; vregion-target < edge, if the region uses that edge
//	edge < vregion-dependency, vregion, if only that region uses it
//	site, network-provider, network-dependency < network; site < vregion
//
// and whatever concerns one IP version lies inside the same of both.
func (e *Engine) contains(a, b scope) bool {
	if a.family != 0 && a.family != b.family {
		return false
	}
	a.family, b.family = 0, 0
	if a == b {
		return true
	}
	switch a.kind {
	case KindProvider:
		switch b.kind {
		case KindDependency, KindEdge, KindVRegionDependency:
			return e.allOf(b, a)
		}
		return b.kind.ProviderSide() && b.provider == a.provider
	case KindService, KindProviderRegion, KindTarget:
		return (b.kind == KindTarget || b.kind == KindVRegionTarget) && e.named(b, a)
	case KindDependency:
		switch b.kind {
		case KindEdge, KindVRegionDependency:
			return b.dependency == a.dependency
		case KindTarget, KindVRegionTarget, KindService, KindProviderRegion, KindProvider:
			return e.allOf(b, a)
		}
	case KindEdge:
		return b.kind == KindVRegionTarget && e.named(b, a) && e.usesEdge(a, b.target, b.vregion)
	case KindNetwork:
		if b.kind == KindSite {
			s := e.siteByID[b.site]
			return s != nil && s.net == a.network
		}
		return (b.kind == KindNetworkProvider || b.kind == KindNetworkDependency) && a.network == b.network
	case KindVRegion, KindVRegionProvider, KindVRegionDependency:
		return e.containsInRegion(a, b)
	}
	return false
}

// containsInRegion is contains for what blames a vantage region.
func (e *Engine) containsInRegion(a, b scope) bool {
	if b.kind == KindSite {
		s := e.siteByID[b.site]
		return a.kind == KindVRegion && s != nil && s.Region == a.vregion
	}
	if b.kind == KindEdge {
		return (a.kind == KindVRegion || a.kind == KindVRegionDependency && a.dependency == b.dependency) && e.onlyThere(b, a.vregion)
	}
	if b.vregion != a.vregion {
		return false
	}
	switch a.kind {
	case KindVRegionProvider:
		return b.kind == KindVRegionTarget && b.provider == a.provider
	case KindVRegionDependency:
		return b.kind == KindVRegionTarget && e.named(b, a)
	}
	return true // vregion: everything of it
}

// named says whether b, of one target, lies inside a by the target's tags.
func (e *Engine) named(b, a scope) bool {
	if t := e.targetByID[b.target]; t != nil {
		return a.has(&t.Target)
	}
	return a.has(&fleet.Target{ID: b.target, Provider: b.provider, Service: b.service, Region: b.region})
}

// allOf says whether every watched target of b, and there is one, belongs to a too.
func (e *Engine) allOf(b, a scope) bool {
	found := false
	for _, t := range e.targets {
		if t.Reference || !b.has(&t.Target) {
			continue
		}
		if !a.has(&t.Target) {
			return false
		}
		found = true
	}
	return found
}

// takesIn says whether a finding explains all that an open incident tells of:
// by lineage; or a dependency (an edge of it) all of whose failing targets the
// incident of a service or a cloud lists, since it blamed too much of too little;
// or a cloud region in which all lies that the incident of a service lists, since
// in the first second of an outage a service's targets there may be all that is
// known to fail.
func (e *Engine) takesIn(sc scope, b scope, targets []string) bool {
	if e.contains(sc, b) {
		return true
	}
	switch sc.kind {
	case KindDependency:
		switch b.kind {
		case KindService, KindProviderRegion, KindProvider, KindVRegionProvider:
		default:
			return false
		}
	case KindVRegionDependency:
		if b.kind != KindVRegionProvider || b.vregion != sc.vregion {
			return false
		}
	case KindProviderRegion:
		if b.kind != KindService || b.provider != sc.provider {
			return false
		}
	default:
		return false
	}
	return (sc.family == 0 || sc.family == b.family) && len(targets) > 0 && !slices.ContainsFunc(targets, func(id string) bool {
		t := e.targetByID[id]
		return t == nil || !sc.has(&t.Target)
	})
}

// smallest is the least scope inside sc that holds all targets (at least one).
func (e *Engine) smallest(sc scope, ts []*target) scope {
	out := targetScope(ts[0])
	region, service, provider := out.region != "", out.service != "", true
	for _, t := range ts[1:] {
		provider = provider && t.Provider == out.provider
		region = region && t.Region == out.region
		service = service && t.Service == out.service
	}
	switch {
	case len(ts) == 1:
		out = out.within(sc.vregion)
	case !provider:
		return sc
	case sc.vregion != "":
		out = scope{kind: KindVRegionProvider, provider: out.provider, vregion: sc.vregion}
	case region:
		out = scope{kind: KindProviderRegion, provider: out.provider, region: out.region}
	case service:
		out = scope{kind: KindService, provider: out.provider, service: out.service}
	default:
		out = scope{kind: KindProvider, provider: out.provider}
	}
	out.family = sc.family
	if !e.contains(sc, out) {
		return sc
	}
	return out
}

func (s scope) name() string {
	return string(s.kind) + "\x00" + s.provider + "\x00" + s.service + "\x00" + s.region + "\x00" + s.target + "\x00" + s.network + "\x00" + s.site +
		"\x00" + s.dependency + "\x00" + s.edge + "\x00" + s.vregion + "\x00" + s.family.String()
}
