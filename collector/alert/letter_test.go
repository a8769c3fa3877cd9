package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

func people() Words {
	return Words{Provider: func(id string) string {
		return map[string]string{"azure": "Microsoft Azure"}[id]
	}, Page: "https://picket.msp.example", Zone: time.FixedZone("CET", 3600), Well: func(*detect.Incident) []string {
		return []string{"Microsoft Azure northeurope", "Microsoft Azure uksouth", "AWS"}
	}}
}

// written is the message of an event, as it lies in the outbox.
func written(t *testing.T, event Event, told Told, i detect.Incident, now time.Time) Message {
	t.Helper()
	l, err := people().compose(Decision{Event: event, Reason: ReasonOpened}, told, &i, "desk", now)
	if err != nil {
		t.Fatal(err)
	}
	var m Message
	if err := json.Unmarshal(l.Body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// wire is a mail as it goes over the line.
func wire(t *testing.T, m Message) string {
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
	i := westEurope()
	m := written(t, Opened, Told{}, i, i.Started.Add(14*time.Minute))
	header, _, _ := strings.Cut(wire(t, m), "\r\n\r\n")
	golden(t, "opened.header", strings.ReplaceAll(header, "\r\n", "\n")+"\n")
	var html bytes.Buffer
	if err := m.html(&html); err != nil {
		t.Fatal(err)
	}
	golden(t, "opened.html", html.String())

	i.State, i.Recovered = detect.Resolved, i.Started.Add(107*time.Minute)
	i.Resolved = i.Recovered.Add(time.Minute)
	m = written(t, Resolved, Told{Sequence: 2}, i, i.Resolved.Add(4*time.Minute))
	header, _, _ = strings.Cut(wire(t, m), "\r\n\r\n")
	golden(t, "resolved.header", strings.ReplaceAll(header, "\r\n", "\n")+"\n")
	html.Reset()
	if err := m.html(&html); err != nil {
		t.Fatal(err)
	}
	golden(t, "resolved.html", html.String())
}

// TestTagsCanBeRead holds white ink on every tag to WCAG AA.
func TestTagsCanBeRead(t *testing.T) {
	for _, tag := range []string{tagDown, tagWatch, tagSite, tagISP, tagPath, tagBlind, tagUpdate, tagOK, tagMerged, tagClosed, tagTest} {
		var rgb [3]uint8
		if _, err := fmt.Sscanf(tagColour(tag), "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
			t.Fatal(err)
		}
		light := 0.0
		for k, weight := range []float64{0.2126, 0.7152, 0.0722} {
			c := float64(rgb[k]) / 255
			light += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
		if contrast := 1.05 / (light + 0.05); contrast < 4.5 {
			t.Errorf("%s: %.1f", tag, contrast)
		}
	}
}

func TestLettersOfAnIncidentAreOneThread(t *testing.T) {
	i := westEurope()
	first, _ := netmail.ReadMessage(strings.NewReader(wire(t, written(t, Opened, Told{}, i, i.Opened))))
	third, _ := netmail.ReadMessage(strings.NewReader(wire(t, written(t, Updated, Told{Sequence: 2}, i, i.Opened))))
	id := first.Header.Get("Message-Id")
	if id == "" || third.Header.Get("Message-Id") == id || first.Header.Get("References") != "" ||
		third.Header.Get("In-Reply-To") != id || third.Header.Get("References") != id {
		t.Errorf("first %v\nthird %v", first.Header, third.Header)
	}
}

func TestSubjects(t *testing.T) {
	cloud, site := westEurope(), detect.Incident{ID: "01KGF3M8Q3", Kind: detect.KindSite, Site: "acme/madrid", State: detect.Probable,
		Confidence: detect.ConfidenceProbable, Title: "Lost contact with acme/madrid", DownSites: 1, Sites: 1}
	started := cloud.Started
	with := func(i detect.Incident, change func(*detect.Incident)) detect.Incident { change(&i); return i }
	for _, c := range []struct {
		event Event
		i     detect.Incident
		want  string
	}{
		{Opened, cloud, "[DOWN] Azure westeurope: outage - 9 of 11 sites, 6 ISPs (01KGF3M8Q2)"},
		{Opened, with(cloud, probable), "[WATCH] Likely: Azure westeurope: outage - 9 of 11 sites, 6 ISPs (01KGF3M8Q2)"},
		{Updated, cloud, "[UPDATE] Confirmed: Azure westeurope: outage - 9 of 11 sites, 6 ISPs (01KGF3M8Q2)"},
		{Opened, with(cloud, func(i *detect.Incident) { i.Again = 1 }), "[DOWN] Again: Azure westeurope: outage - 9 of 11 sites, 6 ISPs (01KGF3M8Q2)"},
		{Resolved, with(cloud, func(i *detect.Incident) { i.Recovered = started.Add(107 * time.Minute) }), "[OK] Azure westeurope: outage - over after 1 h 47 min (01KGF3M8Q2)"},
		{Resolved, with(cloud, func(i *detect.Incident) { i.SupersededBy = "01KGF3M8Q9" }), "[MERGED] Azure westeurope: outage - goes on as 01KGF3M8Q9 (01KGF3M8Q2)"},
		{Resolved, with(cloud, func(i *detect.Incident) { i.Reason.Code = detect.Unwatched }), "[CLOSED] Azure westeurope: outage - no longer watched (01KGF3M8Q2)"},
		{Opened, site, "[SITE] Lost contact with acme/madrid (01KGF3M8Q3)"},
		{Opened, with(site, func(i *detect.Incident) {
			i.Kind, i.Title = detect.KindCollector, "Picket server: lost contact with every site"
			i.DownSites, i.Sites, i.DownNetworks = 24, 24, 7
		}), "[BLIND] Picket server: lost contact with every site - 24 of 24 sites, 7 ISPs (01KGF3M8Q3)"},
		{Opened, with(site, func(i *detect.Incident) {
			i.Kind, i.Title = detect.KindNetworkProvider, "Trouble between AS3352 Telefonica and AWS"
			i.DownSites, i.Sites, i.DownNetworks = 4, 4, 1
		}), "[PATH] Trouble between AS3352 Telefonica and AWS - 4 of 4 sites, 1 ISP (01KGF3M8Q3)"},
	} {
		if got := (Words{}).Subject(c.event, &c.i); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
	long := with(cloud, func(i *detect.Incident) { i.Title, i.ID = strings.Repeat("long ", 100), "01KGF3M8Q2V7Q8J5T3Z4X6Y9AB" })
	if got := (Words{}).Subject(Opened, &long); length(got) > 110 || !strings.HasSuffix(got, "(01KGF3M8Q2V7Q8J5T3Z4X6Y9AB)") {
		t.Errorf("%d: %q", length(got), got)
	}
}

// TestNothingCanForgeAHeader puts line ends and addresses wherever text from
// elsewhere can get into a mail.
func TestNothingCanForgeAHeader(t *testing.T) {
	evil := "x\r\nBcc: thief@evil.example\r\n\r\n<script>alert(1)</script>"
	m := Message{Schema: Schema, Event: Event(evil), AlertID: evil, Route: evil, Sequence: 2, SentAs: evil, Title: evil, Subject: evil, Finding: evil,
		State: detect.State(evil), Text: evil, Link: "javascript:alert(1)", Lines: []Line{{Label: evil, Text: evil, Items: []string{evil}}}}
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
	if err := m.html(&html); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(html.String(), "<script") || strings.Contains(html.String(), "javascript:") {
		t.Errorf("html:\n%s", &html)
	}
	for _, bad := range []string{"a@b.example\r\nRCPT TO:<c@d.example>", "Ana <ana@msp.example>", "a b@c.example", "", "no-at", "ü@msp.example", "<a@b.example>"} {
		if _, err := newMail(m, "alerts@msp.example", []string{bad}); !errors.Is(err, ErrRefused) {
			t.Errorf("recipient %q: %v", bad, err)
		}
		if bad != "Ana <ana@msp.example>" && bad != "<a@b.example>" {
			if _, err := newMail(m, bad, []string{"a@b.example"}); !errors.Is(err, ErrRefused) {
				t.Errorf("sender %q: %v", bad, err)
			}
		}
	}
}
