package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// Reliance is a provider without which a route's messages reach nobody.
type Reliance struct {
	Provider string // its id
	Name     string // for people: "Microsoft 365"
	On       string // what of the route needs it: "Microsoft Teams (Workflows)"
	// Under are the shared components (CDN, sign-in) that the provider's own
	// services depend on: when one is out, the provider may be too.
	Under []string
}

// Why a route is counted on for an incident, or who is told in its place.
const (
	ReasonCountedOn  Reason = "counted_on"     // nothing is known that the way and the incident share
	ReasonFallback   Reason = "fallback_added" // its way needs what is out: its fallback is told too
	ReasonOtherRoute Reason = "other_added"    // ... and no fallback of its own helps: the best other route is told too
	ReasonNoFallback Reason = "no_fallback"    // ... and every other route needs it as well
	ReasonNoOther    Reason = "no_other_route" // ... and there is no other route
)

// Detour says whether a route can be counted on for an incident. A route whose
// way needs what is out is tried all the same, and never the only one that is.
type Detour struct {
	Route    string
	Reason   Reason
	Relies   Reliance // zero if it is counted on
	Fallback string   // the route that is told in its place; "" none
}

// Words says d for who asks whether the route can be counted on.
func (d Detour) Words() string {
	needs := fmt.Sprintf("%s depends on %s", oneLine(d.Relies.On), oneLine(d.Relies.Name))
	switch d.Reason {
	case ReasonFallback:
		return needs + ": its fallback " + d.Fallback + " is told too"
	case ReasonOtherRoute:
		return needs + ": " + d.Fallback + " is told too, the best route that does not need it"
	case ReasonNoFallback:
		return needs + ", and so does every other route that could be told"
	case ReasonNoOther:
		return needs + ", and there is no other route"
	}
	return "nothing is known that its way and the incident share"
}

// Detours says so for every route that wants the incident, in their order. It is
// a pure function.
func Detours(routes []Route, i *detect.Incident) []Detour {
	var list []Detour
	for _, r := range routes {
		if r.Kinds.wants(i) {
			list = append(list, detour(routes, r, i))
		}
	}
	return list
}

func detour(routes []Route, r Route, i *detect.Incident) Detour {
	relies, bad := r.needs(i)
	if !bad {
		return Detour{Route: r.Name, Reason: ReasonCountedOn}
	}
	d := Detour{Route: r.Name, Reason: ReasonNoOther, Relies: relies}
	var best *Route
	for k := range routes {
		o := &routes[k]
		if o.Name == r.Name || o.Shadow != r.Shadow {
			continue
		}
		if d.Reason == ReasonNoOther {
			d.Reason = ReasonNoFallback
		}
		if _, bad := o.needs(i); bad || o.Class == ClassClient || !o.concerned(i) {
			continue // nor is a customer told in a colleague's place
		}
		if o.Name == r.Fallback {
			return Detour{Route: r.Name, Reason: ReasonFallback, Relies: relies, Fallback: o.Name}
		}
		if best == nil || o.better(best) {
			best = o
		}
	}
	if best != nil {
		d.Reason, d.Fallback = ReasonOtherRoute, best.Name
	}
	return d
}

// needs says whether the way of r needs what i blames.
func (r Route) needs(i *detect.Incident) (Reliance, bool) {
	k := slices.IndexFunc(r.Relies, func(x Reliance) bool {
		return i.Provider != "" && x.Provider == i.Provider || i.Dependency != "" && slices.Contains(x.Under, i.Dependency)
	})
	if k < 0 {
		return Reliance{}, false
	}
	return r.Relies[k], true
}

// better says whether r is a better stand-in than o: one that is told of
// incidents anyway, one of which more is known, one that is told sooner.
func (r *Route) better(o *Route) bool {
	if r.OnlyEscalation != o.OnlyEscalation {
		return o.OnlyEscalation
	}
	if r.Unsure != o.Unsure {
		return o.Unsure
	}
	return r.Delay < o.Delay
}

// standIn is for whom a route stands in.
type standIn struct {
	of    []Detour
	alone bool // it is told now because of them alone
}

// decideFor is what the planner asks: [Decide] for r by its own rules and, where r
// stands in for others, by theirs. They may have it told sooner, and of more;
// when it is told of the end is its own affair.
func decideFor(routes []Route, told Told, now time.Time, i *detect.Incident, beside func(Route) Beside, r Route) (Decision, standIn) {
	var instead standIn
	d := Decide(told, now, i, beside(r), r)
	for _, other := range routes {
		if other.Name == r.Name || len(other.Relies) == 0 || !other.Kinds.wants(i) {
			continue
		}
		way := detour(routes, other, i)
		if way.Fallback != r.Name {
			continue
		}
		e := Decide(told, now, i, beside(other), other)
		if until, ok := beside(r).silenced(r.Name, now); ok && e.Event != "" {
			e = Decision{Reason: ReasonSilenced, Next: until}
		}
		if e.hears() {
			instead.of = append(instead.of, way)
		}
		if d.Event == "" && (e.Event == Opened || e.Event == Updated) {
			d.Event, d.Reason, instead.alone = e.Event, e.Reason, true
		}
		if d.Next.IsZero() || !e.Next.IsZero() && e.Next.Before(d.Next) {
			d.Next = e.Next
		}
	}
	return d, instead
}

// hears says whether the route of d is one of those that hear of the incident,
// now, later or already.
func (d Decision) hears() bool {
	switch d.Reason {
	case ReasonNotForRoute, ReasonOtherClients, ReasonBelowConfidence, ReasonDrill, ReasonSilenced, ReasonQuiet:
		return false
	}
	return true
}

// names are the routes that it stands in for.
func (s standIn) names() (list []string) {
	for _, way := range s.of {
		list = append(list, way.Route)
	}
	return list
}

// line says in a message why it came by this way.
func (s standIn) line(by string) Line {
	var parts []string
	for _, way := range s.of {
		needs := fmt.Sprintf("%s depends on %s", oneLine(way.Relies.On), oneLine(way.Relies.Name))
		if s.alone {
			parts = append(parts, fmt.Sprintf("Sent by %s because %s. The route %s was tried too.", oneLine(by), needs, oneLine(way.Route)))
			continue
		}
		parts = append(parts, fmt.Sprintf("The route %s may not get this: %s.", oneLine(way.Route), needs))
	}
	return Line{Label: "THIS WAY", Text: strings.Join(parts, " ")}
}
