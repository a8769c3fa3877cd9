package alert

import (
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
	// Delay is how long the condition must hold after the decision; 0 tells at once.
	Delay time.Duration
	// ResolveDelay is how long health must last before "resolved"; 0 tells at once.
	ResolveDelay time.Duration
	// Kinds is which incidents are told; "" means all.
	Kinds Kinds
	// Zone is the zone of who reads it; nil means that of the [Words].
	Zone *time.Location
	// MinConfidence is how sure Picket must be; "" means probable.
	MinConfidence detect.Confidence
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
