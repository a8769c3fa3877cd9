package identity

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What a state directory may say about enrolment.
var (
	// ErrNotEnrolled: the directory holds no agent's certificate.
	ErrNotEnrolled = errors.New("not enrolled")
	// ErrEnrolled: the directory holds one already.
	ErrEnrolled = errors.New("already enrolled")
)

// The agent's files, beside root.crt.
const (
	fileAgentKey  = "agent.key"
	fileAgentCert = "agent.crt"
	fileInfo      = "agent.json"
)

// Bundle is an agent's identity, in its state directory and in use. It is safe
// for concurrent use.
type Bundle struct {
	dir      string
	key      *ecdsa.PrivateKey
	root     *x509.Certificate
	cert     atomic.Pointer[tls.Certificate] // current; Leaf is set, never changed in place
	sessions *sessions

	mu   sync.Mutex // guards the field below and the writing of files
	info Info
}

// SaveBundle stores what an enrolment gave: the key that asked, the chain and
// the trust bundle (PEM) that came back, and info. Everything is verified
// first: the chain belongs to key, leads to a root of trust and names
// info.Agent. It returns [ErrEnrolled] rather than touch an enrolled directory.
func SaveBundle(dir string, key *ecdsa.PrivateKey, chainPEM, trustPEM []byte, info Info) (*Bundle, error) {
	if err := PrepareDir(dir); err != nil {
		return nil, err
	}
	if there, err := exists(dir, fileAgentCert); err != nil {
		return nil, err
	} else if there {
		return nil, fmt.Errorf("%s: %w", dir, ErrEnrolled)
	}
	b, err := newBundle(dir, key, chainPEM, trustPEM, info)
	if err != nil {
		return nil, fmt.Errorf("store enrolment: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	infoJSON, err := encodeInfo(info)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{fileAgentKey, keyPEM},
		{fileRoot, encodeCerts(b.root.Raw)},
		{fileInfo, infoJSON},
		{fileAgentCert, encodeCerts(b.cert.Load().Certificate...)}, // last: with it the agent is enrolled
	} {
		if err := writeFile(filepath.Join(dir, f.name), f.data); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// LoadBundle opens the identity in dir. It is [ErrNotEnrolled] if there is none;
// any other error means that there is one and that it cannot be used as it is,
// and says what to do.
func LoadBundle(dir string) (*Bundle, error) {
	chain, err := readFile(filepath.Join(dir, fileAgentCert), public)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotEnrolled)
	}
	if err != nil {
		return nil, fmt.Errorf("load identity: %w", err)
	}
	if err := checkDir(dir); err != nil {
		return nil, fmt.Errorf("load identity: %w", err)
	}
	key, err := readKey(dir, fileAgentKey)
	if err == nil && key == nil {
		err = fmt.Errorf("%s is missing in %s: restore it, or remove %s and join again", fileAgentKey, dir, fileAgentCert)
	}
	if err != nil {
		return nil, fmt.Errorf("load identity: %w", err)
	}
	trust, err := readFile(filepath.Join(dir, fileRoot), public)
	if err != nil {
		return nil, fmt.Errorf("load identity: %w", err)
	}
	infoJSON, err := readFile(filepath.Join(dir, fileInfo), public)
	if err != nil {
		return nil, fmt.Errorf("load identity: %w", err)
	}
	info, err := decodeInfo(infoJSON)
	if err != nil {
		return nil, fmt.Errorf("load identity: read %s in %s: %w", fileInfo, dir, err)
	}
	b, err := newBundle(dir, key, chain, trust, info)
	if err != nil {
		return nil, fmt.Errorf("load identity in %s: %w", dir, err)
	}
	return b, nil
}

// newBundle holds the parts against each other.
func newBundle(dir string, key *ecdsa.PrivateKey, chainPEM, trustPEM []byte, info Info) (*Bundle, error) {
	if err := info.valid(); err != nil {
		return nil, fmt.Errorf("%s: %w", fileInfo, err)
	}
	roots, err := decodeCerts(trustPEM)
	if err != nil {
		return nil, fmt.Errorf("trust bundle: %w", err)
	}
	// A trust bundle may hold several roots one day: ours is the one that our
	// own certificate leads to.
	for _, root := range roots {
		var cert *tls.Certificate
		if cert, err = checkChain(chainPEM, key, root, info.Agent); err == nil {
			b := &Bundle{dir: dir, key: key, root: root, info: cloneInfo(info), sessions: newSessions()}
			b.cert.Store(cert)
			return b, nil
		}
	}
	return nil, fmt.Errorf("certificate: %w", err)
}

// checkChain reads a chain that is to be agent's under root and key's. Its dates
// are not judged: the local clock may be wrong, and the collector will.
func checkChain(chainPEM []byte, key *ecdsa.PrivateKey, root *x509.Certificate, agent string) (*tls.Certificate, error) {
	certs, err := decodeCerts(chainPEM)
	if err != nil {
		return nil, err
	}
	leaf := certs[0]
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return nil, errors.New("it belongs to another key")
	}
	if err := verifyChain(certs, root, x509.ExtKeyUsageClientAuth, leaf.NotAfter); err != nil {
		return nil, fmt.Errorf("it does not lead to the pinned root: %w", err)
	}
	id, err := AgentID(leaf)
	if err != nil {
		return nil, err
	}
	if id != agent {
		return nil, fmt.Errorf("%w: it names agent %s, expected %s", ErrRole, id, agent)
	}
	cert := &tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, c := range certs {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, nil
}

// Install replaces the certificate by a renewed one: on disk in one step, then
// for every handshake from now on. A chain of another key, another root or
// another agent is refused, and the old one stays in use; so it does if the
// disk refuses.
func (b *Bundle) Install(chainPEM []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	cert, err := checkChain(chainPEM, b.key, b.root, b.info.Agent)
	if err != nil {
		return fmt.Errorf("renewed certificate: %w", err)
	}
	if err := writeFile(filepath.Join(b.dir, fileAgentCert), encodeCerts(cert.Certificate...)); err != nil {
		return err
	}
	b.cert.Store(cert)
	b.sessions.forget()
	return nil
}

// NewCSR asks for the next certificate with the same key, which never leaves
// the machine and costs nothing to keep; replacing it would need two files to
// change as one.
func (b *Bundle) NewCSR() ([]byte, error) { return CSR(b.key) }

// AgentID is who this agent is.
func (b *Bundle) AgentID() string { return b.Info().Agent }

// Pin is the root that this agent trusts.
func (b *Bundle) Pin() Pin { return pinOf(b.root) }

// NotAfter is when the current certificate ends, by the collector's clock.
func (b *Bundle) NotAfter() time.Time { return b.cert.Load().Leaf.NotAfter }

// RenewAt is when two thirds of the certificate's life are over, by the
// collector's clock, 20 days after it was signed. Add the offset to the
// collector before comparing it with the local time.
func (b *Bundle) RenewAt() time.Time { return due(b.cert.Load().Leaf) }

// Info is a copy of what agent.json says.
func (b *Bundle) Info() Info {
	b.mu.Lock()
	defer b.mu.Unlock()
	return cloneInfo(b.info)
}

// SetInfo replaces agent.json, say with new collector addresses. The agent's id
// cannot change.
func (b *Bundle) SetInfo(info Info) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if info.Agent != b.info.Agent {
		return fmt.Errorf("store %s: %w: the id cannot change", fileInfo, ErrRole)
	}
	data, err := encodeInfo(info)
	if err != nil {
		return fmt.Errorf("store %s: %w", fileInfo, err)
	}
	if err := writeFile(filepath.Join(b.dir, fileInfo), data); err != nil {
		return err
	}
	b.info = cloneInfo(info)
	return nil
}

func cloneInfo(i Info) Info {
	i.Addrs = slices.Clone(i.Addrs)
	i.Policy.Allow = slices.Clone(i.Policy.Allow)
	i.Policy.Deny = slices.Clone(i.Policy.Deny)
	return i
}
