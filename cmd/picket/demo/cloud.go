package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// The simulated cloud: three providers with four regions of two services each,
// every one a real server on a loopback port, and a real DNS server that knows
// their names. macOS and Windows have 127.0.0.1 only, so regions differ by
// port, not by address.
var providers = []string{"nimbus", "stratus", "cirrus"}

var regions = []string{"north", "south", "east", "west"}

// references are what agents judge their own line by: five independent
// operators that belong to none of the providers.
const referenceCount = 5

// firstPort is where the search for free ports starts: below the ranges from
// which Linux, macOS and Windows draw ephemeral ports, so that a server that
// is down keeps its port to itself. The search starts anywhere among portCount
// ports, so that two demos on one machine hardly meet.
const (
	firstPort = 21000
	portCount = 10000
)

// cloud is all servers of the simulated providers.
type cloud struct {
	ca       string // PEM of the root that signs every server
	resolver string // ip:port of the DNS server

	mu      sync.Mutex // guards the fields below
	servers []*server
	dns     []*dns.Server
	next    int // offset of the port to try next, from 0 to portCount-1
}

// server is one service of one provider region.
type server struct {
	provider, region, service string
	addr                      string // 127.0.0.1:port
	config                    *tls.Config
	http                      *http.Server // nil while it is down
}

func (s *server) id() string { return s.provider + "-" + s.service + "-" + s.region }
func (s *server) host() string {
	return strings.Join([]string{s.service, s.region, s.provider}, ".") + ".example"
}

// startCloud starts everything. Close ends it.
func startCloud() (*cloud, error) {
	c := &cloud{next: mrand.IntN(portCount)}
	issuer, err := newIssuer()
	if err != nil {
		return nil, err
	}
	c.ca = issuer.pem
	for _, p := range providers {
		for _, r := range regions {
			for _, svc := range []string{"storage", "compute"} {
				c.servers = append(c.servers, &server{provider: p, region: r, service: svc})
			}
		}
	}
	for n := range referenceCount {
		c.servers = append(c.servers, &server{service: "reference", region: fmt.Sprint(n + 1), provider: "internet"})
	}
	for _, s := range c.servers {
		if s.config, err = issuer.serve(s.host()); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		l, err := c.freePort()
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		s.addr = l.Addr().String()
		s.start(l)
	}
	if err := c.startDNS(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// port is the next port of our range to try.
func (c *cloud) port() string {
	c.next = (c.next + 1) % portCount
	return fmt.Sprintf("127.0.0.1:%d", firstPort+c.next)
}

// freePort listens on the next free port of our range.
func (c *cloud) freePort() (net.Listener, error) {
	for range portCount {
		if l, err := net.Listen("tcp", c.port()); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("find a free loopback port from %d to %d: none", firstPort, firstPort+portCount-1)
}

// start serves on l: TLS for the services, where /healthz answers 200.
func (s *server) start(l net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "healthy: "+s.id()+"\n")
	})
	s.http = &http.Server{Handler: mux, TLSConfig: s.config, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go s.http.ServeTLS(l, "", "") // ends with Close
}

// stop closes the listener and every connection: from now on the region's
// addresses refuse.
func (s *server) stop() error {
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	s.http = nil
	return err
}

// fail takes all services of a provider region down.
func (c *cloud) fail(provider, region string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, s := range c.servers {
		if s.provider == provider && s.region == region {
			errs = append(errs, s.stop())
		}
	}
	return errors.Join(errs...)
}

// heal brings them back on the same ports.
func (c *cloud) heal(ctx context.Context, provider, region string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.servers {
		if s.provider != provider || s.region != region || s.http != nil {
			continue
		}
		l, err := listenAgain(ctx, s.addr)
		if err != nil {
			return fmt.Errorf("bring %s back: %w", s.id(), err)
		}
		s.start(l)
	}
	return nil
}

// againWithin is how long a port may stay taken after its server was stopped.
const againWithin = 30 * time.Second

// listenAgain listens on an address that was in use a moment ago.
func listenAgain(ctx context.Context, addr string) (net.Listener, error) {
	end := time.Now().Add(againWithin)
	for {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		switch {
		case err == nil || ctx.Err() != nil:
			return l, err
		case time.Now().After(end):
			return nil, &classed{ErrMachine, fmt.Sprintf("another program has taken %s and does not give it back within %s: %v", addr, againWithin, err)}
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startDNS serves the names of all servers over UDP and TCP.
func (c *cloud) startDNS() error {
	names := map[string]bool{}
	for _, s := range c.servers {
		names[dns.Fqdn(s.host())] = true
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if len(q.Question) != 1 || !names[strings.ToLower(q.Question[0].Name)] {
			m.Rcode = dns.RcodeNameError
		} else if q.Question[0].Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
		w.WriteMsg(m)
	})
	for range portCount {
		addr := c.port()
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		p, err := net.ListenPacket("udp", addr)
		if err != nil {
			l.Close()
			continue
		}
		c.resolver = addr
		for _, s := range []*dns.Server{{Listener: l, Handler: handler}, {PacketConn: p, Handler: handler}} {
			up := make(chan struct{})
			s.NotifyStartedFunc = func() { close(up) }
			go s.ActivateAndServe() // ends with Shutdown
			<-up
			c.dns = append(c.dns, s)
		}
		return nil
	}
	return fmt.Errorf("find a free loopback port for DNS from %d to %d: none", firstPort, firstPort+portCount-1)
}

// Close ends every server.
func (c *cloud) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, s := range c.servers {
		errs = append(errs, s.stop())
	}
	for _, s := range c.dns {
		errs = append(errs, s.Shutdown())
	}
	return errors.Join(errs...)
}

// issuer is the certificate authority of the simulated cloud.
type issuer struct {
	pem  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer() (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the simulated cloud's key: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Simulated cloud"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign the simulated cloud's root: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the simulated cloud's root: %w", err)
	}
	return &issuer{pem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), cert: cert, key: key}, nil
}

// serve makes the TLS configuration of a server called host.
func (i *issuer) serve(host string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of %s: %w", host, err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, fmt.Errorf("draw the serial of %s: %w", host, err)
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 3, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, i.cert, key.Public(), i.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", host, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}
