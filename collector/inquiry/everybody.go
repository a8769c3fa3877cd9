package inquiry

import (
	"cmp"
	"fmt"
	"slices"

	"picket/collector/detect"
)

// everybody: no site was named.
func (s scene) everybody() opinion {
	a := s.all
	switch {
	case a.n() == 0:
		return s.unknown("no site could look at " + s.Label)
	case a.bad == 0:
		return s.reachable()
	case a.n() == 1:
		return s.unknown(fmt.Sprintf("%s fails at the only site that could look", s.Label))
	case a.good > 0 && len(a.badISPs) == 1:
		return s.oneISP()
	}
	return s.mixed()
}

// reachable: it answers wherever somebody could look.
func (s scene) reachable() opinion {
	a, o := s.all, opinion{party: Nobody, confidence: detect.ConfidenceConfirmed}
	reach := fmt.Sprintf("%s %s %s", s.reached(), verb(a.good, "reaches", "reach"), s.Label)
	switch {
	case a.guarded == a.good:
		o.sentence = fmt.Sprintf("It answers: %s, which refuses to serve a stranger.", reach)
	case a.slow > 0 && a.slow == a.good:
		o.sentence = fmt.Sprintf("It works, but not well: %s%s.", reach, s.slowCause())
	case 2*a.slow > a.good:
		o.sentence = fmt.Sprintf("It works, but not well: %s, %d of them badly%s.", reach, a.slow, s.slowCause())
	default:
		o.sentence = fmt.Sprintf("It works: %s.", reach)
		if a.slow > 0 {
			o.detail = fmt.Sprintf("Not well at %d of %s%s.", a.slow, sites(a.good), s.slowCause())
		}
	}
	if a.guarded > 0 && a.guarded < a.good {
		o.detail = join(o.detail, fmt.Sprintf("At %d of %s something refuses to serve a stranger: the service, or a proxy or filter on the way.", a.guarded, sites(a.good)))
	}
	return o
}

// slowCause is " (what is wrong)" where it does not work well, if the sites agree.
func (s scene) slowCause() string {
	text := ""
	for _, r := range s.Rows {
		if see(r) != good || r.Outcome != "degraded" {
			continue
		}
		if c := " (" + cause(r) + ")"; text == "" {
			text = c
		} else if text != c {
			return ""
		}
	}
	return text
}

// oneISP: of all who were asked only sites on one ISP fail.
func (s scene) oneISP() opinion {
	isp := ""
	for name := range s.all.badISPs {
		isp = name
	}
	named := cmp.Or(isp, "one internet provider")
	if s.Client != "" && isp != "" && !slices.Contains(s.isps(s.Client), isp) {
		named = foreignISP // its people may read this
	}
	o := opinion{party: Path, confidence: detect.ConfidenceSuspected, detail: "It works at " + s.reached() + "."}
	switch {
	case s.all.goodISPs[isp] && s.all.bad == 1:
		o.party = Site
		o.sentence = fmt.Sprintf("It is one site, not %s: only one of %d sites fails, and others on its internet provider do not.", s.who(), s.all.n())
	case s.all.goodISPs[isp]:
		return s.mixed()
	case s.all.bad == 1:
		o.sentence = fmt.Sprintf("It is not %s: it is between %s and %s, or the one site on it that was asked.", s.who(), named, s.who())
	default:
		o.sentence = fmt.Sprintf("It is between %s and %s: only sites on that internet provider fail, %d of %d.", named, s.who(), s.all.bad, s.all.n())
		if len(s.all.goodISPs) >= 2 {
			o.confidence = detect.ConfidenceProbable
		}
	}
	if i := s.ofPath(isp); i != nil {
		o.incident = i.ID
	}
	return o
}
