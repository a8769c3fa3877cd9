package collector

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/config"
	"picket/internal/identity"
)

// pair writes a self-signed certificate for name and returns it.
func pair(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"page.crt": {Type: "CERTIFICATE", Bytes: der}, "page.key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// shows connects as a browser that trusts roots, asking for name, and says with
// which version.
func shows(t *testing.T, c *tls.Config, roots *x509.CertPool, name string, most uint16) (tls.ConnectionState, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(tls.NewListener(l, c)) }()
	defer func() { srv.Close(); <-ended }()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name, MaxVersion: most, MinVersion: tls.VersionTLS10, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

func TestThePageSpeaksTLSFromFiles(t *testing.T) {
	dir := t.TempDir()
	first := pair(t, dir, "picket.example")
	var log bytes.Buffer
	file := &config.File{HTTP: "127.0.0.1:8443", TLS: &config.TLS{CertFile: filepath.Join(dir, "page.crt"), KeyFile: filepath.Join(dir, "page.key")}}
	c, err := PageTLS(file, nil, dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(first)
	if s, err := shows(t, c, roots, "picket.example", 0); err != nil || s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != "h2" {
		t.Errorf("%x %q %v", s.Version, s.NegotiatedProtocol, err)
	}
	if _, err := shows(t, c, roots, "picket.example", tls.VersionTLS12); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	if _, err := shows(t, c, roots, "picket.example", tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}

	files := &certFiles{cert: file.TLS.CertFile, key: file.TLS.KeyFile, log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := files.load(); err != nil {
		t.Fatal(err)
	}
	now := func() *x509.Certificate {
		files.looked = time.Time{} // long ago
		cert, err := files.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf
	}
	if err := os.WriteFile(file.TLS.CertFile, []byte("half a certif"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := now(); !got.Equal(first) || !strings.Contains(log.String(), "the one that is known goes on") {
		t.Error("a broken file ends the page, or nobody is told")
	}
	lines := strings.Count(log.String(), "\n")
	if now(); strings.Count(log.String(), "\n") != lines {
		t.Error("the same broken file is told of again and again")
	}
	second := pair(t, dir, "new.example")
	if got := now(); !got.Equal(second) {
		t.Error("a renewed certificate is not used")
	}

	// A file that cannot be read for a while, and then can, with the same size and time.
	third := pair(t, dir, "third.example")
	key, info := readable(t, file.TLS.KeyFile)
	if err := os.WriteFile(file.TLS.KeyFile, bytes.Repeat([]byte("x"), len(key)), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Chtimes(file.TLS.KeyFile, info.ModTime(), info.ModTime())
	if got := now(); !got.Equal(second) {
		t.Error("a certificate without its key is used")
	}
	if err := os.WriteFile(file.TLS.KeyFile, key, 0o600); err != nil {
		t.Fatal(err)
	}
	os.Chtimes(file.TLS.KeyFile, info.ModTime(), info.ModTime())
	if got := now(); !got.Equal(third) {
		t.Error("a certificate that failed to load once is never tried again")
	}
	file.TLS.KeyFile = filepath.Join(dir, "none")
	if _, err := PageTLS(file, nil, dir, nil); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v", err)
	}
}

func TestThePageSpeaksTLSByOurOwnAuthority(t *testing.T) {
	dir := t.TempDir()
	a, err := identity.OpenAuthority(filepath.Join(dir, "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file := &config.File{HTTP: "0.0.0.0:8443", Names: []string{"picket.example"}, TLS: &config.TLS{OwnCA: true}}
	c, err := PageTLS(file, a, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.Root())
	for name, want := range map[string]bool{"picket.example": true, "localhost": true, "127.0.0.1": true, "other.example": false} {
		if _, err := shows(t, c, roots, name, 0); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if hint := TrustHint(file, a, dir); !strings.Contains(hint, filepath.Join(dir, "ca", "root.crt")) || strings.Count(hint, ":") < 31 {
		t.Errorf("%q", hint)
	}
}

func TestACMEAsksOnlyForOurNames(t *testing.T) {
	dir := t.TempDir()
	file := &config.File{HTTP: "0.0.0.0:443", TLS: &config.TLS{ACME: &config.ACME{Names: []string{"picket.example"}, Directory: "https://127.0.0.1:1/nowhere"}}}
	c, err := PageTLS(file, nil, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.NextProtos); !strings.Contains(got, "acme-tls/1") || !strings.Contains(got, "h2") || !strings.Contains(got, "http/1.1") || c.MinVersion != tls.VersionTLS12 {
		t.Errorf("%s %x", got, c.MinVersion)
	}
	_, err = c.GetCertificate(&tls.ClientHelloInfo{ServerName: "evil.example", SupportedProtos: []string{"h2"}})
	if err == nil || !strings.Contains(err.Error(), "not configured") {
		t.Errorf("another name: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "acme"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
}

func TestWhereThePageIs(t *testing.T) {
	at := func(s string) net.Addr { a, _ := net.ResolveTCPAddr("tcp", s); return a }
	for _, c := range []struct {
		file config.File
		addr string
		want string
	}{
		{config.File{}, "127.0.0.1:8443", "http://127.0.0.1:8443"},
		{config.File{}, "[::1]:8443", "http://[::1]:8443"},
		{config.File{TLS: &config.TLS{}, Names: []string{"picket.example"}}, "0.0.0.0:8443", "https://picket.example:8443"},
		{config.File{TLS: &config.TLS{}, Names: []string{"picket.example"}}, "0.0.0.0:443", "https://picket.example"},
		{config.File{BehindProxy: true, Names: []string{"picket.example"}}, "127.0.0.1:8443", "https://picket.example"},
		{config.File{TLS: &config.TLS{}}, "192.0.2.7:8443", "https://192.0.2.7:8443"},
	} {
		if got := publicURL(&c.file, at(c.addr)); got != c.want {
			t.Errorf("%s: %s, want %s", c.addr, got, c.want)
		}
	}
}

// readable is what a file holds, and its size and time.
func readable(t *testing.T, name string) ([]byte, os.FileInfo) {
	t.Helper()
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return body, info
}
