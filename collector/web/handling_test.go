package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/alert"
)

// handled is an outage that somebody has taken on, with a silence in force and one that ended.
func handled() *scene {
	s := outage()
	at := noon.Add(-10 * time.Minute)
	s.handling = map[string]Handling{"01KGF3M8Q2": {Acknowledged: at, By: "ann", Notes: []Note{{at, "ann", "on the phone with Borealis"}, {at.Add(time.Minute), "tim", ""}},
		Notices:  []ClientNotice{{"acme", at.Add(2 * time.Minute), "ann"}, {"umbrella", at.Add(3 * time.Minute), "ann"}},
		Opinions: []Opinion{{at, "ann", "useful"}, {at, "tim", "noise"}}}}
	s.silences = []alert.Silence{
		{ID: "sil1", Matchers: []alert.Matcher{{Field: "provider", Pattern: "borealis"}, {Field: "route", Pattern: "desk"}}, Comment: "known, ticket 4711", Author: "tim", Created: noon.Add(-time.Hour), Until: noon.Add(3 * time.Hour)},
		{ID: "sil2", Matchers: []alert.Matcher{{Field: "site", Pattern: "acme/*"}}, Comment: "office moves", Author: "ann", Created: noon.Add(-48 * time.Hour), Until: noon.Add(-time.Hour)},
	}
	s.muted = Muted{Since: noon.Add(-7 * 24 * time.Hour), Alerts: 4, Incidents: []MutedIncident{{ID: "01KGF3M8Q2", Title: "Borealis north: outage", At: noon, Alerts: 3, Routes: []string{"desk", "oncall"}},
		{ID: "01KGF00000", Title: "Lost contact with acme/madrid", At: noon.Add(-26 * time.Hour), Alerts: 1, Routes: []string{"desk"}}}}
	return s
}

const big = "/incidents/01KGF3M8Q2"

// TestTakingAnIncidentOn: the page asks, the button does it, and then the
// incident says so to everybody who may know.
func TestTakingAnIncidentOn(t *testing.T) {
	m := man(t, outage(), access.Options{})
	tim := m.as(t, "tim")
	if body := tim.get(big).Body.String(); !strings.Contains(body, "Nobody has taken it on yet") || !strings.Contains(body, `href="`+big+`/ack"`) {
		t.Error("the incident does not offer it")
	}
	body := tim.get(big + "/ack").Body.String()
	if !strings.Contains(body, "Borealis north: outage") || !strings.Contains(body, "I take it on</button>") || len(m.s.did) != 0 {
		t.Errorf("the question: %q\n%.500s", m.s.did, body)
	}
	w := tim.post(big+"/ack", url.Values{"note": {" on the phone "}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != big+"#people" || len(m.s.did) != 1 || m.s.did[0] != "tim takes 01KGF3M8Q2 on the phone" {
		t.Errorf("%d %v, did %q", w.Code, w.Header(), m.s.did)
	}
	if w := tim.post("/incidents/none/ack", nil); w.Code != http.StatusNotFound {
		t.Errorf("an incident that is not there: %d", w.Code)
	}
	if w := tim.post(big+"/judge", url.Values{"verdict": {"wrong"}}); w.Code != http.StatusSeeOther || m.s.did[1] != "tim finds 01KGF3M8Q2 wrong" {
		t.Errorf("%d, did %q", w.Code, m.s.did)
	}
}

func TestWhoTookItOnIsShown(t *testing.T) {
	m := man(t, handled(), access.Options{})
	body := m.as(t, "tim").get(big).Body.String()
	for _, want := range []string{"ann took it on, 3 min after it was declared: on the phone with Borealis", "tim is on it too", "acme was told 2 Feb 11:52:00", "umbrella was told",
		"tim silenced provider=borealis route=desk until 2 Feb 15:00:00: known, ticket 4711", "✓ Noise", "Others say: 1: useful.", ">Add a note</a>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the incident does not say %q", want)
		}
	}
	if body := m.as(t, "tim").get(big + "/ack").Body.String(); !strings.Contains(body, "I am on it too</button>") || !strings.Contains(body, "ann took it on") {
		t.Error("the page of the button does not say that it was taken on")
	}
	if body := m.as(t, "ann").get("/api/v1" + big).Body.String(); !strings.Contains(body, `"handling":{"acknowledged":"2026-02-02T11:50:00Z","acknowledged_by":"ann","notes":[{"at"`) || !strings.Contains(body, `"title":"Borealis north: outage"`) {
		t.Errorf("the API: %.300s", body)
	}
}

// TestAViewerSeesThatSomebodyIsOnIt: and when their office was told; not who, not
// what was noted, and nothing of what other clients were told.
func TestAViewerSeesThatSomebodyIsOnIt(t *testing.T) {
	m := man(t, handled(), access.Options{})
	vic := m.as(t, "vic")
	for _, path := range []string{big, "/api/v1" + big, "/incidents", "/api/v1/silences"} {
		body := vic.get(path).Body.String()
		for _, secret := range []string{"ann", "tim is", "by tim", "phone", "umbrella was", `"client":"umbrella"`, "4711", "sil1", "Take it on", "useful"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s tells a viewer %q", path, secret)
			}
		}
	}
	if body := vic.get(big).Body.String(); !strings.Contains(body, "somebody took it on, 3 min after it was declared") || !strings.Contains(body, "acme was told 2 Feb 11:52:00") {
		t.Error("a viewer does not see that somebody is on it")
	}
	for path, want := range map[string]int{big + "/ack": http.StatusForbidden, "/incidents/01KGF3M8Q3/ack": http.StatusNotFound, "/incidents/none/ack": http.StatusNotFound, "/silences": http.StatusForbidden} {
		if w := vic.get(path); w.Code != want { // the second is another client's
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
	for path, want := range map[string]int{"/incidents/01KGF3M8Q3/ack": http.StatusNotFound, "/incidents/01KGF3M8Q3/judge": http.StatusNotFound, "/silences/sil1/end": http.StatusForbidden} {
		if w := vic.post(path, url.Values{"verdict": {"noise"}}); w.Code != want {
			t.Errorf("POST %s: %d, want %d", path, w.Code, want)
		}
	}
	if len(m.s.did) != 0 {
		t.Errorf("a viewer did %q", m.s.did)
	}
}

// TestALinkScannerDoesNothing: it follows every link of a mail, with and without
// somebody's session, by every method that only reads.
func TestALinkScannerDoesNothing(t *testing.T) {
	m := man(t, handled(), access.Options{})
	for _, v := range []*visitor{m.visitor(), m.as(t, "ann")} {
		for _, path := range []string{big, big + "/ack", big + "/ack?note=x&csrf=" + v.csrf, "/silences?incident=01KGF3M8Q2", "/silences?provider=*&comment=x&lasts=30d&do=add&csrf=" + v.csrf, "/silences/sil1/end", big + "/judge?verdict=noise"} {
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				v.do(httptest.NewRequest(method, path, nil))
			}
		}
	}
	if len(m.s.did) != 0 {
		t.Errorf("following links did %q", m.s.did)
	}
}

// TestProgramsAndStrangersTakeNothingOn: what a person did is not what a program
// did with a token, nor what somebody did before anybody had a name.
func TestProgramsAndStrangersTakeNothingOn(t *testing.T) {
	m := man(t, handled(), access.Options{})
	token, _, err := m.keep.CreateToken(t.Context(), "ann", access.TokenRequest{Name: "bot", Role: access.Admin})
	if err != nil {
		t.Fatal(err)
	}
	bot := m.visitor()
	bot.edit = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	for _, path := range []string{big + "/ack", big + "/judge", "/silences", "/silences/sil1/end"} {
		form := url.Values{"provider": {"*"}, "comment": {"x"}, "lasts": {"1h"}, "verdict": {"noise"}}
		if w := bot.post(path, form); w.Code != http.StatusForbidden {
			t.Errorf("a program, %s: %d", path, w.Code)
		}
		open, err := New(Options{Source: m.s, Actions: m.s})
		if err != nil {
			t.Fatal(err)
		}
		if w := ask(open.Handler(), "POST", path, form.Encode()); w.Code != http.StatusForbidden {
			t.Errorf("an open page, %s: %d", path, w.Code)
		}
	}
	if len(m.s.did) != 0 {
		t.Errorf("did %q", m.s.did)
	}
	if body := page(t, m.s, big+"/ack"); !strings.Contains(body, "picket incident ack 01KGF3M8Q2") || strings.Contains(body, "<form class") {
		t.Error("an open page does not say how it is done")
	}
}

func TestSilencingOnThePage(t *testing.T) {
	m := man(t, handled(), access.Options{})
	tim := m.as(t, "tim")
	body := tim.get("/silences").Body.String()
	for _, want := range []string{"1 silence in force.", "provider=borealis route=desk", "known, ticket 4711", `action="/silences/sil1/end"`, "site=acme/*", "expired 2 Feb 11:00:00"} {
		if !strings.Contains(body, want) {
			t.Errorf("the list does not say %q", want)
		}
	}
	body = tim.get("/silences?incident=01KGF3M8Q2").Body.String()
	for _, want := range []string{`name="provider" value="borealis"`, `name="region" value="north"`, `name="site" value=""`, "This would have muted 4 alerts in the last 7 days, about 2 incidents.", "(desk, oncall)"} {
		if !strings.Contains(body, want) {
			t.Errorf("of an incident: no %q", want)
		}
	}
	form := url.Values{"provider": {"aws"}, "region": {" us-* "}, "comment": {"storm"}, "lasts": {"3d"}}
	with := func(key, value string) url.Values {
		f := url.Values{}
		for k, v := range form {
			f[k] = v
		}
		f.Set(key, value)
		return f
	}
	if w := tim.post("/silences", with("do", "preview")); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "muted 4 alerts") || !strings.Contains(w.Body.String(), `value="us-*"`) ||
		!strings.Contains(w.Body.String(), `<option value="3d" selected>`) || len(m.s.did) != 0 {
		t.Errorf("preview: %d, did %q", w.Code, m.s.did)
	}
	for key, value := range map[string]string{"comment": "", "lasts": "9y", "region": "a\nb"} {
		if w := tim.post("/silences", with(key, value)); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "nothing was silenced") || len(m.s.did) != 0 {
			t.Errorf("%s %q: %d, did %q", key, value, w.Code, m.s.did)
		}
	}
	if w := tim.post("/silences", form); w.Code != http.StatusSeeOther || len(m.s.did) != 1 || m.s.did[0] != "tim silences provider=aws region=us-* for 72h0m0s" {
		t.Errorf("add: %d, did %q", w.Code, m.s.did)
	}
	if w := tim.post("/silences/sil1/end", nil); w.Code != http.StatusSeeOther || m.s.did[1] != "tim ends sil1" {
		t.Errorf("end: %d, did %q", w.Code, m.s.did)
	}
	if w := tim.post("/silences/none/end", nil); w.Code != http.StatusNotFound {
		t.Errorf("end none: %d", w.Code)
	}
	if body := tim.get("/incidents").Body.String(); !strings.Contains(body, "1 silence mutes alerts now.") {
		t.Error("the list of incidents does not say that alerts are muted")
	}
}

// TestHostileNotesAreText: what people write is shown and never run.
func TestHostileNotesAreText(t *testing.T) {
	evil := `"><script>alert(1)</script>`
	s := handled()
	h := s.handling["01KGF3M8Q2"]
	h.Notes[0].Text, h.Notes[0].By, h.Notices[0].Client = evil, evil, evil
	s.silences[0].Comment, s.silences[0].Author, s.silences[0].Matchers[0].Pattern = evil, evil, "*"
	s.silences[0].Matchers = s.silences[0].Matchers[:1]
	s.muted.Incidents[0].Title, s.muted.Incidents[0].Routes = evil, []string{evil}
	m := man(t, s, access.Options{})
	tim := m.as(t, "tim")
	pages := []string{tim.get(big).Body.String(), tim.get(big + "/ack").Body.String(), tim.get("/silences?incident=01KGF3M8Q2").Body.String(),
		tim.post("/silences", url.Values{"provider": {evil}, "comment": {evil}, "do": {"preview"}, "lasts": {"1h"}}).Body.String()}
	for n, body := range pages {
		if strings.Contains(body, "<script>alert") || !strings.Contains(body, "&lt;script&gt;alert") {
			t.Errorf("page %d", n)
		}
	}
}

// TestOperatorsHandleIncidents is the same by the operator's socket.
func TestOperatorsHandleIncidents(t *testing.T) {
	s := handled()
	h := NewAdmin(s, nil, nil)
	for _, c := range []struct {
		method, path, body, says string
		code                     int
	}{
		{"POST", big + "/ack", `{"note":"mine"}`, `"first":true`, 200},
		{"POST", "/incidents/none/ack", `{}`, `"not_found"`, 404},
		{"POST", big + "/ack", `{"by":"ann"}`, `unknown field`, 400},
		{"POST", "/silences", `{"matchers":[{"field":"provider","pattern":"aws"}],"comment":"c","for_ns":3600000000000}`, `"author":"operator"`, 200},
		{"POST", "/silences", `{"matchers":[{"field":"provider","pattern":"aws"}],"for_ns":3600000000000}`, `has no comment`, 422},
		{"POST", "/silences/preview", `{"matchers":[{"field":"provider","pattern":"aws"}]}`, `"alerts":4`, 200},
		{"GET", "/silences", ``, `"sil1"`, 200},
		{"POST", "/silences/sil1/end", `{}`, `"silence":"sil1"`, 200},
		{"POST", "/silences/none/end", `{}`, `"not_found"`, 404},
	} {
		if w := ask(h, c.method, c.path, c.body); w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
	}
	if got := strings.Join(s.did, ", "); got != "operator takes 01KGF3M8Q2 mine, operator silences provider=aws for 1h0m0s, operator ends sil1" {
		t.Errorf("did %s", got)
	}
}
