package detect

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// The storms must be worth their name: honest ones open confirmed incidents.
func TestStormsOpenIncidents(t *testing.T) {
	t.Parallel()
	confirmed := 0
	for seed := range runs(t, 60) {
		c := newChaos(t, uint64(seed), chaosFleet{})
		c.live(240, everybody)
		for _, in := range c.worst {
			if in.Kind.ProviderSide() && in.Confidence == ConfidenceConfirmed {
				confirmed++
			}
		}
	}
	if confirmed < runs(t, 60)/4 {
		t.Errorf("only %d confirmed incidents: the properties below would hold of nothing", confirmed)
	}
}

func TestOneNetworkAloneNeverBlamesAProvider(t *testing.T) {
	t.Parallel()
	told := 0
	for seed := range runs(t, 60) {
		c := newChaos(t, uint64(seed), chaosFleet{})
		net := c.sites[c.rng.IntN(len(c.sites))].Network.Name
		c.live(240, func(s *Site) bool { return s.Network.Name == net })
		for _, in := range c.worst {
			if in.Kind.ProviderSide() && in.Confidence.Rank() > ConfidenceSuspected.Rank() {
				t.Fatalf("seed %d: only %s saw anything: %s %s: %s", seed, net, in.Confidence, in.Kind, in.Summary)
			}
			if len(in.Targets) > 0 {
				told++
			}
		}
	}
	if told == 0 {
		t.Error("nothing was ever told")
	}
}

func TestFewerThanThreeSitesNeverConfirm(t *testing.T) {
	told := 0
	for seed := range runs(t, 120) {
		f := chaosFleet{sites: 1 + seed%2}
		match := everybody
		if seed%3 == 0 { // two of a larger fleet
			f = chaosFleet{}
			match = func(s *Site) bool { return strings.HasSuffix(s.ID, "/s0") || strings.HasSuffix(s.ID, "/s1") }
		}
		c := newChaos(t, uint64(seed), f)
		c.wild = seed%3 != 0 && seed%2 == 0
		c.live(240, match)
		for _, in := range c.worst {
			if in.Kind.ProviderSide() && in.Confidence == ConfidenceConfirmed {
				t.Fatalf("seed %d: two sites saw it, of %d: confirmed %s: %s", seed, len(c.sites), in.Kind, in.Summary)
			}
			told++
		}
	}
	if told == 0 {
		t.Error("nothing was ever told")
	}
}

// flood has everything fail everywhere, by suspicion and by result, for a while.
func (c *chaos) flood() {
	for range 2000 { // a provider with more pairs than an incident may list
		of := 0
		c.cfg = c.config(c.cfg.ID + 1)
		for _, t := range c.cfg.Targets {
			if t.Provider == "p0" && t.Client == "" {
				of++
			}
		}
		if of >= 11 {
			break
		}
	}
	c.e.SetConfig(c.now, c.cfg)
	c.wild, c.broken = false, func(*Site, *fleet.Target) bool { return true }
	for range 6 {
		for _, id := range c.agents {
			c.e.Contact(c.now, id)
			c.e.Health(c.now, id, Health{RefsOK: 5, RefsAsked: 5, Voting: true})
			for check := range c.cfg.Checks {
				c.tell(id, uint32(check))
				c.e.Suspect(c.now, id, Suspicion{Check: uint32(check), Cause: probes.TCPTimeout})
			}
		}
		c.drain()
		c.now = c.now.Add(300 * time.Millisecond)
		c.answer()
		c.drain()
		c.pass(3 * time.Second)
	}
}

// TestAnyInputKeepsMemoryBounded: liars, endless texts, endless configs.
func TestAnyInputKeepsMemoryBounded(t *testing.T) {
	t.Parallel()
	for seed := range runs(t, 16) {
		c := newChaos(t, uint64(seed), chaosFleet{sites: 30 - seed%3*14})
		c.wild, c.words = true, strings.Repeat("long ", 1000)
		c.live(300, everybody)
		c.flood()
		e := c.e
		waiting := 0
		for _, tg := range e.targets {
			if tg.next != nil {
				waiting++
			}
		}
		if len(e.open) > maxOpen || len(e.recent) > maxRecent || len(e.rounds) > maxRounds || len(e.troubles) > maxTroubles ||
			len(e.former) > oldConfigs || len(e.standing) > 16 || waiting > len(e.targets) || e.group != nil && len(e.group.sites) > 10*len(e.sites) {
			t.Fatalf("seed %d: %d open, %d recent, %d rounds, %d troubles, %d former, %d standing, %d waiting", seed,
				len(e.open), len(e.recent), len(e.rounds), len(e.troubles), len(e.former), len(e.standing), waiting)
		}
		if most := 40 * (len(e.sites)*2 + len(e.targets) + 20); c.events > most {
			t.Errorf("seed %d: %d events at once, %d sites and %d targets", seed, c.events, len(e.sites), len(e.targets))
		}
		for _, l := range slices.Concat(e.open, e.recent) {
			for _, ev := range l.inc.Evidence {
				if len(ev.Err) > 200 || len(ev.Edge) > 64 || len(ev.Why) > 100 {
					t.Fatalf("an agent's text of %d, %d, %d bytes is kept", len(ev.Err), len(ev.Edge), len(ev.Why))
				}
			}
			if len(l.inc.Evidence) > maxEvidence || len(l.proof) > maxEvidence || len(l.inc.Targets) > len(c.cfg.Targets)+20 || len(l.inc.Title) > 300 || len(l.inc.Summary) > 1500 {
				t.Fatalf("%d rows of evidence, %d targets, title %d, summary %d", len(l.inc.Evidence), len(l.inc.Targets), len(l.inc.Title), len(l.inc.Summary))
			}
		}
		if b, err := json.Marshal(e.Snapshot(c.now)); err != nil || len(b) > 3000*(len(e.sites)+1)*(len(e.targets)+1)+400_000 {
			t.Fatalf("a snapshot of %d bytes: %v", len(b), err)
		}
	}
}
