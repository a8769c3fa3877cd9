package web

import (
	"net/url"
	"strings"
	"testing"

	"picket/collector/access"
	"picket/collector/alert"
	"picket/collector/detect"
)

// staged is a scene with an outage of which notices can be written.
func staged(t *testing.T, name string) *scene {
	t.Helper()
	e, ok := alert.ExampleNamed(name)
	if !ok {
		t.Fatal(name)
	}
	s := outage()
	s.incidents = append(s.incidents, *e.Incident)
	return s
}

const noticed = "/incidents/01KGF3M8Q2V7Q8J5T3Z4X6Y9AB/notice"

func TestDraftedNotices(t *testing.T) {
	s := staged(t, "provider-region")
	s.handling = map[string]Handling{"01KGF3M8Q2V7Q8J5T3Z4X6Y9AB": {Notices: []ClientNotice{{Client: "acme", At: noon, By: "ann"}}}}
	m := man(t, s, access.Options{})
	tim := m.as(t, "tim")
	page := tim.get(noticed).Body.String()
	for _, want := range []string{"problem - nothing wrong at your office", "I have sent it to globex", "Told first ", "For everybody who is concerned", "Español"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "I have sent it to acme") {
		t.Error("who was told already can be told again")
	}
	if len(s.did) != 0 {
		t.Errorf("looking did %q", s.did)
	}
	if page := tim.get(noticed + "?language=es").Body.String(); !strings.Contains(page, "Su conexión a internet funciona") {
		t.Errorf("in Spanish:\n%s", page)
	}
	if w := tim.post(noticed, url.Values{"client": {"globex"}}); w.Code != 303 || strings.Join(s.did, "") != "tim told globex of 01KGF3M8Q2V7Q8J5T3Z4X6Y9AB" {
		t.Errorf("noted: %d, %q", w.Code, s.did)
	}
	for _, stranger := range []string{"hooli", "", "nobody"} {
		if w := tim.post(noticed, url.Values{"client": {stranger}}); w.Code != 422 || len(s.did) != 1 {
			t.Errorf("a client that is not concerned (%q): %d, %q", stranger, w.Code, s.did)
		}
	}
	if w := tim.get("/incidents/none/notice"); w.Code != 404 {
		t.Errorf("of nothing: %d", w.Code)
	}
}

// TestWhatClientsMayNotSee: the drafts name other clients.
func TestWhatClientsMayNotSee(t *testing.T) {
	m := man(t, staged(t, "provider-region"), access.Options{})
	vic := m.as(t, "vic")
	for _, w := range []int{vic.get(noticed).Code, vic.post(noticed, url.Values{"client": {"acme"}}).Code} {
		if w != 403 && w != 404 {
			t.Errorf("a viewer: %d", w)
		}
	}
	if page := vic.get(noticed).Body.String(); strings.Contains(page, "globex") {
		t.Errorf("a viewer reads of another client:\n%s", page)
	}
	if len(m.s.did) != 0 {
		t.Errorf("a viewer did %q", m.s.did)
	}
}

func TestNothingToTellIsSaid(t *testing.T) {
	s := staged(t, "provider-region")
	s.incidents[len(s.incidents)-1].Kind = detect.KindCollector
	page := man(t, s, access.Options{}).as(t, "ann").get(noticed).Body.String()
	if !strings.Contains(page, "Picket&#39;s own trouble") || strings.Contains(page, "I have sent it") {
		t.Errorf("got:\n%s", page)
	}
	s = staged(t, "drill")
	page = man(t, s, access.Options{}).as(t, "ann").get(noticed).Body.String()
	if !strings.Contains(page, "Send none of this") || !strings.Contains(page, "DRILL - DO NOT SEND") {
		t.Errorf("a drill:\n%s", page)
	}
}
