package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const agentVersion = "9.8.7"

// one is the path of the only package with that ending.
func one(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(packages(t), pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

func TestALifeOfTheAgentsPackage(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("it builds server and agent")
	case os.Geteuid() != 0:
		t.Skip("only root can install a package")
	}
	for _, tool := range []string{"unshare", "setpriv", "chroot", "useradd", "jq", "ps"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := packages(t)
	binary := picket(t)
	s := newServer(t, binary)
	ask := filepath.Join(t.TempDir(), "ask")
	script := "#!/bin/sh\ncase $1 in\n" +
		"token) " + binary + " token create --data " + s.data + " --client acme --site madrid --network 'AS64500 Test' --json | jq -r .token ;;\n" +
		"connected) " + binary + " agent list --data " + s.data + " --json | jq '[.data[] | select(.connected)] | length' ;;\n" +
		"esac\n"
	if err := os.WriteFile(ask, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "unshare", "--mount", "--propagation", "private", "sh", "-eu", "testdata/agent-life.sh", dir, agentVersion, ask+" token", ask+" connected")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "the life is over") {
		t.Errorf("it ended early:\n%s", out)
	}
	if n := strings.Count(s.log.String(), `msg="agent gone"`); n < 6 || strings.Contains(s.log.String(), "clean=false") {
		t.Errorf("of %d stops not every one was told as a goodbye", n)
	}
}

func TestTheAgentsPackagesAreReproducible(t *testing.T) {
	one := packages(t)
	two, err := buildAgent("077")
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(one)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 18 {
		t.Errorf("only %d files", len(names))
	}
	for _, e := range names {
		a, err := os.ReadFile(filepath.Join(one, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(two, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("two builds of %s differ", e.Name())
		}
	}
	if runtime.GOOS == "linux" {
		cmd := command(t, "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
		cmd.Dir = one
		output(t, cmd)
	}
}
