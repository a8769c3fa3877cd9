package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// readPackets relays the agent's datagrams.
func (x *session) readPackets(ctx context.Context) error {
	for {
		b, err := x.conn.ReceiveDatagram(ctx)
		if err != nil {
			return why(x.conn, err)
		}
		x.seen()
		if len(b) > vaddrSize && x.sent.allow(time.Now()) {
			x.forward(b)
		}
	}
}

// forward puts the sender's authenticated address where the receiver's was,
// and hands b on, if both are members.
func (x *session) forward(b []byte) {
	dst, src := netip.AddrFrom16([16]byte(b[:vaddrSize])), x.vaddr.As16()
	if !x.s.o.Handler.Member(x.agent) {
		return
	}
	if dst == x.s.name {
		x.s.o.Handler.Packet(x.vaddr, b[vaddrSize:])
		return
	}
	if y := x.s.member(dst); y != nil {
		copy(b, src[:])
		y.packets.put(b)
	}
}

// acceptStreams relays the streams that the agent opens. Anything but relay is
// refused, without harm to the session.
func (x *session) acceptStreams(ctx context.Context, g *errgroup.Group) error {
	for {
		st, err := x.conn.AcceptStream(ctx)
		if err != nil {
			return why(x.conn, err)
		}
		g.Go(func() error {
			_ = st.SetReadDeadline(time.Now().Add(headerWait)) // it never fails
			kind, err := readKind(st)
			switch {
			case err != nil:
				refuse(st, streamRefused)
			case kind == kindRelay:
				x.relay(ctx, st)
			default:
				refuse(st, streamUnknown)
			}
			return nil
		})
	}
}

// relay connects st with the member that its header names, and returns when
// the two have finished.
func (x *session) relay(ctx context.Context, st stream) {
	dst, err := readAddr(st)
	if err != nil || !x.s.o.Handler.Member(x.agent) || !x.relayed.allow(time.Now()) {
		refuse(st, streamRefused)
		return
	}
	_ = st.SetReadDeadline(time.Time{})
	release, ok := x.place()
	if !ok {
		refuse(st, streamRefused)
		return
	}
	if dst == x.s.name {
		x.s.o.Handler.Stream(x.vaddr, &streamConn{stream: st, local: addressOf(dst), remote: addressOf(x.vaddr), done: release})
		return
	}
	defer release()
	y := x.s.member(dst)
	if y == nil {
		refuse(st, streamUnreachable)
		return
	}
	out, done, err := y.openRelay(ctx, x.vaddr)
	if err != nil {
		refuse(st, streamUnreachable)
		return
	}
	defer done()
	splice(st, out)
}

// place takes one of the agent's places for relay streams.
func (x *session) place() (release func(), ok bool) {
	select {
	case x.places <- struct{}{}:
		return func() { <-x.places }, true
	default:
		return nil, false
	}
}

// openRelay opens a relay stream to this agent, from the member at src. The
// caller calls done when the stream has ended.
func (x *session) openRelay(ctx context.Context, src netip.Addr) (st stream, done func(), err error) {
	release, ok := x.place()
	if !ok {
		return nil, nil, fmt.Errorf("open stream to %s: too many are open", x.agent)
	}
	ctx, cancel := context.WithTimeout(ctx, relayWaiting)
	defer cancel()
	if st, err = openRelay(ctx, x.conn, src); err != nil {
		release()
		return nil, nil, err
	}
	return st, release, nil
}

// splice copies both ways until both directions have ended.
func splice(a, b stream) {
	var moved atomic.Int64 // UnixNano of the last byte, either way
	moved.Store(time.Now().UnixNano())
	there := make(chan struct{})
	go func() {
		defer close(there)
		half(b, a, &moved)
	}()
	half(a, b, &moved)
	<-there
}

// half copies src to dst. An end is handed on as an end, a failure as a
// failure; a stream on which nothing has moved for [relayIdle] fails.
func half(dst, src stream, moved *atomic.Int64) {
	buf := make([]byte, 8<<10)
	for {
		_ = src.SetReadDeadline(time.Now().Add(relayIdle)) // deadlines never fail
		n, err := src.Read(buf)
		if n > 0 {
			moved.Store(time.Now().UnixNano())
			_ = dst.SetWriteDeadline(time.Now().Add(headerWait))
			if _, err := dst.Write(buf[:n]); err != nil {
				src.CancelRead(streamBroken)
				dst.CancelWrite(streamBroken)
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			_ = dst.Close() // fails only if it was cancelled
			return
		case isTimeout(err) && time.Now().UnixNano()-moved.Load() < int64(relayIdle):
		case isTimeout(err):
			src.CancelRead(streamIdle)
			dst.CancelWrite(streamIdle)
			return
		default:
			src.CancelRead(streamBroken)
			dst.CancelWrite(streamBroken)
			return
		}
	}
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
