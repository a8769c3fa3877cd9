package detect

import (
	"slices"
	"time"
)

// JudgeRegion decides hard-down for one target as seen from one vantage region,
// where the whole electorate does not agree: like [Judge] a pure function.
//
//	n, d, A, F = as in Judge, of the sites of the region; K = max(2, ceil(0.6 n)), M = 2
//	rest       = all other sites: at least two that can tell, on two networks, with F <= 0.2
//	condition  = d >= K, networks of D >= M, F >= 0.6 (0.8 on <= 3 networks), the rest is well,
//	             all sites that can tell >= half of before, two clients in D if n spans two
//
//	votes                                        says
//	any outstanding, here or elsewhere           waits: the rest has to speak
//	condition, first and second time             re-votes at +2.5 s and +5 s: it is contradicted by its nature;
//	                                             at +1.5 s and +3 s where nothing contradicts it (Sharp)
//	condition held three times, n >= 3           confirmed
//	                            n = 2            probable
//	... fewer than M DOWN networks known by name probable
//	... Frozen                                   probable
//	else                                         nothing
//
// Its decision is never one about the target as such, so that turning a DOWN
// into an UP elsewhere may open it but never anything of scope all.
func JudgeRegion(votes []Ballot, region string, rule Rule, c Circumstances) Decision {
	d := judgePart(votes, func(b *Ballot) bool { return b.Region == region }, rule, c)
	if d.Held {
		d.Region = region
	}
	return d
}

// judgeEdge is the same for the sites that one edge answers.
func judgeEdge(votes []Ballot, edge string, rule Rule, c Circumstances) Decision {
	d := judgePart(votes, func(b *Ballot) bool { return b.Edge == edge }, rule, c)
	if d.Held {
		d.Edge = edge
	}
	return d
}

func judgePart(votes []Ballot, in func(*Ballot) bool, rule Rule, c Circumstances) Decision {
	rule = rule.filled()
	var here, there []Ballot
	for i := range votes {
		if in(&votes[i]) {
			here = append(here, votes[i])
		} else {
			there = append(there, votes[i])
		}
	}
	t, rest := tally(here), tally(there)
	dec := Decision{Step: Settle, Reason: t.reason(rule)}
	dec.Reason.Need, dec.Reason.NeedNetworks = rule.partK(t.n), rule.MFew
	refuse := func(code Code) Decision {
		dec.Reason.Code = code
		return dec
	}
	switch {
	case t.n == 0:
		return refuse(NoVotes)
	case t.d == 0:
		return refuse(NoneDown)
	case t.pending+rest.pending > 0:
		dec.Step = Wait
		return refuse(Waiting)
	case c.Before > 0 && float64(t.n+rest.n) < rule.Coverage*float64(c.Before):
		return refuse(CoverageLost)
	case t.d < rule.partK(t.n):
		return refuse(Minority)
	case dec.Reason.DownNetworks < rule.MFew:
		return refuse(OneNetwork)
	case dec.Reason.Share < rule.floor(len(t.nets))-1e-9:
		return refuse(Unbalanced)
	case len(rest.nets) < rule.MFew || rest.balanced() > rule.OtherShare+1e-9:
		return refuse(NotOnlyThere)
	case !c.Private && len(t.clients) >= 2 && len(t.downClients) < 2:
		return refuse(OneClient)
	}
	dec.Held, dec.Sharp = true, t.contra == 0 && rest.d == 0
	if c.Held < 2 {
		dec.Step, dec.Reason.Code = Revote, Waiting
		return dec
	}
	dec.Out, dec.Confidence, dec.Reason.Code = true, ConfidenceConfirmed, SeenFrom
	known, _ := t.known()
	switch {
	case c.Frozen:
		dec.Confidence, dec.Reason.Code = ConfidenceProbable, Frozen
	case t.n < rule.MinSites:
		dec.Confidence, dec.Reason.Code = ConfidenceProbable, TwoSites
	case known < rule.MFew:
		dec.Confidence, dec.Reason.Code = ConfidenceProbable, UnknownISPs
	}
	return dec
}

// parts is what a round remembers of the part of the fleet for which it is
// asked again.
type parts struct {
	vregion, edge string
	held          int // earlier attempts in which that part's condition held
}

// again notes that the round is asked again because of what was decided.
func (r *round) again(d Decision) {
	if d.Region == "" && d.Edge == "" {
		r.held++
		return
	}
	if r.part.vregion != d.Region || r.part.edge != d.Edge {
		r.part = parts{vregion: d.Region, edge: d.Edge}
	}
	r.part.held++
}

// maxAttempts ends a round whose parts take turns in holding.
const maxAttempts = 6

// judgeParts looks for a vantage region, or for an edge, that fails by itself
// where the whole electorate does not: the one with the most DOWN sites, a
// region before an edge, by name. Without one the decision stays as it is. What
// an open incident already tells of is left out.
func (e *Engine) judgeParts(r *round, votes []Ballot, c Circumstances, all Decision) Decision {
	if all.Reason.DownSites < e.rule.PartSites || r.attempt >= maxAttempts {
		return all
	}
	best := all
	take := func(d Decision) {
		if d.Held && (best.Region == "" && best.Edge == "" || d.Reason.DownSites > best.Reason.DownSites) {
			best = d
		}
	}
	var regions, edges []string
	for i := range votes {
		regions, edges = append(regions, votes[i].Region), append(edges, votes[i].Edge)
	}
	for _, region := range distinct(regions) {
		if c.Held = 0; r.part.vregion == region {
			c.Held = r.part.held
		}
		if !e.toldOfPart(r.t, func(sc scope) bool { return sc.vregion == region }) {
			take(JudgeRegion(votes, region, e.rule, c))
		}
	}
	for _, edge := range distinct(edges) {
		if c.Held = 0; r.part.edge == edge {
			c.Held = r.part.held
		}
		if !e.toldOfPart(r.t, func(sc scope) bool { return sc.edge == edge }) {
			take(judgeEdge(votes, edge, e.rule, c))
		}
	}
	return best
}

// parked holds a re-vote about a part of the fleet back while an older round of
// the same part, about the same cloud or shared component, has its own: one
// answer will most likely settle both, and eight targets that are asked about
// three times each would use up what every agent may be asked in ten seconds.
// Once an incident tells of it there is nothing left to ask.
func (e *Engine) parked(now time.Time, r *round) bool {
	d := r.decision
	if d.Region == "" && d.Edge == "" {
		return false
	}
	if e.toldOfPart(r.t, func(sc scope) bool {
		return sc.vregion != "" && sc.vregion == d.Region || sc.kind == KindEdge && (sc.edge == d.Edge || d.Region != "")
	}) {
		d.Step, d.Out = Settle, false
		e.settle(now, r, d)
		return true
	}
	for _, o := range e.rounds {
		if o.id < r.id && !o.revoteAt.IsZero() && o.decision.Region == d.Region && o.decision.Edge == d.Edge && o.t.related(r.t) ||
			o.id < r.id && o.attempt > 0 && o.part.vregion == d.Region && o.part.edge == d.Edge && o.t.related(r.t) {
			r.revoteAt = now.Add(e.rule.EmitWait)
			return true
		}
	}
	return false
}

// related says whether two targets are of one cloud or share a component.
func (t *target) related(o *target) bool {
	return t.Provider == o.Provider || slices.ContainsFunc(t.Dependencies, func(d string) bool { return slices.Contains(o.Dependencies, d) })
}

// distinct sorts names and drops repetitions and "".
func distinct(names []string) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > 0 && names[0] == "" {
		names = names[1:]
	}
	return names
}

// toldOfPart says whether an open provider-side incident of such a scope lists t.
func (e *Engine) toldOfPart(t *target, such func(scope) bool) bool {
	return slices.ContainsFunc(e.open, func(l *live) bool {
		return l.scope.kind.ProviderSide() && such(l.scope) && l.lists(t)
	})
}

// backs says whether the decision is about what the scope blames: about
// everybody, or about that part of the fleet; an edge may be found by any.
func (d Decision) backs(sc scope) bool {
	if sc.family != 0 && d.Family != 0 && d.Family != sc.family || d.Path {
		return false
	}
	switch {
	case sc.kind == KindEdge:
		return d.Edge == "" || d.Edge == sc.edge
	case sc.vregion != "":
		return d.Region == sc.vregion
	}
	return d.Region == "" && d.Edge == ""
}
