package alert

import (
	"slices"
	"time"

	"picket/collector/detect"
)

// Telling is one thing that is told: what happened, and to whom.
type Telling struct {
	Event    Event
	Reason   Reason
	Incident *detect.Incident
	Beside   Beside
	Told     Told  // what the route was told before
	Route    Route // its name and its zone
	Now      time.Time
	Next     time.Time // when the route hears again even if nothing changes; zero: not
}

// Write puts t into words, as a letter of the outbox would hold it. It sends nothing.
func (w Words) Write(t Telling) Message {
	return account{Words: w.in(t.Route.Zone), event: t.Event, i: t.Incident, beside: t.Beside, told: t.Told, now: t.Now, next: t.Next}.message(t.Reason, t.Route)
}

// Layout is m as plain text, from its title, finding, lines and links.
func Layout(m Message) string { return render(m.Title, m.Finding, m.Lines, m.Links, "") }

// Example is a story that shows how alerts read, without anything having happened.
type Example struct {
	Name  string
	About string // in a few words
	Telling
}

// Examples returns the stories, the same each time. Their incidents are written
// out as the detector writes them, so that they read the same on every machine.
func Examples() []Example {
	began := time.Date(2026, 2, 2, 8, 41, 20, 0, time.UTC)
	after := func(d time.Duration) time.Time { return began.Add(d) }
	region, over := exampleRegion(began), exampleRegion(began)
	over.State, over.Recovered, over.Resolved = detect.Resolved, after(107*time.Minute), after(112*time.Minute)
	over.Summary = "9 of 11 sites on 6 ISPs could not reach Azure westeurope from 08:41:20 UTC to 10:28:20 UTC. What was seen: TLS handshakes time out."
	over.Reason = detect.Reason{Code: detect.Healthy, Text: over.Summary}
	drill := exampleRegion(began)
	drill.Drill = true
	silent := Official{Known: true, State: "ok", Checked: after(44 * time.Second)}
	posted := Official{Known: true, State: "degraded", Checked: after(59 * time.Minute), Posted: after(21 * time.Minute),
		Title: "Connectivity issues in West Europe", URL: "https://azure.status.microsoft/"}
	knows := Told{Event: Opened, Sequence: 1, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, What: region.Title}
	site, partial := exampleSite(began), examplePartial(began)
	return []Example{
		{"provider-region", "a region of a cloud is out", Telling{Event: Opened, Reason: ReasonOpened, Incident: &region, Beside: Beside{Official: silent}, Now: after(45 * time.Second), Next: after(30*time.Minute + 45*time.Second)}},
		{"update", "the same an hour later", Telling{Event: Updated, Reason: ReasonUpdated, Incident: &region, Told: knows, Now: after(time.Hour), Next: after(2 * time.Hour),
			Beside: Beside{Official: posted, Acknowledged: after(4 * time.Minute), By: "ana"}}},
		{"recovered", "the same when it is over", Telling{Event: Resolved, Reason: ReasonResolved, Incident: &over, Told: knows, Beside: Beside{Official: posted, Acknowledged: after(4 * time.Minute), By: "ana"}, Now: after(112 * time.Minute)}},
		{"site", "a site's own line is down", Telling{Event: Opened, Reason: ReasonOpened, Incident: &site, Now: after(90 * time.Second), Next: after(31 * time.Minute)}},
		{"partial", "a cloud service fails in part", Telling{Event: Opened, Reason: ReasonOpened, Incident: &partial, Now: after(4 * time.Minute), Next: after(34 * time.Minute)}},
		{"drill", "a drill of the first story", Telling{Event: Opened, Reason: ReasonOpened, Incident: &drill, Now: after(45 * time.Second), Next: after(30*time.Minute + 45*time.Second)}},
	}
}

// ExampleNamed returns the story of that name.
func ExampleNamed(name string) (e Example, ok bool) {
	all := Examples()
	k := slices.IndexFunc(all, func(e Example) bool { return e.Name == name })
	if k < 0 {
		return e, false
	}
	return all[k], true
}

func exampleRegion(began time.Time) detect.Incident {
	last := began.Add(42 * time.Second)
	row := func(site, client, isp, target, answer, err string) detect.Evidence {
		e := detect.Evidence{Site: site, Client: client, Network: isp, VRegion: "eu-west", Target: target, Answer: answer}
		if answer == "down" {
			e.Layer, e.Cause, e.First, e.Last, e.Err = "tls", "tls_timeout", began, last, err
		}
		return e
	}
	const arm, ai, timeout = "azure-arm-westeurope", "azure-ai-westeurope", "handshake: no answer within 5 s"
	return detect.Incident{
		ID: "01KGF3M8Q2V7Q8J5T3Z4X6Y9AB", Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope",
		State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, Layer: "tls", Cause: "tls_timeout",
		Title: "Azure westeurope: outage", Summary: "9 of 11 sites on 6 ISPs cannot reach Azure westeurope: TLS handshakes time out. References are well everywhere.",
		Reason:    detect.Reason{Code: detect.Held, Text: "9 of 11 sites on 6 ISPs cannot reach Azure westeurope: TLS handshakes time out. References are well everywhere."},
		DownSites: 9, Sites: 11, DownNetworks: 6, Networks: 7, Started: began, Opened: began.Add(2 * time.Second), Confirmed: began.Add(4 * time.Second),
		Targets: []string{ai, arm},
		Evidence: []detect.Evidence{
			row("acme/madrid", "acme", "Telefonica", arm, "down", timeout), row("acme/sevilla", "acme", "Telefonica", arm, "down", ""),
			row("acme/lisboa", "acme", "Vodafone", arm, "down", ""), row("globex/paris", "globex", "Orange", ai, "down", timeout),
			row("globex/lyon", "globex", "Orange", arm, "down", ""), row("initech/berlin", "initech", "Deutsche Telekom", arm, "down", timeout),
			row("initech/koeln", "initech", "Deutsche Telekom", ai, "down", ""), row("umbrella/utrecht", "umbrella", "KPN", arm, "down", ""),
			row("umbrella/lille", "umbrella", "OVH", ai, "down", ""), row("acme/porto", "acme", "Telefonica", arm, "abstain", ""),
			row("globex/bonn", "globex", "Deutsche Telekom", arm, "up", ""), row("hooli/cork", "hooli", "Eir", arm, "up", ""),
		},
		Impact: []detect.Impact{{Client: "acme", Failing: 3, Sites: 3}, {Client: "globex", Failing: 2, Sites: 3}, {Client: "initech", Failing: 2, Sites: 2}, {Client: "umbrella", Failing: 2, Sites: 2}},
	}
}

func exampleSite(began time.Time) detect.Incident {
	text := "acme/madrid cannot reach 24 services of 6 clouds: connections time out; its references fail too. 10 of 10 other sites reach them, so the trouble is on this side: the line, its firewall or its DNS."
	row := func(target string) detect.Evidence {
		return detect.Evidence{Site: "acme/madrid", Client: "acme", Network: "Telefonica", Target: target, Answer: "down", Layer: "tcp", Cause: "tcp_timeout", First: began, Last: began.Add(80 * time.Second)}
	}
	return detect.Incident{
		ID: "01KGF41ZC8N3W5R7B9D2F4H6JK", Kind: detect.KindSite, Site: "acme/madrid", Client: "acme", Network: "Telefonica",
		State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, Layer: "tcp", Cause: "tcp_timeout",
		Title: "acme/madrid: its own line or resolver is unwell", Summary: text, Reason: detect.Reason{Code: detect.Explained, Text: text},
		DownSites: 1, Sites: 1, DownNetworks: 1, Networks: 1, Started: began, Opened: began.Add(6 * time.Second), Confirmed: began.Add(12 * time.Second),
		Targets:  []string{"aws-dynamodb-eu-west-1", "azure-arm-westeurope", "m365-outlook", "gcp-storage", "github-api", "slack-api"},
		Evidence: []detect.Evidence{row("aws-dynamodb-eu-west-1"), row("azure-arm-westeurope"), row("m365-outlook"), row("gcp-storage"), row("github-api"), row("slack-api")},
		Impact:   []detect.Impact{{Client: "acme", Failing: 1, Sites: 1}},
	}
}

func examplePartial(began time.Time) detect.Incident {
	text := "About 30 % of requests to Microsoft 365 outlook fail, from 7 of 12 sites on 5 ISPs: it answers with errors."
	row := func(site, client, isp, answer, err string) detect.Evidence {
		e := detect.Evidence{Site: site, Client: client, Network: isp, Target: "m365-outlook", Answer: answer}
		if answer == "degraded" {
			e.Layer, e.Cause, e.Err, e.First, e.Last = "http", "http_status", err, began, began.Add(3*time.Minute)
		}
		return e
	}
	return detect.Incident{
		ID: "01KGF4A2M6T8V3X5Z7C9E2G4HJ", Kind: detect.KindTarget, Provider: "m365", Service: "outlook", Target: "m365-outlook",
		State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityPartial, Rate: 0.3, Layer: "http", Cause: "http_status",
		Title: "Microsoft 365 outlook: some requests fail", Summary: text, Reason: detect.Reason{Code: detect.Held, Text: text},
		DownSites: 7, Sites: 12, DownNetworks: 5, Networks: 7, Started: began, Opened: began.Add(150 * time.Second), Confirmed: began.Add(3 * time.Minute),
		Targets: []string{"m365-outlook"},
		Evidence: []detect.Evidence{row("acme/madrid", "acme", "Telefonica", "degraded", "503 Service Unavailable"), row("globex/paris", "globex", "Orange", "degraded", "503 Service Unavailable"),
			row("initech/berlin", "initech", "Deutsche Telekom", "degraded", "503 Service Unavailable"), row("hooli/cork", "hooli", "Eir", "up", "")},
		Impact: []detect.Impact{{Client: "acme", Failing: 3, Sites: 4}, {Client: "globex", Failing: 2, Sites: 3}, {Client: "initech", Failing: 2, Sites: 2}},
	}
}
