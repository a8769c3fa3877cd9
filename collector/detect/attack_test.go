package detect

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// This file is what somebody would do who holds two of twelve sites, or all of
// one ISP, and says whatever suits him.

// two are the agents of two sites on two ISPs.
func (w *simWorld) two() map[string]bool {
	return map[string]bool{w.agents[0].id: true, w.agents[1].id: true}
}

// say is a scheduled result of one agent, now.
func (w *simWorld) say(agent string, check int, o probes.Outcome) {
	r := probes.Result{Outcome: o, Total: 20 * time.Millisecond}
	if o == probes.Down {
		r.Cause = probes.TCPRefused
	}
	w.e.Observe(w.now, Observation{Agent: agent, Check: uint32(check), Start: w.now.Add(-r.Total), Result: r})
}

func TestTwoThatCryWolfDoNotDelayAnOutage(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP}, seed: seed})
		w.run(calm + time.Duration(seed)*977*time.Millisecond)
		two := w.two()
		w.lies = func(a *simAgent, _ uint32, honest vantage.Answer) vantage.Answer {
			if two[a.id] {
				return vantage.Up // or they would be found out
			}
			return honest
		}
		cry := func(d time.Duration) {
			for end := w.now.Add(d); w.now.Before(end); w.run(250 * time.Millisecond) {
				for _, a := range w.agents[:2] {
					for c := range w.cfg.Checks {
						if w.cfg.Checks[c].Target != "aws-storage-r3" {
							w.e.Suspect(w.now, a.id, Suspicion{Check: uint32(c), Cause: probes.TCPRefused})
						}
					}
				}
			}
		}
		cry(30 * time.Second)
		t0 := w.now
		w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
			if t.ID == "aws-storage-r3" {
				return refused()
			}
			return nil
		}
		cry(40 * time.Second)
		d, _, ok := w.when(t0, KindTarget, ConfidenceConfirmed)
		if !ok || d > 16*time.Second { // SuspectWait, at which the next doubt takes its place
			w.tell()
			t.Errorf("seed %d: found after %v, %v", seed, d, ok)
		}
	}
}

func TestTwoThatSayAllIsWellDoNotDisqualifyTheOthers(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	two := w.two()
	w.breaks = func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
		if two[s.Agents[0]] || t.Reference {
			return nil
		}
		return refused()
	}
	w.run(30 * time.Second)
	for _, s := range w.e.sites {
		if ok, why := w.e.eligible(w.now, s, "azure"); !ok {
			t.Errorf("%s is no witness: %s", s.ID, why)
		}
	}
	w.run(3 * time.Minute)
	w.tell()
	blamed := map[string]bool{}
	for _, in := range w.open() {
		if in.Confidence == ConfidenceConfirmed && in.State != Recovering {
			for _, id := range in.Targets {
				blamed[id] = true
			}
		}
	}
	if len(blamed) != 24 {
		t.Errorf("%d of 24 targets are in confirmed open incidents", len(blamed))
	}
}

func TestTwoDoNotWidenAnOutage(t *testing.T) {
	for seed := range uint64(6) {
		for _, net := range []bool{false, true} {
			w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP}, seed: seed})
			w.run(calm + time.Duration(seed)*977*time.Millisecond)
			bad := map[string]bool{}
			for _, a := range w.agents {
				if net && a.site.Network.Name == "ISP-3" || !net && (a == w.agents[0] || a == w.agents[1]) {
					bad[a.id] = true
				}
			}
			w.lies = func(a *simAgent, _ uint32, honest vantage.Answer) vantage.Answer {
				if bad[a.id] {
					return vantage.Down
				}
				return honest
			}
			w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
				if t.ID == "aws-storage-r3" {
					return refused()
				}
				return nil
			}
			for range 120 {
				for _, a := range w.agents {
					id := a.id
					if !bad[id] {
						continue
					}
					for c := range w.cfg.Checks {
						w.say(id, c, probes.Down)
						w.e.Suspect(w.now, id, Suspicion{Check: uint32(c), Cause: probes.TCPRefused, Age: 20 * time.Millisecond})
					}
				}
				w.run(250 * time.Millisecond)
			}
			for _, ev := range w.history {
				if in := ev.Incident; in.Kind.ProviderSide() && (len(in.Targets) != 1 || in.Targets[0] != "aws-storage-r3") {
					w.tell()
					t.Fatalf("seed %d, one ISP %v: %s %s: %s", seed, net, in.Confidence, in.Kind, in.Summary)
				}
			}
		}
	}
}

func TestOneThatIsAlwaysLateDoesNotHideWhatWasMissed(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.cut(func(*Site) bool { return true })
	w.run(time.Minute)
	w.broken("azure", "r2", refused())
	w.run(3 * time.Minute)
	w.breaks = nil
	w.run(time.Minute)
	w.heal()
	for range 60 {
		w.e.Observe(w.now, Observation{Agent: w.agents[0].id, Check: 0, Start: w.now.Add(-time.Minute), Late: true, Result: probes.Result{Outcome: probes.Up, Total: time.Millisecond}})
		w.run(5 * time.Second)
	}
	w.tell()
	if n := len(w.retrospective()); n != 1 {
		t.Errorf("%d retrospective incidents", n)
	}
}

func TestAnAgentCannotBackdateAnIncident(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(10 * time.Minute)
	t0 := w.broken("azure", "r2", refused())
	w.run(30 * time.Second)
	for k := range 600 {
		for c := range w.cfg.Checks {
			w.e.Observe(w.now, Observation{Agent: w.agents[0].id, Check: uint32(c), Late: true, Start: t0.Add(-time.Duration(k) * time.Second),
				Result: probes.Result{Outcome: probes.Down, Cause: probes.TCPRefused}})
		}
	}
	w.run(10 * time.Second)
	if in := w.open()[0]; t0.Sub(in.Started) > 3*time.Minute {
		t.Errorf("started %v before it did", t0.Sub(in.Started))
	}
}

func TestEndlessNamesOfEdgesDoNotHideTheRealOnes(t *testing.T) {
	w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP}, shape: func(c *fleet.Config) {
		for i := range c.Targets {
			c.Targets[i].Dependencies = []string{"cdn"}
		}
	}})
	w.run(calm)
	for n := range 3 * maxEdges {
		r := probes.Result{Outcome: probes.Up, Total: 20 * time.Millisecond, Edge: fmt.Sprint("edge-", n)}
		w.e.Observe(w.now, Observation{Agent: w.agents[0].id, Check: 0, Start: w.now, Result: r})
	}
	w.edge = func(s *Site, _ *fleet.Target) string { return "pop-" + s.Region }
	w.run(30 * time.Second)
	for _, s := range w.e.sites[1:] {
		if got := w.e.edgeOf(s, w.e.targets[0]); got != "pop-"+s.Region {
			t.Fatalf("%s is answered by %q", s.ID, got)
		}
	}
	if len(w.e.edges.names) > maxEdges+1 {
		t.Errorf("%d names kept", len(w.e.edges.names))
	}
}

func TestNumbersOutOfThisWorldStayOutOfIncidents(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	at := 0
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -1} {
		for _, d := range []time.Duration{math.MaxInt64, math.MinInt64, -1} {
			for range 10 {
				for _, a := range w.agents {
					if a.site.Network.Name != "ISP-1" {
						continue
					}
					for c := range w.cfg.Checks {
						i := uint32(c)
						w.e.Suspect(w.now, a.id, Suspicion{Check: i, Cause: probes.Slow, Degraded: true, Added: time.Second, Ratio: f, Age: d})
						w.e.Suspect(w.now, a.id, Suspicion{Check: i, Cause: probes.Cause(200), Age: d})
						w.e.Observe(w.now, Observation{Agent: a.id, Check: i, Start: w.now.Add(d), Result: probes.Result{Outcome: probes.Outcome(at % 9), Cause: probes.Cause(at % 250), Total: d}})
						w.e.Vote(w.now, a.id, Vote{Round: w.e.lastRound, Attempt: int(d), Answer: vantage.Answer(at % 7), Age: d, RefsOK: int(d), RefsAsked: int(d), Ratio: f, Added: d})
						at++
					}
					w.e.Health(w.now, a.id, Health{RefsOK: 5, RefsAsked: 5, Voting: true, Offset: d})
					w.e.Health(w.now, a.id, Health{RefsOK: 5, RefsAsked: 5, Voting: true})
					w.e.Hello(w.now, a.id, false, d, []Standing{{Check: uint32(at % len(w.cfg.Checks)), Since: d, Cause: probes.Cause(at % 250)}})
				}
				w.run(5 * time.Second)
			}
		}
	}
	for _, ev := range w.history {
		if _, err := json.Marshal(ev.Incident); err != nil {
			t.Fatalf("%s cannot be written down: %v", ev.Incident.ID, err)
		}
		if ev.Incident.Kind.ProviderSide() && ev.Incident.Confidence == ConfidenceConfirmed {
			t.Fatalf("%s", ev.Incident.Summary)
		}
	}
}

func TestAPathThatFailsAgainAndAgainIsNoLiar(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	for range 6 {
		w.holdsDown("azure", w.sites[0].ID)
		w.run(2 * time.Minute)
		w.breaks = nil
		w.run(2 * time.Minute)
	}
	w.tell()
	if got := w.e.Flagged(); len(got) != 0 {
		t.Errorf("flagged %v: %v", got, w.e.sites[0].trust)
	}
}

func TestWhatOneClientAloneHasIsNoOthersBusiness(t *testing.T) {
	w := newWorld(t, worldOptions{shape: func(c *fleet.Config) {
		c.Targets = append(c.Targets, fleet.Target{ID: "erp", Provider: "onprem", Client: "c1"})
		c.Checks = append(c.Checks, fleet.Check{ID: "erp/https", Target: "erp", Interval: 10 * time.Second, Spec: probes.Spec{Kind: probes.HTTP}})
	}})
	check := uint32(len(w.cfg.Checks) - 1)
	for range 20 {
		for _, a := range w.agents {
			if a.site.Client == "c1" {
				continue
			}
			w.e.Observe(w.now, Observation{Agent: a.id, Check: check, Start: w.now.Add(-time.Second), Result: probes.Result{Outcome: probes.Unknown, Cause: probes.Blocked, Total: time.Second, Err: "who knows"}})
			w.e.Observe(w.now, Observation{Agent: a.id, Check: check, Start: w.now, Result: probes.Result{Outcome: probes.Down, Cause: probes.Policy, Total: time.Second}})
			w.e.Hello(w.now, a.id, false, 0, []Standing{{Check: check, Since: time.Hour, Cause: probes.TCPRefused}})
		}
		w.run(2 * time.Second)
	}
	for _, n := range w.told("blocked") {
		t.Errorf("%+v", n)
	}
	for _, n := range w.told("policy") {
		t.Errorf("%+v", n)
	}
	for _, in := range w.open() {
		t.Errorf("%s", in.Summary)
	}
}

func TestTwoDoNotOpenAnythingByAnEdgeOfTheirOwn(t *testing.T) {
	w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP}, shape: func(c *fleet.Config) {
		for i := range c.Targets {
			c.Targets[i].Dependencies = []string{"cdn"}
		}
	}})
	two := w.two()
	w.edge = func(s *Site, _ *fleet.Target) string {
		if two[s.Agents[0]] {
			return "nowhere"
		}
		return "pop-" + s.Region
	}
	w.run(calm)
	w.lies = func(a *simAgent, _ uint32, honest vantage.Answer) vantage.Answer {
		if two[a.id] {
			return vantage.Down
		}
		return honest
	}
	w.breaks = func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
		if two[s.Agents[0]] && t.Region == "r1" {
			return refused()
		}
		return nil
	}
	w.run(2 * time.Minute)
	w.tell()
	for _, ev := range w.history {
		if ev.Incident.Kind.ProviderSide() {
			t.Fatalf("%s %s", ev.Incident.Confidence, ev.Incident.Summary)
		}
	}
}

func TestOneISPThatBlamesEverythingHidesNothing(t *testing.T) {
	w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP}})
	w.run(calm)
	bad := func(s *Site) bool { return s.Network.Name == "ISP-3" }
	w.breaks = func(s *Site, _ *fleet.Target, _ probes.Kind) *fault {
		if bad(s) {
			return refused()
		}
		return nil
	}
	w.run(2 * time.Minute)
	t0 := w.now
	w.breaks = func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
		if bad(s) || t.ID == "gcp-compute-r1" {
			return refused()
		}
		return nil
	}
	w.run(30 * time.Second)
	w.tell()
	if d, _, ok := w.when(t0, KindTarget, ConfidenceConfirmed); !ok || d > 6*time.Second {
		t.Errorf("found after %v, %v", d, ok)
	}
}
