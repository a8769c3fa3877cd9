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

// This file tells one story per kind of place, on the world of world_test.go:
// 12 sites in eu, us and ap, two ISPs to a region, and a CDN under six targets
// of three clouds.

var clouds = []Kind{KindTarget, KindService, KindProviderRegion, KindProvider, KindDependency, KindEdge,
	KindVRegionProvider, KindVRegionDependency, KindVRegionTarget}

// except is the kinds but some.
func except(from []Kind, not ...Kind) []Kind {
	return slices.DeleteFunc(slices.Clone(from), func(k Kind) bool { return slices.Contains(not, k) })
}

// onCDN puts two targets of every provider on a CDN, one of each on a DNS host.
func onCDN(cfg *fleet.Config) {
	for i := range cfg.Targets {
		t := &cfg.Targets[i]
		switch {
		case t.Service == "storage" && t.Region == "r1":
			t.Dependencies = []string{"fastly", "dns-a"}
		case t.Service == "compute" && t.Region == "r3":
			t.Dependencies = []string{"fastly"}
		case t.Service == "compute" && t.Region == "r2":
			t.Dependencies = []string{"dns-a"}
		}
	}
}

// edges gives every vantage region an edge of its own.
func edges(s *Site, t *fleet.Target) string {
	if !slices.Contains(t.Dependencies, "fastly") {
		return ""
	}
	return map[string]string{"eu": "lon", "us": "iad", "ap": "sin"}[s.Region]
}

// story is a fault with what must come of it.
type story struct {
	name   string
	o      worldOptions
	edge   func(*Site, *fleet.Target) string
	fails  func(s *Site, t *fleet.Target) bool
	kind   Kind
	check  func(in Incident) bool // of the one open incident
	within time.Duration          // of the label
	conf   Confidence
	allow  []Kind // on the way
}

func dependsOn(t *fleet.Target, d string) bool { return slices.Contains(t.Dependencies, d) }

func stories() []story {
	cdn := worldOptions{shape: onCDN}
	return []story{
		{name: "a CDN under three clouds", o: cdn, edge: edges, kind: KindDependency, conf: ConfidenceConfirmed, within: 4 * time.Second, allow: []Kind{KindTarget},
			fails: func(_ *Site, t *fleet.Target) bool { return dependsOn(t, "fastly") },
			check: func(in Incident) bool { return in.Dependency == "fastly" && in.Provider == "" && len(in.Targets) == 6 }},
		{name: "one edge of it", o: cdn, edge: edges, kind: KindEdge, conf: ConfidenceConfirmed, within: 10 * time.Second, allow: []Kind{KindVRegionTarget},
			fails: func(s *Site, t *fleet.Target) bool { return dependsOn(t, "fastly") && s.Region == "eu" },
			check: func(in Incident) bool {
				return in.Edge == "lon" && in.Dependency == "fastly" && in.DownSites == 4 && in.Sites == 4
			}},
		{name: "an edge that also serves an ISP of another region", o: cdn, edge: func(s *Site, t *fleet.Target) string {
			if e := edges(s, t); e != "" && s.Network.Name == "ISP-3" {
				return "lon"
			}
			return edges(s, t)
		}, kind: KindEdge, conf: ConfidenceConfirmed, within: 10 * time.Second,
			fails: func(s *Site, t *fleet.Target) bool {
				return dependsOn(t, "fastly") && (s.Region == "eu" || s.Network.Name == "ISP-3")
			},
			check: func(in Incident) bool { return in.Edge == "lon" && in.DownSites == 6 && in.DownNetworks == 3 }},
		{name: "a CDN as seen from one region, edges unknown", o: cdn, kind: KindVRegionDependency, conf: ConfidenceConfirmed, within: 10 * time.Second, allow: []Kind{KindVRegionTarget},
			fails: func(s *Site, t *fleet.Target) bool { return dependsOn(t, "fastly") && s.Region == "ap" },
			check: func(in Incident) bool { return in.Dependency == "fastly" && in.VRegion == "ap" }},
		{name: "a cloud as seen from one region", o: cdn, edge: edges, kind: KindVRegionProvider, conf: ConfidenceConfirmed, within: 8 * time.Second, allow: []Kind{KindVRegionTarget},
			fails: func(s *Site, t *fleet.Target) bool { return t.Provider == "azure" && s.Region == "us" },
			check: func(in Incident) bool { return in.Provider == "azure" && in.VRegion == "us" && len(in.Targets) == 8 }},
		{name: "one endpoint as seen from one region", o: cdn, kind: KindVRegionTarget, conf: ConfidenceConfirmed, within: 9 * time.Second,
			fails: func(s *Site, t *fleet.Target) bool { return t.ID == "gcp-storage-r2" && s.Region == "us" },
			check: func(in Incident) bool { return in.Target == "gcp-storage-r2" && in.VRegion == "us" }},
		{name: "the internet of one region", o: cdn, kind: KindVRegion, conf: ConfidenceConfirmed, within: 15 * time.Second,
			fails: func(s *Site, _ *fleet.Target) bool { return s.Region == "ap" },
			check: func(in Incident) bool { return in.VRegion == "ap" && in.DownSites == 4 }},
		{name: "between an ISP and a CDN", o: cdn, edge: edges, kind: KindNetworkDependency, conf: ConfidenceConfirmed, within: 30 * time.Second,
			fails: func(s *Site, t *fleet.Target) bool { return s.Network.Name == "ISP-3" && dependsOn(t, "fastly") },
			check: func(in Incident) bool { return in.Network == "ISP-3" && in.Dependency == "fastly" }},
		{name: "between an ISP and a cloud that has a CDN", o: cdn, edge: edges, kind: KindNetworkProvider, conf: ConfidenceConfirmed, within: 30 * time.Second,
			fails: func(s *Site, t *fleet.Target) bool { return s.Network.Name == "ISP-3" && t.Provider == "aws" },
			check: func(in Incident) bool { return in.Network == "ISP-3" && in.Provider == "aws" }},
		{name: "a cloud with CDNs", o: cdn, edge: edges, kind: KindProvider, conf: ConfidenceConfirmed, within: 8 * time.Second, allow: []Kind{KindTarget, KindService, KindProviderRegion},
			fails: func(_ *Site, t *fleet.Target) bool { return t.Provider == "aws" },
			check: func(in Incident) bool { return len(in.Targets) == 8 }},
		{name: "an ISP of half of the fleet, in contact", o: worldOptions{shape: onCDN, fleet: func(sites []Site) {
			for i := 0; i < len(sites); i += 2 {
				sites[i].Network.Name = "ISP-1"
			}
		}}, kind: KindNetwork, conf: ConfidenceConfirmed, within: 30 * time.Second,
			fails: func(s *Site, _ *fleet.Target) bool { return s.Network.Name == "ISP-1" },
			check: func(in Incident) bool { return in.Network == "ISP-1" }},
		{name: "an ISP of half of the fleet to one cloud", o: worldOptions{shape: onCDN, fleet: func(sites []Site) {
			for i := 0; i < len(sites); i += 2 {
				sites[i].Network.Name = "ISP-1"
			}
		}}, kind: KindNetworkProvider, conf: ConfidenceConfirmed, within: 30 * time.Second,
			fails: func(s *Site, t *fleet.Target) bool { return s.Network.Name == "ISP-1" && t.Provider == "gcp" },
			check: func(in Incident) bool { return in.Network == "ISP-1" && in.Provider == "gcp" }},
	}
}

func TestWhereTheTroubleIs(t *testing.T) {
	t.Parallel()
	for _, st := range stories() {
		for how, f := range map[string]*fault{"refused": refused(), "blackhole": blackhole()} {
			t.Run(st.name+"/"+how, func(t *testing.T) {
				seeds := uint64(2)
				if testing.Short() {
					seeds = 1
				}
				for seed := range seeds {
					o := st.o
					o.seed = seed
					w := newWorld(t, o)
					w.edge = st.edge
					w.run(calm + time.Duration(seed)*977*time.Millisecond)
					w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
						if st.fails(s, tg) {
							return f
						}
						return nil
					}
					t0 := w.now
					w.run(40 * time.Second)
					open := w.open()
					if len(open) != 1 || len(w.incidents) != 1 || open[0].Kind != st.kind || open[0].Confidence != st.conf || !st.check(open[0]) {
						w.tell()
						t.Fatalf("seed %d: %d open, %d ids: %+v", seed, len(open), len(w.incidents), open)
					}
					w.labelWithin(t0, st.kind, st.within)
					w.forbid(except(append(slices.Clone(clouds), KindSite, KindNetwork, KindNetworkProvider, KindNetworkDependency, KindVRegion), append(st.allow, st.kind)...)...)
					w.checkNeighbours(open[0])
					if w.breaks = nil; seed == 0 {
						w.run(150 * time.Second)
					}
					if seed == 0 && len(w.open()) != 0 {
						t.Errorf("seed %d: still open after healing", seed)
					}
					if t.Failed() {
						w.tell()
						return
					}
				}
			})
		}
	}
}

// checkNeighbours holds what a reader of "why not ...?" expects.
func (w *simWorld) checkNeighbours(in Incident) {
	w.t.Helper()
	if len(in.Neighbours) == 0 || len(in.Neighbours) > maxNeighbours {
		w.t.Errorf("%d neighbours of %s", len(in.Neighbours), in.Title)
	}
	for _, n := range in.Neighbours {
		if n.Label == "" || !strings.HasPrefix(n.Why, "not ") && !strings.Contains(n.Why, "same") {
			w.t.Errorf("%s: neighbour %+v", in.Title, n)
		}
	}
	if len(in.Impact) == 0 || in.Impact[0].Failing == 0 {
		w.t.Errorf("impact %+v", in.Impact)
	}
	w.t.Log(in.Title, "|", in.Summary, "|", fmt.Sprint(in.Neighbours), in.Impact)
}
