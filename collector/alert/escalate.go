package alert

import (
	"time"

	"picket/collector/detect"
)

// This file hands an incident on when nobody takes it: who was told first has
// some minutes to acknowledge it (by the page behind the link in the message, or
// picket incident ack); if nobody has by then and it is still open, the next
// route is told. Two steps are enough for most houses: channel, person, all.
// What is richer belongs to a product that does nothing else.
//
// It is told once. Who is called by it is called whatever its own delay, kinds,
// confidence and quiet hours say, since somebody decided that it is the last
// resort; what is silenced, recovering or over calls nobody. From then on the
// route hears of the incident as if it had been told in its own right.
//
// Who was told of an incident by the letter of a storm alone was told, too: the
// time counts from that letter, or from when they would have been told if that is
// later. When the storm is over and the incident is told by itself before the
// time is, it counts from then.

// The reasons of escalation.
const (
	ReasonEscalated Reason = "escalated" // those who were told before have not acknowledged

	ReasonAcknowledged Reason = "acknowledged" // somebody has taken it on, so nobody further is called
	ReasonLastResort   Reason = "last_resort"  // the route is told only if nobody acknowledges, and there is time yet
)

// Escalation is whom a route's incidents are handed on to.
type Escalation struct {
	After time.Duration // from when the route was told that it began
	To    string        // name of a route; "" nobody
}

// Step is a route that was told of an incident and hands it on.
type Step struct {
	Route string
	Due   time.Time // if nobody has acknowledged by then
}

// steps are those of the routes that hand the incident on to r.
func (p *Planner) steps(now time.Time, s *story, r Route) (list []Step) {
	for _, first := range p.routes {
		if first.Escalate.To != r.Name {
			continue
		}
		told := s.told[first.Name].heard(first)
		since, ok := told.Since, told.open() && !told.Since.IsZero()
		if !told.open() {
			since, ok = p.stands(now, s, first)
		}
		if !ok {
			continue
		}
		if _, mute := s.beside.silenced(first.Name, now); mute {
			continue // somebody saw it, and wants to hear nothing of it
		}
		list = append(list, Step{first.Name, since.Add(first.Escalate.After)})
	}
	return list
}

// due is when the incident is handed on; ok is false if nobody hands it on.
func (b Beside) due() (at time.Time, ok bool) {
	for _, s := range b.Steps {
		if !ok || s.Due.Before(at) {
			at, ok = s.Due, true
		}
	}
	return at, ok
}

// escalate is what becomes of d, the decision about route r in its own right,
// when others hand the incident on to it. It is a pure function.
func escalate(d Decision, told Told, now time.Time, i *detect.Incident, b Beside, r Route) Decision {
	knows := told.open()
	if r.OnlyEscalation && !knows && wish(d.Reason) {
		d = Decision{Reason: ReasonLastResort}
	}
	due, ok := b.due()
	switch id, until, mute := b.silence(r.Name, now); {
	case !ok, knows && told.Escalated, !goesOn(i), b.Within != "":
		return d
	case !knows && (d.Event != "" || !wish(d.Reason)):
		return d
	case !b.Acknowledged.IsZero():
		if d.Reason == ReasonLastResort {
			d.Reason = ReasonAcknowledged
		}
		return d
	case now.Before(due):
		return d.sooner(due)
	case i.Easing && !i.Intermittent:
		return d.sooner(now.Add(easingAgain))
	case mute && knows:
		return d
	case mute:
		return Decision{Reason: ReasonSilenced, By: id, Next: until}
	case knows:
		return Decision{Event: Updated, Reason: ReasonEscalated}
	}
	return Decision{Event: Opened, Reason: ReasonEscalated}
}

// sooner is d, looked at again at t or before.
func (d Decision) sooner(t time.Time) Decision {
	if d.Event == "" && (d.Next.IsZero() || t.Before(d.Next)) {
		d.Next = t
	}
	return d
}

// goesOn says whether there is still something to take on.
func goesOn(i *detect.Incident) bool {
	return i.State.Open() && i.SupersededBy == "" && !i.Retrospective && !i.Transient && (i.State != detect.Recovering || i.Intermittent)
}

// wish says whether a reason comes from what the route itself wants to hear, and
// when. Escalation does not ask for that.
func wish(r Reason) bool {
	switch r {
	case ReasonOpened, ReasonReopened, ReasonTooEarly, ReasonBelowConfidence, ReasonNotForRoute, ReasonLastResort, ReasonQuiet:
		return true
	}
	return false
}
