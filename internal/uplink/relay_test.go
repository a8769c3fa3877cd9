package uplink

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/fleet"
)

// pair makes two connected agents.
func pair(t *testing.T, w *world) (a, b *outpost) {
	t.Helper()
	t.Cleanup(w.serve())
	a, b = w.agent("agent-a", time.Now()), w.agent("agent-b", time.Now())
	for _, x := range []*outpost{a, b} {
		t.Cleanup(w.run(x))
		x.await(t, "welcome")
		until(t, "connected", x.client.Connected)
	}
	until(t, "both are members", func() bool { return len(w.server.Sessions()) == 2 })
	return a, b
}

func TestPacketsCarryAStampedSource(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a, b := pair(t, w)
		va, vb, vc := fleet.Address("agent-a"), fleet.Address("agent-b"), fleet.Address(fleet.CollectorID)
		for what, send := range map[string]struct {
			by   func(netip.Addr, []byte) error
			to   netip.Addr
			at   events
			from netip.Addr
		}{
			"agent to agent":     {a.client.SendPacket, vb, b.events, va},
			"agent to collector": {b.client.SendPacket, vc, w.office.events, vb},
			"collector to agent": {w.server.SendPacket, va, a.events, vc},
		} {
			if err := send.by(send.to, []byte(what)); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if ev := send.at.await(t, "packet"); ev.agent != send.from.String() || ev.value != what {
				t.Errorf("%s arrived as %+v", what, ev)
			}
		}
		if err := a.client.SendPacket(fleet.Address("nobody"), []byte("x")); err != nil {
			t.Errorf("a packet to nobody is no error of the uplink: %v", err)
		}
		if err := a.client.SendPacket(vb, make([]byte, 60_000)); err != nil {
			t.Errorf("a packet that fits no datagram: %v", err)
		}
		if err := a.client.SendPacket(vb, []byte("after the large one")); err != nil || b.await(t, "packet").value != "after the large one" {
			t.Error("a packet that fits no datagram stopped the others")
		}
	})
}

// TestGossipBetweenTransports: members meet whichever way each of them came.
func TestGossipBetweenTransports(t *testing.T) {
	w := newWorld(t)
	w.tcp = true
	t.Cleanup(w.serve())
	a := w.agent("agent-a", time.Now())
	b := w.agent("agent-b", time.Now())
	b.client.o.Ways = Ways{}
	for _, x := range []*outpost{a, b} {
		t.Cleanup(w.run(x))
		x.await(t, "welcome")
	}
	until(t, "both are members", func() bool { return len(w.server.Sessions()) == 2 })
	if a.client.Transport() != TransportQUIC || b.client.Transport() != TransportTCP {
		t.Fatalf("they came by %q and %q", a.client.Transport(), b.client.Transport())
	}
	for _, way := range []struct{ from, to *outpost }{{a, b}, {b, a}} {
		if err := way.from.client.SendPacket(fleet.Address(way.to.id), []byte("hi")); err != nil {
			t.Fatal(err)
		}
		if ev := way.to.await(t, "packet"); ev.value != "hi" || ev.agent != fleet.Address(way.from.id).String() {
			t.Errorf("a packet arrived as %v", ev)
		}
		ends := make(chan error, 2)
		way.to.streams.by(func(_ netip.Addr, c net.Conn) {
			defer c.Close()
			_, err := io.Copy(c, c)
			ends <- err
		})
		c, err := way.from.client.OpenStream(t.Context(), fleet.Address(way.to.id))
		if err != nil {
			t.Fatal(err)
		}
		text := bytes.Repeat([]byte("gossip"), 50_000)
		go func() { c.Write(text); c.(*streamConn).stream.Close() }()
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d of %d bytes came back: %v", len(got), len(text), err)
		}
		if err := <-ends; err != nil {
			t.Errorf("an orderly end arrived as %v", err)
		}
		c.Close()
		if c, err = way.from.client.OpenStream(t.Context(), fleet.Address(way.to.id)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("cut off in the")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 14)); err != nil {
			t.Fatal(err)
		}
		c.(*streamConn).stream.CancelWrite(streamBroken)
		if err := <-ends; err == nil {
			t.Errorf("from %s: a stream that was broken off arrived as one that ended", way.from.id)
		}
		c.Close()
	}
}

func TestStrangersAreNotRelayed(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a, b := pair(t, w)
		w.office.mu.Lock()
		w.office.strange["agent-a"] = true
		w.office.mu.Unlock()
		_ = a.client.SendPacket(fleet.Address("agent-b"), []byte("from a stranger"))
		_ = b.client.SendPacket(fleet.Address("agent-a"), []byte("to a stranger"))
		_ = a.client.SendPacket(fleet.Address(fleet.CollectorID), []byte("to the collector"))
		for _, x := range []*outpost{a, b} {
			c, err := x.client.OpenStream(t.Context(), fleet.Address(map[*outpost]string{a: "agent-b", b: "agent-a"}[x]))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); err == nil {
				t.Error("a stranger's stream was relayed")
			}
			c.Close()
		}
		until(t, "three packets and two streams were turned away", func() bool {
			w.office.mu.Lock()
			defer w.office.mu.Unlock()
			return w.office.turned >= 5
		})
		w.office.mu.Lock()
		w.office.strange["agent-a"] = false
		w.office.mu.Unlock()
		for _, x := range []struct {
			at, by *outpost
		}{{b, a}, {a, b}} {
			_ = x.by.client.SendPacket(fleet.Address(x.at.id), []byte("member"))
			if ev := x.at.await(t, "packet"); ev.value != "member" {
				t.Errorf("a stranger's packet arrived: %v", ev.value)
			}
		}
	})
}

func TestStreamsAreCopiedBothWaysToTheEnd(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a, b := pair(t, w)
		up, down := make([]byte, 3<<20), make([]byte, 2<<20)
		for i := range up {
			up[i] = byte(i * 7)
		}
		for i := range down {
			down[i] = byte(i * 13)
		}
		sums := make(chan [32]byte, 4)
		serve := func(src netip.Addr, c net.Conn) {
			defer c.Close()
			if src != fleet.Address("agent-a") || c.RemoteAddr().String() != netip.AddrPortFrom(src, fleet.Port).String() || c.LocalAddr().Network() != "fleet" {
				t.Errorf("stream from %v with addresses %v, %v", src, c.RemoteAddr(), c.LocalAddr())
			}
			got, err := io.ReadAll(c) // until the half-close
			if err != nil {
				t.Errorf("read up: %v", err)
			}
			sums <- sha256.Sum256(got)
			if _, err := c.Write(down); err != nil {
				t.Errorf("write down: %v", err)
			}
		}
		b.streams.by(serve)
		w.office.streams.by(serve)
		for _, dst := range []string{"agent-b", fleet.CollectorID} {
			c, err := a.client.OpenStream(t.Context(), fleet.Address(dst))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(up); err != nil {
				t.Fatal(err)
			}
			if err := c.(*streamConn).stream.Close(); err != nil { // half-close
				t.Fatal(err)
			}
			got, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(got, down) {
				t.Errorf("%s: %d bytes down: %v", dst, len(got), err)
			}
			if <-sums != sha256.Sum256(up) {
				t.Errorf("%s: what went up arrived changed", dst)
			}
			c.Close()
		}
		until(t, "places are free again", func() bool {
			return len(w.server.session("agent-a").places) == 0 && len(w.server.session("agent-b").places) == 0
		})
	})
}

func TestTheCollectorOpensStreamsToo(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a, _ := pair(t, w)
		a.streams.by(func(src netip.Addr, c net.Conn) {
			defer c.Close()
			_, _ = io.Copy(c, c)
		})
		c, err := w.server.OpenStream(t.Context(), fleet.Address("agent-a"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("echo")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "echo" {
			t.Errorf("%q, %v", b, err)
		}
		if _, err := w.server.OpenStream(t.Context(), fleet.Address("nobody")); err == nil {
			t.Error("a stream to nobody was opened")
		}
	})
}

func TestRelayStreamsOfOneAgentAreBounded(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a, _ := pair(t, w)
		hold := make(chan struct{})
		defer close(hold)
		w.office.streams.by(func(_ netip.Addr, c net.Conn) {
			_, _ = c.Write([]byte("in"))
			<-hold
			c.Close()
		})
		var open []net.Conn
		refused := 0
		for range maxRelays + 4 {
			c, err := a.client.OpenStream(t.Context(), fleet.Address(fleet.CollectorID))
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
			_, err = io.ReadFull(c, make([]byte, 2))
			if e, ok := errors.AsType[*quic.StreamError](err); ok && e.ErrorCode == streamRefused || errors.Is(err, errBrokenOff) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused != 4 {
			t.Errorf("%d of %d streams refused, limit %d", refused, maxRelays+4, maxRelays)
		}
		for _, c := range open {
			c.Close()
		}
	})
}

func TestSendingPacketsNeverBlocks(t *testing.T) {
	p := newPackets()
	for i := range packetQueue + 10 {
		p.put([]byte{byte(i)})
	}
	if b := p.take(); b[0] != 10 || p.dropped != 10 {
		t.Errorf("oldest left is %d, %d dropped", b[0], p.dropped)
	}
}

func TestABucketLimitsARate(t *testing.T) {
	b, now := newBucket(10, 3), time.Unix(1000, 0)
	for i := range 5 {
		if got := b.allow(now); got != (i < 3) {
			t.Errorf("token %d: %v", i, got)
		}
	}
	if !b.allow(now.Add(100*time.Millisecond)) || b.allow(now.Add(150*time.Millisecond)) {
		t.Error("a tenth of a second gives one token")
	}
}

func TestClosingAStreamEndsBothDirections(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a, _ := pair(t, w)
		closed := make(chan error, 1)
		w.office.streams.by(func(_ netip.Addr, c net.Conn) {
			_, err := io.Copy(io.Discard, c)
			closed <- err
			c.Close()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 80 { // more than the stream credit
			c, err := a.client.OpenStream(ctx, fleet.Address(fleet.CollectorID))
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			select {
			case <-closed:
			case <-time.After(relayIdle):
				t.Fatal("a closed stream does not end at the other side")
			default: // refused for its rate; the credit must come back all the same
			}
		}
	})
}
