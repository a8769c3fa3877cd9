package simulate

import (
	"slices"
	"time"

	"picket/probes"
)

// warm is how long an agent runs before its probes may take the ring: its
// probation is over by then, and there are samples.
const warm = 2 * time.Minute

// routine is how many good probes in a row a pair must have had before it may
// take the ring: any trouble that the vantage point remembers in its state, not
// in its counts, is over by then.
const routine = 6

// ring is the calm part of the schedule: pairs in the order in which their good
// results reach the collector. That order is the same in every turn while answers
// always take the same time, so that a probe costs a step to the next place and no
// heap. Pairs whose intervals fit into each other share a ring, and one that is
// asked more often has several spots on it.
type ring struct {
	every time.Duration // a turn
	spots []spot
	i     int           // the next spot
	turn  time.Duration // the moment at which its turn began
}

type spot struct {
	phase time.Duration // in the turn
	every time.Duration // the pair's interval
	pair  *pair
	agent *agent
	check int32
}

func (r *ring) next() time.Duration { return r.turn + r.spots[r.i].phase }

// ringed makes the rings of a world in which answers take no random time.
func (w *world) ringed() {
	w.ringAt = never
	for _, a := range w.agents {
		for i := range w.checks {
			if w.checks[i].ref != nil {
				a.refs = append(a.refs, i)
			}
		}
	}
	if w.o.Full || w.s.Noise.Latency.Sigma > 0 {
		return
	}
	var spots []spot
	for _, a := range w.agents {
		last := []time.Duration{}
		for i := range a.pairs {
			p, c := &a.pairs[i], &w.checks[i]
			if p.foreign || p.noRoute {
				continue
			}
			every := max(c.Interval, time.Second)
			p.total = c.trips() * p.rtt
			if p.total+w.relay >= every {
				continue
			}
			phase := (w.due(a, c, w.from) + p.total + w.relay - w.from) % every
			p.spot = true
			spots = append(spots, spot{phase: phase, every: every, pair: p, agent: a, check: int32(i)})
			last = append(last, phase%(10*time.Second))
		}
		a.chatty = chatty(last)
	}
	// The longest intervals first: the others join a ring that theirs fits into.
	slices.SortStableFunc(spots, func(a, b spot) int { return int(b.every - a.every) })
	for _, s := range spots {
		at := slices.IndexFunc(w.rings, func(r *ring) bool { return r.every%s.every == 0 })
		if at < 0 {
			w.rings = append(w.rings, &ring{every: s.every, turn: w.from})
			at = len(w.rings) - 1
		}
		for r := w.rings[at]; s.phase < r.every; s.phase += s.every {
			r.spots = append(r.spots, s)
		}
	}
	for _, r := range w.rings {
		slices.SortStableFunc(r.spots, func(a, b spot) int { return int(a.phase - b.phase) })
	}
	w.nextRing()
}

// chatty says that an agent's results alone, at most ten seconds apart each,
// leave no gap in which a heartbeat would be missed.
func chatty(at []time.Duration) bool {
	const gap = 1500 * time.Millisecond
	slices.Sort(at)
	for i := range at {
		next := 10*time.Second + at[0]
		if i+1 < len(at) {
			next = at[i+1]
		}
		if next-at[i] > gap {
			return false
		}
	}
	return len(at) > 0
}

// nextRing finds the ring whose turn it is.
func (w *world) nextRing() {
	w.ringAt, w.ring = never, nil
	for _, r := range w.rings {
		if at := r.next(); at < w.ringAt {
			w.ringAt, w.ring = at, r
		}
	}
}

// spin goes along the rings until something else is due, before until.
func (w *world) spin(until time.Duration) {
	for w.ringAt < until {
		r := w.ring
		s := &r.spots[r.i]
		at := w.ringAt
		if r.i++; r.i == len(r.spots) {
			r.i, r.turn = 0, r.turn+r.every
		}
		if len(w.rings) == 1 {
			w.ringAt = r.next()
		} else {
			w.nextRing()
		}
		p := s.pair
		if !p.lazy || at != p.due+p.total+w.relay {
			continue
		}
		w.now = at
		if w.pass(s) {
			return
		}
	}
}

// pass is a calm probe: the collector sees its result now, its agent will be
// told when it matters. true: something else may be due now.
func (w *world) pass(s *spot) bool {
	a, p := s.agent, s.pair
	if p.owed == 0 {
		p.first = p.due
	}
	p.owed++
	w.run.Probes++
	if p.failIn > 0 {
		p.failIn--
	}
	stirred := false
	if w.dozing && p.due >= a.until {
		a.seen = w.now
		p.debt++
	} else {
		stirred = w.hear(a, p, int(s.check))
	}
	p.due += s.every
	if !p.calm(p.due) || p.due+p.total >= w.stormy && w.troubled(a, &w.checks[s.check], p, p.due) {
		a.rouse(int(s.check))
		return true
	}
	return stirred
}

// hear is a calm probe that the engine hears of at once, or its agent's spool.
// true: something else may be due now.
func (w *world) hear(a *agent, p *pair, i int) bool {
	c := &w.checks[i]
	if !a.linked || w.engine == nil {
		k := kept{config: a.cfg.ID, index: a.cfg.index[i], start: p.due, wrong: a.misdated(p.due)}
		a.well(c, p, p.total, &k.r)
		k.r.Start = w.time(p.due)
		a.spool = append(a.spool, k)
		if w.o.Observer != nil {
			w.o.Observer(p.due+p.total, a.site.i, i, k.r)
		}
		return false
	}
	a.seen = w.now
	o := &w.glimpse
	o.Agent, o.Config, o.Check = a.id, a.cfg.ID, a.cfg.index[i]
	o.Start = w.time(p.due + a.misdated(p.due))
	o.Result = probes.Result{}
	a.well(c, p, p.total, &o.Result)
	o.Result.Start = w.time(p.due)
	w.engine.Observe(w.time(w.now), *o)
	if w.o.Observer != nil {
		w.o.Observer(p.due+p.total, a.site.i, i, o.Result)
	}
	if w.dozing {
		return false
	}
	w.drain()
	return w.engineAt <= w.now
}

// rouse takes a pair off the ring: its next probe goes the long way.
func (a *agent) rouse(i int) {
	p := &a.pairs[i]
	if !p.lazy {
		return
	}
	a.square(i)
	p.lazy, p.good = false, 0
	if a.w.checks[i].ref != nil && a.beatAt > a.w.now+time.Second {
		a.pulse(a.w.now + time.Second - (a.w.now-a.beatAt)%time.Second)
	}
	a.w.push(a.next(i))
}

// reconsider takes off the ring what the world has changed for since it was put
// there.
func (w *world) reconsider() {
	for _, a := range w.agents {
		for i := range a.pairs {
			if p := &a.pairs[i]; p.lazy && p.due > w.now && w.troubled(a, &w.checks[i], p, p.due) {
				a.rouse(i)
			}
		}
	}
}

// settle tells the vantage point of the results that it is owed of a pair.
func (a *agent) settle(i int) {
	p := &a.pairs[i]
	if p.owed == 0 {
		return
	}
	c := &a.w.checks[i]
	var r probes.Result
	a.well(c, p, p.total, &r)
	n, first, every := int(p.owed), a.w.time(p.first), max(c.Interval, time.Second)
	p.owed = 0
	r.Start = first
	index := a.cfg.index[i]
	a.v.Quiet(first, every, n, index, r)
}

// settleLine tells of the references, by which an agent judges its own line. What
// it heard of a reference speaks for ten seconds, twice its interval, so that good
// results of the last few make no difference.
func (a *agent) settleLine() {
	const fresh = 3 * time.Second
	if a.w.now-a.lined < fresh {
		return
	}
	a.lined = a.w.now
	for _, i := range a.refs {
		a.settle(i)
	}
}

// settleAll tells of everything.
func (a *agent) settleAll() {
	for _, i := range a.refs {
		a.settle(i)
	}
	for i := range a.pairs {
		a.settle(i)
	}
}

// routineOf says whether the pair may take the ring.
func (a *agent) routineOf(i int) bool {
	p := &a.pairs[i]
	return p.spot && p.good >= routine && a.w.now-a.since >= warm && !a.flagged(i)
}

// flagged says whether the check is flagged here: then its good results are
// marked, one by one, and tell of it.
func (a *agent) flagged(i int) bool { return a.v.Flag(a.cfg.index[i]) != probes.None }

// storms finds the earliest moment from which a fault or an episode may be on:
// before it nobody needs to look.
func (w *world) storms() {
	w.stormy = never
	for i := range w.faults {
		if f := &w.faults[i]; f.to > w.now {
			w.stormy = min(w.stormy, f.from)
		}
	}
	for i := range w.episodes {
		w.stormy = min(w.stormy, w.episodes[i].from)
	}
}
