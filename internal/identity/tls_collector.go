package identity

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// clock is the time by which a configuration judges: tls.Config.Time, as in
// crypto/tls itself.
func clock(c *tls.Config) time.Time {
	if c.Time != nil {
		return c.Time()
	}
	return time.Now()
}

// base is what all our configurations have in common. The package doc says why
// the curves are these.
func base(alpn []string) *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		NextProtos:       alpn,
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
	}
}

// ServerTLS is the collector's end of a session with agents: both sides show
// certificates. The agent's chain must lead to our root; its certificate may
// have ended up to 180 days ago. Then check is asked, with expired saying that
// it has; an error of check refuses the agent and can be found in the
// handshake's error on this side. On the agent's side every refusal is the
// alert "bad certificate".
//
// check is asked at every handshake, resumed ones included, possibly before the
// peer has proved that it holds the key: it must have no effect but its answer,
// and it must be quick. A nil check admits every agent whose certificate has
// not ended.
//
// Set Time on the result, not on a copy, to judge by another clock. Errors are
// [ErrChain], [ErrRole], [ErrNotYetValid], [ErrExpired], or check's.
func (a *Authority) ServerTLS(check func(agentID string, expired bool) error, alpn ...string) *tls.Config {
	c := base(alpn)
	// Not RequireAndVerifyClientCert: crypto/tls would refuse expired
	// certificates by its own rules, and skip the check on resumption.
	c.ClientAuth = tls.RequireAnyClientCert
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.collectorCert(clock(c)) }
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		id, expired, err := a.admit(cs.PeerCertificates, clock(c))
		if err != nil {
			return err
		}
		if check != nil {
			return check(id, expired)
		}
		if expired {
			return fmt.Errorf("agent %s: %w", id, ErrExpired)
		}
		return nil
	}
	return c
}

// admit judges an agent's chain at now.
func (a *Authority) admit(certs []*x509.Certificate, now time.Time) (id string, expired bool, err error) {
	if err := verifyChain(certs, a.root, x509.ExtKeyUsageClientAuth, now); err != nil {
		return "", false, fmt.Errorf("%w: %w", ErrChain, err)
	}
	leaf := certs[0]
	if id, err = AgentID(leaf); err != nil {
		return "", false, err
	}
	if now.Before(leaf.NotBefore) {
		return "", false, fmt.Errorf("agent %s: %w: it begins on %s", id, ErrNotYetValid, leaf.NotBefore.Format(time.DateTime))
	}
	if now.Sub(leaf.NotAfter) > grace {
		return "", false, fmt.Errorf("agent %s: %w: it ended on %s", id, ErrExpired, leaf.NotAfter.Format(time.DateOnly))
	}
	return id, now.After(leaf.NotAfter), nil
}

// EnrolTLS is the collector's end of an enrolment: only the collector shows a
// certificate, and the whole chain up to the root, since the other side knows
// nothing but the pin. There is nothing to resume.
func (a *Authority) EnrolTLS(alpn ...string) *tls.Config {
	c := base(alpn)
	c.SessionTicketsDisabled = true
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := a.collectorCert(clock(c))
		if err != nil {
			return nil, err
		}
		whole := *cert
		whole.Certificate = append(whole.Certificate[:len(whole.Certificate):len(whole.Certificate)], a.root.Raw)
		return &whole, nil
	}
	return c
}
