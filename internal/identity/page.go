package identity

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// PageTLS is the server's end of TLS with browsers for an operator who has no
// other certificate: one for these hosts (DNS names and addresses, at least one)
// under the same root that agents know. Browsers trust it once the root is
// imported. The key lives in memory; the certificate ends after a week and is
// made anew before. It says nothing that an agent would take for the collector.
//
// Set Time on the result, not on a copy, to judge by another clock.
func (a *Authority) PageTLS(hosts []string) (*tls.Config, error) {
	p := page{a: a}
	for _, h := range hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			p.ips = append(p.ips, net.IP(ip.Unmap().AsSlice()))
		} else if h = strings.ToLower(strings.TrimSuffix(h, ".")); h != "" && !slices.Contains(p.names, h) {
			p.names = append(p.names, h)
		}
	}
	if len(p.names)+len(p.ips) == 0 {
		return nil, errors.New("a certificate for the page needs at least one name or address")
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.cert(clock(c)) }
	if _, err := p.cert(time.Now()); err != nil {
		return nil, err
	}
	return c, nil
}

// page makes certificates for the page.
type page struct {
	a     *Authority
	names []string
	ips   []net.IP

	mu   sync.Mutex // guards the field below
	last *tls.Certificate
}

func (p *page) cert(now time.Time) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil && now.Before(due(p.last.Leaf)) && !now.Before(p.last.Leaf.NotBefore) {
		return p.last, nil
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	leaf, err := sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "Picket page"},
		DNSNames:    p.names,
		IPAddresses: p.ips,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, p.a.issuer, &key.PublicKey, p.a.issuerKey, now, collectorLife)
	if err != nil {
		return nil, fmt.Errorf("sign the page's certificate: %w", err)
	}
	p.last = &tls.Certificate{Certificate: [][]byte{leaf.Raw, p.a.issuer.Raw}, PrivateKey: key, Leaf: leaf}
	return p.last, nil
}
