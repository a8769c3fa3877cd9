package detect

import (
	"strings"
	"testing"
	"time"

	"picket/probes"
)

// square switches a fault on and off, each time for half.
func (w *simWorld) square(f *fault, half, lasts time.Duration) {
	for end := w.now.Add(lasts); w.now.Before(end); {
		w.broken("azure", "r2", f)
		w.run(half)
		w.breaks = nil
		w.run(half)
	}
}

func TestWhatComesAndGoesIsOneIntermittentIncident(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ half, lasts time.Duration }{
		"every 40 s for 20 minutes":        {40 * time.Second, 20 * time.Minute},
		"every 3 minutes for half an hour": {3 * time.Minute, 30 * time.Minute},
		"every 100 s for a quarter":        {100 * time.Second, 15 * time.Minute},
		"every 40 s, but three times":      {40 * time.Second, 4 * time.Minute},
		"every 5 minutes: 10-minute lap":   {5 * time.Minute, 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP}})
			w.run(calm)
			w.square(refused(), c.half, c.lasts)
			if len(w.incidents) != 1 {
				w.tell()
				t.Fatalf("%d incidents", len(w.incidents))
			}
			in := w.history[len(w.history)-1].Incident
			if want := 4*c.half <= 15*time.Minute; in.Intermittent != want {
				w.tell()
				t.Fatalf("intermittent %v", in.Intermittent)
			} else if !want {
				return
			}
			if !in.State.Open() || in.State == Recovering && !strings.Contains(in.Summary, "15 minutes") {
				t.Errorf("%s: %s", in.State, in.Summary)
			}
			w.run(14*time.Minute - c.half)
			if len(w.open()) != 1 {
				t.Error("closed before it was steady for 15 minutes")
			}
			w.run(3 * time.Minute)
			if len(w.open()) != 0 {
				w.tell()
				t.Error("still open after 15 steady minutes")
			}
			in = w.incidents[in.ID]
			if !in.Intermittent || in.Resolved.Sub(in.Recovered) < 15*time.Minute {
				t.Errorf("%+v", in)
			}
		})
	}
}

func TestTwoSpellsAreNotIntermittent(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.square(refused(), 40*time.Second, 160*time.Second)
	w.run(2 * time.Minute)
	w.tell()
	for _, in := range w.incidents {
		if in.Intermittent || in.State != Resolved {
			t.Errorf("%s, intermittent %v", in.State, in.Intermittent)
		}
	}
}
