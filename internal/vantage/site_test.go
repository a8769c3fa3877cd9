package vantage

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// The checks of the test config: three references, then what is watched.
const (
	ref0, ref1, ref2 uint32 = 0, 1, 2

	web  uint32 = 3
	dns  uint32 = 4
	ping uint32 = 5
)

func testConfig() fleet.Config {
	cfg := fleet.Config{ID: 1, Targets: []fleet.Target{
		{ID: "ref-a", Reference: true}, {ID: "ref-b", Reference: true}, {ID: "ref-c", Reference: true},
		{ID: "app", Provider: "azure"},
	}}
	for _, id := range []string{"ref-a", "ref-b", "ref-c"} {
		cfg.Checks = append(cfg.Checks, fleet.Check{ID: id + "/tcp", Target: id, Spec: probes.Spec{Kind: probes.TCP, Host: id, Port: 443}, Interval: 10 * time.Second})
	}
	for _, k := range []probes.Kind{probes.HTTP, probes.DNS, probes.Ping} {
		cfg.Checks = append(cfg.Checks, fleet.Check{ID: "app/" + k.String(), Target: "app", Spec: probes.Spec{Kind: k, Host: "app.example"}, Interval: 10 * time.Second})
	}
	return cfg
}

// site drives one vantage point through a story in virtual time.
type site struct {
	t   *testing.T
	v   *Vantage
	now time.Time
}

// newSite is past probation, and everything has worked for a while.
func newSite(t *testing.T) *site {
	s := freshSite(t, testConfig())
	s.calm(10)
	return s
}

// freshSite has just started.
func freshSite(t *testing.T, cfg fleet.Config) *site {
	s := &site{t: t, v: New(Options{}), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.v.SetConfig(s.now, cfg)
	return s
}

func (s *site) wait(d time.Duration) { s.now = s.now.Add(d) }

// probe runs one scheduled probe that takes r.Total.
func (s *site) probe(check uint32, r probes.Result) []Doubt {
	s.t.Helper()
	started := s.now
	s.v.Began(started, check)
	s.wait(r.Total)
	r.Start = started
	return s.v.Result(s.now, check, started, r)
}

func (s *site) ok(check uint32) []Doubt { return s.probe(check, good()) }

func (s *site) fail(check uint32) []Doubt { return s.probe(check, bad(probes.TCPRefused)) }

// references reports n good references of three.
func (s *site) references(n int) {
	for i := range uint32(3) {
		if int(i) < n {
			s.ok(ref0 + i)
		} else {
			s.probe(ref0+i, bad(probes.TCPTimeout))
		}
	}
}

// calm lets n rounds of 10 s pass in which everything works.
func (s *site) calm(n int) {
	s.t.Helper()
	for range n {
		s.wait(10 * time.Second)
		s.references(3)
		for _, c := range []uint32{web, dns, ping} {
			if d := s.ok(c); len(d) > 0 && !d[0].Degraded {
				s.t.Fatalf("a calm round doubts: %+v", d)
			}
		}
	}
}

// confirm votes on the check with two attempts and three references, n of them good.
func (s *site) confirm(check uint32, n int, attempts ...probes.Result) Ballot {
	refs := make([]probes.Result, 3)
	for i := range refs {
		refs[i] = good()
		if i >= n {
			refs[i] = bad(probes.TCPTimeout)
		}
	}
	for i := range attempts {
		attempts[i].Start = s.now
	}
	s.wait(300 * time.Millisecond)
	return s.v.Vote(s.now, check, attempts, refs)
}

func (s *site) state(check uint32) State { return s.v.Checks()[check].State }

func (s *site) want(check uint32, want State) {
	s.t.Helper()
	s.v.see(s.now)
	if got := s.state(check); got != want {
		s.t.Fatalf("%s is %v, want %v", s.v.checks[check].id, got, want)
	}
}

func (s *site) wantDoubts(got []Doubt, n int) {
	s.t.Helper()
	if len(got) != n {
		s.t.Fatalf("%d doubts, want %d: %+v", len(got), n, got)
	}
}

func good() probes.Result { return probes.Result{Outcome: probes.Up, Total: 20 * time.Millisecond} }

func bad(c probes.Cause) probes.Result {
	return probes.Result{Outcome: probes.Down, Cause: c, Total: 20 * time.Millisecond}
}

func slow() probes.Result {
	return probes.Result{Outcome: probes.Degraded, Total: 2 * time.Second}
}

func unknown(c probes.Cause) probes.Result {
	return probes.Result{Outcome: probes.Unknown, Cause: c, Total: 20 * time.Millisecond}
}
