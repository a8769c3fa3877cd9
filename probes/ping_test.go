package probes

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestPingArithmetic(t *testing.T) {
	for _, tt := range []struct {
		name     string
		pinger   echoes
		outcome  Outcome
		cause    Cause
		rtt      time.Duration
		jitter   time.Duration
		loss     float64
		received int
	}{
		{"all answered", echoes{Echoes{3, []time.Duration{10 * ms, 14 * ms, 12 * ms}, 50 * ms}, nil}, Up, None, 12 * ms, 3 * ms, 0, 3},
		{"one answer has no jitter", echoes{Echoes{1, []time.Duration{10 * ms}, 10 * ms}, nil}, Up, None, 10 * ms, 0, 0, 1},
		{"one of four lost", echoes{Echoes{4, []time.Duration{ms, ms, ms}, ms}, nil}, Degraded, PingLoss, ms, 0, 0.25, 3},
		{"all lost", echoes{Echoes{3, nil, ms}, nil}, Down, PingTimeout, 0, 0, 1, 0},
		{"nothing could be sent", echoes{Echoes{}, nil}, Unknown, LocalResources, 0, 0, 0, 0},
		{"not permitted", echoes{Echoes{}, os.NewSyscallError("socket", syscall.EPERM)}, Unknown, LocalPermission, 0, 0, 0, 0},
		{"queue full", echoes{Echoes{}, os.NewSyscallError("sendto", syscall.ENOBUFS)}, Unknown, LocalResources, 0, 0, 0, 0},
		{"an error after an answer is no news", echoes{Echoes{1, []time.Duration{ms}, ms}, syscall.EHOSTUNREACH}, Up, None, ms, 0, 0, 1},
		{"more answers than requests", echoes{Echoes{1, []time.Duration{ms, ms}, ms}, nil}, Up, None, ms, 0, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := probe(t, Options{Pinger: tt.pinger}, Spec{Kind: Ping, Host: "192.0.2.1"})
			want(t, r, tt.outcome, tt.cause)
			if r.RTT != tt.rtt || r.Jitter != tt.jitter || r.Loss() != tt.loss || r.Received != tt.received || r.Sent != tt.pinger.Sent {
				t.Errorf("%+v, loss %v", r, r.Loss())
			}
		})
	}
}

// slowPinger answers when it is told to, and knows how many it serves at once.
type slowPinger struct {
	mu      sync.Mutex // guards the fields below
	running int
	most    int

	began  chan struct{} // one per ping that began; closed by nobody
	finish chan struct{} // closed by the test
}

func (p *slowPinger) Ping(ctx context.Context, _ netip.Addr, n int, _, _ time.Duration) (Echoes, error) {
	p.mu.Lock()
	p.running++
	p.most = max(p.most, p.running)
	p.mu.Unlock()
	p.began <- struct{}{}
	<-p.finish
	p.mu.Lock()
	p.running--
	p.mu.Unlock()
	return Echoes{Sent: n, RTTs: make([]time.Duration, n), Took: ms}, nil
}

func TestPingsWaitForTheirTurnAndWaitingIsNotProbeTime(t *testing.T) {
	slow := &slowPinger{began: make(chan struct{}, 20), finish: make(chan struct{})}
	p := New(Options{Pinger: slow, Pings: 2})
	results := make(chan Result, 20)
	for range 20 {
		go func() { results <- p.Probe(context.Background(), Spec{Kind: Ping, Host: "192.0.2.1"}) }()
	}
	<-slow.began
	<-slow.began
	tight, cancel := context.WithTimeout(t.Context(), 150*ms)
	defer cancel()
	want(t, p.Probe(tight, Spec{Kind: Ping, Host: "192.0.2.1"}), Unknown, LocalResources)
	gone, leave := context.WithCancel(t.Context())
	leave()
	want(t, p.Probe(gone, Spec{Kind: Ping, Host: "192.0.2.1"}), Unknown, LocalCancelled)

	opened := time.Now()
	close(slow.finish)
	late := 0
	for range 20 {
		r := <-results
		want(t, r, Up, None)
		if r.Start.After(opened) {
			late++
			if r.Total > 100*ms {
				t.Errorf("waiting was counted: %v", r.Total)
			}
		}
	}
	if slow.most != 2 || late != 18 {
		t.Errorf("%d at once, %d waited", slow.most, late)
	}
}

func TestPingLoopback(t *testing.T) {
	p := New(Options{})
	r := p.Probe(t.Context(), Spec{Kind: Ping, Host: "127.0.0.1", Packets: 5})
	if r.Cause == LocalPermission {
		t.Skip("this account may not ping (needs root, CAP_NET_RAW or net.ipv4.ping_group_range): " + r.Err)
	}
	want(t, r, Up, None)
	if r.Sent != 5 || r.Received != 5 || r.RTT <= 0 || r.RTT > time.Second {
		t.Errorf("%+v", r)
	}
	var wg sync.WaitGroup
	for range 16 { // twice as many as turns
		wg.Go(func() { want(t, p.Probe(t.Context(), Spec{Kind: Ping, Host: "localhost", Packets: 2}), Up, None) })
	}
	wg.Wait()
}
