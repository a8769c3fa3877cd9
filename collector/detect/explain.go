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
}

// has says whether target t lies inside the scope (whoever looks).
func (s scope) has(t *fleet.Target) bool {
	switch s.kind {
	case KindTarget:
		return t.ID == s.target
	case KindService:
		return t.Provider == s.provider && t.Service == s.service
	case KindProviderRegion:
		return t.Provider == s.provider && t.Region == s.region
	case KindProvider, KindNetworkProvider:
		return t.Provider == s.provider
	case KindSite, KindNetwork:
		return true
	}
	return false
}

// targetScope is the scope of one target.
func targetScope(t *target) scope {
	return scope{kind: KindTarget, provider: t.Provider, service: t.Service, region: t.Region, target: t.ID}
}

// contains says whether everything that b blames lies inside a, by the lineage
// target < service, provider-region < provider and site, path < network.
func (e *Engine) contains(a, b scope) bool {
	if a == b {
		return true
	}
	switch a.kind {
	case KindProvider:
		return b.kind.ProviderSide() && a.provider == b.provider
	case KindService:
		return b.kind == KindTarget && a.provider == b.provider && a.service == b.service
	case KindProviderRegion:
		return b.kind == KindTarget && a.provider == b.provider && a.region == b.region
	case KindNetwork:
		if b.kind == KindSite {
			s := e.siteByID[b.site]
			return s != nil && s.net == a.network
		}
		return b.kind == KindNetworkProvider && a.network == b.network
	}
	return false
}

// looks says whether the site is one of those that see the trouble of the scope.
func (s scope) looks(v *site) bool {
	switch s.kind {
	case KindSite:
		return v.ID == s.site
	case KindNetwork, KindNetworkProvider:
		return v.net == s.network
	}
	return true
}

// row is one pair of site and target since the disturbance began.
type row struct {
	s     *site
	t     *target
	able  bool // the site may testify about the target's provider
	down  bool
	first int64
	last  int64
	cause probes.Cause
	check uint32
	done  bool // explained
}

// shape is a row of the hypothesis table: how to name the scope of a pair, and
// what the scope must show to be admissible besides the hit ratio. New kinds
// (vantage regions, dependencies, edges) are new rows here.
type shape struct {
	kind Kind
	// of names the scope that r belongs to; false: r belongs to none of this shape.
	of    func(r *row) (scope, bool)
	admit func(h *hypothesis, w *world) bool
}

// world is what an explanation needs to know besides the rows.
type world struct {
	rule      Rule
	targets   []*target
	providers int                           // monitored ones
	measured  func(t *target) bool          // some check of t can tell at the layer in question
	others    func(h *hypothesis) elsewhere // how everybody else who may vote finds h's failing targets
}

// shapes is the hypothesis table, the more specific first: the order breaks ties.
//
//	kind              needs, besides a balanced hit ratio >= Tau and fresh rows
//	site              >= 3 targets of >= 3 providers (of all, if fewer are watched); the other sites are well
//	target            K sites on M networks
//	network-provider  >= 2 sites, >= 2 targets; the other networks are well
//	network           >= 2 sites, >= 3 providers; the other networks are well
//	service           K, M, >= 2 targets
//	provider-region   K, M, >= 2 targets
//	provider          K, M, >= 2 services
func shapes() []shape {
	return []shape{
		{KindSite, func(r *row) (scope, bool) {
			return scope{kind: KindSite, site: r.s.ID}, true
		}, func(h *hypothesis, w *world) bool {
			return w.providers >= 2 && h.badTargets() >= 3 && len(h.provs) >= min(3, w.providers) && w.others(h).clear(h, w.rule)
		}},
		{KindTarget, func(r *row) (scope, bool) {
			return targetScope(r.t), true
		}, func(h *hypothesis, w *world) bool { return h.quorum(w.rule) }},
		{KindNetworkProvider, func(r *row) (scope, bool) {
			return scope{kind: KindNetworkProvider, network: r.s.net, provider: r.t.Provider}, true
		}, func(h *hypothesis, w *world) bool {
			return h.badSites() >= 2 && h.badTargets() >= 2 && w.others(h).share() <= w.rule.CloseShare
		}},
		{KindNetwork, func(r *row) (scope, bool) {
			return scope{kind: KindNetwork, network: r.s.net}, true
		}, func(h *hypothesis, w *world) bool {
			return w.providers >= 2 && h.badSites() >= 2 && len(h.provs) >= min(3, w.providers) && w.others(h).share() <= w.rule.CloseShare
		}},
		{KindService, func(r *row) (scope, bool) {
			return scope{kind: KindService, provider: r.t.Provider, service: r.t.Service}, r.t.Service != ""
		}, func(h *hypothesis, w *world) bool { return h.quorum(w.rule) && h.badTargets() >= 2 }},
		{KindProviderRegion, func(r *row) (scope, bool) {
			return scope{kind: KindProviderRegion, provider: r.t.Provider, region: r.t.Region}, r.t.Region != ""
		}, func(h *hypothesis, w *world) bool { return h.quorum(w.rule) && h.badTargets() >= 2 }},
		{KindProvider, func(r *row) (scope, bool) {
			return scope{kind: KindProvider, provider: r.t.Provider}, true
		}, func(h *hypothesis, w *world) bool { return h.quorum(w.rule) && len(h.services) >= 2 }},
	}
}

// hypothesis is a scope with the evidence for and against it.
type hypothesis struct {
	scope
	rank     int
	cover    int // failing rows not explained yet
	ok       int
	sites    map[*site]*tallyPair
	targets  map[*target]*tallyPair
	provs    map[string]bool // of failing targets
	services map[string]bool
	first    int64 // earliest failure
	causes   map[probes.Cause]int
	rows     []*row
}

// tallyPair counts rows and failing ones.
type tallyPair struct{ n, d int }

func (p *tallyPair) bad() bool { return 2*p.d > p.n }

func (h *hypothesis) badSites() int {
	n := 0
	for _, p := range h.sites {
		if p.bad() {
			n++
		}
	}
	return n
}

func (h *hypothesis) badTargets() int {
	n := 0
	for _, p := range h.targets {
		if p.bad() {
			n++
		}
	}
	return n
}

// networks counts the networks of all sites and of the failing ones.
func (h *hypothesis) networks() (down, all int) {
	nets, bad := map[string]bool{}, map[string]bool{}
	for s, p := range h.sites {
		nets[s.net] = true
		if p.bad() {
			bad[s.net] = true
		}
	}
	return len(bad), len(nets)
}

// quorum asks K sites on M networks to fail at most of the scope.
func (h *hypothesis) quorum(rule Rule) bool {
	n := len(h.sites)
	down, all := h.networks()
	m := rule.M(n)
	if all == 2 {
		m = min(m, 2)
	}
	return h.badSites() >= rule.K(n) && down >= m
}

// share is the hit ratio, balanced over networks.
func (h *hypothesis) share() float64 {
	nets := map[string]*tallyPair{}
	for s, p := range h.sites {
		q := nets[s.net]
		if q == nil {
			q = &tallyPair{}
			nets[s.net] = q
		}
		q.n, q.d = q.n+p.n, q.d+p.d
	}
	if len(nets) == 0 {
		return 0
	}
	const unit = 1e8 // whole numbers: the order of a map must not matter
	var sum int64
	for _, q := range nets {
		sum += int64(unit * float64(q.d) / float64(q.n))
	}
	return float64(sum) / unit / float64(len(nets))
}

// fresh asks for rows from enough of the scope's targets (amendment 2).
func (h *hypothesis) fresh(w *world) bool {
	if len(h.targets) >= w.rule.FreshMany {
		return true
	}
	n := 0
	for _, t := range w.targets {
		if !t.Reference && h.has(&t.Target) && w.measured(t) {
			n++
		}
	}
	return float64(len(h.targets)) >= w.rule.FreshShare*float64(n)
}

func (h *hypothesis) add(r *row) {
	sp, tp := h.sites[r.s], h.targets[r.t]
	if sp == nil {
		sp = &tallyPair{}
		h.sites[r.s] = sp
	}
	if tp == nil {
		tp = &tallyPair{}
		h.targets[r.t] = tp
	}
	sp.n, tp.n = sp.n+1, tp.n+1
	h.rows = append(h.rows, r)
	if !r.down {
		h.ok++
		return
	}
	sp.d, tp.d = sp.d+1, tp.d+1
	h.provs[r.t.Provider], h.services[r.t.Service] = true, true
	h.causes[r.cause]++
	if h.first == 0 || r.first < h.first {
		h.first = r.first
	}
	if !r.done {
		h.cover++
	}
}

// explainRows is the greedy smallest explanation of section 2.5: of all
// admissible scopes take the one that explains most for the fewest healthy rows
// inside it, strike out what it explains, repeat. Rows of sites that may not
// testify count for site and network scopes only.
func explainRows(rows []row, w *world) []*hypothesis {
	var out []*hypothesis
	table := shapes()
	for len(out) < 16 {
		best := (*hypothesis)(nil)
		for _, h := range weigh(rows, table) {
			if h.cover < min(w.rule.MinCover, len(h.rows)) || h.cover == 0 || h.share() < w.rule.Tau || !h.fresh(w) || !table[h.rank].admit(h, w) {
				continue
			}
			if best == nil || better(h, best, w.rule) {
				best = h
			}
		}
		if best == nil || best.score(w.rule) <= 0 {
			return out
		}
		for _, r := range best.rows {
			r.done = true
		}
		out = append(out, best)
	}
	return out
}

func (h *hypothesis) score(rule Rule) float64 { return float64(h.cover) - rule.OKCost*float64(h.ok) }

// better compares by score, then by the table's order, then by name.
func better(a, b *hypothesis, rule Rule) bool {
	if x, y := a.score(rule), b.score(rule); x != y {
		return x > y
	}
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return a.name() < b.name()
}

func (s scope) name() string {
	return string(s.kind) + "\x00" + s.provider + "\x00" + s.service + "\x00" + s.region + "\x00" + s.target + "\x00" + s.network + "\x00" + s.site
}

// weigh collects every scope that contains an unexplained failing row.
func weigh(rows []row, table []shape) []*hypothesis {
	byScope := map[scope]*hypothesis{}
	var out []*hypothesis
	for i := range rows {
		r := &rows[i]
		if !r.down || r.done {
			continue
		}
		for k, sh := range table {
			sc, ok := sh.of(r)
			if !ok || byScope[sc] != nil || sh.kind.ProviderSide() && !r.able {
				continue
			}
			h := &hypothesis{scope: sc, rank: k, sites: map[*site]*tallyPair{}, targets: map[*target]*tallyPair{},
				provs: map[string]bool{}, services: map[string]bool{}, causes: map[probes.Cause]int{}}
			byScope[sc] = h
			out = append(out, h)
		}
	}
	if len(out) == 0 {
		return nil
	}
	for i := range rows {
		r := &rows[i]
		for _, sh := range table {
			if sc, ok := sh.of(r); ok && (r.able || !sh.kind.ProviderSide()) {
				if h := byScope[sc]; h != nil {
					h.add(r)
				}
			}
		}
	}
	return out
}

// majority is the most frequent cause at the lowest layer that a majority of
// the failing rows does not lie above: the layer is the one most rows name, and
// of equals the lower.
func majority(causes map[probes.Cause]int) (probes.Layer, probes.Cause) {
	layers := map[probes.Layer]int{}
	for c, n := range causes {
		layers[c.Layer()] += n
	}
	var layer probes.Layer
	for _, l := range []probes.Layer{probes.LayerDNS, probes.LayerTCP, probes.LayerTLS, probes.LayerHTTP} {
		if layers[l] > layers[layer] || layer == probes.LayerNone && layers[l] > 0 {
			layer = l
		}
	}
	var cause probes.Cause
	for c, n := range causes {
		if c.Layer() == layer && (n > causes[cause] || cause == probes.None || n == causes[cause] && c < cause) {
			cause = c
		}
	}
	return layer, cause
}

// sortedTargets returns the ids of the failing targets.
func (h *hypothesis) sortedTargets() []string {
	var out []string
	for t, p := range h.targets {
		if p.bad() {
			out = append(out, t.ID)
		}
	}
	slices.Sort(out)
	return out
}
