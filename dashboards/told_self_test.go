package dashboards

func toldSelf(w *world) told {
	return told{
		chosen: map[string][]string{},
		tables: map[string][2][]string{
			"Newest sign of life/A": same("ready=1"),
			"Ready now/A":           same("ready=1"),
			"Running for/A":         same("for=3600"),
			"Alerts waiting now/A":  same("waiting=2 the oldest, for=75"),
			"Alerts given up/A":     same("given up=1 of=3"),
			"Points refused/A":      same("refused=2"),
			"Results taken/A":       same("11:51-11:54=10 11:55=5 11:58=11.667 11:59=10 12:00=5"),
			"Results that could not be taken/A": same(
				"lost: 11:51-11:55=0 11:58-12:00=0",
				"refused: 11:51-11:55=0 11:58-12:00=0",
			),
			"How long InfluxDB takes/A":      same("11:50-11:55=8 11:58-12:00=8"),
			"How far behind judgement is/A":  same("11:50-11:55=2 11:58=2 11:59-12:00=40"),
			"Points that were not written/A": same("11:51-11:55=0 11:58=0 11:59=60 12:00=0"),
			"Memory/A":                       same("11:50-11:55=67108864 11:58-12:00=67108864"),
			"Alerts by route in the time shown/A": same(
				"channel=mail result=given_up route=boss letters=1 tries=40 p95=86400000 slowest=86400000",
				"channel=webhook result=sent route=desk letters=2 tries=4 p95=9000 slowest=9000",
			),
			"Confirmation frozen/A": same("11:50-11:55=0 11:58-12:00=0"),
			"Newest alerts/A": same(
				"route=boss channel=mail result=given_up event=opened incident=01OPEN latency_ms=86400000 tries=40",
				"route=desk channel=webhook result=sent event=opened incident=01OPEN latency_ms=400 tries=1",
				"route=desk channel=webhook result=sent event=resolved incident=01OVER latency_ms=9000 tries=3",
			),
		},
	}
}
