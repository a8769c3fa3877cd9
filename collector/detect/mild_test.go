package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// slowed makes a good result slow, as the agents do: after four slow results the
// flag is up, results are marked, and the doubt is told every third one.
func (w *simWorld) slowed(a *simAgent, c uint32, r *probes.Result) {
	if w.slowness == nil || r.Outcome != probes.Up {
		return
	}
	if a.slow == nil {
		a.slow = map[uint32]int{}
	}
	var added time.Duration
	for i := range w.cfg.Targets {
		if t := &w.cfg.Targets[i]; t.ID == w.cfg.Checks[c].Target {
			added = w.slowness(a.site, t)
		}
	}
	r.Total += added
	switch {
	case added > 0:
		a.slow[c]++
	case a.slow[c] > 4:
		a.slow[c] = 3 // the median of the last five comes down
	default:
		a.slow[c] = max(a.slow[c]-1, 0)
	}
	if a.slow[c] < 4 && (added > 0 || a.slow[c] == 0) {
		return
	}
	r.Outcome, r.Cause = probes.Degraded, probes.Slow
	if added > 0 && a.slow[c]%3 == 1 {
		base := 40 * time.Millisecond
		s := Suspicion{Check: c, Cause: probes.Slow, Degraded: true, Added: added, Ratio: float64(base+added) / float64(base)}
		w.after(delay, func() { w.e.Suspect(w.now, a.id, s) })
	}
}

// partly lets a share of the requests to the matching targets fail from now on.
func (w *simWorld) partly(rate float64, match func(s *Site, t *fleet.Target) bool) time.Time {
	w.breaks = func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
		if match(s, t) && w.rng.Float64() < rate {
			return refused()
		}
		return nil
	}
	return w.now
}

func isTarget(id string) func(*Site, *fleet.Target) bool {
	return func(_ *Site, t *fleet.Target) bool { return t.ID == id }
}

// first is the first declaration of an incident that listed the target.
func (w *simWorld) first(target string) (Incident, time.Duration, bool) {
	for i, ev := range w.history {
		if slices.Contains(ev.Incident.Targets, target) {
			return ev.Incident, w.toldAt[i].Sub(w.start), true
		}
	}
	return Incident{}, 0, false
}

// The delays of 3.2's table, for what a fleet can see. One check per target and
// 10 s between its runs, as there.
func TestPartialFailuresAreFoundAsFastAsTheDesignSays(t *testing.T) {
	for _, k := range []struct {
		sites, networks int
		rate            float64
		mean            time.Duration // of the table
	}{
		{5, 5, 0.17, 104 * time.Second}, {5, 5, 0.30, 52 * time.Second}, {5, 5, 0.50, 31 * time.Second},
		{10, 5, 0.17, 47 * time.Second}, {10, 5, 0.30, 23 * time.Second}, {10, 5, 0.50, 14 * time.Second}, {10, 5, 0.85, 8 * time.Second},
		{20, 8, 0.30, 12 * time.Second}, {20, 8, 0.85, 4 * time.Second},
	} {
		t.Run(fmt.Sprintf("%d sites, %.0f %%", k.sites, 100*k.rate), func(t *testing.T) {
			const runs = 6
			var sum, most time.Duration
			for seed := range uint64(runs) {
				w := newWorld(t, worldOptions{sites: k.sites, networks: k.networks, regions: 3, clients: 3, kinds: []probes.Kind{probes.HTTP}, seed: seed})
				w.run(time.Minute)
				w.partly(k.rate, isTarget("aws-storage-r2"))
				began := w.now.Sub(w.start)
				for range 60 {
					if w.run(5 * time.Second); len(w.history) > 0 {
						break
					}
				}
				in, at, ok := w.first("aws-storage-r2")
				if !ok {
					t.Fatalf("seed %d: nothing in five minutes", seed)
				}
				if in.Kind != KindTarget || in.Severity == SeverityDegraded {
					w.tell()
					t.Fatalf("seed %d: %s %s", seed, in.Kind, in.Severity)
				}
				sum += at - began
				most = max(most, at-began)
			}
			mean := sum / runs
			t.Logf("mean %v, most %v, table %v", mean.Round(100*time.Millisecond), most.Round(100*time.Millisecond), k.mean)
			if limit := k.mean*3/2 + 10*time.Second; mean > limit {
				t.Errorf("mean delay %v, want at most %v", mean, limit)
			}
		})
	}
}

func TestHalfOfTheRequestsFailingIsPartialToldOnceAndClosed(t *testing.T) {
	for seed := range uint64(3) {
		w := newWorld(t, worldOptions{seed: seed})
		w.run(2 * time.Minute)
		t0 := w.partly(0.5, func(_ *Site, t *fleet.Target) bool { return t.Provider == "azure" && t.Region == "r2" })
		w.run(5 * time.Minute)
		in, _, _ := w.first("azure-storage-r2")
		open := w.open()
		if len(open) != 1 || open[0].Kind != KindProviderRegion || open[0].Severity != SeverityPartial || open[0].Region != "r2" {
			w.tell()
			t.Fatalf("seed %d: %d open", seed, len(open))
		}
		o := open[0]
		if d := in.Opened.Sub(t0); d > 45*time.Second {
			t.Errorf("seed %d: after %v", seed, d)
		}
		if o.Rate < 0.35 || o.Rate > 0.65 || o.Confidence != ConfidenceConfirmed {
			t.Errorf("seed %d: rate %.2f, %s", seed, o.Rate, o.Confidence)
		}
		if !strings.Contains(o.Summary, "% of requests to Azure r2 fail, from") || !strings.Contains(o.Summary, "sites on 6 ISPs") {
			t.Errorf("summary: %s", o.Summary)
		}
		if s := w.state("azure-storage-r2"); s != Partial {
			t.Errorf("verdict %v", s)
		}
		ids := 0
		for _, i := range w.incidents {
			if i.SupersededBy == "" {
				ids++
			}
		}
		if ids != 1 {
			w.tell()
			t.Errorf("seed %d: %d incidents for one cause", seed, ids)
		}
		w.breaks = nil
		w.run(3 * time.Minute)
		if len(w.open()) != 0 {
			w.tell()
			t.Errorf("seed %d: still open three minutes after its end", seed)
		}
		if s := w.state("azure-storage-r2"); s != OK {
			t.Errorf("verdict %v afterwards", s)
		}
	}
}

func TestPartialThatBecomesAnOutageIsRaisedUnderItsID(t *testing.T) {
	w := newWorld(t, worldOptions{seed: 3})
	w.run(2 * time.Minute)
	w.partly(0.4, isTarget("gcp-compute-r1"))
	w.run(2 * time.Minute)
	in, _, ok := w.first("gcp-compute-r1")
	if !ok || in.Severity != SeverityPartial {
		w.tell()
		t.Fatalf("%+v", in)
	}
	w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
		if t.ID == "gcp-compute-r1" {
			return refused()
		}
		return nil
	}
	w.run(time.Minute)
	w.tell()
	o := w.open()
	if len(o) != 1 || o[0].ID != in.ID || o[0].Severity != SeverityOutage || o[0].Confidence != ConfidenceConfirmed {
		t.Fatalf("%d open: %+v", len(o), o)
	}
	if w.state("gcp-compute-r1") != Down {
		t.Error("the verdict is not down")
	}
}

// Lines that lose a third of everything, of one site or of an ISP, are told as
// ours, and as over when they are well.
func TestLossIsToldOfOurSide(t *testing.T) {
	t.Parallel()
	seeds := map[Kind]uint64{KindSite: 5, KindNetwork: 2}
	if testing.Short() {
		seeds[KindNetwork] = 0
	}
	site := func(w *simWorld) string { return w.sites[4].ID }
	for kind, lossy := range map[Kind]func(*simWorld, *Site) bool{
		KindSite:    func(w *simWorld, s *Site) bool { return s.ID == site(w) },
		KindNetwork: func(_ *simWorld, s *Site) bool { return s.Network.ID == 2 },
	} {
		for seed := range seeds[kind] {
			w := newWorld(t, worldOptions{seed: seed})
			w.run(2 * time.Minute)
			w.partly(0.3, func(s *Site, _ *fleet.Target) bool { return lossy(w, s) })
			w.run(5 * time.Minute)
			w.forbid(providerSide...)
			if w.forbid(KindNetworkProvider); kind == KindSite {
				w.forbid(KindNetwork)
			}
			o := w.open()
			if len(o) != 1 || o[0].Kind != kind || kind == KindSite && o[0].Site != site(w) || o[0].Severity != SeverityDegraded {
				w.tell()
				t.Fatalf("%s, seed %d: %d open", kind, seed, len(o))
			}
			w.breaks = nil
			w.run(4 * time.Minute)
			if len(w.open()) != 0 {
				w.tell()
				t.Errorf("%s, seed %d: still open", kind, seed)
			}
		}
	}
}

func TestTwiceAsSlowEverywhereIsDegraded(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, worldOptions{seed: seed})
		w.run(2 * time.Minute)
		t0 := w.now
		w.slowness = func(_ *Site, t *fleet.Target) time.Duration {
			if t.Provider == "aws" && t.Region == "r3" {
				return 80 * time.Millisecond
			}
			return 0
		}
		w.run(3 * time.Minute)
		o := w.open()
		if len(o) != 1 || o[0].Kind != KindProviderRegion || o[0].Severity != SeverityDegraded || o[0].Confidence != ConfidenceConfirmed {
			w.tell()
			t.Fatalf("seed %d: %d open", seed, len(o))
		}
		if d := o[0].Opened.Sub(t0); d > time.Minute {
			t.Errorf("seed %d: after %v", seed, d)
		}
		if o[0].Added != 80*time.Millisecond || o[0].Ratio != 3 || !strings.Contains(o[0].Summary, "AWS r3 is slower: +80 ms (x3.0) at 12 of 12 sites on 6 ISPs") {
			t.Errorf("%v x%v: %s", o[0].Added, o[0].Ratio, o[0].Summary)
		}
		if s := w.state("aws-storage-r3"); s != Degraded {
			t.Errorf("verdict %v", s)
		}
		w.slowness = func(*Site, *fleet.Target) time.Duration { return 0 }
		w.run(4 * time.Minute)
		if len(w.open()) != 0 {
			w.tell()
			t.Errorf("seed %d: still open", seed)
		}
		for _, in := range w.incidents {
			if in.Transient {
				t.Error("a slow spell of minutes is called transient")
			}
		}
	}
}

func TestOneSlowSiteIsItsSiteAndUnequalNetworksAreNothing(t *testing.T) {
	for name, slow := range map[string]func(w *simWorld, s *Site) time.Duration{
		"one site": func(w *simWorld, s *Site) time.Duration {
			if s.ID == w.sites[2].ID {
				return 200 * time.Millisecond
			}
			return 0
		},
		"different by network": func(_ *simWorld, s *Site) time.Duration { // x1.5, x3, x9, x27, ...
			return time.Duration(20<<(2*(s.Network.ID-1))) * time.Millisecond
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			w.run(2 * time.Minute)
			w.slowness = func(s *Site, t *fleet.Target) time.Duration {
				if name == "one site" || t.ID == "aws-storage-r1" {
					return slow(w, s)
				}
				return 0
			}
			w.run(4 * time.Minute)
			w.forbid(providerSide...)
			if o := w.open(); name == "one site" && (len(o) != 1 || o[0].Kind != KindSite || o[0].Severity != SeverityDegraded) {
				w.tell()
				t.Errorf("%d open", len(o))
			}
		})
	}
}

func TestSmallFleetsSayNothingPartial(t *testing.T) {
	for _, n := range []int{2, 3, 4} {
		w := newWorld(t, worldOptions{sites: n, networks: n, clients: 1})
		w.run(time.Minute)
		w.partly(0.3, isTarget("aws-storage-r2"))
		w.run(10 * time.Minute)
		for _, ev := range w.history {
			if ev.Incident.Severity == SeverityPartial {
				t.Errorf("%d sites: %s", n, ev.Incident.Summary)
			}
		}
	}
}

func TestLateResultsAndPingsDoNotFeedThePools(t *testing.T) {
	w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP, probes.Ping}})
	w.run(2 * time.Minute)
	w.breaks = func(_ *Site, _ *fleet.Target, k probes.Kind) *fault {
		if k == probes.Ping && w.rng.Float64() < 0.5 {
			return &fault{probes.PingTimeout, time.Second}
		}
		return nil
	}
	w.run(3 * time.Minute)
	for _, a := range w.agents {
		for c := range w.cfg.Checks {
			for n := range 5 {
				w.e.Observe(w.now, Observation{Agent: a.id, Check: uint32(c), Start: w.now.Add(-time.Duration(n) * time.Minute), Late: true,
					Result: probes.Result{Outcome: probes.Down, Cause: probes.TCPReset}})
			}
		}
	}
	w.run(time.Minute)
	sums := 0
	for _, tg := range w.e.targets {
		sums += int(tg.pool.sum)
	}
	for _, s := range w.e.sites {
		sums += int(s.pool.sum)
	}
	if len(w.incidents) != 0 || sums != 0 {
		w.tell()
		t.Errorf("%d incidents, sums %d", len(w.incidents), sums)
	}
}

// One check per target: sites x targets x days without a word. The noise is
// that of the design: 0.3 % of attempts fail.
func TestCalmFleetsHaveNoPartialAlarms(t *testing.T) {
	t.Parallel()
	hours := time.Hour
	if testing.Short() {
		hours = 20 * time.Minute
	}
	for _, n := range []int{5, 12} {
		w := newWorld(t, worldOptions{sites: n, networks: 5, regions: 3, clients: 3, kinds: []probes.Kind{probes.HTTP}, seed: uint64(n)})
		w.noise = 0.003
		w.run(hours)
		t.Logf("%d sites: %.0f target-days", n, 24*hours.Hours()/24)
		if len(w.incidents) != 0 {
			w.tell()
			t.Errorf("%d sites: %d incidents", n, len(w.incidents))
		}
	}
}
