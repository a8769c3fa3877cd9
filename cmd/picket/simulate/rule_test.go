package simulate

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"picket/agent/schedule"
	"picket/probes"
)

// stream gives a referee what a fleet of n sites sees of one target, asked
// every 10 s in the staggered phases of the product, while broken says so.
func stream(rule Rule, n int, seed uint64, until time.Duration, broken func(site int, at time.Duration) bool) []Outage {
	s := Scenario{Duration: until, Fleet: Fleet{Sites: make([]Site, n)}, Targets: []Target{{ID: "t", Kinds: []probes.Kind{probes.Ping, probes.HTTP}, Families: []probes.Family{4}}}}
	r := newReferee(rule, &s, seed)
	const every = 10 * time.Second
	sites := order(n, every)
	for turn := -history; turn < until; turn += every {
		for _, site := range sites {
			at := turn + schedule.Phase("t/http", uint32(site), every)
			outcome := probes.Up
			if broken(site, at) {
				outcome = probes.Down
			}
			r.see(at+50*time.Millisecond, site, 0, probes.Result{Outcome: probes.Down}) // the ping: of no interest
			r.see(at+50*time.Millisecond, site, 1, probes.Result{Outcome: outcome})
		}
	}
	return r.finish(until)
}

// order lists the sites as their phases follow each other.
func order(n int, every time.Duration) []int {
	all := make([]int, n)
	for k := range all {
		all[k] = k
	}
	slices.SortFunc(all, func(a, b int) int {
		return cmp.Compare(schedule.Phase("t/http", uint32(a), every), schedule.Phase("t/http", uint32(b), every))
	})
	return all
}

// The table of detection.md 4.3, simulated there without Picket: median and p95
// of a full outage by hard errors. Ours must come to about the same.
func TestBaselinesAreAsSlowAsPublished(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	published := map[string]map[int][2]float64{
		"single":      {3: {133, 158}, 5: {128, 147}, 10: {124, 136}, 20: {122, 129}},
		"majority-1m": {3: {75, 84}, 5: {75, 83}, 10: {76, 84}, 20: {76, 83}},
		"route53":     {3: {28, 30}, 5: {29, 30}, 10: {28, 30}, 20: {28, 29}},
		"two-of-n":    {3: {31, 53}, 5: {19, 40}, 10: {10, 25}, 20: {6, 14}},
		"azure":       {3: {100, 230}, 5: {191, 285}, 10: {263, 314}, 20: {301, 328}},
		"gcp":         {3: {120, 157}, 5: {110, 143}, 10: {100, 130}, 20: {97, 124}},
	}
	for _, rule := range Baselines() {
		for n, want := range published[rule.Name] {
			var sample []time.Duration
			for seed := range uint64(200) {
				begin := 60*time.Second + time.Duration(seed)*1370*time.Millisecond
				outages := stream(rule, n, seed, begin+8*time.Minute, func(_ int, at time.Duration) bool { return at >= begin })
				if len(outages) != 1 || outages[0].From < begin {
					t.Fatalf("%s, n=%d, seed %d: %v of an outage from %s", rule.Name, n, seed, outages, begin)
				}
				sample = append(sample, outages[0].From-begin)
			}
			got := timesOf(sample)
			t.Logf("%-12s n=%-2d %5.1f/%5.1f s, published %.0f/%.0f s", rule.Name, n, got.P50, got.P95, want[0], want[1])
			for k, x := range []float64{got.P50, got.P95} {
				if math.Abs(x-want[k]) > 3+0.05*want[k] {
					t.Errorf("%s, n=%d: %.1f/%.1f s, published %v", rule.Name, n, got.P50, got.P95, want)
				}
			}
		}
	}
}

func TestBaselinesKeepQuietWhereTheyShould(t *testing.T) {
	one := func(site int, at time.Duration) bool { return site == 0 && at > time.Minute }
	half := func(site int, at time.Duration) bool { return site < 5 && at > time.Minute }
	blip := func(_ int, at time.Duration) bool { return at > time.Minute && at < 65*time.Second }
	for _, c := range []struct {
		name   string
		broken func(int, time.Duration) bool
		want   map[string]bool
	}{
		{"nothing", func(int, time.Duration) bool { return false }, map[string]bool{}},
		{"one site of ten", one, map[string]bool{"single": true}},
		{"half of the sites", half, map[string]bool{"single": true, "two-of-n": true, "gcp": true}},
		{"all but two, so that a share of 82 % is not reached", func(site int, at time.Duration) bool { return site < 8 && at > time.Minute },
			map[string]bool{"single": true, "majority-1m": true, "two-of-n": true, "azure": true, "gcp": true}},
		{"a blip of five seconds", blip, map[string]bool{}},
	} {
		for _, rule := range Baselines() {
			if got := stream(rule, 10, 5, 15*time.Minute, c.broken); (len(got) > 0) != c.want[rule.Name] {
				t.Errorf("%s, %s: %v, want declared %t", c.name, rule.Name, got, c.want[rule.Name])
			}
		}
	}
}

func TestBaselinesSeeTheEnd(t *testing.T) {
	for _, rule := range Baselines() {
		got := stream(rule, 5, 9, 40*time.Minute, func(_ int, at time.Duration) bool { return at > time.Minute && at < 10*time.Minute })
		if len(got) != 1 || got[0].To < 10*time.Minute || got[0].To > 16*time.Minute {
			t.Errorf("%s: %v of an outage from 1 to 10 min", rule.Name, got)
		}
	}
}

func TestABaselineIsJudgedByTargets(t *testing.T) {
	x := tale(wants(), Expect{Any: []Match{{Kind: "network", Network: "AS64501"}}})
	in, out := targetIndex(t, &x.s, "azure-compute-westeurope"), targetIndex(t, &x.s, "azure-compute-eastus")
	at := func(target int, seconds int) Outage {
		return Outage{Target: target, From: time.Duration(seconds) * time.Second}
	}
	for _, c := range []struct {
		name         string
		o            []Outage
		found, false int
	}{
		{"in time", []Outage{at(in, 100)}, 1, 0},
		{"just after the end", []Outage{at(in, 269)}, 1, 0},
		{"long after the end", []Outage{at(in, 271)}, 0, 0},
		{"before", []Outage{at(in, 59)}, 0, 1},
		{"another target", []Outage{at(out, 100)}, 0, 1},
	} {
		v := judgeRule(&x.s, "single", c.o)
		if v.Expected != 1 || v.Found != c.found || v.False != c.false {
			t.Errorf("%s: expected %d, found %d, false %d; want 1, %d, %d", c.name, v.Expected, v.Found, v.False, c.found, c.false)
		}
	}
}

func targetIndex(t *testing.T, s *Scenario, id string) int {
	t.Helper()
	for k := range s.Targets {
		if s.Targets[k].ID == id {
			return k
		}
	}
	t.Fatalf("no target %s", id)
	return -1
}

func TestRuleNamed(t *testing.T) {
	for _, r := range Baselines() {
		if got, err := RuleNamed(r.Name); err != nil || got.Name != r.Name {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
	if _, err := RuleNamed("pingdom"); err == nil {
		t.Error("an unknown rule was taken")
	}
}
