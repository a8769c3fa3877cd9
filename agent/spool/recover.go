package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"picket/internal/fleet"
)

// recover takes stock of what is in the directory. It reads every segment once
// to check it, decodes the few frames whose seqs matter, and all of the newest
// segment for its times. Damage never fails it; errors of the disk do.
func (s *Spool) recover() error {
	var warning error
	if s.ledger, warning = readLedger(s.o.Dir); warning != nil {
		s.o.Log.Warn("spool lost its counters", "dir", s.o.Dir, "err", warning)
	}
	numbers, err := s.listNumbers()
	if err != nil {
		return err
	}
	var all []*found
	for _, n := range numbers {
		s.number = n
		f, err := s.inspect(n)
		switch {
		case errors.Is(err, errHeader):
			s.o.Log.Warn("spool segment cannot be read and is deleted", "segment", segmentName(n), "err", err)
			if err := os.Remove(s.path(n)); err != nil {
				return err
			}
		case errors.Is(err, errNewer), errors.Is(err, errAlien):
			s.o.Log.Warn("spool segment is left alone", "segment", segmentName(n), "err", err)
		case err != nil:
			return fmt.Errorf("inspect %s: %w", segmentName(n), err)
		default:
			all = append(all, f)
		}
	}
	if err := s.takeStock(all); err != nil {
		return err
	}
	if len(all) > 0 {
		if err := s.learnTimes(all[len(all)-1]); err != nil {
			return err
		}
	}
	return errors.Join(s.enforce(), s.saveLedger())
}

// listNumbers returns the numbers of the segment files, ascending.
func (s *Spool) listNumbers() ([]uint64, error) {
	entries, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		if n, ok := parseName(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// found is a segment as it lies on the disk.
type found struct {
	segment
	floor int64 // from the header
	whole int64 // bytes of the file
	holes []gap // between its readable frames
}

// errAlien says that frames are whole but mean nothing to this version.
var errAlien = errors.New("frames cannot be decoded")

// inspect reads a segment file. Its error is errHeader if nothing in it can be
// used.
func (s *Spool) inspect(number uint64) (*found, error) {
	f, err := os.Open(s.path(number))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(f, header); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errHeader
	} else if err != nil {
		return nil, err
	}
	d := &found{segment: segment{number: number}, whole: info.Size()}
	if d.run, d.floor, err = readHeader(header); err != nil {
		return nil, err
	}
	if err := d.walk(newFrameReader(f, int64(headerSize), d.whole)); err != nil {
		return nil, err
	}
	return d, nil
}

// walk reads the frames of d.
func (d *found) walk(r *frameReader) error {
	var last []byte // the latest readable frame
	broken := false // something unreadable lies behind it
	for {
		raw, err := r.next()
		switch {
		case errors.Is(err, errDamaged):
			broken = true
			continue
		case errors.Is(err, io.EOF), errors.Is(err, errCut):
			return d.end(last)
		case err != nil:
			return err
		}
		if last == nil || broken {
			b, err := d.decode(raw)
			if err != nil {
				return err
			}
			if last == nil {
				d.first, d.oldest = b.Records[0].Seq, b.Records[0].Time.UnixMilli()
			} else if err := d.hole(last, b.Records[0].Seq); err != nil {
				return err
			}
			broken = false
		}
		last = append(last[:0], raw...)
		d.size = r.off
	}
}

// hole notes that what is between the frame last and the record first cannot
// be read.
func (d *found) hole(last []byte, first uint64) error {
	b, err := d.decode(last)
	if err != nil {
		return err
	}
	if seq := b.Last().Seq; seq+1 < first {
		d.holes = append(d.holes, gap{d.run, seq + 1, first - 1, fleet.LossCorrupt})
	}
	return nil
}

// end completes d with its last frame.
func (d *found) end(last []byte) error {
	if last == nil {
		return fmt.Errorf("%w: no frame can be read", errHeader)
	}
	b, err := d.decode(last)
	if err != nil {
		return err
	}
	d.last = b.Last().Seq
	for i := range b.Records {
		d.newest = max(d.newest, b.Records[i].Time.UnixMilli())
	}
	return nil
}

func (d *found) decode(raw []byte) (*fleet.Batch, error) {
	b, err := decodeFrame(raw, d.run)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAlien, err)
	}
	return b, nil
}

// takeStock lists what was found, cuts off torn ends, counts what the seqs
// show to be missing, and finishes deletions that a crash interrupted.
func (s *Spool) takeStock(all []*found) error {
	for i, d := range all {
		lastOfRun := i == len(all)-1 || all[i+1].run != d.run
		if lastOfRun && d.size < d.whole {
			if err := os.Truncate(s.path(d.number), d.size); err != nil {
				return fmt.Errorf("cut torn end: %w", err)
			}
		}
		for _, h := range d.holes {
			s.ledger.note(h.Run, h.First, h.Last, h.Reason)
		}
		if i > 0 && all[i-1].run == d.run {
			s.ledger.note(d.run, all[i-1].last+1, d.first-1, fleet.LossCorrupt)
		}
		s.segments = append(s.segments, &d.segment)
	}
	s.retireLocked(func(g *segment) bool { return s.ledger.settled(g.run, g.first, g.last) })
	return s.sweep()
}

// learnTimes finds behind which time the new run must stay: every time in the
// newest segment, and what its header says of those before.
func (s *Spool) learnTimes(d *found) error {
	f, err := os.Open(s.path(d.number))
	if err != nil {
		return err
	}
	defer f.Close()
	floor := d.floor
	for r := newFrameReader(f, int64(headerSize), d.size); ; {
		raw, err := r.next()
		if errors.Is(err, errDamaged) {
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, errCut) {
			s.stamps.floor, s.stamps.newest = floor, floor
			return nil
		}
		if err != nil {
			return err
		}
		b, err := decodeFrame(raw, d.run)
		if err != nil {
			continue // it is not served either
		}
		for i := range b.Records {
			floor = max(floor, b.Records[i].Time.UnixMilli())
		}
	}
}
