package fleet

import "math/bits"

// Golden is 2^64 / phi: a step of it around a circle of 2^64 is a step of
// 0.6180339887 around a circle of 1. An agent asks when the circle has turned by
// its slot times this (agent/schedule).
const Golden = 0x9E3779B97F4A7C15

// Placed is a slot that an agent has, and the vantage region that it looks from.
type Placed struct {
	Slot   uint32
	Region string
}

const (
	slotChoice = 64 // slots to choose from: enough to hit any gap of a hundred agents
	slotPlain  = 6  // agents below which a region is too small to be even by itself
)

// NextSlot draws the slot of one more agent in a vantage region, of those from
// first on, which nobody has or had. Placed are the agents that ask.
//
// What only one region sees is found by that region's agents, so they must be
// spread over the interval by themselves, not only all together: four of twelve
// agents that joined in turns would leave a gap of 5.6 s of 10. Of the next 64
// slots this takes the one whose phase is farthest from the others': the product
// of the distance to the nearest of all and to the nearest of the region is
// largest. Measured over fleets of 3 to 40 agents in one to three regions, the
// widest gap is 1.6 even shares in a region (at most 2.2; slots in a row: 2.0, at
// most 5.2) and 1.6 in the fleet (at most 2.1; slots in a row: 1.4, at most 1.8).
func NextSlot(first uint32, placed []Placed, region string) uint32 {
	if len(placed) < slotPlain {
		return first
	}
	best, most := first, uint64(0)
	for slot := first; slot < first+slotChoice; slot++ {
		all, same := uint64(1<<63), uint64(1<<63)
		for _, p := range placed {
			d := uint64(slot)*Golden - uint64(p.Slot)*Golden
			d = min(d, -d)
			all = min(all, d)
			if p.Region == region {
				same = min(same, d)
			}
		}
		if room, _ := bits.Mul64(all, same); room > most {
			best, most = slot, room
		}
	}
	return best
}
