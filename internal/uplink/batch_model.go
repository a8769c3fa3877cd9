package uplink

import (
	"fmt"

	"picket/probes"
)

// coder writes or reads the value of one column of the current row, given what
// the model predicted. Writer and reader walk the rows through the same model,
// so that the two cannot come to disagree.
type coder interface {
	code(col int, predicted int64, v *values)
}

// model predicts rows from the rows before. It is part of the format: what it
// predicts may never change.
//
// A check that is asked every 10 s answers nearly as it did the last time, and
// the checks come in nearly the same order: so the next check is predicted to
// be the one that followed this one last time, its time to be one interval
// after its last, and everything else as in the last row of its lane.
//
// A lane is a check in one mood: well (up, without a cause) or troubled. A
// single time-out then costs its own row and does not spoil the prediction of
// the next good one, and a long outage is as cheap as a long calm.
type model struct {
	entries []entry
	fresh   int     // entries that have appeared
	prev    int     // entry of the previous row, -1 before the first
	addrs   []int64 // family (4 or 6) of each address of the table; 0 for entry 0
	texts   int     // size of the table, entry 0 included
	newAddr int64   // the first address that has not appeared

	seq, time int64 // of the previous row
	interval  int64 // last one seen, of any check
	// kinds holds the last row of every (kind, mood): the model of a lane that
	// has no row yet.
	kinds map[uint64]*values
}

// entry is a line of the check table, and what its rows have taught.
type entry struct {
	check uint32
	shape

	seen     bool
	next     int // entry that followed it last; -1 if none has
	time     int64
	interval int64 // 0 until it was seen twice
	troubled int64
	addr     int64
	lanes    [2]*lane // by mood
}

// shape says which columns a check uses.
type shape struct {
	kind uint8
	mask uint8 // bit i: phase i is in use
}

// lane predicts the rows of one check in one mood. For phases and rest, v is a
// running mean, which predicts noise better than the last value does; for the
// other columns it is the last value.
type lane struct {
	v    values
	rows int64   // rows in the means
	kind *values // the model for new lanes of this kind and mood
}

func newModel(entries []entry, addrs []int64, texts int, seq, time int64) *model {
	return &model{
		entries: entries, prev: -1, addrs: addrs, texts: texts, newAddr: 1,
		seq: seq - 1, time: time, kinds: make(map[uint64]*values),
	}
}

// row codes one row; a reader comes with v zero. It fails if a value is out of its range, which writers
// exclude beforehand and readers meet in foreign bytes.
func (m *model) row(c coder, v *values) error {
	c.code(colCheck, m.predictCheck(), v)
	if i := v[colCheck]; i < 0 || i >= int64(len(m.entries)) {
		return fmt.Errorf("%w: check %d is not in the table", ErrBatch, i)
	}
	e := &m.entries[v[colCheck]]
	c.code(colSeq, m.seq+1, v)
	c.code(colTime, m.predictTime(e), v)
	c.code(colTroubled, e.troubled, v)
	if t := v[colTroubled]; t != 0 && t != 1 {
		return fmt.Errorf("%w: mood %d", ErrBatch, t)
	}
	l := m.lane(e, v[colTroubled])
	for i := range phases {
		if e.mask>>i&1 == 1 {
			c.code(colDNS+i, l.v[colDNS+i], v)
		}
	}
	c.code(colRest, l.v[colRest], v)
	if v[colTroubled] == 1 {
		c.code(colOutcome, l.v[colOutcome], v)
		c.code(colCause, l.v[colCause], v)
	} else {
		v[colOutcome], v[colCause] = int64(probes.Up), int64(probes.None)
	}
	c.code(colAddr, m.predictAddr(e), v)
	for col := colCode; col <= colReceived; col++ {
		c.code(col, m.predictPlain(e, l, col, v), v)
	}
	c.code(colEdge, l.v[colEdge], v)
	c.code(colErr, l.v[colErr], v)
	if err := m.check(v); err != nil {
		return err
	}
	m.learn(e, l, v)
	return nil
}

// predictCheck returns the entry that follows the previous row's.
func (m *model) predictCheck() int64 {
	if m.prev >= 0 {
		if next := m.entries[m.prev].next; next >= 0 {
			return int64(next)
		}
	}
	if m.fresh < len(m.entries) {
		return int64(m.fresh)
	}
	return 0
}

// predictTime returns when e is asked next: one interval of its own, or the
// last one of any check, after its last time.
func (m *model) predictTime(e *entry) int64 {
	switch {
	case !e.seen:
		return m.time
	case e.interval != 0:
		return e.time + e.interval
	default:
		return e.time + m.interval
	}
}

// predictAddr returns the address that e answered from last, or, for a new
// check, the next address of the table.
func (m *model) predictAddr(e *entry) int64 {
	switch {
	case e.seen:
		return e.addr
	case m.newAddr < int64(len(m.addrs)):
		return m.newAddr
	default:
		return 0
	}
}

// predictPlain returns the last value in the lane, except where the row itself
// has told more: the family is the address's, and in a good row a certificate
// was seen if TLS was spoken, and no packet was lost.
func (m *model) predictPlain(e *entry, l *lane, col int, v *values) int64 {
	well := v[colTroubled] == 0
	switch a := v[colAddr]; {
	case col == colFamily && a > 0 && a < int64(len(m.addrs)):
		return m.addrs[a]
	case col == colHasCert && well:
		return int64(e.mask >> (colTLS - colDNS) & 1)
	case col == colReceived && well:
		return v[colSent]
	default:
		return l.v[col]
	}
}

// lane returns the lane of e in a mood. A new one begins where the last row of
// its kind stood.
func (m *model) lane(e *entry, mood int64) *lane {
	if e.lanes[mood] == nil {
		kind := m.kinds[uint64(e.kind)<<1|uint64(mood)]
		if kind == nil {
			kind = new(values)
			m.kinds[uint64(e.kind)<<1|uint64(mood)] = kind
		}
		e.lanes[mood] = &lane{v: *kind, kind: kind}
	}
	return e.lanes[mood]
}

// steady is the share 1/steady that a row has in the running mean of a long
// lane: 4 keeps the noise of the mean at 38 % of a row's and still follows a
// changed route within a few rows.
const steady = 4

// learn takes a row that was coded into the predictions.
func (m *model) learn(e *entry, l *lane, v *values) {
	i := int(v[colCheck])
	if m.prev >= 0 {
		m.entries[m.prev].next = i
	}
	m.prev = i
	m.fresh = max(m.fresh, i+1)
	m.newAddr = max(m.newAddr, v[colAddr]+1)
	if e.seen {
		e.interval = v[colTime] - e.time
		m.interval = e.interval
	}
	e.seen, e.time, e.troubled, e.addr = true, v[colTime], v[colTroubled], v[colAddr]
	m.seq, m.time = v[colSeq], v[colTime]

	weight := min(l.rows+1, steady)
	l.rows++
	for col := range columns {
		if col >= colDNS && col <= colRest {
			l.v[col] += (v[col] - l.v[col]) / weight
		} else {
			l.v[col] = v[col]
		}
	}
	*l.kind = *v
}

// ranges holds the least and greatest value of the columns whose range does
// not depend on the batch.
var ranges = [columns][2]int64{
	colTime: {0, maxMilli}, colTroubled: {0, 1},
	colDNS: {-maxMicro, maxMicro}, colConnect: {-maxMicro, maxMicro}, colTLS: {-maxMicro, maxMicro},
	colTTFB: {-maxMicro, maxMicro}, colRTT: {-maxMicro, maxMicro}, colJitter: {-maxMicro, maxMicro},
	colRest:    {-maxRest, maxRest},
	colOutcome: {0, 255}, colCause: {0, 255}, colCode: {minCount, maxCount},
	colCertDays: {minCount, maxCount}, colHasCert: {0, 1}, colBody: {minCount, maxCount}, colFamily: {0, 255},
	colSent: {minCount, maxCount}, colReceived: {minCount, maxCount},
}

const (
	minCount = -1 << 31
	maxCount = 1<<31 - 1
	// maxRest bounds the total less what elapsed in 5 phases, each at most maxMicro.
	maxRest = phases * maxMicro
)

// elapsed returns the sum of the phases that follow each other in time: all
// but jitter. What the total has beyond it is the rest.
func (v *values) elapsed() (sum int64) {
	for col := colDNS; col <= colRTT; col++ {
		sum += v[col]
	}
	return sum
}

// check says whether a row can be a result.
func (m *model) check(v *values) error {
	for col := colTime; col <= colReceived; col++ {
		if col == colCheck {
			continue
		}
		if r := &ranges[col]; v[col] < r[0] || v[col] > r[1] {
			return fmt.Errorf("%w: column %d has %d", ErrBatch, col, v[col])
		}
	}
	total := v[colRest] + v.elapsed()
	switch {
	case v[colSeq] <= m.seq:
		return fmt.Errorf("%w: seq %d behind %d", ErrBatch, v[colSeq], m.seq)
	case total < -maxMicro || total > maxMicro:
		return fmt.Errorf("%w: total of %d us", ErrBatch, total)
	case v[colAddr] < 0 || v[colAddr] >= int64(len(m.addrs)), v[colEdge] < 0 || v[colEdge] >= int64(m.texts),
		v[colErr] < 0 || v[colErr] >= int64(m.texts):
		return fmt.Errorf("%w: entry is not in its table", ErrBatch)
	}
	return nil
}
