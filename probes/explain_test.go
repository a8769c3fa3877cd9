package probes

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var refused = Result{
	Kind: HTTP, Outcome: Down, Cause: TCPRefused, Start: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC),
	Total: 43210 * time.Microsecond, DNS: 12345 * time.Microsecond, Code: -1, Family: 4,
	Addr: netip.MustParseAddr("192.0.2.1"), Err: "dial tcp 192.0.2.1:443: connect: connection refused",
}

func TestExplain(t *testing.T) {
	spec := Spec{Kind: HTTP, Host: "www.example", Path: "/health"}
	for _, tt := range []struct {
		name string
		s    Spec
		r    Result
		want string
	}{
		{"a refused connection", spec, refused, `https://www.example/health: DOWN, the server refused the connection (tcp_refused)

  name         resolved to 192.0.2.1 in 12.3ms
  connect      broke here: the server refused the connection
  tls          not reached
  answer       not reached
  total        43.2ms

The error: dial tcp 192.0.2.1:443: connect: connection refused
What to do: The host is alive, but nothing listens on that port, or a firewall rejects it.
`},
		{"a login page", spec, Result{Kind: HTTP, Cause: Blocked, Addr: refused.Addr, Connect: ms, TLS: 2 * ms, TTFB: 3 * ms, Total: 7 * ms, Code: 403,
			Bytes: 10, HasCert: true, CertDays: 1, Err: "status 403 Forbidden"}, `https://www.example/health: UNKNOWN, a guard turned us away (login, firewall or rate limit) (blocked)

  name         an address already: 192.0.2.1
  connect      connected to 192.0.2.1 in 1ms
  tls          handshake done in 2ms
  answer       status 403, 10 bytes in 3ms
  total        7ms
  certificate  valid for 1 more day

The error: status 403 Forbidden
What to do: This is no outage. Ask a page that is open to strangers, or list the status as expected.
This result says nothing about the service and never counts against it.
`},
		{"an expired certificate", Spec{Kind: TLS, Host: "www.example"}, Result{Kind: TLS, Outcome: Down, Cause: TLSExpired, Addr: refused.Addr, DNS: ms, Connect: ms,
			TLS: 2 * ms, Total: 4 * ms, Code: -1, HasCert: true, CertDays: -3, Err: "the certificate expired"}, `tls www.example:443: DOWN, the certificate has expired (tls_expired)

  name         resolved to 192.0.2.1 in 1ms
  connect      connected to 192.0.2.1 in 1ms
  tls          handshake done after 2ms, but: the certificate has expired
  total        4ms
  certificate  expired, 3 days ago

The error: the certificate expired
What to do: It has to be renewed at the server. If every site sees this for every service, check this machine's clock.
`},
		{"a ping", Spec{Kind: Ping, Host: "www.example"}, Result{Kind: Ping, Outcome: Up, Addr: refused.Addr, DNS: ms, Sent: 3, Received: 3,
			RTT: 12345 * time.Microsecond, Jitter: 100 * time.Microsecond, Total: 120 * ms, Code: -1}, `ping www.example: UP

  name         resolved to 192.0.2.1 in 1ms
  echo         3 sent, 3 answered, round trip 12.3ms, jitter 100µs
  total        120ms
`},
		{"a name that is gone", Spec{Kind: DNS, Host: "www.example", Resolver: "192.0.2.53:53"}, Result{Kind: DNS, Outcome: Down, Cause: DNSNXDomain, Addr: refused.Addr,
			DNS: ms, Total: ms, Code: 3, Err: "the DNS server answered NXDOMAIN"}, `dns A www.example at 192.0.2.53:53: DOWN, the name does not exist (dns_nxdomain)

  question     asked 192.0.2.1
  answer       NXDOMAIN in 1ms
  total        1ms

The error: the DNS server answered NXDOMAIN
What to do: Check the spelling. If it is right, the record was removed or the domain has lapsed.
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Explain(tt.s, tt.r); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestEveryCauseHasWords(t *testing.T) {
	for c := range causeNames {
		w, ok := causeWords[c]
		if !ok || w.text == "" || w.text != c.Text() {
			t.Errorf("%v has no words", c)
		}
		if c != None && (c.Advice() == "" || strings.HasSuffix(c.Text(), ".") || !strings.HasSuffix(c.Advice(), ".") && !strings.HasSuffix(c.Advice(), "it.")) {
			t.Errorf("%v: %q, %q", c, c.Text(), c.Advice())
		}
	}
	if len(causeWords) != len(causeNames) {
		t.Errorf("%d causes, words for %d", len(causeNames), len(causeWords))
	}
	if got := Cause(200).Text(); !strings.Contains(got, "cause(200)") {
		t.Error(got)
	}
}

func TestExplainNeverFails(t *testing.T) {
	for k := range Kind(7) {
		for c := range causeNames {
			Explain(Spec{Kind: k, Host: "x\x1b\n"}, Result{Kind: k, Cause: c})
			Explain(Spec{Kind: k}, Result{Kind: k, Cause: c, Code: 77, DNS: 1, Connect: 1, TLS: 1, TTFB: 1})
		}
	}
}

// The form of this text is promised to programs: fields are only ever added.
func TestReport(t *testing.T) {
	b, err := json.Marshal(NewReport(Spec{Kind: HTTP, Host: "www.example"}, refused))
	if err != nil {
		t.Fatal(err)
	}
	const wanted = `{"schema":"picket.probe/v1","kind":"http","target":"https://www.example/","host":"www.example","start":"2026-03-01T12:00:00.123456Z",` +
		`"outcome":"down","cause":"tcp_refused","layer":"tcp","text":"the server refused the connection","err":"dial tcp 192.0.2.1:443: connect: connection refused",` +
		`"phases":{"dns_us":12345,"total_us":43210},"family":"4","addr":"192.0.2.1"}`
	if string(b) != wanted {
		t.Errorf("got  %s\nwant %s", b, wanted)
	}
	b, err = json.Marshal(NewReport(Spec{Kind: Ping, Host: "x"}, Result{Kind: Ping, Outcome: Degraded, Cause: PingLoss, Sent: 4, Received: 3,
		RTT: 2 * ms, Total: 1500, Code: -1, HasCert: true, CertDays: -1, Start: refused.Start}))
	const ping = `"phases":{"total_us":2},"rtt_us":2000,"jitter_us":0,"sent":4,"received":3,"loss":0.25,"cert_days":-1,"family":"-"}`
	if err != nil || !strings.HasSuffix(string(b), ping) {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 999: "999ns", 1234567: "1.23ms", 12345678: "12.3ms", 123456789: "123ms", 1234567890: "1.23s", 61 * time.Second: "1m1s",
	} {
		if got := short(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}
