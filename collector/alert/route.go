package alert

import (
	"slices"
	"time"

	"picket/collector/detect"
)

// Route is whom to tell about what, and when. How it reaches them is the
// business of whoever delivers: see picket/collector/alert/channel.
type Route struct {
	Name string // unique
	// By says for people how the route's messages go, without what may be
	// secret: "mail to desk@msp.example". "" says nothing of it.
	By string
	// Class is what the route is for; "" is like a page that nobody is called by.
	Class Class
	// Delay is how long the condition must hold after the decision; 0 tells at once.
	Delay time.Duration
	// ResolveDelay is how long health must last before "resolved"; 0 tells at once.
	ResolveDelay time.Duration
	// Kinds is which incidents are told; "" means all.
	Kinds Kinds
	// Zone is the zone of who reads it; nil means that of the [Words].
	Zone *time.Location
	// MinConfidence is how sure Picket must be; "" means probable. What is only
	// suspected is told to who asks for it.
	MinConfidence detect.Confidence
	// Cadence is how often it hears of one incident between its beginning and end.
	Cadence Cadence
	// Quiet are the times in which it hears of nothing new. What is over by their
	// end is never told; the end of what was told is told in them, too.
	Quiet []Quiet
	// Clients are the only ones that it is for: what hits none of them is not told.
	// Empty: all.
	Clients []string
	// Drills has a route of [ClassClient] told of drills.
	Drills bool
	// Shadow has letters written down and never delivered.
	Shadow bool
	// Escalate is whom to tell next if nobody acknowledges.
	Escalate Escalation
	// OnlyEscalation: the route is told nothing that is not handed on to it.
	OnlyEscalation bool
	// Relies are the providers without each of which its messages reach nobody, and
	// Unsure that this could not be found out for all of its way. See [Detours].
	Relies []Reliance
	Unsure bool
	// Fallback is the route that is told in its place when what it relies on is
	// out; "" leaves the choice to Picket.
	Fallback string

	instead standIn // for whom it stands in at this letter
}

// Letter is a message on its way to a route, as it stands in the outbox.
type Letter struct {
	ID       string // the idempotency key: "incident.route.sequence"
	Incident string
	Route    string
	Event    Event
	Shadow   bool   // only written down: it must not be delivered
	Body     []byte // JSON of a [Message]; the bytes that are signed
	Created  time.Time
	Due      time.Time // not before
	Attempts int       // failed tries so far
}

// least is how sure Picket must be to tell the route.
func (r Route) least() detect.Confidence {
	if r.MinConfidence == "" {
		return detect.ConfidenceProbable
	}
	return r.MinConfidence
}

// concerned says whether i hits one of the route's clients: it is theirs alone,
// or their sites are among those that fail.
func (r Route) concerned(i *detect.Incident) bool {
	if len(r.Clients) == 0 || slices.Contains(r.Clients, i.Client) {
		return true
	}
	return slices.ContainsFunc(i.Impact, func(hit detect.Impact) bool { return hit.Failing > 0 && slices.Contains(r.Clients, hit.Client) })
}
