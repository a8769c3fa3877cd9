// Package schedule decides when an agent asks which check.
//
// # A place in the interval that nobody has to negotiate
//
// Every check has a phase within its interval, computed from the check's name
// and the agent's slot, which the collector gave it once ([Phase]). The due
// times are those moments of the wall clock whose remainder by the interval is
// the phase. So an agent that restarts goes on at the same moments, the agents
// of a fleet never strike together, and when members come and go nobody moves:
// the spacing of the votes, on which the speed of detection rests, does not
// depend on who is alive, nor on gossip.
//
// # What clocks do to it
//
// Wall clocks are set, and laptops sleep. The schedule compares the wall clock
// with the steady one at least once a second. After a jump everything takes
// its next regular turn, so that at most two intervals lie between askings: no
// burst of what seems overdue, no silence of an hour because an hour was taken
// back. Whatever happens, a check is never asked
// twice within half an interval, and none is asked more often than once a
// second, whatever the config says. When the process was merely late (a busy
// machine), each overdue check is asked at once, and once.
//
// # Shape
//
// plan.go is the pure part, with every moment as an argument; [Schedule.Run] is
// one goroutine with one timer around it, whatever the number of checks.
package schedule

import (
	"context"
	"sync"
	"time"

	"picket/internal/fleet"
)

// look is the longest time between two looks at the clocks.
const look = time.Second

// Options says what a schedule is for.
type Options struct {
	// Fire is told that a check, by its index in the config, is due: due is the
	// regular moment, not after now. It must not block, since all checks wait
	// for it, and may call [Schedule.Set]. Required.
	//
	// A call that is under way while Set replaces the config has an index of
	// the old one.
	Fire func(check uint32, due time.Time)
}

// Schedule fires the checks of one config at a time. Its methods may be called
// by several goroutines.
type Schedule struct {
	fire  func(uint32, time.Time)
	start time.Time // beginning of the steady clock
	wake  chan struct{}

	mu   sync.Mutex // guards the fields below
	plan plan
}

// New returns a schedule without checks; [Schedule.Set] gives it some.
func New(o Options) *Schedule {
	return &Schedule{fire: o.Fire, start: time.Now(), wake: make(chan struct{}, 1)}
}

// Set replaces what is asked, before or while the schedule runs. A check that
// keeps its name, interval and slot is not disturbed: its next due time stays.
// slot is the agent's, from the roster; sites is how many sites ask the same
// checks, at least 1, and stretches intervals as [Interval] says. Checks without
// a kind are blank places of the config: they are not asked.
func (s *Schedule) Set(cfg fleet.Config, slot uint32, sites int) {
	s.mu.Lock()
	s.plan.set(s.now(), &cfg, slot, sites)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

// now reads both clocks at once.
func (s *Schedule) now() instant {
	t := time.Now()
	return instant{wall: t.Round(0), steady: t.Sub(s.start)}
}

// Run fires what is due until ctx ends, and returns ctx's error. No call of
// Fire is under way when it has returned.
func (s *Schedule) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-timer.C:
		}
		wait, err := s.fireDue(ctx)
		if err != nil {
			return err
		}
		timer.Reset(min(wait, look))
	}
}

// fireDue fires everything that is due, and returns how long there is nothing.
func (s *Schedule) fireDue(ctx context.Context) (time.Duration, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s.mu.Lock()
		j, due, wait := s.plan.step(s.now())
		s.mu.Unlock()
		switch {
		case j != nil:
			s.fire(j.index, due)
		case wait < 0:
			return look, nil
		default:
			return wait, nil
		}
	}
}
