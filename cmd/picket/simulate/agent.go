package simulate

import (
	"time"

	"picket/collector/detect"
	"picket/internal/vantage"
	"picket/probes"
)

// agent is one Picket agent: the production state machine, and around it what
// agent/ask.go, mind.go and session.go do, in virtual time.
type agent struct {
	w      *world
	i      int32
	id     string
	site   *site
	slot   uint32
	dice   dice
	offset time.Duration // its clock minus the collector's
	wrong  time.Duration // by how much its results are misdated until the offset is measured again
	until  time.Duration // ... then

	v     *vantage.Vantage // nil: not running
	cfg   *agentConfig
	life  uint16 // counts starts and stops
	pairs []pair // by check of the world
	sites int
	held  bool // it keeps its configuration while a new one spreads

	since  time.Duration // of its life
	refs   []int         // pairs with the references
	lined  time.Duration // when its vantage point was last told of all of them
	chatty bool          // its results alone are sign of life enough
	beatAt time.Duration // its next second that is looked at
	cuts   int           // how many things keep it from the collector
	cutAt  time.Duration // since the first of them
	fresh  bool          // its session is gone: it must say hello
	linked bool          // it has a session
	met    bool          // it had one before
	seen   time.Duration // the collector last heard of it
	spool  []kept

	told   vantage.Health // as last reported
	toldAt time.Duration
	sound  bool          // the engine knows that nearly all of its references answer
	tickAt time.Duration // a tick is on the queue for then; never: none

	rounds   window // rounds taken part in, for the budget
	confirms window // attempts of confirmations, for the figures

	lie       *fault
	lieNext   int // pair to doubt next
	lieAt     []time.Duration
	lieBudget window
}

// pair is an agent and what it asks. What a calm probe needs comes first: it is
// one line of the cache.
type pair struct {
	due    time.Duration // of the next scheduled probe
	total  time.Duration // of it, if it ends well
	first  time.Duration // start of the first that vantage has not been told of
	burst  time.Duration // attempts before this share the last raw failure
	failIn int64         // scheduled attempts until one fails by itself; -1 never
	owed   int32         // good results that vantage has not been told of
	debt   int32         // good results, the latest ones, that the engine has not been told of
	good   int32         // ordinary good probes in a row
	lazy   bool          // it takes the ring
	spot   bool          // it has a place on a ring
	failed bool          // so did its last result that the engine was told of by itself

	foreign bool // not asked here: another client's
	noRoute bool // the site has no line of that IP version
	reset   bool // how the last raw failure ends
	family  probes.Family
	rtt     time.Duration
	dice    dice
	ar      float64
	edge    string
	faults  []int32
}

// kept is a result in the spool.
type kept struct {
	config uint64
	index  uint32
	start  time.Duration
	wrong  time.Duration
	r      probes.Result
}

// resultInFlight is a result between probe, agent and collector.
type resultInFlight struct {
	kept
	cfg *agentConfig
}

// start begins a life of the agent's process.
func (a *agent) start(now time.Duration) {
	w := a.w
	a.life++
	a.since = now
	a.v = vantage.New(vantageOptions)
	a.tickAt, a.toldAt, a.lined, a.fresh = never, -never, now-time.Minute, true
	a.sites = len(w.sites)
	a.adopt(w.config(w.version, a.site.Client))
	a.v.SetSites(a.sites)
	for i := range a.pairs {
		if !a.pairs[i].foreign {
			p := &a.pairs[i]
			p.due, p.lazy, p.owed, p.debt, p.good = w.due(a, &w.checks[i], now), false, 0, 0, 0
			w.push(a.next(i))
		}
	}
	a.pulse(now + time.Second)
}

// stop ends it.
func (a *agent) stop() {
	a.unlink()
	a.life++
	a.v = nil
	for i := range a.pairs {
		a.pairs[i].lazy = false
	}
}

// adopt puts a configuration in force.
func (a *agent) adopt(cfg *agentConfig) {
	if a.cfg != nil {
		a.settleAll()
	}
	a.cfg = cfg
	a.v.SetConfig(a.w.time(a.w.now), cfg.Config)
}

// next is the event of the pair's next scheduled probe: the short way, if
// nothing can be in its way.
func (a *agent) next(i int) event {
	p, c := &a.pairs[i], &a.w.checks[i]
	e := event{at: p.due, what: evProbe, agent: a.i, check: int32(i), life: a.life}
	if p.noRoute || a.lie != nil || !p.calm(p.due) || a.w.troubled(a, c, p, p.due) {
		return e
	}
	p.total = a.takes(c, p)
	if p.total > shortest && p.total > a.overdue(i) || p.total >= timeoutOf(c, 0) {
		return e
	}
	e.what, e.at = evQuick, p.due+p.total+a.w.relay
	return e
}

// shortest is the least that [vantage.Vantage] ever waits for a reply.
const shortest = 300 * time.Millisecond

// overdue is how long a reply of the pair may take before it is missed.
func (a *agent) overdue(i int) time.Duration {
	if d := a.v.Overdue(a.cfg.index[i]); d > 0 {
		return d
	}
	return never
}

// quick is a probe that ended well and is at the collector now.
func (w *world) quick(e event) {
	a := w.agents[e.agent]
	if e.life != a.life {
		w.queue.pop()
		return
	}
	i := int(e.check)
	p, c := &a.pairs[i], &w.checks[i]
	var r probes.Result
	start := p.due
	a.well(c, p, p.total, &r)
	r.Start = w.time(start)
	cfg := a.cfg
	if p.failIn > 0 {
		p.failIn--
	}
	w.run.Probes++
	index := cfg.index[i]
	if a.flagged(i) {
		a.settleLine() // it may tell so again, if the line is well
	}
	// That it began makes no difference any more: the reply was not late.
	doubts := a.v.Result(w.time(start+p.total), index, r.Start, r)
	a.mark(index, &r)
	if w.o.Observer != nil {
		w.o.Observer(start+r.Total, a.site.i, i, r)
	}
	p.due += max(c.Interval, time.Second)
	p.good++
	if next := a.next(i); next.what == evQuick && a.routineOf(i) {
		p.lazy = true
		w.queue.pop()
	} else {
		w.queue.replace(next)
	}
	k := kept{config: cfg.ID, index: index, start: start, wrong: a.misdated(start), r: r}
	switch {
	case !a.linked || w.engine == nil:
		a.spool = append(a.spool, k)
	default:
		w.observe(a, e.check, &k)
	}
	a.doubt(cfg, doubts)
}

// misdated is by how much the collector reads the time of a result wrongly.
func (a *agent) misdated(at time.Duration) time.Duration {
	if at < a.until {
		return a.wrong
	}
	return 0
}

// mark has the vantage point mark a good result of a degraded check.
func (a *agent) mark(index uint32, r *probes.Result) {
	if r.Outcome == probes.Up && a.v.Flag(index) != probes.None {
		*r = a.v.Mark(index, *r)
	}
}

// happen is an event at the agent.
func (a *agent) happen(e event) {
	switch e.what {
	case evProbe:
		a.probe(int(e.check))
	case evEnd:
		a.ended(int(e.check), a.w.results.take(e.x))
	case evTick:
		a.tick(e.at)
	case evBeat:
		a.beat()
	case evHello:
		a.hello()
	case evAsk:
		a.asked(a.w.asks.take(e.x))
	case evAnswer:
		a.answered(a.w.tries.take(e.x))
	case evOwn:
		a.confirmed(a.w.tries.take(e.x))
	case evLie:
		a.slander()
	}
}

// probe begins a scheduled probe that goes the long way.
func (a *agent) probe(i int) {
	w := a.w
	p, c := &a.pairs[i], &w.checks[i]
	a.settle(i)
	p.good = 0
	a.v.Began(w.time(w.now), a.cfg.index[i])
	rec := resultInFlight{cfg: a.cfg, kept: kept{config: a.cfg.ID, index: a.cfg.index[i], start: w.now}}
	a.attempt(c, p, w.now, 0, p.fails(&w.s.Noise, w.now), &rec.r)
	rec.r.Start = w.time(w.now)
	w.run.Probes++
	if rec.r.Total > shortest {
		a.arm()
	}
	w.push(event{at: w.now + rec.r.Total, what: evEnd, agent: a.i, check: int32(i), life: a.life, x: w.results.put(rec)})
	p.due = w.now + max(c.Interval, time.Second)
	w.push(a.next(i))
}

// arm puts a tick on the queue for when a reply will be overdue.
func (a *agent) arm() {
	w := a.w
	next, ok := a.v.Next()
	if !ok {
		return
	}
	// A timer never fires early.
	if at := max(w.at(next)+time.Millisecond, w.now+time.Millisecond); at < a.tickAt {
		a.tickAt = at
		w.push(event{at: at, what: evTick, agent: a.i, life: a.life})
	}
}

func (a *agent) tick(at time.Duration) {
	if at != a.tickAt {
		return // an earlier one was put before it
	}
	a.tickAt = never
	a.settleLine()
	doubts := a.v.Tick(a.w.time(a.w.now))
	a.arm()
	a.doubt(a.cfg, doubts)
}

// ended takes a scheduled result: mind.saw and Agent.keep.
func (a *agent) ended(i int, rec resultInFlight) {
	w := a.w
	var doubts []vantage.Doubt
	if rec.cfg == a.cfg {
		a.settleLine()
		doubts = a.v.Result(w.time(w.now), rec.index, rec.r.Start, rec.r)
		a.mark(rec.index, &rec.r)
		a.arm()
	}
	if w.o.Observer != nil {
		w.o.Observer(w.now, a.site.i, i, rec.r)
	}
	rec.wrong = a.misdated(rec.start)
	a.deliver(rec)
	a.doubt(rec.cfg, doubts)
}

// deliver sends a result, or keeps it until there is a session.
func (a *agent) deliver(rec resultInFlight) {
	if !a.linked {
		a.spool = append(a.spool, rec.kept)
		return
	}
	w := a.w
	w.push(event{at: w.now + w.relay, what: evArrive, agent: a.i, life: w.lives, x: w.results.put(rec)})
}

// doubt tells the collector, at once or after an own confirmation.
func (a *agent) doubt(cfg *agentConfig, doubts []vantage.Doubt) {
	w := a.w
	for _, d := range doubts {
		if a.lie != nil && a.lies(int(cfg.check[d.Check])) {
			continue // a liar says what he wants, see slander
		}
		s := detect.Suspicion{Config: cfg.ID, Check: d.Check, Cause: d.Cause, Overdue: d.Overdue,
			Degraded: d.Degraded, Added: d.Added, Ratio: d.Ratio}
		if !d.Own || d.Degraded {
			a.suspect(s, w.at(d.Started))
			continue
		}
		t := try{cfg: cfg, suspicion: s, started: w.at(d.Started)}
		end := a.attempts(&t, int(cfg.check[d.Check]), a.v.Deadline(d.Check))
		w.push(event{at: end, what: evOwn, agent: a.i, life: a.life, x: w.tries.put(t)})
	}
}

// confirmed ends an own confirmation: only what failed again is told.
func (a *agent) confirmed(t try) {
	if t.cfg != a.cfg {
		return
	}
	a.settleLine()
	a.settle(t.check)
	b := a.v.Vote(a.w.time(a.w.now), t.suspicion.Check, t.results[:2], nil)
	if b.Answer == vantage.Down {
		a.suspect(t.suspicion, t.started)
	}
}

// suspect sends a suspicion about a probe that began at started.
func (a *agent) suspect(s detect.Suspicion, started time.Duration) {
	if !a.linked {
		return
	}
	w := a.w
	s.Age = w.now - started
	if w.o.Trace != nil {
		w.note("suspicion", "%s doubts %s (%v)", a.id, w.checks[w.config(s.Config, a.site.Client).check[s.Check]].ID, s.Cause)
	}
	w.push(event{at: w.now + w.relay, what: evSuspect, agent: a.i, life: w.lives, x: w.suspects.put(s)})
}
