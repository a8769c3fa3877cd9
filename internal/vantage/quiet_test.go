package vantage

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// step does one random thing to a vantage point and returns all that it says.
// The same rng gives the same step. most is how long its replies take at most.
func step(v *Vantage, now time.Time, most time.Duration, rng *rand.Rand) []any {
	check, took := rng.Uint32N(7), time.Duration(rng.Int64N(int64(most)))
	pick := []probes.Result{good(), bad(probes.TCPTimeout), bad(probes.HTTPStatus), unknown(probes.Blocked), unknown(probes.LocalNoRoute), slow()}
	r := pick[min(rng.IntN(12), len(pick)-1)]
	if rng.IntN(3) > 0 {
		r = good()
	}
	r.Total = took
	var out []any
	switch what := rng.IntN(10); what {
	case 0:
		out = append(out, v.Tick(now))
	case 1, 2:
		attempts := []probes.Result{pick[rng.IntN(len(pick))], pick[rng.IntN(len(pick))]}
		attempts[0].Start = now.Add(-time.Second)
		out = append(out, v.Vote(now, check, attempts, []probes.Result{good(), r, good()}))
	case 3:
		v.Began(now, check)
	default:
		v.Began(now.Add(-took), check)
		out = append(out, v.Result(now, check, now.Add(-took), r))
	}
	next, ok := v.Next()
	out = append(out, next, ok, v.Mark(check, good()), v.Health(now))
	if rng.IntN(8) == 0 {
		out = append(out, v.Standing(now), v.Checks(), v.Deadline(check), v.Overdue(check))
	}
	return out
}

// memory is all that a vantage point knows, without what can never be asked for
// again: slots of more than an hour ago, and where the ring begins.
func memory(v *Vantage) []any {
	out := []any{v.latest, v.budget, v.line.round, v.line.good, v.line.passed, v.line.slower}
	for c := range v.each() {
		k := *c
		k.totals.ring = append(slices.Clone(c.totals.ring[c.totals.next:]), c.totals.ring[:c.totals.next]...)
		k.totals.next = 0
		for i, n := range k.hour.began {
			if n <= v.latest.UnixNano()/int64(slotSpan)-slots {
				k.hour.began[i], k.hour.runs[i], k.hour.fails[i] = 0, 0, 0
			}
		}
		out = append(out, k)
	}
	return out
}

// TestQuietIsManyGoodResults: whatever a vantage point has been through, to tell
// it of n good results at once or one by one makes no difference ever after.
func TestQuietIsManyGoodResults(t *testing.T) {
	spacings := []time.Duration{200 * time.Millisecond, time.Second, 10 * time.Second, 10 * time.Second, 31 * time.Second, 4 * time.Minute, 7 * time.Minute, 61 * time.Minute}
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 11))
		cfg := testConfig()
		if rng.IntN(4) == 0 { // one reference: each of its results ends a round
			cfg.Checks[1], cfg.Checks[2] = fleet.Check{}, fleet.Check{}
		}
		o := Options{Probation: rng.IntN(40) - 1}
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		one, all := New(o), New(o)
		one.SetConfig(now, cfg)
		all.SetConfig(now, cfg)
		slowest := []time.Duration{40 * time.Millisecond, 900 * time.Millisecond}[rng.IntN(2)]
		both := func(steps int, gap time.Duration) {
			t.Helper()
			for i := range steps {
				now = now.Add(time.Duration(rng.Int64N(int64(gap))))
				s := rng.Uint64()
				a := step(one, now, slowest, rand.New(rand.NewPCG(s, 0)))
				b := step(all, now, slowest, rand.New(rand.NewPCG(s, 0)))
				if !reflect.DeepEqual(a, b) {
					t.Fatalf("seed %d, %d events later: one by one\n%+v\nat once\n%+v", seed, i, a, b)
				}
			}
		}
		busy := 120
		if rng.IntN(5) == 0 {
			busy = 900 // every check has a baseline
		}
		for range 3 {
			both(rng.IntN(busy), 8*time.Second)
			n, every, check := rng.IntN(40), spacings[rng.IntN(len(spacings))], rng.Uint32N(6)
			if rng.IntN(3) == 0 {
				n = rng.IntN(900)
			}
			r := good()
			r.Total = time.Duration(rng.IntN(150_000)) * time.Microsecond
			first := now.Add(time.Duration(rng.IntN(1000)) * time.Millisecond)
			for i := range n {
				start := first.Add(time.Duration(i) * every)
				one.Began(start, check)
				one.Result(start.Add(r.Total), check, start, r)
			}
			all.Quiet(first, every, n, check, r)
			if a, b := memory(one), memory(all); !reflect.DeepEqual(a, b) {
				t.Fatalf("seed %d, %d results every %v: one by one\n%+v\nat once\n%+v", seed, n, every, a, b)
			}
			now = first.Add(time.Duration(n)*every + r.Total)
			both(1, time.Second)
		}
		both(200, 5*time.Second)
	}
}

// TestQuietOfWhatIsNotQuiet: what Quiet is not made for is fed one by one.
func TestQuietOfWhatIsNotQuiet(t *testing.T) {
	for _, r := range []probes.Result{bad(probes.TCPRefused), slow(), unknown(probes.Blocked)} {
		one, all := newSite(t), newSite(t)
		for i := range 20 {
			one.v.pair(one.now.Add(time.Duration(i)*10*time.Second), web, r)
		}
		all.v.Quiet(all.now, 10*time.Second, 20, web, r)
		if a, b := one.v.Checks(), all.v.Checks(); !reflect.DeepEqual(a, b) {
			t.Errorf("%v: one by one\n%+v\nat once\n%+v", r.Outcome, a[web], b[web])
		}
	}
}

// TestQuietOfASlowCheck: good results that are slow enough to be told of are told
// of as often as they would be, budget and all.
func TestQuietOfASlowCheck(t *testing.T) {
	late := good()
	late.Total = 200 * time.Millisecond
	one, all := newSite(t), newSite(t)
	one.calm(60)
	all.calm(60)
	for i := range 20 {
		one.v.pair(one.now.Add(time.Duration(i)*500*time.Millisecond), web, late)
	}
	all.v.Quiet(all.now, 500*time.Millisecond, 20, web, late) // while the references are fresh
	if a, b := one.v.check(web), all.v.check(web); !a.pace.slow || !reflect.DeepEqual(a, b) || !reflect.DeepEqual(one.v.budget, all.v.budget) {
		t.Errorf("one by one\n%+v\n%+v\nat once\n%+v\n%+v", a, one.v.budget, b, all.v.budget)
	}
}

// BenchmarkQuiet is the cost of a quiet day of one check.
func BenchmarkQuiet(b *testing.B) {
	v := New(Options{})
	now := time.Unix(1e9, 0)
	v.SetConfig(now, testConfig())
	b.ReportAllocs()
	for b.Loop() {
		v.Quiet(now, 10*time.Second, 8640, web, good())
		now = now.Add(24 * time.Hour)
	}
}
