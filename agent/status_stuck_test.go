package agent

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"testing"
)

// TestAStuckAgentIsNotWaitedForForEver: a process that is stopped still takes
// connections, and a monitor that waits for it is one more that never ends.
func TestAStuckAgentIsNotWaitedForForEver(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a short path for its socket")
	}
	t.Parallel() // it takes askTime
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts
	ctx, cancel := context.WithTimeout(t.Context(), 6*askTime)
	defer cancel()
	if _, err := AskStatus(ctx, dir); !errors.Is(err, ErrNotRunning) || ctx.Err() != nil {
		t.Errorf("asked for the status of an agent that is stopped: %v", err)
	}
}
