package agent

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"picket/internal/fleet"
	"picket/internal/uplink"
	"picket/internal/vantage"
	"picket/probes"
)

// mind guards what this agent makes of its results. vantage is pure and knows
// one configuration at a time; a probe that was fired under an older one still
// goes to the spool, but no longer to vantage.
type mind struct {
	mu   sync.Mutex // guards the fields below
	v    *vantage.Vantage
	cfg  *fleet.Config // never nil; ID 0 is "none yet"
	last map[uint32]probes.Outcome
	addr addrs
	wake chan struct{} // has room for one; never closed
}

func newMind() *mind {
	return &mind{
		v: vantage.New(vantage.Options{}), cfg: &fleet.Config{},
		last: map[uint32]probes.Outcome{}, addr: addrs{}, wake: make(chan struct{}, 1),
	}
}

func (m *mind) set(cfg fleet.Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cfg = &cfg
	m.last = map[uint32]probes.Outcome{}
	m.addr = m.addr.keep(m.cfg)
	m.v.SetConfig(time.Now(), cfg)
	m.nudge()
}

// setSites tells over how many sites the askings of a check are spread, on
// which its real interval depends, and by how much each is stretched to spare the
// line (nil: none is).
func (m *mind) setSites(n int, stretch func(uint32) float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.v.SetSites(n)
	m.v.SetStretch(stretch)
	m.nudge()
}

func (m *mind) config() *fleet.Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg
}

// began arms the overdue timer of a check that is being asked, and returns the
// configuration it is asked under.
func (m *mind) began(check uint32) (*fleet.Config, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if int(check) >= len(m.cfg.Checks) {
		return nil, false
	}
	m.v.Began(time.Now(), check)
	m.nudge()
	return m.cfg, true
}

// saw takes a scheduled result that was asked under cfg, and returns it as it is
// to be kept and told: marked if the check is slow or lossy. changed says that
// the outcome differs from the check's previous one.
func (m *mind) saw(cfg *fleet.Config, check uint32, r probes.Result) (marked probes.Result, doubts []vantage.Doubt, changed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cfg != m.cfg {
		return r, nil, true
	}
	doubts = m.v.Result(time.Now(), check, r.Start, r)
	marked = m.v.Mark(check, r)
	m.addr.saw(cfg.Checks[check], r)
	previous, known := m.last[check]
	m.last[check] = marked.Outcome
	m.nudge()
	return marked, doubts, known && previous != marked.Outcome
}

// lastAddr is where a check of cfg last found what it asks for, as far as is
// known.
func (m *mind) lastAddr(cfg *fleet.Config, check uint32) netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cfg != m.cfg || int(check) >= len(cfg.Checks) {
		return netip.AddrPort{}
	}
	return m.addr.of(cfg, check)
}

// tick returns the doubts about replies that are overdue, the configuration
// they speak of, and when to ask again.
func (m *mind) tick() (*fleet.Config, []vantage.Doubt, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	doubts := m.v.Tick(time.Now())
	if next, ok := m.v.Next(); ok {
		return m.cfg, doubts, max(time.Millisecond, time.Until(next))
	}
	return m.cfg, doubts, time.Hour
}

// vote judges the attempts of a check of cfg. When another configuration has
// come into force meanwhile, the index may mean another check: it abstains.
func (m *mind) vote(cfg *fleet.Config, check uint32, attempts, refs []probes.Result) vantage.Ballot {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cfg != m.cfg {
		return vantage.Ballot{Why: vantage.WhyNoCheck}
	}
	return m.v.Vote(time.Now(), check, attempts, refs)
}

// confirmation is what a check is confirmed with: the limits of an attempt, and n reference checks drawn by chance. false: cfg is not in force any more.
func (m *mind) confirmation(cfg *fleet.Config, check uint32, n int) (own limits, refs []uint32, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cfg != m.cfg || int(check) >= len(cfg.Checks) {
		return limits{}, nil, false
	}
	refs = m.v.Beside()
	rand.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	return limits{m.v.Deadline(check), m.v.ConnectDeadline(check)}, refs[:min(n, len(refs))], true
}

func (m *mind) health() vantage.Health {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.v.Health(time.Now())
}

func (m *mind) standing() []uplink.Standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.v.Standing(time.Now())
	all := make([]uplink.Standing, len(held))
	for i, h := range held {
		all[i] = uplink.Standing(h)
	}
	return all
}

func (m *mind) checks() []vantage.CheckStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.v.Checks()
}

// nudge tells the overdue loop that Next may have moved.
func (m *mind) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// watch raises the doubts of overdue replies and reports health until ctx ends.
func (a *Agent) watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	report := time.NewTicker(time.Second)
	defer report.Stop()
	var told uplink.Health
	var toldAt time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-report.C:
			h := a.health()
			if h.RefsOK != told.RefsOK || h.Voting != told.Voting || h.Why != told.Why || h.Routed != told.Routed || h.Stretch != told.Stretch || time.Since(toldAt) > 10*time.Second {
				if a.client.Report(h) {
					told, toldAt = h, time.Now()
				}
				a.tellGossip(h)
			}
			continue
		case <-a.mind.wake:
		case <-timer.C:
		}
		cfg, doubts, wait := a.mind.tick()
		a.doubt(cfg, doubts)
		timer.Reset(wait)
	}
}
