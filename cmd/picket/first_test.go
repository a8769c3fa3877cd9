package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hour is the first hour of somebody with Picket: a server in a process of its
// own, its configuration file, and what is run beside it.
type hour struct {
	t                  *testing.T
	dir, data, file    string
	page, agents, text string // text is what file has now
	server             *process
}

// picket runs a command on the hour's data folder.
func (h *hour) picket(args ...string) (string, int) {
	h.t.Helper()
	return run1(h.t, exec.Command(binary(h.t, "picket"), append(args, "--data", h.data)...))
}

func (h *hour) serve() {
	h.t.Helper()
	h.server = start(h.t, "collector", exec.Command(binary(h.t, "picket"), "collector", "--data", h.data))
	eventually(h.t, 10*time.Second, "the collector answers its operator", func() bool { _, code := h.picket("agent", "list"); return code == 0 })
}

func (h *hour) write(path, text string) {
	h.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// TestFromNothingToTheFirstResult is that hour, in processes: set up, start,
// change the configuration under the running server, enrol an agent, see its
// first result on the page; then restart without naming the file, which is gone
// by then. The first user's name is typed as people type names.
func TestFromNothingToTheFirstResult(t *testing.T) {
	binary(t, "picket") // building it is not part of the hour
	begun := time.Now()
	dir := shortDir(t)
	h := &hour{t: t, dir: dir, data: filepath.Join(dir, "data"), file: filepath.Join(dir, "picket.yaml"), page: freeTCP(t), agents: freeUDP(t)}
	token := h.setUp("Ana", "correct horse battery")
	h.serve()
	plan := h.watchOneTarget()
	h.enrol(token)
	client := loggedIn(t, "http://"+h.page, "Ana", "correct horse battery")
	eventually(t, 30*time.Second, "the first result is on the page", func() bool {
		var st struct{ Data struct{ Results uint64 } }
		return get(client, "http://"+h.page+"/api/v1/status", &st) == nil && st.Data.Results > 0
	})
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("%s from nothing to the first result, at most a minute is wanted", took)
	} else {
		t.Logf("%.1f s from nothing to the first result", took.Seconds())
	}
	h.applyAgain(plan)
	h.restartWithoutTheFile()
}

// setUp returns the first join token.
func (h *hour) setUp(admin, password string) string {
	h.t.Helper()
	secret := filepath.Join(h.dir, "password")
	h.write(secret, password+"\n")
	out, code := h.picket("setup", "--yes", "--config", h.file, "--listen", h.agents, "--public", h.agents, "--http", h.page,
		"--admin", admin, "--admin-password-file", secret, "--client", "acme", "--site", "madrid", "--network", "AS64500 Example Fibre")
	if code != 0 || !strings.Contains(out, "picket collector --data "+h.data) {
		h.t.Fatalf("setup: exit %d: %s", code, out)
	}
	return tokenIn(h.t, out)
}

// watchOneTarget applies a file with one target, on this machine, in place of
// the catalogue, and returns the plan that was applied.
func (h *hour) watchOneTarget() (plan string) {
	t := h.t
	t.Helper()
	target := httptest.NewServer(nil)
	t.Cleanup(target.Close)
	host, port, _ := net.SplitHostPort(target.Listener.Addr().String())
	src, err := os.ReadFile(h.file)
	if err != nil {
		t.Fatal(err)
	}
	h.text = strings.Replace(string(src), "include_catalogue: true", fmt.Sprintf(
		"include_catalogue: false\nproviders: [{id: cloud}]\ntargets: [{id: web, provider: cloud, service: s, checks: [{kind: tcp, host: %s, port: %s, interval: 1s}]}]", host, port), 1)
	h.write(h.file, h.text)
	out, code := h.picket("config", "plan", h.file)
	_, plan, _ = strings.Cut(out, "--plan ")
	plan = strings.TrimSpace(plan)
	if code != exitChanges || !strings.Contains(out, "+ target   web   tcp") || !strings.Contains(out, "- target") || plan == "" {
		t.Fatalf("plan: exit %d: %s", code, out)
	}
	if out, code = h.picket("config", "apply", h.file, "--plan", "000000-000000"); code != exitUsage || !strings.Contains(out, "somebody applied another") {
		t.Errorf("a foreign plan: exit %d: %s", code, out)
	}
	if out, code = h.picket("config", "apply", h.file, "--plan", plan); code != 0 || !strings.Contains(out, "0 of 0 connected") {
		t.Fatalf("apply: exit %d: %s", code, out)
	}
	return plan
}

func (h *hour) enrol(token string) {
	h.t.Helper()
	state := filepath.Join(h.dir, "agent")
	if out, code := run1(h.t, exec.Command(binary(h.t, "picket-agent"), "join", token, "--state", state, "--allow", "127.0.0.0/8")); code != 0 {
		h.t.Fatalf("join: %s", out)
	}
	start(h.t, "agent", exec.Command(binary(h.t, "picket-agent"), "run", "--state", state))
}

// applyAgain changes the configuration under a living agent; the plan of before
// is worth nothing then.
func (h *hour) applyAgain(old string) {
	t := h.t
	t.Helper()
	h.write(h.file, strings.Replace(h.text, "interval: 1s", "interval: 2s", 1))
	if out, code := h.picket("config", "apply", h.file, "--yes"); code != 0 || !strings.Contains(out, "1 of 1 connected use it") {
		t.Errorf("apply under a living agent: exit %d: %s", code, out)
	}
	if out, code := h.picket("config", "apply", h.file, "--plan", old); code != exitUsage {
		t.Errorf("an old plan: exit %d: %s", code, out)
	}
	if out, code := h.picket("config", "plan", h.file); code != 0 || !strings.Contains(out, "Nothing would change") {
		t.Errorf("plan of what is in force: exit %d: %s", code, out)
	}
}

func (h *hour) restartWithoutTheFile() {
	t := h.t
	t.Helper()
	h.server.stop()
	kept := filepath.Join(h.dir, "kept.yaml")
	if err := os.Rename(h.file, kept); err != nil {
		t.Fatal(err)
	}
	h.serve()
	if out, code := h.picket("config", "plan", kept); code != 0 {
		t.Errorf("the restart does not use what was applied last: exit %d: %s", code, out)
	}
	h.write(kept, "tagets: []\n")
	if out, code := h.picket("config", "apply", kept, "--yes"); code != exitConfig || !strings.Contains(out, `did you mean "targets"?`) {
		t.Errorf("a broken file: exit %d: %s", code, out)
	}
}

// loggedIn is a browser after the log-in form.
func loggedIn(t *testing.T, page, name, password string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 10 * time.Second}
	res, err := client.PostForm(page+"/login", url.Values{"name": {name}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("log in: %s", res.Status)
	}
	return client
}

func get(client *http.Client, address string, into any) error {
	res, err := client.Get(address)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return json.NewDecoder(res.Body).Decode(into)
}
