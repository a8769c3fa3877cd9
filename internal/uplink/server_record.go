package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
)

// acceptResults takes the agent's one-way streams: one record stream a
// session, one live stream at a time.
func (x *session) acceptResults(ctx context.Context, g *errgroup.Group, marks []fleet.Mark) error {
	for {
		st, err := x.conn.AcceptUniStream(ctx)
		if err != nil {
			return why(x.conn, err)
		}
		g.Go(func() error {
			_ = st.SetReadDeadline(time.Now().Add(headerWait)) // it never fails
			kind, err := readKind(st)
			_ = st.SetReadDeadline(time.Time{})
			switch {
			case err != nil:
				st.CancelRead(streamRefused)
			case kind == kindRecord && x.recording.CompareAndSwap(false, true):
				return x.record(ctx, st, newOrder(marks))
			case kind == kindLive && x.living.CompareAndSwap(false, true):
				defer x.living.Store(false)
				return x.live(st)
			case kind == kindRecord || kind == kindLive:
				st.CancelRead(streamRefused)
			default:
				st.CancelRead(streamUnknown)
			}
			return nil
		})
	}
}

// record hands batches to the handler, one after the other, and acknowledges
// what is durable. While the handler blocks nothing is read, the stream's
// window fills, and QUIC holds the agent back.
func (x *session) record(ctx context.Context, st receiveStream, o *order) error {
	defer close(x.recorded)
	in := newFrameReader(st, maxFrame)
	for {
		b, err := x.batch(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := o.next(b); err != nil {
			return err
		}
		if err := x.s.o.Handler.Record(ctx, x.agent, b); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return x.refused("record", err)
		}
		last := b.Last()
		ack := &wire.ToAgent{Frame: &wire.ToAgent_Ack{Ack: &wire.Mark{Run: last.Run, Seq: last.Seq}}}
		if err := x.push(ctx, ack); err != nil {
			return err
		}
	}
}

// live hands over results that will come again; it is dropped without harm.
func (x *session) live(st receiveStream) error {
	in := newFrameReader(st, maxFrame)
	for {
		b, err := x.batch(in)
		if errors.Is(err, ErrProtocol) {
			return err
		}
		if err != nil {
			return nil // the agent closed or cut it; record lives
		}
		x.s.o.Handler.Live(x.agent, b)
	}
}

// batch reads one batch. io.EOF is the stream's orderly end.
func (x *session) batch(in *frameReader) (*fleet.Batch, error) {
	raw, err := in.next()
	if errors.Is(err, io.EOF) || errors.Is(err, ErrProtocol) {
		return nil, err
	}
	if err != nil {
		return nil, why(x.conn, err)
	}
	x.seen()
	b, err := DecodeBatch(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: batch: %w", ErrProtocol, err)
	}
	if len(b.Records) == 0 {
		return nil, fmt.Errorf("%w: empty batch", ErrProtocol)
	}
	return b, nil
}

// order holds a record stream to its promise: within a run seqs only grow, from
// behind the mark of the welcome, and a run that was left is never taken up again.
type order struct {
	marks map[uint64]uint64 // run -> mark of the welcome
	left  map[uint64]bool
	run   uint64
	seq   uint64
}

func newOrder(marks []fleet.Mark) *order {
	o := &order{marks: map[uint64]uint64{}, left: map[uint64]bool{}}
	for _, m := range marks {
		o.marks[m.Run] = m.Seq
	}
	return o
}

// next checks b, which is not empty, and moves on.
func (o *order) next(b *fleet.Batch) error {
	if b.Run == LiveRun {
		return fmt.Errorf("%w: a record without a run", ErrProtocol)
	}
	if b.Run != o.run {
		if o.left[b.Run] || len(o.left) > maxRuns {
			return fmt.Errorf("%w: run %x was left before", ErrProtocol, b.Run)
		}
		o.left[o.run] = true
		o.run, o.seq = b.Run, o.marks[b.Run]
	}
	for i := range b.Records {
		if seq := b.Records[i].Seq; seq <= o.seq {
			return fmt.Errorf("%w: seq %d of run %x behind %d", ErrProtocol, seq, b.Run, o.seq)
		} else {
			o.seq = seq
		}
	}
	return nil
}
