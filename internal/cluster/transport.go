package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"picket/internal/fleet"
)

const (
	maxPackets = 256     // waiting for memberlist; more are dropped
	maxInbound = 8       // streams open at once that others opened; an honest one comes again
	maxSource  = 2       // of them from one member, who has one exchange at a time
	maxStreams = 64      // streams open at once, both ways
	maxStream  = 1 << 20 // bytes read of one stream; 500 members are about 0.3 MiB
)

// transport is memberlist's network over a [Link]. Its channels are never
// closed: memberlist reads them without asking whether they are.
type transport struct {
	me      netip.Addr
	link    Link
	back    func() // called when the link works again
	packets chan *memberlist.Packet
	streams chan net.Conn
	down    atomic.Bool // the last packet could not be sent: our own uplink is down

	mu      sync.Mutex // guards the fields below
	open    map[*stream]struct{}
	refuse  bool               // no new outgoing streams
	stopped bool               // nothing is taken any more
	ctx     context.Context    // of outgoing streams being opened
	cancel  context.CancelFunc // ends ctx
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(name string, link Link, back func()) *transport {
	t := &transport{
		me: fleet.Address(name), link: link, back: back,
		packets: make(chan *memberlist.Packet, maxPackets),
		streams: make(chan net.Conn, maxInbound),
		open:    make(map[*stream]struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// vaddr is a member's address as memberlist prints it.
type vaddr netip.Addr

func (a vaddr) Network() string { return "fleet" }
func (a vaddr) String() string  { return netip.AddrPortFrom(netip.Addr(a), fleet.Port).String() }

// FinalAdvertiseAddr returns our virtual address, whatever was configured.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.me.AsSlice(), fleet.Port, nil
}

// WriteTo is not used with node names, but belongs to the interface.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a packet. Its error is never a *net.OpError, which
// memberlist would hold against the member: only our own uplink fails here.
func (t *transport) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	now := time.Now()
	dst, err := parse(to)
	if err != nil {
		return now, err
	}
	if err := t.link.SendPacket(dst, b); err != nil {
		t.down.Store(true)
		return now, fmt.Errorf("send to %s: %w", to.Name, err)
	}
	if t.down.Swap(false) {
		t.back()
	}
	return now, nil
}

func (t *transport) isDown() bool { return t.down.Load() }

// DialTimeout is not used with node names, but belongs to the interface.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream on which everything must happen within timeout.
func (t *transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	dst, err := parse(to)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	parent := t.ctx
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	conn, err := t.link.OpenStream(ctx, dst)
	if err != nil {
		return nil, fmt.Errorf("open stream to %s: %w", to.Name, err)
	}
	s, err := t.keep(conn, t.me, dst, true)
	if err != nil {
		return nil, err
	}
	if err := s.SetDeadline(time.Now().Add(timeout)); err != nil {
		s.Close()
		return nil, fmt.Errorf("bound stream to %s: %w", to.Name, err)
	}
	return s, nil
}

func parse(to memberlist.Address) (netip.Addr, error) {
	ap, err := netip.ParseAddrPort(to.Addr)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("member address %q: %w", to.Addr, err)
	}
	return ap.Addr(), nil
}

// PacketCh is where memberlist hears packets.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh is where memberlist hears streams.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

func (t *transport) packet(src netip.Addr, b []byte) {
	if !honestPacket(b) {
		return
	}
	select {
	case t.packets <- &memberlist.Packet{Buf: b, From: vaddr(src), Timestamp: time.Now()}:
	default: // gossip is repeated; what is late is worthless
	}
}

func (t *transport) stream(src netip.Addr, conn net.Conn) {
	s, err := t.keep(conn, t.me, src, false)
	if err != nil {
		return
	}
	select {
	case t.streams <- s:
	default:
		s.Close()
	}
}

// hangUp ends the streams that are open, and lets no more be opened from here.
func (t *transport) hangUp() {
	t.mu.Lock()
	t.refuse = true
	t.mu.Unlock()
	t.cancel()
	t.closeAll()
}

// Shutdown is called by memberlist before it stops reading.
func (t *transport) Shutdown() error {
	t.mu.Lock()
	t.refuse, t.stopped = true, true
	t.mu.Unlock()
	t.cancel()
	t.closeAll()
	return nil
}

func (t *transport) closeAll() {
	t.mu.Lock()
	open := make([]*stream, 0, len(t.open))
	for s := range t.open {
		open = append(open, s)
	}
	t.mu.Unlock()
	for _, s := range open {
		s.Close()
	}
}

// keep makes conn one of the open streams, or closes it.
func (t *transport) keep(conn net.Conn, local, remote netip.Addr, outgoing bool) (*stream, error) {
	s := &stream{Conn: conn, t: t, local: vaddr(local), remote: vaddr(remote), outgoing: outgoing}
	t.mu.Lock()
	refused := t.stopped || outgoing && t.refuse || len(t.open) >= maxStreams || !outgoing && t.crowdedLocked(remote)
	if !refused {
		t.open[s] = struct{}{}
	}
	t.mu.Unlock()
	if refused {
		conn.Close()
		return nil, fmt.Errorf("stream with %v refused: stopping, or too many", remote)
	}
	return s, nil
}

// crowdedLocked says that no further stream from remote may be taken.
func (t *transport) crowdedLocked(remote netip.Addr) bool {
	all, its := 0, 0
	for s := range t.open {
		if s.outgoing {
			continue
		}
		all++
		if s.remote == vaddr(remote) {
			its++
		}
	}
	return all >= maxInbound || its >= maxSource
}

// stream is a [net.Conn] that names virtual addresses, reads one honest message
// of at most maxStream bytes ([readExchange]), and is counted while it is open.
// One goroutine reads it.
type stream struct {
	net.Conn
	t             *transport
	local, remote vaddr
	outgoing      bool
	opened        bool   // the message was read
	ahead         []byte // what of it memberlist has not read yet
	bad           error  // why there is none
	once          sync.Once
	closed        error
}

func (s *stream) LocalAddr() net.Addr  { return s.local }
func (s *stream) RemoteAddr() net.Addr { return s.remote }

// Read blocks until the whole message is there, within the deadline that
// memberlist sets on every stream; behind the message the stream ends.
func (s *stream) Read(b []byte) (int, error) {
	if !s.opened {
		s.opened = true
		s.ahead, s.bad = readExchange(io.LimitReader(s.Conn, maxStream), s.outgoing)
	}
	if s.bad != nil {
		return 0, s.bad
	}
	if len(s.ahead) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.ahead)
	s.ahead = s.ahead[n:]
	return n, nil
}

func (s *stream) Close() error {
	s.once.Do(func() {
		s.t.mu.Lock()
		delete(s.t.open, s)
		s.t.mu.Unlock()
		s.closed = s.Conn.Close()
	})
	return s.closed
}
