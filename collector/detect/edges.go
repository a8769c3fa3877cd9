package detect

// This file remembers which edge (point of presence) of a shared component
// answered whom. A failing probe seldom tells: nobody answers. So a cell keeps
// the edge of the newest observation that named one, and a failure is taken to
// have met the same edge.

// maxEdges bounds the names that agents can make us keep.
const maxEdges = 4096

// edgeBook interns the names of edges; 0 is none.
type edgeBook struct {
	names []string
	ids   map[string]uint16
	wait  int // names that find no place before unused ones are looked for again
}

// sawEdge notes which edge answered check i of an agent. The slice beside the
// cells exists only for agents that have ever seen one: 2 bytes per check.
func (e *Engine) sawEdge(a *agent, i uint32, edge string) {
	if edge == "" || int(i) >= len(a.cells) {
		return
	}
	if a.edges == nil {
		a.edges = make([]uint16, len(a.cells))
	}
	b := &e.edges
	if id := a.edges[i]; id != 0 && b.names[id] == edge {
		return
	}
	edge = clip(edge, 60)
	id, known := b.ids[edge]
	if !known {
		if b.ids == nil {
			b.ids, b.names = map[string]uint16{}, []string{""}
		}
		if len(b.names) > maxEdges && !e.forgetEdges() {
			a.edges[i] = 0 // the former one it is no longer
			return
		}
		id = uint16(len(b.names))
		b.ids[edge] = id
		b.names = append(b.names, edge)
	}
	a.edges[i] = id
}

// forgetEdges drops the names by which nobody is answered any more; false if all
// are in use. Then it does not look again before as many names as it holds have
// been turned away: an agent that makes names up must not cost a look at the
// fleet for each of them.
func (e *Engine) forgetEdges() bool {
	b := &e.edges
	if b.wait > 0 {
		b.wait--
		return false
	}
	old := b.names
	b.names, b.ids = []string{""}, map[string]uint16{}
	for _, s := range e.sites {
		for _, a := range s.agents {
			for i, id := range a.edges {
				if id == 0 {
					continue
				}
				to, known := b.ids[old[id]]
				if !known {
					to = uint16(len(b.names))
					b.ids[old[id]] = to
					b.names = append(b.names, old[id])
				}
				a.edges[i] = to
			}
		}
	}
	if len(b.names) > maxEdges {
		b.wait = maxEdges
		return false
	}
	return true
}

// moveEdges follows the checks of an agent to their new places, like its cells.
func (e *Engine) moveEdges(a *agent, oldChecks map[string]uint32) {
	if a.edges == nil {
		return
	}
	edges := make([]uint16, len(e.checks))
	for id, i := range e.checkByID {
		if j, ok := oldChecks[id]; ok && int(j) < len(a.edges) {
			edges[i] = a.edges[j]
		}
	}
	a.edges = edges
}

// edgeOf is the edge that answered the site about the target last, "" unknown.
func (e *Engine) edgeOf(s *site, t *target) string {
	if len(t.Dependencies) == 0 {
		return ""
	}
	var newest int64
	var id uint16
	for _, a := range s.agents {
		if a.edges == nil {
			continue
		}
		for _, i := range t.checks {
			if v := a.cells[i].view; a.edges[i] != 0 && (id == 0 || v > newest) {
				id, newest = a.edges[i], v
			}
		}
	}
	if id == 0 {
		return ""
	}
	return e.edges.names[id]
}

// usesEdge says whether any site of the vantage region is answered by the edge
// of sc when it asks about the target.
func (e *Engine) usesEdge(sc scope, target, vregion string) bool {
	t := e.targetByID[target]
	if t == nil {
		return false
	}
	for _, s := range e.sites {
		if s.Region == vregion && t.concerns(s) && e.edgeOf(s, t) == sc.edge {
			return true
		}
	}
	return false
}

// onlyThere says whether nobody outside the vantage region uses the edge of sc.
func (e *Engine) onlyThere(sc scope, vregion string) bool {
	for _, t := range e.targets {
		if !sc.has(&t.Target) {
			continue
		}
		for _, s := range e.sites {
			if s.Region != vregion && t.concerns(s) && e.edgeOf(s, t) == sc.edge {
				return false
			}
		}
	}
	return true
}

// atEdge says whether anybody who asks about the target is answered by the edge.
func (e *Engine) atEdge(t *target, edge string) bool {
	for _, s := range e.sites {
		if t.concerns(s) && e.edgeOf(s, t) == edge {
			return true
		}
	}
	return false
}

// sees says whether what the site finds about the target is part of what the
// scope blames: it looks, and where an edge is blamed, that edge answers it.
func (e *Engine) sees(sc scope, s *site, t *target) bool {
	return sc.looks(s) && (sc.kind != KindEdge || e.edgeOf(s, t) == sc.edge)
}
