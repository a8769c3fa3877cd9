package detect

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// feeder is an engine with a fleet in good health, to feed result by result.
type feeder struct {
	e   *Engine
	now time.Time
	rng *rand.Rand
}

func newFeeder(sites []Site, seed uint64) *feeder {
	f := &feeder{e: New(Options{}), now: time.Date(2026, 3, 1, 12, 0, 7, 0, time.UTC), rng: rand.New(rand.NewPCG(seed, 5))}
	f.e.SetFleet(f.now, sites)
	f.e.SetConfig(f.now, testConfig([]probes.Kind{probes.HTTP}, 10*time.Second))
	return f
}

func feederSites(n, networks int) []Site {
	w := &simWorld{}
	for i := range n {
		id := string(rune('a'+i)) + "/s"
		w.sites = append(w.sites, Site{ID: id, Client: id[:1], Region: []string{"eu", "us"}[i%2], Agents: []string{id + "-1"},
			Network: fleet.Network{ID: uint32(i%networks + 1), Name: string(rune('A' + i%networks)), Basis: fleet.BasisDeclared}})
	}
	return w.sites
}

// round lets every site ask every target once within 10 s; fails decides.
func (f *feeder) round(fails func(site, target string) bool) {
	ids := make([]string, 0, len(f.e.siteByID))
	for id := range f.e.siteByID {
		ids = append(ids, id)
	}
	slices.Sort(ids) // the same whatever the order in the fleet
	for _, id := range ids {
		s := f.e.siteByID[id]
		f.now = f.now.Add(10 * time.Second / time.Duration(len(ids)))
		for _, other := range ids {
			f.e.Health(f.now, other+"-1", Health{RefsOK: 5, RefsAsked: 5, Voting: true})
		}
		for i := range f.e.checks {
			f.result(s, uint32(i), fails(id, f.e.checks[i].Target))
		}
		f.e.Tick(f.now)
	}
}

func (f *feeder) result(s *site, check uint32, failed bool) {
	r := probes.Result{Outcome: probes.Up, Total: 40 * time.Millisecond}
	if failed {
		r.Outcome, r.Cause = probes.Down, probes.HTTPStatus
	}
	f.e.Observe(f.now, Observation{Agent: s.agents[0].id, Check: check, Start: f.now.Add(-r.Total), Result: r})
}

func (f *feeder) incidents() []Incident { return f.e.Snapshot(f.now).Open }

func never(string, string) bool { return false }

func TestOneBadSiteIsNoPartialOutage(t *testing.T) {
	f := newFeeder(feederSites(10, 5), 1)
	for range 12 {
		f.round(never)
	}
	for range 200 {
		f.round(func(s, target string) bool { return s == "c/s" && target == "aws-storage-r1" && f.rng.Float64() < 0.5 })
		if in := f.incidents(); len(in) != 0 {
			t.Fatalf("%s: %s", in[0].Kind, in[0].Summary)
		}
	}
}

func TestSomeSitesThatAlwaysFailArePartial(t *testing.T) {
	f := newFeeder(feederSites(12, 6), 1)
	for range 12 {
		f.round(never)
	}
	bad := map[string]bool{"a/s": true, "d/s": true, "e/s": true, "h/s": true, "i/s": true} // 5 of 12 on 5 networks
	for range 6 {
		f.round(func(s, target string) bool { return bad[s] && target == "aws-storage-r1" })
	}
	in := f.incidents()
	if len(in) != 1 || in[0].Kind != KindTarget || in[0].Severity != SeverityPartial || in[0].DownSites != 5 {
		t.Fatalf("%+v", in)
	}
}

func TestTheOrderOfSitesDoesNotMatter(t *testing.T) {
	sites := feederSites(10, 5)
	var want []Incident
	for seed := range uint64(5) {
		f := newFeeder(sites, 9)
		for range 12 {
			f.round(never)
		}
		for range 30 {
			f.round(func(_, target string) bool {
				return (target == "aws-storage-r1" || target == "aws-compute-r1") && f.rng.Float64() < 0.3
			})
		}
		got := f.incidents()
		if len(got) != 1 || got[0].Severity != SeverityPartial {
			t.Fatalf("%d found", len(got))
		}
		if want == nil {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("another order of sites, another answer:\n%+v\n%+v", got, want)
		}
		sites = slices.Clone(sites)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	}
}

// A fleet whose attempts fail at 1.2 % by nature is not in trouble all the time.
func TestTheBaseRateIsMeasured(t *testing.T) {
	f := newFeeder(feederSites(10, 5), 2)
	noise := func(string, string) bool { return f.rng.Float64() < 0.012 }
	for range 365 { // an hour has passed
		f.round(noise)
	}
	if r := f.e.pools.rate(f.now); r < 0.009 || r > 0.015 {
		t.Errorf("measured %.4f, want 0.012", r)
	}
	before := f.e.made
	for range 1000 {
		f.round(noise)
	}
	if n := f.e.made - before; n != 0 {
		t.Errorf("%d incidents", n)
	}
}

func TestQuietPoolsAreThoseOfEveryResult(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		seed := rng.Uint64()
		a, b := newFeeder(feederSites(6, 3), seed), newFeeder(feederSites(6, 3), seed)
		for _, f := range []*feeder{a, b} {
			for range 5 {
				f.round(func(string, string) bool { return f.rng.Float64() < 0.02 })
			}
		}
		n, check := rng.IntN(100), uint32(rng.IntN(len(a.e.checks)))
		for range n {
			a.now = a.now.Add(time.Millisecond)
			a.result(a.e.siteByID["b/s"], check, false)
		}
		b.now = a.now
		s := b.e.siteByID["b/s"]
		b.e.poolQuiet(b.now, s.agents[0], &b.e.checks[check], &s.agents[0].cells[check], n, time.Millisecond)
		for i, tg := range a.e.targets {
			if x, y := tg.pool, b.e.targets[i].pool; x.sum != y.sum || x.alarm != y.alarm {
				t.Fatalf("%d good results: sum %d, want %d", n, y.sum, x.sum)
			}
		}
		if x, y := a.e.siteByID["b/s"].pairs, s.pairs; !slices.Equal(x, y) && s.pool.sum > 0 {
			t.Fatalf("%d good results: the site has tried %v, want %v", n, y, x)
		}
		if x, y := a.e.siteByID["b/s"].pool.sum, s.pool.sum; x != y {
			t.Fatalf("%d good results: the site's sum is %d, want %d", n, y, x)
		}
		if x, y := a.e.pools.hours, b.e.pools.hours; x != y {
			t.Fatal("base rates differ")
		}
	}
}

func TestPoolsAreSmallAndAllocateNothing(t *testing.T) {
	if n := reflect.TypeFor[pair]().Size(); n > 12 {
		t.Errorf("%d bytes per site and target", n)
	}
	f := newFeeder(feederSites(10, 5), 3)
	for range 3 {
		f.round(never)
	}
	s, i := f.e.siteByID["a/s"], 0
	a, c := s.agents[0], &f.e.checks[3]
	o := Observation{Agent: a.id, Check: 3, Start: f.now, Result: probes.Result{Outcome: probes.Up}}
	bad := o
	bad.Result = probes.Result{Outcome: probes.Down, Cause: probes.TCPReset}
	if n := testing.AllocsPerRun(2000, func() {
		if i++; i%100 == 0 {
			f.e.pooled(f.now, a, c, &a.cells[3], bad)
		}
		f.e.pooled(f.now, a, c, &a.cells[3], o)
	}); n > 0 {
		t.Errorf("%v allocations per result", n)
	}
}

func TestAFullLineIsToldOfItsSiteOnly(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for _, id := range []string{"ref", "ref-2", "ref-3"} {
		if id != "ref" {
			w.cfg.Targets = append(w.cfg.Targets, fleet.Target{ID: id, Reference: true})
		}
		w.cfg.Checks = append(w.cfg.Checks, fleet.Check{ID: id + "/tcp", Target: id, Interval: 10 * time.Second, Spec: probes.Spec{Kind: probes.TCP, Host: id}})
	}
	w.cfg.ID = 2
	w.e.SetConfig(w.now, w.cfg)
	for _, a := range w.agents {
		for c := len(a.down); c < len(w.cfg.Checks); c++ {
			a.down, a.oks, a.raise = append(a.down, false), append(a.oks, 0), append(a.raise, time.Time{})
			w.schedule(a, uint32(c), w.now.Add(time.Duration(c)*time.Second/10))
		}
	}
	w.run(2 * time.Minute)
	w.slowness = func(s *Site, t *fleet.Target) time.Duration {
		if s.ID == w.sites[3].ID && t.Reference { // its agent subtracts this from all the others
			return 200 * time.Millisecond
		}
		return 0
	}
	w.run(3 * time.Minute)
	w.forbid(providerSide...)
	o := w.open()
	if len(o) != 1 || o[0].Kind != KindSite || o[0].Site != w.sites[3].ID || o[0].Severity != SeverityDegraded {
		w.tell()
		t.Fatalf("%d open", len(o))
	}
	w.slowness = func(*Site, *fleet.Target) time.Duration { return 0 }
	w.run(4 * time.Minute)
	if len(w.open()) != 0 {
		w.tell()
		t.Error("still open")
	}
}

// What noise alone does to a target's pool, beside everything else that guards
// it: 0.3 % of first attempts fail, every site asks every 10 s. The full length
// (days = 2000) was run once: see the figure in pool.go.
func TestNoiseRaisesNoPool(t *testing.T) {
	const days = 100
	for _, n := range []int{5, 10, 20} {
		w, rng := &pools{}, rand.New(rand.NewPCG(uint64(n), 1))
		w.weigh(time.Unix(1e9, 0))
		p, seen := &pool{}, make([]tried, n)
		alarms := 0
		for i := range days * 8640 * 10 / n * n {
			failed := rng.Uint32() < (1<<32)*3/1000
			at := int64(i) * 10000 / int64(n)
			if p.feed(w, &seen[i%n], at, at, probes.LayerHTTP, failed, probes.HTTPStatus) {
				alarms++
				p.reset()
			}
		}
		t.Logf("%d sites: %d alarms in %d target-days", n, alarms, days*10/n)
		if alarms > 0 {
			t.Errorf("%d sites: %d alarms in %d target-days", n, alarms, days*10/n)
		}
	}
}

func TestOneSiteAloneFillsNoPool(t *testing.T) {
	w, p, seen := &pools{}, &pool{}, &tried{}
	w.weigh(time.Unix(1e9, 0))
	for i := range int64(100) {
		if p.feed(w, seen, i*1000, i*1000, probes.LayerHTTP, true, probes.HTTPStatus) {
			t.Fatalf("alarm after %d failures of one site", i+1)
		}
	}
}
