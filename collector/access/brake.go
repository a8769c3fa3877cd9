package access

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of the brakes.
const (
	freeTries  = 5 // failures that cost no waiting
	firstWait  = time.Second
	nameWait   = time.Minute
	prefixWait = 15 * time.Minute
	forgiveIn  = time.Hour // without a try
	maxTracked = 4096      // names, and addresses
)

// brake slows down who fails again and again. The zero value is not ready: use newBrake.
type brake[K comparable] struct {
	longest time.Duration

	mu  sync.Mutex // guards the field below
	all map[K]tries
}

type tries struct {
	failed int
	last   time.Time
	until  time.Time // no try before
}

func newBrake[K comparable](longest time.Duration) *brake[K] {
	return &brake[K]{longest: longest, all: map[K]tries{}}
}

// take asks for one try. Zero: it may go on, and counts as failed until
// [brake.well] says otherwise, so that parallel tries are counted too. Else it is
// how long to wait; a try that must wait counts for nothing.
func (b *brake[K]) take(k K, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, known := b.all[k]
	if known && now.Before(t.until) {
		return t.until.Sub(now)
	}
	if now.Sub(t.last) > forgiveIn {
		t = tries{}
	}
	if !known && len(b.all) >= maxTracked {
		b.forget(now)
	}
	t.failed++
	t.last = now
	if over := t.failed - freeTries; over >= 0 {
		t.until = now.Add(min(firstWait<<min(over, 20), b.longest))
	}
	b.all[k] = t
	return 0
}

// forget makes room: what is forgiven goes, and an eighth of the rest, those who
// have the least to wait.
func (b *brake[K]) forget(now time.Time) {
	maps.DeleteFunc(b.all, func(_ K, t tries) bool { return now.Sub(t.last) > forgiveIn })
	if len(b.all) < maxTracked {
		return
	}
	keys := slices.SortedFunc(maps.Keys(b.all), func(x, y K) int { return b.all[x].until.Compare(b.all[y].until) })
	for _, k := range keys[:maxTracked/8] {
		delete(b.all, k)
	}
}

// well takes back one failure; all says take back all.
func (b *brake[K]) well(k K, all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.all[k]
	if !ok {
		return
	}
	t.failed--
	if t.failed < freeTries {
		t.until = time.Time{}
	}
	if all || t.failed <= 0 {
		delete(b.all, k)
		return
	}
	b.all[k] = t
}

// prefix is who an address counts as: an IPv4 address, an IPv6 network of 64 bits.
func prefix(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: all of these count as one
	}
	return p
}

// trickle lets lines into the audit trail: 20 at once, then one every 10 s. What
// it holds back is counted.
type trickle struct {
	mu   sync.Mutex // guards the fields below
	room float64
	at   time.Time
	held int
}

const (
	trickleBurst = 20
	trickleEvery = 10 * time.Second
)

// pass says whether a line may go in, and how many were held back before it.
func (t *trickle) pass(now time.Time) (held int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at.IsZero() {
		t.room = trickleBurst
	} else if gone := now.Sub(t.at); gone > 0 {
		t.room = min(trickleBurst, t.room+float64(gone)/float64(trickleEvery))
	}
	t.at = now
	if t.room < 1 {
		t.held++
		return 0, false
	}
	t.room--
	held, t.held = t.held, 0
	return held, true
}
