package spool

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"picket/internal/uplink"
	"picket/probes"
)

// Errors that callers tell apart.
var (
	ErrLocked = errors.New("another process uses this spool")
	ErrClosed = errors.New("spool is closed")
	// ErrDropped is wrapped by the error of Append when results fell out of
	// the memory buffer because the disk has refused them for too long.
	ErrDropped = errors.New("results dropped before they reached the disk")
)

// waiting is how many results are held in memory while the disk refuses them.
const waiting = 10_000

// retry is how long a flush that failed waits for its next attempt.
const retry = time.Second

// Options says where a spool is and how much it keeps.
type Options struct {
	Dir        string        // required; made if it is not there, for the owner only
	MaxBytes   int64         // of all segments; 0 means 256 MiB. One segment is always kept
	MaxAge     time.Duration // of the newest result of a segment; 0 means 14 days
	Segment    int64         // bytes after which a new segment file begins; 0 means 1 MiB
	FlushEvery time.Duration // longest time a result waits for its fsync; 0 means 200 ms
	Log        *slog.Logger  // nil discards
}

// Spool is an open spool. Its methods may be called by several goroutines.
type Spool struct {
	o    Options
	lock *os.File

	stop chan struct{} // closed by Close
	done chan struct{} // closed by the flusher when it has ended
	kick chan struct{} // cap 1: something was appended

	// flushMu is held by whoever writes segments, and guards the fields below.
	// It is taken before mu.
	flushMu sync.Mutex
	ended   bool     // Close is through: nothing may be written
	out     *os.File // the newest segment; nil between segments
	stamps  stamps
	seq     uint64 // last one that was written
	number  uint64 // of the newest segment file ever made

	ledgerMu sync.Mutex // held while the ledger file is written; taken before mu

	mu       sync.Mutex // guards the fields below
	run      uint64
	segments []*segment // oldest first; runs do not interleave
	doomed   []*segment // no longer listed, their files still to be deleted
	buffer   []item     // appended, not yet written
	urgent   bool       // something in buffer is
	failed   error      // of the last flush
	closed   bool
	ledger   ledger
	cursor   cursor
	changed  chan struct{} // closed and replaced when something became durable
	dropped  uint64
	syncs    uint64
}

// item is an appended result that has no seq yet.
type item struct {
	config  uint64
	network uint32
	check   uint32
	milli   int64 // when the probe began
	stamped bool  // milli is made unique
	result  probes.Result
}

// Open opens the spool in o.Dir, makes it if it is not there, and begins a new
// run. It cuts off what a crash left half written, and counts what the disk
// has lost. Close must be called.
func Open(o Options) (*Spool, error) {
	o.MaxBytes = cmp.Or(o.MaxBytes, 256<<20)
	o.MaxAge = cmp.Or(o.MaxAge, 14*24*time.Hour)
	o.Segment = cmp.Or(o.Segment, 1<<20)
	o.FlushEvery = cmp.Or(o.FlushEvery, 200*time.Millisecond)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("lock spool %s: %w", o.Dir, err)
	}
	s := &Spool{
		o: o, lock: lock, run: newRun(),
		stop: make(chan struct{}), done: make(chan struct{}), kick: make(chan struct{}, 1), changed: make(chan struct{}),
		stamps: stamps{last: make(map[uint32]int64)},
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool %s: %w", o.Dir, err), lock.Close())
	}
	go s.work()
	return s, nil
}

// newRun draws the name of a run. Zero is nobody's.
func newRun() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if run := binary.LittleEndian.Uint64(b[:]); run != 0 {
			return run
		}
	}
}

// Append hands over the result of check, an index into the config, that was
// made under config and seen from network; at is when the probe began, by the
// best clock known. It does not wait for the disk: the result is durable, has
// its seq and its unique time, and is seen by [Spool.Next], after the next
// flush, which begins at once if urgent.
//
// An error tells that the disk refuses writes. The result is then held in
// memory with up to 10,000 others and tried again; only if the error wraps
// [ErrDropped], or is [ErrClosed], is a result lost, the oldest of them, which
// never had a seq.
func (s *Spool) Append(config uint64, network uint32, check uint32, at time.Time, r probes.Result, urgent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	first := len(s.buffer) == 0
	s.buffer = append(s.buffer, item{config: config, network: network, check: check, milli: at.UnixMilli(), result: r})
	s.urgent = s.urgent || urgent
	if first || urgent {
		s.kickLocked()
	}
	dropped := s.trimLocked()
	switch {
	case dropped > 0:
		return fmt.Errorf("%w (%d): %w", ErrDropped, dropped, cmp.Or(s.failed, errors.New("the disk is too slow")))
	case s.failed != nil:
		return fmt.Errorf("spool holds %d results in memory: %w", len(s.buffer), s.failed)
	default:
		return nil
	}
}

// trimLocked lets the oldest results fall out of a buffer that is too long.
func (s *Spool) trimLocked() int {
	n := max(0, len(s.buffer)-waiting)
	s.buffer = s.buffer[n:]
	s.dropped += uint64(n)
	return n
}

func (s *Spool) kickLocked() {
	select {
	case s.kick <- struct{}{}:
	default: // a kick is waiting already
	}
}

// work flushes what was appended, until Close.
func (s *Spool) work() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	armed, told := false, ""
	for {
		select {
		case <-s.stop:
			return
		case <-s.kick:
			s.mu.Lock()
			urgent := s.urgent
			s.mu.Unlock()
			if !urgent {
				if !armed {
					timer.Reset(s.o.FlushEvery)
					armed = true
				}
				continue
			}
		case <-timer.C:
		}
		timer.Stop()
		armed = false
		told = s.flushAndTell(told)
		if told != "" {
			timer.Reset(max(retry, s.o.FlushEvery))
			armed = true
		}
	}
}

// flushAndTell flushes and logs a failure that is not the one told last. It
// returns the text of the failure, "" if there is none.
func (s *Spool) flushAndTell(told string) string {
	err := s.Flush()
	switch {
	case err == nil && told == "":
		return ""
	case err == nil:
		s.o.Log.Info("spool writes again", "dir", s.o.Dir)
		return ""
	case err.Error() != told:
		s.o.Log.Error("spool cannot write; results wait in memory", "dir", s.o.Dir, "err", err)
	}
	return err.Error()
}

// Close flushes, ends the flusher and gives the directory free. Calls of Next
// that wait return ErrClosed.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.stop)
	<-s.done
	err := s.Flush()
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	s.ended = true
	if s.out != nil {
		err = errors.Join(err, s.finish())
	}
	err = errors.Join(err, s.saveLedger())
	s.mu.Lock()
	close(s.changed) // wakes every Next; nothing replaces it now
	s.mu.Unlock()
	return errors.Join(err, s.lock.Close())
}

// Stats is the state of a spool at one moment.
type Stats struct {
	Pending uint64            `json:"pending"` // results that are not acknowledged, those in memory included
	Bytes   int64             `json:"bytes"`   // on disk
	Lost    map[string]uint64 `json:"lost"`    // results that had a seq and are gone unacknowledged, by fleet.LossReason, since the spool was made
	Dropped uint64            `json:"dropped"` // results that never reached the disk, since it was opened
	Syncs   uint64            `json:"syncs"`   // flushes that wrote, since it was opened
	// NewestAge is the age of the newest durable result; 0 if there is none.
	NewestAge time.Duration `json:"newest_age"`
	// OldestUnacked is the time of the oldest result that is not acknowledged,
	// at the precision of segments: it is not younger. Zero if there is none.
	OldestUnacked time.Time `json:"oldest_unacked"`
	Err           string    `json:"err,omitempty"` // why the last flush failed; "" if it did not
}

// Stats returns the state of the spool.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Pending: uint64(len(s.buffer)), Lost: make(map[string]uint64), Dropped: s.dropped, Syncs: s.syncs}
	for reason, n := range s.ledger.Lost {
		st.Lost[reason.String()] = n
	}
	for _, g := range s.segments {
		st.Bytes += g.size
		first := max(g.first, s.ledger.Acked[g.run]+1)
		if first > g.last {
			continue
		}
		st.Pending += g.last - first + 1
		if st.OldestUnacked.IsZero() {
			st.OldestUnacked = time.UnixMilli(g.oldest)
		}
	}
	if n := len(s.segments); n > 0 {
		st.NewestAge = max(0, time.Since(time.UnixMilli(s.segments[n-1].newest)))
	}
	if s.failed != nil {
		st.Err = s.failed.Error()
	}
	return st
}

// Runs returns what the spool holds, oldest first. It is part of
// [uplink.Source].
func (s *Spool) Runs() []uplink.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var runs []uplink.Run
	for _, g := range s.segments {
		if n := len(runs); n > 0 && runs[n-1].ID == g.run {
			runs[n-1].Newest = g.last
			continue
		}
		runs = append(runs, uplink.Run{ID: g.run, Oldest: g.first, Newest: g.last})
	}
	return runs
}

var _ uplink.Source = (*Spool)(nil)

// wait blocks until changed is closed or ctx ends.
func wait(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
		return nil
	}
}
