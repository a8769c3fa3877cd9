package uplink

import (
	"math"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
	"picket/probes"
)

// TestFactorsAreNumbersThatMeanSomething: whatever a peer sends as a factor, or
// this end was about to send, what is read is a number from 0 to 1000.
func TestFactorsAreNumbersThatMeanSomething(t *testing.T) {
	for in, want := range map[float64]float64{
		0: 0, 0.5: 0.5, 1.5: 1.5, 1000: 1000,
		1000.1: 0, -1: 0, math.Inf(1): 0, math.Inf(-1): 0, math.NaN(): 0, math.MaxFloat64: 0,
	} {
		if got := suspicionFrom(&wire.Suspicion{Ratio: in, AddedUs: math.MaxUint64}); got.Ratio != want || got.Added != century {
			t.Errorf("a suspicion with factor %v reads %v, %v", in, got.Ratio, got.Added)
		}
		if got := voteFrom(&wire.Vote{Ratio: in, AddedUs: math.MaxUint64}); got.Ratio != want || got.Added != century {
			t.Errorf("a vote with factor %v reads %v, %v", in, got.Ratio, got.Added)
		}
		if got := (Suspicion{Ratio: in, Added: -time.Second}).wire(); got.Ratio != want || got.AddedUs != 0 {
			t.Errorf("a suspicion with factor %v is sent as %v, %v", in, got.Ratio, got.AddedUs)
		}
		if got := (Vote{Ratio: in, Added: -time.Second}).wire(); got.Ratio != want || got.AddedUs != 0 {
			t.Errorf("a vote with factor %v is sent as %v, %v", in, got.Ratio, got.AddedUs)
		}
	}
}

// TestConfigsComeBackWhole covers every field of a check and of its question.
func TestConfigsComeBackWhole(t *testing.T) {
	cfg := fleet.Config{
		ID: 7, Politeness: time.Second,
		Targets: []fleet.Target{{ID: "t", Name: "T", Provider: "p", Service: "s", Region: "r", Dependencies: []string{"cdn"}, Client: "c", Reference: true}},
		Checks: []fleet.Check{{
			ID: "t/http", Target: "t", Interval: 10 * time.Second, Typical: 123 * time.Millisecond,
			Spec: probes.Spec{
				Kind: probes.HTTP, Host: "h", Port: 8443, Timeout: time.Second, Resolver: "192.0.2.53:53", CA: "ca", ServerName: "n", Query: "MX", Family: 6,
				Packets: 4, Plain: true, Method: "HEAD", Path: "/p", Status: []int{200, 204}, Body: "b",
			},
		}},
	}
	v := reflect.ValueOf(cfg.Checks[0].Spec)
	for i := range v.NumField() {
		if v.Field(i).IsZero() && v.Type().Field(i).Name != "ConnectTimeout" { // never configured
			t.Errorf("this test does not set %s", v.Type().Field(i).Name)
		}
	}
	src, err := proto.Marshal(configWire(&cfg))
	if err != nil {
		t.Fatal(err)
	}
	var w wire.Config
	if err := proto.Unmarshal(src, &w); err != nil {
		t.Fatal(err)
	}
	if back, err := configFrom(&w); err != nil || !reflect.DeepEqual(back, cfg) {
		t.Errorf("%+v, %v\nis not\n%+v", back, err, cfg)
	}
}

// TestOlderPeersAreUnderstood: frames without the newer fields mean what they did.
func TestOlderPeersAreUnderstood(t *testing.T) {
	w := configWire(&fleet.Config{Checks: []fleet.Check{{ID: "c", Interval: time.Second, Spec: probes.Spec{Kind: probes.TCP, Host: "h", Port: 1}}}})
	if c, err := configFrom(w); err != nil || c.Checks[0].Typical != 0 || c.Checks[0].Spec.Family != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if s := suspicionFrom(&wire.Suspicion{Check: 3, Overdue: true}); s != (Suspicion{Check: 3, Overdue: true}) {
		t.Errorf("%+v", s)
	}
	if v := voteFrom(&wire.Vote{Round: 3, Answer: 2}); v != (Vote{Round: 3, Answer: 2}) {
		t.Errorf("%+v", v)
	}
	// A family that this version does not know stays one that it does not know.
	if s, err := specFrom(&wire.Spec{Kind: 3, Host: "h", Port: 1, Family: 1 << 20}); err != nil || s.Validate() == nil {
		t.Errorf("%+v, %v is asked", s, err)
	}
}
