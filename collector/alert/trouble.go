package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket/collector/detect"
)

// Trouble is a route that has not delivered for long. It is told to people by
// another route, once, and its end as well.
type Trouble struct {
	Route   string
	Since   time.Time // when the oldest message was written that did not arrive
	Why     string    // what the last try met
	Waiting int       // messages that are still tried
	Dead    int       // messages that were given up
}

// PatienceWithRoutes is how long a message may wait, having been tried, before
// its route is in trouble. One that is given up is trouble at once.
const PatienceWithRoutes = 5 * time.Minute

// Undelivered is a message that was tried and has not arrived.
type Undelivered struct {
	Route   string
	Created time.Time
	GivenUp time.Time // zero: it is still tried
	Why     string
}

// Troubles says which routes are in trouble: those with a message that has
// waited for longer than [PatienceWithRoutes], or that was given up since their
// last delivery. It is a pure function. delivered is by route.
func Troubles(now time.Time, list []Undelivered, delivered map[string]time.Time) map[string]Trouble {
	all := map[string]Trouble{}
	bad := map[string]bool{}
	for _, u := range list {
		if !u.GivenUp.IsZero() && !u.GivenUp.After(delivered[u.Route]) {
			continue
		}
		t := all[u.Route]
		t.Route = u.Route
		if t.Since.IsZero() || u.Created.Before(t.Since) {
			t.Since = u.Created
		}
		t.Why = cmp.Or(u.Why, t.Why)
		if u.GivenUp.IsZero() {
			t.Waiting++
		} else {
			t.Dead++
		}
		bad[u.Route] = bad[u.Route] || !u.GivenUp.IsZero() || now.Sub(u.Created) > PatienceWithRoutes
		all[u.Route] = t
	}
	for name := range all {
		if !bad[name] {
			delete(all, name)
		}
	}
	return all
}

// Ended reports whether the route has delivered since t began, and since it last
// gave a message up. Only then may anybody be told that it delivers again.
func (t Trouble) Ended(delivered, gaveUp time.Time) bool {
	return delivered.After(t.Since) && delivered.After(gaveUp)
}

// troublePrefix begins what stands where an incident's id does in a message about a route.
const troublePrefix = "ROUTE-"

// ID stands where an incident's id does in the messages about t.
func (t Trouble) ID() string {
	return troublePrefix + strconv.FormatInt(t.Since.UnixMilli(), 10) + "-" + t.Route
}

// TroubleOf is the trouble that an id stands for; its Route and Since are known.
func TroubleOf(id string) (Trouble, bool) {
	rest, ok := strings.CutPrefix(id, troublePrefix)
	at, route, cut := strings.Cut(rest, "-")
	ms, err := strconv.ParseInt(at, 10, 64)
	if !ok || !cut || err != nil {
		return Trouble{}, false
	}
	return Trouble{Route: route, Since: time.UnixMilli(ms).UTC()}, true
}

// TroublePrefix begins the ids of all troubles.
func TroublePrefix() string { return troublePrefix }

// Confidant is the route that is told of the trouble of another: its fallback,
// or the best of those that are in no trouble and not read by customers. ok:
// false if there is none.
func Confidant(routes []Route, of string, troubles map[string]Trouble) (best Route, ok bool) {
	fallback := ""
	if k := slices.IndexFunc(routes, func(r Route) bool { return r.Name == of }); k >= 0 {
		fallback = routes[k].Fallback
	}
	for _, r := range routes {
		if _, bad := troubles[r.Name]; bad || r.Name == of || r.Shadow || r.Class == ClassClient || len(r.Clients) > 0 {
			continue
		}
		if r.Name == fallback {
			return r, true
		}
		if !ok || r.better(&best) {
			best, ok = r, true
		}
	}
	return best, ok
}

// Letter writes to route r that t began.
func (t Trouble) Letter(r Route, now time.Time) (Letter, error) {
	lost := fmt.Sprintf("%s, written since %s", plural(t.Waiting, "message"), t.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
	if t.Waiting == 0 {
		lost = "none"
	}
	return t.letter(r, Opened, 1, now, Message{
		Title:   clip("Alerts do not arrive: route "+oneLine(t.Route), maxTitle),
		Subject: clip("["+tagRoute+"] Alerts do not arrive by the route "+oneLine(t.Route), maxTitle),
		Finding: "Picket cannot reach anybody by this route. It says nothing about any cloud, and what else there is to tell goes by the other routes as before.",
		State:   detect.Confirmed,
		Lines: []Line{
			{Label: "WHAT", Text: "the alert route " + oneLine(t.Route) + " does not deliver"},
			{Label: "WAITING", Text: lost},
			{Label: "GIVEN UP", Text: plural(t.Dead, "message")},
			{Label: "WHY", Text: clip(oneLine(t.Why), 300)},
			{Label: "DO NOW", Items: []string{
				"Read the incidents on the Picket page: who is told by " + oneLine(t.Route) + " may know nothing of them.",
				"Mend the way and try it: picket notify test " + oneLine(t.Route),
			}, Numbered: true},
		},
	})
}

// Over writes to route r, which was told of t, that it is over.
func (t Trouble) Over(r Route, configured bool, now time.Time) (Letter, error) {
	what := "delivers again"
	if !configured {
		what = "is no longer used"
	}
	return t.letter(r, Resolved, 2, now, Message{
		Title:   clip(fmt.Sprintf("Resolved: the alert route %s %s", oneLine(t.Route), what), maxTitle),
		Subject: clip(fmt.Sprintf("[%s] The alert route %s %s", tagOK, oneLine(t.Route), what), maxTitle),
		Finding: "What waited has been delivered. What was given up is in picket notify receipts.",
		State:   detect.Resolved, Resolved: now.UTC(),
		Lines: []Line{{Label: "WHAT", Text: "the alert route " + oneLine(t.Route) + " " + what}},
	})
}

func (t Trouble) letter(r Route, event Event, seq int, now time.Time, m Message) (Letter, error) {
	m.Event, m.Reason, m.AlertID, m.Route, m.Sequence, m.At = event, ReasonRouteFails, t.ID(), r.Name, seq, now.UTC()
	m.Kind, m.Confidence, m.Severity = detect.KindCollector, detect.ConfidenceConfirmed, detect.SeverityPartial
	m.Started, m.Opened, m.What = t.Since.UTC(), now.UTC(), m.Title
	if event == Resolved {
		m.Opened = t.Since.UTC()
	}
	return sealed(m, now)
}

// ReasonRouteFails: the message is about a route that does not deliver.
const ReasonRouteFails Reason = "route_fails"
