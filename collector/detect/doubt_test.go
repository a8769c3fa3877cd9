package detect

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

func TestContradictedVotesAreRepeated(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	liars := map[string]bool{"c1/s01-1": true, "c2/s07-1": true}
	w.lies = func(a *simAgent, _ uint32, honest vantage.Answer) vantage.Answer {
		if liars[a.id] {
			return vantage.Up
		}
		return honest
	}
	t0 := w.broken("azure", "r2", refused())
	w.run(20 * time.Second)
	w.tell()
	d, in, ok := w.when(t0, KindProviderRegion, ConfidenceConfirmed)
	if !ok {
		d, in, ok = w.when(t0, KindTarget, ConfidenceConfirmed)
	}
	if !ok || d < 5*time.Second || d > 9*time.Second || in.Reason.Code != Held {
		t.Fatalf("two that say UP: after %v, %s: %s", d, in.Reason.Code, in.Summary)
	}
	attempts := map[int]bool{}
	for _, ev := range w.events {
		if a, ok := ev.(Ask); ok {
			attempts[a.Attempt] = true
		}
	}
	if !attempts[1] || !attempts[2] {
		t.Errorf("attempts %v", attempts)
	}
}

func TestLateBackfillOpensNothing(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	n := len(w.history)
	for _, a := range w.agents {
		for c := range w.cfg.Checks {
			for k := range 5 {
				w.e.Observe(w.now, Observation{Agent: a.id, Check: uint32(c), Late: k%2 == 0, Start: w.now.Add(-10*time.Minute + time.Duration(k)*10*time.Second),
					Result: probes.Result{Outcome: probes.Down, Cause: probes.TCPTimeout, Total: 3 * time.Second}})
			}
		}
	}
	w.drain()
	w.run(time.Minute)
	w.tell()
	if len(w.history) != n || w.asks != 0 {
		t.Errorf("%d incident events, %d asks from backfill", len(w.history), w.asks)
	}
}

func TestShrinkingOutageIsRelabelledUnderItsID(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("aws", "", refused())
	w.run(3 * time.Minute)
	if o := w.open(); len(o) != 1 || o[0].Kind != KindProvider {
		t.Fatalf("%+v", o)
	}
	w.broken("aws", "r1", refused()) // the others recover
	w.run(3 * time.Minute)
	w.tell()
	o := w.open()
	if len(o) != 1 || o[0].Kind != KindProviderRegion || o[0].Region != "r1" || len(w.incidents) != 1 {
		t.Fatalf("%d ids, %+v", len(w.incidents), o)
	}
	if w.state("aws-storage-r1") != Down || w.state("aws-storage-r2") != OK {
		t.Error("verdicts do not follow the label")
	}
}

func TestLostCoverageNeverCloses(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(time.Minute)
	id := w.open()[0].ID
	w.cut(func(*Site) bool { return true })
	w.run(10 * time.Minute)
	in := w.incidents[id]
	if !in.State.Open() || !in.CoverageLost || in.State == Recovering {
		t.Fatalf("%s, coverage lost %v", in.State, in.CoverageLost)
	}
	w.breaks = nil
	w.heal()
	w.run(4 * time.Minute)
	w.tell()
	if len(w.open()) != 0 {
		t.Error("still open")
	}
}

func TestShortBlipIsNothingOrTransient(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, worldOptions{seed: seed})
		w.run(calm + time.Duration(seed)*977*time.Millisecond)
		w.breaks = func(*Site, *fleet.Target, probes.Kind) *fault { return refused() }
		w.refs = func(*Site) int { return 5 }
		w.run(2 * time.Second)
		w.breaks = nil
		w.run(4 * time.Minute)
		for _, in := range w.incidents {
			if in.State != Resolved || !in.Transient && in.SupersededBy == "" {
				w.tell()
				t.Fatalf("seed %d: %s %s transient %v: %s", seed, in.Kind, in.State, in.Transient, in.Summary)
			}
		}
	}
}

func TestTwoAgentsOfOneSiteAreOneVote(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.sites[0].Agents = append(w.sites[0].Agents, "c1/s01-2")
	w.agents = nil
	w.queue = nil
	w.boot()
	w.run(calm)
	w.lies = func(a *simAgent, _ uint32, honest vantage.Answer) vantage.Answer {
		if a.id == "c1/s01-1" {
			return vantage.Down // its machine is broken, the other one's is not
		}
		return honest
	}
	w.e.Suspect(w.now, "c1/s01-1", Suspicion{Check: 0, Cause: probes.TCPRefused})
	w.run(2 * time.Second)
	r := w.e.targets[0].last
	if r == nil || r.decision.Reason.DownSites != 0 || r.decision.Reason.Sites != 12 {
		t.Fatalf("%+v", r)
	}
	w.cut(func(s *Site) bool { return s.ID == "c1/s01" })
	w.run(15 * time.Second)
	w.tell()
	if o := w.open(); len(o) != 1 || !o[0].LineDown || o[0].Kind != KindSite {
		t.Errorf("two agents that fall silent together are evidence: %+v", o)
	}
}

func TestPrivateTargetIsJudgedAmongItsClientsSites(t *testing.T) {
	w := newWorld(t, worldOptions{}) // c1 has three sites on three ISPs
	w.cfg.ID++
	w.cfg.Targets = append(w.cfg.Targets, fleet.Target{ID: "erp", Name: "ERP", Provider: "onprem", Client: "c1"})
	w.cfg.Checks = append(w.cfg.Checks, fleet.Check{ID: "erp/https", Target: "erp", Interval: w.every, Spec: probes.Spec{Kind: probes.HTTP}})
	w.agents, w.queue = nil, nil
	w.boot()
	w.run(calm)
	w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
		if t.ID == "erp" {
			return http503()
		}
		return nil
	}
	w.run(30 * time.Second)
	w.tell()
	o := w.open()
	if len(o) != 1 || o[0].Client != "c1" || o[0].Kind != KindTarget || o[0].Sites != 3 || o[0].Confidence != ConfidenceConfirmed {
		t.Fatalf("%+v", o)
	}
}

func TestHalfADayOfNoiseDeclaresNothing(t *testing.T) {
	t.Parallel()
	hours := 12
	if testing.Short() {
		hours = 1
	}
	w := newWorld(t, worldOptions{seed: 7, every: 30 * time.Second, kinds: []probes.Kind{probes.HTTP}})
	w.noise = 0.003
	w.run(time.Duration(hours) * time.Hour)
	w.tell()
	if len(w.incidents) != 0 {
		t.Errorf("%d incidents on a calm day", len(w.incidents))
	}
	down := 0
	for _, ev := range w.events {
		if v, ok := ev.(VerdictEvent); ok && v.Verdict.State > OK {
			down++
		}
	}
	t.Logf("%d asks in %d h, %d verdicts worse than ok", w.asks, hours, down)
	if down > 0 {
		t.Errorf("%d verdicts worse than ok", down)
	}
}

func TestISPAndProviderFailTogetherAndAreToldApart(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, worldOptions{seed: seed})
		w.run(calm + time.Duration(seed)*977*time.Millisecond)
		w.cut(func(s *Site) bool { return s.Network.Name == "ISP-4" })
		w.broken("gcp", "r1", refused())
		w.run(time.Minute)
		open := w.open()
		if len(open) != 2 || len(w.incidents) != 2 {
			w.tell()
			t.Fatalf("seed %d: %d open of %d", seed, len(open), len(w.incidents))
		}
		kinds := map[Kind]Confidence{open[0].Kind: open[0].Confidence, open[1].Kind: open[1].Confidence}
		if kinds[KindNetwork] != ConfidenceProbable || kinds[KindProviderRegion] != ConfidenceConfirmed {
			t.Errorf("seed %d: %v", seed, kinds)
		}
	}
}

func TestUnknownISPsCapAtLikely(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for i := range w.sites {
		w.sites[i].Network = fleet.Network{Name: w.sites[i].ID + "/24", Basis: fleet.BasisPrefix}
	}
	w.e.SetFleet(w.now, w.sites)
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(30 * time.Second)
	w.tell()
	if o := w.open(); len(o) != 1 || o[0].Confidence != ConfidenceProbable || o[0].Reason.Code != UnknownISPs {
		t.Fatalf("%+v", o)
	}
}

func TestWhoWasAwayIsWatchedBeforeItVotesAgain(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(3 * time.Minute)
	here := func(s *Site) bool { return s.ID == "c1/s01" }
	w.cut(here)
	w.run(2 * time.Minute)
	w.heal()
	w.run(10 * time.Second)
	if ok, why := w.e.canVote(w.now, w.e.siteByID["c1/s01"]); ok {
		t.Errorf("votes 10 s after two minutes of absence (%s)", why)
	}
	w.run(30 * time.Second)
	if ok, why := w.e.canVote(w.now, w.e.siteByID["c1/s01"]); !ok {
		t.Errorf("still on trial: %s", why)
	}
}

func TestVerdictsComeOnAnAlignedGrid(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(10 * time.Minute)
	points := map[time.Time]int{}
	for _, ev := range w.events {
		v, ok := ev.(VerdictEvent)
		if !ok || !v.Grid {
			continue
		}
		if v.Verdict.At.Unix()%30 != 0 {
			t.Fatalf("grid point %v", v.Verdict.At)
		}
		points[v.Verdict.At]++
	}
	if len(points) != 20 {
		t.Errorf("%d grid points in ten minutes, want 20", len(points))
	}
	for at, n := range points {
		if n != 24 {
			t.Errorf("%d verdicts at %v, want 24", n, at)
		}
	}
	s := w.e.Snapshot(w.now)
	if len(s.Cells) != 12 || s.Cells[0].Sites != 12 || s.Cells[0].Networks != 6 || s.Cells[0].State != OK || s.Cells[0].Targets != 2 {
		t.Errorf("%d cells, the first %+v", len(s.Cells), s.Cells[0])
	}
}
