package uplink

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"time"
	"unicode/utf8"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
	"picket/probes"
)

// rows turns columns back into a batch.
func rows(w *wire.Batch) (*fleet.Batch, error) {
	n := countNumbers(w.Time)
	if n == 0 || n > MaxBatchRecords {
		return nil, fmt.Errorf("%w: %d records, want 1 to %d", ErrBatch, n, MaxBatchRecords)
	}
	if w.Dense&(1<<colTime) == 0 || w.Dense>>columns != 0 {
		return nil, fmt.Errorf("%w: dense columns %#x", ErrBatch, w.Dense)
	}
	if w.FirstSeq == 0 || w.FirstSeq > math.MaxInt64 || w.FirstTime > maxMilli || w.Gap > math.MaxUint8 {
		return nil, fmt.Errorf("%w: header", ErrBatch)
	}
	entries, err := readChecks(w.Checks, n)
	if err != nil {
		return nil, err
	}
	addrs, families, err := readAddrs(w.Addrs, n)
	if err != nil {
		return nil, err
	}
	texts, err := readTexts(w.Texts, 2*n) // an edge and an error each
	if err != nil {
		return nil, err
	}
	b := &fleet.Batch{
		Run: w.Run, Config: w.Config, Network: w.Network, Gap: fleet.LossReason(w.Gap),
		Records: make([]fleet.Record, n),
	}
	in := newBatchReader(w)
	m := newModel(entries, families, len(texts), int64(w.FirstSeq), int64(w.FirstTime))
	for i := range b.Records {
		var v values
		if err := m.row(in, &v); err != nil {
			return nil, err
		}
		toRecord(&b.Records[i], &v, &entries[v[colCheck]])
		r := &b.Records[i].Result
		r.Addr, r.Edge, r.Err = addrs[v[colAddr]], texts[v[colEdge]], texts[v[colErr]]
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	return b, nil
}

// readChecks reads the check table of a batch of n rows. Every line is in use
// in an honest batch, so there are no more lines than rows.
func readChecks(table []byte, n int) ([]entry, error) {
	bad := fmt.Errorf("%w: check table", ErrBatch)
	entries := make([]entry, 0, min(n, len(table)))
	var known []shape
	expected := int64(0)
	for len(table) > 0 {
		x, size := binary.Varint(table)
		if size <= 0 || len(entries) == n {
			return nil, bad
		}
		table = table[size:]
		number := x & (shapes - 1)
		check := expected + (x-number)/shapes
		if check < 0 || check > math.MaxUint32 || number > int64(len(known)) {
			return nil, bad
		}
		var s shape
		switch {
		case number > 0:
			s = known[number-1]
		case len(table) < 2 || table[1] >= 1<<phases:
			return nil, bad
		default:
			s, table = shape{table[0], table[1]}, table[2:]
			if len(known) < shapes-1 {
				known = append(known, s)
			}
		}
		entries = append(entries, entry{check: uint32(check), shape: s, next: -1})
		expected = check + 1
	}
	if len(entries) == 0 {
		return nil, bad
	}
	return entries, nil
}

// readAddrs reads an address table of at most n entries, with the family of
// each; entry 0 is no address.
func readAddrs(table []byte, n int) ([]netip.Addr, []int64, error) {
	most := 1 + min(n, len(table)/4)
	addrs, families := make([]netip.Addr, 1, most), make([]int64, 1, most)
	for len(table) > 0 {
		size, w1 := binary.Uvarint(table)
		count, w2 := binary.Uvarint(table[max(w1, 0):])
		if w1 <= 0 || w2 <= 0 || size < 4 || size > 16+maxZone || count == 0 || count > uint64(n+1-len(addrs)) {
			return nil, nil, fmt.Errorf("%w: address table", ErrBatch)
		}
		table = table[w1+w2:]
		for range count {
			var a netip.Addr
			if size > uint64(len(table)) || a.UnmarshalBinary(table[:size]) != nil {
				return nil, nil, fmt.Errorf("%w: address table", ErrBatch)
			}
			addrs, families, table = append(addrs, a), append(families, familyOf(a)), table[size:]
		}
	}
	return addrs, families, nil
}

// readTexts reads a text table of at most n entries; entry 0 is "".
func readTexts(table []byte, n int) ([]string, error) {
	texts := make([]string, 1, 1+min(n, len(table)/8))
	for len(table) > 0 {
		size, w := binary.Uvarint(table)
		if w <= 0 || size > MaxText || size > uint64(len(table)-w) || len(texts) > n || !utf8.Valid(table[w:w+int(size)]) {
			return nil, fmt.Errorf("%w: text table", ErrBatch)
		}
		texts, table = append(texts, string(table[w:w+int(size)])), table[w+int(size):]
	}
	return texts, nil
}

// toRecord turns the numbers of a row, checked by the model, into a record,
// except for what lies in tables.
func toRecord(r *fleet.Record, v *values, e *entry) {
	us := func(col int) time.Duration { return time.Duration(v[col]) * time.Microsecond }
	r.Seq, r.Check, r.Time = uint64(v[colSeq]), e.check, time.UnixMilli(v[colTime]).UTC()
	r.Result = probes.Result{
		Kind: probes.Kind(e.kind), Outcome: probes.Outcome(v[colOutcome]), Cause: probes.Cause(v[colCause]),
		DNS: us(colDNS), Connect: us(colConnect), TLS: us(colTLS), TTFB: us(colTTFB), RTT: us(colRTT), Jitter: us(colJitter),
		Total: time.Duration(v[colRest]+v.elapsed()) * time.Microsecond,
		Sent:  int(v[colSent]), Received: int(v[colReceived]),
		Code: int(v[colCode]), CertDays: int(v[colCertDays]), HasCert: v[colHasCert] == 1, Bytes: int(v[colBody]),
		Family: probes.Family(v[colFamily]),
	}
}
