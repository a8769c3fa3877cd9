package detect

import (
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

const privateID = "umbrella-erp"

// privateDown is a world in which the private target of client c1 is down.
func privateDown(t *testing.T) (*simWorld, Incident) {
	t.Helper()
	w := newWorld(t, worldOptions{})
	w.cfg.ID++
	w.cfg.Targets = append(w.cfg.Targets, fleet.Target{ID: privateID, Name: "Umbrella ERP", Provider: "onprem", Client: "c1"})
	w.cfg.Checks = append(w.cfg.Checks, fleet.Check{ID: "erp/https", Target: privateID, Interval: w.every, Spec: probes.Spec{Kind: probes.HTTP}})
	w.agents, w.queue = nil, nil
	w.boot()
	w.run(calm)
	w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
		if t.ID == privateID {
			return http503()
		}
		return nil
	}
	w.run(30 * time.Second)
	open := w.open()
	if len(open) != 1 || open[0].Client != "c1" {
		t.Fatalf("%+v", open)
	}
	return w, open[0]
}

// without is cfg without the target.
func without(cfg fleet.Config, id string) fleet.Config {
	cfg.ID++
	cfg.Targets = slices.DeleteFunc(slices.Clone(cfg.Targets), func(t fleet.Target) bool { return t.ID == id })
	cfg.Checks = slices.DeleteFunc(slices.Clone(cfg.Checks), func(c fleet.Check) bool { return c.Target == id })
	return cfg
}

func TestARemovedTargetsIncidentStaysItsClients(t *testing.T) {
	w, in := privateDown(t)
	w.e.SetConfig(w.now, without(w.cfg, privateID))
	w.drain()
	if got := w.incidents[in.ID]; got.State != Resolved || got.Client != "c1" || !slices.Contains(got.Targets, privateID) {
		t.Errorf("state %s, client %q, targets %v", got.State, got.Client, got.Targets)
	}
}

func TestATargetRemovedWhileStoppedStaysItsClients(t *testing.T) {
	w, in := privateDown(t)
	w.cfg = without(w.cfg, privateID)
	w.restart()
	w.drain()
	if got := w.incidents[in.ID]; got.State != Resolved || got.Client != "c1" {
		t.Errorf("state %s, client %q, targets %v", got.State, got.Client, got.Targets)
	}
}

func TestWhoseAnIncidentIs(t *testing.T) {
	e := New(Options{})
	e.SetConfig(time.Unix(1, 0), fleet.Config{ID: 1, Targets: []fleet.Target{{ID: "a1", Client: "a"}, {ID: "a2", Client: "a"}, {ID: "b1", Client: "b"}, {ID: "shared"}}})
	for _, c := range []struct {
		was     string
		targets []string
		want    string
	}{
		{"", []string{"a1", "a2"}, "a"}, {"", []string{"a1", "b1"}, ""}, {"a", []string{"a1", "shared"}, ""}, {"a", []string{"shared", "a1"}, ""},
		{"a", []string{"gone"}, "a"}, {"a", []string{"gone", "a1"}, "a"}, {"a", []string{"a1", "gone"}, "a"}, {"a", nil, "a"},
		{"", []string{"gone", "a1"}, ""}, {"a", []string{"gone", "shared"}, ""}, {"a", []string{"b1", "gone"}, ""},
	} {
		for _, sc := range []scope{{kind: KindProvider, provider: "p"}, {kind: KindNetworkProvider, network: "ISP", provider: "p"}, {kind: KindNetwork, network: "ISP"}} {
			l := newLive(Incident{Client: c.was, Targets: c.targets}, sc)
			e.label(l)
			if l.inc.Client != c.want {
				t.Errorf("%s of %q with %v is %q's, want %q", sc.kind, c.was, c.targets, l.inc.Client, c.want)
			}
		}
	}
}
