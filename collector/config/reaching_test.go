package config

import (
	"strings"
	"testing"
	"time"
)

const twoRoutes = `
smtp: {host: mail.msp.example, from: picket@msp.example}
alerts:
- {name: teams, webhook: "https://prod-1.westeurope.logic.azure.com/x", secret_env: KEY%s}
- {name: noc, mail: [noc@msp.example]}
`

func TestFallbacksAreNamed(t *testing.T) {
	for _, c := range []struct{ text, teams, noc, problem string }{
		{strings.Replace(twoRoutes, "%s", "", 1), "", "", ""},
		{strings.Replace(twoRoutes, "%s", ", fallback: noc", 1), "noc", "", ""},
		{strings.Replace(twoRoutes, "%s", "", 1) + "fallback: noc\n", "noc", "", ""},
		{strings.Replace(twoRoutes, "%s", ", fallback: teams", 1), "", "", "stand in for itself"},
		{strings.Replace(twoRoutes, "%s", ", fallback: nco", 1), "", "", "4:100: alerts[0].fallback"},
		{strings.Replace(twoRoutes, "%s", "", 1) + "fallback: nco\n", "", "", "6:11: fallback"},
	} {
		f, err := Parse("picket.yaml", []byte(c.text))
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s\ngot %v, want a problem with %q", c.text, err, c.problem)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Alerts[0].Fallback != c.teams || f.Alerts[1].Fallback != c.noc {
			t.Errorf("%s\nfallbacks %q and %q", c.text, f.Alerts[0].Fallback, f.Alerts[1].Fallback)
		}
	}
}

func TestLookupsAndTheWeeklyTest(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "system monday 09:00",
		"lookups: off\nweekly_test: off":        "off off",
		"lookups: 192.0.2.53":                   "192.0.2.53:53 monday 09:00",
		"lookups: \"[2001:db8::1]:5353\"":       "[2001:db8::1]:5353 monday 09:00",
		"weekly_test: {day: friday, at: 16:30}": "system friday 16:30",
		"weekly_test: {at: \"07:00\"}":          "system monday 07:00",
	} {
		f, err := Parse("picket.yaml", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := f.Lookups + " " + f.WeeklyTest.String(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"lookups: dns.example", "lookups: 192.0.2.53:0", "weekly_test: never", "weekly_test: {day: mon}", "weekly_test: {at: 25:00}"} {
		if _, err := Parse("picket.yaml", []byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestWhenTheWeeklyTestWasDue(t *testing.T) {
	w := Weekly{Day: time.Wednesday, Hour: 9, Minute: 30}
	for now, want := range map[string]string{
		"2026-02-04T09:29:59Z": "2026-01-28T09:30:00Z", "2026-02-04T09:30:00Z": "2026-02-04T09:30:00Z",
		"2026-02-08T00:00:00Z": "2026-02-04T09:30:00Z", "2026-02-11T09:00:00Z": "2026-02-04T09:30:00Z",
	} {
		at, _ := time.Parse(time.RFC3339, now)
		if got := w.Before(at).Format(time.RFC3339); got != want {
			t.Errorf("at %s: %s, want %s", now, got, want)
		}
	}
	if (Weekly{Off: true}).Before(time.Now()) != (time.Time{}) {
		t.Error("off, and due")
	}
}
