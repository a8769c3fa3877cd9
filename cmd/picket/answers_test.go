package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/internal/identity"
)

// These tests hold what Picket answers when something is not as it should be:
// the exit code, the sentence, and that nothing is left behind.

func TestJoinGivesARevokedMachineANewIdentity(t *testing.T) {
	o := newOffice(t)
	state := filepath.Join(o.dir, "a")
	out, code := o.join(o.token(), "a")
	if code != 0 || !strings.Contains(out, "udp (quic)   UDP") {
		t.Fatalf("join: exit %d: %s", code, out)
	}
	old, err := identity.LoadBundle(state)
	if err != nil {
		t.Fatal(err)
	}
	agent := start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", state))
	eventually(t, 10*time.Second, "the agent is connected", func() bool { return strings.Contains(agent.out.String(), "connected") })
	again := func(args ...string) (string, int) {
		return run1(t, exec.Command(binary(t, "picket-agent"), append([]string{"join", "--state", state}, args...)...))
	}
	if out, code := run1(t, exec.Command(binary(t, "picket-agent"), "run", "--state", state)); code != 3 || !strings.Contains(out, "already runs") {
		t.Errorf("a second agent on the directory: exit %d: %s", code, out)
	}

	token := o.token()
	out, code = again(token, "--deny", "10.0.0.0/8")
	for _, says := range []string{"Already enrolled", "the token was not used", "--deny were ignored", "--force-new-identity"} {
		if code != 0 || !strings.Contains(out, says) {
			t.Errorf("join again: exit %d, does not say %q: %s", code, says, out)
		}
	}
	if out, code := again(token, "--force-new-identity"); code != 3 || !strings.Contains(out, "picket-agent service stop") {
		t.Errorf("under a running agent: exit %d: %s", code, out)
	}
	out, _ = run1(t, exec.Command(binary(t, "picket"), "agent", "revoke", old.AgentID(), "--data", o.data))
	if !strings.Contains(out, "--force-new-identity") {
		t.Errorf("revoke does not say how to come back: %s", out)
	}
	agent.stop()
	if out, code := again(token, "--force-new-identity", "--deny", "10.0.0.0/8"); code != 0 {
		t.Fatalf("a new identity: exit %d: %s", code, out)
	}
	fresh, err := identity.LoadBundle(state)
	if err != nil || fresh.AgentID() == old.AgentID() || len(fresh.Info().Policy.Deny) != 1 {
		t.Errorf("new identity: %v", err)
	}
	aside, err := filepath.Glob(filepath.Join(state, "old-identity-*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("moved aside: %v, %v", aside, err)
	}
	if info, err := os.Stat(aside[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder of the old identity: %v, %v", info, err)
	}
	if was, err := identity.LoadBundle(aside[0]); err != nil || was.AgentID() != old.AgentID() {
		t.Errorf("the old identity is not kept: %v", err)
	}
	if _, err := os.Stat(filepath.Join(aside[0], "spool")); err != nil {
		t.Errorf("the old results are not kept: %v", err)
	}
	if _, err := os.Stat(filepath.Join(state, "spool")); err == nil {
		t.Error("the new agent would send the old one's results")
	}
	back := start(t, "new agent", exec.Command(binary(t, "picket-agent"), "run", "--state", state))
	eventually(t, 10*time.Second, "the machine is back", func() bool { return strings.Contains(back.out.String(), "connected") })
	back.stop()
	if !strings.Contains(back.out.String(), "has stopped") {
		t.Error("a clean stop is not logged")
	}
}

func TestJoinNamesWhatIsWrong(t *testing.T) {
	dir := shortDir(t)
	file := filepath.Join(dir, "file")
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(open, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	// A label of 64 characters: no resolver asks anybody for it.
	name := strings.Repeat("n", 64) + ".invalid"
	token := identity.Token{Addrs: []string{name + ":4443"}, ID: "t", Secret: make([]byte, 16)}.String()
	for _, c := range []struct {
		name, state, says string
		code              int
	}{
		{"a state directory below a file", filepath.Join(file, "state"), "state directory", 3},
		{"a state directory that others may write", open, "chmod 700", 3},
		{"a name that does not resolve", filepath.Join(dir, "state"), "cannot resolve " + name, 5},
	} {
		out, code := run1(t, exec.Command(binary(t, "picket-agent"), "join", token, "--state", c.state))
		if code != c.code || !strings.Contains(out, c.says) || strings.Contains(out, "does not answer") {
			t.Errorf("%s: exit %d (want %d): %s", c.name, code, c.code, out)
		}
	}
}

func TestACollectorThatCannotStartSaysWhy(t *testing.T) {
	o := newOffice(t)
	config := filepath.Join(o.dir, "picket.yaml")
	fresh := filepath.Join(o.dir, "deep", "fresh")
	open := filepath.Join(o.dir, "open")
	if err := os.MkdirAll(filepath.Join(open, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(o.dir, "secret.yaml")
	if err := os.WriteFile(secret, []byte("listen: 127.0.0.1:0\nhttp: 127.0.0.1:0\nalerts: [{name: desk, webhook: \"http://127.0.0.1:9/\", secret_file: nowhere}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, config, data, says string
		code                     int
	}{
		{"another runs on the directory", config, o.data, "already running", 5},
		{"another has the address", config, fresh, "key listen", 5},
		{"others may write the directory", config, open, "chmod 700", 3},
		{"too long a path", config, filepath.Join(o.dir, strings.Repeat("d", 100)), "too long", 3},
		{"a secret that is not there", secret, fresh, "desk", 78},
	} {
		out, code := run1(t, exec.Command(binary(t, "picket"), "collector", "--config", c.config, "--data", c.data))
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit %d (want %d): %s", c.name, code, c.code, out)
		}
	}
	if _, err := os.Stat(filepath.Dir(fresh)); err == nil {
		t.Error("an empty data directory was left behind")
	}
	if out, code := run1(t, exec.Command(binary(t, "picket"), "config", "validate", secret)); code != 0 || !strings.Contains(out, "cannot read a secret") {
		t.Errorf("validate: exit %d: %s", code, out)
	}
	info, err := os.Stat(filepath.Join(o.data, "picket.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("operator socket: %v, %v", info, err)
	}
	out, code := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--data", o.data))
	if code != 0 || !strings.Contains(out, "picket token create") {
		t.Errorf("an empty fleet: exit %d: %s", code, out)
	}
	out, code = run1(t, exec.Command(binary(t, "picket"), "token", "create", "--client", "a", "--site", "b", "--ttl", "7d", "--data", o.data))
	if code != 0 || !strings.Contains(out, "Agents will dial 127.0.0.1:") || !strings.Contains(out, "warning: 127.0.0.1:") {
		t.Errorf("a token for loopback: exit %d: %s", code, out)
	}
	out, code = run1(t, exec.Command(binary(t, "picket"), "incident", "show", "../agents", "--data", o.data))
	if code != 2 || !strings.Contains(out, "none with this id") {
		t.Errorf("an id with a slash: exit %d: %s", code, out)
	}
}

func TestMisuseEndsWithTwoAndSaysHow(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	token := []string{"token", "create", "--client", "a", "--site", "b", "--data", t.TempDir()}
	for _, c := range []struct {
		args []string
		says string
		code int
	}{
		{[]string{"agent", "foo"}, "unknown command", 2},
		{[]string{"foo"}, "unknown command", 2},
		{[]string{"agent", "revoke"}, "usage: picket agent revoke AGENT", 2},
		{append(token[:len(token):len(token)], "--uses", "0"), "1 to 10000", 2},
		{append(token[:len(token):len(token)], "--ttl", "91d"), "at most 90d", 2},
		{append(token[:len(token):len(token)], "--ttl", "7d"), "no collector runs", 5},
		{[]string{"demo", "--page", "nonsense"}, "--page", 2},
		{[]string{"demo", "--influx", "nonsense"}, "--influx", 2},
		{[]string{"demo", "--page", busy.Addr().String()}, "in use", 5},
		{[]string{"demo", "--influx", "http://127.0.0.1:1"}, "nothing answers", 5},
	} {
		var out bytes.Buffer
		code := run(c.args, &out, &out)
		if code != c.code || !strings.Contains(out.String(), c.says) || strings.Contains(out.String(), "http://localhost") {
			t.Errorf("%s: exit %d (want %d): %s", fmt.Sprint(c.args), code, c.code, out.String())
		}
	}
}
