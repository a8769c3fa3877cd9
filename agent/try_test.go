package agent

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/probes"
)

func TestPolicyOfWhatSomebodyTyped(t *testing.T) {
	p := tryPolicy(identity.Policy{
		Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")},
		Deny:  []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.1.9.0/24")},
	})
	for addr, ok := range map[string]bool{
		"203.0.113.1":     true,
		"2001:db8::1":     true,
		"10.1.2.3":        true, // the site allows it by name
		"::ffff:10.1.2.3": true,
		"fd00:1::7":       true,

		"10.1.9.1":             false, // denied over allowed
		"10.2.0.1":             false, // private
		"192.168.1.1":          false,
		"172.16.0.9":           false,
		"::ffff:192.168.1.1":   false,
		"fd00:2::1":            false,
		"64:ff9b::192.168.1.1": false, // private behind a translator
		"2002:c0a8:101::1":     false,
		"100.64.3.3":           false, // behind carrier-grade NAT
		"192.0.2.1":            false, // denied
		"127.0.0.1":            false, // what checks may not ask either
		"169.254.169.254":      false,
		"::1":                  false,
		"198.18.0.1":           false, // nobody's on the internet
		"198.19.255.254":       false,
		"192.0.0.8":            false,
		"240.0.0.1":            false,
		"fec0::1":              false,
		"64:ff9b::198.18.0.1":  false,
		"2002:c612:1::1":       false, // 6to4 of 198.18.0.1
		// Teredo: behind a server of 10.2.0.1, then a client of 192.168.1.1, then of
		// an address that the site denies.
		"2001:0:a02:1::":                 false,
		"2001:0:cb00:7101:0:0:3f57:fefe": false,
		"2001:0:cb00:7101:0:0:3fff:fdfe": false,
		"2001:0:cb00:7101:0:0:34ff:8efd": true, // of 203.0.113.2
	} {
		if err := p(netip.MustParseAddr(addr)); (err == nil) != ok {
			t.Errorf("%s: %v", addr, err)
		} else if err != nil && strings.ContainsAny(err.Error(), "0123456789") {
			t.Errorf("the refusal of %s tells an address: %v", addr, err)
		}
	}
	if p(netip.Addr{}) == nil {
		t.Error("no address at all is allowed")
	}
}

func TestOnlyPublicNamesAreLookedUpOnDemand(t *testing.T) {
	a := bench(identity.Policy{}, fleet.Config{ID: 1, Targets: []fleet.Target{{ID: "s", Provider: "p"}}, Checks: []fleet.Check{
		{ID: "s/1", Target: "s", Spec: probes.Spec{Kind: probes.TCP, Host: "localhost", Port: 9}, Interval: time.Minute},
	}})
	for _, kind := range []probes.Kind{probes.DNS, probes.TCP, probes.HTTP} {
		for _, host := range []string{"fileserver", "localhost", "nas.local", "Printer.LAN.", "dc1.corp", "box.home.arpa", "db.internal", "a..", "."} {
			got, ok := a.try(t.Context(), uplink.Try{ID: 3, Spec: probes.Spec{Kind: kind, Host: host, Port: 443}})
			if !ok || got.ID != 3 || !strings.Contains(got.Refused, "not a public name") || strings.Contains(got.Refused, host+" ") {
				t.Errorf("%v %q: %+v", kind, host, got)
			}
		}
	}
	if got, _ := a.try(t.Context(), uplink.Try{Spec: probes.Spec{Kind: probes.TCP, Host: "localhost", Port: 9}}); got.Refused != "" {
		t.Errorf("a name of the configuration: %+v", got)
	}
	for _, s := range []probes.Spec{
		{Kind: probes.HTTP, Host: "www.nimbus.example"}, {Kind: probes.DNS, Host: "nimbus.example."}, {Kind: probes.TCP, Host: "203.0.113.1"},
		{Kind: probes.DNS, Host: "nas.local", Resolver: "203.0.113.53:53"}, // which is not the site's
	} {
		if err := tryName(s); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestAnAnswerOnDemandTellsNoAddressOfTheSite(t *testing.T) {
	got := outward(probes.Result{Addr: netip.MustParseAddr("192.168.1.1"),
		Err: "lookup a.example on 192.168.1.1:53: read udp 10.2.3.4:4711->[fd00::1]:53: reset by 203.0.113.9 in 1.5s"})
	for _, secret := range []string{"192.168", "10.2.3.4", "fd00"} {
		if strings.Contains(got.Err, secret) {
			t.Errorf("it tells %s: %s", secret, got.Err)
		}
	}
	if got.Addr.IsValid() || !strings.Contains(got.Err, "203.0.113.9 in 1.5s") || !strings.Contains(got.Err, "lookup a.example") {
		t.Errorf("%+v", got)
	}
	if public := netip.MustParseAddr("203.0.113.1"); outward(probes.Result{Addr: public}).Addr != public {
		t.Error("the address of the service is lost")
	}
}

func TestTriesAreBudgeted(t *testing.T) {
	var b tries
	now := time.Now()
	for i := range 3 * tryMost {
		if got := b.take(now); got != (i < tryMost) {
			t.Fatalf("try %d: %v", i, got)
		}
	}
	if b.take(now.Add(trySpan - time.Millisecond)) {
		t.Error("one more within the span")
	}
	if !b.take(now.Add(trySpan)) {
		t.Error("none after the span")
	}
}

// bench is an agent without a session that may ask where policy lets it.
func bench(p identity.Policy, cfg fleet.Config) *Agent {
	a := &Agent{mind: newMind(), prober: probes.New(probes.Options{}), tries: newTries(Options{}, p)}
	a.mind.set(cfg)
	return a
}

func TestATryTellsTheServiceFromTheLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	up := uint16(l.Addr().(*net.TCPAddr).Port)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := uint16(dead.Addr().(*net.TCPAddr).Port)
	dead.Close()
	tcp := func(port uint16) probes.Spec { return probes.Spec{Kind: probes.TCP, Host: "127.0.0.1", Port: port} }
	cfg := fleet.Config{ID: 1, Targets: []fleet.Target{{ID: "r", Reference: true}, {ID: "s", Provider: "p"}}, Checks: []fleet.Check{
		{ID: "r/1", Target: "r", Spec: tcp(up), Interval: time.Minute}, {ID: "r/2", Target: "r", Spec: tcp(up), Interval: time.Minute},
		{ID: "r/3", Target: "r", Spec: tcp(down), Interval: time.Minute}, {ID: "s/1", Target: "s", Spec: tcp(down), Interval: time.Minute},
	}}
	a := bench(identity.Policy{}, cfg) // loopback is not allowed on demand

	ask := func(s probes.Spec) uplink.Tried {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		got, ok := a.try(ctx, uplink.Try{ID: 7, Spec: s})
		if !ok || got.ID != 7 {
			t.Fatalf("no answer to %s: %+v", s.Title(), got)
		}
		return got
	}
	s := tcp(down)
	s.Timeout = 2 * time.Second // other patience than the check's: still the check's question
	if got := ask(s); got.Refused != "" || got.Result.Outcome != probes.Down || got.Result.Cause != probes.TCPRefused || got.RefsOK != 2 || got.RefsAsked != 3 {
		t.Errorf("a listed service that refuses: %+v", got)
	}
	s = tcp(up)
	s.Host = "127.0.0.2"
	if got := ask(s); !strings.Contains(got.Refused, "loopback") || got.Result != (probes.Result{}) {
		t.Errorf("an address that only checks may ask: %+v", got)
	}
	if got := ask(probes.Spec{Kind: 99, Host: "a.example"}); got.Refused == "" {
		t.Errorf("a kind that nobody knows: %+v", got)
	}

	stopped, stop := context.WithCancel(t.Context())
	stop()
	if got, ok := a.try(stopped, uplink.Try{Spec: s}); ok {
		t.Errorf("an agent that stops answers %+v", got)
	}
}
