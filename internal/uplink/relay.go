package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/fleet"
)

// Bounds of the relay. memberlist on the LAN profile sends about 10 packets a
// second and one stream every 30 s; a joining cell sends a few times that.
const (
	vaddrSize    = 16               // every datagram and relay stream begins with a virtual address
	packetQueue  = 128              // datagrams waiting for a connection; the oldest falls out
	packetRate   = 200              // datagrams a second that one agent may send
	packetBurst  = 400              //
	maxRelays    = 16               // relay streams of one agent at a time, either way
	relayRate    = 10               // relay streams a second that one agent may open
	relayBurst   = 40               //
	relayIdle    = 30 * time.Second // a relay stream where nothing moves either way is cut
	headerWait   = 10 * time.Second // for the first bytes of a stream
	relayWaiting = 5 * time.Second  // for the far end's stream
)

// address is a fleet member's virtual address as a net.Addr.
type address struct{ netip.AddrPort }

func (address) Network() string { return "fleet" }

func addressOf(a netip.Addr) net.Addr { return address{netip.AddrPortFrom(a, fleet.Port)} }

// streamConn makes a stream the net.Conn that memberlist wants: with
// addresses, and a Close that ends both directions, since a stream that is
// finished in one direction alone keeps its credit for ever.
type streamConn struct {
	stream
	local, remote net.Addr
	done          func() // gives the stream's place back; nil if it has none
	once          sync.Once
}

// LocalAddr implements net.Conn.
func (c *streamConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn; the collector vouches for it.
func (c *streamConn) RemoteAddr() net.Addr { return c.remote }

// Close implements net.Conn. What was written is still delivered.
func (c *streamConn) Close() (err error) {
	c.once.Do(func() {
		c.CancelRead(streamDone)
		err = c.stream.Close()
		if c.done != nil {
			c.done()
		}
	})
	return err
}

// refuse ends both directions of s.
func refuse(s stream, code quic.StreamErrorCode) {
	s.CancelRead(code)
	s.CancelWrite(code)
}

// relayHeader is the beginning of a relay stream: its kind, then the address of
// the other member: where to on the way up, where from on the way down.
func relayHeader(a netip.Addr) []byte {
	b := a.As16()
	return append([]byte{byte(kindRelay)}, b[:]...)
}

// readAddr reads the address behind the kind byte.
func readAddr(r io.Reader) (netip.Addr, error) {
	var b [vaddrSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return netip.Addr{}, fmt.Errorf("read relay header: %w", noEOF(err))
	}
	return netip.AddrFrom16(b), nil
}

// openRelay opens a relay stream on conn whose header names peer.
func openRelay(ctx context.Context, conn line, peer netip.Addr) (stream, error) {
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, fmt.Errorf("open relay stream: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = s.SetWriteDeadline(deadline) // it never fails
	}
	if _, err := s.Write(relayHeader(peer)); err != nil {
		refuse(s, streamBroken)
		return nil, fmt.Errorf("open relay stream: %w", err)
	}
	_ = s.SetWriteDeadline(time.Time{})
	return s, nil
}

// packets is a bounded queue of datagrams for one connection. It exists because
// a line's SendDatagram blocks when 32 datagrams wait, and the goroutines of
// memberlist must never block.
type packets struct {
	mu      sync.Mutex // guards the fields below
	queue   [][]byte
	dropped uint64

	wake chan struct{} // cap 1
}

func newPackets() *packets { return &packets{wake: make(chan struct{}, 1)} }

// put queues b, which it keeps. It never blocks: when the queue is full, the
// oldest falls out, because gossip repeats itself and fresh news matters more.
func (p *packets) put(b []byte) {
	p.mu.Lock()
	if len(p.queue) >= packetQueue {
		p.queue = p.queue[1:]
		p.dropped++
	}
	p.queue = append(p.queue, b)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *packets) take() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.queue = nil // let go of what the queue grew to
		return nil
	}
	b := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return b
}

// send sends what is queued until ctx or the connection ends. A datagram that
// is too large for the path is dropped: gossip keeps below 1,100 bytes.
func (p *packets) send(ctx context.Context, conn line) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.wake:
		}
		for b := p.take(); b != nil; b = p.take() {
			err := conn.SendDatagram(b)
			if err != nil && !errors.Is(err, errTooLarge) {
				return why(conn, err)
			}
		}
	}
}

// packet puts the address of the other member before payload.
func packet(peer netip.Addr, payload []byte) []byte {
	a := peer.As16()
	b := make([]byte, 0, vaddrSize+len(payload))
	return append(append(b, a[:]...), payload...)
}

// bucket limits a rate: it holds up to burst tokens and gains rate a second.
// The zero time fills it.
type bucket struct {
	mu          sync.Mutex // guards the fields below
	rate, burst float64
	tokens      float64
	last        time.Time
}

func newBucket(rate, burst float64) *bucket { return &bucket{rate: rate, burst: burst} }

// allow takes a token if there is one.
func (b *bucket) allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fillLocked(now)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// empty says whether there is no token, and takes none.
func (b *bucket) empty(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fillLocked(now)
	return b.tokens < 1
}

func (b *bucket) fillLocked(now time.Time) {
	if b.last.IsZero() {
		b.tokens = b.burst
	} else {
		b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	}
	b.last = now
}
