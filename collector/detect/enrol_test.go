package detect

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// returning starts the Picket server anew while gcp storage fails at r1 for whom
// hit names, with the fleet coming back one site after the other: the k-th after back(k).
func returning(t *testing.T, seed uint64, hit func(*Site) bool, back func(k int) time.Duration) (w *simWorld, t0 time.Time) {
	w = newWorld(t, worldOptions{seed: seed})
	w.run(calm + time.Duration(seed)*977*time.Millisecond)
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.ID == "gcp-storage-r1" && hit(s) {
			return refused()
		}
		return nil
	}
	w.cut(func(*Site) bool { return true })
	w.e = New(Options{})
	w.e.SetFleet(w.now, w.sites)
	w.e.SetConfig(w.now, w.cfg)
	first := w.agents[0]
	for k, a := range w.agents {
		w.after(back(k), func() {
			a.cut, a.spool = time.Time{}, nil
			w.e.Hello(w.now, a.id, false, 5*time.Second, nil)
			w.health(a)
			if a == first { // and doubts at once
				for c := range w.cfg.Checks {
					if w.cfg.Checks[c].Target == "gcp-storage-r1" {
						w.suspect(a, uint32(c), w.now, refused(), false)
					}
				}
			}
		})
	}
	return w, w.now
}

// The round that the first site to come back has opened must not keep the others
// from being asked.
func TestSitesThatComeBackJoinTheOpenRound(t *testing.T) {
	for seed := range uint64(5) {
		w, t0 := returning(t, seed, everybody, func(k int) time.Duration { return time.Duration(k) * 150 * time.Millisecond })
		w.run(20 * time.Second)
		if d, in, ok := w.when(t0, KindTarget, ConfidenceConfirmed); !ok || d > 3*time.Second {
			w.tell()
			t.Errorf("seed %d: after %v: %+v", seed, d, in)
		}
	}
}

// What one site alone has suspected for a quarter of a minute is asked about again
// once the others are there.
func TestASuspicionOfFewIsAskedAboutAgainWhenTheFleetIsBack(t *testing.T) {
	for seed := range uint64(5) {
		const alone = 15 * time.Second
		w, t0 := returning(t, seed, everybody, func(k int) time.Duration { return alone * time.Duration(min(k, 1)) })
		w.run(14 * time.Second)
		if o := w.open(); len(o) != 1 || o[0].Confidence != ConfidenceSuspected {
			w.tell()
			t.Fatalf("seed %d: %+v", seed, o)
		}
		w.run(30 * time.Second)
		if d, in, ok := w.when(t0.Add(alone), KindTarget, ConfidenceConfirmed); !ok || d > 8*time.Second {
			w.tell()
			t.Errorf("seed %d: after %v: %+v", seed, d, in)
		}
	}
}

// Attempts that one site answered alone are none of the three that a contradicted
// round needs, and the three keep their distance.
func TestWhatHeldForOneSiteIsCountedAnewForTwelve(t *testing.T) {
	hit := func(s *Site) bool { return s.ID != "c2/s02" && s.ID != "c3/s03" && s.ID != "c4/s04" }
	w, t0 := returning(t, 1, hit, func(k int) time.Duration { return 8 * time.Second * time.Duration(min(k, 1)) })
	w.run(40 * time.Second)
	least := 8*time.Second + 2*DefaultRule().Revote
	if d, in, ok := w.when(t0, KindTarget, ConfidenceConfirmed); !ok || d < least || d > 20*time.Second {
		w.tell()
		t.Errorf("confirmed %v after the restart, want after %v: %+v", d, least, in)
	}
}
