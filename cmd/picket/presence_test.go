package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/collector/web"
)

// officeOnLines is an office whose agents are seen on lines of their own: loopback
// addresses that the table of networks gives to ISPs.
func officeOnLines(t *testing.T, extra string) *office {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs the whole of 127.0.0.0/8 on the loopback interface")
	}
	dir := shortDir(t)
	o := &office{t: t, dir: dir, data: filepath.Join(dir, "data")}
	text := fmt.Sprintf("listen: %s\nhttp: %s\nproviders: [{id: cloud}]\nnetworks: [{prefix: 127.0.2.0/24, name: Fibre}, {prefix: 127.0.3.0/24, name: Mobile}, {prefix: 127.0.4.0/24, name: Hotel}]\n%s",
		freeUDP(t), freeTCP(t), extra)
	if err := os.WriteFile(filepath.Join(dir, "picket.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.run()
	return o
}

const deafTarget = "targets: [{id: a, provider: cloud, service: s, checks: [{kind: tcp, host: 127.0.0.1, port: 9}]}]\n"

// agent starts the agent in a state directory on a line.
func (o *office) agent(state, bind string) *process {
	o.t.Helper()
	return start(o.t, state+" on "+bind, exec.Command(binary(o.t, "picket-agent"), "run", "--state", filepath.Join(o.dir, state), "--bind", bind))
}

func (o *office) enrolled(states ...string) {
	o.t.Helper()
	token := o.token("--uses", fmt.Sprint(len(states)))
	for _, s := range states {
		if out, code := run1(o.t, exec.Command(binary(o.t, "picket-agent"), "join", token, "--state", filepath.Join(o.dir, s), "--allow", "127.0.0.0/8")); code != 0 {
			o.t.Fatalf("join: %s", out)
		}
	}
}

// agents are those of the fleet by their order of enrolment.
func (o *office) agents() []web.Agent {
	o.t.Helper()
	out, code := run1(o.t, exec.Command(binary(o.t, "picket"), "agent", "list", "--json", "--data", o.data))
	var list struct{ Data []web.Agent }
	if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil {
		o.t.Fatalf("agent list: %v: %s", err, out)
	}
	return list.Data
}

func (o *office) list() string {
	out, _ := run1(o.t, exec.Command(binary(o.t, "picket"), "agent", "list", "--data", o.data))
	return out
}

func (o *office) site() detect.SiteStatus {
	o.t.Helper()
	out, _ := run1(o.t, exec.Command(binary(o.t, "picket"), "status", "--json", "--data", o.data))
	var s struct{ Sites []detect.SiteStatus }
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		o.t.Fatalf("status: %v: %s", err, out)
	}
	if len(s.Sites) != 1 {
		return detect.SiteStatus{}
	}
	return s.Sites[0]
}

func (o *office) incidents() []detect.Incident {
	o.t.Helper()
	out, code := run1(o.t, exec.Command(binary(o.t, "picket"), "incident", "list", "--json", "--data", o.data))
	var list struct{ Data []detect.Incident }
	if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil {
		o.t.Fatalf("incident list: %v: %s", err, out)
	}
	return list.Data
}

func TestAGoodbyeTellsItsReason(t *testing.T) {
	o := officeOnLines(t, deafTarget)
	o.enrolled("a")
	for _, c := range []struct{ mark, state, says string }{
		{"", "stopped", "its service was stopped at "},
		{"upgrade", "upgrading", "it was stopped for an upgrade at "},
		{"uninstall", "uninstalled", "Picket was uninstalled there at "},
	} {
		a := o.agent("a", "127.0.2.1")
		eventually(t, 20*time.Second, "the agent is connected", func() bool { return o.agents()[0].Connected })
		if out := o.list(); strings.Contains(out, "was stopped") || !strings.Contains(out, "connected") {
			t.Errorf("an agent that is back:\n%s", out)
		}
		if c.mark != "" {
			if out, code := run1(t, exec.Command(binary(t, "picket-agent"), "leaving", c.mark, "--state", filepath.Join(o.dir, "a"))); code != 0 {
				t.Fatalf("leaving %s: %s", c.mark, out)
			}
		}
		a.stop()
		eventually(t, 20*time.Second, c.state, func() bool { return o.agents()[0].Presence() == c.state })
		if out := o.list(); !strings.Contains(out, c.state) || !strings.Contains(out, c.says) {
			t.Errorf("want %q and %q:\n%s", c.state, c.says, out)
		}
	}
	o.collector.stop()
	o.run()
	if a := o.agents()[0]; a.LeftWhy != "uninstall" || a.Left.IsZero() {
		t.Errorf("after a restart of the collector: %q at %v", a.LeftWhy, a.Left)
	}
	for _, i := range o.incidents() {
		t.Errorf("a goodbye became an incident: %s", i.Title)
	}
	if out, code := run1(t, exec.Command(binary(t, "picket-agent"), "leaving", "holiday", "--state", filepath.Join(o.dir, "a"))); code != 2 {
		t.Errorf("leaving for no known reason: exit %d: %s", code, out)
	}
}

// TestAStandbyTakesOver: two agents of a site are one vote, and when the machine
// of one dies the site goes on without a gap.
func TestAStandbyTakesOver(t *testing.T) {
	ok := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "well") }))
	defer ok.Close()
	o := officeOnLines(t, fmt.Sprintf("targets: [{id: a, provider: cloud, service: s, checks: [{kind: http, url: %q, interval: 1s}]}]\npoliteness: 0s\n", ok.URL))
	o.enrolled("a", "b")
	a := o.agent("a", "127.0.2.1")
	o.agent("b", "127.0.2.2")
	eventually(t, 30*time.Second, "one site with two agents that votes", func() bool {
		s := o.site()
		return s.Agents == 2 && s.Eligible
	})
	eventually(t, 30*time.Second, "both are connected", func() bool { l := o.agents(); return l[0].Connected && l[1].Connected })
	a.kill()
	died := time.Now()
	eventually(t, 20*time.Second, "somebody else answers for the site", func() bool {
		out, code := run1(t, exec.Command(binary(t, "picket"), "check", "a", "--site", "acme/madrid", "--data", o.data))
		return code == 0 && strings.Contains(out, "It works")
	})
	t.Logf("the standby answered after %v", time.Since(died))
	for time.Since(died) < 12*time.Second { // silence is told after seven
		if s := o.site(); !s.Connected || !s.Eligible {
			t.Fatalf("%v after one of two died: %+v", time.Since(died), s)
		}
		time.Sleep(200 * time.Millisecond)
	}
	for _, i := range o.incidents() {
		t.Errorf("told: %s", i.Title)
	}
}

func TestASiteOnAnotherLineSaysSo(t *testing.T) {
	o := officeOnLines(t, deafTarget)
	o.enrolled("a")
	a := o.agent("a", "127.0.2.1")
	eventually(t, 20*time.Second, "on its usual line", func() bool { l := o.agents()[0]; return l.Connected && l.Network == "Fibre" })
	if l := o.agents()[0]; l.Moved != nil {
		t.Errorf("at home: %+v", l.Moved)
	}
	a.stop()
	a = o.agent("a", "127.0.3.1")
	eventually(t, 20*time.Second, "on its backup line", func() bool {
		m := o.agents()[0].Moved
		return m != nil && m.Backup && m.Now == "Mobile" && m.Usual == "Fibre" && time.Since(m.Since) < time.Minute
	})
	if out := o.list(); !strings.Contains(out, "on another line since ") || !strings.Contains(out, ": Mobile instead of Fibre") {
		t.Error(out)
	}
	eventually(t, 10*time.Second, "it votes on the other line's ISP", func() bool { return o.site().Network == "Mobile" })
	out, _ := run1(t, exec.Command(binary(t, "picket-agent"), "status", "--state", filepath.Join(o.dir, "a")))
	if !strings.Contains(out, "on an expensive line, budget of the site 100 MB") {
		t.Errorf("a backup line is spared, and its agent says so:\n%s", out)
	}
	a.stop()
	o.collector.stop()
	o.run() // it remembers where the site belongs
	a = o.agent("a", "127.0.3.1")
	eventually(t, 20*time.Second, "on its backup line after a restart", func() bool { l := o.agents()[0]; return l.Connected && l.Moved != nil })
	a.stop()
	o.agent("a", "127.0.2.1")
	eventually(t, 20*time.Second, "back on its usual line", func() bool { l := o.agents()[0]; return l.Connected && l.Moved == nil })
	if log := o.collector.out.String(); !strings.Contains(log, "acme/madrid is back on its usual line: Fibre.") {
		t.Error("the log does not tell of the return")
	}
}

// TestAMachineThatWasCarriedAwayDoesNotVote: a laptop in a hotel, its desk mate in
// the office.
func TestAMachineThatWasCarriedAwayDoesNotVote(t *testing.T) {
	if testing.Short() {
		t.Skip("a machine is away after half a minute")
	}
	o := officeOnLines(t, deafTarget)
	o.enrolled("desk", "laptop")
	o.agent("desk", "127.0.2.1")
	laptop := o.agent("laptop", "127.0.2.2")
	eventually(t, 30*time.Second, "one site with two agents", func() bool { return o.site().Agents == 2 })
	laptop.stop()
	o.agent("laptop", "127.0.4.1")
	eventually(t, 90*time.Second, "the laptop is away and counts no more", func() bool {
		return o.agents()[1].Presence() == "away" && o.site().Agents == 1
	})
	if out := o.list(); !strings.Contains(out, "the machine is not at its site, and does not vote") {
		t.Error(out)
	}
	if a, s := o.agents(), o.site(); !a[0].Away.IsZero() || a[0].Moved != nil || s.Network != "Fibre" || !s.Connected {
		t.Errorf("its desk mate: %+v, site %+v", a[0], s)
	}
}

// TestALaptopThatRoamsNeverSpeaksForItsSite: its token says so, and nobody waits.
func TestALaptopThatRoamsNeverSpeaksForItsSite(t *testing.T) {
	o := officeOnLines(t, deafTarget)
	o.enrolled("desk")
	desk := o.agent("desk", "127.0.2.1")
	eventually(t, 20*time.Second, "the desk is there", func() bool { return o.agents()[0].Connected })
	desk.stop()
	if out, code := run1(t, exec.Command(binary(t, "picket-agent"), "join", o.token("--roaming"), "--state", filepath.Join(o.dir, "laptop"), "--allow", "127.0.0.0/8")); code != 0 {
		t.Fatalf("join: %s", out)
	}
	laptop := o.agent("laptop", "127.0.4.1")
	eventually(t, 20*time.Second, "the laptop is away at once", func() bool { return o.agents()[1].Presence() == "away" })
	laptop.stop()
	o.agent("laptop", "127.0.2.9")
	eventually(t, 20*time.Second, "at the office it is one of the site", func() bool {
		a := o.agents()[1]
		return a.Presence() == "connected" && a.Moved == nil && o.site().Network == "Fibre"
	})
}
