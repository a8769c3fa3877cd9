package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// The errors that callers tell apart, all to be used with errors.Is.
var (
	// ErrPin: the peer's chain does not lead to the pinned root. The message
	// names the issuer that was found, so that a device that inspects TLS can
	// be recognised.
	ErrPin = errors.New("not the pinned collector")
	// ErrRole: the certificate is genuine but names something else, say an
	// agent where the collector was expected.
	ErrRole = errors.New("certificate of another role")
	// ErrChain: an agent's certificate was not issued by this collector.
	ErrChain = errors.New("certificate not issued by this collector")
	// ErrExpired: an agent's certificate ended more than 180 days ago.
	ErrExpired = errors.New("certificate expired beyond renewal")
	// ErrNotYetValid: an agent's certificate begins in the future.
	ErrNotYetValid = errors.New("certificate not valid yet")
)

// Pin is the SHA-256 of the root certificate's SubjectPublicKeyInfo (DER). It
// survives a re-signed root as long as the key stays.
type Pin [sha256.Size]byte

// String is the pin in lower-case hexadecimal, as
// `openssl pkey -pubin -outform der | sha256sum` prints it.
func (p Pin) String() string { return hex.EncodeToString(p[:]) }

// short is the pin as far as a person compares it.
func (p Pin) short() string { return p.String()[:8] }

func pinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

const (
	collectorURI = "picket://collector"
	agentPrefix  = "picket://agent/"
	// maxID is well above a ULID (26) and well below what a log line, a file
	// name or a tag can take.
	maxID = 64
)

// AgentID is the id of the agent that cert names. Only the URI in the subject
// alternative name is read, and there must be exactly one. The caller has
// verified the chain. Errors are [ErrRole].
func AgentID(cert *x509.Certificate) (string, error) {
	name, err := roleURI(cert)
	if err != nil {
		return "", err
	}
	id, ok := strings.CutPrefix(name, agentPrefix)
	if !ok {
		return "", fmt.Errorf("%w: it names %q, not an agent", ErrRole, clip(name))
	}
	if err := checkID(id); err != nil {
		return "", fmt.Errorf("%w: %w", ErrRole, err)
	}
	return id, nil
}

// checkCollector fails unless cert names the collector.
func checkCollector(cert *x509.Certificate) error {
	name, err := roleURI(cert)
	if err != nil {
		return err
	}
	if name != collectorURI {
		return fmt.Errorf("%w: it names %q, not the collector", ErrRole, clip(name))
	}
	return nil
}

func roleURI(cert *x509.Certificate) (string, error) {
	if len(cert.URIs) != 1 {
		return "", fmt.Errorf("%w: it carries %d URI names instead of one", ErrRole, len(cert.URIs))
	}
	return cert.URIs[0].String(), nil
}

// checkID holds agent ids to an alphabet that is inert in URLs, file names,
// line protocol and logs. ULIDs are of it.
func checkID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("agent id of %d characters instead of 1 to %d", len(id), maxID)
	}
	if i := strings.IndexFunc(id, func(r rune) bool { return !inert(r) }); i >= 0 {
		return fmt.Errorf("agent id with a character outside [A-Za-z0-9_-] at position %d", i)
	}
	return nil
}

// inert says whether r is one of [A-Za-z0-9_-].
func inert(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-'
}

func agentURI(id string) *url.URL { return &url.URL{Scheme: "picket", Host: "agent", Path: "/" + id} }

// clip keeps a foreign name from filling a log line.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
