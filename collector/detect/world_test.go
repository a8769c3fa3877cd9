package detect

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// This file is a small world with a known truth, in plain virtual time: sites
// with agents that probe, doubt, confirm and lose contact, in front of a real
// Engine. Agents here are simpler than internal/vantage, on purpose.

const delay = 30 * time.Millisecond // one way, agent <-> collector

// fault says what a probe meets; nil: it is well.
type fault struct {
	cause probes.Cause
	takes time.Duration // until a scheduled probe gives up
}

func blackhole() *fault { return &fault{probes.TCPTimeout, 3 * time.Second} }
func refused() *fault   { return &fault{probes.TCPRefused, 20 * time.Millisecond} }
func tlsHang() *fault   { return &fault{probes.TLSTimeout, 3 * time.Second} }
func http503() *fault   { return &fault{probes.HTTPStatus, 60 * time.Millisecond} }

// job is what happens at a moment, counted from the start of the world; of two at
// one moment the one made first.
type job struct {
	at time.Duration
	n  int
	do func()
}

func (j *job) before(o *job) bool { return j.at < o.at || j.at == o.at && j.n < o.n }

// jobs is a heap of four branches: a world is little else than this.
type jobs []job

func (q *jobs) push(j job) {
	*q = append(*q, j)
	h := *q
	i := len(h) - 1
	for ; i > 0 && j.before(&h[(i-1)/4]); i = (i - 1) / 4 {
		h[i] = h[(i-1)/4]
	}
	h[i] = j
}

func (q *jobs) pop() job {
	h := *q
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	i := 0
	for first := 1; first < len(h); first = 4*i + 1 {
		least := first
		for k := first + 1; k < min(first+4, len(h)); k++ {
			if h[k].before(&h[least]) {
				least = k
			}
		}
		if !h[least].before(&last) {
			break
		}
		h[i] = h[least]
		i = least
	}
	if len(h) > 0 {
		h[i] = last
	}
	return top
}

// simAgent is one agent: the state of its checks and its spool.
type simAgent struct {
	id    string
	site  *Site
	down  []bool // holds the check DOWN
	oks   []int
	raise []time.Time // last suspicion
	spool []Observation
	cut   time.Time      // contact was lost; zero: in contact
	off   bool           // not running
	slow  map[uint32]int // slow results in a row (mild_test.go)
}

type simWorld struct {
	t      testing.TB
	e      *Engine
	now    time.Time
	start  time.Time
	queue  jobs
	n      int
	rng    *rand.Rand
	cfg    fleet.Config
	sites  []Site
	agents []*simAgent
	every  time.Duration

	breaks func(s *Site, t *fleet.Target, k probes.Kind) *fault  // the clouds and paths
	meets  func(s *Site, t *fleet.Target, c *fleet.Check) *fault // the same, for faults of single checks
	edge   func(s *Site, t *fleet.Target) string                 // who answers there
	refs   func(s *Site) int                                     // references that answer, of 5
	noise  float64

	events    []Event
	incidents map[string]Incident // latest by id
	history   []IncidentEvent
	toldAt    []time.Time // of history
	asks      int
	clocks    map[string]time.Duration // by site: its clock is off
	lies      func(a *simAgent, check uint32, honest vantage.Answer) vantage.Answer
	slowness  func(s *Site, t *fleet.Target) time.Duration // added to good answers (mild_test.go)
}

type worldOptions struct {
	sites, networks, regions, clients int
	kinds                             []probes.Kind
	every                             time.Duration
	seed                              uint64
	rule                              Rule
	basis                             fleet.Basis
	shape                             func(*fleet.Config) // changes what is watched, before the start
	fleet                             func([]Site)        // changes who looks
}

// newWorld makes 3 providers x 4 regions x 2 services, as watched by the fleet.
func newWorld(t testing.TB, o worldOptions) *simWorld {
	if o.sites == 0 {
		o.sites, o.networks, o.regions, o.clients = 12, 6, 3, 5
	}
	if o.kinds == nil {
		o.kinds = []probes.Kind{probes.TLS, probes.HTTP}
	}
	if o.every == 0 {
		o.every = 10 * time.Second
	}
	if o.basis == 0 {
		o.basis = fleet.BasisDeclared
	}
	w := &simWorld{t: t, start: time.Date(2026, 3, 1, 12, 0, 7, 0, time.UTC), rng: rand.New(rand.NewPCG(o.seed, 1)),
		every: o.every, incidents: map[string]Incident{}}
	w.now = w.start
	w.e = New(Options{Rule: o.rule})
	for i := range o.sites {
		id := fmt.Sprintf("c%d/s%02d", i%max(o.clients, 1)+1, i+1)
		net := i % max(o.networks, 1)
		s := Site{ID: id, Client: fmt.Sprintf("c%d", i%max(o.clients, 1)+1), Region: []string{"eu", "us", "ap"}[i%max(o.regions, 1)],
			Network: fleet.Network{ID: uint32(net + 1), Name: fmt.Sprintf("ISP-%d", net+1), Basis: o.basis}, Agents: []string{id + "-1"}}
		w.sites = append(w.sites, s)
	}
	w.cfg = testConfig(o.kinds, o.every)
	if o.shape != nil {
		o.shape(&w.cfg)
	}
	if o.fleet != nil {
		o.fleet(w.sites)
	}
	w.boot()
	return w
}

// boot introduces the fleet to the engine and starts the agents' schedules.
func (w *simWorld) boot() {
	w.e.SetFleet(w.now, w.sites)
	w.e.SetConfig(w.now, w.cfg)
	for i := range w.sites {
		for _, id := range w.sites[i].Agents {
			a := &simAgent{id: id, site: &w.sites[i], down: make([]bool, len(w.cfg.Checks)), oks: make([]int, len(w.cfg.Checks)), raise: make([]time.Time, len(w.cfg.Checks))}
			w.agents = append(w.agents, a)
		}
	}
	for n, a := range w.agents {
		w.e.Hello(w.now, a.id, true, 0, nil)
		w.health(a)
		w.beat(a)
		for c := range w.cfg.Checks {
			phase := time.Duration(float64(w.every) * frac(float64(c)*0.377+float64(n)*0.618034))
			w.schedule(a, uint32(c), w.now.Add(phase))
		}
	}
	w.after(0, func() {})
}

func frac(f float64) float64 { return f - float64(int(f)) }

func (w *simWorld) at(t time.Time, do func()) {
	w.n++
	w.queue.push(job{t.Sub(w.start), w.n, do})
}
func (w *simWorld) after(d time.Duration, do func()) { w.at(w.now.Add(d), do) }

// run lets d of virtual time pass.
func (w *simWorld) run(d time.Duration) {
	end := w.now.Add(d)
	for {
		next, ok := w.e.Next()
		if ok && (len(w.queue) == 0 || next.Sub(w.start) < w.queue[0].at) {
			if next.After(end) {
				break
			}
			if next.After(w.now) {
				w.now = next
			}
			w.e.Tick(w.now)
		} else {
			if len(w.queue) == 0 || w.queue[0].at > end.Sub(w.start) {
				break
			}
			j := w.queue.pop()
			w.now = w.start.Add(j.at)
			j.do()
		}
		w.drain()
	}
	w.now = end
}

func (w *simWorld) drain() {
	for _, ev := range w.e.Drain() {
		switch ev := ev.(type) {
		case Ask:
			w.asks++
			for _, id := range ev.Agents {
				a := w.agent(id)
				w.after(delay, func() { w.confirm(a, ev) })
			}
		case IncidentEvent:
			if old, known := w.incidents[ev.Incident.ID]; known && ev.What == Opened && old.State != Resolved {
				w.t.Errorf("incident %s opened twice", ev.Incident.ID)
			} else if !known && ev.What != Opened {
				w.t.Errorf("incident %s %s before it was opened", ev.Incident.ID, ev.What)
			}
			w.incidents[ev.Incident.ID] = ev.Incident
			w.history = append(w.history, ev)
			w.toldAt = append(w.toldAt, w.now)
		}
		w.events = append(w.events, ev)
	}
}

func (w *simWorld) target(c uint32) *fleet.Target {
	for i := range w.cfg.Targets {
		if w.cfg.Targets[i].ID == w.cfg.Checks[c].Target {
			return &w.cfg.Targets[i]
		}
	}
	return nil
}

func (w *simWorld) agent(id string) *simAgent {
	for _, a := range w.agents {
		if a.id == id {
			return a
		}
	}
	w.t.Fatalf("asked unknown agent %s", id)
	return nil
}

// try is what one attempt meets now.
func (w *simWorld) try(a *simAgent, c uint32) *fault {
	ch := w.cfg.Checks[c]
	for i := range w.cfg.Targets {
		t := &w.cfg.Targets[i]
		if t.ID != ch.Target {
			continue
		}
		if w.breaks != nil {
			if f := w.breaks(a.site, t, ch.Spec.Kind); f != nil {
				return f
			}
		}
		if w.meets != nil {
			if f := w.meets(a.site, t, &ch); f != nil {
				return f
			}
		}
	}
	return nil
}

// schedule runs the check at t and every interval after it.
func (w *simWorld) schedule(a *simAgent, c uint32, t time.Time) {
	var look func()
	look = func() {
		t = t.Add(w.every)
		w.at(t, look)
		if a.off || int(c) >= len(w.cfg.Checks) {
			return
		}
		f := w.try(a, c)
		if f == nil && w.noise > 0 && w.rng.Float64() < w.noise {
			f = blackhole()
		}
		started := w.now
		if f == nil {
			w.after(40*time.Millisecond, func() { w.result(a, c, started, nil) })
			return
		}
		if f.takes > 300*time.Millisecond {
			w.after(300*time.Millisecond, func() { w.suspect(a, c, started, f, true) })
		}
		w.after(f.takes, func() {
			w.suspect(a, c, started, f, false)
			w.result(a, c, started, f)
		})
	}
	w.at(t, look)
}

func (w *simWorld) suspect(a *simAgent, c uint32, started time.Time, f *fault, overdue bool) {
	if a.down[c] || a.off || !a.cut.IsZero() || w.now.Sub(a.raise[c]) < 5*time.Second || w.refsOK(a) < 3 {
		return
	}
	a.raise[c] = w.now
	s := Suspicion{Check: c, Overdue: overdue, Cause: f.cause, Age: w.now.Sub(started)}
	if overdue {
		s.Cause = probes.None
	}
	w.after(delay, func() {
		if a.cut.IsZero() {
			s.Age += delay
			w.e.Suspect(w.now, a.id, s)
		}
	})
}

// result delivers a scheduled result, or spools it while there is no contact.
func (w *simWorld) result(a *simAgent, c uint32, started time.Time, f *fault) {
	r := probes.Result{Outcome: probes.Up, Total: w.now.Sub(started)}
	if f != nil {
		r.Outcome, r.Cause = probes.Down, f.cause
		a.oks[c] = 0
	} else if a.oks[c]++; a.oks[c] >= 2 {
		a.down[c] = false
	}
	if t := w.target(c); f == nil && w.edge != nil && t != nil {
		r.Edge = w.edge(a.site, t)
	}
	w.slowed(a, c, &r)
	o := Observation{Agent: a.id, Check: c, Start: started.Add(w.clocks[a.site.ID]), Result: r}
	if !a.cut.IsZero() {
		a.spool = append(a.spool, o)
		return
	}
	w.after(delay, func() {
		if !a.cut.IsZero() {
			a.spool = append(a.spool, o)
			return
		}
		w.e.Observe(w.now, o)
	})
}

// confirm is two fresh attempts, 250 ms apart, with references beside.
func (w *simWorld) confirm(a *simAgent, ask Ask) {
	if a.off || !a.cut.IsZero() {
		return
	}
	began := w.now
	takes := func(f *fault) time.Duration {
		if f == nil {
			return 40 * time.Millisecond
		}
		return min(f.takes, ask.Deadline)
	}
	first := w.try(a, ask.Check)
	w.after(250*time.Millisecond, func() {
		second := w.try(a, ask.Check)
		v := Vote{Round: ask.Round, Attempt: ask.Attempt, Answer: vantage.Up, RefsOK: (3*w.refsOK(a) + 2) / 5, RefsAsked: 3}
		wait := time.Duration(0)
		if first != nil && second != nil {
			v.Answer, v.Cause, wait = vantage.Down, second.cause, takes(second)
			v.Err = map[probes.Cause]string{probes.DNSNXDomain: "no such host", probes.TLSTimeout: "handshake timeout"}[second.cause]
		}
		if w.lies != nil {
			v.Answer = w.lies(a, ask.Check, v.Answer)
		}
		if v.RefsOK < 2 {
			v.Answer, v.Why = vantage.Abstain, "references_failed"
		}
		w.after(wait+delay, func() {
			if v.Answer == vantage.Down {
				a.down[ask.Check] = true
			}
			if !a.cut.IsZero() || a.off {
				return
			}
			v.Age = w.now.Sub(began)
			w.e.Vote(w.now, a.id, v)
		})
	})
}

func (w *simWorld) refsOK(a *simAgent) int {
	if w.refs == nil {
		return 5
	}
	return w.refs(a.site)
}

func (w *simWorld) health(a *simAgent) {
	ok := w.refsOK(a)
	w.e.Health(w.now, a.id, Health{RefsOK: ok, RefsAsked: 5, Voting: ok >= 3, Offset: w.clocks[a.site.ID]})
}

// beat is the sign of life every second, with health every fifth.
func (w *simWorld) beat(a *simAgent) {
	n := 0
	var tick func()
	tick = func() {
		if n++; !a.off && a.cut.IsZero() {
			if n%5 == 0 {
				w.health(a)
			} else {
				w.e.Contact(w.now, a.id)
			}
		}
		w.after(time.Second, tick)
	}
	w.after(time.Duration(w.rng.Int64N(int64(time.Second))), tick)
}
