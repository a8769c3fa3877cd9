package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"picket/internal/fleet"
)

const (
	ledgerName   = "ledger.json"
	ledgerFormat = 1
	// ledgerGaps bounds the holes that are remembered; the oldest is forgotten.
	ledgerGaps = 256
)

// ledger is what the spool must not forget although the results are gone: how
// many were lost and why, and what the collector has. It is written before the
// segments that it speaks of are deleted, and deleting goes on from it after a
// crash, so that nothing is counted twice or not at all.
type ledger struct {
	Format int                         `json:"format"`
	Lost   map[fleet.LossReason]uint64 `json:"lost"`
	Gaps   []gap                       `json:"gaps"`
	Acked  map[uint64]uint64           `json:"acked"` // by run: the last seq that the collector has
}

// gap is a hole in a run. Gaps of one run do not overlap.
type gap struct {
	Run    uint64           `json:"run"`
	First  uint64           `json:"first"`
	Last   uint64           `json:"last"`
	Reason fleet.LossReason `json:"reason"`
}

// note counts the records first to last of run as lost, except those that are
// counted already or that the collector has, and says whether there were any.
func (l *ledger) note(run, first, last uint64, reason fleet.LossReason) bool {
	first = max(first, l.Acked[run]+1)
	if first > last {
		return false
	}
	for i := range l.Gaps {
		g := l.Gaps[i]
		if g.Run != run || g.Last < first || g.First > last {
			continue
		}
		before := l.note(run, first, g.First-1, reason)
		return l.note(run, g.Last+1, last, reason) || before
	}
	l.Lost[reason] += last - first + 1
	for i := range l.Gaps {
		if g := &l.Gaps[i]; g.Run == run && g.Reason == reason && g.Last+1 == first {
			g.Last = last
			return true
		}
	}
	if len(l.Gaps) >= ledgerGaps {
		l.Gaps = slices.Delete(l.Gaps, 0, 1)
	}
	l.Gaps = append(l.Gaps, gap{run, first, last, reason})
	return true
}

// reason says why a record is missing; LossNone if that is not known.
func (l *ledger) reason(run, seq uint64) fleet.LossReason {
	for _, g := range l.Gaps {
		if g.Run == run && g.First <= seq && seq <= g.Last {
			return g.Reason
		}
	}
	return fleet.LossNone
}

// settled says whether first to last of run are all acknowledged or lost: the
// segment was on its way out when the process ended.
func (l *ledger) settled(run, first, last uint64) bool {
	for seq := max(first, l.Acked[run]+1); seq <= last; {
		i := slices.IndexFunc(l.Gaps, func(g gap) bool {
			return g.Run == run && g.First <= seq && seq <= g.Last && g.Reason != fleet.LossCorrupt
		})
		if i < 0 {
			return false
		}
		seq = l.Gaps[i].Last + 1
	}
	return true
}

// prune forgets what belongs to runs that are neither on disk nor current.
func (l *ledger) prune(kept func(run uint64) bool) {
	l.Gaps = slices.DeleteFunc(l.Gaps, func(g gap) bool { return !kept(g.Run) })
	maps.DeleteFunc(l.Acked, func(run, _ uint64) bool { return !kept(run) })
}

// readLedger reads the ledger of a directory. One that cannot be read is set
// aside, because no count is worth an agent that does not start.
func readLedger(dir string) (l ledger, warning error) {
	l = ledger{Format: ledgerFormat}
	file := filepath.Join(dir, ledgerName)
	b, err := os.ReadFile(file)
	if err == nil {
		if err = json.Unmarshal(b, &l); err == nil && l.Format > ledgerFormat {
			err = fmt.Errorf("format %d is newer than this version", l.Format)
		}
		if err != nil {
			l = ledger{Format: ledgerFormat}
			err = errors.Join(fmt.Errorf("spool ledger is set aside: %w", err), os.Rename(file, file+".bad"))
		}
	} else if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if l.Lost == nil {
		l.Lost = make(map[fleet.LossReason]uint64)
	}
	if l.Acked == nil {
		l.Acked = make(map[uint64]uint64)
	}
	return l, err
}

// saveLedger writes the ledger so that a crash leaves the old or the new one.
func (s *Spool) saveLedger() error {
	s.ledgerMu.Lock()
	defer s.ledgerMu.Unlock()
	s.mu.Lock()
	on := make(map[uint64]bool)
	for _, g := range slices.Concat(s.segments, s.doomed) {
		on[g.run] = true
	}
	s.ledger.prune(func(run uint64) bool { return run == s.run || on[run] })
	b, err := json.Marshal(s.ledger)
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("save spool ledger: %w", err)
	}
	if err := replaceFile(filepath.Join(s.o.Dir, ledgerName), b); err != nil {
		return fmt.Errorf("save spool ledger: %w", err)
	}
	return nil
}

// replaceFile writes b to name, durably and at once. What has the temporary name,
// left by a crash or a link that somebody put there, is removed and not written
// to: root opens the spool of the service's user when it joins.
func replaceFile(name string, b []byte) error {
	if err := os.Remove(name + ".new"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}
