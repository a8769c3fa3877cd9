package simulate

import (
	"time"

	"picket/collector/detect"
	"picket/probes"
)

// reopenable is how long an ended incident is given back to the engine
// (collector/alerts.go).
const reopenable = 90 * time.Minute

// collect starts a collector, as after a restart with what the store has.
func (w *world) collect(stored []detect.Incident) {
	now := w.time(w.now)
	w.engine = detect.New(detect.Options{NoVerdicts: true})
	w.engine.SetFleet(now, w.fleet())
	w.engine.SetConfig(now, w.config(w.version, "").Config)
	w.maintain()
	if len(stored) > 0 {
		w.engine.Restore(now, stored)
	}
	w.drain()
}

// stored is what the store would give back now.
func (w *world) stored() []detect.Incident {
	var out []detect.Incident
	for _, id := range w.ids {
		if i := w.last[id]; i.State.Open() || w.time(w.now).Sub(i.Resolved) < reopenable {
			out = append(out, i)
		}
	}
	return out
}

// wake does what is due by the collector's timers.
func (w *world) wake() {
	if w.engineAt <= w.now && w.engine != nil {
		w.tick()
		w.drain()
	}
	if w.planAt <= w.now {
		letters, err := w.planner.Due(w.time(w.now))
		w.sent(letters, err)
	}
}

// drain hands out what the engine has decided, and sets its timer.
func (w *world) drain() {
	for _, v := range w.engine.Drain() {
		switch v := v.(type) {
		case detect.Ask:
			w.ask(v)
		case detect.IncidentEvent:
			w.incident(v)
		case detect.Notice:
			w.run.Notices = append(w.run.Notices, v)
			w.note("notice", "%s", v.Text)
		}
	}
	w.doze()
}

func (w *world) ask(v detect.Ask) {
	w.run.Rounds++
	if w.o.Trace != nil {
		w.note("round", "asks %d agents about %s, attempt %d", len(v.Agents), w.checks[w.config(v.Config, "").check[v.Check]].ID, v.Attempt)
	}
	for _, id := range v.Agents {
		if a := w.agents[w.byAgent[id]]; a.linked {
			w.push(event{at: w.now + w.relay, what: evAsk, agent: a.i, life: a.life, x: w.asks.put(v)})
		}
	}
}

func (w *world) incident(v detect.IncidentEvent) {
	i := v.Incident
	if _, known := w.last[i.ID]; !known {
		w.ids = append(w.ids, i.ID)
	}
	w.last[i.ID] = i
	w.run.Events = append(w.run.Events, Declared{At: w.now, What: v.What, Incident: i})
	w.note("incident", "%s %s (%s, %s): %s", v.What, i.Title, i.Kind, i.State, i.Summary)
	w.page(i)
}

// receive takes what an agent has sent, unless this is another life of the
// collector than the one it was sent to.
func (w *world) receive(v event) {
	a := w.agents[v.agent]
	there := w.engine != nil && v.life == w.lives
	now := w.time(w.now)
	if there {
		a.seen = w.now
	}
	switch v.what {
	case evHealth:
		if h := w.healths.take(v.x); there {
			if !h.Voting || h.RefsOK < h.RefsAsked-1 || !a.sound {
				a.squareAll() // whether its word counts may change
			}
			a.sound = h.Voting && h.RefsOK >= h.RefsAsked-1
			w.engine.Health(now, a.id, h)
		}
	case evSuspect:
		if s := w.suspects.take(v.x); there {
			w.run.Suspicions++
			w.attend(a, w.config(s.Config, a.site.Client).check[s.Check], true)
			w.engine.Suspect(now, a.id, s)
		}
	case evVote:
		if b := w.votes.take(v.x); there {
			if w.o.Trace != nil {
				w.note("vote", "%s: %v %v%s", a.id, b.Answer, b.Cause, b.Why)
			}
			w.poll(a, &b, v.check)
			w.engine.Vote(now, a.id, b)
		}
	case evSpool:
		if there && a.linked {
			w.wakeUp()
			w.empty(a)
		}
	}
	if there {
		w.drain()
	}
}

// arrive takes a result.
func (w *world) arrive(v event) {
	a, rec := w.agents[v.agent], w.results.take(v.x)
	if w.engine == nil || v.life != w.lives {
		a.spool = append(a.spool, rec.kept)
		return
	}
	w.observe(a, w.config(rec.config, a.site.Client).check[rec.index], &rec.kept)
}

// wholeMS rounds down to what a result tells of its start on the wire; 0 is a
// whole millisecond of the wall clock.
func wholeMS(at time.Duration) time.Duration {
	rest := at % time.Millisecond
	if rest < 0 {
		rest += time.Millisecond
	}
	return at - rest
}

// observe tells the engine of a result of a pair.
func (w *world) observe(a *agent, i int32, k *kept) {
	a.seen = w.now
	if k.r.Outcome != probes.Up {
		w.attend(a, i, a.pairs[i].failed)
	}
	a.pairs[i].failed = k.r.Outcome != probes.Up
	start := w.time(wholeMS(k.start + k.wrong))
	w.engine.Observe(w.time(w.now), detect.Observation{Agent: a.id, Config: k.config, Check: k.index, Start: start, Result: k.r})
	if !w.dozing || k.r.Outcome != probes.Up {
		w.drain()
	}
}

// empty takes a whole spool, oldest first.
func (w *world) empty(a *agent) {
	for i := range a.spool {
		k := &a.spool[i]
		start := w.time(wholeMS(k.start + k.wrong))
		w.engine.Observe(w.time(w.now), detect.Observation{Agent: a.id, Config: k.config, Check: k.index, Start: start, Result: k.r})
	}
	a.spool = a.spool[:0]
}

// cut takes the agent's way to the collector away.
func (a *agent) cut() {
	if a.cuts++; a.cuts == 1 {
		a.cutAt = a.w.now
		a.unlink()
	}
}

// heal gives it back. A short cut is bridged by the session; after a longer one,
// or if the other side has forgotten it, a new one begins.
func (a *agent) heal(forgotten bool) {
	a.cuts--
	a.fresh = a.fresh || forgotten
	if a.cuts > 0 || a.v == nil {
		return
	}
	w := a.w
	if !a.fresh && w.now-a.cutAt < patience && w.engine != nil {
		a.link()
		w.push(event{at: w.now + w.relay, what: evSpool, agent: a.i, life: w.lives})
		return
	}
	w.push(event{at: w.now + a.dice.within(reconnect), what: evHello, agent: a.i, life: a.life})
}

// hello begins a session: collector/session.go and the agent's side of it.
func (a *agent) hello() {
	w := a.w
	if a.linked || a.cuts > 0 || w.engine == nil {
		return
	}
	now := w.time(w.now)
	if a.cfg.ID != w.version && !a.held {
		a.adopt(w.config(w.version, a.site.Client))
	}
	a.settleAll()
	var standing []detect.Standing
	for _, s := range a.v.Standing(now) {
		standing = append(standing, detect.Standing(s))
	}
	first, away := !a.met, time.Duration(0)
	if !first {
		away = w.now - a.seen
	}
	a.link()
	a.fresh, a.met, a.seen = false, true, w.now
	w.note("fleet", "%s has a session", a.id)
	w.wakeUp()
	w.engine.Hello(now, a.id, first, away, standing)
	h := a.v.Health(now)
	a.told, a.toldAt, a.sound = h, w.now, false
	w.engine.Health(now, a.id, healthOf(h))
	w.drain()
	if len(a.spool) > 0 {
		w.push(event{at: w.now + w.relay, what: evSpool, agent: a.i, life: w.lives})
	}
}

// look counts the sites that may not vote.
func (w *world) look() {
	w.push(event{at: w.now + time.Second, what: evLook})
	if w.engine == nil {
		return
	}
	w.wakeUp()
	n := 0
	for _, s := range w.engine.Snapshot(w.time(w.now)).Sites {
		if !s.Eligible {
			n++
		}
	}
	w.run.Ineligible = max(w.run.Ineligible, n)
}

// backfill delivers what the agents would have seen if what the fault names had
// failed as long ago as it says, and all else been well: a spool as it was kept
// from the collector.
func (w *world) backfill(f *fault) {
	span := f.For
	if span == 0 {
		span = min(f.How.D, 2*time.Minute)
	}
	for _, a := range w.agents {
		if !f.takes(a) || !a.linked || w.engine == nil {
			continue
		}
		for at := w.now - f.How.D; at < min(w.now-f.How.D+span, w.now); at += time.Second {
			for i := range a.pairs {
				p, c := &a.pairs[i], &w.checks[i]
				every := max(c.Interval, time.Second)
				if p.foreign || p.noRoute || (at-p.due)/time.Second*time.Second%every != 0 {
					continue
				}
				var r probes.Result
				lost := effect{}
				if f.names(c, p) {
					lost = effect{layer: phaseNet, cause: probes.TCPTimeout, hangs: true}
				}
				a.outcome(c, p, lost, c.trips()*p.rtt, timeoutOf(c, 0), &r)
				a.spool = append(a.spool, kept{config: a.cfg.ID, index: a.cfg.index[i], start: at, r: r})
			}
		}
		w.push(event{at: w.now + w.relay, what: evSpool, agent: a.i, life: w.lives})
	}
}
