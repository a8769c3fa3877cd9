package identity

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"
)

func TestThePageHasACertificateOfOurOwn(t *testing.T) {
	now := time.Now()
	a, err := OpenAuthority(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.PageTLS([]string{"Picket.example.", "picket.example", "192.0.2.7", "::1", ""})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := c.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.Root())
	issuer, err := x509.ParseCertificate(cert.Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	between := x509.NewCertPool()
	between.AddCert(issuer)
	for host, want := range map[string]bool{"picket.example": true, "PICKET.example": true, "192.0.2.7": true, "::1": true, "other.example": false, "192.0.2.8": false} {
		_, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now})
		if (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	if len(cert.Leaf.URIs) != 0 {
		t.Error("an agent could take the page for the collector")
	}
	// One certificate serves until two thirds of its week are over.
	at := now
	c.Time = func() time.Time { return at }
	at = now.Add(4 * 24 * time.Hour)
	if again, _ := c.GetCertificate(nil); again != cert {
		t.Error("a certificate for every handshake")
	}
	at = now.Add(5 * 24 * time.Hour)
	if fresh, _ := c.GetCertificate(nil); fresh == cert || !fresh.Leaf.NotAfter.After(cert.Leaf.NotAfter) {
		t.Error("the certificate is not made anew in time")
	}
	if _, err := a.PageTLS(nil); err == nil {
		t.Error("a certificate for nobody")
	}
}

func TestAnAgentDoesNotTakeThePageForTheCollector(t *testing.T) {
	now := time.Now()
	a, err := OpenAuthority(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	page, err := a.PageTLS([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := page.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(cert.Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	chain := []*x509.Certificate{cert.Leaf, issuer, a.root}
	if err := verifyCollector(chain, a.root, now, now); !errors.Is(err, ErrRole) {
		t.Errorf("a session: %v", err)
	}
	if err := verifyPinned(chain, a.Pin(), now); !errors.Is(err, ErrRole) {
		t.Errorf("an enrolment: %v", err)
	}
}
