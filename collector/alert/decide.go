package alert

import (
	"time"

	"picket/collector/detect"
)

// Reason says why something is told, or why not.
type Reason string

// The reasons. The first group sends.
const (
	ReasonOpened     Reason = "opened"
	ReasonReopened   Reason = "reopened"   // it is back after "resolved" was told
	ReasonUpdated    Reason = "updated"    // surer, relabelled, or of another severity
	ReasonResolved   Reason = "resolved"   // health has lasted long enough
	ReasonSuperseded Reason = "superseded" // another incident explains it and goes on

	ReasonTooEarly        Reason = "too_early"        // the route's delay is not over
	ReasonBelowConfidence Reason = "below_confidence" // the route wants to be surer
	ReasonNotForRoute     Reason = "not_for_route"    // the route does not want this kind
	ReasonTransient       Reason = "transient"        // gone before anybody needed to know
	ReasonRecovering      Reason = "recovering"       // healthy again, for how long is open
	ReasonAlreadyTold     Reason = "already_told"     // nothing that would change a reader's mind
	ReasonRetrospective   Reason = "retrospective"    // found in late results: it was over before anybody knew
	ReasonSilenced        Reason = "silenced"         // somebody wants to hear nothing of it for a time
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

// Told is what a route was last told about an incident. The zero value is
// nothing yet.
type Told struct {
	Event      Event
	Sequence   int // of the last letter, from 1
	Confidence detect.Confidence
	Severity   detect.Severity
	Label      string // of the incident then; see label
	LineDown   bool
	What       string    // what it was called
	Posted     time.Time // when the provider acknowledged it; zero: it had not
	By         string    // who had taken it on; "" nobody
	Since      time.Time // when it was told that it began, or began again; zero: not known
	Escalated  bool      // it was told because nobody had acknowledged
}

// label is what an incident blames: when it changes, the reader must know.
func label(i *detect.Incident) string {
	sep := "\x00"
	return string(i.Kind) + sep + i.Provider + sep + i.Service + sep + i.Region + sep + i.Target + sep + i.Site + sep + i.Network + sep +
		i.Dependency + sep + i.Edge + sep + i.VRegion + sep + i.Family
}

// Decision is the answer of [Decide].
type Decision struct {
	Event  Event // what to tell now; "" nothing
	Reason Reason
	// Next is when to ask again even if the incident has not changed; zero: only then.
	Next time.Time
}

// Decide says what route r is to be told about the incident now, given what it
// was told before and what else is known. It is a pure function.
func Decide(told Told, now time.Time, i *detect.Incident, b Beside, r Route) Decision {
	return escalate(decide(told, now, i, b, r), told, now, i, b, r)
}

// decide is Decide for the route in its own right, whoever hands the incident on to it.
func decide(told Told, now time.Time, i *detect.Incident, b Beside, r Route) Decision {
	if told.Event == Opened || told.Event == Updated {
		return decideTold(told, now, i, b, r)
	}
	switch {
	case told.Event == Resolved && (!i.State.Open() || i.State == detect.Recovering || i.SupersededBy != ""):
		return Decision{Reason: ReasonAlreadyTold}
	case !r.Kinds.wants(i):
		return Decision{Reason: ReasonNotForRoute}
	case i.SupersededBy != "":
		return Decision{Reason: ReasonSuperseded}
	case i.Retrospective:
		return Decision{Reason: ReasonRetrospective}
	case i.Transient || !i.State.Open():
		return Decision{Reason: ReasonTransient}
	case i.State == detect.Recovering && !i.Intermittent:
		return Decision{Reason: ReasonRecovering}
	case i.Confidence.Rank() < max(r.MinConfidence.Rank(), detect.ConfidenceProbable.Rank()):
		return Decision{Reason: ReasonBelowConfidence}
	}
	if due := decided(i, r).Add(r.Delay); now.Before(due) {
		return Decision{Reason: ReasonTooEarly, Next: due}
	}
	if i.Easing && !i.Intermittent {
		return Decision{Reason: ReasonRecovering, Next: now.Add(easingAgain)}
	}
	if until, ok := b.silenced(r.Name, now); ok {
		return Decision{Reason: ReasonSilenced, Next: until}
	}
	if told.Event == Resolved {
		return Decision{Event: Opened, Reason: ReasonReopened}
	}
	return Decision{Event: Opened, Reason: ReasonOpened}
}

// decideTold is Decide for a route that knows of the incident and does not yet
// know of its end. A silence holds back what is new, never the end: who was told
// that it broke must hear that it works.
func decideTold(told Told, now time.Time, i *detect.Incident, b Beside, r Route) Decision {
	switch {
	case i.SupersededBy != "":
		return Decision{Event: Resolved, Reason: ReasonSuperseded}
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
	case i.Confidence.Rank() > told.Confidence.Rank(), label(i) != told.Label, i.Severity != told.Severity, i.LineDown && !told.LineDown:
		if until, ok := b.silenced(r.Name, now); ok {
			return Decision{Reason: ReasonSilenced, Next: until}
		}
		return Decision{Event: Updated, Reason: ReasonUpdated}
	}
	return Decision{Reason: ReasonAlreadyTold}
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
