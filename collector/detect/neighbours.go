package detect

import (
	"cmp"
	"fmt"
	"slices"
)

// This file answers "why this label and not the one beside it?" from the
// explainer's own tallies at the moment of the pick.

// maxNeighbours is how many labels beside its own an incident tells of.
const maxNeighbours = 6

// beside is a scope with the number of failing rows that it shares with the one
// that was picked.
type beside struct {
	h      *hypothesis
	shared int
}

// neighbours says of the scopes that share failing rows with the one that is
// picked why they were not taken: what contains it, what lies inside it, and
// which site, ISP or vantage region could have been meant instead; of each kind
// the one that shares most.
func (x *explanation) neighbours(best *hypothesis) []Neighbour {
	inClass := make([]int, len(x.classes.list))
	for _, r := range best.rows {
		if r.down && !r.done {
			for _, k := range x.classes.of(r) {
				if k >= 0 {
					inClass[k]++
				}
			}
		}
	}
	shared := map[*hypothesis]int{}
	for k, n := range inClass {
		if n > 0 {
			for _, h := range x.classes.list[k].all {
				shared[h] += n
			}
		}
	}
	most := map[Kind]beside{}
	for _, h := range x.every {
		n := shared[h]
		if n == 0 || h == best || !best.concerned(h) {
			continue
		}
		if old, ok := most[h.kind]; !ok || n > old.shared || n == old.shared && h.name() < old.h.name() {
			most[h.kind] = beside{h, n}
		}
	}
	var near []beside
	for _, b := range most {
		near = append(near, b)
	}
	slices.SortFunc(near, func(a, b beside) int {
		return cmp.Or(cmp.Compare(b.shared, a.shared), cmp.Compare(a.h.rank, b.h.rank))
	})
	var hs []*hypothesis
	for _, b := range near {
		hs = append(hs, b.h)
	}
	x.fill(hs)
	var out []Neighbour
	for _, b := range near {
		why := x.whyNot(best, b.h)
		said := slices.ContainsFunc(out, func(n Neighbour) bool { return n.Why == why })
		if why != "" && !said && len(out) < maxNeighbours {
			out = append(out, Neighbour{Kind: b.h.kind, Label: b.h.label(x.w.name), Why: why})
		}
	}
	return out
}

// everybodys says whether a scope is a thing in a cloud, whoever looks.
func (s scope) everybodys() bool {
	return s.network == "" && s.site == "" && s.vregion == "" && s.edge == ""
}

// concerned picks the scopes worth a sentence. What blames a part of the fleet
// is set against the same thing for everybody, and not against each thing of
// the cloud in turn; a cloud is set against ISPs, not against each way to it.
func (h *hypothesis) concerned(other *hypothesis) bool {
	if h.family != other.family {
		return false
	}
	switch {
	case other.kind == KindEdge && h.dependency != "" && other.dependency != h.dependency:
		return false
	case other.kind == KindNetworkProvider || other.kind == KindNetworkDependency:
		return h.kind == KindSite || h.kind == KindNetworkProvider || h.kind == KindNetworkDependency
	case h.everybodys() || !other.everybodys():
		return true
	case h.kind == KindSite || h.kind == KindNetwork || h.kind == KindVRegion:
		return other.kind == KindProvider
	}
	same := map[Kind]Kind{KindVRegionTarget: KindTarget, KindVRegionProvider: KindProvider, KindNetworkProvider: KindProvider,
		KindVRegionDependency: KindDependency, KindNetworkDependency: KindDependency, KindEdge: KindDependency}
	return other.kind == same[h.kind] && other.provider == h.provider && other.dependency == h.dependency && other.target == h.target
}

// whyNot is one sentence with counts; "" if there is nothing honest to say.
func (x *explanation) whyNot(best, h *hypothesis) string {
	label := h.label(x.w.name)
	well := len(h.sites) - h.badSites()
	switch {
	case h.kind == KindSite:
		return best.manySites()
	case h.network != "":
		return best.manyNetworks(h)
	case h.kind == KindEdge && best.edge == "":
		return x.manyEdges(best, h)
	case h.vregion != "" && h.vregion != best.vregion:
		return best.manyRegions()
	case h.everybodys() && !best.everybodys() && well > 0:
		return fmt.Sprintf("not all of %s: %d of %s%s", label, well, plural(len(h.sites), "site"), agree(well, " reaches it", " reach it"))
	}
	if out := best.badTargets() - best.badWithin(h); out > 0 && len(h.targets) < len(best.targets) {
		return fmt.Sprintf("not only %s: %s besides %s", label, plural(out, "watched service"), agree(out, "fails alike", "fail alike"))
	}
	if good := len(h.targets) - h.badTargets(); good > 0 {
		there := ""
		if h.vregion != "" {
			there = " from there"
		}
		return fmt.Sprintf("not all of %s: %d of its %s%s%s", label, good, plural(len(h.targets), "watched service"), agree(good, " answers", " answer"), there)
	}
	if h.ok > best.ok {
		return fmt.Sprintf("not all of %s: %d of its %d answers are good", label, h.ok, len(h.rows))
	}
	return ""
}

// badWithin counts the failing targets that another scope has too.
func (h *hypothesis) badWithin(other *hypothesis) int {
	n := 0
	for t, p := range h.targets {
		if p.bad() && other.targets[t] != nil {
			n++
		}
	}
	return n
}

func (h *hypothesis) manySites() string {
	if bad := h.badSites(); bad > 1 {
		return fmt.Sprintf("not one site: %d of %s fail alike", bad, plural(len(h.sites), "site"))
	}
	return ""
}

// manyNetworks says why it is no ISP; of an ISP why it is not another label on it.
func (h *hypothesis) manyNetworks(of *hypothesis) string {
	if down, all := h.networks(); down > 1 {
		return fmt.Sprintf("not an ISP: %d of %s fail alike", down, plural(all, "ISP"))
	}
	if well := len(of.sites) - of.badSites(); h.kind == KindSite && well > 0 {
		return fmt.Sprintf("not %s: %d of its %s%s", of.network, well, plural(len(of.sites), "site"), agree(well, " is well", " are well"))
	}
	if good := len(of.targets) - of.badTargets(); good > 0 {
		return fmt.Sprintf("not all that %s carries: %d of %s%s", of.network, good, plural(len(of.targets), "watched service"), agree(good, " answers", " answer"))
	}
	return ""
}

func (h *hypothesis) manyRegions() string {
	if down, all := h.vregions(); down > 1 {
		return fmt.Sprintf("not one vantage region: %d of %s fail alike", down, plural(all, "region"))
	}
	return ""
}

// manyEdges says why it is no edge of a dependency that is blamed, or of which
// part fails.
func (x *explanation) manyEdges(best, h *hypothesis) string {
	names := map[string]bool{}
	for _, r := range best.rows {
		if r.edge != "" && r.down {
			names[r.edge] = true
		}
	}
	if len(names) > 1 && best.dependency == h.dependency {
		return fmt.Sprintf("not one edge: %d of them fail alike", len(names))
	}
	if out := best.badTargets() - best.badWithin(h); out > 0 {
		return fmt.Sprintf("not only %s: %s besides %s", h.label(x.w.name), plural(out, "watched service"), agree(out, "fails alike", "fail alike"))
	}
	return ""
}

func agree(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
