package dashboards

func toldSLA(w *world) told {
	return told{
		chosen: map[string][]string{"provider": {"aws", "azure"}, "pregion": {"eu-west-1", "westeurope"}},
		tables: map[string][2][]string{
			"Availability/A":   both([]string{"availability=88.776"}, []string{"availability=81.034"}),
			"Coverage/A":       both([]string{"coverage=98.99"}, []string{"coverage=98.305"}),
			"Found after/A":    same("p50=42.5 p90=42.5"),
			"Admitted after/A": same("lag=90"),
			"Account of each service/A": both([]string{
				"pregion= provider=m365 service=exchange target=exo availability=100 coverage=100 bad=0 unknown=0 maintenance=0",
				"pregion=eu-west-1 provider=aws service=ec2 target=gone availability=0 coverage=100 bad=0.5 unknown=0 maintenance=0",
				"pregion=eu-west-1 provider=aws service=s3 target=s3-ie availability=100 coverage=94.444 bad=0 unknown=0.5 maintenance=1",
				"pregion=northeurope provider=azure service=front-door target=afd-neu availability=100 coverage=100 bad=0 unknown=0 maintenance=0",
				"pregion=westeurope provider=azure service=front-door target=afd-weu availability=75 coverage=100 bad=2.5 unknown=0 maintenance=0",
				"pregion=westeurope provider=azure service=storage target=blob-weu availability=75 coverage=100 bad=2.5 unknown=0 maintenance=0",
			}, []string{
				"pregion=eu-west-1 provider=aws service=ec2 target=gone availability=0 coverage=100 bad=0.5 unknown=0 maintenance=0",
				"pregion=eu-west-1 provider=aws service=s3 target=s3-ie availability=100 coverage=94.444 bad=0 unknown=0.5 maintenance=1",
				"pregion=westeurope provider=azure service=front-door target=afd-weu availability=75 coverage=100 bad=2.5 unknown=0 maintenance=0",
				"pregion=westeurope provider=azure service=storage target=blob-weu availability=75 coverage=100 bad=2.5 unknown=0 maintenance=0",
			}),
			"Budget left/A": both([]string{
				"pregion= provider=m365 service=exchange mean=100",
				"pregion=eu-west-1 provider=aws service=ec2 mean=-99900",
				"pregion=eu-west-1 provider=aws service=s3 mean=100",
				"pregion=northeurope provider=azure service=front-door mean=100",
				"pregion=westeurope provider=azure service=front-door mean=-24900",
				"pregion=westeurope provider=azure service=storage mean=-24900",
			}, []string{
				"pregion=eu-west-1 provider=aws service=ec2 mean=-99900",
				"pregion=eu-west-1 provider=aws service=s3 mean=100",
				"pregion=westeurope provider=azure service=front-door mean=-24900",
				"pregion=westeurope provider=azure service=storage mean=-24900",
			}),
			"Availability by day/A": both([]string{
				"pregion= provider=m365: 00:00=100",
				"pregion=eu-west-1 provider=aws: 00:00=94.444",
				"pregion=northeurope provider=azure: 00:00=100",
				"pregion=westeurope provider=azure: 00:00=75",
			}, []string{
				"pregion=eu-west-1 provider=aws: 00:00=94.444",
				"pregion=westeurope provider=azure: 00:00=75",
			}),
			"What may be claimed/A": same("id=01OPEN title=Azure, West Europe: outage client=* state=confirmed confidence=confirmed start_ms=" + ms(w.ago(6)) + " end_ms=- detect_s=42.5 ack_lag_s=90"),
		},
	}
}
