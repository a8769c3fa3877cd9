package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestCustomersReadOfThemselvesAlone, in the words that are made for them.
func TestCustomersReadOfThemselvesAlone(t *testing.T) {
	e, _ := ExampleNamed("provider-region")
	w := exampleWords(t)
	w.Notice = func(n Notice) (string, string) {
		return "Microsoft Azure problem", "Since 09:41 it fails.\n\nYou hear again by " + n.Next.In(n.Zone).Format("15:04") + "."
	}
	e.Beside.By, e.Beside.Acknowledged = "ana", e.Now
	e.Route = Route{Name: "globex", Class: ClassClient, Clients: []string{"globex"}}
	m := w.Write(e.Telling)
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"acme", "initech", "umbrella", "hooli", "picket.msp.example", "ana", "Telefonica", "KPN"} {
		if strings.Contains(strings.ReplaceAll(string(raw), "analy", ""), other) {
			t.Errorf("a customer reads of %s:\n%s", other, raw)
		}
	}
	if m.Subject != "Microsoft Azure problem" || m.Text != "Since 09:41 it fails.\n\nYou hear again by 10:12." || m.Finding != "Since 09:41 it fails." || len(m.Lines) != 1 || len(m.Clients) != 1 || len(m.Evidence) != 3 {
		t.Errorf("got %+v", m)
	}
	e.Route.Clients = nil
	if m := w.Write(e.Telling); len(m.Evidence) != 0 || len(m.Clients) != 0 {
		t.Errorf("a route for everybody names somebody: %v %v", m.Clients, m.Evidence)
	}
	w.Notice = nil
	for _, name := range []string{"site", "drill", "recovered"} {
		e, _ := ExampleNamed(name)
		e.Route = Route{Name: "acme", Class: ClassClient, Clients: []string{"acme"}}
		m := w.Write(e.Telling)
		if m.Text == "" || m.Subject == "" || strings.Contains(m.Text, "globex") || e.Incident.Drill != strings.HasPrefix(m.Subject, "[DRILL]") || e.Incident.Drill != strings.Contains(m.Text, "drill") {
			t.Errorf("%s: %q, %q", name, m.Subject, m.Text)
		}
	}
	if e.Next.IsZero() || e.Now.After(e.Next) || e.Next.Sub(e.Now) > time.Hour {
		t.Error("the example promises nothing")
	}
}
