package schedule

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
)

// config makes a config with n checks of one interval.
func config(n int, interval time.Duration) fleet.Config {
	var cfg fleet.Config
	for i := range n {
		c := fleet.Check{ID: fmt.Sprintf("target-%d/https", i), Interval: interval}
		c.Spec.Kind = 1 // or it would be blank
		cfg.Checks = append(cfg.Checks, c)
	}
	return cfg
}

func TestPhaseIsPinned(t *testing.T) {
	// Agents of different versions share the circle: these may never change.
	for _, c := range []struct {
		check string
		slot  uint32
		want  time.Duration
	}{
		{"azure-front-door/https", 0, 1368268789},
		{"azure-front-door/https", 1, 7548608677},
		{"azure-front-door/https", 4_000_000_000, 1364062716},
		{"", 0, 9367694483},
	} {
		if got := Phase(c.check, c.slot, 10*time.Second); got != c.want {
			t.Errorf("Phase(%q, %d) = %d, want %d", c.check, c.slot, got, c.want)
		}
	}
	if p := Phase("x", 3, 0); p != 0 {
		t.Errorf("phase in no interval: %v", p)
	}
}

func TestPhaseFollowsTheFormula(t *testing.T) {
	const interval = 10 * time.Second
	base := Phase("target/dns", 0, interval)
	for slot := range uint32(1000) {
		_, frac := math.Modf(base.Seconds()/interval.Seconds() + float64(slot)*0.6180339887498949)
		want := time.Duration(frac * float64(interval))
		if d := (Phase("target/dns", slot, interval) - want).Abs(); d > time.Microsecond {
			t.Fatalf("slot %d: off by %v", slot, d)
		}
	}
}

// largestGap returns the widest gap between neighbours on the circle.
func largestGap(phases []time.Duration, interval time.Duration) time.Duration {
	slices.Sort(phases)
	gap := phases[0] + interval - phases[len(phases)-1]
	for i := 1; i < len(phases); i++ {
		gap = max(gap, phases[i]-phases[i-1])
	}
	return gap
}

func TestAgentsOfOneCheckAreSpreadEvenly(t *testing.T) {
	const interval = time.Minute
	for _, first := range []uint32{0, 5, 1 << 20} { // any run of slots, not only from 0
		var phases []time.Duration
		for n := 1; n <= 200; n++ {
			phases = append(phases, Phase("target/https", first+uint32(n-1), interval))
			// The bound of the golden rotation: n x widest gap <= 1 + 2/sqrt(5) = 1.894.
			if gap := largestGap(slices.Clone(phases), interval); float64(n)*gap.Seconds() > 1.9*interval.Seconds() {
				t.Errorf("%d slots from %d: widest gap %v of %v", n, first, gap, interval)
			}
		}
	}
}

func TestChecksOfOneAgentAreSpread(t *testing.T) {
	const interval = time.Minute
	var tenths [10]int
	for i := range 1000 {
		tenths[Phase(fmt.Sprintf("target-%d/https", i), 0, interval)*10/interval]++
	}
	for i, n := range tenths {
		if n < 60 || n > 140 { // 100 expected, standard deviation 9.5
			t.Errorf("tenth %d of the interval has %d of 1000 checks", i, n)
		}
	}
}

func TestIntervalStaysPolite(t *testing.T) {
	for _, c := range []struct {
		every, politeness time.Duration
		sites             int
		want              time.Duration
	}{
		{10 * time.Second, time.Second, 0, 10 * time.Second},
		{10 * time.Second, time.Second, 9, 10 * time.Second},
		{10 * time.Second, time.Second, 30, 30 * time.Second},
		{10 * time.Second, 0, 500, 10 * time.Second},
	} {
		if got := Interval(c.every, c.politeness, c.sites); got != c.want {
			t.Errorf("Interval(%v, %v, %d) = %v, want %v", c.every, c.politeness, c.sites, got, c.want)
		}
	}
}

// clocks drives a plan through moments on a wall clock that can be set.
type clocks struct {
	t    *testing.T
	plan plan
	now  instant
	log  []firing
}

type firing struct {
	id   string
	due  time.Time
	wall time.Time
	at   time.Duration // steady
}

func newClocks(t *testing.T, cfg fleet.Config) *clocks {
	c := &clocks{t: t, now: instant{wall: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), steady: time.Hour}}
	c.plan.set(c.now, &cfg, 3, 1)
	return c
}

// run lets d pass, looking as often as Run does.
func (c *clocks) run(d time.Duration) {
	for end := c.now.steady + d; c.now.steady < end; {
		wait := c.look()
		wait = min(wait, end-c.now.steady)
		c.now.steady += wait
		c.now.wall = c.now.wall.Add(wait)
	}
	c.look()
}

// look fires all that is due now and returns the time to the next look.
func (c *clocks) look() time.Duration {
	for {
		j, due, wait := c.plan.step(c.now)
		if j == nil {
			if wait < 0 || wait > look {
				wait = look
			}
			return wait
		}
		c.log = append(c.log, firing{j.id, due, c.now.wall, c.now.steady})
	}
}

// times returns when each check was fired, on the steady clock.
func (c *clocks) times() map[string][]time.Duration {
	m := make(map[string][]time.Duration)
	for _, f := range c.log {
		m[f.id] = append(m[f.id], f.at)
	}
	return m
}

func TestClockStepsCauseNeitherBurstNorSilence(t *testing.T) {
	const interval = 10 * time.Second
	for _, step := range []time.Duration{
		time.Second, -time.Second, 4 * time.Second, -4 * time.Second, 7 * time.Second, -7 * time.Second,
		time.Minute + 3*time.Second, -time.Hour, time.Hour + time.Second, 90 * 24 * time.Hour, -40 * 365 * 24 * time.Hour,
	} {
		t.Run(step.String(), func(t *testing.T) {
			c := newClocks(t, config(40, interval))
			c.run(33 * time.Second)
			c.now.wall = c.now.wall.Add(step)
			before := len(c.log)
			c.run(10 * time.Millisecond)
			if n := len(c.log) - before; n > 3 { // 4 a second are regular
				t.Errorf("%d checks at once after the step", n)
			}
			c.run(60 * time.Second)
			for id, at := range c.times() {
				for i := 1; i < len(at); i++ {
					if d := at[i] - at[i-1]; d < interval/2 || d > 2*interval {
						t.Errorf("%s: %v between two askings", id, d)
					}
				}
			}
			for _, f := range c.log {
				if f.due.After(f.wall) || f.wall.Sub(f.due) > time.Millisecond {
					t.Errorf("%s: asked at %v for %v", f.id, f.wall, f.due)
				}
			}
		})
	}
}

func TestLateWakeUpAsksOnceEach(t *testing.T) {
	const interval = 10 * time.Second
	c := newClocks(t, config(40, interval))
	c.run(20 * time.Second)
	c.log = nil
	c.now.steady += 58 * time.Second // the process was stopped, both clocks went on
	c.now.wall = c.now.wall.Add(58 * time.Second)
	c.look()
	if len(c.log) != 40 {
		t.Errorf("%d askings at once, want one for each of 40 checks", len(c.log))
	}
	for _, f := range c.log {
		if late := f.wall.Sub(f.due); late < 0 || late >= interval {
			t.Errorf("%s: asked for a moment %v ago", f.id, late)
		}
	}
	c.run(30 * time.Second)
	for id, at := range c.times() {
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; d < interval/2 || d > interval*3/2 {
				t.Errorf("%s: %v between two askings", id, d)
			}
		}
	}
}

func TestSlewedClockIsFollowed(t *testing.T) {
	c := newClocks(t, config(5, 10*time.Second))
	for range 600 { // 0.5 ms a second, for ten minutes
		c.run(time.Second)
		c.now.wall = c.now.wall.Add(500 * time.Microsecond)
	}
	for id, at := range c.times() {
		if n := len(at); n < 59 || n > 61 {
			t.Errorf("%s: asked %d times in 600 s", id, n)
		}
	}
}

// fastest complains about two askings of a check within less than a second, but
// for what late timers and slewed clocks are given.
func (c *clocks) fastest() {
	c.t.Helper()
	for id, at := range c.times() {
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; d < distance {
				c.t.Errorf("%s: asked again after %v", id, d)
			}
		}
		if n := len(at); time.Duration(n-1)*second > at[n-1]-at[0]+second {
			c.t.Errorf("%s: asked %d times in %v", id, n, at[n-1]-at[0])
		}
	}
}

func TestNoIntervalIsShorterThanASecond(t *testing.T) {
	for _, interval := range []time.Duration{1, time.Microsecond, 10 * time.Millisecond, 999 * time.Millisecond, time.Second} {
		c := newClocks(t, config(3, interval))
		c.run(10 * time.Second)
		c.fastest()
		for id, at := range c.times() {
			if len(at) < 10 || len(at) > 11 {
				t.Errorf("%s: asked %d times in 10 s at an interval of %v", id, len(at), interval)
			}
		}
	}
}

func TestConfigsInARowDoNotHurryAnything(t *testing.T) {
	c := newClocks(t, config(3, time.Second))
	none := fleet.Config{}
	for i := range 200 {
		c.run(37 * time.Millisecond)
		c.plan.set(c.now, &none, 0, 1) // it leaves
		cfg := config(3, time.Duration(1+i%7)*time.Millisecond)
		c.plan.set(c.now, &cfg, uint32(i*i), 1) // and comes back, elsewhere on the circle
	}
	if len(c.log) == 0 {
		t.Error("nothing was asked")
	}
	c.fastest()
	c.run(2 * time.Second)
	c.plan.set(c.now, &none, 0, 1)
	c.run(2 * time.Second)
	c.plan.set(c.now, &none, 0, 1)
	if len(c.plan.gone) > 0 {
		t.Errorf("%d checks are remembered for ever", len(c.plan.gone))
	}
}

func TestBlankPlacesAreNotAsked(t *testing.T) {
	cfg := config(3, time.Second)
	cfg.Checks[1] = fleet.Check{Interval: time.Second}
	c := newClocks(t, cfg)
	c.run(5 * time.Second)
	if at := c.times(); len(at) != 2 || len(at[cfg.Checks[0].ID]) < 5 || len(at[cfg.Checks[2].ID]) < 5 {
		t.Errorf("asked %v", at)
	}
	for _, j := range c.plan.jobs {
		if cfg.Checks[j.index].ID != j.id {
			t.Errorf("%s has the index %d", j.id, j.index)
		}
	}
}
