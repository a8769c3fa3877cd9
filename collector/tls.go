package collector

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"picket/collector/config"
	"picket/internal/identity"
)

// Bounds of the work with certificate files.
const (
	reloadEvery = 10 * time.Second // they are looked at, at most
	tellEvery   = time.Hour        // the same trouble with them is logged, at most
)

// PageTLS is how the page speaks TLS, by the tls key of the file; nil without
// one. There are three ways, all of TLS 1.2 or newer:
//
//   - cert_file and key_file, read again when they change. Files that cannot be
//     read then are logged, and the certificate that is known goes on.
//   - acme: a public authority, asked by the collector itself when a browser comes.
//     It proves the name inside TLS on the page's own port (TLS-ALPN-01), which
//     must be reachable from the internet on port 443. What it gets is kept in
//     dir/acme (0700). Names that are not configured get nothing.
//   - own_ca: a certificate of the collector's own authority for the file's names
//     and the page's own address, in memory, a week long, made anew in time.
//     Browsers warn until dir/ca/root.crt is imported as an authority: [TrustHint].
//
// log may be nil.
func PageTLS(file *config.File, authority *identity.Authority, dir string, log *slog.Logger) (c *tls.Config, err error) {
	switch t := file.TLS; {
	case t == nil:
		return nil, nil
	case t.CertFile != "":
		f := &certFiles{cert: t.CertFile, key: t.KeyFile, log: log}
		if f.log == nil {
			f.log = slog.New(slog.DiscardHandler)
		}
		if err := f.load(); err != nil {
			return nil, err
		}
		c = &tls.Config{GetCertificate: f.get}
	case t.ACME != nil:
		m := &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(filepath.Join(dir, "acme")),
			HostPolicy: autocert.HostWhitelist(t.ACME.Names...), Email: t.ACME.Email}
		if t.ACME.Directory != "" {
			m.Client = &acme.Client{DirectoryURL: t.ACME.Directory}
		}
		if err := identity.PrepareDir(filepath.Join(dir, "acme")); err != nil {
			return nil, fmt.Errorf("tls.acme: make the folder for certificates: %w", err)
		}
		c = m.TLSConfig()
	case t.OwnCA:
		if c, err = authority.PageTLS(pageHosts(file)); err != nil {
			return nil, fmt.Errorf("tls.own_ca: %w", err)
		}
	default:
		return nil, errors.New("tls: no certificate is named: write cert_file and key_file, or acme, or own_ca: true")
	}
	c.MinVersion = tls.VersionTLS12
	for _, p := range []string{"http/1.1", "h2"} { // what the page speaks, before what ACME asks
		if !slices.Contains(c.NextProtos, p) {
			c.NextProtos = append([]string{p}, c.NextProtos...)
		}
	}
	return c, nil
}

// pageHosts are the names and addresses under which people may ask for the page.
func pageHosts(file *config.File) []string {
	hosts := slices.Clone(file.Names)
	if host, _, err := net.SplitHostPort(file.HTTP); err == nil && host != "" {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.IsUnspecified() {
			hosts = append(hosts, host)
		}
	}
	return append(hosts, "localhost", "127.0.0.1", "::1")
}

// TrustHint says in a sentence how browsers come to trust the collector's own
// authority; "" if the page has another certificate.
func TrustHint(file *config.File, authority *identity.Authority, dir string) string {
	block, _ := pem.Decode(authority.Root())
	if file.TLS == nil || !file.TLS.OwnCA || block == nil {
		return ""
	}
	sum := sha256.Sum256(block.Bytes)
	text := make([]string, len(sum))
	for i, b := range sum {
		text[i] = fmt.Sprintf("%02X", b)
	}
	return fmt.Sprintf("Browsers trust the page once %s is imported as an authority (SHA-256 %s).", filepath.Join(dir, "ca", "root.crt"), strings.Join(text, ":"))
}

// certFiles is a certificate in files that somebody else renews.
type certFiles struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex // guards the fields below
	loaded *tls.Certificate
	stamp  string // of the files that were loaded
	looked time.Time
	wrong  string // what the log knows of; "" if all is well
	told   time.Time
}

// get returns the certificate, loaded anew if its files changed.
func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	old := time.Since(f.looked) > reloadEvery
	f.mu.Unlock()
	if old {
		f.tell(f.load())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loaded, nil
}

// tell logs err, the same one only once in [tellEvery], and when it is over.
func (f *certFiles) tell(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil && f.wrong != "":
		f.wrong = ""
		f.log.Info("the page's certificate was loaded anew", "file", f.cert)
	case err != nil && (err.Error() != f.wrong || time.Since(f.told) > tellEvery):
		f.wrong, f.told = err.Error(), time.Now()
		f.log.Error("load the page's certificate anew; the one that is known goes on", "err", err)
	}
}

// load reads the files if they are not those that are known. What could not be
// loaded is tried again: not every repair changes a file's time.
func (f *certFiles) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = time.Now()
	stamp := ""
	for _, name := range []string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("tls: read the page's certificate: %w", err)
		}
		stamp += fmt.Sprint(info.Size(), " ", info.ModTime().UnixNano(), " ")
	}
	if stamp == f.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("tls: cert_file %s and key_file %s: %w", f.cert, f.key, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return fmt.Errorf("tls: cert_file %s: %w", f.cert, err)
		}
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		f.log.Warn("the page's certificate has ended: renew it", "file", f.cert, "ended", pair.Leaf.NotAfter)
	}
	f.loaded, f.stamp = &pair, stamp
	return nil
}

// securePage is the page's socket with TLS around it, if the file wants that.
func securePage(page net.Listener, file *config.File, authority *identity.Authority, dir string, log *slog.Logger) (net.Listener, error) {
	c, err := PageTLS(file, authority, dir, log)
	if err != nil || c == nil || page == nil {
		return page, err
	}
	if hint := TrustHint(file, authority, dir); hint != "" && log != nil {
		log.Info("the page's certificate is of this collector's own authority. " + hint)
	}
	return tls.NewListener(page, c), nil
}
