package probes

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"
)

// dualServer listens on both loopback addresses at one port and greets over IPv4
// and IPv6 alike.
func dualServer(t *testing.T) (port uint16) {
	for range 20 {
		four, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port = netip.MustParseAddrPort(four.Addr().String()).Port()
		six, err := net.Listen("tcp", "[::1]:"+strconv.Itoa(int(port)))
		if err != nil {
			four.Close()
			if l, no := net.Listen("tcp", "[::1]:0"); no != nil {
				t.Skip("no IPv6 on this machine")
			} else {
				l.Close()
			}
			continue
		}
		for _, l := range []net.Listener{four, six} {
			srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
			go srv.Serve(l)
			t.Cleanup(func() { srv.Close() })
		}
		return port
	}
	t.Skip("no port that is free in both families")
	return 0
}

// TestFamilyIsHonouredByEveryKind: a check of one IP version never asks over the
// other one, whatever its name also resolves to.
func TestFamilyIsHonouredByEveryKind(t *testing.T) {
	port := dualServer(t)
	server := dnsServer(t, zone("both.test. 60 IN A 127.0.0.1", "both.test. 60 IN AAAA ::1", "four.test. 60 IN A 127.0.0.1", "six.test. 60 IN AAAA ::1"))
	var pinger recorder
	for family, addr := range map[Family]string{0: "127.0.0.1", 4: "127.0.0.1", 6: "::1"} {
		for _, k := range []Kind{TCP, HTTP, Ping} {
			s := Spec{Kind: k, Host: "both.test", Port: port, Resolver: server, Family: family, Plain: true, Status: []int{404}}
			r := probe(t, Options{Pinger: &pinger}, s)
			want(t, r, Up, None)
			if r.Addr.String() != addr {
				t.Errorf("%v over family %v asks %v, want %v", k, family, r.Addr, addr)
			}
		}
	}
	for _, a := range pinger.asked {
		if !a.IsLoopback() {
			t.Errorf("pinged %v", a)
		}
	}
	want(t, probe(t, Options{}, Spec{Kind: TCP, Host: "four.test", Port: port, Resolver: server, Family: 6}), Down, DNSEmpty)
	want(t, probe(t, Options{}, Spec{Kind: TCP, Host: "six.test", Port: port, Resolver: server, Family: 4}), Down, DNSEmpty)
	want(t, probe(t, Options{}, Spec{Kind: TCP, Host: "six.test", Port: port, Resolver: server}), Up, None)

	// A dns check asks for the addresses of its family.
	want(t, probe(t, Options{}, Spec{Kind: DNS, Host: "four.test", Resolver: server, Family: 4}), Up, None)
	want(t, probe(t, Options{}, Spec{Kind: DNS, Host: "four.test", Resolver: server, Family: 6}), Down, DNSEmpty)
	want(t, probe(t, Options{}, Spec{Kind: DNS, Host: "six.test", Resolver: server, Family: 6}), Up, None)
}

// TestFamilyOfASystemLookup: the operating system is asked for that family alone.
func TestFamilyOfASystemLookup(t *testing.T) {
	port := listen(t, silent)
	want(t, probe(t, Options{}, Spec{Kind: TCP, Host: "localhost", Port: port, Family: 4}), Up, None)
	if r := probe(t, Options{}, Spec{Kind: TCP, Host: "localhost", Port: port, Family: 6}); r.Family == 4 {
		t.Errorf("asked over IPv4: %+v", r)
	}
}

// recorder is a [Pinger] that answers for everybody.
type recorder struct {
	mu    sync.Mutex // guards asked
	asked []netip.Addr
}

func (r *recorder) Ping(_ context.Context, a netip.Addr, n int, _, _ time.Duration) (Echoes, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, a)
	return Echoes{Sent: n, RTTs: make([]time.Duration, n)}, nil
}
