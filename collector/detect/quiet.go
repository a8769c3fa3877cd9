package detect

import (
	"math/bits"
	"slices"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// This file lets a simulation skip what changes nothing. Calm says when most of
// the engine need not be looked after, Quiet takes later what the agents said
// meanwhile; Heeded, Excursion, Explains and Hopeless say what must be told before a
// question is put.

// Quiet takes n good scheduled results in a row of one check under the current
// config, begun every apart, the last of them at last, each of which took total.
// The last has come in now, and the others every apart before it: now may lie
// before what other calls have named. It does exactly what n calls of
// [Engine.Observe] would have done, each at its moment; but for the running
// quantiles of its check its cost does not depend on n. All of the results must be
// newer than what the agent has told of the check, and must have begun after its
// site's last silence. n < 1 is nothing.
//
// What results of other checks came between them makes no difference as long as
// the engine is calm (see Calm), the pools of its target and its site began no
// excursion meanwhile, and the agent did not change its mind about voting: OKs
// take off a sum the same, whoever tells them, and in which order.
func (e *Engine) Quiet(now time.Time, agent string, check uint32, n int, every time.Duration, last time.Time, total time.Duration) {
	e.wake(now)
	a := e.agentOf(agent)
	if a == nil || n < 1 {
		return
	}
	c, i, ok := e.find(0, check)
	if !ok || !c.target.concerns(a.site) {
		return
	}
	if d := a.health.Offset; d > e.rule.ClockLimit || d < -e.rule.ClockLimit {
		last = now.Add(-total)
	}
	if last.After(now) {
		last = now
	}
	o := Observation{Agent: agent, Check: check, Start: last, Result: probes.Result{Outcome: probes.Up, Total: total}}
	if e.isLate(now, a, &o) {
		e.late(now, a, c, i, o)
		if sp := a.site.silence; sp.holds(last) {
			sp.ok += n - 1
		}
		return
	}
	e.touch(now, a)
	took := total.Seconds()
	for range n {
		c.learn(took)
		c.typical.learn(took)
	}
	cell := &a.cells[i]
	if e.ignore(a, c, cell, probes.Up) {
		return
	}
	if cell.outcome != probes.Up || cell.fails == 1 {
		c.target.stirred = true
	}
	before := cell.n
	if !cell.quiet(ms(last), n) {
		return
	}
	a.mark(i, cell.outcome == probes.Down)
	cell.pace.quiet(total, before, n, &e.logs)
	e.poolQuiet(now, a, c, cell, n, every)
	if len(e.slows.marks) > 0 {
		delete(e.slows.marks, slowKey{a, i})
	}
}

// quiet is what n good scheduled results do, the last of which began at start:
// the first n-1 shift the window and feed the streak, the last does the rest.
// False if they are old news.
func (c *cell) quiet(start int64, n int) bool {
	if start <= c.start {
		return false
	}
	if n > 1 {
		c.ok = uint8(min(int(c.ok)+n-1, 255))
		c.hist <<= min(n-1, 32)
		c.n = uint8(min(int(c.n)+n-1, 32))
		c.fails, c.spell = 0, 0
	}
	return c.scheduled(start, probes.Up, probes.None, false)
}

// quiet learns n equal totals; seen is how many results came before.
func (p *pace) quiet(total time.Duration, seen uint8, n int, l *logs) {
	if total <= 0 {
		return
	}
	x := l.of(total)
	for range n {
		was := *p
		seen = min(seen+1, 32)
		p.move(x, seen)
		if *p == was && seen == 32 {
			return // and so it stays
		}
	}
}

// Calm says that nothing wider than rounds is under way: as long as everybody
// goes on to be heard and to report what he reported, time passes without any
// event but verdicts, and all that needs [Engine.Tick] is what [Engine.NextRound]
// names. Wider are open incidents, explanations that must hold, sites
// that are silent, stopped, watched or set aside, a freeze, a reference that fails
// at two sites, pools in alarm, checks flagged as slow, maintenance and late data.
// What only ages may be there: resolved incidents that could reopen, budgets,
// failed results, and pools on their way to an alarm or back.
func (e *Engine) Calm(now time.Time) bool {
	if len(e.open) > 0 || len(e.standing) > 0 || e.group != nil || e.pools.busy || len(e.slows.marks) > 0 ||
		!e.frozen.IsZero() || len(e.upkeep.all) > 0 || !e.backfill.came.IsZero() {
		return false
	}
	for _, s := range e.sites {
		if !s.silence.over() || s.trust.flagged || len(s.trust.alone) > 0 || now.Before(s.onTrial) {
			return false
		}
		for _, a := range s.agents {
			if a.gone || !a.shaky.IsZero() && now.Sub(a.shaky) < shakyFor {
				return false
			}
		}
	}
	for _, t := range e.refs {
		if !t.refOut.IsZero() || e.failsAtSome(t, 2) {
			return false
		}
	}
	return true
}

// NextRound is when a round, a suspicion that waits for one, or an explanation
// needs [Engine.Tick]; false if there is none.
func (e *Engine) NextRound() (next time.Time, ok bool) {
	if next = e.queueAt; next.IsZero() || !e.emitAt.IsZero() && e.emitAt.Before(next) {
		next = e.emitAt
	}
	for _, r := range e.rounds {
		if t := r.next(); next.IsZero() || t.Before(next) {
			next = t
		}
	}
	return next, !next.IsZero()
}

// Explains says whether Tick may try to explain what fails now: an explanation is
// due, or a round that somebody contests. It looks at everything unless that is
// Hopeless.
func (e *Engine) Explains(now time.Time) bool {
	if due(e.emitAt, now) {
		return true
	}
	for _, r := range e.rounds {
		if !r.next().After(now) && (!e.emitAt.IsZero() || r.contested()) {
			return true
		}
	}
	return false
}

// ExplainsAfter says the same of the next answer to a round: it may be the last
// one. An answer that is not UP may besides be the one that is a quorum.
func (e *Engine) ExplainsAfter(round uint64, up bool) bool {
	r := e.rounds[round]
	if r == nil {
		return false
	}
	contested := r.contested()
	return r.told || contested && !up || (contested || !up || !e.emitAt.IsZero()) && r.pending() <= 1
}

// contested says whether somebody has said anything but that the target is up, or
// had to be asked again.
func (r *round) contested() bool {
	if r.attempt > 0 || !r.revoteAt.IsZero() {
		return true
	}
	for k := range r.electors {
		for _, an := range r.electors[k].answers {
			if an.in && an.answer != vantage.Up {
				return true
			}
		}
	}
	return false
}

// Hopeless says whether nothing could explain what fails now. It stays true
// whatever more good results are told of the time before now.
func (e *Engine) Hopeless(now time.Time) bool {
	kept := slices.Clone(e.troubles)
	defer func() { e.troubles = kept }()
	return !e.underWay() && e.hopeless(now, e.dawn(now))
}

// Heeded names what the engine looks at when it asks who may vote: sites that fail
// towards two providers or more, or surely towards one, and the targets that these
// do not reach, by their places in the fleet's and the config's order. A target is
// looked at from all sites, a site at all targets. It may name one twice.
func (e *Engine) Heeded(ofTarget, ofSite func(i int)) {
	for _, s := range e.sites {
		vendor, heed := int32(-1), false
		e.eachFailing(s, func(c *cell, t *target) {
			heed = heed || c.voted || c.fails >= 2 || vendor >= 0 && t.vendor != vendor
			vendor = t.vendor
		})
		if heed {
			ofSite(s.i)
			e.eachFailing(s, func(_ *cell, t *target) { ofTarget(t.i) })
		}
	}
}

// Failing names the sites with a failing check, references left out, by their
// places in the fleet's order.
func (e *Engine) Failing(ofSite func(i int)) {
	for _, s := range e.sites {
		any := false
		if e.eachFailing(s, func(*cell, *target) { any = true }); any {
			ofSite(s.i)
		}
	}
}

// eachFailing calls f with the failing checks of a site, references left out.
func (e *Engine) eachFailing(s *site, f func(*cell, *target)) {
	for _, a := range s.agents {
		for w, word := range a.failing {
			for ; word != 0; word &= word - 1 {
				i := w*64 + bits.TrailingZeros64(word)
				if t := e.checks[i].target; t != nil && t.vendor >= 0 {
					f(&a.cells[i], t)
				}
			}
		}
	}
}

// Excursion says whether the pools that a failure between the site and the target,
// given by their places, would feed are in an excursion already: that of the site,
// and those of the target. OKs that are owed must be told until they are not, or
// all of them.
func (e *Engine) Excursion(siteAt, targetAt int) (ofSite, ofTarget bool) {
	s, t := e.sites[siteAt], e.targets[targetAt]
	ofTarget = t.pool.sum > 0
	if r := s.poolRegion; r >= 0 {
		ofTarget = ofTarget || t.regional[r].sum > 0
	}
	return s.pool.sum > 0, ofTarget
}
