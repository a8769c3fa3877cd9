package dashboards

func toldOverview(w *world) told {
	return told{
		chosen: map[string][]string{"client": {"acme", "a.me"}, "provider": {"m365"}},
		tables: map[string][2][]string{
			"Cloud regions down now/A":       both([]string{"down=1"}, []string{"down=0"}),
			"Services down now/A":            both([]string{"down=2"}, []string{"down=0"}),
			"Sites in contact now/A":         both([]string{"in contact=3 of=4"}, []string{"in contact=2 of=2"}),
			"Sites and ISPs that vote now/A": same("sites=2"),
			"Sites and ISPs that vote now/B": same("ISPs=2"),
			"Results waiting at sites now/A": both([]string{"results=1012"}, []string{"results=12"}),
			"Newest judgement/A":             same("sites=11"),
			"Clouds and their regions now/A": both([]string{
				"pregion=eu-west-1 provider=aws state=-1",
				"pregion=northeurope provider=azure state=1",
				"pregion=westeurope provider=azure state=4",
			}, []string{}),
			"Global services now/A": same("provider=m365 service=exchange state=0"),
			"Not well now, and who agrees/A": both([]string{
				"pregion=northeurope provider=azure service=front-door target=afd-neu state=1 down_sites=1 sites=11 down_networks=1 networks=7",
				"pregion=westeurope provider=azure service=front-door target=afd-weu state=4 down_sites=9 sites=11 down_networks=6 networks=7",
				"pregion=westeurope provider=azure service=storage target=blob-weu state=3 down_sites=5 sites=11 down_networks=4 networks=7",
			}, []string{}),
			"How it went/A": both([]string{
				"pregion=eu-west-1 provider=aws: 11:00=4 11:50-11:55=0 11:56=-1 11:57-11:59=0 12:00=-1",
				"pregion=northeurope provider=azure: 11:50-11:59=0 12:00=1",
				"pregion=westeurope provider=azure: 11:50-11:57=0 11:58-12:00=4",
			}, []string{}),
			"How it went/B": same("provider=m365: 11:50-12:00=0"),
			"Answers by ISP, last 10 minutes/A": both([]string{
				"network=AS1 Alpha mean=64.706",
				"network=AS2 Beta mean=66.667",
				"network=AS3 Gamma mean=50",
			}, []string{"network=AS2 Beta mean=60"}),
			"Clients, last 10 minutes/A": both([]string{
				"client=acme failing=2 sites=2",
				"client=beta failing=1 sites=3",
			}, []string{"client=acme failing=1 sites=1"}),
			"Availability in the time shown/A": both([]string{
				"pregion= provider=m365 mean=100",
				"pregion=eu-west-1 provider=aws mean=94.444",
				"pregion=northeurope provider=azure mean=100",
				"pregion=westeurope provider=azure mean=75",
			}, []string{"pregion= provider=m365 mean=100"}),
			"How long answers take/A": both([]string{
				"provider=azure: 11:55=190",
				"provider=m365: 11:55=70",
			}, []string{"provider=m365: 11:55=70"}),
			"Incidents in the time shown/A": same(
				"id=01OPEN title=Azure, West Europe: outage client=* state=confirmed confidence=confirmed start_ms="+ms(w.ago(6))+" end_ms=- detect_s=42.5 ack_lag_s=90",
				"id=01OVER title=beta/depot: lost contact client=beta state=resolved confidence=probable start_ms="+ms(w.ago(201))+" end_ms="+ms(w.ago(190))+" detect_s=- ack_lag_s=-",
			),
			"Sites that do not vote now/A": both([]string{
				"client=beta network=AS1 Alpha site=beta/office up=1",
				"client=beta network=AS3 Gamma site=beta/depot up=0",
			}, []string{}),
		},
	}
}
