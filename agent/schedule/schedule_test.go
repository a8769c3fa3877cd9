package schedule

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"picket/internal/fleet"
)

// running is a schedule at work in a bubble.
type running struct {
	*Schedule
	fired []call // read it only when all is idle
	stop  func() error
}

type call struct {
	check   uint32
	due, at time.Time
}

// start runs a schedule of cfg; the bubble's test must call stop.
func start(cfg fleet.Config, slot uint32, sites int) *running {
	r := new(running)
	r.Schedule = New(Options{Fire: func(check uint32, due time.Time) {
		r.fired = append(r.fired, call{check, due, time.Now()})
	}})
	r.Set(cfg, slot, sites)
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	done := make(chan struct{})
	go func() { defer close(done); err = r.Run(ctx) }()
	r.stop = func() error { cancel(); <-done; return err }
	return r
}

func TestEveryCheckIsAskedAtItsPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 10 * time.Second
		cfg := config(26, interval)
		r := start(cfg, 7, 12)
		time.Sleep(100 * time.Second)
		if err := r.stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		asked := make(map[uint32]int)
		for _, f := range r.fired {
			asked[f.check]++
			into := time.Duration(f.at.UnixNano() % int64(interval))
			if want := Phase(cfg.Checks[f.check].ID, 7, interval); into != want || !f.at.Equal(f.due) {
				t.Errorf("check %d: asked at %v for %v, its phase is %v", f.check, f.at, f.due, want)
			}
		}
		for i := range cfg.Checks {
			if asked[uint32(i)] != 10 {
				t.Errorf("check %d was asked %d times in ten intervals", i, asked[uint32(i)])
			}
		}
	})
}

// Twelve agents, of which some stop and start again: those who stay do not move.
func TestChurnMovesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 12 * time.Second
		cfg := config(1, interval)
		var agents []*running
		for slot := range uint32(12) {
			agents = append(agents, start(cfg, slot, 12))
		}
		time.Sleep(35 * time.Second)
		for _, i := range []int{2, 3, 9} {
			_ = agents[i].stop()
		}
		time.Sleep(50 * time.Second)
		agents[3] = start(cfg, 3, 12)
		time.Sleep(35 * time.Second)
		for slot, a := range agents {
			_ = a.stop()
			if len(a.fired) == 0 {
				t.Fatalf("slot %d was never asked", slot)
			}
			for _, f := range a.fired {
				if got, want := time.Duration(f.at.UnixNano()%int64(interval)), Phase(cfg.Checks[0].ID, uint32(slot), interval); got != want {
					t.Errorf("slot %d: phase %v, want %v", slot, got, want)
				}
			}
		}
	})
}

func TestSetKeepsWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 10 * time.Second
		old := config(3, interval)
		r := start(old, 1, 1)
		time.Sleep(25 * time.Second)
		synctest.Wait()
		r.fired = nil
		// Check 0 goes, 1 and 2 change places, a new one comes with half the interval.
		cfg := config(3, interval/2)
		cfg.Checks[0], cfg.Checks[1], cfg.Checks[2].ID = old.Checks[2], old.Checks[1], "new"
		r.Set(cfg, 1, 1)
		time.Sleep(30 * time.Second)
		_ = r.stop()
		asked := make(map[uint32]int)
		for _, f := range r.fired {
			asked[f.check]++
			c := cfg.Checks[f.check]
			if got, want := time.Duration(f.at.UnixNano()%int64(c.Interval)), Phase(c.ID, 1, c.Interval); got != want {
				t.Errorf("%s: phase %v, want %v", c.ID, got, want)
			}
		}
		if asked[0] != 3 || asked[1] != 3 || asked[2] != 6 || len(asked) != 3 {
			t.Errorf("asked %v, want 3, 3 and 6 times", asked)
		}
	})
}

func TestSettingAgainAndAgainAsksNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 10 * time.Second
		cfg := config(4, interval)
		r := start(cfg, 1, 1)
		for i := range 600 { // the number of sites flutters, and with it the interval
			r.Set(fleet.Config{Checks: cfg.Checks, Politeness: time.Second}, 1, 10+i%3)
			time.Sleep(100 * time.Millisecond)
		}
		_ = r.stop()
		last := make(map[uint32]time.Time)
		for _, f := range r.fired {
			if d := f.at.Sub(last[f.check]); d < interval/2 {
				t.Errorf("check %d: asked again after %v", f.check, d)
			}
			last[f.check] = f.at
		}
		if len(last) != 4 {
			t.Errorf("only %d of 4 checks were asked in a minute", len(last))
		}
	})
}

func TestSlowFireIsCaughtUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(map[uint32]int)
		blocked := false
		s := New(Options{Fire: func(check uint32, _ time.Time) {
			asked[check]++
			if !blocked {
				blocked = true
				time.Sleep(95 * time.Second) // a stopped process
			}
		}})
		s.Set(config(5, 10*time.Second), 0, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 110*time.Second)
		defer cancel()
		if err := s.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		for check, n := range asked {
			if n > 4 {
				t.Errorf("check %d was asked %d times", check, n)
			}
		}
		if len(asked) != 5 {
			t.Errorf("%d checks were asked", len(asked))
		}
	})
}

func TestAnEmptyScheduleWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(fleet.Config{}, 0, 0)
		time.Sleep(time.Hour)
		r.Set(config(1, time.Second), 0, 1)
		time.Sleep(10 * time.Second)
		_ = r.stop()
		if n := len(r.fired); n != 10 {
			t.Errorf("fired %d times in ten intervals", n)
		}
	})
}
