package detect

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// overBoth asks every target over both IP versions.
func overBoth(cfg *fleet.Config) {
	var checks []fleet.Check
	for _, c := range cfg.Checks {
		for _, f := range []probes.Family{4, 6} {
			c := c
			c.ID += "/v" + f.String()
			c.Spec.Family = f
			checks = append(checks, c)
		}
	}
	cfg.Checks = checks
}

func TestOneIPVersionDownSaysWhich(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   Kind
		family string
		fails  func(s *Site, t *fleet.Target, f probes.Family) bool
	}{
		"a provider over IPv6":   {KindProvider, "6", func(_ *Site, t *fleet.Target, f probes.Family) bool { return t.Provider == "aws" && f == 6 }},
		"one endpoint over IPv4": {KindTarget, "4", func(_ *Site, t *fleet.Target, f probes.Family) bool { return t.ID == "gcp-storage-r3" && f == 4 }},
		"a provider over both":   {KindProvider, "", func(_ *Site, t *fleet.Target, _ probes.Family) bool { return t.Provider == "aws" }},
		"an ISP's way over IPv6": {KindNetwork, "6", func(s *Site, _ *fleet.Target, f probes.Family) bool { return s.Network.Name == "ISP-2" && f == 6 }},
		"a cloud from eu over IPv6": {KindVRegionProvider, "6", func(s *Site, t *fleet.Target, f probes.Family) bool {
			return s.Region == "eu" && t.Provider == "aws" && f == 6
		}},
		"one endpoint over both now": {KindTarget, "", func(_ *Site, t *fleet.Target, _ probes.Family) bool { return t.ID == "gcp-storage-r3" }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{shape: overBoth, kinds: []probes.Kind{probes.TLS}})
			w.run(calm)
			w.meets = func(s *Site, tg *fleet.Target, ch *fleet.Check) *fault {
				if c.fails(s, tg, ch.Spec.Family) {
					return refused()
				}
				return nil
			}
			w.run(40 * time.Second)
			open := w.open()
			if len(open) != 1 || len(w.incidents) != 1 || open[0].Kind != c.kind || open[0].Family != c.family {
				w.tell()
				t.Fatalf("%d open, %d ids, %+v", len(open), len(w.incidents), open)
			}
			t.Log(open[0].Title, "|", open[0].Summary)
			w.meets = nil
			w.run(150 * time.Second)
			if len(w.open()) != 0 {
				w.tell()
				t.Error("still open after healing")
			}
		})
	}
}

func TestIPv4ReturnsFirst(t *testing.T) {
	w := newWorld(t, worldOptions{shape: overBoth, kinds: []probes.Kind{probes.TLS}})
	w.run(calm)
	both := true
	w.meets = func(_ *Site, t *fleet.Target, ch *fleet.Check) *fault {
		if t.Provider == "aws" && (both || ch.Spec.Family == 6) {
			return blackhole()
		}
		return nil
	}
	w.run(60 * time.Second)
	both = false
	w.run(2 * time.Minute)
	open := w.open()
	if len(open) != 1 || len(w.incidents) != 1 || open[0].Kind != KindProvider || open[0].Family != "6" {
		w.tell()
		t.Fatalf("%d open, %d ids", len(open), len(w.incidents))
	}
}
