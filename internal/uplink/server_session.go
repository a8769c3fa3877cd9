package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink/wire"
)

const (
	helloWait   = 10 * time.Second // from the handshake to the hello
	handlerWait = 30 * time.Second // for the handler's answer to hello, enrolment, renewal
	lastWords   = 3 * time.Second  // for what is under way when an agent leaves in order
	seenEvery   = 200 * time.Millisecond
	renewOnly   = 5 * time.Minute // a session with an expired certificate
	outgoing    = 64              // frames waiting for an agent
)

// errBusy ends a session that the agent should try again.
var errBusy = errors.New("the collector could not do its part")

// session is one agent's connection at the collector's end.
type session struct {
	s       *Server
	conn    line
	agent   string
	vaddr   netip.Addr
	since   time.Time
	expired bool // the certificate is; only renewal is heard

	control stream
	in      *frameReader // of control
	frames  chan *wire.ToAgent
	packets *packets

	places  chan struct{} // relay streams under way, either way
	relayed *bucket       // relay streams it opened
	sent    *bucket       // datagrams it sent
	spoke   *bucket       // control frames it sent

	// from is the address that the hello came from: the network that the agent
	// is on was decided by it. Written before welcomed is.
	from netip.Addr

	// What the hello said of who speaks: see server_clone.go.
	machine Machine
	process uint64 // 0: not told
	metered bool
	host    string

	waiting waiting     // questions without an answer yet
	tries   atomic.Bool // the agent answers them
	claimed atomic.Bool // the agent says that it comes by a proxy

	welcomed  atomic.Bool
	seenAt    atomic.Int64  // UnixNano
	renewing  atomic.Bool   // one renewal at a time
	recording atomic.Bool   // the record stream was opened
	living    atomic.Bool   // a live stream is open
	recorded  chan struct{} // closed when the record stream has ended
	finish    chan struct{} // closed when the writer should drain and end
	done      chan struct{} // closed by Server.drop

	goodbye atomic.Pointer[string]

	announced, superseded bool // guarded by Server.mu
}

// serve runs one connection from handshake to end.
func (s *Server) serve(ctx context.Context, conn line) {
	leaf := conn.tlsState().PeerCertificates[0] // the TLS config requires one
	agent, err := identity.AgentID(leaf)
	if err != nil {
		conn.shut(CodeRefused, "certificate without an agent id")
		return
	}
	x := &session{
		s: s, conn: conn, agent: agent, vaddr: fleet.Address(agent), since: time.Now(), expired: time.Now().After(leaf.NotAfter),
		frames: make(chan *wire.ToAgent, outgoing), packets: newPackets(), places: make(chan struct{}, maxRelays),
		relayed: newBucket(relayRate, relayBurst), sent: newBucket(packetRate, packetBurst), spoke: newBucket(controlRate, controlBurst),
		recorded: make(chan struct{}), finish: make(chan struct{}), done: make(chan struct{}),
	}
	s.add(x)
	err = x.run(ctx)
	code, reason := codeOf(err)
	conn.shut(code, reason)
	if cause := context.Cause(conn.Context()); cause != nil {
		err = closing(cause)
	}
	s.drop(x, x.clean(err), x.reason(err))
}

// codeOf maps the error that ended a session to what the agent is told.
func codeOf(err error) (Code, string) {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return CodeRefused, refusal.Error()
	}
	switch {
	case errors.Is(err, ErrRevoked):
		return CodeRevoked, ""
	case errors.Is(err, ErrVersion):
		return CodeVersion, err.Error()
	case errors.Is(err, ErrClone):
		return CodeClone, err.Error()
	case errors.Is(err, ErrProtocol):
		return CodeProtocol, err.Error()
	case errors.Is(err, errBusy):
		return CodeBusy, ""
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout, ""
	default:
		return CodeShutdown, ""
	}
}

// clean says whether the agent itself ended the session in order.
func (x *session) clean(err error) bool {
	if x.goodbye.Load() != nil {
		return true
	}
	end, ok := errors.AsType[*CloseError](err)
	return ok && end.Remote && (end.Code == CodeShutdown || end.Code == CodeRenewed)
}

func (x *session) reason(err error) string {
	if text := x.goodbye.Load(); text != nil && *text != "" {
		return *text
	}
	if err == nil {
		return CodeShutdown.String()
	}
	return err.Error()
}

func (x *session) close(code Code, reason string) { x.conn.shut(code, reason) }

// remote is the address that the agent is seen at.
func (x *session) remote() netip.AddrPort { return remoteOf(x.conn) }

// transport is how the agent comes. That a proxy is between only it knows.
func (x *session) transport() string {
	if t := x.conn.transport(); t != TransportTCP || !x.claimed.Load() {
		return t
	}
	return TransportProxy
}

func (x *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(x.conn.Context(), func() { cancel(context.Cause(x.conn.Context())) })()
	hello, err := x.hello(ctx)
	if err != nil {
		return err
	}
	x.conn.known()
	if x.expired {
		return x.onlyRenew(ctx)
	}
	if err := x.s.take(ctx, x); err != nil {
		return err
	}
	marks, err := x.welcome(ctx, hello)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	// Reads and writes of streams do not know contexts: the end of one part ends
	// the connection, and that ends all others.
	defer context.AfterFunc(ctx, func() {
		code, reason := codeOf(context.Cause(ctx))
		x.conn.shut(code, reason)
	})()
	g.Go(func() error { return x.read(ctx, g) })
	g.Go(func() error { return x.write(ctx) })
	g.Go(func() error { return x.packets.send(ctx, x.conn) })
	g.Go(func() error { return x.readPackets(ctx) })
	g.Go(func() error { return x.acceptStreams(ctx, g) })
	g.Go(func() error { return x.acceptResults(ctx, g, marks) })
	return g.Wait()
}

// hello waits for the control stream and its first frame.
func (x *session) hello(ctx context.Context) (*wire.Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	for {
		st, err := x.conn.AcceptStream(ctx)
		if err != nil {
			return nil, fmt.Errorf("wait for hello: %w", err)
		}
		deadline, _ := ctx.Deadline()
		_ = st.SetReadDeadline(deadline) // it never fails
		kind, err := readKind(st)
		if err != nil {
			return nil, fmt.Errorf("wait for hello: %w", timedOut(err))
		}
		if kind != kindControl {
			refuse(st, streamUnknown)
			continue
		}
		st.SetPriority(0, false) // before results and relayed gossip
		x.control, x.in = st, newFrameReader(st, maxControlFrame)
		break
	}
	var f wire.ToCollector
	if err := x.in.message(&f); err != nil {
		return nil, fmt.Errorf("read hello: %w", timedOut(err))
	}
	_ = x.control.SetReadDeadline(time.Time{})
	h := f.GetHello()
	switch {
	case h == nil:
		return nil, fmt.Errorf("%w: the first frame is not hello", ErrProtocol)
	}
	if err := understand(minor, h.GetMinor()); err != nil {
		x.s.log.Warn("agent refused", "agent", x.agent, "remote", x.remote(), "version", clip(h.GetVersion(), maxText), "reason", err)
		return nil, err
	}
	x.machine, x.process = machineFrom(h.GetMachine()), h.GetProcess()
	x.metered, x.host = h.GetMetered(), clip(h.GetHostname(), maxText)
	return h, nil
}

// timedOut makes a deadline of a stream look like one of a context.
func timedOut(err error) error {
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
	return err
}

// welcome asks the handler and answers the hello. It returns the marks that
// the agent was told.
func (x *session) welcome(ctx context.Context, h *wire.Hello) ([]fleet.Mark, error) {
	hello, err := helloFrom(h)
	if err != nil {
		return nil, err
	}
	ask, cancel := context.WithTimeout(ctx, handlerWait)
	defer cancel()
	x.from = x.remote().Addr()
	w, err := x.s.o.Handler.Hello(ask, x.agent, x.remote(), hello)
	if err != nil {
		return nil, x.refused("hello", err)
	}
	x.s.announce(x)
	w.Agent = x.agent
	if w.Now.IsZero() {
		w.Now = time.Now()
	}
	if err := writeMessage(x.control, &wire.ToAgent{Frame: &wire.ToAgent_Welcome{Welcome: w.wire()}}, maxFrame); err != nil {
		x.s.log.Error("welcome agent", "agent", x.agent, "err", err)
		return nil, fmt.Errorf("%w: %w", errBusy, err)
	}
	x.tries.Store(tries(h))
	x.claimed.Store(hello.Transport == TransportProxy)
	x.welcomed.Store(true)
	x.s.log.Info("agent connected", "agent", x.agent, "remote", x.remote(), "transport", x.transport(), "version", hello.Version, "os", hello.OS)
	return w.Marks, nil
}

// refused sorts a handler's error: a decision goes to the agent, a failure of
// ours is logged and makes it come again.
func (x *session) refused(what string, err error) error {
	if _, decided := errors.AsType[*Refusal](err); decided || errors.Is(err, ErrRevoked) || errors.Is(err, ErrVersion) {
		x.s.log.Info("agent refused", "agent", x.agent, "remote", x.remote(), "reason", err)
		return err
	}
	if x.conn.Context().Err() == nil {
		x.s.log.Error(what+" failed", "agent", x.agent, "err", err)
	}
	return fmt.Errorf("%w: %s: %w", errBusy, what, err)
}

// onlyRenew serves an agent whose certificate has expired: it may renew it and
// nothing else. It takes nobody's place.
func (x *session) onlyRenew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renewOnly)
	defer cancel()
	defer context.AfterFunc(ctx, func() { x.conn.shut(CodeTimeout, "expired certificate was not renewed") })()
	w := &wire.Welcome{Minor: minor, Agent: x.agent, NowNs: uint64(time.Now().UnixNano()), RenewOnly: true}
	if err := writeMessage(x.control, &wire.ToAgent{Frame: &wire.ToAgent_Welcome{Welcome: w}}, maxFrame); err != nil {
		return err
	}
	x.s.log.Info("agent with an expired certificate may renew it", "agent", x.agent, "remote", x.remote())
	for {
		var f wire.ToCollector
		if err := x.in.message(&f); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := x.pace(ctx); err != nil {
			return err
		}
		if m := f.GetRenew(); m != nil {
			if err := writeMessage(x.control, x.renewed(ctx, m.GetCsr()), maxFrame); err != nil {
				return err
			}
		}
	}
}
