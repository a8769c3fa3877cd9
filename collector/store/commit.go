package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// ErrBatch marks a delivery that cannot be taken as it is: empty, or with seqs
// that do not ascend. It is the sender's fault and concerns that delivery alone.
var ErrBatch = errors.New("malformed batch")

// maxSeq is above what any run can count (a million a second for nine years)
// and low enough that sums of losses never overflow.
const maxSeq = 1 << 48

// maxTotal bounds one result's share of a rollup's sum; a probe takes seconds.
const maxTotal = time.Hour

// Delivery is one batch as an agent delivered it.
type Delivery struct {
	Agent  string
	Region string // vantage region of the agent's site; "" means unknown
	Batch  *fleet.Batch
	// Config is the config that Batch.Config names. A record whose check it does
	// not have is counted under check "?<index>" without a target; so is every
	// record if Config is nil. Nothing is dropped for want of a name.
	Config *fleet.Config
}

// Committed says what became of a delivery.
type Committed struct {
	// Mark is up to where the run is durable now; acknowledge it.
	Mark fleet.Mark
	// First is the index of the first record that was new: Batch.Records[First:]
	// were taken now, those before it earlier. New is their number.
	First, New int
	// Lost is how many seqs of the run were found missing now.
	Lost uint64
	// Err is ErrBatch, wrapped, if the delivery was refused; the others were
	// taken nevertheless, and Mark is zero.
	Err error
}

type (
	markKey struct {
		agent string
		run   uint64
	}
	seriesKey struct{ check, target, region string }
	cellKey   struct{ start, series int64 }
	lossKey   struct {
		markKey
		reason fleet.LossReason
	}
)

// cell is what one rollup row gains.
type cell struct {
	n             [4]int64 // by probes.Outcome
	sum, min, max int64    // microseconds over up; valid if n[Up] > 0
}

func (c *cell) add(r probes.Result) {
	o := r.Outcome
	if o > probes.Down {
		o = probes.Unknown // of a later version
	}
	if o == probes.Up {
		us := min(max(r.Total, 0), maxTotal).Microseconds()
		if c.n[o] == 0 {
			c.min, c.max = us, us
		}
		c.sum, c.min, c.max = c.sum+us, min(c.min, us), max(c.max, us)
	}
	c.n[o]++
}

func (c *cell) merge(o *cell) {
	if o.n[probes.Up] > 0 {
		if c.n[probes.Up] == 0 {
			c.min, c.max = o.min, o.max
		}
		c.sum, c.min, c.max = c.sum+o.sum, min(c.min, o.min), max(c.max, o.max)
	}
	for i := range c.n {
		c.n[i] += o.n[i]
	}
}

// mark is a row of marks while a commit works on it.
type mark struct {
	seq      uint64
	received int64 // gained by this commit
}

// commit is the state of one group commit.
type commit struct {
	s       *Store
	tx      *sql.Tx
	marks   map[markKey]*mark
	losses  map[lossKey]int64
	series  map[seriesKey]int64 // made by this commit
	minutes map[cellKey]*cell
}

// Commit takes deliveries in one transaction: it skips records at or below the
// mark of their run, counts the holes, adds the rest to the rollups and moves the
// marks. When it returns without an error all of that is on disk; otherwise
// nothing of it is. The results are in the order of ds. Several deliveries of
// one run may stand in ds, in their order.
func (s *Store) Commit(ctx context.Context, ds []Delivery) ([]Committed, error) {
	out := make([]Committed, len(ds))
	c := &commit{s: s, marks: map[markKey]*mark{}, losses: map[lossKey]int64{},
		series: map[seriesKey]int64{}, minutes: map[cellKey]*cell{}}
	err := s.update(ctx, "commit results", func(tx *sql.Tx) error {
		c.tx = tx
		for i, d := range ds {
			if out[i].Err = wellFormed(d.Batch); out[i].Err != nil {
				continue
			}
			if err := c.take(ctx, d, &out[i]); err != nil {
				return err
			}
		}
		return c.flush(ctx)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	maps.Copy(s.series, c.series)
	s.mu.Unlock()
	return out, nil
}

func wellFormed(b *fleet.Batch) error {
	if b == nil || len(b.Records) == 0 {
		return fmt.Errorf("%w: no records", ErrBatch)
	}
	var last uint64
	for i := range b.Records {
		seq := b.Records[i].Seq
		if seq <= last || seq >= maxSeq {
			return fmt.Errorf("%w: seq %d behind %d", ErrBatch, seq, last)
		}
		last = seq
	}
	return nil
}

// take works one delivery into the state.
func (c *commit) take(ctx context.Context, d Delivery, out *Committed) error {
	key := markKey{d.Agent, d.Batch.Run}
	m, err := c.mark(ctx, key)
	if err != nil {
		return err
	}
	records := d.Batch.Records
	out.First, _ = slices.BinarySearchFunc(records, m.seq+1, func(r fleet.Record, seq uint64) int { return cmp.Compare(r.Seq, seq) })
	for i := out.First; i < len(records); i++ {
		r := &records[i]
		if hole := r.Seq - m.seq - 1; hole > 0 {
			reason := fleet.LossNone
			if i == 0 {
				reason = d.Batch.Gap
			}
			c.losses[lossKey{key, reason}] += int64(hole)
			out.Lost += hole
		}
		m.seq = r.Seq
		series, err := c.name(ctx, d, r.Check)
		if err != nil {
			return err
		}
		at := cellKey{floor(r.Time.Unix(), 60), series}
		if c.minutes[at] == nil {
			c.minutes[at] = &cell{}
		}
		c.minutes[at].add(r.Result)
	}
	out.New = len(records) - out.First
	m.received += int64(out.New)
	out.Mark = fleet.Mark{Run: key.run, Seq: m.seq}
	return nil
}

// floor returns the start of the span that second t falls into.
func floor(t, span int64) int64 {
	return t - ((t%span)+span)%span
}

// mark reads a mark once per commit; a run that is not known begins at 0.
func (c *commit) mark(ctx context.Context, key markKey) (*mark, error) {
	if m := c.marks[key]; m != nil {
		return m, nil
	}
	var seq int64
	err := c.tx.StmtContext(ctx, c.s.stmts.mark).QueryRowContext(ctx, key.agent, int64(key.run)).Scan(&seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read mark: %w", err)
	}
	m := &mark{seq: uint64(seq)}
	c.marks[key] = m
	return m, nil
}

// name finds or makes the series that a record of d belongs to.
func (c *commit) name(ctx context.Context, d Delivery, check uint32) (int64, error) {
	key := seriesKey{region: d.Region}
	if d.Config != nil && int64(check) < int64(len(d.Config.Checks)) {
		key.check, key.target = d.Config.Checks[check].ID, d.Config.Checks[check].Target
	} else {
		key.check = "?" + strconv.FormatUint(uint64(check), 10)
	}
	if id, ok := c.series[key]; ok {
		return id, nil
	}
	c.s.mu.Lock()
	id, ok := c.s.series[key]
	c.s.mu.Unlock()
	if ok {
		return id, nil
	}
	err := c.tx.StmtContext(ctx, c.s.stmts.series).QueryRowContext(ctx, key.check, key.target, key.region).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("name series: %w", err)
	}
	c.series[key] = id
	return id, nil
}

// flush writes the state: rollups in the order of their keys, losses, marks.
func (c *commit) flush(ctx context.Context) error {
	hours := map[cellKey]*cell{}
	for k, m := range c.minutes {
		k.start = floor(k.start, 3600)
		if hours[k] == nil {
			hours[k] = &cell{}
		}
		hours[k].merge(m)
	}
	if err := c.addCells(ctx, c.s.stmts.minute, c.minutes); err != nil {
		return fmt.Errorf("add to minutes: %w", err)
	}
	if err := c.addCells(ctx, c.s.stmts.hour, hours); err != nil {
		return fmt.Errorf("add to hours: %w", err)
	}
	loss := c.tx.StmtContext(ctx, c.s.stmts.loss)
	for k, n := range c.losses {
		if _, err := loss.ExecContext(ctx, k.agent, int64(k.run), k.reason, n); err != nil {
			return fmt.Errorf("count losses: %w", err)
		}
	}
	set, now := c.tx.StmtContext(ctx, c.s.stmts.setMark), time.Now().UnixMilli()
	for k, m := range c.marks {
		if m.received == 0 {
			continue
		}
		if _, err := set.ExecContext(ctx, k.agent, int64(k.run), int64(m.seq), m.received, now); err != nil {
			return fmt.Errorf("set mark: %w", err)
		}
	}
	return nil
}

func (c *commit) addCells(ctx context.Context, stmt *sql.Stmt, cells map[cellKey]*cell) error {
	add := c.tx.StmtContext(ctx, stmt)
	keys := slices.SortedFunc(maps.Keys(cells), func(a, b cellKey) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.series, b.series))
	})
	for _, k := range keys {
		v := cells[k]
		var least, most any // NULL: nothing was up
		if v.n[probes.Up] > 0 {
			least, most = v.min, v.max
		}
		if _, err := add.ExecContext(ctx, k.start, k.series, v.n[probes.Up], v.n[probes.Degraded], v.n[probes.Down],
			v.n[probes.Unknown], v.sum, least, most); err != nil {
			return err
		}
	}
	return nil
}
