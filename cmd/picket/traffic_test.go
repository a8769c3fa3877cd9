package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestAnAgentStaysInsideItsBudget runs a real agent on a budget that its checks
// would use up in a day: it asks less often, and says so everywhere.
func TestAnAgentStaysInsideItsBudget(t *testing.T) {
	var asked atomic.Int64
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, strings.Repeat("x", 20_000))
	}))
	defer page.Close()
	watch := "targets:\n"
	for i := range 5 {
		watch += fmt.Sprintf("  - {id: t%d, provider: cloud, service: s, checks: [{kind: http, url: %q, interval: 1s}]}\n", i, page.URL)
	}
	o := officeOnLines(t, "politeness: 0s\n"+watch+"traffic: {month: 1TB}\n")
	file := filepath.Join(o.dir, "picket.yaml")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.enrolled("a")
	o.agent("a", "127.0.2.1")
	status := func() string {
		out, _ := run1(t, exec.Command(binary(t, "picket-agent"), "status", "--state", filepath.Join(o.dir, "a")))
		return out
	}
	eventually(t, 30*time.Second, "it asks", func() bool { return asked.Load() >= 10 })
	eventually(t, 30*time.Second, "the collector knows what it costs", func() bool {
		a := o.agents()[0].Traffic
		return a != nil && a.Month > 200_000 // ten answers of 20 kB
	})
	if out := status(); !strings.Contains(out, "of probes this month, budget of the site 1000.0 GB") {
		t.Errorf("status:\n%s", out)
	}

	small := bytes.Replace(whole, []byte("{month: 1TB}"), []byte("{month: 5GB, sites: [{site: acme/madrid, month: 50MB}]}"), 1)
	if err := os.WriteFile(file, small, 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := run1(t, exec.Command(binary(t, "picket"), "config", "validate", file))
	if code != 0 || !strings.Contains(out, "a site asks 5 checks, about 28.5 GB a month of a budget of 5 GB: it would ask about 5.7 times less often") ||
		!strings.Contains(out, "acme/madrid has a budget of its own: 50 MB a month") {
		t.Errorf("validate: exit %d\n%s", code, out)
	}
	if out, code := run1(t, exec.Command(binary(t, "picket"), "config", "apply", file, "--yes", "--data", o.data)); code != 0 || !strings.Contains(out, "1 of 1 connected use it") {
		t.Fatalf("apply: exit %d\n%s", code, out)
	}
	eventually(t, 30*time.Second, "it asks less often", func() bool {
		a := o.agents()[0].Traffic
		return a != nil && a.Stretch >= 10
	})
	if out := o.list(); !strings.Contains(out, "times less often, to stay within the traffic budget of its site") {
		t.Errorf("agent list:\n%s", out)
	}
	if out := status(); !strings.Contains(out, "less often") || !strings.Contains(out, "budget of the site 50 MB") {
		t.Errorf("status:\n%s", out)
	}
	before := asked.Load()
	time.Sleep(6 * time.Second) // 30 askings as configured
	if n := asked.Load() - before; n > 10 {
		t.Errorf("asked %d times in 6 s", n)
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := run1(t, exec.Command(binary(t, "picket"), "config", "apply", file, "--yes", "--data", o.data)); code != 0 {
		t.Fatalf("apply: exit %d\n%s", code, out)
	}
	before = asked.Load()
	eventually(t, 30*time.Second, "it asks as configured again", func() bool { return asked.Load()-before > 20 })
}
