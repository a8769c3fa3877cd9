package detect

import (
	"slices"
	"time"

	"picket/probes"
)

// This file finds outages in results that were delivered late (2.6): while the
// Picket server or the way to it was away, agents went on and kept what they saw.
// Such an outage is declared once its results have stopped coming, resolved at
// once, dated by the results, marked Retrospective, and told to nobody.
//
// What is late is no vote: it was not asked for, and cannot be asked again. So
// it must say more than a round would. Failing results of one pair without a good
// one between them are a spell; K sites of all that look at the target, on M
// networks, must have spells that overlap for two runs of a check. A site whose
// own references failed meanwhile says nothing, and neither does one whose clock
// is off by more than ClockLimit. The explainer then finds what to blame, as
// always; what an incident of that time tells of already is left to that.

const (
	lateQuiet  = 15 * time.Second // results have stopped coming for so long
	lateMost   = 2 * time.Minute  // [E] ... or have come for so long: somebody may always be late
	lateSpells = 16               // kept of a pair: more is a line that comes and goes
	latePairs  = 20_000           // kept in all, 48 bytes a spell
	lateStep   = 5_000            // ms: what is closer is one moment
	lateReach  = 60_000           // ms: who reaches nothing for so long says nothing of clouds
)

// spell is a run of failing results of a pair, ms. until is the first good
// result after it, or when the last failing one ceases to speak.
type spell struct {
	from, last, until int64
	n                 int
	cause             probes.Cause
	check             uint32
}

type sightline struct {
	s *site
	t *target
}

// moment is lateStep of a site's time.
type moment struct {
	s    *site
	step int64
}

// lateness is what has come late and was not yet looked through.
type lateness struct {
	spells map[sightline][]spell
	good   map[sightline][2]int64 // first and last good result, ms
	reach  map[*site][]int64      // good results of what is no reference, ms, at most latePairs in all
	kept   int                    // in reach
	since  time.Time              // the first one came
	came   time.Time              // the last one
	well   map[moment]bool        // memo of wellThen
}

// noteLate remembers a late result.
func (e *Engine) noteLate(now time.Time, a *agent, c *check, i uint32, o Observation) {
	if d := a.health.Offset; d > e.rule.ClockLimit || d < -e.rule.ClockLimit || !c.target.concerns(a.site) || e.maintained(a.site, c.target) {
		return
	}
	b := &e.backfill
	if b.spells == nil {
		b.spells, b.good = map[sightline][]spell{}, map[sightline][2]int64{}
	}
	if b.came = now; b.since.IsZero() {
		b.since = now
	}
	k, at := sightline{a.site, c.target}, ms(o.Start)
	list, known := b.spells[k]
	if !known && len(b.spells)+len(b.good) >= latePairs {
		return
	}
	switch {
	case c.reach == probes.LayerNone && !c.target.Reference:
		// a ping tells nothing of a service
	case o.Result.Outcome == probes.Up || o.Result.Outcome == probes.Degraded:
		span, ok := b.good[k]
		if !ok {
			span = [2]int64{at, at}
		}
		b.good[k] = [2]int64{min(span[0], at), max(span[1], at)}
		if !c.target.Reference && b.kept < latePairs {
			if b.reach == nil {
				b.reach = map[*site][]int64{}
			}
			b.reach[a.site] = append(b.reach[a.site], at)
			b.kept++
		}
		for j := range list { // it ends the spells that it follows, up to its layer
			if list[j].last < at && at < list[j].until && (list[j].check == i || list[j].cause.Layer() <= c.reach) {
				list[j].until = at
			}
		}
	case o.Result.Outcome == probes.Down && blames(o.Result.Cause):
		until := at + c.fresh.Milliseconds()
		for j := range list {
			if sp := &list[j]; sp.from-c.fresh.Milliseconds() <= at && at <= sp.until {
				sp.from, sp.last, sp.until, sp.n = min(sp.from, at), max(sp.last, at), max(sp.until, until), sp.n+1
				return
			}
		}
		if len(list) < lateSpells {
			b.spells[k] = append(list, spell{from: at, last: at, until: until, n: 1, cause: o.Result.Cause, check: i})
		}
	}
}

// lookBack judges what came late, once it has stopped coming. It is called once
// a second.
func (e *Engine) lookBack(now time.Time) {
	b := &e.backfill
	if b.came.IsZero() || now.Sub(b.came) < lateQuiet && now.Sub(b.since) < lateMost {
		return
	}
	old := *b
	e.backfill = lateness{}
	from, to := e.overlap(&old)
	if to <= from {
		return
	}
	rows, w := e.lateRows(&old, from, to)
	for _, h := range explainRows(rows, w) {
		if h.kind.ProviderSide() && h.quorum(e.rule) {
			e.declareLate(now, h, to)
		}
	}
}

// overlap is the span of time, ms, in which most targets have a quorum of late
// failing sites at once: from the first to the last such moment.
func (e *Engine) overlap(b *lateness) (from, to int64) {
	for _, t := range e.targets {
		if t.Reference {
			continue
		}
		var starts, ends []int64
		n := 0
		for _, s := range e.sites {
			if !t.concerns(s) {
				continue
			}
			n++
			for _, sp := range b.spells[sightline{s, t}] {
				if sp.n >= 2 {
					starts, ends = append(starts, sp.from), append(ends, sp.until)
				}
			}
		}
		if n < e.rule.MinSites {
			continue
		}
		moments := crowded(starts, ends, e.rule.K(n))
		first, until := 0, int64(0)
		for ; first < len(moments) && until == 0; first++ {
			until = e.quorumThen(b, t, moments[first], n)
		}
		if until == 0 {
			continue
		}
		if to = max(to, until); from == 0 || moments[first-1] < from {
			from = moments[first-1]
		}
		// Who failed earlier and still fails is counted at a later moment too: of
		// these the last one ends it.
		for k, until := len(moments)-1, int64(0); k >= first && until == 0; k-- {
			until = e.quorumThen(b, t, moments[k], n)
			to = max(to, until)
		}
	}
	return from, to
}

// crowded are the moments, ms, at which a spell begins and at least k hold: a
// quorum that holds at all begins with some spell. Of those less than lateStep
// apart the last speaks for all. It sorts what it is given.
func crowded(starts, ends []int64, k int) (out []int64) {
	slices.Sort(starts)
	slices.Sort(ends)
	over := 0 // spells that have ended
	for i, at := range starts {
		if i+1 < len(starts) && starts[i+1]-at < lateStep && starts[i+1]/lateStep == at/lateStep {
			continue
		}
		for over < len(ends) && ends[over] <= at {
			over++
		}
		if i+1-over >= k {
			out = append(out, at)
		}
	}
	return out
}

// quorumThen says until when the sites that failed at the moment went on
// failing, if they are a quorum of n; 0 if not.
func (e *Engine) quorumThen(b *lateness, t *target, at int64, n int) (until int64) {
	var down []*site
	for _, s := range e.sites {
		if sp := spellAt(b.spells[sightline{s, t}], at); sp != nil {
			down = append(down, s)
			until = max(until, sp.until)
		}
	}
	if len(down) < e.rule.K(n) {
		return 0
	}
	d, nets := 0, map[string]bool{}
	for _, s := range down {
		if e.wellThen(b, s, at, until) {
			d++
			nets[s.net] = true
		}
	}
	if d < e.rule.K(n) || len(nets) < e.rule.M(n) {
		return 0
	}
	return until
}

// spellAt is the spell that holds at the moment; a lone failure is none.
func spellAt(list []spell, at int64) *spell {
	for i := range list {
		if sp := &list[i]; sp.n >= 2 && sp.from <= at && at < sp.until {
			return sp
		}
	}
	return nil
}

// wellThen says whether the site's own line was well: not so many of its
// references failed. Without references it must have reached something.
func (e *Engine) wellThen(b *lateness, s *site, at, until int64) bool {
	k := moment{s, at / lateStep}
	well, known := b.well[k]
	if !known {
		if b.well == nil {
			b.well = map[moment]bool{}
		}
		well = e.lineWell(b, s, at, min(until, at+lateReach))
		b.well[k] = well
	}
	return well
}

func (e *Engine) lineWell(b *lateness, s *site, from, to int64) bool {
	n, bad := 0, 0
	for _, t := range e.targets {
		if !t.Reference {
			continue
		}
		_, ok := b.good[sightline{s, t}]
		fails := spellAt(b.spells[sightline{s, t}], from) != nil
		if ok || fails {
			n++
		}
		if fails {
			bad++
		}
	}
	if n > 0 {
		return float64(n-bad) >= e.rule.References*float64(n)
	}
	return slices.ContainsFunc(b.reach[s], func(at int64) bool { return from <= at && at < to })
}

// lateRows are the rows of the explainer between two moments.
func (e *Engine) lateRows(b *lateness, from, to int64) ([]row, *world) {
	var rows []row
	for _, s := range e.sites {
		able := e.wellThen(b, s, from, to)
		for _, t := range e.targets {
			if t.Reference || !t.concerns(s) {
				continue
			}
			r := row{s: s, t: t, able: able}
			for _, sp := range b.spells[sightline{s, t}] {
				if sp.n >= 2 && sp.from < to && from < sp.until && (!r.down || sp.from < r.first) {
					r.down, r.first, r.last, r.cause, r.check = true, sp.from, max(r.last, sp.last), sp.cause, sp.check
				}
			}
			good, ok := b.good[sightline{s, t}]
			if !r.down && (!ok || good[1] < from || good[0] > to) {
				continue
			}
			if !r.down {
				r.last = good[1]
			}
			rows = append(rows, r)
		}
	}
	return rows, e.world(func(*target) bool { return true })
}

// declareLate opens and resolves the incident of a late finding, unless one of
// that time tells of it.
func (e *Engine) declareLate(now time.Time, h *hypothesis, to int64) {
	f := h.finding()
	began, ended := fromMS(f.first), fromMS(to)
	for _, list := range [][]*live{e.open, e.recent} {
		for _, l := range list {
			end := l.inc.Resolved
			if end.IsZero() {
				end = now
			}
			if (e.contains(l.scope, f.scope) || e.contains(f.scope, l.scope)) && began.Before(end) && l.inc.Started.Before(ended) {
				return
			}
		}
	}
	if len(e.open) >= maxOpen {
		return
	}
	l := newLive(Incident{ID: e.newID(now), Opened: now, Confirmed: now, Started: began, Recovered: ended, Severity: SeverityOutage,
		State: Confirmed, Confidence: ConfidenceConfirmed, Retrospective: true, Targets: f.targets}, f.scope)
	f.conf = ConfidenceConfirmed
	for _, s := range f.sites {
		l.failing[s.ID] = true
	}
	for _, r := range h.rows {
		if ev := l.row(r.s, r.t.ID); ev != nil && r.down {
			ev.Answer, ev.First, ev.Last = "down", fromMS(r.first), fromMS(r.last)
			ev.observed(e.checks[r.check].ID, r.cause)
		} else if ev != nil {
			ev.Answer = "up"
		}
	}
	l.count(f)
	l.lastBad = ended
	e.open = append(e.open, l)
	e.announceLate(now, l)
}

// announceLate tells of the incident as opened and resolved in one breath. The
// page and the store see both, as of any other.
func (e *Engine) announceLate(now time.Time, l *live) {
	l.told = true
	e.label(l)
	e.describe(now, l)
	e.emit(IncidentEvent{What: Opened, Incident: l.inc.clone()})
	i := slices.Index(e.open, l)
	e.open = slices.Delete(e.open, i, i+1)
	l.inc.State, l.inc.Resolved = Resolved, now
	l.inc.Transient = l.lastFailure(e.rule).Sub(l.inc.Started) <= e.rule.Transient
	e.describe(now, l)
	e.recent = append(e.recent, l)
	if len(e.recent) > maxRecent {
		e.recent = slices.Delete(e.recent, 0, 1)
	}
	e.emit(IncidentEvent{What: Closed, Incident: l.inc.clone()})
}
