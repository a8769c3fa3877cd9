package alert

import "time"

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
	// Steps are the routes that hand the incident on to the one that is decided
	// about; the [Planner] fills them in.
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
	if b.Silences == nil {
		return time.Time{}, false
	}
	id, until := b.Silences(route)
	return until, id != "" && now.Before(until)
}
