package alert

import (
	"time"

	"picket/collector/detect"
)

// easingAgain is how soon an incident is looked at again that was due while it
// seemed to be over: the answers that say so come every two seconds at first.
const easingAgain = time.Second

// Event is what a message says has happened.
type Event string

// The events of picket.alert/v1. Receivers must ignore those they do not know.
const (
	Opened   Event = "opened"
	Updated  Event = "updated"
	Resolved Event = "resolved"
)

// Kinds is which incidents a route wants.
type Kinds string

// The kinds of a route. Site covers what happens on the customers' side: a
// site's own line, and the ISP under several of them.
const (
	AllKinds     Kinds = "all"
	ProviderSide Kinds = "provider-side"
	SiteSide     Kinds = "site"
)

func (k Kinds) wants(i *detect.Incident) bool {
	switch k {
	case ProviderSide:
		return i.Kind.ProviderSide()
	case SiteSide:
		return i.Kind == detect.KindSite || i.Kind == detect.KindNetwork
	}
	return true
}

// Decision is the answer of [Decide].
type Decision struct {
	Event  Event // what to tell now; "" nothing
	Reason Reason
	// By is what holds it back: the id of the wider incident, the silence or the
	// storm letter.
	By string
	// Next is when to ask again even if the incident has not changed; zero: only
	// then. Of a decision that tells it is when the reader hears again at the latest.
	Next time.Time
}

// Decide says what route r is to be told about the incident now, given what it
// was told before and what else is known. It is a pure function.
//
// What is new goes through all of it: whether the route wants such a thing,
// whether it is true and lasts, and only then whether something holds it back. A
// route that was told hears the end past everything.
func Decide(told Told, now time.Time, i *detect.Incident, b Beside, r Route) Decision {
	told = told.heard(r)
	d := escalate(decide(told, now, i, b, r), told, now, i, b, r)
	if d.Event != Opened && d.Event != Updated {
		return d
	}
	if b.Storm.After(now) {
		return Decision{Reason: ReasonStorm, By: b.StormID, Next: b.Storm}
	}
	d.Next = r.Cadence.still(Told{Reason: d.Reason, At: now})
	return d
}

// decide is Decide for the route in its own right, whoever hands the incident on to it.
func decide(told Told, now time.Time, i *detect.Incident, b Beside, r Route) Decision {
	if told.open() {
		return decideTold(told, now, i, b, r)
	}
	switch {
	case told.Event == Resolved && (!i.State.Open() || i.State == detect.Recovering || i.SupersededBy != ""):
		return Decision{Reason: ReasonAlreadyTold}
	case !r.Kinds.wants(i):
		return Decision{Reason: ReasonNotForRoute}
	case !r.concerned(i):
		return Decision{Reason: ReasonOtherClients}
	case i.Drill && r.Class == ClassClient && !r.Drills && !i.DrillClients:
		return Decision{Reason: ReasonDrill}
	case i.SupersededBy != "":
		return Decision{Reason: ReasonSuperseded, By: i.SupersededBy}
	case i.Retrospective:
		return Decision{Reason: ReasonRetrospective}
	case i.Transient || !i.State.Open():
		return Decision{Reason: ReasonTransient}
	case i.State == detect.Recovering && !i.Intermittent:
		return Decision{Reason: ReasonRecovering}
	case i.Confidence.Rank() < r.least().Rank():
		return Decision{Reason: ReasonBelowConfidence}
	}
	if due := decided(i, r).Add(r.Delay); now.Before(due) {
		return Decision{Reason: ReasonTooEarly, Next: due}
	}
	if i.Easing && !i.Intermittent {
		return Decision{Reason: ReasonRecovering, Next: now.Add(easingAgain)}
	}
	if d, held := b.holds(now, i, r); held {
		return d
	}
	if told.Event == Resolved {
		return Decision{Event: Opened, Reason: ReasonReopened}
	}
	return Decision{Event: Opened, Reason: ReasonOpened}
}

// decideTold is Decide for a route that knows of the incident and does not yet
// know of its end. Nothing holds back the end: who was told that it broke must
// hear that it works.
func decideTold(told Told, now time.Time, i *detect.Incident, b Beside, r Route) Decision {
	switch {
	case i.SupersededBy != "":
		return Decision{Event: Resolved, Reason: ReasonSuperseded, By: i.SupersededBy}
	case i.State == detect.Recovering:
		return Decision{Reason: ReasonRecovering}
	case !i.State.Open():
		well := i.Recovered
		if well.IsZero() {
			well = i.Resolved
		}
		if due := well.Add(r.ResolveDelay); now.Before(due) {
			return Decision{Reason: ReasonTooEarly, Next: due}
		}
		return Decision{Event: Resolved, Reason: ReasonResolved}
	}
	why, once := told.news(i, b)
	still := r.Cadence.still(told)
	switch {
	case why != "" && r.Cadence.None:
		return Decision{Reason: ReasonNoUpdates}
	case why == "" && r.Class == ClassPage && !b.Acknowledged.IsZero():
		return Decision{Reason: ReasonAcknowledged}
	case why == "" && (still.IsZero() || now.Before(still)):
		return Decision{Reason: ReasonAlreadyTold, Next: still}
	}
	if due := told.At.Add(r.Cadence.Apart); why != "" && !once && told.Event == Updated && now.Before(due) {
		return Decision{Reason: ReasonTooSoon, Next: due}
	}
	if d, held := b.holds(now, i, r); held {
		return d
	}
	if why == "" {
		why = ReasonStillOpen
	}
	return Decision{Event: Updated, Reason: why}
}

// decided is when the incident became what the route wants to know: the start
// of its delay. A reopening is a decision of its own.
func decided(i *detect.Incident, r Route) time.Time {
	at := i.Opened
	if r.MinConfidence == detect.ConfidenceConfirmed && i.Confirmed.After(at) {
		at = i.Confirmed
	}
	if i.Reopened.After(at) {
		at = i.Reopened
	}
	return at
}
