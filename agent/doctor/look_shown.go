package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Service is one that is watched by HTTPS from here, of the public: no company's
// own authority vouches for it.
type Service struct {
	Host string
	Port uint16
}

// Shown is the certificate that a service, or somebody in its place, showed.
type Shown struct {
	Host    string
	Err     error // it showed none, or one that says nothing about who is there
	Trusted bool  // by this machine
	By      string
	// Logged says that the certificate was shown to be in a public log, as browsers
	// demand it of those of public authorities. A box that makes certificates while
	// one waits has no log that would take them.
	Logged bool
	Added  string // the file by which somebody added the root to this machine; "" is not known
}

const shownTime = 3 * time.Second

// shown looks at the certificates of what is watched, as the probes do.
func shown(ctx context.Context, o Options) []Shown {
	all := make([]Shown, len(o.Watched))
	var each sync.WaitGroup
	for i, s := range o.Watched {
		each.Go(func() { all[i] = shownBy(ctx, o, s) })
	}
	each.Wait()
	return all
}

func shownBy(ctx context.Context, o Options, s Service) Shown {
	ctx, cancel := context.WithTimeout(ctx, shownTime)
	defer cancel()
	seen := Shown{Host: s.Host}
	at, err := permitted(ctx, o, s.Host)
	if err != nil {
		seen.Err = err
		return seen
	}
	raw, err := o.dial(ctx, netip.AddrPortFrom(at, s.Port))
	if err != nil {
		seen.Err = err
		return seen
	}
	conn := tls.Client(raw, &tls.Config{ServerName: s.Host, InsecureSkipVerify: true}) // judged below; nothing is sent
	defer conn.Close()
	if seen.Err = conn.HandshakeContext(ctx); seen.Err == nil {
		seen.judge(conn.ConnectionState(), o)
	}
	return seen
}

func (s *Shown) judge(cs tls.ConnectionState, o Options) {
	leaf := cs.PeerCertificates[0]
	others := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		others.AddCert(c)
	}
	s.Logged = logged(cs)
	chains, err := leaf.Verify(x509.VerifyOptions{DNSName: s.Host, Roots: o.Roots, Intermediates: others})
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		s.By = leaf.Issuer.String()
		return
	}
	if err != nil {
		s.Err = err
		return
	}
	root := chains[0][len(chains[0])-1]
	s.Trusted, s.By = true, root.Subject.String()
	s.Added = addedAs(root, o.Anchors)
}

// logged says whether there is word of a public log: in the certificate, in the
// handshake, or in the answer of the authority's server, which is not opened here
// and gets the benefit of the doubt.
func logged(cs tls.ConnectionState) bool {
	if len(cs.SignedCertificateTimestamps) > 0 || len(cs.OCSPResponse) > 0 {
		return true
	}
	list := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2} // RFC 6962, 3.3
	for _, x := range cs.PeerCertificates[0].Extensions {
		if x.Id.Equal(list) {
			return true
		}
	}
	return false
}

// anchors are the folders in which the systems that have one keep the roots that
// somebody added, apart from those that came with the system.
func anchors() []string {
	return []string{"/usr/local/share/ca-certificates", "/etc/pki/ca-trust/source/anchors", "/etc/pki/trust/anchors", "/etc/ca-certificates/trust-source/anchors"}
}

// addedAs is the file of a folder that holds root.
func addedAs(root *x509.Certificate, folders []string) string {
	for _, dir := range folders {
		files, _ := os.ReadDir(dir) // most machines have one of the folders at most
		for _, f := range files[:min(len(files), 200)] {
			path := filepath.Join(dir, f.Name())
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
				continue
			}
			src, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			for block, rest := pem.Decode(src); block != nil; block, rest = pem.Decode(rest) {
				if bytes.Equal(block.Bytes, root.Raw) {
					return path
				}
			}
			if bytes.Equal(src, root.Raw) {
				return path
			}
		}
	}
	return ""
}
