package alert

import (
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

// TestItIsSaidWhoItIs is the first question of everybody: us, our ISP, or them?
func TestItIsSaidWhoItIs(t *testing.T) {
	site := detect.Incident{Kind: detect.KindSite, Site: "acme/madrid", Reason: detect.Reason{Code: detect.Explained}}
	isp := detect.Incident{Kind: detect.KindNetwork, Network: "Westel", Reason: detect.Reason{Code: detect.Explained}}
	for _, c := range []struct {
		name   string
		i      detect.Incident
		change func(*detect.Incident)
		want   string
	}{
		{"a cloud", westEurope(), func(*detect.Incident) {}, "Them: azure."},
		{"a cloud, likely", westEurope(), probable, "Most likely them: azure."},
		{"one site's view", westEurope(), func(i *detect.Incident) { i.Reason.Code = detect.Alone; probable(i) }, "One site cannot tell azure"},
		{"a site", site, func(*detect.Incident) {}, "This side: the site's own line"},
		{"a line", site, func(i *detect.Incident) { i.LineDown, i.Reason.Code = true, detect.LineDown }, "This side: the line or the power"},
		{"silence", site, func(i *detect.Incident) { i.Reason.Code = detect.LostContact }, "Nobody can tell yet"},
		{"agents that were stopped", site, func(i *detect.Incident) { i.Reason.Code = detect.Stopped }, "Nobody can tell yet"},
		{"a way to us that was cut", site, func(i *detect.Incident) { i.Reason.Code = detect.ContactOnly }, "Picket itself"},
		{"an ISP", isp, func(*detect.Incident) {}, "The internet provider: Westel."},
		{"an ISP that fell silent", isp, func(i *detect.Incident) { i.Reason.Code = detect.NetworkSilent }, "Most likely the internet provider: Westel."},
		{"a path", isp, func(i *detect.Incident) { i.Kind, i.Provider = detect.KindNetworkProvider, "aws" }, "Between Westel and aws. Which of the two cannot be told"},
		{"the fleet", isp, func(i *detect.Incident) { i.Kind = detect.KindFleet }, "Picket itself"},
	} {
		if c.change(&c.i); !strings.HasPrefix((Words{}).who(&c.i), c.want) {
			t.Errorf("%s: %q, want %q", c.name, (Words{}).who(&c.i), c.want)
		}
	}
}

// TestNothingIsClaimedThatIsNotKnown: what works is told while somebody sees it.
func TestNothingIsClaimedThatIsNotKnown(t *testing.T) {
	says := func(change func(*detect.Incident)) string {
		i := westEurope()
		change(&i)
		return people().stillOK(&i)
	}
	if s := says(func(*detect.Incident) {}); !strings.Contains(s, "northeurope") || !strings.Contains(s, "2 of 11 sites reach it, such as globex/bonn on AS3320 DT") {
		t.Errorf("says %q", s)
	}
	for name, change := range map[string]func(*detect.Incident){
		"nobody can tell": func(i *detect.Incident) { i.CoverageLost = true },
		"it recovers":     recovering,
		"a site":          siteIncident,
	} {
		if s := says(change); s != "" {
			t.Errorf("%s: says %q", name, s)
		}
	}
	if s := says(func(i *detect.Incident) { i.DownSites = 11 }); strings.Contains(s, "reach") {
		t.Errorf("all fail: says %q", s)
	}
	// A site that reaches one target and not the other reaches it not.
	if s := says(func(i *detect.Incident) {
		i.Evidence = append(i.Evidence, detect.Evidence{Site: "globex/bonn", Answer: "down"})
	}); strings.Contains(s, "bonn") {
		t.Errorf("says %q", s)
	}
}

func TestAdviceFitsWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		name   string
		event  Event
		change func(*detect.Incident)
		want   string
		not    string
	}{
		{"a cloud", Opened, func(*detect.Incident) {}, "not their equipment", "mobile"},
		{"one site looks", Opened, func(i *detect.Incident) { i.Reason.Code = detect.Alone }, "mobile data", "not their equipment"},
		{"a service of the client's own", Opened, func(i *detect.Incident) { i.Provider, i.Target = "", "crm" }, "whoever runs it", "not their equipment"},
		{"one ISP looks", Opened, func(i *detect.Incident) { i.Kind, i.Reason.Code = detect.KindNetworkProvider, detect.OneISP }, "another internet provider", "other internet providers reach"},
		{"a line", Opened, func(i *detect.Incident) { siteIncident(i); i.LineDown = true }, "Call the site's internet provider", "power"},
		{"silence", Opened, func(i *detect.Incident) { siteIncident(i); i.Reason.Code = detect.LostContact }, "may simply be off", "internet provider"},
		{"over", Resolved, resolved, "it is over", ""},
		{"no longer watched", Resolved, func(i *detect.Incident) { resolved(i); i.Reason.Code = detect.Unwatched }, "nobody knows how it is", "it is over"},
		{"part of another", Resolved, superseded, "Follow 01JOTHER", "it is over"},
	} {
		i := westEurope()
		c.change(&i)
		text := asText(Words{}, c.event, &i, i.Opened)
		flat := strings.Join(strings.Fields(text), " ")
		if !strings.Contains(flat, c.want) || c.not != "" && strings.Contains(flat[strings.Index(flat, "DO NOW"):], c.not) {
			t.Errorf("%s:\n%s", c.name, text)
		}
		if c.name == "no longer watched" && strings.Contains(flat, "It is over") {
			t.Errorf("it claims health that nobody saw:\n%s", text)
		}
	}
}

func TestAnAlertShowsSitesOfDifferentISPs(t *testing.T) {
	i := westEurope()
	i.Evidence = nil
	for _, row := range []string{"a/1 one", "a/2 one", "a/3 one", "b/1 two", "b/2 three", "c/9 one"} {
		site, isp, _ := strings.Cut(row, " ")
		i.Evidence = append(i.Evidence, detect.Evidence{Site: site, Client: site[:1], Network: isp, Answer: "down", Cause: "tcp_timeout", Last: time.Unix(0, 0)})
	}
	got := (Words{}).witnesses(&i)
	if len(got) != 4 || !strings.HasPrefix(got[0], "a/1 | one") || !strings.HasPrefix(got[1], "b/1 | two") || !strings.HasPrefix(got[2], "b/2 | three") || got[3] != "and 3 more like this" {
		t.Errorf("got %q", got)
	}
	if s := clients(&i); s != "3 clients, 6 sites: a (3 sites), b (2 sites), c (1 site)" {
		t.Errorf("clients %q", s)
	}
}
