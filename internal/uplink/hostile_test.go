package uplink

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"picket/internal/identity"
)

// strangerTCP connects to the collector over TCP, as far as TLS for enrolment.
func (w *world) strangerTCP(t *testing.T) *tls.Conn {
	t.Helper()
	conn, err := net.Dial("tcp4", w.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	over := tls.Client(conn, identity.PinnedTLS(w.auth.Pin(), EnrolProtocol))
	if err := over.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return over
}

// hungUp waits until the collector hangs up on conn.
func hungUp(t *testing.T, conn net.Conn, within time.Duration) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(within))
	if n, err := io.Copy(io.Discard, conn); isTimeout(err) {
		t.Errorf("the collector still listens after %v (sent %d bytes)", within, n)
	}
}

func (w *world) empty(t *testing.T) {
	t.Helper()
	until(t, "no stranger holds a place", func() bool {
		strangers, networks := w.server.gate.taken()
		return strangers == 0 && networks == 0
	})
}

func TestWhoSaysNothingOverTCPIsHungUpOn(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the time that handshakes have")
	}
	w := newWorld(t).overTCP()
	defer w.serve()()
	silent, err := net.Dial("tcp4", w.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	halfway := w.strangerTCP(t)
	slow := w.trickle(t, w.agent("agent-1", time.Now()))
	hungUp(t, silent, 2*handshakeWait)
	hungUp(t, halfway, 2*helloWait)
	hungUp(t, slow, 2*helloWait)
	w.empty(t)
}

// trickle announces a long hello as an agent with a good certificate, and sends it
// byte by byte: there is always something to read.
func (w *world) trickle(t *testing.T, a *outpost) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp4", w.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	over := tls.Client(conn, a.rawConfig())
	b := yamuxFrame(yamuxData, yamuxSYN, 1, 1, []byte{tcpSide})
	b = append(b, yamuxFrame(yamuxData, yamuxSYN, 3, 100<<10, []byte{tcpBidi})...)
	if _, err := over.Write(b); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for err == nil {
			time.Sleep(100 * time.Millisecond)
			_, err = over.Write([]byte{0})
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return over
}

func TestOneAddressHasFewPlacesOverTCP(t *testing.T) {
	w := newWorld(t).overTCP()
	defer w.serve()()
	var held []net.Conn
	for range maxPerSource {
		conn, err := net.Dial("tcp4", w.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		held = append(held, conn)
	}
	until(t, "all places are taken", func() bool { n, _ := w.server.gate.taken(); return n == maxPerSource })
	late, err := net.Dial("tcp4", w.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	hungUp(t, late, 5*time.Second) // long before a handshake would time out
	for _, conn := range held {
		conn.Close()
	}
	w.empty(t)
	a := w.agent("agent-1", time.Now())
	defer w.run(a)()
	a.await(t, "welcome")
	w.empty(t) // who is known holds none
}

// yamuxFrame is a yamux frame.
func yamuxFrame(kind byte, flags uint16, stream, length uint32, body []byte) []byte {
	b := []byte{0, kind}
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	b = binary.BigEndian.AppendUint32(b, length)
	return append(b, body...)
}

func TestHostileBytesOverTCPAreBounded(t *testing.T) {
	side := yamuxFrame(yamuxData, yamuxSYN, 1, 1, []byte{tcpSide})
	for name, b := range map[string][]byte{
		"no yamux":            []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a giant frame":       append(side, yamuxFrame(yamuxData, yamuxSYN, 3, 1<<31, nil)...),
		"a giant side frame":  append(side, yamuxFrame(yamuxData, 0, 1, 4, []byte{sideDatagram, 0xff, 0xff, 0x7f})...),
		"pings":               append(side, bytes.Repeat(yamuxFrame(yamuxPingy, yamuxSYN, 0, 7, nil), 2*yamuxPingMost)...),
		"another first":       yamuxFrame(yamuxData, yamuxSYN, 1, 1, []byte{tcpBidi}),
		"more than a request": append(side, bytes.Repeat(yamuxFrame(yamuxData, 0, 1, 1<<10, make([]byte, 1<<10)), 100)...),
		"a stream twice":      append(side, yamuxFrame(yamuxData, yamuxSYN, 1, 1, []byte{tcpSide})...),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).overTCP()
			defer w.serve()()
			conn := w.strangerTCP(t)
			go conn.Write(b) // it may not get rid of all
			hungUp(t, conn, requestWait/2)
			w.empty(t)
		})
	}
}

func TestTooManyStreamsEndTheLine(t *testing.T) {
	w := newWorld(t).overTCP()
	defer w.serve()()
	a := w.agent("agent-1", time.Now())
	conn, err := net.Dial("tcp4", w.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	over := tls.Client(conn, a.rawConfig())
	sess, err := yamux.Client(over, yamuxConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	first, err := sess.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Write([]byte{tcpSide}); err != nil {
		t.Fatal(err)
	}
	opened := 0
	for ; opened < 4*tcpMost; opened++ {
		st, err := sess.OpenStream()
		if err != nil {
			break
		}
		if _, err := st.Write([]byte{tcpBidi}); err != nil {
			break
		}
	}
	select {
	case <-sess.CloseChan():
	case <-time.After(20 * time.Second):
		t.Fatalf("the collector bears %d streams", opened)
	}
}
