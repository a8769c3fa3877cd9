package spool

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"picket/internal/fleet"
	"picket/internal/uplink"
	"picket/probes"
)

// The bounds of one frame, far enough below those of a batch that a frame can
// always be encoded, alone and merged with others.
const (
	frameRecords = 1000
	frameWeight  = 512 << 10 // in the measure of weight
)

// weight bounds the bytes that a record takes in a batch: its columns, an
// address of its own, and its texts.
func weight(r *probes.Result) int { return 160 + len(r.Edge) + len(r.Err) }

// The times that a record can have, in milliseconds: 1970 to 2200. What a
// clock says beyond is held at the border.
const maxMilli = 7258118400000

// stamps makes times unique per check, strictly ascending.
type stamps struct {
	config uint64
	floor  int64            // no time may be at or before it if the check is not in last
	newest int64            // greatest time given
	last   map[uint32]int64 // by check of config
}

// stamp returns the time for the next record of a check: milli, or just behind
// the check's last one.
func (t *stamps) stamp(config uint64, check uint32, milli int64) int64 {
	if config != t.config { // an index means another check now
		t.config, t.floor = config, t.newest
		clear(t.last)
	}
	last, ok := t.last[check]
	if !ok {
		last = t.floor
	}
	milli = max(min(max(milli, 0), maxMilli), last+1)
	t.last[check] = milli
	t.newest = max(t.newest, milli)
	return milli
}

// Flush makes everything appended so far durable, and returns why not if it
// cannot. What could not be written stays in memory for the next flush. The
// spool flushes by itself; this is for those who want to know.
func (s *Spool) Flush() error {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	s.mu.Lock()
	items := s.buffer
	s.buffer, s.urgent = nil, false
	s.mu.Unlock()
	if len(items) == 0 {
		return nil
	}
	if s.ended {
		return ErrClosed
	}
	full, err := s.write(items)
	s.mu.Lock()
	s.failed = err
	if err != nil {
		s.buffer = append(items, s.buffer...)
		s.trimLocked()
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if full {
		err = s.finish()
	}
	return errors.Join(err, s.enforce())
}

// write gives items their seqs and times, writes them as frames behind the
// newest segment, and makes them visible once they are durable. It says
// whether the segment is full. After an error nothing has happened.
func (s *Spool) write(items []item) (full bool, err error) {
	w := s.frames(items)
	if len(w.bytes) == 0 {
		return false, nil
	}
	g, err := s.store(w.bytes)
	if err != nil {
		return false, err
	}
	s.seq = w.last
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.last == 0 {
		g.first, g.oldest = w.first, w.oldest
		s.segments = append(s.segments, g)
	}
	g.last = w.last
	g.newest = max(g.newest, w.newest)
	g.size += int64(len(w.bytes))
	s.syncs++
	close(s.changed)
	s.changed = make(chan struct{})
	return g.size >= s.o.Segment, nil
}

// written is what one flush writes.
type written struct {
	bytes          []byte
	first, last    uint64
	oldest, newest int64
}

// frames encodes items, one frame for each stretch of one config and network.
func (s *Spool) frames(items []item) written {
	w := written{first: s.seq + 1, last: s.seq}
	var raw []byte
	for len(items) > 0 {
		n := stretch(items)
		b := fleet.Batch{Run: s.run, Config: items[0].config, Network: items[0].network, Records: make([]fleet.Record, n)}
		for i := range b.Records {
			it := &items[i]
			if !it.stamped { // else a flush that failed has done it
				it.milli, it.stamped = s.stamps.stamp(it.config, it.check, it.milli), true
			}
			w.last++
			w.newest = max(w.newest, it.milli)
			b.Records[i] = fleet.Record{Seq: w.last, Check: it.check, Time: time.UnixMilli(it.milli), Result: it.result}
		}
		if w.oldest == 0 {
			w.oldest = items[0].milli
		}
		var err error
		if raw, err = uplink.EncodeBatch(raw[:0], &b); err != nil {
			// Not possible as long as stretch and stamp keep to the limits of a
			// batch. Were it, these results must not hold up all others for ever.
			s.o.Log.Error("results cannot be encoded and are dropped", "results", n, "err", err)
			s.drop(n)
			w.last -= uint64(n)
		} else {
			w.bytes = appendFrame(w.bytes, raw)
		}
		items = items[n:]
	}
	return w
}

func (s *Spool) drop(n int) {
	s.mu.Lock()
	s.dropped += uint64(n)
	s.mu.Unlock()
}

// stretch returns how many of items go into one frame.
func stretch(items []item) int {
	sum := 0
	for i := range items {
		sum += weight(&items[i].result)
		if i == frameRecords || i > 0 && sum > frameWeight || items[i].config != items[0].config || items[i].network != items[0].network {
			return i
		}
	}
	return len(items)
}

// store appends b to the newest segment, or a new one, and returns when it is
// durable. After an error the file is as long as before.
func (s *Spool) store(b []byte) (*segment, error) {
	if s.out == nil {
		return s.begin(b)
	}
	s.mu.Lock()
	g := s.segments[len(s.segments)-1]
	s.mu.Unlock()
	_, err := s.out.Write(b)
	if err == nil {
		err = s.out.Sync()
	}
	if err == nil {
		return g, nil
	}
	// What a failed fsync left on the disk is not known. The frames are cut off
	// and their seqs given again, in a new file.
	err = fmt.Errorf("write results: %w", err)
	if cut := s.out.Truncate(g.size); cut != nil {
		err = errors.Join(err, cut)
		s.newRun() // the seqs may be on the disk: they must not mean anything else
	}
	return nil, errors.Join(err, s.finish())
}

// newRun begins a new run within the same opening.
func (s *Spool) newRun() {
	s.mu.Lock()
	s.run = newRun()
	s.mu.Unlock()
	s.seq = 0
}

// begin makes a new segment that holds b.
func (s *Spool) begin(b []byte) (*segment, error) {
	s.number++
	name := s.path(s.number)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin segment: %w", err)
	}
	header := appendHeader(nil, s.run, max(s.stamps.floor, s.stamps.newest))
	_, err = f.Write(slices.Concat(header, b))
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(s.o.Dir)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("begin segment: %w", err), f.Close())
		if gone := os.Remove(name); gone != nil {
			err = errors.Join(err, gone)
			s.newRun()
		}
		return nil, err
	}
	s.out = f
	return &segment{number: s.number, run: s.run, size: int64(len(header))}, nil
}

// finish closes the newest segment; the next flush begins another.
func (s *Spool) finish() error {
	f := s.out
	s.out = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	return nil
}
