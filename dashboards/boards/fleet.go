package boards

import "picket/dashboards/grafana"

// fleet answers whether our own eyes can be trusted.
func fleet() board {
	f := agents + ofSite
	return board{
		name: "fleet", title: "fleet", question: "Can we trust our own eyes?",
		vars: []grafana.Variable{clientVar(), siteVar()},
		panels: []*grafana.Panel{
			grafana.Stat("Sites in contact now", "Sites whose Picket agent has a session with the Picket server now, and all sites chosen.", "short",
				grafana.Rows(`SELECT sum("up") AS "in contact", count("up") AS "of" FROM (`+sitesOf(ofSite, "site")+`)`)).Newest(present).Named(),
			grafana.Stat("Sites that vote now", "Sites whose answers count now: in contact, and their own line is not in doubt.", "short",
				grafana.Rows(`SELECT sum("voting") AS "sites" FROM (`+sitesOf(ofSite, "site")+`)`)).Newest(present),
			grafana.Stat("ISPs that vote now", "Internet providers (ISPs) of the sites whose answers count now. Fewer than 3 cannot confirm an outage for certain.", "short",
				grafana.Rows(`SELECT sum("voting") AS "ISPs" FROM (`+sitesOf(ofSite, "network")+`)`)).Newest(present).Steps(falling(2, 3)),
			grafana.Stat("Worst clock now", "The largest difference of an agent's clock from the Picket server's. From 10 s on the times of its results are not used.", "ms",
				grafana.Rows(`SELECT max("skew") AS "off" FROM (SELECT abs(last("skew_ms")) AS "skew" `+f+by("site", "agent")+`)`)).Newest(present).Steps(rising(2000, 10000)),
			grafana.Stat("Results waiting now", "Results that agents keep because the Picket server has not acknowledged them yet.", "short",
				grafana.Rows(`SELECT sum("spool") AS "results" FROM (`+newestOf(ofSite, []string{"spool"}, "site", "agent")+`)`)).Newest(present).Steps(rising(10000, 100000)),
			grafana.Stat("Results dropped", "Results that agents had to drop in the time shown, because the disk allowance was full.", "short",
				grafana.Rows(grown("dropped", "results", f, "site", "agent"))).Steps(anyDoubt()),
			grafana.Bars("ISPs that vote, by where they see from, now",
				"Different internet providers (ISPs) of sites that may vote, by the region of the sites. Fewer than 3 in a region cannot tell the region from one ISP.", "short",
				grafana.Lines("$tag_vregion", `SELECT sum("voting") AS "ISPs" FROM (SELECT max("voting") AS "voting" FROM (`+
					newestOf(ofSite, []string{"voting"}, "vregion", "network", "site", "agent")+`)`+by("vregion", "network")+`)`+by("vregion"))).
				Size(8, 8).Newest(present).Steps(falling(2, 3)).Within(0, 10),
			grafana.Series("Sites that vote", "Sites whose answers counted, over time. Where it falls, less could be confirmed.", "short",
				grafana.Lines("sites", `SELECT sum("voting") AS "sites" FROM (SELECT max("voting") AS "voting" `+f+over("site")+`)`+over())).
				Size(16, 8).Every("1m"),
			notVoting().Size(12, 8),
			sessions(f),
			machines(f),
			grafana.Series("Clocks", "How far each site's clock is from the Picket server's, over time: the worst agent of the site.", "ms",
				grafana.Lines("$tag_site", `SELECT max("off") FROM (SELECT abs("skew_ms") AS "off" `+f+by("site")+`)`+over("site"))).Size(12, 8).Every("1m"),
			grafana.Series("Results waiting", "Results that each site keeps because they are not acknowledged yet, over time.", "short",
				grafana.Lines("$tag_site", `SELECT max("spool") `+f+over("site"))).Size(12, 8).Every("1m"),
			grafana.Table("Versions now", "How many agents run which version. One that was upgraded in the last three minutes is counted in both.",
				grafana.Rows(`SELECT count("up") AS "agents" FROM (`+newestOf(ofSite, []string{"up"}, "version", "agent")+`)`+by("version"))).
				Size(8, 7).Newest(present).Columns("version=Version", "agents=Picket agents").Sorted("Picket agents", true),
			grafana.Table("How they reach the server now", "QUIC over UDP is the rule; tcp means that UDP is blocked there.",
				grafana.Rows(`SELECT last("transport") AS "transport" `+f+` AND "up" = 1`+by("agent"))).
				Size(8, 7).Newest(present).Counted("transport").Columns("transport=Transport", "Time (count)=Picket agents").Sorted("Picket agents", true),
			grafana.Series("Processor", "What the busiest agent of each site takes of one core.", "percent",
				grafana.Lines("$tag_site", `SELECT max("cpu_pct") `+f+over("site"))).Size(8, 7).Every("1m"),
		},
	}
}

func sessions(f string) *grafana.Panel {
	return grafana.Table("Lost sessions", "How often an agent came back to the Picket server in the time shown. Many at one site: its line or a firewall. Many at all: the server's.",
		grafana.Rows(`SELECT "again" FROM (SELECT count(distinct("since_ms")) - 1 AS "again" `+f+by("client", "site", "agent")+`) WHERE "again" > 0`+by("client", "site", "agent"))).
		Size(12, 8).Empty("none").
		Columns("client=Client", "site=Site", "agent=Picket agent", "again=Came back").
		Sorted("Came back", true).
		Column("Came back", grafana.Coloured(rising(1, 10)))
}

func machines(f string) *grafana.Panel {
	tags := by("client", "site", "agent", "network", "os", "version")
	return grafana.Table("Picket agents now", "Every agent that was drawn in the last three minutes, as it is now. One that was upgraded meanwhile stands here twice. The site opens the fleet on the Picket page.",
		grafana.Rows(`SELECT last("up") AS "up", last("voting") AS "voting", last("skew_ms") AS "skew", last("spool") AS "spool", last("dropped") AS "dropped", last("rss_bytes") AS "rss", last("cpu_pct") AS "cpu", last("rtt_ms") AS "rtt" `+f+tags)).
		Size(24, 10).Newest(present).
		Columns("client=Client", "site=Site", "agent=Picket agent", "network=ISP", "os=System", "version=Version", "up=Contact", "voting=Votes", "skew=Clock is off by", "rtt=Round trip",
			"spool=Waiting", "dropped=Dropped", "rss=Memory", "cpu=Processor").
		Sorted("Contact", false).
		Column("Site", grafana.To(toPage("On the Picket page", "/fleet"))).
		Column("Contact", grafana.Mapped(contact())).
		Column("Votes", grafana.Mapped(votes())).
		Column("Clock is off by", grafana.Unit("ms")).
		Column("Round trip", grafana.Unit("ms"), grafana.Digits(0), grafana.Blank("-")).
		Column("Dropped", grafana.Coloured(anyDoubt())).
		Column("Memory", grafana.Unit("bytes"), grafana.Digits(0)).
		Column("Processor", grafana.Unit("percent"), grafana.Digits(1))
}
