package detect

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

const calm = 30 * time.Second

var providerSide = []Kind{KindTarget, KindService, KindProviderRegion, KindProvider}

// broken starts a fault at now: everything of provider and region ("" any).
func (w *simWorld) broken(provider, region string, f *fault) time.Time {
	w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
		if t.Provider == provider && (region == "" || t.Region == region) {
			return f
		}
		return nil
	}
	return w.now
}

func TestRegionLostIsOneConfirmedIncidentWithinFourSeconds(t *testing.T) {
	for name, f := range map[string]*fault{"blackhole": blackhole(), "refused": refused(), "tls hangs": tlsHang(), "http 503": http503()} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				w := newWorld(t, worldOptions{seed: seed})
				w.run(calm + time.Duration(seed)*977*time.Millisecond)
				t0 := w.broken("azure", "r2", f)
				w.run(40 * time.Second)
				w.tell()
				if len(w.incidents) != 1 {
					t.Fatalf("seed %d: %d incidents, want one id", seed, len(w.incidents))
				}
				in := w.open()[0]
				if in.Kind != KindProviderRegion || in.Provider != "azure" || in.Region != "r2" || in.Confidence != ConfidenceConfirmed {
					t.Fatalf("seed %d: %+v", seed, in)
				}
				if d := in.Confirmed.Sub(t0); d > 4*time.Second {
					t.Errorf("seed %d: confirmed after %v", seed, d)
				}
				if d := in.Started.Sub(t0); d < -100*time.Millisecond || d > 2*time.Second {
					t.Errorf("seed %d: started %v after the fault", seed, d)
				}
				if in.Layer != f.cause.Layer().String() || in.DownSites != 12 || in.DownNetworks != 6 {
					t.Errorf("seed %d: layer %s, %d sites on %d ISPs", seed, in.Layer, in.DownSites, in.DownNetworks)
				}
			}
		})
	}
}

func TestWholeProviderLostEndsAsOneProviderIncident(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(t, worldOptions{seed: seed})
		w.run(calm + time.Duration(seed)*977*time.Millisecond)
		t0 := w.broken("aws", "", blackhole())
		w.run(40 * time.Second)
		w.tell()
		open := w.open()
		if len(open) != 1 || open[0].Kind != KindProvider || open[0].Confidence != ConfidenceConfirmed || len(open[0].Targets) != 8 {
			t.Fatalf("seed %d: %d open incidents", seed, len(open))
		}
		if len(w.incidents) != 1 {
			t.Errorf("seed %d: %d ids for one outage", seed, len(w.incidents))
		}
		if d := open[0].Confirmed.Sub(t0); d > 4*time.Second {
			t.Errorf("seed %d: confirmed after %v", seed, d)
		}
		w.labelWithin(t0, KindProvider, 8*time.Second)
	}
}

func TestServiceLostInAllRegions(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(t, worldOptions{seed: seed})
		w.run(calm + time.Duration(seed)*977*time.Millisecond)
		w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
			if t.Provider == "gcp" && t.Service == "storage" {
				return refused()
			}
			return nil
		}
		t0 := w.now
		w.run(40 * time.Second)
		w.tell()
		open := w.open()
		if len(open) != 1 || open[0].Kind != KindService || open[0].Service != "storage" || len(w.incidents) != 1 {
			t.Fatalf("seed %d: %d open, %d ids", seed, len(open), len(w.incidents))
		}
		w.labelWithin(t0, KindService, 4*time.Second)
	}
}

func TestOneTargetLost(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
		if t.ID == "gcp-storage-r3" {
			return refused()
		}
		return nil
	}
	t0 := w.now
	w.run(40 * time.Second)
	w.tell()
	d, in, ok := w.when(t0, KindTarget, ConfidenceConfirmed)
	if !ok || d > 3*time.Second || in.Target != "gcp-storage-r3" {
		t.Fatalf("after %v: %+v", d, in)
	}
	w.forbid(KindService, KindProviderRegion, KindProvider, KindSite, KindNetwork, KindNetworkProvider)
}

func TestSiteCutIsLostContactAndNoOutage(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	t0 := w.now
	w.cut(func(s *Site) bool { return s.ID == "c1/s01" })
	w.run(time.Minute)
	w.tell()
	open := w.open()
	if len(open) != 1 || open[0].Kind != KindSite || open[0].Reason.Code != LostContact || open[0].LineDown || open[0].Client != "c1" {
		t.Fatalf("open: %+v", open)
	}
	if d := open[0].Opened.Sub(t0); d > 10*time.Second {
		t.Errorf("told after %v", d)
	}
	w.forbid(append(providerSide, KindNetwork, KindFleet, KindCollector)...)
}

func TestSpoolDeliveredLaterTurnsLostContactIntoLineDown(t *testing.T) {
	for name, broken := range map[string]bool{"line down": true, "only the way to us": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			w.run(calm)
			here := func(s *Site) bool { return s.ID == "c1/s01" }
			w.cut(here)
			if broken {
				w.breaks = func(s *Site, _ *fleet.Target, _ probes.Kind) *fault {
					if here(s) {
						return blackhole()
					}
					return nil
				}
				w.refs = func(s *Site) int {
					if here(s) {
						return 0
					}
					return 5
				}
			}
			w.run(2 * time.Minute)
			w.breaks, w.refs = nil, nil
			w.heal()
			w.run(3 * time.Minute)
			w.tell()
			if len(w.incidents) != 1 || len(w.open()) != 0 {
				t.Fatalf("%d incidents, %d open", len(w.incidents), len(w.open()))
			}
			if len(w.history) > 4 { // opened, recovering, reworded, closed
				t.Errorf("told %d times", len(w.history))
			}
			for _, in := range w.incidents {
				want := ContactOnly
				if broken {
					want = LineDown
				}
				if in.Kind != KindSite || in.LineDown != broken || in.Reason.Code != want && in.Reason.Code != Healthy {
					t.Errorf("%s, line down %v, reason %s: %s", in.Kind, in.LineDown, in.Reason.Code, in.Summary)
				}
			}
			w.forbid(providerSide...)
		})
	}
}

func TestISPCutIsNetworkEvenWithHalfOfTheSites(t *testing.T) {
	for name, half := range map[string]bool{"two of twelve": false, "half of the fleet": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			if half {
				for i := range w.sites {
					if i%2 == 0 {
						w.sites[i].Network.Name = "ISP-1"
					}
				}
				w.e.SetFleet(w.now, w.sites)
			}
			w.run(calm)
			t0 := w.now
			w.cut(func(s *Site) bool { return s.Network.Name == "ISP-1" })
			w.run(time.Minute)
			w.tell()
			d, in, ok := w.when(t0, KindNetwork, ConfidenceProbable)
			if !ok || d > 10*time.Second || in.Network != "ISP-1" || in.Confidence != ConfidenceProbable {
				t.Fatalf("after %v: %+v", d, in)
			}
			w.forbid(append(providerSide, KindSite, KindFleet, KindCollector)...)
			w.heal()
			w.run(2 * time.Minute)
			if len(w.open()) != 0 {
				t.Error("still open after healing")
			}
		})
	}
}

func TestISPToProviderPathBlamesNeither(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.breaks = func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
		if s.Network.Name == "ISP-2" && t.Provider == "azure" {
			return blackhole()
		}
		return nil
	}
	t0 := w.now
	w.run(time.Minute)
	w.tell()
	d, in, ok := w.when(t0, KindNetworkProvider, ConfidenceProbable)
	if !ok || d > 30*time.Second || in.Network != "ISP-2" || in.Provider != "azure" {
		t.Fatalf("after %v: %+v", d, in)
	}
	w.forbid(append(providerSide, KindSite, KindNetwork)...)
	if len(w.incidents) != 1 {
		t.Errorf("%d incidents", len(w.incidents))
	}
	w.breaks = nil
	w.run(2 * time.Minute)
	if len(w.open()) != 0 {
		t.Error("still open after healing")
	}
}

func TestOneSitesFirewallIsTheSite(t *testing.T) {
	for name, refs := range map[string]int{"references blocked too": 0, "references allowed": 5} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			w.run(calm)
			here := func(s *Site) bool { return s.ID == "c3/s03" }
			w.breaks = func(s *Site, _ *fleet.Target, _ probes.Kind) *fault {
				if here(s) {
					return blackhole()
				}
				return nil
			}
			w.refs = func(s *Site) int {
				if here(s) {
					return refs
				}
				return 5
			}
			t0 := w.now
			w.run(time.Minute)
			w.tell()
			d, in, ok := w.when(t0, KindSite, ConfidenceProbable)
			if !ok || in.Site != "c3/s03" || in.Client != "c3" || d > 30*time.Second {
				t.Fatalf("after %v: %+v", d, in)
			}
			w.forbid(append(providerSide, KindNetwork, KindNetworkProvider)...)
		})
	}
}

func TestCollectorsOwnUplinkLost(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	t0 := w.now
	w.cut(func(*Site) bool { return true })
	w.run(2 * time.Minute)
	d, in, ok := w.when(t0, KindCollector, ConfidenceProbable)
	if !ok || d > 10*time.Second || in.Reason.Code != AllSilent {
		t.Fatalf("after %v: %+v", d, in)
	}
	for _, v := range w.e.Snapshot(w.now).Verdicts {
		if v.State != NoData {
			t.Fatalf("verdict %s without any data", v.State)
		}
	}
	w.heal()
	w.run(2 * time.Minute)
	w.tell()
	if len(w.open()) != 0 {
		t.Error("still open after everybody is back")
	}
	if ok, why := w.e.canVote(w.now, w.e.sites[0]); !ok {
		t.Errorf("a site that never went away is on trial: %s", why)
	}
	w.forbid(append(providerSide, KindSite, KindNetwork)...)
}

func TestManySitesOfManyISPsSilentIsTheFleetAndFreezes(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	t0 := w.now
	w.cut(func(s *Site) bool { return s.ID <= "c3/s03" }) // 6 of 12, on 6 ISPs
	w.run(20 * time.Second)
	if _, in, ok := w.when(t0, KindFleet, ConfidenceProbable); !ok || in.Reason.Code != FleetSilent {
		t.Fatalf("%+v", in)
	}
	w.broken("azure", "r1", refused())
	w.run(30 * time.Second)
	w.tell()
	for _, in := range w.open() {
		if in.Kind.ProviderSide() && in.Confidence == ConfidenceConfirmed {
			t.Errorf("confirmed while frozen: %s", in.Summary)
		}
	}
	w.forbid(KindSite, KindNetwork, KindCollector)
}

func TestGoodbyeIsNeverALine(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	a := w.agents[4]
	a.off = true
	w.e.Goodbye(w.now, a.id, "service stopped")
	w.run(4 * time.Minute)
	if len(w.incidents) != 0 {
		t.Fatalf("a stopped agent is an incident at once: %+v", w.incidents)
	}
	w.run(2 * time.Minute)
	w.tell()
	open := w.open()
	if len(open) != 1 || open[0].Kind != KindFleet || open[0].Reason.Code != Stopped || open[0].LineDown {
		t.Fatalf("%+v", open)
	}
	a.off = false
	w.e.Hello(w.now, a.id, false, 6*time.Minute, nil)
	w.run(2 * time.Minute)
	if len(w.open()) != 0 {
		t.Error("still open after it came back")
	}
}

func TestSmallFleets(t *testing.T) {
	for _, c := range []struct {
		name            string
		sites, networks int
		kind            Kind
		most            Confidence
		within          time.Duration
	}{
		{"one site suspects", 1, 1, KindTarget, ConfidenceSuspected, 30 * time.Second},
		{"two sites on one ISP blame the path or the provider", 2, 1, KindNetworkProvider, ConfidenceProbable, 25 * time.Second},
		{"two sites on two ISPs say likely", 2, 2, "", ConfidenceProbable, 25 * time.Second},
		{"three sites on two ISPs need patience", 3, 2, "", ConfidenceConfirmed, 40 * time.Second},
		{"three sites on three ISPs confirm", 3, 3, "", ConfidenceConfirmed, 6 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, worldOptions{sites: c.sites, networks: c.networks, regions: 3, clients: 1})
			w.run(calm)
			t0 := w.broken("azure", "r2", blackhole())
			w.run(90 * time.Second)
			w.tell()
			best := ConfidenceNone
			for i, ev := range w.history {
				if ev.Incident.Kind != KindNetworkProvider && !ev.Incident.Kind.ProviderSide() {
					t.Errorf("%s incident: %s", ev.Incident.Kind, ev.Incident.Summary)
				}
				if c.kind != "" && c.kind != KindTarget && ev.Incident.Kind != c.kind {
					t.Errorf("%s, want %s", ev.Incident.Kind, c.kind)
				}
				if ev.Incident.Confidence.Rank() > best.Rank() {
					best = ev.Incident.Confidence
					if best == c.most && w.toldAt[i].Sub(t0) > c.within {
						t.Errorf("%s after %v, want within %v", best, w.toldAt[i].Sub(t0), c.within)
					}
				}
			}
			if best != c.most {
				t.Errorf("at most %q, want %q", best, c.most)
			}
			if c.sites == 3 && c.networks == 2 && !w.firstIs(ConfidenceProbable) {
				t.Error("not likely first")
			}
		})
	}
}
