package dashboards

func toldClient(w *world) told {
	return told{
		chosen: map[string][]string{"client": {"acme"}, "site": {"acme/branch"}},
		tables: map[string][2][]string{
			"Sites in contact now/A":                      both([]string{"in contact=3 of=4"}, []string{"in contact=1 of=1"}),
			"Services that fail, last 10 minutes/A":       both([]string{"fail=2 of=2"}, []string{"fail=1 of=1"}),
			"Sites that see a failure, last 10 minutes/A": both([]string{"see one=3 of=5"}, []string{"see one=1 of=1"}),
			"Answers, last 10 minutes/A":                  both([]string{"answered=64.286"}, []string{"answered=60"}),
			"Sites and services, last 10 minutes/A": both([]string{
				"site=acme/branch target=exo outcome=3",
				"site=acme/hq target=afd-weu outcome=1",
				"site=beta/annex target=afd-weu outcome=1",
				"site=beta/depot target=afd-weu outcome=3",
				"site=beta/office target=afd-weu outcome=1",
			}, []string{"site=acme/branch target=exo outcome=3"}),
			"Each site's own line, last 10 minutes/A": both([]string{
				"network=AS1 Alpha site=acme/hq mean=50",
				"network=AS2 Beta site=beta/annex mean=0",
				"network=AS3 Gamma site=beta/depot mean=100",
			}, []string{}),
			"Each site's own line over time/A": both([]string{
				"site=acme/hq: 11:55=50",
				"site=beta/annex: 11:55=0",
				"site=beta/depot: 11:55=100",
			}, []string{}),
			"Answers by cloud in the time shown/A": both([]string{
				"provider=azure service=front-door mean=64.865",
				"provider=m365 service=exchange mean=60",
			}, []string{"provider=m365 service=exchange mean=60"}),
			"Error budget used in the time shown/A": both([]string{
				"provider=azure mean=35135.135",
				"provider=m365 mean=40000",
			}, []string{"provider=m365 mean=40000"}),
			"How long answers take/A": both([]string{
				"site=acme/branch: 11:55=70",
				"site=acme/hq: 11:55=190",
			}, []string{"site=acme/branch: 11:55=70"}),
			"Why it failed/A": both([]string{
				"cause=- kind=http up=0",
				"cause=dns_servfail kind=dns up=0",
				"cause=http_status kind=http up=0",
				"11 x cause=tcp_timeout kind=http up=0",
				"cause=tls_expired kind=tls up=0",
			}, []string{
				"cause=- kind=http up=0",
				"cause=dns_servfail kind=dns up=0",
			}),
			"Newest failures/A": both([]string{
				"site=acme/branch network=AS2 Beta target=exo kind=dns cause=dns_servfail code=2 err=SERVFAIL addr=- up=0",
				"site=acme/branch network=AS2 Beta target=exo kind=http cause=- code=- err=- addr=- up=0",
				"site=acme/hq network=AS1 Alpha target=afd-weu kind=http cause=http_status code=503 err=- addr=- up=0",
				"11 x site=acme/hq network=AS1 Alpha target=afd-weu kind=http cause=tcp_timeout code=- err=i/o timeout addr=- up=0",
				"site=beta/depot network=AS3 Gamma target=afd-weu kind=tls cause=tls_expired code=- err=- addr=- up=0",
			}, []string{
				"site=acme/branch network=AS2 Beta target=exo kind=dns cause=dns_servfail code=2 err=SERVFAIL addr=- up=0",
				"site=acme/branch network=AS2 Beta target=exo kind=http cause=- code=- err=- addr=- up=0",
			}),
			"Incidents that concern them/A": both([]string{
				"id=01OPEN title=Azure, West Europe: outage client=* state=confirmed confidence=confirmed start_ms=" + ms(w.ago(6)) + " end_ms=- detect_s=42.5 ack_lag_s=90",
				"id=01OVER title=beta/depot: lost contact client=beta state=resolved confidence=probable start_ms=" + ms(w.ago(201)) + " end_ms=" + ms(w.ago(190)) + " detect_s=- ack_lag_s=-",
			}, []string{"id=01OPEN title=Azure, West Europe: outage client=* state=confirmed confidence=confirmed start_ms=" + ms(w.ago(6)) + " end_ms=- detect_s=42.5 ack_lag_s=90"}),
		},
	}
}
