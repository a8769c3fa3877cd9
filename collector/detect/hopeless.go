package detect

import (
	"math/bits"
	"slices"
	"time"

	"picket/probes"
)

// This file spares the explainer its work where there is nothing to explain. In
// a fleet of a thousand sites something fails at any time, and every look at all
// pairs of site and target would be made for noise. But an explanation must
// score: its failing rows must outweigh OKCost of the healthy ones inside it. So
// for each scope that holds a failing row, healthy rows are counted until they
// outweigh it, which in noise takes a handful of looks; of most scopes a failing row
// or two say nothing at all. Only if a scope resists are the rows made. What the
// explainer finds is the same with or without.

// doubtful is a scope with failing rows, before anything healthy is known of it.
type doubtful struct {
	scope
	fails int
}

// hopeless says whether no scope can explain what fails since t0 (ms).
func (e *Engine) hopeless(now time.Time, t0 int64) bool {
	rows := e.failingRows(now, t0)
	if len(rows) == 0 {
		return true
	}
	scopes := e.doubtfulScopes(rows)
	if len(scopes) == 0 {
		return true
	}
	causes := map[probes.Cause]int{}
	byTarget := make([]map[probes.Cause]int, len(e.targets))
	for i := range rows {
		t := rows[i].t
		if byTarget[t.i] == nil {
			byTarget[t.i] = map[probes.Cause]int{}
		}
		causes[rows[i].cause]++
		byTarget[t.i][rows[i].cause]++
	}
	layers := layersOf(causes, byTarget)
	for _, d := range scopes {
		if !e.refuted(now, t0, d, layers) {
			return false
		}
	}
	return true
}

// failingRows are the rows that fail, found by the failing checks alone.
func (e *Engine) failingRows(now time.Time, t0 int64) []row {
	var rows []row
	seen := make([]int, len(e.targets))    // the last site, plus one
	able := make([]int8, len(e.providers)) // of one site: 0 not asked, 1 yes, -1 no
	for _, s := range e.sites {
		clear(able)
		for _, a := range s.agents {
			for w, word := range a.failing {
				for ; word != 0; word &= word - 1 {
					t := e.checks[w*64+bits.TrailingZeros64(word)].target
					if t == nil || t.vendor < 0 || seen[t.i] == s.i+1 || !t.concerns(s) {
						continue
					}
					seen[t.i] = s.i + 1
					if able[t.vendor] == 0 {
						able[t.vendor] = -1
						if ok, _ := e.eligible(now, s, t.Provider); ok {
							able[t.vendor] = 1
						}
					}
					for _, f := range t.families {
						if v := e.siteView(s, t.over(f), now, t0, probes.LayerNone); v.down {
							rows = append(rows, row{s: s, t: t, down: true, able: able[t.vendor] > 0, cause: v.cause, edge: e.edgeOf(s, t), family: f})
						}
					}
				}
			}
		}
	}
	return rows
}

// doubtfulScopes are the scopes of the hypothesis table that hold as many failing
// rows as their kind needs at least, the most of them first: those resist.
func (e *Engine) doubtfulScopes(rows []row) []doubtful {
	b := e.scopeBook()
	fails := make([]int, len(b.scopes))
	var found []int32
	var net, region int32
	for i := range rows {
		r := &rows[i]
		if i == 0 || r.s != rows[i-1].s {
			net, region = numbered(b.nets, r.s.net), numbered(b.regions, r.s.Region)
		}
		for k := range sorts {
			if k == edgeSort && r.edge == "" {
				continue
			}
			for _, id := range b.scopesOf(r, sorts[k], b.key(r, k, net, region)) {
				for int(id) >= len(fails) {
					fails = append(fails, 0)
				}
				if fails[id]++; fails[id] == 1 {
					found = append(found, id)
				}
			}
		}
	}
	var out []doubtful
	for _, id := range found {
		if n := fails[id]; n >= b.table[b.ranks[id]].least {
			out = append(out, doubtful{b.scopes[id], n})
		}
	}
	slices.SortStableFunc(out, func(a, b doubtful) int { return b.fails - a.fails })
	return out
}

// refuted counts healthy rows of a scope until they outweigh the failing ones.
func (e *Engine) refuted(now time.Time, t0 int64, d doubtful, layers []probes.Layer) bool {
	if d.edge != "" || d.family != 0 {
		return d.fails < e.rule.MinCover // who is inside changes with every answer: few failing rows explain nothing
	}
	enough := float64(d.fails)
	ok := 0.0
	var ts []*target
	for _, t := range e.targets {
		if t.vendor >= 0 && d.has(&t.Target) {
			ts = append(ts, t)
		}
	}
	for _, s := range e.sites {
		if !d.looks(s) {
			continue
		}
		for _, t := range ts {
			if !t.concerns(s) {
				continue
			}
			v := e.siteView(s, t, now, t0, layers[t.i])
			if !v.has || v.down {
				continue
			}
			if able, _ := e.eligible(now, s, t.Provider); !able && d.kind.ProviderSide() {
				continue
			}
			if ok += e.rule.OKCost; ok >= enough {
				return true
			}
		}
	}
	return false
}
