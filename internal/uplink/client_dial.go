package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/uplink/wire"
)

const (
	resolveWait = 5 * time.Second
	dialWait    = 5 * time.Second  // for a handshake, while other addresses wait
	lastDial    = 10 * time.Second // for the last one
	welcomeWait = 20 * time.Second // for the welcome: the collector may let an older session finish
	newSocket   = 5                // failed rounds after which a new socket may help: a NAT that lost its way
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

// dial tries every address of the collector in order until one welcomes us.
func (c *Client) dial(ctx context.Context, tr *quic.Transport) (*link, Welcome, error) {
	var errs []error
	addrs, err := c.addresses(ctx)
	if err != nil {
		errs = append(errs, err)
	}
	for i, addr := range addrs {
		wait := dialWait
		if i == len(addrs)-1 {
			wait = lastDial
		}
		l, w, err := c.greet(ctx, tr, addr, wait)
		if err == nil {
			return l, w, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", addr, err))
		if ctx.Err() != nil || final(err) {
			break
		}
	}
	if len(addrs) == 0 && err == nil {
		errs = append(errs, errors.New("the collector has no address"))
	}
	return nil, Welcome{}, fmt.Errorf("connect to the collector: %w", errors.Join(errs...))
}

// final says whether err is the collector's word, which its other addresses
// would only repeat.
func final(err error) bool {
	return errors.Is(err, ErrRevoked) || errors.Is(err, ErrRefused) || errors.Is(err, ErrVersion) || errors.Is(err, quic.ErrTransportClosed)
}

// addresses resolves the collector's names, each address once. An error is
// returned beside the addresses that were found.
func (c *Client) addresses(ctx context.Context) ([]netip.AddrPort, error) {
	return lookup(ctx, c.o.Addrs(), c.o.Resolve)
}

func lookup(ctx context.Context, hostports []string, resolve func(context.Context, string) ([]netip.AddrPort, error)) ([]netip.AddrPort, error) {
	var all []netip.AddrPort
	var errs []error
	seen := map[netip.AddrPort]bool{}
	for _, hp := range hostports {
		ctx, cancel := context.WithTimeout(ctx, resolveWait)
		found, err := resolve(ctx, hp)
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("resolve %s: %w", hp, err))
		}
		for _, a := range found {
			if !seen[a] {
				seen[a] = true
				all = append(all, a)
			}
		}
	}
	return all, errors.Join(errs...)
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

// greet connects, says hello and waits for the welcome. That Dial returns means
// little: the collector has then not yet seen our certificate.
func (c *Client) greet(ctx context.Context, tr *quic.Transport, addr netip.AddrPort, wait time.Duration) (*link, Welcome, error) {
	c.mu.Lock()
	conf := c.tls
	c.mu.Unlock()
	conn, err := connect(ctx, tr, addr, conf, agentConfig(c.tokens), wait)
	if err != nil {
		return nil, Welcome{}, err
	}
	l, w, err := c.hello(ctx, conn)
	if err != nil {
		err = why(conn, err)
		shut(conn, agentCode(err), "")
		return nil, Welcome{}, err
	}
	return l, w, nil
}

func connect(ctx context.Context, tr *quic.Transport, addr netip.AddrPort, conf *tls.Config, qc *quic.Config, wait time.Duration) (*quic.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	conn, err := tr.Dial(ctx, net.UDPAddrFromAddrPort(addr), conf, qc)
	if err != nil {
		return nil, closing(err)
	}
	return conn, nil
}

func (c *Client) hello(ctx context.Context, conn *quic.Conn) (*link, Welcome, error) {
	st, err := conn.OpenStream()
	if err != nil {
		return nil, Welcome{}, fmt.Errorf("open control stream: %w", err)
	}
	st.SetPriority(0, false) // before results and gossip
	_ = st.SetDeadline(time.Now().Add(welcomeWait))
	defer context.AfterFunc(ctx, func() { _ = st.SetDeadline(time.Now()) })()
	h := c.o.Handler.Hello()
	first, err := appendFrame([]byte{byte(kindControl)}, &wire.ToCollector{Frame: &wire.ToCollector_Hello{Hello: h.wire()}}, maxControlFrame)
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
	if !understands(minor, w.GetMinor()) {
		return nil, Welcome{}, fmt.Errorf("%w: the collector speaks %s.%d", ErrVersion, Protocol, w.GetMinor())
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
