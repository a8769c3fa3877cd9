package agent

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/internal/vantage"
	"picket/probes"
)

// nameServer answers every A question with 127.0.0.1 until broken is set, and
// then with SERVFAIL.
func nameServer(t *testing.T, broken *atomic.Bool) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	s := &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(up) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if broken.Load() {
			m.Rcode = dns.RcodeServerFailure
		} else if q.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(127, 0, 0, 1)}}
		}
		w.WriteMsg(m)
	})}
	go s.ActivateAndServe()
	<-up
	t.Cleanup(func() { s.Shutdown() })
	return pc.LocalAddr().String()
}

func listener(t *testing.T) (l net.Listener, port uint16) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, uint16(l.Addr().(*net.TCPAddr).Port)
}

// observe runs one scheduled probe of a check.
func (a *Agent) observe(t *testing.T, check uint32) {
	t.Helper()
	cfg, ok := a.mind.began(check)
	if !ok {
		t.Fatal("no such check")
	}
	a.mind.saw(cfg, check, a.prober.Probe(t.Context(), cfg.Checks[check].Spec))
}

// TestANameThatFailsAloneIsSaidSo: when only the name does not resolve, the vote
// says that the address which it last had still answers; when that is gone as
// well, or the site may not ask it, the vote says nothing of it.
func TestANameThatFailsAloneIsSaidSo(t *testing.T) {
	var broken atomic.Bool
	resolver := nameServer(t, &broken)
	l, port := listener(t)
	cfg := fleet.Config{ID: 5, Targets: []fleet.Target{{ID: "s", Provider: "p"}}, Checks: []fleet.Check{
		{ID: "s/tcp", Target: "s", Spec: probes.Spec{Kind: probes.TCP, Host: "a.test", Port: port, Resolver: resolver}, Interval: time.Minute},
		{ID: "s/dns", Target: "s", Spec: probes.Spec{Kind: probes.DNS, Host: "a.test", Resolver: resolver}, Interval: time.Minute},
		{ID: "s/other", Target: "s", Spec: probes.Spec{Kind: probes.DNS, Host: "b.test", Resolver: resolver}, Interval: time.Minute},
	}}
	a := bench(identity.Policy{}, cfg)
	ask := func(check uint32) uplink.Vote {
		t.Helper()
		return a.look(t.Context(), uplink.Ask{Round: 9, Config: 5, Check: check, Deadline: time.Second, Attempt: 1})
	}
	for check := range uint32(3) {
		a.observe(t, check)
	}
	if v := ask(0); v.Answer != vantage.Up || v.IPReachable || v.Addr != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("while all is well: %+v", v)
	}

	broken.Store(true)
	for check, reachable := range []bool{true, true, false} {
		v := ask(uint32(check))
		if v.Round != 9 || v.Attempt != 1 || v.Answer != vantage.Down || v.Cause != probes.DNSServfail || v.IPReachable != reachable {
			t.Errorf("%s: %+v, reachable by its address: want %v", cfg.Checks[check].ID, v, reachable)
		}
	}

	// A new configuration that asks the same keeps the address, another one not.
	a.mind.set(cfg)
	if v := ask(0); !v.IPReachable {
		t.Errorf("after a new configuration: %+v", v)
	}
	a.prober = probes.New(probes.Options{Allow: guardPolicy(identity.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.53/32")}})})
	if a.accepts(t.Context(), a.mind.lastAddr(a.mind.config(), 0), time.Second) {
		t.Error("an address that the site's policy forbids was asked")
	}
	a.prober = probes.New(probes.Options{})
	l.Close()
	if v := ask(0); v.Answer != vantage.Down || v.Cause != probes.DNSServfail || v.IPReachable {
		t.Errorf("when the service is gone as well: %+v", v)
	}
	moved := cfg
	moved.Checks = []fleet.Check{cfg.Checks[0]}
	moved.Checks[0].Spec.Host = "c.test"
	a.mind.set(moved)
	if got := a.mind.lastAddr(a.mind.config(), 0); got.IsValid() {
		t.Errorf("another name has the address %v", got)
	}
}

// TestAServiceThatRefusesIsNotTakenForItsName: the note is about names only.
func TestAServiceThatRefusesIsNotTakenForItsName(t *testing.T) {
	var broken atomic.Bool
	l, port := listener(t)
	a := bench(identity.Policy{}, fleet.Config{ID: 5, Targets: []fleet.Target{{ID: "s", Provider: "p"}}, Checks: []fleet.Check{
		{ID: "s/tcp", Target: "s", Spec: probes.Spec{Kind: probes.TCP, Host: "a.test", Port: port, Resolver: nameServer(t, &broken)}, Interval: time.Minute},
	}})
	a.observe(t, 0)
	l.Close()
	v := a.look(t.Context(), uplink.Ask{Config: 5, Deadline: time.Second})
	if v.Answer != vantage.Down || v.Cause != probes.TCPRefused || v.IPReachable {
		t.Errorf("%+v", v)
	}
	if v := a.look(t.Context(), uplink.Ask{Config: 4, Deadline: time.Second}); v.Answer != vantage.Abstain || v.Why != vantage.WhyNoCheck.String() {
		t.Errorf("a round under another configuration: %+v", v)
	}
}

// TestASlowCheckIsMarkedAndTold: what is kept and sent says degraded, and the
// doubt goes out as it is, whatever the check's record.
func TestASlowCheckIsMarkedAndTold(t *testing.T) {
	a := bench(identity.Policy{}, fleet.Config{ID: 5, Targets: []fleet.Target{{ID: "s", Provider: "p"}}, Checks: []fleet.Check{
		{ID: "s/tcp", Target: "s", Spec: probes.Spec{Kind: probes.TCP, Host: "127.0.0.1", Port: 9}, Interval: time.Minute},
	}})
	cfg := a.mind.config()
	see := func(total time.Duration) (probes.Result, []vantage.Doubt, bool) {
		return a.mind.saw(cfg, 0, probes.Result{Kind: probes.TCP, Outcome: probes.Up, Start: time.Now(), Total: total})
	}
	for range 100 {
		if r, doubts, _ := see(20 * time.Millisecond); r.Outcome != probes.Up || len(doubts) > 0 {
			t.Fatalf("a calm check: %+v, %+v", r, doubts)
		}
	}
	for i := range 20 {
		r, doubts, changed := see(300 * time.Millisecond)
		if r.Outcome != probes.Degraded {
			continue
		}
		if r.Cause != probes.Slow || r.Total != 300*time.Millisecond || !changed || len(doubts) != 1 {
			t.Fatalf("slow result %d: %+v, %+v, changed %v", i, r, doubts, changed)
		}
		doubts[0].Own = true
		s, alone := suspicion(cfg, doubts[0])
		if alone || !s.Degraded || s.Cause != probes.Slow || s.Added < 250*time.Millisecond || s.Ratio < 10 || s.Config != 5 {
			t.Errorf("told as %+v, alone %v", s, alone)
		}
		return
	}
	t.Error("fifteen times slower, and nothing was marked")
}

// TestFailuresAreToldOrConfirmedAlone keeps the two ways of a failing check apart.
func TestFailuresAreToldOrConfirmedAlone(t *testing.T) {
	cfg := &fleet.Config{ID: 3}
	for _, own := range []bool{false, true} {
		s, alone := suspicion(cfg, vantage.Doubt{Check: 2, Cause: probes.TCPRefused, Own: own})
		if alone != own || s != (uplink.Suspicion{Config: 3, Check: 2, Cause: probes.TCPRefused}) {
			t.Errorf("own %v: %+v, alone %v", own, s, alone)
		}
	}
}

func TestALateRefusalOnWindowsIsATimeout(t *testing.T) {
	refusal := func(dns, total time.Duration) probes.Result {
		return probes.Result{Outcome: probes.Down, Cause: probes.TCPRefused, DNS: dns, Total: total}
	}
	for _, c := range []struct {
		name, goos string
		r          probes.Result
		want       probes.Cause
	}{
		{"late on Windows", "windows", refusal(0, 1100*time.Millisecond), probes.TCPTimeout},
		{"quick on Windows", "windows", refusal(0, 40*time.Millisecond), probes.TCPRefused},
		{"a slow name before a quick refusal", "windows", refusal(1500*time.Millisecond, 1600*time.Millisecond), probes.TCPRefused},
		{"late elsewhere", "linux", refusal(0, 1100*time.Millisecond), probes.TCPRefused},
		{"another cause", "windows", probes.Result{Outcome: probes.Down, Cause: probes.TLSAlert, Total: 2 * time.Second}, probes.TLSAlert},
	} {
		if got := refused(c.goos, c.r); got.Cause != c.want || got.Outcome != probes.Down {
			t.Errorf("%s: %+v, want %v", c.name, got, c.want)
		}
	}
}

// TestTheFleetsMedianOutlivesARestart: what the collector pushed with the
// configuration is read back from the disk.
func TestTheFleetsMedianOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	s, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg := fleet.Config{ID: 5, Targets: []fleet.Target{{ID: "s", Provider: "p"}}, Checks: []fleet.Check{
		{ID: "s/tcp", Target: "s", Spec: probes.Spec{Kind: probes.TCP, Host: "a.test", Port: 9, Family: 6}, Interval: time.Minute, Typical: 80 * time.Millisecond},
	}}
	if err := s.setConfig(cfg); err != nil {
		t.Fatal(err)
	}
	again, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := newMind()
	m.set(*again.config())
	if got := m.v.Overdue(0); got != 500*time.Millisecond || m.cfg.Checks[0].Spec.Family != 6 {
		t.Errorf("overdue after %v, family %v", got, m.cfg.Checks[0].Spec.Family)
	}
}
