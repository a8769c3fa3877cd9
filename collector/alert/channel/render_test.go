package channel

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"picket/collector/alert"
	"picket/collector/detect"
)

// strict reads JSON into v and refuses what v does not know.
func strict(t *testing.T, body []byte, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
}

func rendered(t *testing.T, k Kind, m alert.Message) []byte {
	t.Helper()
	_, body, err := Render(k, m)
	if err != nil {
		t.Fatalf("%s: %v", k, err)
	}
	if !utf8.Valid(body) {
		t.Errorf("%s: not UTF-8", k)
	}
	return body
}

// indent lays JSON out for a golden file.
func indent(t *testing.T, body []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// stored is a message as it lay in an outbox, whatever words are used today.
func stored(t *testing.T, name string) (m alert.Message) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	strict(t, b, &m)
	return m
}

// TestWhatChannelsAreSent keeps the payloads of a life as files, to be read.
func TestWhatChannelsAreSent(t *testing.T) {
	opened, resolved := stored(t, "opened.message.json"), stored(t, "resolved.message.json")
	for _, k := range []Kind{KindSlack, KindTeams, KindPagerDuty, KindAlertmanager, KindTicket} {
		golden(t, "opened."+string(k)+".json", indent(t, rendered(t, k, opened)))
		golden(t, "resolved."+string(k)+".json", indent(t, rendered(t, k, resolved)))
	}
	golden(t, "opened.shoutrrr.txt", string(rendered(t, KindShoutrrr, opened))+"\n")
}

// TestADrillIsMarkedEverywhere: nobody may take one for real, and it wakes nobody.
func TestADrillIsMarkedEverywhere(t *testing.T) {
	a := westEurope()
	a.incident.Drill = true
	for _, m := range []alert.Message{a.opened(t), a.resolved(t)} {
		for _, k := range Kinds() {
			body := string(rendered(t, k, m))
			if k == KindPagerDuty && m.Event == alert.Resolved {
				continue // it only ends what was marked
			}
			if !strings.Contains(strings.ToUpper(body), "DRILL") {
				t.Errorf("%s, %s: not marked:\n%s", k, m.Event, body)
			}
		}
		if m.Event != alert.Opened {
			continue
		}
		for k, want := range map[Kind]string{KindPagerDuty: `"severity":"info"`, KindTicket: `"priority":"P4"`, KindAlertmanager: `"drill":"true"`, KindTeams: `"style":"accent"`} {
			if body := string(rendered(t, k, m)); !strings.Contains(body, want) {
				t.Errorf("%s wants %s:\n%s", k, want, body)
			}
		}
	}
}

// TestPrioritiesFitTheTrouble: the levels in the words of those who page.
func TestPrioritiesFitTheTrouble(t *testing.T) {
	for _, c := range []struct {
		m        alert.Message
		severity string
		priority int
	}{
		{alert.Message{Level: alert.LevelCritical}, "critical", 1},
		{alert.Message{Level: alert.LevelHigh}, "error", 2},
		{alert.Message{Level: alert.LevelMedium}, "warning", 3},
		{alert.Message{Level: alert.LevelLow}, "info", 4},
		{alert.Message{Level: alert.LevelInfo}, "info", 4},
		{alert.Message{}, "error", 2},
		{alert.Message{Level: alert.LevelCritical, Drill: true}, "info", 4},
		{alert.Message{Level: alert.LevelCritical, Event: alert.Tested}, "info", 4},
	} {
		if s, p := severity(c.m), priority(c.m); s != c.severity || p != c.priority {
			t.Errorf("%+v: %s, P%d", c.m, s, p)
		}
	}
}

// hostile is a message full of what must not get through, or too much of it.
func hostile(text string, many int) alert.Message {
	m := alert.Message{Schema: alert.Schema, Event: alert.Opened, Reason: alert.Reason(text), AlertID: text, Route: text, Sequence: 1, SentAs: text,
		Title: text, Subject: text, Finding: text, Link: text, Text: text, Kind: detect.Kind(text), Provider: text, Service: text, Region: text,
		Target: text, Client: text, Site: text, ISP: text, SeenFrom: text, Dependency: text, Edge: text}
	for range many {
		m.Lines = append(m.Lines, alert.Line{Label: text, Text: text, Items: []string{text, text, text, text, text, text, text, text}})
		m.Links = append(m.Links, alert.Link{Name: text, Text: text, URL: "https://picket.example/" + text}, alert.Link{Name: "x", Text: text, URL: text})
		m.Clients = append(m.Clients, detect.Impact{Client: text, Failing: 1, Sites: 1})
	}
	m.Lines = append(m.Lines, alert.Line{Label: labelSteps, Items: []string{text, text, text, text, text, text, text, text}})
	return m
}

// withinLimits holds every payload to what its receiver documents.
func withinLimits(t *testing.T, m alert.Message) {
	t.Helper()
	checkSlack(t, rendered(t, KindSlack, m))
	checkTeams(t, rendered(t, KindTeams, m))
	checkPagerDuty(t, rendered(t, KindPagerDuty, m))
	checkAlertmanager(t, rendered(t, KindAlertmanager, m))
	var tick ticket
	strict(t, rendered(t, KindTicket, m), &tick)
	if n := len(tick.AlertName); n == 0 || n > ticketName || utf8.RuneCountInString(tick.Title) > ticketTitle || utf8.RuneCountInString(tick.Text) > ticketText {
		t.Errorf("ticket: %+v", tick)
	}
	if s := rendered(t, KindShoutrrr, m); utf8.RuneCount(s) > 1000 {
		t.Errorf("shoutrrr: %d characters", utf8.RuneCount(s))
	}
}

func TestWhateverStandsInAMessageItFits(t *testing.T) {
	for _, text := range []string{"", "x", strings.Repeat("long words ", 1000), strings.Repeat("<!channel> & [x](https://evil.example) ", 200),
		strings.Repeat("\u0000\n\r\u2028", 300), strings.Repeat("\xff\xfe", 2000), strings.Repeat("🔥", 3000), strings.Repeat("\\\"", 3000), "\x00"} {
		for _, many := range []int{0, 1, 60} {
			withinLimits(t, hostile(text, many))
		}
	}
	a := westEurope()
	withinLimits(t, a.opened(t))
	withinLimits(t, a.resolved(t))
}

func FuzzRender(f *testing.F) {
	f.Add("Azure westeurope: outage", 3)
	f.Add("<!channel> [x](http://evil.example) \xff", 40)
	f.Fuzz(func(t *testing.T, text string, many int) {
		withinLimits(t, hostile(text, max(0, min(many, 200))))
	})
}

// TestTheSameTroubleHasTheSameName: a service desk matches tickets by name and
// id, and the name must neither change nor be shared by other trouble.
func TestTheSameTroubleHasTheSameName(t *testing.T) {
	for want, m := range map[string]alert.Message{
		"azure-front-door-westeurope": {Provider: "azure", Service: "front-door", Region: "westeurope"},
		"acme-madrid":                 {Kind: detect.KindSite, Site: "acme/madrid"},
		"as3352-telefonica-de-espa-a": {Kind: detect.KindNetwork, ISP: "AS3352 Telefonica de España"},
		"fleet":                       {Kind: detect.KindFleet},
		"picket-test":                 {Event: alert.Tested},
		"incident":                    {Kind: "日本"},
	} {
		if got := nameOf(m); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	long := alert.Message{Provider: "azure", Service: strings.Repeat("very-", 20) + "a"}
	other := alert.Message{Provider: "azure", Service: strings.Repeat("very-", 20) + "b"}
	if a, b := nameOf(long), nameOf(other); a == b || len(a) > 40 || a != nameOf(long) {
		t.Errorf("%q and %q", a, b)
	}
	seen := map[string]bool{}
	for range 200 {
		m := alert.Message{Provider: "p", Target: strings.Repeat("x", 60) + string(rune('a'+rand.N(26))) + string(rune('a'+rand.N(26)))}
		seen[nameOf(m)] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d names", len(seen))
	}
}
