package boards

import "picket/dashboards/grafana"

const (
	own     = `FROM "collector" WHERE $timeFilter`
	letters = `FROM "notify" WHERE $timeFilter`
)

// self answers whether the Picket server itself is well.
func self() board {
	newest := func(fields string) grafana.Query { return grafana.Rows(`SELECT ` + fields + ` ` + own) }
	return board{
		name: "self", title: "server", question: "Is the Picket server itself well?",
		panels: []*grafana.Panel{
			grafana.Stat("Newest sign of life", "When the Picket server last wrote of itself, which it does every 30 seconds. Older than 2 minutes: the server, or its way to InfluxDB, is broken.", "dateTimeFromNow",
				newest(`last("ready") AS "ready"`)).Of("/^Time$/"),
			grafana.Stat("Ready now", "Whether results get through to every place where they are kept.", "short",
				newest(`last("ready") AS "ready"`)).Newest(present).Filled().Words(readiness()),
			grafana.Stat("Running for", "Time since the Picket server started.", "dtdurations",
				newest(`last("uptime_s") AS "for"`)).Newest(present),
			grafana.Stat("Alerts waiting now", "Letters that are written and have not arrived yet, and how long the oldest has been due.", "short",
				newest(`last("letters_waiting") AS "waiting", last("letters_due_s") AS "the oldest, for"`)).Newest(present).Named().
				Column("waiting", grafana.Coloured(anyDoubt())).
				Column("the oldest, for", grafana.Unit("s"), grafana.Coloured(rising(60, 300))),
			grafana.Stat("Alerts given up", "Letters that ended in the time shown and did not arrive: nobody was told by that route. And all that ended.", "short",
				grafana.Rows(`SELECT sum("given_up") AS "given up", count("given_up") AS "of" `+letters)).Named().Empty("no alerts").Column("given up", grafana.Coloured(anyBad())),
			grafana.Stat("Points refused", "Points in the time shown that InfluxDB refused for good. They are in the server's refused-points.jsonl.", "short",
				grafana.Rows(grown("influx_refused", "refused", own))).Steps(anyBad()),
			grafana.Series("Results taken", "Results per second that the Picket server took and kept, over time.", "ops",
				grafana.Lines("results", `SELECT non_negative_derivative(last("results"), 1s) `+own+over())).Size(12, 8).Every("1m"),
			grafana.Series("Results that could not be taken", "Results per minute that never came (lost) or could not be true (refused), over time.", "short",
				grafana.Lines("$col", `SELECT non_negative_derivative(last("lost"), 1m) AS "lost", non_negative_derivative(last("refused"), 1m) AS "refused" `+own+over())).Size(12, 8).Every("1m"),
			grafana.Series("How long InfluxDB takes", "The slowest acknowledged write to InfluxDB in each interval.", "ms",
				grafana.Lines("write", `SELECT max("influx_write_ms") `+own+over())).Size(12, 8).Every("1m"),
			grafana.Series("How far behind judgement is", "How long a question waited for the judge: what comes in now is judged that much later.", "ms",
				grafana.Lines("behind", `SELECT max("judge_lag_ms") `+own+over())).Size(12, 8).Every("1m"),
			grafana.Series("Points that were not written", "Judgements and conditions of agents per minute that InfluxDB was too slow for. They are drawn anew every 30 s, so a gap closes by itself.", "short",
				grafana.Lines("dropped", `SELECT non_negative_derivative(last("points_dropped"), 1m) `+own+over())).Size(12, 8).Every("1m"),
			grafana.Series("Memory", "What the Picket server holds in memory, over time.", "bytes",
				grafana.Lines("memory", `SELECT max("mem_bytes") `+own+over())).Size(12, 8).Every("1m"),
			grafana.Table("Alerts by route in the time shown", "Letters that ended in the time shown: how many, how many tries they took, and how long from when they were due until they arrived: 95 of 100 faster than p95.",
				grafana.Rows(`SELECT count("latency_ms") AS "letters", sum("tries") AS "tries", percentile("latency_ms", 95) AS "p95", max("latency_ms") AS "slowest" `+letters+by("route", "channel", "result"))).
				Size(16, 8).Empty("no alerts").
				Columns("route=Route", "channel=Channel", "result=Result", "letters=Letters", "tries=Tries", "p95=p95", "slowest=Slowest").
				Column("Result", grafana.Mapped(results())).
				Column("p95", grafana.Unit("ms")).Column("Slowest", grafana.Unit("ms")),
			grafana.Timeline("Confirmation frozen", "Whether new confirmed incidents were frozen, because many of Picket's own agents were in trouble at once.", "short",
				grafana.Lines("frozen", `SELECT max("frozen") `+own+over())).Size(8, 8).Every("1m").Words(freezing()),
			grafana.Table("Newest alerts", "The newest hundred letters that ended in the time shown, each with its route.",
				grafana.Rows(`SELECT "route", "channel", "result", "event", "incident", "latency_ms", "tries" `+letters+` ORDER BY time DESC LIMIT 100`)).
				Size(24, 9).Empty("no alerts").
				Columns("Time=When", "route=Route", "channel=Channel", "event=Event", "result=Result", "latency_ms=Took", "tries=Tries", "incident=Incident").
				Sorted("When", true).
				Column("Result", grafana.Mapped(results())).Column("Took", grafana.Unit("ms")).
				Column("Incident", grafana.To(toPage("Evidence", "/incidents/${__data.fields.Incident}"))),
		},
	}
}

func readiness() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
		"0": {Text: "■ no", Color: down, Index: 0},
		"1": {Text: "● yes", Color: ok, Index: 1},
	}}}
}

func freezing() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
		"0": {Text: "● no", Color: ok, Index: 0},
		"1": {Text: "▲ frozen", Color: degraded, Index: 1},
	}}, nothing("○ no data", 2)}
}

func results() []grafana.Mapping {
	return []grafana.Mapping{{Type: "value", Options: grafana.ValueMap{
		"sent":     {Text: "● arrived", Color: ok, Index: 0},
		"given_up": {Text: "■ given up", Color: down, Index: 1},
	}}}
}
