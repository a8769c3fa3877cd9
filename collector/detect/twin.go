package detect

import (
	"slices"
	"time"

	"picket/probes"
)

// This file lets a second engine begin where this one is, for a drill: an engine
// that knows nothing takes nobody for a witness before it has heard how he is,
// takes no failing request into its pools before the check has been good, and asks
// with deadlines that fit nobody.

// Twin returns an engine that watches what e watches, knows what works for whom
// and how fast, and shares nothing with e. It begins in a calm world: what fails
// now is unknown to it, it has no incidents, no rounds, no silences and no
// maintenance, and it holds nobody's word to be bad. o.Rule counts, not that of e.
func (e *Engine) Twin(now time.Time, o Options) *Engine {
	t := New(o)
	sites := make([]Site, len(e.sites))
	for i, s := range e.sites {
		sites[i] = s.Site // SetFleet copies what is shared
	}
	t.SetConfig(now, e.cfg)
	t.SetFleet(now, sites)
	for i := range t.checks {
		t.checks[i].slow, t.checks[i].typical = e.checks[i].slow, e.checks[i].typical
	}
	t.pools.hours = e.pools.hours
	t.edges = edgeBook{names: slices.Clone(e.edges.names)}
	for id, name := range t.edges.names {
		if t.edges.ids == nil {
			t.edges.ids = make(map[string]uint16, len(t.edges.names))
		}
		if id > 0 { // 0 is none
			t.edges.ids[name] = uint16(id)
		}
	}
	for _, s := range t.sites {
		was := e.siteByID[s.ID]
		s.onTrial, s.votedAt = was.onTrial, was.votedAt
		for _, a := range s.agents {
			a.takeOver(e.agents[a.id])
		}
	}
	return t
}

// takeOver copies what was known of the agent.
func (a *agent) takeOver(was *agent) {
	if was == nil {
		return
	}
	a.seen, a.gone, a.goneAt, a.last, a.health, a.told = was.seen, was.gone, was.goneAt, was.last, was.health, was.told
	a.edges = slices.Clone(was.edges)
	for i := range a.cells {
		c := was.cells[i]
		if c.outcome == probes.Down || c.fails > 0 {
			c.outcome, c.cause, c.first, c.voted, c.fails = probes.Unknown, probes.None, 0, false, 0
		}
		a.cells[i] = c
	}
	a.remark()
}
