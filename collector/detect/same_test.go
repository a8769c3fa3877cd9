package detect

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestSameHistorySameWords: two engines that are told the same say the same, byte
// for byte and in the same order, and hold the same in the end. What decided by
// the order of a map would show here.
func TestSameHistorySameWords(t *testing.T) {
	t.Parallel()
	seeds := 30
	if testing.Short() {
		seeds = 8
	}
	told := map[Kind]int{}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 5))
		size := 1 + rng.IntN(13)
		a, b := newDriver(t, size), newDriver(t, size)
		for step := range 600 {
			op, x, y := byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))
			a.step(op, x, y)
			b.step(op, x, y)
			sameWords(t, seed, step, a, b, told)
		}
		a.finish()
		b.finish()
		sameWords(t, seed, -1, a, b, told)
		if x, y := fmt.Sprintf("%+v", a.e.Snapshot(a.now)), fmt.Sprintf("%+v", b.e.Snapshot(b.now)); x != y {
			t.Fatalf("seed %d: two snapshots of one history:\n%s\n%s", seed, x, y)
		}
	}
	t.Log(told)
}

func sameWords(t *testing.T, seed, step int, a, b *driver, told map[Kind]int) {
	t.Helper()
	if len(a.log) != len(b.log) {
		t.Fatalf("seed %d, step %d: %d events and %d", seed, step, len(a.log), len(b.log))
	}
	for i := range a.log {
		if ev, ok := a.log[i].(IncidentEvent); ok && ev.What == Opened {
			told[ev.Incident.Kind]++
		}
		if x, y := fmt.Sprintf("%+v", a.log[i]), fmt.Sprintf("%+v", b.log[i]); x != y {
			t.Fatalf("seed %d, step %d: two engines that were told the same say\n%s\n%s", seed, step, x, y)
		}
	}
	a.log, b.log = nil, nil
}
