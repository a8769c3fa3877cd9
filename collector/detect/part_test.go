package detect

import (
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func TestOneRegionKeepsFailingNarrowsTheIncident(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	t0 := w.broken("azure", "", refused())
	w.run(time.Minute)
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.Provider == "azure" && s.Region == "us" {
			return refused()
		}
		return nil
	}
	w.run(3 * time.Minute)
	open := w.open()
	if len(open) != 1 || len(w.incidents) != 1 || open[0].Kind != KindVRegionProvider || open[0].VRegion != "us" || open[0].DownSites != 4 || open[0].Sites != 4 {
		w.tell()
		t.Fatalf("%d open, %d ids: %+v", len(open), len(w.incidents), open)
	}
	if open[0].Started.Sub(t0) > time.Second {
		t.Error("the narrowed incident lost its start")
	}
	w.breaks = nil
	w.run(3 * time.Minute)
	if len(w.open()) != 0 {
		t.Error("still open after healing")
	}
}

// One site of another region that fails longer must not hold back what is counted
// of the regions after it.
func TestEveryRegionsHealthIsTimedByItself(t *testing.T) {
	w := newWorld(t, worldOptions{sites: 12, networks: 6, regions: 1, clients: 4, fleet: func(sites []Site) {
		for i := range sites {
			sites[i].Region = []string{"eu", "us", "ap"}[i%3]
		}
	}})
	w.run(calm)
	first, only, one := w.sites[0].ID, "ap", true
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.ID == "azure-storage-r1" && (only == "" || s.Region == only || one && s.ID == first) {
			return refused()
		}
		return nil
	}
	only = ""
	w.run(time.Minute)
	only = "ap"
	w.run(50 * time.Second)
	one = false
	w.run(80 * time.Second)
	if open := w.open(); len(open) != 1 || open[0].Kind != KindVRegionTarget || open[0].VRegion != "ap" || len(w.incidents) != 1 {
		w.tell()
		t.Errorf("%+v", open)
	}
}

func TestARegionThenEverybodyIsOneIncident(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	everywhere := false
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.Provider == "azure" && (everywhere || s.Region == "us") {
			return refused()
		}
		return nil
	}
	w.run(30 * time.Second)
	if open := w.open(); len(open) != 1 || open[0].Kind != KindVRegionProvider {
		w.tell()
		t.Fatalf("%+v", open)
	}
	everywhere = true
	t0 := w.now
	w.run(30 * time.Second)
	if open := w.open(); len(open) != 1 || open[0].Kind != KindProvider || len(w.incidents) != 1 || open[0].DownSites != 12 {
		w.tell()
		t.Fatalf("%d ids: %+v", len(w.incidents), open)
	}
	w.tell()
	w.labelWithin(t0, KindProvider, 10*time.Second)
}

func TestTwoRegionsFailOneAfterTheOther(t *testing.T) {
	w := newWorld(t, worldOptions{sites: 24, networks: 8, regions: 3, clients: 5, fleet: func(sites []Site) {
		for i := range sites {
			sites[i].Region = []string{"eu", "us", "ap", "af", "sa", "oc"}[i%6]
			sites[i].Network.Name = "ISP-" + string(rune('a'+i%8))
		}
	}})
	w.run(calm)
	more := false
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.ID == "azure-storage-r1" && (s.Region == "us" || more && s.Region == "ap") {
			return refused()
		}
		return nil
	}
	w.run(30 * time.Second)
	more = true
	w.run(60 * time.Second)
	w.tell()
	seen := map[string]bool{}
	for _, in := range w.open() {
		if in.Kind != KindVRegionTarget {
			t.Errorf("%s: %s", in.Kind, in.Summary)
		}
		seen[in.VRegion] = true
	}
	if !seen["us"] {
		t.Error("the first region is not told of")
	}
}

func TestOneVantageRegionSaysFromWhereWeLook(t *testing.T) {
	w := newWorld(t, worldOptions{sites: 12, networks: 6, regions: 1, clients: 5})
	w.run(calm)
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.Provider == "azure" && tg.Region == "r1" {
			return refused()
		}
		return nil
	}
	w.run(30 * time.Second)
	w.tell()
	w.forbid(KindVRegion, KindVRegionProvider, KindVRegionDependency, KindVRegionTarget)
	if open := w.open(); len(open) != 1 || !strings.Contains(open[0].Summary, "from where we look") {
		t.Errorf("%+v", open)
	}
}

func TestSiteOnTheCloudsOwnServersIsNoWitness(t *testing.T) {
	host := func(sites []Site) { sites[2].HostedBy = "azure" }
	w := newWorld(t, worldOptions{sites: 3, networks: 3, regions: 1, clients: 1, fleet: host})
	w.run(calm)
	w.broken("azure", "r1", refused())
	w.run(30 * time.Second)
	w.tell()
	for _, ev := range w.history {
		if ev.Incident.Confidence == ConfidenceConfirmed || ev.Incident.DownSites > 2 {
			t.Fatalf("the cloud's own server testified: %s", ev.Incident.Summary)
		}
	}
	w.breaks = nil
	w.run(4 * time.Minute)
	t0 := w.broken("aws", "r1", refused())
	w.run(20 * time.Second)
	if d, in, ok := w.when(t0, KindProviderRegion, ConfidenceConfirmed); !ok || in.Provider != "aws" || d > 6*time.Second {
		t.Errorf("towards another cloud it is one: %v %+v", d, in)
	}
}

func TestTwoOfThree(t *testing.T) {
	for name, c := range map[string]struct {
		regions int
		off     bool
		want    Confidence
	}{
		"the third is well": {1, false, ConfidenceNone}, "the third is well, from another region": {2, false, ConfidenceNone},
		"the third cannot tell": {1, true, ConfidenceProbable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{sites: 3, networks: 3, regions: c.regions, clients: 1, fleet: func(s []Site) { s[1].Region = s[0].Region; s[2].Region += "x" }})
			if c.off {
				w.refs = func(s *Site) int {
					if s.ID == w.sites[2].ID {
						return 0
					}
					return 5
				}
			}
			w.run(calm)
			w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
				if tg.ID == "azure-storage-r1" && s.ID != w.sites[2].ID {
					return refused()
				}
				return nil
			}
			w.run(90 * time.Second)
			w.tell()
			best := ConfidenceNone
			for _, ev := range w.history {
				if ev.Incident.Kind.ProviderSide() && ev.Incident.Confidence.Rank() > best.Rank() {
					best = ev.Incident.Confidence
				}
			}
			if best != c.want {
				t.Errorf("said %q, want %q", best, c.want)
			}
		})
	}
}

// withReferences watches five references by TCP.
func withReferences(cfg *fleet.Config) {
	cfg.Targets = cfg.Targets[:len(cfg.Targets)-1]
	for _, id := range []string{"ref-1", "ref-2", "ref-3", "ref-4", "ref-5"} {
		cfg.Targets = append(cfg.Targets, fleet.Target{ID: id, Reference: true})
		cfg.Checks = append(cfg.Checks, fleet.Check{ID: id + "/tcp", Target: id, Interval: 5 * time.Second, Spec: probes.Spec{Kind: probes.TCP, Host: id}})
	}
}

func TestReferenceOutIsToldAndNothingElse(t *testing.T) {
	w := newWorld(t, worldOptions{shape: withReferences, every: 5 * time.Second})
	w.run(calm)
	bad := "ref-2"
	w.breaks = func(_ *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.ID == bad {
			return refused()
		}
		return nil
	}
	t0 := w.now
	w.run(40 * time.Second)
	w.tell()
	open := w.open()
	if len(open) != 1 || open[0].Kind != KindReference || open[0].Target != "ref-2" || open[0].Confidence != ConfidenceConfirmed || open[0].Opened.Sub(t0) > 12*time.Second {
		t.Fatalf("%+v", open)
	}
	for _, s := range w.e.Snapshot(w.now).Sites {
		if !s.Eligible {
			t.Errorf("%s is ineligible: %s", s.ID, s.Why)
		}
	}
	w.e.SetConfig(w.now, w.cfg)
	if len(w.open()) != 1 {
		t.Error("a new config forgot the reference")
	}
	bad = ""
	w.run(150 * time.Second)
	if len(w.open()) != 0 {
		t.Error("still open after healing")
	}
}

func TestAllReferencesOutAtOneSiteIsNoReference(t *testing.T) {
	w := newWorld(t, worldOptions{shape: withReferences, every: 5 * time.Second})
	w.run(calm)
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if tg.Reference && s.Network.Name == "ISP-1" {
			return blackhole()
		}
		return nil
	}
	w.run(40 * time.Second)
	w.forbid(KindReference)
}

func TestEveryLabelIsReadBackAfterARestart(t *testing.T) {
	w := newWorld(t, worldOptions{shape: onCDN})
	tg := w.e.targetByID["azure-storage-r1"]
	for _, sc := range []scope{
		targetScope(tg), targetScope(tg).within("eu"), {kind: KindDependency, dependency: "fastly"}, {kind: KindEdge, dependency: "fastly", edge: "lon"},
		{kind: KindVRegion, vregion: "eu"}, {kind: KindVRegionProvider, vregion: "eu", provider: "azure", family: 6},
		{kind: KindVRegionDependency, vregion: "eu", dependency: "fastly"}, {kind: KindNetworkDependency, network: "ISP-1", dependency: "fastly"},
		{kind: KindReference, target: "ref"}, {kind: KindProvider, provider: "azure", family: 4},
	} {
		l := newLive(Incident{}, sc)
		w.e.label(l)
		if got := w.e.scopeOf(&l.inc); got != sc {
			t.Errorf("%+v came back as %+v", sc, got)
		}
		if w.e.subject(l) == "" {
			t.Errorf("%s has no name", sc.kind)
		}
	}
}

func TestLineage(t *testing.T) {
	w := newWorld(t, worldOptions{shape: onCDN})
	e := w.e
	tg := targetScope(e.targetByID["azure-storage-r1"])
	dep := scope{kind: KindDependency, dependency: "fastly"}
	six := scope{kind: KindProvider, provider: "azure", family: 6}
	for _, c := range []struct {
		a, b scope
		want bool
	}{
		{dep, tg, true}, {tg, dep, false}, {dep, scope{kind: KindEdge, dependency: "fastly", edge: "lon"}, true},
		{dep, targetScope(e.targetByID["azure-storage-r2"]), false},
		{scope{kind: KindProvider, provider: "azure"}, six, true}, {six, scope{kind: KindProvider, provider: "azure"}, false},
		{scope{kind: KindVRegion, vregion: "eu"}, tg.within("eu"), true}, {scope{kind: KindVRegion, vregion: "us"}, tg.within("eu"), false},
		{tg, tg.within("eu"), true}, {tg.within("eu"), tg, false},
		{scope{kind: KindVRegionProvider, vregion: "eu", provider: "azure"}, tg.within("eu"), true},
		{scope{kind: KindProvider, provider: "azure"}, scope{kind: KindVRegionProvider, vregion: "eu", provider: "azure"}, true},
		{scope{kind: KindProvider, provider: "azure"}, dep, false},
		{scope{kind: KindNetwork, network: "ISP-1"}, scope{kind: KindNetworkDependency, network: "ISP-1", dependency: "fastly"}, true},
		{scope{kind: KindVRegion, vregion: "eu"}, scope{kind: KindSite, site: "c1/s01"}, true},
		{scope{kind: KindProvider, provider: "azure"}, scope{kind: KindReference, target: "ref"}, false},
	} {
		if got := e.contains(c.a, c.b); got != c.want {
			t.Errorf("%s contains %s: %v", c.a.label(e.nameOf), c.b.label(e.nameOf), got)
		}
	}
	if !e.takesIn(dep, scope{kind: KindProvider, provider: "azure"}, []string{"azure-storage-r1", "azure-compute-r3"}) {
		t.Error("a cloud of which only what is on the CDN fails is the CDN's")
	}
	if e.takesIn(dep, scope{kind: KindProvider, provider: "azure"}, []string{"azure-storage-r1", "azure-storage-r2"}) {
		t.Error("what is not on the CDN is not the CDN's")
	}
	region, service := scope{kind: KindProviderRegion, provider: "azure", region: "r1"}, scope{kind: KindService, provider: "azure", service: "storage"}
	if !e.takesIn(region, service, []string{"azure-storage-r1"}) {
		t.Error("a service that fails in the region alone is the region's")
	}
	if e.takesIn(region, service, []string{"azure-storage-r1", "azure-storage-r2"}) {
		t.Error("a service that fails beyond the region is not the region's")
	}
}
