package detect

import (
	"slices"
	"time"
)

// This file opens rounds and puts their question.
//
// Who is asked is drawn when a round is opened, but not once and for all: a
// Picket server that has just started knows one site, and a second later twelve.
// A doubt that joins an open round, and every re-vote, enrols whoever may vote
// since, as long as there are seats. Attempts in which fewer than Coverage of
// those now enrolled were asked count for nothing: what held for one site of
// twelve three times is still one site's word.

// began is where the count of the attempts in which a round's condition held begins.
type began struct {
	at      time.Time
	attempt int
	asked   int // how many were
}

// openRound asks the electorate about check i of t.
func (e *Engine) openRound(now time.Time, t *target, i uint32, origin *site, since time.Time) {
	sites, before := e.electorate(now, t, origin)
	if len(sites) == 0 {
		return
	}
	e.lastRound++
	r := &round{id: e.lastRound, t: t, check: i, since: since, opened: now, origin: origin, before: before, count: began{at: now, asked: len(sites)}}
	for _, s := range sites {
		r.electors = append(r.electors, elector{site: s})
	}
	t.round = r
	e.rounds[r.id] = r
	e.ask(now, r)
}

// ask puts the current attempt to every agent that can answer now.
func (e *Engine) ask(now time.Time, r *round) {
	if r.attempt > 0 {
		e.enrol(now, r)
	}
	r.asked, r.graceAt = now, time.Time{}
	if !e.put(now, r, r.electors) {
		e.judge(now, r)
	}
}

// join lets those take part in the open attempt who may vote only since it began.
func (e *Engine) join(now time.Time, r *round) {
	if late := e.enrol(now, r); len(late) > 0 {
		e.put(now, r, late)
	}
}

// enrol gives free seats of a round to sites that may vote now, and returns
// them.
func (e *Engine) enrol(now time.Time, r *round) []elector {
	had := len(r.electors)
	if had >= e.rule.Electorate {
		return nil
	}
	sites, before := e.electorate(now, r.t, r.origin)
	for _, s := range sites {
		if len(r.electors) < e.rule.Electorate && !slices.ContainsFunc(r.electors[:had], func(el elector) bool { return el.site == s }) {
			r.electors = append(r.electors, elector{site: s})
		}
	}
	r.before = max(r.before, before)
	if n := len(r.electors); float64(r.count.asked) < e.rule.Coverage*float64(n) {
		r.held, r.part, r.count = 0, parts{}, began{now, r.attempt, n}
	}
	return r.electors[had:]
}

// put asks electors in the current attempt, which ends when their time is up;
// false if none of their agents can be asked.
func (e *Engine) put(now time.Time, r *round, electors []elector) bool {
	d := e.deadline(&e.checks[r.check])
	r.deadline, r.revoteAt = now.Add(d+e.rule.AnswerWithin), time.Time{}
	var agents []string
	for k := range electors {
		el := &electors[k]
		el.answers = nil
		if ok, _ := e.eligible(now, el.site, r.t.Provider); !ok || el.site.removed || e.maintained(el.site, r.t) {
			continue
		}
		for _, a := range el.site.agents {
			if ok, _ := e.able(now, a); !ok {
				continue
			}
			if !e.mayAsk(now, a) {
				el.answers = append(el.answers, answer{agent: a, in: true, why: whyAsked})
				continue
			}
			e.spendAsk(now, a)
			el.answers = append(el.answers, answer{agent: a})
			agents = append(agents, a.id)
		}
	}
	if len(agents) > 0 {
		e.emit(Ask{Round: r.id, Config: e.cfg.ID, Check: r.check, Attempt: r.attempt, Agents: agents, Deadline: d})
	}
	return len(agents) > 0
}
