package uplink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"picket/internal/fleet"
)

const (
	batchRecords = 1000        // most records of one batch; fewer when fewer wait
	lagging      = time.Second // behind which fresh results travel on their own
	freshBatches = 64          // fresh batches that wait; the oldest falls out
)

// startMark is where the record stream begins: behind the collector's mark of
// the oldest run that holds something it does not have.
func startMark(runs []Run, marks []fleet.Mark) fleet.Mark {
	var m fleet.Mark
	for _, r := range runs {
		m = fleet.Mark{Run: r.ID}
		if i := slices.IndexFunc(marks, func(k fleet.Mark) bool { return k.Run == r.ID }); i >= 0 {
			m.Seq = marks[i].Seq
		}
		if m.Seq < r.Newest {
			return m
		}
	}
	return m // all is there: behind the end of the last run
}

// flight is a batch that is sent and not acknowledged.
type flight struct {
	last     fleet.Mark
	recorded time.Time // of its first record, by the collector's clock
	sent     time.Time
	bytes    int
}

// record sends everything behind the start, in order, for the whole session.
// It blocks in Source.Next while there is nothing, and in Write while the
// collector holds it back. When this end stops it closes the stream.
func (l *link) record(ctx, live context.Context) error {
	next, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(live, cancel)()
	st, err := l.conn.OpenUniStream()
	if err != nil {
		return fmt.Errorf("open record stream: %w", why(l.conn, err))
	}
	buf := []byte{byte(kindRecord)}
	if _, err := st.Write(buf); err != nil {
		return why(l.conn, err)
	}
	for after, most := l.start, batchRecords; ; {
		l.room(next)
		b, err := l.c.o.Source.Next(next, after, most)
		if next.Err() != nil {
			_ = st.Close() // fails only if it was cancelled
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the spool: %w", err)
		}
		if buf, err = appendBatch(buf[:0], b); errors.Is(err, ErrBatch) && len(b.Records) > 1 {
			most = len(b.Records) / 2 // too long for a frame
			continue
		} else if err != nil {
			return err
		}
		most = batchRecords
		l.takeOff(b, len(buf))
		if _, err := st.Write(buf); err != nil {
			return why(l.conn, err)
		}
		l.speak()
		after = b.Last()
	}
}

// appendBatch appends b as one frame.
func appendBatch(dst []byte, b *fleet.Batch) ([]byte, error) {
	raw, err := EncodeBatch(nil, b)
	if err != nil {
		return dst, fmt.Errorf("encode batch: %w", err)
	}
	dst = binary.AppendUvarint(dst, uint64(len(raw)))
	return append(dst, raw...), nil
}

// room waits until less than [streamWindow] is on its way. Over QUIC the stream's
// own window does that; yamux knows no window below 256 KiB, and what fills it
// would stand before control frames on a slow line.
func (l *link) room(ctx context.Context) {
	if l.conn.transport() == TransportQUIC {
		return
	}
	for {
		l.mu.Lock()
		full := l.flying >= streamWindow
		l.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-l.landing:
		}
	}
}

func (l *link) takeOff(b *fleet.Batch, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying += bytes
	l.flights = append(l.flights, flight{last: b.Last(), recorded: b.Records[0].Time, sent: time.Now(), bytes: bytes})
}

// landed takes an acknowledgement, to be handed to the spool elsewhere: that
// may wait for a disk, and frames must not.
func (l *link) landed(m fleet.Mark) {
	l.mu.Lock()
	n := 0
	for n < len(l.flights) && l.flights[n].last.Run == m.Run && l.flights[n].last.Seq <= m.Seq {
		l.flying -= l.flights[n].bytes
		n++
	}
	l.flights = slices.Delete(l.flights, 0, n)
	if k := len(l.acks); k > 0 && l.acks[k-1].Run == m.Run {
		l.acks[k-1] = m
	} else {
		l.acks = append(l.acks, m)
	}
	l.mu.Unlock()
	for _, wake := range []chan struct{}{l.acked, l.landing} {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// acknowledge hands acknowledgements to the spool until the session ends.
func (l *link) acknowledge(live context.Context) error {
	for {
		select {
		case <-live.Done():
			return live.Err()
		case <-l.acked:
			if err := l.flushAcks(); err != nil {
				return err
			}
		}
	}
}

func (l *link) flushAcks() error {
	l.ackMu.Lock()
	defer l.ackMu.Unlock()
	l.mu.Lock()
	acks := l.acks
	l.acks = nil
	l.mu.Unlock()
	for _, m := range acks {
		if err := l.c.o.Source.Acknowledge(m); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
	}
	return nil
}

// lag says how far the collector's durable knowledge is behind: the age of the
// oldest record on its way, by the collector's clock, or since it was sent if
// that is longer.
func (l *link) lag(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.flights) == 0 {
		return 0
	}
	f := l.flights[0]
	return max(now.Sub(f.sent), now.Add(l.c.clock.now()).Sub(f.recorded))
}

// fresh is the queue of fresh results.
type fresh struct {
	mu    sync.Mutex // guards the field below
	queue []*fleet.Batch
	wake  chan struct{} // cap 1
}

func newFresh() *fresh { return &fresh{wake: make(chan struct{}, 1)} }

// put never blocks: when the queue is full, the oldest falls out.
func (f *fresh) put(b *fleet.Batch) {
	f.mu.Lock()
	if len(f.queue) >= freshBatches {
		f.queue = slices.Delete(f.queue, 0, 1)
	}
	f.queue = append(f.queue, b)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (f *fresh) take() []*fleet.Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := f.queue
	f.queue = nil
	return q
}

// sendFresh sends fresh results while the record stream lags. The stream is
// opened for that and closed when it is over; what cannot be sent is dropped.
func (l *link) sendFresh(live context.Context) error {
	var st sendStream
	tick := time.NewTicker(lagging)
	defer tick.Stop()
	for {
		select {
		case <-live.Done():
			return live.Err()
		case <-tick.C:
		case <-l.c.fresh.wake:
		}
		batches := l.c.fresh.take()
		if l.lag(time.Now()) <= lagging {
			if st != nil {
				_ = st.Close() // fails only if it was cancelled
				st = nil
			}
			continue
		}
		if len(batches) == 0 {
			continue
		}
		st = l.sendBatches(st, batches)
	}
}

// sendBatches writes to the live stream, opening it if need be, and returns it.
// A stream that fails or does not move is given up; the next batches try anew.
func (l *link) sendBatches(st sendStream, batches []*fleet.Batch) sendStream {
	var buf []byte
	if st == nil {
		var err error
		if st, err = l.conn.OpenUniStream(); err != nil {
			return nil // too many, or the end, which others notice
		}
		st.SetPriority(1, true) // before the backlog, behind control
		buf = append(buf, byte(kindLive))
	}
	for _, b := range batches {
		next, err := appendBatch(buf, b)
		if err != nil {
			l.c.log.Debug("fresh results dropped", "err", err)
			continue
		}
		buf = next
	}
	_ = st.SetWriteDeadline(time.Now().Add(lagging)) // it never fails
	if _, err := st.Write(buf); err != nil {
		st.CancelWrite(streamBroken)
		return nil
	}
	l.speak()
	return st
}
