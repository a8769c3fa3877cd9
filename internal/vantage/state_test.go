package vantage

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func TestAFailureIsDoubtedConfirmedAndRecovers(t *testing.T) {
	s := newSite(t)
	s.want(web, StateUp)

	started := s.now
	d := s.fail(web)
	s.wantDoubts(d, 1)
	if want := (Doubt{Check: web, Cause: probes.TCPRefused, Started: started}); d[0] != want {
		t.Fatalf("doubt %+v, want %+v", d[0], want)
	}
	s.want(web, StateSuspect)

	if b := s.confirm(web, 3, bad(probes.TCPRefused), bad(probes.TCPTimeout)); b != (Ballot{Answer: Down, Cause: probes.TCPRefused}) {
		t.Fatalf("ballot %+v", b)
	}
	s.want(web, StateDown)
	if st := s.v.Standing(s.now); len(st) != 1 || st[0].Check != web || st[0].Since != s.now.Sub(started) || st[0].Cause == probes.None {
		t.Fatalf("standing %+v", st)
	}

	s.wait(10 * time.Second)
	s.wantDoubts(s.fail(web), 0) // it is told already
	s.wait(10 * time.Second)
	s.ok(web)
	s.want(web, StateDown)
	s.wait(10 * time.Second)
	s.ok(web)
	s.want(web, StateRecovering)
	s.wait(10 * time.Second)
	s.ok(web)
	s.want(web, StateUp)
	if st := s.v.Standing(s.now); len(st) != 0 {
		t.Fatalf("still standing: %+v", st)
	}
}

func TestAPassingFailureIsATransient(t *testing.T) {
	for name, end := range map[string]func(s *site){
		"the first attempt answers":  func(s *site) { s.confirm(web, 3, good(), bad(probes.TCPReset)) },
		"the second attempt answers": func(s *site) { s.confirm(web, 3, bad(probes.TCPReset), slow()) },
		"the next probe answers":     func(s *site) { s.ok(web) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.fail(web)
			end(s)
			s.want(web, StateUp)
			if n := s.v.Checks()[web].Transients; n != 1 {
				t.Errorf("%d transients, want 1", n)
			}
		})
	}
}

func TestAFailureWhileRecoveringIsNews(t *testing.T) {
	s := newSite(t)
	s.fail(web)
	s.confirm(web, 3, bad(probes.TCPReset), bad(probes.TCPReset))
	s.wait(10 * time.Second)
	s.ok(web)
	s.ok(web)
	s.want(web, StateRecovering)
	s.references(3)
	s.wantDoubts(s.fail(web), 1)
	s.want(web, StateSuspect)
}

func TestASiteNobodyAsksStillKnowsWhatItSaw(t *testing.T) {
	s := newSite(t)
	for i := range 3 {
		s.references(3)
		s.fail(web)
		if i < 2 {
			s.want(web, StateSuspect)
		}
		s.wait(10 * time.Second)
	}
	s.want(web, StateDown)
	if len(s.v.Standing(s.now)) != 1 {
		t.Error("the hello would not tell it")
	}
}

func TestADoubtThatCameToNothingIsRaisedAgain(t *testing.T) {
	s := newSite(t)
	for range 5 {
		s.references(3)
		s.wantDoubts(s.fail(web), 1)
		s.confirm(web, 3, bad(probes.TCPReset), unknown(probes.LocalCancelled))
		s.want(web, StateSuspect)
		s.wait(10 * time.Second)
	}
}

func TestWithoutFreshResultsNothingIsKnown(t *testing.T) {
	s := newSite(t)
	s.wait(29 * time.Second)
	s.want(web, StateUp)
	s.wait(2 * time.Second)
	s.want(web, StateStale)
	if w := s.v.Checks()[web].Why; w != WhyStale {
		t.Errorf("why %v", w)
	}
	s.ok(web)
	s.want(web, StateUp)

	s.fail(web)
	s.confirm(web, 3, bad(probes.TCPReset), bad(probes.TCPReset))
	s.wait(time.Hour) // a laptop sleeps
	s.want(web, StateStale)
	if len(s.v.Standing(s.now)) != 0 {
		t.Error("an hour old down is told as if it were one now")
	}
	s.ok(web)
	s.want(web, StateUp)
}

func TestAPoliteFleetIsNotStale(t *testing.T) {
	cfg := testConfig()
	cfg.Politeness = time.Second
	s := freshSite(t, cfg)
	s.v.SetSites(60)
	s.ok(web)
	s.wait(170 * time.Second)
	s.want(web, StateUp)
	s.wait(20 * time.Second)
	s.want(web, StateStale)
}

func TestALateReplyIsDoubted(t *testing.T) {
	s := newSite(t) // 10 good samples of 20 ms: 500 ms
	s.references(3)
	s.v.Began(s.now, web)
	started := s.now
	at, ok := s.v.Next()
	if !ok || at.Sub(started) != 500*time.Millisecond {
		t.Fatalf("next %v %v", at.Sub(started), ok)
	}
	s.now = at.Add(-time.Millisecond)
	s.wantDoubts(s.v.Tick(s.now), 0)
	s.now = at
	d := s.v.Tick(s.now)
	s.wantDoubts(d, 1)
	if want := (Doubt{Check: web, Cause: probes.HTTPTimeout, Overdue: true, Started: started}); d[0] != want {
		t.Fatalf("doubt %+v, want %+v", d[0], want)
	}
	s.wantDoubts(s.v.Tick(s.now), 0) // once
	if _, ok := s.v.Next(); ok {
		t.Error("still waiting for the same reply")
	}

	// The attempts answer; then the old probe times out, which is no news.
	s.confirm(web, 3, good(), good())
	s.want(web, StateUp)
	s.wait(5 * time.Second)
	s.wantDoubts(s.v.Result(s.now, web, started, bad(probes.HTTPTimeout)), 0)
	s.want(web, StateUp)
}

func TestALateReplyThatFailsIsNotDoubtedTwice(t *testing.T) {
	s := newSite(t)
	s.v.Began(s.now, web)
	started := s.now
	s.wait(time.Second)
	s.wantDoubts(s.v.Tick(s.now), 1)
	s.wait(6 * time.Second) // longer than the budget
	s.wantDoubts(s.v.Result(s.now, web, started, bad(probes.HTTPTimeout)), 0)
	s.want(web, StateSuspect)
}

func TestOverdueTimers(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		each time.Duration
		want time.Duration
	}{
		{"nothing is known yet", 4, 20 * time.Millisecond, 0},
		{"a few fast samples get the long floor", 5, 20 * time.Millisecond, 500 * time.Millisecond},
		{"a few slow samples get four medians", 49, 200 * time.Millisecond, 800 * time.Millisecond},
		{"many fast samples get the short floor", 50, 20 * time.Millisecond, 300 * time.Millisecond},
		{"many slow samples get their tail", 300, 400 * time.Millisecond, 400 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ring totals
			for range c.n {
				ring.add(c.each)
			}
			if got := ring.overdue(0); got != c.want {
				t.Errorf("overdue after %v, want %v", got, c.want)
			}
		})
	}
}

func TestConfirmDeadline(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		each time.Duration
		want time.Duration
	}{
		{"no history is patient", 0, 0, 2 * time.Second},
		{"never below the first TCP retransmission", 20, 10 * time.Millisecond, time.Second},
		{"four times the tail", 20, 400 * time.Millisecond, 1600 * time.Millisecond},
		{"never above two seconds", 20, 3 * time.Second, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := freshSite(t, testConfig())
			for range c.n {
				r := good()
				r.Total = c.each
				s.probe(web, r)
			}
			if got := s.v.Deadline(web); got != c.want {
				t.Errorf("deadline %v, want %v", got, c.want)
			}
		})
	}
}

func TestAConfigChangeKeepsWhatDidNotChange(t *testing.T) {
	s := newSite(t)
	s.fail(web)
	s.confirm(web, 3, bad(probes.TCPReset), bad(probes.TCPReset))
	s.fail(dns)
	s.v.Began(s.now, ping)
	flying := s.now
	s.wait(time.Second)

	cfg := testConfig()
	cfg.ID = 2
	cfg.Checks[dns].Spec.Host = "other.example"
	cfg.Checks[web].Spec.Status = []int{} // came back empty instead of nil
	cfg.Checks[0], cfg.Checks[web] = cfg.Checks[web], cfg.Checks[0]
	cfg.Checks = append(cfg.Checks[:5:5], fleet.Check{ID: "new", Target: "app", Spec: probes.Spec{Kind: probes.TCP}})
	s.v.SetConfig(s.now, cfg)

	s.want(0, StateDown)
	s.want(dns, StateStale)
	s.want(5, StateStale)
	if n := s.v.Checks()[0].Samples; n != 10 {
		t.Errorf("%d samples survived, want 10", n)
	}
	if got := s.v.References(); len(got) != 3 || got[0] != 1 || got[2] != 3 {
		t.Errorf("references %v", got)
	}
	s.wantDoubts(s.v.Result(s.now, 5, flying, bad(probes.TCPReset)), 0)
	s.want(5, StateStale) // the flying probe's result belonged to another check
	if !s.v.Health(s.now).Voting {
		t.Error("a config change puts the agent on probation")
	}
}

func TestAnUnknownIndexIsHarmless(t *testing.T) {
	s := newSite(t)
	s.v.Began(s.now, 99)
	s.wantDoubts(s.v.Result(s.now, 99, s.now, bad(probes.TCPReset)), 0)
	if b := s.v.Vote(s.now, 99, nil, nil); b != (Ballot{Why: WhyNoCheck}) {
		t.Errorf("ballot %+v", b)
	}
	if d := s.v.Deadline(99); d != 2*time.Second {
		t.Errorf("deadline %v", d)
	}
}

func TestStatusSurvivesJSON(t *testing.T) {
	s := newSite(t)
	s.fail(web)
	s.wait(time.Minute)
	s.v.see(s.now)
	want := s.v.Checks()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"state":"stale"`) || !strings.Contains(string(text), `"why":"stale"`) {
		t.Error(string(text))
	}
	var got []CheckStatus
	if err := json.Unmarshal(text, &got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// TestAFreshAgentUsesTheFleetsMedian: an agent that has just joined a fleet with
// a history misses a reply as soon as one that has been here for minutes.
func TestAFreshAgentUsesTheFleetsMedian(t *testing.T) {
	cfg := testConfig()
	cfg.Checks[web].Typical = 80 * time.Millisecond
	s := freshSite(t, cfg)
	if d := s.v.Overdue(web); d != 500*time.Millisecond {
		t.Fatalf("overdue after %v", d)
	}
	s.calm(2) // probation is over, two replies are here
	s.wait(10 * time.Second)
	started := s.now
	s.v.Began(s.now, web)
	s.v.Began(s.now, dns) // the fleet knows nothing of this one
	s.wait(500 * time.Millisecond)
	d := s.v.Tick(s.now)
	s.wantDoubts(d, 1)
	if want := (Doubt{Check: web, Cause: probes.HTTPTimeout, Overdue: true, Started: started}); d[0] != want {
		t.Fatalf("doubt %+v, want %+v", d[0], want)
	}
}

// TestAFarSiteIsBelievedItsOwnReplies: what is typical of the fleet does not make
// a site at the other end of the world doubt each of its first replies; and
// where a check has never answered, nothing is missed.
func TestAFarSiteIsBelievedItsOwnReplies(t *testing.T) {
	cfg := testConfig()
	cfg.Checks[web].Typical = 20 * time.Millisecond
	s := freshSite(t, cfg)
	for range 2 {
		s.wait(10 * time.Second)
		s.references(3)
	}
	s.v.Began(s.now, web)
	s.wait(time.Second)
	s.wantDoubts(s.v.Tick(s.now), 0) // it has never answered
	far := good()
	far.Total = 600 * time.Millisecond
	s.probe(web, far)
	if d := s.v.Overdue(web); d != 2400*time.Millisecond {
		t.Fatalf("overdue after %v", d)
	}
	for range 4 {
		s.probe(web, far)
	}
	cfg.Checks[web].Typical = time.Hour // with a history of its own, the fleet's word is not asked
	s.v.SetConfig(s.now, cfg)
	if d := s.v.Overdue(web); d != 2400*time.Millisecond {
		t.Fatalf("overdue after %v", d)
	}
	cfg.Checks[dns].Typical = -time.Hour
	s.v.SetConfig(s.now, cfg)
	if d := s.v.Overdue(dns); d != 0 {
		t.Fatalf("overdue after %v", d)
	}
}

func TestConnectDeadline(t *testing.T) {
	for _, c := range []struct {
		name  string
		check uint32
		n     int
		each  time.Duration
		want  time.Duration
	}{
		{"no history is patient", web, 0, 0, 2 * time.Second},
		{"a far site's connection is a part of its answer", web, 20, 400 * time.Millisecond, time.Second},
		{"four times what half of the answer takes", web, 20, 600 * time.Millisecond, 1200 * time.Millisecond},
		{"never above the whole", web, 20, 3 * time.Second, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := freshSite(t, testConfig())
			for range c.n {
				r := good()
				r.Total = c.each
				s.probe(c.check, r)
			}
			if got := s.v.ConnectDeadline(c.check); got != c.want {
				t.Errorf("deadline %v, want %v", got, c.want)
			}
		})
	}
}
