package agent

import (
	"slices"
	"testing"

	"picket/agent/doctor"
	"picket/internal/fleet"
	"picket/probes"
)

func TestWitnessesArePublicServicesOfDifferentOwners(t *testing.T) {
	https := func(id, target, host string) fleet.Check {
		return fleet.Check{ID: id, Target: target, Spec: probes.Spec{Kind: probes.HTTP, Host: host}}
	}
	cfg := fleet.Config{
		Targets: []fleet.Target{{ID: "cloud"}, {ID: "ours", Client: "acme"}, {ID: "ref", Reference: true}},
		Checks: []fleet.Check{
			https("a", "cloud", "login.cloud.example"), https("b", "cloud", "www.cloud.example"), // one owner
			https("c", "ours", "vpn.acme.example"), // its authority may be Acme's
			https("d", "cloud", "192.0.2.1"),       // no name
			{},                                     // somebody else's place
			{ID: "e", Target: "cloud", Spec: probes.Spec{Kind: probes.HTTP, Host: "plain.example.net", Plain: true}},
			{ID: "f", Target: "cloud", Spec: probes.Spec{Kind: probes.TLS, Host: "own.example.org", CA: "a certificate"}},
			{ID: "g", Target: "cloud", Spec: probes.Spec{Kind: probes.DNS, Host: "zone.test"}},
			{ID: "h", Target: "ref", Spec: probes.Spec{Kind: probes.TLS, Host: "ref.example.edu", Port: 8443}},
			https("i", "cloud", "mail.one.test"), https("j", "cloud", "mail.two.test"), https("k", "cloud", "mail.three.test"),
		},
	}
	want := []doctor.Service{{Host: "ref.example.edu", Port: 8443}, {Host: "login.cloud.example", Port: 443}, {Host: "mail.one.test", Port: 443}, {Host: "mail.two.test", Port: 443}}
	if got := witnesses(cfg); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, allow := Witnesses(t.TempDir()); got != nil || allow != nil {
		t.Errorf("of an empty directory: %v", got)
	}
}
