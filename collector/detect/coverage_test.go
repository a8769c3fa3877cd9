package detect

import (
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func coverageOf(t *testing.T, w *simWorld, provider, service, region string) Coverage {
	t.Helper()
	for _, c := range w.e.Coverage(w.now) {
		if c.Provider == provider && c.Service == service && c.Region == region {
			return c
		}
	}
	t.Fatalf("no coverage of %s %s %s", provider, service, region)
	return Coverage{}
}

func TestCoverageSaysWhatAFleetCouldConfirm(t *testing.T) {
	for _, c := range []struct {
		name                     string
		sites, networks, clients int
		basis                    fleet.Basis
		want                     Confidence
		why                      Code
		gain                     Addition
	}{
		{"twelve sites on six ISPs", 12, 6, 5, 0, ConfidenceConfirmed, "", ""},
		{"three sites on three ISPs", 3, 3, 2, 0, ConfidenceConfirmed, "", ""},
		{"five sites on two ISPs", 5, 2, 2, 0, ConfidenceConfirmed, "", ""}, // after 15 s
		{"two sites on two ISPs", 2, 2, 2, 0, ConfidenceProbable, TwoSites, AddSite},
		{"four sites on one ISP", 4, 1, 2, 0, ConfidenceProbable, OneISP, AddISP},
		{"one site", 1, 1, 1, 0, ConfidenceSuspected, Alone, AddSite},
		{"ISPs known by prefix", 12, 6, 5, fleet.BasisPrefix + 255, ConfidenceProbable, UnknownISPs, AddISP},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := worldOptions{sites: c.sites, networks: c.networks, regions: 1, clients: c.clients}
			w := newWorld(t, o)
			if c.basis != 0 {
				for i := range w.sites {
					w.sites[i].Network.Basis = fleet.BasisPrefix
				}
				w.e.SetFleet(w.now, w.sites)
			}
			w.run(calm)
			got := coverageOf(t, w, "azure", "storage", "r2")
			if got.Confidence != c.want || got.Why != c.why || got.Sites != c.sites || got.Networks != c.networks {
				t.Fatalf("%s: %q because %q from %d sites on %d ISPs: %s", c.name, got.Confidence, got.Why, got.Sites, got.Networks, got.Text)
			}
			if len(got.Gains) > 0 != (c.gain != "") {
				t.Fatalf("gains: %+v", got.Gains)
			}
			if c.gain != "" && got.Gains[0].Add != c.gain {
				t.Errorf("first gain is %s, want %s: %s", got.Gains[0].Add, c.gain, got.Gains[0].Text)
			}
			t.Log(got.Text, got.Gains)
		})
	}
}

// What coverage foresees is what happens: the same fleet, the same outage.
func TestCoverageKeepsItsWord(t *testing.T) {
	for _, n := range [][2]int{{1, 1}, {2, 1}, {2, 2}, {3, 1}, {3, 2}, {3, 3}, {4, 2}, {5, 3}, {12, 6}} {
		w := newWorld(t, worldOptions{sites: n[0], networks: n[1], regions: 1, clients: 2})
		w.run(calm)
		want := coverageOf(t, w, "azure", "storage", "r2").Confidence
		w.broken("azure", "r2", refused())
		w.run(40 * time.Second)
		got := ConfidenceNone
		for _, in := range w.open() {
			if in.Confidence.Rank() > got.Rank() {
				got = in.Confidence
			}
		}
		if got != want {
			t.Errorf("%d sites on %d ISPs: foreseen %q, called %q", n[0], n[1], want, got)
		}
	}
}

func TestCoverageCountsWhoCouldNotTestify(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.refs = func(s *Site) int {
		if s.Network.Name == "ISP-1" {
			return 0
		}
		return 5
	}
	w.cut(func(s *Site) bool { return s.Network.Name == "ISP-2" })
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault { return nil }
	w.run(20 * time.Second)
	c := coverageOf(t, w, "azure", "storage", "r2")
	if c.Sites != 8 || c.Networks != 4 || len(c.Missing) != 2 || c.Confidence != ConfidenceConfirmed {
		t.Fatalf("%+v", c)
	}
	for _, m := range c.Missing {
		if m.Sites != 2 || strings.Contains(m.Why, "_") {
			t.Errorf("%+v", m)
		}
	}
}

func TestOutlookTellsWhatASiteWouldAdd(t *testing.T) {
	w := newWorld(t, worldOptions{sites: 2, networks: 2, regions: 1, clients: 2})
	w.run(calm)
	third := Site{ID: "c3/new", Client: "c3", Network: fleet.Network{ID: 9, Name: "ISP-9", Basis: fleet.BasisDeclared}}
	if o := w.e.Outlook(w.now, third); o.Without != 0 || o.With != o.Services || o.Services == 0 {
		t.Errorf("a third site on a third ISP: %+v", o)
	}
	same := third
	same.Network.Basis = fleet.BasisPrefix
	if o := w.e.Outlook(w.now, same); !strings.Contains(o.Sentence(), "can be confirmed") {
		t.Error(o.Sentence())
	}
	w = newWorld(t, worldOptions{})
	w.run(calm)
	if o := w.e.Outlook(w.now, third); o.Without != o.Services || o.With != o.Services {
		t.Errorf("a thirteenth site: %+v", o)
	}
	if o := w.e.Outlook(w.now, w.sites[0]); o.Without != o.Services {
		t.Errorf("a second agent of a site: %+v", o)
	}
}
