package alert

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

// exampleWords is a provider of IT in Madrid.
func exampleWords(t *testing.T) Words {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	return Words{Zone: zone, Page: "https://picket.msp.example", Provider: func(id string) string {
		return map[string]string{"azure": "Microsoft Azure", "m365": "Microsoft 365"}[id]
	}, Runbook: func(i *detect.Incident) string {
		return map[string]string{"azure": "https://wiki.msp.example/azure"}[i.Provider]
	}, Well: func(i *detect.Incident) []string {
		if i.Provider == "azure" {
			return []string{"Microsoft Azure northeurope", "Microsoft Azure uksouth", "Microsoft 365", "Amazon Web Services"}
		}
		return []string{"Microsoft Azure", "Amazon Web Services"}
	}}
}

// TestExamplesReadWell keeps every story as it is sent. Read them aloud when they change.
func TestExamplesReadWell(t *testing.T) {
	w := exampleWords(t)
	for _, e := range Examples() {
		e.Route.Name = "helpdesk"
		m := w.Write(e.Telling)
		golden(t, "example-"+e.Name+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
		holds(t, e.Name, m)
	}
}

// holds checks what is true of every alert.
func holds(t *testing.T, name string, m Message) {
	t.Helper()
	if n := length(m.Subject); n > 110 || !strings.HasSuffix(m.Subject, "("+m.AlertID+")") || !strings.HasPrefix(m.Subject, "[") {
		t.Errorf("%s: subject of %d: %q", name, n, m.Subject)
	}
	if n := length(m.Title); n > 110 || n < 5 {
		t.Errorf("%s: title of %d: %q", name, n, m.Title)
	}
	for line := range strings.SplitSeq(m.Text, "\n") {
		if length(line) > 80 && !strings.Contains(line, "https://") {
			t.Errorf("%s: a line of %d: %q", name, length(line), line)
		}
	}
	for _, l := range m.Lines {
		if len(l.Label) > 9 {
			t.Errorf("%s: label %q", name, l.Label)
		}
	}
	for _, bad := range []string{"agent", "probable", "suspected", "disputed", "%!", "<nil>", "  .", "..", ": .", " ,", "0001-01-01"} {
		if strings.Contains(strings.NewReplacer("picket-agent", "", "...", "").Replace(strings.ToLower(m.Subject+m.Text)), bad) {
			t.Errorf("%s says %q:\n%s\n%s", name, bad, m.Subject, m.Text)
		}
	}
}

// TestEveryKindAndEventIsWorded: whatever the engine can open, in every state
// in which it can be told, is told within the rules, in every zone.
func TestEveryKindAndEventIsWorded(t *testing.T) {
	kinds := []detect.Kind{detect.KindSite, detect.KindNetwork, detect.KindNetworkProvider, detect.KindTarget, detect.KindService, detect.KindProviderRegion,
		detect.KindProvider, detect.KindDependency, detect.KindEdge, detect.KindVRegion, detect.KindVRegionProvider, detect.KindVRegionDependency,
		detect.KindVRegionTarget, detect.KindNetworkDependency, detect.KindReference, detect.KindFleet, detect.KindCollector}
	severities := []detect.Severity{detect.SeverityOutage, detect.SeverityPartial, detect.SeverityDegraded, detect.SeverityUnseen}
	changes := map[string]func(*detect.Incident){
		"plain": func(*detect.Incident) {}, "likely": probable, "drill": drill, "again": func(i *detect.Incident) { i.Again = 2 },
		"alone": func(i *detect.Incident) { i.Reason.Code = detect.Alone }, "line": func(i *detect.Incident) { i.LineDown = true },
		"bare": func(i *detect.Incident) {
			i.Title, i.Summary, i.Reason, i.Evidence, i.Targets = "", "", detect.Reason{}, nil, nil
		},
	}
	ends := map[string]func(*detect.Incident){
		"healthy": func(i *detect.Incident) { i.Recovered = i.Started.Add(time.Hour); i.Reason.Code = detect.Healthy }, "merged": superseded,
		"unwatched": func(i *detect.Incident) { i.Reason.Code = detect.Unwatched }, "maintained": func(i *detect.Incident) { i.Reason.Code = detect.Maintained },
	}
	w := exampleWords(t)
	asked := regexp.MustCompile(`(?m)^(WHO|STATE|SINCE|DO NOW|KEY) `)
	tell := func(name string, event Event, i detect.Incident) {
		m := w.Write(Telling{Event: event, Incident: &i, Route: Route{Name: "desk"}, Told: Told{Sequence: 1, Confidence: detect.ConfidenceProbable}, Now: i.Started.Add(2 * time.Hour)})
		holds(t, name, m)
		got := asked.FindAllString(m.Text, -1)
		want := 5
		if event == Resolved {
			want = 3
		}
		if len(got) != want {
			t.Errorf("%s answers only %q:\n%s", name, got, m.Text)
		}
		if i.Drill != strings.HasPrefix(m.Subject, "[DRILL]") {
			t.Errorf("%s: subject %q", name, m.Subject)
		}
	}
	for _, kind := range kinds {
		for _, severity := range severities {
			i := westEurope()
			i.Kind, i.Severity, i.Site, i.Network, i.VRegion, i.Dependency, i.Edge, i.Target = kind, severity, "acme/madrid", "Telefonica", "eu-west", "cloudflare", "MAD", "azure-arm-westeurope"
			for name, change := range changes {
				j := i
				change(&j)
				for _, event := range []Event{Opened, Updated} {
					tell(string(kind)+" "+string(severity)+" "+name+" "+string(event), event, j)
				}
			}
			for name, change := range ends {
				j := i
				resolved(&j)
				change(&j)
				tell(string(kind)+" "+string(severity)+" "+name, Resolved, j)
			}
		}
	}
}

// TestExamplesAreTheirOwn: a caller that changes one changes nobody else's.
func TestExamplesAreTheirOwn(t *testing.T) {
	a, _ := ExampleNamed("provider-region")
	a.Incident.Evidence[0].Site, a.Incident.Title = "changed", "changed"
	b, ok := ExampleNamed("provider-region")
	if !ok || b.Incident.Title == "changed" || slices.ContainsFunc(b.Incident.Evidence, func(e detect.Evidence) bool { return e.Site == "changed" }) {
		t.Error("examples are shared")
	}
	if _, ok := ExampleNamed("nothing"); ok {
		t.Error("there is no such example")
	}
}
