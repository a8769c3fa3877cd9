package detect

import (
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

func nxdomain() *fault { return &fault{probes.DNSNXDomain, 20 * time.Millisecond} }

// claimsOthers says whether the summary tells what others can: that must be
// counted, never assumed.
func claimsOthers(in Incident) bool {
	for _, s := range []string{"reach them, so", "reaches them, so", "other sites are heard"} {
		if strings.Contains(in.Summary, s) {
			return true
		}
	}
	return false
}

func TestNoSiteIsBlamedWithoutAnotherThatContradicts(t *testing.T) {
	for name, n := range map[string]int{"the only site": 1, "both of two sites": 2, "all of six": 6} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{sites: n, networks: n, clients: 1})
			w.run(calm)
			w.breaks = func(*Site, *fleet.Target, probes.Kind) *fault { return nxdomain() }
			w.refs = func(*Site) int { return 0 }
			w.run(2 * time.Minute)
			w.tell()
			for _, ev := range w.history {
				in := ev.Incident
				if in.Kind == KindSite || in.Kind == KindNetwork || in.Confidence == ConfidenceConfirmed || claimsOthers(in) {
					t.Errorf("%s %s: %s", in.Confidence, in.Kind, in.Summary)
				}
			}
		})
	}
}

func TestSiteWithoutItsReferencesIsUnwellItself(t *testing.T) {
	for name, c := range map[string]struct {
		sites, refs int
		most        Confidence
		says        []string
	}{
		"two sites":                  {2, 0, ConfidenceProbable, []string{"its references fail too", "The other site that can tell reaches them", "their names do not exist"}},
		"six sites":                  {6, 0, ConfidenceConfirmed, []string{"its references fail too", "5 of 5 other sites reach them"}},
		"six sites, references well": {6, 5, ConfidenceConfirmed, []string{"5 of 5 other sites reach them"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{sites: c.sites, networks: c.sites, clients: 1})
			w.run(calm)
			w.breaks = func(s *Site, _ *fleet.Target, _ probes.Kind) *fault {
				if s.ID == "c1/s01" {
					return nxdomain()
				}
				return nil
			}
			w.refs = func(s *Site) int {
				if s.ID == "c1/s01" {
					return c.refs
				}
				return 5
			}
			w.run(time.Minute)
			w.tell()
			o := w.open()
			if len(o) != 1 || o[0].Kind != KindSite || o[0].Confidence != c.most {
				t.Fatalf("%+v", o)
			}
			if unwell := strings.HasSuffix(o[0].Title, "its own line or resolver is unwell"); unwell != (c.refs == 0) {
				t.Error(o[0].Title)
			}
			for _, s := range c.says {
				if !strings.Contains(o[0].Summary, s) {
					t.Errorf("%q is missing: %s", s, o[0].Summary)
				}
			}
		})
	}
}

func TestRestoredSiteIncidentClaimsNothingOfOthers(t *testing.T) {
	w := newWorld(t, worldOptions{sites: 3, networks: 3, clients: 1})
	w.run(calm)
	w.breaks = func(s *Site, _ *fleet.Target, _ probes.Kind) *fault {
		if s.ID == "c1/s01" {
			return nxdomain()
		}
		return nil
	}
	w.run(time.Minute)
	stored := w.restart()
	if len(stored) != 1 || stored[0].Kind != KindSite || !claimsOthers(stored[0]) {
		t.Fatalf("%+v", stored)
	}
	if in := w.open()[0]; !in.CoverageLost || claimsOthers(in) {
		t.Errorf("nobody has said anything yet: %s", in.Summary)
	}
	for _, a := range w.agents {
		a.off = a.site.ID != "c1/s01"
	}
	w.run(2 * time.Minute)
	w.tell()
	for _, in := range w.open() {
		if in.ID == stored[0].ID && (!in.CoverageLost || claimsOthers(in) || in.Confidence.Rank() > stored[0].Confidence.Rank()) {
			t.Errorf("coverage lost %v: %s", in.CoverageLost, in.Summary)
		}
	}
	for _, a := range w.agents {
		a.off = false
	}
	w.run(time.Minute)
	if in := w.incidents[stored[0].ID]; in.CoverageLost || !claimsOthers(in) {
		t.Errorf("the others are back: coverage lost %v: %s", in.CoverageLost, in.Summary)
	}
}

func TestRecoveryIsToldAsThePast(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", nxdomain())
	w.run(time.Minute)
	w.breaks = nil
	w.run(40 * time.Second)
	o := w.open()
	if len(o) != 1 || o[0].State != Recovering {
		t.Fatalf("%+v", o)
	}
	want := "12 of 12 sites on 6 ISPs could not reach Azure r2 from " + clock(o[0].Started) + "; all is well again since " + clock(o[0].Recovered) + ", closing after a minute of health."
	if !strings.HasPrefix(o[0].Summary, want) || strings.Contains(o[0].Summary, "cannot") {
		t.Errorf("%s\nwant %s", o[0].Summary, want)
	}
	// It comes back at five of twelve sites: that is what is told, not the peak.
	w.breaks = func(s *Site, tg *fleet.Target, _ probes.Kind) *fault {
		if s.ID[3:] <= "s05" && tg.Provider == "azure" && tg.Region == "r2" {
			return refused()
		}
		return nil
	}
	w.run(40 * time.Second)
	w.tell()
	o = w.open()
	if len(o) != 1 || o[0].State != Confirmed || o[0].DownSites != 5 || !strings.HasPrefix(o[0].Summary, "5 of 12 sites on 5 ISPs cannot reach") ||
		!strings.Contains(o[0].Summary, "It was well from ") || !strings.Contains(o[0].Summary, "; now 5 of 12 sites fail again.") {
		t.Errorf("%s, %d: %s", o[0].State, o[0].DownSites, o[0].Summary)
	}
	w.breaks = nil
	w.run(3 * time.Minute)
	for _, in := range w.incidents {
		if in.State != Resolved || !strings.HasPrefix(in.Summary, "12 of 12 sites on 6 ISPs could not reach Azure r2 from ") {
			t.Errorf("%s: %s", in.State, in.Summary)
		}
	}
}

func TestLoneTimeoutsDoNotRestartTheMinuteOfHealth(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, worldOptions{seed: seed})
		w.run(calm)
		w.broken("azure", "r2", refused())
		w.run(time.Minute)
		w.breaks = nil
		w.run(25 * time.Second)
		o := w.open()
		if len(o) != 1 || o[0].State != Recovering {
			t.Fatalf("seed %d: %+v", seed, o)
		}
		well := o[0].Recovered
		// A busy machine: probes do not get through now and then, at any site.
		w.noise = 0.15
		w.after(40*time.Second, func() { w.noise = 0 })
		n := len(w.history)
		w.run(75*time.Second - w.now.Sub(well))
		in := w.incidents[o[0].ID]
		for _, ev := range w.history[n:] {
			if ev.Incident.ID == in.ID && ev.Incident.State == Confirmed {
				t.Errorf("seed %d: confirmed again: %s", seed, ev.Incident.Summary)
			}
		}
		if in.State != Resolved || in.Resolved.Sub(well) > 70*time.Second {
			w.tell()
			t.Errorf("seed %d: %s %v after health came back", seed, in.State, in.Resolved.Sub(well))
		}
	}
}

func TestEvidenceRowIsOneObservation(t *testing.T) {
	quoted := 0
	for n := range 8 {
		w := newWorld(t, worldOptions{seed: uint64(n)})
		w.run(calm + time.Duration(n)*1377*time.Millisecond)
		// The name is gone for the TLS check; the HTTP check meets something else.
		w.breaks = func(_ *Site, tg *fleet.Target, k probes.Kind) *fault {
			if tg.Provider != "azure" || tg.Region != "r2" {
				return nil
			}
			later := w.now.Sub(w.start) > calm+30*time.Second // the causes change after the votes
			switch {
			case k == probes.HTTP && later:
				return http503()
			case k == probes.HTTP:
				return tlsHang()
			case later:
				return refused()
			}
			return nxdomain()
		}
		for range 60 {
			w.run(time.Second)
			for _, in := range w.open() {
				quoted += oneObservationEach(t, in)
			}
		}
	}
	if quoted == 0 {
		t.Error("no row tells the text of an error")
	}
}

// oneObservationEach counts the rows that quote an error.
func oneObservationEach(t *testing.T, in Incident) (quoted int) {
	t.Helper()
	for _, ev := range in.Evidence {
		if ev.Answer != "down" {
			continue
		}
		text, mine := map[string]string{"dns_nxdomain": "no such host", "tcp_refused": ""}[ev.Cause]
		if strings.HasSuffix(ev.Check, "/http") {
			text, mine = map[string]string{"tls_timeout": "handshake timeout", "http_status": ""}[ev.Cause]
		}
		if !mine || ev.Err != "" && ev.Err != text {
			t.Fatalf("%s of %s: %s with %q", ev.Check, ev.Site, ev.Cause, ev.Err)
		}
		if ev.Err != "" {
			quoted++
		}
	}
	return quoted
}

func TestCausesOfSeveralThingsArePlural(t *testing.T) {
	if got := causeText("dns_nxdomain", 45); got != "their names do not exist" {
		t.Error(got)
	}
	for c, s := range causeTexts() {
		if many := s.of(2); strings.Contains(" "+many+" ", " its ") || strings.Contains(" "+many+" ", " it ") {
			t.Errorf("%s of several: %s", c, many)
		}
	}
}

func TestReasonsOfAbstentionHaveWords(t *testing.T) {
	for _, why := range []vantage.Why{vantage.WhyNoReferences, vantage.WhyFewReferences, vantage.WhyProbation, vantage.WhyUplink, vantage.WhyReferencesStale,
		vantage.WhyReferencesFailed, vantage.WhyNeverWorked, vantage.WhyBadHere, vantage.WhyStale, vantage.WhyNoCheck, vantage.WhyUnknown, vantage.WhyBlocked, vantage.WhySplit} {
		if WhyWords(why.String()) == why.String() {
			t.Errorf("%s reaches people as a code", why)
		}
	}
}
