package probes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// probe asks with a fresh Prober and a generous context.
func probe(t *testing.T, o Options, s Spec) Result {
	t.Helper()
	return New(o).Probe(t.Context(), s)
}

// want checks the conclusion and what must hold for every result.
func want(t *testing.T, r Result, o Outcome, c Cause) {
	t.Helper()
	if r.Outcome != o || r.Cause != c {
		t.Errorf("got %v/%v, want %v/%v (error: %q)", r.Outcome, r.Cause, o, c, r.Err)
	}
	if (r.Cause == None) != (r.Err == "") {
		t.Errorf("cause %v with error text %q", r.Cause, r.Err)
	}
	if r.Start.IsZero() || r.Total <= 0 {
		t.Errorf("start %v, total %v", r.Start, r.Total)
	}
	if sum := r.Connect + r.TLS + r.TTFB; sum > r.Total {
		t.Errorf("phases take %v, the whole %v", sum, r.Total)
	}
}

// listen accepts connections on loopback and hands each to serve.
func listen(t *testing.T, serve func(net.Conn)) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go serve(c)
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func silent(c net.Conn) { io.Copy(io.Discard, c) } // reads and never answers

func hangUp(c net.Conn) { // cuts the connection after the first bytes
	c.Read(make([]byte, 64))
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// closedPort returns a port on which nothing listens.
func closedPort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// cert is what an authority signs; zero fields are good defaults.
type cert struct {
	names  []string // default localhost
	after  time.Time
	before time.Time
}

// authority signs certificates for tests.
type authority struct {
	pem  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, notAfter time.Time) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"},
		NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{pem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), cert: c, key: key}
}

func (a *authority) sign(t testing.TB, c cert) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().Add(90*24*time.Hour + time.Hour),
		DNSNames: []string{"localhost"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if c.names != nil {
		tmpl.DNSNames = c.names
	}
	if !c.after.IsZero() {
		tmpl.NotAfter = c.after
	}
	if !c.before.IsZero() {
		tmpl.NotBefore = c.before
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsServer serves TLS with a certificate c of a and says nothing.
func tlsServer(t *testing.T, a *authority, c cert, change func(*tls.Config)) uint16 {
	t.Helper()
	conf := &tls.Config{Certificates: []tls.Certificate{a.sign(t, c)}}
	if change != nil {
		change(conf)
	}
	return listen(t, func(c net.Conn) {
		s := tls.Server(c, conf)
		if s.Handshake() == nil {
			silent(s)
		}
		s.Close()
	})
}

// httpServer serves h over TLS (HTTP/2 and 1.1) with a certificate of a.
func httpServer(t testing.TB, a *authority, h http.HandlerFunc) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{a.sign(t, cert{})}}, ErrorLog: quiet()}
	go s.ServeTLS(l, "", "")
	t.Cleanup(func() { s.Close() })
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// plainServer serves h over http.
func plainServer(t testing.TB, h http.HandlerFunc) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: quiet()}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// dnsServer answers over UDP and TCP on one port.
func dnsServer(t *testing.T, h dns.HandlerFunc) string {
	t.Helper()
	for range 20 { // the TCP port of the same number may be taken
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", pc.LocalAddr().String())
		if err != nil {
			pc.Close()
			continue
		}
		for _, s := range []*dns.Server{{PacketConn: pc, Handler: h}, {Listener: l, Handler: h}} {
			up := make(chan struct{})
			s.NotifyStartedFunc = func() { close(up) }
			go s.ActivateAndServe()
			<-up
			t.Cleanup(func() { s.Shutdown() })
		}
		return pc.LocalAddr().String()
	}
	t.Fatal("no port that is free for UDP and TCP")
	return ""
}

// zone answers from records in zone-file form; a name without records does not exist.
func zone(records ...string) dns.HandlerFunc {
	var rrs []dns.RR
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			panic(err)
		}
		rrs = append(rrs, rr)
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		for _, rr := range rrs {
			if strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
				m.Rcode = dns.RcodeSuccess
				if rr.Header().Rrtype == q.Question[0].Qtype {
					m.Answer = append(m.Answer, rr)
				}
			}
		}
		w.WriteMsg(m)
	}
}

// rcode always answers with code.
func rcode(code int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(q, code)) }
}

// brokenDial fails in a chosen way.
func brokenDial(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
}

// echoes is a Pinger with a script.
type echoes struct {
	Echoes
	err error
}

func (e echoes) Ping(context.Context, netip.Addr, int, time.Duration, time.Duration) (Echoes, error) {
	return e.Echoes, e.err
}
