// Package traffic keeps an agent's probes within the traffic budget of its site.
// It is pure: every moment is an argument, and whoever asks it hands it what the
// probes have cost.
//
// # What is counted
//
// The bytes of probes, scheduled ones and those that confirm a doubt, as
// [picket/probes.Result.Wire] tells them. What the agent tells its collector is
// not in it: some 10 bytes a result, and what an idle connection takes. Several
// agents of a site share its budget in equal parts, whether they are there or
// not: an agent that knows of another would have to trust it.
//
// # How it is kept
//
// What is left of the budget, spread over what is left of the month (or, on an
// expensive line, of the day), is the rate that is allowed. If the checks cost
// more, the dear ones are asked less often, all by one factor, up to [others];
// only if that is not enough, everything is, the references and the cheapest check
// of every target too, by which an agent knows its own line and keeps an eye on
// everything. A check is never given up: beyond [most] the budget is overdrawn, and
// that is said ([Plan.Over]). Since the rate is worked out anew from
// what is left, errors of the estimate correct themselves.
//
// The factors move in steps and come down only when there is room to spare,
// because every other interval means another phase ([picket/agent/schedule]).
package traffic

import (
	"cmp"
	"slices"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// Bounds of the factors [E].
const (
	others  = 10   // the dear checks are stretched so far before the rest is
	most    = 60   // nothing is stretched further: a minute becomes an hour
	cheap   = 1000 // bytes: what costs less may be a target's critical check
	comfort = 0.9  // of what is allowed: below it a factor may come down
	least   = time.Hour
)

// steps are the factors in use.
func steps() []float64 {
	return []float64{1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, others, 12, 15, 20, 25, 30, 40, 50, most}
}

// Spent is what was spent, in a form to be kept on disk. All moments are UTC by
// the collector's clock.
type Spent struct {
	Month      string `json:"month"` // 2006-01
	MonthBytes uint64 `json:"month_bytes"`
	Day        string `json:"day"` // 2006-01-02
	DayBytes   uint64 `json:"day_bytes"`
	SpareBytes uint64 `json:"spare_bytes"` // of the day, on an expensive line
}

// Meter counts. The zero value has spent nothing. It is not safe for concurrent use.
type Meter struct {
	spent Spent
	cost  map[string]float64 // mean bytes by check
	last  Plan
}

// NewMeter goes on from what was spent.
func NewMeter(s Spent) Meter { return Meter{spent: s} }

// Spent is what was spent in the current month and day.
func (m *Meter) Spent(now time.Time) Spent {
	m.turn(now)
	return m.spent
}

// turn begins a new day or month.
func (m *Meter) turn(now time.Time) {
	now = now.UTC()
	if month := now.Format("2006-01"); month != m.spent.Month {
		m.spent.Month, m.spent.MonthBytes = month, 0
	}
	if day := now.Format(time.DateOnly); day != m.spent.Day {
		m.spent.Day, m.spent.DayBytes, m.spent.SpareBytes = day, 0, 0
	}
}

// Spend counts the bytes of one probe.
func (m *Meter) Spend(now time.Time, bytes int, spare bool) {
	m.turn(now)
	n := uint64(max(0, bytes))
	m.spent.MonthBytes += n
	m.spent.DayBytes += n
	if spare {
		m.spent.SpareBytes += n
	}
}

// Learn takes what one scheduled probe of a check cost.
func (m *Meter) Learn(check string, bytes int) {
	const weight = 0.1 // ten probes are remembered
	if bytes <= 0 {
		return
	}
	if m.cost == nil {
		m.cost = map[string]float64{}
	}
	if was, ok := m.cost[check]; ok {
		m.cost[check] = was + weight*(float64(bytes)-was)
	} else {
		m.cost[check] = float64(bytes)
	}
}

// Site is what the plan depends on beside the checks.
type Site struct {
	Budget fleet.Budget
	Agents int  // that share it, at least 1
	Spare  bool // on an expensive line
	Sites  int  // that ask the same checks: see [fleet.Config.Politeness]
}

// Plan says how much less often each check is asked.
type Plan struct {
	Factors []float64 // by index of the config's checks; nil: all are 1
	Stretch float64   // of the dear checks, the largest; 1: none
	All     float64   // of the rest; 1: none
	Need    float64   // bytes a second that the checks cost as configured
	Allowed float64   // bytes a second that the budget allows now; 0: no bound
	// Over: even as far stretched as anything is, the checks cost more than the
	// budget allows. Somebody has to change one of them.
	Over bool
}

// Same says whether two plans ask alike.
func (p Plan) Same(o Plan) bool {
	return p.Stretch == o.Stretch && p.All == o.All && slices.Equal(p.Factors, o.Factors)
}

// Plan works out the factors for cfg at now.
func (m *Meter) Plan(now time.Time, cfg *fleet.Config, s Site) Plan {
	m.turn(now)
	p := Plan{Stretch: 1, All: 1}
	critical := criticalOf(cfg)
	dear, rest := 0.0, 0.0
	for i, c := range cfg.Checks {
		every := max(c.Interval, cfg.Politeness*time.Duration(max(1, s.Sites)))
		if c.Spec.Kind == 0 || every <= 0 {
			continue
		}
		r := m.costOf(c) / every.Seconds()
		if critical[i] {
			rest += r
		} else {
			dear += r
		}
	}
	p.Need = dear + rest
	allowed, bound := m.allowed(now, s)
	if bound {
		p.Allowed = max(allowed, 1e-9)
		p.Stretch, p.All = m.factors(dear, rest, allowed)
		p.Over = dear/p.Stretch+rest/p.All > p.Allowed
	}
	if p.Stretch > 1 || p.All > 1 {
		p.Factors = make([]float64, len(cfg.Checks))
		for i := range p.Factors {
			p.Factors[i] = p.Stretch
			if critical[i] {
				p.Factors[i] = p.All
			}
		}
	}
	m.last = p
	return p
}

// factors are those of the dear checks and of the rest that keep within allowed.
func (m *Meter) factors(dear, rest, allowed float64) (stretch, all float64) {
	fits := func(stretch, all, share float64) bool { return dear/stretch+rest/all <= allowed*share }
	pick := func(share float64) (float64, float64) {
		for _, f := range steps() {
			if f <= others && fits(f, 1, share) {
				return f, 1
			}
		}
		for _, f := range steps() {
			if fits(min(most, others*f), f, share) {
				return min(most, others*f), f
			}
		}
		return most, most
	}
	stretch, all = pick(1)
	was := m.last
	if stretch < was.Stretch || all < was.All { // less than before: only with room to spare
		if s, a := pick(comfort); s <= was.Stretch && a <= was.All {
			return s, a
		}
		return was.Stretch, was.All
	}
	return stretch, all
}

// allowed is the rate in bytes a second that keeps within the budgets that count;
// false: none does.
func (m *Meter) allowed(now time.Time, s Site) (rate float64, bound bool) {
	now = now.UTC()
	agents := float64(max(1, s.Agents))
	take := func(budget, spent uint64, end time.Time) {
		if budget == 0 {
			return
		}
		left := max(0, float64(budget)/agents-float64(spent))
		r := left / max(end.Sub(now), least).Seconds()
		if !bound || r < rate {
			rate = r
		}
		bound = true
	}
	take(s.Budget.Month, m.spent.MonthBytes, time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC))
	if s.Spare {
		take(s.Budget.SpareDay, m.spent.SpareBytes, time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC))
	}
	return rate, bound
}

func (m *Meter) costOf(c fleet.Check) float64 {
	if v, ok := m.cost[c.ID]; ok {
		return v
	}
	return float64(probes.Cost(c.Spec))
}

// criticalOf marks the checks that are stretched last: those of references, and
// of every target the cheapest one, if it is cheap.
func criticalOf(cfg *fleet.Config) []bool {
	out := make([]bool, len(cfg.Checks))
	reference := map[string]bool{}
	for _, t := range cfg.Targets {
		reference[t.ID] = t.Reference
	}
	best := map[string]int{}
	for i, c := range cfg.Checks {
		out[i] = reference[c.Target]
		n := probes.Cost(c.Spec)
		if n == 0 || n >= cheap {
			continue
		}
		if j, ok := best[c.Target]; !ok || cmp.Compare(n, probes.Cost(cfg.Checks[j].Spec)) < 0 {
			best[c.Target] = i
		}
	}
	for _, i := range best {
		out[i] = true
	}
	return out
}
