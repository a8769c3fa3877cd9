package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"picket/internal/fleet"
	"picket/internal/uplink"
)

// record makes a spool of several frames of 10 records, closes it, and
// returns its run.
func record(t testing.TB, o Options, frames int) (run uint64) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for n := range frames {
		fill(t, s, n*10, n*10+10)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s.run
}

// frameEnds returns where the frames of a segment file end, the header's end first.
func frameEnds(t testing.TB, b []byte) []int {
	t.Helper()
	ends := []int{headerSize}
	for r := newFrameReader(bytes.NewReader(b), int64(headerSize), int64(len(b))); ; {
		_, err := r.next()
		if errors.Is(err, io.EOF) {
			return ends
		}
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(r.off))
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A crash may leave any part of the last frame, or its length with zeros.
func TestTornEndIsCutWithoutLoss(t *testing.T) {
	src := t.TempDir()
	run := record(t, Options{Dir: src}, 3)
	file := filepath.Base(segments(t, src)[0])
	whole := readFile(t, filepath.Join(src, file))
	ends := frameEnds(t, whole)
	for cut := ends[2]; cut < ends[3]; cut++ {
		for _, zeros := range []int{0, ends[3] - cut} {
			dir := t.TempDir()
			torn := append(bytes.Clone(whole[:cut]), make([]byte, zeros)...)
			if bytes.Equal(torn, whole) {
				continue // it ends in zeros
			}
			writeFile(t, filepath.Join(dir, file), torn)
			s := open(t, Options{Dir: dir})
			fill(t, s, 100, 101)
			batches := drain(t, s, fleet.Mark{Run: run}, 1000)
			if len(batches) != 2 || batches[0].Last() != (fleet.Mark{Run: run, Seq: 20}) || batches[1].Last() != (fleet.Mark{Run: s.run, Seq: 1}) {
				t.Fatalf("cut at %d, %d zeros: read %+v", cut, zeros, batches)
			}
			if st := s.Stats(); len(st.Lost) != 0 {
				t.Fatalf("cut at %d: %v lost, but it never was durable", cut, st.Lost)
			}
			if n := len(readFile(t, filepath.Join(dir, file))); n != ends[2] {
				t.Fatalf("cut at %d: the file has %d bytes, want %d", cut, n, ends[2])
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTornNewSegmentIsForgotten(t *testing.T) {
	for cut := range headerSize + 1 {
		dir := t.TempDir()
		run := record(t, Options{Dir: dir, Segment: 1}, 2)
		names := segments(t, dir)
		writeFile(t, names[1], readFile(t, names[1])[:cut])
		s := open(t, Options{Dir: dir})
		batches := drain(t, s, fleet.Mark{Run: run}, 1000)
		if len(batches) != 1 || batches[0].Last().Seq != 10 || len(s.Stats().Lost) != 0 {
			t.Fatalf("cut at %d: %+v, %+v", cut, batches, s.Stats())
		}
		fill(t, s, 20, 21)
		_ = s.Close()
	}
}

// Whatever byte in the middle goes bad (every seventh is tried): the rest is read, what is missing is
// counted, once, and told to the collector.
func TestDamageInTheMiddleIsCountedOnce(t *testing.T) {
	src := t.TempDir()
	run := record(t, Options{Dir: src, Segment: 250}, 9)
	var files []string
	for _, name := range segments(t, src) {
		files = append(files, filepath.Base(name))
	}
	whole := readFile(t, filepath.Join(src, files[1]))
	if len(files) < 3 || len(frameEnds(t, whole)) < 4 {
		t.Fatalf("%d segments, %d frames: the test is too small", len(files), len(frameEnds(t, whole)))
	}
	for at := 0; at < len(whole); at += 7 {
		dir := t.TempDir()
		for _, name := range files {
			writeFile(t, filepath.Join(dir, name), readFile(t, filepath.Join(src, name)))
		}
		bad := bytes.Clone(whole)
		bad[at] ^= 0x55
		damage := func() { writeFile(t, filepath.Join(dir, files[1]), bad) }
		late := at%2 == 1 // found while it is read, or when the spool is opened
		if !late {
			damage()
		}
		for range 2 {
			s := open(t, Options{Dir: dir})
			if late {
				damage()
			}
			batches := drain(t, s, fleet.Mark{Run: run}, 1000)
			missing := uint64(90 - count(batches))
			if missing == 0 || missing > uint64(10*(len(frameEnds(t, whole))-1)) {
				if bad[at] = whole[at]; at < headerSize && late {
					break // nobody reads a header twice
				}
				t.Fatalf("byte %d: %d records missing", at, missing)
			}
			if st := s.Stats(); st.Lost["corrupt"] != missing {
				t.Fatalf("byte %d: %d records missing, %v counted", at, missing, st.Lost)
			}
			told := uint64(0)
			after := fleet.Mark{Run: run}
			for _, b := range batches {
				if b.Gap == fleet.LossCorrupt {
					told += b.Records[0].Seq - after.Seq - 1
				}
				after = b.Last()
			}
			if told != missing {
				t.Fatalf("byte %d: %d records missing, %d told", at, missing, told)
			}
			_ = s.Close()
		}
	}
}

func TestDeletedSegmentIsALoss(t *testing.T) {
	dir := t.TempDir()
	run := record(t, Options{Dir: dir, Segment: 1}, 5)
	if err := os.Remove(segments(t, dir)[2]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := open(t, Options{Dir: dir})
		if lost := s.Stats().Lost; lost["corrupt"] != 10 {
			t.Errorf("lost %v", lost)
		}
		if b := next(t, s, fleet.Mark{Run: run, Seq: 20}, 100); b.Gap != fleet.LossCorrupt || b.Records[0].Seq != 31 {
			t.Errorf("got %+v", b)
		}
		_ = s.Close()
	}
}

// A reader that starts behind a run of which nothing is written yet must not
// take its first records, written meanwhile, for lost.
func TestFreshRecordsAreNotTakenForLost(t *testing.T) {
	dir := t.TempDir()
	record(t, Options{Dir: dir}, 1)
	s := open(t, Options{Dir: dir})
	after := fleet.Mark{Run: s.run}
	g, from, off, end := s.pin(after, 0)
	b, end, err := s.read(g, from, off, end, 100)
	if err != nil || s.unpin(g) != nil || len(b.Records) != 10 {
		t.Fatalf("the older run first: %+v, %v", b, err)
	}
	fill(t, s, 0, 5) // right now
	s.handOver(b, after, g, end)
	if lost := s.Stats().Lost; len(lost) != 0 {
		t.Errorf("lost %v", lost)
	}
}

func TestInterruptedEvictionIsFinished(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Segment: 1, MaxBytes: 400}
	record(t, o, 3)
	oldest := segments(t, dir)[0]
	saved := readFile(t, oldest)
	record(t, o, 2) // evicts it
	if _, err := os.Stat(oldest); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the oldest segment is still there: %v", err)
	}
	s := open(t, o)
	before := s.Stats().Lost["evicted"]
	runs := len(s.Runs())
	_ = s.Close()
	writeFile(t, oldest, saved) // the crash came before the deletion
	s = open(t, o)
	if st := s.Stats(); st.Lost["evicted"] != before || len(s.Runs()) != runs {
		t.Errorf("%+v, runs %v; before %d evicted, %d runs", st, s.Runs(), before, runs)
	}
}

// FuzzSegment reads any bytes as a segment: it must say where what can be read
// begins and ends, or why nothing can.
func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	record(f, Options{Dir: dir}, 3)
	whole := readFile(f, segments(f, dir)[0])
	run, _, err := readHeader(whole)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[headerSize:])
	f.Add(whole[headerSize : len(whole)-3])
	f.Add(appendFrame(whole[headerSize:], []byte("no batch")))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(appendHeader(nil, run, 0), b...)
		d := &found{segment: segment{run: run}}
		switch err := d.walk(newFrameReader(bytes.NewReader(b), int64(headerSize), int64(len(b)))); {
		case errors.Is(err, errHeader), errors.Is(err, errAlien):
		case err != nil:
			t.Fatalf("an error of another kind: %v", err)
		case d.size <= int64(headerSize) || d.size > int64(len(b)) || d.first == 0 || d.last == 0:
			t.Fatalf("found %+v in %d bytes", d, len(b))
		}
	})
}

// FuzzOpen opens a spool on any file: it must come up, never panic, hand
// out ascending seqs only, and go on recording.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	record(f, Options{Dir: dir}, 3)
	whole := readFile(f, segments(f, dir)[0])
	f.Add(whole, true)
	f.Add(whole[:len(whole)-3], true)
	f.Add(whole[headerSize:], false)
	f.Add([]byte(magic), true)
	f.Fuzz(func(t *testing.T, b []byte, raw bool) {
		dir := t.TempDir()
		if !raw { // frames behind a header that is right, with a checksum that is right
			b = appendFrame(appendHeader(nil, 7, 0), b[:min(len(b), uplink.MaxBatchBytes)])
		}
		name := filepath.Join(dir, segmentName(3))
		writeFile(t, name, b)
		s := open(t, Options{Dir: dir})
		fill(t, s, 0, 3)
		var after fleet.Mark
		for {
			b := next(t, s, after, 2)
			if b == nil {
				break
			}
			for _, r := range b.Records {
				if b.Run == after.Run && r.Seq <= after.Seq {
					t.Fatalf("seq %d behind %d", r.Seq, after.Seq)
				}
				after = fleet.Mark{Run: b.Run, Seq: r.Seq}
			}
		}
		if after != (fleet.Mark{Run: s.run, Seq: 3}) {
			t.Fatalf("ended at %+v", after)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
