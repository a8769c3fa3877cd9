package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
)

func TestPlannedWorkIsShownAsPlanned(t *testing.T) {
	s := calm()
	for i := range s.snap.Cells {
		if c := &s.snap.Cells[i]; c.Provider == "aurora" {
			c.State, c.Sites, c.Networks, c.Age = detect.NoData, 0, 0, -1
		}
	}
	silent := page(t, s, "/")
	s.planned = []Planned{{From: noon.Add(-time.Hour), To: noon.Add(time.Hour), Provider: "aurora", Note: "new racks"},
		{From: noon.Add(20 * time.Hour), To: noon.Add(22 * time.Hour), Provider: "borealis", Region: "west", Client: "acme", Site: "madrid"},
		{From: noon.Add(-2 * time.Hour), To: noon.Add(-time.Hour), Provider: "cumulus"}}
	now := page(t, s, "/")
	for _, want := range []string{"▨", "planned work", "now, until 2 Feb 13:00:00 UTC", "new racks", "borealis west as seen from acme/madrid", "from 3 Feb 08:00:00 to 3 Feb 10:00:00 UTC", "All 2 providers are healthy"} {
		if !strings.Contains(now, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(now, "No data about aurora") || !strings.Contains(silent, "No data about aurora") {
		t.Error("what is worked on is told as unknown, or what is unknown is not told")
	}
	if strings.Contains(now, "cumulus</strong>") {
		t.Error("work that is over is listed")
	}
	for _, c := range []struct {
		p    Planned
		want bool
	}{{s.planned[0], true}, {Planned{From: noon, To: noon.Add(1), Provider: "aurora", Service: "web"}, false}, {Planned{From: noon, To: noon.Add(1), Client: "acme"}, false},
		{Planned{From: noon, To: noon.Add(1)}, true}, {Planned{From: noon, To: noon.Add(1), Provider: "aurora", Region: "elsewhere"}, false}} {
		if got := workedOn(noon, []Planned{c.p}, detect.Cell{Provider: "aurora", Region: "east", State: detect.NoData}); got != c.want {
			t.Errorf("%+v covers the cell: %v", c.p, got)
		}
	}
}

func TestPlannedWorkOfOthersIsTheirs(t *testing.T) {
	s := twoClients()
	foreign := "globex-" + mark
	end := noon.Add(time.Hour)
	s.planned = []Planned{
		{From: noon, To: end, Provider: "aurora", Note: "of everybody"},
		{From: noon, To: end, Client: "acme", Site: "madrid"},
		{From: noon, To: end, Provider: "aurora", Note: "for " + foreign},
		{From: noon, To: end, Client: foreign},
		{From: noon, To: end, Site: foreign + "/bonn-" + mark},
		{From: noon, To: end, Site: "bonn-" + mark},
		{From: noon, To: end, Target: "priv-" + mark},
		{From: noon, To: end, Provider: "cloud-" + mark},
		{From: noon, To: end, Service: "svc-" + mark},
	}
	own := (&narrow{src: s, client: "acme"}).Planned()
	if len(own) != 3 || slices.ContainsFunc(own, func(p Planned) bool { return strings.Contains(p.Note, mark) }) {
		t.Errorf("acme knows of %+v", own)
	}
	vic := man(t, s, access.Options{}).as(t, "vic")
	for _, path := range []string{"/", "/targets/aurora-web-east", "/targets/own"} {
		if w := vic.get(path); leaks(w) != "" || !strings.Contains(w.Body.String(), "lanned work") {
			t.Errorf("%s: %s", path, leaks(w))
		}
	}
}
