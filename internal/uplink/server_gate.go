package uplink

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

// Bounds on those who have not yet shown who they are.
const (
	handshakeRate  = 200  // handshakes a second that are believed without a Retry
	handshakeBurst = 400  //
	maxStrangers   = 1024 // connections that have not yet said hello or enrolled
	failedTries    = 10   // refused enrolments in a row from one address; a minute gives back
	failedRefill   = 5    // this many
	maxRemotes     = 4096 // addresses whose failures are remembered
)

// gate decides whom to listen to before anything is known of them.
type gate struct {
	handshakes *bucket
	strangers  atomic.Int64

	mu     sync.Mutex // guards the field below
	failed map[netip.Prefix]*bucket
}

func newGate() *gate {
	return &gate{handshakes: newBucket(handshakeRate, handshakeBurst), failed: map[netip.Prefix]*bucket{}}
}

// suspect asks for proof of the source address (one round trip more) while
// handshakes come faster than a fleet's would.
func (g *gate) suspect(net.Addr) bool { return !g.handshakes.allow(time.Now()) }

// strangerKey finds the stranger in the context of its connection.
type strangerKey struct{}

// stranger holds one of the places for the unknown until it is known or gone.
type stranger struct {
	g    *gate
	once sync.Once
}

func (s *stranger) known() { s.once.Do(func() { s.g.strangers.Add(-1) }) }

// admit gives a new connection one of the places for the unknown.
func (g *gate) admit(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	if g.strangers.Add(1) > maxStrangers {
		g.strangers.Add(-1)
		return ctx, errors.New("too many connections that have not said hello")
	}
	s := &stranger{g: g}
	context.AfterFunc(ctx, s.known)
	return context.WithValue(ctx, strangerKey{}, s), nil
}

// known gives the place of conn back: it has shown who it is.
func known(conn *quic.Conn) {
	if s, ok := conn.Context().Value(strangerKey{}).(*stranger); ok {
		s.known()
	}
}

// source is the network that an address's failures are counted for: the
// address itself, or the /64 that one IPv6 host commands.
func source(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // bits fits by construction
	return p
}

// mayTry says whether enrolments from a are still heard.
func (g *gate) mayTry(a netip.Addr, now time.Time) bool {
	g.mu.Lock()
	b := g.failed[source(a)]
	g.mu.Unlock()
	return b == nil || !b.empty(now)
}

// tried counts a refused enrolment against a.
func (g *gate) tried(a netip.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := source(a)
	b := g.failed[p]
	if b == nil {
		if len(g.failed) >= maxRemotes {
			g.forgetLocked(now)
		}
		b = newBucket(failedRefill/60.0, failedTries)
		g.failed[p] = b
	}
	b.allow(now)
}

// forgetLocked drops the addresses that may try again, and one more if there are none.
func (g *gate) forgetLocked(now time.Time) {
	for p, b := range g.failed {
		if !b.empty(now) {
			delete(g.failed, p)
		}
	}
	for p := range g.failed {
		if len(g.failed) < maxRemotes {
			return
		}
		delete(g.failed, p)
	}
}
