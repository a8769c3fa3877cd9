package simulate

import (
	"fmt"
	"time"

	"picket/collector/detect"
)

// candidate is an incident that may be the expected one.
type candidate struct {
	l  *life
	at time.Duration // since the start of the fault
}

// incident judges one alternative that describes an incident.
func (j *judgement) incident(e *Expect, m *Match) Finding {
	t0 := j.start(e)
	first, ok := j.first(e, m, t0)
	if m.Count != nil && *m.Count == 0 {
		return j.nothing(e, m, t0)
	}
	f := Finding{Found: ok, Levels: unrelated}
	lineage := j.lineage(e, m, t0)
	if !ok {
		f.Why = []string{j.missed(e, m, t0, lineage)}
		return f
	}
	f.Detect = first.at
	window := e.WithinP95
	if window == 0 || f.Detect > window {
		window = e.WithinMax
	}
	settled := t0 + window
	if window == 0 {
		settled = j.s.Duration
	}
	if d := j.settled(first.l, settled); d != nil {
		f.Levels = levels(j.s, m, &d.Incident)
		f.Exact = f.Levels == 0
		if m.StartWithin > 0 {
			off := d.Incident.Started.Sub(j.zero) - t0
			off = max(off, -off)
			f.StartE = &off
		}
	}
	standing := 0
	for _, l := range lineage {
		if !l.rolledUp() {
			standing++
		}
	}
	allowed := 1
	if m.Count != nil {
		allowed = max(1, *m.Count)
	}
	f.Duplicates = max(0, standing-allowed)
	if end, ok := j.end(e); ok {
		f.Close = closing(lineage, end)
	}
	f.Why = j.conditions(e, m, &f, lineage, standing)
	return f
}

// nothing judges an alternative that wants no such incident.
func (j *judgement) nothing(e *Expect, m *Match, t0 time.Duration) Finding {
	seen := j.lineage(e, m, t0)
	if len(seen) == 0 {
		return Finding{Found: true, Exact: true, Nothing: true}
	}
	return Finding{Levels: unrelated, Why: []string{fmt.Sprintf("line %d: expected none of {%s}: there is %s", e.Line, m, label(&seen[0].last().Incident))}}
}

// first returns the earliest declaration of what m describes inside the bound.
func (j *judgement) first(e *Expect, m *Match, t0 time.Duration) (candidate, bool) {
	var best candidate
	found := false
	for _, l := range j.lives {
		for _, d := range l.declarations(func(i *detect.Incident) bool { return levels(j.s, m, i) != unrelated && m.holds(i) }) {
			at := d.At - t0
			if at < 0 || e.WithinMax > 0 && at > e.WithinMax || found && at >= best.at {
				continue
			}
			best, found = candidate{l, at}, true
		}
	}
	return best, found
}

// settled is the label of l at a moment, or of what has superseded it by then.
func (j *judgement) settled(l *life, moment time.Duration) *Declared {
	for range j.lives { // a chain of roll-ups is no longer than this
		d := l.at(moment)
		if d == nil || d.Incident.SupersededBy == "" {
			return d
		}
		next := j.life(d.Incident.SupersededBy)
		if next == nil {
			return d
		}
		l = next
	}
	return l.at(moment)
}

func (j *judgement) life(id string) *life {
	for _, l := range j.lives {
		if l.id == id {
			return l
		}
	}
	return nil
}

// lineage returns the incidents that were shown after t0 with the expected
// label or one above or below it. What is exactly what another expectation
// asks for belongs there.
func (j *judgement) lineage(e *Expect, m *Match, t0 time.Duration) []*life {
	var all []*life
	for _, l := range j.lives {
		mine := false
		for k := range l.events {
			d := &l.events[k]
			if !visible(d) || d.At < t0 || d.Incident.Confidence.Rank() < floorOf(m).Rank() {
				continue
			}
			n := levels(j.s, m, &d.Incident)
			mine = mine || n == 0 || n > 0 && !j.anothers(e, &d.Incident)
		}
		if mine {
			all = append(all, l)
		}
	}
	return all
}

// floorOf is the least confidence that counts as shown: probable, unless a
// suspicion was asked for.
func floorOf(m *Match) detect.Confidence {
	if m.Confidence == string(detect.ConfidenceSuspected) {
		return detect.ConfidenceSuspected
	}
	return detect.ConfidenceProbable
}

// anothers says whether i is exactly what an expectation other than e wants.
func (j *judgement) anothers(e *Expect, i *detect.Incident) bool {
	for k := range j.s.Expect {
		if other := &j.s.Expect[k]; other != e {
			for n := range other.Any {
				if levels(j.s, &other.Any[n], i) == 0 {
					return true
				}
			}
		}
	}
	return false
}

// closing is how long after end the last of the incidents closed; nil if one
// is open or there is none. Roll-ups close with what they are part of.
func closing(lineage []*life, end time.Duration) *time.Duration {
	var last *time.Duration
	for _, l := range lineage {
		if l.rolledUp() {
			continue
		}
		d := l.last()
		if visible(d) {
			return nil
		}
		if at := d.At - end; last == nil || at > *last {
			last = &at
		}
	}
	return last
}

// missed says why nothing matched, from what came closest.
func (j *judgement) missed(e *Expect, m *Match, t0 time.Duration, lineage []*life) string {
	want := fmt.Sprintf("line %d: expected {%s}", e.Line, m)
	if e.WithinMax > 0 {
		want += " within " + e.WithinMax.String()
	}
	late := *e
	late.WithinMax = 0
	if c, ok := j.first(&late, m, t0); ok {
		return fmt.Sprintf("%s: declared only after %s", want, short(c.at))
	}
	if len(lineage) > 0 {
		i := lineage[0].last().Incident
		return fmt.Sprintf("%s: there is %s, but %s, severity %s, layer %q", want, label(&i), i.Confidence, i.Severity, i.Layer)
	}
	return want + ": nothing of the kind was declared"
}

// conditions checks what else m asks of a found incident.
func (j *judgement) conditions(e *Expect, m *Match, f *Finding, lineage []*life, standing int) []string {
	var why []string
	bad := func(format string, args ...any) {
		why = append(why, fmt.Sprintf("line %d: {%s}: ", e.Line, m)+fmt.Sprintf(format, args...))
	}
	if m.Count != nil && standing != *m.Count {
		bad("%d incidents, expected %d", standing, *m.Count)
	}
	if f.StartE != nil && *f.StartE > 2*m.StartWithin {
		bad("its start is wrong by %s, allowed are %s", short(*f.StartE), m.StartWithin)
	}
	if m.ClosedWithin > 0 {
		if f.Close == nil {
			bad("not closed at the end of the run")
		} else if *f.Close > 2*m.ClosedWithin {
			bad("closed %s after the end, allowed are %s", short(*f.Close), m.ClosedWithin)
		}
	}
	if m.OpenAt > 0 && !anyOf(lineage, func(l *life) bool { d := l.at(m.OpenAt); return d != nil && visible(d) }) {
		bad("not open at %s", m.OpenAt)
	}
	if m.ClosedAfter > 0 {
		for _, l := range lineage {
			for k := range l.events {
				if d := &l.events[k]; !visible(d) && d.At < m.ClosedAfter && !l.rolledUp() {
					bad("closed at %s, before %s", short(d.At), m.ClosedAfter)
				}
			}
		}
	}
	for _, p := range properties(m) {
		seen := anyOf(lineage, func(l *life) bool { return l.everHas(j.start(e), p.has) })
		if seen != p.want {
			bad("%s is %t, expected %t", p.name, seen, p.want)
		}
	}
	return why
}

// property is something asked of an incident at whatever moment.
type property struct {
	name string
	want bool
	has  func(*detect.Incident) bool
}

// properties lists what m asks for at whatever moment of the run.
func properties(m *Match) []property {
	var all []property
	add := func(name string, want *bool, has func(*detect.Incident) bool) {
		if want != nil {
			all = append(all, property{name, *want, has})
		}
	}
	yes := true
	add("intermittent", m.Intermittent, func(i *detect.Incident) bool { return i.Intermittent })
	add("lingering", m.Lingering, func(i *detect.Incident) bool { return i.State == detect.Lingering })
	add("transient", m.Transient, func(i *detect.Incident) bool { return i.Transient })
	add("retrospective", m.Retrospective, func(i *detect.Incident) bool { return i.Retrospective })
	add("line_down", m.LineDown, func(i *detect.Incident) bool { return i.LineDown })
	if m.Cause != "" {
		add("cause "+m.Cause, &yes, func(i *detect.Incident) bool { return i.Cause == m.Cause })
	}
	if m.Note != "" {
		add("note "+m.Note, &yes, func(i *detect.Incident) bool { return m.Note == "ip_reachable" && i.IPReachable })
	}
	return all
}

// everHas says whether has holds after some event from a moment on.
func (l *life) everHas(from time.Duration, has func(*detect.Incident) bool) bool {
	for k := range l.events {
		if d := &l.events[k]; d.At >= from && has(&d.Incident) {
			return true
		}
	}
	return false
}

func anyOf(lives []*life, has func(*life) bool) bool {
	for _, l := range lives {
		if has(l) {
			return true
		}
	}
	return false
}

// notice judges an alternative that describes something told.
func (j *judgement) notice(e *Expect, m *Match) Finding {
	t0 := j.start(e)
	n, first := 0, time.Duration(0)
	for k := range j.r.Notices {
		at := j.r.Notices[k].At.Sub(j.zero)
		if !tells(m, &j.r.Notices[k]) || at < t0 || e.WithinMax > 0 && at-t0 > e.WithinMax {
			continue
		}
		if n++; n == 1 {
			first = at - t0
		}
	}
	f := Finding{Found: n > 0, Exact: n > 0, Levels: unrelated, Detect: first}
	switch {
	case n == 0:
		f.Why = []string{fmt.Sprintf("line %d: expected {%s}: nothing of the kind was told", e.Line, m)}
	case m.Count != nil && n != *m.Count:
		f.Why = []string{fmt.Sprintf("line %d: {%s}: told %d times, expected %d", e.Line, m, n, *m.Count)}
	}
	if f.Exact {
		f.Levels = 0
	}
	return f
}

// tells says whether n is what m describes. A notice that names no target or
// site does not contradict.
func tells(m *Match, n *detect.Notice) bool {
	return n.Kind == "told" && asked(m.Cause, n.Cause) && asked(m.Target, n.Target) && asked(m.Site, n.Site)
}

// short is a duration as people read it, to the millisecond.
func short(d time.Duration) string { return d.Round(time.Millisecond).String() }
