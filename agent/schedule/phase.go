package schedule

import (
	"hash/fnv"
	"io"
	"math/bits"
	"time"

	"picket/internal/fleet"
)

// Phase returns when, within every interval of the wall clock, an agent in
// slot asks a check: frac(hash(check)/2^64 + slot x 0.6180339887) x interval.
//
// The hash spreads an agent's checks, the golden ratio spreads the agents of
// one check: any number of successive slots leaves no gap wider than 1.9 /
// slots of the interval, and a further slot moves nobody. Which slot an agent gets
// is the collector's choice ([fleet.NextSlot]). The arithmetic is on
// integers, so that all machines agree to the nanosecond. The hash is FNV-1a
// 64 finished by the mixer of MurmurHash3, because FNV alone leaves the upper
// bits of names that differ in the last letter almost equal.
func Phase(check string, slot uint32, interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	turn := mix(check) + uint64(slot)*fleet.Golden // overflow is the point: only the fraction counts
	hi, _ := bits.Mul64(turn, uint64(interval))
	return time.Duration(hi)
}

func mix(s string) uint64 {
	f := fnv.New64a()
	_, _ = io.WriteString(f, s) // never fails
	h := f.Sum64()
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}

// Interval returns how often one of sites agents asks a check that is wanted
// every interval, so that all of them together ask at most once in politeness.
// Detection depends on interval / sites and loses nothing.
func Interval(every, politeness time.Duration, sites int) time.Duration {
	return max(every, politeness*time.Duration(max(sites, 1)))
}
