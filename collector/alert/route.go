package alert

import (
	"time"

	"picket/collector/detect"
)

// Route is whom to tell about what: a URL, or a list of mailboxes.
type Route struct {
	Name string // unique
	// URL receives the POST. It may hold a secret and is never logged. "" if
	// the route goes by mail.
	URL string
	// Mail is who receives one mail together, as plain addresses. Empty if the
	// route goes to URL.
	Mail []string
	// Secret returns the key of the signature. It is asked at each delivery,
	// so that a rotated secret needs no restart. A route by mail needs none.
	Secret func() ([]byte, error)
	// Delay is how long the condition must hold after the decision; 0 tells at once.
	Delay time.Duration
	// ResolveDelay is how long health must last before "resolved"; 0 tells at once.
	ResolveDelay time.Duration
	// Kinds is which incidents are told; "" means all.
	Kinds Kinds
	// MinConfidence is how sure Picket must be; "" means probable.
	MinConfidence detect.Confidence
}

// Letter is a message on its way to a route, as it stands in the outbox.
type Letter struct {
	ID       string // the idempotency key: "incident.route.sequence"
	Incident string
	Route    string
	Event    Event
	Body     []byte // JSON of a [Message]; the bytes that are signed
	Created  time.Time
	Due      time.Time // not before
	Attempts int       // failed tries so far
}
