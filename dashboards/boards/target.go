package boards

import "picket/dashboards/grafana"

// target answers why a check fails.
func target() board {
	return board{
		name: "target", title: "service", question: "Why does a check of this service fail?",
		vars: []grafana.Variable{providerVar(),
			grafana.QueryVariable("target", "Service", "The service to look at",
				`SHOW TAG VALUES FROM "verdict" WITH KEY = "target" WHERE "provider" =~ /^$provider$/`, false),
			clientVar(), siteVar()},
		panels: []*grafana.Panel{
			grafana.Stat("Judged now", "The newest judgement, over all sites. The worst, if several services are chosen.", "short",
				grafana.Rows(`SELECT max("state") AS "state" FROM (SELECT last("state") AS "state" `+judgedTarget+by("target")+`)`)).
				Size(5, 4).Newest(present).Words(states("○ no data")).Filled(),
			grafana.Stat("Who agrees now", "Sites that see it fail, of the sites that can tell; and the same for internet providers (ISPs).", "short",
				grafana.Rows(`SELECT max("down_sites") AS "sites fail", max("sites") AS "of sites", max("down_networks") AS "ISPs fail", max("networks") AS "of ISPs" FROM (`+
					`SELECT last("down_sites") AS "down_sites", last("sites") AS "sites", last("down_networks") AS "down_networks", last("networks") AS "networks" `+judgedTarget+by("target")+`)`)).
				Size(9, 4).Newest(present).Named(),
			grafana.Stat("Availability in the time shown", "Share of the 30 second judgements that were good. Unknown and maintenance count neither way.", "percent",
				grafana.Rows(`SELECT mean("good") * 100 AS "availability" `+judgedTarget)).
				Size(5, 4).Steps(falling(99.5, 99.9)).Decimals(3),
			grafana.Stat("Certificate, last 10 minutes", "Days until the certificate that was shown runs out: the least that any site saw.", "d",
				grafana.Rows(`SELECT min("cert_days") AS "days" `+askedTarget)).
				Size(5, 4).Newest(lately).Steps(falling(14, 30)).Empty("no certificate"),
			grafana.Timeline("How it went", "The worst judgement over time. A short outage stays visible when zoomed out, and a gap means that nothing was judged.", "short",
				grafana.Lines("$tag_target", `SELECT max("state") `+judgedTarget+over("target"))).
				Size(24, 5).Every("30s").Words(states("○ not watched")),
			bySite(), byISP(), slowByISP(),
			grafana.Series("Where the time goes", "Mean time of each step of answered HTTP probes, on top of each other: name, connection, TLS, first byte. One that grows shows where it is slow.", "ms",
				grafana.Lines("$col", `SELECT mean("dns_us") / 1000 AS "name", mean("connect_us") / 1000 AS "connection", mean("tls_us") / 1000 AS "TLS", mean("ttfb_us") / 1000 AS "first byte" `+
					askedTarget+` AND "kind" = 'http' AND "up" = 1`+over())).
				Size(12, 8).Every("5m").Stacked(),
			grafana.Series("How long answers take, by where they are seen from", "95 of 100 answered HTTP probes took less than this, by the region of the sites that asked.", "ms",
				grafana.Lines("$tag_vregion", `SELECT percentile("total_us", 95) / 1000 `+askedTarget+` AND "kind" = 'http' AND "up" = 1`+over("vregion"))).
				Size(12, 8).Every("5m"),
			causes("Why it failed", "Causes of the newest thousand failures in the time shown, the most frequent first.", onTarget),
			grafana.Table("What HTTP answered", "Status codes of the newest thousand HTTP answers in the time shown.",
				grafana.Rows(`SELECT "code", "kind" `+askedTarget+` AND "kind" = 'http' AND "code" > 0 ORDER BY time DESC LIMIT 1000`)).
				Size(6, 8).Counted("code").
				Columns("code=Status code", "Time (count)=Times", "Time (max)=Newest").Sorted("Times", true).
				Column("Newest", grafana.Unit("dateTimeFromNow")),
			grafana.Table("Which addresses answered", "Addresses, and the edge of a CDN where it says so, in the newest thousand answers in the time shown.",
				grafana.Rows(`SELECT "addr", "edge" `+askedTarget+` AND "up" = 1 ORDER BY time DESC LIMIT 1000`)).
				Size(6, 8).Counted("addr", "edge").
				Columns("addr=Address", "edge=Edge", "Time (count)=Times", "Time (max)=Newest").Sorted("Times", true).
				Column("Newest", grafana.Unit("dateTimeFromNow")),
			failures("Newest failures", "The newest hundred failures in the time shown, each as it came back.", onTarget),
		},
	}
}

const (
	judgedTarget = judged + ` AND "target" =~ /^$target$/`
	onTarget     = ` AND "target" =~ /^$target$/` + ofClient + ofSite
	askedTarget  = asked + onTarget
)

func bySite() *grafana.Panel {
	return grafana.History("Who gets an answer", "Share of probes that were answered, by site, over time. One row that is red: look at that site. A column that is red: it was the service. A gap: the site did not ask.", "percent",
		grafana.Lines("$tag_site", `SELECT mean("up") * 100 `+askedTarget+over("site"))).
		Size(24, 8).Every("5m").Steps(falling(90, 99))
}

func byISP() *grafana.Panel {
	return grafana.Bars("Answers by ISP in the time shown", "Share of probes that were answered, by the internet provider (ISP) of the site that asked.", "percent",
		grafana.Lines("$tag_network", `SELECT mean("up") * 100 `+askedTarget+by("network"))).
		Size(12, 7).Steps(falling(90, 99)).Decimals(1).Within(0, 100)
}

func slowByISP() *grafana.Panel {
	return grafana.Bars("How long it takes by ISP in the time shown", "95 of 100 answered HTTP probes took less than this, by the internet provider (ISP) of the site that asked.", "ms",
		grafana.Lines("$tag_network", `SELECT percentile("total_us", 95) / 1000 `+askedTarget+` AND "kind" = 'http' AND "up" = 1`+by("network"))).
		Size(12, 7).Decimals(0)
}
