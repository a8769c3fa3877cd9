package simulate

import "time"

// what says what an event is for.
type what uint8

const (
	evProbe   what = iota // an agent begins a probe that may not end well
	evQuick               // a probe that was well and is at the collector: begin, end and arrival in one
	evEnd                 // a result at its agent
	evArrive              // a result at the collector
	evTick                // a reply may be overdue
	evBeat                // an agent's second
	evHealth              // a health report at the collector
	evSuspect             // a suspicion at the collector
	evAsk                 // a round's question at an agent
	evAnswer              // the attempts of a round's question are done
	evOwn                 // the attempts of an own confirmation are done
	evVote                // a vote at the collector
	evHello               // an agent has a session (again)
	evSpool               // kept results at the collector
	evLie                 // a liar looks for something to doubt
	evStep                // something of the story happens: x is a step
	evEpisode             // a noise episode begins or ends: x is an episode
	evLook                // count who may not vote
	evHour                // a new hour of the wall clock: the engine's base rate goes by whole ones
)

// event is one thing that will happen. Events of one moment happen in the order
// in which they were made.
type event struct {
	at    time.Duration
	seq   uint64
	x     int32 // index of what it carries
	agent int32
	check int32
	life  uint16 // of the agent, or of the collector: what was for a former life is dropped
	what  what
}

// queue is a heap of four branches without interfaces: it allocates only while
// it grows.
type queue struct {
	heap []event
	made uint64
}

func before(a, b *event) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

func (q *queue) push(e event) {
	q.made++
	e.seq = q.made
	q.heap = append(q.heap, e)
	h := q.heap
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !before(&e, &h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
}

// pop takes the earliest event out.
func (q *queue) pop() event {
	h := q.heap
	top := h[0]
	last := h[len(h)-1]
	q.heap = h[:len(h)-1]
	if len(q.heap) > 0 {
		q.sink(last)
	}
	return top
}

// replace puts e in the place of the earliest event, which is cheaper than pop
// and push.
func (q *queue) replace(e event) {
	q.made++
	e.seq = q.made
	q.sink(e)
}

// sink finds the place of e from the top down.
func (q *queue) sink(e event) {
	h := q.heap
	i := 0
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for j := first + 1; j < min(first+4, len(h)); j++ {
			if before(&h[j], &h[least]) {
				least = j
			}
		}
		if !before(&h[least], &e) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

// slab keeps what events carry, and gives places back.
type slab[T any] struct {
	items []T
	free  []int32
}

func (s *slab[T]) put(v T) int32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		s.items[i] = v
		return i
	}
	s.items = append(s.items, v)
	return int32(len(s.items) - 1)
}

// take returns what is at i and gives the place back.
func (s *slab[T]) take(i int32) T {
	var zero T
	v := s.items[i]
	s.items[i] = zero
	s.free = append(s.free, i)
	return v
}

// dice draws reproducible random numbers: SplitMix64 (Steele, Lea, Flood,
// OOPSLA 2014), 8 bytes of state, so that every pair of an agent and a check can
// have its own and no event disturbs another's luck.
type dice uint64

const golden = 0x9E3779B97F4A7C15

func (d *dice) next() uint64 {
	*d += golden
	return scramble(uint64(*d))
}

func scramble(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// float is uniform in [0, 1).
func (d *dice) float() float64 { return float64(d.next()>>11) / (1 << 53) }

// within is uniform in [0, n).
func (d *dice) within(n time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	return time.Duration(d.float() * float64(n))
}

// sown makes a dice of its own from the run's seed and what it is for.
func sown(seed uint64, parts ...uint64) dice {
	h := scramble(seed + golden)
	for _, p := range parts {
		h = scramble(h ^ scramble(p+golden))
	}
	return dice(h)
}
