package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"picket/internal/identity"
)

// pipeline is two ends of a TCP line on loopback.
func pipeline(t *testing.T) (agent, collector *tcpLine) {
	t.Helper()
	w := newWorld(t)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	made := make(chan *tcpLine, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		l, err := newTCPLine(context.Background(), newGuardedConn(tls.Server(conn, w.auth.EnrolTLS(EnrolProtocol)), 0, 0), TransportTCP, false)
		if err == nil {
			made <- l
		}
	}()
	got, err := Ways{}.dialTCPAt(t.Context(), ln.Addr().(*net.TCPAddr).AddrPort(), ln.Addr().String(), identity.PinnedTLS(w.auth.Pin(), EnrolProtocol))
	if err != nil {
		t.Fatal(err)
	}
	agent, collector = got.(*tcpLine), <-made
	t.Cleanup(func() {
		agent.shut(CodeShutdown, "")
		agent.wait()
		collector.wait()
	})
	return agent, collector
}

func TestTheEndOfATCPLineHasACodeAndAReason(t *testing.T) {
	agent, collector := pipeline(t)
	st, err := agent.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write([]byte("never read")); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() { _, err := st.Read(make([]byte, 1)); waiting <- err }()
	collector.shut(CodeRevoked, "go away")
	collector.shut(CodeBusy, "too late")
	err = <-waiting
	if end, ok := errors.AsType[*CloseError](err); !ok || end.Code != CodeRevoked || end.Reason != "go away" || !end.Remote || !errors.Is(err, ErrRevoked) {
		t.Errorf("the other end heard %v", err)
	}
	if end, ok := errors.AsType[*CloseError](context.Cause(collector.Context())); !ok || end.Remote || end.Code != CodeRevoked {
		t.Errorf("this end remembers %v", context.Cause(collector.Context()))
	}
	collector.wait()
	agent.wait()
	if _, err := agent.OpenStreamSync(t.Context()); !errors.Is(err, ErrRevoked) {
		t.Errorf("a stream on a line that ended: %v", err)
	}
}

// TestOnlyAnEndMarkIsAnEnd: a stream that was broken off, or whose line was lost,
// does not look as if it had ended in order.
func TestOnlyAnEndMarkIsAnEnd(t *testing.T) {
	errLoss := errors.New("any error but an end")
	for name, c := range map[string]struct {
		end  func(l *tcpLine, st stream)
		want error
	}{
		"closed":     {func(_ *tcpLine, st stream) { st.Close() }, nil},
		"broken off": {func(_ *tcpLine, st stream) { st.CancelWrite(streamBroken) }, errBrokenOff},
		"cut":        {func(l *tcpLine, _ stream) { l.conn.NetConn().Close() }, errLoss},
		"hung up":    {func(l *tcpLine, _ stream) { l.sess.Close() }, errLoss},
	} {
		agent, collector := pipeline(t)
		st, err := agent.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		got, err := collector.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		if _, err := io.ReadFull(got, b); err != nil || string(b) != "hello" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		c.end(agent, st)
		for err = nil; err == nil; { // io.ReadAll would take an end for no error
			_, err = got.Read(b)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if c.want == nil && err != nil || c.want == errBrokenOff && !errors.Is(err, errBrokenOff) || c.want != nil && err == nil {
			t.Errorf("%s: the reader was told %v", name, err)
		}
	}
}

// TestAReaderThatLeavesStopsTheWriter, which would otherwise wait for ever.
func TestAReaderThatLeavesStopsTheWriter(t *testing.T) {
	agent, collector := pipeline(t)
	st, err := agent.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	got, err := collector.AcceptUniStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := st.Write(make([]byte, 64<<10)); err != nil {
				done <- err
				return
			}
		}
	}()
	select {
	case err := <-done:
		t.Fatalf("nobody reads, and still: %v", err)
	case <-time.After(100 * time.Millisecond): // the window is full
	}
	got.CancelRead(streamRefused)
	select {
	case err := <-done:
		if !errors.Is(err, errStopped) {
			t.Errorf("the writer was told %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the writer waits for ever")
	}
	until(t, "both ends forget the stream", func() bool { return agent.tracked() == 0 && collector.tracked() == 0 })
}

func (l *tcpLine) tracked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.streams) + len(l.places)
}

func TestDatagramsOverTCPNeverBlockTheLine(t *testing.T) {
	agent, collector := pipeline(t)
	for range 10 * tcpDatagrams { // nobody reads
		if err := agent.SendDatagram(make([]byte, 1100)); err != nil {
			t.Fatal(err)
		}
	}
	st, err := agent.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := collector.AcceptStream(t.Context()); err != nil {
		t.Errorf("a stream behind datagrams that nobody reads: %v", err)
	}
	if b, err := collector.ReceiveDatagram(t.Context()); err != nil || len(b) != 1100 {
		t.Errorf("%d bytes: %v", len(b), err)
	}
	if err := agent.SendDatagram(make([]byte, maxSidePayload+1)); !errors.Is(err, errTooLarge) {
		t.Errorf("a datagram that is too large: %v", err)
	}
}

func TestDeadlinesOfTCPStreams(t *testing.T) {
	agent, collector := pipeline(t)
	st, err := agent.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	_ = st.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := st.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("a read that waited too long: %v", err)
	}
	_ = st.SetReadDeadline(time.Time{})
	if _, err := st.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	back, err := collector.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := back.Write([]byte("pong")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(st, b); err != nil || string(b) != "pong" {
		t.Errorf("after the deadline was lifted: %q, %v", b, err)
	}
	_ = st.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for err == nil {
		_, err = st.Write(make([]byte, 64<<10))
	}
	if !isTimeout(err) {
		t.Errorf("a write that waited too long: %v", err)
	}
}
