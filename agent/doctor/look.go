package doctor

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/probes"
)

const (
	within = 9 * time.Second // of the 10 s that people were promised
	// graceOther is how long a transport may take after the other one answered:
	// a handshake needs a few round trips.
	graceOther = 3 * time.Second
	runTime    = 3 * time.Second // for the agent's own answer
	pingTime   = 2 * time.Second
	mostAddrs  = 4 // of the collector that are knocked at
)

// Look gathers evidence within o.Within. It changes nothing.
func Look(ctx context.Context, o Options) Evidence {
	ctx, cancel := context.WithTimeout(ctx, min(cmp.Or(o.Within, within), within))
	defer cancel()
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Anchors == nil {
		o.Anchors = anchors()
	}
	e := Evidence{At: time.Now(), Joining: o.joining(), Dir: o.Dir, Version: o.Version, OS: runtime.GOOS, Service: o.Service}
	e.Host, _ = os.Hostname() // for people's orientation only
	addrs, pin := o.Addrs, o.Pin
	if !e.Joining {
		addrs, pin = e.who(o.Dir)
		e.Who.Waits, e.Who.Revoked = o.Waits, o.Revoked
	}
	var all sync.WaitGroup // every field of e has one writer
	all.Go(func() { e.Machine = lookAtMachine(o.Dir, !e.Joining) })
	all.Go(func() { e.running(ctx, o) })
	all.Go(func() { e.Ping4 = echo(ctx, "127.0.0.1") })
	all.Go(func() { e.Ping6, e.NoV6 = echo6(ctx) })
	all.Go(func() { e.line(ctx, o, addrs, pin) })
	all.Go(func() { e.Shown = shown(ctx, o) })
	all.Wait()
	return e
}

// who reads the identity, and returns the collector that it names.
func (e *Evidence) who(dir string) ([]string, identity.Pin) {
	b, err := identity.LoadBundle(dir)
	if err != nil {
		e.Who.Err = err
		return nil, identity.Pin{}
	}
	info := b.Info()
	e.Who = Identity{Agent: info.Agent, Client: info.Client, Site: info.Site, NotAfter: b.NotAfter(), RenewAt: b.RenewAt()}
	return info.Addrs, b.Pin()
}

func (e *Evidence) running(ctx context.Context, o Options) {
	if o.Running == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	r, err := o.Running(ctx)
	if err != nil {
		e.RunErr = err
		return
	}
	e.Running = &r
}

// line looks at everything between this machine and its collector.
func (e *Evidence) line(ctx context.Context, o Options, addrs []string, pin identity.Pin) {
	if len(addrs) == 0 {
		return
	}
	e.proxy(o, addrs[0])
	for _, hp := range addrs {
		e.name(ctx, o, hp)
	}
	var all sync.WaitGroup
	all.Go(func() {
		if len(e.Names) > 0 && len(e.Addrs) > 0 {
			e.Rewrite = rewritten(ctx, o.Resolver)
		}
	})
	all.Go(func() { e.knocks(ctx, o, addrs, pin) })
	all.Go(func() { e.pages(ctx, o) })
	all.Go(func() { e.path(ctx, o) })
	all.Wait()
}

func (e *Evidence) proxy(o Options, addr string) {
	if o.Ways.Proxy == nil {
		return
	}
	u, err := o.Ways.Proxy(addr)
	if err != nil {
		e.ProxyErr = err
	} else if u != nil {
		e.Proxy = u.Host
	}
}

// name resolves one address of the collector.
func (e *Evidence) name(ctx context.Context, o Options, hostport string) {
	host, port, err := net.SplitHostPort(hostport)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil {
		return // a token and an identity hold nothing else
	}
	if a, err := netip.ParseAddr(host); err == nil {
		e.Addrs = append(e.Addrs, netip.AddrPortFrom(a.Unmap(), uint16(n)))
		return
	}
	name := lookUp(ctx, o, host)
	e.Names = append(e.Names, name)
	for _, a := range name.Addrs {
		e.Addrs = append(e.Addrs, netip.AddrPortFrom(a, uint16(n)))
	}
}

// knocks knocks by both transports at once. When one is answered, the other gets
// a moment more: a firewall that drops packets would take all the time there is.
func (e *Evidence) knocks(ctx context.Context, o Options, names []string, pin identity.Pin) {
	var to []string
	for _, a := range e.Addrs[:min(len(e.Addrs), mostAddrs)] {
		to = append(to, a.String())
	}
	byTCP := to
	if e.Proxy != "" {
		byTCP = names // a proxy goes by names, and may know what our DNS does not
	}
	notTried := errors.New("not tried")
	udp := uplink.Ways{Open: o.Ways.Open, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, notTried }}
	tcp := uplink.Ways{Dial: o.Ways.Dial, Proxy: o.Ways.Proxy}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var both sync.WaitGroup
	knock := func(k *Knock, w uplink.Ways, to []string) {
		*k = knockAny(ctx, w, to, pin)
		if k.ok() {
			time.AfterFunc(graceOther, cancel)
		}
	}
	if o.Ways.Open != nil {
		both.Go(func() { knock(&e.UDP, udp, to) })
	}
	both.Go(func() { knock(&e.TCP, tcp, byTCP) })
	both.Wait()
}

// knockAny knocks at every address at once and returns the first answer, else the
// failure that says most.
func knockAny(ctx context.Context, w uplink.Ways, to []string, pin identity.Pin) Knock {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun := time.Now()
	answers := make(chan Knock, len(to))
	for _, addr := range to {
		go func() {
			saw, err := uplink.Knock(ctx, w, []string{addr}, pin)
			answers <- Knock{Tried: true, Err: err, Took: time.Since(begun), Saw: saw}
		}()
	}
	var best Knock
	for range to {
		switch k := <-answers; {
		case best.ok():
		case k.Err == nil:
			cancel()
			best = k
		case !best.Tried || telling(k.Err) > telling(best.Err):
			best = k
		}
	}
	return best
}

// telling orders failures by how much they explain. That there is no route to one
// address, most often of the other IP version, says less than silence at another.
func telling(err error) int {
	_, intercepted := intercepted(err)
	switch {
	case intercepted:
		return 4
	case errors.Is(err, uplink.ErrProxyAuth):
		return 3
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return 0
	case silent(err):
		return 1
	}
	return 2
}

// echo says whether this account may send echo requests; nil if it may.
func echo(ctx context.Context, host string) error {
	p := probes.New(probes.Options{Allow: func(netip.Addr) error { return nil }})
	r := p.Probe(ctx, probes.Spec{Kind: probes.Ping, Host: host, Packets: 1, Timeout: pingTime})
	if r.Outcome == probes.Up || r.Outcome == probes.Degraded {
		return nil
	}
	return &echoError{cause: r.Cause, text: r.Err}
}

// echoError is why an echo request to this machine itself has no reply.
type echoError struct {
	cause probes.Cause
	text  string
}

func (e *echoError) Error() string { return cmp.Or(e.text, e.cause.Text()) }

// echo6 is echo over IPv6; none says that this machine has no IPv6.
func echo6(ctx context.Context) (err error, none bool) {
	l, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		return nil, true
	}
	l.Close()
	return echo(ctx, "::1"), false
}
