package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/internal/identity"
)

func TestARevokedAgentSaysSoAndComesBack(t *testing.T) {
	o := newOffice(t)
	state := filepath.Join(o.dir, "a")
	if out, code := o.join(o.token(), "a"); code != 0 {
		t.Fatalf("join: %s", out)
	}
	old, err := identity.LoadBundle(state)
	if err != nil {
		t.Fatal(err)
	}
	status := func(args ...string) (string, int) {
		return run1(t, exec.Command(binary(t, "picket-agent"), append([]string{"status", "--state", state}, args...)...))
	}
	if out, code := status(); code != 5 || !strings.Contains(out, "is this the right directory? name another with --state, or start it") {
		t.Errorf("status of an agent that does not run: exit %d: %s", code, out)
	}
	agent := start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", state))
	eventually(t, 10*time.Second, "the agent is connected", func() bool { _, code := status(); return code == 0 })
	if out, code := run1(t, exec.Command(binary(t, "picket"), "agent", "revoke", "acme/madrid", "--yes", "--data", o.data)); code != 0 || !strings.Contains(out, old.AgentID()) {
		t.Fatalf("revoke the only agent of a site: exit %d: %s", code, out)
	}
	revoked := func() bool { _, code := status(); return code == 4 }
	eventually(t, 5*time.Second, "status knows", revoked)
	said := func(out string) {
		t.Helper()
		if !strings.HasPrefix(strings.TrimPrefix(out, "error: "), "REVOKED") || !strings.Contains(out, "picket token create --client acme --site madrid") {
			t.Errorf("status does not begin with the news or says no way out:\n%s", out)
		}
		for _, wrong := range []string{"votes", "renews itself", "stored configuration"} {
			if strings.Contains(out, wrong) {
				t.Errorf("a revoked agent %q:\n%s", wrong, out)
			}
		}
	}
	out, _ := status()
	said(out)
	made := func() (n struct {
		Spool struct{ Pending, Bytes uint64 }
	}) {
		out, _ := status("--json")
		if err := json.Unmarshal([]byte(out), &n); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return n
	}
	before := made()
	time.Sleep(1500 * time.Millisecond)
	if after := made(); after != before {
		t.Errorf("it keeps results for nobody: %+v, then %+v", before, after)
	}
	agent.stop()
	out, code := status()
	if code != 4 {
		t.Errorf("stopped: exit %d", code)
	}
	said(out)
	again := start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", state))
	eventually(t, 10*time.Second, "a restart knows too", revoked)
	token := o.token()
	if out, code := o.join(token, "a"); code != 3 || !strings.Contains(out, "picket-agent service stop") {
		t.Errorf("under the idle agent: exit %d: %s", code, out)
	}
	again.stop()
	out, code = o.join(token, "a")
	if code != 0 || !strings.Contains(out, "was revoked") || !strings.Contains(out, "Enrolled") {
		t.Fatalf("join of a revoked machine: exit %d: %s", code, out)
	}
	if fresh, err := identity.LoadBundle(state); err != nil || fresh.AgentID() == old.AgentID() {
		t.Errorf("new identity: %v", err)
	}
	start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", state))
	eventually(t, 10*time.Second, "the machine is back", func() bool { _, code := status(); return code == 0 })
}
