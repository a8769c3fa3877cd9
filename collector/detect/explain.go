package detect

import "slices"

// maxExplanations bounds what one look may find.
const maxExplanations = 16

// world is what an explanation needs to know besides the rows.
type world struct {
	rule      Rule
	targets   []*target
	providers int                               // monitored ones
	measured  func(t *target) bool              // some check of t can tell at the layer in question
	vregions  int                               // vantage regions known by name; below 2 none is blamed
	atEdge    func(t *target, edge string) bool // somebody is answered by the edge when it asks about t
	name      func(id string) string            // a target's own name, "" none
	book      *scopeBook
}

// world makes the world of rows; measured as above.
func (e *Engine) world(measured func(*target) bool) *world {
	regions := map[string]bool{}
	for _, s := range e.sites {
		if s.Region != "" {
			regions[s.Region] = true
		}
	}
	return &world{book: e.scopeBook(), rule: e.rule, targets: e.targets, providers: len(e.providers), measured: measured,
		vregions: len(regions), atEdge: e.atEdge, name: e.nameOf}
}

// explanation is the explainer at work. Rows are many (every pair of site and
// target), so what belongs together is counted together: rows that differ in
// nothing that some scopes depend on are a class (classes.go). A scope whose
// failing rows do not outweigh its healthy ones can never be picked; only the
// others are filled with their rows. A pick strikes out what it explains, and
// costs that times the shapes, plus a look at each filled hypothesis.
type explanation struct {
	w       *world
	table   []shape
	rows    []row
	classes classes
	hyps    []*hypothesis     // filled
	every   []*hypothesis     // all of them, in the order of the rows
	byScope []*hypothesis     // the same, by the scope's number; nil: none
	all     []tallyPair       // by target and IP version: rows of sites that may vote, not explained yet
	nets    map[netThere]bool // networks of sites that may vote, by vantage region
}

// netThere is a network in a vantage region.
type netThere struct{ net, vregion string }

// explainRows is the greedy smallest explanation of section 2.5: of all
// admissible scopes take the one that explains most for the fewest healthy rows
// inside it, strike out what it explains, repeat. Rows of sites that may not
// testify count for what blames our own side only.
func explainRows(rows []row, w *world) []*hypothesis {
	x := weigh(rows, w)
	var out []*hypothesis
	for x != nil && len(out) < maxExplanations {
		best := (*hypothesis)(nil)
		for _, h := range x.hyps {
			if h.cover > 0 && (best == nil || better(h, best, w.rule)) && h.score(w.rule) > 0 && x.admissible(h) {
				best = h
			}
		}
		if best == nil {
			return out
		}
		best.neighbours = x.neighbours(best)
		x.strike(best)
		out = append(out, best)
	}
	return out
}

// better compares by score, then by the table's order, then what concerns both
// IP versions before what concerns one, then by name.
func better(a, b *hypothesis, rule Rule) bool {
	if x, y := a.score(rule), b.score(rule); x != y {
		return x > y
	}
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	if a.family != b.family {
		return a.family < b.family
	}
	return a.name() < b.name()
}

func (x *explanation) admissible(h *hypothesis) bool {
	return h.cover >= min(x.w.rule.MinCover, len(h.rows)) && h.share() >= x.w.rule.Tau && h.fresh(x.w) &&
		x.table[h.rank].admit(h, x) && x.oneFamily(h)
}

// weigh counts every scope that contains a failing row, and fills those that
// may be picked; nil if none may.
func weigh(rows []row, w *world) *explanation {
	x := &explanation{w: w, table: w.book.table, rows: rows, classes: classes{book: w.book}, nets: map[netThere]bool{}}
	x.classes.sort(rows)
	x.hypothesize()
	var worth []*hypothesis
	for _, h := range x.every {
		if h.cover = h.fails; h.score(w.rule) > 0 {
			worth = append(worth, h)
		}
	}
	if len(worth) == 0 {
		return nil
	}
	x.all = make([]tallyPair, 3*x.classes.targets)
	var last *site
	for i := range rows {
		r := &rows[i]
		r.done = false
		if !r.able {
			continue
		}
		x.countAll(r, 1)
		if r.s != last {
			last = r.s
			x.nets[netThere{r.s.net, r.s.Region}] = true
		}
	}
	x.fill(worth)
	return x
}

// countAll counts a row among those of its target.
func (x *explanation) countAll(r *row, by int) {
	x.all[3*r.t.i].count(r.down, by)
	if r.family != 0 {
		x.all[3*r.t.i+familyIndex(r.family)].count(r.down, by)
	}
}

// hypothesize makes a hypothesis of every scope with enough failing rows, and
// notes for every class to which it belongs.
func (x *explanation) hypothesize() {
	book := x.w.book
	fails := make([]int32, len(book.scopes)) // by scope
	for i := range x.classes.list {
		c := &x.classes.list[i]
		if c.d == 0 {
			continue
		}
		for _, id := range book.scopesOf(c.first, c.what, c.key) {
			for int(id) >= len(fails) {
				fails = append(fails, 0)
			}
			fails[id] += int32(c.d)
		}
	}
	x.byScope = make([]*hypothesis, len(fails))
	for id, n := range fails {
		if rank := book.ranks[id]; n > 0 && int(n) >= x.table[rank].least {
			x.byScope[id] = &hypothesis{scope: book.scopes[id], rank: rank}
			x.every = append(x.every, x.byScope[id])
		}
	}
	if len(x.every) == 0 {
		return
	}
	for i := range x.classes.list {
		c := &x.classes.list[i]
		for _, id := range book.scopesOf(c.first, c.what, c.key) {
			if int(id) >= len(x.byScope) || x.byScope[id] == nil {
				continue
			}
			h := x.byScope[id]
			c.all = append(c.all, h)
			h.fails, h.ok = h.fails+c.d, h.ok+c.n-c.d
		}
	}
}

// find is the hypothesis of a scope, with its rows; nil if too little fails there.
func (x *explanation) find(sc scope) *hypothesis {
	id, known := x.w.book.ids[sc]
	if !known || int(id) >= len(x.byScope) || x.byScope[id] == nil {
		return nil
	}
	x.fill(x.byScope[id : id+1])
	return x.byScope[id]
}

// fill gives hypotheses their rows, those that were explained already included,
// which count for what the scope looks like and not for what it would explain.
func (x *explanation) fill(hs []*hypothesis) {
	wanted := 0
	for _, h := range hs {
		if h.rows == nil {
			wanted++
			x.hyps = append(x.hyps, h)
			h.empty()
			h.filling = true
		}
	}
	if wanted == 0 {
		return
	}
	bySite, byTarget := make([]bool, len(x.classes.net)), make([]bool, x.classes.targets)
	for i := range x.classes.list {
		c := &x.classes.list[i]
		c.filling = slices.ContainsFunc(c.all, func(h *hypothesis) bool { return h.filling })
		if c.filling && c.what == 's' {
			bySite[c.first.s.i] = true
		} else if c.filling {
			byTarget[c.first.t.i] = true
		}
	}
	for i := range x.rows {
		r := &x.rows[i]
		if !bySite[r.s.i] && !byTarget[r.t.i] {
			continue
		}
		for _, k := range x.classes.of(r) {
			if k < 0 || !x.classes.list[k].filling {
				continue
			}
			for _, h := range x.classes.list[k].all {
				if h.filling {
					h.add(r)
				}
			}
		}
	}
	for _, h := range hs {
		h.filling = false
	}
}

// strike takes what a hypothesis explains out of all others.
func (x *explanation) strike(best *hypothesis) {
	for _, r := range best.rows {
		if r.done {
			continue
		}
		r.done = true
		if r.able {
			x.countAll(r, -1)
		}
		for _, k := range x.classes.of(r) {
			if k < 0 {
				continue
			}
			for _, h := range x.classes.list[k].all {
				if h.rows == nil {
					continue
				}
				if r.down {
					h.cover--
				}
				if r.able {
					h.targets[r.t].voters.count(r.down, -1)
				}
			}
		}
	}
}

// region says whether what blames a vantage region has the quorum of its sites
// while the other regions, on networks enough to say so, are well.
func (x *explanation) region(h *hypothesis) bool {
	others := map[string]bool{}
	for n := range x.nets {
		if n.vregion != h.vregion {
			others[n.net] = true
		}
	}
	return x.w.vregions >= 2 && len(others) >= x.w.rule.MFew && h.part(x.w.rule) && x.elsewhere(h).share() <= x.w.rule.OtherShare
}

// otherEdges says whether the dependency works where other edges answer: rows of
// the same dependency, at another edge known by name, are well.
func (x *explanation) otherEdges(h *hypothesis) bool {
	o := x.atOtherEdges(h)
	return o.n > 0 && float64(o.d) <= x.w.rule.OtherShare*float64(o.n)
}

func (x *explanation) atOtherEdges(h *hypothesis) (o tallyPair) {
	b := x.find(scope{kind: KindDependency, dependency: h.dependency, family: h.family})
	if b == nil {
		return o
	}
	for _, r := range b.rows {
		if r.edge != "" && r.edge != h.edge && r.able && !r.done {
			o.count(r.down, 1)
		}
	}
	return o
}

// oneFamily says, of what blames one IP version, whether the same rows over the
// other one are there and well; and what blames both is not refuted by one.
func (x *explanation) oneFamily(h *hypothesis) bool {
	if h.family == 0 {
		return true
	}
	var o tallyPair
	both := h.scope
	both.family = 0
	if b := x.find(both); b != nil {
		for _, r := range b.rows {
			if r.family == other(h.family) {
				o.count(r.down, 1)
			}
		}
	}
	return o.n > 0 && float64(o.d) <= x.w.rule.CloseShare*float64(o.n)
}
