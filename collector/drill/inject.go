package drill

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"picket/collector/detect"
	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// Rounds is set in the number of every round of a twin, on its way to the agents
// and back.
const Rounds = 1 << 63

// Bounds of what an injector keeps.
const (
	maxAsked  = 4096 // rounds whose check is remembered
	maxDoubts = 20   // of one agent in doubtSpan, as agents keep to it
	doubtSpan = 10 * time.Second
	// overdue is after how long an agent doubts that an answer is still coming.
	overdue = 1500 * time.Millisecond
)

// played is the text of an error that nobody met.
const played = "played by a drill"

// Call is something that a twin is to hear from an agent. Exactly one of the
// three is set.
type Call struct {
	Due         time.Time // not before
	Agent       string
	Observation *detect.Observation
	Suspicion   *detect.Suspicion
	Vote        *detect.Vote
}

// Do has e hear it at now.
func (c Call) Do(now time.Time, e *detect.Engine) {
	late := max(0, now.Sub(c.Due))
	switch {
	case c.Observation != nil:
		e.Observe(now, *c.Observation)
	case c.Suspicion != nil:
		c.Suspicion.Age += late
		e.Suspect(now, c.Agent, *c.Suspicion)
	case c.Vote != nil:
		c.Vote.Age += late
		e.Vote(now, c.Agent, *c.Vote)
	}
}

// Injector rewrites what agents say. It is not safe for concurrent use.
type Injector struct {
	plan    Plan
	config  uint64
	causes  []probes.Cause  // by check; None: it is not played
	kinds   []probes.Kind   // by check
	timeout []time.Duration // by check
	targets map[string]bool
	sites   map[string]bool   // that see it; nil: all
	home    map[string]string // site, by agent
	nets    map[string]bool   // ISPs of the sites that fall silent
	asked   map[uint64]question
	doubts  map[string]spell
	over    bool
}

// question is a round as it was asked.
type question struct {
	check    uint32
	attempt  int
	at       time.Time
	deadline time.Duration
}

// spell counts what one agent has said in a stretch of time.
type spell struct {
	since time.Time
	n     int
}

// NewInjector plays p on what a fleet of these sites sees of cfg.
func NewInjector(p Plan, cfg fleet.Config, sites []detect.Site) *Injector {
	i := &Injector{plan: p, config: cfg.ID, causes: make([]probes.Cause, len(cfg.Checks)), kinds: make([]probes.Kind, len(cfg.Checks)),
		timeout: make([]time.Duration, len(cfg.Checks)), targets: map[string]bool{}, home: map[string]string{}, nets: map[string]bool{},
		asked: map[uint64]question{}, doubts: map[string]spell{}}
	for _, id := range p.Targets {
		i.targets[id] = true
	}
	if len(p.Sites) > 0 {
		i.sites = map[string]bool{}
		for _, id := range p.Sites {
			i.sites[id] = true
		}
	}
	for _, s := range sites {
		i.settle(s)
	}
	kinds := map[string][]probes.Kind{}
	for _, c := range cfg.Checks {
		kinds[c.Target] = append(kinds[c.Target], c.Spec.Kind)
	}
	for k, c := range cfg.Checks {
		i.kinds[k] = c.Spec.Kind
		if i.timeout[k] = c.Spec.Timeout; i.timeout[k] <= 0 {
			i.timeout[k] = probes.DefaultTimeout(c.Spec.Kind)
		}
		if i.targets[c.Target] {
			i.causes[k] = p.way.cause(c.Spec.Kind, kinds[c.Target])
		}
	}
	return i
}

func (i *Injector) settle(s detect.Site) {
	for _, a := range s.Agents {
		i.home[a] = s.ID
	}
	if i.plan.way == bySilence && i.sites[s.ID] {
		i.nets[s.Network.Group()] = true
	}
}

// SetFleet takes a fleet that has changed. The scenario stays what it was.
func (i *Injector) SetFleet(sites []detect.Site) {
	i.home = map[string]string{}
	for _, s := range sites {
		i.settle(s)
	}
}

// cause is what a check of kind k of a target with these kinds would meet; None
// if it would be answered as ever.
func (w way) cause(k probes.Kind, all []probes.Kind) probes.Cause {
	if k == probes.Ping {
		return probes.None // never counts
	}
	switch w {
	case byName:
		return probes.DNSServfail
	case byVoid:
		switch {
		case k != probes.DNS:
			return probes.TCPTimeout
		case !slices.ContainsFunc(all, func(o probes.Kind) bool { return o != probes.DNS && o != probes.Ping }):
			return probes.DNSTimeout // there is nothing else of it to vanish
		}
		return probes.None
	}
	// Errors come from the service itself: at the highest layer that is asked.
	for _, o := range all {
		if o != probes.Ping && rank(o) > rank(k) {
			return probes.None
		}
	}
	return map[probes.Kind]probes.Cause{probes.HTTP: probes.HTTPStatus, probes.TLS: probes.TLSReset, probes.TCP: probes.TCPRefused, probes.DNS: probes.DNSServfail}[k]
}

// rank orders kinds by the layer that they reach.
func rank(k probes.Kind) int {
	return slices.Index([]probes.Kind{probes.Ping, probes.DNS, probes.TCP, probes.TLS, probes.HTTP}, k)
}

// End has answers heard as they are from now on.
func (i *Injector) End() { i.over = true }

// Hears says whether anything of an agent reaches the twin: it is of the fleet,
// and its site is not silent.
func (i *Injector) Hears(agent string) bool {
	site, known := i.home[agent]
	return known && !(i.plan.way == bySilence && !i.over && i.sites[site])
}

// plays says whether the pair of the agent and the check is in the drill now, and
// what it meets.
func (i *Injector) plays(agent string, check uint32) (probes.Cause, bool) {
	if i.over || int(check) >= len(i.causes) || i.causes[check] == probes.None {
		return probes.None, false
	}
	return i.causes[check], i.sites == nil || i.sites[i.home[agent]]
}

// Observe takes a scheduled result, and returns what the twin hears of it.
func (i *Injector) Observe(now time.Time, o detect.Observation) []Call {
	if !i.Hears(o.Agent) || o.Config != i.config || int(o.Check) >= len(i.causes) {
		return nil
	}
	cause, plays := i.plays(o.Agent, o.Check)
	if plays && i.plan.way == inPart {
		plays = draw(o.Agent, uint64(o.Check), uint64(o.Start.UnixMilli())) < partShare
	}
	switch {
	case !plays && good(o.Result.Outcome):
		return []Call{{Due: now, Agent: o.Agent, Observation: &o}}
	case !plays, o.Result.Outcome == probes.Unknown: // what is not of the drill, and who could not tell
		return nil
	}
	s := detect.Suspicion{Config: o.Config, Check: o.Check, Cause: cause, Age: max(0, now.Sub(o.Start))}
	doubt, result := now, now
	if i.plan.way == byVoid {
		s.Overdue = true
		doubt, result = later(now, o.Start.Add(overdue)), later(now, o.Start.Add(i.timeout[o.Check]))
		s.Age = doubt.Sub(o.Start)
		o.Result = probes.Result{Kind: o.Result.Kind, Family: o.Result.Family, Total: i.timeout[o.Check]}
	}
	o.Result.Outcome, o.Result.Cause, o.Result.Err = probes.Down, cause, played
	var calls []Call
	if i.kinds[o.Check] != probes.Ping && i.mayDoubt(now, o.Agent) {
		calls = append(calls, Call{Due: doubt, Agent: o.Agent, Suspicion: &s})
	}
	return append(calls, Call{Due: result, Agent: o.Agent, Observation: &o})
}

// mayDoubt says whether the agent may raise one more doubt, as it would of itself.
func (i *Injector) mayDoubt(now time.Time, agent string) bool {
	d := i.doubts[agent]
	if now.Sub(d.since) >= doubtSpan {
		d = spell{since: now}
	}
	d.n++
	i.doubts[agent] = d
	return d.n <= maxDoubts
}

// Asked notes a question of the twin, so that its answers can be read.
func (i *Injector) Asked(now time.Time, a detect.Ask) {
	if len(i.asked) >= maxAsked {
		for id, q := range i.asked {
			if now.Sub(q.at) > time.Minute {
				delete(i.asked, id)
			}
		}
	}
	if len(i.asked) < maxAsked {
		i.asked[a.Round] = question{a.Check, a.Attempt, now, a.Deadline}
	}
}

// Vote takes the answer to a question of the twin; its number is the twin's own.
func (i *Injector) Vote(now time.Time, agent string, v detect.Vote) []Call {
	q, known := i.asked[v.Round]
	if !known || !i.Hears(agent) {
		return nil
	}
	cause, plays := i.plays(agent, q.check)
	if plays && i.plan.way == inPart { // a vote is DOWN if both of its attempts fail
		plays = draw(agent, v.Round, uint64(v.Attempt)) < partShare*partShare
	}
	due := now
	switch {
	case v.Answer == vantage.Abstain:
	case plays:
		v.Answer, v.Cause, v.Err, v.Added, v.Ratio, v.IPReachable = vantage.Down, cause, played, 0, 0, false
		if i.plan.way == byVoid && v.Attempt == q.attempt {
			due = later(now, q.at.Add(q.deadline))
			v.Age += due.Sub(now)
		}
	case v.Answer != vantage.Up:
		v.Answer, v.Cause, v.Why, v.Added, v.Ratio = vantage.Abstain, probes.None, "beside the drill", 0, 0
	}
	return []Call{{Due: due, Agent: agent, Vote: &v}}
}

// Concerns says whether what the twin found is of the drill.
func (i *Injector) Concerns(in *detect.Incident) bool {
	if i.plan.way == bySilence {
		switch {
		case in.Site != "":
			return i.sites[in.Site]
		case in.Kind == detect.KindNetwork:
			return i.nets[in.Network]
		}
		return in.Kind == detect.KindFleet || in.Kind == detect.KindCollector
	}
	return slices.ContainsFunc(in.Targets, func(id string) bool { return i.targets[id] })
}

func good(o probes.Outcome) bool { return o == probes.Up || o == probes.Degraded }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// draw is a number from 0 to 1 that is always the same for the same moment of the
// same agent.
func draw(agent string, a, b uint64) float64 {
	h := fnv.New64a()
	h.Write([]byte(agent))
	h.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b))
	x := h.Sum64()
	x ^= x >> 33 // FNV mixes its last bytes badly
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x) / math.MaxUint64
}
