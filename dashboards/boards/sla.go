package boards

import "picket/dashboards/grafana"

// sla answers whether a cloud kept its promise.
func sla() board {
	return board{
		name: "sla", title: "SLA", question: "Did a cloud keep its promise this month?", from: "now-30d",
		vars: []grafana.Variable{providerVar(), serviceVar(), regionVar(),
			grafana.TextVariable("objective", "Promise (%)", "What the cloud promises, such as 99.9", "99.9")},
		panels: []*grafana.Panel{
			grafana.Stat("Availability", "Share of all 30 second judgements in the time shown that were good, over the services chosen. Unknown and maintenance count neither way.", "percent",
				grafana.Rows(`SELECT mean("good") * 100 AS "availability" `+judgedHere)).
				Size(6, 4).Steps(falling(99.5, 99.9)).Decimals(3),
			grafana.Stat("Coverage", "Share of the judgements in which something was known, maintenance left out. Below 95 % the availability beside it is a guess.", "percent",
				grafana.Rows(`SELECT sum("known") / (count("known") - sum("maint")) * 100 AS "coverage" `+judgedHere)).
				Size(6, 4).Steps(falling(90, 95)).Decimals(2),
			grafana.Stat("Found after", "How long it took from the first failure until Picket was certain, over the incidents in the time shown: half of them faster than p50, 9 of 10 faster than p90.", "s",
				grafana.Rows(`SELECT percentile("detect_s", 50) AS "p50", percentile("detect_s", 90) AS "p90" `+ownIncidents)).
				Size(6, 4).Named().Empty("no incidents"),
			grafana.Stat("Admitted after", "Median time by which the cloud admitted an outage later than Picket had found it.", "s",
				grafana.Rows(`SELECT median("ack_lag_s") AS "lag" `+ownIncidents)).
				Size(6, 4).Empty("nothing admitted"),
			account(),
			grafana.Bars("Budget left", "What is left of the time that the promise allows to be down in the time shown: 100 % is all of it, below 0 the promise is broken.", "percent",
				grafana.Lines("$tag_provider $tag_service $tag_pregion", `SELECT (mean("good") * 100 - $objective) / (100 - $objective) * 100 `+judgedHere+by("provider", "service", "pregion"))).
				Size(12, 9).Steps(falling(0, 50)).Decimals(0).Within(-100, 100),
			grafana.Series("Availability by day", "Share of the judgements of each day (UTC) that were good, by cloud region. A gap is a day of which nothing is known.", "percent",
				grafana.Lines("$tag_provider $tag_pregion", `SELECT mean("good") * 100 `+judgedHere+over("provider", "pregion"))).
				Size(12, 9).Every("1d").Dots().NoFloor(),
			incidentTable("What may be claimed", "Confirmed incidents of this cloud in the time shown, drills left out: begin, end and evidence for a claim. Whether it is eligible is in the contract.",
				` AND "provider" =~ /^$provider$/ AND "confidence" = 'confirmed'`),
			grafana.Text("How this is counted", "Definitions.", howCounted).Size(24, 5),
		},
	}
}

const howCounted = `Every 30 seconds each service is judged once. **Availability** is good ÷ (good + bad): mixed results and degraded count as good, partly down and down as bad. What is **unknown** (nobody could tell) and what is **maintenance** is left out and shown beside it, in minutes. A service that several sites watch is judged once, by their vote.

InfluxDB keeps raw data for 30 days unless you chose otherwise; further back nothing is shown, which is not the same as 100 %.`

func account() *grafana.Panel {
	return grafana.Table("Account of each service", "Availability in the time shown, how much of the time is known, and the minutes that were down, unknown and maintenance.",
		grafana.Rows(`SELECT mean("good") * 100 AS "availability", sum("known") / (count("known") - sum("maint")) * 100 AS "coverage", (count("good") - sum("good")) / 2 AS "bad", (count("known") - sum("known") - sum("maint")) / 2 AS "unknown", sum("maint") / 2 AS "maintenance" `+
			judgedHere+by("provider", "service", "pregion", "target"))).
		Size(24, 10).
		Columns("target=Service", "provider=Cloud", "service=Kind", "pregion=Cloud region", "availability=Availability", "coverage=Coverage", "bad=Minutes down", "unknown=Minutes unknown", "maintenance=Minutes of maintenance").
		Sorted("Availability", false).
		Column("Service", grafana.To(toBoard("This service", "target", "target=Service", "provider=Cloud"))).
		Column("Availability", grafana.Unit("percent"), grafana.Digits(3), grafana.Blank("not known"), grafana.Coloured(falling(99.5, 99.9)), grafana.Behind(grafana.Ground())).
		Column("Coverage", grafana.Unit("percent"), grafana.Digits(1), grafana.Coloured(falling(90, 95))).
		Column("Minutes down", grafana.Unit("short"), grafana.Digits(1), grafana.Blank("-")).
		Column("Minutes unknown", grafana.Unit("short"), grafana.Digits(1), grafana.Blank("-")).
		Column("Minutes of maintenance", grafana.Unit("short"), grafana.Digits(1), grafana.Blank("-"))
}
