package identity

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Lifetimes. They are counted from the signing; every certificate begins
// backdate earlier.
const (
	rootLife      = 20 * 365 * 24 * time.Hour
	issuerLife    = 5 * 365 * 24 * time.Hour
	collectorLife = 7 * 24 * time.Hour
	agentLife     = 30 * 24 * time.Hour

	// backdate absorbs the clocks of verifiers that run behind.
	backdate = 24 * time.Hour
	// grace is how long an expired agent certificate still opens the door.
	grace = 180 * 24 * time.Hour
	// maxCSR is several times the request of a P-256 key with generous names.
	maxCSR = 8 << 10
)

// due is when two thirds of a certificate's life are over.
func due(c *x509.Certificate) time.Time {
	from := c.NotBefore.Add(backdate)
	return from.Add(c.NotAfter.Sub(from) * 2 / 3)
}

// sign issues template for pub in the name of parent, valid from backdate
// before now until life after it, but never beyond parent: chains nest, so that
// a chain which was valid at any time was valid as a whole.
func sign(template, parent *x509.Certificate, pub *ecdsa.PublicKey, key *ecdsa.PrivateKey, now time.Time, life time.Duration) (*x509.Certificate, error) {
	now = now.UTC()
	template.NotBefore = now.Add(-backdate)
	template.NotAfter = now.Add(life)
	template.BasicConstraintsValid = true
	if template != parent {
		if now.Before(parent.NotBefore) || now.After(parent.NotAfter) {
			return nil, fmt.Errorf("the clock says %s, but %q is valid from %s to %s: set the clock",
				now.Format(time.DateTime), parent.Subject.CommonName, parent.NotBefore.Format(time.DateTime), parent.NotAfter.Format(time.DateTime))
		}
		if template.NotAfter.After(parent.NotAfter) {
			template.NotAfter = parent.NotAfter
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func newRoot(key *ecdsa.PrivateKey, now time.Time) (*x509.Certificate, error) {
	t := &x509.Certificate{KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, MaxPathLen: 1}
	// The pin is part of the name, so that two Pickets can be told apart in
	// an error message.
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encode root key: %w", err)
	}
	t.Subject = pkix.Name{CommonName: "Picket root " + pinOf(&x509.Certificate{RawSubjectPublicKeyInfo: spki}).short()}
	return sign(t, t, &key.PublicKey, key, now, rootLife)
}

func newIssuer(root *x509.Certificate, rootKey *ecdsa.PrivateKey, pub *ecdsa.PublicKey, now time.Time) (*x509.Certificate, error) {
	t := &x509.Certificate{
		Subject:  pkix.Name{CommonName: "Picket issuer " + pinOf(root).short()},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, MaxPathLenZero: true,
	}
	return sign(t, root, pub, rootKey, now, issuerLife)
}

// SignAgent issues the certificate of the agent agentID for the key of a CSR
// (PKCS #10, DER, at most 8 KiB) and returns it as PEM with the issuer's behind
// it, about 1.3 kB. Nothing but the key is taken from the CSR. It fails on an id
// outside [A-Za-z0-9_-]{1,64}, a key that is not ECDSA P-256, and a signature
// that does not prove possession of it.
func (a *Authority) SignAgent(csrDER []byte, agentID string, now time.Time) (chainPEM []byte, err error) {
	if err := checkID(agentID); err != nil {
		return nil, err
	}
	if len(csrDER) > maxCSR {
		return nil, fmt.Errorf("certificate request of %d bytes instead of at most %d", len(csrDER), maxCSR)
	}
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return nil, fmt.Errorf("read certificate request: %w", err)
	}
	if !isP256(csr.PublicKey) {
		return nil, errors.New("certificate request for a key that is not ECDSA P-256")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("certificate request does not prove its key: %w", err)
	}
	cert, err := sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: agentID}, // for people with openssl; nothing reads it
		URIs:        []*url.URL{agentURI(agentID)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, a.issuer, csr.PublicKey.(*ecdsa.PublicKey), a.issuerKey, now, agentLife)
	if err != nil {
		return nil, fmt.Errorf("sign agent certificate: %w", err)
	}
	return encodeCerts(cert.Raw, a.issuer.Raw), nil
}

// collectorCert is the collector's certificate for a handshake at now. It is
// made when there is none, when two thirds of it are over, and when the clock
// has gone back to before it.
func (a *Authority) collectorCert(now time.Time) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cert != nil && now.Before(due(a.cert.Leaf)) && !now.Before(a.cert.Leaf.NotBefore) {
		return a.cert, nil
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	leaf, err := sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "Picket collector"},
		URIs:        []*url.URL{{Scheme: "picket", Host: "collector"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.issuer, &key.PublicKey, a.issuerKey, now, collectorLife)
	if err != nil {
		return nil, fmt.Errorf("sign collector certificate: %w", err)
	}
	a.cert = &tls.Certificate{Certificate: [][]byte{leaf.Raw, a.issuer.Raw}, PrivateKey: key, Leaf: leaf}
	return a.cert, nil
}
