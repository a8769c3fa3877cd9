package detect

import (
	"testing"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// Where all of a region fails and nobody else does, nothing contradicts it: it is
// asked again sooner than where somebody does.
func TestASharpPartIsAskedAgainSooner(t *testing.T) {
	votes := func(last vantage.Answer) []Ballot {
		var out []Ballot
		for i, net := range []string{"n1", "n2", "n3", "n4"} {
			out = append(out, Ballot{Site: "us" + net, Network: net, Region: "us", Answer: vantage.Down},
				Ballot{Site: "eu" + net, Network: net, Region: "eu", Answer: vantage.Up})
			if i == 3 {
				out[6].Answer = last
			}
		}
		return out
	}
	if d := JudgeRegion(votes(vantage.Down), "us", Rule{}, Circumstances{}); d.Step != Revote || !d.Sharp {
		t.Errorf("all of the region: %+v", d)
	}
	if d := JudgeRegion(votes(vantage.Up), "us", Rule{BalanceFew: 0.7, FewNetworks: 2}, Circumstances{}); d.Step != Revote || d.Sharp {
		t.Errorf("three of four: %+v", d)
	}
	e, sites, _, now := steady(12)
	e.Suspect(now, sites[0].ID, Suspicion{Check: 2})
	r := e.rounds[1]
	for _, s := range e.sites {
		a := vantage.Up
		if s.Region == "r0" {
			a = vantage.Down
		}
		e.Vote(now, s.ID, Vote{Round: 1, Answer: a, RefsOK: 3, RefsAsked: 3})
	}
	if got := r.revoteAt.Sub(now); got != DefaultRule().PartRevote {
		t.Errorf("asked again after %v, want %v", got, DefaultRule().PartRevote)
	}
}

// Nobody waits for a contradiction longer than the farthest site takes for one.
func TestNoGraceBeyondTheFarthestAnswer(t *testing.T) {
	e, sites, _, now := steady(12)
	e.Suspect(now, sites[0].ID, Suspicion{Check: 2})
	r, d := e.rounds[1], &Decision{Reason: Reason{Need: 8}}
	rule := DefaultRule()
	for _, c := range []struct{ after, want time.Duration }{
		{400 * time.Millisecond, 400*time.Millisecond + rule.Grace},
		{rule.FarGrace - 50*time.Millisecond, rule.FarGrace},
		{rule.FarGrace + 200*time.Millisecond, rule.FarGrace},
	} {
		if got := e.graceUntil(now.Add(c.after), r, d).Sub(now); got != c.want {
			t.Errorf("K DOWN after %v: waits until %v, want %v", c.after, got, c.want)
		}
	}
}

// What has held twice and does again waits for nobody: neither for those whose
// answers are out, who cannot refute it, nor for a round that has just begun.
func TestWhatHeldThreeTimesIsToldAtOnce(t *testing.T) {
	e, sites, _, now := steady(12)
	e.Suspect(now, sites[0].ID, Suspicion{Check: 2})
	r := e.rounds[1]
	vote := func(attempt int, sites []Site, a vantage.Answer) {
		for _, s := range sites {
			e.Vote(now, s.ID, Vote{Round: 1, Attempt: attempt, Answer: a, Cause: probes.TCPRefused, RefsOK: 3, RefsAsked: 3})
		}
	}
	for attempt := range 2 {
		vote(attempt, sites[:10], vantage.Down)
		vote(attempt, sites[10:], vantage.Up)
		now = r.revoteAt
		for _, s := range sites {
			e.Contact(now, s.ID)
		}
		e.Tick(now)
	}
	e.Suspect(now, sites[0].ID, Suspicion{Check: 14})
	if !e.undecided() {
		t.Fatal("no other round is open")
	}
	e.Drain()
	vote(2, sites[10:], vantage.Up)
	vote(2, sites[:8], vantage.Down)
	for _, ev := range e.Drain() {
		if in, ok := ev.(IncidentEvent); ok && in.What == Opened && in.Incident.Confidence == ConfidenceConfirmed {
			return
		}
	}
	t.Errorf("nothing was told with the eighth DOWN: %+v", e.targets[0].out)
}

// What was found about a target a minute ago does not vouch for the first answers
// of a round that asks about it anew.
func TestAnOldDecisionDoesNotBackHalfOfTheNewAnswers(t *testing.T) {
	for _, c := range []struct {
		ago  time.Duration
		want bool
	}{{time.Second, true}, {time.Minute, false}} {
		e, sites, _, now := steady(12)
		now = now.Add(time.Minute)
		for _, s := range sites {
			e.Contact(now, s.ID)
		}
		e.Suspect(now, sites[0].ID, Suspicion{Check: 2, Cause: probes.TCPRefused})
		tg := e.rounds[1].t
		tg.last, tg.outAt = &round{id: 9, t: tg, check: 2, since: now.Add(-c.ago)}, now.Add(-c.ago)
		tg.out = Decision{Out: true, Confidence: ConfidenceConfirmed, Reason: Reason{Code: Held, DownSites: 8, Sites: 12, DownNetworks: 8}}
		e.Drain()
		for _, s := range sites[:4] {
			e.Vote(now, s.ID, Vote{Round: 1, Answer: vantage.Down, Cause: probes.TCPRefused, RefsOK: 3, RefsAsked: 3})
		}
		e.explain(now)
		got := false
		for _, ev := range e.Drain() {
			in, ok := ev.(IncidentEvent)
			got = got || ok && in.What == Opened
		}
		if got != c.want {
			t.Errorf("decided %v ago: opened %v, want %v", c.ago, got, c.want)
		}
	}
}
