package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authorityIn opens dir or ends the test.
func authorityIn(t *testing.T, dir string, now time.Time) *Authority {
	t.Helper()
	a, err := OpenAuthority(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// refusedIn wants OpenAuthority to refuse dir with all of words in the message.
func refusedIn(t *testing.T, dir string, now time.Time, words ...string) {
	t.Helper()
	_, err := OpenAuthority(dir, now)
	if err == nil {
		t.Fatal("it was opened")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestFirstStartMakesClosedFilesThatTheSecondLoads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "identity")
	a := authorityIn(t, dir, spring)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || bits && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if got := strings.Join(names, " "); got != "issuer.crt issuer.key root.crt root.key" {
		t.Errorf("made %s", got)
	}
	if info, err := os.Stat(dir); err != nil || bits && info.Mode().Perm() != 0o700 {
		t.Errorf("directory: mode %v, %v", info.Mode(), err)
	}
	b := authorityIn(t, dir, spring.AddDate(1, 0, 0))
	if a.Pin() != b.Pin() || string(a.Root()) != string(b.Root()) || !a.issuer.Equal(b.issuer) {
		t.Error("the second start has another identity")
	}
	if len(a.Pin().String()) != 64 {
		t.Errorf("pin %s", a.Pin())
	}
}

func TestAuthorityWorksWithoutTheRootKey(t *testing.T) {
	dir := t.TempDir()
	pin := authorityIn(t, dir, spring).Pin()
	if err := os.Remove(filepath.Join(dir, fileRootKey)); err != nil {
		t.Fatal(err)
	}
	a := authorityIn(t, dir, spring)
	if a.Pin() != pin {
		t.Error("another pin")
	}
	b := enrol(t, a, alice, spring)
	if m := open(t, at(a.ServerTLS(everybody(t)), spring)).meet(t, at(b.ClientTLS(), spring)); !m.ok() {
		t.Errorf("%+v", m)
	}
	refusedIn(t, dir, spring.AddDate(5, 0, 1), "the issuer ended", "root.key")
}

func TestIssuerIsRenewedAndOldAgentsStayIn(t *testing.T) {
	dir := t.TempDir()
	old := authorityIn(t, dir, spring)
	autumn := spring.AddDate(3, 6, 0)
	b := enrol(t, old, alice, autumn.AddDate(0, 0, -10))
	a := authorityIn(t, dir, autumn)
	if a.issuer.Equal(old.issuer) || !a.IssuerNotAfter().After(old.IssuerNotAfter()) || a.Pin() != old.Pin() {
		t.Fatal("the issuer was not renewed under the same root")
	}
	if m := open(t, at(a.ServerTLS(everybody(t)), autumn)).meet(t, at(b.ClientTLS(), autumn)); !m.ok() {
		t.Errorf("agent of before: %+v", m)
	}
	if err := b.Install(signed(t, a, b.key, alice, autumn)); err != nil {
		t.Errorf("renewal by the new issuer: %v", err)
	}
	again := authorityIn(t, dir, autumn)
	if !again.issuer.Equal(a.issuer) {
		t.Error("the renewed issuer was not kept")
	}
}

func TestCertificatesNeverOutlastTheIssuer(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, a.IssuerNotAfter().AddDate(0, 0, -3))
	if !b.NotAfter().Equal(a.IssuerNotAfter()) {
		t.Errorf("agent until %v, issuer until %v", b.NotAfter(), a.IssuerNotAfter())
	}
}

func TestStartCutShortIsCompletedWithTheSameKeys(t *testing.T) {
	whole := t.TempDir()
	pin := authorityIn(t, whole, spring).Pin()
	order := []string{fileRootKey, fileRoot, fileIssuerKey, fileIssuer}
	for n := 1; n < len(order); n++ {
		t.Run("after "+order[n-1], func(t *testing.T) {
			dir := t.TempDir()
			if err := PrepareDir(dir); err != nil {
				t.Fatal(err)
			}
			for _, name := range order[:n] {
				b, err := os.ReadFile(filepath.Join(whole, name))
				if err != nil {
					t.Fatal(err)
				}
				if err := writeFile(filepath.Join(dir, name), b); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := stage(filepath.Join(dir, order[n]), []byte("half a fi")); err != nil {
				t.Fatal(err)
			}
			if got := authorityIn(t, dir, spring).Pin(); got != pin {
				t.Error("another pin")
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestDamagedAuthorityIsRefusedInClearWords(t *testing.T) {
	write := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	from := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			other := t.TempDir()
			authorityIn(t, other, spring)
			for _, name := range names {
				if err := os.Rename(filepath.Join(other, name), filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, c := range []struct {
		name  string
		hurt  func(*testing.T, string)
		words []string
	}{
		{"a key of garbage", write(fileIssuerKey, "garbage"), []string{"issuer.key", "damaged", "backup"}},
		{"an empty root", write(fileRoot, ""), []string{"root.crt", "damaged"}},
		{"a huge file", write(fileIssuer, strings.Repeat("x", maxFile+1)), []string{"issuer.crt", "larger"}},
		{"a lost root", remove(fileRoot, fileRootKey), []string{"no root.crt", "lock out every agent"}},
		{"a lost issuer key, root key offline", remove(fileIssuerKey, fileRootKey), []string{"issuer.key", "root.key"}},
		{"another root key", from(fileRootKey), []string{"root.key", "not the key of root.crt"}},
		{"another issuer", from(fileIssuer, fileIssuerKey), []string{"issuer.crt", "not signed by the root"}},
		{"another issuer key", from(fileIssuerKey), []string{"issuer.crt", "not the certificate of issuer.key"}},
		{"an issuer as root", func(t *testing.T, dir string) {
			if err := errOf(os.ReadFile(filepath.Join(dir, fileIssuer)))(filepath.Join(dir, fileRoot)); err != nil {
				t.Fatal(err)
			}
			remove(fileRootKey)(t, dir)
		}, []string{"root.crt", "not a root"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			authorityIn(t, dir, spring)
			c.hurt(t, dir)
			refusedIn(t, dir, spring, c.words...)
		})
	}
}

// errOf carries what was read on to where it is written.
func errOf(b []byte, err error) func(path string) error {
	return func(path string) error {
		if err != nil {
			return err
		}
		return writeFile(path, b)
	}
}

func TestKeysThatOthersMayReadAreRefused(t *testing.T) {
	if !bits {
		t.Skip("permission bits mean nothing on this system")
	}
	for _, c := range []struct {
		file  string
		mode  os.FileMode
		words []string
	}{
		{fileRootKey, 0o644, []string{"root.key (mode 0644) can be read", "chmod 600"}},
		{fileIssuerKey, 0o640, []string{"issuer.key (mode 0640) can be read", "chmod 600"}},
		{fileIssuer, 0o666, []string{"issuer.crt (mode 0666) can be written", "chmod 600"}},
		{".", 0o777, []string{"directory", "can be written by other users", "chmod 700"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			dir := t.TempDir()
			authorityIn(t, dir, spring)
			if err := os.Chmod(filepath.Join(dir, c.file), c.mode); err != nil {
				t.Fatal(err)
			}
			refusedIn(t, dir, spring, c.words...)
		})
	}
}

func TestClockBeforeTheRootIsRefused(t *testing.T) {
	dir := t.TempDir()
	authorityIn(t, dir, spring)
	refusedIn(t, dir, time.Unix(0, 0), "1970-01-01", "set the clock")
}

func TestAgentCertificateSaysWhatItMust(t *testing.T) {
	a := newAuthority(t, spring)
	key := newTestKey(t)
	// A CSR that asks for everything it must not get.
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "Picket root", Organization: []string{"Evil"}},
		DNSNames: []string{"collector.example.net"}, URIs: []*url.URL{{Scheme: "picket", Host: "collector"}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := a.SignAgent(der, alice, spring)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := decodeCerts(chain)
	if err != nil || len(certs) != 2 {
		t.Fatalf("%d certificates, %v", len(certs), err)
	}
	c := certs[0]
	if id, err := AgentID(c); id != alice || err != nil {
		t.Errorf("it names %q, %v", id, err)
	}
	if len(c.DNSNames) > 0 || c.Subject.String() != "CN="+alice || c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature || len(c.ExtKeyUsage) != 2 {
		t.Errorf("names %v %v, CA %v, usage %v %v", c.DNSNames, c.Subject, c.IsCA, c.KeyUsage, c.ExtKeyUsage)
	}
	if !c.NotBefore.Equal(spring.Add(-24*time.Hour)) || !c.NotAfter.Equal(spring.AddDate(0, 0, 30)) {
		t.Errorf("valid from %v to %v", c.NotBefore, c.NotAfter)
	}
	t.Logf("leaf %d bytes, issuer %d, root %d (DER)", len(c.Raw), len(certs[1].Raw), len(a.root.Raw))
}

func TestRequestsThatAreNotSigned(t *testing.T) {
	a := newAuthority(t, spring)
	good, err := CSR(newTestKey(t))
	if err != nil {
		t.Fatal(err)
	}
	request := func(key any) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	for name, c := range map[string]struct {
		csr []byte
		id  string
		now time.Time
	}{
		"garbage":           {[]byte("garbage"), alice, spring},
		"too long":          {make([]byte, maxCSR+1), alice, spring},
		"bad signature":     {forged, alice, spring},
		"P-384":             {request(p384), alice, spring},
		"Ed25519":           {request(ed), alice, spring},
		"no id":             {good, "", spring},
		"a path for an id":  {good, "../collector", spring},
		"a space in the id": {good, "a b", spring},
		"an id too long":    {good, strings.Repeat("A", 65), spring},
		"clock in 1970":     {good, alice, time.Unix(0, 0)},
	} {
		if _, err := a.SignAgent(c.csr, c.id, c.now); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := a.SignAgent(good, alice, spring); err != nil {
		t.Errorf("good: %v", err)
	}
}

func TestNameOfAnAgentIsReadStrictly(t *testing.T) {
	uri := func(texts ...string) (c x509.Certificate) {
		for _, s := range texts {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
		return c
	}
	good := uri("picket://agent/" + alice)
	if id, err := AgentID(&good); id != alice || err != nil {
		t.Errorf("got %q, %v", id, err)
	}
	for _, texts := range [][]string{
		{}, {"picket://collector"}, {"picket://agent/"}, {"picket://agent"}, {"picket://agent/a/b"}, {"picket://agent/a?b"}, {"picket://agent/a#b"},
		{"picket://agent/%41"}, {"picket://x@agent/a"}, {"picket://agent:1/a"}, {"https://agent/a"}, {"picket:agent/a"},
		{"picket://agent/a", "picket://agent/b"}, {"picket://agent/a", "picket://collector"},
	} {
		c := uri(texts...)
		c.Subject.CommonName = alice
		_, err := AgentID(&c)
		wantErr(t, strings.Join(texts, " "), err, ErrRole)
	}
}
