package vantage

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

const (
	ringSize    = 256 // good totals kept
	fewSamples  = 5   // below it nothing is known
	manySamples = 50  // from it on the tail is known, too
)

// totals is the ring of the last good totals, kept sorted beside it, so that a
// quantile is a look-up. Values are whole microseconds.
type totals struct {
	ring   []uint32 // in order of arrival, next is the oldest once it is full
	sorted []uint32
	next   int
}

func (t *totals) len() int { return len(t.ring) }

func (t *totals) add(d time.Duration) {
	us := uint32(min(max(d.Microseconds(), 0), math.MaxUint32))
	if len(t.ring) < ringSize {
		t.ring = append(t.ring, us)
		t.sorted = slices.Insert(t.sorted, rankOf(t.sorted, us), us)
		return
	}
	old := t.ring[t.next]
	t.ring[t.next] = us
	t.next = (t.next + 1) % ringSize
	if old == us {
		return
	}
	// One move of what lies between the places of the old and the new.
	switch i, j := rankOf(t.sorted, old), rankOf(t.sorted, us); {
	case i < j:
		copy(t.sorted[i:j-1], t.sorted[i+1:j])
		t.sorted[j-1] = us
	default:
		copy(t.sorted[j+1:i+1], t.sorted[j:i])
		t.sorted[j] = us
	}
}

// rankOf is how many of the sorted are below v.
func rankOf(sorted []uint32, v uint32) int {
	low, high := 0, len(sorted)
	for low < high {
		if mid := int(uint(low+high) >> 1); sorted[mid] < v {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// median is quantile(0.5), of at least one sample.
func (t *totals) median() time.Duration {
	return time.Duration(t.sorted[(len(t.sorted)-1)/2]) * time.Microsecond
}

// most is quantile(0.999), of at least one sample: with no more than ringSize of
// them it is the largest.
func (t *totals) most() time.Duration {
	return time.Duration(t.sorted[len(t.sorted)-1]) * time.Microsecond
}

// quantile returns the nearest-rank quantile, 0 without samples.
func (t *totals) quantile(q float64) time.Duration {
	if len(t.sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(t.sorted))))
	return time.Duration(t.sorted[min(max(rank, 1), len(t.sorted))-1]) * time.Microsecond
}

// overdue is how long a reply may take before it is missed; 0 while unknown.
// 300 ms is about what a healthy mobile line does to one packet; the tail
// quantile keeps a check with a wide spread from crying. With fewer than 5
// samples typical, the fleet's median (0: unknown), stands in (A4); a site that
// is far away is believed its own first answers if they are slower.
func (t *totals) overdue(typical time.Duration) time.Duration {
	switch n := t.len(); {
	case n >= manySamples:
		return max(300*time.Millisecond, min(4*t.median(), t.most()))
	case n >= fewSamples:
		return max(500*time.Millisecond, 4*t.median())
	case typical > 0:
		return max(500*time.Millisecond, 4*typical, 4*t.quantile(0.5))
	default:
		return 0
	}
}

const (
	slots    = 12
	slotSpan = time.Hour / slots
)

// hour counts the scheduled runs of the last hour in slots of five minutes.
type hour struct {
	began [slots]int64 // the slot's number since the epoch of Unix
	runs  [slots]uint32
	fails [slots]uint32
}

func (h *hour) add(now time.Time, failed bool) {
	n := now.UnixNano() / int64(slotSpan)
	i := ((n % slots) + slots) % slots
	if h.began[i] != n {
		h.began[i], h.runs[i], h.fails[i] = n, 0, 0
	}
	h.runs[i]++
	if failed {
		h.fails[i]++
	}
}

func (h *hour) count(now time.Time) (runs, fails int) {
	n := now.UnixNano() / int64(slotSpan)
	for i := range h.began {
		if h.began[i] <= n && h.began[i] > n-slots {
			runs, fails = runs+int(h.runs[i]), fails+int(h.fails[i])
		}
	}
	return runs, fails
}

// rate is the share of failures, 0 without runs.
func (h *hour) rate(now time.Time) float64 {
	runs, fails := h.count(now)
	if runs == 0 {
		return 0
	}
	return float64(fails) / float64(runs)
}

const (
	recordSize   = 64              // results kept outside of spells of down
	spellWeight  = 10              // failures that one spell of down counts as at most
	spellHalf    = 5 * time.Minute // after which it counts half
	badAtSamples = 10
)

// record is how reliable a check has been from here lately: the last 64 results
// outside of confirmed spells, one bit each, and the fading weight of the spells.
type record struct {
	bits  uint64 // 1 = failed, the latest lowest
	n     int
	spell float64 // weight of ended spells of down, as of at
	at    time.Time
}

func (r *record) add(failed bool) {
	r.bits <<= 1
	if failed {
		r.bits |= 1
	}
	r.n = min(r.n+1, recordSize)
}

// close takes a spell that is over.
func (r *record) close(now time.Time, s spell) {
	if !s.down {
		for range min(s.fails, spellWeight) {
			r.add(true)
		}
		return
	}
	r.spell = r.faded(now) + float64(min(max(s.fails, 1), spellWeight))
	r.at = now
}

func (r *record) faded(now time.Time) float64 {
	return r.spell * math.Exp2(-max(0, now.Sub(r.at).Seconds())/spellHalf.Seconds())
}

// bad says that more than share of at least 10 results failed, as of at.
func (r *record) bad(at time.Time, share float64) bool {
	if r.n == 0 && r.spell == 0 {
		return false
	}
	spells := 0.0
	if r.spell > 0 {
		spells = r.faded(at)
	}
	fails := float64(bits.OnesCount64(r.bits)) + spells
	samples := float64(r.n) + spells
	return samples >= badAtSamples && fails > share*samples
}

// budget lets at most limit things happen in any 10 s. Its zero times are long past.
type budget struct {
	limit int
	taken []time.Time // ring of the last limit
	next  int
}

const budgetSpan = 10 * time.Second

func (b *budget) take(now time.Time) bool {
	if len(b.taken) < b.limit {
		b.taken = append(b.taken, now)
		return true
	}
	if len(b.taken) == 0 || now.Sub(b.taken[b.next]) < budgetSpan {
		return false
	}
	b.taken[b.next] = now
	b.next = (b.next + 1) % len(b.taken)
	return true
}
