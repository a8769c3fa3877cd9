package dashboards

func toldTarget(w *world) told {
	return told{
		chosen: map[string][]string{"target": {"exo"}, "client": {"acme"}},
		tables: map[string][2][]string{
			"Judged now/A":                     both([]string{"state=4"}, []string{"state=0"}),
			"Who agrees now/A":                 both([]string{"sites fail=9 of sites=11 ISPs fail=6 of ISPs=7"}, []string{"sites fail=0 of sites=11 ISPs fail=0 of ISPs=7"}),
			"Availability in the time shown/A": both([]string{"availability=75"}, []string{"availability=100"}),
			"Certificate, last 10 minutes/A":   both([]string{"days=20"}, []string{}),
			"How it went/A":                    both([]string{"target=afd-weu: 11:50:30-11:57:30=0 11:58-12:00=4"}, []string{"target=exo: 11:50:30-12:00=0"}),
			"Who gets an answer/A": both([]string{
				"site=acme/hq: 11:55=63.636",
				"site=beta/annex: 11:55=100",
				"site=beta/depot: 11:55=50",
				"site=beta/office: 11:55=100",
			}, []string{"site=acme/branch: 11:55=60"}),
			"Answers by ISP in the time shown/A": both([]string{
				"network=AS1 Alpha mean=64.706",
				"network=AS2 Beta mean=100",
				"network=AS3 Gamma mean=50",
			}, []string{"network=AS2 Beta mean=60"}),
			"How long it takes by ISP in the time shown/A": both([]string{"network=AS1 Alpha percentile=190"}, []string{"network=AS2 Beta percentile=70"}),
			"Where the time goes/A": both([]string{
				"TLS: 11:55=3",
				"connection: 11:55=2",
				"first byte: 11:55=10",
				"name: 11:55=1",
			}, []string{}),
			"How long answers take, by where they are seen from/A": both([]string{"vregion=eu-south: 11:55=190"}, []string{"vregion=eu-south: 11:55=70"}),
			"Why it failed/A": both([]string{
				"cause=http_status kind=http up=0",
				"11 x cause=tcp_timeout kind=http up=0",
				"cause=tls_expired kind=tls up=0",
			}, []string{
				"cause=- kind=http up=0",
				"cause=dns_servfail kind=dns up=0",
			}),
			"What HTTP answered/A": both([]string{
				"20 x code=200 kind=http",
				"code=503 kind=http",
			}, []string{}),
			"Which addresses answered/A": both([]string{
				"10 x addr=192.0.2.1 edge=MAD",
				"10 x addr=192.0.2.2 edge=MAD",
			}, []string{}),
			"Newest failures/A": both([]string{
				"site=acme/hq network=AS1 Alpha target=afd-weu kind=http cause=http_status code=503 err=- addr=- up=0",
				"11 x site=acme/hq network=AS1 Alpha target=afd-weu kind=http cause=tcp_timeout code=- err=i/o timeout addr=- up=0",
				"site=beta/depot network=AS3 Gamma target=afd-weu kind=tls cause=tls_expired code=- err=- addr=- up=0",
			}, []string{
				"site=acme/branch network=AS2 Beta target=exo kind=dns cause=dns_servfail code=2 err=SERVFAIL addr=- up=0",
				"site=acme/branch network=AS2 Beta target=exo kind=http cause=- code=- err=- addr=- up=0",
			}),
		},
	}
}
