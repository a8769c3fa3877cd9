package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Limits of a probe, whatever the [Spec] asks for.
const (
	// MinTimeout is the shortest time in which a probe can say anything: a
	// caller whose context ends sooner gets an abstention, not a false timeout.
	MinTimeout = 100 * time.Millisecond
	// MaxTimeout keeps a probe from outliving its interval by much.
	MaxTimeout = time.Minute
	// MaxBody is how much of an HTTP answer is read.
	MaxBody = 64 << 10

	// defaultPings is how many pings may run at once. In raw mode every socket
	// sees every echo reply of the host, so the cost grows with the square:
	// 20 at once add milliseconds to each other's round trips, 500 lose packets.
	defaultPings = 8
	// maxQueue is how long a ping waits for its turn before it abstains.
	maxQueue = 10 * time.Second
)

// Options says how a [Prober] reaches the world. The zero value is ready to use.
type Options struct {
	// Allow is the local policy: it is asked with every address before it is
	// contacted, that of an explicitly named resolver included (the operating
	// system's own resolvers are not asked about: the site chose them). An
	// error ends the probe as Unknown with cause [Policy]. nil allows
	// everything; agents use [DefaultPolicy].
	Allow func(netip.Addr) error
	// Dial opens a connection to an address literal; network is "tcp" or "udp".
	// It must return when ctx ends. nil is a [net.Dialer]. Tests and simulated
	// lines put their own here; pings do not pass through it.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Pinger sends the echo requests; nil is the ICMP calls of Windows there, and
	// go-ping elsewhere.
	Pinger Pinger
	// Pings is how many pings run at once, the rest wait; 0 means 8.
	Pings int
}

// Prober runs probes. It is safe for concurrent use and holds no connections.
// A process should have one, because the limit on pings is counted in it.
type Prober struct {
	allow    func(netip.Addr) error
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	pinger   Pinger
	slots    chan struct{}           // one token per ping in progress; never closed
	resolver *net.Resolver           // the operating system's, for names
	servers  func() []netip.AddrPort // the operating system's DNS servers, for dns probes; nil result if not known
}

// New returns a Prober.
func New(o Options) *Prober {
	p := &Prober{
		allow:    o.Allow,
		dial:     o.Dial,
		pinger:   o.Pinger,
		slots:    make(chan struct{}, cmp.Or(max(o.Pings, 0), defaultPings)),
		resolver: &net.Resolver{},
		servers:  systemServers,
	}
	if p.dial == nil {
		// Only literals are dialled, so there is one family and nothing to
		// fall back to; keep-alives would be traffic on a connection that
		// lives for a second.
		p.dial = (&net.Dialer{FallbackDelay: -1, KeepAlive: -1}).DialContext
	} else {
		p.resolver = &net.Resolver{PreferGo: true, Dial: guarded(o.Dial)}
	}
	p.dial = counting(p.dial)
	if p.pinger == nil {
		p.pinger = newPinger()
	}
	return p
}

// guarded turns a panic of dial into an error, for calls from goroutines of
// the net package, where nobody could recover.
func guarded(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		defer func() {
			if v := recover(); v != nil {
				c, err = nil, fmt.Errorf("panic: %v", v)
			}
		}()
		return dial(ctx, network, addr)
	}
}

// kinds is every probe that this version knows. A probe fills its run's result
// and returns what went wrong; nil means up.
var kinds = map[Kind]func(*run, context.Context) error{
	DNS:  (*run).dns,
	Ping: (*run).ping,
	TCP:  (*run).tcp,
	TLS:  (*run).tls,
	HTTP: (*run).http,
}

// Probe asks s once. It never panics and always comes back: at the latest
// about 100 ms after the earlier of ctx's deadline and s.Timeout. A ping may
// first wait up to 10 s for its turn, if ctx allows; that is not probe time,
// and Start, Total and s.Timeout count from the turn.
func (p *Prober) Probe(ctx context.Context, s Spec) (res Result) {
	r := &run{p: p, spec: s, started: time.Now()}
	r.res = Result{Kind: s.Kind, Start: r.started, Code: -1}
	defer func() {
		if v := recover(); v != nil {
			r.end(ctx, &fault{LocalPanic, fmt.Errorf("panic: %v", v)})
		}
		res = r.res
	}()
	if err := s.Validate(); err != nil {
		cause := BadSpec
		if errors.Is(err, errors.ErrUnsupported) {
			cause = Unsupported
		}
		r.end(ctx, &fault{cause, err})
		return
	}
	if s.Kind == Ping {
		if err := p.take(ctx, s); err != nil {
			r.end(ctx, err)
			return
		}
		defer func() { <-p.slots }()
		r.started = time.Now()
		r.res.Start = r.started
	}
	if d, ok := ctx.Deadline(); ok && time.Until(d) < MinTimeout && ctx.Err() != context.Canceled {
		r.end(ctx, &fault{LocalResources, fmt.Errorf("less than %v left to probe in", MinTimeout)})
		return
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, meterKey{}, &r.meter), s.timeout())
	defer cancel()
	defer r.wired()
	defer r.close()
	r.end(ctx, kinds[s.Kind](r, ctx))
	return
}

// take waits for a ping's turn. Whoever gets none abstains, and so does a ping
// whose waiting has eaten the time that its packets need to come back: the
// silence would be ours, not the target's.
func (p *Prober) take(ctx context.Context, s Spec) error {
	wait := time.NewTimer(maxQueue)
	defer wait.Stop()
	began := time.Now()
	select {
	case p.slots <- struct{}{}:
	default:
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return &fault{LocalResources, fmt.Errorf("no turn to ping within %v", time.Since(began).Round(time.Millisecond))}
		case <-wait.C:
			return &fault{LocalResources, fmt.Errorf("no turn to ping within %v", maxQueue)}
		}
		if d, ok := ctx.Deadline(); ok && time.Until(d) < min(s.timeout(), perPacket) {
			<-p.slots
			return &fault{LocalResources, errors.New("waiting for a turn to ping used up the time")}
		}
	}
	return nil
}

// permit asks the local policy about an address that is about to be contacted.
func (p *Prober) permit(addr netip.Addr) error {
	if p.allow == nil {
		return nil
	}
	if err := p.allow(addr.Unmap()); err != nil {
		return &fault{Policy, err}
	}
	return nil
}

// run is one probe in progress.
type run struct {
	p       *Prober
	spec    Spec
	res     Result
	started time.Time
	at      Layer    // the phase that is being tried; classify needs it
	conn    net.Conn // what has to be closed at the end; may be nil
	release func() bool
	meter   meter // wire.go
}

// phase marks that the probe enters layer at, and returns the stopwatch that
// ends the phase by storing its time in d.
func (r *run) phase(at Layer, d *time.Duration) func() {
	r.at = at
	began := time.Now()
	return func() { *d = time.Since(began) }
}

// met records the address that is about to be contacted.
func (r *run) met(addr netip.Addr) {
	r.res.Addr, r.res.Family = addr, 6
	if addr.Is4() {
		r.res.Family = 4
	}
}

// answered stops the clock of the whole probe; what follows (closing, waiting
// for a library to wind down) is not the target's time.
func (r *run) answered() { r.res.Total = time.Since(r.started) }

// end writes the conclusion.
func (r *run) end(ctx context.Context, err error) {
	if r.res.Total == 0 {
		r.answered()
	}
	r.res.Outcome, r.res.Cause = classify(settle(ctx, err), r.at)
	if err != nil {
		r.res.Err = line(err.Error())
	}
}

// hold makes conn the run's: it is closed at the end, or when ctx ends, which
// frees whoever is blocked in it.
func (r *run) hold(ctx context.Context, conn net.Conn) {
	r.conn = conn
	r.release = context.AfterFunc(ctx, func() { conn.Close() })
	if d, ok := ctx.Deadline(); ok {
		conn.SetDeadline(d) // best effort: AfterFunc closes it anyway
	}
}

// close lets go of the connection. A TLS connection says goodbye, which may
// block on a peer that reads nothing: until ctx ends, no longer.
func (r *run) close() {
	if r.conn != nil {
		r.conn.Close()
		r.release()
	}
}
