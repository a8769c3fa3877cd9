package alert

import (
	"time"

	"picket/collector/detect"
)

// Beside is what a decision weighs beside the incident itself. The zero value
// is that nothing is known. The collector gathers it for every look.
type Beside struct {
	// Acknowledged is when the first person took the incident on, and By who; zero:
	// nobody has. If it came back after its end, it is taken on anew.
	Acknowledged time.Time
	By           string
	// Official is what the provider itself says; see [Official].
	Official Official
	// Silences returns the id of the silence that mutes the incident on the named
	// route now, and when it ends; "" none. nil: there are no silences.
	Silences func(route string) (id string, until time.Time)
	// Gold: one of the clients it hits is served before others.
	Gold bool

	// Within is the wider incident that explains this one and is, or is about to
	// be, told on the route that is decided about; "" none. WithinUntil is when that
	// is told, zero if it was. The [Planner] fills these in, and all that follow.
	Within      string
	WithinUntil time.Time
	// Storm is until when the route is told of nothing one by one, and StormID the
	// id of the letter that stands for all.
	Storm   time.Time
	StormID string
	// Steps are the routes that hand the incident on to the one that is decided
	// about.
	Steps []Step
}

// Official is what the provider's own status feed says of what an incident
// blames, as it was last read. Unknown is never green: the zero value knows nothing.
type Official struct {
	Known   bool      // a feed that covers it was read and understood at Checked
	Checked time.Time // last reading that was understood
	// State is ok, degraded, down or maintenance; quiet: nothing of it is posted, on
	// a feed that never says that all is well; "" if not Known.
	State  string
	Posted time.Time // when the provider first admitted this trouble; zero: it has not
	Title  string    // of its notice, one line
	URL    string    // for people
}

// silenced says whether a silence mutes the incident on route now, and until when.
func (b Beside) silenced(route string, now time.Time) (until time.Time, ok bool) {
	_, until, ok = b.silence(route, now)
	return until, ok
}

// silence is silenced, with the id of the silence.
func (b Beside) silence(route string, now time.Time) (id string, until time.Time, ok bool) {
	if b.Silences == nil {
		return "", time.Time{}, false
	}
	id, until = b.Silences(route)
	return id, until, id != "" && now.Before(until)
}

// holds says what keeps news of i from going out on r now, if anything does.
func (b Beside) holds(now time.Time, i *detect.Incident, r Route) (Decision, bool) {
	if b.Within != "" {
		return Decision{Reason: ReasonInhibited, By: b.Within, Next: b.WithinUntil}, true
	}
	if id, until, ok := b.silence(r.Name, now); ok {
		return Decision{Reason: ReasonSilenced, By: id, Next: until}, true
	}
	if until, ok := quietUntil(r.Quiet, LevelOf(i, b.Gold), now); ok {
		return Decision{Reason: ReasonQuiet, Next: until}, true
	}
	return Decision{}, false
}
