package detect

import (
	"slices"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// This file knows what asking costs whom, and what else the answers told.
//
// A confirmation is two attempts of one agent. Per BudgetWindow no agent is
// asked more often than RoundBudget, whatever it is asked for: rounds, re-votes
// and the askings of recover.go. Its own confirmations (package vantage) come on
// top, so RoundBudget and vantage's OwnBudget together are the ten that make the
// twenty attempts in ten seconds. The fleet's budget (suspicion.go) lets so many
// rounds in that this rarely bites; where it does, whoever has been asked too
// often is left out and abstains, and a re-vote waits until most may be asked.

const whyAsked = "asked too often"

// askWait is how long a re-vote waits for agents that have been asked too often.
const askWait = 500 * time.Millisecond

// mayAsk says whether an agent may be asked once more.
func (e *Engine) mayAsk(now time.Time, a *agent) bool {
	return len(a.asked) < e.rule.RoundBudget || now.Sub(a.asked[0]) >= e.rule.BudgetWindow
}

// spendAsk notes that an agent is asked now.
func (e *Engine) spendAsk(now time.Time, a *agent) {
	if n := len(a.asked) - e.rule.RoundBudget; n >= 0 {
		a.asked = slices.Delete(a.asked, 0, n+1)
	}
	a.asked = append(a.asked, now)
}

// spare is how many more times an agent may be asked now.
func (e *Engine) spare(now time.Time, a *agent) int {
	n := e.rule.RoundBudget
	for _, at := range a.asked {
		n -= b2i(now.Sub(at) < e.rule.BudgetWindow)
	}
	return n
}

// reserved is how many attempts the older rounds still need that have begun to
// re-vote: of four rounds about one disturbance, one that ends in time tells more
// than four that run out of asks before their last attempt.
func (e *Engine) reserved(r *round) int {
	n := 0
	for _, o := range e.rounds {
		if o.id < r.id && (o.attempt > 0 || !o.revoteAt.IsZero()) && o.decision.Held {
			n += max(2-o.attempt, 0)
		}
	}
	return n
}

// exhausted says whether fewer than half of a round's agents that could answer
// may be asked now, so that older rounds keep what they need.
func (e *Engine) exhausted(now time.Time, r *round) bool {
	may, n, keep := 0, 0, e.reserved(r)
	for k := range r.electors {
		for _, a := range r.electors[k].site.agents {
			if ok, _ := e.able(now, a); ok {
				n++
				may += b2i(e.spare(now, a) > keep)
			}
		}
	}
	return 2*may < n
}

// onlyNames says whether most of those who could not resolve the name of a
// target of the incident reach the address that it last had, as their last votes
// about it tell; known is false if no such vote is there.
func (l *live) onlyNames(e *Engine) (only, known bool) {
	down, reach := 0, 0
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil || t.last == nil {
			continue
		}
		for k := range t.last.electors {
			for _, an := range t.last.electors[k].answers {
				if an.in && an.answer == vantage.Down && an.cause.Layer() == probes.LayerDNS {
					down++
					reach += b2i(an.reachable)
				}
			}
		}
	}
	return 2*reach > down, down > 0
}
