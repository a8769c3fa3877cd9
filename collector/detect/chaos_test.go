package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// This file holds what must be true of every fleet, whatever it is told
// (amendment 12 of the detection design). Fleets, targets and inputs are random;
// storms make whole providers fail for some sites, so that incidents do come up.

// chaos is a random fleet with somebody who says anything in its name.
type chaos struct {
	t      testing.TB
	rng    *rand.Rand
	e      *Engine
	now    time.Time
	sites  []Site
	agents []string
	of     map[string]*Site // by agent
	cfg    fleet.Config
	asks   []Ask
	broken func(s *Site, t *fleet.Target) bool // who meets a failure where
	wild   bool                                // agents whom nothing is broken for also lie
	words  string                              // foreign text
	events int
	worst  map[string]Incident // by id, as it was told at its gravest
}

type chaosFleet struct{ sites, networks int } // 0: random

func newChaos(t testing.TB, seed uint64, f chaosFleet) *chaos {
	c := &chaos{t: t, rng: rand.New(rand.NewPCG(seed, 12)), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		of: map[string]*Site{}, worst: map[string]Incident{}, words: "x"}
	if f.sites == 0 {
		f.sites = 1 + c.rng.IntN(30)
	}
	if f.networks == 0 {
		f.networks = 1 + c.rng.IntN(8)
	}
	bases := make([]fleet.Basis, f.sites+f.networks)
	for i := range bases {
		bases[i] = []fleet.Basis{fleet.BasisPrefix, fleet.BasisDeclared, fleet.BasisTable, fleet.BasisTable}[c.rng.IntN(4)]
	}
	regions, clients := 1+c.rng.IntN(4), 1+c.rng.IntN(5)
	for i := range f.sites {
		cl := c.rng.IntN(clients)
		s := Site{ID: fmt.Sprintf("c%d/s%d", cl, i), Client: fmt.Sprint("c", cl), Region: fmt.Sprint("r", c.rng.IntN(regions)), Metered: c.rng.IntN(9) == 0}
		net := i
		if i >= f.networks {
			net = c.rng.IntN(f.networks)
		}
		s.Network = fleet.Network{Name: fmt.Sprint("as", net), Basis: bases[net]}
		for k := range 1 + c.rng.IntN(6)/5 {
			s.Agents = append(s.Agents, fmt.Sprintf("%s/%d", s.ID, k))
		}
		c.sites = append(c.sites, s)
	}
	for i := range c.sites {
		for _, id := range c.sites[i].Agents {
			c.agents, c.of[id] = append(c.agents, id), &c.sites[i]
		}
	}
	c.cfg = c.config(1)
	c.e = New(Options{})
	c.e.SetFleet(c.now, c.sites)
	c.e.SetConfig(c.now, c.cfg)
	for _, id := range c.agents {
		c.e.Hello(c.now, id, true, 0, nil)
		c.e.Health(c.now, id, Health{RefsOK: 5, RefsAsked: 5, Voting: true})
	}
	return c
}

// config makes random targets: shared ones and private ones, with dependencies,
// asked over either or both IP versions.
func (c *chaos) config(id uint64) fleet.Config {
	cfg := fleet.Config{ID: id}
	providers := 1 + c.rng.IntN(5)
	for i := range 1 + c.rng.IntN(14) {
		t := fleet.Target{ID: fmt.Sprint("t", i), Provider: fmt.Sprint("p", i%providers), Service: fmt.Sprint("s", c.rng.IntN(3)), Region: fmt.Sprint("g", c.rng.IntN(3))}
		if c.rng.IntN(8) == 0 {
			t.Client = c.sites[0].Client
		}
		if c.rng.IntN(3) == 0 {
			t.Dependencies = []string{fmt.Sprint("cdn-", c.rng.IntN(2))}
		}
		cfg.Targets = append(cfg.Targets, t)
		families := []probes.Family{0}
		if c.rng.IntN(4) == 0 {
			families = []probes.Family{4, 6}
		}
		for _, k := range []probes.Kind{probes.HTTP, probes.TCP, probes.Ping}[:1+c.rng.IntN(3)] {
			for _, f := range families {
				cfg.Checks = append(cfg.Checks, fleet.Check{ID: fmt.Sprintf("%s/%s%d", t.ID, k, f), Target: t.ID, Interval: 10 * time.Second, Spec: probes.Spec{Kind: k, Host: t.ID, Family: f}})
			}
		}
	}
	cfg.Targets = append(cfg.Targets, fleet.Target{ID: "ref", Reference: true})
	cfg.Checks = append(cfg.Checks, fleet.Check{ID: "ref/dns", Target: "ref", Interval: 5 * time.Second, Spec: probes.Spec{Kind: probes.DNS}})
	return cfg
}

func (c *chaos) targetOf(check uint32) *fleet.Target {
	i := slices.IndexFunc(c.cfg.Targets, func(t fleet.Target) bool { return t.ID == c.cfg.Checks[check].Target })
	return &c.cfg.Targets[i]
}

// fails says what an agent finds. Sites that meet no fault tell nothing but good
// unless they are wild.
func (c *chaos) fails(id string, check uint32) bool {
	if c.wild && c.rng.IntN(3) == 0 {
		return c.rng.IntN(2) == 0
	}
	return c.broken != nil && c.broken(c.of[id], c.targetOf(check))
}

// step does something random; storm makes agents tell of what is broken.
func (c *chaos) step() {
	id := c.agents[c.rng.IntN(len(c.agents))]
	check := uint32(c.rng.IntN(len(c.cfg.Checks)))
	switch c.rng.IntN(24) {
	case 0:
		c.e.Goodbye(c.now, id, c.words)
	case 1:
		c.e.Hello(c.now, id, c.rng.IntN(2) == 0, time.Duration(c.rng.IntN(200))*time.Second, c.standing(id, check))
	case 2:
		c.e.Health(c.now, id, Health{RefsOK: c.rng.IntN(6), RefsAsked: 5, Voting: c.rng.IntN(6) > 0, Why: c.words, Offset: time.Duration(c.rng.IntN(60)-30) * time.Second})
	case 3:
		c.cfg = c.config(c.cfg.ID + 1)
		c.e.SetConfig(c.now, c.cfg)
	case 4:
		sites := slices.Clone(c.sites)
		c.e.SetFleet(c.now, sites[c.rng.IntN(min(3, len(sites))):])
		c.drain()
		c.e.SetFleet(c.now, c.sites)
	case 5:
		c.pass(time.Duration(c.rng.IntN(90)) * time.Second)
	case 6, 7, 8:
		c.pass(time.Duration(c.rng.IntN(2500)) * time.Millisecond)
	case 9, 10, 11:
		c.round(check)
	default:
		c.tell(id, check)
	}
	c.drain()
}

func (c *chaos) standing(id string, check uint32) []Standing {
	if !c.fails(id, check) {
		return nil
	}
	return []Standing{{Check: check, Since: time.Duration(c.rng.IntN(9999)) * time.Second, Cause: probes.TCPTimeout}}
}

// tell is a suspicion or a result of one agent.
func (c *chaos) tell(id string, check uint32) {
	down := c.fails(id, check)
	if down && c.rng.IntN(2) == 0 {
		c.e.Suspect(c.now, id, Suspicion{Check: check, Cause: probes.TCPTimeout, Overdue: c.rng.IntN(2) == 0, Age: time.Duration(c.rng.IntN(3000)) * time.Millisecond})
		return
	}
	o := Observation{Agent: id, Check: check, Start: c.now.Add(-time.Duration(c.rng.IntN(1500)) * time.Millisecond), Late: c.rng.IntN(12) == 0,
		Result: probes.Result{Outcome: probes.Up, Total: 40 * time.Millisecond, Err: c.words, Edge: c.words}}
	if down {
		o.Result.Outcome, o.Result.Cause = probes.Down, probes.TCPTimeout
	}
	c.e.Observe(c.now, o)
}

// round lets everybody look at one check: results, suspicions, and the answers to
// what the engine asks about it, in random order, abstentions among them.
func (c *chaos) round(check uint32) {
	order := slices.Clone(c.agents)
	c.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, id := range order {
		c.e.Contact(c.now, id)
		c.tell(id, check)
		c.drain()
	}
	c.now = c.now.Add(300 * time.Millisecond)
	c.answer()
}

// answer lets everybody who was asked answer, abstentions among them.
func (c *chaos) answer() {
	for len(c.asks) > 0 {
		ask := c.asks[0]
		c.asks = c.asks[1:]
		for _, id := range ask.Agents {
			v := Vote{Round: ask.Round, Attempt: ask.Attempt, Answer: vantage.Up, RefsOK: 3, RefsAsked: 3, Why: c.words, Err: c.words, Edge: c.words}
			if int(ask.Check) < len(c.cfg.Checks) && c.fails(id, ask.Check) {
				v.Answer, v.Cause = vantage.Down, probes.TCPTimeout
			}
			if c.rng.IntN(15) == 0 {
				v.Answer = vantage.Answer(c.rng.IntN(5))
				if v.Answer == vantage.Down && !c.wild {
					v.Answer = vantage.Abstain
				}
			}
			c.e.Vote(c.now, id, v)
		}
	}
}

// pass lets time go by; everybody who is there is heard, mostly.
func (c *chaos) pass(d time.Duration) {
	quiet := c.rng.IntN(8) == 0
	for end := c.now.Add(d); c.now.Before(end); {
		if !quiet {
			for _, id := range c.agents {
				c.e.Contact(c.now, id)
			}
		}
		step := c.now.Add(time.Second)
		if step.After(end) {
			step = end
		}
		for next, ok := c.e.Next(); ok && !next.After(step); next, ok = c.e.Next() {
			if next.After(c.now) {
				c.now = next
			}
			c.e.Tick(c.now)
			c.drain()
			if !quiet {
				c.answer()
				c.drain()
			}
			if again, _ := c.e.Next(); !again.After(c.now) {
				c.t.Fatal("the engine wants to be woken at once, again")
			}
		}
		c.now = step
	}
}

func (c *chaos) drain() {
	events := c.e.Drain()
	c.events = max(c.events, len(events))
	for _, ev := range events {
		switch ev := ev.(type) {
		case Ask:
			if c.asks = append(c.asks, ev); len(c.asks) > 20 {
				c.asks = c.asks[1:]
			}
		case IncidentEvent:
			if old, ok := c.worst[ev.Incident.ID]; !ok || ev.Incident.Confidence.Rank() >= old.Confidence.Rank() {
				c.worst[ev.Incident.ID] = ev.Incident
			}
		}
	}
}

// storm breaks a provider, or all of them, for the sites that match.
func (c *chaos) storm(match func(*Site) bool) {
	p := fmt.Sprint("p", c.rng.IntN(6)) // p5 does not exist: everything
	share := 0.5 + c.rng.Float64()
	lucky := map[string]bool{}
	for i := range c.sites {
		lucky[c.sites[i].ID] = c.rng.Float64() > share
	}
	c.broken = func(s *Site, t *fleet.Target) bool {
		return match(s) && !lucky[s.ID] && (p == "p5" || t.Provider == p)
	}
}

// live runs so many steps, with storms that come and go.
func (c *chaos) live(steps int, match func(*Site) bool) {
	for i := range steps {
		switch {
		case i%60 == 20:
			c.storm(match)
		case i%60 == 50:
			c.broken = nil
		}
		c.step()
	}
}

func runs(t *testing.T, n int) int {
	if testing.Short() {
		return n / 8
	}
	return n
}

func everybody(*Site) bool { return true }
