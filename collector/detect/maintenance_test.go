package detect

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// window is planned work from now on.
func (w *simWorld) window(lasts time.Duration, all ...Maintenance) {
	for i := range all {
		all[i].From, all[i].To = w.now, w.now.Add(lasts)
	}
	w.e.SetMaintenance(w.now, all)
	w.drain()
}

func TestPlannedWorkIsNoOutage(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.window(10*time.Minute, Maintenance{Provider: "azure", Region: "r2"})
	w.broken("azure", "r2", refused())
	w.run(9 * time.Minute)
	if len(w.incidents) != 0 || w.state("azure-storage-r2") != NoData {
		w.tell()
		t.Fatalf("%d incidents, verdict %s", len(w.incidents), w.state("azure-storage-r2"))
	}
	w.breaks = nil
	w.run(10 * time.Minute)
	w.tell()
	if len(w.incidents) != 0 || w.state("azure-storage-r2") != OK {
		t.Errorf("afterwards: %d incidents, verdict %s", len(w.incidents), w.state("azure-storage-r2"))
	}
}

// TestAVerdictSaysThatItIsWorkedOn also inside an incident that goes on elsewhere.
func TestAVerdictSaysThatItIsWorkedOn(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(time.Minute)
	w.window(5*time.Minute, Maintenance{Target: "azure-storage-r2"})
	w.run(35 * time.Second)
	maintained := map[string]bool{}
	for _, v := range w.e.Snapshot(w.now).Verdicts {
		maintained[v.Target] = v.Maintained
	}
	for id, m := range maintained {
		if m != (id == "azure-storage-r2") {
			t.Errorf("%s: maintained %v", id, m)
		}
	}
	w.run(5 * time.Minute)
	for _, v := range w.e.Snapshot(w.now).Verdicts {
		if v.Maintained {
			t.Errorf("%s: maintained after the window", v.Target)
		}
	}
	w.e.SetMaintenance(w.now, []Maintenance{{From: w.now, To: w.now.Add(time.Hour), Provider: "azure", Site: "a/1"}})
	for _, v := range w.e.Snapshot(w.now).Verdicts {
		if v.Maintained {
			t.Errorf("%s: one site's window is nobody else's", v.Target)
		}
	}
}

func TestWhatFailsAfterThePlannedWorkIsAnOutage(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.window(10*time.Minute, Maintenance{Provider: "azure", Region: "r2"})
	w.broken("azure", "r2", refused())
	w.run(10 * time.Minute)
	t0 := w.now
	w.run(40 * time.Second)
	w.tell()
	d, in, ok := w.when(t0, KindProviderRegion, ConfidenceConfirmed)
	if !ok || d < 0 || d > 30*time.Second || in.Started.Before(t0) {
		t.Errorf("after %v: %+v", d, in)
	}
}

func TestPlannedWorkElsewhereHidesNothing(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.window(10*time.Minute, Maintenance{Target: "azure-storage-r1"})
	t0 := w.broken("azure", "r2", refused())
	w.run(10 * time.Second)
	w.tell()
	if d, _, ok := w.when(t0, KindProviderRegion, ConfidenceConfirmed); !ok || d > 4*time.Second {
		t.Errorf("after %v, %v", d, ok)
	}
}

func TestWorkThatIsAnnouncedLateClosesTheIncident(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(time.Minute)
	id := w.open()[0].ID
	w.window(5*time.Minute, Maintenance{Target: "azure-storage-r2"})
	if len(w.open()) != 1 {
		t.Fatal("closed, though half of it is not in maintenance")
	}
	w.window(5*time.Minute, Maintenance{Provider: "azure"})
	w.run(2 * time.Second)
	w.tell()
	in := w.incidents[id]
	if in.State != Resolved || in.Reason.Code != Maintained || in.Transient {
		t.Errorf("%s %s: %s", in.State, in.Reason.Code, in.Summary)
	}
	w.run(3 * time.Minute)
	if len(w.open()) != 0 {
		t.Error("open again in the window")
	}
	w.run(3 * time.Minute)
	if o := w.open(); len(o) != 1 || o[0].ID != id || o[0].Again != 1 {
		t.Errorf("it still fails after the window: %+v", o)
	}
}

func TestASiteInMaintenanceIsNeitherMissedNorAWitness(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.window(5*time.Minute, Maintenance{Client: "c1", Site: "s01"})
	w.cut(func(s *Site) bool { return s.ID == "c1/s01" })
	w.run(4 * time.Minute)
	if len(w.incidents) != 0 {
		w.tell()
		t.Fatal("a site that is worked on is missed")
	}
	for _, s := range w.e.Snapshot(w.now).Sites {
		if s.Eligible != (s.ID != "c1/s01") {
			t.Errorf("%s may vote: %v (%s)", s.ID, s.Eligible, s.Why)
		}
	}
	w.run(2 * time.Minute)
	w.tell()
	if o := w.open(); len(o) != 1 || o[0].Kind != KindSite || o[0].Reason.Code != LostContact {
		t.Errorf("the window is over and the site is still silent: %+v", o)
	}
}

func TestWorkAtAFewSitesDoesNotStopTheOthers(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.window(10*time.Minute, Maintenance{Client: "c1"})
	t0 := w.now
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if s.Client == "c1" || tg.Provider == "gcp" {
			return refused()
		}
		return nil
	}
	w.run(30 * time.Second)
	w.tell()
	d, in, ok := w.when(t0, KindProvider, ConfidenceConfirmed)
	if !ok || d > 8*time.Second || in.Provider != "gcp" {
		t.Fatalf("after %v: %+v", d, in)
	}
	w.forbid(KindSite, KindNetwork)
	for _, ev := range w.open()[0].Evidence {
		if ev.Client == "c1" && ev.Answer == "down" {
			t.Errorf("a site in maintenance is a witness: %+v", ev)
		}
	}
}

// What is worked on is in no availability, neither as good nor as bad: its
// verdicts know nothing. What is worked on at one site only is judged by the others.
func TestWorkIsInNoAvailability(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.window(5*time.Minute, Maintenance{Provider: "azure"}, Maintenance{Client: "c1", Site: "s01", Provider: "aws"})
	w.run(time.Minute)
	n := map[string]int{}
	for _, v := range w.e.Snapshot(w.now).Verdicts {
		n[v.Provider]++
		switch {
		case v.Provider == "azure" && (v.State != NoData || v.Sites != 0):
			t.Errorf("%s in maintenance: %s, seen by %d", v.Target, v.State, v.Sites)
		case v.Provider == "aws" && (v.State != OK || v.Sites == 0):
			t.Errorf("%s, which one site does not judge now: %s, seen by %d", v.Target, v.State, v.Sites)
		}
	}
	if n["azure"] == 0 || n["aws"] == 0 {
		t.Fatalf("nothing was judged: %v", n)
	}
	w.run(5 * time.Minute)
	for _, v := range w.e.Snapshot(w.now).Verdicts {
		if v.State != OK {
			t.Errorf("%s after the window: %s", v.Target, v.State)
		}
	}
}
