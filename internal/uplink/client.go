package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
)

// Source is the spool as the uplink sees it.
type Source interface {
	// Runs lists what is held, oldest run first, the current one last.
	Runs() []Run
	// Acknowledge lets go of everything up to and including m.
	Acknowledge(m fleet.Mark) error
	// Next returns up to max records behind after, blocking until there is one
	// durable or ctx ends. Behind the end of a run comes the next run. It
	// never crosses a run, config or network boundary.
	Next(ctx context.Context, after fleet.Mark, max int) (*fleet.Batch, error)
}

// AgentHandler is the agent as the uplink sees it. No method may block.
type AgentHandler interface {
	// Hello is asked at the beginning of each session.
	Hello() Hello
	// Welcome begins a session. Its Config and Roster are nil: they come by
	// the methods of that name right behind it.
	Welcome(Welcome)
	// Config puts a config in force; an error's text is reported as refused.
	Config(fleet.Config) error
	Roster(fleet.Roster)
	Ask(Ask)
	// Try wants one fresh probe; the answer goes by [Client.Tried].
	Try(Try)
	// Disconnected tells why a session ended (nil: this end stopped), or, once
	// per kind of reason, why none begins. [ErrExpired] asks for
	// [Client.Renew].
	Disconnected(err error)
	// Renewed stores a new certificate chain (PEM).
	Renewed(chainPEM []byte) error
	// Packet and Stream bring gossip. Stream owns c and must close it.
	Packet(src netip.Addr, b []byte)
	Stream(src netip.Addr, c net.Conn)
}

// ClientOptions says what a [Client] works with.
type ClientOptions struct {
	// Ways are the ways to the collector. Its UDP socket is opened again after
	// a fatal error.
	Ways Ways
	// Addrs names the collector, "host:port", tried in order. Required.
	Addrs func() []string
	// Resolve finds the addresses of one of them; nil asks the system.
	Resolve func(ctx context.Context, hostport string) ([]netip.AddrPort, error)
	// TLS holds the agent's certificate and whom it trusts. Required.
	TLS *tls.Config
	// Source is where results come from. Required.
	Source Source
	// Handler is told everything. Required.
	Handler AgentHandler
	// Offset hears estimates of the collector's clock minus ours, the ones
	// with the shortest round trip of the last minute; nil: nobody does.
	Offset func(time.Duration)
	// Log receives what an operator can act on; nil discards.
	Log *slog.Logger
}

// Client is the agent's end: one connection, kept up until Run ends.
// Its methods may be called at any time and never block.
type Client struct {
	o      ClientOptions
	log    *slog.Logger
	tokens quic.TokenStore
	clock  *clock
	fresh  *fresh
	// process tells this life of the agent from every other that has the same
	// certificate: an earlier one, or a copy on another machine.
	process uint64
	link    atomic.Pointer[link] // nil: no session

	// Run's own:
	quicAgain time.Time     // until when TCP goes first
	ready     line          // a QUIC line that waits for its session; nil: none
	patience  time.Duration // factor of Ways.Again; 0: 1

	mu     sync.Mutex // guards the fields below
	tls    *tls.Config
	health *Health // last reported; nil: never
	told   Health  // last sent
}

// NewClient makes a client; [Client.Run] makes it live.
func NewClient(o ClientOptions) *Client {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Offset == nil {
		o.Offset = func(time.Duration) {}
	}
	if o.Resolve == nil {
		o.Resolve = resolve
	}
	c := &Client{o: o, log: o.Log, tokens: quic.NewLRUTokenStore(8, 4), clock: newClock(o.Offset), fresh: newFresh(), process: rand.Uint64()}
	c.forgetTickets()
	return c
}

// forgetTickets drops TLS session tickets: they stand for the certificate that
// they were given to, and would bring an old one back. A cache that came with
// the options is its owner's to empty.
func (c *Client) forgetTickets() {
	conf := c.o.TLS.Clone()
	conf.NextProtos = []string{Protocol}
	if conf.ClientSessionCache == nil {
		conf.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tls = conf
}

// Backoff between sessions: doubled from the shortest to the longest, jittered
// downwards by up to half, begun anew after a session that lasted.
const (
	shortestWait   = 500 * time.Millisecond
	longestWait    = 30 * time.Second
	supersededWait = 5 * time.Second
	revokedWait    = 10 * time.Minute
	cloneWait      = 5 * time.Minute // a copy: until somebody gives it an identity, or the original is gone
	lasting        = 60 * time.Second
)

// Run keeps a session with the collector until ctx ends; then it waits for what
// is under way to be acknowledged, at most 2 s, and closes. It returns nil.
func (c *Client) Run(ctx context.Context) error {
	var sock socket
	defer sock.close()
	defer func() {
		if c.ready != nil {
			c.ready.shut(CodeShutdown, "")
		}
	}()
	wait, told := shortestWait, ""
	for {
		begun := time.Now()
		lived, err := c.once(ctx, &sock)
		if errors.Is(err, errSwitched) && ctx.Err() == nil {
			continue
		}
		if ctx.Err() != nil {
			if lived {
				c.o.Handler.Disconnected(nil)
			}
			return nil
		}
		if kind := kindOf(err); lived || kind != told && !errors.Is(err, errRenewed) {
			c.o.Handler.Disconnected(err)
			told = kind
		}
		if lived && time.Since(begun) >= lasting || errors.Is(err, errRenewed) {
			wait = shortestWait
		}
		sleep := c.pause(wait, err)
		wait = min(2*wait, revokedWait)
		c.log.Debug("no session with the collector", "err", err, "again", sleep)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sleep):
		}
	}
}

// pause is how long to wait after err, if wait is the backoff's turn.
func (c *Client) pause(wait time.Duration, err error) time.Duration {
	end, declared := errors.AsType[*CloseError](err)
	switch {
	case declared && end.Code == CodeRevoked:
		wait = revokedWait
	case errors.Is(err, ErrClone):
		wait = cloneWait
	case errors.Is(err, ErrRevoked): // a TLS alert: it may be a fault that passes
	case errors.Is(err, ErrSuperseded):
		wait = min(max(wait, supersededWait), longestWait)
	default:
		wait = min(wait, longestWait)
	}
	return wait - rand.N(wait/2)
}

// kindOf sorts reasons, so that one that repeats is told once.
func kindOf(err error) string {
	for _, e := range []error{ErrRevoked, ErrRefused, ErrVersion, ErrClone, ErrExpired, ErrSuperseded, errRenewed} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return "down"
}

// once lives through one session, if it can get one. lived says that the handler
// was welcomed.
func (c *Client) once(ctx context.Context, sock *socket) (lived bool, err error) {
	l, w, err := c.dial(ctx, sock)
	if err != nil {
		return false, err
	}
	if l.renewOnly {
		c.o.Handler.Disconnected(ErrExpired)
	}
	if l.conn.transport() != TransportQUIC {
		l.seek = func(ctx context.Context) error { return c.seekQUIC(ctx, sock) }
	}
	err = l.run(ctx, w)
	l.conn.wait()
	sock.check(err)
	return !l.renewOnly, err
}

// Transport is how the collector is reached now: [TransportQUIC] and so on; "" if
// it is not.
func (c *Client) Transport() string {
	if l := c.link.Load(); l != nil {
		return l.conn.transport()
	}
	return ""
}

// Connected says whether the collector answered our hello, if only to let us
// renew an expired certificate.
func (c *Client) Connected() bool { return c.link.Load() != nil }

// session returns the current session for everything but renewal, or nil.
func (c *Client) session() *link {
	if l := c.link.Load(); l != nil && !l.renewOnly {
		return l
	}
	return nil
}

// Suspect sends a suspicion. false: it was not, there is no session.
func (c *Client) Suspect(s Suspicion) bool {
	return c.session().send(&wire.ToCollector{Frame: &wire.ToCollector_Suspicion{Suspicion: s.wire()}})
}

// Vote sends a vote. false: it was not, there is no session.
func (c *Client) Vote(v Vote) bool {
	return c.session().send(&wire.ToCollector{Frame: &wire.ToCollector_Vote{Vote: v.wire()}})
}

// Tried answers a [Try]. false: it was not sent, there is no session.
func (c *Client) Tried(t Tried) bool {
	return c.session().send(&wire.ToCollector{Frame: &wire.ToCollector_Tried{Tried: t.wire()}})
}

// Report says how the agent is: at once if that changes whether it votes, else
// with the next heartbeat.
func (c *Client) Report(h Health) bool {
	l := c.session()
	h.Transport = c.Transport()
	c.mu.Lock()
	c.health = &h
	news := h.Voting != c.told.Voting || h.Why != c.told.Why || h.RefsOK != c.told.RefsOK || h.RefsAsked != c.told.RefsAsked
	if news && l != nil {
		c.told = h
	}
	c.mu.Unlock()
	if !news {
		return l != nil
	}
	return l.send(&wire.ToCollector{Frame: &wire.ToCollector_Health{Health: h.wire()}})
}

// Goodbye says that the end of the session that follows is meant.
func (c *Client) Goodbye(reason string) bool {
	return c.session().send(&wire.ToCollector{Frame: &wire.ToCollector_Goodbye{Goodbye: &wire.Goodbye{Reason: clip(reason, maxText)}}})
}

// Renew asks for a new certificate with csr (DER); the answer comes by
// [AgentHandler.Renewed]. It works with an expired certificate too.
func (c *Client) Renew(csr []byte) bool {
	return c.link.Load().send(&wire.ToCollector{Frame: &wire.ToCollector_Renew{Renew: &wire.Renew{Csr: csr}}})
}

// Live offers fresh results, of [LiveRun] if their seqs are not known. They
// travel only while the record stream lags, and are dropped otherwise: record
// will bring them.
func (c *Client) Live(b *fleet.Batch) {
	if c.session() != nil && len(b.Records) > 0 {
		c.fresh.put(b)
	}
}

// SendPacket sends gossip to the member at dst through the collector. nil does
// not mean that it arrives; [ErrDown] means that there is no session.
func (c *Client) SendPacket(dst netip.Addr, b []byte) error {
	l := c.session()
	if l == nil {
		return ErrDown
	}
	l.packets.put(packet(dst, b))
	l.speak()
	return nil
}

// OpenStream opens a gossip stream to the member at dst through the collector.
// That the member is not there shows in the first read.
func (c *Client) OpenStream(ctx context.Context, dst netip.Addr) (net.Conn, error) {
	l := c.session()
	if l == nil {
		return nil, ErrDown
	}
	st, err := openRelay(ctx, l.conn, dst)
	if err != nil {
		return nil, err
	}
	return &streamConn{stream: st, local: addressOf(l.me), remote: addressOf(dst)}, nil
}
