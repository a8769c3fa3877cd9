package main

import (
	"fmt"

	"picket/agent"
)

// trafficWords says what the probes cost the line, and what follows from it.
func trafficWords(t agent.Traffic) string {
	spent, span := t.Month, "this month"
	if t.Spare {
		spent, span = t.Day, "today, on an expensive line"
	}
	out := fmt.Sprintf("%s of probes %s", amount(spent), span)
	if t.Budget > 0 {
		out += ", budget of the site " + amount(t.Budget)
	}
	if t.Agents > 1 {
		out += fmt.Sprintf(" for %d agents", t.Agents)
	}
	switch {
	case t.All > 1:
		out += fmt.Sprintf("; everything is asked %.1f times less often, what is dear %.1f times", t.All, t.Stretch)
	case t.Stretch > 1:
		out += fmt.Sprintf("; what is dear is asked %.1f times less often", t.Stretch)
	}
	if t.Over {
		out += "; even so the budget does not hold: ask for fewer checks, or a larger budget"
	}
	return out
}

// amount writes bytes for people.
func amount(n uint64) string {
	switch {
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
