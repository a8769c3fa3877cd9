//go:build unix

package main

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// TestSetupByRootIsFitForTheService wants that the service, which is not root,
// can use the data and read the secrets.
func TestSetupByRootIsFitForTheService(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("needs root, and a user nobody")
	}
	r := newTrial(t, "--yes", "--skip-checks", "--influx-url", "http://127.0.0.1:9", "--influx-token-file", "-")
	if code, out := r.run("a-token\n"); code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	if err := r.handOver("nobody"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		owner string
		mode  os.FileMode
	}{
		filepath.Join(r.answer["data"], "ca", "root.key"): {nobody.Uid, 0o600},
		filepath.Join(r.answer["data"], "picket.db"):      {nobody.Uid, 0o600},
		r.secretFile("influx-token"):                      {"0", 0o640},
		filepath.Dir(r.secretFile("influx-token")):        {"0", os.ModeDir | 0o750},
		r.answer["config"]:                                {"0", 0o644},
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if owner := strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)); owner != want.owner || info.Mode() != want.mode {
			t.Errorf("%s: owner %s, %v, want %+v", path, owner, info.Mode(), want)
		}
	}
	if err := r.handOver("no-such-user"); err != nil {
		t.Errorf("a machine without the service: %v", err)
	}
}
