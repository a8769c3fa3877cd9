package uplink

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
	"picket/probes"
)

var rewriteGolden = flag.Bool("golden", false, "write testdata/batch-*.bin anew; only right before the format is first released")

// roundTrip encodes and decodes b and fails unless it comes back the same.
func roundTrip(t *testing.T, b *fleet.Batch) []byte {
	t.Helper()
	src, err := EncodeBatch([]byte("before"), b)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	if !bytes.HasPrefix(src, []byte("before")) {
		t.Fatalf("encode does not append")
	}
	src = src[len("before"):]
	got, err := DecodeBatch(src)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if !reflect.DeepEqual(got, b) {
		for i := range b.Records {
			if got.Records[i] != b.Records[i] {
				t.Fatalf("record %d came back as\n%+v, want\n%+v", i, got.Records[i], b.Records[i])
			}
		}
		t.Fatalf("got %+v, want %+v", got, b)
	}
	return src
}

func TestRealisticBatchesComeBack(t *testing.T) {
	for _, n := range []int{1, 2, 3, 27, 100, 1000, MaxBatchRecords} {
		src := roundTrip(t, newSite(uint64(n)).batch(n))
		t.Logf("%d records: %.2f B each", n, float64(len(src))/float64(n))
	}
}

// anything draws a record with every field anywhere in its range.
func anything(rnd *rand.Rand, seq uint64) fleet.Record {
	micros := func() time.Duration {
		if rnd.IntN(3) == 0 {
			return 0
		}
		d := time.Duration(rnd.Int64() >> rnd.IntN(62)).Truncate(time.Microsecond)
		return d - 2*d*time.Duration(rnd.IntN(2)) // of either sign
	}
	count := func() int { return int(int32(rnd.Uint32())) >> rnd.IntN(31) }
	addrs := []string{"", "192.0.2.7", "192.0.2.8", "2001:db8::1", "::ffff:192.0.2.7", "fe80::1%eth0", "0.0.0.0", "::"}
	texts := []string{"", "a", "i/o timeout", "Zeitüberschreitung \U0001f525", strings.Repeat("x", MaxText)}
	r := fleet.Record{
		Seq: seq, Check: uint32(rnd.IntN(4)), Time: time.UnixMilli(rnd.Int64N(maxMilli + 1)).UTC(),
		Result: probes.Result{
			Kind: probes.Kind(rnd.IntN(7)), Outcome: probes.Outcome(rnd.IntN(5)), Cause: probes.Cause(rnd.IntN(256)),
			Total: micros(), DNS: micros(), Connect: micros(), TLS: micros(), TTFB: micros(), RTT: micros(), Jitter: micros(),
			Sent: count(), Received: count(), Code: count(), CertDays: count(), HasCert: rnd.IntN(2) == 0, Bytes: count(),
			Family: probes.Family(rnd.IntN(256)), Edge: texts[rnd.IntN(len(texts))], Err: texts[rnd.IntN(len(texts))],
		},
	}
	if rnd.IntN(10) == 0 {
		r.Check = rnd.Uint32()
	}
	if a := addrs[rnd.IntN(len(addrs))]; a != "" {
		r.Result.Addr = netip.MustParseAddr(a)
	}
	return r
}

func TestAnyBatchComesBack(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		b := &fleet.Batch{Run: rnd.Uint64(), Config: rnd.Uint64(), Network: rnd.Uint32(), Gap: fleet.LossReason(rnd.IntN(256))}
		seq := rnd.Uint64() >> 2 >> rnd.IntN(60)
		for range 1 + rnd.IntN(300) {
			seq += 1 + rnd.Uint64N(3)
			b.Records = append(b.Records, anything(rnd, seq))
		}
		roundTrip(t, b)
	}
}

func TestExtremeNumbersComeBack(t *testing.T) {
	const long = time.Duration(math.MaxInt64) / 1000 * 1000
	r := func(seq uint64, d time.Duration, ms int64) fleet.Record {
		return fleet.Record{Seq: seq, Check: math.MaxUint32, Time: time.UnixMilli(ms).UTC(), Result: probes.Result{
			Kind: 255, Outcome: 255, Cause: 255, Total: d, DNS: -d, Connect: -d, TLS: -d, TTFB: -d, RTT: -d, Jitter: d,
			Sent: math.MaxInt32, Received: math.MinInt32, Code: -1, CertDays: math.MinInt32, Bytes: math.MaxInt32, Family: 255,
		}}
	}
	roundTrip(t, &fleet.Batch{
		Run: math.MaxUint64, Config: math.MaxUint64, Network: math.MaxUint32, Gap: 255,
		Records: []fleet.Record{r(1, long, maxMilli), r(2, -long, 0), r(math.MaxInt64, long, maxMilli)},
	})
}

func TestWhatDoesNotFitIsCut(t *testing.T) {
	b := &fleet.Batch{Records: []fleet.Record{{Seq: 1, Time: time.Unix(9, 1_999_999), Result: probes.Result{
		Start: time.Now(), Total: 1999 * time.Nanosecond,
		Err:  strings.Repeat("é", 200),
		Edge: "bad \xff utf-8",
		Addr: netip.MustParseAddr("fe80::1").WithZone(strings.Repeat("z", maxZone+1)),
	}}}}
	src, err := EncodeBatch(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBatch(src)
	if err != nil {
		t.Fatal(err)
	}
	want := probes.Result{
		Total: time.Microsecond, Err: strings.Repeat("é", MaxText/2), Edge: "bad \uFFFD utf-8", Addr: netip.MustParseAddr("fe80::1"),
	}
	if r := got.Records[0]; r.Result != want || !r.Time.Equal(time.UnixMilli(9001)) {
		t.Errorf("got %+v", r)
	}
}

func TestEncodeRefuses(t *testing.T) {
	at := time.UnixMilli(1)
	noise := func(n int) (rs []fleet.Record) {
		rnd := rand.New(rand.NewPCG(1, 1))
		for i := range n {
			text := make([]byte, MaxText)
			for j := range text {
				text[j] = ' ' + byte(rnd.IntN(95))
			}
			rs = append(rs, fleet.Record{Seq: uint64(i + 1), Time: at, Result: probes.Result{Err: string(text)}})
		}
		return rs
	}
	for name, records := range map[string][]fleet.Record{
		"no records":           nil,
		"too many records":     make([]fleet.Record, MaxBatchRecords+1),
		"seq zero":             {{Seq: 0, Time: at}},
		"seqs not ascending":   {{Seq: 2, Time: at}, {Seq: 2, Time: at}},
		"seq beyond 63 bits":   {{Seq: math.MaxUint64, Time: at}},
		"time before 1970":     {{Seq: 1, Time: time.UnixMilli(-1)}},
		"time beyond 9999":     {{Seq: 1, Time: time.UnixMilli(maxMilli + 1)}},
		"more than 1 MiB":      noise(6000),
		"more than 4 MiB even": append(noise(9990), fleet.Record{Seq: 10000, Time: at}),
	} {
		dst := []byte("kept")
		out, err := EncodeBatch(dst, &fleet.Batch{Records: records})
		if !errors.Is(err, ErrBatch) || string(out) != "kept" {
			t.Errorf("%s: got %d bytes, %v", name, len(out), err)
		}
	}
}

// marshal encodes a hand-made wire batch.
func marshal(t *testing.T, change func(*wire.Batch)) []byte {
	t.Helper()
	w, err := columnar(newSite(1).batch(5))
	if err != nil {
		t.Fatal(err)
	}
	change(w)
	src, err := proto.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func packed(t *testing.T, plain []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	src, err := proto.Marshal(&wire.Batch{Zstd: enc.EncodeAll(plain, nil)})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestDecodeRefuses(t *testing.T) {
	good := marshal(t, func(*wire.Batch) {})
	if _, err := DecodeBatch(good); err != nil {
		t.Fatalf("the untouched batch: %v", err)
	}
	if _, err := DecodeBatch(packed(t, good)); err != nil {
		t.Fatalf("the compressed batch: %v", err)
	}
	change := func(f func(*wire.Batch)) []byte { return marshal(t, f) }
	for name, src := range map[string][]byte{
		"nothing":              nil,
		"junk":                 []byte("\xff\xff\xff\xff"),
		"longer than 1 MiB":    make([]byte, MaxBatchBytes+1),
		"bomb":                 packed(t, make([]byte, maxPlain+1)),
		"bomb of bombs":        packed(t, packed(t, good)),
		"not zstd":             change(func(w *wire.Batch) { *w = wire.Batch{Zstd: []byte("hello")} }),
		"too many rows":        packed(t, change(func(w *wire.Batch) { w.Time = make([]byte, MaxBatchRecords+1) })),
		"no rows":              change(func(w *wire.Batch) { w.Time = nil }),
		"time not dense":       change(func(w *wire.Batch) { w.Dense &^= 1 << colTime }),
		"unknown dense column": change(func(w *wire.Batch) { w.Dense |= 1 << columns }),
		"seq zero":             change(func(w *wire.Batch) { w.FirstSeq = 0 }),
		"year 10000":           change(func(w *wire.Batch) { w.FirstTime = maxMilli + 1 }),
		"more rows than data":  change(func(w *wire.Batch) { w.Time = append(w.Time, 0) }),
		"less rows than data":  change(func(w *wire.Batch) { w.Time = w.Time[:1] }),
		"varint cut":           change(func(w *wire.Batch) { w.Dns = append(w.Dns, 0x80) }),
		"no checks":            change(func(w *wire.Batch) { w.Checks = nil }),
		"checks cut":           change(func(w *wire.Batch) { w.Checks = w.Checks[:1] }),
		"more checks than rows": change(func(w *wire.Batch) {
			w.Checks = bytes.Repeat([]byte{0, 1, 0}, 6)
		}),
		"unknown phase":     change(func(w *wire.Batch) { w.Checks[2] = 0x40 }),
		"check not there":   change(func(w *wire.Batch) { w.Check = []byte{0, 20} }),
		"address of size 5": change(func(w *wire.Batch) { w.Addrs = []byte{5, 1, 1, 2, 3, 4, 5} }),
		"addresses cut":     change(func(w *wire.Batch) { w.Addrs = w.Addrs[:len(w.Addrs)-1] }),
		"a million addresses": change(func(w *wire.Batch) {
			w.Addrs = []byte{4, 0xc0, 0x84, 0x3d, 1, 2, 3, 4}
		}),
		"text beyond its table": change(func(w *wire.Batch) { w.Texts = []byte{200, 'x'} }),
		"text not UTF-8":        change(func(w *wire.Batch) { w.Texts = []byte{1, 0xff} }),
		"gap beyond a byte":     change(func(w *wire.Batch) { w.Gap = 256 }),
		"cause beyond a byte": change(func(w *wire.Batch) {
			w.Troubled, w.Cause = []byte{0, 2}, []byte{0, 0x80, 0x08}
		}),
	} {
		if b, err := DecodeBatch(src); !errors.Is(err, ErrBatch) {
			t.Errorf("%s: got %+v, %v", name, b, err)
		}
	}
}

// A few bytes must not make the decoder take megabytes.
func TestSmallInputTakesLittleMemory(t *testing.T) {
	rows := make([]byte, 300) // would be 300 rows
	src := marshal(t, func(w *wire.Batch) { w.Time = rows })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := DecodeBatch(src); err == nil {
			t.Fatal("300 rows with the data of 5 were read")
		}
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / 100; per > 1000*uint64(len(src)) {
		t.Errorf("%d bytes of input took %d bytes of memory", len(src), per)
	}
}

// goldenBatches are what the files in testdata were made from: lean rows, rows
// of every shape, and rows that compress.
func goldenBatches() map[string]*fleet.Batch {
	rnd := rand.New(rand.NewPCG(7, 7))
	odd := &fleet.Batch{Run: 0xfeedface, Config: 3, Network: 9, Gap: fleet.LossEvicted}
	for i := range 40 {
		odd.Records = append(odd.Records, anything(rnd, uint64(50+i)))
	}
	wordy := newSite(12).batch(26)
	for i := range wordy.Records { // at most MaxText bytes each
		r := &wordy.Records[i].Result
		r.Outcome, r.Err = probes.Degraded, strings.Repeat(r.Addr.String()+fmt.Sprintf(" answered only at attempt %d; ", i), 4)
	}
	few := newSite(11)
	few.checks = few.checks[:6] // so that the means of their lanes are long
	return map[string]*fleet.Batch{"lean": few.batch(60), "odd": odd, "zstd": wordy}
}

// What agents have in their spools must stay readable for ever, by the bytes:
// each .bin lies beside what it means as .json.
func TestGoldenBatchesStayReadable(t *testing.T) {
	if *rewriteGolden {
		writeGolden(t)
	}
	for name := range goldenBatches() {
		file := filepath.Join("testdata", "batch-"+name)
		src, err := os.ReadFile(file + ".bin")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		want := new(fleet.Batch)
		if err := json.Unmarshal(text, want); err != nil {
			t.Fatal(err)
		}
		got, err := DecodeBatch(src)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as something else", file)
		}
		if compressed := src[0] == 0x92 && src[1] == 0x02; compressed != (name == "zstd") {
			t.Errorf("%s: compressed %v", file, compressed)
		}
	}
}

func writeGolden(t *testing.T) {
	for name, b := range goldenBatches() {
		src, err := EncodeBatch(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(b, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "batch-"+name)
		if err := errors.Join(os.WriteFile(file+".bin", src, 0o644), os.WriteFile(file+".json", text, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzDecodeBatch(f *testing.F) {
	for _, b := range goldenBatches() {
		src, err := EncodeBatch(nil, b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	for n := range 4 {
		w, err := columnar(newSite(uint64(n)).batch(n + 1))
		if err != nil {
			f.Fatal(err)
		}
		src, err := proto.Marshal(w)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := DecodeBatch(src)
		if err != nil {
			if !errors.Is(err, ErrBatch) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		again, err := EncodeBatch(nil, b)
		if err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
		back, err := DecodeBatch(again)
		if err != nil {
			t.Fatalf("encoded, but does not decode: %v", err)
		}
		if !reflect.DeepEqual(back, b) {
			t.Fatalf("came back as\n%+v, was\n%+v", back, b)
		}
	})
}
