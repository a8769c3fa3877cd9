package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAnOldIdentityIsMovedAside(t *testing.T) {
	dir := t.TempDir()
	if err := setAside(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Fatalf("with nothing to move there is %v: %v", entries, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"spool/lock", "config.json", "agent.key", "proxy"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := setAside(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(dir, "old-identity-*", "*"))
	if err != nil || len(all) != 3 {
		t.Errorf("aside are %v: %v", all, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 { // the folder, and the proxy, which is the machine's
		t.Errorf("left are %v: %v", left, err)
	}
}

// TestWhatIsMovedAsideStaysInTheDirectory: the user of the service may replace the
// new folder by a link while root moves files of that user's into it.
func TestWhatIsMovedAsideStaysInTheDirectory(t *testing.T) {
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(t.TempDir(), "link")); err != nil {
		t.Skip(err)
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		dir := t.TempDir()
		for _, name := range belongings() {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var swap sync.WaitGroup
		done := make(chan struct{})
		swap.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				entries, _ := os.ReadDir(dir)
				for _, e := range entries {
					path := filepath.Join(dir, e.Name())
					if strings.HasPrefix(e.Name(), "old-identity-") && os.Rename(path, path+".mine") == nil {
						_ = os.Symlink(elsewhere, path)
						return
					}
				}
			}
		})
		_ = setAside(dir, time.Now()) // it may well fail
		close(done)
		swap.Wait()
	}
	if got, err := os.ReadDir(elsewhere); err != nil || len(got) != 0 {
		t.Errorf("moved out of the directory: %v, %v", got, err)
	}
}
