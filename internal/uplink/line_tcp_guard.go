package uplink

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Rates of yamux frames above which the other end is no agent of ours: yamux
// itself answers every ping with a goroutine of its own.
const (
	yamuxPings    = 5   // a second
	yamuxPingMost = 20  // at once
	yamuxOpens    = 50  // streams a second
	yamuxOpenMost = 200 // at once
)

// guardedConn is what yamux reads and writes: a TLS connection that gives up
// after a silence, and, while the other end is a stranger, after a time and a
// number of bytes. It looks at the header of each yamux frame before yamux does,
// and remembers what broke the connection, which yamux tells nobody.
type guardedConn struct {
	*tls.Conn
	guard yamuxGuard   // used by the one reader
	until atomic.Int64 // UnixNano: a stranger's time; 0: no stranger
	left  atomic.Int64 // bytes that a stranger may still send
	heard atomic.Int64 // UnixNano of the last byte that came
	held  []byte       // a header whose body comes with the next write; used by the one writer

	mu  sync.Mutex // guards the field below
	err error
}

// newGuardedConn wraps conn. The other end is a stranger for so long and so
// many bytes, until [guardedConn.trust]; none: it is known already.
func newGuardedConn(conn *tls.Conn, wait time.Duration, bytes int64) *guardedConn {
	c := &guardedConn{Conn: conn, guard: newYamuxGuard()}
	if wait > 0 {
		c.left.Store(bytes)
		c.until.Store(time.Now().Add(wait).UnixNano())
	}
	return c
}

// allow gives a stranger so much time from now.
func (c *guardedConn) allow(wait time.Duration) {
	c.until.Store(time.Now().Add(wait).UnixNano())
	_ = c.SetReadDeadline(c.deadline(time.Now())) // for the read under way
}

// trust lifts what holds for strangers.
func (c *guardedConn) trust() {
	c.until.Store(0)
	_ = c.SetReadDeadline(time.Now().Add(tcpIdle)) // for the read under way
}

// deadline is when a read that begins now has waited long enough.
func (c *guardedConn) deadline(begun time.Time) time.Time {
	idle := begun.Add(tcpIdle)
	if n := c.until.Load(); n != 0 && n < idle.UnixNano() {
		return time.Unix(0, n)
	}
	return idle
}

func (c *guardedConn) Read(b []byte) (int, error) {
	begun := time.Now()
	for {
		_ = c.SetReadDeadline(c.deadline(begun)) // if it fails, the read does
		n, err := c.Conn.Read(b)
		if n == 0 && isTimeout(err) && time.Now().Before(c.deadline(begun)) {
			continue // it has become known meanwhile
		}
		if n > 0 {
			c.heard.Store(time.Now().UnixNano())
		}
		if bad := c.inspect(b[:n]); bad != nil {
			n, err = 0, bad
		}
		c.broke(err)
		return n, err
	}
}

func (c *guardedConn) inspect(b []byte) error {
	if c.until.Load() != 0 && c.left.Add(-int64(len(b))) < 0 {
		return fmt.Errorf("%w: too many bytes before it was known who sends them", ErrProtocol)
	}
	return c.guard.check(b, time.Now())
}

// Write joins the header of a yamux frame with its body, which come one after
// the other: that is one TLS record and one packet instead of two.
func (c *guardedConn) Write(b []byte) (int, error) {
	if len(c.held) == 0 && len(b) == yamuxHeader && b[1] == yamuxData && binary.BigEndian.Uint32(b[8:]) > 0 {
		c.held = append(c.held, b...)
		return len(b), nil
	}
	out := b
	if len(c.held) > 0 {
		out = append(c.held, b...)
		c.held = out[:0]
	}
	_ = c.SetWriteDeadline(time.Now().Add(tcpIdle)) // if it fails, the write does
	if _, err := c.Conn.Write(out); err != nil {
		c.broke(err)
		return 0, err
	}
	return len(b), nil
}

// broke remembers the first error, unless it is our own closing.
func (c *guardedConn) broke(err error) {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return
	}
	if errors.Is(err, io.EOF) {
		err = lostBy(errors.New("the other end hung up"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// broken is what broke the connection; nil: nothing did.
func (c *guardedConn) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isTimeout(c.err) {
		return fmt.Errorf("silence on the connection: %w", c.err)
	}
	return c.err
}

// The header of a yamux frame: version, type, flags (2), stream (4), length (4).
// Its specification numbers types and flags.
const (
	yamuxHeader = 12
	yamuxData   = 0
	yamuxPingy  = 2
	yamuxGoAway = 3
	yamuxSYN    = 1
)

// yamuxGuard follows the frames in a stream of bytes and refuses what would cost
// memory or goroutines before it reaches yamux.
type yamuxGuard struct {
	head  [yamuxHeader]byte
	have  int
	body  uint32 // bytes of the frame under way that are still to come
	pings *bucket
	opens *bucket
}

func newYamuxGuard() yamuxGuard {
	return yamuxGuard{pings: newBucket(yamuxPings, yamuxPingMost), opens: newBucket(yamuxOpens, yamuxOpenMost)}
}

// check looks at the bytes that come next.
func (g *yamuxGuard) check(b []byte, now time.Time) error {
	for len(b) > 0 {
		if g.body > 0 {
			n := min(uint64(len(b)), uint64(g.body))
			g.body, b = g.body-uint32(n), b[n:]
			continue
		}
		n := copy(g.head[g.have:], b)
		g.have, b = g.have+n, b[n:]
		if g.have < yamuxHeader {
			return nil
		}
		g.have = 0
		if err := g.frame(now); err != nil {
			return err
		}
	}
	return nil
}

// frame judges the header that is complete.
func (g *yamuxGuard) frame(now time.Time) error {
	kind, flags, length := g.head[1], binary.BigEndian.Uint16(g.head[2:]), binary.BigEndian.Uint32(g.head[8:])
	switch {
	case g.head[0] != 0 || kind > yamuxGoAway:
		return fmt.Errorf("%w: no yamux frame", ErrProtocol)
	case kind == yamuxData && length > tcpWindow:
		return fmt.Errorf("%w: yamux frame of %d bytes, at most %d may come", ErrProtocol, length, tcpWindow)
	case kind == yamuxPingy && flags&yamuxSYN != 0 && !g.pings.allow(now):
		return fmt.Errorf("%w: too many pings", ErrProtocol)
	case kind < yamuxPingy && flags&yamuxSYN != 0 && !g.opens.allow(now):
		return fmt.Errorf("%w: too many new streams", ErrProtocol)
	}
	if kind == yamuxData {
		g.body = length
	}
	return nil
}
