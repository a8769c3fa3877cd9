package alert

import (
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

func people() Words {
	return Words{Provider: func(id string) string {
		return map[string]string{"azure": "Microsoft Azure"}[id]
	}, Page: "https://picket.msp.example", Zone: time.FixedZone("CET", 3600), Well: func(*detect.Incident) []string {
		return []string{"Microsoft Azure northeurope", "Microsoft Azure uksouth", "AWS"}
	}}
}

func TestSubjects(t *testing.T) {
	cloud, site := westEurope(), detect.Incident{ID: "01KGF3M8Q3", Kind: detect.KindSite, Site: "acme/madrid", State: detect.Probable,
		Confidence: detect.ConfidenceProbable, Title: "Lost contact with acme/madrid", DownSites: 1, Sites: 1}
	started := cloud.Started
	with := func(i detect.Incident, change func(*detect.Incident)) detect.Incident { change(&i); return i }
	likely := Told{Event: Opened, Sequence: 1, Confidence: detect.ConfidenceProbable, Severity: detect.SeverityOutage, What: cloud.Title}
	sure := likely
	sure.Confidence = detect.ConfidenceConfirmed
	for _, c := range []struct {
		event Event
		i     detect.Incident
		told  Told
		want  string
	}{
		{Opened, cloud, Told{}, "[DOWN] Azure westeurope: outage - 9 of 11 sites, 6 ISPs, 2 clients (01KGF3M8Q2)"},
		{Opened, with(cloud, probable), Told{}, "[WATCH] Likely: Azure westeurope: outage - 9 of 11 sites, 6 ISPs, 2 clients (01KGF3M8Q2)"},
		{Opened, with(cloud, drill), Told{}, "[DRILL][DOWN] Azure westeurope: outage - 9 of 11 sites, 6 ISPs, 2 clients (01KGF3M8Q2)"},
		{Updated, cloud, likely, "[UPDATE 1 h] Now confirmed: Azure westeurope: outage - 9 of 11 sites, 6 ISPs, 2 clients (01KGF3M8Q2)"},
		{Updated, cloud, sure, "[UPDATE 1 h] Still going on: Azure westeurope: outage - 9 of 11 sites, 6 ISPs, 2 clients (01KGF3M8Q2)"},
		{Updated, with(cloud, func(i *detect.Incident) { i.Severity = detect.SeverityPartial }), sure, "[UPDATE 1 h] Now a partial outage: Azure westeurope: outage - 9 of 11 sites, 6 ISPs, 2 clients (01KGF3M8Q2)"},
		{Opened, with(cloud, func(i *detect.Incident) { i.Again = 1 }), Told{}, "[DOWN] Again: Azure westeurope: outage - 9 of 11 sites, 6 ISPs, 2 clients (01KGF3M8Q2)"},
		{Resolved, with(cloud, func(i *detect.Incident) { i.Recovered = started.Add(107 * time.Minute) }), sure, "[OK] Azure westeurope: outage - over after 1 h 47 min (01KGF3M8Q2)"},
		{Resolved, with(cloud, func(i *detect.Incident) { i.SupersededBy = "01KGF3M8Q9" }), sure, "[MERGED] Azure westeurope: outage - goes on as 01KGF3M8Q9 (01KGF3M8Q2)"},
		{Resolved, with(cloud, func(i *detect.Incident) { i.Reason.Code = detect.Unwatched }), sure, "[CLOSED] Azure westeurope: outage - no longer watched (01KGF3M8Q2)"},
		{Opened, site, Told{}, "[SITE] Lost contact with acme/madrid (01KGF3M8Q3)"},
		{Opened, with(site, func(i *detect.Incident) {
			i.Kind, i.Title = detect.KindCollector, "Picket server: lost contact with every site"
			i.DownSites, i.Sites, i.DownNetworks = 24, 24, 7
		}), Told{}, "[BLIND] Picket server: lost contact with every site - 24 of 24 sites, 7 ISPs (01KGF3M8Q3)"},
		{Opened, with(site, func(i *detect.Incident) {
			i.Kind, i.Title = detect.KindNetworkProvider, "Trouble between AS3352 Telefonica and AWS"
			i.DownSites, i.Sites, i.DownNetworks = 4, 4, 1
		}), Told{}, "[PATH] Trouble between AS3352 Telefonica and AWS - 4 of 4 sites, 1 ISP (01KGF3M8Q3)"},
	} {
		if got := (account{event: c.event, i: &c.i, told: c.told, now: started.Add(time.Hour)}).subject(); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
	long := with(cloud, func(i *detect.Incident) { i.Title, i.ID = strings.Repeat("long ", 100), "01KGF3M8Q2V7Q8J5T3Z4X6Y9AB" })
	if got := (account{event: Opened, i: &long}).subject(); length(got) > 110 || !strings.HasSuffix(got, "(01KGF3M8Q2V7Q8J5T3Z4X6Y9AB)") {
		t.Errorf("%d: %q", length(got), got)
	}
}
