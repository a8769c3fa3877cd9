package daemon

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestHandOverFollowsNothing gives away what root left, and nothing to which the
// service's user could have made a way.
func TestHandOverFollowsNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const them = 65533
	outside, state := t.TempDir(), t.TempDir()
	write := func(path string) string {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shadow, linked := write(filepath.Join(outside, "shadow")), write(filepath.Join(outside, "linked"))
	if err := os.Mkdir(filepath.Join(state, "spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	ours := write(filepath.Join(state, "spool", "results"))
	for _, err := range []error{
		os.Symlink(shadow, filepath.Join(state, "link")),
		os.Symlink(outside, filepath.Join(state, "way")),
		os.Link(linked, filepath.Join(state, "second")),
		syscall.Mkfifo(filepath.Join(state, "pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(state)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := handOver(root, 0, them, them); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{ours: them, filepath.Join(state, "spool"): them, state: them, shadow: 0, linked: 0, outside: 0} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := int(info.Sys().(*syscall.Stat_t).Uid); got != want {
			t.Errorf("%s belongs to %d, want %d", path, got, want)
		}
	}
}
