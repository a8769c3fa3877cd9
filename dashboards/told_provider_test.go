package dashboards

func toldProvider(w *world) told {
	return told{
		chosen: map[string][]string{"provider": {"azure"}, "service": {"front-door"}, "pregion": {"westeurope", "northeurope"}},
		tables: map[string][2][]string{
			"Services down now/A":      both([]string{"down=2"}, []string{"down=1"}),
			"It says of itself, now/A": same("state=4"),
			"Our lead/A":               same("lead=90"),
			"Admitted/A":               same("admitted=1 of=1"),
			"What Picket saw/A": both([]string{
				"pregion= provider=m365: 11:50-12:00=0",
				"pregion=eu-west-1 provider=aws: 11:00=4 11:50-11:55=0 11:56=-1 11:57-11:59=0 12:00=-1",
				"pregion=northeurope provider=azure: 11:50-11:59=0 12:00=1",
				"pregion=westeurope provider=azure: 11:50-11:57=0 11:58-12:00=4",
			}, []string{
				"pregion=northeurope provider=azure: 11:50-11:59=0 12:00=1",
				"pregion=westeurope provider=azure: 11:50-11:57=0 11:58-12:00=4",
			}),
			"What the cloud said/A": both([]string{
				"pregion=eu-west-1 provider=aws service=s3: 11:50-12:00=2",
				"pregion=westeurope provider=azure service=front-door: 11:50-11:58=1 11:59-12:00=4",
			}, []string{"pregion=westeurope provider=azure service=front-door: 11:50-11:58=1 11:59-12:00=4"}),
			"Availability by region in the time shown/A": both([]string{
				"pregion= provider=m365 mean=100",
				"pregion=eu-west-1 provider=aws mean=94.444",
				"pregion=northeurope provider=azure mean=100",
				"pregion=westeurope provider=azure mean=75",
			}, []string{
				"pregion=northeurope provider=azure mean=100",
				"pregion=westeurope provider=azure mean=75",
			}),
			"At which layer it failed/A": same("pregion=westeurope provider=azure: 11:58-12:00=tls"),
			"How long answers take: half of them/A": both([]string{
				"pregion= provider=m365: 11:55=70",
				"pregion=westeurope provider=azure: 11:55=100",
			}, []string{"pregion=westeurope provider=azure: 11:55=100"}),
			"How long answers take: 95 of 100/A": both([]string{
				"pregion= provider=m365: 11:55=70",
				"pregion=westeurope provider=azure: 11:55=190",
			}, []string{"pregion=westeurope provider=azure: 11:55=190"}),
			"Services in the time shown/A": both([]string{
				"pregion= provider=m365 service=exchange target=exo availability=100 worst=0",
				"pregion=eu-west-1 provider=aws service=ec2 target=gone availability=0 worst=4",
				"pregion=eu-west-1 provider=aws service=s3 target=s3-ie availability=100 worst=0",
				"pregion=northeurope provider=azure service=front-door target=afd-neu availability=100 worst=1",
				"pregion=westeurope provider=azure service=front-door target=afd-weu availability=75 worst=4",
				"pregion=westeurope provider=azure service=storage target=blob-weu availability=75 worst=3",
			}, []string{
				"pregion=northeurope provider=azure service=front-door target=afd-neu availability=100 worst=1",
				"pregion=westeurope provider=azure service=front-door target=afd-weu availability=75 worst=4",
			}),
			"Incidents of this cloud/A": same("id=01OPEN title=Azure, West Europe: outage client=* state=confirmed confidence=confirmed start_ms=" + ms(w.ago(6)) + " end_ms=- detect_s=42.5 ack_lag_s=90"),
			"What the cloud posted/A": both([]string{
				"title=Front Door: errors about=azure front-door westeurope state=4 end_ms=- url=https://status.example/N1",
				"title=S3 about=aws state=5 end_ms=" + ms(w.ago(380)) + " url=-",
			}, []string{"title=Front Door: errors about=azure front-door westeurope state=4 end_ms=- url=https://status.example/N1"}),
		},
	}
}
