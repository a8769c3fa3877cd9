package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
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

// TestCustomersGetNoFalseAllClear when all that ends is that this incident is
// followed.
func TestCustomersGetNoFalseAllClear(t *testing.T) {
	w := exampleWords(t)
	w.Notice = func(Notice) (string, string) { return "", "" } // as notice refuses to word these
	for _, c := range []struct {
		name, want string
		change     func(*detect.Incident)
	}{
		{"merged", "This goes on as part of a wider problem, of which you hear separately: ", func(i *detect.Incident) { i.SupersededBy = "01JWIDER" }},
		{"unwatched", "We no longer watch this, so we cannot say how it is now: ", func(i *detect.Incident) { i.Reason.Code = detect.Unwatched }},
		{"in maintenance", "We no longer watch this, so we cannot say how it is now: ", func(i *detect.Incident) { i.Reason.Code = detect.Maintained }},
		{"well again", "This is over: ", func(*detect.Incident) {}},
	} {
		e, _ := ExampleNamed("recovered")
		i := *e.Incident
		c.change(&i)
		e.Incident, e.Route = &i, Route{Name: "acme", Class: ClassClient, Clients: []string{"acme"}}
		m := w.Write(e.Telling)
		if m.Event != Resolved || !strings.HasPrefix(m.Text, c.want) || !strings.HasPrefix(m.Finding, c.want) {
			t.Errorf("%s: %s %q", c.name, m.Event, m.Text)
		}
		for _, said := range []string{m.Subject, m.Title, m.What} {
			if said == "" || strings.Contains(said, "[OK]") || strings.Contains(strings.ToLower(said), "over") || m.Tone() == ToneGood {
				t.Errorf("%s: a subject or title of an all-clear: %q", c.name, said)
			}
		}
	}
}

// TestProgramsOfCustomersReadOfThemselvesAlone, too: a ticket or a webhook shows
// fields that the words do not.
func TestProgramsOfCustomersReadOfThemselvesAlone(t *testing.T) {
	w := exampleWords(t)
	w.Notice = func(Notice) (string, string) { return "Problem", "We are looking into it." }
	write := func(clients []string, change func(*detect.Incident)) Message {
		e, _ := ExampleNamed("site")
		i := *e.Incident
		i.Client, i.Site, i.Target, i.Targets = "globex", "globex/lyon", "globex-erp", []string{"globex-erp", "globex-mail"}
		i.Network, i.VRegion, i.Title, i.Impact = "Orange", "Lyon", "globex/lyon: globex-erp is out", []detect.Impact{{Client: "globex", Failing: 1, Sites: 1}, {Client: "acme", Failing: 1, Sites: 1}}
		change(&i)
		e.Incident, e.Route = &i, Route{Name: "r", Class: ClassClient, Clients: clients}
		return w.Write(e.Telling)
	}
	same := func(*detect.Incident) {}
	for name, m := range map[string]Message{
		"another client":   write([]string{"acme"}, same),
		"everybody":        write(nil, same),
		"of several":       write([]string{"acme"}, func(i *detect.Incident) { i.Client = "" }),
		"of nobody, alone": write(nil, func(i *detect.Incident) { i.Client = "" }),
	} {
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{"globex", "Lyon", "Orange"} {
			if strings.Contains(string(raw), other) {
				t.Errorf("%s reads %s:\n%s", name, other, raw)
			}
		}
		if m.What != "Problem" {
			t.Errorf("%s: what %q", name, m.What)
		}
	}
	if m := write([]string{"globex"}, same); m.Site != "globex/lyon" || m.Client != "globex" || m.Target != "globex-erp" || m.Targets != nil || m.ISP != "" || m.SeenFrom != "" {
		t.Errorf("of itself a client reads %+v", m)
	}
}
