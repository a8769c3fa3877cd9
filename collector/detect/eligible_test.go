package detect

import (
	"testing"
	"time"

	"picket/internal/vantage"
	"picket/probes"
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

// TestReferencesThatFailBesideAVote: two of three may be chance and cost this
// vote, all of them are a line that has just broken.
func TestReferencesThatFailBesideAVote(t *testing.T) {
	for _, c := range []struct {
		ok       int
		eligible bool
	}{{3, true}, {1, true}, {0, false}} {
		e, sites, _, now := steady(12)
		e.Suspect(now, sites[0].ID, Suspicion{Check: 2, Cause: probes.TLSTimeout})
		now = now.Add(400 * time.Millisecond)
		v := Vote{Round: 1, Answer: vantage.Up, Age: 400 * time.Millisecond, RefsOK: c.ok, RefsAsked: 3}
		if c.ok < 2 {
			v.Answer, v.Why = vantage.Abstain, vantage.WhyReferencesFailed.String()
		}
		e.Vote(now, sites[0].ID, v)
		if up, _ := e.rounds[1].votes(); up != b2i(c.ok == 3) {
			t.Errorf("%d of 3 answer: %d votes count", c.ok, up)
		}
		if st := e.Snapshot(now).Sites[0]; st.Eligible != c.eligible {
			t.Errorf("%d of 3 answer: eligible %v (%s), want %v", c.ok, st.Eligible, st.Why, c.eligible)
		}
	}
}
