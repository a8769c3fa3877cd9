package collector

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/collector/store"
	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// slowLine is an agent's socket that brings a handshake and the beginning of a
// welcome, and nothing more until it is open.
type slowLine struct {
	net.PacketConn
	mu   sync.Mutex // guards left
	left int        // bytes
	open <-chan struct{}
}

func (l *slowLine) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := l.PacketConn.ReadFrom(p)
	l.mu.Lock()
	l.left -= n
	wait := l.left < 0
	l.mu.Unlock()
	if wait {
		<-l.open
	}
	return n, from, err
}

// listener is an agent that only notes what it is told.
type listener struct {
	mu     sync.Mutex // guards the fields below
	config uint64
	roster uint64
	seats  int
	hellos int
	net    fleet.Network

	machine uplink.Machine // never changed
}

func (l *listener) Hello() uplink.Hello {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hellos++
	return uplink.Hello{Version: "1", OS: "linux/amd64", Runs: l.Runs(), Config: l.config, Roster: l.roster, Machine: l.machine}
}

func (l *listener) Welcome(w uplink.Welcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.net = w.Network
}

func (l *listener) Config(c fleet.Config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.config = c.ID
	return nil
}

func (l *listener) Roster(r fleet.Roster) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roster, l.seats = r.Version, len(r.Seats)
}

func (l *listener) Ask(uplink.Ask)                  {}
func (l *listener) Try(uplink.Try)                  {}
func (l *listener) Disconnected(error)              {}
func (l *listener) Renewed([]byte) error            { return nil }
func (l *listener) Packet(netip.Addr, []byte)       {}
func (l *listener) Stream(_ netip.Addr, c net.Conn) { c.Close() }

func (l *listener) Runs() []uplink.Run           { return []uplink.Run{{ID: 0xa1}} }
func (l *listener) Acknowledge(fleet.Mark) error { return nil }
func (l *listener) Next(ctx context.Context, _ fleet.Mark, _ int) (*fleet.Batch, error) {
	<-ctx.Done()
	return nil, io.EOF
}

// enrolledAs joins an agent of a site; it has no session yet.
func enrolledAs(t *testing.T, c *Collector, site string) *identity.Bundle {
	t.Helper()
	token, err := c.store.CreateToken(t.Context(), store.NewToken{Client: "acme", Site: site})
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := identity.CSR(key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sessions{c}.Enrol(t.Context(), netip.MustParseAddrPort("127.0.0.1:1"), uplink.EnrolRequest{TokenID: token.ID, Secret: token.Secret, CSR: csr})
	if err != nil {
		t.Fatal(err)
	}
	b, err := identity.SaveBundle(filepath.Join(t.TempDir(), "agent"), key, r.Chain, r.Trust, identity.Info{
		Agent: r.Agent, Client: r.Client, Site: r.Site, Addrs: []string{c.o.Sockets.Agents.LocalAddr().String()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sayingHello starts an agent whose welcome does not arrive before open is called.
func sayingHello(t *testing.T, c *Collector) (l *listener, open func()) {
	t.Helper()
	l = &listener{}
	b := enrolledAs(t, c, "slow")
	gate := make(chan struct{})
	open = sync.OnceFunc(func() { close(gate) })
	client := uplink.NewClient(uplink.ClientOptions{
		Ways: uplink.Ways{Open: func() (net.PacketConn, error) {
			pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
			return &slowLine{PacketConn: pc, left: 30 << 10, open: gate}, err
		}},
		Addrs: func() []string { return []string{c.o.Sockets.Agents.LocalAddr().String()} },
		TLS:   b.ClientTLS(uplink.Protocol), Source: l, Handler: l, Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { client.Run(ctx); close(done) }()
	t.Cleanup(func() { open(); stop(); <-done })
	eventuallyTrue(t, "the hello is heard and the welcome is on its way", func() bool {
		c.agents.mu.Lock()
		defer c.agents.mu.Unlock()
		return len(c.agents.all) == 1
	})
	if all := c.server.Sessions(); len(all) != 0 {
		t.Fatalf("the line is not slow: %+v", all)
	}
	return l, open
}

// manyTargets make a welcome that does not fit into what a line may hold.
func manyTargets() string {
	var b strings.Builder
	b.WriteString("targets:\n")
	for k := range 2000 {
		b.WriteString(target(fmt.Sprintf("target-with-a-name-%04d", k)))
	}
	return b.String()
}

// TestAnAgentThatSaysHelloDuringAnApplyIsTold: its welcome holds what was in force
// when it came, and is still on its way when that is replaced.
func TestAnAgentThatSaysHelloDuringAnApplyIsTold(t *testing.T) {
	c := running(t, manyTargets())
	l, open := sayingHello(t, c)
	before := c.registry.currentConfig().ID
	done, err := source{c}.ApplyConfig(t.Context(), "ana", edited(t, c, "target-with-a-name-0000", "another"), "")
	if err != nil || done.Config == before {
		t.Fatalf("%+v, %v", done, err)
	}
	enrolledAs(t, c, "neighbour")
	eventuallyTrue(t, "the neighbour is on the roster", func() bool { return len(c.registry.currentRoster().Seats) == 2 })
	open()
	eventuallyTrue(t, "the agent uses what was applied and knows its neighbour", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.config == done.Config && l.seats == 2
	})
	if l.hellos != 1 {
		t.Errorf("it took %d hellos", l.hellos)
	}
}

// TestAnAgentThatSaysHelloDuringAnApplyIsMoved: the table that it was seated by is
// replaced while its welcome is on its way.
func TestAnAgentThatSaysHelloDuringAnApplyIsMoved(t *testing.T) {
	c := running(t, manyTargets())
	l, open := sayingHello(t, c)
	f := edited(t, c, "targets:\n", "networks: [{prefix: 127.0.0.0/8, name: AS64500 Loop}]\ntargets:\n")
	if _, err := (source{c}).ApplyConfig(t.Context(), "ana", f, ""); err != nil {
		t.Fatal(err)
	}
	open()
	eventuallyTrue(t, "the agent is on its new network", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.net.Name == "AS64500 Loop"
	})
}

// TestWhoCouldNotBeToldIsToldLater: an agent's queue was full when the others were
// told, and nothing else changes.
func TestWhoCouldNotBeToldIsToldLater(t *testing.T) {
	c := running(t, "targets:\n"+target("one"))
	b := enrolledAs(t, c, "madrid")
	eventuallyTrue(t, "it is on the roster", func() bool { return len(c.registry.currentRoster().Seats) == 1 })
	first := c.registry.currentRoster().Version
	l := &listener{}
	client := uplink.NewClient(uplink.ClientOptions{
		Ways:  uplink.Ways{Open: func() (net.PacketConn, error) { return net.ListenPacket("udp4", "127.0.0.1:0") }},
		Addrs: func() []string { return []string{c.o.Sockets.Agents.LocalAddr().String()} },
		TLS:   b.ClientTLS(uplink.Protocol), Source: l, Handler: l, Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { client.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	agent := func() string {
		for _, s := range c.server.Sessions() {
			return s.Agent
		}
		return ""
	}
	eventuallyTrue(t, "all that its hello changed is told", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return agent() != "" && l.roster > first && len(c.changed) == 0
	})
	// Put into force without the word that says so, as if it had been missed.
	file, src := c.file(), []byte("another")
	cfg := file.Fleet()
	cfg.Politeness += time.Second
	cfg, _, err := c.store.SaveConfig(t.Context(), cfg, file.Name, src, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.registry.use(file, cfg)
	for end := time.Now().Add(3 * tellAgain); ; time.Sleep(20 * time.Millisecond) {
		if took, _ := c.agents.applied(agent(), cfg.ID); took {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nobody looked again")
		}
	}
}
