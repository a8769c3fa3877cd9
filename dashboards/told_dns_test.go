package dashboards

func toldDNS(w *world) told {
	return told{
		chosen: map[string][]string{"client": {"acme"}, "provider": {"m365"}},
		tables: map[string][2][]string{
			"Answers by resolver, last 10 minutes/A": both([]string{
				"resolver=9.9.9.9:53 mean=100",
				"resolver=system mean=25",
			}, []string{
				"resolver=9.9.9.9:53 mean=100",
				"resolver=system mean=0",
			}),
			"Services by resolver, last 10 minutes/A": both([]string{
				"resolver=9.9.9.9:53 target=exo answered=100",
				"resolver=system target=afd-weu answered=100",
				"resolver=system target=exo answered=0",
			}, []string{
				"resolver=9.9.9.9:53 target=exo answered=100",
				"resolver=system target=exo answered=0",
			}),
			"The sites' own resolvers and independent ones/A": both([]string{"11:55=25"}, []string{"11:55=0"}),
			"The sites' own resolvers and independent ones/B": same("11:55=100"),
			"How long resolvers take/A": both([]string{
				"resolver=9.9.9.9:53: 11:55=40",
				"resolver=system: 11:55=10",
			}, []string{"resolver=9.9.9.9:53: 11:55=40"}),
			"Refusals/A": same("resolver=system: 11:55=1"),
			"Refusals/B": both([]string{"resolver=system: 11:55=1"}, []string{}),
			"Refusals/C": both([]string{"resolver=system: 11:55=1"}, []string{}),
			"Name look-ups of web checks by ISP in the time shown/A": both([]string{"network=AS1 Alpha percentile=1"}, []string{}),
			"Addresses that answered/A":                              both([]string{"target=afd-weu addresses=2"}, []string{}),
			"Why names did not resolve/A":                            both([]string{"cause=dns_nxdomain kind=dns up=0", "2 x cause=dns_servfail kind=dns up=0"}, []string{"cause=dns_servfail kind=dns up=0"}),
			"Newest failures/A": both([]string{
				"site=acme/branch network=AS2 Beta target=exo kind=dns cause=dns_servfail code=2 err=SERVFAIL addr=- up=0",
				"site=beta/annex network=AS2 Beta target=ref kind=dns cause=dns_nxdomain code=3 err=- addr=- up=0",
				"site=beta/annex network=AS2 Beta target=ref kind=dns cause=dns_servfail code=5 err=- addr=- up=0",
			}, []string{"site=acme/branch network=AS2 Beta target=exo kind=dns cause=dns_servfail code=2 err=SERVFAIL addr=- up=0"}),
		},
	}
}
