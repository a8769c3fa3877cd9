// Package agent is what runs at a client's site: it asks when a check is due,
// keeps every result until the collector has it for good, tells the collector
// its doubts, and answers when others doubt.
//
// # Who owns what
//
// schedule knows when, probes know how, [picket/internal/vantage] knows what
// one site may conclude, spool keeps results, [picket/internal/uplink] carries
// them, [picket/internal/cluster] knows who else is there. This package only
// joins them: a result goes to the spool and to vantage, a doubt goes to the
// uplink, a round comes back as two fresh attempts and a vote.
//
// # Alone
//
// An agent needs its collector to enrol and to be heard, not to work. The last
// configuration, roster and network are on disk (state.go); with the collector
// away it goes on asking on them and the spool grows up to its bounds.
//
// # Revoked
//
// An agent that the collector took back its membership from, or does not know,
// asks nothing more and keeps nothing more: its results would be for nobody, and
// its probes a burden on others that nobody decided on. The process stays, idle,
// and says so in its log and its status: a service manager that starts it again
// and again would help nobody. A mark in the state directory (revoked.go) makes
// that outlive restarts and lets `picket-agent join TOKEN` know that it may take
// the place. The session is tried again, in steps of up to ten minutes, because
// a collector that came back from the wrong backup, and is corrected, may know
// better; its welcome takes the mark away and the asking begins again. What was
// not delivered stays on disk meanwhile.
//
// # Kept out
//
// A collector that is too far off in versions (E113), or that has another machine
// online with the same identity (E111), answers and does not let the agent in
// (keptout.go). Neither is for ever, so the agent goes on as if the collector were
// away: it asks, keeps its results, says why in its status, and tries again.
//
// # Waiting for approval
//
// [Join] with a token that needs an admin's word leaves the request and its key in
// the state directory (waiting.go), and [Await] repeats it until it is decided: the
// window in which somebody typed the command may be closed long before.
//
// # The end
//
// Run ends from the source to the sink: first nothing new is asked, then what
// is being asked is finished or abandoned, then the spool is flushed, the
// collector is told goodbye and why (leave.go), and the session closes.
//
// # What it costs
//
// Every probe's bytes are counted, and what the site may spend bounds how often
// is asked ([picket/agent/traffic], budget.go).
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/agent/schedule"
	"picket/agent/spool"
	"picket/internal/cluster"
	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/probes"
)

// Options says who this agent is and what it may use of its machine.
type Options struct {
	// Dir is the state directory that `picket-agent join` filled. Required.
	Dir string
	// Ways are the ways to the collector. Its UDP socket is opened again when
	// one dies (a laptop's Wi-Fi, a VPN). The zero Ways is TCP alone.
	Ways uplink.Ways
	// Dial replaces the dialer of the probes; nil is the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Spool bounds the results kept while the collector is away, in bytes; 0
	// means 256 MiB.
	Spool int64
	// Probes is how many checks may be asked at once; 0 means 64.
	Probes int
	// Metered spares an expensive line: heartbeats after 5 s of silence
	// instead of 1 s, and the budget of a day instead of that of a month alone.
	Metered bool
	// Examine is how often the agent's doctor looks at it; 0 means 6 h.
	Examine time.Duration
	// Version is told to the collector.
	Version string
	// Log receives one line per thing that happened; nil discards.
	Log *slog.Logger
}

// Agent is one running agent. Make it with [New], run it once.
type Agent struct {
	o      Options
	log    *slog.Logger
	bundle *identity.Bundle
	prober *probes.Prober
	spool  *spool.Spool
	sched  *schedule.Schedule
	client *uplink.Client
	gossip *cluster.Cluster
	mind   *mind
	state  *state
	tries  *tries
	tail   *tail
	purse  purse

	greeted chan struct{} // cap 1: a session has begun

	machine uplink.Machine            // which this is
	kept    atomic.Pointer[KeptOut]   // why the collector does not let us in; nil: it does, or is away
	revoked atomic.Pointer[time.Time] // when the collector took the identity back; nil: it did not

	offset  atomic.Int64 // nanoseconds to add to our clock to get the collector's
	slots   chan struct{}
	budget  askBudget      // rounds to take part in; guarded by asks
	asks    sync.Mutex     // orders spawn and the end of life, so that nothing begins after Wait
	asking  sync.WaitGroup // probes and rounds under way
	dropped atomic.Uint64  // results that could not be kept
	started time.Time

	// life ends when the agent stops asking. It is a field because the
	// schedule and the uplink call back without a context of their own.
	life context.Context
	stop context.CancelFunc
}

// New opens the agent's state and makes its parts. It fails if the agent is
// not enrolled ([identity.ErrNotEnrolled]) or another process runs on Dir.
func New(o Options) (*Agent, error) {
	o.Probes = cmp.Or(o.Probes, 64)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	bundle, err := identity.LoadBundle(o.Dir)
	if err != nil {
		return nil, err
	}
	t := newTail(o.Log.Handler())
	o.Log = slog.New(t)
	a := &Agent{o: o, bundle: bundle, tail: t, greeted: make(chan struct{}, 1), slots: make(chan struct{}, o.Probes), started: time.Now(), machine: thisMachine()}
	a.life, a.stop = context.WithCancel(context.Background())
	a.log = o.Log.With("agent", bundle.AgentID())
	if a.state, err = openState(o.Dir); err != nil {
		return nil, err
	}
	if err := a.openPurse(); err != nil {
		return nil, err
	}
	if at, err := RevokedAt(o.Dir); err != nil {
		return nil, err
	} else if !at.IsZero() {
		a.revoked.Store(&at)
	}
	if a.spool, err = openSpool(o); err != nil {
		return nil, err
	}
	if err := a.wire(); err != nil {
		return nil, errors.Join(err, a.spool.Close())
	}
	return a, nil
}

// wire makes the parts that need the agent itself.
func (a *Agent) wire() error {
	a.prober = probes.New(probes.Options{Allow: guardPolicy(a.bundle.Info().Policy), Dial: a.o.Dial})
	a.tries = newTries(a.o, a.bundle.Info().Policy)
	a.mind = newMind()
	a.sched = schedule.New(schedule.Options{Fire: a.fire})
	a.client = uplink.NewClient(uplink.ClientOptions{
		Ways:    a.o.Ways,
		Addrs:   func() []string { return a.bundle.Info().Addrs },
		TLS:     a.bundle.ClientTLS(uplink.Protocol),
		Source:  a.spool,
		Handler: session{a},
		Offset:  func(d time.Duration) { a.offset.Store(int64(d)) },
		Log:     a.log,
	})
	var err error
	// Gossip reaches the agents of other clients too, so a member tells them its
	// id and how it is. Whose it is and where it stands, the roster tells those
	// who may know.
	a.gossip, err = cluster.New(cluster.Options{
		Name:    a.bundle.AgentID(),
		Seat:    fleet.Seat{Agent: a.bundle.AgentID()},
		Version: a.o.Version,
		Link:    a.client,
		Allowed: a.state.member,
		Seeds:   func() []string { return []string{fleet.CollectorID} },
		Log:     a.log,
	})
	if err != nil {
		return fmt.Errorf("start gossip: %w", err)
	}
	if cfg := a.state.config(); cfg != nil {
		if err := checkConfig(*cfg); err != nil {
			a.log.Error("stored configuration left out", "config", cfg.ID, "err", err)
		} else {
			a.adopt(*cfg)
		}
	}
	return nil
}

// Run works until ctx ends, then hands over what it has and says goodbye. A
// nil error is a clean end.
func (a *Agent) Run(ctx context.Context) error {
	listener, err := listenStatus(a.o.Dir)
	if noSockets(err) {
		a.log.Warn("picket-agent status cannot be asked: this system has no Unix sockets", "err", err)
		listener, err = silent(), nil
	}
	if err != nil {
		a.stop()
		return errors.Join(err, a.spool.Close())
	}
	if err := unmarkLeave(a.o.Dir); err != nil { // of a stop that has been
		a.log.Warn("the next goodbye may tell an old reason", "err", err)
	}
	link, unlink := context.WithCancel(context.WithoutCancel(ctx))
	defer unlink()

	var below errgroup.Group // outlives the asking
	below.Go(func() error { return ignoreCancel(a.client.Run(link)) })
	gossip, ungossip := context.WithCancel(link)
	defer ungossip()
	gossiped := make(chan error, 1)
	go func() { gossiped <- ignoreCancel(a.gossip.Run(gossip)) }()
	below.Go(func() error { return a.serveStatus(link, listener) })

	g, asking := errgroup.WithContext(ctx)
	defer context.AfterFunc(asking, a.stop)()
	g.Go(func() error { return ignoreCancel(a.sched.Run(asking)) })
	g.Go(func() error { a.watch(asking); return nil })
	g.Go(func() error { a.keepIdentity(asking); return nil })
	g.Go(func() error { a.remind(asking); return nil })
	g.Go(func() error { a.examine(asking); return nil })
	g.Go(func() error { a.keepBudget(asking); return nil })
	err = g.Wait()
	a.asks.Lock()
	a.stop()
	a.asks.Unlock()
	a.asking.Wait()
	err = errors.Join(err, a.spool.Flush())
	ungossip()
	err = errors.Join(err, <-gossiped)
	a.client.Goodbye(leaving(ctx, a.o.Dir, time.Now()))
	a.drain(2 * time.Second)
	unlink()
	return errors.Join(err, below.Wait(), a.spool.Close())
}

// drain waits until the collector has acknowledged everything, at most d.
func (a *Agent) drain(d time.Duration) {
	end := time.Now().Add(d)
	for a.client.Connected() && a.spool.Stats().Pending > 0 && time.Now().Before(end) {
		time.Sleep(20 * time.Millisecond)
	}
}

// keepIdentity asks for a new certificate at two thirds of the old one's life.
func (a *Agent) keepIdentity(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if a.now().After(a.bundle.RenewAt()) && a.client.Connected() {
			if csr, err := a.bundle.NewCSR(); err != nil {
				a.log.Error("renew certificate", "err", err)
			} else {
				a.client.Renew(csr)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// seat is what this agent tells the fleet of itself before the roster says more.
func (a *Agent) seat() fleet.Seat {
	if s, ok := a.state.seat(a.bundle.AgentID()); ok {
		return s
	}
	info := a.bundle.Info()
	return fleet.Seat{Agent: info.Agent, Site: info.Site, Client: info.Client, Region: info.Region}
}

// now is the time by the collector's clock, as far as it is known.
func (a *Agent) now() time.Time { return time.Now().Add(time.Duration(a.offset.Load())) }

func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
