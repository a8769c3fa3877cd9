package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/uplink/wire"
)

const (
	resolveWait  = 5 * time.Second
	welcomeWait  = 20 * time.Second // for the welcome: the collector may let an older session finish
	mostPatience = 12               // times Ways.Again, between tries of a QUIC that brings no session
	newSocket    = 5                // failed rounds after which a new socket may help: a NAT that lost its way
)

// socket is the agent's UDP socket with its transport. The zero value is closed.
type socket struct {
	pc       net.PacketConn
	tr       *quic.Transport
	failures int // rounds of dialling that failed since it was opened
}

func (s *socket) open(open func() (net.PacketConn, error)) error {
	if s.tr != nil {
		return nil
	}
	pc, err := open()
	if err != nil {
		return fmt.Errorf("open a socket to the collector: %w", err)
	}
	*s = socket{pc: pc, tr: &quic.Transport{Conn: pc}}
	return nil
}

func (s *socket) close() {
	if s.tr == nil {
		return
	}
	_ = s.tr.Close() // there is nothing left to lose
	_ = s.pc.Close()
	*s = socket{}
}

// failed counts a failed round, and closes the socket if a new one may help.
func (s *socket) failed(err error) {
	s.failures++
	if s.failures >= newSocket {
		s.close()
		return
	}
	s.check(err)
}

// check closes the socket if err says that it is dead. quic-go gives up a
// socket, with all its connections, at the first read error it cannot explain
// (a lost Wi-Fi or VPN).
func (s *socket) check(err error) {
	if errors.Is(err, quic.ErrTransportClosed) {
		s.close()
	}
}

// dial races the ways to the collector until one of them welcomes us.
func (c *Client) dial(ctx context.Context, sock *socket) (*link, Welcome, error) {
	if ln := c.ready; ln != nil {
		c.ready = nil
		l, w, err := c.greet(ctx, ln)
		if err == nil {
			c.chose(ln, sock, nil)
			return l, w, nil
		}
		// Handshakes pass and sessions do not: say, long packets get lost.
		c.patience = min(max(2, 2*c.patience), mostPatience)
		c.notNow()
		c.log.Info("QUIC was back, but brought no session", "err", err)
	}
	addrs := c.o.Addrs()
	t, lost := lookup(ctx, addrs, c.o.Resolve)
	list := c.o.Ways.attempts(t, c.transport(sock), c.tlsConfig(), c.tokens, c.tcpFirst())
	for {
		i, ln := race(ctx, list)
		if i < 0 {
			break
		}
		l, w, err := c.greet(ctx, ln)
		if err == nil {
			c.chose(ln, sock, list)
			return l, w, nil
		}
		list[i].err, list[i].done = err, true
		if ctx.Err() != nil || final(err) {
			break
		}
	}
	c.quicFailed(sock, list)
	return nil, Welcome{}, unreachable(addrs, list, lost, c.o.Ways.Open != nil)
}

// transport opens the UDP socket when it is first needed; nil: QUIC is not wanted.
func (c *Client) transport(sock *socket) func() (*quic.Transport, error) {
	if c.o.Ways.Open == nil {
		return nil
	}
	var mu sync.Mutex
	return func() (*quic.Transport, error) {
		mu.Lock()
		defer mu.Unlock()
		if err := sock.open(c.o.Ways.Open); err != nil {
			return nil, err
		}
		return sock.tr, nil
	}
}

func (c *Client) tlsConfig() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tls
}

// tcpFirst says whether TCP was what worked lately.
func (c *Client) tcpFirst() bool { return time.Now().Before(c.quicAgain) }

// chose notes which way worked.
func (c *Client) chose(ln line, sock *socket, list []attempt) {
	if ln.transport() == TransportQUIC {
		c.quicAgain, c.patience = time.Time{}, 0
		sock.failures = 0
		return
	}
	if c.o.Ways.Open != nil && !c.tcpFirst() {
		c.notNow()
		c.log.Info("QUIC does not reach the collector; using TCP", "transport", ln.transport(), "quic", c.o.Ways.noQUIC(list))
	}
	c.quicFailed(sock, list)
}

// quicFailed counts a round in which QUIC was tried in vain.
func (c *Client) quicFailed(sock *socket, list []attempt) {
	for _, a := range list {
		if a.udp && a.err != nil && sock.tr != nil {
			sock.failed(a.err)
			return
		}
	}
}

// notNow puts QUIC off after it was tried in vain: until then TCP goes first, and
// a session over it, whenever it began, does not seek QUIC.
func (c *Client) notNow() {
	again := c.o.Ways.again() * max(1, c.patience)
	c.quicAgain = time.Now().Add(again - again/5 + rand.N(2*again/5))
}

// seekQUIC tries QUIC from time to time, while a session goes over TCP, and
// returns when it is there: its line waits for the next session.
func (c *Client) seekQUIC(ctx context.Context, sock *socket) error {
	if c.o.Ways.Open == nil {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(c.quicAgain)):
		}
		t, _ := lookup(ctx, c.o.Addrs(), c.o.Resolve) // if nothing is found, nothing is tried
		only := Ways{Open: c.o.Ways.Open}
		list := only.attempts(targets{found: t.found}, c.transport(sock), c.tlsConfig(), c.tokens, false)
		if _, ln := race(ctx, list); ln != nil {
			c.ready = ln
			return errSwitched
		}
		if ctx.Err() != nil {
			return nil
		}
		c.notNow()
		c.quicFailed(sock, list)
	}
}

// final says whether err is the collector's word, which its other addresses
// would only repeat.
func final(err error) bool {
	return errors.Is(err, ErrRevoked) || errors.Is(err, ErrRefused) || errors.Is(err, ErrVersion) || errors.Is(err, ErrClone) || errors.Is(err, quic.ErrTransportClosed)
}

// lookup resolves the collector's names, each address once, the families taking
// turns: where one of them leads nowhere, the other is not far behind. An error
// is returned beside the addresses that were found.
func lookup(ctx context.Context, hostports []string, resolve func(context.Context, string) ([]netip.AddrPort, error)) (targets, error) {
	t := targets{named: hostports, host: map[netip.AddrPort]string{}}
	var errs []error
	for _, hp := range hostports {
		ctx, cancel := context.WithTimeout(ctx, resolveWait)
		found, err := resolve(ctx, hp)
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("resolve %s: %w", hp, err))
		}
		for _, a := range takeTurns(found) {
			if _, known := t.host[a]; !known && len(t.found) < maxTargets {
				t.host[a] = hp
				t.found = append(t.found, a)
			}
		}
	}
	return t, errors.Join(errs...)
}

// takeTurns orders addresses so that the families alternate, beginning with the
// one that the resolver put first.
func takeTurns(list []netip.AddrPort) []netip.AddrPort {
	var one, other []netip.AddrPort
	for _, a := range list {
		if a.Addr().Is4() == list[0].Addr().Is4() {
			one = append(one, a)
		} else {
			other = append(other, a)
		}
	}
	all := make([]netip.AddrPort, 0, len(list))
	for i := range max(len(one), len(other)) {
		if i < len(one) {
			all = append(all, one[i])
		}
		if i < len(other) {
			all = append(all, other[i])
		}
	}
	return all
}

// resolve asks the system, unless the host is an address already.
func resolve(ctx context.Context, hostport string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", port, err)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Unmap(), uint16(n))}, nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	list := make([]netip.AddrPort, 0, len(addrs))
	for _, a := range addrs {
		list = append(list, netip.AddrPortFrom(a.Unmap(), uint16(n)))
	}
	return list, nil
}

// agentConfig is the agent's side of the connection. Only the agent keeps it
// alive: NAT mappings are its own.
func agentConfig(tokens quic.TokenStore) *quic.Config {
	conf := quicConfig()
	conf.KeepAlivePeriod = 15 * time.Second
	conf.MaxIncomingUniStreams = -1
	conf.TokenStore = tokens
	return conf
}

// greet says hello and waits for the welcome. That a dial returned means little:
// the collector has then not yet seen our certificate.
func (c *Client) greet(ctx context.Context, conn line) (*link, Welcome, error) {
	l, w, err := c.hello(ctx, conn)
	if err != nil {
		err = why(conn, err)
		conn.shut(agentCode(err), "")
		conn.wait()
		return nil, Welcome{}, err
	}
	return l, w, nil
}

func (c *Client) hello(ctx context.Context, conn line) (*link, Welcome, error) {
	st, err := conn.OpenStream()
	if err != nil {
		return nil, Welcome{}, fmt.Errorf("open control stream: %w", err)
	}
	st.SetPriority(0, false) // before results and gossip
	_ = st.SetDeadline(time.Now().Add(welcomeWait))
	defer context.AfterFunc(ctx, func() { _ = st.SetDeadline(time.Now()) })()
	h := c.o.Handler.Hello()
	h.Transport, h.Health.Transport = conn.transport(), conn.transport()
	said := h.wire()
	said.Process = c.process
	first, err := appendFrame([]byte{byte(kindControl)}, &wire.ToCollector{Frame: &wire.ToCollector_Hello{Hello: said}}, maxControlFrame)
	if err != nil {
		return nil, Welcome{}, err
	}
	begun := time.Now()
	if _, err := st.Write(first); err != nil {
		return nil, Welcome{}, fmt.Errorf("say hello: %w", err)
	}
	in := newFrameReader(st, maxFrame)
	var f wire.ToAgent
	if err := in.message(&f); err != nil {
		return nil, Welcome{}, fmt.Errorf("wait for the welcome: %w", err)
	}
	w := f.GetWelcome()
	if w == nil {
		return nil, Welcome{}, fmt.Errorf("%w: the first frame is not welcome", ErrProtocol)
	}
	if err := understand(w.GetMinor(), minor); err != nil {
		return nil, Welcome{}, err
	}
	welcome, err := welcomeFrom(w)
	if err != nil {
		return nil, Welcome{}, err
	}
	c.clock.sample(begun, time.Now(), welcome.Now, welcome.Now)
	if ctx.Err() != nil {
		return nil, Welcome{}, ctx.Err()
	}
	_ = st.SetDeadline(time.Time{})
	c.mu.Lock()
	c.told = h.Health
	c.mu.Unlock()
	return newLink(c, conn, st, in, h, welcome, w.GetRenewOnly()), welcome, nil
}
