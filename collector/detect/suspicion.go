package detect

import (
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// Bounds against agents that talk too much.
const (
	doubtsPerWindow = 40  // suspicions of one agent per BudgetWindow (agents keep to 20)
	maxTroubles     = 512 // suspicions remembered for dating a disturbance
	maxRounds       = 256 // open rounds
)

// trouble is a suspicion as it is remembered for dating a disturbance.
type trouble struct {
	since int64 // ms
	agent *agent
	check uint32
}

// pending is a suspicion that waits for the target's open round or for budget.
type pending struct {
	at, since time.Time
	agent     *agent
	check     uint32
}

// bucket is a token bucket.
type bucket struct {
	at   time.Time
	left float64
}

// burst is the part of a window's tokens that may go at once; the rest comes
// evenly, so that no window sees more than its tokens.
const burst = 0.7

func (b *bucket) refill(now time.Time, capacity float64, window time.Duration) {
	b.left = min(burst*capacity, b.left+(1-burst)*capacity*now.Sub(b.at).Seconds()/window.Seconds())
	b.at = now
}

func (b *bucket) take(now time.Time, capacity float64, window time.Duration) bool {
	b.refill(now, capacity, window)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// spend takes a token whether or not there is one.
func (b *bucket) spend(now time.Time, capacity float64, window time.Duration) {
	b.refill(now, capacity, window)
	b.left = max(b.left-1, -capacity)
}

// capacity is how many rounds the whole fleet may hold per BudgetWindow: one
// more than one agent may be asked in (mayAsk keeps to that), because a disturbed
// fleet needs its last round more than it needs each agent in it.
func (e *Engine) capacity() float64 {
	return float64(e.rule.RoundBudget+1) * max(1, float64(len(e.sites))/float64(e.rule.Electorate))
}

// hasShare says whether an agent may open one more round in this window. Of
// many agents each may have three times its even part, so that a few that cry
// wolf leave most of the budget to the others; what is over waits in the queue,
// where another agent's doubt about the same target overtakes it.
func (e *Engine) hasShare(now time.Time, a *agent) bool {
	if now.Sub(a.openedAt) >= e.rule.BudgetWindow {
		a.opened, a.openedAt = 0, now
	}
	share := e.capacity()
	if n := float64(len(e.sites)); n > 3 {
		share = max(3, 3*share/n)
	}
	return float64(a.opened) < share
}

// doubt takes a suspicion: ignored, joined to the open round, queued, or the
// start of a round.
func (e *Engine) doubt(now time.Time, a *agent, s Suspicion) {
	c, i, ok := e.find(s.Config, s.Check)
	if !ok || c.reach == probes.LayerNone || c.target.Reference || !c.target.concerns(a.site) || !s.Degraded && !blames(s.Cause) || e.maintained(a.site, c.target) {
		return
	}
	if s.Degraded {
		e.strained(now, a, i, s)
		return
	}
	if now.Sub(a.doubtAt) >= e.rule.BudgetWindow {
		a.doubts, a.doubtAt = 0, now
	}
	if a.doubts++; a.doubts > doubtsPerWindow {
		return
	}
	// A check held DOWN for hours does not date this disturbance.
	since := now.Add(-min(max(s.Age, 0), e.rule.Fresh))
	cell := &a.cells[i]
	if cell.view > ms(since) && cell.outcome != probes.Unknown {
		if cell.outcome != probes.Down || cell.voted {
			return // a later answer has refuted it, or has counted already
		}
	}
	if len(e.troubles) < maxTroubles {
		e.troubles = append(e.troubles, trouble{since: ms(since), agent: a, check: i})
	}
	if e.coveredFrom(now, c.target, a.site, e.familyOf(c.target, i)) || e.answeredInPart(now, c.target) {
		return
	}
	if ok, _ := e.eligible(now, a.site, c.target.Provider); !ok {
		e.want(now, e.rule.EmitWait) // no witness, but perhaps a patient
		return
	}
	e.raise(now, c.target, pending{at: now, since: since, agent: a, check: i}, s.Cause)
}

// stand takes a check that an agent already holds DOWN: its own confirmed word.
func (e *Engine) stand(now time.Time, a *agent, s Standing) {
	c, i, ok := e.find(0, s.Check)
	if !ok || c.reach == probes.LayerNone || !c.target.concerns(a.site) || !blames(s.Cause) || e.maintained(a.site, c.target) {
		return
	}
	since := min(max(s.Since, 0), 24*time.Hour)
	a.vote(i, ms(now.Add(-min(since, e.rule.Fresh))), vantage.Down, s.Cause)
	if cell := &a.cells[i]; cell.outcome == probes.Down {
		cell.first, cell.voted = ms(now.Add(-since)), false
	}
	e.doubt(now, a, Suspicion{Check: s.Check, Cause: s.Cause, Age: since})
}

// raise opens a round, or queues the suspicion.
func (e *Engine) raise(now time.Time, t *target, p pending, cause probes.Cause) {
	if r := t.round; r != nil && e.bygone(r, p.since) {
		e.settle(now, r, r.decision) // its last answers are of yesterday's trouble
	}
	if r := t.round; r != nil {
		need := cause.Layer()
		if need == probes.LayerNone {
			need = e.checks[p.check].reach
		}
		if (e.checks[r.check].reach < need || e.familyOf(t, r.check) != e.familyOf(t, p.check)) && t.next == nil {
			e.queue(now, t, p) // the open round asks a question that this failure does not touch
		}
		e.join(now, r)
		return
	}
	if len(e.rounds) >= maxRounds || !e.hasShare(now, p.agent) || !e.budget.take(now, e.capacity(), e.rule.BudgetWindow) {
		e.queue(now, t, p)
		return
	}
	p.agent.opened++
	e.openRound(now, t, p.check, p.agent.site, p.since)
}

func (e *Engine) queue(now time.Time, t *target, p pending) {
	if t.next == nil {
		t.next = &p
	}
	if e.queueAt.IsZero() {
		e.queueAt = now.Add(250 * time.Millisecond)
	}
}

// serveQueue opens rounds for waiting suspicions, oldest first, as far as the
// budget goes, and forgets those that time or an answer has overtaken.
func (e *Engine) serveQueue(now time.Time) {
	e.queueAt = time.Time{}
	for {
		var t *target
		for _, c := range e.targets {
			if c.next == nil || c.round != nil {
				continue
			}
			if e.overtaken(now, c) {
				c.next = nil
			} else if (t == nil || c.next.at.Before(t.next.at)) && e.hasShare(now, c.next.agent) {
				t = c
			}
		}
		if t == nil {
			break
		}
		if len(e.rounds) >= maxRounds || !e.budget.take(now, e.capacity(), e.rule.BudgetWindow) {
			e.queueAt = now.Add(250 * time.Millisecond)
			return
		}
		p := t.next
		t.next = nil
		p.agent.opened++
		e.openRound(now, t, p.check, p.agent.site, p.since)
	}
	for _, t := range e.targets {
		if t.next != nil {
			e.queueAt = now.Add(250 * time.Millisecond)
			return
		}
	}
}

func (e *Engine) overtaken(now time.Time, t *target) bool {
	p := t.next
	if p.agent.site == nil || p.agent.site.removed || int(p.check) >= len(e.checks) || now.Sub(p.at) > e.rule.SuspectWait || e.coveredFrom(now, t, p.agent.site, e.familyOf(t, p.check)) {
		return true
	}
	c := &p.agent.cells[p.check]
	return c.view > ms(p.since) && c.outcome != probes.Down && c.outcome != probes.Unknown
}

// dropRounds forgets rounds and suspicions whose check or target is gone; the
// others follow their check to its new index.
func (e *Engine) dropRounds(old map[string]uint32) {
	names := make(map[uint32]string, len(old))
	for id, i := range old {
		names[i] = id
	}
	move := func(i uint32) (uint32, bool) {
		j, ok := e.checkByID[names[i]]
		return j, ok && e.checks[j].target != nil
	}
	for id, r := range e.rounds {
		j, ok := move(r.check)
		if !ok || e.targetByID[r.t.ID] != r.t || e.checks[j].target != r.t {
			delete(e.rounds, id)
			r.t.round = nil
			continue
		}
		r.check = j
	}
	for _, t := range e.targets {
		if t.last != nil {
			if j, ok := move(t.last.check); ok {
				t.last.check = j
			} else {
				t.last = nil
			}
		}
		if t.next != nil {
			if j, ok := move(t.next.check); ok {
				t.next.check = j
			} else {
				t.next = nil
			}
		}
	}
	kept := e.troubles[:0]
	for _, tr := range e.troubles {
		if j, ok := move(tr.check); ok {
			tr.check = j
			kept = append(kept, tr)
		}
	}
	e.troubles = kept
}
