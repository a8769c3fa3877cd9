package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
)

// An agent whose whole config fails at once sends one suspicion per check.
const (
	controlRate  = 500  // control frames a second that one agent may send
	controlBurst = 4000 //
)

func toAsk(a Ask) *wire.ToAgent { return &wire.ToAgent{Frame: &wire.ToAgent_Ask{Ask: a.wire()}} }

func toConfig(c *fleet.Config) *wire.ToAgent {
	return &wire.ToAgent{Frame: &wire.ToAgent_Config{Config: configWire(c)}}
}

func toRoster(r *fleet.Roster) *wire.ToAgent {
	return &wire.ToAgent{Frame: &wire.ToAgent_Roster{Roster: rosterWire(r)}}
}

// send queues f for agent and never blocks. Frames that come while the welcome
// is still being made follow it.
func (s *Server) send(agent string, f *wire.ToAgent) bool {
	x := s.session(agent)
	if x == nil {
		return false
	}
	if n := proto.Size(f); n > maxFrame {
		s.log.Error("frame to agent is too long", "agent", agent, "bytes", n, "limit", maxFrame)
		return false
	}
	select {
	case x.frames <- f:
		return true
	default:
		return false
	}
}

// push queues f, waiting for room.
func (x *session) push(ctx context.Context, f *wire.ToAgent) error {
	select {
	case x.frames <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write writes queued frames until the session ends, or drains and closes the
// control stream when the agent leaves in order.
func (x *session) write(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f := <-x.frames:
			if err := x.writeFrame(f); err != nil {
				return err
			}
		case <-x.finish:
			for {
				select {
				case f := <-x.frames:
					if err := x.writeFrame(f); err != nil {
						return err
					}
					continue
				default:
				}
				return x.control.Close()
			}
		}
	}
}

func (x *session) writeFrame(f *wire.ToAgent) error {
	if p := f.GetPong(); p != nil {
		p.SentNs = uint64(time.Now().UnixNano()) // waiting in the queue is not travel
	}
	if err := writeMessage(x.control, f, maxFrame); err != nil {
		return why(x.conn, err)
	}
	return nil
}

// read reads control frames until the session ends. An agent that closes its
// side leaves in order: what is under way is finished and acknowledged.
func (x *session) read(ctx context.Context, g *errgroup.Group) error {
	for {
		var f wire.ToCollector
		err := x.in.message(&f)
		if errors.Is(err, io.EOF) {
			return x.farewell(ctx)
		}
		if err != nil {
			return why(x.conn, err)
		}
		if err := x.pace(ctx); err != nil {
			return err
		}
		x.seen()
		if err := x.hear(ctx, g, &f); err != nil {
			return err
		}
	}
}

// hear hands one frame to the handler. Frames that this version does not know
// are skipped.
func (x *session) hear(ctx context.Context, g *errgroup.Group, f *wire.ToCollector) error {
	h := x.s.o.Handler
	switch m := f.GetFrame().(type) {
	case *wire.ToCollector_Heartbeat:
		now := time.Now()
		if m.Heartbeat.GetHealth() != nil {
			h.Health(x.agent, healthFrom(m.Heartbeat.GetHealth()))
		}
		pong := &wire.Pong{EchoNs: m.Heartbeat.GetSentNs(), ReceivedNs: uint64(now.UnixNano())}
		return x.push(ctx, &wire.ToAgent{Frame: &wire.ToAgent_Pong{Pong: pong}})
	case *wire.ToCollector_Health:
		h.Health(x.agent, healthFrom(m.Health))
	case *wire.ToCollector_Suspicion:
		h.Suspicion(x.agent, suspicionFrom(m.Suspicion))
	case *wire.ToCollector_Vote:
		h.Vote(x.agent, voteFrom(m.Vote))
	case *wire.ToCollector_Doctor:
		h.Doctor(x.agent, doctorFrom(m.Doctor))
	case *wire.ToCollector_Tried:
		x.waiting.answer(triedFrom(m.Tried))
	case *wire.ToCollector_Applied:
		h.Applied(x.agent, m.Applied.GetConfig(), clip(m.Applied.GetRefused(), maxText))
	case *wire.ToCollector_Goodbye:
		text := clip(m.Goodbye.GetReason(), maxText)
		x.goodbye.Store(&text)
	case *wire.ToCollector_Renew:
		if x.renewing.CompareAndSwap(false, true) {
			g.Go(func() error {
				defer x.renewing.Store(false)
				return x.push(ctx, x.renewed(ctx, m.Renew.GetCsr()))
			})
		}
	case *wire.ToCollector_Hello:
		return fmt.Errorf("%w: a second hello", ErrProtocol)
	}
	return nil
}

// renewed asks the handler to sign csr.
func (x *session) renewed(ctx context.Context, csr []byte) *wire.ToAgent {
	ctx, cancel := context.WithTimeout(ctx, handlerWait)
	defer cancel()
	r := &wire.Renewed{}
	chain, err := []byte(nil), error(&Refusal{Code: "csr", Message: "the certificate request is too long"})
	if len(csr) <= maxCSR {
		chain, err = x.s.o.Handler.Renew(ctx, x.agent, csr)
	}
	refusal, decided := errors.AsType[*Refusal](err)
	switch {
	case err == nil:
		r.Chain = chain
		x.s.log.Info("certificate renewed", "agent", x.agent)
	case decided:
		r.Refused = clip(refusal.Error(), maxText)
		x.s.log.Warn("renewal refused", "agent", x.agent, "reason", refusal)
	case errors.Is(err, ErrRevoked):
		x.close(CodeRevoked, "")
	default:
		r.Refused = "the collector could not sign; it will be asked again"
		x.s.log.Error("renewal failed", "agent", x.agent, "err", err)
	}
	return &wire.ToAgent{Frame: &wire.ToAgent_Renewed{Renewed: r}}
}

// farewell lets the record stream end, flushes acknowledgements, and waits for
// the agent to close.
func (x *session) farewell(ctx context.Context) error {
	wait := time.NewTimer(lastWords)
	defer wait.Stop()
	select {
	case <-x.recorded:
	case <-wait.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	close(x.finish)
	wait.Reset(lastWords)
	select {
	case <-x.conn.Context().Done():
		return why(x.conn, nil)
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return io.EOF // the agent has our last words, or never will
	}
}

// pace holds back an agent that sends control frames faster than any reason
// explains.
func (x *session) pace(ctx context.Context) error {
	for !x.spoke.allow(time.Now()) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second / controlRate):
		}
	}
	return nil
}

// seen tells the handler of a sign of life, not too often. A session whose
// packets come from another address (the site's router switched to its second
// line; QUIC follows by itself) ends: the agent comes back at once, and its
// network is decided anew. Another port alone is a NAT's business.
func (x *session) seen() {
	now, last := time.Now().UnixNano(), x.seenAt.Load()
	if now-last < int64(seenEvery) || !x.seenAt.CompareAndSwap(last, now) {
		return
	}
	x.s.o.Handler.Seen(x.agent)
	if x.welcomed.Load() && x.remote().Addr() != x.from {
		x.close(CodeMoved, "seen from another address")
	}
}
