package config

import (
	"net/netip"
	"strings"
	"testing"

	"picket/internal/fleet"
)

func TestBudgets(t *testing.T) {
	f, err := Parse("p.yaml", []byte(`
traffic:
  month: 2.5GB
  sites: [{site: acme/madrid, month: 500MB}, {site: acme/boat, metered_day: 20 MB}]
networks:
  - {prefix: 198.51.100.0/24, name: Mobile, metered: true}
  - {prefix: 198.51.100.128/25, name: Fibre}
`))
	if err != nil {
		t.Fatal(err)
	}
	for site, want := range map[string]fleet.Budget{
		"acme/oslo": {Month: 2.5e9, SpareDay: 100e6}, "acme/madrid": {Month: 500e6, SpareDay: 100e6}, "acme/boat": {Month: 2.5e9, SpareDay: 20e6},
	} {
		if b := f.BudgetOf(site); b != want {
			t.Errorf("%s: %+v, want %+v", site, b, want)
		}
	}
	if b := Defaults().BudgetOf("any/site"); b != (fleet.Budget{Month: 5e9, SpareDay: 100e6}) {
		t.Errorf("default: %+v", b)
	}
	if !f.Metered(netip.MustParseAddr("198.51.100.1")) || f.Metered(netip.MustParseAddr("198.51.100.129")) {
		t.Error("the longest prefix does not decide which line is metered")
	}
	other, err := Parse("p.yaml", []byte("traffic: {month: 2.5GB, sites: [{site: acme/madrid, month: 600MB}]}"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Fleet().Budget == other.Fleet().Budget {
		t.Error("another budget of one site is not another config: its agents would not be told")
	}
	if d := Diff(f, other); len(d) == 0 || d[0].ID != "traffic" || !strings.Contains(d[0].What, "500 MB -> ") && !strings.Contains(d[0].What, "600 MB") || len(d[0].Clients) != 1 {
		t.Errorf("the change is told as %+v", d)
	}
}

func TestWrongBudgetsAreTold(t *testing.T) {
	for src, want := range map[string]string{
		"traffic: {month: 5}":                                       "not an amount: write a number and a unit, such as 500MB or 5GB",
		"traffic: {month: 5GiB}":                                    "not an amount",
		"traffic: {month: -5GB}":                                    "out of bounds: at least 50 MB",
		"traffic: {month: NaNGB}":                                   "out of bounds",
		"traffic: {metered_day: 1kB}":                               "at least 1 MB",
		"traffic: {sites: [{month: 5GB}]}":                          "has no site",
		"traffic: {sites: [{site: madrid, month: 5GB}]}":            "write client/site",
		"traffic: {sites: [{site: a/b}, {site: a/b}]}":              "given twice",
		"traffic: {mouth: 5GB}":                                     "month",
		"networks: [{prefix: 10.0.0.0/8, name: x, metered: maybe}]": "metered",
	} {
		if _, err := Parse("p.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}

func TestEstimatesCountPrivateTargetsOfTheirClientOnly(t *testing.T) {
	f, err := Parse("p.yaml", []byte(`
clients: [{id: acme}, {id: globex}]
targets:
  - {id: all, provider: aws, host: a.example, checks: [http]}
  - {id: mine, client: acme, host: b.example, checks: [{kind: http, interval: 10s}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	list := f.Estimates(1)
	if len(list) != 2 || list[0].Client != "" || list[1].Client != "acme" || list[0].Checks != 1 || list[1].Checks != 2 {
		t.Fatalf("%+v", list)
	}
	// 7.3 kB a minute are 315 MB a month; six times as much for the private one.
	if m := list[0].Month / 1e6; m != 315 {
		t.Errorf("%d MB a month", m)
	}
	if m := list[1].Month / 1e6; m != 315*7+2 {
		t.Errorf("%d MB a month for acme", m)
	}
	if f.Estimates(600)[0].Month >= list[0].Month {
		t.Error("a large fleet shares the askings, and costs a site as much")
	}
}
