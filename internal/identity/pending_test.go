package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARepeatedEnrolmentAsksWithTheSameKey(t *testing.T) {
	dir := t.TempDir()
	key := func(token string) string {
		t.Helper()
		k, err := PendingKey(dir, token)
		if err != nil {
			t.Fatal(err)
		}
		b, err := encodeKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := key("tok1")
	if key("tok1") != first {
		t.Error("a second try with the same token makes another key")
	}
	path := filepath.Join(dir, filePending)
	if info, err := os.Stat(path); err != nil || bits && info.Mode().Perm() != 0o600 {
		t.Errorf("the key lies open: %v %v", info.Mode(), err)
	}
	other := key("tok2")
	if other == first {
		t.Error("another token gets the key of the first")
	}
	if bits {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if key("tok2") == other {
			t.Error("a key that others could read is used")
		}
	}
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	last := key("tok2") // a damaged file costs nothing

	// A key that became an identity is not the key of the next one.
	if err := os.WriteFile(filepath.Join(dir, fileAgentKey), []byte(last), 0o600); err != nil {
		t.Fatal(err)
	}
	if key("tok2") == last {
		t.Error("a new identity gets the key of the old one")
	}
	if err := DropPending(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	if err := DropPending(dir); err != nil || strings.Contains(first, headerToken) {
		t.Errorf("nothing to drop: %v", err)
	}
}
