package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
)

// drilled is a calm world in which a drill is on that has been found.
func drilled(clients bool) *scene {
	s := calm()
	s.drills = []Drill{{ID: "d1", Scenario: "region", Title: "aurora east answers with errors", By: "tim", State: DrillPlaying, Clients: clients, For: 3 * time.Minute,
		Begun: noon.Add(-time.Minute), Detected: noon.Add(-56900 * time.Millisecond), Confirmed: noon.Add(-56900 * time.Millisecond),
		Incidents: []string{"inc-drill"}, Told: []DrillTold{{Route: "desk", At: noon.Add(-56100 * time.Millisecond)}}}}
	s.incidents = append(slices.Clone(s.incidents), detect.Incident{ID: "inc-drill", Kind: detect.KindProviderRegion, Provider: "aurora", Region: "east", State: detect.Confirmed,
		Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, Title: "Aurora east: outage", Summary: "9 of 11 sites on 6 ISPs.", Drill: true, DrillClients: clients,
		Started: noon.Add(-time.Minute), Opened: noon.Add(-57 * time.Second), Sites: 11, DownSites: 9})
	return s
}

func TestADrillIsSaidOnEveryPageAndCountsAsNothing(t *testing.T) {
	m := man(t, drilled(false), access.Options{})
	tim := m.as(t, "tim")
	for _, path := range []string{"/", "/incidents", "/incidents/inc-drill", "/targets", "/fleet", "/check", "/settings", "/drills", "/nothing"} {
		body := tim.get(path).Body.String()
		if !strings.Contains(body, `class="ribbon"`) || !strings.Contains(body, "Nothing of it is broken") {
			t.Errorf("%s says nothing of the drill", path)
		}
	}
	now := tim.get("/").Body.String()
	if !strings.Contains(now, "In the drill") || !strings.Contains(now, "DRILL Confirmed") {
		t.Error("Now does not show what the drill found as the drill's")
	}
	if verdict := now[strings.Index(now, `class="verdict`):]; !strings.HasPrefix(verdict, `class="verdict s-ok"`) {
		t.Errorf("the first sentence is not of what is real: %.300s", verdict)
	}
	if list := tim.get("/incidents").Body.String(); !strings.Contains(list, "No incident is open.") || !strings.Contains(list, "DRILL Confirmed") {
		t.Error("the list of incidents counts a drill, or does not mark it")
	}
	if page := tim.get("/incidents/inc-drill").Body.String(); !strings.Contains(page, "<strong>DRILL:</strong>") {
		t.Error("the incident's page does not say that it is a drill")
	}
	if page := tim.get("/drills").Body.String(); !strings.Contains(page, "Detected after 3.1 s, told after 3.9 s.") || !strings.Contains(page, "/drills/stop") {
		t.Error("/drills does not say how fast it was, or has no way to stop it")
	}
	if w := tim.get("/metrics"); strings.Contains(w.Body.String(), `picket_incidents_open{`) {
		t.Error("metrics count the drill")
	}
}

func TestClientsSeeADrillOnlyIfItIsForThem(t *testing.T) {
	for _, clients := range []bool{false, true} {
		m := man(t, drilled(clients), access.Options{})
		vic := m.as(t, "vic")
		for _, path := range []string{"/", "/incidents", "/api/v1/incidents", "/incidents/inc-drill", "/fleet"} {
			body := vic.get(path).Body.String()
			if sees := strings.Contains(body, "DRILL") || strings.Contains(body, "inc-drill") && !strings.Contains(path, "inc-drill"); sees != clients {
				t.Errorf("for clients %v: a client sees the drill at %s: %v", clients, path, sees)
			}
		}
		if w := vic.get("/incidents/inc-drill"); (w.Code == http.StatusOK) != clients {
			t.Errorf("for clients %v: the drill's incident answers a client %d", clients, w.Code)
		}
		if w := vic.get("/drills"); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "desk") {
			t.Errorf("a client sees the page of drills: %d", w.Code)
		}
	}
}

func TestWhoMayPlay(t *testing.T) {
	form := func() url.Values {
		return url.Values{"scenario": {"region"}, "provider": {"aurora"}, "region": {"east"}, "for": {"10"}}
	}
	m := man(t, calm(), access.Options{})
	if page := m.as(t, "tim").get("/drills").Body.String(); !strings.Contains(page, "You have never tested this system.") || !strings.Contains(page, `action="/drills"`) {
		t.Error("an empty page does not say so, or offers no drill")
	}
	if w := m.as(t, "vic").post("/drills", form()); w.Code != http.StatusForbidden || m.s.Drill() != nil {
		t.Errorf("a viewer began a drill: %d", w.Code)
	}
	tim := m.as(t, "tim")
	forged := form()
	forged.Set("csrf", "guess")
	if w := tim.post("/drills", forged); w.Code != http.StatusForbidden || m.s.Drill() != nil {
		t.Errorf("a forged form began a drill: %d", w.Code)
	}
	loud := form()
	loud.Set("clients", "yes")
	if w := tim.post("/drills", loud); w.Code != http.StatusForbidden || m.s.Drill() != nil {
		t.Errorf("a technician drills the clients: %d", w.Code)
	}
	if w := tim.post("/drills", form()); w.Code != http.StatusSeeOther || m.s.Drill() == nil || m.s.Drill().By != "tim" {
		t.Fatalf("a technician cannot begin a drill: %d %s", w.Code, w.Body)
	}
	if got := m.s.played; got.Provider != "aurora" || got.Region != "east" || got.For != 10*time.Minute || got.Clients {
		t.Errorf("played is %+v", got)
	}
	if w := tim.post("/drills", form()); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "another one is on") {
		t.Errorf("a second one: %d", w.Code)
	}
	if w := tim.get("/drills/stop"); w.Code == http.StatusOK || m.s.Drill() == nil {
		t.Error("a GET stopped the drill")
	}
	if w := tim.post("/drills/stop", nil); w.Code != http.StatusSeeOther || m.s.Drill() != nil {
		t.Errorf("it cannot be stopped: %d", w.Code)
	}
	if w := m.as(t, "ann").post("/drills", loud); w.Code != http.StatusForbidden { // tim's token
		t.Errorf("with another's token: %d", w.Code)
	}
	loud.Del("csrf")
	if w := m.as(t, "ann").post("/drills", loud); w.Code != http.StatusSeeOther || !m.s.played.Clients {
		t.Errorf("an admin cannot drill the clients: %d %s", w.Code, w.Body)
	}
}
