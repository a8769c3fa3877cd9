package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// TestTypicalIsAboutTheMedian: near enough for a timeout of four times it, for
// near and far sites mixed, with spikes, and with a first answer that is far off.
func TestTypicalIsAboutTheMedian(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		for i, draw := range []func() float64{
			func() float64 { return 0.08 * math.Exp(0.2*rng.NormFloat64()) },                                     // one distance
			func() float64 { return []float64{0.02, 0.09, 0.25}[rng.IntN(3)] * math.Exp(0.1*rng.NormFloat64()) }, // near and far
			func() float64 { return 0.04 / math.Pow(rng.Float64(), 0.7) },                                        // a heavy tail
			func() float64 { return 0.05 },                                                                       // always the same
			func() float64 { return 0.001 + 0.1*math.Pow(rng.Float64(), 6) },                                     // mostly very low
		} {
			var est typical
			est.learn(3) // an unlucky beginning
			var all []float64
			for range 2000 {
				x := draw()
				all = append(all, x)
				est.learn(x)
			}
			slices.Sort(all)
			low, high := all[len(all)*35/100], all[len(all)*65/100]
			if m := float64(est.median); m < low*0.95 || m > high*1.05 {
				t.Errorf("seed %d, distribution %d: %.4f s is not between the quantiles 0.35 and 0.65, %.4f and %.4f s", seed, i, m, low, high)
			}
		}
	}
}

// TestTypicalNeedsThreeSites: what one client's two sites see is no word of the
// fleet, and what failed is none at all.
func TestTypicalNeedsThreeSites(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.breaks = func(s *Site, target *fleet.Target, k probes.Kind) *fault {
		if target.ID == w.cfg.Targets[0].ID && s.ID != w.sites[0].ID && s.ID != w.sites[1].ID {
			return refused()
		}
		return nil
	}
	w.run(3 * time.Minute)
	got := w.e.Typical()
	for _, c := range w.cfg.Checks {
		if d, known := got[c.ID]; known == (c.Target == w.cfg.Targets[0].ID) || known && d != 40*time.Millisecond {
			t.Errorf("%s: %v, %v", c.ID, d, known)
		}
	}

	// What is known stays known when the config changes its order.
	cfg := w.cfg
	cfg.ID, cfg.Checks = 2, slices.Clone(cfg.Checks)
	slices.Reverse(cfg.Checks)
	w.e.SetConfig(w.now, cfg)
	if again := w.e.Typical(); len(again) != len(got) {
		t.Errorf("%d checks after a new config, %d before", len(again), len(got))
	}
}
