package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Answers around 360 ms with real noise: the drift of a dozen pairs tells 50 ms
// more from nothing, which no flag of a single pair does.
func TestADozenPairsTellWhatNoPairCan(t *testing.T) {
	for name, added := range map[string]time.Duration{"well": 0, "slower": 50 * time.Millisecond} {
		wrong := 0
		const runs = 200
		for seed := range uint64(runs) {
			rng, all, known := rand.New(rand.NewPCG(seed, 1)), &lean{}, &logs{}
			for range 12 {
				var p pace
				for i := range 90 {
					d := time.Duration(360 * float64(time.Millisecond) * math.Exp(0.1*rng.NormFloat64()))
					if i >= 86 {
						d += added
					}
					p.learn(d, uint8(min(i, 32)), known)
				}
				all.drift += int64(p.drift)
				all.square += int64(p.drift) * int64(p.drift)
				all.want += int64(driftUnit * math.Log1p(50.0/360))
				all.n++
			}
			if all.well() != (added == 0) {
				wrong++
			}
		}
		if t.Logf("%s: %d of %d wrong", name, wrong, runs); wrong > runs/20 {
			t.Errorf("%s: %d of %d wrong", name, wrong, runs)
		}
	}
	if l := (&lean{drift: 0, want: driftUnit / 20, n: 1}); l.well() {
		t.Error("a slowness that nobody there could see clears nothing")
	}
}

// A drift of a third of what others are slow by proves nothing where pairs scatter
// that much, and does where they do not.
func TestPairsThatScatterProveNothing(t *testing.T) {
	const want = driftUnit / 8
	group := func(scatter int64) *lean {
		l := &lean{}
		for i := range int64(12) {
			d := int64(want/3) + scatter*(2*(i%2)-1)
			l.drift, l.square, l.want, l.n = l.drift+d, l.square+d*d, l.want+want, l.n+1
		}
		return l
	}
	if group(want).well() {
		t.Error("scattered pairs are called well")
	}
	if l := group(0); !l.well() && l.odds() <= 0 {
		t.Error("a dozen pairs that agree are not well")
	}
	var none *lean
	if !none.well() || (&lean{}).odds() != 0 {
		t.Error("nothing known")
	}
}

// Slowness told of one vantage region is not told of everybody because the other
// regions cannot tell any more; a slow pair elsewhere does it.
func TestSlownessOfARegionIsNotWidenedByDoubt(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(time.Second)
	tg := w.e.targetByID["aws-storage-r1"]
	sc := targetScope(tg)
	w.e.open = append(w.e.open, newLive(Incident{Severity: SeverityDegraded}, sc.within("eu")))
	h := newHypothesis(sc, 0)
	for _, s := range w.e.sites {
		if s.Region == "eu" {
			h.add(&row{s: s, t: tg, able: true, down: true})
		}
	}
	if !w.e.slowThereOnly(h) {
		t.Error("widened without a slow pair elsewhere")
	}
	for _, s := range w.e.sites {
		if s.Region == "us" {
			h.add(&row{s: s, t: tg, able: true, down: true})
		}
	}
	if w.e.slowThereOnly(h) {
		t.Error("slow in two regions, and told of one")
	}
}

// Two sites that always fail, and chance failures at the others, bear nothing;
// a third that fails like them does, and so do many that fail now and then.
func TestTwoSitesBearNoPartialVerdict(t *testing.T) {
	var w pools
	w.weigh(time.Unix(0, 0))
	fleet := func(of ...tried) []stake {
		all := make([]stake, 12)
		for i := range all {
			all[i] = stake{string(rune('a' + i/2)), tried{runs: 12}}
			if 2*i < len(all) && i < len(of) {
				all[i] = stake{string(rune('a' + i)), of[i]}
			}
		}
		return all
	}
	liar, chance, bad := tried{fails: 12, runs: 12}, tried{fails: 1, runs: 12}, tried{fails: 6, runs: 12}
	for name, k := range map[string]struct {
		all  []stake
		want bool
	}{
		"two liars":            {fleet(liar, liar), false},
		"two liars and chance": {fleet(liar, liar, chance, chance), false},
		"three bad sites":      {fleet(bad, bad, bad), true},
	} {
		if got := w.borne(k.all); got != k.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	var many []stake
	for i := range 12 {
		many = append(many, stake{string(rune('a' + i/2)), tried{fails: 1, runs: 4}})
	}
	if !w.borne(many) {
		t.Error("a quarter of the requests of everybody fails, and nobody is heard")
	}
}
