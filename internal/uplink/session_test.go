package uplink

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

func TestHelloIsAnsweredByWelcome(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		w.office.config = &fleet.Config{ID: 3, Politeness: time.Second, Budget: fleet.Budget{Month: 5e9, SpareDay: 100e6},
			Targets: []fleet.Target{{ID: "az", Provider: "azure", Dependencies: []string{"cdn"}}},
			Checks:  []fleet.Check{{ID: "az/https", Target: "az", Interval: 10 * time.Second, Spec: probes.Spec{Kind: probes.HTTP, Host: "a.example", Status: []int{200, 204}}}}}
		defer w.serve()()
		a := w.agent("agent-1", time.Now())
		defer w.run(a)()

		h := w.office.await(t, "hello").value.(Hello)
		if h.Version != "1.2.3" || !strings.HasPrefix(h.Hostname, "box") || len(h.Standing) != 1 || h.Standing[0].Cause != probes.TCPRefused || len(h.Runs) != 1 {
			t.Errorf("hello arrived as %+v", h)
		}
		welcome := a.await(t, "welcome").value.(Welcome)
		if welcome.Agent != "agent-1" || welcome.Network.Name != "AS7 Test" || string(welcome.Trust) != "roots" || time.Since(welcome.Now).Abs() > time.Minute {
			t.Errorf("welcome arrived as %+v", welcome)
		}
		if welcome.Remote.String() != "198.51.100.7" || !welcome.Spare {
			t.Errorf("where it is seen arrived as %v, spare %v", welcome.Remote, welcome.Spare)
		}
		cfg := a.await(t, "config").value.(fleet.Config)
		if cfg.Budget != (fleet.Budget{Month: 5e9, SpareDay: 100e6}) {
			t.Errorf("the budget arrived as %+v", cfg.Budget)
		}
		if cfg.ID != 3 || cfg.Checks[0].Spec.Host != "a.example" || cfg.Checks[0].Interval != 10*time.Second || cfg.Targets[0].Dependencies[0] != "cdn" {
			t.Errorf("config arrived as %+v", cfg)
		}
		if refused := w.office.await(t, "applied").value; refused != "" {
			t.Errorf("config of the welcome refused: %v", refused)
		}
		until(t, "connected", a.client.Connected)
		if s := w.server.Sessions(); len(s) != 1 || s[0].Agent != "agent-1" || s[0].Transport != a.client.Transport() || s[0].Transport == "" || !s[0].Remote.IsValid() {
			t.Errorf("sessions: %+v", s)
		}
	})
}

func TestFramesArriveAsTheyWereMeant(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		defer w.serve()()
		a := w.agent("agent-1", time.Now())
		a.reject = errors.New("check 1: no such kind")
		stop := w.run(a)
		defer stop()
		a.await(t, "welcome")
		until(t, "connected", a.client.Connected)

		ask := Ask{Round: 9, Config: 3, Check: 1, Deadline: 1500 * time.Millisecond, Attempt: 2}
		if !w.server.Ask("agent-1", ask) || a.await(t, "ask").value != ask {
			t.Error("the ask did not arrive as sent")
		}
		vote := Vote{Round: 9, Attempt: 2, Answer: vantage.Down, Cause: probes.TLSExpired, Why: "w", Age: time.Second, RefsOK: 4, RefsAsked: 5, Edge: "MAD", Err: "x509",
			Added: 80 * time.Millisecond, Ratio: 2.5, IPReachable: true}
		if !a.client.Vote(vote) || w.office.await(t, "vote").value != vote {
			t.Error("the vote did not arrive as sent")
		}
		sus := Suspicion{Config: 3, Check: 1, Cause: probes.DNSServfail, Overdue: true, Age: 300 * time.Millisecond, Degraded: true, Added: 1500 * time.Microsecond, Ratio: 1000}
		if !a.client.Suspect(sus) || w.office.await(t, "suspicion").value != sus {
			t.Error("the suspicion did not arrive as sent")
		}
		health := Health{Transport: a.client.Transport(), RefsOK: 3, RefsAsked: 6, Voting: true, Why: "few", Spool: 12, Dropped: 1, RSS: 1 << 20, CPU: 0.5, Offset: -3 * time.Second,
			Routed: true, TrafficDay: 5e6, TrafficMonth: 3e9, Stretch: 2.5}
		if !a.client.Report(health) || w.office.await(t, "health").value != health {
			t.Error("health did not arrive as sent")
		}
		if !w.server.Config("agent-1", &fleet.Config{ID: 4}) || w.office.await(t, "applied").value != a.reject.Error() {
			t.Error("the refusal of a config did not arrive")
		}
		if !w.server.Roster("agent-1", &fleet.Roster{Version: 5, Seats: []fleet.Seat{{Agent: "x", Slot: 3}}}) || a.await(t, "roster").value.(fleet.Roster).Seats[0].Slot != 3 {
			t.Error("the roster did not arrive")
		}
		if w.server.Ask("nobody", ask) {
			t.Error("an ask to nobody was said to be sent")
		}
		a.client.Goodbye("upgrade")
		stop()
		if gone := w.office.await(t, "gone").value; gone != "true upgrade" {
			t.Errorf("gone: %v", gone)
		}
		if a.client.Vote(vote) || a.client.SendPacket(fleet.Address("x"), nil) == nil || a.client.Connected() {
			t.Error("a stopped client claims to have a session")
		}
	})
}

func TestRecordsAreDeliveredOnceAcrossRestarts(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		stop := w.serve()
		a := w.agent("agent-1", time.Now(), 0xa1, 0xa2)
		a.spool.append(0xa1, 2500)
		a.spool.append(0xa2, 10)
		defer w.run(a)()
		until(t, "all is acknowledged", func() bool { return a.spool.pending() == 0 })
		for range 2 { // the collector restarts, and the agent goes on behind the mark
			stop()
			a.await(t, "disconnected")
			a.spool.append(0xa2, 100)
			stop = w.serve()
			a.await(t, "welcome")
			a.spool.append(0xa2, 100)
			until(t, "all is acknowledged", func() bool { return a.spool.pending() == 0 })
		}
		defer stop()
		if all, distinct := w.office.count("agent-1"); all != 2910 || distinct != 2910 {
			t.Errorf("stored %d records, %d distinct, of 2910", all, distinct)
		}
	})
}

func TestABlockedSinkHoldsBackRecordsAlone(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		gate := make(chan struct{})
		w.office.record = func(ctx context.Context) error {
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		defer w.serve()()
		a := w.agent("agent-1", time.Now())
		a.spool.append(0xa1, 60_000) // far more than the windows hold
		defer w.run(a)()
		w.office.await(t, "record")
		l := a.client.session()
		for range 20 {
			if !w.server.Ask("agent-1", Ask{Round: 1}) {
				t.Fatal("no session while the sink is away")
			}
			a.await(t, "ask")
			a.client.Vote(Vote{Round: 1})
			w.office.await(t, "vote")
		}
		w.office.await(t, "seen")
		if l.beats.since(time.Now()) > time.Hour {
			t.Error("no heartbeat")
		}
		if all, _ := w.office.count("agent-1"); all != 0 || a.spool.pending() != 60_000 {
			t.Errorf("%d stored and %d pending behind a sink that took nothing", all, a.spool.pending())
		}
		// Only windows' worth left the spool, and fresh results overtake it.
		until(t, "lag", func() bool {
			a.client.Live(&fleet.Batch{Run: LiveRun, Config: 3, Records: []fleet.Record{observation(1)}})
			w.office.mu.Lock()
			defer w.office.mu.Unlock()
			return w.office.lived > 0
		})
		close(gate)
		until(t, "all is acknowledged", func() bool { return a.spool.pending() == 0 })
		if all, distinct := w.office.count("agent-1"); all != 60_000 || distinct != 60_000 {
			t.Errorf("stored %d, %d distinct", all, distinct)
		}
		until(t, "the live stream is closed", func() bool { return !w.server.session("agent-1").living.Load() })
	})
}

func TestFreshResultsStayHomeWhileRecordKeepsUp(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		defer w.serve()()
		a := w.agent("agent-1", time.Now())
		defer w.run(a)()
		a.await(t, "welcome")
		until(t, "connected", a.client.Connected)
		a.spool.append(0xa1, 5)
		a.client.Live(&fleet.Batch{Run: 0xa1, Config: 3, Records: []fleet.Record{observation(1)}})
		until(t, "acknowledged", func() bool { return a.spool.pending() == 0 })
		a.client.Vote(Vote{})
		w.office.await(t, "vote")
		w.office.mu.Lock()
		defer w.office.mu.Unlock()
		if w.office.lived != 0 {
			t.Error("a result travelled twice for nothing")
		}
	})
}

func TestARevokedAgentIsOutAtOnce(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		defer w.serve()()
		a := w.agent("agent-1", time.Now())
		defer w.run(a)()
		a.await(t, "welcome")
		until(t, "connected", a.client.Connected)
		w.office.mu.Lock()
		w.office.hello = func(string) error { return ErrRevoked }
		w.office.mu.Unlock()
		begun := time.Now()
		w.server.Disconnect("agent-1", "revoked", "by the operator")
		err, _ := a.await(t, "disconnected").value.(error)
		if !errors.Is(err, ErrRevoked) {
			t.Errorf("the agent was told %v", err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("out after %v", took)
		}
		if got := a.client.pause(shortestWait, err); got < revokedWait/2 {
			t.Errorf("a revoked agent comes back after %v", got)
		}
		if gone := w.office.await(t, "gone").value.(string); !strings.HasPrefix(gone, "false") {
			t.Errorf("gone: %v", gone)
		}
	})
}

func TestACertificateThatIsNotAcceptedIsTold(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		w.check = func(string, bool) error { return errors.New("unknown agent") }
		defer w.serve()()
		a := w.agent("agent-1", time.Now())
		defer w.run(a)()
		if err, _ := a.await(t, "disconnected").value.(error); !errors.Is(err, ErrRevoked) {
			t.Errorf("the agent was told %v", err)
		}
	})
}

func TestARefusedHelloIsTold(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		w.office.hello = func(string) error { return &Refusal{Code: "version", Message: "please upgrade"} }
		defer w.serve()()
		a := w.agent("agent-1", time.Now())
		defer w.run(a)()
		err, _ := a.await(t, "disconnected").value.(error)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "please upgrade") {
			t.Errorf("the agent was told %v", err)
		}
	})
}

func TestTheNewerConnectionStays(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		defer w.serve()()
		a := w.agent("agent-1", time.Now())
		defer w.run(a)()
		a.await(t, "welcome")
		b := w.clone(a.bundle, "agent-1", newSpool(0xb1))
		stop := w.run(b)
		b.await(t, "welcome")
		if err, _ := a.await(t, "disconnected").value.(error); !errors.Is(err, ErrSuperseded) {
			t.Errorf("the older was told %v", err)
		}
		if len(w.server.Sessions()) != 1 {
			t.Errorf("sessions: %+v", w.server.Sessions())
		}
		for len(w.office.ch) > 0 {
			if ev := <-w.office.ch; ev.what == "gone" {
				t.Errorf("an agent with a session was called gone: %v", ev.value)
			}
		}
		stop()
		w.office.await(t, "gone")
	})
}

func TestAnExpiredCertificateMayOnlyRenew(t *testing.T) {
	since := time.Now().Add(-60 * 24 * time.Hour)
	t.Run("quic", func(t *testing.T) { mayOnlyRenew(t, newWorldSince(t, since)) })
	t.Run("tcp", func(t *testing.T) { mayOnlyRenew(t, newWorldSince(t, since).overTCP()) })
}

func mayOnlyRenew(t *testing.T, w *world) {
	w.office.renew = func(agent string, csr []byte) ([]byte, error) { return w.auth.SignAgent(csr, agent, time.Now()) }
	defer w.serve()()
	a := w.agent("agent-1", time.Now().Add(-40*24*time.Hour))
	a.spool.append(0xa1, 10)
	defer w.run(a)()
	if err, _ := a.await(t, "disconnected").value.(error); !errors.Is(err, ErrExpired) {
		t.Fatalf("told %v", err)
	}
	until(t, "a session for renewal", a.client.Connected)
	if a.client.Vote(Vote{}) || a.client.SendPacket(fleet.Address("x"), nil) == nil || len(w.server.Sessions()) != 0 {
		t.Error("an expired agent takes part")
	}
	if all, _ := w.office.count("agent-1"); all != 0 {
		t.Error("results of an expired agent were taken")
	}
	csr, err := a.bundle.NewCSR()
	if err != nil || !a.client.Renew(csr) {
		t.Fatalf("renewal was not sent: %v", err)
	}
	a.await(t, "renewed")
	a.await(t, "welcome") // with the new certificate, at once
	until(t, "all is acknowledged", func() bool { return a.spool.pending() == 0 })
}
