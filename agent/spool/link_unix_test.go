//go:build !windows

package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestNothingIsWrittenThroughALink: root opens the spool of the service's user
// when it joins, who must not choose a file of root's to be overwritten, or made.
func TestNothingIsWrittenThroughALink(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	victim, none := filepath.Join(elsewhere, "shadow"), filepath.Join(elsewhere, "nologin")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{ledgerName + ".new": victim, "lock": none} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := Open(Options{Dir: dir}); err == nil {
		s.Close()
		t.Error("the lock is a link, and it was taken")
	}
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: dir})
	fill(t, s, 0, 5)
	if src, err := os.ReadFile(victim); err != nil || string(src) != "precious" {
		t.Errorf("the file at the end of a link holds %q: %v", src, err)
	}
	if _, err := os.Lstat(none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made at the end of a link: %v", err)
	}
}
