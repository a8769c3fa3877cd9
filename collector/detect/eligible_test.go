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
