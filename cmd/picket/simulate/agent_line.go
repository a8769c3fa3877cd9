package simulate

import (
	"time"

	"picket/collector/detect"
	"picket/internal/vantage"
)

// pulse puts the agent's next second on the queue.
func (a *agent) pulse(at time.Duration) {
	a.beatAt = at
	a.w.push(event{at: at, what: evBeat, agent: a.i, life: a.life})
}

// beat is the agent's second: its health when it changed or is ten seconds old,
// and a sign of life if nothing else went out lately. While its references take
// the ring its health cannot change.
func (a *agent) beat() {
	w := a.w
	if w.now != a.beatAt {
		return // an earlier one was put before it
	}
	calm := a.calm()
	wait := time.Second
	if calm && a.chatty && a.linked {
		wait = 10 * time.Second
	}
	a.pulse(w.now + wait)
	if !a.linked {
		return
	}
	h := a.told
	if !calm {
		a.settleLine()
		h = a.v.Health(w.time(w.now))
	}
	switch news := h.RefsOK != a.told.RefsOK || h.Voting != a.told.Voting || h.Why != a.told.Why; {
	case news:
		a.report(h)
	case w.now-a.toldAt > 10*time.Second && !w.dozing:
		a.report(h)
	case w.engine != nil && w.now-a.seen >= time.Second-w.relay:
		// A heartbeat, or a report without news, which is no more than that: that it
		// takes no time changes nothing.
		a.seen = w.now
		w.engine.Contact(w.time(w.now), a.id)
		if !w.dozing {
			w.drain()
		}
	}
}

// calm says that all references take the ring, and were all well when last told.
func (a *agent) calm() bool {
	for _, i := range a.refs {
		if !a.pairs[i].lazy {
			return false
		}
	}
	return len(a.refs) > 0 && a.told.Voting && a.told.RefsOK == len(a.refs)
}

// link and unlink begin and end the agent's session.
func (a *agent) link() {
	if !a.linked {
		a.linked = true
		a.w.away--
	}
}

func (a *agent) unlink() {
	if a.linked {
		a.w.wakeUp()
		a.linked = false
		a.w.away++
		if a.w.engine != nil {
			a.w.drain() // it is calm no longer
		}
	}
}

func (a *agent) report(h vantage.Health) {
	w := a.w
	a.told, a.toldAt = h, w.now
	w.push(event{at: w.now + w.relay, what: evHealth, agent: a.i, life: w.lives, x: w.healths.put(healthOf(h))})
}

func healthOf(h vantage.Health) detect.Health {
	return detect.Health{RefsOK: h.RefsOK, RefsAsked: h.RefsAsked, Voting: h.Voting, Why: h.Why.String()}
}
