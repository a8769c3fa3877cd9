package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/fleet"
	"picket/internal/identity"
)

// ServerHandler is the collector as the uplink sees it. Methods without a
// context must not block: they are called from the goroutines that read frames.
type ServerHandler interface {
	// Enrol redeems a join token. A *[Refusal] goes to the agent as it is;
	// any other error is logged, and the agent is told to come again.
	Enrol(ctx context.Context, remote netip.AddrPort, r EnrolRequest) (EnrolResponse, error)
	// Hello begins a session. A *[Refusal], [ErrRevoked] and a *[VersionError] end
	// it with their code; after any other error the agent comes again.
	Hello(ctx context.Context, agent string, remote netip.AddrPort, h Hello) (Welcome, error)
	// Record returns nil when b is durable; then it is acknowledged. While it
	// blocks, this agent is held back, and only its results.
	Record(ctx context.Context, agent string, b *fleet.Batch) error
	// Live takes results early that Record will bring again.
	Live(agent string, b *fleet.Batch)
	Suspicion(agent string, s Suspicion)
	Vote(agent string, v Vote)
	Health(agent string, h Health)
	Doctor(agent string, d Doctor)
	// Applied tells that a config is in force, or why it was refused.
	Applied(agent string, config uint64, refused string)
	// Seen is a sign of life, at most every 200 ms per agent.
	Seen(agent string)
	// Renew signs a new certificate, PEM of the chain. A *[Refusal]'s text
	// goes to the agent.
	Renew(ctx context.Context, agent string, csr []byte) (chain []byte, err error)
	// Gone tells that the agent's last session ended: clean if it said so itself.
	Gone(agent string, clean bool, reason string)
	// Member says whether an agent is on the roster, and may be relayed to.
	Member(agent string) bool
	// Packet and Stream bring gossip for the collector's own member. Stream
	// owns c and must close it.
	Packet(src netip.Addr, b []byte)
	Stream(src netip.Addr, c net.Conn)
}

// ServerOptions says what a [Server] works with.
type ServerOptions struct {
	// Socket is the UDP socket. It stays the caller's, to be closed after
	// [Server.Serve] returned. Required.
	Socket net.PacketConn
	// Listener takes the agents that UDP does not get through to; it should
	// have the port number of Socket. [Server.Serve] closes it. nil: none.
	Listener net.Listener
	// Authority makes the TLS configs. Required.
	Authority *identity.Authority
	// Check refuses agents that are revoked or unknown, in every handshake,
	// resumed ones too. Required.
	Check func(agentID string, expired bool) error
	// Handler is told everything. Required.
	Handler ServerHandler
	// Clone is told when a machine is refused because another one is online with
	// the same identity; nil: nobody is. It must not block.
	Clone func(Clone)
	// Name is the collector's own name in gossip; "" means [fleet.CollectorID].
	Name string
	// ResetKey lets a restarted collector end the sessions of its earlier life
	// at once; nil leaves agents to find out by silence. Keep it on disk.
	ResetKey *[32]byte
	// TokenKey signs address tokens; nil draws one, which a restart forgets.
	TokenKey *[32]byte
	// Log receives one line per session, enrolment and refusal; nil discards.
	Log *slog.Logger
}

// Session is one agent's connection, for people.
type Session struct {
	Agent     string
	Remote    netip.AddrPort
	Since     time.Time
	RTT       time.Duration // smoothed
	Transport string        // [TransportQUIC] and so on
}

// Server is the collector's end of all sessions.
type Server struct {
	o    ServerOptions
	log  *slog.Logger
	name netip.Addr // of the collector's own member

	gate *gate
	tls  *tls.Config
	tr   *quic.Transport
	ln   *quic.Listener
	work sync.WaitGroup // one per connection

	mu       sync.RWMutex // guards the maps below
	agents   map[string]*session
	members  map[netip.Addr]*session // the same, by virtual address
	sessions map[*session]struct{}   // every one, those that only renew too
	clones   map[string]*rivalry     // by agent
}

// Both ends keep a silent connection for 45 s. Windows are fixed (initial =
// max): 64 KiB a stream is what holds an agent back while a sink is away, and
// 512 KiB is the most that one connection can make its peer keep.
const (
	streamWindow     = 64 << 10
	connectionWindow = 512 << 10
)

func quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           10 * time.Second,
		MaxIdleTimeout:                 45 * time.Second,
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         streamWindow,
		InitialConnectionReceiveWindow: connectionWindow,
		MaxConnectionReceiveWindow:     connectionWindow,
		MaxIncomingStreams:             64,
		MaxIncomingUniStreams:          4,
		EnableDatagrams:                true,
		Allow0RTT:                      false, // a replayed hello would supersede a session
	}
}

// NewServer begins to listen on o.Socket. Call [Server.Serve] next.
func NewServer(o ServerOptions) (*Server, error) {
	if o.Socket == nil || o.Authority == nil || o.Check == nil || o.Handler == nil {
		return nil, errors.New("uplink server needs a socket, an authority, a check and a handler")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clone == nil {
		o.Clone = func(Clone) {}
	}
	if o.Name == "" {
		o.Name = fleet.CollectorID
	}
	s := &Server{
		o: o, log: o.Log, name: fleet.Address(o.Name), gate: newGate(),
		agents: map[string]*session{}, members: map[netip.Addr]*session{}, sessions: map[*session]struct{}{}, clones: map[string]*rivalry{},
	}
	s.tr = &quic.Transport{
		Conn:                o.Socket,
		StatelessResetKey:   (*quic.StatelessResetKey)(o.ResetKey),
		TokenGeneratorKey:   (*quic.TokenGeneratorKey)(o.TokenKey),
		VerifySourceAddress: s.gate.suspect,
		ConnContext:         s.gate.admit,
	}
	s.tls = s.tlsConfig()
	ln, err := s.tr.Listen(s.tls, quicConfig())
	if err != nil {
		return nil, fmt.Errorf("listen for agents: %w", err)
	}
	s.ln = ln
	return s, nil
}

// tlsConfig dispatches on the protocol that the agent offers: enrolment has no
// client certificate yet, a session must have one.
func (s *Server) tlsConfig() *tls.Config {
	// Who offers neither gets the TLS alert for that, by way of a config that it does
	// not match, and can tell it from a broken line.
	sessions := s.o.Authority.ServerTLS(s.o.Check, Protocol)
	enrol := s.o.Authority.EnrolTLS(EnrolProtocol)
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			for _, p := range hello.SupportedProtos {
				switch p {
				case Protocol:
					return sessions, nil
				case EnrolProtocol:
					return enrol, nil
				}
			}
			return sessions, nil
		},
	}
}

// Serve accepts agents until ctx ends or the socket fails. When it returns,
// every session is closed, every handler call has returned, and the error is
// nil if ctx was the reason.
func (s *Server) Serve(ctx context.Context) error {
	var failed error
	over := make(chan struct{})
	go func() { defer close(over); s.acceptTCP(ctx) }()
	for {
		conn, err := s.ln.Accept(ctx)
		if err != nil {
			if ctx.Err() == nil {
				failed = fmt.Errorf("accept agents: %w", err)
			}
			break
		}
		// Nothing else here: the queue of finished handshakes is 32 long, and
		// what does not fit is refused.
		s.work.Go(func() { s.handle(ctx, quicLine{conn}) })
	}
	err := errors.Join(s.ln.Close(), s.closeListener())
	<-over
	s.closeAll()
	s.work.Wait()
	return errors.Join(failed, err, s.tr.Close())
}

func (s *Server) handle(ctx context.Context, conn line) {
	switch conn.tlsState().NegotiatedProtocol {
	case EnrolProtocol:
		s.enrol(ctx, conn)
	case Protocol:
		s.serve(ctx, conn)
	default: // cannot happen: the TLS config offers no other
		conn.shut(CodeProtocol, "unknown protocol")
	}
}

// Ask sends a to agent. false: no session, or one that does not read.
func (s *Server) Ask(agent string, a Ask) bool { return s.send(agent, toAsk(a)) }

// Config sends c to agent, which answers by [ServerHandler.Applied].
func (s *Server) Config(agent string, c *fleet.Config) bool { return s.send(agent, toConfig(c)) }

// Roster sends r to agent.
func (s *Server) Roster(agent string, r *fleet.Roster) bool { return s.send(agent, toRoster(r)) }

// Disconnect ends every connection of agent at once. code is the name of a
// [Code]: "revoked" tells the agent not to hurry back.
func (s *Server) Disconnect(agent string, code, reason string) {
	for _, x := range s.every() {
		if x.agent == agent {
			x.close(parseCode(code), reason)
		}
	}
}

// Sessions lists who is connected.
func (s *Server) Sessions() []Session {
	return s.list(func(x *session) bool { return x.welcomed.Load() })
}

// Present lists who has a session: those who are connected, and those whose hello
// is not answered yet. What is sent to the latter follows their welcome.
func (s *Server) Present() []Session {
	return s.list(func(*session) bool { return true })
}

func (s *Server) list(wanted func(*session) bool) []Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Session, 0, len(s.agents))
	for _, x := range s.agents {
		if wanted(x) {
			list = append(list, Session{
				Agent: x.agent, Remote: x.remote(), Since: x.since, RTT: x.conn.rtt(), Transport: x.transport(),
			})
		}
	}
	return list
}

// SendPacket sends gossip from the collector's own member. A member that is
// not connected gets nothing, and that is no error: packets get lost.
func (s *Server) SendPacket(dst netip.Addr, b []byte) error {
	if x := s.member(dst); x != nil {
		x.packets.put(packet(s.name, b))
	}
	return nil
}

// OpenStream opens a gossip stream from the collector's own member.
func (s *Server) OpenStream(ctx context.Context, dst netip.Addr) (net.Conn, error) {
	x := s.member(dst)
	if x == nil {
		return nil, fmt.Errorf("open stream to %s: not connected", dst)
	}
	st, done, err := x.openRelay(ctx, s.name)
	if err != nil {
		return nil, err
	}
	return &streamConn{stream: st, local: addressOf(s.name), remote: addressOf(dst), done: done}, nil
}
