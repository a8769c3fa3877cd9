package uplink

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
	"picket/probes"
)

// columnar turns a batch that [checkBatch] let through into columns.
func columnar(b *fleet.Batch) (*wire.Batch, error) {
	t := newTables(b.Records)
	first := &b.Records[0]
	w := &wire.Batch{
		Run: b.Run, Network: b.Network, Config: b.Config, Gap: uint32(b.Gap),
		FirstSeq: first.Seq, FirstTime: uint64(first.Time.UnixMilli()),
		Checks: t.appendChecks(nil), Addrs: appendAddrs(nil, t.addrList), Texts: t.textTable,
	}
	var out batchWriter
	m := newModel(t.entries, t.families, len(t.texts)+1, int64(w.FirstSeq), int64(w.FirstTime))
	for i := range b.Records {
		v := toValues(&b.Records[i], t.refs[i])
		if err := m.row(&out, &v); err != nil {
			return nil, err
		}
	}
	out.flush(w)
	return w, nil
}

// refs are the table entries of one row.
type refs struct{ check, addr, edge, err int32 }

// tables collects what rows share, in order of first appearance.
type tables struct {
	entries   []entry
	checks    map[uint64]int32 // check<<8 | kind
	addrs     map[netip.Addr]int32
	texts     map[string]int32
	families  []int64 // of addrs by entry
	addrList  []netip.Addr
	textTable []byte
	refs      []refs // of every row
}

func newTables(records []fleet.Record) *tables {
	t := &tables{
		checks: make(map[uint64]int32), addrs: make(map[netip.Addr]int32), texts: make(map[string]int32),
		refs: make([]refs, len(records)), families: []int64{0},
	}
	for i := range records {
		r := &records[i]
		t.refs[i] = refs{t.check(r), t.addr(r.Result.Addr), t.text(r.Result.Edge), t.text(r.Result.Err)}
	}
	return t
}

// check returns r's entry in the check table, and notes the phases it uses.
func (t *tables) check(r *fleet.Record) int32 {
	key := uint64(r.Check)<<8 | uint64(r.Result.Kind)
	i, ok := t.checks[key]
	if !ok {
		i = int32(len(t.entries))
		t.checks[key] = i
		t.entries = append(t.entries, entry{check: r.Check, shape: shape{kind: uint8(r.Result.Kind)}, next: -1})
	}
	for p, d := range phasesOf(&r.Result) {
		if d.Microseconds() != 0 {
			t.entries[i].mask |= 1 << p
		}
	}
	return i
}

func (t *tables) addr(a netip.Addr) int32 {
	if !a.IsValid() {
		return 0
	}
	if len(a.Zone()) > maxZone {
		a = a.WithZone("")
	}
	i, ok := t.addrs[a]
	if !ok {
		i = int32(len(t.addrs) + 1)
		t.addrs[a] = i
		t.addrList = append(t.addrList, a)
		t.families = append(t.families, familyOf(a))
	}
	return i
}

// familyOf returns the family that a peer at a most likely has in a result.
func familyOf(a netip.Addr) int64 {
	if a.Is4() {
		return 4
	}
	return 6
}

func (t *tables) text(s string) int32 {
	if s == "" {
		return 0
	}
	i, ok := t.texts[s]
	if ok {
		return i
	}
	i = int32(len(t.texts) + 1)
	t.texts[s] = i
	fit := fitText(s)
	t.textTable = binary.AppendUvarint(t.textTable, uint64(len(fit)))
	t.textTable = append(t.textTable, fit...)
	return i
}

// fitText cuts s to [MaxText] bytes of valid UTF-8.
func fitText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= MaxText {
		return s
	}
	cut := MaxText
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

// appendChecks appends the check table: for every check its step from the one
// before and its shape in one number, behind it kind and mask if the shape is new.
func (t *tables) appendChecks(dst []byte) []byte {
	var known []shape
	expected := int64(0)
	for i := range t.entries {
		e := &t.entries[i]
		n := slices.Index(known, e.shape) + 1
		dst = binary.AppendVarint(dst, (int64(e.check)-expected)*shapes+int64(n))
		if n == 0 {
			dst = append(dst, e.kind, e.mask)
			if len(known) < shapes-1 {
				known = append(known, e.shape)
			}
		}
		expected = int64(e.check) + 1
	}
	return dst
}

// appendAddrs appends the address table: neighbours of one length in a run,
// with the length and their number before them.
func appendAddrs(dst []byte, addrs []netip.Addr) []byte {
	for len(addrs) > 0 {
		size := binarySize(addrs[0])
		n := slices.IndexFunc(addrs, func(a netip.Addr) bool { return binarySize(a) != size })
		if n < 0 {
			n = len(addrs)
		}
		dst = binary.AppendUvarint(dst, uint64(size))
		dst = binary.AppendUvarint(dst, uint64(n))
		for _, a := range addrs[:n] {
			dst, _ = a.AppendBinary(dst) // never fails
		}
		addrs = addrs[n:]
	}
	return dst
}

// binarySize returns the length of a's binary form.
func binarySize(a netip.Addr) int { return a.BitLen()/8 + len(a.Zone()) }

// phasesOf returns the phases of r in the order of their columns.
func phasesOf(r *probes.Result) [phases]time.Duration {
	return [phases]time.Duration{r.DNS, r.Connect, r.TLS, r.TTFB, r.RTT, r.Jitter}
}

// toValues turns a record into the numbers of its row.
func toValues(r *fleet.Record, ref refs) (v values) {
	res := &r.Result
	v[colSeq], v[colTime] = int64(r.Seq), r.Time.UnixMilli()
	v[colCheck], v[colAddr], v[colEdge], v[colErr] = int64(ref.check), int64(ref.addr), int64(ref.edge), int64(ref.err)
	v[colOutcome], v[colCause] = int64(res.Outcome), int64(res.Cause)
	if res.Outcome != probes.Up || res.Cause != probes.None {
		v[colTroubled] = 1
	}
	for i, d := range phasesOf(res) {
		v[colDNS+i] = d.Microseconds()
	}
	v[colRest] = res.Total.Microseconds() - v.elapsed()
	v[colCode], v[colBody], v[colCertDays] = saturate(res.Code), saturate(res.Bytes), saturate(res.CertDays)
	if res.HasCert {
		v[colHasCert] = 1
	}
	v[colFamily] = int64(res.Family)
	v[colSent], v[colReceived] = saturate(res.Sent), saturate(res.Received)
	return v
}

func saturate(n int) int64 { return min(max(int64(n), minCount), maxCount) }
