package detect

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// TestQuietIsManyGoodResults: in front of two engines with one random history,
// one is told of n good results and the other that there were n. Whatever
// happens then, both say the same.
func TestQuietIsManyGoodResults(t *testing.T) {
	t.Parallel()
	seeds := 15
	if testing.Short() {
		seeds = 6
	}
	told := 0
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 3))
		size := 1 + rng.IntN(12)
		one, many, again := newDriver(t, size), newDriver(t, size), newDriver(t, size)
		for range 400 {
			if rng.IntN(4) == 0 {
				if quietBoth(one, many, again, rng) {
					told++
				}
			}
			op, a, b := byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))
			one.step(op, a, b)
			many.step(op, a, b)
			again.step(op, a, b)
			if fmt.Sprintf("%+v", many.log) != fmt.Sprintf("%+v", again.log) {
				t.Fatalf("seed %d: two engines that were told the same say different things", seed)
			}
			if x, y := fmt.Sprintf("%+v", one.log), fmt.Sprintf("%+v", many.log); x != y {
				t.Fatalf("seed %d: after Quiet\n%s\nafter many results\n%s", seed, x, y)
			}
			one.log, many.log, again.log = nil, nil, nil
		}
		if x, y := fmt.Sprintf("%+v", one.e.Snapshot(one.now)), fmt.Sprintf("%+v", many.e.Snapshot(many.now)); x != y {
			t.Fatalf("seed %d: after Quiet\n%s\nafter many results\n%s", seed, x, y)
		}
	}
	if told < 10*seeds {
		t.Errorf("only %d stretches were compared", told)
	}
}

// quietBoth tells of n good results in both ways, if the precondition holds.
func quietBoth(one, many, again *driver, rng *rand.Rand) bool {
	site := one.sites[rng.IntN(len(one.sites))]
	check, n := uint32(rng.IntN(len(one.cfg.Checks))), 1+rng.IntN(40)
	step, late := time.Duration(1+rng.IntN(200))*time.Millisecond, time.Duration(rng.IntN(1500))*time.Millisecond
	total := time.Duration(rng.IntN(3)) * 40 * time.Millisecond
	first := one.now.Add(step - late)
	if a := one.e.agents[site.ID]; a != nil {
		sp := a.site.silence
		if int(check) < len(a.cells) && ms(first) <= a.cells[check].start || sp != nil && (!sp.over() || first.Before(sp.to)) ||
			one.now.Sub(a.shaky) < shakyFor || one.now.Before(a.site.onTrial) {
			return false
		}
	}
	for i := range n {
		for _, d := range []*driver{many, again} {
			d.now = d.now.Add(step)
			d.e.Observe(d.now, Observation{Agent: site.ID, Check: check, Start: first.Add(time.Duration(i) * step), Result: probes.Result{Outcome: probes.Up, Total: total}})
		}
	}
	one.now = many.now
	one.e.Quiet(one.now, site.ID, check, n, step, one.now.Add(-late), total)
	again.drain()
	one.drain()
	many.drain()
	return true
}

// TestIdleTimeBringsNothing: from a moment at which the engine is idle, minutes in
// which all go on as before bring nothing but the verdicts of the grid.
func TestIdleTimeBringsNothing(t *testing.T) {
	t.Parallel()
	seeds := 9
	if testing.Short() {
		seeds = 3
	}
	calm, busy := 0, 0
	for seed := range seeds {
		w := newWorld(t, worldOptions{seed: uint64(seed)})
		w.noise = 0.003
		if seed%3 == 0 {
			at := w.now.Add(40 * time.Second)
			w.breaks = func(_ *Site, tg *fleet.Target, _ probes.Kind) *fault {
				if tg.Provider == "aws" && w.now.After(at) && w.now.Before(at.Add(30*time.Second)) {
					return refused()
				}
				return nil
			}
		}
		for range 20 + seed {
			w.run(5 * time.Second)
			for _, l := range w.e.open {
				if idle(w) {
					t.Fatalf("idle with %s open", l.inc.Title)
				}
			}
		}
		for tries := 0; !idle(w) && tries < 300; tries++ {
			busy++
			w.run(time.Second)
		}
		if !idle(w) {
			t.Fatalf("seed %d: never idle", seed)
		}
		calm++
		skipIdle(t, w, 10*time.Minute)
	}
	if calm < seeds || busy == 0 {
		t.Errorf("idle %d times, %d looks found it busy", calm, busy)
	}
}

// idle says that the engine is calm and needs no Tick at all.
func idle(w *simWorld) bool {
	_, busy := w.e.NextRound()
	return !busy && w.e.Calm(w.now)
}

// skipIdle lets time pass in which every check of every agent goes well.
func skipIdle(t *testing.T, w *simWorld, d time.Duration) {
	from := w.now
	end := w.now.Add(d)
	for w.now.Before(end) {
		for _, a := range w.agents {
			for c := range w.cfg.Checks {
				w.e.Quiet(w.now, a.id, uint32(c), 1, 0, w.now.Add(-50*time.Millisecond), 0)
			}
		}
		w.now = w.now.Add(time.Second)
		for _, a := range w.agents {
			w.e.Contact(w.now, a.id)
		}
		for next, ok := w.e.Next(); ok && !next.After(w.now); next, ok = w.e.Next() {
			w.e.Tick(w.now)
		}
		for _, ev := range w.e.Drain() {
			if v, ok := ev.(VerdictEvent); !ok || !v.Grid {
				t.Fatalf("%v after being idle: %+v", w.now.Sub(from), ev)
			}
		}
	}
	if !idle(w) {
		t.Fatal("no longer idle")
	}
}
