package vantage

import "time"

// Standing returns the checks that this agent holds down, for its hello. A
// check of which nothing fresh is known, or that is no witness, is not among
// them.
func (v *Vantage) Standing(now time.Time) []Standing {
	v.see(now)
	var out []Standing
	for c := range v.each() {
		if c.current(now) == StateDown && c.disqualified(now, v.o) == WhyNone {
			out = append(out, Standing{Check: c.index, Since: max(0, now.Sub(c.spell.began)), Cause: c.cause})
		}
	}
	return out
}

// Checks returns the status of every check that is asked here, in the order of
// the config, as of the latest time this vantage point was told. With blank
// places in the config, a check's place in the list is not its index.
func (v *Vantage) Checks() []CheckStatus {
	now := v.latest
	out := make([]CheckStatus, 0, len(v.checks))
	for c := range v.each() {
		s := CheckStatus{
			Check: c.index, ID: c.id, Target: c.target, Reference: c.reference,
			State: c.current(now), Since: c.since,
			Last: c.last, Outcome: c.outcome, Cause: c.cause,
			Why:     c.disqualified(now, v.o),
			Samples: c.totals.len(), Median: c.totals.quantile(0.5), P99: c.totals.quantile(0.99), Overdue: c.overdue(),
			Transients: c.passing,
		}
		s.Runs, s.Failures = c.hour.count(now)
		if s.State == StateStale {
			if c.state != StateStale {
				s.Since = c.last.Add(max(3*c.interval, staleAtLeast))
			}
			if s.Why == WhyNone {
				s.Why = WhyStale
			}
		}
		out = append(out, s)
	}
	return out
}
