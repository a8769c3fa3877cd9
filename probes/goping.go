//go:build !windows

package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-ping/ping"
)

// goPing is a [Pinger] on go-ping, which is no longer maintained. What this
// file guards against: names are resolved without a context (so it gets
// addresses only); statistics race with a running ping and divide by zero (so
// we count by ourselves, under our own lock); round trips are taken from the
// wall clock (so we take them from the monotonic one, in OnRecv); there is no
// limit per packet; the receiver polls, so Run returns up to 102 ms late; and
// on a full device queue (ENOBUFS) Run spins and hears no Stop.
type goPing struct {
	strays atomic.Int32 // Runs that did not come back in time and still go on
}

const (
	// windDown is go-ping's longest poll, and how long we wait for Run to
	// return after Stop.
	windDown = 102 * time.Millisecond
	// maxStrayRuns bounds what a spinning library may hold; then pings abstain.
	maxStrayRuns = 4
)

// Ping tries the unprivileged socket first, where it works, then the raw socket.
func (g *goPing) Ping(ctx context.Context, addr netip.Addr, packets int, spacing, perPacket time.Duration) (Echoes, error) {
	if g.strays.Load() >= maxStrayRuns {
		return Echoes{}, &fault{LocalResources, errors.New("earlier pings are stuck in the network device's queue")}
	}
	if unprivileged(addr) {
		e, err := g.run(ctx, addr, packets, spacing, perPacket, false)
		errno, ok := errors.AsType[syscall.Errno](err)
		if !ok || e.Sent > 0 || troubleOf(errno) != troublePermission {
			return e, err
		}
	}
	return g.run(ctx, addr, packets, spacing, perPacket, true)
}

// unprivileged says whether go-ping's datagram socket works here: on macOS an
// IPv4 reply comes with its IP header, which go-ping does not expect.
func unprivileged(addr netip.Addr) bool {
	return runtime.GOOS != "darwin" || addr.Is6()
}

// run pings over one socket.
func (g *goPing) run(ctx context.Context, addr netip.Addr, packets int, spacing, perPacket time.Duration, privileged bool) (Echoes, error) {
	p := ping.New(addr.String())
	p.SetIPAddr(&net.IPAddr{IP: addr.AsSlice(), Zone: addr.Zone()})
	p.SetPrivileged(privileged)
	p.SetLogger(ping.NoopLogger{})
	p.RecordRtts = false // we keep them
	p.Count, p.Interval = packets, spacing
	p.Timeout = budget(ctx, time.Duration(packets-1)*spacing+perPacket)

	t := tally{sent: make(map[int]time.Time, packets), rtts: make(map[int]time.Duration, packets), limit: perPacket}
	p.OnSend = func(k *ping.Packet) { t.send(k.Seq, time.Now()) }
	p.OnRecv = func(k *ping.Packet) { t.receive(k.Seq, time.Now()) }

	ended := make(chan error, 1) // closed by nobody: one value, from the goroutine below
	go func() {
		defer func() {
			if v := recover(); v != nil {
				ended <- &fault{LocalPanic, fmt.Errorf("panic in the ping library: %v", v)}
			}
		}()
		ended <- p.Run()
	}()
	select {
	case err := <-ended:
		return t.echoes(), err
	case <-ctx.Done():
	}
	p.Stop()
	late := time.NewTimer(windDown)
	defer late.Stop()
	select {
	case err := <-ended:
		return t.echoes(), err
	case <-late.C:
		g.strays.Add(1)
		go func() { <-ended; g.strays.Add(-1) }()
		return t.echoes(), nil
	}
}

// budget is how long Run may take, so that it winds down before ctx ends.
func budget(ctx context.Context, want time.Duration) time.Duration {
	if d, ok := ctx.Deadline(); ok {
		left := time.Until(d)
		want = min(want, max(left-windDown, left/2))
	}
	return max(want, time.Millisecond) // go-ping panics at zero
}

// tally counts requests and replies of one ping.
type tally struct {
	limit time.Duration

	mu    sync.Mutex // guards the fields below
	sent  map[int]time.Time
	rtts  map[int]time.Duration
	first time.Time
	last  time.Time
}

func (t *tally) send(seq int, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.IsZero() {
		t.first = now
	}
	t.sent[seq] = now
}

// receive takes a reply once, and only if it is in time.
func (t *tally) receive(seq int, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ours := t.sent[seq]
	_, again := t.rtts[seq]
	if rtt := now.Sub(at); ours && !again && rtt <= t.limit {
		t.rtts[seq], t.last = rtt, now
	}
}

func (t *tally) echoes() Echoes {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := Echoes{Sent: len(t.sent)}
	seqs := make([]int, 0, len(t.rtts))
	for seq := range t.rtts {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	for _, seq := range seqs {
		e.RTTs = append(e.RTTs, t.rtts[seq])
	}
	switch {
	case t.first.IsZero():
	case len(e.RTTs) == e.Sent:
		e.Took = t.last.Sub(t.first)
	default:
		e.Took = time.Since(t.first)
	}
	return e
}
