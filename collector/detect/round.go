package detect

import (
	"net/netip"
	"slices"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// round is one asking of the electorate about one target.
type round struct {
	id       uint64
	t        *target
	check    uint32
	since    time.Time // the failing probe that opened it began
	opened   time.Time
	origin   *site
	before   int
	electors []elector

	attempt  int
	asked    time.Time // this attempt
	deadline time.Time // of this attempt's answers
	held     int       // earlier attempts whose condition held
	graceAt  time.Time // K DOWN are in: wait until then for contradiction
	revoteAt time.Time // the next attempt; zero: none is due
	told     bool      // a provisional decision was passed on
	settled  time.Time
	decision Decision
	part     parts // judge_part.go
	count    began // enrol.go
}

// elector is a site in a round, with what its agents said in this attempt.
type elector struct {
	site    *site
	answers []answer
}

type answer struct {
	agent  *agent
	in     bool // answered, or will never
	answer vantage.Answer
	cause  probes.Cause
	why    string
	refs   bool
	start  time.Time
	addr   netip.Addr
	edge   string
	err    string

	reachable bool // DOWN at the name, but its last address answers
}

// answer takes a vote into the open attempt of its round.
func (e *Engine) answer(now time.Time, r *round, a *agent, v Vote) {
	if v.Attempt != r.attempt {
		return
	}
	slot := r.slot(a)
	if slot == nil || slot.in {
		return
	}
	start := now.Add(-max(v.Age, 0))
	*slot = answer{agent: a, in: true, answer: v.Answer, cause: v.Cause, why: clip(v.Why, 80), start: start,
		refs: v.RefsAsked == 0 || v.RefsOK == v.RefsAsked || 3*v.RefsOK >= 2*v.RefsAsked,
		addr: v.Addr, edge: clip(v.Edge, 60), err: clip(v.Err, 200), reachable: v.IPReachable}
	oldest := r.since
	if r.attempt > 0 {
		oldest = r.asked
	}
	switch {
	case !tells(v.Answer):
		slot.answer = vantage.Abstain
	case v.RefsAsked > 0 && float64(v.RefsOK) < e.rule.References*float64(v.RefsAsked):
		slot.answer, slot.why = vantage.Abstain, vantage.WhyReferencesFailed.String()
	case start.Before(oldest.Add(-e.rule.Slack)):
		slot.answer, slot.why = vantage.Abstain, "its probe is older than the failure"
	case v.Answer == vantage.Down && !blames(v.Cause):
		slot.answer, slot.why = vantage.Abstain, v.Cause.String()
	default:
		a.vote(r.check, ms(start), v.Answer, v.Cause)
		e.sawEdge(a, r.check, v.Edge)
		r.t.stirred = true
		if v.Answer == vantage.Degraded {
			e.strained(now, a, r.check, Suspicion{Cause: v.Cause, Added: v.Added, Ratio: v.Ratio})
		}
	}
	if slot.why == vantage.WhyReferencesFailed.String() && v.RefsOK == 0 {
		a.shaky = now
	}
	e.judge(now, r)
}

// blames says whether a cause can be the target's fault at all.
func blames(c probes.Cause) bool {
	return c != probes.Blocked && c != probes.TLSIntercepted && (c == probes.None || c == probes.Other || c.Layer() != probes.LayerNone)
}

func (r *round) slot(a *agent) *answer {
	for k := range r.electors {
		for j := range r.electors[k].answers {
			if r.electors[k].answers[j].agent == a {
				return &r.electors[k].answers[j]
			}
		}
	}
	return nil
}

func (r *round) pending() int {
	n := 0
	for k := range r.electors {
		if b := r.electors[k].ballot(); b.Pending {
			n++
		}
	}
	return n
}

// unheard says whether a vantage region with two electors or more, all of whom
// could answer, has said nothing yet: it is further away, and may be the part of
// the fleet that is well.
func (r *round) unheard() bool {
	asked, heard := map[string]int{}, map[string]bool{}
	for k := range r.electors {
		el := &r.electors[k]
		b := el.ballot()
		switch {
		case b.Pending:
			asked[b.Region]++
		case tells(b.Answer):
			heard[b.Region] = true
		}
	}
	for region, n := range asked {
		if n >= 2 && !heard[region] {
			return true
		}
	}
	return false
}

// ballot combines the agents of a site: UP if any is, DOWN if all that can tell
// are (amendment 7); pending while that is open.
func (el *elector) ballot() Ballot {
	b := Ballot{Site: el.site.ID, Client: el.site.Client, Network: el.site.net, Region: el.site.Region,
		Unknown: el.site.Network.Basis == fleet.BasisPrefix, RefsWell: true}
	for _, an := range el.answers {
		switch {
		case !an.in:
			b.Pending = true
		case an.answer == vantage.Up:
			b.Answer = vantage.Up
		case an.answer == vantage.Degraded && b.Answer != vantage.Up:
			b.Answer = vantage.Degraded
		case an.answer == vantage.Down && b.Answer == vantage.Abstain:
			b.Answer = vantage.Down
		}
		b.RefsWell = b.RefsWell && (!an.in || an.refs)
	}
	if b.Answer == vantage.Up {
		b.Pending = false
	}
	return b
}

// judge looks at the votes that are in and moves the round on.
func (e *Engine) judge(now time.Time, r *round) {
	if r.undisputed() {
		r.graceAt = time.Time{}
		return
	}
	ballots := make([]Ballot, len(r.electors))
	for k := range r.electors {
		ballots[k] = r.electors[k].ballot()
		ballots[k].Edge = e.edgeOf(r.electors[k].site, r.t)
	}
	c := Circumstances{Before: r.before, Held: r.held, Private: r.t.Client != "", Frozen: e.isFrozen(now)}
	d := Judge(ballots, e.rule, c)
	if !d.Out && d.Step == Settle {
		d = e.judgeParts(r, ballots, c, d)
	}
	d.Family = e.familyOf(r.t, r.check)
	pending := r.pending()
	if d.Out && pending > 0 && !d.lasting() { // an UP is as fast as a round trip: give it time to contradict
		if r.graceAt.IsZero() {
			r.graceAt = e.graceUntil(now, r, &d)
		}
		if now.Before(r.graceAt) {
			return
		}
		if wait := r.opened.Add(e.rule.FarGrace); r.attempt == 0 && now.Before(wait) && r.unheard() {
			r.graceAt = wait
			return
		}
	} else if !d.Out {
		r.graceAt = time.Time{}
	}
	switch {
	case d.Step == Settle:
		e.settle(now, r, d)
	case d.Out && !r.told:
		r.told = true
		e.callOut(now, r, d)
	}
	if d.Out {
		r.graceAt = r.deadline // it has been waited for; what remains are the other answers
	}
	if d.Step != Revote || pending > 0 || !r.revoteAt.IsZero() {
		return
	}
	r.decision = d
	every := e.rule.Revote
	switch {
	case d.Sharp:
		every = e.rule.PartRevote
	case d.Reason.Code != Waiting:
		every = e.rule.Patience
	}
	r.revoteAt = r.count.at.Add(time.Duration(r.attempt+1-r.count.attempt) * every)
	if soon := now.Add(e.rule.Grace); r.revoteAt.Before(soon) { // the last answers came late: the attempts lie far apart already
		r.revoteAt = soon
	}
}

// undisputed says that some answers are still out, and nobody has said down yet:
// whatever the rule, it waits.
func (r *round) undisputed() bool {
	pending := false
	for k := range r.electors {
		for _, an := range r.electors[k].answers {
			if an.in && an.answer == vantage.Down {
				return false
			}
			pending = pending || !an.in
		}
	}
	return pending && !r.told
}

// graceUntil is how long to wait for contradiction: no longer than it takes the
// farthest to contradict. Of few sites two bad ones and one chance failure are a
// quorum, so there it is as long as a good answer usually takes: a refusal needs
// one round trip, a page several.
func (e *Engine) graceUntil(now time.Time, r *round, d *Decision) time.Time {
	if d.Reason.Need > e.rule.MinSites {
		return earlier(now.Add(e.rule.Grace), r.asked.Add(e.rule.FarGrace))
	}
	usual := time.Duration(float64(e.checks[r.check].typical.median) * float64(time.Second))
	return now.Add(max(e.rule.Grace, min(usual, e.rule.FarGrace)))
}

// settle ends a round.
func (e *Engine) settle(now time.Time, r *round, d Decision) {
	delete(e.rounds, r.id)
	r.settled, r.decision = now, d
	r.t.round, r.t.last = nil, r
	switch {
	case d.Out:
		e.callOut(now, r, d)
	case r.told: // was out provisionally and did not hold: the incident closes by its own rule
	default:
		r.t.out, r.t.outAt = Decision{}, time.Time{}
		e.appraise(now, r)
		if d.Reason.DownSites > 0 || d.Reason.Abstained > 0 {
			e.want(now, e.rule.EmitWait)
		}
	}
	if !e.emitAt.IsZero() && !e.undecided() {
		e.explainNow(now)
	}
	if r.t.next != nil {
		e.serveQueue(now)
	}
}

// callOut passes an Out decision to the explainer.
func (e *Engine) callOut(now time.Time, r *round, d Decision) {
	r.t.out, r.t.outAt, r.t.last = d, now, r
	if e.undecided() && !d.lasting() {
		e.want(now, e.rule.EmitWait)
		return
	}
	e.explainNow(now)
}

// lasting says that the condition held three times although some contradicted it.
// Neither a further contradiction nor rounds of other targets are waited for:
// the former has been counted, and the latter had five seconds to begin.
func (d *Decision) lasting() bool { return d.Out && d.Reason.Code == Held }

// undecided says whether any round is still in its first attempt and may yet
// find something: not one that more sites have refuted than borne out, nor a
// second one about a target that is called out already. In a large fleet some
// passing failure is being asked about at most times, and waiting for the last
// answer about it would make every outage later.
func (e *Engine) undecided() bool {
	for _, r := range e.rounds {
		if r.attempt == 0 && !r.told && r.revoteAt.IsZero() && !r.t.out.Out {
			if up, down := r.votes(); up <= down {
				return true
			}
		}
	}
	return false
}

// votes counts the sites that have said up and down.
func (r *round) votes() (up, down int) {
	for k := range r.electors {
		switch b := r.electors[k].ballot(); {
		case b.Pending:
		case b.Answer == vantage.Up || b.Answer == vantage.Degraded:
			up++
		case b.Answer == vantage.Down:
			down++
		}
	}
	return up, down
}

// bygone says that the round asked before a failure of since began, and that
// even if everybody whose answer is still out said down, it could find nothing
// any more: neither the whole fleet nor a part of it would fail.
func (e *Engine) bygone(r *round, since time.Time) bool {
	up, down := r.votes()
	most := down + r.pending()
	return since.After(r.asked) && !r.told && most < e.rule.PartSites && most < e.rule.K(up+most)
}

// next is when the round needs attention.
func (r *round) next() time.Time {
	if !r.revoteAt.IsZero() {
		return r.revoteAt
	}
	if !r.graceAt.IsZero() && r.graceAt.Before(r.deadline) {
		return r.graceAt
	}
	return r.deadline
}

// dueRounds returns the rounds whose time has come, oldest first: maps have no order.
func (e *Engine) dueRounds(now time.Time) []*round {
	var out []*round
	for _, r := range e.rounds {
		if !r.next().After(now) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *round) int { return int(a.id) - int(b.id) })
	return out
}

// advance does what a round's timer asks for: grace over, answers overdue, re-vote.
func (e *Engine) advance(now time.Time, r *round) {
	if e.rounds[r.id] != r {
		return // settled meanwhile
	}
	if due(r.revoteAt, now) {
		if e.parked(now, r) {
			return
		}
		if e.exhausted(now, r) {
			r.revoteAt = now.Add(askWait)
			return
		}
		r.again(r.decision)
		r.attempt++
		e.budget.spend(now, e.capacity(), e.rule.BudgetWindow)
		e.ask(now, r)
		return
	}
	if !r.deadline.After(now) {
		for k := range r.electors {
			for j := range r.electors[k].answers {
				if an := &r.electors[k].answers[j]; !an.in {
					an.in, an.why = true, "no answer in time"
				}
			}
		}
	}
	e.judge(now, r)
}
