package identity

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// The collector's files.
const (
	fileRootKey   = "root.key"
	fileRoot      = "root.crt"
	fileIssuerKey = "issuer.key"
	fileIssuer    = "issuer.crt"
)

// Authority is a collector's certificate authority: it holds the issuer's key
// in memory, never the root's. It is safe for concurrent use.
type Authority struct {
	root      *x509.Certificate
	issuer    *x509.Certificate
	issuerKey *ecdsa.PrivateKey

	mu   sync.Mutex       // guards the field below
	cert *tls.Certificate // the collector's own; nil until the first handshake
}

// OpenAuthority loads the authority in dir, or makes it on the first start. A
// start that was cut short is completed by the next one with the same keys. It
// works without root.key as long as the issuer is there and valid.
func OpenAuthority(dir string, now time.Time) (*Authority, error) {
	made, err := exists(dir, fileRoot)
	if err == nil && made {
		err = checkDir(dir) // it may well be mounted read-only
	} else if err == nil {
		err = PrepareDir(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	root, rootKey, err := openRoot(dir, now)
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	a := &Authority{root: root}
	if err := a.openIssuer(dir, rootKey, now); err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	return a, nil
}

// openRoot loads or makes the root. The key is nil if it is offline.
func openRoot(dir string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := readKey(dir, fileRootKey)
	if err != nil {
		return nil, nil, err
	}
	root, err := readCert(dir, fileRoot)
	if err != nil {
		return nil, nil, err
	}
	if root == nil {
		return makeRoot(dir, key, now)
	}
	if key != nil && !key.PublicKey.Equal(root.PublicKey) {
		return nil, nil, fmt.Errorf("%s in %s is not the key of %s: restore the pair that belongs together", fileRootKey, dir, fileRoot)
	}
	if !root.IsCA || root.CheckSignatureFrom(root) != nil {
		return nil, nil, fmt.Errorf("%s in %s is not a root certificate: restore it from a backup", fileRoot, dir)
	}
	if now.Before(root.NotBefore) || now.After(root.NotAfter) {
		return nil, nil, fmt.Errorf("the clock says %s, but the root is valid from %s to %s: set the clock",
			now.UTC().Format(time.DateTime), root.NotBefore.Format(time.DateTime), root.NotAfter.Format(time.DateTime))
	}
	return root, key, nil
}

// makeRoot is the first start. A key that lies there alone was left by a start
// that was cut short, or its certificate was lost: either way the same key makes
// the same pin.
func makeRoot(dir string, key *ecdsa.PrivateKey, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if key == nil {
		for _, name := range []string{fileIssuerKey, fileIssuer} {
			if there, err := exists(dir, name); err != nil {
				return nil, nil, err
			} else if there {
				return nil, nil, fmt.Errorf("%s has %s but no %s: restore it from a backup (a new root would lock out every agent)", dir, name, fileRoot)
			}
		}
		var err error
		if key, err = makeKey(dir, fileRootKey); err != nil {
			return nil, nil, err
		}
	}
	root, err := newRoot(key, now)
	if err != nil {
		return nil, nil, fmt.Errorf("sign root: %w", err)
	}
	return root, key, writeFile(filepath.Join(dir, fileRoot), encodeCerts(root.Raw))
}

// openIssuer loads the issuer, makes what is missing of it, and has it signed
// anew when two thirds of its life are over. Re-signing keeps key and name, so
// one file changes and old chains go on verifying.
func (a *Authority) openIssuer(dir string, rootKey *ecdsa.PrivateKey, now time.Time) error {
	key, err := readKey(dir, fileIssuerKey)
	if err != nil {
		return err
	}
	cert, err := readCert(dir, fileIssuer)
	if err != nil {
		return err
	}
	if (key == nil || cert == nil) && rootKey == nil {
		return fmt.Errorf("%s and %s must both be in %s: restore them from a backup, or put %s back to make new ones", fileIssuerKey, fileIssuer, dir, fileRootKey)
	}
	if key == nil {
		if key, err = makeKey(dir, fileIssuerKey); err != nil {
			return err
		}
		cert = nil // the certificate of a key that is lost is of no use
	}
	if cert != nil {
		if err := a.checkIssuer(cert, key); err != nil {
			return fmt.Errorf("%s in %s %w", fileIssuer, dir, err)
		}
	}
	if rootKey != nil && (cert == nil || now.After(due(cert))) {
		if cert, err = newIssuer(a.root, rootKey, &key.PublicKey, now); err != nil {
			return fmt.Errorf("sign issuer: %w", err)
		}
		if err := writeFile(filepath.Join(dir, fileIssuer), encodeCerts(cert.Raw)); err != nil {
			return err
		}
	}
	if now.Before(cert.NotBefore) {
		return fmt.Errorf("the clock says %s, but the issuer begins on %s: set the clock", now.UTC().Format(time.DateTime), cert.NotBefore.Format(time.DateTime))
	}
	if now.After(cert.NotAfter) {
		return fmt.Errorf("the issuer ended on %s: put %s back into %s and start again", cert.NotAfter.Format(time.DateOnly), fileRootKey, dir)
	}
	a.issuer, a.issuerKey = cert, key
	return nil
}

// checkIssuer fails unless cert is an issuer under our root, and key is its key.
func (a *Authority) checkIssuer(cert *x509.Certificate, key *ecdsa.PrivateKey) error {
	if !cert.IsCA {
		return errors.New("is not the certificate of an issuer: restore it from a backup")
	}
	if err := cert.CheckSignatureFrom(a.root); err != nil {
		return errors.New("was not signed by the root beside it: restore the files that belong together")
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return fmt.Errorf("is not the certificate of %s: restore the pair that belongs together", fileIssuerKey)
	}
	return nil
}

// Pin is what join tokens carry to name this collector.
func (a *Authority) Pin() Pin { return pinOf(a.root) }

// Root is the root certificate as PEM: the trust bundle.
func (a *Authority) Root() []byte { return encodeCerts(a.root.Raw) }

// IssuerNotAfter is when the issuer ends. Certificates never outlast it; once
// two thirds of it are over, a start with root.key in place renews it.
func (a *Authority) IssuerNotAfter() time.Time { return a.issuer.NotAfter }

// readKey reads a key file; nil if there is none.
func readKey(dir, name string) (*ecdsa.PrivateKey, error) {
	b, err := readFile(filepath.Join(dir, name), secret)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s in %s is damaged: %w: restore it from a backup", name, dir, err)
	}
	return key, nil
}

// readCert reads a file of one certificate; nil if there is none.
func readCert(dir, name string) (*x509.Certificate, error) {
	b, err := readFile(filepath.Join(dir, name), public)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	certs, err := decodeCerts(b)
	if err == nil && len(certs) != 1 {
		err = fmt.Errorf("%d certificates instead of one", len(certs))
	}
	if err != nil {
		return nil, fmt.Errorf("%s in %s is damaged: %w: restore it from a backup", name, dir, err)
	}
	return certs[0], nil
}

// makeKey makes a key and stores it.
func makeKey(dir, name string) (*ecdsa.PrivateKey, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	pem, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return key, writeFile(filepath.Join(dir, name), pem)
}
