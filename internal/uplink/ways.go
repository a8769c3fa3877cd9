package uplink

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/quic-go/quic-go"
)

// Ways are the ways from a site to its collector. QUIC and TCP are raced; the
// zero Ways knows TCP without a proxy alone.
type Ways struct {
	// Open opens a UDP socket, which is closed by who asked for it. nil: QUIC
	// is not tried.
	Open func() (net.PacketConn, error)
	// Dial connects over TCP, to the collector or to a proxy; nil is the
	// system's network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy names the HTTP proxy for a collector's address (host:port), nil for
	// none. It is for TCP alone: QUIC does not pass such proxies.
	Proxy func(addr string) (*url.URL, error)
	// HeadStart is how long the preferred of QUIC and TCP is tried alone; 0
	// means 3 s.
	HeadStart time.Duration
	// Again is how long after QUIC was tried in vain it is tried again, give or take a
	// fifth; 0 means 5 minutes.
	Again time.Duration
}

func (w Ways) headStart() time.Duration { return cmp.Or(w.HeadStart, 3*time.Second) }
func (w Ways) again() time.Duration     { return cmp.Or(w.Again, 5*time.Minute) }

// Bounds of one round of tries.
const (
	dialWait   = 10 * time.Second       // for one address, the handshake included
	dialStep   = 300 * time.Millisecond // between addresses, as RFC 8305 (250 ms recommended) [E]
	maxTargets = 16                     // addresses tried; a name may stand for dozens
)

// attempt is one try to reach the collector.
type attempt struct {
	name  string        // for people
	udp   bool          // QUIC
	after time.Duration // from the beginning of the race
	dial  func(ctx context.Context) (line, error)
	err   error // that it ended with
	done  bool  // it has failed, or its line did
}

// targets are the addresses of a collector in the order in which they are tried.
type targets struct {
	named []string         // host:port as configured
	found []netip.AddrPort // what they resolve to
	host  map[netip.AddrPort]string
}

// attempts lists the tries. The preferred way goes first, the other follows after
// the head start.
func (w Ways) attempts(t targets, tr func() (*quic.Transport, error), conf *tls.Config, tokens quic.TokenStore, tcpFirst bool) []attempt {
	var udp, tcp []attempt
	if tr != nil {
		for _, addr := range t.found {
			udp = append(udp, attempt{name: "udp " + addr.String(), udp: true, dial: func(ctx context.Context) (line, error) {
				return dialQUIC(ctx, tr, addr, conf, tokens)
			}})
		}
	}
	direct := map[string]bool{}
	for _, hp := range t.named {
		proxy, err := w.proxy(hp)
		switch {
		case err != nil:
			tcp = append(tcp, attempt{name: "tcp " + hp, dial: func(context.Context) (line, error) { return nil, err }})
		case proxy != nil:
			tcp = append(tcp, attempt{name: "tcp " + hp + " by proxy " + proxy.Host, dial: func(ctx context.Context) (line, error) {
				return w.dialTCP(ctx, hp, proxy, conf)
			}})
		default:
			direct[hp] = true
		}
	}
	for _, addr := range t.found {
		if from := t.host[addr]; direct[from] {
			tcp = append(tcp, attempt{name: "tcp " + addr.String(), dial: func(ctx context.Context) (line, error) {
				return w.dialTCPAt(ctx, addr, from, conf)
			}})
		}
	}
	if tcpFirst {
		udp, tcp = tcp, udp
	}
	delay := w.headStart()
	if len(udp) == 0 {
		delay = 0
	}
	for i := range udp {
		udp[i].after = time.Duration(i) * dialStep
	}
	for i := range tcp {
		tcp[i].after = delay + time.Duration(i)*dialStep
	}
	return append(udp, tcp...)
}

func (w Ways) proxy(hostport string) (*url.URL, error) {
	if w.Proxy == nil {
		return nil, nil
	}
	u, err := w.Proxy(hostport)
	if err != nil {
		return nil, fmt.Errorf("choose a proxy: %w", err)
	}
	return u, nil
}

// race runs attempts, each from its time on, or as soon as all before it have
// failed, until one has a line. It returns the attempt that won, or -1, and when
// all others have ended. Those that failed keep their errors; those that were
// stopped or never began may be raced again.
func race(ctx context.Context, list []attempt) (winner int, won line) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		i   int
		ln  line
		err error
	}
	ends := make(chan end)
	begun, running := time.Now(), 0
	next := 0
	winner = -1
	for {
		for next < len(list) && list[next].done {
			next++
		}
		var due <-chan time.Time
		if next < len(list) && winner < 0 && ctx.Err() == nil {
			wait := time.Until(begun.Add(list[next].after))
			if wait <= 0 || running == 0 {
				i := next
				running++
				next++
				go func() {
					ctx, cancel := context.WithTimeout(ctx, dialWait)
					defer cancel()
					ln, err := list[i].dial(ctx)
					ends <- end{i, ln, err}
				}()
				continue
			}
			due = time.After(wait)
		}
		if running == 0 {
			return winner, won
		}
		select {
		case <-due:
		case e := <-ends:
			running--
			switch {
			case e.err == nil && winner < 0:
				winner, won = e.i, e.ln
				cancel()
			case e.err == nil:
				e.ln.shut(CodeShutdown, "")
				e.ln.wait()
			case winner < 0:
				list[e.i].err, list[e.i].done = closing(e.err), true
			}
		}
	}
}

// noQUIC is why QUIC did not win a race that TCP has won; nil: it did not take part.
func (w Ways) noQUIC(list []attempt) error {
	var errs []error
	for _, a := range list {
		switch {
		case a.udp && a.err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", a.name, a.err))
		case a.udp:
			errs = append(errs, fmt.Errorf("%s: %w", a.name, noAnswer(w.headStart())))
		}
	}
	return together(errs)
}

// reasons are several errors in one line.
type reasons []error

// together is nil if there are none.
func together(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return reasons(errs)
}

// Error implements error.
func (r reasons) Error() string {
	var parts []string
	for _, err := range r {
		parts = append(parts, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return strings.Join(parts, "; ")
}

// Unwrap returns all of them.
func (r reasons) Unwrap() []error { return r }

// UnreachableError says that no way leads to the collector now.
type UnreachableError struct {
	Addr string // as configured, comma-separated
	UDP  error  // why QUIC failed; nil: it was not tried
	TCP  error  // why TCP failed, [ErrProxyAuth] and [*InterceptedError] among it; nil: it was not tried
}

// Error implements error.
func (e *UnreachableError) Error() string {
	return "reach the collector at " + e.Addr + ": " + reasons(e.Unwrap()).Error()
}

// Unwrap returns both reasons.
func (e *UnreachableError) Unwrap() (errs []error) {
	for _, err := range []error{e.UDP, e.TCP} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// unreachable sums up what the attempts ended with. lookup is why names were not
// found; it stands for the ways that were not tried because of that.
func unreachable(addrs []string, list []attempt, lookup error, quicWanted bool) error {
	var udp, tcp []error
	for _, a := range list {
		if a.err == nil {
			continue
		}
		err := fmt.Errorf("%s: %w", a.name, a.err)
		if a.udp {
			udp = append(udp, err)
		} else {
			tcp = append(tcp, err)
		}
	}
	e := &UnreachableError{Addr: strings.Join(addrs, ", "), UDP: together(udp), TCP: together(tcp)}
	if lookup == nil && len(list) == 0 {
		lookup = errors.New("the collector has no address")
	}
	if e.UDP == nil && quicWanted {
		e.UDP = lookup
	}
	if e.TCP == nil {
		e.TCP = lookup
	}
	return e
}
