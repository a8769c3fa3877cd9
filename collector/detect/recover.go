package detect

import (
	"slices"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// This file asks, while an outage is open, whether it is still one. Scheduled
// results answer that too, but only once an interval: long after somebody was
// called out of bed for two seconds of trouble. So a few of the failing sites
// are asked again and again, and once they say that it works the incident is
// Easing: it stays open, and nobody is paged (alert.Decide).
//
//	first asking       Recheck after the incident opened, relapsed or came back
//	distance           Recheck, growing to a fifteenth of its age, at most recheckMost
//	asked              up to three failing sites of different networks, in turn
//	easing             two of the last three answers are UP, from two networks
//	                   (one, if all that fail sit on one)
//	not easing         two of the last three answers are DOWN, from two networks
//	                   (one, if all that fail sit on one): one pair that loses
//	                   requests for a minute is no outage that is back
//	ends               when the incident recovers, or is easing for easingMost
//
// An answer counts for every incident that tells of the pair: those of one
// disturbance share their sites, who would otherwise be asked for the oldest only.
// Who has no answers yet asks first.
//
// These answers move what is known of a pair, and nothing else: they are in no
// round, decide nothing about the quorum, and closing goes by scheduled results
// alone. They are paid from the budget of rounds by the share of the electorate
// that is asked, so the more sites are asked by rounds, the fewer by this. Only
// outages are asked about: a request in two that works proves nothing about
// one in two that fails.

const (
	recheckSites = 3                // asked at once
	recheckMost  = 30 * time.Second // longest distance [E]
	recheckRest  = 4 * time.Second  // least distance for one agent: it has other work
	recheckKept  = 3                // answers that decide
	// easingMost ends an easing that no scheduled result has borne out: two runs
	// of a check of one minute, and half a run more [E].
	easingMost = 150 * time.Second
)

// easing is what an incident's own askings have brought.
type easing struct {
	next     time.Time // next asking; zero: none planned
	from     time.Time // the distance grows with the age since then
	since    time.Time // Easing was set
	stop     bool      // it was easing for too long: the answers prove nothing here
	turn     int       // rotates sites and targets
	round    uint64    // the open asking; 0 none
	check    uint32
	asked    time.Time
	deadline time.Time
	agents   []*agent // asked, and not heard yet
	answers  []saying // the last recheckKept
	alone    bool     // all that fail, and can be asked, sit on one network
}

// saying is one answer.
type saying struct {
	up  bool
	net string
}

// recheck asks for every open outage that is due. It is called once a second.
func (e *Engine) recheck(now time.Time) {
	open := slices.Clone(e.open)
	slices.SortStableFunc(open, func(a, b *live) int { return len(a.recheck.answers) - len(b.recheck.answers) })
	for _, l := range open {
		r := &l.recheck
		if !l.scope.kind.ProviderSide() || l.inc.Severity != SeverityOutage || l.inc.State == Recovering || r.stop {
			e.ease(now, l, false)
			r.next, r.round = time.Time{}, 0
			continue
		}
		switch {
		case l.inc.Easing && now.Sub(r.since) >= easingMost:
			r.stop = true
			e.ease(now, l, false)
		case r.next.IsZero():
			r.from, r.next, r.answers = now, now.Add(e.rule.Recheck), nil
		case !r.next.After(now):
			r.next = now.Add(min(max(e.rule.Recheck, now.Sub(r.from)/15), recheckMost))
			e.askAgain(now, l)
		}
	}
}

// askAgain asks the next few failing sites about one of the incident's targets.
func (e *Engine) askAgain(now time.Time, l *live) {
	r := &l.recheck
	r.turn++
	t := e.stillFailing(now, l)
	if t == nil {
		return
	}
	agents, check := e.witnesses(now, l, t)
	if len(agents) == 0 {
		return
	}
	electors := min(max(len(e.sites), 1), e.rule.Electorate)
	if !e.budget.takeShare(now, float64(len(agents))/float64(electors), e.capacity(), e.rule.BudgetWindow) {
		return
	}
	e.lastRound++
	d := e.deadline(&e.checks[check])
	r.round, r.check, r.asked, r.deadline, r.agents = e.lastRound, check, now, now.Add(d+e.rule.AnswerWithin), agents
	ids := make([]string, len(agents))
	for i, a := range agents {
		a.recheckedAt = now
		e.spendAsk(now, a)
		ids[i] = a.id
	}
	e.emit(Ask{Round: r.round, Config: e.cfg.ID, Check: check, Agents: ids, Deadline: d, Recovery: true})
}

// stillFailing picks the next target of the incident that is not well yet.
func (e *Engine) stillFailing(now time.Time, l *live) *target {
	n := len(l.inc.Targets)
	for k := range n {
		id := l.inc.Targets[(l.recheck.turn+k)%n]
		if t := e.targetByID[id]; t != nil && l.well[id].IsZero() {
			return t
		}
	}
	return nil
}

// witnesses picks up to recheckSites agents whose sites failed towards t and may
// vote, of different networks as far as there are, and the check to ask.
func (e *Engine) witnesses(now time.Time, l *live, t *target) (agents []*agent, check uint32) {
	var pool []*agent
	nets := map[string]bool{}
	for _, s := range e.sites {
		if !l.scope.looks(s) || !l.failed(s.ID, t.ID) || !t.concerns(s) {
			continue
		}
		if ok, _ := e.eligible(now, s, t.Provider); !ok {
			continue
		}
		for _, a := range s.agents {
			ok, _ := e.able(now, a)
			nets[s.net] = nets[s.net] || ok
			if ok && now.Sub(a.recheckedAt) >= recheckRest && e.mayAsk(now, a) {
				pool = append(pool, a)
				break
			}
		}
	}
	if len(pool) == 0 {
		return nil, 0
	}
	l.recheck.alone = true
	for net := range nets {
		l.recheck.alone = l.recheck.alone && (!nets[net] || net == pool[0].site.net)
	}
	taken := map[string]bool{}
	for pass := range 2 { // first one of each network
		for k := range pool {
			a := pool[(l.recheck.turn*recheckSites+k)%len(pool)]
			if len(agents) < recheckSites && (pass == 1 || !taken[a.site.net]) && !slices.Contains(agents, a) {
				taken[a.site.net] = true
				agents = append(agents, a)
			}
		}
	}
	check, ok := e.failingCheck(agents[0], t)
	if !ok {
		return nil, 0
	}
	return agents, check
}

// failingCheck is the check of t that a fails, at the lowest layer; if it fails
// none any more, that of the last round, or the first that can tell.
func (e *Engine) failingCheck(a *agent, t *target) (uint32, bool) {
	best, found := uint32(0), false
	for _, i := range t.checks {
		if c := &a.cells[i]; e.checks[i].reach != probes.LayerNone && c.outcome == probes.Down &&
			(!found || lower(c.cause.Layer(), a.cells[best].cause.Layer())) {
			best, found = i, true
		}
	}
	if found {
		return best, true
	}
	if t.last != nil {
		return t.last.check, true
	}
	for _, i := range t.checks {
		if e.checks[i].reach != probes.LayerNone {
			return i, true
		}
	}
	return 0, false
}

// recovers takes an answer to an asking of this file; false if there is none.
func (e *Engine) recovers(now time.Time, a *agent, v Vote) bool {
	i := slices.IndexFunc(e.open, func(l *live) bool { return v.Round != 0 && l.recheck.round == v.Round })
	if i < 0 {
		return false
	}
	l := e.open[i]
	r := &l.recheck
	k := slices.Index(r.agents, a)
	if k < 0 || a.site == nil || int(r.check) >= len(a.cells) {
		return true
	}
	r.agents = slices.Delete(r.agents, k, k+1)
	start := now.Add(-max(v.Age, 0))
	refs := v.RefsAsked == 0 || float64(v.RefsOK) >= e.rule.References*float64(v.RefsAsked)
	if now.After(r.deadline) || start.Before(r.asked.Add(-e.rule.Slack)) || !refs || !tells(v.Answer) || v.Answer == vantage.Down && !blames(v.Cause) {
		return true
	}
	a.vote(r.check, ms(start), v.Answer, v.Cause)
	t := e.checks[r.check].target
	t.stirred = true
	for _, o := range slices.Clone(e.open) {
		if o == l || o.scope.kind.ProviderSide() && o.inc.Severity == SeverityOutage && o.inc.State != Recovering && !o.recheck.next.IsZero() &&
			o.scope.looks(a.site) && o.lists(t) && o.failed(a.site.ID, t.ID) {
			e.weighAnswer(now, o, saying{up: v.Answer != vantage.Down, net: a.site.net})
		}
	}
	return true
}

// weighAnswer takes an answer, and sets or takes back Easing.
func (e *Engine) weighAnswer(now time.Time, l *live, said saying) {
	r := &l.recheck
	r.answers = append(r.answers, said)
	if len(r.answers) > recheckKept {
		r.answers = slices.Delete(r.answers, 0, len(r.answers)-recheckKept)
	}
	var up, down []string // networks
	for _, s := range r.answers {
		if s.up {
			up = append(up, s.net)
		} else {
			down = append(down, s.net)
		}
	}
	enough := func(nets []string) bool { return len(nets) >= 2 && (r.alone || len(distinct(nets)) >= 2) }
	switch {
	case enough(down):
		e.ease(now, l, false)
	case enough(up):
		e.ease(now, l, true)
	}
}

// ease tells whether the incident is easing, if that is news.
func (e *Engine) ease(now time.Time, l *live, on bool) {
	if l.inc.Easing == on {
		return
	}
	l.inc.Easing = on
	if l.recheck.since = now; !on {
		l.recheck.since = time.Time{}
	}
	e.announce(now, l, Changed)
}

// dropRechecks forgets open askings: the config has new indexes.
func (e *Engine) dropRechecks() {
	for _, l := range e.open {
		l.recheck.round, l.recheck.agents = 0, nil
	}
}

// takeShare takes part of a token.
func (b *bucket) takeShare(now time.Time, share, capacity float64, window time.Duration) bool {
	b.refill(now, capacity, window)
	if b.left < share {
		return false
	}
	b.left -= share
	return true
}
