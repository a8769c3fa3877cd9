package simulate

import (
	"fmt"
	"strings"
	"time"

	"picket/probes"
)

// What a scenario gets where it says nothing.
const (
	defaultSeeds      = 50 // the least that a bound is claimed on (detection.md 5)
	defaultDuration   = 10 * time.Minute
	defaultInterval   = 10 * time.Second
	defaultRelayDelay = 30 * time.Millisecond
	defaultRestart    = 5 * time.Second // how long collector_restart is down
	defaultRTT        = 20 * time.Millisecond
	defaultClient     = "c1"
	defaultRegion     = "eu"
	defaultOS         = "linux"
)

// Defaults is the scenario that an empty file describes: a fleet and targets in
// which each kind of label has a cause of its own, so that a wrong label is a
// wrong answer and never a matter of taste.
//
//   - 12 sites, two on each of 6 networks, four in each of 3 vantage regions.
//     The two sites of a network look from different regions and belong to
//     different clients: no network is a region, no client is a network.
//   - 26 targets of 4 clouds. Services and regions cross (three by three for the
//     large clouds), m365 is global. Two CDNs and a DNS host lie under targets
//     of three or four clouds, never under a whole service or region.
//   - One edge of cdn-a answers two vantage regions and another the third;
//     cdn-b has an edge per vantage region. So "the edge" and "the dependency
//     as seen from there" differ for one and coincide for the other.
//   - 5 references of 3 operators, three asked by address and two by name.
func Defaults() Scenario {
	return Scenario{
		Seeds: defaultSeeds, Duration: defaultDuration, Interval: defaultInterval,
		Fleet:      Fleet{Sites: defaultSites(), RelayDelay: defaultRelayDelay},
		Targets:    defaultTargets(),
		References: defaultReferences(),
	}
}

func defaultSites() []Site {
	regions := [...]string{"eu", "us", "ap"}
	sites := make([]Site, 12)
	for i := range sites {
		sites[i] = Site{
			ID:       fmt.Sprintf("s%02d", i+1),
			Client:   fmt.Sprintf("c%d", i%5+1),
			Network:  fmt.Sprintf("AS%d", 64501+i/2),
			Region:   regions[i%len(regions)],
			OS:       defaultOS,
			Agents:   1,
			Families: []probes.Family{4},
		}
	}
	return sites
}

func defaultTargets() []Target {
	// Provider, region, seen from, services with what they depend on.
	rows := [...]struct{ provider, region, near, services string }{
		{"azure", "westeurope", "eu", "storage+cdn-a compute identity+cdn-b"},
		{"azure", "northeurope", "eu", "storage compute+dns-a identity"},
		{"azure", "eastus", "us", "storage compute identity"},
		{"aws", "eu-west-1", "eu", "s3+cdn-a ec2 dynamodb+dns-a"},
		{"aws", "us-east-1", "us", "s3+cdn-b ec2 dynamodb"},
		{"aws", "ap-southeast-1", "ap", "s3 ec2 dynamodb"},
		{"gcp", "europe-west1", "eu", "storage run+dns-a"},
		{"gcp", "us-central1", "us", "storage+cdn-a run+cdn-b"},
		{"m365", "", "", "exchange+dns-a teams+cdn-b sharepoint+cdn-a login"},
	}
	edges := map[string]map[string]string{
		"cdn-a": {"eu": "cdn-a-atlantic", "us": "cdn-a-atlantic", "ap": "cdn-a-pacific"},
		"cdn-b": {"eu": "cdn-b-eu", "us": "cdn-b-us", "ap": "cdn-b-ap"},
	}
	var targets []Target
	for _, row := range rows {
		for _, word := range strings.Fields(row.services) {
			service, depends, _ := strings.Cut(word, "+")
			t := Target{
				ID: row.provider + "-" + service, Provider: row.provider, Service: service, Region: row.region,
				Kinds: []probes.Kind{probes.Ping, probes.HTTP}, RTT: distances(row.near),
				Interval: defaultInterval, Families: []probes.Family{4},
			}
			if row.region != "" {
				t.ID += "-" + row.region
			}
			if depends != "" {
				t.Depends, t.Edge = []string{depends}, edges[depends]
			}
			targets = append(targets, t)
		}
	}
	return targets
}

// distances are round trips from the vantage regions to a region near one of
// them, about what the large clouds publish between these; "" is anycast.
func distances(near string) map[string]time.Duration {
	ms := func(eu, us, ap int) map[string]time.Duration {
		d := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
		return map[string]time.Duration{"default": d(eu), "us": d(us), "ap": d(ap)}
	}
	switch near {
	case "eu":
		return ms(20, 90, 170)
	case "us":
		return ms(90, 25, 200)
	case "ap":
		return ms(170, 200, 20)
	}
	return ms(15, 15, 20)
}

func defaultReferences() []Reference {
	return []Reference{
		{ID: "ref-1", Network: "AS64601", Kinds: []probes.Kind{probes.TCP}},
		{ID: "ref-2", Network: "AS64601", Kinds: []probes.Kind{probes.DNS}},
		{ID: "ref-3", Network: "AS64602", Kinds: []probes.Kind{probes.TCP}},
		{ID: "ref-4", Network: "AS64602", Kinds: []probes.Kind{probes.DNS}},
		{ID: "ref-5", Network: "AS64603", Kinds: []probes.Kind{probes.TCP}},
	}
}
