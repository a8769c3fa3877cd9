package detect

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// TestADoubtIsNotLostInARoundThatWaitsForItsLastAnswer breaks a target while
// a passing failure of it is being asked about: everybody has refuted that but
// one site, whose answer takes a second and a half. The outage begins after that
// question was put, so its first doubt asks anew.
func TestADoubtIsNotLostInARoundThatWaitsForItsLastAnswer(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	mute := w.sites[11]
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if s.ID == mute.ID && tg.ID == w.target(0).ID {
			return blackhole()
		}
		return nil
	}
	w.e.Suspect(w.now, mute.Agents[0], Suspicion{Check: 0, Cause: probes.TCPRefused})
	w.run(300 * time.Millisecond)
	t0 := w.now
	w.breaks = func(_ *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.ID == w.target(0).ID {
			return refused()
		}
		return nil
	}
	w.run(100 * time.Millisecond)
	w.e.Suspect(w.now, w.sites[0].Agents[0], Suspicion{Check: 0, Cause: probes.TCPRefused, Age: 50 * time.Millisecond})
	w.run(5 * time.Second)
	if d, _, ok := w.when(t0, KindTarget, ConfidenceConfirmed); !ok || d > 1200*time.Millisecond {
		w.tell()
		t.Errorf("confirmed after %v, %v", d, ok)
	}
}
