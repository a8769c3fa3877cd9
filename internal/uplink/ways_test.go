package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
)

// mute is a UDP socket whose packets get lost while blocked is set.
type mute struct {
	net.PacketConn
	blocked *atomic.Bool
}

func (m mute) WriteTo(b []byte, addr net.Addr) (int, error) {
	if m.blocked.Load() {
		if c, ok := m.PacketConn.(counted); ok {
			c.lost.Add(1)
		}
		return len(b), nil
	}
	return m.PacketConn.WriteTo(b, addr)
}

// counted counts what was to be sent and got lost.
type counted struct {
	net.PacketConn
	lost *atomic.Int64
}

// behindFirewall makes a world with both ways, UDP of which is lost while blocked
// is set.
func behindFirewall(t *testing.T) (w *world, blocked *atomic.Bool) {
	w, blocked = newWorld(t), new(atomic.Bool)
	w.tcp, w.ways = true, Ways{HeadStart: 200 * time.Millisecond}
	w.open = func() net.PacketConn { return mute{w.udp("127.0.0.1:0"), blocked} }
	return w, blocked
}

func TestQUICIsPreferred(t *testing.T) {
	w, _ := behindFirewall(t)
	w.ways.HeadStart = 0
	defer w.serve()()
	a := w.agent("agent-1", time.Now())
	defer w.run(a)()
	a.await(t, "welcome")
	until(t, "connected", a.client.Connected)
	if got := a.client.Transport(); got != TransportQUIC {
		t.Errorf("came by %q", got)
	}
	if h := w.office.await(t, "hello").value.(Hello); h.Transport != TransportQUIC || h.Health.Transport != TransportQUIC {
		t.Errorf("the hello says %q", h.Transport)
	}
}

func TestWhereUDPIsBlockedTCPIsUsed(t *testing.T) {
	w, blocked := behindFirewall(t)
	blocked.Store(true)
	w.office.enrol = func(EnrolRequest) (EnrolResponse, error) { return EnrolResponse{Agent: "new"}, nil }
	defer w.serve()()
	got, err := w.enrol(t.Context(), w.auth.Pin(), EnrolRequest{TokenID: "tok", Secret: []byte("s")})
	if err != nil || got.Agent != "new" || got.Transport != TransportTCP || got.QUIC == nil || !strings.Contains(got.QUIC.Error(), "no answer") {
		t.Errorf("enrolled as %+v: %v", got, err)
	}
	a := w.agent("agent-1", time.Now())
	a.spool.append(0xa1, 500)
	stop := w.run(a)
	until(t, "all is delivered", func() bool { return a.spool.pending() == 0 })
	if got := a.client.Transport(); got != TransportTCP {
		t.Errorf("came by %q", got)
	}
	if s := w.server.Sessions(); len(s) != 1 || s[0].Transport != TransportTCP || s[0].RTT <= 0 {
		t.Errorf("sessions: %+v", s)
	}
	stop()
	if all, distinct := w.office.count("agent-1"); all != 500 || distinct != 500 {
		t.Errorf("stored %d, %d distinct, of 500", all, distinct)
	}
	if a.client.Transport() != "" {
		t.Error("a transport without a session")
	}
}

func TestNoWayNamesBothReasons(t *testing.T) {
	w, blocked := behindFirewall(t)
	blocked.Store(true)
	w.tcp = false
	defer w.serve()()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Enrol(ctx, w.waysOf(), []string{w.addr.String()}, w.auth.Pin(), EnrolRequest{})
	e, ok := errors.AsType[*UnreachableError](err)
	if !ok || e.UDP == nil || e.TCP == nil || e.Addr != w.addr.String() || !strings.Contains(e.TCP.Error(), "refused") || strings.Contains(e.Error(), "\n") {
		t.Errorf("no way is told as %#v: %v", err, err)
	}
	_, err = Enrol(t.Context(), Ways{}, []string{"nowhere.invalid:4443"}, w.auth.Pin(), EnrolRequest{})
	if dns, ok := errors.AsType[*net.DNSError](err); !ok || dns.Name != "nowhere.invalid" {
		t.Errorf("a name that is not there is told as %v", err)
	}
}

// TestBackOnQUICWithoutLossOrRepeat blocks UDP, lets the agent settle on TCP, and
// opens UDP again while results keep coming.
func TestBackOnQUICWithoutLossOrRepeat(t *testing.T) {
	w, blocked := behindFirewall(t)
	blocked.Store(true)
	w.ways.Again = 300 * time.Millisecond
	defer w.serve()()
	a := w.agent("agent-1", time.Now())
	stop := w.run(a)
	made := 0
	work := func(what string, cond func() bool) {
		t.Helper()
		until(t, what, func() bool {
			a.spool.append(0xa1, 7)
			made += 7
			return cond()
		})
	}
	work("over TCP", func() bool { return a.client.Transport() == TransportTCP && made > 1000 })
	blocked.Store(false)
	work("back on QUIC", func() bool { return a.client.Transport() == TransportQUIC })
	gone := w.office.await(t, "gone").value.(string)
	if !strings.HasPrefix(gone, "false") || !strings.Contains(gone, CodeSwitched.String()) {
		t.Errorf("the collector took the switch for %q", gone)
	}
	until(t, "all is delivered", func() bool { return a.spool.pending() == 0 })
	for len(a.ch) > 0 {
		if ev := <-a.ch; ev.what == "disconnected" {
			t.Errorf("the agent was told that it is disconnected: %v", ev.value)
		}
	}
	stop()
	if all, distinct := w.office.count("agent-1"); all != made || distinct != made {
		t.Errorf("stored %d, %d distinct, of %d", all, distinct, made)
	}
}

// TestQUICIsSoughtInVain: as long as UDP is blocked the session stays.
func TestQUICIsSoughtInVain(t *testing.T) {
	w, blocked := behindFirewall(t)
	blocked.Store(true)
	w.ways.Again = 20 * time.Millisecond
	lost := new(atomic.Int64)
	w.open = func() net.PacketConn { return mute{counted{w.udp("127.0.0.1:0"), lost}, blocked} }
	defer w.serve()()
	a := w.agent("agent-1", time.Now())
	defer w.run(a)()
	a.await(t, "welcome")
	before := lost.Load()
	until(t, "QUIC is tried again", func() bool { return lost.Load() > before+1 })
	if s := w.server.Sessions(); len(s) != 1 || s[0].Transport != TransportTCP {
		t.Errorf("sessions: %+v", s)
	}
	if a.client.Transport() != TransportTCP {
		t.Errorf("the agent thinks that it comes by %q", a.client.Transport())
	}
	for len(w.office.ch) > 0 {
		if ev := <-w.office.ch; ev.what == "gone" {
			t.Errorf("the session did not stay: %v", ev)
		}
	}
}

// TestWhatWorkedGoesFirst: after TCP was chosen QUIC is not waited for again.
func TestWhatWorkedGoesFirst(t *testing.T) {
	addr := netip.MustParseAddrPort("192.0.2.1:4443")
	to := targets{named: []string{"c.example:4443"}, found: []netip.AddrPort{addr}, host: map[netip.AddrPort]string{addr: "c.example:4443"}}
	proxied := func(string) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "proxy:3128"}, nil }
	udp := func() (*quic.Transport, error) { return nil, nil }
	for _, c := range []struct {
		name     string
		ways     Ways
		udp      func() (*quic.Transport, error)
		tcpFirst bool
		want     string
	}{
		{"usually", Ways{}, udp, false, "udp 192.0.2.1:4443 +0s, tcp 192.0.2.1:4443 +3s"},
		{"TCP worked", Ways{}, udp, true, "tcp 192.0.2.1:4443 +0s, udp 192.0.2.1:4443 +3s"},
		{"QUIC is not wanted", Ways{}, nil, false, "tcp 192.0.2.1:4443 +0s"},
		{"a proxy gets the name", Ways{Proxy: proxied}, udp, false, "udp 192.0.2.1:4443 +0s, tcp c.example:4443 by proxy proxy:3128 +3s"},
	} {
		var got []string
		for _, a := range c.ways.attempts(to, c.udp, nil, nil, c.tcpFirst) {
			got = append(got, fmt.Sprintf("%s +%v", a.name, a.after))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

// fake is a line that only remembers that it was ended.
type fake struct {
	line
	ended bool
}

func (f *fake) shut(Code, string) { f.ended = true }
func (f *fake) wait()             {}

func TestARace(t *testing.T) {
	type try struct {
		after, takes time.Duration
		fails        bool
	}
	s := time.Second
	for _, c := range []struct {
		name   string
		tries  []try
		winner int
		took   time.Duration
		begun  int64
	}{
		{"the first answers before the second begins", []try{{0, s, false}, {3 * s, 0, false}}, 0, s, 1},
		{"the second begins after its head start", []try{{0, 100 * s, false}, {3 * s, s, false}}, 1, 4 * s, 2},
		{"the second begins at once when the first has failed", []try{{0, s, true}, {3 * s, s, false}}, 1, 2 * s, 2},
		{"a late answer still wins", []try{{0, 4 * s, false}, {3 * s, 5 * s, false}}, 0, 4 * s, 2},
		{"none answers", []try{{0, 100 * s, false}, {3 * s, 2 * s, true}}, -1, dialWait, 2},
		{"nobody", nil, -1, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var list []attempt
			var lines []*fake
			var begun atomic.Int64
			for _, x := range c.tries {
				f := &fake{}
				lines = append(lines, f)
				list = append(list, attempt{after: x.after, dial: func(ctx context.Context) (line, error) {
					begun.Add(1)
					select {
					case <-ctx.Done():
						return nil, ctx.Err()
					case <-time.After(x.takes):
					}
					if x.fails {
						return nil, errors.New("refused")
					}
					return f, nil
				}})
			}
			start := time.Now()
			i, ln := race(t.Context(), list)
			if i != c.winner || time.Since(start) != c.took || begun.Load() != c.begun || (i >= 0) != (ln != nil) {
				t.Errorf("%s: %d won after %v, %d begun", c.name, i, time.Since(start), begun.Load())
			}
			for k, a := range list {
				if want := i < 0 || c.tries[k].fails; (a.err != nil) != want {
					t.Errorf("%s: attempt %d ended with %v", c.name, k, a.err)
				}
				if lines[k].ended {
					t.Errorf("%s: line %d was ended", c.name, k)
				}
			}
		})
	}
}

func TestFamiliesTakeTurns(t *testing.T) {
	ap := netip.MustParseAddrPort
	four := []netip.AddrPort{ap("192.0.2.1:1"), ap("192.0.2.2:1"), ap("192.0.2.3:1")}
	six := []netip.AddrPort{ap("[2001:db8::1]:1"), ap("[2001:db8::2]:1")}
	for _, c := range []struct{ in, want []netip.AddrPort }{
		{nil, nil},
		{four, four},
		{six, six},
		{slices.Concat(six, four), []netip.AddrPort{six[0], four[0], six[1], four[1], four[2]}},
		{slices.Concat(four, six), []netip.AddrPort{four[0], six[0], four[1], six[1], four[2]}},
	} {
		if got := takeTurns(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%v becomes %v", c.in, got)
		}
	}
}

// TestADeadFamilyCostsAFraction: the collector's name has an IPv6 address that
// leads nowhere.
func TestADeadFamilyCostsAFraction(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		stop := w.serve()
		defer stop()
		a := w.agent("agent-1", time.Now())
		a.client.o.Resolve = func(context.Context, string) ([]netip.AddrPort, error) {
			return []netip.AddrPort{netip.MustParseAddrPort("[100::1]:9"), w.addr}, nil // discard-only, RFC 6666
		}
		if dial := w.ways.Dial; dial == nil {
			a.client.o.Ways.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if strings.HasPrefix(addr, "[100::1]") {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return (&net.Dialer{}).DialContext(ctx, network, addr)
			}
		}
		begun := time.Now()
		defer w.run(a)()
		a.await(t, "welcome")
		if took := time.Since(begun); took >= dialWait {
			t.Errorf("the dead address was waited for: %v", took)
		}
	})
}

// TestControlIsQuickWhileNothingIsRead is the promise that a sink which is away
// holds back results alone, over TCP as well.
func TestControlIsQuickWhileNothingIsRead(t *testing.T) {
	w := newWorld(t).overTCP()
	hold := make(chan struct{})
	w.office.record = func(ctx context.Context) error {
		select {
		case <-hold:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer w.serve()()
	a := w.agent("agent-1", time.Now())
	a.spool.append(0xa1, 100_000)
	defer w.run(a)()
	l := (*link)(nil)
	until(t, "what may be on its way is on its way", func() bool {
		if l = a.client.session(); l == nil {
			return false
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.flying >= streamWindow
	})
	var slowest time.Duration
	for range 50 {
		begun := time.Now()
		if !w.server.Ask("agent-1", Ask{Round: 1}) {
			t.Fatal("not asked")
		}
		a.await(t, "ask")
		if !a.client.Vote(Vote{Round: 1}) {
			t.Fatal("not answered")
		}
		w.office.await(t, "vote")
		slowest = max(slowest, time.Since(begun))
	}
	time.Sleep(300 * time.Millisecond) // for what should not happen: more on its way
	t.Logf("slowest of 50 round trips of control beside a blocked sink: %v", slowest)
	l.mu.Lock()
	flying := l.flying
	l.mu.Unlock()
	t.Logf("%d bytes of results are on their way", flying)
	if flying >= streamWindow+32<<10 { // the last batch may go over
		t.Errorf("%d bytes are on their way", flying)
	}
	close(hold)
	until(t, "all is delivered", func() bool { return a.spool.pending() == 0 })
	if all, distinct := w.office.count("agent-1"); all != 100_000 || distinct != all {
		t.Errorf("stored %d, %d distinct", all, distinct)
	}
}
