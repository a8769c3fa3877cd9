package detect

import (
	"testing"
	"time"
)

// TestStoppedSites: who asks about a site can tell that nobody expects to hear of
// it from one whose contact is lost.
func TestStoppedSites(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.agents[4].off, w.agents[5].off = true, true
	w.e.Goodbye(w.now, w.agents[4].id, "service stopped")
	w.run(20 * time.Second)
	stopped, lost := 0, 0
	for _, st := range w.e.Snapshot(w.now).Sites {
		switch {
		case st.Stopped() && !st.Connected:
			stopped++
		case st.Stopped():
			t.Errorf("connected, and stopped: %+v", st)
		case !st.Connected:
			lost++
		}
	}
	if stopped != 1 || lost != 1 {
		t.Errorf("%d sites are stopped and %d lost, wanted one of each", stopped, lost)
	}
}

// TestASiteIsStoppedOnlyIfAllOfItIs: one agent of two that said goodbye does not
// excuse the other's silence.
func TestASiteIsStoppedOnlyIfAllOfItIs(t *testing.T) {
	for first := range 2 {
		w := newWorld(t, worldOptions{})
		w.sites[0].Agents = []string{"c1/s01-1", "c1/s01-2"}
		w.e, w.agents, w.queue = New(Options{}), nil, nil
		w.boot()
		w.run(calm)
		one, two := w.agents[first], w.agents[1-first]
		one.off, two.off = true, true
		w.e.Goodbye(w.now, one.id, "service stopped")
		w.run(20 * time.Second)
		if st := w.e.Snapshot(w.now).Sites[0]; st.Stopped() || st.Why != "lost contact" {
			t.Errorf("one stopped, one silent: %q", st.Why)
		}
		w.e.Goodbye(w.now, two.id, "service stopped")
		w.run(20 * time.Second)
		if st := w.e.Snapshot(w.now).Sites[0]; !st.Stopped() {
			t.Errorf("both stopped: %q", st.Why)
		}
	}
}
