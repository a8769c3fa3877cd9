package demo

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/collector"
	"picket/collector/detect"
	"picket/collector/inquiry"
)

// staged is a running stage with agents at some of the sites, all connected.
func staged(t *testing.T, at ...string) *stage {
	t.Helper()
	s, _ := mortal(t, at...)
	return s
}

// mortal is a running stage whose collector ends when end is called; the agents
// go on without it.
func mortal(t *testing.T, at ...string) (_ *stage, end func()) {
	t.Helper()
	t.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	o := Options{Page: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)}
	s, err := build(t.Context(), o, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	work, stop := context.WithCancel(context.Background())
	g, work := errgroup.WithContext(work)
	life, die := context.WithCancel(work)
	dead := make(chan struct{})
	g.Go(func() error { defer close(dead); return s.collector.Run(life) })
	t.Cleanup(die)
	t.Cleanup(func() {
		for _, a := range s.actors {
			a.line.cut.Store(false)
		}
		stop()
		if err := g.Wait(); err != nil {
			t.Errorf("stage: %v", err)
		}
		if err := s.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for _, site := range sites {
		if !slices.Contains(at, site.id()) {
			continue
		}
		a, err := s.enrol(t.Context(), o, site)
		if err != nil {
			t.Fatal(err)
		}
		s.actors = append(s.actors, a)
		g.Go(func() error { return a.agent.Run(work) })
	}
	op := collector.DialOperator(s.dir)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		list, err := op.Sites(t.Context())
		if err == nil && len(list) == len(at) && !slices.ContainsFunc(list, func(s detect.SiteStatus) bool { return !s.Connected || s.RefsAsked == 0 }) {
			return s, func() { die(); <-dead }
		}
		if time.Now().After(end) {
			t.Fatalf("not all agents are connected and asked their references: %+v, %v", list, err)
		}
	}
}

// between keeps every site on an internet provider from a cloud provider; "" is
// everything, references too, while the agents keep their sessions. It lasts
// until the returned function is called.
func (s *stage) between(network, provider string) (mend func()) {
	walled := s.cloud.addrs(provider)
	wall := func(addr string) bool { return provider == "" || walled[addr] }
	for _, a := range s.actors {
		if a.site.network == network {
			a.line.wall.Store(&wall)
		}
	}
	return func() {
		for _, a := range s.actors {
			if a.site.network == network {
				a.line.wall.Store(nil)
			}
		}
	}
}

// addrs are the addresses of a provider's servers.
func (c *cloud) addrs(provider string) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	addrs := map[string]bool{}
	for _, s := range c.servers {
		if s.provider == provider {
			addrs[s.addr] = true
		}
	}
	return addrs
}

// TestIsItUsNamesWhoItIs stages the faults that people ask about and asks as they
// do, over the operator's socket: a fresh look from real agents.
func TestIsItUsNamesWhoItIs(t *testing.T) {
	s := staged(t, "acme/madrid", "borealis/oslo", "acme/lisbon", "acme/berlin", "borealis/boston", "cobalt/denver", "dune/singapore")
	const northnet = "AS64496 Northnet"
	ask := func(name string, party inquiry.Party, says string) inquiry.Finding {
		t.Helper()
		began := time.Now()
		f, err := collector.DialOperator(s.dir).Check(t.Context(), inquiry.Question{Target: "nimbus-storage-north", Site: "acme/madrid"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		took := time.Since(began)
		t.Logf("%s, %v (%v by its own account): %s, %s: %s %s", name, took.Round(time.Millisecond), f.Took.Round(time.Millisecond), f.Party, f.Confidence, f.Sentence, f.Detail)
		if f.Party != party || !strings.Contains(f.Sentence, says) {
			t.Errorf("%s: it is said to be %s (%s), wanted %s (... %s ...)\n%+v", name, f.Party, f.Sentence, party, says, f)
		}
		if f.Took > 10*time.Second {
			t.Errorf("%s: it took %v", name, f.Took)
		}
		if len(f.Rows) != 6 || !f.Rows[0].Own || f.Rows[0].Site != "acme/madrid" {
			t.Errorf("%s: not asked at madrid and five others: %+v", name, f.Rows)
		}
		return f
	}

	calm := ask("calm", inquiry.Nobody, "It works: acme/madrid reaches")
	if r := calm.Rows[0]; r.RefsAsked != 3 || r.RefsOK != 3 || r.DNS == 0 || r.Connect == 0 || r.TLS == 0 || r.TTFB == 0 {
		t.Errorf("the phases of a fresh look: %+v", r)
	}

	typed := s.cloud.servers[0].addr // nobody watches an address, so the agents' policies decide
	f, err := collector.DialOperator(s.dir).Check(t.Context(), inquiry.Question{Target: typed})
	if err != nil || f.Party != inquiry.Nobody || f.Label != "tcp "+typed || len(f.Rows) != 6 {
		t.Errorf("what somebody typed: %+v, %v", f, err)
	}

	mend := s.between(northnet, "nimbus")
	ask("one ISP towards one cloud", inquiry.Path, "between "+northnet+" and Nimbus")
	mend()

	if err := s.cloud.fail("nimbus", "north"); err != nil {
		t.Fatal(err)
	}
	ask("the provider", inquiry.Service, "It is Nimbus, not acme/madrid")
	if err := s.cloud.heal(t.Context(), "nimbus", "north"); err != nil {
		t.Fatal(err)
	}

	mend = s.between(northnet, "")
	ask("the ISP", inquiry.ISP, "It is the internet provider "+northnet+", not Nimbus")
	mend()

	s.actors[slices.IndexFunc(s.actors, func(a *actor) bool { return a.site.id() == "acme/madrid" })].line.cut.Store(true)
	f = ask("this site's line", inquiry.Site, "acme/madrid, not Nimbus")
	if strings.Contains(f.Sentence, "line is down") {
		t.Errorf("silence alone is called a line that is down: %s", f.Sentence)
	}
}

func TestIsItUsOfAFleetOfOne(t *testing.T) {
	s := staged(t, "acme/madrid")
	if err := s.cloud.fail("nimbus", "north"); err != nil {
		t.Fatal(err)
	}
	f, err := collector.DialOperator(s.dir).Check(t.Context(), inquiry.Question{Target: "nimbus-storage-north", Site: "acme/madrid"})
	if err != nil {
		t.Fatal(err)
	}
	missing := strings.Join(f.Missing, "; ")
	if f.Party != inquiry.CantTell || !strings.Contains(missing, "a second site on AS64496 Northnet") || !strings.Contains(missing, "a site on another internet provider") {
		t.Errorf("%s: %s, missing %q", f.Party, f.Sentence, missing)
	}
}
