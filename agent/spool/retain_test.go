package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"picket/internal/fleet"
)

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
