package identity

import (
	"crypto/tls"
	"sync"
)

// sessionsKept is how many TLS sessions an agent remembers: one per address of
// its collector, and room for addresses that moved.
const sessionsKept = 16

// PinnedTLS is the newcomer's end of an enrolment: it accepts only a collector
// whose chain contains, and leads to, the root with this pin. The handshake
// fails with [ErrPin] or [ErrRole] before any application byte is sent, the
// secret of a token above all.
func PinnedTLS(pin Pin, alpn ...string) *tls.Config {
	c := base(alpn)
	// crypto/tls cannot verify against a pin: VerifyConnection does it instead.
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		return verifyPinned(cs.PeerCertificates, pin, clock(c))
	}
	return c
}

// ClientTLS is the agent's end of a session with its collector. The server must
// show a collector's chain under the root of the enrolment; the agent's clock
// is clamped as the package doc says. Each handshake shows the certificate that
// is current then, so a renewal needs no new configuration. Sessions are
// resumed until the next renewal; crypto/tls looks them up by ServerName or the
// remote address, so ServerName may stay empty.
//
// Set Time on the result, not on a copy, to judge by another clock. Errors are
// [ErrPin] and [ErrRole].
func (b *Bundle) ClientTLS(alpn ...string) *tls.Config {
	c := base(alpn)
	// crypto/tls would verify by the machine's clock and a DNS name, and not
	// at all on resumption: VerifyConnection does it instead.
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		return verifyCollector(cs.PeerCertificates, b.root, b.cert.Load().Leaf.NotBefore, clock(c))
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return b.cert.Load(), nil
	}
	c.ClientSessionCache = b.sessions
	return c
}

// sessions is a session cache that can be emptied.
type sessions struct {
	mu  sync.Mutex // guards the field below
	lru tls.ClientSessionCache
}

func newSessions() *sessions {
	return &sessions{lru: tls.NewLRUClientSessionCache(sessionsKept)}
}

// Get and Put are tls.ClientSessionCache.
func (s *sessions) Get(key string) (*tls.ClientSessionState, bool) { return s.current().Get(key) }

func (s *sessions) Put(key string, state *tls.ClientSessionState) { s.current().Put(key, state) }

func (s *sessions) current() tls.ClientSessionCache {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lru
}

// forget empties the cache. A ticket that arrives later for a connection of
// before may still get in: it lasts 7 days at most, less than what a renewed
// certificate has left, and a server resumes no session of an expired one.
func (s *sessions) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru = tls.NewLRUClientSessionCache(sessionsKept)
}
