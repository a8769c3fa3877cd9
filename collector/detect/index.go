package detect

import (
	"slices"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// oldConfigs is how many former configs are remembered, so that results made
// under one while a new one spreads still find their check.
const oldConfigs = 4

// check is a check of the current config.
type check struct {
	fleet.Check
	target *target
	reach  probes.Layer  // the highest layer that an OK of this check vouches for; LayerNone for ping
	fresh  time.Duration // how long an observation speaks
	slow   float64       // running p99 of good totals over the fleet, in seconds; 0 unknown

	typical typical // typical.go
}

// target is a target of the current config with what is held about it.
type target struct {
	fleet.Target
	i       int // position in Engine.targets
	checks  []uint32
	round   *round    // the open one
	last    *round    // the last settled one: evidence
	next    *pending  // a suspicion waiting for the open round to end, or for budget
	out     Decision  // the last decision that was Out
	outAt   time.Time // when it fell; zero: never, or over
	verdict Verdict
	stirred bool // a result changed since the verdict was made
	// families are the IP versions that it counts as, {0} unless it is asked over
	// both; then four and six are its views over each. See family.go.
	families  []probes.Family
	four, six *target
	refOut    time.Time // since when a reference is out, see reference.go; zero: it is not

	vendor int32 // eligible.go: position of its provider in Engine.providers, -1 for references

	pool     pool   // pool.go
	regional []pool // by vantage region with enough networks
}

// lens is what a view needs to know of a check, beside its cells: 16 bytes, so
// that those of a target lie in one cache line.
type lens struct {
	reach probes.Layer
	fresh int64 // ms
}

// site is a voting unit. Pointers stay valid over SetFleet; removed sites are marked.
type site struct {
	Site
	i       int
	net     string // the name under which its network votes
	agents  []*agent
	removed bool
	onTrial time.Time // abstains until then
	votedAt time.Time // last seen eligible
	silence *silence  // current or last one
	sick    []bool    // by provider, see eligible.go
	ill     int       // eligible.go: how many of sick are true
	isp     int32     // verdict.go: position of net among Engine.isps
	trust   trust     // reputation.go

	pool       pool   // pool.go: of this site, over its targets
	pairs      []pair // by target
	poolRegion int    // index of its vantage region in target.regional, -1 none
}

// agent is one agent with its cells.
type agent struct {
	id      string
	site    *site // nil: not on the roster
	seen    bool
	gone    bool // said goodbye
	goneAt  time.Time
	last    time.Time // last frame
	health  Health
	told    bool // health was reported
	cells   []cell
	shaky   time.Time // a vote's references failed then
	doubts  int       // suspicions in the current budget window
	doubtAt time.Time
	edges   []uint16 // beside cells: the edge that answered last, see edges.go; nil: none ever
	failing []uint64 // cell.go: bit i: check i is DOWN

	recheckedAt time.Time // last asked whether an outage is over (recover.go)
	opened      int       // rounds that it opened in the current window (suspicion.go)
	openedAt    time.Time
	asked       []time.Time // when it was asked, of the current window, oldest first (asked.go)
}

// reach is the highest layer that a good answer of kind k vouches for.
func reach(k probes.Kind) probes.Layer {
	switch k {
	case probes.DNS:
		return probes.LayerDNS
	case probes.TCP:
		return probes.LayerTCP
	case probes.TLS:
		return probes.LayerTLS
	case probes.HTTP:
		return probes.LayerHTTP
	}
	return probes.LayerNone
}

// SetFleet says who belongs to the fleet. Sites and agents that stay keep what
// is known of them.
func (e *Engine) SetFleet(now time.Time, sites []Site) {
	oldSites, oldAgents := e.siteByID, e.agents
	e.siteByID = make(map[string]*site, len(sites))
	e.agents = make(map[string]*agent, len(sites))
	e.sites = e.sites[:0:0]
	e.isps, e.lastAgent, e.book = nil, nil, nil
	isps := map[string]int32{}
	for _, in := range sites {
		if _, twice := e.siteByID[in.ID]; twice {
			continue
		}
		s := oldSites[in.ID]
		if s == nil {
			s = &site{}
		}
		delete(oldSites, in.ID)
		in.Agents = slices.Clone(in.Agents)
		s.Site, s.i, s.net, s.agents, s.removed = in, len(e.sites), in.Network.Group(), nil, false
		if _, known := isps[s.net]; !known {
			isps[s.net] = int32(len(e.isps))
			e.isps = append(e.isps, s.net)
		}
		s.isp = isps[s.net]
		e.siteByID[in.ID] = s
		e.sites = append(e.sites, s)
		for _, id := range in.Agents {
			a := oldAgents[id]
			if a == nil {
				a = &agent{id: id, cells: make([]cell, len(e.checks))}
				a.remark()
			}
			if e.agents[id] != nil {
				continue
			}
			a.site = s
			e.agents[id] = a
			s.agents = append(s.agents, a)
		}
	}
	for _, s := range oldSites {
		s.removed = true
		s.agents = nil
	}
	e.sickAt = time.Time{}
	e.fitPools()
	e.fitPairs(e.targets)
	e.dropRemoved(now)
	e.wake(now)
}

// SetConfig says what is watched. Cells, rounds and incidents of checks and
// targets that stay (by id) are kept; an incident without a target left is closed.
func (e *Engine) SetConfig(now time.Time, cfg fleet.Config) {
	if len(e.checks) > 0 {
		e.remember()
	}
	oldTargets, oldChecks, oldList, oldOrder := e.targetByID, e.checkByID, e.checks, e.targets
	slow := map[string]float64{}
	for _, c := range e.checks {
		slow[c.ID] = c.slow
	}
	e.cfg, e.book = cfg, nil
	e.indexTargets(now, cfg, oldTargets)
	e.indexChecks(cfg, slow)
	e.keepTypical(oldList, oldChecks)
	for _, a := range e.agents {
		cells := make([]cell, len(e.checks))
		for id, i := range e.checkByID {
			if j, ok := oldChecks[id]; ok && int(j) < len(a.cells) {
				cells[i] = a.cells[j]
			}
		}
		a.cells = cells
		e.moveEdges(a, oldChecks)
		a.remark()
	}
	for i, old := range e.former {
		e.former[i].now = e.translation(old.ids)
	}
	e.fitPools()
	e.fitPairs(oldOrder)
	e.moveMarks(oldChecks)
	e.dropRounds(oldChecks)
	e.dropRechecks()
	e.dropTold()
	e.sickAt = time.Time{}
	e.dropTargets(now)
	e.wake(now)
}

func (e *Engine) indexTargets(now time.Time, cfg fleet.Config, old map[string]*target) {
	e.targets = nil
	e.targetByID = make(map[string]*target, len(cfg.Targets))
	e.providers = e.providers[:0:0]
	e.refs = nil
	vendors := map[string]int32{}
	for _, in := range cfg.Targets {
		if _, twice := e.targetByID[in.ID]; twice {
			continue
		}
		t := old[in.ID]
		if t == nil {
			t = &target{verdict: Verdict{State: NoData, Since: now, Age: -1}}
		}
		t.Target, t.i, t.checks, t.vendor = in, len(e.targets), nil, -1
		e.targetByID[in.ID] = t
		e.targets = append(e.targets, t)
		if in.Reference {
			e.refs = append(e.refs, t)
			continue
		}
		v, known := vendors[in.Provider]
		if !known {
			v = int32(len(e.providers))
			vendors[in.Provider] = v
			e.providers = append(e.providers, in.Provider)
		}
		t.vendor = v
	}
}

func (e *Engine) indexChecks(cfg fleet.Config, slow map[string]float64) {
	e.checks = make([]check, len(cfg.Checks))
	e.lenses = make([]lens, len(cfg.Checks))
	e.checkByID = make(map[string]uint32, len(cfg.Checks))
	for i, c := range cfg.Checks {
		every := max(c.Interval, cfg.Politeness*time.Duration(len(e.sites)))
		timeout := c.Spec.Timeout
		if timeout <= 0 {
			timeout = probes.DefaultTimeout(c.Spec.Kind)
		}
		fresh := max(time.Duration(e.rule.FreshIntervals*float64(every)), e.rule.Fresh) + timeout
		t := e.targetByID[c.Target]
		e.checks[i] = check{Check: c, target: t, reach: reach(c.Spec.Kind), fresh: fresh, slow: slow[c.ID]}
		e.lenses[i] = lens{reach: e.checks[i].reach, fresh: fresh.Milliseconds()}
		e.checkByID[c.ID] = uint32(i)
		if t != nil {
			t.checks = append(t.checks, uint32(i))
		}
	}
	for _, t := range e.targets {
		e.setFamilies(t)
	}
}

// former is a config of the past: what its checks are called, and where they are now.
type former struct {
	config uint64
	ids    []string
	now    []int32 // index in the current config, -1 gone
}

func (e *Engine) remember() {
	ids := make([]string, len(e.checks))
	for i := range e.checks {
		ids[i] = e.checks[i].ID
	}
	e.former = append(e.former, former{config: e.cfg.ID, ids: ids})
	if len(e.former) > oldConfigs {
		e.former = slices.Delete(e.former, 0, 1)
	}
}

func (e *Engine) translation(ids []string) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		if j, ok := e.checkByID[id]; ok {
			out[i] = int32(j)
		} else {
			out[i] = -1
		}
	}
	return out
}

// find resolves a check index of a config; ok is false for what is not (or no
// longer) watched.
func (e *Engine) find(config uint64, index uint32) (c *check, i uint32, ok bool) {
	if config != 0 && config != e.cfg.ID {
		for _, f := range e.former {
			if f.config != config {
				continue
			}
			if int64(index) >= int64(len(f.now)) || f.now[index] < 0 {
				return nil, 0, false
			}
			i := uint32(f.now[index])
			return &e.checks[i], i, e.checks[i].target != nil
		}
		return nil, 0, false
	}
	if int64(index) >= int64(len(e.checks)) {
		return nil, 0, false
	}
	return &e.checks[index], index, e.checks[index].target != nil
}

// agentOf finds an agent by name, the one that was asked for last without hashing.
func (e *Engine) agentOf(id string) *agent {
	if a := e.lastAgent; a != nil && a.id == id {
		return a
	}
	a := e.agents[id]
	if a != nil {
		e.lastAgent = a
	}
	return a
}
