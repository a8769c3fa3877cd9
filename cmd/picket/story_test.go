package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"picket/cmd/picket/demo"
)

// TestTheStoryHolds plays the demo as a newcomer does, with a real InfluxDB, and
// holds its summary against what Picket promises.
func TestTheStoryHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	cmd := exec.Command(binary(t, "picket"), "demo", "--once", "--json", "--influx", "managed", "--page", "127.0.0.1:0")
	out, code := run1(t, cmd)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var r demo.Report
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil || code != 0 {
		t.Fatalf("exit %d, %v:\n%s", code, err, out)
	}
	t.Log(lines[len(lines)-1])
	asForetold(t, "testdata/demo-region.yaml", 0, time.Duration(r.DetectS*float64(time.Second)))
	switch {
	case !r.OK, r.Agents != 12, r.Networks != 6, r.False != 0:
		t.Errorf("the story did not hold: %+v", r)
	case r.Results == 0, r.Delivered != r.Results, r.Lost != 0:
		t.Errorf("%d results made, %d delivered, %d lost", r.Results, r.Delivered, r.Lost)
	case r.Points == nil || *r.Points != r.Delivered:
		t.Errorf("InfluxDB does not hold the %d delivered results: %v", r.Delivered, r.Points)
	case r.DetectS > 5:
		t.Errorf("the region was confirmed after %.1f s", r.DetectS)
	case r.Incident.Kind != "provider-region", r.Incident.Confidence != "confirmed", r.Incident.Layer != "tcp":
		t.Errorf("the region's incident: %+v", r.Incident)
	case r.Site.Kind != "site", r.Site.Site != "cobalt/denver":
		t.Errorf("the site's incident: %+v", r.Site)
	}
}
