package vantage

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"picket/probes"
)

// TestUpNeverDoubts holds for every order of good results and any timing of
// them: nothing is ever doubted because of a good result.
func TestUpNeverDoubts(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := freshSite(t, testConfig())
		for range 500 {
			s.wait(time.Duration(rng.IntN(20_000)) * time.Millisecond)
			r := good()
			r.Total = time.Duration(rng.IntN(5000)) * time.Millisecond
			if rng.IntN(5) == 0 {
				r.Outcome = probes.Degraded
			}
			if d := s.v.Result(s.now, rng.Uint32N(6), s.now.Add(-r.Total), r); len(d) > 0 {
				t.Fatalf("seed %d: a good result is doubted: %+v", seed, d)
			}
		}
	}
}

// TestUnknownChangesNothing: in whatever state a check is, a result that could
// not tell leaves the state, the history and the right to vote as they were.
func TestUnknownChangesNothing(t *testing.T) {
	causes := []probes.Cause{
		probes.None, probes.Blocked, probes.TLSIntercepted, probes.LocalNoRoute, probes.LocalResources, probes.LocalPermission,
		probes.LocalCancelled, probes.LocalPanic, probes.LocalResolver, probes.Policy, probes.Unsupported, probes.BadSpec,
	}
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s := freshSite(t, testConfig())
		for range 300 {
			s.wait(time.Duration(rng.IntN(4000)) * time.Millisecond)
			check := rng.Uint32N(6)
			if rng.IntN(3) > 0 {
				if r := good(); rng.IntN(2) == 0 {
					s.probe(check, r)
				} else {
					s.probe(check, bad(probes.TCPReset))
				}
				continue
			}
			s.v.see(s.now)
			before := s.v.Checks()
			d := s.v.Result(s.now, check, s.now, unknown(causes[rng.IntN(len(causes))]))
			if len(d) > 0 {
				t.Fatalf("seed %d: an unknown result is doubted: %+v", seed, d)
			}
			for i, after := range s.v.Checks() {
				if after != before[i] {
					t.Fatalf("seed %d: an unknown result changed\n%+v to\n%+v", seed, before[i], after)
				}
			}
		}
	}
}

// FuzzStory plays any sequence of events and holds what must always hold: the
// budgets, no doubt and no vote while the own line is unwell, Down only after
// two failing attempts, references and pings without doubts.
func FuzzStory(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 250, 251, 252, 253, 254, 255})
	f.Add([]byte("\x03\x13\x23\x33\x43\x53\x63\x73\x83\x93\xa3\xb3\xc3\xd3\xe3\xf3"))
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 3))
		story := make([]byte, 900)
		for i := range story {
			story[i] = byte(rng.Uint32())
		}
		f.Add(story)
	}
	f.Fuzz(func(t *testing.T, story []byte) {
		s := freshSite(t, testConfig())
		var told []time.Time
		last := make(map[uint32]time.Time)
		take := func(doubts []Doubt) {
			for _, d := range doubts {
				if h := s.v.Health(s.now); !h.Voting {
					t.Fatalf("doubts with a line that is unwell: %+v, %+v", h, d)
				}
				if d.Check != web && d.Check != dns {
					t.Fatalf("a reference or a ping doubts: %+v", d)
				}
				if at, ok := last[d.Check]; ok && s.now.Sub(at) < 5*time.Second {
					t.Fatalf("check %d doubts twice within %v", d.Check, s.now.Sub(at))
				}
				last[d.Check] = s.now
				told = append(told, s.now)
				if n := len(told); n > 20 && s.now.Sub(told[n-21]) < 10*time.Second {
					t.Fatal("21 doubts within 10 s")
				}
			}
		}
		for i := 0; i+2 < len(story); i += 3 {
			what, check, arg := story[i], uint32(story[i+1]%7), story[i+2]
			s.wait(time.Duration(arg) * 16 * time.Millisecond)
			switch what % 8 {
			case 0:
				s.v.Began(s.now, check)
			case 1, 2:
				take(s.v.Result(s.now, check, s.now.Add(-time.Duration(arg)*time.Millisecond), good()))
			case 3, 4:
				take(s.v.Result(s.now, check, s.now.Add(-time.Duration(arg)*time.Millisecond), bad(probes.Cause(arg%80))))
			case 5:
				take(s.v.Tick(s.now))
			case 6:
				pick := []probes.Result{good(), bad(probes.TCPTimeout), unknown(probes.Blocked), {}}
				attempts := []probes.Result{pick[arg&3], pick[arg>>2&3]}
				h := s.v.Health(s.now)
				b := s.v.Vote(s.now, check, attempts, []probes.Result{pick[arg>>4&1], pick[arg>>5&1], good()})
				if b.Answer != Abstain && !h.Voting {
					t.Fatalf("votes %+v with health %+v", b, h)
				}
				if b.Answer == Down && (attempts[0].Outcome != probes.Down || attempts[1].Outcome != probes.Down) {
					t.Fatalf("down after %+v", attempts)
				}
				if b.Answer == Abstain && b.Why == WhyNone {
					t.Fatal("abstains without a reason")
				}
			case 7:
				cfg := testConfig()
				cfg.ID = uint64(arg)
				cfg.Checks = cfg.Checks[:4+int(arg%3)]
				s.v.SetConfig(s.now, cfg)
			}
			if at, ok := s.v.Next(); ok && at.IsZero() {
				t.Fatal("due at no time")
			}
			s.v.Standing(s.now)
			s.v.Checks()
		}
	})
}

func TestQuantilesOfTheRing(t *testing.T) {
	var ring totals
	for i := range 1000 { // the first 744 fall out again
		ring.add(time.Duration(i) * time.Millisecond)
	}
	if ring.len() != ringSize || len(ring.sorted) != ringSize {
		t.Fatalf("%d and %d kept", ring.len(), len(ring.sorted))
	}
	for q, want := range map[float64]time.Duration{0: 744, 0.5: 871, 0.99: 997, 0.999: 999, 1: 999} {
		if got := ring.quantile(q); got != want*time.Millisecond {
			t.Errorf("quantile %v is %v, want %d ms", q, got, want)
		}
	}
}

// TestTheSortedRingIsTheRingSorted: whatever comes, with many equal values among
// it, what is kept sorted is the ring, and its spread is the one of the definition.
func TestTheSortedRingIsTheRingSorted(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int{1, 3, 40, 100_000} {
		var ring totals
		for n := range 3 * ringSize {
			ring.add(time.Duration(dice.IntN(most)) * time.Microsecond)
			if sorted := slices.Sorted(slices.Values(ring.ring)); !slices.Equal(sorted, ring.sorted) {
				t.Fatalf("below %d, after %d: sorted as %v, want %v", most, n+1, ring.sorted, sorted)
			}
			if ring.median() != ring.quantile(0.5) || ring.most() != ring.quantile(0.999) {
				t.Fatalf("below %d, after %d: median %v, most %v, want %v, %v", most, n+1, ring.median(), ring.most(), ring.quantile(0.5), ring.quantile(0.999))
			}
			median, mad := ring.spread()
			var off []float64
			for _, us := range ring.ring {
				off = append(off, math.Abs(math.Log(float64(max(us, 1))/median)))
			}
			slices.Sort(off)
			if want := off[(len(off)+1)/2-1]; math.Abs(mad-want) > 1e-12 {
				t.Fatalf("below %d, after %d: spread %v, want %v", most, n+1, mad, want)
			}
		}
	}
}

// BenchmarkResult is the cost of one scheduled result with a full history.
func BenchmarkResult(b *testing.B) {
	v := New(Options{})
	now := time.Unix(1e9, 0)
	v.SetConfig(now, testConfig())
	b.ReportAllocs()
	for i := range b.N {
		now = now.Add(time.Second)
		v.Began(now, web)
		r := good()
		r.Total += time.Duration(i%1000) * time.Millisecond
		v.Result(now, web, now, r)
	}
}
