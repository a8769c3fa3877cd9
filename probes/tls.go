package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// tls asks whether a TLS handshake succeeds and the certificate is good.
func (r *run) tls(ctx context.Context) error {
	_, err := r.secure(ctx)
	r.answered()
	return err
}

// secure connects and shakes hands. The library's own verification is off, so
// that the handshake completes and a bad certificate can be looked at; ours
// runs in VerifyConnection and its error ends the probe before anything is
// sent. There is no session cache: every handshake is a full one. The key
// exchange is the library's default, as in browsers, although doing without
// the post-quantum half would save a fifth of the processor time: a path that
// loses a large ClientHello is a fault that users see.
func (r *run) secure(ctx context.Context, alpn ...string) (*tls.Conn, error) {
	raw, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	roots, err := r.spec.roots()
	if err != nil {
		return nil, &fault{BadSpec, err}
	}
	name := strings.TrimSuffix(cmp.Or(r.spec.ServerName, r.spec.Host), ".")
	var verdict error
	conn := tls.Client(raw, &tls.Config{
		ServerName:         name,
		NextProtos:         alpn,
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			now := time.Now()
			r.res.HasCert, r.res.CertDays = true, days(cs.PeerCertificates[0].NotAfter.Sub(now))
			verdict = verify(cs.PeerCertificates, name, roots, now)
			return nil
		},
	})
	done := r.phase(LayerTLS, &r.res.TLS)
	err = conn.HandshakeContext(ctx)
	done()
	if err != nil {
		r.res.TLS = 0
		return nil, err
	}
	r.conn = conn // closing it says goodbye and closes raw
	return conn, verdict
}

// days returns the whole days in d, rounded down: -1 within the first day after the end.
func days(d time.Duration) int { return int(math.Floor(d.Hours() / 24)) }

// verify judges the chain that the server showed. x509 stops at the first
// thing that is wrong, and an expired certificate hides that it is also
// somebody else's; so each question is asked by itself, and the cause is the
// first that is true: expired, not yet valid, of another name, untrusted. The
// text has them all.
func verify(chain []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) error {
	leaf := chain[0]
	var causes []Cause
	var errs []error
	bad := func(c Cause, err error) { causes, errs = append(causes, c), append(errs, err) }

	at := now // when the rest of the chain is judged
	switch {
	case now.After(leaf.NotAfter):
		at = leaf.NotAfter
		bad(TLSExpired, fmt.Errorf("the certificate expired on %s", leaf.NotAfter.UTC().Format(time.DateTime)))
	case now.Before(leaf.NotBefore):
		at = leaf.NotBefore
		bad(TLSNotYetValid, fmt.Errorf("the certificate is valid only from %s", leaf.NotBefore.UTC().Format(time.DateTime)))
	}
	if err := leaf.VerifyHostname(name); err != nil {
		bad(TLSName, err)
	}
	others := x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: at})
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return err // nothing to judge by
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired && at.Equal(now) {
		bad(TLSExpired, fmt.Errorf("a certificate of the issuer: %w", err))
	} else if err != nil {
		bad(TLSUntrusted, err)
	}
	if len(causes) == 0 {
		return nil
	}
	return &fault{causes[0], errors.Join(errs...)}
}
