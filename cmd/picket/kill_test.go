package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"picket/agent/spool"
	"picket/collector/store"
	"picket/internal/fleet"
	"picket/internal/influxd"
)

// TestNothingIsLostWhenProcessesAreKilled kills the collector, InfluxDB and an
// agent with SIGKILL under load and starts them again, and moves an agent to
// another network. The truth is what the spools say they gave a number to: every
// run's numbers must have arrived without a hole, exactly once, in the marks,
// in the rollups and in InfluxDB.
func TestNothingIsLostWhenProcessesAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs processes for half a minute")
	}
	w := newKillWorld(t)
	w.startCollector()
	for i := range w.agents {
		w.join(i)
		w.startAgent(i, "127.0.0.1")
	}
	truth := map[string]map[uint64]uint64{} // agent -> run -> last seq
	time.Sleep(4 * time.Second)

	w.collector.kill()
	time.Sleep(1500 * time.Millisecond)
	w.startCollector()
	time.Sleep(2 * time.Second)

	if err := w.influx.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	w.agents[0].process.kill() // while results pile up in its spool
	w.remember(truth, 0)
	if err := w.influx.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.startAgent(0, "127.0.0.1")

	w.agents[1].process.stop()
	w.remember(truth, 1)
	elsewhere := "127.0.0.1"
	if runtime.GOOS == "linux" {
		elsewhere = "127.0.0.2" // macOS and Windows have no second loopback address
	}
	w.startAgent(1, elsewhere)
	time.Sleep(6 * time.Second)

	w.collector.kill()
	time.Sleep(500 * time.Millisecond)
	w.startCollector()
	time.Sleep(8 * time.Second) // longer than the backoff of the retries
	for i := range w.agents {
		w.agents[i].process.stop()
		w.remember(truth, i)
	}
	w.collector.stop()
	w.compare(truth, elsewhere != "127.0.0.1")
}

// killWorld is one collector, its InfluxDB, and three agents that ask forty
// checks a second each.
type killWorld struct {
	t         *testing.T
	dir       string
	influx    *influxd.Server
	collector *process
	agents    [3]struct {
		id      string
		dir     string
		process *process
	}
}

func newKillWorld(t *testing.T) *killWorld {
	w := &killWorld{t: t, dir: shortDir(t)}
	var err error
	if w.influx, err = influxd.Start(t.Context(), filepath.Join(w.dir, "influxd")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.influx.Stop() })
	web := httptest.NewServer(nil)
	t.Cleanup(web.Close)

	var b strings.Builder
	fmt.Fprintf(&b, "listen: %s\nhttp: %s\npoliteness: 0s\ntraffic: {month: 1TB}\n", freeUDP(t), freeTCP(t))
	fmt.Fprintf(&b, "influx: {url: %q, bucket: picket}\n", w.influx.URL)
	b.WriteString("networks:\n  - {prefix: 127.0.0.1/32, name: AS64496 One}\n  - {prefix: 127.0.0.2/32, name: AS64497 Two}\n")
	b.WriteString("providers:\n  - {id: cloud}\ntargets:\n")
	host, port, _ := net.SplitHostPort(web.Listener.Addr().String())
	for i := range 40 {
		fmt.Fprintf(&b, "  - id: t%02d\n    provider: cloud\n    service: s\n    region: r\n    checks: [{kind: tcp, host: %s, port: %s, interval: 1s}]\n", i, host, port)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "picket.yaml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *killWorld) data() string { return filepath.Join(w.dir, "data") }

func (w *killWorld) startCollector() {
	w.t.Helper()
	w.collector = start(w.t, "collector", exec.Command(binary(w.t, "picket"), "collector",
		"--config", filepath.Join(w.dir, "picket.yaml"), "--data", w.data()))
	eventually(w.t, 10*time.Second, "the collector answers its operator", func() bool {
		_, code := run1(w.t, exec.Command(binary(w.t, "picket"), "agent", "list", "--data", w.data()))
		return code == 0
	})
}

func (w *killWorld) join(i int) {
	w.t.Helper()
	out, code := run1(w.t, exec.Command(binary(w.t, "picket"), "token", "create",
		"--client", "acme", "--site", fmt.Sprintf("site-%d", i), "--data", w.data()))
	if code != 0 {
		w.t.Fatalf("token create: %s", out)
	}
	w.agents[i].dir = filepath.Join(w.dir, fmt.Sprintf("a%d", i))
	out, code = run1(w.t, exec.Command(binary(w.t, "picket-agent"), "join", tokenIn(w.t, out),
		"--state", w.agents[i].dir, "--allow", "127.0.0.0/8"))
	if code != 0 {
		w.t.Fatalf("join: %s", out)
	}
	_, enrolled, _ := strings.Cut(out, "Enrolled   agent ")
	if w.agents[i].id, _, _ = strings.Cut(enrolled, " "); w.agents[i].id == "" {
		w.t.Fatalf("join does not say who was enrolled: %s", out)
	}
}

func (w *killWorld) startAgent(i int, bind string) {
	w.t.Helper()
	w.agents[i].process = start(w.t, fmt.Sprintf("agent %d", i), exec.Command(binary(w.t, "picket-agent"), "run",
		"--state", w.agents[i].dir, "--bind", bind))
}

// remember adds to the truth which runs the agent's spool holds and how far
// each got.
func (w *killWorld) remember(truth map[string]map[uint64]uint64, i int) {
	w.t.Helper()
	id := w.agents[i].id
	if truth[id] == nil {
		truth[id] = map[uint64]uint64{}
	}
	for run, last := range runsIn(w.t, w.agents[i].dir) {
		truth[id][run] = max(truth[id][run], last)
	}
}

// runsIn reads the last number of every run in an agent's spool, from a copy of
// it, because opening a spool begins a run.
func runsIn(t *testing.T, state string) map[uint64]uint64 {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "spool")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(state, "spool"))); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(spool.Options{Dir: copied, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runs := map[uint64]uint64{}
	for _, r := range s.Runs() {
		if r.Newest > 0 {
			runs[r.ID] = r.Newest
		}
	}
	return runs
}

// compare holds the truth against everything that was kept.
func (w *killWorld) compare(truth map[string]map[uint64]uint64, moved bool) {
	t := w.t
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(w.data(), "picket.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var want uint64
	for agent, runs := range truth {
		for run, last := range runs {
			want += last
			marks, err := db.Marks(t.Context(), agent, []uint64{run})
			if err != nil {
				t.Fatal(err)
			}
			if wanted := (fleet.Mark{Run: run, Seq: last}); len(marks) != 1 || marks[0] != wanted {
				t.Errorf("agent %s run %x: marks %v, the spool gave out %d numbers", agent, run, marks, last)
			}
		}
	}
	if len(truth[w.agents[0].id]) < 2 {
		t.Errorf("the killed agent should have had two runs, has %v", truth[w.agents[0].id])
	}
	if want < 1000 {
		t.Errorf("only %d results: this was no load", want)
	}
	totals, err := db.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if totals.Results != want || len(totals.Lost) != 0 {
		t.Errorf("the collector has %d of %d results and counts as lost: %v", totals.Results, want, totals.Lost)
	}
	minutes, hours, err := db.RollupTotals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if minutes != want || hours != want {
		t.Errorf("rollups hold %d (minutes) and %d (hours) of %d results", minutes, hours, want)
	}
	w.comparePoints(want, moved)
	t.Logf("%d results of %d agents: marks, rollups and points agree", want, len(truth))
}

func (w *killWorld) comparePoints(want uint64, moved bool) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	points, err := w.influx.CountPoints(ctx, "probe")
	if err != nil {
		w.t.Fatal(err)
	}
	if uint64(points) != want {
		w.t.Errorf("InfluxDB holds %d of %d results", points, want)
	}
	series, err := w.influx.Query(ctx, `SELECT count("total_us") FROM "probe" GROUP BY "network"`)
	if err != nil {
		w.t.Fatal(err)
	}
	if moved && len(series) != 2 {
		w.t.Errorf("one agent moved to another network: want results from 2 networks, got %v", series)
	}
}

// shortDir is a temporary directory with a path short enough for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func freeTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// freeUDP is an address for agents to come to: nobody has its port, over UDP or
// TCP, and the system gives ports of that range to no outgoing connection.
func freeUDP(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000))
		c, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		c.Close()
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}
