package identity

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestCrashBeforeTheRenameLeavesTheOldCertificate(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	renewed := signed(t, a, b.key, alice, spring.AddDate(0, 0, 20))
	for _, staged := range [][]byte{nil, renewed[:300], renewed} {
		if _, err := stage(filepath.Join(b.dir, fileAgentCert), staged); err != nil {
			t.Fatal(err)
		}
		got, err := LoadBundle(b.dir)
		if err != nil || !got.NotAfter().Equal(b.NotAfter()) {
			t.Fatalf("with %d bytes staged: %v", len(staged), err)
		}
	}
	if err := b.Install(renewed); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadBundle(b.dir); err != nil || !got.NotAfter().Equal(spring.AddDate(0, 0, 50)) {
		t.Errorf("after the next renewal: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestKilledWhileRenewing kills a process that does nothing but renew, again and
// again, and finds a whole identity every time.
func TestKilledWhileRenewing(t *testing.T) {
	if dir := os.Getenv("PICKET_TEST_RENEW"); dir != "" {
		renewForever(t, dir)
	}
	b := enrol(t, newAuthority(t, spring), alice, spring)
	for i := range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWhileRenewing$")
		cmd.Env = append(os.Environ(), "PICKET_TEST_RENEW="+b.dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var one [1]byte
		if _, err := out.Read(one[:]); err != nil { // it has begun
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i*i) * 100 * time.Microsecond) // anywhere in the middle
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if _, err := LoadBundle(b.dir); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
	}
}

// renewForever is the process that is killed.
func renewForever(t *testing.T, dir string) {
	b, err := LoadBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := os.ReadFile(filepath.Join(dir, fileAgentCert))
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("!")
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		if err := b.Install(chain); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDiskThatRefusesKeepsTheOldCertificate(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	chain := signed(t, a, b.key, alice, spring.AddDate(0, 0, 20))
	inUse := b.cert.Load()
	if err := os.RemoveAll(b.dir); err != nil { // refuses root, too
		t.Fatal(err)
	}
	wantErr(t, "no directory", b.Install(chain), fs.ErrNotExist)
	if b.cert.Load() != inUse {
		t.Error("a certificate is in use that is not on the disk")
	}
}
