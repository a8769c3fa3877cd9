// Package cluster knows who of the fleet is alive, and a few small facts about
// each. It is memberlist's only door.
//
// # What gossip is for, and what not
//
// memberlist moves small facts to everybody; results are many, and only the
// collector wants them. So gossip carries who is there and what it says about
// itself (where it stands, its version, its config, whether its line is well and
// whether it votes), at most 512 bytes a member. It carries no result and no
// vote, and nothing is decided by it: any member can forge messages about any
// other, because memberlist trusts its cluster. What it is good for is a status
// page that still works while the collector is away, direct paths, and cheap
// liveness of many.
//
// # No socket
//
// A cluster opens nothing. It is given a [Link], which sends packets and opens
// streams by virtual address ([fleet.Address]), and is handed what comes in by
// [Cluster.Packet] and [Cluster.Stream]. The address follows from the id alone,
// so that a member that moves between networks stays the same member, and an
// alive message is believed only if name and address belong together and the
// name is on the roster ([Options].Allowed).
//
// # What memberlist needs to be told
//
//   - Errors of the link. memberlist suspects a member only if a packet to it
//     was sent and not answered; after any error but a few net.OpErrors it
//     silently skips the probe. A packet to an unreachable member must therefore
//     succeed (it is lost), and only a failure of our own uplink is an error:
//     then nobody is probed, and nobody is accused by the one who is cut off.
//     What was in flight at that moment may still time out here; such a death is
//     reported as [Unknown], because it says nothing about the other side.
//   - Callbacks run with its lock held, so they only note what they hear, under
//     our own mutex, and never call back.
//   - It tells neither suspicion nor left from dead through its API. A member
//     that leaves therefore says so itself, in one packet to each other member,
//     whose source the relay has authenticated. Suspicion is not shown.
//   - It forgets the dead after 30 s and never asks them again: two halves of a
//     healed partition would stay apart. So the members we miss are asked to join
//     from time to time, at random between 60 and 120 s, at once when the roster
//     gains a name or the line comes back, and every 5 s while we see nobody.
//   - It allocates what the first bytes of a stream promise: a million members,
//     20 MiB of user state, 40 MiB behind a compressed message. Whoever is on the
//     roster can say so in 37 bytes. What comes in is therefore read by entry.go
//     first, and only what our own settings can send reaches memberlist.
//   - The LAN profile (probe every second, death after about ten) holds over
//     relayed lines, too; the WAN profile would take a minute to notice a death.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"picket/internal/fleet"
)

// Link carries packets and streams between members.
type Link interface {
	// SendPacket sends b, which it must not change, to the member at dst. It
	// never blocks. A member that cannot be reached is no error: the packet is
	// lost. An error means that our own uplink is down.
	SendPacket(dst netip.Addr, b []byte) error
	// OpenStream opens a stream to the member at dst.
	OpenStream(ctx context.Context, dst netip.Addr) (net.Conn, error)
}

// Options says who this member is and whom it may believe.
type Options struct {
	Name    string     // required: the agent id, or fleet.CollectorID
	Seat    fleet.Seat // where it stands; SetSeat changes it
	Version string     // of the software; "" means unknown
	Link    Link       // required
	// Allowed says whether a name is on the roster. Required. It is asked with
	// memberlist's lock held: it must not block nor call into the Cluster.
	Allowed func(name string) bool
	// Seeds returns the ids of members that are worth asking to join; nil means
	// that others ask us. Offline ones do no harm.
	Seeds func() []string
	Label string       // keeps cells apart on one relay; at most 255 bytes, "" means none
	Log   *slog.Logger // gets memberlist's talk at debug; nil discards
}

const (
	maxName = 64

	leaveTimeout = 2 * time.Second
	tellTimeout  = time.Second
	tellEvery    = 5 * time.Second // least time between two changes of our facts
)

// Cluster is this process's membership. Make it with [New].
type Cluster struct {
	o         Options
	transport *transport
	table     *table
	changed   chan struct{} // facts or seat changed; room for one, never closed
	back      chan struct{} // the line came back; room for one, never closed
	started   atomic.Bool
}

// New checks the options. Nothing is sent before [Cluster.Run].
func New(o Options) (*Cluster, error) {
	switch {
	case o.Name == "" || len(o.Name) > maxName || strings.ContainsAny(o.Name, "/ \t\r\n"):
		return nil, fmt.Errorf("cluster: unusable member name %q", o.Name)
	case o.Link == nil || o.Allowed == nil:
		return nil, errors.New("cluster: Options.Link and Options.Allowed are required")
	case len(o.Label) > memberlist.LabelMaxSize:
		return nil, fmt.Errorf("cluster: label of %d bytes, at most %d", len(o.Label), memberlist.LabelMaxSize)
	}
	if o.Seeds == nil {
		o.Seeds = func() []string { return nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Seat.Agent = o.Name
	c := &Cluster{o: o, changed: make(chan struct{}, 1), back: make(chan struct{}, 1)}
	c.transport = newTransport(o.Name, o.Link, func() { nudge(c.back) })
	c.table = newTable(o, c.transport.isDown)
	return c, nil
}

// Packet takes a packet from the member at src, which the link has
// authenticated, and owns b from then on. It never blocks; what cannot be taken
// is dropped.
func (c *Cluster) Packet(src netip.Addr, b []byte) {
	if string(b) == goodbye {
		c.table.leaving(src, time.Now())
		return
	}
	c.transport.packet(src, b)
}

// Stream takes a stream from the member at src and owns it from then on. It
// never blocks; a stream that cannot be taken is closed.
func (c *Cluster) Stream(src netip.Addr, conn net.Conn) { c.transport.stream(src, conn) }

// SetFacts changes what this member tells about itself. The fleet hears of it
// within seconds; changes that follow each other within 5 s are told as one.
func (c *Cluster) SetFacts(f Facts) {
	if c.table.setFacts(f) {
		nudge(c.changed)
	}
}

// SetSeat changes where this member says it stands.
func (c *Cluster) SetSeat(s fleet.Seat) {
	if c.table.setSeat(s) {
		nudge(c.changed)
	}
}

// Members returns everybody on the roster who was seen since the start, this
// member included, in the order of their ids.
func (c *Cluster) Members() []Member { return c.table.members() }

// Run takes part until ctx ends; then it says goodbye, leaves within about two
// seconds, and ends everything it started. Only memberlist's probe that is in
// flight then runs out by itself, within 8 s, into nothing. It can be run once.
func (c *Cluster) Run(ctx context.Context) error {
	if c.started.Swap(true) {
		return errors.New("cluster: run twice")
	}
	ml, err := memberlist.Create(c.config())
	if err != nil {
		c.transport.Shutdown()
		return fmt.Errorf("start memberlist: %w", err)
	}
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		c.keepJoined(ctx, ml)
	}()
	c.keepTelling(ctx, ml)
	c.transport.hangUp() // a join that waits for an answer would hold us up
	<-joined

	c.sayGoodbye()
	left := ml.Leave(leaveTimeout)
	c.sayGoodbye() // once more: packets get lost
	stopped := ml.Shutdown()
	if left != nil {
		c.o.Log.Debug("gossip", "msg", "left without hearing that it was told", "err", left)
	}
	if stopped != nil {
		return fmt.Errorf("stop memberlist: %w", stopped)
	}
	return nil
}

func (c *Cluster) config() *memberlist.Config {
	m := memberlist.DefaultLANConfig()
	m.Name = c.o.Name
	m.BindPort, m.AdvertisePort = fleet.Port, fleet.Port
	m.Transport = c.transport
	m.Label = c.o.Label
	m.RequireNodeNames = true
	m.DisableTcpPings = true    // packets and streams share the line
	m.EnableCompression = false // a few bytes could become 40 MiB: see entry.go
	// A QUIC datagram takes 1163 to 1415 bytes, and memberlist adds a checksum
	// and the label to what it counts.
	m.UDPBufferSize = 1100
	m.Delegate, m.Events, m.Alive, m.Ping = c.table, c.table, c.table, c.table
	m.Logger = newLogger(c.o.Log)
	m.LogOutput = nil
	return m
}

// keepTelling spreads changes of our facts until ctx ends.
func (c *Cluster) keepTelling(ctx context.Context, ml *memberlist.Memberlist) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
		if err := ml.UpdateNode(tellTimeout); err != nil {
			c.o.Log.Debug("gossip", "msg", "own facts are still on their way", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(tellEvery):
		}
	}
}

func (c *Cluster) sayGoodbye() {
	for _, name := range c.table.others() {
		if err := c.o.Link.SendPacket(fleet.Address(name), []byte(goodbye)); err != nil {
			return // nobody can hear us
		}
	}
}

// nudge puts a token into a channel with room for one.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
