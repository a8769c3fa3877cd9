package agent

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"picket/agent/traffic"
	"picket/internal/fleet"
	"picket/internal/uplink"
	"picket/probes"
)

// purse keeps this agent's probes within its site's traffic (agent/traffic), and
// remembers what the collector says of the line.
type purse struct {
	mu     sync.Mutex // guards the fields below
	meter  traffic.Meter
	plan   traffic.Plan
	spare  bool       // the line is expensive
	remote netip.Addr // the address that the collector sees; invalid: not told
	routed bool       // ... and it is not this machine's own
}

// planEvery is how often the plan is looked at again, and what was spent is
// stored: a crash forgets so much.
const planEvery = time.Minute

// spentName is the file in the state directory with what was spent.
const spentName = "traffic.json"

// openPurse goes on from what was spent before.
func (a *Agent) openPurse() error {
	var spent traffic.Spent
	if err := load(a.o.Dir, spentName, &spent); err != nil {
		return err
	}
	a.purse.meter, a.purse.spare = traffic.NewMeter(spent), a.o.Metered
	return nil
}

// probe asks once and counts what it cost. Every probe of this agent goes through it.
func (a *Agent) probe(ctx context.Context, s probes.Spec) probes.Result {
	r := a.prober.Probe(ctx, s)
	a.purse.mu.Lock()
	defer a.purse.mu.Unlock()
	a.purse.meter.Spend(a.now(), r.Wire, a.purse.spare)
	return r
}

// learnCost takes what a scheduled probe cost.
func (a *Agent) learnCost(check string, bytes int) {
	a.purse.mu.Lock()
	defer a.purse.mu.Unlock()
	a.purse.meter.Learn(check, bytes)
}

// keepBudget works the plan out anew and stores what was spent, until ctx ends
// and once more then.
func (a *Agent) keepBudget(ctx context.Context) {
	tick := time.NewTicker(planEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			a.storeSpent()
			return
		case <-tick.C:
			a.replan(false)
			a.storeSpent()
		}
	}
}

func (a *Agent) storeSpent() {
	a.purse.mu.Lock()
	spent := a.purse.meter.Spent(a.now())
	a.purse.mu.Unlock()
	if err := a.state.store(spentName, spent); err != nil {
		a.log.Error("store what was spent", "err", err)
	}
}

// onLine takes what a welcome says of the line.
func (a *Agent) onLine(w uplink.Welcome) {
	routed := w.Remote.IsValid() && !ownAddress(w.Remote)
	a.purse.mu.Lock()
	a.purse.remote, a.purse.routed, a.purse.spare = w.Remote, routed, w.Spare || a.o.Metered
	a.purse.mu.Unlock()
	a.replan(false)
}

// replan has the schedule follow a new plan: if it is another one than before, or
// if what the schedule staggers by has changed.
func (a *Agent) replan(changed bool) {
	was, is := a.makePlan()
	same := was.Same(is)
	if !same && max(was.Stretch, is.Stretch) > 1 {
		a.log.Info("traffic budget: what is dear is asked less often", "times", is.Stretch, "everything", is.All,
			"bytes_per_second", int(is.Need), "allowed", int(is.Allowed))
	}
	if changed || !same {
		a.rephase()
	}
}

// makePlan works the plan out anew.
func (a *Agent) makePlan() (was, is traffic.Plan) {
	cfg := a.mind.config()
	site := traffic.Site{Budget: cfg.Budget, Agents: a.state.beside(a.seat().Site), Sites: a.state.sites()}
	a.purse.mu.Lock()
	defer a.purse.mu.Unlock()
	site.Spare = a.purse.spare
	was = a.purse.plan
	a.purse.plan = a.purse.meter.Plan(a.now(), cfg, site)
	return was, a.purse.plan
}

// stretched is cfg with the intervals of the plan.
func (p *purse) stretched(cfg *fleet.Config, sites int) (*fleet.Config, func(uint32) float64) {
	p.mu.Lock()
	factors := p.plan.Factors
	p.mu.Unlock()
	if len(factors) != len(cfg.Checks) {
		return cfg, nil
	}
	by := func(check uint32) float64 {
		if int(check) >= len(factors) {
			return 1
		}
		return factors[check]
	}
	out := *cfg
	out.Checks = make([]fleet.Check, len(cfg.Checks))
	for i, c := range cfg.Checks {
		every := max(c.Interval, cfg.Politeness*time.Duration(sites))
		c.Interval = time.Duration(float64(every) * by(uint32(i)))
		out.Checks[i] = c
	}
	return &out, by
}

// tell adds to what the agent tells of itself.
func (p *purse) tell(h *uplink.Health, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	spent := p.meter.Spent(now)
	h.TrafficDay, h.TrafficMonth = spent.DayBytes, spent.MonthBytes
	h.Stretch = max(p.plan.Stretch, p.plan.All)
	h.Routed = p.routed
}

// Traffic is what the probes of this machine cost, for [Status].
type Traffic struct {
	Day     uint64  `json:"day_bytes"`   // since midnight, UTC
	Month   uint64  `json:"month_bytes"` // since the first, UTC
	Budget  uint64  `json:"budget_bytes,omitempty"`
	Agents  int     `json:"agents"`  // that share the budget
	Spare   bool    `json:"spare"`   // on a metered or backup line: the daily budget holds
	Stretch float64 `json:"stretch"` // by which dear checks are asked less often
	All     float64 `json:"all"`     // ... and the rest
	Over    bool    `json:"over"`    // even so the budget does not hold
}

func (a *Agent) trafficStatus() Traffic {
	cfg := a.mind.config()
	b := &a.purse
	b.mu.Lock()
	defer b.mu.Unlock()
	spent := b.meter.Spent(a.now())
	t := Traffic{Day: spent.DayBytes, Month: spent.MonthBytes, Budget: cfg.Budget.Month, Agents: a.state.beside(a.seat().Site),
		Spare: b.spare, Stretch: b.plan.Stretch, All: b.plan.All, Over: b.plan.Over}
	if b.spare {
		t.Budget = cfg.Budget.SpareDay
	}
	return t
}

// ownAddress says whether addr belongs to this machine. Without a list of
// addresses nobody knows, and the safe answer is yes: nothing is concluded from
// what such an address does.
func ownAddress(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.IsLoopback() {
		return true
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == addr {
			return true
		}
	}
	return false
}

// beside counts the agents of a site on the roster, this one among them.
func (s *state) beside(site string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, seat := range s.ros.Seats {
		if seat.Site == site {
			n++
		}
	}
	return cmp.Or(n, 1)
}

// seenFrom is the address that the collector sees; "" if it did not tell.
func (a *Agent) seenFrom() string {
	a.purse.mu.Lock()
	defer a.purse.mu.Unlock()
	if !a.purse.remote.IsValid() {
		return ""
	}
	return a.purse.remote.String()
}
