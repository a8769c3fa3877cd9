package detect

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func TestARestartGoesOnWhereItWas(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, worldOptions{seed: seed})
		w.run(calm + time.Duration(seed)*977*time.Millisecond)
		w.broken("azure", "r2", refused())
		w.run(time.Minute)
		before := w.open()[0]
		w.restart()
		w.broken("azure", "r2", refused())
		old := w.breaks
		t0 := w.now
		w.breaks = func(s *Site, tg *fleet.Target, k probes.Kind) *fault { // and another one begins at once
			if tg.Provider == "gcp" {
				return blackhole()
			}
			return old(s, tg, k)
		}
		w.run(5 * time.Second)
		if d, in, ok := w.when(t0, KindProvider, ConfidenceConfirmed); !ok || d > 5*time.Second {
			w.tell()
			t.Errorf("seed %d: a new outage %v after the restart: %+v", seed, d, in)
		}
		if w.state("azure-storage-r2") != Down {
			t.Errorf("seed %d: verdict %s five seconds after the restart", seed, w.state("azure-storage-r2"))
		}
		w.run(time.Minute)
		in := w.incidents[before.ID]
		if !in.Started.Equal(before.Started) || !in.Opened.Equal(before.Opened) || in.Again != 0 || !in.State.Open() || in.Confidence != ConfidenceConfirmed {
			t.Errorf("seed %d: %+v, was %+v", seed, in, before)
		}
		if len(w.incidents) != 2 {
			w.tell()
			t.Errorf("seed %d: %d incidents for two outages", seed, len(w.incidents))
		}
		w.breaks = nil
		w.run(3 * time.Minute)
		if len(w.open()) != 0 {
			t.Errorf("seed %d: still open after healing", seed)
		}
	}
}

func TestARestartKeepsWhatAnIncidentIs(t *testing.T) {
	for name, change := range map[string]func(*Incident){
		"partial":      func(in *Incident) { in.Severity, in.Rate = SeverityPartial, 0.3 },
		"degraded":     func(in *Incident) { in.Severity, in.Added = SeverityDegraded, 80*time.Millisecond },
		"intermittent": func(in *Incident) { in.Intermittent = true },
		"lingering":    func(in *Incident) { in.State = Lingering },
		"easing":       func(in *Incident) { in.Easing = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			w.run(calm)
			w.broken("azure", "r2", refused())
			w.run(time.Minute)
			id := w.open()[0].ID
			in := w.incidents[id]
			change(&in)
			w.incidents[id] = in
			w.restart()
			o := w.open()
			if len(o) != 1 || o[0].ID != id || o[0].Severity != in.Severity || o[0].Intermittent != in.Intermittent || o[0].State != in.State || o[0].Easing {
				t.Fatalf("%+v", o)
			}
			w.run(30 * time.Second)
			w.tell()
			if len(w.incidents) != 1 {
				t.Errorf("%d incidents", len(w.incidents))
			}
		})
	}
}

func TestCrashingAgentsDoNotHideAnOutage(t *testing.T) {
	for seed := range uint64(10) {
		for name, f := range map[string]*fault{"refused": refused(), "blackhole": blackhole()} {
			w := newWorld(t, worldOptions{seed: seed})
			w.run(calm + time.Duration(seed)*977*time.Millisecond)
			t0 := w.broken("azure", "r2", f)
			w.after(time.Second, func() {
				for k := range 4 { // a third of them, on as many ISPs
					w.agents[(int(seed)+3*k)%12].off = true
				}
			})
			w.run(20 * time.Second)
			if d, in, ok := w.when(t0, KindProviderRegion, ConfidenceConfirmed); !ok || d > 6*time.Second {
				w.tell()
				t.Errorf("%s, seed %d: after %v: %+v", name, seed, d, in)
			}
		}
	}
}
