package identity

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestAgentAndCollectorKnowEachOther(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	m := open(t, at(a.ServerTLS(everybody(t), "picket/1"), spring)).meet(t, at(b.ClientTLS("picket/1"), spring))
	if !m.ok() || m.peer != alice {
		t.Fatalf("good agent: %+v", m)
	}
	t.Logf("mutual handshake, ticket and two application bytes: %d bytes", m.bytes)
	if m.bytes >= 4<<10 {
		t.Errorf("the handshake takes %d bytes", m.bytes)
	}
}

func TestNewcomerAcceptsOnlyThePin(t *testing.T) {
	a, other := newAuthority(t, spring), newAuthority(t, spring)
	enrolling := open(t, at(a.EnrolTLS("picket-enrol/1"), spring))
	if m := enrolling.meet(t, at(PinnedTLS(a.Pin(), "picket-enrol/1"), spring)); !m.ok() {
		t.Fatalf("right pin: %+v", m)
	}
	m := enrolling.meet(t, at(PinnedTLS(other.Pin(), "picket-enrol/1"), spring))
	wantErr(t, "wrong pin", m.client, ErrPin)
	if m.heard || m.server == nil {
		t.Error("the wrong collector finished the handshake")
	}
	if want := "Picket root " + a.Pin().short(); !strings.Contains(m.client.Error(), want) {
		t.Errorf("%q does not name the issuer %q", m.client, want)
	}
}

// inspecting is a middlebox: a certificate for anything, by its own authority.
func inspecting(t *testing.T, extra ...[]byte) *tls.Config {
	t.Helper()
	key := newTestKey(t)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Acme Firewall CA\n"},
		NotBefore: spring.Add(-time.Hour), NotAfter: spring.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	chain := append([][]byte{der}, extra...)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: key}}, MinVersion: tls.VersionTLS13}
}

func TestMiddleboxIsRecognisedAndHearsNothing(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	for name, server := range map[string]*tls.Config{
		"own chain":                inspecting(t),
		"with our root behind its": inspecting(t, a.root.Raw),
	} {
		for who, client := range map[string]*tls.Config{"newcomer": PinnedTLS(a.Pin()), "agent": b.ClientTLS()} {
			m := open(t, at(server, spring)).meet(t, at(client, spring))
			wantErr(t, name+", "+who, m.client, ErrPin)
			if m.heard {
				t.Errorf("%s, %s: it heard an application byte", name, who)
			}
			if !strings.Contains(m.client.Error(), `"Acme Firewall CA\n"`) {
				t.Errorf("%s, %s: %q does not name the issuer, quoted", name, who, m.client)
			}
		}
	}
}

func TestCollectorRefusesAgentsOfAnotherAuthority(t *testing.T) {
	a, other := newAuthority(t, spring), newAuthority(t, spring)
	stranger := enrol(t, other, alice, spring)
	client := at(stranger.ClientTLS(), spring)
	client.VerifyConnection = nil // it wants in at any price
	asked := false
	server := at(a.ServerTLS(func(string, bool) error { asked = true; return nil }), spring)
	m := open(t, server).meet(t, client)
	wantErr(t, "foreign agent", m.server, ErrChain)
	if asked || m.client == nil {
		t.Errorf("foreign agent: asked %v, %+v", asked, m)
	}
}

func TestAgentCannotPassForTheCollector(t *testing.T) {
	a := newAuthority(t, spring)
	mallory, b := enrol(t, a, "mallory", spring), enrol(t, a, alice, spring)
	chain := *mallory.cert.Load()
	chain.Certificate = append(chain.Certificate, a.root.Raw)
	server := &tls.Config{Certificates: []tls.Certificate{chain}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS13}
	for who, client := range map[string]*tls.Config{"newcomer": PinnedTLS(a.Pin()), "agent": b.ClientTLS()} {
		m := open(t, server).meet(t, at(client, spring))
		wantErr(t, who, m.client, ErrRole)
		if m.heard {
			t.Errorf("%s: mallory heard an application byte", who)
		}
	}
}

func TestCollectorCertificateIsNoAgent(t *testing.T) {
	a := newAuthority(t, spring)
	cert, err := a.collectorCert(spring)
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, at(a.ServerTLS(nil), spring)).meet(t, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{*cert}})
	wantErr(t, "collector as agent", m.server, ErrChain) // it lacks clientAuth, before its name is looked at
}

func parsed(t *testing.T, cert *tls.Certificate) (certs []*x509.Certificate) {
	t.Helper()
	for _, der := range cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, c)
	}
	return certs
}

func TestAgeOfAgentCertificates(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	day := 24 * time.Hour
	for _, c := range []struct {
		name    string
		now     time.Time
		flagged bool
		want    error
	}{
		{"fresh", spring, false, nil},
		{"the collector's clock was set back by 23 h", spring.Add(-23 * time.Hour), false, nil},
		{"the collector's clock was set back by 25 h", spring.Add(-25 * time.Hour), false, ErrNotYetValid},
		{"last day", b.NotAfter().Add(-time.Hour), false, nil},
		{"expired for 10 days", b.NotAfter().Add(10 * day), true, nil},
		{"expired for 180 days", b.NotAfter().Add(180 * day), true, nil},
		{"expired for 200 days", b.NotAfter().Add(200 * day), false, ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := false
			_, flagged, err := a.admit(parsed(t, b.cert.Load()), c.now)
			if flagged != c.flagged || !errors.Is(err, c.want) {
				t.Fatalf("admit: flagged %v, error %v", flagged, err)
			}
			if c.now.Before(spring.Add(-backdate)) {
				return // the collector itself would not run before its issuer begins
			}
			server := at(a.ServerTLS(func(id string, expired bool) error { asked, flagged = true, expired; return nil }), c.now)
			m := open(t, server).meet(t, at(b.ClientTLS(), c.now))
			if c.want == nil && (!m.ok() || flagged != c.flagged) {
				t.Errorf("flagged %v, %+v", flagged, m)
			}
			if c.want != nil && (asked || !errors.Is(m.server, c.want) || m.client == nil) {
				t.Errorf("asked %v, %+v", asked, m)
			}
			m = open(t, at(a.ServerTLS(nil), c.now)).meet(t, at(b.ClientTLS(), c.now))
			if m.ok() != (c.want == nil && !c.flagged) {
				t.Errorf("without a check: %+v", m)
			}
		})
	}
}

func TestRevokedAgentIsRefusedAlsoWhenItResumes(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	errRevoked := errors.New("revoked")
	var verdict error
	asked := 0
	d := open(t, at(a.ServerTLS(func(id string, _ bool) error { asked++; return verdict }), spring))
	client := at(b.ClientTLS(), spring)
	if m := d.meet(t, client); !m.ok() || m.resumed {
		t.Fatalf("first: %+v", m)
	}
	m := d.meet(t, client)
	if !m.ok() || !m.resumed || m.peer != alice {
		t.Fatalf("second was not resumed: %+v", m)
	}
	t.Logf("resumed handshake: %d bytes", m.bytes)
	verdict = errRevoked
	m = d.meet(t, client)
	wantErr(t, "resumed after revocation", m.server, errRevoked)
	if m.client == nil || m.heard {
		t.Errorf("resumed after revocation: %+v", m)
	}
	if asked != 3 {
		t.Errorf("the check was asked %d times in 3 handshakes", asked)
	}
	client.ClientSessionCache = nil
	m = d.meet(t, client)
	wantErr(t, "full handshake after revocation", m.server, errRevoked)
}

func TestClientVerifiesTheCollectorWhenItResumes(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	d := open(t, at(a.ServerTLS(everybody(t)), spring))
	client := at(b.ClientTLS(), spring)
	d.meet(t, client)
	b.root = newAuthority(t, spring).root // as if it had been enrolled elsewhere meanwhile
	m := d.meet(t, client)
	wantErr(t, "resumed under another root", m.client, ErrPin)
}

func TestClockOfTheAgentMayBeWrong(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	for _, clock := range []time.Time{time.Unix(0, 0), spring.AddDate(-1, 0, 0), spring.AddDate(40, 0, 0)} {
		d := open(t, at(a.ServerTLS(everybody(t)), spring))
		client := at(b.ClientTLS(), clock)
		for range 2 {
			if m := d.meet(t, client); !m.ok() {
				t.Errorf("agent's clock at %v: %+v", clock, m)
			}
		}
		if m := open(t, at(a.EnrolTLS(), spring)).meet(t, at(PinnedTLS(a.Pin()), clock)); !m.ok() {
			t.Errorf("newcomer's clock at %v: %+v", clock, m)
		}
	}
}

func TestStolenCollectorKeyDiesWithTheNextRenewal(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	stolen, err := a.collectorCert(spring)
	if err != nil {
		t.Fatal(err)
	}
	thief := open(t, &tls.Config{Certificates: []tls.Certificate{*stolen}, MinVersion: tls.VersionTLS13})
	later := spring.AddDate(0, 0, 20)
	if m := thief.meet(t, at(b.ClientTLS(), later)); m.client != nil {
		t.Fatalf("the story needs a clamp: %v", m.client)
	}
	if err := b.Install(signed(t, a, b.key, alice, later)); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "after renewal", thief.meet(t, at(b.ClientTLS(), later)).client, ErrPin)
}

func TestCollectorCertificateIsRenewedInTime(t *testing.T) {
	a := newAuthority(t, spring)
	first, err := a.collectorCert(spring)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		now  time.Time
		same bool
	}{
		{"a day later", spring.AddDate(0, 0, 1), true},
		{"five days later", spring.AddDate(0, 0, 5), false},
	} {
		got, err := a.collectorCert(c.now)
		if err != nil || (got == first) != c.same {
			t.Errorf("%s: same %v, error %v", c.name, got == first, err)
		}
		if c.now.After(got.Leaf.NotAfter) {
			t.Errorf("%s: it ended on %v", c.name, got.Leaf.NotAfter)
		}
	}
	if got, err := a.collectorCert(spring); err != nil || got.Leaf.NotBefore.After(spring) {
		t.Errorf("after the clock went back: from %v, error %v", got.Leaf.NotBefore, err)
	}
	if _, err := a.collectorCert(spring.AddDate(6, 0, 0)); err == nil {
		t.Error("signed with an issuer that had ended")
	}
}

func TestEndedIssuerSignsNothingNew(t *testing.T) {
	a := newAuthority(t, spring)
	late := spring.AddDate(6, 0, 0) // the issuer ended a year ago; its key leaks
	key := newTestKey(t)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: late, NotAfter: late.AddDate(0, 0, 30), URIs: nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	leaf.URIs = append(leaf.URIs, agentURI(alice))
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.issuer, &key.PublicKey, a.issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = a.admit([]*x509.Certificate{cert, a.issuer}, late)
	wantErr(t, "leaf of an ended issuer", err, ErrChain)
}

func TestRenewedCertificateIsShownAtTheNextHandshake(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	day19 := spring.AddDate(0, 0, 19).Add(12 * time.Hour) // both certificates are valid
	d := open(t, at(a.ServerTLS(everybody(t)), day19))
	client := at(b.ClientTLS(), day19)
	d.meet(t, client)
	if m := d.meet(t, client); !m.resumed {
		t.Fatalf("not resumed: %+v", m)
	}
	later := b.RenewAt() // by the collector's clock, which is not this handshake's
	if want := spring.AddDate(0, 0, 20); !later.Equal(want) {
		t.Errorf("renewal is due at %v, want %v", later, want)
	}
	csr, err := b.NewCSR()
	if err != nil {
		t.Fatal(err)
	}
	chain, err := a.SignAgent(csr, alice, later)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Install(chain); err != nil {
		t.Fatal(err)
	}
	if want := later.AddDate(0, 0, 30); !b.NotAfter().Equal(want) {
		t.Errorf("renewed until %v, want %v", b.NotAfter(), want)
	}
	if m := d.meet(t, client); !m.ok() || m.resumed || !m.until.Equal(b.NotAfter()) {
		t.Errorf("right after renewal the collector saw a certificate until %v: %+v", m.until, m)
	}
}

func TestTLS12IsNotSpoken(t *testing.T) {
	a := newAuthority(t, spring)
	m := open(t, at(a.EnrolTLS(), spring)).meet(t, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if m.client == nil || m.server == nil {
		t.Errorf("TLS 1.2: %+v", m)
	}
	m = open(t, at(a.ServerTLS(nil), spring)).meet(t, &tls.Config{InsecureSkipVerify: true})
	if m.client == nil || m.server == nil || m.heard {
		t.Errorf("no client certificate: %+v", m)
	}
}

func BenchmarkMutualHandshake(b *testing.B) {
	a := newAuthority(b, spring)
	bundle := enrol(b, a, alice, spring)
	d := open(b, at(a.ServerTLS(nil), spring))
	client := at(bundle.ClientTLS(), spring)
	client.ClientSessionCache = nil
	var bytes int64
	for b.Loop() {
		m := d.meet(b, client)
		if !m.ok() {
			b.Fatalf("%+v", m)
		}
		bytes = m.bytes
	}
	b.ReportMetric(float64(bytes), "wire-B/op")
}
