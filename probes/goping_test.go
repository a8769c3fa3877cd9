//go:build !windows

package probes

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"
)

func TestTallyCountsOnceAndInTime(t *testing.T) {
	t0 := time.Now()
	y := tally{limit: time.Second, sent: map[int]time.Time{}, rtts: map[int]time.Duration{}}
	y.send(0, t0)
	y.send(1, t0.Add(50*ms))
	y.send(2, t0.Add(100*ms))
	y.receive(1, t0.Add(60*ms))
	y.receive(1, t0.Add(70*ms))   // a duplicate
	y.receive(0, t0.Add(1100*ms)) // too late
	y.receive(9, t0.Add(60*ms))   // never sent
	if e := y.echoes(); e.Sent != 3 || len(e.RTTs) != 1 || e.RTTs[0] != 10*ms {
		t.Errorf("%+v", e)
	}
}

func TestPingOfNobodyEndsInTime(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for a raw socket")
	}
	// 127.0.0.1 always answers, so the limit per packet is what is missed.
	g := new(goPing)
	ctx, cancel := context.WithTimeout(t.Context(), 400*ms)
	defer cancel()
	began := time.Now()
	e, err := g.Ping(ctx, netip.MustParseAddr("127.0.0.1"), 3, 10*ms, time.Nanosecond)
	if took := time.Since(began); err != nil || e.Sent == 0 || len(e.RTTs) != 0 || took > 600*ms {
		t.Errorf("%+v, %v after %v", e, err, took)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := g.Ping(gone, netip.MustParseAddr("127.0.0.1"), 20, 50*ms, time.Second); err != nil {
		t.Error(err)
	}
	if n := g.strays.Load(); n != 0 {
		t.Errorf("%d strays", n)
	}
}
