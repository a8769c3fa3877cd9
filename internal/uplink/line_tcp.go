package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"
)

// Bounds of a line over TCP.
const (
	tcpIdle      = 45 * time.Second // of silence end it, as with QUIC
	tcpPing      = 15 * time.Second // of silence, and the other end is asked whether it is there
	tcpSample    = 5 * time.Minute  // between samples of the round trip, silence or not [E]
	tcpStall     = 30 * time.Second // in which a write must be taken over by the system
	tcpWindow    = 256 << 10        // of a stream: the least that yamux works with
	tcpHalfOpen  = time.Minute      // for a stream that only one end has closed; more than replyWait
	tcpStreams   = 64               // streams of the other end that are served at a time, as with QUIC
	tcpMost      = 2*tcpStreams + 8 // streams of both ends; more is no accident
	tcpOwn       = 32               // streams that one end opens at a time
	tcpLast      = 2 * time.Second  // for the last frame, and for the other end to hang up
	tcpDatagrams = 128              // that wait for their reader; further ones are dropped
	tcpPiece     = 16 << 10         // the most of one stream that others wait behind
	tcpAhead     = 64 << 10         // socket buffer, so that control does not queue behind results there
)

// The first byte of each yamux stream. The numbers travel: for ever.
const (
	tcpSide byte = 1 // the first one, opened by the agent: datagrams and what concerns the whole line
	tcpBidi byte = 2
	tcpUni  byte = 3
)

// tcpLine is TLS over TCP with yamux on it, made to behave as a QUIC connection:
//
//   - datagrams travel on the side stream and are dropped where a queue is full
//   - the line ends with a frame on the side stream that carries code and reason,
//     since neither yamux nor TCP has any
//   - a stream ends with an end mark; one that ends without was broken off, be it
//     by the other end or with the connection (yamux calls both an end)
//   - a writer is told on the side stream that its reader left
type tcpLine struct {
	sess *yamux.Session
	conn *guardedConn
	way  string

	ctx    context.Context
	cancel context.CancelCauseFunc
	side   *side

	bidi, uni chan *tcpStream
	places    chan struct{} // one per stream that this end opened

	mu      sync.Mutex // guards the fields below
	streams map[uint32]*tcpStream
	foreign int // of them, opened by the other end

	opening  sync.Mutex
	smoothed atomic.Int64 // round trip, nanoseconds
	work     sync.WaitGroup
}

func yamuxConfig() *yamux.Config {
	return &yamux.Config{
		AcceptBacklog: tcpStreams, KeepAliveInterval: tcpPing, ConnectionWriteTimeout: tcpStall, MaxStreamWindowSize: tcpWindow,
		StreamOpenTimeout: tcpStall, StreamCloseTimeout: tcpHalfOpen,
		Logger: log.New(io.Discard, "", 0), // what ends a line comes as an error
	}
}

// newTCPLine makes a line of a finished handshake. The agent's end opens the
// side stream, the collector's waits for it until conn's deadline. When ctx
// ends meanwhile, or on an error, conn is closed.
func newTCPLine(ctx context.Context, conn *guardedConn, way string, agent bool) (*tcpLine, error) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	start := yamux.Server
	if agent {
		start = yamux.Client
	}
	sess, err := start(conn, yamuxConfig())
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("begin to multiplex: %w", err)
	}
	l := &tcpLine{
		sess: sess, conn: conn, way: way, bidi: make(chan *tcpStream), uni: make(chan *tcpStream),
		places: make(chan struct{}, tcpOwn), streams: map[uint32]*tcpStream{},
	}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	if err := l.begin(ctx, agent); err != nil {
		l.cancel(err)
		sess.Close()
		return nil, fmt.Errorf("begin to multiplex: %w", errors.Join(conn.broken(), err))
	}
	l.work.Go(l.hear)
	l.work.Go(l.accept)
	l.work.Go(l.ping)
	l.work.Go(l.end)
	return l, nil
}

// begin opens or accepts the side stream.
func (l *tcpLine) begin(ctx context.Context, agent bool) (err error) {
	var st *yamux.Stream
	if agent {
		if st, err = l.sess.OpenStream(); err == nil {
			_, err = st.Write([]byte{tcpSide})
		}
	} else if st, err = l.sess.AcceptStreamWithContext(ctx); err == nil {
		var first [1]byte
		if _, err = io.ReadFull(st, first[:]); err == nil && first[0] != tcpSide {
			err = fmt.Errorf("%w: the first stream is of kind %d", ErrProtocol, first[0])
		}
	}
	if err == nil {
		l.side = newSide(st)
		err = ctx.Err()
	}
	return err
}

func (l *tcpLine) Context() context.Context      { return l.ctx }
func (l *tcpLine) RemoteAddr() net.Addr          { return l.conn.RemoteAddr() }
func (l *tcpLine) tlsState() tls.ConnectionState { return l.conn.ConnectionState() }
func (l *tcpLine) rtt() time.Duration            { return time.Duration(l.smoothed.Load()) }
func (l *tcpLine) transport() string             { return l.way }
func (l *tcpLine) known()                        { l.conn.trust() }
func (l *tcpLine) wait()                         { l.work.Wait() }

// shut implements line; [tcpLine.end] does the rest.
func (l *tcpLine) shut(code Code, reason string) {
	l.die(&CloseError{Code: code, Reason: clip(reason, maxReason)})
}

// end waits for the end of the line and tells the other end, if this one
// decided it. The other end hangs up when it hears it: if we did, what we have
// not read yet would make TCP throw our last frame away.
func (l *tcpLine) end() {
	<-l.ctx.Done()
	last, declared := errors.AsType[*CloseError](context.Cause(l.ctx))
	if declared && !last.Remote {
		late := time.AfterFunc(tcpLast, func() { l.sess.Close() })
		defer late.Stop()
		if l.side.close(last.Code, last.Reason) == nil {
			<-l.sess.CloseChan()
		}
	}
	l.sess.Close()
}

// die ends the line's context, if nobody did before, and wakes whoever waits
// for a stream.
func (l *tcpLine) die(err error) {
	l.cancel(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.streams {
		s.wake()
	}
}

// lost ends the line because the connection did, or because the other end did
// what it must not.
func (l *tcpLine) lost(err error) {
	if broken := l.conn.broken(); broken != nil {
		err = broken
	}
	l.die(err)
}

// lostBy says that the connection was lost. It never is an io.EOF, the name of an
// orderly end, by which yamux calls this.
func lostBy(err error) error { return fmt.Errorf("connection lost: %v", err) }

// failed is why a stream's operation failed: the end of the line, if it has ended.
func (l *tcpLine) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case l.ctx.Err() != nil:
		return context.Cause(l.ctx)
	case l.sess.IsClosed(): // hear is about to find out
		if broken := l.conn.broken(); broken != nil {
			return broken
		}
		return lostBy(err)
	case errors.Is(err, yamux.ErrTimeout):
		return os.ErrDeadlineExceeded
	}
	return err
}

// ping asks the other end whether it is there, when it is silent, and how far
// away it is.
func (l *tcpLine) ping() {
	tick := time.NewTicker(tcpPing)
	defer tick.Stop()
	for sampled := (time.Time{}); ; {
		now := time.Now()
		if now.Sub(sampled) >= tcpSample || now.Sub(time.Unix(0, l.conn.heard.Load())) >= tcpPing {
			took, err := l.sess.Ping()
			if err != nil {
				l.lost(fmt.Errorf("no answer from the other end: %w", err))
				return
			}
			if was := l.smoothed.Load(); was != 0 {
				took = (7*time.Duration(was) + took) / 8
			}
			l.smoothed.Store(int64(max(took, 1)))
			sampled = now
		}
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// SendDatagram implements line.
func (l *tcpLine) SendDatagram(b []byte) error {
	if len(b) > maxSidePayload {
		return fmt.Errorf("datagram of %d bytes, at most %d travel: %w", len(b), maxSidePayload, errTooLarge)
	}
	return l.failed(l.side.write(sideDatagram, b))
}

// ReceiveDatagram implements line.
func (l *tcpLine) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	select {
	case b := <-l.side.datagrams:
		return b, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
