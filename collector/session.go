package collector

import (
	"context"
	"net"
	"net/netip"
	"time"

	"picket/collector/store"
	"picket/internal/fleet"
	"picket/internal/uplink"
)

// sessions is the collector as the uplink sees it.
type sessions struct{ c *Collector }

func (s sessions) Hello(ctx context.Context, agent string, remote netip.AddrPort, h uplink.Hello) (uplink.Welcome, error) {
	c, now := s.c, time.Now()
	a, ok := c.registry.agent(agent)
	if !ok {
		return uplink.Welcome{}, uplink.ErrRevoked
	}
	network, err := s.seat(ctx, a, remote, h, now)
	if err != nil {
		return uplink.Welcome{}, err
	}
	first, away := a.Seen.IsZero(), now.Sub(a.Seen)
	runs := make([]uint64, len(h.Runs))
	for i, r := range h.Runs {
		runs[i] = r.ID
	}
	spare := c.where.hello(ctx, a, c.registry.line(remote.Addr()), now)
	w := uplink.Welcome{Network: network, Trust: c.authority.Root(), Remote: remote.Addr().Unmap().WithZone(""), Spare: spare || h.Metered || c.registry.metersLine(remote.Addr())}
	if w.Marks, err = c.store.Marks(ctx, agent, runs); err != nil {
		return w, err
	}
	// From here on the agent is told by keepFleet too, behind the welcome: what
	// changes after these lines reaches it, however slow its line is.
	cfg, roster := c.registry.configFor(a.Client, a.Site), c.registry.rosterFor(a.Client)
	if cfg.ID != h.Config {
		w.Config = cfg
	}
	if roster.Version != h.Roster {
		w.Roster = roster
	}
	c.agents.note(agent, func(t *told) {
		if t.config != h.Config {
			t.config, t.refused = h.Config, "" // a refusal was of another one
		}
		t.remote = remote.Addr().Unmap().WithZone("")
		t.health, t.givenConfig, t.givenRoster = h.Health, cfg.ID, roster.Version
	})
	c.judge.hello(agent, first, away, h)
	return w, nil
}

// seat decides which network an agent that says hello is on, and notes it. The
// table of networks may be replaced meanwhile; moveAgents sees those who were
// seated before that, so none sits by the old one.
func (s sessions) seat(ctx context.Context, a store.Agent, remote netip.AddrPort, h uplink.Hello, now time.Time) (n fleet.Network, err error) {
	c := s.c
	for {
		file := c.registry.currentFile()
		if n, err = c.registry.network(ctx, remote.Addr(), a.Declared); err != nil {
			return n, err
		}
		if err := c.store.SeenAgent(ctx, store.Seen{
			Agent: a.ID, At: now, Version: h.Version, OS: h.OS, Hostname: h.Hostname, Network: n.ID,
		}); err != nil {
			return n, err
		}
		if c.registry.connected(a.ID, n, h.Metered, now) {
			c.fleetChanged()
		}
		if c.registry.currentFile() == file {
			return n, nil
		}
	}
}

// Record is where backpressure comes from: it returns when the results are in
// every sink for good, and until then nothing more is read from this agent.
func (s sessions) Record(ctx context.Context, agent string, b *fleet.Batch) error {
	a, ok := s.c.registry.agent(agent)
	if !ok {
		return uplink.ErrRevoked
	}
	if err := s.c.runs.begin(agent, b.Run); err != nil {
		return err
	}
	b, cfg, err := s.c.admit(ctx, a, b, time.Now())
	if err != nil || len(b.Records) == 0 {
		return err
	}
	if err := s.c.judge.observe(ctx, agent, b); err != nil {
		return err
	}
	if err := s.c.ingest.take(ctx, a, b, cfg); err != nil {
		return err
	}
	s.c.latest.saw(agent, cfg, b, time.Now())
	return nil
}

func (s sessions) Live(agent string, b *fleet.Batch) {
	s.c.judge.glimpse(agent, b)
	if cfg := s.c.registry.currentConfig(); cfg.ID == b.Config {
		s.c.latest.saw(agent, cfg, b, time.Now())
	}
}

func (s sessions) Suspicion(agent string, v uplink.Suspicion) { s.c.judge.suspect(agent, v) }
func (s sessions) Vote(agent string, v uplink.Vote)           { s.c.judge.vote(agent, v) }
func (s sessions) Packet(src netip.Addr, b []byte)            { s.c.gossip.Packet(src, b) }
func (s sessions) Stream(src netip.Addr, conn net.Conn)       { s.c.gossip.Stream(src, conn) }

func (s sessions) Seen(agent string) {
	now := time.Now()
	s.c.registry.saw(agent, now)
	s.c.where.room.Heard(now, agent)
	s.c.judge.contact(agent)
}

func (s sessions) Health(agent string, h uplink.Health) {
	s.c.judge.health(agent, h)
	var remote netip.Addr
	s.c.agents.note(agent, func(t *told) { t.health, remote = h, t.remote })
	s.c.healthWAN(agent, h.Routed, remote)
}

// Doctor keeps the latest report of an agent about itself, in memory: agents
// repeat it with each session.
func (s sessions) Doctor(agent string, d uplink.Doctor) {
	s.c.agents.note(agent, func(t *told) { t.doctor = d })
}

func (s sessions) Applied(agent string, config uint64, refused string) {
	s.c.agents.note(agent, func(t *told) {
		if refused != "" && t.refused != refused {
			s.c.log.Error("agent refused the configuration", "agent", agent, "config", config, "why", refused)
		}
		t.config, t.refused = config, refused
	})
}

func (s sessions) Renew(ctx context.Context, agent string, csr []byte) ([]byte, error) {
	if _, ok := s.c.registry.agent(agent); !ok {
		return nil, uplink.ErrRevoked
	}
	now := time.Now()
	chain, err := s.c.authority.SignAgent(csr, agent, now)
	if err != nil {
		return nil, &uplink.Refusal{Code: "csr", Message: err.Error()}
	}
	return chain, s.c.store.Renewed(ctx, agent, notAfter(chain))
}

func (s sessions) Gone(agent string, clean bool, reason string) {
	if !clean {
		s.c.where.room.Gone(time.Now(), agent, "")
		return
	}
	reason = byeReason(reason)
	s.c.where.room.Gone(time.Now(), agent, reason)
	s.c.judge.goodbye(agent, byeWords(reason))
	if a, ok := s.c.registry.agent(agent); ok && s.c.where.room.Empty(a.Site) {
		s.c.wan.Stopped(a.Site)
	}
}

func (s sessions) Member(agent string) bool {
	_, ok := s.c.registry.agent(agent)
	return ok
}
