package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"picket/collector/detect"
)

// judged is a scenario whose runs declared the region after these seconds; a
// negative number is a run in which nothing was declared.
func judged(expect Expect, after ...float64) Judged {
	var j Judged
	for k, s := range after {
		x := tale(expect)
		x.r.Seed = uint64(k + 1)
		if s >= 0 {
			x.say(60+s, detect.Opened, region("a")).say(300, detect.Closed, region("a"))
		}
		j.Scenario = &x.s
		j.Runs = append(j.Runs, Played{Verdict: x.judge()})
	}
	return j
}

func TestSummaryCounts(t *testing.T) {
	s := Summarize([]Judged{judged(wants(), 1, 2, 3, -1)})
	f := s.All
	if s.OK || f.Runs != 4 || f.Expected != 4 || f.Found != 3 || f.Exact != 3 || f.WithinOne != 3 || f.Missed != 1 || f.Failed != 1 || f.False != 0 {
		t.Errorf("%+v", f)
	}
	if f.TTD != (Times{3, 2, 3, 3}) || f.Close != (Times{3, 60, 60, 60}) {
		t.Errorf("times: %+v, %+v", f.TTD, f.Close)
	}
	if len(s.Failures) != 1 || s.Failures[0].Seed != 4 || s.Failures[0].Replay != "picket simulate t1.yaml --seed 4 --explain" || len(s.Failures[0].Why) == 0 {
		t.Errorf("failures: %+v", s.Failures)
	}
	if r := s.Overall.Recall; len(r) != 1 || r[0].Class != classHard || r[0].Hits != 3 || r[0].Of != 4 {
		t.Errorf("recall: %+v", r)
	}
}

// Every run is inside twice the bound; the bound itself is p95's.
func TestBoundsHoldForP95OfTheSeeds(t *testing.T) {
	late := func(n int) []float64 {
		all := make([]float64, 40)
		for k := range all {
			all[k] = 3
			if k < n {
				all[k] = 7
			}
		}
		return all
	}
	for n, ok := range map[int]bool{0: true, 2: true, 3: false} {
		s := Summarize([]Judged{judged(wants(), late(n)...)})
		if s.OK != ok || s.All.Failed != 0 {
			t.Errorf("%d of 40 runs are late: ok %t, want %t: %v", n, s.OK, ok, s.Scenarios[0].Broken)
		}
	}
	closing := wants(func(m *Match) { m.ClosedWithin = 50 * time.Second })
	if s := Summarize([]Judged{judged(closing, 1)}); s.OK || !strings.Contains(s.Scenarios[0].Broken[0], "time to close") {
		t.Errorf("60 s to close are more than 50: %+v", s.Scenarios[0].Broken)
	}
}

func TestClassesOfRecall(t *testing.T) {
	target := Match{Kind: "target"}
	for _, c := range []struct {
		m    Match
		f    Fault
		want string
	}{
		{target, Fault{Rate: 1, How: How{Name: Refused}}, classHard},
		{target, Fault{Rate: 1, For: 2 * time.Second, How: How{Name: Refused}}, classBlip},
		{target, Fault{Rate: 0.5, How: How{Name: HTTP503}}, "partial >= 30 %"},
		{target, Fault{Rate: 0.17, How: How{Name: HTTP503}}, "partial >= 17 %"},
		{target, Fault{Rate: 0.06, How: How{Name: HTTP503}}, "partial >= 6 %"},
		{target, Fault{Rate: 0.02, How: How{Name: HTTP503}}, "partial < 6 %"},
		{target, Fault{Rate: 1, How: How{Name: Loss, Share: 0.3}}, "partial >= 30 %"},
		{target, Fault{Rate: 1, How: How{Name: Slow, Factor: 2}}, classLatency},
		{Match{Kind: "network-provider"}, Fault{Rate: 1, How: How{Name: Blackhole}}, classOurs},
		{Match{Kind: "collector"}, Fault{Rate: 1, How: How{Name: CollectorCut}}, classPicket},
		{Match{Kind: KindNotice}, Fault{Rate: 1, How: How{Name: Blocked}}, classReported},
	} {
		s := Scenario{Faults: []Fault{c.f}}
		got := class(&s, &Expect{Any: []Match{c.m}})
		if got != c.want || !slices.Contains(classes(), got) {
			t.Errorf("%+v, %+v: %q, want %q", c.m, c.f, got, c.want)
		}
	}
}

func TestTimeToDetectByFleet(t *testing.T) {
	var all []Judged
	for _, c := range []struct {
		n   int
		how string
	}{{10, Blackhole}, {3, Refused}, {10, Refused}} {
		j := judged(wants(), 1, 2, 3)
		j.Scenario.ID, j.Scenario.Fleet.Sites, j.Scenario.Faults[0].How.Name = fmt.Sprintf("TTD-%s-%d", c.how, c.n), make([]Site, c.n), c.how
		all = append(all, j)
	}
	all = append(all, judged(wants(), 9)) // not of the table
	rows := Summarize(all).Overall.TTD
	if len(rows) != 3 || rows[0].How != hardError || rows[0].Sites != 3 || rows[1].Sites != 10 || rows[2].How != silent || rows[2].P50 != 2 || rows[2].BoundP95 != 4 {
		t.Errorf("%+v", rows)
	}
}

func TestCalmYears(t *testing.T) {
	x := tale()
	x.s.Faults = nil
	x.say(62, detect.Opened, region("a"))
	o := Summarize([]Judged{{Scenario: &x.s, Runs: []Played{{Verdict: x.judge(), Years: 10}, {Verdict: Judge(&x.s, &Run{}), Years: 20}}}}).Overall
	if o.Calm.Count != 1 || o.Calm.Years != 30 || math.Abs(o.Calm.Upper-4.744/30) > 1e-3 || o.Precision.Value != 0 || o.Precision.Of != 1 {
		t.Errorf("%+v", o)
	}
}

func TestIntervals(t *testing.T) {
	for count, want := range map[int]float64{0: 2.996, 1: 4.744, 5: 10.513, 100: 118.08} { // tables of the exact Poisson bound
		if got := poissonUpper(count); math.Abs(got-want) > 0.01 {
			t.Errorf("%d events: at most %.3f, want %.3f", count, got, want)
		}
	}
	if s := shareOf(95, 100); math.Abs(s.Low-0.8882) > 1e-3 || math.Abs(s.High-0.9785) > 1e-3 { // Wilson, as published
		t.Errorf("%+v", s)
	}
	if s := shareOf(0, 0); s.Low != 0 || s.High != 1 {
		t.Errorf("of nothing nothing is known: %+v", s)
	}
}

// The keys of the JSON are a promise to those who read it by machine.
func TestJSONKeys(t *testing.T) {
	j := judged(wants(), 1, -1)
	j.Scenario.ID = "ttd-1"
	j.Runs[0].Rules = []RuleVerdict{{Rule: "gcp"}}
	raw, err := json.Marshal(Summarize([]Judged{j}))
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	collect(v, "", keys)
	const figures = "runs failed expected found exact within_one missed false forbidden other duplicates suspicions confirms probes_per_suspicion max_confirms_per_agent_10s" +
		" ttd.n ttd.p50_s ttd.p95_s ttd.max_s close.n close.p50_s close.p95_s close.max_s"
	const share = "of hits value low high"
	const rate = "count fleet_years per_fleet_year upper_95 per_target_year"
	const rule = "name title declared false ttd.n ttd.p50_s ttd.p95_s ttd.max_s"
	var want []string
	for prefix, names := range map[string]string{
		"": "schema ok seconds", "all.": figures, "scenarios.": "id title file ok seeds broken " + figures,
		"failures.": "scenario file seed why replay", "overall.precision.": share, "overall.recall.": "class " + share,
		"overall.ttd.": "sites how n p50_s p95_s max_s target_p50_s target_p95_s", "overall.localisation.exact.": share,
		"overall.localisation.within_one.": share, "overall.false_alarms.": rate,
		"rules.": rule, "rules.recall.": share, "rules.false_alarms.": rate,
		"scenarios.rules.": rule, "scenarios.rules.recall.": share, "scenarios.rules.false_alarms.": rate,
	} {
		for _, name := range strings.Fields(names) {
			want = append(want, prefix+name)
		}
	}
	for _, k := range want {
		if !keys[k] {
			t.Errorf("key %s is gone", k)
		}
		delete(keys, k)
	}
	for k := range keys {
		t.Errorf("key %s is new: add it here", k)
	}
}

// collect names all leaves.
func collect(v any, path string, keys map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			collect(inner, path+"."+k, keys)
		}
		return
	case []any:
		if len(v) > 0 {
			if _, object := v[0].(map[string]any); object {
				for _, inner := range v {
					collect(inner, path, keys)
				}
				return
			}
		}
	}
	keys[strings.TrimPrefix(path, ".")] = true
}

func TestSuitePlaysEverySeedOnceHoweverManyAtATime(t *testing.T) {
	one := tale(wants())
	one.s.Seeds = 7
	play := func(_ context.Context, s *Scenario, o RunOptions) (*Run, error) {
		x := tale().say(61+float64(o.Seed%3), detect.Opened, region("a")).say(300, detect.Closed, region("a"))
		x.r.Seed = o.Seed
		return &x.r, nil
	}
	var texts []string
	for _, jobs := range []int{1, 4} {
		var told atomic.Int64
		s, err := Suite{Scenarios: []*Scenario{&one.s, &one.s}, Jobs: jobs, First: 5, play: play, Progress: func(int, int) { told.Add(1) }}.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !s.OK || s.All.Runs != 14 || told.Load() != 14 || s.Scenarios[1].Seeds != [2]uint64{5, 11} {
			t.Errorf("%d at a time: %+v, told %d times", jobs, s.All, told.Load())
		}
		s.Seconds = 0
		var b bytes.Buffer
		if err := s.Print(&b); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, b.String())
	}
	if texts[0] != texts[1] {
		t.Errorf("the result depends on how many runs go on at once:\n%s\n%s", texts[0], texts[1])
	}
}

func TestSuiteEndsWhenItIsStopped(t *testing.T) {
	x := tale(wants())
	x.s.Seeds = 1000
	ctx, stop := context.WithCancel(t.Context())
	var played atomic.Int64
	_, err := Suite{Scenarios: []*Scenario{&x.s}, Jobs: 2, play: func(ctx context.Context, _ *Scenario, _ RunOptions) (*Run, error) {
		if played.Add(1) == 3 {
			stop()
		}
		return &x.r, ctx.Err()
	}}.Run(ctx)
	if !errors.Is(err, context.Canceled) || played.Load() > 10 {
		t.Errorf("after %d runs: %v", played.Load(), err)
	}
}

func TestSuiteDividesYears(t *testing.T) {
	x := tale()
	x.s.Faults = nil
	s, err := Suite{Scenarios: []*Scenario{&x.s}, Years: 2.5, Jobs: 2, years: func(_ context.Context, _ *Scenario, years float64, o RunOptions) (*Run, error) {
		if years > 1 {
			t.Errorf("%g years at once", years)
		}
		return &Run{Seed: o.Seed}, nil
	}}.Run(t.Context())
	if err != nil || s.Overall.Calm.Years != 2.5 || s.All.Runs != 3 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestThePrintedSummaryTellsHowToReplay(t *testing.T) {
	var b bytes.Buffer
	j := judged(wants(), 1, -1, -1, -1, -1, -1)
	j.Runs[0].Rules = []RuleVerdict{{Rule: "gcp", Expected: 1}}
	if err := Summarize([]Judged{j}).Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"T1", "FAIL", "1/6", "NOT OK: 5 of 6 runs", "picket simulate t1.yaml --seed 2 --explain", "nothing of the kind was declared", "and 2 more", "recall, hard-down", "gcp", "Comparable:"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, b.String())
		}
	}
}
