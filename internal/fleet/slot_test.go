package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// widest is the widest gap of slots' phases in even shares.
func widest(slots []uint32) float64 {
	turns := make([]uint64, len(slots))
	for i, s := range slots {
		turns[i] = uint64(s) * Golden
	}
	slices.Sort(turns)
	gap := turns[0] - turns[len(turns)-1] // over the top of the circle
	for i := 1; i < len(turns); i++ {
		gap = max(gap, turns[i]-turns[i-1])
	}
	if len(turns) == 1 {
		return 1
	}
	return float64(gap) / (1 << 63) / 2 * float64(len(turns))
}

// Whoever joins in whatever order, the agents of each vantage region are spread by
// themselves, and all of them together.
func TestSlotsAreEvenInTheFleetAndInEveryRegion(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	orders := map[string]func(i, n int) int{
		"one region": func(int, int) int { return 0 },
		"in turns":   func(i, _ int) int { return i % 3 },
		"in pairs":   func(i, _ int) int { return i % 2 },
		"in blocks":  func(i, n int) int { return 3 * i / n },
		"by chance":  func(int, int) int { return rng.IntN(3) },
	}
	for name, order := range orders {
		for n := 1; n <= 40; n++ {
			var placed []Placed
			var all []uint32
			regions := map[string][]uint32{}
			first := uint32(0)
			for i := range n {
				region := fmt.Sprint(order(i, n))
				slot := NextSlot(first, placed, region)
				if slot < first || slices.Contains(all, slot) {
					t.Fatalf("%s, %d: slot %d again", name, n, slot)
				}
				first = slot + 1
				placed = append(placed, Placed{slot, region})
				all = append(all, slot)
				regions[region] = append(regions[region], slot)
			}
			if w := widest(all); w > 2.1 {
				t.Errorf("%s: the widest gap of %d agents is %.2f shares", name, n, w)
			}
			for r, slots := range regions {
				if w := widest(slots); w > 2.3 && len(slots) > 2 {
					t.Errorf("%s: the widest gap of the %d agents of region %s of %d is %.2f shares: %v", name, len(slots), r, n, w, slots)
				}
			}
		}
	}
}
