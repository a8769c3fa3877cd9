package detect

import "picket/probes"

// maxClasses bounds the book of scopes: edges may come and go.
const maxClasses = 1 << 20

// class is the rows that belong to the same scopes of some kinds.
type class struct {
	first   *row   // stands for all: what the scopes depend on is the same
	key     uint64 // in the book of scopes
	what    byte   // 's' site, 't' target, 'n' network and target, 'r' region and target, 'e' edge and target
	filling bool   // some of all is being filled
	n, d    int    // rows, failing ones
	all     []*hypothesis
}

// classes sorts rows by what their scopes depend on besides IP version and
// whether the site may testify: the scopes of a kind depend on the site, the
// target, or on a target as seen from a network, a vantage region or an edge.
// Every row is in one class of each. They are found by position, in one table.
type classes struct {
	book     *scopeBook
	list     []class
	at       []int32 // position: number of the class plus one
	targets  int
	variants int
	variant  [6]int32 // by IP version and able: number plus one
	net      []int32  // by site
	region   []int32
	base     [5]int // where the positions of each sort begin
}

// scopeBook numbers scopes, and remembers which ones a class belongs to, so that
// an explanation need not compare names. It holds for one fleet and one config.
type scopeBook struct {
	ids                  map[scope]int32
	scopes               []scope
	ranks                []int // by scope
	nets, regions, edges map[string]int32
	of                   map[uint64][]int32 // by class: its scopes
	table                []shape
	most                 int // classes that an explanation had
}

// sorts are what the scopes of a kind depend on: the site, the target, or a target
// as seen from a network, a vantage region or an edge.
const (
	sorts    = "stnre"
	edgeSort = 4
)

func newScopeBook() *scopeBook {
	return &scopeBook{ids: map[scope]int32{}, nets: map[string]int32{}, regions: map[string]int32{}, edges: map[string]int32{}, of: map[uint64][]int32{}, table: shapes()}
}

// scopeBook is the book of the current fleet and config.
func (e *Engine) scopeBook() *scopeBook {
	if e.book == nil || len(e.book.of) > maxClasses {
		e.book = newScopeBook()
	}
	return e.book
}

// scopesOf are the scopes of a class by number: those of the table that its rows,
// for which r stands, belong to and whose kind goes by what the class goes by.
func (b *scopeBook) scopesOf(r *row, what byte, key uint64) []int32 {
	list, known := b.of[key]
	if !known {
		list = b.enter(r, what)
		b.of[key] = list
	}
	return list
}

// enter numbers the scopes of a class.
func (b *scopeBook) enter(r *row, what byte) []int32 {
	list := []int32{}
	add := func(sc scope, rank int) {
		id, known := b.ids[sc]
		if !known {
			id = int32(len(b.scopes))
			b.ids[sc] = id
			b.scopes, b.ranks = append(b.scopes, sc), append(b.ranks, rank)
		}
		list = append(list, id)
	}
	for k := range b.table {
		sh := &b.table[k]
		if sh.kind.ProviderSide() && !r.able || keyKind(sh.kind) != what {
			continue
		}
		sh.scopes(r, func(sc scope) {
			add(sc, k)
			if sc.family = r.family; sc.family != 0 {
				add(sc, k)
			}
		})
	}
	return list
}

// familyIndex is 0, 1 or 2.
func familyIndex(f probes.Family) int {
	switch f {
	case 4:
		return 1
	case 6:
		return 2
	}
	return 0
}

func variantOf(r *row) int {
	v := 2 * familyIndex(r.family)
	if r.able {
		v++
	}
	return v
}

// sort makes the classes of the rows.
func (c *classes) sort(rows []row) {
	b := c.book
	sites := c.survey(rows)
	c.net, c.region = make([]int32, sites), make([]int32, sites)
	var last *site
	for i := range rows {
		if s := rows[i].s; s != last {
			last = s
			c.net[s.i], c.region[s.i] = numbered(b.nets, s.net), numbered(b.regions, s.Region)
		}
	}
	size := 0
	for k, n := range [5]int{sites, c.targets, len(b.nets) * c.targets, len(b.regions) * c.targets, len(b.edges) * c.targets} {
		c.base[k] = size
		size += n * c.variants
	}
	c.at = make([]int32, size)
	c.list = make([]class, 0, b.most)
	defer func() { b.most = max(b.most, len(c.list)) }()
	for i := range rows {
		r := &rows[i]
		for k, p := range c.positions(r) {
			if p < 0 {
				continue
			}
			id := c.at[p]
			if id == 0 {
				c.list = append(c.list, class{first: r, what: sorts[k], key: b.key(r, k, c.net[r.s.i], c.region[r.s.i])})
				id = int32(len(c.list))
				c.at[p] = id
			}
			one := &c.list[id-1]
			if one.n++; r.down {
				one.d++
			}
		}
	}
}

// key names a class in the book of scopes, of any explanation; net and region are
// the numbers of those of the row's site.
func (b *scopeBook) key(r *row, k int, net, region int32) uint64 {
	var group int32
	t := r.t.i
	switch k {
	case 0:
		group, t = int32(r.s.i), 0
	case 2:
		group = net
	case 3:
		group = region
	case edgeSort:
		group = numbered(b.edges, r.edge)
	}
	return uint64(k)<<60 | uint64(variantOf(r))<<56 | uint64(group)<<28 | uint64(t)
}

// survey finds out how much room the positions take.
func (c *classes) survey(rows []row) (sites int) {
	for i := range rows {
		r := &rows[i]
		sites, c.targets = max(sites, r.s.i+1), max(c.targets, r.t.i+1)
		if v := variantOf(r); c.variant[v] == 0 {
			c.variants++
			c.variant[v] = int32(c.variants)
		}
		if r.edge != "" {
			numbered(c.book.edges, r.edge)
		}
	}
	return sites
}

func numbered(in map[string]int32, name string) int32 {
	n, known := in[name]
	if !known {
		n = int32(len(in))
		in[name] = n
	}
	return n
}

// positions are those of a row in the table; -1: it has no edge.
func (c *classes) positions(r *row) [5]int {
	v, s, t := int(c.variant[variantOf(r)])-1, r.s.i, r.t.i
	at := func(k, group int) int { return c.base[k] + (group*c.targets+t)*c.variants + v }
	p := [5]int{c.base[0] + s*c.variants + v, at(1, 0), at(2, int(c.net[s])), at(3, int(c.region[s])), -1}
	if r.edge != "" {
		p[4] = at(4, int(c.book.edges[r.edge]))
	}
	return p
}

// of are the classes of a row, by number; -1: it has no edge.
func (c *classes) of(r *row) [5]int32 {
	p := c.positions(r)
	out := [5]int32{4: -1}
	for k := range p {
		if p[k] >= 0 {
			out[k] = c.at[p[k]] - 1
		}
	}
	return out
}

// keyKind is what the scopes of a kind depend on.
func keyKind(k Kind) byte {
	switch k {
	case KindSite, KindNetwork, KindVRegion:
		return 's'
	case KindNetworkProvider, KindNetworkDependency:
		return 'n'
	case KindVRegionProvider, KindVRegionDependency, KindVRegionTarget:
		return 'r'
	case KindEdge:
		return 'e'
	}
	return 't'
}
