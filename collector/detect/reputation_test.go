package detect

import (
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// told are the notices of kind told with the cause.
func (w *simWorld) told(cause string) (out []Notice) {
	for _, ev := range w.events {
		if n, ok := ev.(Notice); ok && n.Kind == "told" && n.Cause == cause {
			out = append(out, n)
		}
	}
	return out
}

// Two that say DOWN of everything they are asked about open nothing, and are found out.
func TestTwoLiarsSayingDownAreNotEnoughAndAreSetAside(t *testing.T) {
	for _, n := range []int{5, 12} {
		w := newWorld(t, worldOptions{sites: n, networks: n, regions: 3, clients: 3})
		liars := map[string]bool{w.sites[0].Agents[0]: true, w.sites[1].Agents[0]: true}
		w.lies = func(a *simAgent, _ uint32, honest vantage.Answer) vantage.Answer {
			if liars[a.id] {
				return vantage.Down
			}
			return honest
		}
		w.run(calm)
		for range 40 {
			for c := range uint32(8) {
				w.e.Suspect(w.now, w.sites[0].Agents[0], Suspicion{Check: c, Cause: probes.TCPRefused})
			}
			w.run(3 * time.Second)
		}
		want := []string{w.sites[0].ID, w.sites[1].ID}
		if got := w.e.Flagged(); !slices.Equal(got, want) {
			t.Errorf("n=%d: flagged %v, want %v", n, got, want)
		}
		if ok, why := w.e.canVote(w.now, w.e.sites[0]); ok || why != "its votes are set aside" {
			t.Errorf("n=%d: a liar may vote (%s)", n, why)
		}
		if l := w.told("liar"); len(l) != 2 {
			t.Errorf("n=%d: %d notices", n, len(l))
		}
		w.forbid(providerSide...)
		// The others still find an outage, and time forgives.
		w.lies = nil
		t0 := w.broken("gcp", "r1", refused())
		w.run(20 * time.Second)
		if d, _, ok := w.when(t0, KindProviderRegion, ConfidenceConfirmed); !ok || d > 6*time.Second {
			w.tell()
			t.Errorf("n=%d: without the liars an outage was found after %v, %v", n, d, ok)
		}
		w.breaks = nil
		for range 40 {
			w.now = w.now.Add(24 * time.Hour)
			w.e.flagLiars(w.now)
		}
		if got := w.e.Flagged(); len(got) != 0 {
			t.Errorf("n=%d: %v still flagged after 40 days", n, got)
		}
	}
}

// holdsDown has sites claim that a provider is down, in results and votes.
func (w *simWorld) holdsDown(provider string, sites ...string) {
	w.breaks = func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
		if t.Provider == provider && slices.Contains(sites, s.ID) {
			return refused()
		}
		return nil
	}
}

func TestWhoStandsAloneAboutAProviderIsNoWitnessOfIt(t *testing.T) {
	for _, n := range []int{5, 12} {
		w := newWorld(t, worldOptions{sites: n, networks: n, regions: 3, clients: 3})
		w.run(calm)
		two := []string{w.sites[0].ID, w.sites[1].ID}
		w.holdsDown("azure", two...)
		w.run(5 * time.Minute)
		if got := w.e.Flagged(); len(got) != 0 {
			t.Errorf("n=%d: minutes of trouble on a path flag %v", n, got)
		}
		w.run(4 * time.Minute)
		if got := w.e.Flagged(); !slices.Equal(got, two) {
			t.Errorf("n=%d: flagged %v", n, got)
		}
		w.forbid(providerSide...)
		w.forbid(KindSite)
		if ok, _ := w.e.eligible(w.now, w.e.sites[0], "aws"); !ok {
			t.Errorf("n=%d: set aside towards providers about which it agrees", n)
		}
		if ok, _ := w.e.eligible(w.now, w.e.sites[0], "azure"); ok {
			t.Errorf("n=%d: still a witness", n)
		}
		w.breaks = nil
		w.run(3 * time.Minute)
		if got := w.e.Flagged(); len(got) != 0 {
			t.Errorf("n=%d: %v agree again and are still set aside", n, got)
		}
		w.tell()
	}
}

func TestHonestTroubleDoesNotFlag(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	for name, breaks := range map[string]func(*Site, *fleet.Target, probes.Kind) *fault{
		"a path of one ISP": func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
			if s.Network.ID == 1 && t.Provider == "azure" {
				return blackhole()
			}
			return nil
		},
		"a resolver of one site": func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
			if s.ID == "c1/s01" {
				return nxdomain()
			}
			return nil
		},
		"half of the fleet": func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
			if s.ID > "c3" && t.Provider == "azure" {
				return refused()
			}
			return nil
		},
		"everybody": func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
			if t.Provider == "azure" {
				return refused()
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			w.run(calm)
			w.breaks = breaks
			w.run(10 * time.Minute)
			w.tell()
			if got := w.e.Flagged(); len(got) != 0 {
				t.Errorf("flagged %v", got)
			}
		})
	}
}

func TestANoisyFleetDoesNotFlagItself(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP}})
	w.noise = 0.05
	w.run(20 * time.Minute)
	if got := w.e.Flagged(); len(got) != 0 {
		t.Errorf("flagged %v", got)
	}
}

func TestALiarCannotUseUpTheBudget(t *testing.T) {
	w := newWorld(t, worldOptions{kinds: []probes.Kind{probes.HTTP}})
	w.run(calm)
	liar, before := w.agents[0], w.asks
	for range 10 { // it doubts everything, all the time
		for c := range w.cfg.Checks {
			w.e.Suspect(w.now, liar.id, Suspicion{Check: uint32(c), Cause: probes.TCPRefused})
		}
		w.run(time.Second)
	}
	if n := w.asks - before; n == 0 || n > 6 {
		t.Errorf("a liar had the fleet asked %d times in ten seconds", n)
	}
	t0 := w.broken("aws", "", refused())
	for range 20 {
		for c := range w.cfg.Checks {
			w.e.Suspect(w.now, liar.id, Suspicion{Check: uint32(c), Cause: probes.TCPRefused})
		}
		w.run(500 * time.Millisecond)
	}
	w.tell()
	if d, _, ok := w.when(t0, KindProvider, ConfidenceConfirmed); !ok || d > 4*time.Second {
		t.Errorf("found after %v, %v", d, ok)
	}
}
