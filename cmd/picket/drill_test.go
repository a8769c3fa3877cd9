package main

import (
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/collector/web"
)

func TestDrillsAreListedForPeople(t *testing.T) {
	begun := time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)
	after := func(s float64) time.Time { return begun.Add(time.Duration(s * float64(time.Second))) }
	all := web.Drills{Scenarios: []web.DrillScenario{{Name: "line", Title: "the internet line of a site is cut", Needs: "--site"}}, Drills: []web.Drill{
		{ID: "D2", Title: "azure west answers with errors", State: web.DrillEnded, Why: "the time was up", Begun: begun, Detected: after(3.1), Confirmed: after(3.4), Ended: after(200),
			Told: []web.DrillTold{{Route: "desk", At: after(3.9)}, {Route: "mail", At: after(5)}}},
		{ID: "D1", Title: "acme/madrid\x1b[2J is cut off", State: web.DrillEnded, Why: "stopped by operator", Begun: begun, Ended: after(9)},
	}}
	var out strings.Builder
	if err := printDrills(&out, all); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the internet line of a site is cut", "3.1 s", "3.4 s", "desk 3.9 s, mail 5.0 s", "ended: the time was up"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the list does not say %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("a name draws on the terminal")
	}
	if got := drillResult(all.Drills[0]); got != "Detected after 3.1 s, confirmed after 3.4 s, told after 3.9 s (desk), 5.0 s (mail)." {
		t.Error(got)
	}
	if got := drillResult(all.Drills[1]); got != "It was not found while it was played." {
		t.Error(got)
	}
	out.Reset()
	if err := printDrills(&out, web.Drills{}); err != nil || !strings.Contains(out.String(), "No drill was ever played") {
		t.Errorf("%s %v", &out, err)
	}
}

func TestIncidentsOfADrillAreMarked(t *testing.T) {
	open := []detect.Incident{{ID: "A", State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Title: "Azure west: outage", Drill: true}}
	var out strings.Builder
	if err := printIncidents(&out, open); err != nil || !strings.Contains(out.String(), "DRILL Confirmed") {
		t.Errorf("%s %v", &out, err)
	}
	out.Reset()
	if err := printView(&out, view{Open: open}); err != nil || !strings.Contains(out.String(), "0 open incidents (and 1 in a DRILL)") {
		t.Errorf("%s %v", &out, err)
	}
}
