package detect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// Options configure an [Engine].
type Options struct {
	Rule  Rule                       // zero fields mean those of [DefaultRule]
	NewID func(now time.Time) string // makes incident ids; nil makes them from the time and a counter
	// NoVerdicts leaves out the VerdictEvents, for replays that look at incidents
	// alone: nothing in the engine goes by a verdict.
	NoVerdicts bool
}

// Engine turns what agents say into incidents. It owns no goroutine and no
// clock: call its methods from one goroutine only, with times that do not run
// backwards, and fetch what came out with Drain after each call or a few of
// them. Wake it with Tick at the time that Next names.
type Engine struct {
	rule  Rule
	newID func(time.Time) string
	mute  bool      // Options.NoVerdicts
	born  time.Time // first call

	cfg        fleet.Config
	checks     []check
	checkByID  map[string]uint32
	targets    []*target
	targetByID map[string]*target
	providers  []string
	refs       []*target // of targets, the references
	former     []former

	sites    []*site
	siteByID map[string]*site
	agents   map[string]*agent

	rounds    map[uint64]*round
	lastRound uint64
	budget    bucket
	troubles  []trouble
	emitAt    time.Time           // an explanation is due then; zero none
	standing  map[scope]time.Time // site, network and path explanations since when

	sickAt  time.Time
	group   *group // silences being gathered
	frozen  time.Time
	open    []*live
	recent  []*live // resolved, kept for reopening
	events  []Event
	made    uint64    // ids made by the default NewID
	hushAt  time.Time // earliest moment a site may fall silent
	careAt  time.Time
	gridAt  time.Time
	queueAt time.Time
	edges   edgeBook // edges.go

	lenses    []lens   // index.go: by check
	isps      []string // index.go: the networks under which sites vote
	lastAgent *agent   // index.go: results come in batches of one agent
	jury      jury     // verdict.go
	clinic    clinic   // eligible.go
	logs      logs     // drift.go

	upkeep   upkeep    // maintenance.go
	aloneAt  time.Time // reputation.go: last look who stands alone
	talk     talk      // told.go
	backfill lateness  // late.go

	pools pools // pool.go
	slows slows // slow.go

	book      *scopeBook // classes.go; nil: none since the fleet or the config changed
	explained time.Time  // disturb.go: the last time
}

// New returns an engine that watches nothing yet: call SetFleet and SetConfig.
func New(o Options) *Engine {
	e := &Engine{
		rule: o.Rule.filled(), newID: o.NewID, mute: o.NoVerdicts,
		siteByID: map[string]*site{}, agents: map[string]*agent{}, targetByID: map[string]*target{},
		checkByID: map[string]uint32{}, rounds: map[uint64]*round{}, standing: map[scope]time.Time{},
	}
	if e.newID == nil {
		e.newID = e.countedID
	}
	return e
}

// countedID is the default NewID: sortable by time, distinct within an engine.
func (e *Engine) countedID(now time.Time) string {
	e.made++
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(ms(now)))
	binary.BigEndian.PutUint64(b[8:], e.made)
	h := sha256.Sum256(b[:])
	return hex.EncodeToString(b[2:8]) + hex.EncodeToString(h[:5])
}

// Hello says that an agent has a session: for the first time ever, or after
// being away for so long, with the checks that it holds DOWN.
func (e *Engine) Hello(now time.Time, agent string, first bool, away time.Duration, standing []Standing) {
	e.wake(now)
	a := e.agents[agent]
	if a == nil {
		return
	}
	e.touch(now, a)
	if a.gone {
		e.back(now, a)
	}
	s := a.site
	// Whoever was away must show that he is well before he votes again, unless
	// it was us who were away: then everybody would be on trial at once.
	if !first && away > e.rule.Away && now.Sub(e.born) >= away && !weWereAway(s) {
		s.onTrial = now.Add(e.rule.OnTrial)
	}
	for _, st := range standing {
		e.stand(now, a, st)
	}
}

// Contact says that a frame of the agent has come in.
func (e *Engine) Contact(now time.Time, agent string) {
	e.wake(now)
	if a := e.agents[agent]; a != nil {
		e.touch(now, a)
	}
}

// Goodbye says that the agent has stopped on purpose.
func (e *Engine) Goodbye(now time.Time, agent string, reason string) {
	e.wake(now)
	a := e.agents[agent]
	if a == nil || a.gone {
		return
	}
	a.gone, a.goneAt = true, now
	a.told = false
	e.emit(Notice{At: now, Kind: "goodbye", Site: a.site.ID, Agent: agent,
		Text: "Picket agent at " + a.site.ID + " was stopped: " + clip(reason, 120) + "."})
	e.hush(now)
}

// Health is what an agent says of its own uplink and of its readiness to vote.
func (e *Engine) Health(now time.Time, agent string, h Health) {
	e.wake(now)
	a := e.agents[agent]
	if a == nil {
		return
	}
	e.touch(now, a)
	h.Why = clip(h.Why, 80)
	a.health, a.told = h, true
}

// Observe takes a scheduled result. Results that are late tell of the past
// only: they never open an incident.
func (e *Engine) Observe(now time.Time, o Observation) {
	e.wake(now)
	a := e.agentOf(o.Agent)
	if a == nil {
		return
	}
	c, i, ok := e.find(o.Config, o.Check)
	if !ok || !c.target.concerns(a.site) { // what is private to a client is nobody else's to tell of
		return
	}
	if d := a.health.Offset; !o.Late && (d > e.rule.ClockLimit || d < -e.rule.ClockLimit) {
		o.Start = now.Add(-o.Result.Total) // a clock that far off dates nothing, and makes nothing late
	}
	if o.Start.After(now) {
		o.Start = now
	}
	if e.isLate(now, a, &o) {
		e.late(now, a, c, i, o)
		return
	}
	e.touch(now, a)
	if o.Result.Outcome != probes.Unknown && o.Result.Outcome != probes.Down {
		took := o.Result.Total.Seconds()
		c.learn(took)
		if o.Result.Outcome == probes.Up {
			c.typical.learn(took)
		}
	}
	start := ms(o.Start)
	if o.Result.Edge != "" {
		e.sawEdge(a, i, o.Result.Edge)
	}
	cell := &a.cells[i]
	if e.ignore(a, c, cell, o.Result.Outcome) {
		return
	}
	if o.Result.Outcome != cell.outcome || cell.fails == 1 {
		c.target.stirred = true
	}
	known := o.Result.Outcome == probes.Down && e.toldOf(c.target, a.site)
	was := cell.outcome == probes.Down
	fresh := cell.scheduled(start, o.Result.Outcome, o.Result.Cause, known)
	if is := cell.outcome == probes.Down; is != was {
		a.mark(i, is)
	}
	if !fresh {
		return
	}
	if o.Result.Outcome == probes.Down || o.Result.Outcome == probes.Unknown {
		e.noteUntold(now, a, c, cell, &o.Result)
	}
	if o.Result.Outcome != probes.Down && o.Result.Outcome != probes.Unknown {
		cell.pace.learn(o.Result.Total, cell.n, &e.logs)
	}
	e.pooled(now, a, c, cell, o)
	e.paced(now, a, i, o)
	if o.Result.Outcome != probes.Down || c.target.Reference {
		return
	}
	switch ok, _ := e.able(now, a); {
	case !ok && cell.fails == 1 && len(e.troubles) < maxTroubles:
		// An agent that doubts its own line raises no suspicion: its results must do.
		e.troubles = append(e.troubles, trouble{since: start, agent: a, check: i})
	case ok && cell.fails == 2 && !cell.voted:
		// Two failures in a row that nobody was asked about: the suspicion got lost.
		e.doubt(now, a, Suspicion{Check: i, Cause: o.Result.Cause, Age: now.Sub(o.Start)})
	}
	if cell.outcome == probes.Down && len(e.troubles) > 0 {
		wait := e.rule.EmitWait
		if e.incidentOf(c.target) != nil {
			wait = 10 * wait // only the counts may grow
		}
		e.want(now, wait)
	}
}

// isLate says whether a result tells of the past only.
func (e *Engine) isLate(now time.Time, a *agent, o *Observation) bool {
	return o.Late || now.Sub(o.Start)-o.Result.Total > e.rule.Late || a.site.silence.holds(o.Start)
}

// Suspect takes an agent's doubt: it opens a round, joins one, or waits.
func (e *Engine) Suspect(now time.Time, agent string, s Suspicion) {
	e.wake(now)
	a := e.agents[agent]
	if a == nil {
		return
	}
	e.touch(now, a)
	e.doubt(now, a, s)
}

// Vote takes an answer. Only the attempt that is open counts.
func (e *Engine) Vote(now time.Time, agent string, v Vote) {
	e.wake(now)
	a := e.agents[agent]
	if a == nil {
		return
	}
	e.touch(now, a)
	if r := e.rounds[v.Round]; r != nil {
		e.answer(now, r, a, v)
	} else {
		e.recovers(now, a, v)
	}
}

// Tick does what is due. It is harmless too early and too often.
func (e *Engine) Tick(now time.Time) {
	e.wake(now)
	for _, r := range e.dueRounds(now) {
		e.advance(now, r)
	}
	if !e.hushAt.After(now) {
		e.hush(now)
	}
	if due(e.queueAt, now) {
		e.serveQueue(now)
	}
	if due(e.emitAt, now) {
		e.explain(now)
	}
	if !e.careAt.After(now) {
		e.careAt = after(e.careAt, now, time.Second)
		e.care(now)
	}
	if !e.gridAt.After(now) {
		e.grid(now)
	}
}

// after is the first of at, at+every, at+2*every ... that lies after now: what is
// due once a second keeps its beat, whoever calls Tick in between.
func after(at, now time.Time, every time.Duration) time.Time {
	return at.Add((now.Sub(at)/every + 1) * every)
}

// Next is when Tick is due; false while the engine has nothing to watch.
func (e *Engine) Next() (time.Time, bool) {
	if e.born.IsZero() {
		return time.Time{}, false
	}
	next := e.gridAt
	for _, t := range []time.Time{e.hushAt, e.careAt} {
		if t.Before(next) {
			next = t
		}
	}
	for _, t := range []time.Time{e.emitAt, e.queueAt} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	for _, r := range e.rounds {
		if t := r.next(); t.Before(next) {
			next = t
		}
	}
	return next, true
}

// Drain returns what came out since the last call, in the order in which it happened.
func (e *Engine) Drain() []Event {
	out := e.events
	e.events = nil
	return out
}

func (e *Engine) emit(v Event) { e.events = append(e.events, v) }

// wake sets the timers going at the first call.
func (e *Engine) wake(now time.Time) {
	if !e.born.IsZero() {
		return
	}
	e.born = now
	e.hushAt, e.careAt = now.Add(time.Second), now.Add(time.Second)
	e.gridAt = now.Truncate(e.rule.Grid).Add(e.rule.Grid)
	e.budget = bucket{at: now, left: math.MaxInt32} // full
}

// touch notes a sign of life.
func (e *Engine) touch(now time.Time, a *agent) {
	if now.After(a.last) {
		a.last = now
	}
	a.seen = true
	if a.gone && now.Sub(a.goneAt) > e.silentAfter(a.site) {
		e.back(now, a) // earlier frames were on their way when it said goodbye
	}
}

func (e *Engine) back(now time.Time, a *agent) {
	a.gone = false
	e.emit(Notice{At: now, Kind: "back", Site: a.site.ID, Agent: a.id, Text: "Picket agent at " + a.site.ID + " is back."})
}

// learn follows the 99th percentile of good totals by stochastic approximation:
// 8 bytes per check, good to some tens of percent, which is what a deadline needs.
func (c *check) learn(total float64) {
	const rate = 0.02
	switch {
	case total <= 0:
	case c.slow == 0:
		c.slow = 2 * total
	case total > c.slow:
		c.slow += min(c.slow*rate*99, total-c.slow) / 4
	default:
		c.slow -= c.slow * rate / 99
	}
}

// deadline is D of the check: four times its slow answers, within the rule's bounds.
func (e *Engine) deadline(c *check) time.Duration {
	d := time.Duration(4 * c.slow * float64(time.Second))
	return min(max(d, e.rule.Deadline), 2*e.rule.Deadline)
}

// due says whether a timer that may be off (zero) has come.
func due(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// clip shortens foreign text, which is never trusted to be short.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}

// answers that count as a word about the target.
func tells(a vantage.Answer) bool {
	return a == vantage.Up || a == vantage.Down || a == vantage.Degraded
}
