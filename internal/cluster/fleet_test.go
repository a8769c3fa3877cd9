package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"picket/internal/fleet"
)

// hub is a relay in memory: 20 ms from anybody to anybody, packets to the
// absent are lost, streams to the absent end at the first read.
type hub struct {
	mu      sync.Mutex // guards the fields below
	members map[netip.Addr]*Cluster
	lost    map[string]bool   // unplugged without knowing it: everything is lost
	down    map[string]bool   // knows that its uplink is down
	side    map[string]string // partition: only equal sides reach each other
	names   map[netip.Addr]string
}

func newHub() *hub {
	return &hub{
		members: map[netip.Addr]*Cluster{}, lost: map[string]bool{}, down: map[string]bool{},
		side: map[string]string{}, names: map[netip.Addr]string{},
	}
}

func (h *hub) set(m map[string]bool, name string, on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m[name] = on
}

// reach returns who is at dst, nil if from cannot reach it now.
func (h *hub) reach(from string, dst netip.Addr) (*Cluster, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down[from] {
		return nil, errors.New("uplink down")
	}
	to := h.names[dst]
	if h.lost[from] || h.lost[to] || h.down[to] || h.side[from] != h.side[to] {
		return nil, nil
	}
	return h.members[dst], nil
}

// link is one member's end of the hub.
type link struct {
	h    *hub
	name string
}

func (l link) SendPacket(dst netip.Addr, b []byte) error {
	c, err := l.h.reach(l.name, dst)
	if err != nil || c == nil {
		return err
	}
	b = slices.Clone(b)
	time.AfterFunc(20*time.Millisecond, func() { c.Packet(fleet.Address(l.name), b) })
	return nil
}

func (l link) OpenStream(_ context.Context, dst netip.Addr) (net.Conn, error) {
	c, err := l.h.reach(l.name, dst)
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	if c == nil {
		there.Close()
		return here, nil
	}
	time.AfterFunc(20*time.Millisecond, func() { c.Stream(fleet.Address(l.name), there) })
	return here, nil
}

// crew is a fleet of members, all seeds of each other.
type crew struct {
	t     *testing.T
	h     *hub
	names []string

	mu     sync.Mutex // guards roster and seeds
	roster map[string]bool
	seeds  []string
	at     map[string]*Cluster
	stop   map[string]context.CancelFunc
	ended  map[string]chan error
}

func newCrew(t *testing.T, n int) *crew {
	c := &crew{t: t, h: newHub(), roster: map[string]bool{}, at: map[string]*Cluster{}, stop: map[string]context.CancelFunc{}, ended: map[string]chan error{}}
	for i := range n {
		name := fmt.Sprintf("agent-%02d", i)
		c.enlist(name)
	}
	return c
}

func (c *crew) enlist(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = append(c.names, name)
	c.seeds = slices.Clone(c.names)
	c.roster[name] = true
}

func (c *crew) strike(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.roster, name)
}

func (c *crew) allowed(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roster[name]
}

func (c *crew) options(name string) Options {
	return Options{
		Name: name, Version: "v1", Label: "cell",
		Seat:    fleet.Seat{Site: "acme/" + name, Client: "acme", Network: "AS1", Region: "eu"},
		Link:    link{c.h, name},
		Allowed: c.allowed,
		Seeds: func() []string {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.seeds
		},
	}
}

func (c *crew) start(o Options) *Cluster {
	c.t.Helper()
	m, err := New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	addr := fleet.Address(o.Name)
	c.h.mu.Lock()
	c.h.members[addr], c.h.names[addr] = m, o.Name
	c.h.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	c.at[o.Name], c.stop[o.Name], c.ended[o.Name] = m, cancel, make(chan error, 1)
	done := c.ended[o.Name]
	go func() { done <- m.Run(ctx) }()
	return m
}

func (c *crew) startAll() {
	for _, name := range c.names {
		c.start(c.options(name))
	}
}

func (c *crew) end(name string) {
	c.t.Helper()
	c.stop[name]()
	began := time.Now()
	if err := <-c.ended[name]; err != nil {
		c.t.Errorf("%s: %v", name, err)
	}
	if d := time.Since(began); d > 5*time.Second {
		c.t.Errorf("%s took %v to end", name, d)
	}
	delete(c.stop, name)
}

// endAll ends everybody, and gives memberlist's last timers time to run out: a
// goroutine that stays behind fails the bubble.
func (c *crew) endAll() {
	for _, name := range c.names {
		if c.stop[name] != nil {
			c.end(name)
		}
	}
	time.Sleep(15 * time.Second)
}

// sees returns the state of whom in the eyes of who.
func (c *crew) sees(who, whom string) Member {
	for _, m := range c.at[who].Members() {
		if m.Seat.Agent == whom {
			return m
		}
	}
	return Member{}
}

// settle is the longest that news takes: gossip brings it within a second or
// two, but in one case of a hundred a member misses all copies of a packet, and
// hears of it in its next exchange of states.
const settle = 90 * time.Second

// soon waits until ask has no complaint, at most limit, and returns how long it took.
func (c *crew) soon(limit time.Duration, ask func() string) time.Duration {
	c.t.Helper()
	began := time.Now()
	for {
		complaint := ask()
		if complaint == "" {
			return time.Since(began)
		}
		if time.Since(began) >= limit {
			c.t.Fatalf("after %v: %s", limit, complaint)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// differs complains about a member that runs, is not whom, and sees whom otherwise.
func (c *crew) differs(whom string, want State) string {
	for who := range c.stop {
		if got := c.sees(who, whom).State; got != want && who != whom {
			return fmt.Sprintf("%s sees %s %v, want %v", who, whom, got, want)
		}
	}
	return ""
}

// blind complains if more than few see whom otherwise.
func (c *crew) blind(whom string, want State, few int) string {
	n := 0
	for who := range c.stop {
		if who != whom && c.sees(who, whom).State != want {
			n++
		}
	}
	if n > few {
		return fmt.Sprintf("%d of %d do not see %s %v", n, len(c.stop)-1, whom, want)
	}
	return ""
}

// want waits until everybody sees whom so.
func (c *crew) want(limit time.Duration, whom string, want State) time.Duration {
	c.t.Helper()
	return c.soon(limit, func() string { return c.differs(whom, want) })
}

// wantAllAlive waits until everybody sees everybody alive.
func (c *crew) wantAllAlive() time.Duration {
	c.t.Helper()
	return c.soon(settle, func() string {
		for _, name := range c.names {
			if s := c.differs(name, Alive); s != "" {
				return s
			}
		}
		return ""
	})
}

func story(t *testing.T, n int, tell func(c *crew)) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, n)
		defer c.endAll()
		c.startAll()
		c.wantAllAlive()
		tell(c)
	})
}
