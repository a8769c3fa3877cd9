package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
)

const crashVar = "PICKET_STORE_CRASH_FILE"

// TestKilledWhileCommitting is its own child process: it commits without end
// and says which seq was acknowledged, until its parent kills it.
func TestKilledWhileCommitting(t *testing.T) {
	if path := os.Getenv(crashVar); path != "" {
		commitForEver(path)
		return
	}
	path := file(t)
	var total uint64
	for round := range 6 {
		acked := killAfter(t, path, 40+round*17)
		s := openAt(t, path)
		marks, err := s.Marks(t.Context(), "a", []uint64{1})
		if err != nil || len(marks) != 1 {
			t.Fatalf("marks %v, %v", marks, err)
		}
		if marks[0].Seq < acked {
			t.Errorf("round %d: seq %d was acknowledged, the mark says %d", round, acked, marks[0].Seq)
		}
		if marks[0].Seq <= total {
			t.Errorf("round %d: no progress behind %d", round, total)
		}
		total = marks[0].Seq
		agree(t, s, 2*total) // agent b delivers the same seqs in the same transactions
		if check := integrity(t, s); check != "ok" {
			t.Errorf("round %d: integrity: %s", round, check)
		}
		s.Close()
	}
}

func integrity(t *testing.T, s *Store) (answer string) {
	if err := s.read.QueryRow("PRAGMA integrity_check").Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// killAfter runs a child until it acknowledged n commits, kills it wherever it
// is then, and returns the last seq it acknowledged.
func killAfter(t *testing.T, path string, n int) (acked uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileCommitting$")
	cmd.Env = append(os.Environ(), crashVar+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		seq, ok := strings.CutPrefix(lines.Text(), "acked ")
		if !ok {
			t.Errorf("the child says: %s", lines.Text())
			break
		}
		acked, _ = strconv.ParseUint(seq, 10, 64)
		if i == n {
			cmd.Process.Kill() // SIGKILL; what it still had said is read on
		}
	}
	return acked
}

func commitForEver(path string) {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute) // should the parent die
	defer stop()
	s, err := Open(ctx, path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	marks, err := s.Marks(ctx, "a", []uint64{1})
	if err != nil {
		fmt.Println(err)
		return
	}
	var seq uint64
	if len(marks) > 0 {
		seq = marks[0].Seq
	}
	for ; ; seq += 20 {
		var ds []Delivery
		for _, agent := range []string{"a", "b"} {
			ds = append(ds, Delivery{Agent: agent, Batch: batch(1, span(seq+1, seq+20)...), Config: &fleet.Config{}})
		}
		if _, err := s.Commit(ctx, ds); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("acked", seq+20)
	}
}
