package alert

import (
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

// TestTheProvidersOwnWordIsToldWithOurLead: unknown is said, and never "fine".
func TestTheProvidersOwnWordIsToldWithOurLead(t *testing.T) {
	i := westEurope()
	after := func(d time.Duration) time.Time { return i.Opened.Add(d) }
	now := after(14 * time.Minute)
	for name, c := range map[string]struct {
		o    Official
		want string
		lead int
	}{
		"nobody reads a feed":   {Official{}, "Unknown: Picket has read no status page of Microsoft Azure.", 0},
		"a feed that broke":     {Official{Checked: after(-time.Hour), State: "ok"}, "Unknown: the status page of Microsoft Azure was last understood at 08:41:23 CET.", 0},
		"they say nothing":      {Official{Known: true, Checked: now, State: "ok"}, "The status page of Microsoft Azure shows nothing of it (checked 09:55:23 CET). We are 14 min ahead.", 14},
		"they came later":       {Official{Known: true, Checked: now, State: "down", Posted: after(12 * time.Minute), Title: "We are\nlooking"}, `Microsoft Azure acknowledged it at 09:53 CET (08:53 UTC), 12 min after us. It says "We are looking".`, 12},
		"they were first":       {Official{Known: true, Checked: now, State: "degraded", Posted: after(-5 * time.Minute)}, "Microsoft Azure acknowledged it at 09:36 CET (08:36 UTC), 5 min before us.", -5},
		"trouble, no time":      {Official{Known: true, Checked: now, State: "degraded"}, "The status page of Microsoft Azure shows trouble, and not since when (checked 09:55:23 CET).", 14},
		"planned":               {Official{Known: true, Checked: now, State: "maintenance"}, "The status page of Microsoft Azure shows maintenance (checked 09:55:23 CET).", 14},
		"a state of the future": {Official{Known: true, Checked: now, State: "wobbly"}, "The status page of Microsoft Azure shows nothing of it (checked 09:55:23 CET). We are 14 min ahead.", 14},
	} {
		a := account{Words: people(), event: Opened, i: &i, now: now, beside: Beside{Official: c.o}}
		if got := a.official(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if s := a.said(); s == nil || s.Known != c.o.Known || s.Lead != c.lead || !s.Known && s.State != "" {
			t.Errorf("%s: said %+v", name, s)
		}
	}
	site := i
	siteIncident(&site)
	if a := (account{Words: people(), event: Opened, i: &site, now: now}); a.official() != "" || a.said() != nil {
		t.Errorf("a site has no status page: %q", a.official())
	}
}

// TestOnlyPagesBecomeLinks: a feed's URL is from elsewhere.
func TestOnlyPagesBecomeLinks(t *testing.T) {
	i := westEurope()
	for url, want := range map[string]bool{
		"https://status.example/1": true, "javascript:alert(1)": false, "http://status.example": false, "https://a.example/\"onload=": false,
		"https://a.example/ x": false, "https://a.example/" + strings.Repeat("x", 600): false, "": false,
	} {
		a := account{Words: people(), event: Opened, i: &i, now: i.Opened, beside: Beside{Official: Official{Known: true, URL: url}}}
		got := false
		for _, l := range a.links() {
			got = got || l.Name == LinkOfficial
		}
		if got != want {
			t.Errorf("%q: a link: %v", url, got)
		}
	}
}

// TestAnUpdateSaysWhatIsNew to somebody who was told before.
func TestAnUpdateSaysWhatIsNew(t *testing.T) {
	base := westEurope()
	told := Told{Event: Opened, Sequence: 1, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, What: base.Title}
	for name, c := range map[string]struct {
		told   func(*Told)
		change func(*detect.Incident)
		beside Beside
		want   string
	}{
		"surer":         {func(o *Told) { o.Confidence = detect.ConfidenceProbable }, func(*detect.Incident) {}, Beside{}, "It is confirmed now; it was likely."},
		"milder":        {func(*Told) {}, func(i *detect.Incident) { i.Severity = detect.SeverityPartial }, Beside{}, "It is a partial outage now; it was an outage."},
		"another label": {func(*Told) {}, func(i *detect.Incident) { i.Title = "Azure: outage" }, Beside{}, "You were told of it as: Azure westeurope: outage."},
		"a line":        {func(*Told) {}, func(i *detect.Incident) { i.LineDown = true }, Beside{}, "There is evidence now that the line is down."},
		"acknowledged":  {func(*Told) {}, func(*detect.Incident) {}, Beside{Official: Official{Known: true, Posted: base.Opened.Add(20 * time.Minute)}}, "Microsoft Azure has acknowledged it, 20 min after us."},
		"taken on":      {func(*Told) {}, func(*detect.Incident) {}, Beside{Acknowledged: base.Opened, By: "ana"}, "ana has taken it on."},
		"nothing":       {func(*Told) {}, func(*detect.Incident) {}, Beside{}, "Nothing that would change what you do: it goes on."},
	} {
		i, o := base, told
		c.change(&i)
		c.told(&o)
		a := account{Words: people(), event: Updated, i: &i, told: o, beside: c.beside, now: base.Opened.Add(time.Hour)}
		short, all := a.news()
		if got := strings.Join(all, " "); got != c.want || short == "" {
			t.Errorf("%s: %q %q, want %q", name, short, got, c.want)
		}
		if m := a.message("", Route{Name: "desk"}); !strings.Contains(strings.Join(strings.Fields(m.Text), " "), "NEW "+c.want) {
			t.Errorf("%s: the text does not say it:\n%s", name, m.Text)
		}
		// Who has been told is not told again.
		m := a.message("", Route{Name: "desk"})
		a.told = m.told()
		if _, all := a.news(); len(all) != 1 || !strings.HasPrefix(all[0], "Nothing") {
			t.Errorf("%s: told twice: %q", name, all)
		}
	}
}
