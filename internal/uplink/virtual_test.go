package uplink

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"picket/internal/fleet"
)

// cable is a simulated network whose packets can be dropped.
type cable struct {
	simnet.PerfectRouter
	drop func(simnet.Packet) bool // nil: none; set before the world starts
}

func (l *cable) SendPacket(p simnet.Packet) error {
	if l.drop != nil && l.drop(p) {
		return nil
	}
	return l.PerfectRouter.SendPacket(p)
}

// kept is a simulated socket that survives its owner, so that a restarted
// collector finds its address again.
type kept struct{ *simnet.SimConn }

func (kept) Close() error { return nil }

// inVirtualTime runs a story in a bubble, 40 ms from each other. The bubble
// fails if a goroutine of either end is left over.
func inVirtualTime(t *testing.T, drop func(simnet.Packet) bool, story func(t *testing.T, w *world)) {
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		n := &simnet.Simnet{Router: &cable{drop: drop}}
		far := simnet.NodeBiDiLinkSettings{Latency: 40 * time.Millisecond}
		hub := n.NewEndpoint(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1).To4(), Port: 4443}, far)
		var mu sync.Mutex
		var free []*simnet.SimConn
		for i := range 8 {
			free = append(free, n.NewEndpoint(&net.UDPAddr{IP: net.IPv4(10, 0, 1, byte(i)).To4(), Port: 5000}, far))
		}
		all := append([]*simnet.SimConn{hub}, free...)
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		w.addr = netip.MustParseAddrPort("10.0.0.1:4443")
		w.listen = func() net.PacketConn { return kept{hub} }
		w.open = func() net.PacketConn {
			mu.Lock()
			defer mu.Unlock()
			pc := free[0]
			free = free[1:]
			return pc
		}
		story(t, w)
		for _, pc := range all {
			pc.Close()
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // quic-go remembers closed connections for a while
	})
}

// warm makes the codec's shared zstd coders outside of any bubble: they keep
// channels, which may not be used from a bubble other than the one that made them.
func warm(t *testing.T) {
	t.Helper()
	b := &fleet.Batch{Run: 1, Config: 1}
	for seq := range uint64(2000) {
		b.Records = append(b.Records, observation(seq+1))
	}
	raw, err := EncodeBatch(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeBatch(raw); err != nil {
		t.Fatal(err)
	}
}

func TestOnlySilenceIsFilledWithHeartbeats(t *testing.T) {
	var packets atomic.Int64
	count := func(p simnet.Packet) bool {
		if p.To.(*net.UDPAddr).Port == 4443 {
			packets.Add(1)
		}
		return false
	}
	inVirtualTime(t, count, func(t *testing.T, w *world) {
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		end := w.run(a)
		a.await(t, "welcome")
		time.Sleep(10 * time.Second)
		before, heard := packets.Load(), len(w.office.ch)
		time.Sleep(time.Minute)
		if n := len(w.office.ch) - heard; n < 55 || n > 62 {
			t.Errorf("%d signs of life in a silent minute", n)
		}
		t.Logf("%d packets from the agent in a silent minute", packets.Load()-before)
		for len(a.ch) > 0 {
			if ev := <-a.ch; ev.what == "offset" && ev.value.(time.Duration).Abs() > time.Millisecond {
				t.Errorf("clock offset %v on a line that is the same both ways", ev.value)
			}
		}
		sent := func() int { // heartbeats of a minute of results every 200 ms
			l := a.client.session()
			l.beats.mu.Lock()
			defer l.beats.mu.Unlock()
			return l.beats.n
		}
		quiet := sent()
		for range 300 {
			a.spool.append(0xa1, 1)
			time.Sleep(200 * time.Millisecond)
		}
		if n := sent() - quiet; n < 5 || n > 8 {
			t.Errorf("%d heartbeats in a minute that was not silent; time samples alone need 6", n)
		}
		end()
		stop()
	})
}

func TestADeadLineIsNoticedAndTakenUpAgain(t *testing.T) {
	var cut atomic.Bool
	inVirtualTime(t, func(simnet.Packet) bool { return cut.Load() }, func(t *testing.T, w *world) {
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		a.spool.append(0xa1, 100)
		end := w.run(a)
		a.await(t, "welcome")
		time.Sleep(2 * time.Minute)
		begun := time.Now()
		cut.Store(true)
		a.spool.append(0xa1, 100)
		gone := awaitLong(t, w.office.events, "gone")
		if took := time.Since(begun); took > 100*time.Second || !strings.HasPrefix(gone.value.(string), "false") {
			t.Errorf("gone after %v: %v", took, gone.value)
		}
		awaitLong(t, a.events, "disconnected")
		time.Sleep(5 * time.Minute)
		healed := time.Now()
		cut.Store(false)
		awaitLong(t, a.events, "welcome")
		if took := time.Since(healed); took > longestWait+dialWait {
			t.Errorf("back after %v", took)
		}
		time.Sleep(time.Second)
		if all, distinct := w.office.count("agent-1"); all != 200 || distinct != 200 || a.spool.pending() != 0 {
			t.Errorf("stored %d, %d distinct, of 200", all, distinct)
		}
		end()
		stop()
	})
}

// awaitLong waits for minutes of virtual time.
func awaitLong(t *testing.T, e events, what string) event {
	t.Helper()
	for end := time.After(10 * time.Minute); ; {
		select {
		case ev := <-e.ch:
			if ev.what == what {
				return ev
			}
		case <-end:
			t.Fatalf("nobody heard of %q", what)
		}
	}
}

func TestALossyLineDeliversAllOnce(t *testing.T) {
	var n atomic.Int64
	inVirtualTime(t, func(simnet.Packet) bool { return n.Add(1)%20 == 0 }, func(t *testing.T, w *world) {
		stop := w.serve()
		a := w.agent("agent-1", time.Now(), 1, 2, 3)
		for run := range uint64(3) {
			a.spool.append(run+1, 3000)
		}
		end := w.run(a)
		for range 20 {
			time.Sleep(10 * time.Second)
			a.spool.append(3, 10)
		}
		time.Sleep(10 * time.Second)
		if all, distinct := w.office.count("agent-1"); all != 9200 || distinct != 9200 || a.spool.pending() != 0 {
			t.Errorf("stored %d, %d distinct, of 9200", all, distinct)
		}
		end()
		stop()
	})
}

func TestACopiedIdentityIsCalledOutOnce(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, w *world) {
		var mu sync.Mutex
		var lines bytes.Buffer
		w.log = slog.New(slog.NewTextHandler(locked{&mu, &lines}, nil))
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		b := w.clone(a.bundle, "agent-1", newSpool(0xb1))
		endA, endB := w.run(a), w.run(b)
		time.Sleep(8 * time.Minute)
		endA()
		endB()
		stop()
		mu.Lock()
		defer mu.Unlock()
		if n := strings.Count(lines.String(), "one agent's certificate"); n != 1 {
			t.Errorf("called out %d times", n)
		}
		if n := strings.Count(lines.String(), "agent connected"); n > 80 {
			t.Errorf("%d sessions in 8 minutes of fighting", n)
		}
	})
}

type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func TestAStoppedSinkStopsNothingElse(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, w *world) {
		var away atomic.Bool
		away.Store(true)
		w.office.record = func(ctx context.Context) error {
			for away.Load() {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Second):
				}
			}
			return nil
		}
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		a.spool.append(0xa1, 40_000)
		end := w.run(a)
		a.await(t, "welcome")
		time.Sleep(10 * time.Minute)
		a.client.Vote(Vote{Round: 1})
		sent := time.Now()
		w.office.await(t, "vote")
		if took := time.Since(sent); took > 100*time.Millisecond {
			t.Errorf("a vote took %v while the sink was away", took)
		}
		if len(w.server.Sessions()) != 1 || a.spool.pending() != 40_000 {
			t.Error("the session did not outlive the sink's absence")
		}
		away.Store(false)
		time.Sleep(30 * time.Second)
		if all, _ := w.office.count("agent-1"); all != 40_000 || a.spool.pending() != 0 {
			t.Errorf("%d of 40000 stored after the sink came back", all)
		}
		end()
		stop()
	})
}

func TestAFailingSinkMakesTheAgentComeAgain(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, w *world) {
		var failing atomic.Bool
		failing.Store(true)
		w.office.record = func(context.Context) error {
			if failing.Load() {
				return errors.New("disk full")
			}
			return nil
		}
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		a.spool.append(0xa1, 10)
		end := w.run(a)
		time.Sleep(3 * time.Minute)
		if a.spool.pending() != 10 {
			t.Error("acknowledged what is not durable")
		}
		failing.Store(false)
		time.Sleep(time.Minute)
		if all, _ := w.office.count("agent-1"); all != 10 || a.spool.pending() != 0 {
			t.Errorf("%d of 10 stored", all)
		}
		end()
		stop()
	})
}

func TestGossipOverALongLine(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, w *world) {
		stop := w.serve()
		a, b := w.agent("agent-a", time.Now()), w.agent("agent-b", time.Now())
		endA, endB := w.run(a), w.run(b)
		time.Sleep(5 * time.Second)
		for range 3000 { // in one burst: the oldest fall out, nobody blocks
			_ = a.client.SendPacket(fleet.Address("agent-b"), make([]byte, 900))
		}
		time.Sleep(5 * time.Second)
		got := 0
		for len(b.ch) > 0 {
			if ev := <-b.ch; ev.what == "packet" {
				got++
			}
		}
		if got == 0 || got > packetBurst+10*packetRate {
			t.Errorf("%d packets of a burst of 3000 arrived", got)
		}
		endA()
		endB()
		stop()
	})
}
