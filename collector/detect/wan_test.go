package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func only(id string) func(*Site) bool { return func(s *Site) bool { return s.ID == id } }

func TestAPublicAddressThatFellSilentIsALineDown(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.e.WANAddress(w.now, "c1/s01", false) // not silent: nothing to tell
	w.cut(only("c1/s01"))
	w.run(30 * time.Second)
	if open := w.open(); len(open) != 1 || open[0].LineDown || open[0].Reason.Code != LostContact {
		t.Fatalf("before the evidence: %+v", open)
	}
	w.e.WANAddress(w.now, "c1/s01", true)
	w.run(10 * time.Second)
	if open := w.open(); len(open) != 1 || open[0].LineDown || open[0].Reason.Code != WANAnswers || !strings.Contains(open[0].Reason.Text, "its public address still answers") {
		t.Fatalf("an address that answers: %+v", open)
	}
	w.e.WANAddress(w.now, "c1/s01", false)
	w.e.WANAddress(w.now, "c1/s02", false) // heard: nothing to tell
	w.run(10 * time.Second)
	open := w.open()
	if len(open) != 1 || !open[0].LineDown || open[0].Reason.Code != WANSilent || open[0].Title != "c1/s01: line down" {
		t.Fatalf("an address that fell silent: %+v", open)
	}
	told := len(w.history)
	w.e.WANAddress(w.now, "c1/s01", false)
	w.run(time.Minute)
	if len(w.history) != told {
		t.Error("told again of the same evidence")
	}
	w.heal()
	w.run(3 * time.Minute)
	w.tell()
	if len(w.open()) != 0 || len(w.incidents) != 1 {
		t.Errorf("%d incidents, %d open", len(w.incidents), len(w.open()))
	}
	w.forbid(providerSide...)
}

// TestASiteThatSaidGoodbyeHasNoLineDown, whatever its address does.
func TestASiteThatSaidGoodbyeHasNoLineDown(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	for _, a := range w.agents {
		if a.site.ID == "c1/s01" {
			a.off = true
			w.e.Goodbye(w.now, a.id, "its machine was shut down")
		}
	}
	w.run(20 * time.Second)
	w.e.WANAddress(w.now, "c1/s01", false)
	w.run(time.Minute)
	for _, in := range w.incidents {
		if in.LineDown || in.Kind == KindSite {
			t.Errorf("%+v", in)
		}
	}
}

// TestTheSitesOwnWordWins: what it saw itself is better than what its router did.
func TestTheSitesOwnWordWins(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.cut(only("c1/s01"))
	w.run(time.Minute)
	w.e.WANAddress(w.now, "c1/s01", false)
	w.run(time.Minute)
	w.heal() // its spool is full of good results
	w.run(30 * time.Second)
	for _, in := range w.incidents {
		if in.LineDown || in.Reason.Code != ContactOnly && in.Reason.Code != Healthy {
			t.Errorf("%s, line down %v", in.Reason.Code, in.LineDown)
		}
	}
}

// TestRebootNight is a patch night in a fleet of 150: the agents of 80 sites stop
// at random times in half an hour, half of them without a goodbye, while every
// line is fine. One site's line is cut among them. Of the sites that only stopped
// none has a line that is down, and no cloud is blamed; the one that was cut has,
// within two minutes of the evidence.
func TestRebootNight(t *testing.T) {
	for seed := range uint64(runs(t, 3)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { rebootNight(t, seed) })
	}
}

func rebootNight(t *testing.T, seed uint64) {
	const night, stops, victim = 30 * time.Minute, 80, 149
	w := newWorld(t, worldOptions{sites: 150, networks: 12, regions: 3, clients: 10, every: time.Minute, seed: seed})
	w.run(calm)
	rng := rand.New(rand.NewPCG(seed, 80))
	type moment struct {
		at time.Duration
		do func()
	}
	var plan []moment
	for i, n := range rng.Perm(victim)[:stops] {
		a, at, lasts := w.agents[n], time.Duration(rng.Int64N(int64(night))), time.Minute+time.Duration(rng.Int64N(int64(4*time.Minute)))
		plan = append(plan,
			moment{at, func() {
				a.off = true
				if i%2 == 0 {
					w.e.Goodbye(w.now, a.id, "its machine restarts")
				}
			}},
			moment{at + lasts, func() {
				a.off = false
				w.e.Hello(w.now, a.id, false, lasts, nil)
				w.health(a)
			}})
	}
	cut := w.agents[victim].site.ID
	evidence := night/2 + 20*time.Second
	plan = append(plan,
		moment{night / 2, func() { w.cut(only(cut)) }},
		moment{evidence, func() {
			for _, a := range w.agents { // every silent site's address was asked; one does not answer any more
				if a.off || !a.cut.IsZero() {
					w.e.WANAddress(w.now, a.site.ID, a.site.ID != cut)
				}
			}
		}},
		moment{night * 3 / 4, w.heal})
	start := w.now
	for at := time.Duration(0); at <= night+8*time.Minute; at += time.Second {
		for _, m := range plan {
			if m.at > at-time.Second && m.at <= at {
				m.do()
			}
		}
		w.run(start.Add(at).Add(time.Second).Sub(w.now))
	}
	w.forbid(append(providerSide, KindNetwork, KindCollector, KindNetworkProvider)...)
	named, lost := time.Duration(-1), map[string]bool{}
	for n, ev := range w.history {
		i := ev.Incident
		switch {
		case i.LineDown && i.Site == cut:
			if named < 0 {
				named = w.toldAt[n].Sub(start) - evidence
			}
		case i.LineDown:
			t.Errorf("line down at %q, which was only stopped: %s", i.Site, i.Summary)
		case i.Kind == KindSite:
			lost[i.Site] = true
		}
	}
	if named < 0 || named > 2*time.Minute {
		t.Errorf("the line that was cut was named %v after the evidence", named)
	}
	if len(lost) < stops/4 {
		t.Errorf("only %d sites lost contact: the night was too quiet to prove anything", len(lost))
	}
	t.Logf("named %v after the evidence; %d sites lost contact", named, len(lost))
}
