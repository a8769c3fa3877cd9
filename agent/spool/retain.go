package spool

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"picket/internal/fleet"
)

// Acknowledge says that the collector has everything of m.Run up to m.Seq for
// good. Segments that hold nothing else are deleted, except the newest one. A
// mark of a run that is not in the spool, or an older mark, changes nothing.
// It is part of [uplink.Source].
func (s *Spool) Acknowledge(m fleet.Mark) error {
	s.mu.Lock()
	var newest uint64 // what a collector cannot have, it does not have
	for _, g := range s.segments {
		if g.run == m.Run {
			newest = g.last
		}
	}
	seq := min(m.Seq, newest)
	if seq <= s.ledger.Acked[m.Run] {
		s.mu.Unlock()
		return nil
	}
	s.ledger.Acked[m.Run] = seq
	retired := s.retireAckedLocked()
	s.mu.Unlock()
	if !retired {
		return nil
	}
	return errors.Join(s.saveLedger(), s.sweep())
}

// retireAckedLocked takes the segments off the list that the collector has.
func (s *Spool) retireAckedLocked() bool {
	return s.retireLocked(func(g *segment) bool { return g.last <= s.ledger.Acked[g.run] })
}

// retireLocked takes the segments off the list that go, except the newest,
// whose times the next run must stay behind.
func (s *Spool) retireLocked(goes func(*segment) bool) bool {
	if len(s.segments) == 0 {
		return false
	}
	before, newest := len(s.doomed), s.segments[len(s.segments)-1]
	s.segments = slices.DeleteFunc(s.segments, func(g *segment) bool {
		if g == newest || !goes(g) {
			return false
		}
		s.doomed = append(s.doomed, g)
		return true
	})
	return len(s.doomed) > before
}

// enforce deletes what is acknowledged, beyond MaxBytes, or older than MaxAge,
// and counts what the collector does not have of it.
func (s *Spool) enforce() error {
	s.mu.Lock()
	retired := s.retireAckedLocked()
	var size int64
	for _, g := range s.segments {
		size += g.size
	}
	oldest := time.Now().Add(-s.o.MaxAge).UnixMilli()
	stop := false // only from the oldest on, without holes
	retired = s.retireLocked(func(g *segment) bool {
		reason := fleet.LossExpired
		switch {
		case stop:
			return false
		case size > s.o.MaxBytes:
			reason = fleet.LossEvicted
		case g.newest >= oldest:
			stop = true
			return false
		}
		s.ledger.note(g.run, g.first, g.last, reason)
		size -= g.size
		return true
	}) || retired
	s.mu.Unlock()
	if !retired {
		return nil
	}
	return errors.Join(s.saveLedger(), s.sweep())
}

// sweep deletes the files of retired segments that nobody reads. Those that
// cannot be deleted are tried again with the next one.
func (s *Spool) sweep() error {
	s.mu.Lock()
	free := slices.DeleteFunc(slices.Clone(s.doomed), func(g *segment) bool { return g.pins > 0 })
	s.mu.Unlock()
	var errs []error
	for _, g := range free {
		if err := os.Remove(s.path(g.number)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("delete segment: %w", err))
			continue
		}
		s.mu.Lock()
		s.doomed = slices.DeleteFunc(s.doomed, func(d *segment) bool { return d == g })
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}
