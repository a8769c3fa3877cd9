package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

// story is a run made by hand.
type story struct {
	s Scenario
	r Run
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// tale begins a story: azure westeurope is out from 60 s to 240 s of 10 minutes.
func tale(expect ...Expect) *story {
	x := &story{s: with(10*time.Minute, Fault{At: time.Minute, For: 3 * time.Minute, How: How{Name: Refused}, Rate: 1})}
	x.s.ID, x.s.File = "T1", "t1.yaml"
	x.s.Expect = expect
	x.r = Run{Seed: 3, End: noon.Add(10 * time.Minute), Ran: 25 * time.Minute}
	return x
}

// say adds an event at so many seconds.
func (x *story) say(at float64, what detect.What, i detect.Incident) *story {
	d := time.Duration(at * float64(time.Second))
	if i.Confidence == "" {
		i.Confidence = detect.ConfidenceConfirmed
	}
	if i.Severity == "" {
		i.Severity = detect.SeverityOutage
	}
	if i.Started.IsZero() {
		i.Started = noon.Add(61 * time.Second)
	}
	x.r.Events = append(x.r.Events, Declared{d, what, i})
	return x
}

func (x *story) page(at float64, event string, i detect.Incident) *story {
	x.r.Pages = append(x.r.Pages, Page{time.Duration(at * float64(time.Second)), event, i})
	return x
}

func (x *story) judge() Verdict { return Judge(&x.s, &x.r) }

// The labels of the stories.
func region(id string) detect.Incident {
	return detect.Incident{ID: id, Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope", Layer: "tcp"}
}

func service(id, name string) detect.Incident {
	return detect.Incident{ID: id, Kind: detect.KindService, Provider: "azure", Service: name}
}

func endpoint(id, target string) detect.Incident {
	return detect.Incident{ID: id, Kind: detect.KindTarget, Target: target}
}

// wants expects the region within 4 s.
func wants(change ...func(*Match)) Expect {
	m := Match{Kind: "provider-region", Provider: "azure", Region: "westeurope"}
	for _, c := range change {
		c(&m)
	}
	return Expect{Any: []Match{m}, Within: 4 * time.Second, WithinP95: 4 * time.Second, WithinMax: 8 * time.Second, Line: 7}
}

func also(i detect.Incident, change func(*detect.Incident)) detect.Incident {
	change(&i)
	return i
}

func ptr[T any](v T) *T { return &v }

func TestWhatIsFoundAndWhatIsExact(t *testing.T) {
	confirmed := func(m *Match) { m.Confidence = "confirmed" }
	for _, c := range []struct {
		name         string
		x            *story
		found, exact bool
		levels       int
		ttd          time.Duration
	}{
		{"nothing", tale(wants()), false, false, unrelated, 0},
		{"exact", tale(wants()).say(62, detect.Opened, region("a")), true, true, 0, 2 * time.Second},
		{"between the bound and twice the bound", tale(wants()).say(67, detect.Opened, region("a")), true, true, 0, 7 * time.Second},
		{"beyond twice the bound", tale(wants()).say(68.1, detect.Opened, region("a")), false, false, unrelated, 0},
		{"before the fault", tale(wants()).say(59, detect.Opened, region("a")), false, false, unrelated, 0},
		{"a child", tale(wants()).say(62, detect.Opened, endpoint("a", "azure-compute-westeurope")), true, false, 2, 2 * time.Second},
		{"a parent", tale(wants()).say(62, detect.Opened, detect.Incident{ID: "a", Kind: detect.KindProvider, Provider: "azure"}), true, false, 1, 2 * time.Second},
		{"a child of another region", tale(wants()).say(62, detect.Opened, endpoint("a", "azure-compute-eastus")), false, false, unrelated, 0},
		{"another provider", tale(wants()).say(62, detect.Opened, detect.Incident{ID: "a", Kind: detect.KindProvider, Provider: "aws"}), false, false, unrelated, 0},
		{"another region", tale(wants()).say(62, detect.Opened, also(region("a"), func(i *detect.Incident) { i.Region = "eastus" })), false, false, unrelated, 0},
		{"neither above nor below", tale(wants()).say(62, detect.Opened, detect.Incident{ID: "a", Kind: detect.KindDependency, Dependency: "cdn-a"}), false, false, unrelated, 0},
		{"a child, relabelled inside the bound", tale(wants()).say(62, detect.Opened, endpoint("a", "azure-compute-westeurope")).say(63, detect.Changed, region("a")), true, true, 0, 2 * time.Second},
		{"a child, relabelled too late", tale(wants()).say(62, detect.Opened, endpoint("a", "azure-compute-westeurope")).say(65, detect.Changed, region("a")), true, false, 2, 2 * time.Second},
		{"a child, rolled up into the right one", tale(wants()).say(62, detect.Opened, endpoint("a", "azure-compute-westeurope")).
			say(63, detect.Opened, region("b")).say(63, detect.Closed, also(endpoint("a", "azure-compute-westeurope"), func(i *detect.Incident) { i.SupersededBy = "b" })), true, true, 0, 2 * time.Second},
		{"surer later", tale(wants(confirmed)).say(61, detect.Opened, also(region("a"), func(i *detect.Incident) { i.Confidence = detect.ConfidenceProbable })).
			say(63, detect.Changed, region("a")), true, true, 0, 3 * time.Second},
		{"never sure enough", tale(wants(confirmed)).say(61, detect.Opened, also(region("a"), func(i *detect.Incident) { i.Confidence = detect.ConfidenceProbable })), false, false, unrelated, 0},
		{"only suspected, and not asked for", tale(wants()).say(61, detect.Opened, also(region("a"), func(i *detect.Incident) { i.Confidence = detect.ConfidenceSuspected })), false, false, unrelated, 0},
		{"suspected, as asked", tale(wants(func(m *Match) { m.Confidence = "suspected" })).
			say(61, detect.Opened, also(region("a"), func(i *detect.Incident) { i.Confidence = detect.ConfidenceSuspected })), true, true, 0, time.Second},
		{"another severity", tale(wants(func(m *Match) { m.Severity = "partial" })).say(62, detect.Opened, region("a")), false, false, unrelated, 0},
		{"that severity at last", tale(wants(func(m *Match) { m.Severity = "partial" })).say(62, detect.Opened, region("a")).
			say(64, detect.Changed, also(region("a"), func(i *detect.Incident) { i.Severity = detect.SeverityPartial })), true, true, 0, 4 * time.Second},
		{"another layer", tale(wants(func(m *Match) { m.Layer = "http" })).say(62, detect.Opened, region("a")), false, false, unrelated, 0},
		{"a vantage region where none is wanted", tale(wants(func(m *Match) { m.VRegionNone = true })).
			say(62, detect.Opened, also(region("a"), func(i *detect.Incident) { i.VRegion = "eu" })), false, false, unrelated, 0},
		{"over one IP version", tale(wants(func(m *Match) { m.Family = "6" })).
			say(62, detect.Opened, also(region("a"), func(i *detect.Incident) { i.Family = "6" })), true, true, 0, 2 * time.Second},
		{"over the other IP version", tale(wants(func(m *Match) { m.Family = "6" })).
			say(62, detect.Opened, also(region("a"), func(i *detect.Incident) { i.Family = "4" })), false, false, unrelated, 0},
		{"open before under another label, relabelled in time", tale(wants()).
			say(10, detect.Opened, also(region("a"), func(i *detect.Incident) { i.Region = "eastus" })).say(62, detect.Changed, region("a")), true, true, 0, 2 * time.Second},
	} {
		f := c.x.judge().Findings[0]
		if f.Found != c.found || f.Exact != c.exact || f.Levels != c.levels || f.Detect != c.ttd {
			t.Errorf("%s: found %t, exact %t, levels %d, after %s; want %t, %t, %d, %s (%v)", c.name, f.Found, f.Exact, f.Levels, f.Detect, c.found, c.exact, c.levels, c.ttd, f.Why)
		}
		if !c.found && len(f.Why) == 0 {
			t.Errorf("%s: missed without a reason", c.name)
		}
	}
}

func TestKindsAboveAndBelow(t *testing.T) {
	for _, c := range []struct {
		low, high detect.Kind
		want      int
	}{
		{detect.KindTarget, detect.KindProvider, 3}, {detect.KindTarget, detect.KindDependency, 1}, {detect.KindEdge, detect.KindDependency, 1},
		{detect.KindService, detect.KindProviderRegion, 1}, {detect.KindNetworkProvider, detect.KindNetwork, 1}, {detect.KindVRegionTarget, detect.KindVRegion, 1},
		{detect.KindTarget, detect.KindEdge, unrelated}, {detect.KindService, detect.KindDependency, unrelated}, {detect.KindProvider, detect.KindTarget, unrelated},
		{detect.KindSite, detect.KindNetwork, unrelated}, {detect.KindVRegionProvider, detect.KindProvider, unrelated},
	} {
		if got := steps(c.low, c.high); got != c.want {
			t.Errorf("from %s up to %s: %d steps, want %d", c.low, c.high, got, c.want)
		}
	}
}

// Each condition must be seen to hold where it does and to break where it does not.
func TestConditionsOfAMatch(t *testing.T) {
	open, end := region("a"), also(region("a"), func(i *detect.Incident) { i.State = detect.Resolved })
	with := func(change func(*detect.Incident)) detect.Incident { return also(region("a"), change) }
	closes := func(at float64, m func(*Match)) *story {
		return tale(wants(m)).say(62, detect.Opened, open).say(at, detect.Closed, end)
	}
	two := func(m func(*Match)) *story { return closes(300, m).say(70, detect.Opened, service("b", "storage")) }
	late := with(func(i *detect.Incident) { i.Started = noon.Add(70 * time.Second) })
	count := func(n int) func(*Match) { return func(m *Match) { m.Count = &n } }
	for _, c := range []struct {
		name      string
		good, bad *story
	}{
		{"closed_within", closes(300, func(m *Match) { m.ClosedWithin = time.Minute }), closes(361, func(m *Match) { m.ClosedWithin = time.Minute })},
		{"closed_within, never closed", closes(300, func(m *Match) { m.ClosedWithin = time.Minute }),
			tale(wants(func(m *Match) { m.ClosedWithin = time.Minute })).say(62, detect.Opened, open)},
		{"closed_after", closes(300, func(m *Match) { m.ClosedAfter = 290 * time.Second }), closes(289, func(m *Match) { m.ClosedAfter = 290 * time.Second })},
		{"open_at", closes(300, func(m *Match) { m.OpenAt = 290 * time.Second }), closes(289, func(m *Match) { m.OpenAt = 290 * time.Second })},
		{"count", closes(300, count(1)), two(count(1))},
		{"count of two", two(count(2)), closes(300, count(2))},
		{"start_within", closes(300, func(m *Match) { m.StartWithin = 2 * time.Second }), tale(wants(func(m *Match) { m.StartWithin = 2 * time.Second })).say(62, detect.Opened, late)},
		{"intermittent", closes(300, func(m *Match) { m.Intermittent = ptr(false) }), closes(300, func(m *Match) { m.Intermittent = ptr(true) })},
		{"intermittent, said later", closes(300, func(m *Match) { m.Intermittent = ptr(true) }).say(200, detect.Changed, with(func(i *detect.Incident) { i.Intermittent = true })),
			closes(300, func(m *Match) { m.Intermittent = ptr(false) }).say(200, detect.Changed, with(func(i *detect.Incident) { i.Intermittent = true }))},
		{"lingering", closes(300, func(m *Match) { m.Lingering = ptr(true) }).say(200, detect.Changed, with(func(i *detect.Incident) { i.State = detect.Lingering })),
			closes(300, func(m *Match) { m.Lingering = ptr(true) })},
		{"transient", tale(wants(func(m *Match) { m.Transient = ptr(true) })).say(62, detect.Opened, open).say(70, detect.Closed, with(func(i *detect.Incident) { i.Transient = true })),
			closes(70, func(m *Match) { m.Transient = ptr(true) })},
		{"retrospective", tale(wants(func(m *Match) { m.Retrospective = ptr(true) })).say(62, detect.Opened, with(func(i *detect.Incident) { i.Retrospective = true })),
			closes(70, func(m *Match) { m.Retrospective = ptr(true) })},
		{"line_down", tale(wants(func(m *Match) { m.LineDown = ptr(true) })).say(62, detect.Opened, with(func(i *detect.Incident) { i.LineDown = true })),
			closes(70, func(m *Match) { m.LineDown = ptr(true) })},
		{"note", tale(wants(func(m *Match) { m.Note = "ip_reachable" })).say(62, detect.Opened, with(func(i *detect.Incident) { i.IPReachable = true })),
			closes(70, func(m *Match) { m.Note = "ip_reachable" })},
		{"cause", tale(wants(func(m *Match) { m.Cause = "tls_expired" })).say(62, detect.Opened, with(func(i *detect.Incident) { i.Cause = "tls_expired" })),
			closes(70, func(m *Match) { m.Cause = "tls_expired" })},
		{"vregion: none", closes(70, func(m *Match) { m.VRegionNone = true }),
			tale(wants(func(m *Match) { m.VRegionNone = true })).say(62, detect.Opened, with(func(i *detect.Incident) { i.VRegion = "eu" }))},
		{"count: 0", tale(wants(count(0))), tale(wants(count(0))).say(62, detect.Opened, open)},
	} {
		slices.SortStableFunc(c.good.r.Events, func(a, b Declared) int { return int(a.At - b.At) })
		if v := c.good.judge(); !v.OK() {
			t.Errorf("%s: should hold: %v", c.name, v.Why())
		}
		if v := c.bad.judge(); v.OK() || len(v.Why()) == 0 {
			t.Errorf("%s: should not hold", c.name)
		}
	}
}

func TestRolledUpChildrenAreNoDuplicates(t *testing.T) {
	child := endpoint("a", "azure-compute-westeurope")
	x := tale(wants(func(m *Match) { m.Count = ptr(1) })).say(61, detect.Opened, child).say(62, detect.Opened, region("b"))
	if f := x.judge().Findings[0]; f.Duplicates != 1 || len(f.Why) == 0 {
		t.Errorf("two open incidents about one thing: %+v", f)
	}
	x.say(63, detect.Closed, also(child, func(i *detect.Incident) { i.SupersededBy = "b" }))
	if f := x.judge().Findings[0]; f.Duplicates != 0 || len(f.Why) != 0 {
		t.Errorf("one of them was rolled up: %+v", f)
	}
}

func TestWhatAnotherExpectationWantsIsNoDuplicate(t *testing.T) {
	one := Expect{Any: []Match{{Kind: "target", Target: "azure-storage-westeurope"}}}
	x := tale(wants(func(m *Match) { m.Count = ptr(1) }), one).say(61, detect.Opened, region("a")).say(62, detect.Opened, endpoint("b", "azure-storage-westeurope"))
	if v := x.judge(); !v.OK() || v.Findings[0].Duplicates != 0 {
		t.Errorf("%+v", v)
	}
}

func TestOneOfSeveralIsEnough(t *testing.T) {
	e := wants()
	e.Any = append([]Match{{Kind: "network", Network: "AS64501"}, {Kind: KindNotice, Cause: "blocked"}}, e.Any...)
	if v := tale(e).say(62, detect.Opened, region("a")).judge(); !v.OK() || !v.Findings[0].Exact {
		t.Errorf("the third alternative is met: %v", v.Why())
	}
	x := tale(e)
	x.r.Notices = []detect.Notice{{At: noon.Add(63 * time.Second), Kind: "told", Cause: "blocked"}}
	if v := x.judge(); !v.OK() || v.Findings[0].Detect != 3*time.Second {
		t.Errorf("the notice is one of them: %+v", v)
	}
	x.r.Notices[0].Cause = "liar"
	if v := x.judge(); v.OK() {
		t.Error("a notice of another cause is none of them")
	}
}

func TestTheFaultThatTimeCountsFrom(t *testing.T) {
	x := tale(wants())
	x.s.Faults = append(x.s.Faults, Fault{At: 5 * time.Minute, How: How{Name: Refused}})
	x.s.Expect[0].Of = 1
	x.say(302, detect.Opened, region("a"))
	if f := x.judge().Findings[0]; !f.Found || f.Detect != 2*time.Second {
		t.Errorf("%+v", f)
	}
}

func TestFalseAlarms(t *testing.T) {
	probable := func(i *detect.Incident) { i.Confidence = detect.ConfidenceProbable }
	other := also(region("b"), func(i *detect.Incident) { i.Region = "eastus" })
	for _, c := range []struct {
		name string
		x    *story
		n    int
	}{
		{"expected", tale(wants()).say(62, detect.Opened, region("a")), 0},
		{"below the expected", tale(wants()).say(62, detect.Opened, endpoint("a", "azure-compute-westeurope")), 0},
		{"above the expected", tale(wants()).say(62, detect.Opened, detect.Incident{ID: "a", Kind: detect.KindProvider, Provider: "azure"}), 0},
		{"before the fault", tale(wants()).say(50, detect.Opened, region("a")), 1},
		{"in the quiet minutes", tale(wants()).say(-50, detect.Opened, region("a")), 1},
		{"another thing", tale(wants()).say(62, detect.Opened, other), 1},
		{"another thing, not sure", tale(wants()).say(62, detect.Opened, also(other, probable)), 0},
		{"another thing, sure later", tale(wants()).say(62, detect.Opened, also(other, probable)).say(80, detect.Changed, other), 1},
		{"relabelled into another thing", tale(wants()).say(62, detect.Opened, region("b")).say(80, detect.Changed, other), 1},
		{"one incident is one alarm", tale().say(62, detect.Opened, region("b")).say(80, detect.Changed, other), 1},
		{"our own side", tale(wants()).say(62, detect.Opened, detect.Incident{ID: "a", Kind: detect.KindNetwork, Network: "AS64501"}), 0},
		{"one of any", tale(Expect{Any: []Match{{Kind: "site", Site: "s01"}, wants().Any[0]}}).say(62, detect.Opened, region("a")), 0},
	} {
		if v := c.x.judge(); len(v.False) != c.n || (c.n > 0) == v.OK() && c.n > 0 {
			t.Errorf("%s: %d false alarms, want %d: %v", c.name, len(v.False), c.n, v.False)
		}
	}
}

func TestForbidden(t *testing.T) {
	site := detect.Incident{ID: "s", Kind: detect.KindSite, Site: "s01"}
	suspected := func(i *detect.Incident) { i.Confidence = detect.ConfidenceSuspected }
	seen := func() *story {
		return tale(wants()).say(62, detect.Opened, region("a")).say(300, detect.Closed, region("a"))
	}
	for _, c := range []struct {
		name string
		f    Forbid
		x    *story
		n    int
	}{
		{"the exact kind", Forbid{Match: Match{Kind: "provider-region"}}, seen(), 1},
		{"not its relatives", Forbid{Match: Match{Kind: "provider"}}, seen(), 0},
		{"its scope", Forbid{Match: Match{Kind: "provider-region", Provider: "aws"}}, seen(), 0},
		{"any", Forbid{Match: Match{Kind: KindAny}}, seen().say(70, detect.Opened, site), 2},
		{"no kind, by severity", Forbid{Match: Match{Severity: "outage"}}, seen(), 1},
		{"provider-side", Forbid{Match: Match{Kind: KindProviderSide}}, seen().say(70, detect.Opened, site), 1},
		{"suspected ones are not shown", Forbid{Match: Match{Kind: "site"}}, tale().say(70, detect.Opened, also(site, suspected)), 0},
		{"unless asked", Forbid{Match: Match{Kind: "site", Confidence: "suspected"}}, tale().say(70, detect.Opened, also(site, suspected)), 1},
		{"that sure", Forbid{Match: Match{Kind: "provider-region", Confidence: "confirmed"}}, seen(), 1},
		{"after, and it was declared before", Forbid{Match: Match{Kind: "provider-region"}, After: 63 * time.Second}, seen().say(64, detect.Changed, region("a")), 0},
		{"after, and it came back", Forbid{Match: Match{Kind: "provider-region"}, After: 301 * time.Second}, seen().say(400, detect.Changed, region("a")), 1},
		{"before", Forbid{Match: Match{Kind: "provider-region"}, Before: 62 * time.Second}, seen(), 0},
		{"intermittent", Forbid{Match: Match{Kind: "provider-region", Intermittent: ptr(true)}}, seen(), 0},
		{"any page", Forbid{Page: "any"}, seen().page(63, "opened", site), 1},
		{"a page of that side", Forbid{Page: KindProviderSide}, seen().page(63, "opened", site), 0},
		{"resolved is a page", Forbid{Page: KindProviderSide, After: 100 * time.Second}, seen().page(63, "opened", region("a")).page(360, "resolved", region("a")), 1},
		{"a page of a kind", Forbid{Page: "site"}, seen().page(63, "opened", site), 1},
		{"as many pages", Forbid{Page: "any", Match: Match{Count: ptr(3)}}, seen().page(63, "opened", site).page(70, "resolved", site), 0},
		{"too many pages", Forbid{Page: "any", Match: Match{Count: ptr(2)}}, seen().page(63, "opened", site).page(70, "resolved", site), 2},
		{"a notice", Forbid{Match: Match{Kind: KindNotice, Cause: "liar"}}, seen(), 0},
	} {
		x := *c.x
		x.s.Forbid = []Forbid{c.f}
		slices.SortStableFunc(x.r.Events, func(a, b Declared) int { return int(a.At - b.At) })
		if v := x.judge(); len(v.Forbidden) != c.n || c.n > 0 && v.OK() {
			t.Errorf("%s: %d, want %d: %v", c.name, len(v.Forbidden), c.n, v.Forbidden)
		}
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		name      string
		e         Expect
		good, bad func(*Run)
	}{
		{"flagged", Expect{Flagged: []string{"s03", "s07"}}, func(r *Run) { r.Flagged = []string{"s07", "s03"} }, func(r *Run) { r.Flagged = []string{"s03"} }},
		{"an honest one flagged", Expect{Flagged: []string{}}, func(*Run) {}, func(r *Run) { r.Flagged = []string{"s03"} }},
		{"max_probes", Expect{MaxProbes: &MaxProbes{10 * time.Second, 20}}, func(r *Run) { r.MaxConfirmsPer10s = 20 }, func(r *Run) { r.MaxConfirmsPer10s = 21 }},
		{"ineligible", Expect{Ineligible: ptr(0)}, func(*Run) {}, func(r *Run) { r.Ineligible = 1 }},
	} {
		good, bad := tale(c.e), tale(c.e)
		c.good(&good.r)
		c.bad(&bad.r)
		if v := good.judge(); !v.OK() || len(v.Findings) != 0 {
			t.Errorf("%s: should hold: %v", c.name, v.Why())
		}
		if v := bad.judge(); v.OK() || !strings.Contains(v.Broken[0], "line") {
			t.Errorf("%s: should not hold", c.name)
		}
	}
}
