package identity

import (
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

const alice = "01JD3V9Q3V7Z8XW5N4M2K1H0GA"

// spring is when the stories of these tests begin.
var spring = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newAuthority(t testing.TB, now time.Time) *Authority {
	t.Helper()
	a, err := OpenAuthority(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func infoOf(agent string) Info {
	return Info{
		Agent: agent, Client: "acme", Site: "acme/madrid", Region: "eu-south", Addrs: []string{"127.0.0.1:4443"},
		Policy: Policy{Deny: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	}
}

func signed(t testing.TB, a *Authority, key *ecdsa.PrivateKey, agent string, now time.Time) []byte {
	t.Helper()
	csr, err := CSR(key)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := a.SignAgent(csr, agent, now)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func newTestKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// enrol makes an agent of a in a fresh directory.
func enrol(t testing.TB, a *Authority, agent string, now time.Time) *Bundle {
	t.Helper()
	key := newTestKey(t)
	b, err := SaveBundle(t.TempDir(), key, signed(t, a, key, agent, now), a.Root(), infoOf(agent))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// at makes a configuration judge by another time.
func at(c *tls.Config, now time.Time) *tls.Config {
	c.Time = func() time.Time { return now }
	return c
}

// met is how a handshake ended for both ends, a byte in each direction included.
type met struct {
	client, server error
	heard          bool // the server got an application byte
	resumed        bool
	bytes          int64     // on the wire, both ways, TCP payload
	peer           string    // the agent, as the server saw it
	until          time.Time // the end of its certificate, as the server saw it
}

func (m met) ok() bool { return m.client == nil && m.server == nil && m.heard }

// doors is one address at which a server configuration can be met again and
// again, so that sessions can be resumed.
type doors struct {
	listener net.Listener
	server   *tls.Config
}

func open(t testing.TB, server *tls.Config) *doors {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &doors{listener: l, server: server}
}

type counted struct {
	net.Conn
	bytes *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

func (d *doors) meet(t testing.TB, client *tls.Config) met {
	t.Helper()
	var m met
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := d.listener.Accept()
		if err != nil {
			m.server = err
			return
		}
		defer raw.Close()
		c := tls.Server(raw, d.server)
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if m.server = c.Handshake(); m.server != nil {
			return
		}
		var b [1]byte
		if _, m.server = io.ReadFull(c, b[:]); m.server != nil {
			return
		}
		m.heard = true
		if certs := c.ConnectionState().PeerCertificates; len(certs) > 0 {
			m.until = certs[0].NotAfter
			m.peer, m.server = AgentID(certs[0])
		}
		c.Write(b[:])
	}()
	raw, err := net.Dial("tcp", d.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var n atomic.Int64
	c := tls.Client(counted{raw, &n}, client)
	c.SetDeadline(time.Now().Add(10 * time.Second))
	m.client = func() error {
		if err := c.Handshake(); err != nil {
			return err
		}
		b := [1]byte{'!'}
		if _, err := c.Write(b[:]); err != nil {
			return err
		}
		_, err := io.ReadFull(c, b[:])
		return err
	}()
	m.resumed = c.ConnectionState().DidResume
	raw.Close()
	<-done
	m.bytes = n.Load()
	return m
}

// everybody is a check that refuses nobody and wants no expired certificate.
func everybody(t testing.TB) func(string, bool) error {
	return func(id string, expired bool) error {
		if expired {
			t.Errorf("agent %s was flagged as expired", id)
		}
		return nil
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}
