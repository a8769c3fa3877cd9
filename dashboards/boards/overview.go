package boards

import "picket/dashboards/grafana"

// overview answers whether anything is broken right now, and whose fault it is.
func overview() board {
	return board{
		name: "overview", title: "overview", question: "Is anything broken right now, and whose fault is it?",
		vars: []grafana.Variable{providerVar(), clientVar()},
		panels: []*grafana.Panel{
			regionsDown(), servicesDown(), sitesInContact(), votersNow(), waitingNow(), newestJudgement(),
			regionMatrix(), globalServices(), notWell(), howItWent(), answersByISP(), clientsNow(), availability(), latency(),
			incidentTable("Incidents in the time shown", "What Picket found, newest first. The title opens the evidence on the Picket page, whose address is set at the top.", ""),
			notVoting().Size(16, 7),
			grafana.Text("How to read this", "What the words and glyphs mean.", howToRead).Size(8, 7),
		},
	}
}

const howToRead = `● ok ◇ mixed results ▲ degraded or partly down ■ down ○ no data

Counts are **sites** and **internet providers (ISPs)**, never agents. A service is *down* when independent sites on different ISPs agree; *mixed results* means that some fail and most do not.

Panels that end in *now* look at the last minutes only, so that an old answer is never shown as the present. Missing data is grey or a gap, never green.

Grafana shows **every** client to whoever may open it. Clients get their own view on the Picket page.`

// downOf is 1 for the states 3 and 4, 0 for the others, without a WHERE: a count
// over nothing is nothing, which looks like a dead server when all is well.
const notZero = ` "No data" means that nothing was judged for three minutes: that is not the same as 0.`

func regionsDown() *grafana.Panel {
	return grafana.Stat("Cloud regions down now",
		"Cloud regions with at least one service that is judged partly or wholly down. All global services of a cloud count as one region."+notZero, "short",
		grafana.Rows(`SELECT sum("down") AS "down" FROM (SELECT floor((max("state") + 1) / 4) AS "down" FROM (SELECT last("state") AS "state" `+judged+
			by("provider", "pregion", "target")+`)`+by("provider", "pregion")+`)`)).
		Newest(present).Steps(anyBad()).Filled()
}

func servicesDown() *grafana.Panel {
	return grafana.Stat("Services down now", "Watched services that are judged partly or wholly down."+notZero, "short",
		grafana.Rows(`SELECT sum("down") AS "down" FROM (SELECT floor((last("state") + 1) / 4) AS "down" `+judged+by("provider", "pregion", "target")+`)`)).
		Newest(present).Steps(anyBad()).Filled()
}

func sitesInContact() *grafana.Panel {
	return grafana.Stat("Sites in contact now",
		"Sites whose Picket agent has a session with the Picket server now, and all sites. A site out of contact is not proof that its line is down.", "short",
		grafana.Rows(`SELECT sum("up") AS "in contact", count("up") AS "of" FROM (`+sitesOf("", "site")+`)`)).
		Newest(present).Named()
}

func votersNow() *grafana.Panel {
	return grafana.Stat("Sites and ISPs that vote now",
		"Sites whose answers count now, and the internet providers (ISPs) they sit on. Fewer than 3 ISPs cannot confirm an outage for certain. ISPs are told apart by name; a shared upstream is known to the Picket server only.", "short",
		grafana.Rows(`SELECT sum("voting") AS "sites" FROM (`+sitesOf("", "site")+`)`),
		grafana.Rows(`SELECT sum("voting") AS "ISPs" FROM (SELECT max("voting") AS "voting" FROM (`+newestOf("", []string{"up", "voting"}, "network", "site", "agent")+`)`+by("network")+`)`)).
		Newest(present).Named().Column("ISPs", grafana.Coloured(falling(2, 3)))
}

func waitingNow() *grafana.Panel {
	return grafana.Stat("Results waiting at sites now",
		"Results that agents keep because the Picket server has not acknowledged them yet. A number that grows means that the server or its InfluxDB cannot take them; nothing is lost until an agent's disk allowance is full.", "short",
		grafana.Rows(`SELECT sum("spool") AS "results" FROM (`+newestOf("", []string{"spool"}, "site", "agent")+`)`)).
		Newest(present).Steps(rising(10000, 100000))
}

func newestJudgement() *grafana.Panel {
	return grafana.Stat("Newest judgement",
		"When the Picket server last judged anything. It judges every 30 seconds; if this is older than 2 minutes, the server or the way from it to InfluxDB is broken and everything here is old.", "dateTimeFromNow",
		grafana.Rows(`SELECT last("sites") AS "sites" `+judgedAll)).
		Of("/^Time$/")
}

func regionMatrix() *grafana.Panel {
	return grafana.Table("Clouds and their regions now",
		"The worst state of the services in each cloud region. \"○ not watched\" means that no service is watched there, or that nothing was judged for three minutes. A cloud opens its own board.",
		grafana.Rows(worst(` AND "pregion" != ''`, "provider", "pregion"))).
		Size(16, 9).Newest(present).Filled().Words(states("○ not watched")).
		Crossed("provider", "pregion", "state").
		Like("/^provider/", grafana.As("Cloud"), grafana.Behind(grafana.Plain()), grafana.To(toBoard("This cloud", "provider", "provider=Cloud")))
}

func globalServices() *grafana.Panel {
	return grafana.Table("Global services now", "Services that belong to no cloud region. Where their trouble is seen from is on the Picket page.",
		grafana.Rows(worst(` AND "pregion" = ''`, "provider", "service"))).
		Size(8, 9).Newest(present).
		Columns("provider=Cloud", "service=Service", "state=State").
		Column("Cloud", grafana.To(toBoard("This cloud", "provider", "provider=Cloud"))).
		Column("State", grafana.Mapped(states("○ not watched")), grafana.Behind(grafana.Ground()))
}

func notWell() *grafana.Panel {
	parts := []string{"state", "down_sites", "sites", "down_networks", "networks"}
	inner := ""
	for i, f := range parts {
		if i > 0 {
			inner += ", "
		}
		inner += `last("` + f + `") AS "` + f + `"`
	}
	tags := by("provider", "service", "pregion", "target")
	return grafana.Table("Not well now, and who agrees",
		"Every service that is not ok, with how many sites see it fail of those that can tell, and on how many ISPs. Empty means that all is well, or that nothing is known: see \"Newest judgement\". A service opens its own board.",
		grafana.Rows(`SELECT "state", "down_sites", "sites", "down_networks", "networks" FROM (SELECT `+inner+` `+judged+tags+`) WHERE "state" >= 1`+tags)).
		Size(24, 7).Newest(present).Empty("nothing to show").
		Columns("target=Service", "provider=Cloud", "service=Kind", "pregion=Cloud region", "state=State", "down_sites=Sites that fail", "sites=of sites",
			"down_networks=ISPs that fail", "networks=of ISPs").
		Sorted("State", true).
		Column("Service", grafana.To(toBoard("This service", "target", "target=Service", "provider=Cloud"))).
		Column("State", grafana.Mapped(states("○ not watched")), grafana.Behind(grafana.Ground()))
}

func howItWent() *grafana.Panel {
	return grafana.Timeline("How it went",
		"The worst state of each cloud region (and of each cloud's global services) over time. A short outage stays visible when zoomed out, and a gap means that nothing was judged.", "short",
		grafana.Lines("$tag_provider $tag_pregion", `SELECT max("state") `+judged+` AND "pregion" != ''`+over("provider", "pregion")),
		grafana.Lines("$tag_provider, global services", `SELECT max("state") `+judged+` AND "pregion" = ''`+over("provider"))).
		Size(24, 10).Every("1m").Words(states("○ not watched"))
}

func answersByISP() *grafana.Panel {
	return grafana.Bars("Answers by ISP, last 10 minutes",
		"Share of probes that were answered, by the internet provider (ISP) of the site that asked. One low bar among high ones: that ISP, or the way from it to a cloud. All low: not your ISPs.", "percent",
		grafana.Lines("$tag_network", `SELECT mean("up") * 100 `+asked+ofCloud+ofClient+by("network"))).
		Size(12, 8).Newest(lately).Steps(falling(90, 99)).Decimals(1).Within(0, 100)
}

func clientsNow() *grafana.Panel {
	return grafana.Table("Clients, last 10 minutes",
		"For each client: sites whose newest answer from any watched service is a failure, of all its sites that asked. A client opens its own board.",
		grafana.Rows(`SELECT sum("bad") AS "failing", count("bad") AS "sites" FROM (SELECT max("bad") AS "bad" FROM (SELECT 1 - last("up") AS "bad" `+asked+ofCloud+ofClient+
			by("client", "site", "agent", "check")+`)`+by("client", "site")+`)`+by("client"))).
		Size(12, 8).Newest(lately).
		Columns("client=Client", "failing=Sites that see a failure", "sites=of sites").
		Sorted("Sites that see a failure", true).
		Column("Client", grafana.To(toBoard("This client", "client", "client=Client"))).
		Column("Sites that see a failure", grafana.Coloured(anyBad()), grafana.Behind(grafana.Ground()))
}

func availability() *grafana.Panel {
	return grafana.Bars("Availability in the time shown",
		"Share of the 30 second judgements that were good, by cloud region. Time in which nothing was known, or that was maintenance, is left out: it counts neither way.", "percent",
		grafana.Lines("$tag_provider $tag_pregion", `SELECT mean("good") * 100 `+judged+by("provider", "pregion"))).
		Size(12, 9).Steps(falling(99.5, 99.9)).Decimals(3).Within(90, 100).
		Linked(toBoard("This cloud", "provider", "provider=.provider"))
}

func latency() *grafana.Panel {
	return grafana.Series("How long answers take", "95 of 100 answered HTTP probes took less than this, by cloud, over all sites. Failures are not in it.", "ms",
		grafana.Lines("$tag_provider", `SELECT percentile("total_us", 95) / 1000 `+asked+ofCloud+ofClient+` AND "kind" = 'http' AND "up" = 1`+over("provider"))).
		Size(12, 9).Every("5m")
}

func notVoting() *grafana.Panel {
	return grafana.Table("Sites that do not vote now",
		"Sites whose answers do not count now, because they are out of contact or their own line is in doubt. Why exactly is on the Picket page, under Fleet.",
		grafana.Rows(`SELECT "up" FROM (`+sitesOf("", "client", "site", "network")+`) WHERE "voting" = 0`+by("client", "site", "network"))).
		Newest(present).Empty("nothing to show").
		Columns("client=Client", "site=Site", "network=ISP", "up=Contact").
		Column("Site", grafana.To(toBoard("This site among the others", "fleet", "client=Client", "site=Site"))).
		Column("Contact", grafana.Mapped([]grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
			"0": {Text: "○ out of contact", Color: grey, Index: 0},
			"1": {Text: "▲ in contact, in doubt", Color: degraded, Index: 1},
		}}}))
}
