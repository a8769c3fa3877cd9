package detect

// shape is a row of the hypothesis table: how to name the scopes of a pair, and
// what a scope must show to be admissible besides the hit ratio.
type shape struct {
	kind Kind
	// least failing rows without which admit cannot hold: spares the tallies.
	least int
	// scopes names those that r belongs to, without the IP version; there are
	// several where a target has several dependencies.
	scopes func(r *row, add func(scope))
	admit  func(h *hypothesis, x *explanation) bool
}

// shapes is the hypothesis table, the more specific first: the order breaks
// ties. Edges come before ISPs: failing results that share an edge while other
// edges work are that edge's, not any ISP's way to it (amendment 8).
//
//	kind                needs, besides a balanced hit ratio >= Tau and fresh rows
//	site                >= 3 targets of >= 3 providers (of all, if fewer are watched); the other sites are well
//	edge                the quorum of a part among the sites that it answers; the other edges of the dependency are well
//	vregion-target      the quorum of a part among the region's sites; the other regions are well
//	target              K sites on M networks
//	network-dependency  >= 2 sites, >= 2 targets; the other networks are well
//	network-provider    >= 2 sites, >= 2 targets; the other networks are well
//	network             >= 2 sites, >= 3 providers; the other networks are well
//	vregion-dependency  as vregion-target, and >= 2 targets
//	vregion-provider    as vregion-target, and >= 2 targets
//	vregion             as vregion-target, and >= 3 providers
//	service             K, M, >= 2 targets
//	provider-region     K, M, >= 2 targets
//	dependency          K, M, >= 2 targets
//	provider            K, M, >= 2 services
//
// The quorum of a part is that of [JudgeRegion]. What blames a vantage region
// exists only if the fleet has two. A row over one IP version belongs to two
// scopes of each shape: the one of that IP version, which needs the other one
// to be well, and the one of both.
func shapes() []shape {
	one := func(name func(r *row) (scope, bool)) func(*row, func(scope)) {
		return func(r *row, add func(scope)) {
			if sc, ok := name(r); ok {
				add(sc)
			}
		}
	}
	each := func(name func(r *row, dep string) (scope, bool)) func(*row, func(scope)) {
		return func(r *row, add func(scope)) {
			for _, dep := range r.t.Dependencies {
				if sc, ok := name(r, dep); ok {
					add(sc)
				}
			}
		}
	}
	return append(oursFirst(one, each), cloudsLast(one, each)...)
}

type (
	named func(func(*row) (scope, bool)) func(*row, func(scope))
	deps  func(func(*row, string) (scope, bool)) func(*row, func(scope))
)

func oursFirst(one named, each deps) []shape {
	return []shape{
		{KindSite, 3, one(func(r *row) (scope, bool) {
			return scope{kind: KindSite, site: r.s.ID}, true
		}), func(h *hypothesis, x *explanation) bool {
			return x.w.providers >= 2 && h.badTargets() >= 3 && len(h.provs) >= min(3, x.w.providers) && x.elsewhere(h).clear(h, x.w.rule)
		}},
		{KindEdge, 2, each(func(r *row, dep string) (scope, bool) {
			return scope{kind: KindEdge, dependency: dep, edge: r.edge}, r.edge != ""
		}), func(h *hypothesis, x *explanation) bool { return h.part(x.w.rule) && x.otherEdges(h) }},
		{KindVRegionTarget, 2, one(func(r *row) (scope, bool) {
			return targetScope(r.t).within(r.s.Region), r.s.Region != ""
		}), func(h *hypothesis, x *explanation) bool { return x.region(h) }},
		{KindTarget, 1, one(func(r *row) (scope, bool) {
			return targetScope(r.t), true
		}), func(h *hypothesis, x *explanation) bool { return h.quorum(x.w.rule) }},
		{KindNetworkDependency, 3, each(func(r *row, dep string) (scope, bool) {
			return scope{kind: KindNetworkDependency, network: r.s.net, dependency: dep}, true
		}), path},
		{KindNetworkProvider, 3, one(func(r *row) (scope, bool) {
			return scope{kind: KindNetworkProvider, network: r.s.net, provider: r.t.Provider}, true
		}), path},
		{KindNetwork, 3, one(func(r *row) (scope, bool) {
			return scope{kind: KindNetwork, network: r.s.net}, true
		}), func(h *hypothesis, x *explanation) bool {
			return x.w.providers >= 2 && h.badSites() >= 2 && len(h.provs) >= min(3, x.w.providers) && x.elsewhere(h).share() <= x.w.rule.CloseShare
		}},
	}
}

func path(h *hypothesis, x *explanation) bool {
	return h.badSites() >= 2 && h.badTargets() >= 2 && x.elsewhere(h).share() <= x.w.rule.CloseShare
}

func cloudsLast(one named, each deps) []shape {
	several := func(h *hypothesis, x *explanation) bool { return h.quorum(x.w.rule) && h.badTargets() >= 2 }
	seen := func(h *hypothesis, x *explanation) bool { return h.badTargets() >= 2 && x.region(h) }
	return []shape{
		{KindVRegionDependency, 3, each(func(r *row, dep string) (scope, bool) {
			return scope{kind: KindVRegionDependency, vregion: r.s.Region, dependency: dep}, r.s.Region != ""
		}), seen},
		{KindVRegionProvider, 3, one(func(r *row) (scope, bool) {
			return scope{kind: KindVRegionProvider, vregion: r.s.Region, provider: r.t.Provider}, r.s.Region != ""
		}), seen},
		{KindVRegion, 3, one(func(r *row) (scope, bool) {
			return scope{kind: KindVRegion, vregion: r.s.Region}, r.s.Region != ""
		}), func(h *hypothesis, x *explanation) bool {
			return x.w.providers >= 2 && len(h.provs) >= min(3, x.w.providers) && x.region(h)
		}},
		{KindService, 2, one(func(r *row) (scope, bool) {
			return scope{kind: KindService, provider: r.t.Provider, service: r.t.Service}, r.t.Service != ""
		}), several},
		{KindProviderRegion, 2, one(func(r *row) (scope, bool) {
			return scope{kind: KindProviderRegion, provider: r.t.Provider, region: r.t.Region}, r.t.Region != ""
		}), several},
		{KindDependency, 2, each(func(r *row, dep string) (scope, bool) {
			return scope{kind: KindDependency, dependency: dep}, true
		}), several},
		{KindProvider, 2, one(func(r *row) (scope, bool) {
			return scope{kind: KindProvider, provider: r.t.Provider}, true
		}), func(h *hypothesis, x *explanation) bool { return h.quorum(x.w.rule) && len(h.services) >= 2 }},
	}
}
