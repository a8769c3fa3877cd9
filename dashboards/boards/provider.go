package boards

import "picket/dashboards/grafana"

const (
	judgedHere = judged + ofService
	officialAt = `FROM "official" WHERE $timeFilter AND "provider" =~ /^$provider$/` + ofService
)

// provider answers how a cloud is doing, and how honest its status page is.
func provider() board {
	return board{
		name: "provider", title: "cloud", question: "How is a cloud doing by region and layer, and how honest is its status page?", from: "now-7d",
		vars: []grafana.Variable{providerVar(), serviceVar(), regionVar()},
		panels: []*grafana.Panel{
			grafana.Stat("Services down now", "Services of this cloud that are judged partly or wholly down."+notZero, "short",
				grafana.Rows(`SELECT sum("down") AS "down" FROM (SELECT floor((last("state") + 1) / 4) AS "down" `+judgedHere+by("provider", "pregion", "target")+`)`)).
				Size(6, 4).Newest(present).Steps(anyBad()).Filled(),
			grafana.Stat("It says of itself, now", "The worst state that the cloud's own status page shows. \"Not known\" is a page that could not be read or understood, or that nobody reads; \"nothing posted\" is a feed that tells of trouble only. Neither is the same as well.", "short",
				grafana.Rows(`SELECT max("state") AS "state" FROM (SELECT last("state") AS "state" `+officialAt+by("provider", "service", "pregion")+`)`)).
				Size(6, 4).Newest(lately).Words(admitted()).Filled().Empty("○ not known"),
			grafana.Stat("Our lead", "Median time by which the cloud admitted an outage later than Picket had found it, over the incidents in the time shown that it admitted at all. Below zero: it was first.", "s",
				grafana.Rows(`SELECT median("ack_lag_s") AS "lead" `+ownIncidents)).
				Size(6, 4).Empty("nothing admitted"),
			grafana.Stat("Admitted", "Incidents of this cloud in the time shown that its status page admitted, and all of them.", "short",
				grafana.Rows(`SELECT count("ack_lag_s") AS "admitted", count("start_ms") AS "of" `+ownIncidents)).
				Size(6, 4).Named().Empty("no incidents"),
			grafana.Timeline("What Picket saw", "The worst judgement of each cloud region over time. A gap means that nothing was judged.", "short",
				grafana.Lines("$tag_provider $tag_pregion", `SELECT max("state") `+judgedHere+over("provider", "pregion"))).
				Size(24, 7).Every("1m").Words(states("○ not watched")),
			grafana.Timeline("What the cloud said", "The worst state on the cloud's own status page over time, as it was read then. A gap means that it was not read.", "short",
				grafana.Lines("$tag_provider $tag_service $tag_pregion", `SELECT max("state") `+officialAt+over("provider", "service", "pregion"))).
				Size(24, 7).Every("1m").Words(admitted()),
			grafana.Bars("Availability by region in the time shown", "Share of the 30 second judgements that were good. Unknown and maintenance count neither way.", "percent",
				grafana.Lines("$tag_provider $tag_pregion", `SELECT mean("good") * 100 `+judgedHere+by("provider", "pregion"))).
				Size(12, 9).Steps(falling(99.5, 99.9)).Decimals(3).Within(90, 100),
			grafana.Timeline("At which layer it failed", "The layer that most failing sites named, by cloud region: dns the name, tcp the connection, tls the certificate or handshake, http the answer. A gap means that nothing failed.", "string",
				grafana.Lines("$tag_provider $tag_pregion", `SELECT last("layer") `+judgedHere+` AND "state" >= 1`+over("provider", "pregion"))).
				Size(12, 9).Every("1m").Words(layers()),
			grafana.Series("How long answers take: half of them", "Half of the answered HTTP probes took less than this, by cloud region, over all sites.", "ms",
				grafana.Lines("$tag_provider $tag_pregion", `SELECT percentile("total_us", 50) / 1000 `+answeredHere+over("provider", "pregion"))).
				Size(12, 8).Every("5m"),
			grafana.Series("How long answers take: 95 of 100", "95 of 100 answered HTTP probes took less than this, by cloud region, over all sites.", "ms",
				grafana.Lines("$tag_provider $tag_pregion", `SELECT percentile("total_us", 95) / 1000 `+answeredHere+over("provider", "pregion"))).
				Size(12, 8).Every("5m"),
			services(),
			incidentTable("Incidents of this cloud", "What Picket found, newest first, and when the cloud admitted it. The title opens the evidence on the Picket page.", ` AND "provider" =~ /^$provider$/`),
			notices(),
		},
	}
}

const (
	ownIncidents = incidents + ` AND "provider" =~ /^$provider$/`
	answeredHere = asked + ofCloud + ofService + ` AND "kind" = 'http' AND "up" = 1`
)

func layers() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
		"dns":  {Text: "dns: the name", Color: degraded, Index: 0},
		"tcp":  {Text: "tcp: the connection", Color: down, Index: 1},
		"tls":  {Text: "tls: the handshake", Color: down, Index: 2},
		"http": {Text: "http: the answer", Color: degraded, Index: 3},
	}}}
}

func services() *grafana.Panel {
	tags := by("provider", "service", "pregion", "target")
	return grafana.Table("Services in the time shown", "Every service of this cloud: how available it was, and the worst that was judged. A service opens its own board.",
		grafana.Rows(`SELECT mean("good") * 100 AS "availability", max("state") AS "worst" `+judgedHere+tags)).
		Size(24, 9).
		Columns("target=Service", "provider=Cloud", "service=Kind", "pregion=Cloud region", "availability=Availability", "worst=Worst").
		Sorted("Availability", false).
		Column("Service", grafana.To(toBoard("This service", "target", "target=Service", "provider=Cloud"))).
		Column("Availability", grafana.Unit("percent"), grafana.Digits(3), grafana.Coloured(falling(99.5, 99.9)), grafana.Behind(grafana.Ground())).
		Column("Worst", grafana.Mapped(states("○ not watched")))
}

func notices() *grafana.Panel {
	return grafana.Table("What the cloud posted", "Notices on the cloud's own status page that Picket read, by when they were posted.",
		grafana.Rows(`SELECT "title", "about", "state", "end_ms", "url" FROM "notice" WHERE $timeFilter AND "provider" =~ /^$provider$/`)).
		Size(24, 8).Empty("nothing was posted, or nobody reads its status page").
		Columns("Time=Posted", "title=Notice", "about=About", "state=State", "end_ms=Ended", "url=Address").
		Sorted("Posted", true).
		Column("State", grafana.Mapped(admitted())).
		Column("Ended", grafana.Unit("dateTimeAsIso"), grafana.Blank("still open"))
}
