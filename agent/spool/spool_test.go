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
