package simulate

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/probes"
)

// Suite runs scenarios, each with many seeds, several at a time.
type Suite struct {
	Scenarios []*Scenario
	// Seeds is how many runs of each; 0: as the scenario says.
	Seeds int
	// First is the seed of the first run; 0 means 1. The others follow.
	First uint64
	// Years, if above 0, runs each scenario for so many fleet-years instead, a
	// year or less at a time, each with a seed of its own.
	Years float64
	// Rules look on; empty means none. With rules no calm time can be skipped.
	Rules []Rule
	// Jobs is how many runs go on at once; 0 means 1.
	Jobs int
	// Progress is told, if not nil, after each run, from any goroutine.
	Progress func(done, total int)

	// Play and Years of this package, unless a test has its own.
	play  func(context.Context, *Scenario, RunOptions) (*Run, error)
	years func(context.Context, *Scenario, float64, RunOptions) (*Run, error)
}

// Run plays everything and counts. It ends early with the context's error, or
// with the first run that cannot be played. Every goroutine has ended when it
// returns. The result does not depend on Jobs.
func (o Suite) Run(ctx context.Context) (*Summary, error) {
	begun := time.Now()
	if o.play == nil {
		o.play = Play
	}
	if o.years == nil {
		o.years = Years
	}
	all := make([]Judged, len(o.Scenarios))
	total := 0
	for k, s := range o.Scenarios {
		all[k] = Judged{Scenario: s, Runs: make([]Played, o.runs(s))}
		total += len(all[k].Runs)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(o.Jobs, 1))
	var done atomic.Int64
	for k := range all {
		for n := range all[k].Runs {
			if ctx.Err() != nil {
				break
			}
			group.Go(func() error {
				p, err := o.one(ctx, all[k].Scenario, max(o.First, 1)+uint64(n), len(all[k].Runs))
				if err != nil {
					return err
				}
				all[k].Runs[n] = p
				if now := done.Add(1); o.Progress != nil {
					o.Progress(int(now), total)
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil && int(done.Load()) < total {
		return nil, err
	}
	s := Summarize(all)
	s.Seconds = seconds(time.Since(begun))
	return s, nil
}

// runs is how many runs of s there will be.
func (o *Suite) runs(s *Scenario) int {
	if o.Years > 0 {
		return max(1, int(o.Years+0.999), o.Jobs)
	}
	if o.Seeds > 0 {
		return o.Seeds
	}
	return max(s.Seeds, 1)
}

// one plays and judges a single run, so that only what it came to is kept.
func (o *Suite) one(ctx context.Context, s *Scenario, seed uint64, of int) (p Played, err error) {
	options := RunOptions{Seed: seed}
	var referees []*referee
	for _, rule := range o.Rules {
		referees = append(referees, newReferee(rule, s, seed))
	}
	if len(referees) > 0 {
		options.Observer = func(at time.Duration, site, check int, r probes.Result) {
			for _, referee := range referees {
				referee.see(at, site, check, r)
			}
		}
	}
	var r *Run
	if o.Years > 0 {
		p.Years = o.Years / float64(of)
		r, err = o.years(ctx, s, p.Years, options)
	} else {
		r, err = o.play(ctx, s, options)
	}
	if err != nil {
		return p, fmt.Errorf("play %s with seed %d: %w", s.File, seed, err)
	}
	p.Verdict = Judge(s, r)
	end := s.Duration
	if p.Years > 0 {
		end = time.Duration(p.Years * float64(year))
	}
	for k, referee := range referees {
		v := judgeRule(s, o.Rules[k].Name, referee.finish(end))
		v.Years = p.years()
		p.Rules = append(p.Rules, v)
	}
	return p, nil
}
