package uplink

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// exchange is TCP for virtual time: a listener whose connections are pipes in
// memory.
type exchange struct {
	addr *net.TCPAddr
	in   chan net.Conn
	once sync.Once
	shut chan struct{}
}

func newExchange(addr *net.TCPAddr) *exchange {
	return &exchange{addr: addr, in: make(chan net.Conn), shut: make(chan struct{})}
}

// piped is an end of a pipe with the addresses of TCP.
type piped struct {
	net.Conn
	local, remote *net.TCPAddr
}

func (p piped) LocalAddr() net.Addr  { return p.local }
func (p piped) RemoteAddr() net.Addr { return p.remote }

func (x *exchange) Accept() (net.Conn, error) {
	select {
	case c := <-x.in:
		return c, nil
	case <-x.shut:
		return nil, net.ErrClosed
	}
}

func (x *exchange) Close() error   { x.once.Do(func() { close(x.shut) }); return nil }
func (x *exchange) Addr() net.Addr { return x.addr }

func (x *exchange) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	from := &net.TCPAddr{IP: net.IPv4(10, 0, 1, 0).To4(), Port: 6000}
	ours, theirs := net.Pipe()
	select {
	case x.in <- piped{theirs, x.addr, from}:
		return piped{ours, from, x.addr}, nil
	case <-x.shut:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// aloneInProcess runs the test in a process of its own and says so, unless this is
// that process. yamux keeps timers for reuse in a pool of the process; those of a
// bubble may not get into another test's hands.
func aloneInProcess(t *testing.T) bool {
	t.Helper()
	const alone = "PICKET_TEST_ALONE"
	if os.Getenv(alone) != "" {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), alone+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v", err)
	}
	t.Logf("%s", out)
	return true
}

// TestBackOnQUICWithinTenMinutes blocks UDP and opens it again, over and over, at
// moments and for times that chance chooses, while sessions over TCP break as they
// like. Nothing is set that users do not set: these are the intervals of every
// installed agent. Of the results, made all along, none is lost and none doubled.
func TestBackOnQUICWithinTenMinutes(t *testing.T) {
	if aloneInProcess(t) {
		return
	}
	const promised = 10 * time.Minute
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	upTo := func(d time.Duration) time.Duration { return time.Duration(chance.Int64N(int64(d))) }
	var blocked atomic.Bool
	inVirtualTime(t, func(simnet.Packet) bool { return blocked.Load() }, func(t *testing.T, w *world) {
		tcp := newExchange(net.TCPAddrFromAddrPort(w.addr))
		w.listenTCP, w.ways = func() net.Listener { return tcp }, Ways{Dial: tcp.dial}
		stop := w.serve()
		a := w.agent("agent-1", time.Now())
		end := w.run(a)
		made := 0
		// comes waits for the way; breakAt into it the session breaks, if it is not -1.
		comes := func(way string, within, breakAt time.Duration) time.Duration {
			t.Helper()
			for begun := time.Now(); ; time.Sleep(time.Second) {
				took := time.Since(begun)
				if a.client.Transport() == way {
					return took
				}
				if took > within {
					t.Errorf("not by %s within %v", way, within)
					return took
				}
				if breakAt >= 0 && took >= breakAt {
					breakAt = -1
					w.server.Disconnect("agent-1", "shutdown", "")
				}
				a.spool.append(0xa1, 1)
				made++
			}
		}
		comes(TransportQUIC, time.Minute, -1)
		var longest time.Duration
		for n := range 30 {
			blocked.Store(true)
			comes(TransportTCP, 3*time.Minute, -1)
			breakAt := 4*time.Minute + 45*time.Second + upTo(10*time.Second) // just before QUIC's turn
			if n%2 == 0 {
				for range chance.IntN(3) {
					time.Sleep(upTo(20 * time.Minute))
					w.server.Disconnect("agent-1", "shutdown", "")
					comes(TransportTCP, time.Minute, -1)
				}
				breakAt = upTo(10 * time.Minute)
			}
			blocked.Store(false)
			longest = max(longest, comes(TransportQUIC, promised, breakAt))
		}
		t.Logf("back on QUIC after %v at most", longest)
		time.Sleep(time.Minute)
		end()
		stop()
		if all, distinct := w.office.count("agent-1"); all != made || distinct != made || a.spool.pending() != 0 {
			t.Errorf("stored %d, %d distinct, of %d; %d wait", all, distinct, made, a.spool.pending())
		}
		t.Logf("%d results", made)
	})
}
