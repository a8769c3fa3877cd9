package alert

import "time"

// Class is what a route is for. It sets what the route does not say itself.
type Class string

// The classes, from the quickest to the calmest.
const (
	ClassPage   Class = "page"   // wakes the person on call
	ClassChat   Class = "chat"   // a channel that the team reads
	ClassTicket Class = "ticket" // the service desk's queue
	ClassClient Class = "client" // read by customers
)

// Updates is how much a route wants to hear between the beginning and the end.
type Updates string

// The amounts.
const (
	UpdatesAll     Updates = "all"     // changes, and now and then that it goes on
	UpdatesChanges Updates = "changes" // changes alone
	UpdatesNone    Updates = "none"    // nothing
)

// Updates is how much such a route hears unless it says otherwise: a ticket is
// not written into for nothing.
func (c Class) Updates() Updates {
	if c == ClassTicket {
		return UpdatesChanges
	}
	return UpdatesAll
}

// Cadence is how often a route hears of one incident between its beginning and
// its end. The zero value hears every change at once, and else nothing.
type Cadence struct {
	// None: no updates at all.
	None bool
	// Apart is the least time between two updates. What happens only once in a
	// life does not wait for it: that it is surer, that a line is proven dead, that
	// the provider admits it.
	Apart time.Duration
	// First and Every have it told that it goes on although nothing has changed:
	// First after the last news, then Every. 0: never.
	First, Every time.Duration
}

// Cadence is how often a route of the class that wants u hears of an incident.
func (c Class) Cadence(u Updates) Cadence {
	var k Cadence
	switch c {
	case ClassTicket:
		k = Cadence{Apart: 15 * time.Minute, First: 2 * time.Hour, Every: 4 * time.Hour}
	case ClassClient:
		k = Cadence{Apart: 15 * time.Minute, First: time.Hour, Every: 2 * time.Hour}
	default:
		k = Cadence{Apart: 5 * time.Minute, First: 30 * time.Minute, Every: time.Hour}
	}
	switch u {
	case UpdatesNone:
		return Cadence{None: true}
	case UpdatesChanges:
		k.First, k.Every = 0, 0
	}
	return k
}

// still is when the next update is due if nothing changes; zero: never.
func (k Cadence) still(told Told) time.Time {
	wait := k.First
	if told.Reason == ReasonStillOpen {
		wait = k.Every
	}
	if k.None || wait == 0 || told.At.IsZero() {
		return time.Time{}
	}
	return told.At.Add(wait)
}
