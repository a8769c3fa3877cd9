package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"picket/probes"
)

// Rule is a location rule as others use it: what the six baselines of
// detection.md 4.3 are made from. Each is a state machine over the results that
// Picket's own schedule brings, thinned to the interval of the rule, and it
// declares outages of targets: it knows no incidents and no labels.
//
// What is comparable: whether a broken target was declared, when, and how often
// a target was declared that was not broken. What is not: localisation, which
// none of them attempts, and everything on our own side, of which they cannot
// speak. Where the stream lacks something, the rule is given the benefit:
//
//   - A location looks at a target by its most telling check only (http before
//     tls, tcp, dns and ping), at a moment of its own.
//   - An interval that is no multiple of the schedule's is met on average.
//   - The one retry after 300 ms of two-of-n is answered by the location's next
//     scheduled look and dated 300 ms after the first: it clears more noise
//     than a real retry would, and costs no time.
//   - A result that cannot tell (403, 429, our own trouble) is no failure.
type Rule struct {
	Name  string
	Title string // where it comes from

	Every  time.Duration // a location looks at a target so often
	Streak int           // failures in a row that make a location fail

	Retries    int           // further attempts after a failure, all of which must fail
	RetryAfter time.Duration // between them; below a second: dated, see above

	Need func(locations int) int // failing locations that make an outage; more than there are: never
	Grid time.Duration           // the condition is looked at so often; 0: at every result
	Hold time.Duration           // and must hold for so long
}

// Baselines are the six rules of detection.md 4.3, with the sources of 1.2.
func Baselines() []Rule {
	const minute = time.Minute
	return []Rule{
		{Name: "single", Title: "any one location, 3 failures at 60 s", Every: minute, Streak: 3, Need: func(int) int { return 1 }},
		{Name: "majority-1m", Title: "more than half for 1 m, scraped every 15 s (Prometheus)", Every: 15 * time.Second, Streak: 1,
			Need: func(n int) int { return n/2 + 1 }, Grid: 15 * time.Second, Hold: minute},
		{Name: "route53", Title: "at most 18 % of locations healthy, 3 failures at 10 s (Route 53)", Every: 10 * time.Second, Streak: 3,
			Need: func(n int) int { return max(1, n-int(math.Floor(0.18*float64(n)))) }},
		{Name: "two-of-n", Title: "2 locations at 60 s, one retry after 300 ms (Datadog)", Every: minute, Streak: 1,
			Retries: 1, RetryAfter: 300 * time.Millisecond, Need: func(int) int { return 2 }},
		{Name: "azure", Title: "all but 2 locations at 5 m, 3 attempts 20 s apart (Azure availability tests)", Every: 5 * minute, Streak: 1,
			Retries: 2, RetryAfter: 20 * time.Second, Need: func(n int) int { return max(1, n-2) }},
		{Name: "gcp", Title: "more than one location for 60 s, looked at every 60 s (GCP uptime checks)", Every: minute, Streak: 1,
			Need: func(int) int { return 2 }, Grid: minute, Hold: minute},
	}
}

// RuleNamed returns a baseline; the error lists them.
func RuleNamed(name string) (Rule, error) {
	var names []string
	for _, r := range Baselines() {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return Rule{}, fmt.Errorf("there is no rule %q: it is one of %v", name, names)
}

// Outage is what a rule declared about a target.
type Outage struct {
	Target   int           // index into Scenario.Targets
	From, To time.Duration // of the run; To is the end of the run if it lasted
}

// referee runs one rule over one run.
type referee struct {
	rule    Rule
	sites   int
	checks  []int  // by check index: its target, or unused
	looks   []look // by target, then site
	boards  []board
	outages []Outage
}

// unused marks checks that no rule looks at.
const unused = -1

// look is one location's view of one target.
type look struct {
	due     time.Duration // of the next look
	started bool
	streak  int
	trying  int           // attempts so far of a look that failed and is retried
	first   time.Duration // of these
	failing bool
}

// board is what the rule knows of one target.
type board struct {
	failing int           // locations
	since   time.Duration // when the condition came to hold; valid if holding
	holding bool
	grid    time.Duration // the next look at the condition
	open    int           // index into outages plus one; 0 none
}

// newReferee prepares rule for one run of s with this seed.
func newReferee(rule Rule, s *Scenario, seed uint64) *referee {
	r := &referee{rule: rule, sites: len(s.Fleet.Sites), checks: telling(s)}
	// Rules of one interval look at the same moments: that they differ is then
	// their own doing.
	dice := sown(seed, 100, uint64(rule.Every))
	begin := -history
	if s.Cold {
		begin = 0
	}
	r.looks = make([]look, len(s.Targets)*r.sites)
	for k := range r.looks {
		r.looks[k].due = begin + dice.within(rule.Every)
	}
	r.boards = make([]board, len(s.Targets))
	for k := range r.boards {
		r.boards[k].grid = begin + dice.within(rule.Grid)
	}
	return r
}

// telling maps the checks of s, in the order in which a run counts them (by
// target, kind and IP version; references last), to targets: of each target
// the most telling check, unused elsewhere.
func telling(s *Scenario) []int {
	var all []int
	for k := range s.Targets {
		t := &s.Targets[k]
		best := slices.MaxFunc(t.Kinds, func(a, b probes.Kind) int { return rank(a) - rank(b) })
		for _, kind := range t.Kinds {
			for f := range t.Families {
				if kind == best && f == 0 {
					all = append(all, k)
				} else {
					all = append(all, unused)
				}
			}
		}
	}
	return all
}

// see takes one scheduled result, known at a moment of the run. Moments must
// not go back.
func (r *referee) see(at time.Duration, site, check int, result probes.Result) {
	if check >= len(r.checks) || r.checks[check] == unused || site >= r.sites {
		return
	}
	target := r.checks[check]
	r.advance(target, at)
	l := &r.looks[target*r.sites+site]
	down := result.Outcome == probes.Down
	switch {
	case l.trying > 0:
		if at < l.first+time.Duration(l.trying)*r.rule.RetryAfter {
			return
		}
		if !down {
			l.trying = 0
			r.conclude(target, l, false, at)
			return
		}
		l.trying++
		if l.trying <= r.rule.Retries {
			return
		}
		l.trying = 0
		if r.rule.RetryAfter < time.Second {
			at = l.first + time.Duration(r.rule.Retries)*r.rule.RetryAfter
		}
		r.conclude(target, l, true, at)
	case at < l.due:
	default:
		r.next(l, at)
		if down && r.rule.Retries > 0 && !l.failing {
			l.trying, l.first = 1, at
			return
		}
		r.conclude(target, l, down, at)
	}
}

// next sets when the location looks again: an interval after this look, less a
// second of leeway, so that a schedule that is a divisor of it keeps step.
func (r *referee) next(l *look, at time.Duration) {
	const leeway = time.Second
	if !l.started || at > l.due+r.rule.Every {
		l.started, l.due = true, at-leeway
	}
	l.due += r.rule.Every
}

// conclude notes what a look at a target came to.
func (r *referee) conclude(target int, l *look, down bool, at time.Duration) {
	if down {
		l.streak++
	} else {
		l.streak = 0
	}
	if failing := l.streak >= r.rule.Streak; failing != l.failing {
		l.failing = failing
		b := &r.boards[target]
		if failing {
			b.failing++
		} else {
			b.failing--
		}
		if r.rule.Grid == 0 {
			r.decide(target, at)
		}
	}
}

// advance looks at the condition of a target at every point of the grid up to
// now: between results nothing changes.
func (r *referee) advance(target int, now time.Duration) {
	if r.rule.Grid == 0 {
		return
	}
	for b := &r.boards[target]; b.grid <= now; b.grid += r.rule.Grid {
		r.decide(target, b.grid)
	}
}

// decide declares or ends an outage of a target.
func (r *referee) decide(target int, at time.Duration) {
	b := &r.boards[target]
	if b.failing < r.rule.Need(r.sites) {
		b.holding = false
		if b.open > 0 {
			r.outages[b.open-1].To = at
			b.open = 0
		}
		return
	}
	if !b.holding {
		b.holding, b.since = true, at
	}
	if b.open == 0 && at-b.since >= r.rule.Hold {
		r.outages = append(r.outages, Outage{target, at, at})
		b.open = len(r.outages)
	}
}

// finish ends the run and returns what was declared, in the order of time.
func (r *referee) finish(end time.Duration) []Outage {
	for target := range r.boards {
		r.advance(target, end)
		if n := r.boards[target].open; n > 0 {
			r.outages[n-1].To = end
		}
	}
	slices.SortStableFunc(r.outages, func(a, b Outage) int { return int(a.From - b.From) })
	return r.outages
}
