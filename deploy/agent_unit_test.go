package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const agentUnit = "../cmd/picket-agent/daemon/picket-agent.service"

// agentUnitHere writes the agent's unit with a program that this machine has.
func agentUnitHere(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile(agentUnit)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "picket-agent.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(src), "/usr/bin/picket-agent ", "/bin/true ")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheAgentsUnitIsUnderstoodAndHardened(t *testing.T) {
	if out := analyze(t, "verify", agentUnitHere(t)); strings.Contains(out, "picket-agent.service") {
		t.Errorf("systemd finds fault with it:\n%s", out)
	}
	out := analyze(t, "security", "--offline=true", "--no-pager", agentUnitHere(t))
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

func TestTheAgentsUnitKeepsItsPromises(t *testing.T) {
	src, err := os.ReadFile(agentUnit)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"User=picket-agent", "StateDirectory=picket-agent", "StateDirectoryMode=0700", "UMask=0077", "NoNewPrivileges=yes", "ProtectSystem=strict",
		"ConditionPathExists=/var/lib/picket-agent/agent.crt", // nothing runs before the join
		"AmbientCapabilities=CAP_NET_RAW", "CapabilityBoundingSet=CAP_NET_RAW",
		"ExecStart=/usr/bin/picket-agent run --state /var/lib/picket-agent",
		"RestartPreventExitStatus=2 4", // exitUsage and exitAuth of cmd/picket-agent
	} {
		if !strings.Contains(string(src), "\n"+line+"\n") {
			t.Errorf("the unit does not say %s", line)
		}
	}
	if strings.Contains(string(src), "{{") {
		t.Error("the packages install the unit as it is: it must be no template")
	}
}
