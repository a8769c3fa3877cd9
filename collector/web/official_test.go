package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

// TestWhatAProviderSaysInWords: each thing that can be known, at 12:00, of an
// outage that we opened at 11:46.
func TestWhatAProviderSaysInWords(t *testing.T) {
	open := detect.Incident{Kind: detect.KindProviderRegion, Provider: "azure", State: detect.Confirmed, Opened: noon.Add(-14 * time.Minute)}
	over := open
	over.State, over.Resolved = detect.Resolved, noon.Add(-time.Minute)
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for name, c := range map[string]struct {
		o         *Official
		i         detect.Incident
		text, age string
	}{
		"nobody would speak": {nil, open, "", ""},
		"nothing posted": {&Official{Known: true, Checked: ago(25 * time.Second), State: "quiet"}, open,
			"Microsoft Azure: no incident posted.", "checked 25 s ago; we are 14 min ahead"},
		"green": {&Official{Known: true, Checked: ago(2 * time.Minute), State: "ok"}, open, "Microsoft Azure: no incident posted.", "checked 2 min ago; we are 14 min ahead"},
		"posted after us": {&Official{Known: true, Checked: ago(time.Second), State: "degraded", Posted: ago(4 * time.Minute), Title: "We look into it"}, open,
			"Microsoft Azure acknowledged it at 11:56 UTC, 10 min after us.", "checked just now"},
		"posted before us": {&Official{Known: true, Checked: ago(time.Second), State: "down", Posted: ago(21 * time.Minute)}, open,
			"Microsoft Azure acknowledged it at 11:39 UTC, 7 min before us.", "checked just now"},
		"at the same time": {&Official{Known: true, Checked: ago(time.Second), State: "down", Posted: ago(14*time.Minute - 20*time.Second)}, open,
			"Microsoft Azure acknowledged it at 11:46 UTC, in the same minute as we.", "checked just now"},
		"posted, and now the feed is broken": {&Official{Checked: ago(3 * time.Minute), Posted: ago(4 * time.Minute), Why: "no answer in time"}, open,
			"Microsoft Azure acknowledged it at 11:56 UTC, 10 min after us.", "checked 3 min ago"},
		"trouble without a time": {&Official{Known: true, Checked: ago(time.Minute), State: "degraded"}, open,
			"Microsoft Azure: its status page shows trouble, and does not say since when.", "checked 1 min ago"},
		"maintenance":       {&Official{Known: true, Checked: ago(time.Minute), State: "maintenance"}, open, "Microsoft Azure: its status page shows planned maintenance.", "checked 1 min ago"},
		"cannot be read":    {&Official{Checked: ago(9 * time.Minute), State: "", Why: "the server answered 403"}, open, "What Microsoft Azure says itself: unknown (the server answered 403).", "last understood 9 min ago"},
		"never read":        {&Official{Why: "no public status feed speaks of it"}, open, "What Microsoft Azure says itself: unknown (no public status feed speaks of it).", ""},
		"it never said":     {&Official{Known: true, Checked: ago(time.Minute), State: "quiet"}, over, "Microsoft Azure posted no incident.", ""},
		"not known of then": {&Official{Why: "no answer in time"}, over, "Microsoft Azure: not known what it said at that time (no answer in time).", ""},
	} {
		l := c.o.says(noon, c.i, "Microsoft Azure")
		if l == nil {
			l = &officialLine{}
		}
		if l.Text != c.text || l.Age != c.age {
			t.Errorf("%s: %q, %q", name, l.Text, l.Age)
		}
	}
}

// TestTheOtherWordStandsBesideOurs: on Now, on the incident's page and in its
// JSON; and a link from a feed cannot be a script.
func TestTheOtherWordStandsBesideOurs(t *testing.T) {
	s := outage()
	const id = "01KGF3M8Q2"
	shows(t, page(t, s, "/"), "Borealis north: outage", "Borealis: no incident posted.", `href="https://status.borealis.example"`, "checked 25 s ago; we are 13 min ahead")
	s.official[id] = &Official{Known: true, Checked: noon, State: "down", Posted: noon.Add(-4 * time.Minute), Title: "<b>Sorry</b>", URL: "javascript:alert(1)"}
	html := page(t, s, "/incidents/"+id)
	shows(t, html, "Borealis acknowledged it at 11:56 UTC, 9 min after us.", "“&lt;b&gt;Sorry&lt;/b&gt;”", "acknowledged by Borealis (after 10 min)")
	hides(t, html, "javascript:", "<b>Sorry")
	shows(t, page(t, s, "/api/v1/incidents/"+id), `"title":"Borealis north: outage"`, `"official":{"known":true`, `"posted":"2026-02-02T11:56:00Z"`,
		`"says":"Borealis acknowledged it at 11:56 UTC, 9 min after us (checked just now)."`)
	s.official[id] = &Official{Why: "the server answered 403"}
	html = page(t, s, "/incidents/"+id)
	shows(t, html, "What Borealis says itself: unknown (the server answered 403).")
	hides(t, html, "no incident posted")
}

func TestRecordsInJSON(t *testing.T) {
	s := calm()
	s.feeds = []Feed{{ID: "azure-rss", Provider: "azure", Page: "https://azure.status.microsoft/en-us/status/", Why: "no answer in time", Open: []Notice{{Title: "x", Seen: noon}}}}
	s.covered = []CoverageRow{{At: noon, Step: time.Hour, Provider: "azure", Region: "westeurope", Sites: 3, ISPs: 2, Minutes: 60, Sure: 55}, {At: noon, Provider: "aws"}}
	s.lines = []LineTime{{Site: "acme/madrid", Family: 4, Name: "Fibre", Since: noon}, {Site: "acme/porto", Family: 4, Name: "Mobile", Since: noon}}
	shows(t, page(t, s, "/api/v1/feeds"), `"schema":"picket.feeds/v1"`, `"known":false`, `"why":"no answer in time"`, `"open":[{"title":"x"`)
	body := page(t, s, "/api/v1/coverage/history?provider=azure&from=2026-01-02T00:00:00Z&to=2026-02-02T00:00:00Z")
	shows(t, body, `"schema":"picket.coverage-history/v1"`, `"sites":3,"isps":2,"minutes":60,"sure":55`)
	hides(t, body, "aws")
	body = page(t, s, "/api/v1/lines?site=acme/madrid")
	shows(t, body, `"schema":"picket.lines/v1"`, `"site":"acme/madrid","family":4,"name":"Fibre"`)
	hides(t, body, "porto")
	h := server(t, s).Handler()
	for _, q := range []string{"from=yesterday", "to=2026", "from=2026-02-03T00:00:00Z", "from=2020-01-01T00:00:00Z", "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z"} {
		for _, path := range []string{"/api/v1/coverage/history?", "/api/v1/lines?"} {
			if w := ask(h, "GET", path+q, ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"code":"query"`) {
				t.Errorf("%s: %d %s", path+q, w.Code, w.Body)
			}
		}
	}
}
