package main

import (
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/collector/inquiry"
)

func TestWhatCheckPrints(t *testing.T) {
	f := inquiry.Finding{
		Party: inquiry.Service, Confidence: detect.ConfidenceProbable, Sentence: "It is Nimbus, not acme/madrid: mail fails at 2 of 3 sites on 2 ISPs.", Detail: "Its servers cannot be reached.",
		Chain: []inquiry.Link{{ID: "internet", Name: "Internet at acme/madrid", State: inquiry.LinkOK, Text: "3 of 3 references answer"}, {ID: "service", Name: "Nimbus", State: inquiry.LinkBroken, Text: "fails"}},
		Rows: []inquiry.Row{
			{Site: "acme/madrid", ISP: "Northnet", Own: true, State: inquiry.Answered, Outcome: "down", Layer: "tcp", Cause: "tcp_refused", DNS: 2300 * time.Microsecond, RefsOK: 3, RefsAsked: 3, Err: "refused\x1b[31m\nby peer"},
			{Site: "b/oslo", ISP: "Westel", State: inquiry.Answered, Outcome: "up", DNS: time.Millisecond, Connect: 2 * time.Millisecond},
			{Site: "b/rome", ISP: "City", State: inquiry.Silent, Why: "no Picket agent is connected"},
		},
		Missing: []string{"a second site on Northnet", "one more"}, Incident: "01K", At: time.Now(), Took: 1200 * time.Millisecond,
	}
	var out strings.Builder
	if err := printFinding(&out, f); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"VERDICT   It is Nimbus, not acme/madrid", "          Likely.", "Internet at acme/madrid  ok      3 of 3 references answer", "Nimbus                   BROKEN  fails",
		"> acme/madrid  Northnet  FAILS at tcp  2.3 ms", "  b/oslo       Westel    ok            1.0 ms  2.0 ms", "  b/rome       City      no word",
		"tcp_refused: refused [31m by peer", "MISSING   a second site on Northnet\n          one more", "INCIDENT  picket incident show 01K", "answered in 1.2 s",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("does not say %q:\n%s", line, out.String())
		}
	}
	for party, code := range map[inquiry.Party]int{inquiry.Nobody: 0, inquiry.Site: 11, inquiry.ISP: 11, inquiry.Path: 11, inquiry.Service: 11, inquiry.CantTell: 10} {
		got := 0
		if v, ok := errors.AsType[*verdict](exitOf(inquiry.Finding{Party: party})); ok {
			got = v.code
		}
		if got != code {
			t.Errorf("%s: exit %d, wanted %d", party, got, code)
		}
	}
}

// TestCheckOfAFleetOfOne asks a real agent through a real collector: what one
// site can know, what it cannot, and what it must not do.
func TestCheckOfAFleetOfOne(t *testing.T) {
	o := newOffice(t)
	check := func(args ...string) (string, int) {
		return run1(t, exec.Command(binary(t, "picket"), append([]string{"check", "--data", o.data}, args...)...))
	}
	if out, code := run1(t, exec.Command(binary(t, "picket-agent"), "join", o.token(), "--state", filepath.Join(o.dir, "a"), "--allow", "127.0.0.0/8", "--deny", "127.0.0.9/32")); code != 0 {
		t.Fatalf("join: exit %d: %s", code, out)
	}
	agent := start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", filepath.Join(o.dir, "a")))
	eventually(t, 10*time.Second, "the agent is connected", func() bool { return strings.Contains(agent.out.String(), "connected") })
	eventually(t, 10*time.Second, "it has its configuration", func() bool { return strings.Contains(agent.out.String(), "configuration in force") })

	out, code := check("a", "--site", "acme/madrid")
	if code != exitUnsure || !strings.Contains(out, "VERDICT   We can't tell: cloud s fails at acme/madrid, and no other site can say") || !strings.Contains(out, "MISSING   a second site on") || strings.Contains(out, "error:") {
		t.Errorf("what fails at the only site: exit %d\n%s", code, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if out, code := check(l.Addr().String(), "--site", "acme/madrid"); code != 0 || !strings.Contains(out, "VERDICT   It works: acme/madrid reaches tcp 127.0.0.1:") {
		t.Errorf("what works: exit %d\n%s", code, out)
	}
	if out, code := check("127.0.0.9:9", "--site", "acme/madrid", "--json"); code != exitUnsure || !strings.Contains(out, `"picket.check/v1"`) || !strings.Contains(out, `"refused"`) || !strings.Contains(out, "denied by this agent's policy") {
		t.Errorf("what the site forbids: exit %d\n%s", code, out)
	}
	if out, code := check("a", "--site", "acme/nowhere"); code != exitUsage || !strings.Contains(out, "no site called") {
		t.Errorf("a site that is not there: exit %d\n%s", code, out)
	}
	agent.stop()
	eventually(t, 10*time.Second, "the site is silent", func() bool {
		out, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--data", o.data))
		return strings.Contains(out, "stopped")
	})
	if out, code := check("a", "--site", "acme/madrid"); code != exitUnsure || !strings.Contains(out, "no word") || !strings.Contains(out, "MISSING   contact with acme/madrid") {
		t.Errorf("a site without contact: exit %d\n%s", code, out)
	}
}
