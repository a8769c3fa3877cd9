package detect

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func TestHealingIsRecoveringThenResolved(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(time.Minute)
	if w.state("azure-storage-r2") != Down {
		t.Errorf("verdict %s during the outage", w.state("azure-storage-r2"))
	}
	w.breaks = nil
	t1 := w.now
	w.run(40 * time.Second)
	open := w.open()
	if len(open) != 1 || open[0].State != Recovering || open[0].Recovered.IsZero() {
		t.Fatalf("%+v", open)
	}
	if w.state("azure-storage-r2") != OK {
		t.Errorf("verdict %s after healing", w.state("azure-storage-r2"))
	}
	w.run(2 * time.Minute)
	w.tell()
	if len(w.open()) != 0 || len(w.incidents) != 1 {
		t.Fatalf("%d open of %d", len(w.open()), len(w.incidents))
	}
	for _, in := range w.incidents {
		if in.State != Resolved || in.Reason.Code != Unanimous && in.Reason.Code != Healthy || in.Transient {
			t.Errorf("%s %s", in.State, in.Reason.Code)
		}
		if d := in.Resolved.Sub(t1); d < 60*time.Second || d > 95*time.Second {
			t.Errorf("closed %v after the end", d)
		}
		if n := countAnswers(in, "down"); n != 24 {
			t.Errorf("%d failing pairs in evidence, want 24: recovery must not erase them", n)
		}
		if !strings.Contains(in.Summary, "Over since") {
			t.Error(in.Summary)
		}
	}
}

func TestTroubleThatComesBackReopensTheSameIncident(t *testing.T) {
	w := newWorld(t, worldOptions{every: 20 * time.Second, kinds: []probes.Kind{probes.HTTP}})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(time.Minute)
	w.breaks = nil
	w.run(45 * time.Minute)
	if len(w.open()) != 0 {
		t.Fatal("not closed")
	}
	w.broken("azure", "r2", tlsHang())
	w.run(40 * time.Second)
	w.tell()
	open := w.open()
	if len(open) != 1 || len(w.incidents) != 1 || open[0].Again != 1 || open[0].Confidence != ConfidenceConfirmed || open[0].Layer != "tls" {
		t.Fatalf("%d ids, %+v", len(w.incidents), open)
	}
	w.breaks = nil
	w.run(95 * time.Minute)
	w.broken("azure", "r2", refused())
	w.run(30 * time.Second)
	if len(w.incidents) != 2 {
		t.Errorf("%d ids: after more than 90 minutes it is another incident", len(w.incidents))
	}
}

func TestRestartKeepsTheIDAndClosesLater(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", blackhole())
	w.run(time.Minute)
	stored := w.restart()
	if len(stored) != 1 {
		t.Fatalf("%d stored", len(stored))
	}
	w.run(5 * time.Minute)
	open := w.open()
	if len(w.incidents) != 1 || len(open) != 1 || open[0].ID != stored[0].ID || open[0].Confidence != ConfidenceConfirmed {
		t.Fatalf("after restart: %d ids, %+v", len(w.incidents), open)
	}
	if !open[0].Started.Equal(stored[0].Started) {
		t.Errorf("start moved from %v to %v", stored[0].Started, open[0].Started)
	}
	w.breaks = nil
	w.run(2 * time.Minute)
	w.tell()
	if len(w.open()) != 0 || w.incidents[stored[0].ID].State != Resolved {
		t.Error("not closed after healing")
	}
}

// restart replaces the engine by a new one that knows only what was stored.
func (w *simWorld) restart() []Incident {
	var stored []Incident
	for _, in := range w.incidents {
		b, err := json.Marshal(in)
		if err != nil {
			w.t.Fatal(err)
		}
		var back Incident
		if err := json.Unmarshal(b, &back); err != nil {
			w.t.Fatal(err)
		}
		stored = append(stored, back)
	}
	w.now = w.now.Add(3 * time.Second)
	w.e = New(Options{})
	w.e.SetFleet(w.now, w.sites)
	w.e.SetConfig(w.now, w.cfg)
	w.e.Restore(w.now, stored)
	for _, a := range w.agents {
		var standing []Standing
		for c, down := range a.down {
			if down {
				standing = append(standing, Standing{Check: uint32(c), Since: 20 * time.Second, Cause: probes.TCPTimeout})
			}
		}
		w.e.Hello(w.now, a.id, false, 3*time.Second, standing)
		w.health(a)
	}
	return stored
}

func TestOutageThatBeganWhileTheServerWasAwayIsFoundByStandingChecks(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(20 * time.Second)
	w.incidents, w.history, w.toldAt = map[string]Incident{}, nil, nil // nothing was stored
	t0 := w.now
	w.restart()
	w.run(10 * time.Second)
	w.tell()
	d, in, ok := w.when(t0, KindProviderRegion, ConfidenceConfirmed)
	if !ok || d > 8*time.Second {
		t.Fatalf("after %v: %+v", d, in)
	}
	if in.Started.After(t0) {
		t.Errorf("started %v after the restart", in.Started.Sub(t0))
	}
}

func TestConfigChangeDropsTargetsSanely(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(30 * time.Second)
	id := w.open()[0].ID
	without := func(cfg fleet.Config, targets ...string) fleet.Config {
		cfg.ID++
		cfg.Targets = slices.DeleteFunc(slices.Clone(cfg.Targets), func(t fleet.Target) bool { return slices.Contains(targets, t.ID) })
		cfg.Checks = slices.DeleteFunc(slices.Clone(cfg.Checks), func(c fleet.Check) bool { return slices.Contains(targets, c.Target) })
		return cfg
	}
	one := without(w.cfg, "azure-storage-r2")
	w.e.SetConfig(w.now, one)
	w.drain()
	if in := w.incidents[id]; !in.State.Open() || !slices.Equal(in.Targets, []string{"azure-compute-r2"}) {
		t.Fatalf("after the first: %s %v", in.State, in.Targets)
	}
	// A result made under the old config still finds its check.
	w.e.Observe(w.now, Observation{Agent: w.agents[0].id, Config: 1, Check: uint32(len(w.cfg.Checks) - 1), Start: w.now, Result: probes.Result{Outcome: probes.Up}})
	w.e.SetConfig(w.now, without(one, "azure-compute-r2"))
	w.drain()
	w.tell()
	in := w.incidents[id]
	if in.State != Resolved || in.Reason.Code != Unwatched {
		t.Fatalf("after the second: %s %s", in.State, in.Reason.Code)
	}
	if _, ok := w.e.Next(); !ok {
		t.Error("no timer")
	}
	w.e.Tick(w.now.Add(time.Minute))
}
