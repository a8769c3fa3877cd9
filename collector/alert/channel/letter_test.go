package channel

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

// account is an incident and what the route "desk" is told of it.
type account struct {
	incident detect.Incident
	planner  *alert.Planner
}

// westEurope is an outage with all that an alert can say.
func westEurope() *account {
	start := time.Date(2026, 2, 2, 8, 41, 20, 0, time.UTC)
	return tell(detect.Incident{
		ID: "01KGF3M8Q2", Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope",
		State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage,
		Layer: "tls", Cause: "tls_timeout",
		Reason: detect.Reason{Code: detect.Held, Text: "9 of 11 sites on 6 of 7 ISPs cannot reach Azure westeurope: TLS handshakes time out."},
		Title:  "Azure westeurope: outage", Summary: "9 of 11 sites on 6 of 7 ISPs cannot reach Azure westeurope: TLS handshakes time out. References are well everywhere.",
		DownSites: 9, Sites: 11, DownNetworks: 6, Networks: 7,
		Started: start, Opened: start.Add(3 * time.Second), Confirmed: start.Add(4 * time.Second),
		Targets: []string{"azure-ai-westeurope", "azure-arm-westeurope"},
		Evidence: []detect.Evidence{
			{Site: "globex/bonn", Client: "globex", Network: "AS3320 DT", Target: "azure-arm-westeurope", Answer: "up", Last: start.Add(4 * time.Second)},
			{Site: "acme/madrid", Client: "acme", Network: "AS3352 Telefonica", Target: "azure-arm-westeurope", Answer: "down", Layer: "tls", Cause: "tls_timeout", Last: start.Add(3 * time.Second)},
			{Site: "initech/paris", Client: "initech", Network: "AS3215 Orange", Target: "azure-ai-westeurope", Answer: "down", Layer: "tls", Cause: "tls_timeout", Last: start.Add(4 * time.Second), Err: "i/o timeout"},
			{Site: "acme/sevilla", Client: "acme", Network: "AS3352 Telefonica", Target: "azure-arm-westeurope", Answer: "abstain", Why: "references fail"},
		},
	})
}

func tell(i detect.Incident) *account {
	words := alert.Words{Provider: func(id string) string {
		return map[string]string{"azure": "Microsoft Azure"}[id]
	}, Page: "https://picket.msp.example", Zone: time.FixedZone("CET", 3600), Well: func(*detect.Incident) []string {
		return []string{"Microsoft Azure northeurope", "Microsoft Azure uksouth", "AWS"}
	}}
	return &account{i, alert.NewPlanner(alert.PlannerOptions{Routes: []alert.Route{{Name: "desk"}}, Words: words})}
}

// at is the message that the incident calls for at that time.
func (a *account) at(t *testing.T, now time.Time) alert.Message {
	t.Helper()
	letters, err := a.planner.Plan(now, a.incident)
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	a.planner.Enqueued(letters...)
	m, err := read(letters[0])
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// opened, updated and resolved are the three messages of a life.
func (a *account) opened(t *testing.T) alert.Message {
	return a.at(t, a.incident.Started.Add(14*time.Minute))
}

func (a *account) updated(t *testing.T) alert.Message {
	a.incident.Severity = detect.SeverityPartial
	return a.at(t, a.incident.Started.Add(30*time.Minute))
}

func (a *account) resolved(t *testing.T) alert.Message {
	a.incident.State, a.incident.Recovered = detect.Resolved, a.incident.Started.Add(107*time.Minute)
	a.incident.Resolved = a.incident.Recovered.Add(time.Minute)
	return a.at(t, a.incident.Resolved.Add(4*time.Minute))
}

// wire is a mail as it goes over the line.
func wire(t *testing.T, m alert.Message) string {
	t.Helper()
	msg, err := newMail(m, "alerts@msp.example", []string{"ana@msp.example", "desk@msp.example"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMailsAsPeopleReadThem(t *testing.T) {
	a := westEurope()
	for _, c := range []struct {
		name string
		m    alert.Message
	}{{"opened", a.opened(t)}, {"updated", a.updated(t)}, {"resolved", a.resolved(t)}} {
		header, _, _ := strings.Cut(wire(t, c.m), "\r\n\r\n")
		golden(t, c.name+".header", strings.ReplaceAll(header, "\r\n", "\n")+"\n")
		var html bytes.Buffer
		if err := asHTML(c.m, &html); err != nil {
			t.Fatal(err)
		}
		golden(t, c.name+".html", html.String())
	}
}

// TestTagsCanBeRead holds white ink on every tag to WCAG AA.
func TestTagsCanBeRead(t *testing.T) {
	for _, tone := range []alert.Tone{alert.ToneBad, alert.ToneWatch, alert.ToneGood, alert.ToneNeutral} {
		var rgb [3]uint8
		if _, err := fmt.Sscanf(colour(tone), "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
			t.Fatal(err)
		}
		light := 0.0
		for k, weight := range []float64{0.2126, 0.7152, 0.0722} {
			c := float64(rgb[k]) / 255
			light += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
		if contrast := 1.05 / (light + 0.05); contrast < 4.5 {
			t.Errorf("%s: %.1f", tone, contrast)
		}
	}
}

func TestLettersOfAnIncidentAreOneThread(t *testing.T) {
	a := westEurope()
	first, _ := netmail.ReadMessage(strings.NewReader(wire(t, a.opened(t))))
	second, _ := netmail.ReadMessage(strings.NewReader(wire(t, a.updated(t))))
	id := first.Header.Get("Message-Id")
	if id == "" || second.Header.Get("Message-Id") == id || first.Header.Get("References") != "" ||
		second.Header.Get("In-Reply-To") != id || second.Header.Get("References") != id {
		t.Errorf("first %v\nsecond %v", first.Header, second.Header)
	}
}

// TestNothingCanForgeAHeader puts line ends and addresses wherever text from
// elsewhere can get into a mail.
func TestNothingCanForgeAHeader(t *testing.T) {
	evil := "x\r\nBcc: thief@evil.example\r\n\r\n<script>alert(1)</script>"
	m := alert.Message{Schema: alert.Schema, Event: alert.Event(evil), AlertID: evil, Route: evil, Sequence: 2, SentAs: evil, Title: evil, Subject: evil, Finding: evil,
		State: detect.State(evil), Text: evil, Link: "javascript:alert(1)", Lines: []alert.Line{{Label: evil, Text: evil, Items: []string{evil}}}}
	raw := wire(t, m)
	msg, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if msg.Header.Get("Bcc") != "" || len(msg.Header) != 15 {
		t.Errorf("%d headers: %v", len(msg.Header), msg.Header)
	}
	if id := msg.Header.Get("Message-Id"); !strings.HasSuffix(id, "@msp.example>") || strings.ContainsAny(id, " \r\n") {
		t.Errorf("id %q", id)
	}
	var html bytes.Buffer
	if err := asHTML(m, &html); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(html.String(), "<script") || strings.Contains(html.String(), "javascript:") {
		t.Errorf("html:\n%s", &html)
	}
	for _, bad := range []string{"a@b.example\r\nRCPT TO:<c@d.example>", "Ana <ana@msp.example>", "a b@c.example", "", "no-at", "ü@msp.example", "<a@b.example>"} {
		if _, err := newMail(m, "alerts@msp.example", []string{bad}); !errors.Is(err, alert.ErrRefused) {
			t.Errorf("recipient %q: %v", bad, err)
		}
		if bad != "Ana <ana@msp.example>" && bad != "<a@b.example>" {
			if _, err := newMail(m, bad, []string{"a@b.example"}); !errors.Is(err, alert.ErrRefused) {
				t.Errorf("sender %q: %v", bad, err)
			}
		}
	}
}
