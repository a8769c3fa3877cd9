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

	"picket/collector"
	"picket/collector/web"
)

// TestApplyReachesConnectedAgents changes what is watched and the table of
// networks under a connected agent: it takes the one, and votes on the other.
func TestApplyReachesConnectedAgents(t *testing.T) {
	o := newOffice(t)
	if out, code := o.join(o.token(), "a"); code != 0 {
		t.Fatalf("join: %s", out)
	}
	start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", filepath.Join(o.dir, "a")))
	agent := func() (a web.Agent) {
		out, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--json", "--data", o.data))
		var list struct{ Data []web.Agent }
		if json.Unmarshal([]byte(out), &list) == nil && len(list.Data) == 1 {
			a = list.Data[0]
		}
		return a
	}
	eventually(t, 10*time.Second, "the agent is connected", func() bool { return agent().Connected && agent().Config > 0 })
	before := agent().Config

	file := filepath.Join(o.dir, "picket.yaml")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(src), "targets: [", "networks: [{prefix: 127.0.0.0/8, name: AS64500 Loop}]\ntargets: [{id: b, provider: cloud, service: s, checks: [{kind: tcp, host: 127.0.0.1, port: 10}]}, ", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := run1(t, exec.Command(binary(t, "picket"), "config", "apply", file, "--yes", "--json", "--data", o.data))
	var done web.ConfigApplied
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != 0 {
		t.Fatalf("apply: exit %d, %v: %s", code, err, out)
	}
	if done.Online != 1 || done.Took != 1 || done.Agents != 1 || done.Config <= before {
		t.Errorf("got %+v", done)
	}
	eventually(t, 15*time.Second, "the agent is back on its new network", func() bool {
		a := agent()
		return a.Connected && a.Network == "AS64500 Loop" && a.Config == done.Config
	})
	if out, code := run1(t, exec.Command(binary(t, "picket"), "config", "apply", file, "--data", o.data)); code != exitUsage || !strings.Contains(out, "nobody to ask") {
		t.Errorf("apply without a terminal: exit %d: %s", code, out)
	}
}

// TestATextThatMeansTheSameIsAppliedUnasked: what was applied last is what a
// restart uses and is compared with, comments and all.
func TestATextThatMeansTheSameIsAppliedUnasked(t *testing.T) {
	for _, c := range []struct {
		p      web.ConfigPlan
		typed  string
		agreed bool
		says   string
	}{
		{web.ConfigPlan{}, "", true, "Nothing would change but the text"},
		{web.ConfigPlan{Same: true}, "", true, "uses f.yaml as it is"},
		{web.ConfigPlan{Changes: []web.ConfigChange{{Op: "+", Kind: "target", ID: "t"}}}, "", false, "+ target"},
		{web.ConfigPlan{Changes: []web.ConfigChange{{Op: "+", Kind: "target", ID: "t"}}}, "y\n", true, "Apply it?"},
	} {
		var out strings.Builder
		printPlan(&out, "f.yaml", c.p)
		if got, err := mayApply(t.Context(), strings.NewReader(c.typed), &out, c.p); err != nil || got != c.agreed || !strings.Contains(out.String(), c.says) {
			t.Errorf("%+v, typed %q: %v, said %q", c.p, c.typed, got, out.String())
		}
	}
}

// TestWhatApplySaysOfACollectorThatBrokeOff: it may have been done, so nobody is
// sent to start a collector that runs.
func TestWhatApplySaysOfACollectorThatBrokeOff(t *testing.T) {
	err := explainConfig("/srv/picket", "apply", fmt.Errorf("%w: EOF", collector.ErrBrokeOff))
	if text := err.Error(); strings.Contains(text, "no collector runs") || !strings.Contains(text, "look whether it was done") {
		t.Error(text)
	}
}
