package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
)

const (
	incoming    = 256             // frames waiting for the control stream
	flushWait   = 2 * time.Second // for the last acknowledgements
	silence     = time.Second     // after which a heartbeat is due
	spareBeats  = 5 * time.Second // the same on a metered line
	sampleEvery = 10 * time.Second
)

var (
	// errLeft ends a session whose last words were heard.
	errLeft = errors.New("this end stopped")
	// errSwitched ends a session because a better way was found.
	errSwitched = errors.New("coming back by QUIC")
	// errRenewed ends a session of which nothing but a new certificate was wanted.
	errRenewed = errors.New("certificate renewed, coming back with it")
)

// link is one session at the agent's end.
type link struct {
	c         *Client
	conn      line
	control   stream
	in        *frameReader // of control
	frames    chan *wire.ToCollector
	packets   *packets
	me        netip.Addr
	renewOnly bool
	metered   bool
	start     fleet.Mark    // where the record stream begins
	leaving   chan struct{} // closed when this end stops
	// seek looks for a better way until ctx ends; [errSwitched]: there is one. nil:
	// there can be none.
	seek   func(ctx context.Context) error
	reason atomic.Value // the error to leave with: [errLeft] or [errSwitched]

	spoke atomic.Int64 // UnixNano of the last thing sent
	beats sentTimes

	mu      sync.Mutex // guards the fields below
	flights []flight   // batches on their way, oldest first
	flying  int        // bytes of them
	acks    []fleet.Mark
	acked   chan struct{} // cap 1: acks are waiting
	landing chan struct{} // cap 1: flights have landed

	ackMu sync.Mutex // held while acknowledging, so that marks stay in order
}

func newLink(c *Client, conn line, st stream, in *frameReader, h Hello, w Welcome, renewOnly bool) *link {
	return &link{
		c: c, conn: conn, control: st, in: in, frames: make(chan *wire.ToCollector, incoming), packets: newPackets(),
		me: fleet.Address(w.Agent), renewOnly: renewOnly, metered: h.Metered, start: startMark(h.Runs, w.Marks),
		leaving: make(chan struct{}), acked: make(chan struct{}, 1), landing: make(chan struct{}, 1),
	}
}

// agentCode maps the error that ended a session to what the collector is told.
func agentCode(err error) Code {
	switch {
	case errors.Is(err, ErrProtocol):
		return CodeProtocol
	case errors.Is(err, ErrVersion):
		return CodeVersion
	case errors.Is(err, errRenewed):
		return CodeRenewed
	case errors.Is(err, errSwitched):
		return CodeSwitched
	default:
		return CodeShutdown
	}
}

// send queues f and never blocks. A nil link has no session.
func (l *link) send(f *wire.ToCollector) bool {
	if l == nil {
		return false
	}
	select {
	case l.frames <- f:
		return true
	default: // the stream does not move: the session is as good as dead
		return false
	}
}

func (l *link) speak() { l.spoke.Store(time.Now().UnixNano()) }

// run lives through the session: until ctx ends and the last words are said,
// or until either end gives up.
func (l *link) run(ctx context.Context, w Welcome) error {
	if err := l.begin(w); err != nil {
		l.conn.shut(CodeShutdown, "")
		return err
	}
	l.c.link.Store(l)
	defer l.c.link.Store(nil)
	g, live := errgroup.WithContext(context.WithoutCancel(ctx))
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	l.reason.Store(errLeft)
	defer context.AfterFunc(live, func() {
		err := context.Cause(live)
		l.conn.shut(agentCode(err), "")
	})()
	g.Go(func() error { return l.read() })
	g.Go(func() error { return l.write(live) })
	g.Go(func() error { return l.leave(ctx, live) })
	if l.seek != nil && !l.renewOnly {
		g.Go(func() error { return l.look(ctx, live, leave) })
	}
	if !l.renewOnly {
		g.Go(func() error { return l.record(ctx, live) })
		g.Go(func() error { return l.acknowledge(live) })
		g.Go(func() error { return l.sendFresh(live) })
		g.Go(func() error { return l.packets.send(live, l.conn) })
		g.Go(func() error { return l.readPackets(live) })
		g.Go(func() error { return l.acceptStreams(live, g) })
	}
	err := g.Wait()
	l.conn.shut(agentCode(err), "")
	if errors.Is(err, errLeft) || errors.Is(err, errRenewed) || errors.Is(err, errSwitched) {
		return err
	}
	return why(l.conn, err)
}

// begin applies the welcome.
func (l *link) begin(w Welcome) error {
	if l.renewOnly {
		return nil
	}
	for _, m := range w.Marks {
		if err := l.c.o.Source.Acknowledge(m); err != nil {
			return fmt.Errorf("acknowledge up to the collector's mark: %w", err)
		}
	}
	cfg, roster := w.Config, w.Roster
	w.Config, w.Roster, w.Transport = nil, nil, l.conn.transport()
	l.c.o.Handler.Welcome(w)
	if roster != nil {
		l.c.o.Handler.Roster(*roster)
	}
	if cfg != nil {
		l.config(*cfg)
	}
	return nil
}

// config hands cfg over and reports what the agent thinks of it.
func (l *link) config(cfg fleet.Config) {
	a := &wire.Applied{Config: cfg.ID}
	if err := l.c.o.Handler.Config(cfg); err != nil {
		a.Refused = clip(err.Error(), maxText)
	}
	l.send(&wire.ToCollector{Frame: &wire.ToCollector_Applied{Applied: a}})
}

// look waits for a better way and then leaves in order.
func (l *link) look(ctx, live context.Context, leave func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(live, cancel)()
	if err := l.seek(ctx); err != nil {
		l.reason.Store(err)
		leave()
	}
	return nil
}

// leave waits until this end stops, and then at most two seconds for the
// collector's last words.
func (l *link) leave(ctx, live context.Context) error {
	select {
	case <-live.Done():
		return live.Err()
	case <-ctx.Done():
	}
	close(l.leaving)
	select {
	case <-live.Done():
		return live.Err()
	case <-time.After(flushWait):
		return l.left()
	}
}

// left is the end of a session that this end ended in order.
func (l *link) left() error { return l.reason.Load().(error) }

// read reads control frames until the session ends.
func (l *link) read() error {
	for {
		var f wire.ToAgent
		if err := l.in.message(&f); err != nil {
			if !errors.Is(err, io.EOF) {
				return why(l.conn, err)
			}
			select {
			case <-l.leaving: // the collector has said its last words
				if err := l.flushAcks(); err != nil {
					return err
				}
				return l.left()
			default:
				return fmt.Errorf("%w: the collector closed the control stream", ErrProtocol)
			}
		}
		if err := l.hear(&f); err != nil {
			return err
		}
	}
}

// hear handles one frame. Frames that this version does not know are skipped.
func (l *link) hear(f *wire.ToAgent) error {
	h := l.c.o.Handler
	switch m := f.GetFrame().(type) {
	case *wire.ToAgent_Ack:
		l.landed(fleet.Mark{Run: m.Ack.GetRun(), Seq: m.Ack.GetSeq()})
	case *wire.ToAgent_Pong:
		l.pong(m.Pong)
	case *wire.ToAgent_Config:
		cfg, err := configFrom(m.Config)
		if err != nil {
			l.send(&wire.ToCollector{Frame: &wire.ToCollector_Applied{Applied: &wire.Applied{Config: cfg.ID, Refused: clip(err.Error(), maxText)}}})
			return nil
		}
		l.config(cfg)
	case *wire.ToAgent_Roster:
		h.Roster(rosterFrom(m.Roster))
	case *wire.ToAgent_Ask:
		h.Ask(askFrom(m.Ask))
	case *wire.ToAgent_Try:
		t, err := tryFrom(m.Try)
		if err != nil {
			l.send(&wire.ToCollector{Frame: &wire.ToCollector_Tried{Tried: Tried{ID: t.ID, Refused: err.Error()}.wire()}})
			return nil
		}
		h.Try(t)
	case *wire.ToAgent_Renewed:
		return l.renewed(m.Renewed)
	case *wire.ToAgent_Welcome:
		return fmt.Errorf("%w: a second welcome", ErrProtocol)
	}
	return nil
}

// renewed stores a new certificate. The session goes on with the old one,
// unless that has expired.
func (l *link) renewed(r *wire.Renewed) error {
	if r.GetRefused() != "" {
		l.c.log.Warn("the collector did not renew the certificate", "reason", clip(r.GetRefused(), maxText))
		return nil
	}
	if err := l.c.o.Handler.Renewed(r.GetChain()); err != nil {
		l.c.log.Error("store the renewed certificate", "err", err)
		return nil
	}
	l.c.forgetTickets()
	if l.renewOnly {
		return errRenewed
	}
	return nil
}

// write writes queued frames, and heartbeats into silences, until the session
// ends or this end stops.
func (l *link) write(live context.Context) error {
	beat := time.NewTimer(0) // the first takes a time sample
	defer beat.Stop()
	for {
		select {
		case <-live.Done():
			return live.Err()
		case f := <-l.frames:
			if err := l.writeFrame(f); err != nil {
				return err
			}
		case <-beat.C:
			next, err := l.beat()
			if err != nil {
				return err
			}
			beat.Reset(next)
		case <-l.leaving:
			for {
				select {
				case f := <-l.frames:
					if err := l.writeFrame(f); err != nil {
						return err
					}
					continue
				default:
				}
				return l.control.Close()
			}
		}
	}
}

func (l *link) writeFrame(f *wire.ToCollector) error {
	if err := writeMessage(l.control, f, maxControlFrame); err != nil {
		return why(l.conn, err)
	}
	l.speak()
	return nil
}
