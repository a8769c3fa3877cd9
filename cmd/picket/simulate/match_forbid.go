package simulate

import (
	"fmt"
	"time"

	"picket/collector/detect"
)

// alarms counts the confirmed incidents that blame a cloud, and lists the
// false ones: under a label that no expectation describes, nor one above or
// below it, or before the fault began.
func (j *judgement) alarms() (confirmed int, lies []string) {
	alarm := func(i *detect.Incident) bool {
		return i.Kind.ProviderSide() && i.Confidence == detect.ConfidenceConfirmed
	}
	for _, l := range j.lives {
		declared := l.declarations(alarm)
		if len(declared) == 0 {
			continue
		}
		confirmed++
		for _, d := range declared {
			if !j.wanted(d) {
				lies = append(lies, fmt.Sprintf("false: %s confirmed at %s, severity %s (%s)", label(&d.Incident), short(d.At), d.Incident.Severity, d.Incident.Reason.Text))
				break
			}
		}
	}
	return confirmed, lies
}

// wanted says whether some expectation describes d, in kind and scope.
func (j *judgement) wanted(d *Declared) bool {
	for k := range j.s.Expect {
		e := &j.s.Expect[k]
		for n := range e.Any {
			if d.At >= j.start(e) && levels(j.s, &e.Any[n], &d.Incident) != unrelated {
				return true
			}
		}
	}
	return false
}

// forbidden lists what was seen of f.
func (j *judgement) forbidden(f *Forbid) []string {
	var seen []string
	switch {
	case f.Page != "":
		for k := range j.r.Pages {
			p := &j.r.Pages[k]
			if f.inTime(p.At) && f.page(p) && f.Match.told(&p.Incident) && f.Match.suits(j.s, &p.Incident) {
				seen = append(seen, fmt.Sprintf("page %q at %s about %s", p.Event, short(p.At), label(&p.Incident)))
			}
		}
	case f.Match.Kind == KindNotice:
		for k := range j.r.Notices {
			n := &j.r.Notices[k]
			if at := n.At.Sub(j.zero); f.inTime(at) && tells(&f.Match, n) {
				seen = append(seen, fmt.Sprintf("told %s at %s: %s", n.Cause, short(at), n.Text))
			}
		}
	default:
		for _, l := range j.lives {
			for _, d := range l.declarations(func(i *detect.Incident) bool { return f.Match.holds(i) && f.Match.suits(j.s, i) }) {
				if f.inTime(d.At) {
					seen = append(seen, fmt.Sprintf("%s at %s, %s, severity %s", label(&d.Incident), short(d.At), d.Incident.Confidence, d.Incident.Severity))
				}
			}
		}
	}
	if f.Match.Count != nil && len(seen) < *f.Match.Count {
		return nil
	}
	for k := range seen {
		seen[k] = fmt.Sprintf("forbidden (line %d, {%s}): %s", f.Line, &f.Match, seen[k])
	}
	return seen
}

// inTime says whether f holds at a moment; without after and before it always
// does, in the quiet minutes before 0 too.
func (f *Forbid) inTime(at time.Duration) bool {
	return (f.After == 0 || at >= f.After) && (f.Before == 0 || at < f.Before)
}

// page says whether p is a letter of the kind that f forbids.
func (f *Forbid) page(p *Page) bool {
	switch f.Page {
	case "any":
		return true
	case KindProviderSide:
		return p.Incident.Kind.ProviderSide()
	}
	return string(p.Incident.Kind) == f.Page
}

// suits says whether i is, at this moment, what a forbid describes: the exact
// kind, the scope, and every property that is asked for.
func (m *Match) suits(s *Scenario, i *detect.Incident) bool {
	switch m.Kind {
	case "", KindAny:
	case KindProviderSide:
		if !i.Kind.ProviderSide() {
			return false
		}
	default:
		if string(i.Kind) != m.Kind {
			return false
		}
	}
	if !sameScope(s, m, i) {
		return false
	}
	for _, p := range properties(m) {
		if p.has(i) != p.want {
			return false
		}
	}
	return true
}

// told is holds for letters: who asks for no confidence means every letter.
func (m *Match) told(i *detect.Incident) bool {
	return i.Confidence.Rank() >= detect.Confidence(m.Confidence).Rank() && asked(m.Severity, string(i.Severity)) && asked(m.Layer, i.Layer)
}
