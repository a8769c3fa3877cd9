package traffic

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// watched is a config like a small site's own: services by https, with a cheap
// check beside, and three references.
func watched(services int, every time.Duration) *fleet.Config {
	cfg := &fleet.Config{}
	add := func(target string, reference bool, k probes.Kind, every time.Duration) {
		cfg.Checks = append(cfg.Checks, fleet.Check{ID: target + "/" + k.String(), Target: target, Interval: every,
			Spec: probes.Spec{Kind: k, Host: "h.example", Port: 443}})
		for _, t := range cfg.Targets {
			if t.ID == target {
				return
			}
		}
		cfg.Targets = append(cfg.Targets, fleet.Target{ID: target, Reference: reference})
	}
	for i := range services {
		id := string(rune('a'+i%26)) + string(rune('a'+i/26))
		add(id, false, probes.DNS, 20*time.Second)
		add(id, false, probes.HTTP, every)
	}
	for _, r := range []string{"r1", "r2", "r3"} {
		add(r, true, probes.TCP, 20*time.Second)
	}
	return cfg
}

// live asks the checks of cfg as the plan says from `from` to `to`, each costing
// cost times the estimate, and returns the last plan.
func live(m *Meter, cfg *fleet.Config, s Site, from, to time.Time, cost float64) Plan {
	const step = 20 * time.Minute
	var p Plan
	for now := from; now.Before(to); now = now.Add(step) {
		p = m.Plan(now, cfg, s)
		for i, c := range cfg.Checks {
			every := float64(c.Interval)
			if p.Factors != nil {
				every *= p.Factors[i]
			}
			bytes := cost * float64(probes.Cost(c.Spec))
			m.Learn(c.ID, int(bytes))
			m.Spend(now, int(bytes*float64(step)/every), s.Spare)
		}
	}
	return p
}

func day(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }

func TestWhatFitsIsNotStretched(t *testing.T) {
	var m Meter
	p := m.Plan(day(1), watched(5, time.Minute), Site{Budget: fleet.Budget{Month: 5e9, SpareDay: 100e6}, Agents: 1})
	if p.Factors != nil || p.Stretch != 1 || p.All != 1 || p.Need <= 0 || p.Need >= p.Allowed {
		t.Errorf("%+v", p)
	}
	if p := m.Plan(day(1), watched(500, time.Second), Site{}); p.Stretch != 1 || p.Allowed != 0 {
		t.Errorf("without a budget: %+v", p)
	}
}

func TestAMonthStaysInsideItsBudget(t *testing.T) {
	for name, c := range map[string]struct {
		services int
		budget   uint64
		begin    time.Time
		cost     float64
		agents   int
	}{
		"twice too much":               {60, 10e9, day(1), 1, 1},
		"ten times too much":           {300, 10e9, day(1), 1, 1},
		"dearer than estimated":        {60, 10e9, day(1), 3, 1},
		"joined in the middle":         {60, 5e9, day(17), 1, 1},
		"two agents, each its half":    {60, 20e9, day(1), 1, 2},
		"so little that all must rest": {100, 900e6, day(1), 1, 1},
	} {
		var m Meter
		cfg := watched(c.services, time.Minute)
		p := live(&m, cfg, Site{Budget: fleet.Budget{Month: c.budget}, Agents: c.agents}, c.begin, day(32), c.cost)
		spent := m.Spent(day(31)).MonthBytes
		if share := c.budget / uint64(c.agents); spent > share || float64(spent) < 0.5*float64(share) {
			t.Errorf("%s: %d of %d bytes spent", name, spent, share)
		}
		if p.Stretch <= 1 {
			t.Errorf("%s: %+v", name, p)
		}
		for i, k := range cfg.Checks {
			critical := k.Spec.Kind != probes.HTTP // references by tcp, the services' dns
			if want := map[bool]float64{true: p.All, false: p.Stretch}[critical]; p.Factors[i] != want {
				t.Fatalf("%s: %s is stretched by %v, want %v of %+v", name, k.ID, p.Factors[i], want, p)
			}
		}
		if p.Over {
			t.Errorf("%s: %+v", name, p)
		}
		if p.All > 1 && p.Stretch < others {
			t.Errorf("%s: what is critical is stretched before the rest is: %+v", name, p)
		}
	}
}

func TestAnExpensiveLineHasTheBudgetOfADay(t *testing.T) {
	var m Meter
	cfg := watched(30, time.Minute)
	b := fleet.Budget{Month: 50e9, SpareDay: 100e6}
	if p := live(&m, cfg, Site{Budget: b, Agents: 1}, day(3), day(3).Add(18*time.Hour), 1); p.Stretch != 1 {
		t.Fatalf("on the usual line: %+v", p)
	}
	p := live(&m, cfg, Site{Budget: b, Agents: 1, Spare: true}, day(3).Add(18*time.Hour), day(5), 1)
	if spent := m.Spent(day(4)).SpareBytes; p.Stretch <= 1 || spent > 100e6 || spent < 50e6 {
		t.Errorf("%d bytes in a day on the expensive line, %+v", spent, p)
	}
	if p := m.Plan(day(5), cfg, Site{Budget: b, Agents: 1}); p.Stretch != 1 {
		t.Errorf("back on the usual line: %+v", p)
	}
}

// TestFactorsDoNotFlutter: every change moves the phases of the checks.
func TestFactorsDoNotFlutter(t *testing.T) {
	var m Meter
	cfg := watched(60, time.Minute)
	s := Site{Budget: fleet.Budget{Month: 10e9}, Agents: 1}
	changes, last := 0, Plan{}
	for now := day(1); now.Before(day(29)); now = now.Add(20 * time.Minute) {
		p := live(&m, cfg, s, now, now.Add(20*time.Minute), 1)
		if !p.Same(last) {
			changes++
		}
		last = p
	}
	if changes > 12 {
		t.Errorf("%d changes in four weeks", changes)
	}
}

func TestWhatWasSpentIsKept(t *testing.T) {
	var m Meter
	m.Spend(day(3), 1000, true)
	m.Spend(day(4), 10, false)
	again := NewMeter(m.Spent(day(4)))
	again.Spend(day(4), 1, false)
	if s := again.Spent(day(4)); s.MonthBytes != 1011 || s.DayBytes != 11 || s.SpareBytes != 0 {
		t.Errorf("%+v", s)
	}
	if s := again.Spent(day(40)); s.MonthBytes != 0 || s.DayBytes != 0 {
		t.Errorf("another month: %+v", s)
	}
}

// TestNoCheckIsGivenUp: a budget that cannot hold is overdrawn, and that is told.
func TestNoCheckIsGivenUp(t *testing.T) {
	var m Meter
	p := m.Plan(day(1), watched(100, time.Minute), Site{Budget: fleet.Budget{Month: 50e6}, Agents: 1})
	if !p.Over || p.Stretch != most || p.All != most {
		t.Errorf("%+v", p)
	}
}

// TestReferencesAreStretchedLast, dear ones too: without them an agent knows
// nothing of its own line.
func TestReferencesAreStretchedLast(t *testing.T) {
	cfg := watched(40, time.Minute)
	cfg.Targets = append(cfg.Targets, fleet.Target{ID: "page", Reference: true})
	cfg.Checks = append(cfg.Checks, fleet.Check{ID: "page/http", Target: "page", Interval: time.Minute, Spec: probes.Spec{Kind: probes.HTTP, Host: "h.example"}})
	var m Meter
	p := m.Plan(day(1), cfg, Site{Budget: fleet.Budget{Month: 5e9}, Agents: 1})
	if last := p.Factors[len(p.Factors)-1]; p.Stretch <= 1 || last != 1 {
		t.Errorf("the reference is stretched by %v: %+v", last, p)
	}
}
