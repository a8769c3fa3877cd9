package vantage

import (
	"fmt"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func TestVotes(t *testing.T) {
	down, blocked := bad(probes.TCPTimeout), unknown(probes.Blocked)
	lyingBlocked := bad(probes.Blocked) // a guard stays a guard whatever outcome it came with
	for _, c := range []struct {
		name     string
		attempts []probes.Result
		refs     int
		want     Ballot
	}{
		{"both fail", []probes.Result{down, down}, 3, Ballot{Answer: Down, Cause: probes.TCPTimeout}},
		{"the lowest failing layer names the cause", []probes.Result{bad(probes.HTTPStatus), bad(probes.DNSTimeout)}, 3, Ballot{Answer: Down, Cause: probes.DNSTimeout}},
		{"one answers", []probes.Result{down, good()}, 3, Ballot{Answer: Up}},
		{"one answers slowly", []probes.Result{slow(), down}, 3, Ballot{Answer: Up}},
		{"a guard answers twice", []probes.Result{blocked, blocked}, 3, Ballot{Cause: probes.Blocked, Why: WhyBlocked}},
		{"a guard that calls itself down", []probes.Result{lyingBlocked, lyingBlocked}, 3, Ballot{Cause: probes.Blocked, Why: WhyBlocked}},
		{"one fails, the other cannot tell", []probes.Result{down, unknown(probes.LocalResources)}, 3, Ballot{Cause: probes.TCPTimeout, Why: WhySplit}},
		{"neither can tell", []probes.Result{unknown(probes.LocalCancelled), unknown(probes.Policy)}, 3, Ballot{Why: WhyUnknown}},
		{"a zero result is no vote", make([]probes.Result, 2), 3, Ballot{Why: WhyUnknown}},
		{"one attempt is not two", []probes.Result{down}, 3, Ballot{Cause: probes.TCPTimeout, Why: WhySplit}},
		{"no attempt at all", nil, 3, Ballot{Why: WhyUnknown}},
		{"one reference fails, too", []probes.Result{down, down}, 2, Ballot{Answer: Down, Cause: probes.TCPTimeout}},
		{"two references fail, too", []probes.Result{down, down}, 1, Ballot{Why: WhyReferencesFailed}},
		{"two references fail, the target answers", []probes.Result{good(), good()}, 1, Ballot{Why: WhyReferencesFailed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			if got := s.confirm(web, c.refs, c.attempts...); got != c.want {
				t.Errorf("ballot %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestProbation(t *testing.T) {
	s := freshSite(t, testConfig())
	if h := s.v.Health(s.now); h.Voting || h.Why != WhyProbation {
		t.Fatalf("at start: %+v", h)
	}
	s.wantDoubts(s.fail(web), 0)
	s.references(3)
	if b := s.confirm(web, 3, bad(probes.TCPReset), bad(probes.TCPReset)); b != (Ballot{Why: WhyProbation}) {
		t.Fatalf("ballot %+v", b)
	}
	s.wait(10 * time.Second)
	s.references(1) // a bad round starts the count again
	s.wait(10 * time.Second)
	s.references(3)
	if s.v.Health(s.now).Voting {
		t.Fatal("voting after one good round in a row")
	}
	s.wait(10 * time.Second)
	s.references(3)
	if h := s.v.Health(s.now); !h.Voting || h.Why != WhyNone || h.RefsOK != 3 || h.RefsAsked != 3 {
		t.Fatalf("after two: %+v", h)
	}
}

func TestASickLineDoubtsNothingAndAbstains(t *testing.T) {
	s := newSite(t)
	s.wait(10 * time.Second)
	s.references(1)
	if h := s.v.Health(s.now); h.Voting || h.Why != WhyUplink || h.RefsOK != 1 {
		t.Fatalf("health %+v", h)
	}
	s.v.Began(s.now, dns)
	for range 40 { // all of the cloud seems to be gone
		s.wantDoubts(s.fail(web), 0)
		s.wantDoubts(s.v.Tick(s.now), 0)
		s.wait(10 * time.Second)
		s.references(0)
	}
	if b := s.confirm(web, 3, bad(probes.TCPTimeout), bad(probes.TCPTimeout)); b != (Ballot{Why: WhyUplink}) {
		t.Fatalf("ballot %+v", b)
	}
	if len(s.v.Standing(s.now)) != 0 {
		t.Error("the hello would tell of broken clouds")
	}
	s.references(3)
	s.ok(web)
	if c := s.v.Checks()[web]; c.State != StateUp || c.Failures != 0 || c.Why != WhyNone {
		t.Errorf("the line cut left a memory: %+v", c)
	}
}

func TestHealthOfTheLine(t *testing.T) {
	for _, c := range []struct {
		name     string
		ok, fail int
		local    int // references without a route
		useless  int // references that a policy forbids
		want     Health
	}{
		{"no references: votes, and says so", 0, 0, 0, 0, Health{Voting: true, Why: WhyNoReferences}},
		{"all well", 5, 0, 0, 0, Health{RefsOK: 5, RefsAsked: 5, Voting: true}},
		{"one operator's bad day", 4, 1, 0, 0, Health{RefsOK: 4, RefsAsked: 5, Voting: true}},
		{"60 % is enough", 3, 2, 0, 0, Health{RefsOK: 3, RefsAsked: 5, Voting: true}},
		{"40 % is not", 2, 3, 0, 0, Health{RefsOK: 2, RefsAsked: 5, Why: WhyUplink}},
		{"no route counts", 1, 0, 2, 0, Health{RefsOK: 1, RefsAsked: 3, Why: WhyUplink}},
		{"useless references are not asked", 3, 0, 0, 2, Health{RefsOK: 3, RefsAsked: 3, Voting: true}},
		{"two references, one gone", 1, 1, 0, 0, Health{RefsOK: 1, RefsAsked: 2, Voting: true, Why: WhyFewReferences}},
		{"two references, both gone", 0, 2, 0, 0, Health{RefsAsked: 2, Why: WhyUplink}},
		{"none of them can be asked", 0, 0, 0, 3, Health{Why: WhyReferencesStale}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cfg fleet.Config
			var results []probes.Result
			add := func(n int, r probes.Result) {
				for range n {
					id := fmt.Sprint(len(results))
					cfg.Targets = append(cfg.Targets, fleet.Target{ID: id, Reference: true})
					cfg.Checks = append(cfg.Checks, fleet.Check{ID: id, Target: id, Interval: 10 * time.Second})
					results = append(results, r)
				}
			}
			add(c.ok, good())
			add(c.fail, bad(probes.TCPTimeout))
			add(c.local, unknown(probes.LocalNoRoute))
			add(c.useless, unknown(probes.Policy))
			v := New(Options{Probation: -1})
			now := time.Unix(1e9, 0)
			v.SetConfig(now, cfg)
			for i, r := range results {
				v.Result(now, uint32(i), now, r)
			}
			if got := v.Health(now); got != c.want {
				t.Errorf("health %+v, want %+v", got, c.want)
			}
		})
	}
}

// A public resolver that is out for everybody is no broken line, nor are two more
// references that fail once beside it; the rest of them is.
func TestAReferenceThatIsOutSaysNothingOfTheLine(t *testing.T) {
	for _, c := range []struct {
		name         string
		of, out, bad int // references, out for long, failing now
		votes        bool
	}{
		{"three at once", 5, 0, 3, false},
		{"two beside one that is out", 5, 1, 2, true},
		{"three beside one that is out", 5, 1, 3, false},
		{"all beside one that is out", 5, 1, 4, false},
		{"one beside two that are out", 5, 2, 1, true},
		{"two beside two that are out", 5, 2, 2, false},
		{"one of three, one is out: too few to go by", 3, 1, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cfg fleet.Config
			for i := range c.of {
				id := fmt.Sprint(i)
				cfg.Targets = append(cfg.Targets, fleet.Target{ID: id, Reference: true})
				cfg.Checks = append(cfg.Checks, fleet.Check{ID: id, Target: id, Interval: 5 * time.Second})
			}
			v := New(Options{Probation: -1})
			now := time.Unix(1e9, 0)
			v.SetConfig(now, cfg)
			for round := range 12 {
				for i := range c.of {
					r := good()
					if round >= 5 && i < c.out || round == 11 && i < c.out+c.bad {
						r = bad(probes.TCPTimeout)
					}
					v.Result(now, uint32(i), now, r)
				}
				now = now.Add(5 * time.Second)
			}
			h := v.Health(now)
			if want := (Health{RefsOK: c.of - c.out - c.bad, RefsAsked: c.of, Voting: c.votes}); h.Voting != want.Voting || h.RefsOK != want.RefsOK || h.RefsAsked != want.RefsAsked {
				t.Errorf("health %+v, want %+v", h, want)
			}
		})
	}
}

func TestReferencesThatWereNotAskedLatelyProveNothing(t *testing.T) {
	s := newSite(t)
	s.wait(16 * time.Second) // 1.5 intervals are 15 s
	if h := s.v.Health(s.now); h.Voting || h.Why != WhyReferencesStale {
		t.Errorf("health %+v", h)
	}
}

func TestALateReferenceCountsAsMissing(t *testing.T) {
	s := newSite(t)
	s.v.Began(s.now, ref0)
	s.v.Began(s.now, ref1)
	s.wait(time.Second)
	if h := s.v.Health(s.now); h.Voting || h.RefsOK != 1 {
		t.Errorf("health %+v", h)
	}
}

func TestAFleetWithoutReferencesVotesAndSaysSo(t *testing.T) {
	cfg := testConfig()
	for i := range cfg.Targets {
		cfg.Targets[i].Reference = false
	}
	s := freshSite(t, cfg)
	s.ok(web)
	s.wantDoubts(s.fail(web), 1)
	b := s.v.Vote(s.now, web, []probes.Result{bad(probes.TCPReset), bad(probes.TCPReset)}, nil)
	if b != (Ballot{Answer: Down, Cause: probes.TCPReset, Why: WhyNoReferences}) {
		t.Errorf("ballot %+v", b)
	}
}

func TestPingAndReferencesNeverDoubt(t *testing.T) {
	s := newSite(t)
	for _, c := range []uint32{ping, ref0} {
		s.v.Began(s.now, c)
		if _, ok := s.v.Next(); ok {
			t.Error("a timer nobody waits for")
		}
		s.wait(time.Second)
		s.wantDoubts(s.v.Tick(s.now), 0)
		s.wantDoubts(s.fail(c), 0)
		s.want(c, StateSuspect)
		s.fail(c)
		s.fail(c)
		s.want(c, StateDown) // it is still known
	}
}

func TestNeverWorkedHere(t *testing.T) {
	s := newSite(t)
	cfg := testConfig()
	cfg.Checks[web].Spec.Path = "/new"
	s.v.SetConfig(s.now, cfg)
	for i := range 20 {
		s.references(3)
		d := s.probe(web, bad(probes.TCPTimeout))
		if i == 0 && (len(d) != 1 || !d[0].Own) {
			t.Fatalf("the first failure of a new check is confirmed alone first: %+v", d)
		}
		s.wait(10 * time.Second)
	}
	s.references(3)
	if b := s.confirm(web, 3, bad(probes.TCPTimeout), bad(probes.TCPTimeout)); b != (Ballot{Why: WhyNeverWorked}) {
		t.Fatalf("ballot %+v", b)
	}
	if len(s.v.Standing(s.now)) != 0 {
		t.Error("the hello would tell it")
	}
	s.calm(300) // 50 minutes and more
	if w := s.v.Checks()[web].Why; w != WhyNeverWorked {
		t.Fatalf("a witness after less than an hour: %v", w)
	}
	s.calm(62)
	s.wantDoubts(s.fail(web), 1)
	if b := s.confirm(web, 3, bad(probes.TCPTimeout), bad(probes.TCPTimeout)); b.Answer != Down {
		t.Fatalf("ballot %+v", b)
	}
}

func TestBadHere(t *testing.T) {
	s := newSite(t)
	for range 8 { // every third probe fails
		s.references(3)
		s.ok(web)
		s.ok(web)
		s.fail(web)
		s.confirm(web, 3, good(), good())
		s.wait(10 * time.Second)
	}
	s.references(3)
	s.wantDoubts(s.fail(web), 0)
	if b := s.confirm(web, 3, bad(probes.TCPTimeout), bad(probes.TCPTimeout)); b != (Ballot{Why: WhyBadHere}) {
		t.Fatalf("ballot %+v", b)
	}
	s.calm(60)
	if w := s.v.Checks()[web].Why; w != WhyNone {
		t.Fatalf("ten good minutes later: %v", w)
	}
}

func TestARealOutageDoesNotSilenceItsWitness(t *testing.T) {
	s := newSite(t)
	s.fail(web)
	for range 360 { // an hour down
		s.references(3)
		if b := s.confirm(web, 3, bad(probes.TCPTimeout), bad(probes.TCPTimeout)); b.Answer != Down {
			t.Fatalf("silenced during it: %+v", b)
		}
		s.fail(web)
		s.wait(10 * time.Second)
	}
	s.calm(20)
	s.want(web, StateUp)
	s.fail(web) // and it comes back
	if b := s.confirm(web, 3, bad(probes.TCPTimeout), bad(probes.TCPTimeout)); b.Answer != Down {
		t.Errorf("silenced when it came back: %+v", b)
	}
}

func TestALineThatFlapsGetsBadHere(t *testing.T) {
	s := newSite(t)
	for range 6 { // two minutes down, two minutes up
		for range 12 {
			s.references(3)
			s.fail(web)
			s.confirm(web, 3, bad(probes.TCPTimeout), bad(probes.TCPTimeout))
			s.wait(10 * time.Second)
		}
		s.calm(12)
	}
	if w := s.v.Checks()[web].Why; w != WhyBadHere {
		t.Errorf("why %v", w)
	}
	s.fail(web)
	for range 30 { // and a long spell does not make a witness of it
		s.references(3)
		if b := s.confirm(web, 3, bad(probes.TCPTimeout), bad(probes.TCPTimeout)); b.Why != WhyBadHere {
			t.Fatalf("ballot %+v", b)
		}
		s.wait(time.Minute / 6)
	}
	if len(s.v.Standing(s.now)) != 0 {
		t.Error("the hello would tell it")
	}
}

func TestAnUnreliableCheckIsConfirmedAloneFirst(t *testing.T) {
	s := newSite(t)
	s.calm(300)
	d := s.fail(web)
	s.wantDoubts(d, 1)
	if d[0].Own {
		t.Error("the very first failure counts against itself")
	}
	s.confirm(web, 3, good(), good())
	s.calm(5)
	s.fail(web) // 1 of 316 before it
	s.confirm(web, 3, good(), good())
	s.calm(5)
	if d = s.fail(web); len(d) != 1 || !d[0].Own {
		t.Errorf("2 of 322 failed before: %+v", d)
	}
	s.confirm(web, 3, good(), good())
	s.calm(365)
	if d = s.fail(web); len(d) != 1 || d[0].Own {
		t.Errorf("an hour later: %+v", d)
	}
}

func TestBudgets(t *testing.T) {
	cfg := testConfig()
	for i := range 50 {
		cfg.Checks = append(cfg.Checks, fleet.Check{ID: fmt.Sprint(i), Target: "app", Spec: probes.Spec{Kind: probes.TCP}, Interval: 10 * time.Second})
	}
	s := freshSite(t, cfg)
	for range 3 {
		s.wait(5 * time.Second)
		s.references(3)
		for i := range uint32(50) {
			s.v.Result(s.now, ping+1+i, s.now, good())
		}
	}
	all := func() (n int) {
		for i := range uint32(50) {
			n += len(s.v.Result(s.now, ping+1+i, s.now, bad(probes.TCPReset)))
		}
		return n
	}
	if n := all(); n != 20 {
		t.Errorf("fifty broken checks at once: %d doubts, want 20", n)
	}
	s.wait(10 * time.Second)
	s.references(3)
	if n := all(); n != 20 {
		t.Errorf("ten seconds later: %d doubts, want 20", n)
	}

	s = newSite(t)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {4 * time.Second, 0}, {2 * time.Second, 1}} {
		s.wait(c.after)
		s.wantDoubts(s.fail(web), c.want)
		s.ok(web)
	}
}
