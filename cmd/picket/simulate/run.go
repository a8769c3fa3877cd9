package simulate

import (
	"context"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/probes"
)

// Run is what came of one play.
type Run struct {
	Seed    uint64
	Events  []Declared // what happened to incidents, in order
	Pages   []Page     // alerts that went out, "resolved" included
	Notices []detect.Notice
	Flagged []string // sites whose votes were set aside at the end, sorted

	Probes     int // scheduled
	Suspicions int // that reached the collector
	Rounds     int // questions put to an electorate, re-votes included
	Confirms   int // attempts of confirmations, references not among them
	// MaxConfirmsPer10s is the most attempts that one agent made within 10 s.
	MaxConfirmsPer10s int
	// Ineligible is the most sites that could not vote at one time from 0 on;
	// counted every second, and only if the scenario asks.
	Ineligible int

	End time.Time     // the wall clock when the run ended
	Ran time.Duration // virtual time that was played, history included
}

// Declared is something that happened to an incident.
type Declared struct {
	At       time.Duration // since the scenario's 0
	What     detect.What
	Incident detect.Incident
}

// Page is an alert as a route without a delay would have had it.
type Page struct {
	At       time.Duration
	Event    string // opened, updated, resolved
	Incident detect.Incident
}

// Trace hears what happens in a run, for timelines and pictures. It is called
// by the goroutine that plays, in order of at.
type Trace interface {
	// Note tells something: kind is fault, noise, suspicion, round, vote,
	// incident, page, notice or fleet.
	Note(at time.Duration, kind, text string)
}

// RunOptions tune one run; the zero value plays seed 0 for nobody to watch.
type RunOptions struct {
	Seed  uint64
	Trace Trace // nil: none
	// Observer sees every scheduled result when its agent has it, in the order
	// of at but for results that took less than a second; check counts the
	// targets' kinds in the order of the scenario, then the references'. nil:
	// none. With one nothing is skipped.
	Observer func(at time.Duration, site, check int, r probes.Result)
	// Full plays every probe one by one. It changes nothing but the time it
	// takes, which a test proves.
	Full bool
}

// Play plays the scenario once. It fails only if ctx ends.
func Play(ctx context.Context, s *Scenario, o RunOptions) (*Run, error) {
	w := newWorld(s, o)
	w.begin()
	if err := w.loop(ctx); err != nil {
		return nil, err
	}
	return w.finish(), nil
}

// Years plays the scenario for so many years instead of its duration: what is
// calm takes the short ways that the package comment tells of.
func Years(ctx context.Context, s *Scenario, years float64, o RunOptions) (*Run, error) {
	long := *s
	long.Duration = time.Duration(years * float64(year))
	return Play(ctx, &long, o)
}

// finish closes the books.
func (w *world) finish() *Run {
	if w.engine != nil {
		w.run.Flagged = w.engine.Flagged()
	}
	w.run.End, w.run.Ran = w.time(w.end), w.end-w.from
	return w.run
}

// page asks the alert room what is to be told.
func (w *world) page(i detect.Incident) {
	letters, err := w.planner.Plan(w.time(w.now), i)
	w.sent(letters, err)
}

func (w *world) sent(letters []alert.Letter, err error) {
	if err != nil {
		w.note("page", "alert not written: %v", err)
	}
	for _, l := range letters {
		i := w.last[l.Incident]
		w.run.Pages = append(w.run.Pages, Page{At: w.now, Event: string(l.Event), Incident: i})
		w.note("page", "%s: %s", l.Event, i.Title)
	}
	w.planner.Enqueued(letters...)
	w.planAt = never
	if next, ok := w.planner.Next(); ok {
		w.planAt = max(w.at(next), w.now+time.Millisecond)
	}
}
