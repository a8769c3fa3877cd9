package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/probes"
)

// event is something that one end was told.
type event struct {
	what  string
	agent string
	value any
}

// events is a mailbox that tests wait on.
type events struct{ ch chan event }

func newEvents() events { return events{make(chan event, 4096)} }

func (e events) add(what, agent string, value any) {
	select {
	case e.ch <- event{what, agent, value}:
	default: // nobody waits for so many
	}
}

// await returns the next event of the kind, dropping others.
func (e events) await(t testing.TB, what string) event {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case ev := <-e.ch:
			if ev.what == what {
				return ev
			}
		case <-timeout:
			t.Fatalf("nobody heard of %q", what)
		}
	}
}

// office is a collector that keeps what it is told.
type office struct {
	events
	mu      sync.Mutex
	stored  map[string]map[uint64][]uint64 // agent -> run -> seqs, as Record brought them
	lived   int                            // records that Live brought
	config  *fleet.Config
	hello   func(agent string) error
	record  func(ctx context.Context) error // before a batch is stored
	enrol   func(EnrolRequest) (EnrolResponse, error)
	renew   func(agent string, csr []byte) ([]byte, error)
	strange map[string]bool // agents that are no members
	turned  int             // how often one of them was asked about
	streams streams
}

func newOffice() *office {
	return &office{events: newEvents(), stored: map[string]map[uint64][]uint64{}, strange: map[string]bool{}}
}

func (o *office) Enrol(_ context.Context, _ netip.AddrPort, r EnrolRequest) (EnrolResponse, error) {
	o.add("enrol", "", r)
	return o.enrol(r)
}

func (o *office) Hello(_ context.Context, agent string, _ netip.AddrPort, h Hello) (Welcome, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hello != nil {
		if err := o.hello(agent); err != nil {
			return Welcome{}, err
		}
	}
	w := Welcome{Remote: netip.MustParseAddr("198.51.100.7"), Spare: true, Network: fleet.Network{ID: 7, Name: "AS7 Test", Basis: fleet.BasisTable}, Config: o.config, Trust: []byte("roots")}
	for _, r := range h.Runs {
		if seqs := o.stored[agent][r.ID]; len(seqs) > 0 {
			w.Marks = append(w.Marks, fleet.Mark{Run: r.ID, Seq: seqs[len(seqs)-1]})
		}
	}
	o.add("hello", agent, h)
	return w, nil
}

func (o *office) Record(ctx context.Context, agent string, b *fleet.Batch) error {
	o.add("record", agent, b)
	if o.record != nil {
		if err := o.record(ctx); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stored[agent] == nil {
		o.stored[agent] = map[uint64][]uint64{}
	}
	for _, r := range b.Records {
		o.stored[agent][b.Run] = append(o.stored[agent][b.Run], r.Seq)
	}
	return nil
}

func (o *office) Live(agent string, b *fleet.Batch) {
	o.mu.Lock()
	o.lived += len(b.Records)
	o.mu.Unlock()
	o.add("live", agent, b)
}
func (o *office) Suspicion(agent string, s Suspicion) { o.add("suspicion", agent, s) }
func (o *office) Vote(agent string, v Vote)           { o.add("vote", agent, v) }
func (o *office) Health(agent string, h Health)       { o.add("health", agent, h) }
func (o *office) Applied(agent string, config uint64, refused string) {
	o.add("applied", agent, refused)
}
func (o *office) Doctor(agent string, d Doctor) { o.add("doctor", agent, d) }
func (o *office) Seen(agent string)             { o.add("seen", agent, time.Now()) }
func (o *office) Renew(_ context.Context, agent string, csr []byte) ([]byte, error) {
	o.add("renew", agent, csr)
	return o.renew(agent, csr)
}
func (o *office) Gone(agent string, clean bool, reason string) {
	o.add("gone", agent, fmt.Sprint(clean, " ", reason))
}
func (o *office) Member(agent string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.strange[agent] {
		o.turned++
	}
	return !o.strange[agent]
}
func (o *office) Packet(src netip.Addr, b []byte)   { o.add("packet", src.String(), string(b)) }
func (o *office) Stream(src netip.Addr, c net.Conn) { o.streams.serve(src, c) }

// count returns how many records are stored, and how many differ.
func (o *office) count(agent string) (all, distinct int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, seqs := range o.stored[agent] {
		all += len(seqs)
		distinct += len(slices.Compact(slices.Sorted(slices.Values(seqs))))
	}
	return all, distinct
}

// streams serves gossip streams; without a server they are closed.
type streams struct {
	mu     sync.Mutex // guards the field below
	server func(src netip.Addr, c net.Conn)
}

func (s *streams) by(server func(src netip.Addr, c net.Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = server
}

func (s *streams) serve(src netip.Addr, c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		c.Close()
		return
	}
	go s.server(src, c)
}

// spool is a source in memory: one or more runs, appended to at will.
type spool struct {
	mu    sync.Mutex
	runs  []uint64
	seqs  map[uint64]uint64 // run -> newest
	acked map[uint64]uint64
	more  chan struct{} // closed and replaced at each append
}

func newSpool(runs ...uint64) *spool {
	return &spool{runs: runs, seqs: map[uint64]uint64{}, acked: map[uint64]uint64{}, more: make(chan struct{})}
}

func (s *spool) append(run uint64, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seqs[run] += uint64(n)
	close(s.more)
	s.more = make(chan struct{})
}

func (s *spool) Runs() (runs []Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		runs = append(runs, Run{ID: r, Oldest: min(s.acked[r]+1, s.seqs[r]), Newest: s.seqs[r]})
	}
	return runs
}

func (s *spool) Acknowledge(m fleet.Mark) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Seq < s.acked[m.Run] || m.Seq > s.seqs[m.Run] {
		return fmt.Errorf("acknowledged %d of run %x after %d of %d", m.Seq, m.Run, s.acked[m.Run], s.seqs[m.Run])
	}
	s.acked[m.Run] = m.Seq
	return nil
}

func (s *spool) pending() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		n += s.seqs[r] - s.acked[r]
	}
	return n
}

func (s *spool) Next(ctx context.Context, after fleet.Mark, most int) (*fleet.Batch, error) {
	for {
		s.mu.Lock()
		b, more := s.behindLocked(after, most), s.more
		s.mu.Unlock()
		if b != nil {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-more:
		}
	}
}

func (s *spool) behindLocked(after fleet.Mark, most int) *fleet.Batch {
	first := max(0, slices.Index(s.runs, after.Run))
	for i, run := range s.runs[first:] {
		seq := uint64(0)
		if i == 0 && run == after.Run {
			seq = after.Seq
		}
		if seq >= s.seqs[run] {
			continue
		}
		b := &fleet.Batch{Run: run, Config: 3, Network: 7}
		for n := seq + 1; n <= s.seqs[run] && len(b.Records) < most; n++ {
			b.Records = append(b.Records, observation(n))
		}
		return b
	}
	return nil
}

// observation is a result as a healthy https check sees it.
func observation(seq uint64) fleet.Record {
	ms := func(base uint64) time.Duration {
		return time.Duration(base*1000+(seq*2654435761)%9973) * time.Microsecond
	}
	return fleet.Record{
		Seq: seq, Check: uint32(seq % 26), Time: time.Now().Truncate(time.Millisecond),
		Result: probes.Result{
			Kind: probes.HTTP, Outcome: probes.Up, DNS: ms(2), Connect: ms(12), TLS: ms(15), TTFB: ms(20), Total: ms(52),
			Code: 200, CertDays: 61, HasCert: true, Bytes: 1256, Family: 4, Addr: netip.AddrFrom4([4]byte{13, 107, 42, byte(seq % 26)}),
		},
	}
}

// outpost is an agent that keeps what it is told.
type outpost struct {
	events
	id      string
	spool   *spool
	client  *Client
	bundle  *identity.Bundle
	reject  error // of configs
	machine Machine
	streams streams
}

func (a *outpost) Hello() Hello {
	return Hello{Version: "1.2.3", OS: "linux/amd64", Hostname: "box\xff", Machine: a.machine, Runs: a.spool.Runs(), Config: 2, Standing: []Standing{{Check: 4, Since: time.Minute, Cause: probes.TCPRefused}}}
}
func (a *outpost) Welcome(w Welcome)           { a.add("welcome", a.id, w) }
func (a *outpost) Config(c fleet.Config) error { a.add("config", a.id, c); return a.reject }
func (a *outpost) Roster(r fleet.Roster)       { a.add("roster", a.id, r) }
func (a *outpost) Ask(q Ask)                   { a.add("ask", a.id, q) }
func (a *outpost) Try(q Try)                   { a.add("try", a.id, q) }
func (a *outpost) Disconnected(err error)      { a.add("disconnected", a.id, err) }
func (a *outpost) Renewed(chain []byte) error {
	a.add("renewed", a.id, chain)
	return a.bundle.Install(chain)
}
func (a *outpost) Packet(src netip.Addr, b []byte)   { a.add("packet", src.String(), string(b)) }
func (a *outpost) Stream(src netip.Addr, c net.Conn) { a.streams.serve(src, c) }

// world is a collector and its agents, on real sockets or on a simulated net.
type world struct {
	t      testing.TB
	auth   *identity.Authority
	office *office
	server *Server
	addr   netip.AddrPort
	check  func(agent string, expired bool) error
	listen func() net.PacketConn // the collector's socket
	open   func() net.PacketConn // an agent's socket; nil: UDP is blocked
	ways   Ways                  // of agents, but for Open
	tcp    bool                  // the collector listens on TCP, too
	// listenTCP is the collector's TCP listener; nil: tcp says whether it is a real one.
	listenTCP func() net.Listener
	log       *slog.Logger
	reset     [32]byte
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldSince(t, time.Now())
}

// newWorldSince makes a world whose authority was founded at birth.
func newWorldSince(t testing.TB, birth time.Time) *world {
	t.Helper()
	auth, err := identity.OpenAuthority(t.TempDir(), birth)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, auth: auth, office: newOffice(), check: func(string, bool) error { return nil }, log: slog.New(slog.DiscardHandler),
	}
	w.ways.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no TCP in this story")
	}
	w.open = func() net.PacketConn { return w.udp("127.0.0.1:0") }
	w.listen = func() net.PacketConn { return w.udp(cmpOr(w.addr)) }
	return w
}

func cmpOr(a netip.AddrPort) string {
	if a.IsValid() {
		return a.String()
	}
	return "127.0.0.1:0"
}

func (w *world) udp(addr string) net.PacketConn {
	w.t.Helper()
	pc, err := net.ListenPacket("udp4", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	return pc
}

// sockets opens the collector's. A restarted one keeps its address; the first
// seeks a port that it can have over UDP and TCP.
func (w *world) sockets() (pc net.PacketConn, ln net.Listener) {
	w.t.Helper()
	for tries := 0; ; tries++ {
		pc = w.listen()
		addr := w.addr
		if !addr.IsValid() {
			addr = pc.LocalAddr().(*net.UDPAddr).AddrPort()
		}
		if w.listenTCP != nil {
			ln = w.listenTCP()
		} else if w.tcp {
			var err error
			if ln, err = net.Listen("tcp4", addr.String()); err != nil {
				pc.Close()
				if w.addr.IsValid() || tries == 20 {
					w.t.Fatal(err)
				}
				continue
			}
		}
		if !w.addr.IsValid() { // agents of before a restart go on reading it
			w.addr = addr
		}
		return pc, ln
	}
}

// serve starts the collector; stop ends it and waits for all of it.
func (w *world) serve() (stop func()) {
	w.t.Helper()
	pc, ln := w.sockets()
	s, err := NewServer(ServerOptions{
		Socket: pc, Listener: ln, Authority: w.auth, Check: func(id string, expired bool) error { return w.check(id, expired) },
		Handler: w.office, Clone: func(c Clone) { w.office.add("clone", c.Agent, c) }, ResetKey: &w.reset, TokenKey: &w.reset, Log: w.log,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.t.Errorf("serve: %v", err)
			}
			pc.Close()
		})
	}
}

// agent makes an agent with a certificate issued at issued.
func (w *world) agent(id string, issued time.Time, runs ...uint64) *outpost {
	w.t.Helper()
	key, err := identity.NewKey()
	if err != nil {
		w.t.Fatal(err)
	}
	csr, err := identity.CSR(key)
	if err != nil {
		w.t.Fatal(err)
	}
	chain, err := w.auth.SignAgent(csr, id, issued)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := identity.SaveBundle(w.t.TempDir(), key, chain, w.auth.Root(), identity.Info{Agent: id, Client: "c", Site: "c/s", Addrs: []string{"127.0.0.1:1"}})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(runs) == 0 {
		runs = []uint64{0xa1}
	}
	return w.clone(b, id, newSpool(runs...))
}

// clone makes an agent of an identity that may run elsewhere, too.
func (w *world) clone(b *identity.Bundle, id string, s *spool) *outpost {
	a := &outpost{events: newEvents(), id: id, spool: s, bundle: b}
	a.client = NewClient(ClientOptions{
		Ways:  w.waysOf(),
		Addrs: func() []string { return []string{w.addr.String()} },
		TLS:   b.ClientTLS(Protocol), Source: s, Handler: a,
		Offset: func(d time.Duration) { a.add("offset", id, d) }, Log: w.log,
	})
	return a
}

// waysOf are the ways of a new agent.
func (w *world) waysOf() Ways {
	ways := w.ways
	if w.open != nil {
		ways.Open = func() (net.PacketConn, error) { return w.open(), nil }
	}
	return ways
}

// overTCP makes TCP the only way of the world.
func (w *world) overTCP() *world {
	w.tcp, w.open, w.ways.Dial = true, nil, nil
	return w
}

// bothWays runs a story with agents that come over QUIC, and again with agents
// that come over TCP.
func bothWays(t *testing.T, story func(t *testing.T, w *world)) {
	t.Run("quic", func(t *testing.T) { story(t, newWorld(t)) })
	t.Run("tcp", func(t *testing.T) { story(t, newWorld(t).overTCP()) })
}

// run lets the agent live; stop ends it.
func (w *world) run(a *outpost) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.client.Run(ctx) }()
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.t.Errorf("run: %v", err)
			}
		})
	}
}

// until polls for cond, which has no event of its own.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// rawConfig is the TLS of an agent that speaks the protocol by hand.
func (a *outpost) rawConfig() *tls.Config { return a.bundle.ClientTLS(Protocol) }
