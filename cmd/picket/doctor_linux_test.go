package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/agent"
	"picket/collector/web"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// report is what `picket-agent doctor --json` prints.
type report struct {
	Schema, Verdict, Summary string
	RunID                    string `json:"run_id"`
	Findings                 []struct{ ID, Level, Text, Means, Fix, Code string }
}

func (r report) level(id string) string {
	for _, f := range r.Findings {
		if f.ID == id {
			return f.Level
		}
	}
	return ""
}

func (o *office) doctor(state string, args ...string) (r report, code int) {
	o.t.Helper()
	out, err := exec.Command(binary(o.t, "picket-agent"), append([]string{"doctor", "--json", "--compare-dns", "", "--state", filepath.Join(o.dir, state)}, args...)...).Output()
	if exit, ok := err.(*exec.ExitError); ok {
		code = exit.ExitCode()
	}
	if err := json.Unmarshal(out, &r); err != nil || r.Schema != "picket.doctor/v1" || r.RunID == "" {
		o.t.Fatalf("doctor: %v: %s", err, out)
	}
	return r, code
}

func TestTheDoctorOfALivingAgent(t *testing.T) {
	o := newOffice(t)
	token := o.token()
	if out, code := o.join(token, "a"); code != 0 {
		t.Fatal(out)
	}
	r, code := o.doctor("a")
	if code != 11 || r.level("service") != "FAIL" || r.level("collector") != "PASS" || r.level("vote") != "SKIP" {
		t.Errorf("before it runs: exit %d, %+v", code, r)
	}
	state := filepath.Join(o.dir, "a")
	run := start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", state))
	eventually(t, 20*time.Second, "the agent is connected", func() bool { return strings.Contains(run.out.String(), "connected") })
	begun := time.Now()
	r, code = o.doctor("a")
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, id := range []string{"files", "identity", "dns-collector", "tls-intercept", "proxy", "collector", "quic", "tcp", "egress", "clock", "buffer", "service", "load"} {
		if r.level(id) != "PASS" {
			t.Errorf("%s is %s: %+v", id, r.level(id), r.Findings)
		}
	}
	if code != 0 && code != 10 || strings.Contains(r.Summary, "failure") { // this fleet has no references, so it does not vote
		t.Errorf("exit %d: %s", code, r.Summary)
	}

	rmm, code := run1(t, exec.Command(binary(t, "picket-agent"), "doctor", "--rmm", "--compare-dns", "", "--state", state))
	if lines := strings.Count(rmm, "\n"); lines > 40 || code != 0 && code != 1010&0xff || !strings.Contains(strings.SplitN(rmm, "\n", 2)[0], "acme/madrid: ") {
		t.Errorf("--rmm: exit %d, %d lines: %s", code, lines, rmm)
	}
	status, code := run1(t, exec.Command(binary(t, "picket-agent"), "status", "--rmm", "--state", state))
	if code != 0 || !strings.HasPrefix(status, "PASS acme/madrid: connected") {
		t.Errorf("status --rmm: exit %d: %s", code, status)
	}
	o.bundle(state, token, run.out.String())

	o.collector.stop()
	eventually(t, 40*time.Second, "status tells that the server is away", func() bool {
		status, code := run1(t, exec.Command(binary(t, "picket-agent"), "status", "--rmm", "--state", state))
		return code == 1010&0xff && strings.HasPrefix(status, "WARN acme/madrid: not connected")
	})
	r, code = o.doctor("a")
	if code != 11 || r.level("collector") != "FAIL" || r.level("quic") != "SKIP" || r.level("tcp") != "SKIP" || r.level("service") != "PASS" || strings.Count(fmt.Sprint(r.Findings), "FAIL") != 1 {
		t.Errorf("without the server: exit %d: %+v", code, r.Findings)
	}
}

// bundle wants a bundle that says what is inside and holds no secret of the state
// directory.
func (o *office) bundle(state, token, log string) {
	t := o.t
	t.Helper()
	path := filepath.Join(o.dir, "support.zip")
	out, _ := run1(t, exec.Command(binary(t, "picket-agent"), "doctor", "--compare-dns", "", "--state", state, "--bundle", path))
	if !strings.Contains(out, "nothing was uploaded") || !strings.Contains(out, "goroutines.txt") {
		t.Errorf("--bundle says: %s", out)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the bundle: %v, %v", info, err)
	}
	key, err := os.ReadFile(filepath.Join(state, "agent.key"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := identity.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	texts := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		texts[f.Name] = string(b)
		for what, s := range map[string]string{"the key": strings.Split(string(key), "\n")[1], "the token": token, "the secret": string(secret.Secret)} {
			if strings.Contains(string(b), s) {
				t.Errorf("%s holds %s", f.Name, what)
			}
		}
	}
	for name, says := range map[string]string{"README.txt": "nothing was uploaded", "doctor.txt": "SUMMARY: ", "doctor.json": "picket.doctor/v1", "status.json": "picket.agent-status/v1",
		"log.txt": "connected", "goroutines.txt": "goroutine ", "identity.json": "acme/madrid", "config.json": "127.0.0.1", "system.txt": "picket-agent "} {
		if !strings.Contains(texts[name], says) {
			t.Errorf("%s does not hold %q: %.300s", name, says, texts[name])
		}
	}
	for _, text := range []string{out, log} {
		if strings.Contains(text, "pk1_") || strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("a secret is printed: %s", text)
		}
	}
	if out, code := run1(t, exec.Command(binary(t, "picket-agent"), "doctor", "--compare-dns", "", "--state", state, "--bundle", path)); code != 2 || !strings.Contains(out, "is there already") {
		t.Errorf("over another bundle: exit %d: %s", code, out)
	}
}

// TestADiskThatIsFull fills a disk of its own, in a mount namespace.
func TestADiskThatIsFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a mount namespace; .ci/run runs it")
	}
	o := newOffice(t)
	if out, code := o.join(o.token(), "a"); code != 0 {
		t.Fatal(out)
	}
	state, full := filepath.Join(o.dir, "a"), filepath.Join(o.dir, "full")
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	inside := func(fill string, args ...string) *exec.Cmd {
		script := fmt.Sprintf("mount -t tmpfs -o size=1m,mode=700 tmpfs %[2]s && cp -p %[1]s/agent.* %[1]s/root.crt %[2]s/ && %[3]s; exec \"$@\"", state, full, fill)
		cmd := exec.Command("sh", append([]string{"-c", script, "sh", binary(t, "picket-agent")}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		return cmd
	}
	zeros := fmt.Sprintf("dd if=/dev/zero of=%s/fill bs=4k 2>/dev/null", full)
	out, code := run1(t, inside(zeros, "doctor", "--compare-dns", "", "--state", full))
	if code != 11 || !strings.Contains(out, "FAIL  buffer         the state directory cannot be written: ") || !strings.Contains(out, "no space left") {
		t.Errorf("exit %d: %s", code, out)
	}
	readOnly := fmt.Sprintf("mount -o remount,ro %s", full)
	out, code = run1(t, inside(readOnly, "doctor", "--compare-dns", "", "--state", full))
	if code != 11 || !strings.Contains(out, "FAIL  buffer") || !strings.Contains(out, "read-only") {
		t.Errorf("read-only: exit %d: %s", code, out)
	}
	zeros = fmt.Sprintf("rm %s/agent.*; %s", full, zeros)
	out, code = run1(t, inside(zeros, "join", o.token(), "--state", full))
	if code == 0 || strings.Contains(out, "Enrolled") || !strings.Contains(out, "the token was not used") || !strings.Contains(out, "no space left") {
		t.Errorf("join: exit %d: %s", code, out)
	}
}

// TestTheFleetShowsWhatAgentsFound runs an agent in this process, because the one
// that is installed looks at itself every six hours only.
func TestTheFleetShowsWhatAgentsFound(t *testing.T) {
	o := newOffice(t)
	if out, code := o.join(o.token(), "a"); code != 0 {
		t.Fatal(out)
	}
	a, err := agent.New(agent.Options{Dir: filepath.Join(o.dir, "a"), Examine: 200 * time.Millisecond, Version: "test",
		Ways: uplink.Ways{Open: func() (net.PacketConn, error) { return net.ListenPacket("udp", "127.0.0.1:0") }}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	defer func() { stop(); <-done }()
	shown := func() *web.Doctor {
		out, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--json", "--data", o.data))
		var list struct{ Data []web.Agent }
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Data) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		return list.Data[0].Doctor
	}
	var d *web.Doctor
	eventually(t, 40*time.Second, "the collector shows the report", func() bool { d = shown(); return d != nil })
	levels := map[string]string{}
	for _, f := range d.Findings {
		levels[f.ID] = f.Level
	}
	if levels["identity"] != "PASS" || levels["collector"] != "PASS" || time.Since(d.At) > time.Minute {
		t.Errorf("it shows %+v", d)
	}
	if out, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--data", o.data)); !strings.Contains(out, "DOCTOR") || !strings.Contains(out, "WARN") && !strings.Contains(out, "well") {
		t.Errorf("the list for people: %s", out)
	}
	// A collector that starts again hears it with the next session.
	o.collector.kill()
	o.run()
	eventually(t, 60*time.Second, "the restarted collector shows the report", func() bool { return shown() != nil })
}
