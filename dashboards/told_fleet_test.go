package dashboards

func toldFleet(w *world) told {
	return told{
		chosen: map[string][]string{"client": {"acme"}, "site": {"acme/branch"}},
		tables: map[string][2][]string{
			"Sites in contact now/A": both([]string{"in contact=3 of=4"}, []string{"in contact=1 of=1"}),
			"Sites that vote now/A":  both([]string{"sites=2"}, []string{"sites=1"}),
			"ISPs that vote now/A":   both([]string{"ISPs=2"}, []string{"ISPs=1"}),
			"Worst clock now/A":      same("off=4000"),
			"Results waiting now/A":  both([]string{"results=1012"}, []string{"results=0"}),
			"Results dropped/A":      both([]string{"results=3"}, []string{"results=0"}),
			"ISPs that vote, by where they see from, now/A": both([]string{
				"vregion=eu-north ISPs=0",
				"vregion=eu-south ISPs=2",
			}, []string{"vregion=eu-south ISPs=1"}),
			"Sites that vote/A": both([]string{"11:40=1 11:58-12:00=1"}, []string{"11:58-11:59=1"}),
			"Sites that do not vote now/A": both([]string{
				"client=beta network=AS1 Alpha site=beta/office up=1",
				"client=beta network=AS3 Gamma site=beta/depot up=0",
			}, []string{}),
			"Lost sessions/A": same("agent=A3 client=acme site=acme/branch again=1"),
			"Picket agents now/A": both([]string{
				"agent=A1 client=acme network=AS1 Alpha os=linux site=acme/hq version=1.0 up=0 voting=0 skew=0 spool=9000 dropped=0 rss=20971520 cpu=1 rtt=-",
				"agent=A1 client=acme network=AS1 Alpha os=linux site=acme/hq version=1.1 up=1 voting=1 skew=0 spool=5 dropped=0 rss=20971520 cpu=1 rtt=15",
				"agent=A2 client=acme network=AS1 Alpha os=linux site=acme/hq version=1.1 up=1 voting=0 skew=0 spool=7 dropped=0 rss=20971520 cpu=1 rtt=15",
				"agent=A3 client=acme network=AS2 Beta os=linux site=acme/branch version=1.1 up=1 voting=1 skew=-4000 spool=0 dropped=0 rss=20971520 cpu=2.5 rtt=15",
				"agent=B1 client=beta network=AS1 Alpha os=linux site=beta/office version=1.1 up=1 voting=0 skew=0 spool=0 dropped=3 rss=20971520 cpu=1 rtt=15",
				"agent=B2 client=beta network=AS3 Gamma os=linux site=beta/depot version=1.1 up=0 voting=0 skew=0 spool=1000 dropped=0 rss=20971520 cpu=1 rtt=-",
			}, []string{"agent=A3 client=acme network=AS2 Beta os=linux site=acme/branch version=1.1 up=1 voting=1 skew=-4000 spool=0 dropped=0 rss=20971520 cpu=2.5 rtt=15"}),
			"Clocks/A": both([]string{
				"site=acme/branch: 11:58=0 11:59=4000",
				"site=acme/hq: 11:59-12:00=0",
				"site=beta/closed: 11:40=0",
				"site=beta/depot: 12:00=0",
				"site=beta/office: 11:59-12:00=0",
			}, []string{"site=acme/branch: 11:58=0 11:59=4000"}),
			"Results waiting/A": both([]string{
				"site=acme/branch: 11:58-11:59=0",
				"site=acme/hq: 11:59=9000 12:00=7",
				"site=beta/closed: 11:40=77",
				"site=beta/depot: 12:00=1000",
				"site=beta/office: 11:59-12:00=0",
			}, []string{"site=acme/branch: 11:58-11:59=0"}),
			"Versions now/A": both([]string{
				"version=1.0 agents=1",
				"version=1.1 agents=5",
			}, []string{"version=1.1 agents=1"}),
			"How they reach the server now/A": both([]string{
				"agent=A1 transport=quic",
				"agent=A2 transport=quic",
				"agent=A3 transport=tcp",
				"agent=B1 transport=quic",
			}, []string{"agent=A3 transport=tcp"}),
			"Processor/A": both([]string{
				"site=acme/branch: 11:58=1 11:59=2.5",
				"site=acme/hq: 11:59-12:00=1",
				"site=beta/closed: 11:40=1",
				"site=beta/depot: 12:00=1",
				"site=beta/office: 11:59-12:00=1",
			}, []string{"site=acme/branch: 11:58=1 11:59=2.5"}),
		},
	}
}
