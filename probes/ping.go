package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

const (
	// spacing between echo requests: bursts share their fate less than
	// back-to-back packets, and five of them still take a fifth of a second.
	spacing = 50 * time.Millisecond
	// perPacket is how long one echo reply may take: longer than a satellite
	// hop under load, and the initial TCP timeout.
	perPacket = time.Second
	// defaultPackets of a ping.
	defaultPackets = 3
)

// Pinger sends echo requests. The interface keeps the library replaceable: it
// is the only thing in this package that knows ICMP.
type Pinger interface {
	// Ping sends up to packets echo requests, spacing apart, and waits for
	// each reply for perPacket at most. It returns soon after ctx ends, with
	// what it has. An error means that sending did not work (the errno should
	// be in it), never that replies are missing.
	Ping(ctx context.Context, addr netip.Addr, packets int, spacing, perPacket time.Duration) (Echoes, error)
}

// Echoes is what came of it.
type Echoes struct {
	Sent int
	// RTTs has the round trips of the replies, in the order of their requests;
	// so there are at most Sent.
	RTTs []time.Duration
	// Took is the time from the first request to the last reply, or to giving
	// up; it leaves out how long a library needs to wind down. 0 = not known.
	Took time.Duration
}

// ping asks whether a host answers echo requests, and how regularly. There is
// no stand-in where they are not permitted: a TCP connection would answer
// another question.
func (r *run) ping(ctx context.Context) error {
	addr, err := r.resolve(ctx)
	if err != nil {
		return err
	}
	r.at = LayerPing
	before := time.Since(r.started)
	e, err := r.p.pinger.Ping(ctx, addr, cmp.Or(r.spec.Packets, defaultPackets), spacing, perPacket)
	if e.Took > 0 {
		r.res.Total = before + e.Took
	}
	r.res.Sent, r.res.Received = e.Sent, min(len(e.RTTs), e.Sent)
	r.res.RTT, r.res.Jitter = mean(e.RTTs), jitter(e.RTTs)
	switch {
	case err != nil && r.res.Received == 0:
		return r.p.routed(ctx, addr, LayerPing, fmt.Errorf("sending an echo request: %w", err))
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case e.Sent == 0:
		return &fault{LocalResources, errors.New("no echo request could be sent")}
	case r.res.Received == 0:
		return &fault{PingTimeout, fmt.Errorf("no reply to %d echo requests", e.Sent)}
	case r.res.Received < e.Sent:
		return &fault{PingLoss, fmt.Errorf("%d of %d echo requests have no reply", e.Sent-r.res.Received, e.Sent)}
	}
	return nil
}

func mean(ds []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range ds {
		sum += d
	}
	return sum / time.Duration(max(len(ds), 1))
}

// jitter is the mean absolute difference of successive round trips.
func jitter(ds []time.Duration) time.Duration {
	var sum time.Duration
	for i := 1; i < len(ds); i++ {
		sum += (ds[i] - ds[i-1]).Abs()
	}
	return sum / time.Duration(max(len(ds)-1, 1))
}
