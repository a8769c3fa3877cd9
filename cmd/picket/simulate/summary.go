package simulate

import (
	"fmt"
	"slices"
	"time"
)

// Schema names the shape of a [Summary] in JSON.
const Schema = "picket.simulation/v1"

// Summary is what many runs of some scenarios showed.
type Summary struct {
	Schema    string    `json:"schema"`
	OK        bool      `json:"ok"` // nothing missed, false or forbidden, no bound broken
	Scenarios []Scored  `json:"scenarios"`
	All       Figures   `json:"all"`
	Overall   Overall   `json:"overall"`
	Rules     []RuleRow `json:"rules,omitempty"` // all scenarios together
	Failures  []Failure `json:"failures"`
	Seconds   float64   `json:"seconds"` // real time, set by [Suite.Run]
}

// Scored is one scenario.
type Scored struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	File  string `json:"file"`
	OK    bool   `json:"ok"`
	Figures
	Seeds  [2]uint64 `json:"seeds"`  // the first and the last
	Broken []string  `json:"broken"` // bounds that p95 of the seeds does not keep
	Rules  []RuleRow `json:"rules,omitempty"`
}

// Figures are counted over runs.
type Figures struct {
	Runs       int     `json:"runs"`
	Failed     int     `json:"failed"`     // runs in which anything is not as it should be
	Expected   int     `json:"expected"`   // expectations x runs
	Found      int     `json:"found"`      // declared within twice the bound
	Exact      int     `json:"exact"`      // and rightly labelled when the bound ended
	WithinOne  int     `json:"within_one"` // exact or one level off
	Missed     int     `json:"missed"`
	False      int     `json:"false"`
	Forbidden  int     `json:"forbidden"`
	Other      int     `json:"other"` // found, but not all it should be; figures that do not hold
	TTD        Times   `json:"ttd"`
	Close      Times   `json:"close"` // after the end of the fault
	Duplicates int     `json:"duplicates"`
	Suspicions int     `json:"suspicions"`
	Confirms   int     `json:"confirms"`             // confirmations that agents made
	PerSusp    float64 `json:"probes_per_suspicion"` // of these, for each suspicion
	MaxProbes  int     `json:"max_confirms_per_agent_10s"`
}

// Failure is a run that is not as its scenario wants it.
type Failure struct {
	Scenario string   `json:"scenario"`
	File     string   `json:"file"`
	Seed     uint64   `json:"seed"`
	Why      []string `json:"why"`
	Replay   string   `json:"replay"` // the command that shows this run
}

// Played is one run as it was judged.
type Played struct {
	Verdict Verdict
	Rules   []RuleVerdict // of the baselines that looked on
	Years   float64       // fleet-years, for runs by the year; 0: Verdict.Span
}

// Judged is a scenario with its runs, in the order of seeds.
type Judged struct {
	Scenario *Scenario
	Runs     []Played
}

// Summarize counts. It is pure.
func Summarize(all []Judged) *Summary {
	s := &Summary{Schema: Schema, OK: true, Scenarios: []Scored{}, Failures: []Failure{}}
	var whole tally
	for k := range all {
		j := &all[k]
		one := Scored{ID: j.Scenario.ID, Title: j.Scenario.Title, File: j.Scenario.File, Broken: bounds(j)}
		var t tally
		for n := range j.Runs {
			v := &j.Runs[n].Verdict
			t.add(v)
			whole.add(v)
			if v.OK() {
				continue
			}
			s.Failures = append(s.Failures, Failure{one.ID, one.File, v.Seed, v.Why(), Replay(one.File, v.Seed)})
		}
		if n := len(j.Runs); n > 0 {
			one.Seeds = [2]uint64{j.Runs[0].Verdict.Seed, j.Runs[n-1].Verdict.Seed}
		}
		one.Figures = t.figures()
		one.Rules = ruleRows([]Judged{*j})
		one.OK = one.Failed == 0 && len(one.Broken) == 0
		s.OK = s.OK && one.OK
		s.Scenarios = append(s.Scenarios, one)
	}
	s.All = whole.figures()
	s.Overall = overall(all)
	s.Rules = ruleRows(all)
	return s
}

// Replay is the command that shows one run.
func Replay(file string, seed uint64) string {
	return fmt.Sprintf("picket simulate %s --seed %d --explain", file, seed)
}

// tally adds up verdicts.
type tally struct {
	f          Figures
	ttd, close []time.Duration
}

func (t *tally) add(v *Verdict) {
	t.f.Runs++
	if !v.OK() {
		t.f.Failed++
	}
	for _, f := range v.Findings {
		t.f.Expected++
		t.f.Duplicates += f.Duplicates
		if !f.Found {
			t.f.Missed++
			continue
		}
		t.f.Found++
		if f.Exact {
			t.f.Exact++
		}
		if f.Levels == 0 || f.Levels == 1 {
			t.f.WithinOne++
		}
		t.f.Other += len(f.Why)
		if !f.Nothing {
			t.ttd = append(t.ttd, f.Detect)
		}
		if f.Close != nil {
			t.close = append(t.close, *f.Close)
		}
	}
	t.f.False += len(v.False)
	t.f.Forbidden += len(v.Forbidden)
	t.f.Other += len(v.Broken)
	t.f.Suspicions += v.Suspicions
	t.f.Confirms += v.Confirms
	t.f.MaxProbes = max(t.f.MaxProbes, v.MaxConfirms)
}

func (t *tally) figures() Figures {
	f := t.f
	f.TTD, f.Close = timesOf(t.ttd), timesOf(t.close)
	if f.Suspicions > 0 {
		f.PerSusp = round(float64(f.Confirms) / float64(f.Suspicions))
	}
	return f
}

// bounds lists what p95 of the seeds does not keep. That no run goes beyond
// twice a bound is checked run by run.
func bounds(j *Judged) []string {
	broken := []string{}
	check := func(e *Expect, name string, bound time.Duration, sample []time.Duration) {
		if bound <= 0 || len(sample) == 0 {
			return
		}
		slices.Sort(sample)
		if p95 := percentile(sample, 0.95); p95 > bound {
			broken = append(broken, fmt.Sprintf("line %d: %s: p95 of %d runs is %s, the bound is %s", e.Line, name, len(sample), short(p95), bound))
		}
	}
	for k := range j.Scenario.Expect {
		e := &j.Scenario.Expect[k]
		var detect, close, start []time.Duration
		for _, f := range findings(j, k) {
			if f.Found && !f.Nothing {
				detect = append(detect, f.Detect)
			}
			if f.Close != nil {
				close = append(close, *f.Close)
			}
			if f.StartE != nil {
				start = append(start, *f.StartE)
			}
		}
		check(e, "time to detect", e.WithinP95, detect)
		if len(e.Any) == 1 { // which of several was met differs from run to run
			check(e, "time to close", e.Any[0].ClosedWithin, close)
			check(e, "error of the start", e.Any[0].StartWithin, start)
		}
	}
	return broken
}

// findings returns what became of expectation k in every run.
func findings(j *Judged, k int) []*Finding {
	var all []*Finding
	for n := range j.Runs {
		for i := range j.Runs[n].Verdict.Findings {
			if f := &j.Runs[n].Verdict.Findings[i]; f.Expect == k {
				all = append(all, f)
			}
		}
	}
	return all
}
