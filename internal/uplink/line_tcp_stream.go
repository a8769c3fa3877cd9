package uplink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
	"github.com/quic-go/quic-go"
)

// Why a stream of a TCP line failed while the line lives.
var (
	errBrokenOff = errors.New("the other end broke the stream off")
	errStopped   = errors.New("the other end does not read the stream any more")
	errEnded     = errors.New("this end has ended the stream")
)

// aLongTimeAgo is a deadline that wakes whoever waits.
func aLongTimeAgo() time.Time { return time.Unix(1, 0) }

// tcpStream is a yamux stream with the manners of a QUIC stream. Data travels in
// pieces of up to [tcpPiece] bytes with two bytes of length before each; the
// length 0 is the end mark.
type tcpStream struct {
	l       *tcpLine
	st      *yamux.Stream
	own     bool // opened by this end
	release func()

	reading sync.Mutex // held while reading; guards the fields below
	head    [2]byte
	have    int // bytes of head
	left    int // of the piece under way

	writing sync.Mutex // held while writing; guards the fields below
	buf     []byte
	first   byte // the kind, to be sent before the first piece; 0: it was

	mu         sync.Mutex // guards the fields below
	readErr    error      // set: reading is over
	writeErr   error      // set: writing is over
	writeUntil time.Time  // deadline of writes
}

// track lists a stream. nil: the other end has too many.
func (l *tcpLine) track(st *yamux.Stream, kind byte, own bool, release func()) *tcpStream {
	s := &tcpStream{l: l, st: st, own: own, release: release, first: kind}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !own {
		if l.foreign >= tcpStreams {
			return nil
		}
		l.foreign++
		s.first = 0
	}
	l.streams[st.StreamID()] = s
	return s
}

func (l *tcpLine) untrack(s *tcpStream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[s.st.StreamID()] != s {
		return
	}
	delete(l.streams, s.st.StreamID())
	if s.own {
		s.release()
	} else {
		l.foreign--
	}
}

// open opens a stream of a kind, for which the caller has a place.
func (l *tcpLine) open(kind byte) (*tcpStream, error) {
	release := func() { <-l.places }
	l.opening.Lock()
	st, err := l.sess.OpenStream()
	l.opening.Unlock()
	if err != nil {
		release()
		return nil, l.failed(err)
	}
	s := l.track(st, kind, true, release)
	if l.ctx.Err() != nil {
		s.wake()
	}
	if kind == tcpUni {
		s.endRead(errEnded) // nothing comes back
	}
	return s, nil
}

func (l *tcpLine) OpenStream() (stream, error) { return l.openNow(tcpBidi) }

func (l *tcpLine) OpenUniStream() (sendStream, error) { return l.openNow(tcpUni) }

func (l *tcpLine) openNow(kind byte) (*tcpStream, error) {
	select {
	case l.places <- struct{}{}:
		return l.open(kind)
	default:
		return nil, errors.New("too many streams are open")
	}
}

func (l *tcpLine) OpenStreamSync(ctx context.Context) (stream, error) {
	select {
	case l.places <- struct{}{}:
		return l.open(tcpBidi)
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *tcpLine) AcceptStream(ctx context.Context) (stream, error) { return l.take(ctx, l.bidi) }

func (l *tcpLine) AcceptUniStream(ctx context.Context) (receiveStream, error) {
	return l.take(ctx, l.uni)
}

func (l *tcpLine) take(ctx context.Context, from chan *tcpStream) (*tcpStream, error) {
	select {
	case s := <-from:
		return s, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// accept takes the other end's streams and sorts them by kind.
func (l *tcpLine) accept() {
	for {
		st, err := l.sess.AcceptStream()
		if err != nil {
			return // hear says why
		}
		if l.sess.NumStreams() > tcpMost {
			l.shut(CodeProtocol, fmt.Sprintf("more than %d streams", tcpMost))
			return
		}
		s := l.track(st, 0, false, nil)
		if s == nil {
			_ = l.side.stop(st.StreamID()) // if that fails, so does the line
			_ = st.Close()
			continue
		}
		l.work.Go(func() { l.sort(s) })
	}
}

// sort hands a stream to whoever accepts its kind.
func (l *tcpLine) sort(s *tcpStream) {
	_ = s.SetReadDeadline(time.Now().Add(headerWait)) // it never fails
	var kind [1]byte
	_, err := s.st.Read(kind[:])
	_ = s.SetReadDeadline(time.Time{})
	to := l.bidi
	switch {
	case err == nil && kind[0] == tcpBidi:
	case err == nil && kind[0] == tcpUni:
		to = l.uni
		s.mu.Lock()
		s.writeErr = errEnded
		s.mu.Unlock()
	default:
		refuse(s, streamUnknown)
		return
	}
	select {
	case to <- s:
	case <-l.ctx.Done():
	}
}

// Read implements io.Reader. io.EOF is the other end's end mark and nothing else.
func (s *tcpStream) Read(b []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if err := s.readOver(); err != nil || len(b) == 0 {
		return 0, err
	}
	for s.left == 0 {
		n, err := s.st.Read(s.head[s.have:])
		if s.have += n; err != nil {
			return 0, s.readFailed(err)
		}
		if s.have < len(s.head) {
			continue
		}
		s.have = 0
		if s.left = int(binary.BigEndian.Uint16(s.head[:])); s.left == 0 {
			s.endRead(io.EOF)
			return 0, io.EOF
		}
	}
	n, err := s.st.Read(b[:min(len(b), s.left)])
	s.left -= n
	if n > 0 {
		err = nil
	}
	return n, s.readFailed(err)
}

// readFailed is what err of yamux means to a reader.
func (s *tcpStream) readFailed(err error) error {
	if err == nil {
		return nil
	}
	if cause := s.readOver(); cause != nil {
		return cause
	}
	if err = s.l.failed(err); errors.Is(err, io.EOF) || errors.Is(err, yamux.ErrConnectionReset) {
		err = errBrokenOff
		s.endRead(err)
	}
	return err
}

// readOver is why there is nothing to read any more; nil: there may be.
func (s *tcpStream) readOver() error {
	if s.l.ctx.Err() != nil {
		return context.Cause(s.l.ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readErr
}

func (s *tcpStream) endRead(err error) {
	s.mu.Lock()
	first := s.readErr == nil
	if first {
		s.readErr = err
	}
	over := first && s.writeErr != nil
	s.mu.Unlock()
	if over {
		_ = s.st.Close() // a stream of one way alone is not closed yet
		s.l.untrack(s)
	}
}

// Write implements io.Writer. A write that failed broke the stream.
func (s *tcpStream) Write(b []byte) (n int, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	for len(b) > 0 {
		k := min(len(b), tcpPiece)
		if err := s.piece(b[:k]); err != nil {
			s.endWrite(err)
			return n, err
		}
		n, b = n+k, b[k:]
	}
	return n, nil
}

// piece sends one piece; none is the end mark.
func (s *tcpStream) piece(b []byte) error {
	if err := s.writeOver(); err != nil {
		return err
	}
	s.buf = s.buf[:0]
	if s.first != 0 {
		s.buf = append(s.buf, s.first)
	}
	s.buf = append(binary.BigEndian.AppendUint16(s.buf, uint16(len(b))), b...)
	_, err := s.st.Write(s.buf)
	if err == nil {
		s.first = 0
		return nil
	}
	if over := s.writeOver(); over != nil {
		return over
	}
	return s.l.failed(err)
}

// writeOver is why nothing can be written any more; nil: it can.
func (s *tcpStream) writeOver() error {
	if s.l.ctx.Err() != nil {
		return context.Cause(s.l.ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeErr
}

// endWrite ends the sending side without an end mark, unless err is [errEnded]
// and one was sent.
func (s *tcpStream) endWrite(err error) {
	s.mu.Lock()
	first := s.writeErr == nil
	if first {
		s.writeErr = err
	}
	over := first && s.readErr != nil
	s.mu.Unlock()
	if first {
		_ = s.st.Close() // tells the other end; if that fails, the line has
	}
	if over {
		s.l.untrack(s)
	}
}

// Close ends the sending side in order. With a reader that does not read it
// waits for the write deadline, or [tcpStall].
func (s *tcpStream) Close() error {
	s.mu.Lock()
	if s.writeUntil.IsZero() && s.writeErr == nil {
		_ = s.st.SetWriteDeadline(time.Now().Add(tcpStall))
	}
	s.mu.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.piece(nil)
	if err != nil {
		s.endWrite(err)
		return err
	}
	s.endWrite(errEnded)
	return nil
}

// CancelWrite breaks the sending side off. The code stays here.
func (s *tcpStream) CancelWrite(quic.StreamErrorCode) { s.endWrite(errEnded); s.wakeWriter() }

// CancelRead tells the other end to stop writing. The code stays here.
func (s *tcpStream) CancelRead(quic.StreamErrorCode) {
	if s.readOver() != nil {
		return
	}
	s.endRead(errEnded)
	_ = s.st.SetReadDeadline(aLongTimeAgo())
	_ = s.l.side.stop(s.st.StreamID()) // if that fails, so does the line
}

// stopped ends the sending side, because nobody reads.
func (s *tcpStream) stopped() {
	s.mu.Lock()
	live := s.writeErr == nil
	s.mu.Unlock()
	if live {
		s.endWrite(errStopped)
		s.wakeWriter()
	}
}

func (s *tcpStream) wakeWriter() { _ = s.st.SetWriteDeadline(aLongTimeAgo()) }

// wake makes whoever waits look again: the line has ended.
func (s *tcpStream) wake() { _ = s.st.SetDeadline(aLongTimeAgo()) }

// SetReadDeadline never fails.
func (s *tcpStream) SetReadDeadline(t time.Time) error {
	_ = s.st.SetReadDeadline(t)
	if s.readOver() != nil {
		_ = s.st.SetReadDeadline(aLongTimeAgo())
	}
	return nil
}

// SetWriteDeadline never fails. A write that the system does not take over ends
// after [tcpStall], whatever the deadline.
func (s *tcpStream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	s.writeUntil = t
	_ = s.st.SetWriteDeadline(t)
	s.mu.Unlock()
	if s.writeOver() != nil {
		s.wakeWriter()
	}
	return nil
}

// SetDeadline never fails.
func (s *tcpStream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetPriority does nothing: pieces of all streams take turns.
func (s *tcpStream) SetPriority(int8, bool) {}
