package detect

import (
	"math"
	"slices"
	"time"
)

// This file follows how fast each pair answers against how fast it used to, in
// the 4 bytes that a cell has left. It raises nothing: flags are the agents'
// (internal/vantage). It answers the one question that a flag leaves open: is a
// pair without a flag well, or can it not tell yet? Flags of one slowness come
// within a minute of each other, near sites first, and 50 ms more are never one
// where an answer takes 400.
//
// usual is a running median, each result moves it by a small step; drift is an
// average over about six results. Both are whole parts of driftUnit of a natural
// logarithm, so the cell stays at 40 bytes and sums do not depend on order.
const (
	driftUnit  = 4096
	driftMost  = driftUnit * 7 / 10 // [E] a single result counts for at most twice or half the time
	driftKeep  = 7                  // tenths of the old average that stay
	driftStep  = driftUnit / 400    // [E] of the median: half a minute of slowness moves it by 1 %
	driftFirst = driftUnit / 3      // ... while it is new

	leanReach = 0.7  // [E] of the slowness told by others: what a pair has drifted by when they are flagged
	leanLeast = 0.10 // [E] a slowness of less, in ln, cannot be seen in a dozen pairs' drift
	leanSure  = 1.6  // [E] ln of how much likelier well must be than slow, or slow than well: 5 to 1
	leanPrior = 4    // [E] as many pairs that scatter by leanNoise stand beside the few that there are
	leanNoise = driftUnit * 7 / 100
)

// pace is how fast the answers of one check at one agent come.
type pace struct {
	usual uint16 // ln of microseconds; 0 unknown
	drift int16  // how far the latest are above it, in ln
}

// learn takes a good total; n is how many results came before, as far as known.
func (p *pace) learn(total time.Duration, n uint8, l *logs) {
	if total > 0 {
		p.move(l.of(total), n)
	}
}

// logs remembers logarithms: a check often takes as long as it took before, and a
// look is six times cheaper than the logarithm. What is not there is computed.
type logs [256]struct{ us, x int32 }

// of is the logarithm of a total's microseconds, in parts of driftUnit.
func (l *logs) of(total time.Duration) int {
	us := max(total.Microseconds(), 2)
	if us > math.MaxInt32 {
		return driftOf(us)
	}
	at := &l[uint32(us)*0x9E3779B1>>24]
	if at.us != int32(us) {
		at.us, at.x = int32(us), int32(driftOf(us))
	}
	return int(at.x)
}

func driftOf(us int64) int { return int(min(driftUnit*math.Log(float64(us)), math.MaxUint16)) }

func (p *pace) move(x int, n uint8) {
	if p.usual == 0 {
		p.usual = uint16(x)
		return
	}
	d := min(max(x-int(p.usual), -driftMost), driftMost)
	p.drift = int16((driftKeep*int(p.drift) + (10-driftKeep)*d) / 10)
	step := driftStep
	if n < 32 {
		step = max(step, driftFirst/(int(n)+1))
	}
	p.usual = uint16(min(max(int(p.usual)+min(max(d, -step), step), 1), math.MaxUint16))
}

// slower is by how much a check is slower where it is flagged: the medians.
type slower struct {
	added time.Duration
	ratio float64
}

// slowChecks is by how much the flagged checks are slower, by check.
func (e *Engine) slowChecks() map[uint32]slower {
	added, ratios := map[uint32][]time.Duration{}, map[uint32][]float64{}
	for k, m := range e.slows.marks {
		if m.ratio > 0 && !e.checks[k.check].target.Reference {
			added[k.check] = append(added[k.check], m.added)
			ratios[k.check] = append(ratios[k.check], m.ratio)
		}
	}
	out := make(map[uint32]slower, len(added))
	for i := range added {
		out[i] = slower{medianOf(added[i]), medianOf(ratios[i])}
	}
	return out
}

// lean sums up, over pairs without a flag, how far they have drifted, the squares
// of it, and how far they would have if they were as slow as those with one.
type lean struct{ drift, want, square, n int64 }

// leanKey is what is slow together, seen from one vantage region.
type leanKey struct{ vregion, provider, region string }

func leanOf(s *site, t *target) leanKey { return leanKey{s.Region, t.Provider, t.Region} }

// add takes the pair of a site and a target. Elsewhere the same slowness may be
// as much time or as large a share; the less of both is what is looked for.
func (l *lean) add(s *site, t *target, by map[uint32]slower) {
	for _, i := range t.checks {
		k, ok := by[i]
		if !ok {
			continue
		}
		for _, a := range s.agents {
			p := a.cells[i].pace
			if p.usual == 0 {
				continue
			}
			usual := math.Exp(float64(p.usual)/driftUnit) * float64(time.Microsecond)
			l.drift += int64(p.drift)
			l.square += int64(p.drift) * int64(p.drift)
			l.want += int64(driftUnit * min(math.Log1p(float64(k.added)/usual), math.Log(k.ratio)))
			l.n++
		}
	}
}

// well says whether the pairs can tell, and are well rather than slow by a good
// part of what others are slow by. Where nothing is known the lack of a flag must do.
func (l *lean) well() bool { return l == nil || l.n == 0 || l.odds() >= leanSure }

// odds is the logarithm of how much likelier the mean drift is if the pairs are well
// than if they are slow, as uncertain as they scatter; 0 if they cannot tell. A share
// of what others are slow by would not do for this: the drift of a dozen pairs is off
// by a quarter of it now and then.
func (l *lean) odds() float64 {
	n := float64(l.n)
	if n == 0 || float64(l.want) < leanLeast*driftUnit*n {
		return 0
	}
	drift, slow := float64(l.drift)/n, leanReach*float64(l.want)/n
	square := max(float64(l.square)-n*drift*drift, 0) + leanPrior*leanNoise*leanNoise
	return slow * (slow - 2*drift) / (2 * square / (n + leanPrior - 1) / n)
}

// slowThereOnly says whether all that is slow lies in one vantage region, and is
// told of that region: that the others cannot tell any more is no news of them.
func (e *Engine) slowThereOnly(h *hypothesis) bool {
	return h.vregion == "" && slices.ContainsFunc(e.open, func(l *live) bool {
		return l.inc.Severity == SeverityDegraded && l.scope.vregion != "" && e.contains(h.scope, l.scope) &&
			!slices.ContainsFunc(h.rows, func(r *row) bool { return r.down && r.s.Region != l.scope.vregion })
	})
}
