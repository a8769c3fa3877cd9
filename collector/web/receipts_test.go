package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
)

// receipted is calm, with a route that delivers and one that has failed for long.
func receipted() *scene {
	s := calm()
	s.status.Alerts.ByRoute = []RouteReceipts{
		{Name: "noc", Way: "mail", To: []string{"noc@msp.example"}, Sent: 12, LastSent: noon.Add(-time.Hour), Tested: noon.Add(-27 * time.Hour), Test: "sent", Unsure: true,
			Took: Took{Count: 11, Sum: 4.5, UpTo: map[float64]uint64{0.5: 9, 1: 11}}},
		{Name: "teams", Way: "webhook", To: []string{"https://prod-1.westeurope.logic.azure.com"}, Relies: []string{"Microsoft 365 (Microsoft Teams (Workflows))"}, Fallback: "noc",
			Waiting: 2, Dead: 1, Failing: noon.Add(-20 * time.Minute), Why: "the receiver answers 503"},
	}
	return s
}

func TestWhetherAlertsArriveIsSeen(t *testing.T) {
	m := man(t, receipted(), access.Options{})
	const banner = "the alert route teams has delivered nothing for 20 min"
	for who, sees := range map[string]bool{"ann": true, "tim": true, "vic": false} {
		v := m.as(t, who)
		if body := v.get("/").Body.String(); strings.Contains(body, banner) != sees {
			t.Errorf("%s sees the banner: %v", who, !sees)
		}
		w := v.get("/settings/routes")
		if !sees {
			if w.Code == http.StatusOK || strings.Contains(w.Body.String(), "teams") {
				t.Errorf("%s may not see the routes: %d", who, w.Code)
			}
			continue
		}
		for _, want := range []string{"delivers nothing since", "the receiver answers 503", "Microsoft 365 (Microsoft Teams (Workflows)). In its place: noc", "mail: noc@msp.example", "not found out", ": sent"} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %q in\n%s", who, want, w.Body)
			}
		}
	}
	text := ask(server(t, receipted()).Handler(), "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`picket_route_letters{route="noc",state="sent"} 12`, `picket_route_letters{route="teams",state="waiting"} 2`, `picket_route_failing{route="teams"} 1`,
		`picket_route_failing{route="noc"} 0`, `picket_route_latency_seconds_bucket{route="noc",le="0.5"} 9`, `picket_route_latency_seconds_count{route="noc"} 11`,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
}
