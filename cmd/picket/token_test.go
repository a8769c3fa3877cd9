package main

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
)

func TestJoinTokensAreListedAndWithdrawn(t *testing.T) {
	o := newOffice(t)
	picket := func(args ...string) (string, int) {
		return run1(t, exec.Command(binary(t, "picket"), append(args, "--data", o.data)...))
	}
	if out, code := picket("token", "list"); code != 0 || !strings.Contains(out, "No join tokens") {
		t.Errorf("none yet: exit %d: %s", code, out)
	}
	token := o.token("--uses", "25")
	if out, code := o.join(token, "a"); code != 0 {
		t.Fatalf("join: %s", out)
	}
	out, code := picket("token", "list")
	if code != 0 || !strings.Contains(out, "acme/madrid") || !strings.Contains(out, "1/25") || !strings.Contains(out, "good") || !strings.Contains(out, "UTC") || strings.Contains(out, "never") {
		t.Fatalf("list: exit %d: %s", code, out)
	}
	id := strings.Fields(strings.Split(out, "\n")[1])[0]
	if out, code := picket("token", "revoke", "nope"); code != 2 || !strings.Contains(out, "picket token list") {
		t.Errorf("revoke of nothing: exit %d: %s", code, out)
	}
	if out, code := picket("token", "revoke", id); code != 0 || !strings.Contains(out, id) {
		t.Fatalf("revoke: exit %d: %s", code, out)
	}
	if out, code := o.join(token, "b"); code != 4 || !strings.Contains(out, "was revoked") {
		t.Errorf("join with a withdrawn token: exit %d: %s", code, out)
	}
	if out, _ := picket("token", "list"); !strings.Contains(out, "revoked") {
		t.Errorf("the list does not know: %s", out)
	}
	for flag, evil := range map[string]string{"--network": "North\x1b[2J", "--region": "eu\u202ewest"} {
		out, code := picket("token", "create", "--client", "acme", "--site", "porto", flag, evil)
		if code != 2 || !strings.Contains(out, "control character") || strings.Contains(out, "\x1b") {
			t.Errorf("%s with a control character: exit %d: %q", flag, code, out)
		}
	}
	o.collector.stop()
	db, err := store.Open(t.Context(), filepath.Join(o.data, "picket.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	trail, err := db.AuditLog(t.Context(), 100)
	if err != nil || !slices.ContainsFunc(trail, func(e store.Entry) bool {
		return e.Action == "token.revoke" && e.Subject == id && e.Actor == "operator"
	}) {
		t.Errorf("the trail does not tell of the revocation: %+v, %v", trail, err)
	}
	if out, code := run1(t, exec.Command(binary(t, "picket"), "status", "--data", o.dir)); code != 5 || !strings.Contains(out, "is this the right directory? name another with --data, or start it: picket collector --data "+o.dir) {
		t.Errorf("a directory without a collector: exit %d: %s", code, out)
	}
}

func TestAnAgentIsFoundByItsIDOrItsSite(t *testing.T) {
	agents := []web.Agent{
		{ID: "01A", Site: "acme/madrid"}, {ID: "01B", Site: "acme/madrid"},
		{ID: "01C", Site: "acme/bilbao"}, {ID: "01D", Site: "acme/bilbao", Revoked: time.Now()},
		{ID: "01E", Site: "acme/porto", Revoked: time.Now()},
	}
	for name, want := range map[string]string{"01B": "01B", "01b": "01B", "acme/bilbao": "01C", "01D": "01D"} {
		if a, err := findAgent(agents, name); err != nil || a.ID != want {
			t.Errorf("%s: %s, %v", name, a.ID, err)
		}
	}
	for name, says := range map[string]string{
		"acme/madrid": "01A, 01B", "acme/porto": "revoked already", "bilbao": "01C (acme/bilbao)", "": "picket agent list",
	} {
		_, err := findAgent(agents, name)
		if f, ok := errors.AsType[*failure](err); !ok || f.code != exitUsage || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOnlyAYesIsAYes(t *testing.T) {
	for in, want := range map[string]bool{"y\n": true, " YES \n": true, "\n": false, "n\n": false, "": false, "yes": false, "maybe\n": false} {
		if got, err := agreed(t.Context(), strings.NewReader(in), new(bytes.Buffer), "?"); err != nil || got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// evil is what an agent or a person may have written into a field.
const evil = "x\x1b[31m\r\n\tFAKE\u202e\u009bROW"

// lines wants n lines of printable text.
func lines(t *testing.T, what, out string, n int) {
	t.Helper()
	if got := strings.Count(out, "\n"); got != n {
		t.Errorf("%s has %d lines, not %d:\n%q", what, got, n, out)
	}
	if i := strings.IndexFunc(out, func(r rune) bool {
		return r != '\n' && (r < ' ' || r == 0x7f || r >= 0x80 && r <= 0x9f || r == '\u202e')
	}); i >= 0 {
		t.Errorf("%s holds what draws on a terminal: %q", what, out[i:])
	}
}

func TestTablesAreOnePrintableLinePerRow(t *testing.T) {
	var b bytes.Buffer
	show := func(what string, n int, print func() error) {
		t.Helper()
		b.Reset()
		if err := print(); err != nil {
			t.Fatal(err)
		}
		lines(t, what, b.String(), n)
	}
	show("agent list", 2, func() error {
		return printAgents(&b, []web.Agent{{ID: evil, Site: evil, Network: evil, Version: evil, Gossip: evil}})
	})
	i := detect.Incident{ID: evil, Title: evil, Summary: evil, Reason: detect.Reason{Text: evil + "!"}, Started: time.Now(),
		Evidence: []detect.Evidence{{Site: evil, Network: evil, Target: evil, Cause: evil, Why: evil, Err: evil, Layer: evil, Answer: evil}}}
	show("incident list", 2, func() error { return printIncidents(&b, []detect.Incident{i}) })
	show("incident", 11, func() error {
		return printIncident(&b, web.HandledIncident{Incident: i, Says: evil, Official: &web.Official{Title: evil, URL: evil}})
	})
	show("status", 10, func() error {
		return printView(&b, view{Sites: []detect.SiteStatus{{ID: evil, Why: evil}}, Open: []detect.Incident{i}, Cells: []detect.Cell{{Provider: evil, Region: evil}}})
	})
	show("token list", 2, func() error { return printTokens(&b, []web.JoinToken{{ID: evil, Site: evil}}, time.Now()) })
}

func TestStatusNamesTheSitesThatDoNotVote(t *testing.T) {
	seen := time.Date(2026, 3, 1, 2, 3, 4, 0, time.FixedZone("", 3600))
	var b bytes.Buffer
	err := printView(&b, view{
		Sites: []detect.SiteStatus{{ID: "acme/madrid", Eligible: true}, {ID: "acme/porto", Connected: true, Agents: 1, Why: "its own line fails"},
			{ID: "acme/bilbao", Agents: 1, LastSeen: seen}, {ID: "acme/vigo"}},
		Open:  []detect.Incident{{ID: "I1", Summary: "Nimbus is down.", Started: seen, State: "open"}},
		Cells: []detect.Cell{{Provider: "nimbus"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, says := range []string{"1 of 4 sites vote, 1 open incident, at ", "its own line fails", "no agent of it is connected, last seen 2026-03-01 01:03:04 UTC",
		"it has no agent", "\n\nOPEN INCIDENT", "Nimbus is down.\n\nCLOUD"} {
		if !strings.Contains(out, says) {
			t.Errorf("it does not say %q:\n%s", says, out)
		}
	}
	if strings.Count(out, "acme/madrid") != 0 {
		t.Errorf("a site that votes is among those that do not:\n%s", out)
	}
}
