package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

// teams needs Azure and Microsoft 365; mail needs Google; page needs nobody we know.
func threeWays() []Route {
	return []Route{
		{Name: "teams", By: "teams", Relies: []Reliance{
			{Provider: "azure", Name: "Microsoft Azure", On: "Microsoft Teams (Workflows)", Under: []string{"azure-front-door"}},
			{Provider: "m365", Name: "Microsoft 365", On: "Microsoft Teams (Workflows)", Under: []string{"entra-id"}}}},
		{Name: "mail", By: "mail to noc@msp.example", Delay: 10 * time.Minute, Kinds: SiteSide, MinConfidence: detect.ConfidenceConfirmed,
			Relies: []Reliance{{Provider: "google-workspace", Name: "Google Workspace", On: "Gmail"}}},
		{Name: "page", By: "webhook to hooks.msp.example", Delay: time.Hour},
	}
}

func m365(change ...func(*detect.Incident)) detect.Incident {
	return outage(append([]func(*detect.Incident){func(i *detect.Incident) {
		i.Kind, i.Provider, i.Region = detect.KindProvider, "m365", ""
	}}, change...)...)
}

func TestWhoCanBeCountedOn(t *testing.T) {
	none := func(r []Route) []Route { return r }
	for _, c := range []struct {
		name   string
		i      detect.Incident
		change func([]Route) []Route
		want   string // of teams
	}{
		{"another cloud", outage(func(i *detect.Incident) { i.Provider = "aws" }), none, "counted_on "},
		{"its own", m365(), none, "other_added mail"},
		{"the other it needs", outage(), none, "other_added mail"},
		{"the sign-in under it", m365(func(i *detect.Incident) { i.Kind, i.Provider, i.Dependency = detect.KindDependency, "", "entra-id" }), none, "other_added mail"},
		{"a component of others", m365(func(i *detect.Incident) { i.Kind, i.Provider, i.Dependency = detect.KindDependency, "", "route53" }), none, "counted_on "},
		{"between an ISP and it", m365(func(i *detect.Incident) { i.Kind, i.Network = detect.KindNetworkProvider, "AS1" }), none, "other_added mail"},
		{"a site", outage(siteIncident, func(i *detect.Incident) { i.Provider = "" }), none, "counted_on "},
		{"its fallback", m365(), func(r []Route) []Route { r[0].Fallback = "page"; return r }, "fallback_added page"},
		{"its fallback needs it too", m365(), func(r []Route) []Route {
			r[0].Fallback, r[1].Relies[0].Provider = "mail", "m365"
			return r
		}, "other_added page"},
		{"of the others one is known better", m365(), func(r []Route) []Route { r[1].Unsure = true; return r }, "other_added page"},
		{"a route that only writes down tells nobody", m365(), func(r []Route) []Route { r[1].Shadow = true; return r }, "other_added page"},
		{"all need it", m365(), func(r []Route) []Route { r[1].Relies[0].Provider = "m365"; return r[:2] }, "no_fallback "},
		{"alone", m365(), func(r []Route) []Route { return r[:1] }, "no_other_route "},
	} {
		d := Detours(c.change(threeWays()), &c.i)[0]
		if got := string(d.Reason) + " " + d.Fallback; got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestTheFallbackIsToldInItsPlace: what Teams would be told goes by mail at the
// same moment and says why, although the mail route wants other things and later;
// Teams is tried as well, and the mail hears the end.
func TestTheFallbackIsToldInItsPlace(t *testing.T) {
	p := NewPlanner(PlannerOptions{Routes: threeWays()[:2]})
	letters, err := p.Plan(noon, m365())
	if err != nil || len(letters) != 2 || letters[0].Route != "teams" || letters[1].Route != "mail" {
		t.Fatalf("letters %+v, %v", letters, err)
	}
	p.Enqueued(letters...)
	text := message(t, letters[1])
	for _, want := range []string{"Sent by mail to noc@msp.example because Microsoft Teams (Workflows) depends on Microsoft 365.", "The route teams was tried too."} {
		if !strings.Contains(strings.Join(strings.Fields(text.Text), " "), want) {
			t.Errorf("the mail does not say %q:\n%s", want, text.Text)
		}
	}
	if len(text.InsteadOf) != 1 || text.InsteadOf[0] != "teams" {
		t.Errorf("instead of %q", text.InsteadOf)
	}
	if first := message(t, letters[0]); strings.Contains(first.Text, "THIS WAY") || len(first.InsteadOf) > 0 {
		t.Errorf("Teams is told about itself:\n%s", first.Text)
	}
	if again, err := p.Plan(noon.Add(time.Minute), m365()); err != nil || len(again) != 0 {
		t.Errorf("told again: %+v, %v", again, err)
	}
	over := m365(resolved)
	letters, err = p.Plan(noon.Add(2*time.Hour), over)
	if err != nil || len(letters) != 2 || letters[1].Route != "mail" || letters[1].Event != Resolved {
		t.Errorf("the end: %+v, %v", letters, err)
	}
}

// TestTheFallbackKeepsToTheRulesOfWhomItStandsFor: neither sooner than the route
// itself, nor what that does not want, nor what somebody silenced on either.
func TestTheFallbackKeepsToTheRulesOfWhomItStandsFor(t *testing.T) {
	routes := threeWays()[:2]
	routes[0].Delay, routes[0].Kinds = time.Minute, ProviderSide
	p := NewPlanner(PlannerOptions{Routes: routes})
	if letters, _ := p.Plan(noon.Add(59*time.Second), m365()); len(letters) != 0 {
		t.Errorf("within the delay: %+v", letters)
	}
	if at, ok := p.Next(); !ok || !at.Equal(noon.Add(time.Minute)) {
		t.Errorf("looks again at %v", at)
	}
	if letters, _ := p.Due(noon.Add(time.Minute)); len(letters) != 2 {
		t.Errorf("after the delay: %+v", letters)
	}
	for _, silent := range []string{"teams", "mail"} {
		p := NewPlanner(PlannerOptions{Routes: routes, Beside: func(*detect.Incident) Beside {
			return Beside{Silences: func(route string) (string, time.Time) {
				if route == silent {
					return "S1", noon.Add(time.Hour)
				}
				return "", time.Time{}
			}}
		}})
		letters, _ := p.Plan(noon.Add(time.Minute), m365())
		for _, l := range letters {
			if l.Route == "mail" {
				t.Errorf("%s is silenced, and the mail goes", silent)
			}
		}
	}
}

// TestARouteThatIsToldAnywaySaysWhoMayNotHear: then it is no substitute, and the
// reader learns that the others may know nothing.
func TestARouteThatIsToldAnywaySaysWhoMayNotHear(t *testing.T) {
	routes := threeWays()[:2]
	routes[1].Kinds, routes[1].MinConfidence, routes[1].Delay = AllKinds, "", 0
	letters, _ := NewPlanner(PlannerOptions{Routes: routes}).Plan(noon, m365())
	if len(letters) != 2 {
		t.Fatalf("letters %+v", letters)
	}
	if m := message(t, letters[1]); !strings.Contains(strings.Join(strings.Fields(m.Text), " "), "The route teams may not get this: Microsoft Teams (Workflows) depends on Microsoft 365.") {
		t.Errorf("the mail:\n%s", m.Text)
	}
}

func message(t *testing.T, l Letter) (m Message) {
	t.Helper()
	if err := json.Unmarshal(l.Body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
