package simulate

import (
	"time"

	"picket/collector/detect"
	"picket/internal/vantage"
	"picket/probes"
)

// As in the agent (detection.md 2.2): two attempts, and three references beside
// them; and how many rounds an agent takes part in.
const (
	spacing       = 250 * time.Millisecond
	refDeadline   = 700 * time.Millisecond
	refsAsked     = 3
	askRounds     = 40
	budgetWindow  = 10 * time.Second
	perCheckDoubt = 5 * time.Second
	perAgentDoubt = 20
)

// try is a confirmation under way: its results are known, its end is not yet
// reached. Results are the two attempts, then the references.
type try struct {
	cfg       *agentConfig
	results   [2 + refsAsked]probes.Result
	refs      int
	ask       detect.Ask       // of a round
	suspicion detect.Suspicion // of an own confirmation
	began     time.Duration
	started   time.Duration
	check     int
}

// attempts asks a check twice, fills t and returns when the last answer is in.
// The world is asked about moments up to spacing ahead, which it knows.
func (a *agent) attempts(t *try, i int, deadline time.Duration) (end time.Duration) {
	w := a.w
	a.settleLine()
	a.settle(i)
	c, p := &w.checks[i], &a.pairs[i]
	end = w.now // which is below 0 in the history
	t.check, t.began = i, w.now
	connect := a.v.ConnectDeadline(a.cfg.index[i])
	raw := false
	for k := range 2 {
		at := w.now + time.Duration(k)*spacing
		fail := w.s.Noise.Fail
		if raw {
			fail = 1 - w.s.Noise.ClearsOnRetry
		}
		raw = at < p.burst || fail > 0 && a.dice.float() < fail
		a.attempt(c, p, at, deadline, raw, &t.results[k])
		hasten(&t.results[k], connect)
		t.results[k].Start = w.time(at)
		end = max(end, at+t.results[k].Total)
	}
	a.confirms.add(w.now)
	a.confirms.add(w.now)
	w.run.Confirms += 2
	w.run.MaxConfirmsPer10s = max(w.run.MaxConfirmsPer10s, a.confirms.count(w.now))
	return end
}

// hasten ends an attempt whose connection takes longer than connect.
func hasten(r *probes.Result, connect time.Duration) {
	switch r.Kind {
	case probes.TCP, probes.TLS, probes.HTTP:
	default:
		return
	}
	switch {
	case r.Connect > connect:
		*r = probes.Result{Kind: r.Kind, Outcome: probes.Down, Cause: probes.TCPTimeout, Family: r.Family, Code: -1, DNS: r.DNS, Total: r.DNS + connect}
	case r.Cause == probes.TCPTimeout:
		r.Total = min(r.Total, r.DNS+connect)
	}
}

// asked takes part in a round.
func (a *agent) asked(ask detect.Ask) {
	w := a.w
	if !a.rounds.take(w.now, askRounds) {
		return
	}
	if a.cfg.ID != ask.Config || int(ask.Check) >= len(a.cfg.Checks) || a.cfg.Checks[ask.Check].ID == "" {
		a.vote(detect.Vote{Round: ask.Round, Attempt: ask.Attempt, Why: vantage.WhyNoCheck.String()}, 0)
		return
	}
	t := try{cfg: a.cfg, ask: ask}
	a.settle(int(a.cfg.check[ask.Check]))
	end := a.attempts(&t, int(a.cfg.check[ask.Check]), min(ask.Deadline, a.v.Deadline(ask.Check)))
	refs := a.v.Beside()
	for k := len(refs) - 1; k > 0; k-- {
		j := int(a.dice.next() % uint64(k+1))
		refs[k], refs[j] = refs[j], refs[k]
	}
	t.refs = min(refsAsked, len(refs))
	for k := range t.refs {
		i := int(a.cfg.check[refs[k]])
		r := &t.results[2+k]
		raw := w.s.Noise.Fail > 0 && a.dice.float() < w.s.Noise.Fail
		a.attempt(&w.checks[i], &a.pairs[i], w.now, refDeadline, raw, r)
		r.Start = w.time(w.now)
		end = max(end, w.now+r.Total)
	}
	w.push(event{at: end, what: evAnswer, agent: a.i, life: a.life, x: w.tries.put(t)})
}

// answered votes.
func (a *agent) answered(t try) {
	w := a.w
	v := detect.Vote{Round: t.ask.Round, Attempt: t.ask.Attempt}
	var b vantage.Ballot
	refs := t.results[2 : 2+t.refs]
	if t.cfg == a.cfg {
		a.settleLine()
		a.settle(t.check)
		b = a.v.Vote(w.time(w.now), t.ask.Check, t.results[:2], refs)
		if a.flagged(t.check) {
			a.rouse(t.check)
		}
	} else {
		b = vantage.Ballot{Why: vantage.WhyNoCheck}
	}
	v.Answer, v.Cause, v.Why, v.Added, v.Ratio = b.Answer, b.Cause, b.Why.String(), b.Added, b.Ratio
	for _, r := range refs {
		v.RefsAsked++
		if r.Outcome == probes.Up || r.Outcome == probes.Degraded {
			v.RefsOK++
		}
	}
	seen := &t.results[0]
	if b.Answer == vantage.Up && seen.Outcome != probes.Up {
		seen = &t.results[1]
	}
	c := &w.checks[t.check]
	v.Addr, v.Edge, v.Err = seen.Addr, seen.Edge, seen.Err
	v.Age = w.now - t.began
	if b.Answer == vantage.Down && b.Cause.Layer() == probes.LayerDNS {
		v.IPReachable = a.reachable(c, &a.pairs[t.check], t.began)
	}
	if a.lie != nil && a.lies(t.check) {
		a.perjure(&v)
	}
	a.vote(v, t.check)
}

// vote sends a vote about a check.
func (a *agent) vote(v detect.Vote, check int) {
	if !a.linked {
		return
	}
	w := a.w
	w.push(event{at: w.now + w.relay, what: evVote, agent: a.i, check: int32(check), life: w.lives, x: w.votes.put(v)})
}

// lies says whether the agent, a liar, lies about a check now.
func (a *agent) lies(check int) bool {
	f := a.lie
	_, on := f.during(a.site, a.w.now)
	return on && f.names(&a.w.checks[check], &a.pairs[check])
}

// perjure makes a vote what the liar wants, whatever its own state machine says.
func (a *agent) perjure(v *detect.Vote) {
	v.Why, v.IPReachable, v.Added, v.Ratio = "", false, 0, 0
	if a.lie.How.Name == LieUp {
		v.Answer, v.Cause = vantage.Up, probes.None
		return
	}
	v.Answer, v.Cause, v.RefsOK = vantage.Down, probes.TCPRefused, v.RefsAsked
}

// slander doubts as often as an honest agent's budgets would allow, one check
// after the other.
func (a *agent) slander() {
	w := a.w
	if a.lie == nil || a.lie.How.Name != LieDown {
		return
	}
	w.push(event{at: w.now + budgetWindow/perAgentDoubt, what: evLie, agent: a.i, life: a.life})
	for range a.pairs {
		i := a.lieNext % len(a.pairs)
		a.lieNext++
		c := &w.checks[i]
		if c.ref != nil || c.Spec.Kind == probes.Ping || a.pairs[i].foreign || !a.lies(i) || w.now-a.lieAt[i] < perCheckDoubt {
			continue
		}
		if a.lieBudget.take(w.now, perAgentDoubt) {
			a.lieAt[i] = w.now
			a.suspect(detect.Suspicion{Config: a.cfg.ID, Check: a.cfg.index[i], Cause: probes.TCPRefused}, w.now-2*a.pairs[i].rtt)
		}
		return
	}
}

// window counts what happened within the last ten seconds.
type window struct{ at []time.Duration }

func (q *window) count(now time.Duration) int {
	k := 0
	for k < len(q.at) && now-q.at[k] >= budgetWindow {
		k++
	}
	q.at = append(q.at[:0], q.at[k:]...)
	return len(q.at)
}

func (q *window) add(now time.Duration) { q.at = append(q.at, now) }

// take adds one if that keeps within limit.
func (q *window) take(now time.Duration, limit int) bool {
	if q.count(now) >= limit {
		return false
	}
	q.add(now)
	return true
}
