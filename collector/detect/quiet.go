package detect

import (
	"time"

	"picket/probes"
)

// This file lets a simulation skip the time in which nothing happens: Idle says
// when, Quiet takes what the agents would have said meanwhile.

// Quiet takes n good scheduled results in a row of one check under the current
// config, the last of which began at last. It does exactly what n calls of
// [Engine.Observe] at now do, each with a result that is Up and names no time
// that it took, begun one after the other up to last; its cost does not depend on
// n. All of them must be newer than what the agent has told of the check, and
// must have begun after its site's last silence. n < 1 is nothing.
//
// To skip a stretch of time: ask Idle, then tell Quiet of every check of every
// agent (or [Engine.Contact] of agents without checks) with now at the end of the
// stretch, before the next Tick. An agent that is left out falls silent there.
func (e *Engine) Quiet(now time.Time, agent string, check uint32, n int, last time.Time) {
	e.wake(now)
	a := e.agentOf(agent)
	if a == nil || n < 1 {
		return
	}
	c, i, ok := e.find(0, check)
	if !ok {
		return
	}
	if d := a.health.Offset; last.After(now) || d > e.rule.ClockLimit || d < -e.rule.ClockLimit {
		last, n = now, 1 // results that all begin now are one
	}
	o := Observation{Agent: agent, Check: check, Start: last, Result: probes.Result{Outcome: probes.Up}}
	if e.isLate(now, a, &o) {
		e.late(now, a, c, i, o)
		if sp := a.site.silence; sp.holds(last) {
			sp.ok += n - 1
		}
		return
	}
	e.touch(now, a)
	cell := &a.cells[i]
	if e.ignore(a, c, cell, probes.Up) {
		return
	}
	if cell.outcome != probes.Up || cell.fails == 1 {
		c.target.stirred = true
	}
	if cell.quiet(ms(last), n) {
		a.mark(i, cell.outcome == probes.Down)
	}
	e.poolQuiet(now, a, c, cell, n)
	delete(e.slows.marks, slowKey{a, i})
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

// Idle says that nothing is under way: as long as everybody goes on to be heard
// and to report what he reported, time passes without any event but the verdicts
// of the grid. Under way are rounds and what waits for one, open incidents,
// suspicions that are not yet refuted, explanations that must hold, sites that
// are silent or stopped, a freeze, a reference that fails twice in a row
// anywhere, and verdicts that are worse than OK or about to be made anew. What only ages may be there: resolved incidents that could
// reopen, trials, budgets, a lone failed result.
func (e *Engine) Idle() bool {
	if len(e.rounds) > 0 || len(e.open) > 0 || len(e.troubles) > 0 || len(e.standing) > 0 || e.group != nil ||
		!e.emitAt.IsZero() || !e.queueAt.IsZero() || !e.frozen.IsZero() || len(e.upkeep.all) > 0 || !e.backfill.came.IsZero() {
		return false
	}
	if !e.poolsIdle() {
		return false
	}
	for _, s := range e.sites {
		if !s.silence.over() || s.trust.flagged || len(s.trust.alone) > 0 {
			return false
		}
	}
	for _, t := range e.targets {
		if t.next != nil || !t.Reference && (t.stirred || t.verdict.State > OK) || t.Reference && e.referenceFails(t) {
			return false
		}
	}
	return true
}
