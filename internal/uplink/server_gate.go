package uplink

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// Bounds on those who have not yet shown who they are.
const (
	handshakeRate  = 50   // handshakes a second that are believed without a Retry
	handshakeBurst = 50   //
	maxStrangers   = 1024 // connections that have not yet said hello or enrolled
	maxPerSource   = 16   // of them from one network, or from addresses that are not proven
	maxPerBlock    = 64   // of them from one /48 of IPv6, which one person gets for the asking
	failedTries    = 10   // refused enrolments in a row from one address; a minute gives back
	failedRefill   = 5    // this many
	maxRemotes     = 4096 // addresses whose failures are remembered
)

// gate decides whom to listen to before anything is known of them.
//
// The first packet of a handshake takes a place, for as long as the handshake
// may take, and its source address may be forged: whoever sends a hundred of
// them a second would fill the table. So those who have not proven their address
// share [maxPerSource] places; when they are taken, or when much is going on,
// proof is asked for (a QUIC Retry, which costs an honest agent one round trip
// and us no memory). Who has proven it has as many places for its own network,
// and all networks in one /48 of IPv6 have [maxPerBlock].
// Agents that come in larger numbers from behind one address are refused, and
// come again.
type gate struct {
	handshakes *bucket

	mu        sync.Mutex // guards the fields below
	strangers int
	sources   map[netip.Prefix]int // strangers by network; the zero prefix is "not proven"
	blocks    map[netip.Prefix]int // strangers by /48 of IPv6
	failed    map[netip.Prefix]*bucket
}

func newGate() *gate {
	return &gate{
		handshakes: newBucket(handshakeRate, handshakeBurst),
		sources:    map[netip.Prefix]int{}, blocks: map[netip.Prefix]int{}, failed: map[netip.Prefix]*bucket{},
	}
}

// suspect asks for proof of the source address. It is not asked about addresses
// that are proven already.
func (g *gate) suspect(net.Addr) bool {
	g.mu.Lock()
	busy := g.strangers > maxStrangers/8 || g.sources[netip.Prefix{}] >= maxPerSource
	g.mu.Unlock()
	return busy || !g.handshakes.allow(time.Now())
}

// strangerKey finds the stranger in the context of its connection.
type strangerKey struct{}

// stranger holds one of the places for the unknown until it is known or gone.
type stranger struct {
	g    *gate
	from netip.Prefix
	once sync.Once
}

func (s *stranger) known() { s.once.Do(func() { s.g.leave(s.from) }) }

// admit gives a new connection one of the places for the unknown.
func (g *gate) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	s := &stranger{g: g, from: proven(info)}
	if err := g.enter(s.from); err != nil {
		return ctx, err
	}
	context.AfterFunc(ctx, s.known)
	return context.WithValue(ctx, strangerKey{}, s), nil
}

// admitAddr gives a new TCP connection one of the places; its address is proven.
func (g *gate) admitAddr(a netip.Addr) (*stranger, error) {
	s := &stranger{g: g, from: source(a)}
	if err := g.enter(s.from); err != nil {
		return nil, err
	}
	return s, nil
}

func (g *gate) enter(from netip.Prefix) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.strangers >= maxStrangers:
		return errors.New("too many connections that have not said hello")
	case g.sources[from] >= maxPerSource:
		return errors.New("too many connections from one network that have not said hello")
	}
	if b := block(from); b.IsValid() {
		if g.blocks[b] >= maxPerBlock {
			return errors.New("too many connections from neighbouring networks that have not said hello")
		}
		g.blocks[b]++
	}
	g.strangers++
	g.sources[from]++
	return nil
}

func (g *gate) leave(from netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.strangers--
	if g.sources[from]--; g.sources[from] <= 0 {
		delete(g.sources, from)
	}
	if b := block(from); b.IsValid() {
		if g.blocks[b]--; g.blocks[b] <= 0 {
			delete(g.blocks, b)
		}
	}
}

// proven is the network that a new connection certainly comes from, the zero
// prefix if that is not certain.
func proven(info *quic.ClientInfo) netip.Prefix {
	if info == nil || !info.AddrVerified || info.RemoteAddr == nil {
		return netip.Prefix{}
	}
	ap, err := netip.ParseAddrPort(info.RemoteAddr.String())
	if err != nil {
		return netip.Prefix{}
	}
	return source(ap.Addr())
}

// source is the network that an address's connections and failures count for: the
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

// block is the /48 around a network of IPv6: 65,536 networks that may be one
// person's. Others are not valid: addresses of IPv4 are dear.
func block(from netip.Prefix) netip.Prefix {
	if !from.Addr().Is6() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(from.Addr(), 48).Masked()
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
