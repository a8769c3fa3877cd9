package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"picket/internal/fleet"
)

// cursor remembers where in a segment reading goes on: the frame at off is the
// first one that holds a record behind seq.
type cursor struct {
	number uint64
	seq    uint64
	off    int64
}

// mergeWeight bounds what Next merges, so that it can be encoded.
const mergeWeight = 768 << 10

// Next returns up to max of the durable records that follow after: in its run,
// or from the beginning of the next run when its run holds no more, or from
// the oldest record if the run of after is not in the spool. It waits until
// there is one, ctx ends, or the spool is closed ([ErrClosed]). A batch never
// crosses a run, a config, a network or a hole; Gap says why the seqs before
// its first record are missing. It is part of [uplink.Source].
func (s *Spool) Next(ctx context.Context, after fleet.Mark, max int) (*fleet.Batch, error) {
	for {
		s.mu.Lock()
		changed, closed := s.changed, s.closed
		s.mu.Unlock()
		b, err := s.scan(after, max)
		if b != nil || err != nil {
			return b, err
		}
		if closed {
			return nil, ErrClosed
		}
		if err := wait(ctx, changed); err != nil {
			return nil, err
		}
	}
}

// scan returns the first records behind after, or nil if there are none now.
func (s *Spool) scan(after fleet.Mark, most int) (*fleet.Batch, error) {
	var passed uint64 // segments up to this number have nothing to read
	for {
		g, from, off, end := s.pin(after, passed)
		if g == nil {
			return nil, nil
		}
		b, next, err := s.read(g, from, off, end, most)
		if e := s.unpin(g); err == nil {
			err = e
		}
		if err != nil {
			return nil, err
		}
		if b == nil {
			passed = g.number
			continue
		}
		s.handOver(b, after, g, next)
		return b, nil
	}
}

// pin chooses the segment to read for a mark and keeps it from being deleted.
// It returns behind which seq, and from where to where, to read.
func (s *Spool) pin(after fleet.Mark, passed uint64) (g *segment, from uint64, off, end int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := slices.IndexFunc(s.segments, func(g *segment) bool { return g.run == after.Run })
	for _, g := range s.segments[max(start, 0):] { // the run of after, and later ones
		mine := g.run == after.Run
		if g.number <= passed || mine && g.last <= after.Seq {
			continue
		}
		off = int64(headerSize)
		if mine {
			from = after.Seq
			if c := s.cursor; c.number == g.number && c.seq <= after.Seq {
				off = c.off
			}
		}
		g.pins++
		return g, from, off, g.size
	}
	return nil, 0, 0, 0
}

// unpin lets a segment go, and deletes it if that had to wait.
func (s *Spool) unpin(g *segment) error {
	s.mu.Lock()
	g.pins--
	sweep := g.pins == 0 && slices.Contains(s.doomed, g)
	s.mu.Unlock()
	if sweep {
		return s.sweep()
	}
	return nil
}

// read merges the records of g behind seq from into one batch, reading from
// off to end. The batch is nil if there are none: what is there cannot be
// read. next is the first frame that is not used up.
func (s *Spool) read(g *segment, from uint64, off, end int64, most int) (b *fleet.Batch, next int64, err error) {
	f, err := os.Open(s.path(g.number))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil // deleted from outside: as good as damaged
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read spool: %w", err)
	}
	defer f.Close()
	r := newFrameReader(f, off, end)
	m := merger{from: from, room: max(most, 1)}
	for {
		next = r.off
		raw, err := r.next()
		var more *fleet.Batch
		if err == nil {
			if more, err = decodeFrame(raw, g.run); err != nil {
				err = errDamaged
			}
		}
		switch {
		case err == nil:
			if !m.add(more) {
				return m.batch, next, nil
			}
		case m.batch != nil:
			return m.batch, next, nil // the next call meets the error again
		case errors.Is(err, errDamaged): // go on behind it
		case errors.Is(err, io.EOF), errors.Is(err, errCut):
			return nil, 0, nil
		default:
			return nil, 0, fmt.Errorf("read spool: %w", err)
		}
	}
}

// merger puts records that follow each other into one batch.
type merger struct {
	from  uint64 // only records behind it count
	room  int    // for so many more records
	heavy int    // weight of those in the batch
	batch *fleet.Batch
}

// add takes what fits of a frame, and says whether it is used up and there is
// room for another one.
func (m *merger) add(b *fleet.Batch) bool {
	skip, _ := slices.BinarySearchFunc(b.Records, m.from+1, func(r fleet.Record, seq uint64) int { return cmp.Compare(r.Seq, seq) })
	records := b.Records[skip:]
	if len(records) == 0 {
		return true
	}
	if a := m.batch; a != nil && (a.Config != b.Config || a.Network != b.Network || a.Last().Seq+1 != records[0].Seq) {
		return false
	}
	n := 0
	for ; n < min(len(records), m.room); n++ {
		w := weight(&records[n].Result)
		if m.heavy+w > mergeWeight {
			break
		}
		m.heavy += w
	}
	m.room -= n
	if m.batch == nil {
		m.batch = b
		b.Records = records[:n]
	} else {
		m.batch.Records = append(m.batch.Records, records[:n]...)
	}
	return n == len(records) && m.room > 0
}

// handOver completes a batch that was read behind after, counts what turned
// out to be missing before it, and remembers where to go on.
func (s *Spool) handOver(b *fleet.Batch, after fleet.Mark, g *segment, next int64) {
	s.mu.Lock()
	counted := false
	b.Gap, counted = s.gapLocked(after, b.Run, b.Records[0].Seq)
	if b.Run != after.Run { // were there more of the run of after, that cannot be read?
		for _, o := range s.segments {
			if o.run == after.Run && o.number < g.number && o.last > after.Seq {
				counted = s.ledger.note(o.run, max(o.first, after.Seq+1), o.last, fleet.LossCorrupt) || counted
			}
		}
	}
	s.cursor = cursor{number: g.number, seq: b.Last().Seq, off: next}
	s.mu.Unlock()
	if counted {
		// Results must flow even when this cannot be written; the count is in
		// memory, and is written with the next one.
		_ = s.saveLedger()
	}
}

// gapLocked says why what lies between after and the record first of run is
// missing, and counts what nobody has counted yet.
func (s *Spool) gapLocked(after fleet.Mark, run, first uint64) (reason fleet.LossReason, counted bool) {
	if first == 1 || after.Run == run && first <= after.Seq+1 {
		return fleet.LossNone, false
	}
	if reason = s.ledger.reason(run, first-1); reason != fleet.LossNone {
		return reason, false
	}
	if after.Run != run || s.ledger.Acked[run] >= first-1 {
		return fleet.LossNone, false // it went because the collector has it
	}
	return fleet.LossCorrupt, s.ledger.note(run, after.Seq+1, first-1, fleet.LossCorrupt)
}
