package detect

import (
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func (w *simWorld) retrospective() (out []Incident) {
	for _, in := range w.incidents {
		if in.Retrospective {
			out = append(out, in)
		}
	}
	return out
}

func TestAnOutageDuringOurAbsenceIsToldAfterwards(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.cut(func(*Site) bool { return true })
	w.run(time.Minute)
	t0 := w.broken("azure", "r2", refused())
	w.run(3 * time.Minute)
	w.breaks = nil
	t1 := w.now
	w.run(time.Minute)
	w.heal()
	w.run(3 * time.Minute)
	w.tell()
	l := w.retrospective()
	if len(l) != 1 {
		t.Fatalf("%d retrospective incidents", len(l))
	}
	in := l[0]
	if in.Kind != KindProviderRegion || in.Region != "r2" || in.State != Resolved || in.Confidence != ConfidenceConfirmed {
		t.Errorf("%+v", in)
	}
	if d := in.Started.Sub(t0); d < 0 || d > 2*time.Second {
		t.Errorf("starts %v after the outage", d)
	}
	if d := in.Recovered.Sub(t1); d < -12*time.Second || d > 15*time.Second {
		t.Errorf("ends %v after the outage", d)
	}
	if in.DownSites != 12 || countAnswers(in, "down") != 24 {
		t.Errorf("%d sites, %d rows", in.DownSites, countAnswers(in, "down"))
	}
	if len(w.open()) != 0 {
		t.Error("still open")
	}
	for _, v := range w.history {
		if v.Incident.Kind.ProviderSide() && !v.Incident.Retrospective {
			t.Errorf("a live one too: %s", v.Incident.Summary)
		}
	}
}

func TestLateResultsOfFewSayNothing(t *testing.T) {
	for name, c := range map[string]struct {
		cut    func(*Site) bool
		breaks func(*Site, *fleet.Target, probes.Kind) *fault
	}{
		"one site": {func(s *Site) bool { return s.ID == "c1/s01" }, func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
			if s.ID == "c1/s01" && t.Provider == "azure" {
				return refused()
			}
			return nil
		}},
		"everybody, whose own lines were down": {func(*Site) bool { return true }, func(*Site, *fleet.Target, probes.Kind) *fault { return blackhole() }},
		"one ISP": {func(*Site) bool { return true }, func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
			if s.Network.ID == 1 && t.Provider == "azure" {
				return refused()
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			w.run(calm)
			w.cut(c.cut)
			w.run(10 * time.Second)
			w.breaks = c.breaks
			w.run(3 * time.Minute)
			w.breaks = nil
			w.run(30 * time.Second)
			w.heal()
			w.run(2 * time.Minute)
			w.tell()
			w.forbid(providerSide...)
		})
	}
}

func TestALiveOutageIsNotToldTwice(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(30 * time.Second)
	w.cut(func(*Site) bool { return true })
	w.run(2 * time.Minute)
	w.heal()
	w.run(time.Minute)
	w.breaks = nil
	w.run(3 * time.Minute)
	w.tell()
	if l := w.retrospective(); len(l) != 0 {
		t.Errorf("%+v", l)
	}
}

func TestWrongClocksChangeNothing(t *testing.T) {
	for name, off := range map[string]time.Duration{"an hour fast": time.Hour, "an hour slow": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			w.clocks = map[string]time.Duration{"c1/s01": off, "c2/s02": off, "c3/s03": off}
			w.run(calm)
			t0 := w.broken("azure", "r2", refused())
			w.run(20 * time.Second)
			w.tell()
			d, in, ok := w.when(t0, KindProviderRegion, ConfidenceConfirmed)
			if !ok || d > 3*time.Second {
				t.Fatalf("after %v: %+v", d, in)
			}
			in = w.open()[0]
			if s := in.Started.Sub(t0); s < -100*time.Millisecond || s > 2*time.Second || in.DownSites != 12 {
				t.Errorf("started %v after the fault, %d sites", s, in.DownSites)
			}
			w.breaks = nil
			w.run(3 * time.Minute)
			if len(w.open()) != 0 || len(w.retrospective()) != 0 {
				t.Errorf("%d open, %d retrospective", len(w.open()), len(w.retrospective()))
			}
		})
	}
}

// Where too few fail at once nobody looks closer: hours of spells at a thousand
// sites are otherwise most of a minute.
func TestOnlyCrowdedMomentsAreLookedAt(t *testing.T) {
	const s = 1000
	starts := []int64{50 * s, 10 * s, 11 * s, 30 * s, 31 * s}
	ends := []int64{20 * s, 20 * s, 40 * s, 60 * s, 70 * s}
	if got := crowded(starts, ends, 2); !slices.Equal(got, []int64{11 * s, 31 * s, 50 * s}) {
		t.Errorf("%v", got)
	}
	if got := crowded(starts, ends, 3); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
