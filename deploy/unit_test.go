package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxExposure bounds what `systemd-analyze security` computes, 0 (closed) to 10.
const maxExposure = 1.6

// unit writes the unit beside the test, with programs that this machine has.
func unit(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile("picket-collector.service")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("/usr/bin/picket ", "/bin/true ", "/usr/lib/picket/hand-over", "/bin/true").Replace(string(src))
	path := filepath.Join(t.TempDir(), "picket-collector.service")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd is not installed:", err)
	}
	cmd := exec.Command(tool, args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=cat")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestTheUnitIsUnderstood(t *testing.T) {
	if out := analyze(t, "verify", unit(t)); strings.Contains(out, "picket-collector.service") {
		t.Errorf("systemd finds fault with it:\n%s", out)
	}
}

func TestTheUnitIsHardened(t *testing.T) {
	out := analyze(t, "security", "--offline=true", "--no-pager", unit(t))
	m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no figure in:\n%s", out)
	}
	level, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("exposure %.1f", level)
	if level > maxExposure {
		t.Errorf("exposure %.1f, at most %.1f:\n%s", level, maxExposure, out)
	}
}

func TestTheUnitKeepsItsPromises(t *testing.T) {
	src, err := os.ReadFile("picket-collector.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"User=picket", "StateDirectory=picket", "StateDirectoryMode=0700", "UMask=0077", "NoNewPrivileges=yes", "ProtectSystem=strict",
		"ConditionDirectoryNotEmpty=/var/lib/picket", // nothing runs before set-up
		"CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE",
		"ExecStart=/usr/bin/picket collector --data /var/lib/picket",
		"RestartPreventExitStatus=2 78", // exitUsage and exitConfig of cmd/picket
	} {
		if !strings.Contains(string(src), "\n"+line+"\n") {
			t.Errorf("the unit does not say %s", line)
		}
	}
	if !strings.Contains(string(src), "\nMemoryMax=") {
		t.Error("the unit does not bound the memory")
	}
}
