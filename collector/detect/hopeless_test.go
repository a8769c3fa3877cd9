package detect

import (
	"testing"
	"time"
)

// What is called hopeless is never looked at: the explainer must find nothing there,
// in storms as in noise, whoever may vote.
func TestWhatIsHopelessHasNoExplanation(t *testing.T) {
	t.Parallel()
	hopeless, not := 0, 0
	for seed := range runs(t, 40) {
		c := newChaos(t, uint64(seed), chaosFleet{})
		c.wild = seed%2 == 0
		for range 30 {
			c.live(8, everybody)
			for _, ago := range []time.Duration{0, 10 * time.Second, time.Minute} {
				t0 := ms(c.now.Add(-ago))
				if !c.e.hopeless(c.now, t0) {
					not++
					continue
				}
				hopeless++
				rows, w := c.e.rowsSince(c.now, t0)
				if w == nil {
					continue
				}
				if found := explainRows(rows, w); len(found) > 0 {
					t.Fatalf("seed %d: hopeless, but %s explains %d failing rows", seed, found[0].name(), found[0].cover)
				}
			}
		}
	}
	if hopeless == 0 || not == 0 {
		t.Errorf("%d times hopeless and %d times not: the test compares nothing", hopeless, not)
	}
}
