package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"picket/collector/detect"
)

// Verdict is how one run compares with what its scenario says.
//
// How a run is judged (scenarios.md, "Matching" and "Smaller print"), where
// that text leaves room:
//
//   - A declaration is the moment from which an incident has a label: opening,
//     relabelling and reopening count, mere changes do not.
//   - Kind, scope, confidence, severity and layer must hold together at one
//     moment inside the bound; that moment is the time to detect. Flags
//     (intermittent, lingering, transient, retrospective, line_down), note and
//     cause must hold at some moment of the run, or, asked as false, at none.
//   - One run may use up to twice the bound; that p95 of the seeds keeps the
//     bound itself is for [Summarize] to say. The same goes for start_within and
//     closed_within.
//   - Exact is what the label is when the bound ends, where the run used more
//     than the bound, when twice the bound ends. The label of an incident that
//     was superseded is the label of what superseded it.
//   - count and duplicates look at the whole run from the start of the fault.
//   - In forbid, count: n forbids n and more of it.
//   - flagged names all liars: an honest site that is flagged breaks it too.
type Verdict struct {
	Seed      uint64
	Findings  []Finding // one per expectation that describes incidents or notices
	False     []string  // false alarms, one line each
	Forbidden []string  // what was forbidden and seen, one line each
	Broken    []string  // figures that do not hold: flagged, max_probes, ineligible

	Confirmed int           // incidents that were confirmed and blame a cloud, false ones included
	Span      time.Duration // virtual time that was judged, history included

	Suspicions, Confirms int // of the run
	MaxConfirms          int // most confirmations of one agent in 10 s
}

// Finding is what became of one expectation.
type Finding struct {
	Expect     int           // index into Scenario.Expect
	Found      bool          // declared inside the bound
	Exact      bool          // and the label at its end is the expected one
	Levels     int           // distance of that label; unrelated if it is another thing altogether
	Nothing    bool          // found in that nothing was to be declared, and nothing was
	Detect     time.Duration // from the start of the fault to the declaration, if Found
	Duplicates int           // further incidents about the same things that nothing rolled up

	Close  *time.Duration // from the end of the fault to the close; nil if either is missing
	StartE *time.Duration // error of the start that the incident tells, if asked for

	Why []string // what does not hold; empty if all does
}

// OK says that the run is as the scenario wants it.
func (v *Verdict) OK() bool {
	return len(v.False)+len(v.Forbidden)+len(v.Broken) == 0 &&
		!slices.ContainsFunc(v.Findings, func(f Finding) bool { return !f.Found || len(f.Why) > 0 })
}

// Why lists everything that is not as the scenario wants it.
func (v *Verdict) Why() []string {
	var all []string
	for _, f := range v.Findings {
		all = append(all, f.Why...)
	}
	return slices.Concat(all, v.False, v.Forbidden, v.Broken)
}

// life is one incident over a run.
type life struct {
	id     string
	events []Declared // in the order of time
}

// lives groups the events of a run by incident, in the order of opening.
func lives(r *Run) []*life {
	var all []*life
	byID := map[string]*life{}
	for _, e := range r.Events {
		l := byID[e.Incident.ID]
		if l == nil {
			l = &life{id: e.Incident.ID}
			byID[l.id] = l
			all = append(all, l)
		}
		l.events = append(l.events, e)
	}
	return all
}

// visible says whether people see the incident as it is after e.
func visible(e *Declared) bool { return e.What != detect.Closed }

// declarations yields the moments at which l comes to match: it did not before,
// or under another label.
func (l *life) declarations(match func(*detect.Incident) bool) []*Declared {
	var all []*Declared
	before := ""
	for k := range l.events {
		e := &l.events[k]
		if !visible(e) || !match(&e.Incident) {
			before = ""
			continue
		}
		if now := label(&e.Incident); now != before {
			all, before = append(all, e), now
		}
	}
	return all
}

// at returns the incident as it was at a moment of the run; nil before it opened.
func (l *life) at(moment time.Duration) *Declared {
	var last *Declared
	for k := range l.events {
		if l.events[k].At <= moment {
			last = &l.events[k]
		}
	}
	return last
}

// last is how the incident ended, or stands at the end of the run.
func (l *life) last() *Declared { return &l.events[len(l.events)-1] }

// rolledUp says that another incident explains it.
func (l *life) rolledUp() bool { return l.last().Incident.SupersededBy != "" }

// judgement is a run while it is judged.
type judgement struct {
	s     *Scenario
	r     *Run
	lives []*life
	zero  time.Time // the wall clock at 0 of the scenario
}

// Judge compares a run with its scenario. It is pure.
func Judge(s *Scenario, r *Run) Verdict {
	played := r.Ran // from 0; by the year it is longer than s says
	if !s.Cold {
		played -= history
	}
	j := &judgement{s: s, r: r, lives: lives(r), zero: r.End.Add(-played)}
	v := Verdict{Seed: r.Seed, Span: r.Ran, Suspicions: r.Suspicions, Confirms: r.Confirms, MaxConfirms: r.MaxConfirmsPer10s}
	for k := range s.Expect {
		e := &s.Expect[k]
		if len(e.Any) > 0 {
			v.Findings = append(v.Findings, j.expectation(k))
		}
		v.Broken = append(v.Broken, j.figures(e)...)
	}
	v.Confirmed, v.False = j.alarms()
	for k := range s.Forbid {
		v.Forbidden = append(v.Forbidden, j.forbidden(&s.Forbid[k])...)
	}
	return v
}

// figures checks what an expectation asks of the run besides incidents.
func (j *judgement) figures(e *Expect) []string {
	var broken []string
	flagged := slices.Sorted(slices.Values(j.r.Flagged))
	if e.Flagged != nil && !slices.Equal(e.Flagged, flagged) {
		broken = append(broken, fmt.Sprintf("line %d: flagged are %v, expected %v", e.Line, flagged, e.Flagged))
	}
	if m := e.MaxProbes; m != nil {
		// The run counts in windows of 10 s; a longer window holds no more than
		// so many of them, a shorter one no more than one.
		windows := max(1, int((m.Per+10*time.Second-1)/(10*time.Second)))
		if most := j.r.MaxConfirmsPer10s * windows; most > m.Agent {
			broken = append(broken, fmt.Sprintf("line %d: an agent confirmed up to %d times in %s, allowed are %d", e.Line, most, m.Per, m.Agent))
		}
	}
	if e.Ineligible != nil && j.r.Ineligible > *e.Ineligible {
		broken = append(broken, fmt.Sprintf("line %d: %d lost their vote, allowed are %d", e.Line, j.r.Ineligible, *e.Ineligible))
	}
	return broken
}

// start is when the fault that e counts from begins.
func (j *judgement) start(e *Expect) time.Duration {
	if e.Of < 0 || e.Of >= len(j.s.Faults) {
		return 0
	}
	return j.s.Faults[e.Of].At
}

// end is when that fault is over; ok is false if it lasts to the end of the run.
func (j *judgement) end(e *Expect) (at time.Duration, ok bool) {
	if e.Of < 0 || e.Of >= len(j.s.Faults) || j.s.Faults[e.Of].For == 0 {
		return 0, false
	}
	f := &j.s.Faults[e.Of]
	return f.At + f.For, true
}

// expectation judges the alternatives of an expectation and keeps the best.
func (j *judgement) expectation(k int) Finding {
	e := &j.s.Expect[k]
	var best Finding
	for n := range e.Any {
		var f Finding
		if e.Any[n].Kind == KindNotice {
			f = j.notice(e, &e.Any[n])
		} else {
			f = j.incident(e, &e.Any[n])
		}
		if n == 0 || better(&f, &best) {
			best = f
		}
	}
	best.Expect = k
	return best
}

// better prefers what is found, then what holds in everything, then what is exact.
func better(a, b *Finding) bool {
	score := func(f *Finding) int {
		n := 0
		if f.Found {
			n += 4
		}
		if len(f.Why) == 0 {
			n += 2
		}
		if f.Exact {
			n++
		}
		return n
	}
	return cmp.Compare(score(a), score(b)) > 0
}
