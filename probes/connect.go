package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// tcp asks whether a TCP connection can be opened.
func (r *run) tcp(ctx context.Context) error {
	_, err := r.connect(ctx)
	r.answered()
	return err
}

// connect resolves the host, asks the policy and opens the run's connection:
// one address, one attempt. Trying the next address or the other family would
// hide the very fault that is looked for; the second opinion is another probe.
func (r *run) connect(ctx context.Context) (net.Conn, error) {
	addr, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	dialing := ctx // the connection outlives it
	if r.spec.ConnectTimeout > 0 {
		var cancel context.CancelFunc
		dialing, cancel = context.WithTimeout(ctx, r.spec.ConnectTimeout)
		defer cancel()
	}
	done := r.phase(LayerTCP, &r.res.Connect)
	conn, err := r.p.dial(dialing, "tcp", netip.AddrPortFrom(addr, r.spec.port()).String())
	done()
	if err != nil {
		r.res.Connect = 0
		return nil, r.p.routed(ctx, addr, LayerTCP, err)
	}
	r.hold(ctx, conn)
	return conn, nil
}

// routed finds out who said "unreachable". Connecting a UDP socket sends
// nothing: if that fails in the same way, this machine has no route and can
// tell nothing about the target; otherwise a router out there has spoken.
func (p *Prober) routed(ctx context.Context, addr netip.Addr, at Layer, err error) error {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return err
	}
	if t := troubleOf(errno); t != troubleNoRoute && t != troubleUnreach {
		return err
	}
	ctx = context.WithoutCancel(ctx)                                                  // the verdict must not depend on the time that is left; this does not block
	probe, no := p.dial(ctx, "udp", net.JoinHostPort(addr.String(), strconv.Itoa(9))) // discard; any port does
	if no != nil {
		return &fault{LocalNoRoute, fmt.Errorf("no route from here: %w", err)}
	}
	probe.Close()
	return &fault{tableOf(at).unreach, err}
}
