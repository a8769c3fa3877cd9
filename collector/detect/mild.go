package detect

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// This file knows how incidents of different severity live together: an outage
// (nothing works), partial (some requests fail), degraded (it is slower).
//
//   - A milder finding inside the scope of a graver open incident is part of it
//     and changes nothing.
//   - A finding of the same or a wider scope than a milder open incident takes
//     it over: same id, graver severity.
//   - A graver finding of a narrower scope is an incident of its own.
//   - Scheduled results without a round behind them raise nothing.

// grave orders severities; what was told of silence counts as an outage.
func grave(s Severity) int {
	switch s {
	case SeverityDegraded:
		return 1
	case SeverityPartial:
		return 2
	}
	return 3
}

// mild says whether the incident is less than an outage.
func (l *live) mild() bool { return grave(l.inc.Severity) < 3 }

// outageTells says whether an open outage tells of trouble between s and t.
func (e *Engine) outageTells(t *target, s *site) bool {
	for _, l := range e.open {
		if !l.mild() && l.scope.looks(s) && l.scope.has(&t.Target) {
			return true
		}
	}
	return false
}

// part says whether an open incident at least as grave already tells of all
// that f tells of; graver, whether one of them is graver.
func (e *Engine) part(f *finding) (l *live, graver bool) {
	for _, o := range e.open {
		if e.onlyLossy(o, f) {
			return o, true
		}
		if !e.contains(o.scope, f.scope) && !e.takesIn(o.scope, f.scope, f.targets) || grave(o.inc.Severity) < grave(f.severity) {
			continue
		}
		if grave(o.inc.Severity) > grave(f.severity) {
			return o, true
		}
		if l == nil {
			l = o
		}
	}
	return l, false
}

// onlyLossy says whether an incident tells of lines of ours that lose much, and
// f, from what failed just now, calls the same an outage although most of their
// requests still come through.
func (e *Engine) onlyLossy(l *live, f *finding) bool {
	if !l.mild() || l.inc.Rate == 0 || f.severity != "" || f.scope.kind.ProviderSide() || len(f.targets) == 0 || !e.contains(l.scope, f.scope) {
		return false
	}
	return !slices.ContainsFunc(f.sites, func(s *site) bool {
		runs, fails := s.pool.lately(s.pool.latest(), 2)
		return s.pool.alarm == 0 || float64(fails) >= poolMost*float64(runs)
	})
}

// raise makes an incident graver: its counts begin anew.
func (l *live) raise(f *finding) {
	if grave(f.severity) <= grave(l.inc.Severity) {
		return
	}
	inc := &l.inc
	inc.Severity, inc.Rate, inc.Added, inc.Ratio = f.severityOr(), 0, 0, 0
	inc.Confidence, inc.DownSites = ConfidenceNone, 0
	if inc.State == Recovering {
		inc.State = Probable
	}
	inc.Recovered, l.healthy, l.top, l.dirty = time.Time{}, time.Time{}, failing{}, true
}

// severityOr is the finding's severity; left out it is an outage.
func (f *finding) severityOr() Severity {
	if f.severity == "" {
		return SeverityOutage
	}
	return f.severity
}

// measure takes how bad it is from a mild finding. Small moves are not told.
func (l *live) measure(f *finding) {
	inc := &l.inc
	if inc.Severity != f.severity {
		return
	}
	if math.Abs(inc.Rate-f.rate) >= 0.1*inc.Rate+0.02 && (f.rate > inc.Rate || !f.fading) {
		inc.Rate, l.dirty = f.rate, true
	}
	if d := f.added - inc.Added; d > inc.Added/4 || -d > inc.Added/4 {
		inc.Added, inc.Ratio, l.dirty = f.added, f.ratio, true
	}
}

// mildHealth is healthOf for what is less than an outage.
func (e *Engine) mildHealth(now time.Time, l *live) health {
	h, line := health{well: true, calm: true}, health{}
	switch {
	case l.inc.Severity == SeverityPartial:
	case l.inc.Rate > 0:
		line = e.lossHealth(now, l)
	case l.lineOnly():
		line = e.paceHealth(now, e.siteByID[l.scope.site])
	}
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil {
			continue
		}
		var w health
		switch {
		case l.inc.Severity == SeverityPartial:
			w = e.poolHealth(now, l, &t.pool, t.regional)
		case l.inc.Rate > 0 || l.lineOnly():
			w = line
		default:
			w = e.slowHealth(now, l, t)
		}
		h.seen = h.seen || w.seen
		h.well, h.calm = h.well && w.well, h.calm && w.calm
		h.relapsed = h.relapsed || w.relapsed
		if !w.well {
			delete(l.well, id)
		} else if l.well[id].IsZero() {
			l.well[id] = now
		}
	}
	h.well, h.calm = h.well && h.seen, h.calm && h.seen
	return h
}

// lineOnly says whether the incident tells of a site whose references are slow.
func (l *live) lineOnly() bool {
	return l.inc.Severity == SeverityDegraded && l.scope.kind == KindSite && l.inc.Rate == 0 && l.inc.Added == 0
}

// stateOfSeverity is what a target is while an incident of that severity tells of it.
func stateOfSeverity(s Severity) VerdictState {
	switch s {
	case SeverityPartial:
		return Partial
	case SeverityDegraded:
		return Degraded
	}
	return Down
}

// describeMild words an incident that is less than an outage.
func (e *Engine) describeMild(l *live, subject string, past bool) {
	inc := &l.inc
	who := l.top.onISPs()
	switch {
	case inc.Severity == SeverityDegraded && inc.Rate > 0:
		if inc.Title = subject + ": its line loses much"; l.scope.kind == KindNetwork {
			inc.Title = subject + ": its lines lose much"
		}
		inc.Reason.Text = fmt.Sprintf("%s of requests from %s fail, to %s. Other sites reach them, so the trouble is on this side.", about(inc.Rate), subject, e.extent(inc))
		if past {
			inc.Reason.Text = fmt.Sprintf("%s of requests from %s failed from %s, to %s.", about(inc.Rate), subject, clock(inc.Started), e.extent(inc))
		}
	case l.lineOnly():
		inc.Title = subject + ": its line is slow"
		inc.Reason.Text = fmt.Sprintf("The references of %s answer much later than they used to, so its own line is slow: most likely it is full.", subject)
		if past {
			inc.Reason.Text = fmt.Sprintf("The line of %s was slow from %s: its references answered much later than they used to.", subject, clock(inc.Started))
		}
	case inc.Severity == SeverityPartial:
		inc.Title = subject + ": some requests fail"
		inc.Reason.Text = partialText(inc, subject, who, past)
	default:
		inc.Title = subject + ": slower than usual"
		inc.Reason.Text = slowText(inc, subject, who, past)
	}
	if past && inc.State == Recovering {
		inc.Reason.Text += " It is well again since " + clock(inc.Recovered) + "."
	}
}

// about is a share of requests in words.
func about(rate float64) string {
	p := 100 * rate
	switch {
	case p < 1:
		return "Less than 1 %"
	case p < 10:
		return fmt.Sprintf("About %.0f %%", p)
	}
	return fmt.Sprintf("About %.0f %%", 5*math.Round(p/5))
}

// mildRows explains rows of less than outages. Only findings that blame what
// allowed names are of use to the caller.
func (e *Engine) mildRows(rows []row) []*hypothesis {
	return explainRows(rows, e.world(func(*target) bool { return true }))
}

// medianOf is the middle of v, which it sorts; 0 of nothing.
func medianOf[T int64 | float64 | time.Duration](v []T) T {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[(len(v)-1)/2]
}

// partAgain is how often the votes are asked whether a partial failure has
// become an outage [E]: each failing probe would ask otherwise.
const partAgain = 15 * time.Second

// answeredInPart says whether a partial failure of t is told, and votes have
// lately shown that it is no outage.
func (e *Engine) answeredInPart(now time.Time, t *target) bool {
	l := e.incidentOf(t)
	return l != nil && l.inc.Severity == SeverityPartial && t.last != nil && now.Sub(t.last.settled) < partAgain
}
