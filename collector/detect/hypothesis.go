package detect

import (
	"slices"

	"picket/probes"
)

// row is one pair of site and target (and IP version, where a target is asked
// over both) since the disturbance began.
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
	// edge of the pair's newest observation that named one, see edges.go;
	// family of the pair, 0 where the target is not asked over both.
	edge   string
	family probes.Family
	// vouches is the highest layer for which its good answers speak.
	vouches probes.Layer
}

// hypothesis is a scope with the evidence for and against it.
type hypothesis struct {
	scope
	rank     int
	cover    int // failing rows not explained yet
	fails    int // failing rows
	ok       int
	sites    map[*site]*tallyPair
	targets  map[*target]*tallyTarget
	provs    map[string]bool // of failing targets
	services map[string]bool
	first    int64 // earliest failure
	causes   map[probes.Cause]int
	rows     []*row

	neighbours []Neighbour // set when it is picked
	filling    bool        // it is being given its rows
	at         *site       // of the last row
	atPair     *tallyPair  // of that site
}

// tallyPair counts rows and failing ones.
type tallyPair struct{ n, d int }

func (p *tallyPair) bad() bool { return 2*p.d > p.n }

// tallyTarget counts the rows of a target in a hypothesis; voters counts, of
// them, those of sites that may vote and that no explanation has taken yet.
type tallyTarget struct {
	tallyPair
	voters tallyPair
}

func (p *tallyPair) count(down bool, by int) {
	if p.n += by; down {
		p.d += by
	}
}

func newHypothesis(sc scope, rank int) *hypothesis {
	h := &hypothesis{scope: sc, rank: rank}
	h.empty()
	return h
}

// empty makes room for the rows that were counted, and counts anew.
func (h *hypothesis) empty() {
	h.rows = make([]*row, 0, h.fails+h.ok)
	h.fails, h.ok, h.cover = 0, 0, 0
	h.sites, h.targets = map[*site]*tallyPair{}, map[*target]*tallyTarget{}
	h.provs, h.services, h.causes = map[string]bool{}, map[string]bool{}, map[probes.Cause]int{}
}

func (h *hypothesis) add(r *row) {
	tp := h.targets[r.t]
	if h.at != r.s { // rows come by site
		h.at, h.atPair = r.s, h.sites[r.s]
		if h.atPair == nil {
			h.atPair = &tallyPair{}
			h.sites[r.s] = h.atPair
		}
	}
	if tp == nil {
		tp = &tallyTarget{}
		h.targets[r.t] = tp
	}
	h.atPair.count(r.down, 1)
	tp.count(r.down, 1)
	if r.able && !r.done {
		tp.voters.count(r.down, 1)
	}
	h.rows = append(h.rows, r)
	if !r.down {
		h.ok++
		return
	}
	if tp.d == 1 { // its first
		h.provs[r.t.Provider], h.services[r.t.Service] = true, true
	}
	h.causes[r.cause]++
	if h.first == 0 || r.first < h.first {
		h.first = r.first
	}
	if h.fails++; !r.done {
		h.cover++
	}
}

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

// vregions counts the vantage regions of all sites and of the failing ones.
func (h *hypothesis) vregions() (down, all int) {
	in, bad := map[string]bool{}, map[string]bool{}
	for s, p := range h.sites {
		in[s.Region] = true
		if p.bad() {
			bad[s.Region] = true
		}
	}
	return len(bad), len(in)
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

// part asks the sites of a part of the fleet (a vantage region, an edge) for
// their own quorum, as [JudgeRegion] does of votes.
func (h *hypothesis) part(rule Rule) bool {
	down, all := h.networks()
	return h.badSites() >= rule.partK(len(h.sites)) && down >= rule.MFew && h.share() >= rule.floor(all)-1e-9
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

// fresh asks for rows from enough of the scope's targets (amendment 2). What
// blames a cloud or a part of it asks besides that as many fail, and of a cloud as
// many of its services and of its regions: a round fills in a dozen rows of what
// is suspected while little is known of the rest, so that the share of failing
// rows alone would blame everything for a part.
func (h *hypothesis) fresh(w *world) bool {
	var targets, services, regions spread
	targets.many, services.many, regions.many = w.rule.FreshMany, w.rule.FreshMany, w.rule.FreshMany
	for _, t := range w.targets {
		if t.Reference || !h.has(&t.Target) || !w.measured(t) || h.kind == KindEdge && !w.atEdge(t, h.edge) {
			continue
		}
		p := h.targets[t]
		seen, bad := p != nil, p != nil && p.bad() && p.d >= 2 // one site alone may be a blip
		targets.add(t.ID, seen, bad)
		services.add(t.Service, seen, bad)
		regions.add(t.Region, seen, bad)
	}
	share := w.rule.FreshShare
	if !targets.fresh(share) {
		return false
	}
	if !h.kind.ProviderSide() {
		return true
	}
	if float64(targets.bad) < w.rule.Tau*float64(targets.seen) || !targets.fails(share) {
		return false
	}
	return h.kind != KindProvider && h.kind != KindVRegionProvider || services.fails(share) && regions.fails(share)
}

// began is the earliest failure, in ms. One in ten may be a chance failure of
// before: if it lies alone, more than Join before the next, it does not date this.
func (h *hypothesis) began(rule Rule) int64 {
	var at []int64
	for _, r := range h.rows {
		if r.down {
			at = append(at, r.first)
		}
	}
	if len(at) < rule.MinCover {
		return h.first
	}
	slices.Sort(at)
	i := 0
	for i <= len(at)/10 && i+1 < len(at) && at[i+1]-at[i] > rule.Join.Milliseconds() {
		i++
	}
	return at[i]
}

// only is the target that a hypothesis about one target over whichever IP
// version blames, nil for another one.
func (h *hypothesis) only() *target {
	if h.kind == KindTarget && h.family == 0 {
		for t := range h.targets {
			return t
		}
	}
	return nil
}

// saw says whether all failing rows are of one IP version, and it is f, and no
// row is of the other.
func (h *hypothesis) saw(f probes.Family) bool {
	return !slices.ContainsFunc(h.rows, func(r *row) bool { return r.family != f })
}

func (h *hypothesis) score(rule Rule) float64 { return float64(h.cover) - rule.OKCost*float64(h.ok) }

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
	cause, most := probes.None, 0
	for c, n := range causes {
		if c.Layer() == layer && (n > most || n == most && c < cause) {
			cause, most = c, n
		}
	}
	return layer, cause
}
