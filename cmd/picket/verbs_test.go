package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/web"
	"picket/internal/identity"
)

// office is a collector on loopback and what one needs to join it.
type office struct {
	t         *testing.T
	dir, data string
	collector *process
}

func newOffice(t *testing.T) *office {
	t.Helper()
	dir := shortDir(t)
	o := &office{t: t, dir: dir, data: filepath.Join(dir, "data")}
	text := fmt.Sprintf("listen: %s\nhttp: %s\nproviders: [{id: cloud}]\ntargets: [{id: a, provider: cloud, service: s, checks: [{kind: tcp, host: 127.0.0.1, port: 9}]}]\n",
		freeUDP(t), freeTCP(t))
	if err := os.WriteFile(filepath.Join(dir, "picket.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.run()
	return o
}

// run starts the collector on the configuration in the office's directory.
func (o *office) run() {
	o.t.Helper()
	o.collector = start(o.t, "collector", exec.Command(binary(o.t, "picket"), "collector",
		"--config", filepath.Join(o.dir, "picket.yaml"), "--data", o.data))
	eventually(o.t, 10*time.Second, "the collector answers its operator", func() bool {
		_, code := run1(o.t, exec.Command(binary(o.t, "picket"), "agent", "list", "--data", o.data))
		return code == 0
	})
}

func (o *office) token(args ...string) string {
	o.t.Helper()
	args = append([]string{"token", "create", "--client", "acme", "--site", "madrid", "--data", o.data}, args...)
	out, code := run1(o.t, exec.Command(binary(o.t, "picket"), args...))
	if code != 0 {
		o.t.Fatalf("picket %s: %s", strings.Join(args, " "), out)
	}
	return tokenIn(o.t, out)
}

func (o *office) join(token, state string) (string, int) {
	o.t.Helper()
	return run1(o.t, exec.Command(binary(o.t, "picket-agent"), "join", token, "--state", filepath.Join(o.dir, state)))
}

func TestJoinRefuses(t *testing.T) {
	o := newOffice(t)
	used := o.token()
	if out, code := o.join(used, "first"); code != 0 {
		t.Fatalf("the first join with a good token: exit %d: %s", code, out)
	}
	expired := o.token("--ttl", "1s")
	time.Sleep(1100 * time.Millisecond)
	good := o.token()
	foreign, err := identity.ParseToken(good)
	if err != nil {
		t.Fatal(err)
	}
	foreign.Pin[0] ^= 1

	for _, c := range []struct {
		name, token, code, says string
		exit                    int
	}{
		{"a token that was cut off while copying", good[:len(good)-7], "E101", "cut off", 2},
		{"something that is no token", "hello", "E101", "no join token", 2},
		{"a token of a collector with another key", foreign.String(), "E106", "not the Picket server of this token", 5},
		{"an expired token", expired, "E102", "expired", 4},
		{"a token that is used up", used, "E102", "used up", 4},
	} {
		out := joinCase(t, exec.Command(binary(t, "picket-agent"), "join", c.token, "--state", filepath.Join(o.dir, "refused")), c.code, c.exit, c.says)
		if strings.Contains(out, c.token) {
			t.Errorf("%s: the answer repeats the secret:\n%s", c.name, out)
		}
		if _, err := os.Stat(filepath.Join(o.dir, "refused", "agent.key")); err == nil {
			t.Errorf("%s: an identity was stored", c.name)
		}
	}
	if out, code := o.join(good, "second"); code != 0 {
		t.Errorf("the refusals should not have spent the good token: exit %d: %s", code, out)
	}
	if out, code := o.join(good, "second"); code != 0 || !strings.Contains(out, "Already enrolled") {
		t.Errorf("joining again should change nothing and succeed: exit %d: %s", code, out)
	}
	for _, name := range []string{"agent.key", "agent.crt"} {
		info, err := os.Stat(filepath.Join(o.dir, "second", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestARevokedAgentIsOutWithinASecond(t *testing.T) {
	o := newOffice(t)
	if out, code := o.join(o.token(), "a"); code != 0 {
		t.Fatalf("join: %s", out)
	}
	agent := start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", filepath.Join(o.dir, "a")))
	listed := func() (a web.Agent) {
		out, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--json", "--data", o.data))
		var list struct{ Data []web.Agent }
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Data) != 1 {
			t.Fatalf("agent list: %v: %s", err, out)
		}
		return list.Data[0]
	}
	eventually(t, 10*time.Second, "the agent is connected", func() bool { return listed().Connected })
	if out, code := run1(t, exec.Command(binary(t, "picket"), "agent", "revoke", listed().ID, "--data", o.data)); code != 0 {
		t.Fatalf("revoke: %s", out)
	}
	eventually(t, time.Second, "the agent knows that it was revoked", func() bool { return strings.Contains(agent.out.String(), "revoked") })
	if a := listed(); a.Connected || a.Revoked.IsZero() {
		t.Errorf("after the revocation the list says: %+v", a)
	}
	agent.stop()
	again := start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", filepath.Join(o.dir, "a")))
	eventually(t, 10*time.Second, "a restart does not bring it back", func() bool { return strings.Contains(again.out.String(), "revoked") })
	if listed().Connected {
		t.Error("a revoked agent came back")
	}
}

func TestAgentStatusShowsTheFleet(t *testing.T) {
	o := newOffice(t)
	for _, state := range []string{"a", "b"} {
		if out, code := o.join(o.token(), state); code != 0 {
			t.Fatalf("join: %s", out)
		}
		start(t, "agent "+state, exec.Command(binary(t, "picket-agent"), "run", "--state", filepath.Join(o.dir, state)))
	}
	eventually(t, 20*time.Second, "both agents and the collector are alive in the eyes of one agent", func() bool {
		out, _ := run1(t, exec.Command(binary(t, "picket-agent"), "status", "--state", filepath.Join(o.dir, "a")))
		return strings.Count(out, "alive") == 3
	})
	eventually(t, 20*time.Second, "both agents are alive in the eyes of the collector", func() bool {
		out, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--data", o.data))
		return strings.Count(out, "alive") == 2
	})
}

func TestAWrongConfigurationStartsNothing(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"unknown key":  {"listen: 127.0.0.1:0\nlissten: x\n", "picket.yaml:2:1"},
		"bad duration": {"politeness: 5\n", "picket.yaml:1:13"},
		"duplicate id": {"providers: [{id: p}]\ntargets:\n  - {id: a, provider: p, service: s, host: a.example, checks: [dns]}\n  - {id: a, provider: p, service: s, host: b.example, checks: [dns]}\n",
			"picket.yaml:4:10"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			path := filepath.Join(dir, "picket.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(dir, "data")
			out, code := run1(t, exec.Command(binary(t, "picket"), "collector", "--config", path, "--data", data))
			if code != 78 || !strings.Contains(out, c.says) {
				t.Errorf("exit %d, want 78 and %s; said:\n%s", code, c.says, out)
			}
			if _, err := os.Stat(data); err == nil {
				t.Error("the data directory was made: something was started")
			}
			if out, code := run1(t, exec.Command(binary(t, "picket"), "config", "validate", path)); code != 78 || !strings.Contains(out, c.says) {
				t.Errorf("validate: exit %d: %s", code, out)
			}
		})
	}
}
