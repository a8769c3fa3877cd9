package boards

import "picket/dashboards/grafana"

// dns answers whether it is DNS.
func dns() board {
	return board{
		name: "dns", title: "DNS", question: "Is it DNS?",
		vars: []grafana.Variable{providerVar(), clientVar(), siteVar()},
		panels: []*grafana.Panel{
			grafana.Bars("Answers by resolver, last 10 minutes",
				"Share of DNS questions that were answered, by the resolver that was asked. \"system\" is the one that each site uses itself. Only system low: the site's resolver. All low: the name itself.", "percent",
				grafana.Lines("$tag_resolver", `SELECT mean("up") * 100 `+named+by("resolver"))).
				Size(12, 8).Newest(lately).Steps(falling(90, 99)).Decimals(1).Within(0, 100),
			grafana.Table("Services by resolver, last 10 minutes", "Share of DNS questions that were answered, for each service and resolver. A row that is red: that name. A column: that resolver.",
				grafana.Rows(`SELECT mean("up") * 100 AS "answered" `+named+anyCloud+by("target", "resolver"))).
				Size(12, 8).Newest(lately).Filled().Steps(falling(90, 99)).Crossed("target", "resolver", "answered").
				Like("/^target/", grafana.As("Service"), grafana.Behind(grafana.Plain()), grafana.To(toBoard("Why", "target", "target=Service", "client"))).
				Like("/^[^t]/", grafana.Unit("percent"), grafana.Digits(0), grafana.Blank("not asked")),
			grafana.Series("The sites' own resolvers and independent ones", "Share of DNS questions that were answered over time: by the resolvers that sites use themselves, and by those that were named in a check.", "percent",
				grafana.Lines("the sites' own", `SELECT mean("up") * 100 `+named+` AND "resolver" = 'system'`+over()),
				grafana.Lines("independent", `SELECT mean("up") * 100 `+named+` AND "resolver" != 'system'`+over())).
				Size(12, 8).Every("5m").Within(0, 100),
			grafana.Series("How long resolvers take", "95 of 100 answers came within this time, by resolver.", "ms",
				grafana.Lines("$tag_resolver", `SELECT percentile("total_us", 95) / 1000 `+named+` AND "up" = 1`+over("resolver"))).
				Size(12, 8).Every("5m"),
			// A count over nothing would be 0 in a bucket in which nothing was asked; a sum is null.
			grafana.Series("Refusals", "Answers over time that were no: the server failed (SERVFAIL), there is no such name (NXDOMAIN), it refused (REFUSED). A point is that many in its interval.", "short",
				grafana.Lines("SERVFAIL, $tag_resolver", `SELECT sum("code") / 2 `+named+` AND "code" = 2`+over("resolver")),
				grafana.Lines("NXDOMAIN, $tag_resolver", `SELECT sum("code") / 3 `+named+` AND "code" = 3`+over("resolver")),
				grafana.Lines("REFUSED, $tag_resolver", `SELECT sum("code") / 5 `+named+` AND "code" = 5`+over("resolver"))).
				Size(12, 8).Every("5m").Dots().Empty("none"),
			grafana.Bars("Name look-ups of web checks by ISP in the time shown", "95 of 100 look-ups before an HTTP probe took less than this, by the site's internet provider (ISP). It is the resolver that the site's computers use too.", "ms",
				grafana.Lines("$tag_network", `SELECT percentile("dns_us", 95) / 1000 `+seen+ofCloud+` AND "kind" = 'http'`+by("network"))).
				Size(12, 8).Steps(rising(200, 1000)).Decimals(0),
			grafana.Table("Addresses that answered", "How many different addresses answered for a service in the time shown. A jump in a large service is its own; in a small one look who changed it.",
				grafana.Rows(`SELECT count(distinct("addr")) AS "addresses" `+seen+ofCloud+` AND "kind" = 'http'`+by("target"))).
				Size(12, 8).Columns("target=Service", "addresses=Addresses").Sorted("Addresses", true),
			causes("Why names did not resolve", "Causes of the newest thousand failing DNS questions in the time shown.", ofClient+ofSite+` AND "kind" = 'dns'`),
			failures("Newest failures", "The newest hundred DNS questions that failed in the time shown, each as it came back.", ofClient+ofSite+` AND "kind" = 'dns'`),
		},
	}
}

// named are the DNS questions of the chosen sites, those to references too: they
// are asked at independent resolvers.
const named = seen + ` AND ("provider" =~ /^$provider$/ OR "provider" = '') AND "kind" = 'dns'`
