package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTheDoctorOnWindows asks the doctor on Wine about a line over TCP, as an agent
// that has joined: Wine 8 opens no UDP socket for Go, so the join is Linux's.
func TestTheDoctorOnWindows(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds server and agent")
	}
	w := newWine(t)
	binary := picket(t)
	s := newServer(t, binary)
	dir, err := os.MkdirTemp("", "picket-doctor-") // its socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	native, exe := filepath.Join(dir, "picket-agent"), filepath.Join(dir, "picket-agent.exe")
	output(t, command(t, "go", "build", "-o", native, "../cmd/picket-agent"))
	build := command(t, "go", "build", "-o", exe, "../cmd/picket-agent")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	output(t, build)
	output(t, exec.Command(native, "join", "--state", filepath.Join(dir, "state"), s.token(t, "seville")))
	if err := os.CopyFS(w.path(`C:\agent`), os.DirFS(filepath.Join(dir, "state"))); err != nil {
		t.Fatal(err)
	}
	out, code := w.run(t, exe, "doctor", "--json", "--state", `C:\agent`, "--compare-dns", "")
	var r struct {
		Findings []struct{ ID, Level, Text string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 11 { // no agent runs
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	got := map[string]string{}
	for _, f := range r.Findings {
		got[f.ID] = f.Level
	}
	for _, id := range []string{"identity", "tls-intercept", "collector", "tcp", "mtu", "captive", "icmp4"} {
		if got[id] != "PASS" {
			t.Errorf("%s is %s: %+v", id, got[id], r.Findings)
		}
	}
}
