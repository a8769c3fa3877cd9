package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"
)

// How an agent reaches its collector, as [Client.Transport], [Session] and the
// hello name it.
const (
	TransportQUIC  = "quic"
	TransportTCP   = "tcp"
	TransportProxy = "tcp by proxy"
)

// knownTransport is s if it is one of ours, else "".
func knownTransport(s string) string {
	switch s {
	case TransportQUIC, TransportTCP, TransportProxy:
		return s
	}
	return ""
}

// line is one connection between an agent and its collector, as sessions and
// enrolments use it: streams both ways and one way, datagrams, and an end with a
// code that the other side hears. A QUIC connection is one as it is; over TCP
// a [tcpLine] is made to look like it.
type line interface {
	// OpenStream opens a stream that both ends write. OpenStreamSync waits for
	// room if there are too many.
	OpenStream() (stream, error)
	OpenStreamSync(ctx context.Context) (stream, error)
	AcceptStream(ctx context.Context) (stream, error)
	// OpenUniStream opens a stream that only this end writes.
	OpenUniStream() (sendStream, error)
	AcceptUniStream(ctx context.Context) (receiveStream, error)
	// SendDatagram may block, and what it sends may get lost.
	SendDatagram(b []byte) error
	ReceiveDatagram(ctx context.Context) ([]byte, error)
	// Context ends with the line; its cause says why, see [closing].
	Context() context.Context
	RemoteAddr() net.Addr
	tlsState() tls.ConnectionState
	// rtt is smoothed; 0 if it is not known yet.
	rtt() time.Duration
	transport() string
	// shut ends the line at once and tells the other end why. It never blocks.
	shut(code Code, reason string)
	// known says that the other end has shown who it is.
	known()
	// wait returns when nothing of an ended line is left.
	wait()
}

// sendStream is the sending side of a stream. Close ends it in order;
// CancelWrite breaks it off, and the other end sees that.
type sendStream interface {
	io.WriteCloser
	CancelWrite(code quic.StreamErrorCode)
	SetWriteDeadline(t time.Time) error
	SetPriority(urgency int8, incremental bool)
}

// receiveStream is the receiving side. CancelRead tells the other end that
// nobody reads any more.
type receiveStream interface {
	io.Reader
	CancelRead(code quic.StreamErrorCode)
	SetReadDeadline(t time.Time) error
}

// stream is both sides; Close ends the sending one alone.
type stream interface {
	sendStream
	receiveStream
	SetDeadline(t time.Time) error
}

// quicLine is a QUIC connection as a [line].
type quicLine struct{ *quic.Conn }

func (q quicLine) OpenStream() (stream, error) {
	st, err := q.Conn.OpenStream()
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (q quicLine) OpenStreamSync(ctx context.Context) (stream, error) {
	st, err := q.Conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (q quicLine) AcceptStream(ctx context.Context) (stream, error) {
	st, err := q.Conn.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (q quicLine) OpenUniStream() (sendStream, error) {
	st, err := q.Conn.OpenUniStream()
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (q quicLine) AcceptUniStream(ctx context.Context) (receiveStream, error) {
	st, err := q.Conn.AcceptUniStream(ctx)
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (q quicLine) SendDatagram(b []byte) error {
	err := q.Conn.SendDatagram(b)
	if _, ok := errors.AsType[*quic.DatagramTooLargeError](err); ok {
		return fmt.Errorf("%w: %w", errTooLarge, err)
	}
	return err
}

func (q quicLine) tlsState() tls.ConnectionState { return q.ConnectionState().TLS }
func (q quicLine) rtt() time.Duration            { return q.ConnectionStats().SmoothedRTT }
func (q quicLine) transport() string             { return TransportQUIC }

func (q quicLine) shut(code Code, reason string) {
	_ = q.CloseWithError(quic.ApplicationErrorCode(code), clip(reason, maxReason)) // it never fails
}

// known gives the place of the connection among the strangers back.
func (q quicLine) known() {
	if s, ok := q.Context().Value(strangerKey{}).(*stranger); ok {
		s.known()
	}
}

func (q quicLine) wait() {} // the transport owns what is left

// remoteOf is the address that a line's other end is seen at.
func remoteOf(conn line) netip.AddrPort {
	var a netip.AddrPort
	switch addr := conn.RemoteAddr().(type) {
	case *net.UDPAddr:
		a = addr.AddrPort()
	case *net.TCPAddr:
		a = addr.AddrPort()
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
