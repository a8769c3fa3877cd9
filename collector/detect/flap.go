package detect

import (
	"slices"
	"time"
)

// This file knows trouble that comes and goes: bad and good answers in turn
// would otherwise be an incident, and a message, each time. What counts is how
// often the verdict turned bad (2.4, A10), not how often an incident was closed:
// who pauses for forty seconds never gets as far as closing. An incident that
// turned bad FlapTurns times within FlapWindow is intermittent: one incident, that
// stays open through its pauses and closes after Steady of health. It stays
// marked for good, until it comes back after that as an ordinary one.

// turnedBad notes that the incident has opened, relapsed or come back.
func (e *Engine) turnedBad(now time.Time, l *live) {
	l.turns = slices.DeleteFunc(l.turns, func(t time.Time) bool { return now.Sub(t) > e.rule.FlapWindow })
	if len(l.turns) >= e.rule.FlapTurns {
		l.turns = slices.Delete(l.turns, 0, 1) // bounded: more would say the same
	}
	l.turns = append(l.turns, now)
	if len(l.turns) >= e.rule.FlapTurns && !l.inc.Intermittent {
		l.inc.Intermittent, l.dirty = true, true
	}
}

// closeAfter is how long health must last.
func (e *Engine) closeAfter(l *live) time.Duration {
	if l.inc.Intermittent {
		return e.rule.Steady
	}
	return e.rule.CloseAfter
}
