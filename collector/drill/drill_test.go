package drill

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

var noon = time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)

// world is two clouds with two regions of two services each, one private target,
// one reference, and six sites on three ISPs.
func world() (fleet.Config, []detect.Site) {
	cfg := fleet.Config{ID: 7}
	add := func(t fleet.Target, kinds ...probes.Kind) {
		cfg.Targets = append(cfg.Targets, t)
		for _, k := range kinds {
			cfg.Checks = append(cfg.Checks, fleet.Check{ID: t.ID + "-" + k.String(), Target: t.ID, Interval: 10 * time.Second, Spec: probes.Spec{Kind: k, Host: t.ID + ".example"}})
		}
	}
	for _, p := range []string{"azure", "aws"} {
		for _, r := range []string{"west", "east"} {
			add(fleet.Target{ID: p + "-web-" + r, Provider: p, Service: "web", Region: r}, probes.HTTP, probes.DNS, probes.Ping)
			add(fleet.Target{ID: p + "-vm-" + r, Provider: p, Service: "vm", Region: r}, probes.TLS, probes.TCP)
		}
	}
	add(fleet.Target{ID: "ns", Provider: "azure", Service: "dns"}, probes.DNS)
	add(fleet.Target{ID: "only-ping", Provider: "azure", Service: "dns"}, probes.Ping)
	add(fleet.Target{ID: "ref", Reference: true}, probes.TCP)
	var sites []detect.Site
	for n := range 6 {
		id := fmt.Sprintf("acme/s%d", n)
		sites = append(sites, detect.Site{ID: id, Client: "acme", Region: "eu", Network: fleet.Network{Name: fmt.Sprintf("ISP %d", n%3), Basis: fleet.BasisTable}, Agents: []string{fmt.Sprintf("a%d", n)}})
	}
	return cfg, sites
}

func TestWhatCanBePlayed(t *testing.T) {
	cfg, sites := world()
	for _, c := range []struct {
		r       Request
		targets []string
		sites   []string
		title   string
	}{
		{Request{Scenario: "azure-west"}, []string{"azure-web-west", "azure-vm-west"}, nil, "azure west answers with errors"},
		{Request{Scenario: "blackhole", Provider: "aws", Region: "east"}, []string{"aws-web-east", "aws-vm-east"}, nil, "aws east answers nothing at all"},
		{Request{Scenario: "service", Provider: "aws", Service: "web"}, []string{"aws-web-west", "aws-web-east"}, nil, "aws web answers with errors"},
		{Request{Scenario: "dns", Provider: "azure", Region: "west"}, []string{"azure-web-west", "azure-vm-west"}, nil, "azure west does not resolve"},
		{Request{Scenario: "partial", Provider: "azure", Region: "west", Sites: []string{"acme/s1", "acme/s2"}}, []string{"azure-web-west", "azure-vm-west"}, []string{"acme/s1", "acme/s2"}, "azure west fails three requests in ten as seen from 2 of the sites"},
		{Request{Scenario: "azure-web-west"}, []string{"azure-web-west"}, nil, "azure-web-west answers with errors"},
		{Request{Scenario: "target", Target: "ns"}, []string{"ns"}, nil, "ns answers with errors"},
		{Request{Scenario: "line", Sites: []string{"acme/s3"}}, nil, []string{"acme/s3"}, "acme/s3 is cut off"},
		{Request{Scenario: "isp", ISP: "ISP 1"}, nil, []string{"acme/s1", "acme/s4"}, "ISP 1 is cut off"},
	} {
		p, err := Resolve(c.r, cfg, sites)
		if err != nil || !slices.Equal(p.Targets, c.targets) || !slices.Equal(p.Sites, c.sites) || p.Title != c.title || p.For != Usual {
			t.Errorf("%+v: %+v, %v", c.r, p, err)
		}
	}
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{Scenario: "earthquake"}, "no scenario"},
		{Request{Scenario: "ref"}, "no scenario"},
		{Request{Scenario: "region", Provider: "azure"}, "needs --provider and --region"},
		{Request{Scenario: "region", Provider: "azure", Region: "north"}, "no target that is watched fits azure, north"},
		{Request{Scenario: "target", Target: "only-ping"}, "no target"},
		{Request{Scenario: "line", Sites: []string{"s3"}}, "CLIENT/SITE"},
		{Request{Scenario: "isp", ISP: "ISP 9"}, "no site is on"},
		{Request{Scenario: "azure-west", For: time.Second}, "plays for"},
		{Request{Scenario: "azure-west", For: 2 * time.Hour}, "plays for"},
	} {
		if p, err := Resolve(c.r, cfg, sites); !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %+v, %v", c.r, p, err)
		}
	}
	if _, err := Resolve(Request{Scenario: "azure-west"}, cfg, nil); err == nil {
		t.Error("played before nobody")
	}
}

// rig plays a request.
type rig struct {
	*Injector
	cfg fleet.Config
}

func play(t *testing.T, r Request) rig {
	t.Helper()
	cfg, sites := world()
	p, err := Resolve(r, cfg, sites)
	if err != nil {
		t.Fatal(err)
	}
	return rig{NewInjector(p, cfg, sites), cfg}
}

func (r rig) check(id string) uint32 {
	return uint32(slices.IndexFunc(r.cfg.Checks, func(c fleet.Check) bool { return c.ID == id }))
}

// sees has an agent see a check with this outcome, and returns what is heard of it.
func (r rig) sees(agent, check string, o probes.Outcome) []Call {
	res := probes.Result{Outcome: o, Total: 80 * time.Millisecond, Edge: "edge1"}
	if o == probes.Down {
		res.Cause = probes.TCPReset
	}
	return r.Observe(noon, detect.Observation{Agent: agent, Config: 7, Check: r.check(check), Start: noon.Add(-100 * time.Millisecond), Result: res})
}

func TestChosenPairsFailAndNothingElseDoes(t *testing.T) {
	r := play(t, Request{Scenario: "region", Provider: "azure", Region: "west", Sites: []string{"acme/s0", "acme/s1"}})
	calls := r.sees("a0", "azure-web-west-http", probes.Up)
	if len(calls) != 2 || calls[0].Suspicion == nil || calls[1].Observation == nil {
		t.Fatalf("a chosen pair: %+v", calls)
	}
	if s := calls[0].Suspicion; s.Cause != probes.HTTPStatus || s.Age != 100*time.Millisecond || s.Overdue {
		t.Errorf("the doubt is %+v", s)
	}
	if o := calls[1].Observation; o.Result.Outcome != probes.Down || o.Result.Cause != probes.HTTPStatus || o.Result.Err != played || !calls[1].Due.Equal(noon) {
		t.Errorf("the result is %+v", o)
	}
	for _, c := range []struct{ agent, check string }{
		{"a2", "azure-web-west-http"}, // a site that was not chosen
		{"a0", "azure-web-east-http"}, // another region
		{"a0", "azure-web-west-dns"},  // an error of the service is none of its name
		{"a0", "azure-web-west-ping"},
		{"a0", "azure-vm-west-tcp"}, // ... nor of the port below TLS
		{"a0", "ref-tcp"},
	} {
		if calls := r.sees(c.agent, c.check, probes.Up); len(calls) != 1 || calls[0].Observation.Result.Outcome != probes.Up {
			t.Errorf("%s about %s: %+v", c.agent, c.check, calls)
		}
		if calls := r.sees(c.agent, c.check, probes.Down); len(calls) != 0 {
			t.Errorf("%s about %s really fails, and the drill hears %+v", c.agent, c.check, calls)
		}
	}
	if calls := r.sees("a0", "azure-vm-west-tls", probes.Up); len(calls) != 2 || calls[1].Observation.Result.Cause != probes.TLSReset {
		t.Errorf("a service without HTTP: %+v", calls)
	}
	if calls := r.sees("stranger", "azure-web-west-http", probes.Up); len(calls) != 0 {
		t.Error("a stranger is heard")
	}
	r.End()
	if calls := r.sees("a0", "azure-web-west-http", probes.Up); len(calls) != 1 || calls[0].Observation.Result.Outcome != probes.Up {
		t.Errorf("after the end: %+v", calls)
	}
}

func TestAnotherConfigurationSaysNothing(t *testing.T) {
	r := play(t, Request{Scenario: "azure-west"})
	for _, o := range []detect.Observation{{Agent: "a0", Config: 6, Check: 0}, {Agent: "a0", Config: 7, Check: 4000}} {
		if calls := r.Observe(noon, o); len(calls) != 0 {
			t.Errorf("%+v: %+v", o, calls)
		}
	}
}

func TestVotesOfADrill(t *testing.T) {
	r := play(t, Request{Scenario: "azure-west", Sites: []string{"acme/s0"}})
	ask := func(round uint64, check string) {
		r.Asked(noon, detect.Ask{Round: round, Check: r.check(check), Deadline: time.Second})
	}
	ask(1, "azure-web-west-http")
	ask(2, "azure-web-east-http")
	up := detect.Vote{Round: 1, Answer: vantage.Up, Age: 50 * time.Millisecond, RefsOK: 3, RefsAsked: 3, Addr: netip.MustParseAddr("198.51.100.1")}
	got := r.Vote(noon, "a0", up)
	if len(got) != 1 || got[0].Vote.Answer != vantage.Down || got[0].Vote.Cause != probes.HTTPStatus || got[0].Vote.RefsOK != 3 || got[0].Vote.Age != 50*time.Millisecond || !got[0].Due.Equal(noon) {
		t.Errorf("of a chosen pair: %+v", got)
	}
	if got := r.Vote(noon, "a1", up); len(got) != 1 || got[0].Vote.Answer != vantage.Up {
		t.Errorf("of another site: %+v", got)
	}
	unable := up
	unable.Answer, unable.Why = vantage.Abstain, "references"
	if got := r.Vote(noon, "a0", unable); len(got) != 1 || got[0].Vote.Answer != vantage.Abstain || got[0].Vote.Why != "references" {
		t.Errorf("who cannot tell: %+v", got)
	}
	down := up
	down.Round, down.Answer, down.Cause = 2, vantage.Down, probes.TCPReset
	if got := r.Vote(noon, "a0", down); len(got) != 1 || got[0].Vote.Answer != vantage.Abstain {
		t.Errorf("of what really fails beside the drill: %+v", got)
	}
	down.Round = 99
	if got := r.Vote(noon, "a0", down); len(got) != 0 {
		t.Errorf("of a round that nobody asked: %+v", got)
	}
}

// What vanishes is missed after a while, and given up when its time is over.
func TestABlackHoleTakesItsTime(t *testing.T) {
	r := play(t, Request{Scenario: "blackhole", Provider: "azure", Region: "west"})
	calls := r.sees("a0", "azure-vm-west-tcp", probes.Up)
	if len(calls) != 2 || !calls[0].Suspicion.Overdue || calls[0].Suspicion.Cause != probes.TCPTimeout {
		t.Fatalf("heard: %+v", calls)
	}
	start := noon.Add(-100 * time.Millisecond)
	if !calls[0].Due.Equal(start.Add(overdue)) || calls[0].Suspicion.Age != overdue {
		t.Errorf("doubted at %s, %s old", calls[0].Due, calls[0].Suspicion.Age)
	}
	limit := probes.DefaultTimeout(probes.TCP)
	if o := calls[1].Observation; !calls[1].Due.Equal(start.Add(limit)) || o.Result.Total != limit || o.Result.Edge != "" {
		t.Errorf("given up at %s: %+v", calls[1].Due, o)
	}
	if calls := r.sees("a0", "azure-web-west-dns", probes.Up); len(calls) != 1 {
		t.Error("its name vanishes, too, though somebody else answers for that")
	}
	r.Asked(noon, detect.Ask{Round: 5, Check: r.check("azure-vm-west-tcp"), Deadline: time.Second})
	got := r.Vote(noon.Add(30*time.Millisecond), "a0", detect.Vote{Round: 5, Answer: vantage.Up, Age: 20 * time.Millisecond})
	if len(got) != 1 || !got[0].Due.Equal(noon.Add(time.Second)) || got[0].Vote.Age != 990*time.Millisecond {
		t.Errorf("a vote: %+v", got)
	}
}

func TestNamesThatDoNotResolve(t *testing.T) {
	r := play(t, Request{Scenario: "dns", Provider: "azure"})
	for _, check := range []string{"azure-web-west-http", "azure-web-west-dns", "azure-vm-east-tcp", "ns-dns"} {
		if calls := r.sees("a0", check, probes.Up); len(calls) != 2 || calls[1].Observation.Result.Cause != probes.DNSServfail {
			t.Errorf("%s: %+v", check, calls)
		}
	}
}

func TestPartOfTheRequestsFail(t *testing.T) {
	r := play(t, Request{Scenario: "partial", Provider: "azure", Region: "west"})
	count := func(agent string) (failed int) {
		for n := range 1000 {
			o := detect.Observation{Agent: agent, Config: 7, Check: r.check("azure-web-west-http"), Start: noon.Add(time.Duration(n) * 10 * time.Second), Result: probes.Result{Outcome: probes.Up}}
			calls := r.Observe(o.Start, o)
			if calls[len(calls)-1].Observation.Result.Outcome == probes.Down {
				failed++
			}
		}
		return failed
	}
	for _, agent := range []string{"a0", "a1", "a2"} {
		n := count(agent)
		if n < 250 || n > 350 {
			t.Errorf("%s: %d of 1,000 fail", agent, n)
		}
		if count(agent) != n {
			t.Error("the same moment fails and does not")
		}
	}
}

func TestASilentSite(t *testing.T) {
	r := play(t, Request{Scenario: "line", Sites: []string{"acme/s3"}})
	r.Asked(noon, detect.Ask{Round: 1, Check: 0})
	if r.Hears("a3") || !r.Hears("a2") || len(r.sees("a3", "aws-web-west-http", probes.Up)) != 0 || len(r.Vote(noon, "a3", detect.Vote{Round: 1, Answer: vantage.Up})) != 0 {
		t.Error("it is heard")
	}
	for in, want := range map[*detect.Incident]bool{
		{Kind: detect.KindSite, Site: "acme/s3"}:                         true,
		{Kind: detect.KindSite, Site: "acme/s2"}:                         false,
		{Kind: detect.KindNetwork, Network: "ISP 0"}:                     true,
		{Kind: detect.KindNetwork, Network: "ISP 1"}:                     false,
		{Kind: detect.KindTarget, Target: "ns", Targets: []string{"ns"}}: false,
	} {
		if r.Concerns(in) != want {
			t.Errorf("%s %s%s is of the drill: %v", in.Kind, in.Site, in.Network, !want)
		}
	}
	r.End()
	if !r.Hears("a3") {
		t.Error("it stays silent after the end")
	}
}

func TestAnAgentDoubtsNoMoreThanItWould(t *testing.T) {
	r := play(t, Request{Scenario: "azure-west"})
	doubts := func(from time.Time) (n int) {
		for k := range 100 {
			at := from.Add(time.Duration(k) * 50 * time.Millisecond)
			for _, c := range r.Observe(at, detect.Observation{Agent: "a0", Config: 7, Check: 0, Start: at, Result: probes.Result{Outcome: probes.Up}}) {
				if c.Suspicion != nil {
					n++
				}
			}
		}
		return n
	}
	if n := doubts(noon); n != maxDoubts {
		t.Errorf("%d doubts in five seconds", n)
	}
	if n := doubts(noon.Add(time.Minute)); n != maxDoubts {
		t.Errorf("%d doubts a minute later", n)
	}
}
