package detect

import (
	"time"

	"picket/probes"
)

// This file keeps the two IP versions apart. Where a target is asked over both
// (checks that insist on one, of either), it counts as two: views, rows and
// rounds are per IP version, and an incident of one of them says which. What
// fails over both is told without.

// setFamilies makes the views of a target by IP version, if it is asked over both.
// Call it when the target's checks are known.
func (e *Engine) setFamilies(t *target) {
	t.four, t.six, t.families = nil, nil, []probes.Family{0}
	four, six := t.only(e, 4), t.only(e, 6)
	if len(four.checks) > 0 && len(six.checks) > 0 {
		t.four, t.six, t.families = four, six, []probes.Family{4, 6}
	}
}

// only is t as its checks over one IP version see it: good for views, nothing else.
func (t *target) only(e *Engine, f probes.Family) *target {
	out := &target{Target: t.Target, i: t.i, vendor: t.vendor}
	for _, i := range t.checks {
		if e.checks[i].Spec.Family == f {
			out.checks = append(out.checks, i)
		}
	}
	return out
}

// over is t as seen over an IP version; t itself for 0, or if it is not asked over both.
func (t *target) over(f probes.Family) *target {
	switch {
	case f == 4 && t.four != nil:
		return t.four
	case f == 6 && t.six != nil:
		return t.six
	}
	return t
}

// familyOf is the IP version that a check of a target tells of: 0, unless the
// target is asked over both and the check insists on one.
func (e *Engine) familyOf(t *target, check uint32) probes.Family {
	if t.four == nil || int(check) >= len(e.checks) {
		return 0
	}
	return e.checks[check].Spec.Family
}

// familyNamed reads a stored IP version back.
func familyNamed(s string) probes.Family {
	switch s {
	case "4":
		return 4
	case "6":
		return 6
	}
	return 0
}

// other is the other IP version.
func other(f probes.Family) probes.Family { return 10 - f }

// wellOver says whether the target is well over the IP version, as far as anybody tells.
func (e *Engine) wellOver(now time.Time, t *target, f probes.Family) bool {
	var p tallyPair
	for _, s := range e.sites {
		if !t.concerns(s) {
			continue
		}
		if v := e.siteView(s, t.over(f), now, 0, probes.LayerNone); v.has {
			p.count(v.down, 1)
		}
	}
	return p.n > 0 && float64(p.d) <= e.rule.CloseShare*float64(p.n)
}
