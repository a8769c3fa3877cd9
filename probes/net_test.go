package probes

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestTCP(t *testing.T) {
	port := listen(t, silent)
	r := probe(t, Options{}, Spec{Kind: TCP, Host: "127.0.0.1", Port: port})
	want(t, r, Up, None)
	if r.Connect <= 0 || r.DNS != 0 || r.Family != 4 || r.Addr.String() != "127.0.0.1" {
		t.Errorf("%+v", r)
	}
	r = probe(t, Options{}, Spec{Kind: TCP, Host: "127.0.0.1", Port: closedPort(t)})
	want(t, r, Down, TCPRefused)
	if r.Connect != 0 {
		t.Errorf("connect took %v without a connection", r.Connect)
	}
}

func TestNameIsResolvedBySystemOrByTheNamedServer(t *testing.T) {
	port := listen(t, silent)
	want(t, probe(t, Options{}, Spec{Kind: TCP, Host: "localhost", Port: port}), Up, None)

	server := dnsServer(t, zone("www.test. 60 IN A 127.0.0.1", "text.test. 60 IN TXT x"))
	r := probe(t, Options{}, Spec{Kind: TCP, Host: "www.test", Port: port, Resolver: server})
	want(t, r, Up, None)
	if r.DNS <= 0 || r.Addr.String() != "127.0.0.1" || r.Code != -1 {
		t.Errorf("%+v", r)
	}
	want(t, probe(t, Options{}, Spec{Kind: TCP, Host: "text.test", Port: port, Resolver: server}), Down, DNSEmpty)
	want(t, probe(t, Options{}, Spec{Kind: HTTP, Host: "no.test", Resolver: server}), Down, DNSNXDomain)
	for code, cause := range map[int]Cause{dns.RcodeServerFailure: DNSServfail, dns.RcodeRefused: DNSRefused} {
		server := dnsServer(t, rcode(code))
		want(t, probe(t, Options{}, Spec{Kind: TLS, Host: "www.test", Resolver: server}), Down, cause)
	}
}

func TestLostDatagramIsSentAgain(t *testing.T) {
	port := listen(t, silent)
	var lost atomic.Bool
	server := dnsServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if !lost.Swap(true) {
			return
		}
		zone("www.test. 60 IN A 127.0.0.1")(w, q)
	})
	r := probe(t, Options{}, Spec{Kind: TCP, Host: "www.test", Port: port, Resolver: server})
	want(t, r, Up, None)
	if r.DNS < resendAfter {
		t.Errorf("the DNS phase hides the loss: %v", r.DNS)
	}
}

func TestTLSNamesWhatIsReallyWrong(t *testing.T) {
	now := time.Now()
	ca, stranger := newAuthority(t, now.AddDate(10, 0, 0)), newAuthority(t, now.AddDate(10, 0, 0))
	lapsed := newAuthority(t, now.AddDate(0, 0, -1))
	for _, tt := range []struct {
		name   string
		signer *authority
		cert   cert
		cause  Cause
		days   int
		text   string // in the error, "" = anything
	}{
		{"good", ca, cert{}, None, 90, ""},
		{"expired", ca, cert{after: now.Add(-30 * time.Hour)}, TLSExpired, -2, "expired on"},
		{"not yet valid", ca, cert{before: now.Add(time.Hour)}, TLSNotYetValid, 90, "valid only from"},
		{"another name", ca, cert{names: []string{"other.example"}}, TLSName, 90, "other.example"},
		{"untrusted", stranger, cert{}, TLSUntrusted, 90, "unknown authority"},
		{"expired hides nothing", stranger, cert{after: now.Add(-time.Hour), names: []string{"other.example"}}, TLSExpired, -1, "unknown authority"},
		{"the issuer has expired", lapsed, cert{}, TLSExpired, 90, "issuer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			port := tlsServer(t, tt.signer, tt.cert, nil)
			pool := ca.pem
			if tt.signer == lapsed {
				pool = lapsed.pem
			}
			r := probe(t, Options{}, Spec{Kind: TLS, Host: "127.0.0.1", ServerName: "localhost", Port: port, CA: pool})
			outcome := Down
			if tt.cause == None {
				outcome = Up
			}
			want(t, r, outcome, tt.cause)
			if !r.HasCert || r.CertDays != tt.days {
				t.Errorf("cert days %d (%v), want %d", r.CertDays, r.HasCert, tt.days)
			}
			if r.Connect <= 0 || r.TLS <= 0 || !strings.Contains(r.Err, tt.text) {
				t.Errorf("connect %v, tls %v, error %q", r.Connect, r.TLS, r.Err)
			}
			// The page is never asked for over a connection that is not good.
			h := probe(t, Options{}, Spec{Kind: HTTP, Host: "127.0.0.1", ServerName: "localhost", Port: port, CA: pool, Timeout: 300 * time.Millisecond})
			if tt.cause != None {
				want(t, h, Down, tt.cause)
			}
		})
	}
}

func TestTLSHandshakeFailures(t *testing.T) {
	ca := newAuthority(t, time.Now().AddDate(1, 0, 0))
	for _, tt := range []struct {
		name  string
		port  uint16
		cause Cause
	}{
		{"hangs", listen(t, silent), TLSTimeout},
		{"reset", listen(t, hangUp), TLSReset},
		{"closed", listen(t, func(c net.Conn) { c.Close() }), TLSReset},
		{"plain text", listen(t, func(c net.Conn) { io.WriteString(c, "220 mail.example ESMTP\r\n"); silent(c) }), TLSProtocol},
		{"refused", tlsServer(t, ca, cert{}, func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, io.ErrNoProgress }
		}), TLSAlert},
		{"too old", tlsServer(t, ca, cert{}, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }), TLSAlert},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, Options{}, Spec{Kind: TLS, Host: "127.0.0.1", Port: tt.port, Timeout: 400 * time.Millisecond})
			want(t, r, Down, tt.cause)
			if r.Connect <= 0 || r.TLS != 0 || r.HasCert {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestRouterSpeaksOrThisMachineHasNoRoute(t *testing.T) {
	for _, tt := range []struct {
		name    string
		tcp     error
		udp     error
		outcome Outcome
		cause   Cause
	}{
		{"no route here", syscall.ENETUNREACH, syscall.ENETUNREACH, Unknown, LocalNoRoute},
		{"a router out there said so", syscall.ENETUNREACH, nil, Down, TCPUnreachable},
		{"host unreachable", syscall.EHOSTUNREACH, nil, Down, TCPUnreachable},
		{"host unreachable, by our own table", syscall.EHOSTUNREACH, syscall.EHOSTUNREACH, Unknown, LocalNoRoute},
		{"no descriptors", syscall.EMFILE, nil, Unknown, LocalResources},
		{"a local firewall", syscall.EPERM, nil, Unknown, LocalPermission},
		{"the kernel gave up", syscall.ETIMEDOUT, nil, Down, TCPTimeout},
		{"reset", syscall.ECONNRESET, nil, Down, TCPReset},
		{"something new", io.ErrNoProgress, nil, Unknown, Other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
				err := tt.tcp
				if network == "udp" {
					err = tt.udp
				}
				if err == nil {
					c, peer := net.Pipe()
					peer.Close()
					return c, nil
				}
				return brokenDial(err)(ctx, network, addr)
			}
			want(t, probe(t, Options{Dial: dial}, Spec{Kind: HTTP, Host: "192.0.2.1"}), tt.outcome, tt.cause)
		})
	}
}

// recorded keeps what was read from a connection.
type recorded struct {
	net.Conn
	got bytes.Buffer
}

func (r *recorded) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.got.Write(b[:n])
	return n, err
}

func TestTLSProbeSaysGoodbye(t *testing.T) {
	ca := newAuthority(t, time.Now().AddDate(1, 0, 0))
	conf := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, cert{})}, MaxVersion: tls.VersionTLS12} // 1.3 hides the type of a record
	heard := make(chan []byte, 1)
	port := listen(t, func(c net.Conn) {
		r := &recorded{Conn: c}
		tls.Server(r, conf).Read(make([]byte, 1))
		heard <- r.got.Bytes()
	})
	want(t, probe(t, Options{}, Spec{Kind: TLS, Host: "127.0.0.1", ServerName: "localhost", Port: port, CA: ca.pem}), Up, None)
	if got := <-heard; !bytes.Contains(got, []byte{21, 3, 3}) { // an alert record: close_notify
		t.Errorf("no goodbye in the %d bytes that the server heard", len(got))
	}
}

// TestConnectTimeoutEndsTheConnectionOnly asks what never answers a SYN and what
// answers it, but is slow afterwards.
func TestConnectTimeoutEndsTheConnectionOnly(t *testing.T) {
	var asked time.Duration
	p := New(Options{})
	p.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		end, _ := ctx.Deadline()
		asked = time.Until(end)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r := p.Probe(t.Context(), Spec{Kind: TCP, Host: "192.0.2.1", Port: 80, Timeout: 5 * time.Second, ConnectTimeout: 50 * time.Millisecond})
	if r.Outcome != Down || r.Cause != TCPTimeout || asked > 50*time.Millisecond {
		t.Errorf("%v %v, had %v to connect", r.Outcome, r.Cause, asked)
	}
}

// TestAConnectionOutlivesItsTimeout asks for a page whose first byte comes later
// than the connection had to be open.
func TestAConnectionOutlivesItsTimeout(t *testing.T) {
	port := plainServer(t, page)
	r := probe(t, Options{}, Spec{Kind: HTTP, Host: "127.0.0.1", Port: port, Plain: true, Path: "/late", ConnectTimeout: 25 * time.Millisecond})
	want(t, r, Up, None)
}
