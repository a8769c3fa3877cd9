package detect

import (
	"math/bits"
	"time"

	"picket/internal/vantage"
	"picket/probes"
)

// cell is what is held of one agent's one check: 40 bytes, so that a pair of
// site and target with four checks stays below the 200 bytes allowed
// (TestCellIsSmall). Times are Unix milliseconds of the collector's clock.
type cell struct {
	start   int64          // the newest scheduled result began
	view    int64          // the observation behind outcome began: a scheduled result or a vote
	first   int64          // the current failing spell began; 0 = none
	hist    uint32         // the last 32 scheduled results, 1 = failed, newest lowest
	n       uint8          // scheduled results behind hist, at most 32
	ok      uint8          // consecutive good scheduled results, saturating
	fails   uint8          // consecutive failed ones, saturating
	spell   uint8          // of these, how many are in hist
	outcome probes.Outcome // Unknown: nothing seen that could tell
	cause   probes.Cause
	voted   bool // the failing spell was confirmed by a vote
	worked  bool // it has been good once
	pace    pace // drift.go
}

// scheduled takes a scheduled result; false if it is old news (the live and the
// record stream may both carry it). Failures that an open incident tells of do
// not enter the window by which unfit judges (known): a real outage must not
// silence its witnesses.
func (c *cell) scheduled(start int64, o probes.Outcome, cause probes.Cause, known bool) bool {
	if start <= c.start {
		return false
	}
	c.start = start
	if o == probes.Unknown {
		return true
	}
	bad := o == probes.Down
	if bad {
		c.ok, c.fails = 0, inc(c.fails)
	} else {
		c.ok, c.fails, c.spell = inc(c.ok), 0, 0
	}
	if !bad || !known {
		c.hist <<= 1
		c.n = min(c.n+1, 32)
	}
	if bad && !known {
		c.hist |= 1
		c.spell = inc(c.spell)
	}
	c.see(start, o, cause)
	return true
}

// take takes a vote's word for the state, not for the streaks: closing goes by
// scheduled results alone. Call [agent.vote], which keeps the agent's list of
// failing checks besides.
func (c *cell) take(start int64, a vantage.Answer, cause probes.Cause) {
	switch a {
	case vantage.Up, vantage.Degraded:
		c.see(start, probes.Up, probes.None)
	case vantage.Down:
		c.ok = 0
		c.see(start, probes.Down, cause)
		c.voted = c.outcome == probes.Down
	}
}

// vote takes a vote's word about check i.
func (a *agent) vote(i uint32, start int64, v vantage.Answer, cause probes.Cause) {
	c := &a.cells[i]
	c.take(start, v, cause)
	a.mark(i, c.outcome == probes.Down)
}

// mark keeps failing, one bit per check: who looks for trouble reads a few words
// instead of all cells.
func (a *agent) mark(i uint32, down bool) {
	if bit := uint64(1) << (i & 63); down {
		a.failing[i>>6] |= bit
	} else {
		a.failing[i>>6] &^= bit
	}
}

// remark makes failing anew for other cells.
func (a *agent) remark() {
	a.failing = make([]uint64, (len(a.cells)+63)/64)
	for i := range a.cells {
		a.mark(uint32(i), a.cells[i].outcome == probes.Down)
	}
}

func (c *cell) see(start int64, o probes.Outcome, cause probes.Cause) {
	if start < c.view {
		if o == probes.Down && c.outcome == probes.Down && start < c.first {
			c.first = start // a slow failure told after a quick vote
		}
		return
	}
	c.view = start
	if o != probes.Down {
		c.outcome, c.cause, c.first, c.voted, c.worked = o, probes.None, 0, false, true
		return
	}
	if c.outcome != probes.Down || c.first == 0 {
		c.first = start
	}
	c.outcome, c.cause = o, cause
}

// unfit says that a failure of this check tells nothing: it has never been good here,
// or it failed in more than a fifth of at least ten results before the current
// failing spell (amendments 5 and 15; agents abstain by the same rules, this
// guards what is read from scheduled results).
func (c *cell) unfit() bool {
	if !c.worked {
		return c.fails >= 20 && !c.voted
	}
	n := int(c.n) - int(c.spell)
	if n < 10 {
		return false
	}
	bad := bits.OnesCount32(c.hist >> c.spell & (1<<n - 1))
	return bad*5 > n
}

func inc(b uint8) uint8 {
	if b == 255 {
		return b
	}
	return b + 1
}

func ms(t time.Time) int64 { return t.UnixMilli() }

func fromMS(v int64) time.Time {
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMilli(v).UTC()
}

// view is what a site or an agent currently says of a target.
type view struct {
	has   bool // false: nothing fresh
	down  bool
	sure  bool // failing twice in a row, or confirmed by a vote
	well  bool // every fresh check has enough consecutive good results
	first int64
	last  int64 // newest observation
	cause probes.Cause
	check uint32
	// vouches is the highest layer for which its good answers speak.
	vouches probes.Layer
}

// agentView reads a target at an agent. Observations count that began after
// since (ms), or, with since 0, that are still fresh at now. Good answers count
// only if they vouch for layer. Pings never count.
func (e *Engine) agentView(a *agent, t *target, now time.Time, since int64, layer probes.Layer) view {
	v := view{well: true}
	at := ms(now)
	for _, i := range t.checks {
		l, c := e.lenses[i], &a.cells[i]
		if l.reach == probes.LayerNone || c.outcome == probes.Unknown {
			continue
		}
		old := c.view < since
		if since == 0 {
			old = c.view < at-l.fresh
		}
		if old || c.outcome == probes.Down && c.unfit() {
			continue
		}
		if int(c.ok) < e.rule.CloseStreak {
			v.well = false
		}
		if c.outcome == probes.Down {
			if !v.down || lower(c.cause.Layer(), v.cause.Layer()) {
				v.cause, v.check = c.cause, i
			}
			if !v.down || c.first < v.first {
				v.first = c.first
			}
			v.has, v.down = true, true
			v.sure = v.sure || c.voted || c.fails >= 2
		} else if l.reach >= layer {
			v.has, v.vouches = true, max(v.vouches, l.reach)
		} else {
			continue
		}
		v.last = max(v.last, c.view)
	}
	return v
}

// topLayer is the highest there is.
const topLayer = probes.LayerHTTP

// lower says whether layer a is below b; no layer is the highest.
func lower(a, b probes.Layer) bool {
	if a == probes.LayerNone {
		return false
	}
	return b == probes.LayerNone || a < b
}

// siteView combines the agents of a site: up if any says so, down if all do.
func (e *Engine) siteView(s *site, t *target, now time.Time, since int64, layer probes.Layer) view {
	if len(e.upkeep.active) > 0 && e.maintained(s, t) {
		return view{} // good answers too: what is worked on is in no availability
	}
	if len(s.agents) == 1 {
		if v := e.agentView(s.agents[0], t, now, since, layer); v.has {
			return v
		}
		return view{}
	}
	var out view
	for _, a := range s.agents {
		v := e.agentView(a, t, now, since, layer)
		if !v.has {
			continue
		}
		if v.down { // if another agent reaches it, that says so at any layer
			v.vouches = topLayer
		}
		if !v.down {
			if out.has && !out.down {
				v.well = v.well && out.well
			}
			v.vouches = max(v.vouches, out.vouches)
			v.last = max(v.last, out.last)
			out = v
			continue
		}
		switch {
		case !out.has:
			out = v
		case out.down:
			out.first, out.last = min(out.first, v.first), max(out.last, v.last)
			out.sure = out.sure && v.sure
		default:
			out.last, out.vouches = max(out.last, v.last), topLayer
		}
	}
	return out
}
