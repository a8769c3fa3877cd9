package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// Bounds on those who come over TCP and have not shown who they are. Their
// address is proven, so the places of [gate] hold them from the first packet.
const (
	handshakeWait = 10 * time.Second // for TLS
	// From TLS to the end of an enrolment; the first stream must come within
	// helloWait all the same.
	enrolTime = requestWait + handlerWait + requestWait
	// What they may send until then: one frame, and what multiplexing adds.
	helloBytes = maxControlFrame + 32<<10
	enrolBytes = maxEnrolFrame + 32<<10

	acceptPause = 100 * time.Millisecond // after an error, such as too many open files
)

// acceptTCP takes agents from the listener until ctx ends or it fails.
func (s *Server) acceptTCP(ctx context.Context) {
	if s.o.Listener == nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = s.closeListener() })()
	told := false
	for {
		conn, err := s.o.Listener.Accept()
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			if ctx.Err() == nil {
				s.log.Error("the TCP listener was closed; agents behind firewalls that block UDP stay away")
			}
			return
		default:
			if !told {
				s.log.Error("accept agents over TCP; trying on", "err", err)
			}
			told = true
			select {
			case <-ctx.Done():
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		told = false
		addr, ok := conn.RemoteAddr().(*net.TCPAddr)
		if !ok {
			conn.Close()
			continue
		}
		stranger, err := s.gate.admitAddr(addr.AddrPort().Addr())
		if err != nil {
			conn.Close()
			continue
		}
		s.work.Go(func() {
			defer stranger.known()
			s.handleTCP(ctx, conn, stranger)
		})
	}
}

func (s *Server) closeListener() error {
	if s.o.Listener == nil {
		return nil
	}
	if err := s.o.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// handleTCP serves one connection from its first byte to its end.
func (s *Server) handleTCP(ctx context.Context, conn net.Conn, stranger *stranger) {
	tune(conn)
	_ = conn.SetDeadline(time.Now().Add(handshakeWait)) // if it fails, the handshake does
	secure := tls.Server(conn, s.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		s.log.Debug("handshake over TCP", "remote", conn.RemoteAddr(), "err", err)
		dismiss(ctx, conn)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	wait, bytes := helloWait, int64(helloBytes)
	if secure.ConnectionState().NegotiatedProtocol == EnrolProtocol {
		wait, bytes = enrolTime, enrolBytes
	}
	guarded := newGuardedConn(secure, helloWait, bytes)
	l, err := newTCPLine(ctx, guarded, TransportTCP, false)
	if err != nil {
		s.log.Debug("connection over TCP", "remote", conn.RemoteAddr(), "err", err)
		return
	}
	defer l.wait()
	guarded.allow(wait)
	s.handle(ctx, visitor{l, stranger})
	l.shut(CodeShutdown, "")
}

// visitor is a line over TCP with its place among the strangers.
type visitor struct {
	*tcpLine
	place *stranger
}

func (v visitor) known() {
	v.tcpLine.known()
	v.place.known()
}

// dismiss closes a connection whose other end may still be sending: what is not
// read would make TCP throw away the alert that says why.
func dismiss(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(tcpLast))
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, helloBytes)) // whatever comes
}

// tune keeps what the system buffers small, so that control does not queue
// behind results there.
func tune(conn net.Conn) {
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetWriteBuffer(tcpAhead) // a wish
	}
}
