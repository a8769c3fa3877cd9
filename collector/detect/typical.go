package detect

import (
	"math"
	"time"
)

// typicalSites is how many sites must have answered before the fleet has a word
// about a check: below it the word would be one site's.
const typicalSites = 3

// typical follows the median of the good totals of one check over the fleet, in
// 8 bytes: each result moves the estimate by the same factor up or down, so it
// rests where as many are above as below it (stochastic approximation of a
// quantile, as check.slow does for a high one). The steps begin large, as an
// average over n would, and end at 0.5 %, which follows a fleet that moves within
// some hundred results and strays by a few percent [E]. That is plenty for what
// it is used for: four times it, and never less than half a second (A4).
type typical struct {
	median float32 // seconds; 0 unknown
	n      uint32  // results behind it, saturating
}

// learn takes a good total, in seconds.
func (t *typical) learn(total float64) {
	const least = 0.005
	x := float32(total)
	if x <= 0 {
		return
	}
	if t.n < math.MaxUint32 {
		t.n++
	}
	if t.median == 0 {
		t.median = x
		return
	}
	step := 1 + max(least, 1/float32(t.n))
	if x < t.median {
		t.median = max(t.median/step, x)
	} else {
		t.median = min(t.median*step, x)
	}
}

// Typical returns the fleet's median of good totals by check id, for agents that
// have no history of their own: of the checks that have worked at 3 sites or
// more, and of no other.
func (e *Engine) Typical() map[string]time.Duration {
	out := make(map[string]time.Duration, len(e.checks))
	for i := range e.checks {
		c := &e.checks[i]
		if c.typical.median > 0 && e.workedAt(uint32(i), typicalSites) {
			out[c.ID] = time.Duration(float64(c.typical.median) * float64(time.Second)).Round(time.Microsecond)
		}
	}
	return out
}

// workedAt says whether the check has been good at least once at n sites.
func (e *Engine) workedAt(check uint32, n int) bool {
	for _, s := range e.sites {
		for _, a := range s.agents {
			if a.cells[check].worked {
				n--
				break
			}
		}
		if n <= 0 {
			return true
		}
	}
	return false
}

// keepTypical takes over what was learned of the checks of a former config.
func (e *Engine) keepTypical(old []check, index map[string]uint32) {
	for i := range e.checks {
		if j, ok := index[e.checks[i].ID]; ok {
			e.checks[i].typical = old[j].typical
		}
	}
}
