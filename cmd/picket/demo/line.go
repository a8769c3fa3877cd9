package demo

import (
	"context"
	"net"
	"sync/atomic"
)

// line is the internet line of one simulated site. While it is cut nothing
// passes in either direction, and nothing says so: packets vanish and new
// connections hang, as behind a dead modem.
//
// A wall is the other way in which a line may fail: it is up, and the agent keeps
// its session, but connections of probes to some addresses hang.
type line struct {
	cut  atomic.Bool
	wall atomic.Pointer[func(addr string) bool] // nil: none
}

// walled says whether probes do not get through to addr.
func (l *line) walled(addr string) bool {
	wall := l.wall.Load()
	return wall != nil && (*wall)(addr)
}

// Open opens the agent's UDP socket on this line.
func (l *line) Open() (net.PacketConn, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &packets{PacketConn: c, line: l}, nil
}

// Dial connects a probe over this line.
func (l *line) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if l.cut.Load() || l.walled(addr) {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	return (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, addr)
}

// packets is a socket whose line may be cut.
type packets struct {
	net.PacketConn
	line *line
}

func (p *packets) WriteTo(b []byte, addr net.Addr) (int, error) {
	if p.line.cut.Load() {
		return len(b), nil
	}
	return p.PacketConn.WriteTo(b, addr)
}

func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := p.PacketConn.ReadFrom(b)
		if err != nil || !p.line.cut.Load() {
			return n, addr, err
		}
	}
}
