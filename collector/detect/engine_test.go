package detect

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

func TestCellIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(cell{}); n > 40 {
		t.Errorf("a cell takes %d bytes, 40 keep a pair with four checks below 200", n)
	}
}

// An engine that has been asked about nothing must not fall over.
func TestEmptyEngine(t *testing.T) {
	e := New(Options{})
	if _, ok := e.Next(); ok {
		t.Error("an engine that watches nothing wants to be woken")
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	e.Observe(now, Observation{Agent: "?", Check: 7})
	e.Suspect(now, "?", Suspicion{Check: 7})
	e.Vote(now, "?", Vote{Round: 7})
	e.Hello(now, "?", true, 0, []Standing{{Check: 1}})
	e.Goodbye(now, "?", "x")
	e.Tick(now.Add(time.Hour))
	if b, err := json.Marshal(e.Snapshot(now)); err != nil || !strings.Contains(string(b), `"cells":[]`) {
		t.Errorf("%s %v", b, err)
	}
}

func TestIncidentJSONNamesAreStable(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	in := Incident{ID: "01", Kind: KindProviderRegion, Provider: "azure", Region: "westeurope", State: Confirmed, Confidence: ConfidenceConfirmed,
		Severity: SeverityOutage, Layer: "tls", Cause: "tls_timeout", Title: "Azure westeurope: outage", Summary: "9 of 11 sites on 6 ISPs cannot reach Azure westeurope: the TLS handshake times out.",
		Reason:    Reason{Code: Held, DownSites: 9, Sites: 11, DownNetworks: 6, Networks: 6, Need: 7, NeedNetworks: 3, Share: 0.83, NeedShare: 0.6, Text: "..."},
		DownSites: 9, Sites: 11, DownNetworks: 6, Networks: 6, Started: at, Opened: at.Add(2 * time.Second), Confirmed: at.Add(2 * time.Second), Targets: []string{"a", "b"},
		Evidence: []Evidence{{Site: "c1/s1", Client: "c1", Network: "Telefonica", VRegion: "eu", Target: "a", Check: "a/tls", Answer: "down", Layer: "tls", Cause: "tls_timeout", First: at, Last: at}}}
	got, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "incident.json")
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(want)) != string(got) {
		t.Errorf("the stored form of an incident changed; names are for ever:\n%s", got)
	}
}

// bench makes a fleet of n sites that all see everything well.
func steady(n int) (*Engine, []Site, fleet.Config, time.Time) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var sites []Site
	for i := range n {
		id := fmt.Sprintf("c%d/s%d", i%9, i)
		sites = append(sites, Site{ID: id, Client: fmt.Sprint("c", i%9), Region: fmt.Sprint("r", i%3),
			Network: fleet.Network{Name: fmt.Sprint("as", i%12), Basis: fleet.BasisTable}, Agents: []string{id}})
	}
	cfg := testConfig([]probes.Kind{probes.DNS, probes.Ping, probes.TLS, probes.HTTP}, 10*time.Second)
	e := New(Options{})
	e.SetFleet(now, sites)
	e.SetConfig(now, cfg)
	for _, s := range sites {
		e.Hello(now, s.ID, true, 0, nil)
		e.Health(now, s.ID, Health{RefsOK: 5, RefsAsked: 5, Voting: true})
	}
	return e, sites, cfg, now
}

func TestLargeFleetAsksFifteenSitesOfAllNetworksAndRegions(t *testing.T) {
	e, sites, _, now := steady(90)
	now = now.Add(time.Second)
	e.Suspect(now, sites[77].ID, Suspicion{Check: 2, Cause: probes.TLSTimeout})
	var ask Ask
	for _, ev := range e.Drain() {
		if a, ok := ev.(Ask); ok {
			ask = a
		}
	}
	nets, regions := map[string]int{}, map[string]int{}
	origin := false
	for _, id := range ask.Agents {
		s := e.agents[id].site
		nets[s.net]++
		regions[s.Region]++
		origin = origin || id == sites[77].ID
	}
	if len(ask.Agents) != 15 || len(nets) != 12 || len(regions) != 3 || !origin {
		t.Errorf("%d agents, %d networks, %d regions, origin %v", len(ask.Agents), len(nets), len(regions), origin)
	}
	for r, n := range regions {
		if n < 3 {
			t.Errorf("region %s has %d seats", r, n)
		}
	}
}

// fill brings one good result of every check from every site.
func (e *Engine) fill(sites []Site, cfg fleet.Config, now time.Time) {
	for _, s := range sites {
		for c := range cfg.Checks {
			e.Observe(now, Observation{Agent: s.ID, Check: uint32(c), Start: now.Add(-40 * time.Millisecond), Result: probes.Result{Outcome: probes.Up, Total: 40 * time.Millisecond}})
		}
	}
}

func BenchmarkExplainRegionLost(b *testing.B) {
	e, sites, cfg, now := steady(50)
	e.fill(sites, cfg, now)
	now = now.Add(time.Second)
	for _, s := range sites {
		for c := range cfg.Checks {
			if t := e.checks[c].target; t.Provider == "azure" && t.Region == "r2" && e.checks[c].reach > 0 {
				e.Suspect(now, s.ID, Suspicion{Check: uint32(c), Cause: probes.TLSTimeout, Age: time.Second})
				e.agents[s.ID].vote(uint32(c), ms(now), vantage.Down, probes.TLSTimeout)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		rows, w := e.rows(now)
		if found := explainRows(rows, w); len(found) != 1 || found[0].kind != KindProviderRegion {
			b.Fatalf("%d findings", len(found))
		}
	}
}

// TestVotesInAnyOrderInsideTheGraceDecideAlike feeds the same votes in many
// orders within the 150 ms after the K-th DOWN.
func TestVotesInAnyOrderInsideTheGraceDecideAlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for run := range 200 {
		ups := run % 5
		var first string
		for order := range 6 {
			e, sites, _, now := steady(12)
			now = now.Add(time.Second)
			e.Suspect(now, sites[0].ID, Suspicion{Check: 2, Cause: probes.TLSTimeout, Age: 300 * time.Millisecond})
			votes := rng.Perm(12)
			for k, i := range votes {
				at := now.Add(time.Second + time.Duration(k)*10*time.Millisecond) // all within 120 ms
				v := Vote{Round: 1, Answer: vantage.Down, Cause: probes.TLSTimeout, Age: 500 * time.Millisecond, RefsOK: 3, RefsAsked: 3}
				if i < ups {
					v.Answer, v.Cause = vantage.Up, probes.None
				}
				e.Tick(at)
				e.Vote(at, sites[i].ID, v)
			}
			for k := range 20 {
				e.Tick(now.Add(time.Duration(1200+50*k) * time.Millisecond))
			}
			got := ""
			for _, ev := range e.Drain() {
				if in, ok := ev.(IncidentEvent); ok {
					got = fmt.Sprint(in.What, in.Incident.Kind, in.Incident.Confidence, in.Incident.Reason.Code)
				}
			}
			if order == 0 {
				first = got
			} else if got != first {
				t.Fatalf("%d UP: order decides: %q or %q", ups, first, got)
			}
		}
		if ups == 0 && first == "" {
			t.Fatal("a unanimous round opened nothing")
		}
	}
}

func TestVotesOlderThanTheFailureDoNotCount(t *testing.T) {
	for name, c := range map[string]struct {
		age  time.Duration
		code Code
	}{"older": {5 * time.Second, NoVotes}, "fresh": {500 * time.Millisecond, Unanimous}} {
		e, sites, _, now := steady(12)
		now = now.Add(10 * time.Second)
		for _, s := range sites {
			e.Contact(now, s.ID)
		}
		e.Suspect(now, sites[0].ID, Suspicion{Check: 2, Cause: probes.TLSTimeout, Age: 300 * time.Millisecond})
		now = now.Add(time.Second)
		for _, s := range sites {
			e.Vote(now, s.ID, Vote{Round: 1, Answer: vantage.Down, Cause: probes.TLSTimeout, Age: c.age, RefsOK: 3, RefsAsked: 3})
		}
		if r := e.targets[0].last; r == nil || r.decision.Reason.Code != c.code {
			t.Errorf("%s votes: %+v", name, r)
		}
	}
}

func TestCellForgivesOutagesButNotChronicFailure(t *testing.T) {
	run := func(pattern string, known bool) bool {
		var c cell
		for i, r := range pattern {
			o := probes.Up
			if r == 'x' {
				o = probes.Down
			}
			c.scheduled(int64(i+1)*1000, o, probes.TCPTimeout, known)
		}
		return c.unfit()
	}
	for _, c := range []struct {
		pattern string
		known   bool
		unfit   bool
	}{
		{"............x", false, false},
		{"............xxxxxxxxxxxxxxxx", false, false},                                  // a real outage
		{"..x.x..x.x..x.x..x", false, true},                                             // bad here
		{"............xxxxxxxxxxxx....x", true, false},                                  // back after an outage that was told
		{"............" + strings.Repeat("x", 200), false, false},                       // a long one
		{strings.Repeat("x", 19), false, false}, {strings.Repeat("x", 20), false, true}, // never worked here
	} {
		if got := run(c.pattern, c.known); got != c.unfit {
			t.Errorf("%s known=%v: unfit %v", c.pattern, c.known, got)
		}
	}
}

func TestExplainerTakesTheSmallestSufficientScope(t *testing.T) {
	e, _, _, _ := steady(12)
	find := func(fails func(s *site, t *target) bool) string {
		var rows []row
		for _, s := range e.sites {
			for _, tg := range e.targets {
				if !tg.Reference {
					rows = append(rows, row{s: s, t: tg, able: true, down: fails(s, tg), first: 1, cause: probes.TCPTimeout})
				}
			}
		}
		out := ""
		for _, h := range explainRows(rows, e.world(func(*target) bool { return true })) {
			out += fmt.Sprint(h.kind, " ", h.provider, h.service, h.region, h.network, h.site, ";")
		}
		return out
	}
	for _, c := range []struct {
		name, want string
		fails      func(s *site, t *target) bool
	}{
		{"nothing", "", func(*site, *target) bool { return false }},
		{"a region", "provider-region azurer1;", func(_ *site, t *target) bool { return t.Provider == "azure" && t.Region == "r1" }},
		{"a provider", "provider azure;", func(_ *site, t *target) bool { return t.Provider == "azure" }},
		{"half of a region's sites", "", func(s *site, t *target) bool { return t.Provider == "azure" && t.Region == "r1" && s.i < 6 }},
		{"a service and a region elsewhere", "service awsstorage;provider-region azurer1;", func(_ *site, t *target) bool {
			return t.Provider == "aws" && t.Service == "storage" || t.Provider == "azure" && t.Region == "r1"
		}},
		{"a site", "site c4/s4;", func(s *site, _ *target) bool { return s.i == 4 }},
		{"a site and a provider", "provider gcp;site c4/s4;", func(s *site, t *target) bool { return s.i == 4 || t.Provider == "gcp" }},
	} {
		if got := find(c.fails); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
