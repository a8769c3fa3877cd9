package spool

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"picket/internal/fleet"
)

// childDir names the directory in the environment of the child.
const childDir = "PICKET_SPOOL_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, appendForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForEver records as fast as it can, acknowledges a little, and
// announces on stdout every mark that Next has handed out.
func appendForEver(dir string) error {
	s, err := Open(Options{Dir: dir, Segment: 8000, FlushEvery: time.Millisecond})
	if err != nil {
		return err
	}
	var after fleet.Mark // behind what earlier runs have left
	for _, r := range s.Runs() {
		after = fleet.Mark{Run: r.ID, Seq: r.Newest}
	}
	failed := make(chan error, 3)
	for w := range 2 {
		go func() {
			for i := 0; ; i++ {
				if err := s.Append(1, 1, uint32(w), time.Now(), result(i), i%100 == 0); err != nil {
					failed <- err
				}
				if i%20 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	go func() {
		for n := 1; ; n++ {
			b, err := s.Next(context.Background(), after, 50)
			if err != nil {
				failed <- err
				return
			}
			after = b.Last()
			fmt.Println("have", after.Run, after.Seq)
			if n%20 == 0 && after.Seq > 500 {
				mark := fleet.Mark{Run: after.Run, Seq: after.Seq - 500}
				fmt.Println("acked", mark.Run, mark.Seq) // before: the kill may come between
				if err := s.Acknowledge(mark); err != nil {
					failed <- err
				}
			}
		}
	}()
	return <-failed
}

// Whatever moment kill -9 comes at: what was announced is there, without a
// hole, and nothing is counted as lost.
func TestKillLosesNothingThatWasAnnounced(t *testing.T) {
	dir := t.TempDir()
	have, acked := make(map[uint64]uint64), make(map[uint64]uint64)
	for range 12 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var kill *time.Timer
		for lines.Scan() {
			if kill == nil { // at work: now any moment will do
				kill = time.AfterFunc(rand.N(150*time.Millisecond), func() { _ = cmd.Process.Kill() })
			}
			var word string
			var m fleet.Mark
			if n, _ := fmt.Sscan(lines.Text(), &word, &m.Run, &m.Seq); n != 3 {
				continue // cut by the kill
			}
			switch word {
			case "have":
				have[m.Run] = m.Seq
			case "acked":
				acked[m.Run] = m.Seq
			}
		}
		if err := cmd.Wait(); err == nil || kill == nil {
			t.Fatalf("the child ended by itself: %v", err)
		}
		check(t, dir, have, acked)
	}
	if len(have) != 12 {
		t.Errorf("%d runs announced something, want 12", len(have))
	}
}

func check(t *testing.T, dir string, have, acked map[uint64]uint64) {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if st := s.Stats(); len(st.Lost) != 0 {
		t.Fatalf("after a kill, lost: %v", st.Lost)
	}
	first, last := make(map[uint64]uint64), make(map[uint64]uint64)
	var after fleet.Mark
	for b := next(t, s, after, 1000); b != nil; b = next(t, s, after, 1000) {
		if _, ok := first[b.Run]; !ok {
			first[b.Run], last[b.Run] = b.Records[0].Seq, b.Records[0].Seq-1
		}
		for _, r := range b.Records {
			if r.Seq != last[b.Run]+1 {
				t.Fatalf("run %d: seq %d behind %d", b.Run, r.Seq, last[b.Run])
			}
			last[b.Run] = r.Seq
		}
		after = b.Last()
	}
	for run, seq := range have {
		switch {
		case last[run] == 0 && acked[run] == seq: // all of it is gone, and may be
		case last[run] < seq:
			t.Errorf("run %d: announced up to %d, on disk up to %d", run, seq, last[run])
		case first[run] > acked[run]+1:
			t.Errorf("run %d: acknowledged up to %d, the disk begins at %d", run, acked[run], first[run])
		}
	}
}
