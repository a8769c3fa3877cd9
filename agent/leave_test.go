package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"picket/internal/uplink"
)

func TestWhyAnAgentLeaves(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.Canceled)
	if why := leaving(ctx, dir, time.Now()); why != uplink.ByeStop {
		t.Errorf("a signal and nothing else: %q", why)
	}
	told, cancel := context.WithCancelCause(t.Context())
	cancel(Leaving(uplink.ByeShutdown))
	if why := leaving(told, dir, time.Now()); why != uplink.ByeShutdown {
		t.Errorf("a service manager that tells: %q", why)
	}
	for _, mark := range []string{uplink.ByeUpgrade, uplink.ByeUninstall} {
		if err := MarkLeave(dir, mark); err != nil {
			t.Fatal(err)
		}
		if why := leaving(told, dir, time.Now()); why != mark {
			t.Errorf("marked %s: %q", mark, why)
		}
	}
	if why := leaving(ctx, dir, time.Now().Add(time.Hour)); why != uplink.ByeStop {
		t.Errorf("an old mark explains this stop: %q", why)
	}
	if err := unmarkLeave(dir); err != nil {
		t.Fatal(err)
	}
	if why := leaving(ctx, dir, time.Now()); why != uplink.ByeStop {
		t.Errorf("after the next start: %q", why)
	}
	if err := MarkLeave(dir, "holiday"); !errors.Is(err, ErrLeave) {
		t.Errorf("marked a holiday: %v", err)
	}
}

// TestAMarkFollowsNoLink: scripts that run as root write in a directory of
// another user.
func TestAMarkFollowsNoLink(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, leaveMark)); err != nil {
		t.Skip(err)
	}
	if err := MarkLeave(dir, uplink.ByeUpgrade); err != nil {
		t.Fatal(err)
	}
	if src, err := os.ReadFile(victim); err != nil || string(src) != "precious" {
		t.Errorf("the link was followed: %q, %v", src, err)
	}
	if why := markedLeave(dir, time.Now()); why != uplink.ByeUpgrade {
		t.Errorf("marked %q", why)
	}
	os.Remove(filepath.Join(dir, leaveMark))
	if err := os.WriteFile(filepath.Join(dir, "upgrade"), []byte("upgrade"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("upgrade", filepath.Join(dir, leaveMark)); err != nil {
		t.Fatal(err)
	}
	if why := markedLeave(dir, time.Now()); why != "" {
		t.Errorf("read through a link: %q", why)
	}
}
