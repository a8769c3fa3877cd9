package uplink

import (
	"encoding/binary"
	"fmt"

	"picket/internal/uplink/wire"
)

// The columns of a batch. The numbers travel in Batch.dense and are written in
// batch.proto: never reorder, never reuse; add at the end.
const (
	colSeq = iota
	colTime
	colCheck
	colTroubled
	colDNS
	colConnect
	colTLS
	colTTFB
	colRTT
	colJitter
	colRest
	colOutcome
	colCause
	colCode
	colCertDays
	colHasCert
	colBody
	colFamily
	colSent
	colReceived
	colAddr
	colEdge
	colErr
	columns // how many there are
)

// phases are the columns that a check may leave out altogether; bit i of its
// mask says that phase i is in use.
const phases = colRest - colDNS

// shapes is how many different shapes a check table can name by number; 0
// stands for one that is written out.
const shapes = 16

// values is one row: the value of every column as a number. Lanes use the same
// shape for what they predict.
type values [columns]int64

// fields returns where w keeps each column.
func fields(w *wire.Batch) [columns]*[]byte {
	return [columns]*[]byte{
		colSeq: &w.Seq, colTime: &w.Time, colCheck: &w.Check, colTroubled: &w.Troubled,
		colDNS: &w.Dns, colConnect: &w.Connect, colTLS: &w.Tls, colTTFB: &w.Ttfb,
		colRTT: &w.Rtt, colJitter: &w.Jitter, colRest: &w.Rest,
		colOutcome: &w.Outcome, colCause: &w.Cause, colCode: &w.Code,
		colCertDays: &w.CertDays, colHasCert: &w.HasCert, colBody: &w.Body, colFamily: &w.Family,
		colSent: &w.Sent, colReceived: &w.Received, colAddr: &w.Addr, colEdge: &w.Edge, colErr: &w.Err,
	}
}

// columnWriter builds both forms of a column, of which the shorter one is kept.
type columnWriter struct {
	dense  []byte // a difference per row
	sparse []byte // (rows as predicted, difference) pairs
	zeros  uint64 // rows as predicted since the last pair
}

func (c *columnWriter) put(diff int64) {
	c.dense = binary.AppendVarint(c.dense, diff)
	if diff == 0 {
		c.zeros++
		return
	}
	c.sparse = binary.AppendUvarint(c.sparse, c.zeros)
	c.sparse = binary.AppendVarint(c.sparse, diff)
	c.zeros = 0
}

// batchWriter is the [coder] that writes.
type batchWriter struct {
	cols [columns]columnWriter
}

func (w *batchWriter) code(col int, predicted int64, v *values) {
	w.cols[col].put(v[col] - predicted)
}

// flush puts the columns into b. Time is dense whatever it costs: its length
// is the number of rows, so that no count has to be believed.
func (w *batchWriter) flush(b *wire.Batch) {
	for i, f := range fields(b) {
		c := &w.cols[i]
		switch {
		case i == colTime || len(c.sparse) > 0 && len(c.dense) <= len(c.sparse):
			*f = c.dense
			b.Dense |= 1 << i
		default:
			*f = c.sparse
		}
	}
}

// columnReader walks over a column in place.
type columnReader struct {
	rest   []byte
	dense  bool
	primed bool   // sparse: a pair was read and its row is still to come
	zeros  uint64 // rows before that row
	diff   int64  // of that row
	bad    bool
}

// next returns the difference of the next row.
func (c *columnReader) next() int64 {
	if c.dense {
		return c.varint()
	}
	if !c.primed {
		if len(c.rest) == 0 {
			return 0
		}
		var n int
		if c.zeros, n = binary.Uvarint(c.rest); n <= 0 {
			c.bad = true
			return 0
		}
		c.rest = c.rest[n:]
		c.diff, c.primed = c.varint(), true
	}
	if c.zeros > 0 {
		c.zeros--
		return 0
	}
	c.primed = false
	return c.diff
}

func (c *columnReader) varint() int64 {
	v, n := binary.Varint(c.rest)
	if n <= 0 {
		c.bad = true
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// batchReader is the [coder] that reads.
type batchReader struct {
	cols [columns]columnReader
}

func newBatchReader(b *wire.Batch) *batchReader {
	r := new(batchReader)
	for i, f := range fields(b) {
		r.cols[i] = columnReader{rest: *f, dense: b.Dense&(1<<i) != 0}
	}
	return r
}

func (r *batchReader) code(col int, predicted int64, v *values) {
	v[col] = predicted + r.cols[col].next()
}

// err says, behind the last row, whether a column ended early or has numbers left.
func (r *batchReader) err() error {
	for i := range r.cols {
		c := &r.cols[i]
		if c.bad || c.primed || len(c.rest) > 0 {
			return fmt.Errorf("%w: column %d does not fit the rows", ErrBatch, i)
		}
	}
	return nil
}

// countNumbers returns how many varints b holds: bytes that end one.
func countNumbers(b []byte) int {
	n := 0
	for _, x := range b {
		if x < 0x80 {
			n++
		}
	}
	return n
}
