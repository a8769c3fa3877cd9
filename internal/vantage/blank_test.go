package vantage

import (
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// A blank place keeps the indexes of the others, and nothing else.
func TestBlankPlacesAreIgnored(t *testing.T) {
	cfg := testConfig()
	cfg.Checks[ref1], cfg.Checks[dns] = fleet.Check{}, fleet.Check{}
	cfg.Targets = append(cfg.Targets, fleet.Target{Reference: true}) // "" must not become a reference
	s := freshSite(t, cfg)
	if got := s.v.References(); !slices.Equal(got, []uint32{ref0, ref2}) {
		t.Errorf("references %v", got)
	}
	for range 6 {
		for _, c := range []uint32{ref0, ref2, web, ping} {
			s.ok(c)
		}
		s.wait(8 * time.Second)
	}
	for _, c := range []uint32{ref1, dns} {
		for range 5 {
			s.wantDoubts(s.fail(c), 0)
		}
		if b := s.v.Vote(s.now, c, []probes.Result{bad(probes.DNSTimeout), bad(probes.DNSTimeout)}, nil); b != (Ballot{Why: WhyNoCheck}) {
			t.Errorf("votes %+v about a blank place", b)
		}
		if d := s.v.Deadline(c); d != 2*time.Second {
			t.Errorf("deadline %v", d)
		}
	}
	s.v.Began(s.now, dns)
	s.v.Next()
	s.v.SetSites(12)
	s.wantDoubts(s.v.Tick(s.now.Add(time.Minute)), 0)
	if h := s.v.Health(s.now); !h.Voting || h.RefsAsked != 2 || h.RefsOK != 2 {
		t.Errorf("health %+v", h)
	}
	if st := s.v.Standing(s.now); len(st) != 0 {
		t.Errorf("standing %+v", st)
	}
	var shown []uint32
	for _, c := range s.v.Checks() {
		shown = append(shown, c.Check)
	}
	if !slices.Equal(shown, []uint32{ref0, ref2, web, ping}) {
		t.Errorf("shows %v", shown)
	}
	s.v.SetConfig(s.now, testConfig())
	if n := len(s.v.Checks()); n != 6 {
		t.Errorf("%d checks once the places are filled", n)
	}
}

// A reference that is known to be out is not drawn beside a vote, unless too few
// are left that could outvote one operator.
func TestBesideLeavesOutWhatIsOut(t *testing.T) {
	cfg := testConfig()
	cfg.Targets = append(cfg.Targets, fleet.Target{ID: "fourth", Reference: true})
	cfg.Checks = append(cfg.Checks, fleet.Check{ID: "fourth", Target: "fourth", Spec: probes.Spec{Kind: probes.TCP, Host: "192.0.2.4"}})
	fourth := uint32(len(cfg.Checks) - 1)
	s := freshSite(t, cfg)
	for _, c := range []uint32{ref0, ref1, ref2, fourth} {
		s.ok(c)
	}
	s.fail(ref1)
	if got := s.v.Beside(); !slices.Equal(got, []uint32{ref0, ref2, fourth}) {
		t.Errorf("draws from %v", got)
	}
	s.fail(fourth)
	if got := s.v.Beside(); len(got) != 4 {
		t.Errorf("draws from %v when two are out", got)
	}
}
