package agent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"picket/internal/cluster"
	"picket/internal/fleet"
	"picket/internal/uplink"
)

// session is the agent as the uplink sees it. Its methods do not block: what
// takes time is handed to goroutines that Run waits for.
type session struct{ a *Agent }

func (s session) Hello() uplink.Hello {
	host, _ := os.Hostname() // a nameless machine is still welcome
	return uplink.Hello{
		Version: s.a.o.Version, OS: runtime.GOOS + "/" + runtime.GOARCH, Hostname: host,
		Runs: s.a.spool.Runs(), Config: s.a.mind.config().ID, Roster: s.a.state.rosterVersion(),
		Health: s.a.health(), Standing: s.a.mind.standing(), Metered: s.a.o.Metered,
		Machine: s.a.machine,
	}
}

// Welcome begins a session. A new configuration or roster comes by Config and
// Roster right after it.
func (s session) Welcome(w uplink.Welcome) {
	a := s.a
	a.log.Info("connected", "network", w.Network.Name, "transport", w.Transport, eventKey, eventRegained)
	a.kept.Store(nil)
	if err := a.reinstate(); err != nil {
		a.log.Error("begin again after a revocation", "err", err)
	}
	if err := a.state.setNetwork(w.Network); err != nil {
		a.log.Error("store network", "err", err)
	}
	select {
	case a.greeted <- struct{}{}:
	default:
	}
	a.onLine(w)
}

// Config puts a pushed configuration in force: first on disk, so that a
// restart does not go back to an older one.
func (s session) Config(cfg fleet.Config) error {
	if err := checkConfig(cfg); err != nil {
		return err
	}
	if err := s.a.state.setConfig(cfg); err != nil {
		return err
	}
	s.a.adopt(cfg)
	s.a.log.Info("configuration in force", "config", cfg.ID, "checks", len(cfg.Checks))
	return nil
}

func (s session) Roster(r fleet.Roster) {
	if err := s.a.state.setRoster(r); err != nil {
		s.a.log.Error("store roster", "err", err)
	}
	s.a.replan(true)
	s.a.tellGossip(s.a.health())
}

// Ask takes part in a round, within a budget: no collector can make the fleet
// hammer a target.
func (s session) Ask(ask uplink.Ask) {
	s.a.asks.Lock()
	ok := s.a.budget.take(time.Now())
	s.a.asks.Unlock()
	if !ok {
		return
	}
	s.a.spawn(func() {
		ctx, cancel := context.WithTimeout(s.a.life, ask.Deadline+confirmSpacing+time.Second)
		defer cancel()
		s.a.answer(ctx, ask)
	})
}

func (s session) Disconnected(err error) {
	switch k := keptOut(err); {
	case k != nil:
		s.a.kept.Store(k)
		s.a.log.Error(k.Code+" "+k.Text, "fix", k.Fix)
	case errors.Is(err, uplink.ErrRevoked):
		s.a.log.Error(idleText, "err", err, eventKey, eventRevoked)
		if err := s.a.retire(time.Now()); err != nil {
			s.a.log.Error("remember the revocation", "err", err)
		}
	case err != nil:
		s.a.log.Warn("collector away; going on with the stored configuration", "err", err, eventKey, eventLost)
	}
}

func (s session) Renewed(chain []byte) error {
	if err := s.a.bundle.Install(chain); err != nil {
		return err
	}
	s.a.log.Info("certificate renewed", "until", s.a.bundle.NotAfter())
	return nil
}

func (s session) Packet(src netip.Addr, b []byte)   { s.a.gossip.Packet(src, b) }
func (s session) Stream(src netip.Addr, c net.Conn) { s.a.gossip.Stream(src, c) }

// adopt puts cfg into force in the schedule and the mind.
func (a *Agent) adopt(cfg fleet.Config) {
	a.mind.set(cfg)
	a.replan(true)
}

// rephase gives the schedule what it staggers by.
func (a *Agent) rephase() {
	seat, sites := a.seat(), max(1, a.state.sites())
	cfg, by := a.purse.stretched(a.mind.config(), sites)
	a.sched.Set(*cfg, seat.Slot, sites)
	a.mind.setSites(sites, by)
}

// health is what this agent tells of itself.
func (a *Agent) health() uplink.Health {
	v, st := a.mind.health(), a.spool.Stats()
	h := uplink.Health{
		RefsOK: v.RefsOK, RefsAsked: v.RefsAsked, Voting: v.Voting, Why: v.Why.String(),
		Spool: st.Pending, Dropped: a.dropped.Load() + st.Dropped, RSS: residentBytes(), CPU: a.cpu(),
		Offset: time.Duration(a.offset.Load()),
	}
	a.purse.tell(&h, a.now())
	if a.idle() {
		h.Voting, h.Why, h.RefsOK, h.RefsAsked = false, "revoked", 0, 0
	}
	return h
}

func (a *Agent) tellGossip(h uplink.Health) {
	a.gossip.SetFacts(cluster.Facts{
		Version: a.o.Version, Config: a.mind.config().ID, Uplink: h.RefsAsked == 0 || h.RefsOK*10 >= h.RefsAsked*6,
		Voting: h.Voting, Why: h.Why,
	})
}
