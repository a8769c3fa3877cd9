package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/store"
)

// TestHandlingByCommand is an operator on the collector's machine: an incident is
// taken on, another one is silenced, and both are shown.
func TestHandlingByCommand(t *testing.T) {
	o := newOffice(t)
	o.collector.stop()
	remember(t, filepath.Join(o.data, "picket.db"))
	o.run()
	picket := func(args ...string) (string, int) {
		return run1(t, exec.Command(binary(t, "picket"), append(args, "--data", o.data)...))
	}
	expect := func(code int, says []string, args ...string) string {
		t.Helper()
		out, got := picket(args...)
		for _, want := range says {
			if got != code || !strings.Contains(out, want) {
				t.Errorf("picket %s: exit %d, want %d and %q:\n%s", strings.Join(args, " "), got, code, want, out)
			}
		}
		return out
	}
	expect(0, []string{"01JOLD is acknowledged: nobody further is called."}, "incident", "ack", "01JOLD", "--note", "on the phone")
	expect(0, []string{"had been acknowledged before"}, "incident", "ack", "01JOLD")
	expect(exitUsage, []string{`there is no incident "01JNONE"`, "picket incident list"}, "incident", "ack", "01JNONE")
	expect(exitUsage, []string{"the note is not on one line"}, "incident", "ack", "01JOLD", "--note", "a\nb")
	expect(0, []string{"Taken on", "by operator: on the phone", "Note "}, "incident", "show", "01JOLD")
	if out := expect(0, []string{`"acknowledged_by": "operator"`}, "incident", "show", "01JOLD", "--json"); !json.Valid([]byte(out)) {
		t.Errorf("not JSON: %s", out)
	}

	expect(0, []string{"Nothing is silenced."}, "silence", "list")
	expect(0, []string{"This would have muted 1 alert in the last 7 days, about 1 incident.", "01JOLD", "desk", "Cloud: outage"}, "silence", "preview", "provider=cl*")
	expect(0, []string{"This would have muted no alert"}, "silence", "preview", "provider=cloud", "route=page")
	expect(exitUsage, []string{"incidents have no field", "provider, service"}, "silence", "preview", "colour=red")
	for _, c := range []struct{ says, args string }{
		{"a silence needs an end", "provider=cloud --comment known"},
		{"a silence needs a reason", "provider=cloud --for 4h"},
		{"at most 30", "provider=cloud --for 31d --comment known"},
		{"is not a length of time", "provider=cloud --for long --comment known"},
		{"keep one", "provider=cloud --for 1h --until 2030-01-01T00:00:00Z --comment known"},
		{"is given twice", "provider=cloud provider=other --for 1h --comment known"},
	} {
		expect(exitUsage, []string{c.says}, append([]string{"silence", "add"}, strings.Fields(c.args)...)...)
	}
	out := expect(0, []string{"mutes provider=cloud route=desk until"}, "silence", "add", "provider=cloud", "route=desk", "--for", "3d", "--comment", "known, ticket 4711")
	id := regexp.MustCompile(`^\w+`).FindString(out)
	expect(0, []string{id, "provider=cloud route=desk", "operator", "known, ticket 4711"}, "silence", "list")
	expect(exitUsage, []string{`there is no silence "none"`}, "silence", "expire", "none")
	expect(0, []string{id + " is over"}, "silence", "expire", id)
	expect(0, []string{"Nothing is silenced."}, "silence", "list")
	expect(0, []string{id, "ended", "by operator"}, "silence", "list", "--all")
	if out := expect(0, []string{`"picket.silences/v1"`, `"ended_by": "operator"`}, "silence", "list", "--all", "--json"); !json.Valid([]byte(out)) {
		t.Errorf("not JSON: %s", out)
	}
}

// remember puts an incident that is over, and was told on one route, into the
// database of a collector that does not run.
func remember(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Now().Add(-26 * time.Hour)
	doc, err := json.Marshal(detect.Incident{ID: "01JOLD", Kind: detect.KindProvider, Provider: "cloud", State: detect.Resolved, Confidence: detect.ConfidenceConfirmed,
		Title: "Cloud: outage", Summary: "3 of 4 sites cannot reach it.", Started: at, Opened: at, Confirmed: at, Recovered: at.Add(time.Hour), Resolved: at.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(alert.Message{Schema: alert.Schema, Event: alert.Opened, AlertID: "01JOLD", Route: "desk", Title: "Cloud: outage", Kind: detect.KindProvider, Provider: "cloud"})
	if err != nil {
		t.Fatal(err)
	}
	err = s.SaveIncident(t.Context(), "01JOLD", doc, at, at, false, []store.Message{{ID: "01JOLD.desk.1", Incident: "01JOLD", Route: "desk", Event: string(alert.Opened), Body: body, Created: at}})
	if err == nil {
		err = s.Sent(t.Context(), "01JOLD.desk.1", at)
	}
	if err != nil {
		t.Fatal(err)
	}
}
