package boards

import "picket/dashboards/grafana"

// client answers what a client experiences, from its own sites alone.
func client() board {
	return board{
		name: "client", title: "client", question: "What does a client experience?",
		vars: []grafana.Variable{clientVar(), siteVar(), providerVar()},
		panels: []*grafana.Panel{
			grafana.Stat("Sites in contact now", "Sites whose Picket agent has a session with the Picket server now, and all sites chosen. A site out of contact is not proof that its line is down.", "short",
				grafana.Rows(`SELECT sum("up") AS "in contact", count("up") AS "of" FROM (`+sitesOf(ofSite, "site")+`)`)).
				Size(6, 4).Newest(present).Named(),
			grafana.Stat("Services that fail, last 10 minutes", "Watched services whose newest answer at one of these sites at least was a failure, and all services that were asked.", "short",
				grafana.Rows(`SELECT sum("bad") AS "fail", count("bad") AS "of" FROM (`+badOf("target")+`)`)).
				Size(6, 4).Newest(lately).Named().Column("fail", grafana.Coloured(anyBad())),
			grafana.Stat("Sites that see a failure, last 10 minutes", "Sites whose newest answer from any watched service is a failure, and all sites that asked.", "short",
				grafana.Rows(`SELECT sum("bad") AS "see one", count("bad") AS "of" FROM (`+badOf("site")+`)`)).
				Size(6, 4).Newest(lately).Named().Column("see one", grafana.Coloured(anyBad())),
			grafana.Stat("Answers, last 10 minutes", "Share of what these sites asked that was answered, over all clouds.", "percent",
				grafana.Rows(`SELECT mean("up") * 100 AS "answered" `+seen+ofCloud)).
				Size(6, 4).Newest(lately).Steps(falling(90, 99)).Decimals(1),
			siteMatrix(), lineNow(), lineOverTime(),
			grafana.Bars("Answers by cloud in the time shown", "Share of what these sites asked that was answered. It is what the client saw, whoever is to blame: for what the cloud owes see the board SLA.", "percent",
				grafana.Lines("$tag_provider $tag_service", `SELECT mean("up") * 100 `+seen+ofCloud+by("provider", "service"))).
				Size(12, 9).Steps(falling(99.5, 99.9)).Decimals(2).Within(90, 100).
				Linked(toBoard("This cloud", "provider", "provider=.provider")),
			grafana.Bars("Error budget used in the time shown", "How much of one failure in a thousand was used up, by cloud: at 100 % the client had 99.9 % of its questions answered, above it fewer.", "percent",
				grafana.Lines("$tag_provider", `SELECT (1 - mean("up")) / 0.001 * 100 `+seen+ofCloud+by("provider"))).
				Size(12, 9).Steps(rising(50, 100)).Decimals(0).Within(0, 200),
			grafana.Series("How long answers take", "95 of 100 answered HTTP probes took less than this, by site, over the clouds chosen. Failures are not in it.", "ms",
				grafana.Lines("$tag_site", `SELECT percentile("total_us", 95) / 1000 `+seen+ofCloud+` AND "kind" = 'http' AND "up" = 1`+over("site"))).
				Size(12, 8).Every("5m"),
			causes("Why it failed", "Causes of the newest thousand failures of these sites in the time shown, the most frequent first.", ofClient+ofSite+ofCloud),
			failures("Newest failures", "The newest hundred failures of these sites in the time shown, each as it came back.", ofClient+ofSite+ofCloud),
			incidentTable("Incidents that concern them", "Incidents of these clients alone, and those that concern everybody, newest first. The title opens the evidence on the Picket page.",
				` AND ("client" = '*' OR "client" =~ /^$client$/)`),
		},
	}
}

// seen is what the chosen sites of the chosen clients asked.
const seen = asked + ofClient + ofSite

// badOf is 1 for every value of the tag whose newest answer is a failure at one
// check at least, else 0.
func badOf(tag string) string {
	return `SELECT max("bad") AS "bad" FROM (SELECT 1 - last("up") AS "bad" ` + seen + ofCloud + by(tag, "agent", "check") + `)` + by(tag)
}

func siteMatrix() *grafana.Panel {
	return grafana.Table("Sites and services, last 10 minutes",
		"What each site last heard of each service: the worst of its checks. One column that fails: look at that site. One row that fails: look at that service.",
		grafana.Rows(`SELECT max("outcome") AS "outcome" FROM (SELECT last("outcome") AS "outcome" `+seen+ofCloud+by("target", "site", "agent", "check")+`)`+by("target", "site"))).
		Size(24, 11).Newest(lately).Filled().Words(outcomes()).
		Crossed("target", "site", "outcome").
		Like("/^target/", grafana.As("Service"), grafana.Behind(grafana.Plain()), grafana.To(toBoard("Why", "target", "target=Service", "client")))
}

func lineNow() *grafana.Panel {
	return grafana.Bars("Each site's own line, last 10 minutes",
		"Share of answers from references that belong to no watched cloud, by site and ISP. Low here: it is the site or its ISP. Full here while a service fails: it is not the line.", "percent",
		grafana.Lines("$tag_site, $tag_network", `SELECT mean("up") * 100 `+seen+` AND "provider" = ''`+by("site", "network"))).
		Size(10, 9).Newest(lately).Steps(falling(90, 99)).Decimals(1).Within(0, 100)
}

func lineOverTime() *grafana.Panel {
	return grafana.History("Each site's own line over time",
		"Share of answers from references that belong to no watched cloud, by site. A gap means that nothing came from the site: that is not the same as a line that is down.", "percent",
		grafana.Lines("$tag_site", `SELECT mean("up") * 100 `+seen+` AND "provider" = ''`+over("site"))).
		Size(14, 9).Every("5m").Steps(falling(90, 99))
}
