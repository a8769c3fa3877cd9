package probes

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// every is one spec of each kind against address and port.
func every(addr string, port uint16) []Spec {
	var specs []Spec
	for _, k := range []Kind{DNS, Ping, TCP, TLS, HTTP} {
		s := Spec{Kind: k, Host: addr, Port: port}
		if k == DNS {
			s.Host, s.Resolver = "www.example", netip.AddrPortFrom(netip.MustParseAddr(addr), port).String()
		}
		specs = append(specs, s)
	}
	return specs
}

func TestPolicyIsAskedBeforeAnythingIsContacted(t *testing.T) {
	touched := func(context.Context, string, string) (net.Conn, error) { panic("contacted") }
	for _, s := range every("127.0.0.1", 53) {
		r := probe(t, Options{Allow: DefaultPolicy, Dial: touched, Pinger: nil}, s)
		want(t, r, Unknown, Policy)
		if !strings.Contains(r.Err, "loopback") {
			t.Errorf("%v: %q", s.Kind, r.Err)
		}
	}
	want(t, probe(t, Options{Allow: DefaultPolicy, Dial: touched}, Spec{Kind: TCP, Host: "x.example", Port: 1, Resolver: "127.0.0.1:53"}), Unknown, Policy)
}

func TestPolicyIsAskedAboutResolvedAddresses(t *testing.T) {
	server := dnsServer(t, zone("inside.example. 60 IN A 169.254.169.254", "mapped.example. 60 IN AAAA ::ffff:127.0.0.1"))
	resolver := netip.MustParseAddrPort(server)
	var asked []netip.Addr
	allow := func(a netip.Addr) error {
		asked = append(asked, a)
		if a == resolver.Addr() && len(asked) == 1 {
			return nil // the resolver
		}
		return DefaultPolicy(a)
	}
	want(t, probe(t, Options{Allow: allow}, Spec{Kind: HTTP, Host: "inside.example", Plain: true, Resolver: server}), Unknown, Policy)
	if !slices.Equal(asked, []netip.Addr{resolver.Addr(), netip.MustParseAddr("169.254.169.254")}) {
		t.Errorf("asked about %v", asked)
	}
	asked = nil
	want(t, probe(t, Options{Allow: allow}, Spec{Kind: TCP, Port: 1, Host: "mapped.example", Resolver: server}), Unknown, Policy)
}

func TestCanonical(t *testing.T) {
	for addr, want := range map[string][]string{
		"192.0.2.1":              {"192.0.2.1"},
		"::ffff:192.0.2.1":       {"192.0.2.1"},
		"2001:db8::1%eth0":       {"2001:db8::1"},
		"64:ff9b::c000:201%eth0": {"64:ff9b::c000:201", "192.0.2.1"},
		"2002:c000:201::5":       {"2002:c000:201::5", "192.0.2.1"},
		"::192.0.2.1":            {"::c000:201", "192.0.2.1"},
		"64:ff9b:1::c000:201":    {"64:ff9b:1::c000:201", "192.0.2.1"},
		"64:ff9b:1:c000:2:100::": {"64:ff9b:1:c000:2:100::", "192.0.2.1", "2.1.0.0"},
	} {
		var got []string
		for _, a := range Canonical(netip.MustParseAddr(addr)) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if forms := Canonical(netip.Addr{}); forms != nil {
		t.Errorf("no address has the forms %v", forms)
	}
}

func TestDefaultPolicy(t *testing.T) {
	for _, a := range []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1%eth0", "224.0.0.1", "ff02::1",
		"0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200",
		"168.63.129.16", "192.0.0.192", "::1%lo", "fd00:ec2::254%lo", "64:ff9b::a9fe:a9fe%lo", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:a83f:8110::",
		"::127.0.0.1", "::169.254.169.254", "::ffff:0:127.0.0.1", "::ffff:168.63.129.16",
		"64:ff9b:1::7f00:1", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9fe:a9:fe00::1", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0"} {
		if DefaultPolicy(netip.MustParseAddr(a)) == nil {
			t.Errorf("%s is allowed", a)
		}
	}
	for _, a := range []string{"192.0.2.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "2001:db8::1", "fd12::1", "64:ff9b::c000:201",
		"2001:db8::1%eth0", "2002:c000:201::1", "64:ff9b:1::c000:201", "64:ff9b:1:c000:2:100::"} {
		if err := DefaultPolicy(netip.MustParseAddr(a)); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if DefaultPolicy(netip.Addr{}) == nil {
		t.Error("no address is allowed")
	}
}

func TestCancellationAbstains(t *testing.T) {
	port := listen(t, silent)
	server := dnsServer(t, func(dns.ResponseWriter, *dns.Msg) {})
	stuck := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, c := range map[string]struct {
		o Options
		s Spec
	}{
		"dns":     {Options{}, Spec{Kind: DNS, Host: "www.example", Resolver: server}},
		"resolve": {Options{}, Spec{Kind: TLS, Host: "www.example", Resolver: server}},
		"tcp":     {Options{Dial: stuck}, Spec{Kind: TCP, Host: "192.0.2.1", Port: 1}},
		"tls":     {Options{}, Spec{Kind: TLS, Host: "127.0.0.1", Port: port}},
		"http":    {Options{}, Spec{Kind: HTTP, Host: "127.0.0.1", Port: port, Plain: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*ms, cancel)
			began := time.Now()
			want(t, New(c.o).Probe(ctx, c.s), Unknown, LocalCancelled)
			if took := time.Since(began); took > 500*ms {
				t.Errorf("came back after %v", took)
			}
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range every("127.0.0.1", port) {
		want(t, New(Options{}).Probe(gone, s), Unknown, LocalCancelled)
	}
}

func TestDeadlineOfTheCallerHolds(t *testing.T) {
	port := listen(t, silent)
	for _, s := range []Spec{{Kind: TLS, Host: "127.0.0.1", Port: port}, {Kind: HTTP, Plain: true, Host: "127.0.0.1", Port: port}} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*ms)
		began := time.Now()
		r := New(Options{}).Probe(ctx, s)
		took := time.Since(began)
		cancel()
		if r.Outcome != Down || (r.Cause != TLSTimeout && r.Cause != HTTPTimeout) || took > 400*ms {
			t.Errorf("%v/%v after %v", r.Outcome, r.Cause, took)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*ms)
	defer cancel()
	want(t, New(Options{}).Probe(ctx, Spec{Kind: TCP, Host: "127.0.0.1", Port: port}), Unknown, LocalResources)
}

type panicPinger struct{}

func (panicPinger) Ping(context.Context, netip.Addr, int, time.Duration, time.Duration) (Echoes, error) {
	panic("boom")
}

func TestPanicIsAResult(t *testing.T) {
	o := Options{Dial: func(context.Context, string, string) (net.Conn, error) { panic("boom") }, Pinger: panicPinger{}, Pings: 1}
	p := New(o)
	for range 2 { // a turn to ping is given back
		for _, s := range every("192.0.2.1", 53) {
			r := p.Probe(t.Context(), s)
			want(t, r, Unknown, LocalPanic)
			if r.Kind != s.Kind || !strings.Contains(r.Err, "boom") {
				t.Errorf("%+v", r)
			}
		}
	}
	// The net package dials for the system's resolver, on goroutines of its own.
	r := p.Probe(t.Context(), Spec{Kind: TCP, Host: "no-such-host.invalid", Port: 1})
	if r.Outcome != Unknown && r.Cause != DNSNXDomain {
		t.Errorf("%+v", r)
	}
}

func TestBadSpecIsUnknown(t *testing.T) {
	want(t, probe(t, Options{}, Spec{}), Unknown, BadSpec)
	want(t, probe(t, Options{}, Spec{Kind: TCP, Host: "www.example"}), Unknown, BadSpec)
	want(t, probe(t, Options{}, Spec{Kind: 99, Host: "www.example"}), Unknown, Unsupported)
	want(t, probe(t, Options{}, Spec{Kind: DNS, Host: "www.example", Query: "NEWTYPE"}), Unknown, Unsupported)
}

func TestProbesLeaveNothingBehind(t *testing.T) {
	ca := newAuthority(t, time.Now().AddDate(1, 0, 0))
	secure, stuck := httpServer(t, ca, page), listen(t, hangUp)
	p := New(Options{})
	ask := func() {
		p.Probe(t.Context(), Spec{Kind: HTTP, Host: "127.0.0.1", ServerName: "localhost", Port: secure, CA: ca.pem})
		p.Probe(t.Context(), Spec{Kind: HTTP, Host: "127.0.0.1", ServerName: "localhost", Port: secure, CA: ca.pem, Path: "/slow", Timeout: MinTimeout})
		p.Probe(t.Context(), Spec{Kind: TLS, Host: "127.0.0.1", Port: stuck})
	}
	ask()
	before := runtime.NumGoroutine()
	for range 10 {
		ask()
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before+5 { // the servers' goroutines end soon after
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
		time.Sleep(10 * ms)
	}
}

func TestGuardedDialTurnsPanicsIntoErrors(t *testing.T) {
	_, err := guarded(func(context.Context, string, string) (net.Conn, error) { panic(errors.New("boom")) })(t.Context(), "udp", "x")
	if err == nil || !strings.Contains(err.Error(), "panic: boom") {
		t.Error(err)
	}
}
