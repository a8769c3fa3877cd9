package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
)

// TestABackupBringsEverythingBack loses a collector's data directory in the
// middle of an outage. From a backup that was made while it ran, agents come
// back without joining again, the open incident goes on under its id, the
// letter that waited is sent, and the user is there.
func TestABackupBringsEverythingBack(t *testing.T) {
	if testing.Short() {
		t.Skip("runs processes for half a minute")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs several loopback addresses")
	}
	began := time.Now()
	w := newBackupWorld(t)
	w.startCollector()
	for i := range 3 {
		w.join(i)
	}
	eventually(t, 20*time.Second, "all sites see the cloud up", func() bool { return w.sitesUp() == 3 })
	agents := w.agents()

	w.cloud.Close()
	eventually(t, 30*time.Second, "an incident is open", func() bool { return len(w.open()) > 0 })
	file := filepath.Join(w.dir, "picket-backup.tar.gz")
	var inside collector.Manifest
	eventually(t, 20*time.Second, "a letter waits", func() bool {
		inside = w.backup(file)
		return inside.Inside.Waiting > 0
	})
	open := w.open()
	w.collector.stop()
	if err := os.RemoveAll(w.data); err != nil {
		t.Fatal(err)
	}

	lost := time.Now()
	out, code := w.picket("restore", file, "--data", w.data)
	if code != 0 || !strings.Contains(out, "3 agents, 1 user, 1 open incident") {
		t.Fatalf("restore: exit %d:\n%s", code, out)
	}
	w.serveHook()
	w.startCollector()
	eventually(t, 30*time.Second, "all agents are back", func() bool {
		return slices.IndexFunc(w.agents(), func(a web.Agent) bool { return !a.Connected }) < 0
	})
	t.Logf("agents were back %.1f s after the data was lost", time.Since(lost).Seconds())
	if now := w.agents(); !slices.EqualFunc(now, agents, func(a, b web.Agent) bool { return a.ID == b.ID && a.Site == b.Site }) {
		t.Errorf("the agents are now %+v\nand were %+v", now, agents)
	}
	eventually(t, 30*time.Second, "the letter that waited was sent", func() bool {
		told, err := readAlerts(w.hookFile())
		if err != nil {
			t.Fatal(err)
		}
		return len(told) > 0 && told[0].AlertID == open[0].ID
	})
	if now := w.open(); len(now) != 1 || now[0].ID != open[0].ID || !now[0].Started.Equal(open[0].Started) {
		t.Errorf("open now %+v\nwas %+v", now, open)
	}
	w.collector.stop()
	w.lookInside(open[0].ID)
	if took := time.Since(began); took > time.Minute {
		t.Logf("the whole took %s, which is too long for a test", took)
	}
}

// backupWorld is a collector with an outage to come and three sites.
type backupWorld struct {
	t         *testing.T
	dir, data string
	hook      string // address of the webhook; nobody is there at first
	cloud     *httptest.Server
	collector *process
}

func newBackupWorld(t *testing.T) *backupWorld {
	t.Helper()
	dir := shortDir(t)
	w := &backupWorld{t: t, dir: dir, data: filepath.Join(dir, "data"), hook: freeTCP(t), cloud: httptest.NewServer(nil)}
	t.Cleanup(w.cloud.Close)
	db, err := store.Open(t.Context(), filepath.Join(w.data, "picket.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.CreateUser(t.Context(), store.User{Name: "ana", Role: "admin", Hash: "$argon2id$opaque", Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("listen: %s\nhttp: %s\npoliteness: 0s", freeUDP(t), freeTCP(t))
	p("networks:")
	for i := range 3 {
		p("  - {prefix: 127.0.0.%d/32, name: AS%d Line}", i+1, 64496+i)
	}
	p("alerts: [{name: hook, webhook: \"http://%s/\", secret_file: %q, delay: 0s}]", w.hook, filepath.Join(dir, "secret"))
	p("providers: [{id: cloud, name: Cloud}]\ntargets:")
	host, port, _ := net.SplitHostPort(w.cloud.Listener.Addr().String())
	for _, service := range []string{"storage", "compute", "queue"} {
		p("  - {id: %s, provider: cloud, service: %s, region: west, checks: [{kind: tcp, host: %s, port: %s, interval: 1s}]}", service, service, host, port)
	}
	for name, text := range map[string]string{"picket.yaml": b.String(), "secret": "a secret of the test"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *backupWorld) picket(args ...string) (string, int) {
	w.t.Helper()
	return run1(w.t, exec.Command(binary(w.t, "picket"), args...))
}

func (w *backupWorld) startCollector() {
	w.t.Helper()
	w.collector = start(w.t, "collector", exec.Command(binary(w.t, "picket"), "collector",
		"--config", filepath.Join(w.dir, "picket.yaml"), "--data", w.data))
	eventually(w.t, 10*time.Second, "the collector answers its operator", func() bool {
		_, code := w.picket("agent", "list", "--data", w.data)
		return code == 0
	})
}

// join enrols and starts the agent of site i, on its own line.
func (w *backupWorld) join(i int) {
	w.t.Helper()
	out, code := w.picket("token", "create", "--client", "acme", "--site", fmt.Sprint("site-", i), "--data", w.data)
	if code != 0 {
		w.t.Fatalf("token create: %s", out)
	}
	state := filepath.Join(w.dir, fmt.Sprint("a", i))
	if out, code := run1(w.t, exec.Command(binary(w.t, "picket-agent"), "join", tokenIn(w.t, out), "--state", state, "--allow", "127.0.0.0/8")); code != 0 {
		w.t.Fatalf("join: %s", out)
	}
	start(w.t, fmt.Sprint("agent ", i), exec.Command(binary(w.t, "picket-agent"), "run", "--state", state, "--bind", fmt.Sprintf("127.0.0.%d", i+1)))
}

// asked asks a verb for its JSON.
func asked[T any](w *backupWorld, args ...string) []T {
	w.t.Helper()
	out, code := w.picket(append(args, "--json", "--data", w.data)...)
	var answer struct{ Data []T }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 {
		w.t.Fatalf("picket %s: exit %d, %v: %s", strings.Join(args, " "), code, err, out)
	}
	return answer.Data
}

func (w *backupWorld) agents() []web.Agent { return asked[web.Agent](w, "agent", "list") }

func (w *backupWorld) open() []detect.Incident {
	return asked[detect.Incident](w, "incident", "list", "--open")
}

// sitesUp is how many sites see the cloud, while it is healthy.
func (w *backupWorld) sitesUp() int {
	w.t.Helper()
	out, code := w.picket("status", "--json", "--data", w.data)
	var v view
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 {
		w.t.Fatalf("status: exit %d, %v: %s", code, err, out)
	}
	for _, c := range v.Cells {
		if c.Provider == "cloud" && c.State == detect.OK {
			return c.Sites
		}
	}
	return 0
}

// backup makes a backup while the collector runs and reads what it says of itself.
func (w *backupWorld) backup(file string) collector.Manifest {
	w.t.Helper()
	out, code := w.picket("backup", "--output", file, "--force", "--data", w.data)
	if code != 0 || !strings.Contains(out, "Keep it like a key") || !strings.Contains(out, "ca/root.key") {
		w.t.Fatalf("backup: exit %d:\n%s", code, out)
	}
	f, err := os.Open(file)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		w.t.Fatalf("the backup: %v, %v", info.Mode(), err)
	}
	m, err := collector.VerifyBackup(w.t.Context(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *backupWorld) hookFile() string { return filepath.Join(w.dir, "alerts") }

// serveHook brings the webhook to life.
func (w *backupWorld) serveHook() {
	w.t.Helper()
	if err := serveAt(w.hook, &webhook{order: targets{Secret: "a secret of the test", Alerts: w.hookFile()}}); err != nil {
		w.t.Fatal(err)
	}
}

// lookInside reads the database of the restored collector after its end.
func (w *backupWorld) lookInside(incident string) {
	w.t.Helper()
	db, err := store.Open(w.t.Context(), filepath.Join(w.data, "picket.db"), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if u, err := db.User(w.t.Context(), "ana"); err != nil || u.Role != "admin" || u.Hash != "$argon2id$opaque" {
		w.t.Errorf("user %+v, %v", u, err)
	}
	letters, err := db.Messages(w.t.Context(), incident)
	if err != nil || len(letters) == 0 || letters[0].State != store.MessageSent {
		w.t.Errorf("letters %+v, %v", letters, err)
	}
	trail, err := db.AuditLog(w.t.Context(), 100)
	if err != nil || slices.IndexFunc(trail, func(e store.Entry) bool { return e.Action == "store.restore" }) < 0 ||
		slices.IndexFunc(trail, func(e store.Entry) bool { return e.Action == "store.backup" }) < 0 {
		w.t.Errorf("the trail does not tell of backup and restore: %+v, %v", trail, err)
	}
}

// TestBackupAndRestoreRefuse holds the exit codes and the sentences, and that a
// refusal changes nothing.
func TestBackupAndRestoreRefuse(t *testing.T) {
	o := newOffice(t)
	picket := func(args ...string) (string, int) {
		t.Helper()
		return run1(t, exec.Command(binary(t, "picket"), args...))
	}
	file := filepath.Join(o.dir, "b.tar.gz")
	if out, code := picket("backup", "--output", file, "--data", o.data); code != 0 {
		t.Fatalf("backup: %s", out)
	}
	cut := filepath.Join(o.dir, "cut.tar.gz")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, src[:len(src)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(o.dir, "fresh")
	for _, c := range []struct {
		args, says string
		code       int
	}{
		{"backup --output " + file + " --data " + o.data, "--force", 2},
		{"backup --output " + o.dir + "/none/b --data " + o.data, "cannot write", 3},
		{"backup --output " + o.dir + "/c --data " + fresh, "no database in it", 5},
		{"restore " + file + " --data " + o.data, "a collector runs on", 5},
		{"restore " + cut + " --data " + fresh, "cut off", 11},
		{"restore " + o.dir + "/picket.yaml --data " + fresh, "no whole backup", 11},
		{"restore " + o.dir + "/none --data " + fresh, "cannot read the backup", 2},
		{"restore " + file + " --data " + o.dir, "is not empty", 3},
	} {
		out, code := picket(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("picket %s: exit %d (want %d), said:\n%s", c.args, code, c.code, out)
		}
		for _, path := range []string{fresh, o.dir + "/c"} {
			if _, err := os.Stat(path); err == nil {
				t.Errorf("picket %s left %s", c.args, path)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(o.dir, ".*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}

	o.collector.stop()
	stopped := exec.Command(binary(t, "picket"), "backup", "--output", "-", "--data", o.data)
	src, err = stopped.Output()
	if err != nil {
		t.Fatalf("backup of a stopped collector: %v", err)
	}
	if err := os.WriteFile(cut, src, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := picket("restore", cut, "--data", fresh); code != 0 || !strings.Contains(out, "join again") || !strings.Contains(out, "results delivered since then are gone") {
		t.Errorf("restore: exit %d: %s", code, out)
	}
}
