package simulate

import (
	"errors"
	"strings"
	"testing"
	"time"

	"picket/collector/config/strict"
)

// shown is a scenario with every key of the format.
const shown = `id: S06
title: the ISP that holds half of the sites is cut
seeds: 50
duration: 10m
fleet:
  sites:
    - {id: s01, client: acme, network: AS64501, region: eu-west}
    - {id: s02, client: acme, network: AS64501, region: eu-west, agents: 2, clock: +1h, os: windows, families: [v6]}
    - {id: s03, client: bolt, network: AS64502, region: us, upstream: T1, families: [v4, v6]}
  relay_delay: 30ms
targets:
  - {id: azure-blob-westeurope, provider: azure, service: storage, region: westeurope, depends: [cdn-a], edge: {eu-west: lon}, kinds: [dns, ping, tls, http], rtt: 20ms, interval: 30s, client: acme}
  - {id: aws-s3, provider: aws, service: s3, depends: cdn-a, rtt: {default: 20ms, us: 150ms}, families: [v4, v6]}
references:
  - {id: ref-1, network: AS64601, kinds: [tcp, dns]}
interval: 10s
noise:
  fail: 0.003
  clears_on_retry: 0.8
  uplink: {per_year: 24, lasts: 15m}
  latency: {sigma: 0.1, spikes: 0.05, ar1: 0.5}
faults:
  - at: 60s
    who: {network: [AS64501]}
    what: {all: true}
    uplink: true
    how: blackhole
    rate: 1.0
  - {at: 2m, for: 1d, ramp: 10m, every: 40s, spread: 60s, who: {share: 0.5, os: windows, agent: s02-2}, what: {reference: [ref-1]}, how: {slow: x2}}
  - {at: 2m, how: {slow: +80ms}, what: {reference: true}}
  - {at: 2m, how: {loss: 0.3}, rate: 0.17, who: {family: v6}}
  - {at: 2m, how: {backfill: 10m}, who: {site: s01}}
  - {at: 2m, how: {line_switch: AS64509}, who: {site: s01}}
  - {at: 2m, how: {clock: -1h}, who: {site: s01}}
  - {at: 3m, how: collector_restart}
expect:
  - {kind: network, network: AS64501, confidence: probable, within: 10s, of: 0}
  - any: [{kind: target, target: aws-s3, layer: tls}, {kind: edge, edge: lon, vregion: none}]
    within: {p95: 3s, max: 8s}
    of: 1
  - {kind: site, site: s01, line_down: true, count: 1, start_within: 2s, closed_within: 90s, of: 1, family: v6}
  - {kind: notice, cause: tls_intercepted}
  - {flagged: [s03], max_probes: {per: 10s, agent: 20}, ineligible: 0}
forbid:
  - {kind: provider}
  - {kind: target, cause: dns_servfail, confidence: suspected, after: 1s, before: 5m}
  - {page: provider-side}
`

func TestLoadTakesTheWholeFormat(t *testing.T) {
	s, err := Load("S06.yaml", []byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Fleet.Sites) != 3 || len(s.Targets) != 2 || len(s.Faults) != 8 || len(s.Expect) != 5 || len(s.Forbid) != 3 {
		t.Fatalf("got %d sites, %d targets, %d faults, %d expects, %d forbids", len(s.Fleet.Sites), len(s.Targets), len(s.Faults), len(s.Expect), len(s.Forbid))
	}
	if f := s.Faults[1]; f.For != 24*time.Hour || f.How.Factor != 2 || f.Who.Share != 0.5 || f.Rate != 1 || f.Line != 29 {
		t.Errorf("fault 1: %+v", f)
	}
	if f := s.Faults[7]; f.For != 5*time.Second {
		t.Errorf("collector_restart is down for %v", f.For)
	}
	if e := s.Expect[0]; e.WithinP95 != 10*time.Second || e.WithinMax != 20*time.Second {
		t.Errorf("expect 0: %+v", e)
	}
	if e := s.Expect[1]; len(e.Any) != 2 || !e.Any[1].VRegionNone || e.WithinP95 != 3*time.Second || e.WithinMax != 8*time.Second || e.Of != 1 {
		t.Errorf("expect 1: %+v", e)
	}
}

func TestEmptyFileIsTheDefaults(t *testing.T) {
	s, err := Load("x/calm.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != "calm" || len(s.Fleet.Sites) != 12 || len(s.Targets) != 26 || len(s.References) != 5 || s.Targets[3].Interval != 10*time.Second {
		t.Errorf("got %+v", s)
	}
}

func problems(err error) strict.Problems {
	all, _ := errors.AsType[strict.Problems](err)
	return all
}

func TestDurationsKnowDays(t *testing.T) {
	for text, want := range map[string]time.Duration{"7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "-1d12h": -36 * time.Hour,
		"+1h": time.Hour, "1.5d": 36 * time.Hour, "90s": 90 * time.Second, "0": 0} {
		if d, err := parseDuration(text); err != nil || d != want {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "d", "1h2d", "1d-2h", "1dd", "0x1d", "1e3d", "nand", "infd", "99999999d", "5", "1d5"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("%q: taken for %v", text, d)
		}
	}
}

// TestMistakesAreToldWithTheirPlace holds the messages: all at once, each with
// its place, what it is and what to do.
func TestMistakesAreToldWithTheirPlace(t *testing.T) {
	for _, c := range mistakes {
		_, err := Load("s.yaml", []byte(c.src))
		if err == nil {
			t.Errorf("%q: accepted", c.src)
			continue
		}
		if got := err.Error(); got != strings.Join(c.want, "\n") {
			t.Errorf("%q:\ngot\n%s\nwant\n%s", c.src, got, strings.Join(c.want, "\n"))
		}
	}
}

var mistakes = []struct {
	src  string
	want []string
}{
	{"durration: 5m\nseeds: 0\nduration: 60\n", []string{
		`s.yaml:1:1: unknown key "durration", did you mean "duration"?`,
		`s.yaml:2:8: seeds "0": out of bounds: write a number from 1 to 100000`,
		`s.yaml:3:11: duration "60": not a duration: missing unit, did you mean "60s"?`,
	}},
	{"faults:\n  - {at: 1m, how: blakhole, rate: 17}\n  - {at: 1h}\n  - {how: slow}\n  - {how: {refused: 1}}\n  - {how: {slow: 80ms}}\n", []string{
		`s.yaml:2:19: faults[0].how "blakhole": not known here, did you mean "blackhole"?; one of refused, blackhole, reset, dns_servfail, dns_timeout, dns_empty, dns_nxdomain, tls_hang, tls_alert, tls_expired, tls_intercepted, http_500, http_503, http_body, blocked, resolver, agent_crash, agent_reboot, agent_offline, gossip_cut, collector_restart, collector_cut, lie_down, lie_up, maintenance, config_push`,
		`s.yaml:2:35: faults[0].rate "17": out of bounds: write a number from 0 to 1`,
		`s.yaml:3:5: faults[1] has no how: say what breaks, such as how: blackhole`,
		`s.yaml:3:10: faults[1].at "1h": the run ends at 10m: begin earlier or lengthen duration`,
		`s.yaml:4:11: faults[2].how: slow needs a value: write how: {slow: x2} or {slow: +80ms}`,
		`s.yaml:5:12: faults[3].how: refused takes no value: write how: refused`,
		`s.yaml:6:18: faults[4].how.slow "80ms": not a slowness: write a factor such as x2 (above x1, at most x1000) or a time such as +80ms (at most +1m)`,
	}},
	{"faults:\n  - {how: refused, who: {site: s13, network: [AS64501, AS6]}, what: {target: azure-storage}}\n", []string{
		`s.yaml:2:32: faults[0].who.site "s13": this scenario has no such site, did you mean "s03"?; it has s01, s02, s03, s04, s05, s06, s07, s08, s09, s10, s11, s12`,
		`s.yaml:2:56: faults[0].who.network "AS6": this scenario has no such network; it has AS64501, AS64502, AS64503, AS64504, AS64505, AS64506`,
		`s.yaml:2:78: faults[0].what.target "azure-storage": this scenario has no such target; it has aws-dynamodb-ap-southeast-1, aws-dynamodb-eu-west-1, aws-dynamodb-us-east-1, aws-ec2-ap-southeast-1, aws-ec2-eu-west-1, aws-ec2-us-east-1, aws-s3-ap-southeast-1, aws-s3-eu-west-1, aws-s3-us-east-1, azure-compute-eastus, azure-compute-northeurope, azure-compute-westeurope, ...`,
	}},
	{"faults:\n  - {how: refused, what: {provider: azure, region: us-east-1}}\n  - {how: refused, who: {site: s01, network: AS64506}}\n", []string{
		`s.yaml:2:26: faults[0].what matches no target: all that is given must match; give less, or other names`,
		`s.yaml:3:25: faults[1].who matches no site: all that is given must match; give less, or other names`,
	}},
	{"expect:\n  - {kind: target, target: azure-storage-eastus, within: {p95: 8s, max: 3s}, of: 2}\n  - {within: 5s}\n  - {kind: notice, cause: tcp_refused}\n  - {kind: outage, vregion: mars}\n", []string{
		`s.yaml:2:58: expect[0].within: max 3s is less than p95 8s`,
		`s.yaml:2:82: expect[0].of "2": there are 0 faults, counted from 0: name one of them`,
		`s.yaml:3:5: expect[1] expects nothing: say which kind of incident, such as kind: target`,
		`s.yaml:4:27: expect[2].cause "tcp_refused": no notice has this cause: one of blocked, tls_intercepted, liar, not_measurable, policy`,
		`s.yaml:5:12: expect[3].kind "outage": not known here; one of site, network, network-provider, network-dependency, vregion, vregion-provider, vregion-dependency, vregion-target, target, service, provider-region, dependency, edge, provider, reference, fleet, collector, notice`,
		`s.yaml:5:29: expect[3].vregion "mars": this scenario has no such vantage region; it has ap, eu, us, none`,
	}},
	{"fleet:\n  sites:\n    - {id: a, network: n}\n    - {id: a, network: n}\n    - {id: b}\ntargets: [{id: t, service: s}]\nfaults: [{how: refused, who: {site: b}}]\n", []string{
		`s.yaml:4:12: fleet.sites[1].id "a": this id is already used on line 3: rename or remove one`,
		`s.yaml:5:7: fleet.sites[2] has no network: name its ISP, such as AS64501`,
		`s.yaml:6:11: targets[0] has no provider: name the cloud it belongs to, or the client that it is private to`,
	}},
	{"forbid: [{}, {kind: provider, after: 11m}, {page: never}]\n", []string{
		`s.yaml:1:10: forbid[0] forbids nothing: say which kind of incident, such as kind: provider, or page: any`,
		`s.yaml:1:38: forbid[1].after "11m": the run ends at 10m: begin earlier or lengthen duration`,
		`s.yaml:1:51: forbid[2].page "never": not known here; one of provider-side, any, site, network, network-provider, network-dependency, vregion, vregion-provider, vregion-dependency, vregion-target, target, service, provider-region, dependency, edge, provider, reference, fleet, collector`,
	}},
	{"faults: [{how: refused, what: {reference: true, provider: aws}}]\nexpect: [{kind: target, closed_within: 90s}]\n", []string{
		`s.yaml:1:31: faults[0].what asks for references that are also something of a cloud: there are none; make one fault of each`,
		"s.yaml:2:40: expect[0].closed_within \"90s\": counts from the end of a fault, and this one has none: give the fault a `for`",
	}},
}
