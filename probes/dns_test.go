package probes

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestDNSAnswersBecomeCauses(t *testing.T) {
	records := zone("www.example. 60 IN A 192.0.2.1", "mail.example. 60 IN MX 10 www.example.")
	other := func(change func(*dns.Msg)) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			change(m)
			w.WriteMsg(m)
		}
	}
	for _, tt := range []struct {
		name    string
		server  dns.HandlerFunc
		host    string
		query   string
		outcome Outcome
		cause   Cause
		code    int
	}{
		{"a record is up", records, "www.example", "", Up, None, 0},
		{"case does not matter", records, "WWW.Example.", "a", Up, None, 0},
		{"other types can be asked for", records, "mail.example", "MX", Up, None, 0},
		{"a name without that type is empty", records, "www.example", "AAAA", Down, DNSEmpty, 0},
		{"a name that is not there", records, "ww.example", "", Down, DNSNXDomain, 3},
		{"servfail", rcode(dns.RcodeServerFailure), "www.example", "", Down, DNSServfail, 2},
		{"refused", rcode(dns.RcodeRefused), "www.example", "", Down, DNSRefused, 5},
		{"format error, even without EDNS0", rcode(dns.RcodeFormatError), "www.example", "", Down, DNSServfail, 1},
		{"a code that nobody uses", rcode(11), "www.example", "", Down, DNSServfail, 11},
		{"a CNAME alone is no address", zone("www.example. 60 IN CNAME cdn.example."), "www.example", "", Down, DNSEmpty, 0},
		{"an answer to another question", other(func(m *dns.Msg) { m.Question[0].Name = "evil.example." }), "www.example", "", Down, DNSMalformed, -1},
		{"a question echoed as the answer", other(func(m *dns.Msg) { m.Response = false }), "www.example", "", Down, DNSMalformed, -1},
		{"bytes that are no message", func(w dns.ResponseWriter, q *dns.Msg) {
			w.Write([]byte{byte(q.Id >> 8), byte(q.Id), 0x80, 0, 0, 9, 0, 9, 0, 9, 0, 9, 0xc0})
		}, "www.example", "", Down, DNSMalformed, -1},
		{"silence", func(dns.ResponseWriter, *dns.Msg) {}, "www.example", "", Down, DNSTimeout, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := dnsServer(t, tt.server)
			r := probe(t, Options{}, Spec{Kind: DNS, Host: tt.host, Query: tt.query, Resolver: server, Timeout: 500 * time.Millisecond})
			want(t, r, tt.outcome, tt.cause)
			if r.Code != tt.code {
				t.Errorf("code %d, want %d", r.Code, tt.code)
			}
			if r.Addr != netip.MustParseAddr("127.0.0.1") || r.Family != 4 || r.DNS <= 0 {
				t.Errorf("peer %v family %v dns %v", r.Addr, r.Family, r.DNS)
			}
		})
	}
}

func TestTruncatedAnswerIsAskedForAgainOverTCP(t *testing.T) {
	var mu sync.Mutex // guards networks
	var networks []string
	server := dnsServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		network := w.RemoteAddr().Network()
		mu.Lock()
		networks = append(networks, network)
		mu.Unlock()
		m := new(dns.Msg).SetReply(q)
		m.Truncated = network == "udp"
		if !m.Truncated {
			for range 200 {
				rr, _ := dns.NewRR("big.example. 60 IN TXT " + strings.Repeat("x", 200))
				m.Answer = append(m.Answer, rr)
			}
		}
		w.WriteMsg(m)
	})
	r := probe(t, Options{}, Spec{Kind: DNS, Host: "big.example", Query: "TXT", Resolver: server})
	want(t, r, Up, None)
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(networks, []string{"udp", "tcp"}) {
		t.Errorf("asked over %v", networks)
	}
}

func TestQuestionCarriesEDNS0AndAnOldServerIsAskedWithout(t *testing.T) {
	var asked atomic.Int32
	server := dnsServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		asked.Add(1)
		if opt := q.IsEdns0(); opt != nil {
			if opt.UDPSize() != 1232 || opt.Do() {
				t.Errorf("OPT: %v", opt)
			}
			rcode(dns.RcodeFormatError)(w, q)
			return
		}
		zone("old.example. 60 IN A 192.0.2.1")(w, q)
	})
	want(t, probe(t, Options{}, Spec{Kind: DNS, Host: "old.example", Resolver: server}), Up, None)
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestAnswersToOthersAreSkipped(t *testing.T) {
	server := dnsServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		late := new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		late.Id++
		w.WriteMsg(late)
		zone("www.example. 60 IN A 192.0.2.1")(w, q)
	})
	want(t, probe(t, Options{}, Spec{Kind: DNS, Host: "www.example", Resolver: server}), Up, None)
}

func TestNobodyListensAtTheResolver(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := pc.LocalAddr().String()
	pc.Close()
	r := probe(t, Options{}, Spec{Kind: DNS, Host: "www.example", Resolver: server})
	want(t, r, Down, DNSUnreachable)
}

func TestSystemServersAreAskedInOrderUntilOneKnows(t *testing.T) {
	good := zone("www.example. 60 IN A 192.0.2.1")
	for _, tt := range []struct {
		name    string
		servers []dns.HandlerFunc
		outcome Outcome
		cause   Cause
	}{
		{"the first knows", []dns.HandlerFunc{good, rcode(dns.RcodeRefused)}, Up, None},
		{"the first fails", []dns.HandlerFunc{rcode(dns.RcodeServerFailure), good}, Up, None},
		{"the first is silent", []dns.HandlerFunc{func(dns.ResponseWriter, *dns.Msg) {}, good}, Up, None},
		{"no such name is an answer", []dns.HandlerFunc{rcode(dns.RcodeNameError), good}, Down, DNSNXDomain},
		{"all fail", []dns.HandlerFunc{rcode(dns.RcodeRefused), rcode(dns.RcodeServerFailure)}, Down, DNSServfail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var servers []netip.AddrPort
			for _, h := range tt.servers {
				servers = append(servers, netip.MustParseAddrPort(dnsServer(t, h)))
			}
			p := New(Options{Allow: DefaultPolicy}) // which the site's own servers are not subject to
			p.servers = func() []netip.AddrPort { return servers }
			want(t, p.Probe(t.Context(), Spec{Kind: DNS, Host: "www.example", Timeout: time.Second}), tt.outcome, tt.cause)
		})
	}
}

func TestSystemItselfIsAskedWhereItsServersAreNotKnown(t *testing.T) {
	p := New(Options{})
	p.servers = func() []netip.AddrPort { return nil }
	want(t, p.Probe(t.Context(), Spec{Kind: DNS, Host: "localhost"}), Up, None) // from the hosts file
	want(t, p.Probe(t.Context(), Spec{Kind: DNS, Host: "localhost", Query: "SOA"}), Unknown, Unsupported)
}

func TestServersOfResolvConf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	text := "# comment\nsearch corp.example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver not-an-address\nnameserver 192.0.2.54\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := serversOf(file)
	wanted := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:53")}
	if !slices.Equal(got, wanted) {
		t.Errorf("got %v, want %v", got, wanted)
	}
	if got := serversOf(file + ".missing"); got != nil {
		t.Errorf("no file: %v", got)
	}
}

func FuzzAnswer(f *testing.F) {
	q := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
	q.Id = 7
	m := new(dns.Msg).SetReply(q)
	rr, _ := dns.NewRR("www.example. 60 IN A 192.0.2.1")
	m.Answer = append(m.Answer, rr)
	b, _ := m.Pack()
	f.Add(b)
	f.Add([]byte{0, 7, 0x82, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := answer(b, q)
		if (m == nil) == (err == nil) {
			t.Fatalf("%v, %v", m, err)
		}
		if err == nil {
			addresses(m)
			rcodeFault(m, dns.TypeA)
		}
	})
}
