package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// open opens a spool in dir that is closed with the test.
func open(t testing.TB, o Options) *Spool {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// noon is when the results of tests begin: lately, lest they expire.
var noon = time.Now().UTC().Truncate(time.Second).Add(-2 * time.Hour)

// result is a result that is known again by n.
func result(n int) probes.Result {
	return probes.Result{Kind: probes.TCP, Outcome: probes.Up, Connect: time.Duration(n) * time.Microsecond, Total: time.Duration(n) * time.Microsecond}
}

// fill appends results from to to-1, each a second after the one before, of
// check n%5, and flushes.
func fill(t testing.TB, s *Spool, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := s.Append(1, 1, uint32(n%5), noon.Add(time.Duration(n)*time.Second), result(n), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
}

// next returns what can be read at once, nil if there is nothing.
func next(t testing.TB, s *Spool, after fleet.Mark, most int) *fleet.Batch {
	t.Helper()
	b, err := s.scan(after, most)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// drain reads everything behind after, and fails if the order is not that of
// the contract.
func drain(t testing.TB, s *Spool, after fleet.Mark, most int) (batches []*fleet.Batch) {
	t.Helper()
	for {
		b := next(t, s, after, most)
		if b == nil {
			return batches
		}
		if len(b.Records) == 0 || len(b.Records) > most {
			t.Fatalf("a batch of %d records, at most %d", len(b.Records), most)
		}
		want := b.Records[0].Seq
		if b.Run == after.Run && b.Gap == fleet.LossNone {
			want = after.Seq + 1
		}
		for i := range b.Records {
			if b.Records[i].Seq != want+uint64(i) {
				t.Fatalf("seq %d behind %d, want %d", b.Records[i].Seq, after.Seq, want+uint64(i))
			}
		}
		batches = append(batches, b)
		after = b.Last()
	}
}

func count(batches []*fleet.Batch) (n int) {
	for _, b := range batches {
		n += len(b.Records)
	}
	return n
}

func segments(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWhatIsAppendedIsRead(t *testing.T) {
	for _, most := range []int{1, 7, 1000} {
		dir := t.TempDir()
		s := open(t, Options{Dir: dir, Segment: 800})
		fill(t, s, 0, 10)
		for n := 10; n < 500; n += 10 {
			fill(t, s, n, n+10)
		}
		n := 0
		for _, b := range drain(t, s, fleet.Mark{}, most) {
			for _, r := range b.Records {
				if r.Check != uint32(n%5) || !r.Time.Equal(noon.Add(time.Duration(n)*time.Second)) || r.Result != result(n) {
					t.Fatalf("record %d is %+v", n, r)
				}
				n++
			}
		}
		if n != 500 {
			t.Errorf("read %d of 500 records", n)
		}
		if len(segments(t, dir)) < 3 {
			t.Error("all in one segment: the test is too small")
		}
		if runs := s.Runs(); len(runs) != 1 || runs[0].Oldest != 1 || runs[0].Newest != 500 {
			t.Errorf("runs %+v", runs)
		}
	}
}

func TestBatchesDoNotCrossRunConfigOrNetwork(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		s := open(t, Options{Dir: dir})
		for i, key := range [][2]int{{1, 1}, {1, 1}, {2, 1}, {2, 2}, {2, 1}, {2, 1}} {
			if err := s.Append(uint64(key[0]), uint32(key[1]), 0, noon.Add(time.Duration(i)*time.Second), result(i), false); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Options{Dir: dir})
	var got []string
	for _, b := range drain(t, s, fleet.Mark{}, 100) {
		got = append(got, fmt.Sprintf("%d/%d x%d", b.Config, b.Network, len(b.Records)))
	}
	if want := "[1/1 x2 2/1 x1 2/2 x1 2/1 x2 1/1 x2 2/1 x1 2/2 x1 2/1 x2]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNextWaitsForDurableRecords(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), FlushEvery: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan *fleet.Batch)
	go func() {
		b, _ := s.Next(ctx, fleet.Mark{}, 10)
		got <- b
		_, err := s.Next(ctx, b.Last(), 10)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Next returned %v when its context ended", err)
		}
		got <- nil
	}()
	if err := s.Append(1, 1, 0, noon, result(1), false); err != nil { // the flusher brings it out
		t.Fatal(err)
	}
	if b := <-got; len(b.Records) != 1 || b.Records[0].Result != result(1) {
		t.Errorf("got %+v", b)
	}
	cancel()
	<-got
}

func TestUrgentResultsDoNotWait(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), FlushEvery: time.Hour})
	_ = s.Append(1, 1, 0, noon, result(1), false)
	_ = s.Append(1, 1, 1, noon, result(2), true)
	b, err := s.Next(t.Context(), fleet.Mark{}, 10) // would hang for an hour
	if err != nil || len(b.Records) != 2 {
		t.Errorf("got %+v, %v", b, err)
	}
}

func TestCloseWakesNext(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	done := make(chan error)
	go func() { _, err := s.Next(t.Context(), fleet.Mark{}, 1); done <- err }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Next returned %v", err)
	}
	if err := s.Append(1, 1, 1, noon, result(1), false); !errors.Is(err, ErrClosed) {
		t.Errorf("Append returned %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestTimesOfACheckAreUniqueForEver(t *testing.T) {
	dir := t.TempDir()
	seen := make(map[string]bool)
	record := func(at time.Duration) {
		s := open(t, Options{Dir: dir, Segment: 200})
		for config := range uint64(2) {
			for i := range 6 { // the clock stands, goes on a little, and is set back
				for check := range uint32(3) {
					_ = s.Append(config, 1, check, noon.Add(at).Add(time.Duration(i/3)*time.Millisecond), result(i), false)
				}
				_ = s.Flush()
			}
		}
		// All is acknowledged and deleted, as far as it ever is.
		for _, b := range drain(t, s, fleet.Mark{Run: s.run}, 1000) {
			for _, r := range b.Records {
				key := fmt.Sprint(r.Check, r.Time.UnixMilli()) // by the index: under another config it may be the same check
				if seen[key] {
					t.Errorf("check %d has two results at %v", r.Check, r.Time)
				}
				seen[key] = true
			}
			if err := s.Acknowledge(b.Last()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	record(0)
	record(0)
	record(-time.Hour)
	record(time.Hour)
	record(0)
	if len(seen) != 5*2*6*3 {
		t.Errorf("%d records, want %d", len(seen), 5*2*6*3)
	}
}

func TestImpossibleClocksAreHeldAtTheBorder(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	for _, at := range []time.Time{{}, time.Unix(-5, 0), time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0)} {
		_ = s.Append(1, 1, 1, at, result(1), false)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := count(drain(t, s, fleet.Mark{}, 10)); n != 4 {
		t.Errorf("%d of 4 records", n)
	}
}

func TestAcknowledgedSegmentsGo(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Segment: 300})
	for n := 0; n < 300; n += 10 {
		fill(t, s, n, n+10)
	}
	before := len(segments(t, dir))
	if err := s.Acknowledge(fleet.Mark{Run: s.run, Seq: 150}); err != nil {
		t.Fatal(err)
	}
	half := len(segments(t, dir))
	if half >= before {
		t.Errorf("%d segments, still %d with half of it acknowledged", before, half)
	}
	if p := s.Stats().Pending; p != 150 {
		t.Errorf("%d pending, want 150", p)
	}
	if n := count(drain(t, s, fleet.Mark{Run: s.run, Seq: 150}, 1000)); n != 150 {
		t.Errorf("%d records behind the mark, want 150", n)
	}
	if err := s.Acknowledge(fleet.Mark{Run: s.run, Seq: 1 << 60}); err != nil { // a collector beside itself
		t.Fatal(err)
	}
	if err := s.Acknowledge(fleet.Mark{Run: 12345, Seq: 3}); err != nil {
		t.Fatal(err)
	}
	if n := len(segments(t, dir)); n != 1 {
		t.Errorf("%d segments with all acknowledged, want the newest one", n)
	}
	st := s.Stats()
	if st.Pending != 0 || len(st.Lost) != 0 || !st.OldestUnacked.IsZero() {
		t.Errorf("stats %+v", st)
	}
	fill(t, s, 300, 310)
	if b := next(t, s, fleet.Mark{Run: s.run, Seq: 300}, 100); b == nil || b.Gap != fleet.LossNone || b.Records[0].Seq != 301 {
		t.Errorf("after the mark: %+v", b)
	}
}

func TestAcknowledgementsSurviveReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Segment: 300})
	fill(t, s, 0, 100)
	run := s.run
	_ = s.Acknowledge(fleet.Mark{Run: run, Seq: 90})
	_ = s.Close()
	s = open(t, Options{Dir: dir, Segment: 300})
	if p := s.Stats().Pending; p != 10 {
		t.Errorf("%d pending after reopening, want 10", p)
	}
	fill(t, s, 100, 120)
	batches := drain(t, s, fleet.Mark{Run: run, Seq: 90}, 1000)
	if len(batches) != 2 || len(batches[0].Records) != 10 || batches[0].Run != run || batches[1].Run != s.run || batches[1].Records[0].Seq != 1 {
		t.Errorf("behind the mark of the old run: %+v", batches)
	}
}

func TestEvictionCountsExactly(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Segment: 300, MaxBytes: 1500}
	s := open(t, o)
	for n := 0; n < 1000; n += 10 {
		fill(t, s, n, n+10)
		if n == 500 {
			_ = s.Acknowledge(fleet.Mark{Run: s.run, Seq: 490}) // what the collector has is no loss
		}
	}
	st := s.Stats()
	if st.Bytes > o.MaxBytes+o.Segment {
		t.Errorf("%d bytes kept, bound %d", st.Bytes, o.MaxBytes)
	}
	first := s.Runs()[0].Oldest
	evictedBeforeAck := st.Lost["evicted"] - (first - 1 - 490)
	if st.Lost["evicted"]+st.Pending+490-evictedBeforeAck != 1000 {
		t.Errorf("%+v: lost and kept do not add up", st)
	}
	b := next(t, s, fleet.Mark{Run: s.run, Seq: 490}, 1000)
	if b.Gap != fleet.LossEvicted || b.Records[0].Seq != first {
		t.Errorf("first batch behind the hole: gap %v, seq %d, want evicted and %d", b.Gap, b.Records[0].Seq, first)
	}
	if b := next(t, s, fleet.Mark{Run: s.run}, 1000); b.Gap != fleet.LossEvicted {
		t.Errorf("for a collector that knows nothing: gap %v", b.Gap)
	}
	if b := next(t, s, b.Last(), 1000); b.Gap != fleet.LossNone {
		t.Errorf("behind a batch: gap %v", b.Gap)
	}
	run := s.run
	_ = s.Close()
	s = open(t, o)
	if got := s.Stats(); got.Lost["evicted"] != st.Lost["evicted"] {
		t.Errorf("after reopening %d evicted, before %d", got.Lost["evicted"], st.Lost["evicted"])
	}
	if b := next(t, s, fleet.Mark{Run: run, Seq: 490}, 1000); b.Gap != fleet.LossEvicted {
		t.Errorf("after reopening: gap %v", b.Gap)
	}
}

func TestOldResultsExpire(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Segment: 1, MaxAge: 24 * time.Hour}) // a segment per flush
	now := time.Now()
	for i, age := range []time.Duration{50, 40, 30, 20, 10, 0} {
		_ = s.Append(1, 1, 1, now.Add(-age*time.Hour), result(i), false)
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	st := s.Stats()
	if st.Lost["expired"] != 3 || st.Pending != 3 {
		t.Errorf("stats %+v, want 3 expired and 3 pending", st)
	}
	if b := next(t, s, fleet.Mark{Run: s.run}, 10); b.Gap != fleet.LossExpired || b.Records[0].Seq != 4 {
		t.Errorf("got %+v", b)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	_ = s.Close()
	open(t, Options{Dir: dir})
}

func TestAllAtOnce(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), Segment: 4000, FlushEvery: time.Millisecond})
	const writers, each = 4, 500
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := s.Append(1, 1, uint32(w), noon.Add(time.Duration(i)*time.Second), result(i), i%50 == 0); err != nil {
					t.Error(err)
				}
				s.Stats()
				if i%20 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	var after fleet.Mark
	last := make(map[uint32]time.Time)
	for n := 0; n < writers*each; {
		b, err := s.Next(t.Context(), after, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			if !r.Time.After(last[r.Check]) {
				t.Fatalf("check %d: %v behind %v", r.Check, r.Time, last[r.Check])
			}
			last[r.Check] = r.Time
		}
		if b.Records[0].Seq != after.Seq+1 || b.Gap != fleet.LossNone {
			t.Fatalf("seq %d behind %d", b.Records[0].Seq, after.Seq)
		}
		n += len(b.Records)
		after = b.Last()
		wg.Go(func() {
			if err := s.Acknowledge(b.Last()); err != nil {
				t.Error(err)
			}
			s.Runs()
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Pending != 0 || len(st.Lost) != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestRefusingDiskKeepsResultsInMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := open(t, Options{Dir: dir, FlushEvery: time.Hour})
	fill(t, s, 0, 10)
	run := s.run
	if err := s.out.Close(); err != nil { // the disk breaks under the segment
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	_ = s.Append(1, 1, 0, noon, result(10), false)
	if s.Flush() == nil {
		t.Fatal("flush into nothing succeeded")
	}
	for n := 11; n < 20; n++ {
		if err := s.Append(1, 1, uint32(n%5), noon, result(n), false); err == nil || errors.Is(err, ErrDropped) {
			t.Fatalf("append with a broken disk: %v", err)
		}
	}
	if st := s.Stats(); st.Err == "" || st.Pending != 20 || st.Dropped != 0 {
		t.Errorf("stats %+v", st)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := count(drain(t, s, fleet.Mark{Run: run}, 100)); n != 20 || s.Stats().Err != "" {
		t.Errorf("%d of 20 records after the disk came back; %+v", n, s.Stats())
	}
}

func TestMemoryIsBoundedWhileTheDiskRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := open(t, Options{Dir: dir, FlushEvery: time.Hour})
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	var err error
	for n := range waiting + 5 {
		err = s.Append(1, 1, 0, noon, result(n), false)
	}
	if !errors.Is(err, ErrDropped) || s.Stats().Dropped != 5 || s.Stats().Pending != waiting {
		t.Errorf("%v, %+v", err, s.Stats())
	}
	_ = os.Rename(dir+".away", dir)
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	b := next(t, s, fleet.Mark{}, waiting)
	if b.Records[0].Seq != 1 || b.Records[0].Result != result(5) {
		t.Errorf("the oldest that is left: %+v", b.Records[0])
	}
}

func TestLongTextsAlwaysFit(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	for n := range 6000 {
		r := result(n)
		r.Err = fmt.Sprintf("%0250d", n)
		_ = s.Append(1, 1, 0, noon, r, false)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := count(drain(t, s, fleet.Mark{}, 10_000)); n != 6000 || s.Stats().Dropped != 0 {
		t.Errorf("%d of 6000 records, %+v", n, s.Stats())
	}
}

func TestNoFileIsLeftOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts /proc/self/fd")
	}
	files := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	dir := t.TempDir()
	before := files()
	for range 10 {
		s := open(t, Options{Dir: dir, Segment: 300})
		for n := 0; n < 100; n += 10 {
			fill(t, s, n, n+10)
		}
		drain(t, s, fleet.Mark{}, 13)
		_ = s.Acknowledge(fleet.Mark{Run: s.run, Seq: 70})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := files(); after > before {
		t.Errorf("%d files open, %d before", after, before)
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	newer := appendHeader(nil, 7, 0)
	newer[8] = format + 1
	_ = os.WriteFile(filepath.Join(dir, segmentName(4)), newer, 0o600)
	_ = os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("hello"), 0o600)
	_ = os.WriteFile(filepath.Join(dir, ledgerName), []byte("{"), 0o600)
	s := open(t, Options{Dir: dir})
	fill(t, s, 0, 5)
	names := strings.Join(segments(t, dir), " ")
	if !strings.Contains(names, segmentName(4)) || !strings.Contains(names, segmentName(5)) {
		t.Errorf("segments %s", names)
	}
	if n := count(drain(t, s, fleet.Mark{}, 10)); n != 5 {
		t.Errorf("%d records", n)
	}
}
