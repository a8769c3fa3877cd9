package vantage

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"picket/probes"
)

// noise draws totals around a level: Gaussian in the logarithm, autocorrelated,
// with spikes (3.1's own model).
type noise struct {
	rng    *rand.Rand
	sigma  float64
	ar     float64
	spikes float64
	last   float64
}

func (n *noise) total(level time.Duration, shift float64) time.Duration {
	n.last = n.ar*n.last + math.Sqrt(1-n.ar*n.ar)*n.rng.NormFloat64()
	x := n.last + shift
	if n.rng.Float64() < n.spikes {
		x += 6 * n.rng.ExpFloat64()
	}
	return time.Duration(float64(level) * math.Exp(n.sigma*x))
}

func (s *site) took(check uint32, d time.Duration) []Doubt {
	s.t.Helper()
	return s.probe(check, probes.Result{Outcome: probes.Up, Total: d})
}

// The delays of 3.1's table, and no alarm in 1e5 samples of its noise.
func TestShiftsAreSeenWithinTheSamplesThatTheDesignPromises(t *testing.T) {
	for _, k := range []struct{ sigmas, most float64 }{{3, 10}, {5, 6}, {8, 6}} {
		var sum float64
		const runs = 300
		for seed := range uint64(runs) {
			n := &noise{rng: rand.New(rand.NewPCG(seed, 1)), sigma: 0.1}
			c, now := &check{}, time.Unix(1e9, 0)
			for range 300 {
				c.timed(now, n.total(200*time.Millisecond, 0))
			}
			// In units of the deviation that the check itself has measured.
			shift := k.sigmas * c.pace.scale / n.sigma
			i := 0
			for ; i < 1000 && !c.pace.slow; i++ {
				c.timed(now, n.total(200*time.Millisecond, shift))
			}
			sum += float64(i)
		}
		mean := sum / runs
		t.Logf("shift of %v sigma: mean delay %.1f samples", k.sigmas, mean)
		if mean > k.most || mean < 3.9 {
			t.Errorf("shift of %v sigma: mean delay %.1f samples, want 4 to %v", k.sigmas, mean, k.most)
		}
	}
}

func TestSpikesAndAutocorrelationRaiseNoFlag(t *testing.T) {
	const samples = 400_000
	for _, k := range []struct {
		level time.Duration
		ar    float64
		most  int
	}{
		{20 * time.Millisecond, 0.5, 0}, // the gate of 20 ms
		{400 * time.Millisecond, 0, 1},  // 7e5 samples to an alarm
		{400 * time.Millisecond, 0.5, samples / 50_000},
	} {
		level := k.level
		n := &noise{rng: rand.New(rand.NewPCG(7, 7)), sigma: 0.1, ar: k.ar, spikes: 0.05}
		c, now, alarms, was := &check{}, time.Unix(1e9, 0), 0, false
		for range samples {
			now = now.Add(10 * time.Second)
			c.timed(now, n.total(level, 0))
			if c.pace.slow && !was {
				alarms++
			}
			was = c.pace.slow
		}
		t.Logf("%v, autocorrelation %v: %d alarms in %d samples", level, k.ar, alarms, samples)
		if alarms > k.most {
			t.Errorf("%v, autocorrelation %v: %d alarms in %d samples", level, k.ar, alarms, samples)
		}
	}
}

func TestConstantAnswersNeverAlarm(t *testing.T) {
	for _, d := range []time.Duration{0, time.Microsecond, 3 * time.Millisecond, 2 * time.Second} {
		c, now := &check{}, time.Unix(1e9, 0)
		for range 5000 {
			now = now.Add(10 * time.Second)
			c.timed(now, d)
			c.loss.worked(1)
			if c.pace.slow || c.loss.lossy || c.pace.sum > 0 {
				t.Fatalf("%v: flagged", d)
			}
		}
	}
}

func TestTwiceAsSlowIsToldMarkedAndEnds(t *testing.T) {
	s := newSite(t)
	for range 60 {
		s.calmAt(80*time.Millisecond, 20*time.Millisecond)
	}
	var told []Doubt
	began := s.now
	for range 12 {
		s.references(3)
		if d := s.took(web, 170*time.Millisecond); len(d) > 0 {
			if len(told) == 0 {
				if late := s.now.Sub(began); late > 60*time.Second {
					t.Errorf("told after %v", late)
				}
			}
			told = append(told, d...)
		}
		s.wait(10 * time.Second)
	}
	if len(told) < 2 || len(told) > 4 {
		t.Fatalf("told %d times in two minutes, want each 30 s", len(told))
	}
	if d := told[len(told)-1]; !d.Degraded || d.Cause != probes.Slow || d.Added < 80*time.Millisecond || d.Added > 100*time.Millisecond || d.Ratio < 2 || d.Ratio > 2.3 {
		t.Errorf("doubt %+v", d)
	}
	up := probes.Result{Outcome: probes.Up, Total: time.Second}
	if r := s.v.Mark(web, up); r.Outcome != probes.Degraded || r.Cause != probes.Slow {
		t.Errorf("marked %v %v", r.Outcome, r.Cause)
	}
	if r := s.v.Mark(dns, up); !reflect.DeepEqual(r, up) {
		t.Errorf("another check is marked %v %v", r.Outcome, r.Cause)
	}
	if r := s.v.Mark(web, bad(probes.TCPReset)); r.Outcome != probes.Down {
		t.Errorf("a failure is marked %v", r.Outcome)
	}
	for range 4 {
		s.took(web, 80*time.Millisecond)
	}
	if r := s.v.Mark(web, up); r.Outcome != probes.Up {
		t.Errorf("still marked when fast again")
	}
}

// calmAt is one calm round in which web and references take so long.
func (s *site) calmAt(web0, ref time.Duration) {
	s.t.Helper()
	for i := range uint32(3) {
		s.took(ref0+i, ref)
	}
	if d := s.took(web, web0); len(d) > 0 {
		s.t.Fatalf("a calm round doubts: %+v", d)
	}
	s.wait(10 * time.Second)
}

func TestAFullUploadQueueIsTheLineAndNoTarget(t *testing.T) {
	s := newSite(t)
	for range 60 {
		s.calmAt(80*time.Millisecond, 20*time.Millisecond)
	}
	for range 60 { // everything is slower by 200 ms: calmAt fails the test if the check is doubted
		s.calmAt(280*time.Millisecond, 220*time.Millisecond)
	}
	up := probes.Result{Outcome: probes.Up}
	if r := s.v.Mark(ref0, up); r.Outcome != probes.Degraded {
		t.Error("the references are not marked as slow")
	}
	if r := s.v.Mark(web, up); r.Outcome != probes.Up {
		t.Error("the target is marked as slow")
	}
	for range 60 {
		s.calmAt(80*time.Millisecond, 20*time.Millisecond)
	}
	if m := s.v.Checks()[web].Median; m != 80*time.Millisecond {
		t.Errorf("the baseline has learned the queue: %v", m)
	}
}

func TestASlowSpellIsNotLearnedForADay(t *testing.T) {
	c, now := &check{}, time.Unix(1e9, 0)
	step := func(n int, d time.Duration) {
		for range n {
			now = now.Add(10 * time.Second)
			c.timed(now, d)
		}
	}
	step(300, 50*time.Millisecond)
	step(8*3600/10, 100*time.Millisecond)
	if !c.pace.slow {
		t.Fatal("forgotten after eight hours")
	}
	step(17*3600/10, 100*time.Millisecond)
	if c.pace.slow {
		t.Error("still slow after a day: this is what it is now")
	}
	step(20, 200*time.Millisecond)
	if !c.pace.slow {
		t.Error("the new level is no baseline")
	}
}

func TestLossIsAHintAndOutagesAreNone(t *testing.T) {
	s := newSite(t)
	for range 3 {
		s.fail(web)
		s.confirm(web, 3, good(), bad(probes.TCPReset))
		s.wait(10 * time.Second)
		s.references(3)
	}
	s.ok(web)
	if r := s.v.Mark(web, good()); r.Cause != probes.Lossy {
		t.Errorf("three transients: %v", r.Cause)
	}
	s.calm(30)
	if r := s.v.Mark(web, good()); r.Outcome != probes.Up {
		t.Error("still lossy after 30 good results")
	}
	s.fail(web)
	s.confirm(web, 3, bad(probes.TCPReset), bad(probes.TCPReset))
	for range 5 {
		s.wait(10 * time.Second)
		s.references(3)
		s.fail(web)
	}
	s.calm(4)
	if r := s.v.Mark(web, good()); r.Outcome != probes.Up {
		t.Error("an outage counts as loss")
	}
}

// Fast-forward is the same as every single call.
func TestQuietTotalsAreThoseOfEveryCall(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var a check
		now := time.Unix(1e9, 0)
		n := &noise{rng: rng, sigma: 0.1, spikes: 0.1}
		for range rng.IntN(400) {
			now = now.Add(10 * time.Second)
			a.timed(now, n.total(50*time.Millisecond, 0))
		}
		a.pace.line = time.Duration(rng.IntN(2)*30) * time.Millisecond
		b := a
		b.totals.ring = append([]uint32(nil), a.totals.ring...)
		b.totals.sorted = append([]uint32(nil), a.totals.sorted...)
		d := time.Duration(40+rng.IntN(80)) * time.Millisecond
		many, every := rng.IntN(12000), 10*time.Second
		first := now.Add(every)
		for i := range many {
			a.timed(first.Add(time.Duration(i)*every), d)
		}
		b.quietSlow(first, every, many, probes.Result{Outcome: probes.Up, Total: d})
		if !reflect.DeepEqual(a.pace, b.pace) {
			t.Fatalf("%d of %v: pace %+v, want %+v", many, d, b.pace, a.pace)
		}
		if !reflect.DeepEqual(a.totals.sorted, b.totals.sorted) || a.totals.next != b.totals.next && !a.totals.even() {
			t.Fatalf("%d of %v: rings differ", many, d)
		}
	}
}

func TestTimedAllocatesNothing(t *testing.T) {
	c, now := &check{}, time.Unix(1e9, 0)
	n := &noise{rng: rand.New(rand.NewPCG(1, 1)), sigma: 0.1, spikes: 0.05}
	for range 300 {
		c.timed(now, n.total(50*time.Millisecond, 0))
	}
	if a := testing.AllocsPerRun(1000, func() { c.timed(now, n.total(50*time.Millisecond, 0)) }); a > 0 {
		t.Errorf("%v allocations per result", a)
	}
}
