package simulate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"picket/agent/schedule"
	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

const (
	history   = 15 * time.Minute // fault-free, before 0
	reconnect = 2 * time.Second  // the longest that an agent needs for a session once the way is free
	patience  = 5 * time.Second  // a session outlives a cut of the line that is shorter [E]
	settle    = 2 * time.Second  // agents of a new fleet say hello within this
)

// epoch is the day on which all scenarios play. The wall clock at 0 differs by
// the seed, or all seeds would meet a fault in the same phase of the schedule.
var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// world is one run: everything that exists, and the queue of what will happen.
// All of it belongs to one goroutine.
type world struct {
	s       *Scenario
	o       RunOptions
	run     *Run
	base    time.Time // the wall clock at 0
	clock   time.Time // ... at clockAt
	clockAt time.Duration
	now     time.Duration
	from    time.Duration // when the run began: -history, or 0
	end     time.Duration
	relay   time.Duration
	queue   queue

	sites   []*site
	agents  []*agent
	byAgent map[string]int32
	checks  []check
	configs map[configKey]*agentConfig
	version uint64

	engine   *detect.Engine // nil while the collector is down
	lives    uint16         // of the collector
	engineAt time.Duration  // when it wants a tick
	planner  *alert.Planner
	planAt   time.Duration
	last     map[string]detect.Incident // as the store has them, by id
	ids      []string                   // of last, in order of appearance

	faults   []fault
	waveAt   time.Duration
	steps    []step
	episodes []episode

	rings   []*ring
	ring    *ring         // whose turn it is
	ringAt  time.Duration // when
	stormy  time.Duration // before it no fault and no episode is on
	away    int           // agents without a session
	dozing  bool          // the engine is calm: it is told of calm probes when it matters (world_doze.go)
	calmAt  time.Duration // whether it is is not looked at before
	ticked  time.Duration // the engine's last Tick
	greeted time.Duration // it was last told who is there
	of      [][]int       // checks, by place of their target in a config
	place   []int         // of the target, by check
	glimpse detect.Observation

	results  slab[resultInFlight]
	healths  slab[detect.Health]
	suspects slab[detect.Suspicion]
	asks     slab[detect.Ask]
	votes    slab[detect.Vote]
	tries    slab[try]
}

const never = time.Duration(1<<63 - 1)

// site is a voting unit of the fleet.
type site struct {
	Site
	i       int
	network string // its ISP now: a line may switch
	agents  []*agent
	noise   siteNoise
}

// check is one question that the fleet asks, wherever it stands in a config.
type check struct {
	fleet.Check
	i        int
	target   *Target // nil: a reference
	provider int     // -1: a reference
	ref      *Reference
	byName   bool
}

// newWorld builds what s describes, at rest at its first moment.
func newWorld(s *Scenario, o RunOptions) *world {
	d := sown(o.Seed, 1)
	w := &world{
		s: s, o: o, run: &Run{Seed: o.Seed}, base: epoch.Add(d.within(24 * time.Hour).Truncate(time.Millisecond)),
		from: -history, end: s.Duration, relay: s.Fleet.RelayDelay, version: 1,
		byAgent: map[string]int32{}, configs: map[configKey]*agentConfig{}, last: map[string]detect.Incident{},
		planAt: never, engineAt: never, calmAt: -never,
	}
	if s.Cold {
		w.from = 0
	}
	w.clock = w.base
	w.now = w.from
	w.watch()
	w.staff()
	w.breakdown()
	w.disturb()
	w.planner = alert.NewPlanner(alert.PlannerOptions{Routes: []alert.Route{
		{Name: "all", Kinds: alert.AllKinds, Delay: config.DefaultDelay, ResolveDelay: config.DefaultResolveDelay}}})
	return w
}

// time is the wall clock of the collector at a moment, most often the same as the
// last time.
func (w *world) time(at time.Duration) time.Time {
	if at != w.clockAt {
		w.clockAt, w.clock = at, w.base.Add(at)
	}
	return w.clock
}

func (w *world) at(t time.Time) time.Duration { return t.Sub(w.base) }

// watch lists the checks of the scenario's targets and references.
func (w *world) watch() {
	providers := map[string]int{}
	for i := range w.s.Targets {
		t := &w.s.Targets[i]
		p, ok := providers[t.Provider]
		if !ok {
			p = len(providers)
			providers[t.Provider] = p
		}
		for _, k := range t.Kinds {
			for _, f := range t.Families {
				id := t.ID + "/" + k.String()
				family := probes.Family(0)
				if len(t.Families) > 1 {
					id, family = id+"/v"+f.String(), f
				}
				w.checks = append(w.checks, check{target: t, provider: p, byName: true, Check: fleet.Check{
					ID: id, Target: t.ID, Interval: t.Interval, Spec: probes.Spec{Kind: k, Host: t.ID + ".example", Port: 443, Family: family}}})
			}
		}
	}
	for i := range w.s.References {
		r := &w.s.References[i]
		for _, k := range r.Kinds {
			byName := k == probes.DNS || k == probes.TLS || k == probes.HTTP
			w.checks = append(w.checks, check{ref: r, provider: -1, byName: byName, Check: fleet.Check{
				ID: r.ID + "/" + k.String(), Target: r.ID, Interval: referenceInterval, Spec: probes.Spec{Kind: k, Host: r.ID + ".example", Port: 443}}})
		}
	}
	for i := range w.checks {
		w.checks[i].i = i
	}
}

// staff makes sites and agents, which joined in their order.
func (w *world) staff() {
	slot, placed := uint32(0), []fleet.Placed(nil)
	for i := range w.s.Fleet.Sites {
		s := &site{Site: w.s.Fleet.Sites[i], i: i}
		s.network = s.Network
		for n := range max(1, s.Agents) {
			slot = fleet.NextSlot(slot, placed, s.Region)
			placed = append(placed, fleet.Placed{Slot: slot, Region: s.Region})
			a := &agent{w: w, i: int32(len(w.agents)), id: fmt.Sprintf("%s-%d", s.ID, n+1), site: s, slot: slot, offset: s.Clock}
			a.dice = sown(w.o.Seed, 2, uint64(a.i))
			slot++
			s.agents = append(s.agents, a)
			w.byAgent[a.id] = a.i
			w.agents = append(w.agents, a)
		}
		w.sites = append(w.sites, s)
	}
	for _, a := range w.agents {
		a.pairs = make([]pair, len(w.checks))
		for i := range a.pairs {
			a.pairs[i] = w.meet(a, &w.checks[i])
		}
	}
}

// meet is what lies between an agent and what it asks.
func (w *world) meet(a *agent, c *check) pair {
	p := pair{dice: sown(w.o.Seed, 3, uint64(a.i), uint64(c.i)), failIn: -1, burst: -never, rtt: defaultRTT}
	if t := c.target; t != nil {
		p.foreign = t.Client != "" && t.Client != a.site.Client
		p.rtt = cmp.Or(t.RTT[a.site.Region], t.RTT["default"], defaultRTT)
		p.edge = t.Edge[a.site.Region]
	}
	p.family = c.Spec.Family
	switch {
	case p.family == 0 && len(a.site.Families) > 0:
		p.family = a.site.Families[0]
		p.noRoute = c.target != nil && len(c.target.Families) == 1 && !slices.Contains(a.site.Families, c.target.Families[0])
	case p.family != 0:
		p.noRoute = !slices.Contains(a.site.Families, p.family)
	}
	if c.target != nil && len(c.target.Families) == 1 {
		p.family = c.target.Families[0]
	}
	if w.s.Noise.Fail > 0 {
		p.failIn = p.gap(w.s.Noise.Fail)
	}
	return p
}

// fleet is the fleet as the collector knows it now.
func (w *world) fleet() []detect.Site {
	ids := map[string]uint32{}
	out := make([]detect.Site, len(w.sites))
	for i, s := range w.sites {
		n, ok := ids[s.network]
		if !ok {
			n = uint32(len(ids) + 1)
			ids[s.network] = n
		}
		out[i] = detect.Site{ID: s.ID, Client: s.Client, Region: s.Region,
			Network: fleet.Network{ID: n, Name: s.network, Upstream: s.Upstream, Basis: fleet.BasisTable}}
		for _, a := range s.agents {
			out[i].Agents = append(out[i].Agents, a.id)
		}
	}
	return out
}

// begin starts the collector and the agents, and puts the story on the queue.
func (w *world) begin() {
	w.ringed()
	w.ledger()
	w.storms()
	w.away = len(w.agents)
	w.collect(nil)
	for _, a := range w.agents {
		a.start(w.now)
		a.seen = -never
		w.push(event{at: w.now + a.dice.within(settle), what: evHello, agent: a.i, life: a.life})
	}
	for i := range w.steps {
		w.push(event{at: max(w.steps[i].at, w.now), what: evStep, x: int32(i)})
	}
	for i := range w.episodes {
		w.push(event{at: w.episodes[i].from, what: evEpisode, x: int32(i)})
	}
	w.push(event{at: w.at(w.time(w.now).Truncate(time.Hour).Add(time.Hour)), what: evHour})
	if slices.ContainsFunc(w.s.Expect, func(e Expect) bool { return e.Ineligible != nil }) {
		w.push(event{at: 0, what: evLook})
	}
}

func (w *world) push(e event) { w.queue.push(e) }

// loop lets time pass until the end of the run.
func (w *world) loop(ctx context.Context) error {
	for n := 0; ; n++ {
		if n&0xffff == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		next := never
		if len(w.queue.heap) > 0 {
			next = w.queue.heap[0].at
		}
		t := min(w.engineAt, w.planAt)
		if until := min(t, next, w.end); w.ringAt < until {
			w.spin(until)
			continue
		}
		if t < next {
			if t > w.end {
				break
			}
			w.now = max(w.now, t)
			w.wake()
			continue
		}
		if next > w.end {
			break
		}
		w.now = max(w.now, next)
		w.step()
	}
	w.now = w.end
	return nil
}

// step makes the earliest event happen.
func (w *world) step() {
	e := &w.queue.heap[0]
	if e.what == evQuick {
		w.quick(*e)
		return
	}
	v := w.queue.pop()
	switch v.what {
	case evStep:
		w.tell(&w.steps[v.x])
	case evEpisode:
		w.turn(v.x)
	case evLook:
		w.look()
	case evHour:
		w.squareAll()
		w.push(event{at: w.now + time.Hour, what: evHour})
	case evArrive:
		w.arrive(v)
	case evHealth, evSuspect, evVote, evSpool:
		w.receive(v)
	default:
		a := w.agents[v.agent]
		if v.life == a.life {
			a.happen(v)
		} else {
			w.forget(v)
		}
	}
}

// forget gives back what an event of a former life carried.
func (w *world) forget(v event) {
	switch v.what {
	case evEnd:
		w.results.take(v.x)
	case evAsk:
		w.asks.take(v.x)
	case evAnswer, evOwn:
		w.tries.take(v.x)
	}
}

// note tells the trace.
func (w *world) note(kind, format string, args ...any) {
	if w.o.Trace != nil {
		w.o.Trace.Note(w.now, kind, fmt.Sprintf(format, args...))
	}
}

// due is the next moment after at whose wall clock, as the agent reads it, lies
// in the phase of the check.
func (w *world) due(a *agent, c *check, after time.Duration) time.Duration {
	every := max(c.Interval, time.Second)
	wall := w.time(after).UnixNano() + int64(a.offset)
	wait := schedule.Phase(c.ID, a.slot, every) - time.Duration(wall%int64(every))
	if wait <= 0 {
		wait += every
	}
	return after + wait
}

// vantageOptions are those of the production agent.
var vantageOptions = vantage.Options{}
