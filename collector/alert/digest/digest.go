// Package digest writes one mail a day about what happened: how many incidents
// there were and whose, who was told of them, what would have been sent in
// shadow mode, what could not be delivered, and what goes on.
//
// It is for the morning coffee, so it begins with the answer ("Nothing woke
// you."), counts, and then lists; a quiet day is three lines. What was over within
// seconds, was found too late to matter, or went on as part of another incident is
// no incident of its own here; a drill is counted apart.
//
// [Due] and [Write] are pure functions. The key of a digest is its date, so that a
// collector that is started anew on the same morning sends no second one: the
// outbox takes a key once.
package digest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
)

// Event is what a message with a digest says has happened.
const Event alert.Event = "digest"

// How much a digest lists before it says "and N more".
const (
	maxListed = 12
	noisyFrom = 3 // incidents of one target that make it noisy
)

// Facts is what a digest is written from.
type Facts struct {
	From, To  time.Time // of what it tells; To is when it is due
	Zone      *time.Location
	Route     string            // under which it is sent
	Incidents []detect.Incident // that were open between From and To, or later
	Letters   []Letter          // written between From and To
	Heard     int               // sites that are heard at To
	Sites     int
	Page      string // base URL of the status page; "" none
}

// Letter is a message that was written for a route.
type Letter struct {
	Incident, Route string
	Event           alert.Event
	At              time.Time
	Recorded        bool // in shadow mode: nobody got it
	Dead            bool // given up
}

// Due returns when the digest is due that was due last at now, and the one
// before it: at a time of day by the clock of zone, whatever summer time does.
func Due(at time.Duration, zone *time.Location, now time.Time) (last, before time.Time) {
	local := now.In(zone)
	day := func(back int) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()-back, int(at.Hours()), int(at.Minutes())%60, 0, 0, zone)
	}
	if last = day(0); last.After(now) {
		return day(1), day(2)
	}
	return last, day(1)
}

// Key is the idempotency key of the digest that is due at to.
func Key(route string, to time.Time, zone *time.Location) string {
	return alert.Key(id(to, zone), route, 1)
}

func id(to time.Time, zone *time.Location) string {
	return "digest-" + to.In(zone).Format(time.DateOnly)
}

// Write words the digest.
func Write(f Facts) alert.Message {
	if f.Zone == nil {
		f.Zone = time.UTC
	}
	w := alert.Words{Zone: f.Zone}
	real, drills := sift(f)
	told, sent := woken(f)
	head := "Nothing woke you"
	if sent > 0 {
		head = fmt.Sprintf("%s about %s", plural(sent, "alert"), plural(told, "incident"))
	}
	found := head + ". " + census(real) + " since " + w.At(f.From, "Monday 15:04") + "."
	if drills > 0 {
		found += " Besides, " + plural(drills, "drill") + "."
	}
	m := alert.Message{
		Schema: alert.Schema, Event: Event, AlertID: id(f.To, f.Zone), Route: f.Route, Sequence: 1, SentAs: Key(f.Route, f.To, f.Zone), At: f.To.UTC(),
		Title: "Digest of " + f.To.In(f.Zone).Format("Monday 2 January"), Finding: found, Lines: lines(f, w, real),
		Subject: clip(fmt.Sprintf("[DIGEST] %s - %s - %s", head, strings.ToLower(census(real)[:1])+census(real)[1:], f.To.In(f.Zone).Format("Mon 2 Jan")), 110),
	}
	if f.Page != "" {
		m.Link = f.Page + "/incidents"
		m.Links = []alert.Link{{Name: alert.LinkIncident, Text: "All incidents", URL: m.Link}}
	}
	m.Text = alert.Layout(m)
	return m
}

// sift keeps what counts as an incident of the time, the newest first, and counts drills.
func sift(f Facts) (real []detect.Incident, drills int) {
	for _, i := range f.Incidents {
		switch {
		case !i.Opened.Before(f.To), !i.State.Open() && i.Resolved.Before(f.From):
		case i.Transient, i.Retrospective, i.SupersededBy != "":
		case i.Drill:
			drills++
		default:
			real = append(real, i)
		}
	}
	slices.SortStableFunc(real, func(a, b detect.Incident) int { return b.Opened.Compare(a.Opened) })
	return real, drills
}

// woken counts the incidents whose beginning somebody was really told, and the
// messages that said so.
func woken(f Facts) (incidents, messages int) {
	seen := map[string]bool{}
	for _, l := range f.Letters {
		if l.Event == alert.Opened && !l.Recorded && !l.Dead {
			messages++
			seen[l.Incident] = true
		}
	}
	return len(seen), messages
}

// census is "3 incidents (1 provider, 2 sites)".
func census(all []detect.Incident) string {
	if len(all) == 0 {
		return "No incident"
	}
	names := []string{"provider", "site", "ISP", "path", "of Picket itself"}
	count := map[string]int{}
	for _, i := range all {
		count[whose(i)]++
	}
	var parts []string
	for _, n := range names {
		switch {
		case count[n] == 0:
		case n == "of Picket itself":
			parts = append(parts, fmt.Sprintf("%d %s", count[n], n))
		default:
			parts = append(parts, plural(count[n], n))
		}
	}
	return plural(len(all), "incident") + " (" + strings.Join(parts, ", ") + ")"
}

func whose(i detect.Incident) string {
	switch i.Kind {
	case detect.KindSite:
		return "site"
	case detect.KindNetwork, detect.KindVRegion:
		return "ISP"
	case detect.KindNetworkProvider, detect.KindNetworkDependency:
		return "path"
	case detect.KindFleet, detect.KindCollector, detect.KindReference:
		return "of Picket itself"
	}
	return "provider"
}

func lines(f Facts, w alert.Words, real []detect.Incident) (all []alert.Line) {
	add := func(label string, items []string) {
		if len(items) > 0 {
			if more := len(items) - maxListed; more > 0 {
				items = append(items[:maxListed:maxListed], fmt.Sprintf("and %d more", more))
			}
			all = append(all, alert.Line{Label: label, Items: items})
		}
	}
	var open, over []string
	for _, i := range real {
		text := row(f, w, i)
		if i.State.Open() {
			open = append(open, text)
		} else {
			over = append(over, text)
		}
	}
	add("STILL ON", open)
	add("OVER", over)
	add("SHADOW", shadow(f, real))
	add("NOT SENT", dead(f))
	add("NOISY", noisy(real))
	if f.Sites > 0 {
		text := fmt.Sprintf("All %s are heard.", plural(f.Sites, "site"))
		if f.Sites == 1 {
			text = "The site is heard."
		}
		if f.Heard < f.Sites {
			text = fmt.Sprintf("%d of %s are not heard.", f.Sites-f.Heard, plural(f.Sites, "site"))
		}
		all = append(all, alert.Line{Label: "SITES", Text: text})
	}
	return all
}

// row is an incident in one line.
func row(f Facts, w alert.Words, i detect.Incident) string {
	start, end := cmp.Or(i.Started, i.Opened), cmp.Or(i.Recovered, i.Resolved)
	s := w.At(start, "Mon 15:04") + ", "
	if i.State.Open() {
		s += "for " + alert.Span(f.To.Sub(start))
	} else {
		s += alert.Span(end.Sub(start))
	}
	s += ": " + alert.OneLine(i.Title)
	var facts []string
	if w := i.Confidence.Word(); w != "" && i.Confidence != detect.ConfidenceConfirmed {
		facts = append(facts, strings.ToLower(w))
	}
	if i.Sites > 1 {
		facts = append(facts, fmt.Sprintf("%d of %s", i.DownSites, plural(i.Sites, "site")))
	}
	if n := len(i.Impact); n > 0 && i.Kind != detect.KindSite {
		facts = append(facts, plural(n, "client"))
	}
	if i.Again > 0 {
		facts = append(facts, "came back "+plural(i.Again, "time"))
	}
	if len(facts) > 0 {
		s += " (" + strings.Join(facts, ", ") + ")"
	}
	return s
}

// shadow says what would have been sent on each route.
func shadow(f Facts, real []detect.Incident) (items []string) {
	names := map[string]string{}
	for _, i := range f.Incidents {
		names[i.ID] = alert.OneLine(i.Title)
	}
	routes := map[string][]Letter{}
	for _, l := range f.Letters {
		if l.Recorded {
			routes[l.Route] = append(routes[l.Route], l)
		}
	}
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		var about []string
		opened := 0
		for _, l := range routes[route] {
			if l.Event == alert.Opened {
				opened++
			}
			if name := cmp.Or(names[l.Incident], l.Incident); !slices.Contains(about, name) {
				about = append(about, name)
			}
		}
		s := fmt.Sprintf("%s would have had %s, %d of them new: ", alert.OneLine(route), plural(len(routes[route]), "message"), opened)
		s += strings.Join(about[:min(len(about), 3)], "; ")
		if more := len(about) - 3; more > 0 {
			s += fmt.Sprintf(" and %d more", more)
		}
		items = append(items, s)
	}
	return items
}

// dead says which routes did not take what was sent.
func dead(f Facts) (items []string) {
	count := map[string]int{}
	for _, l := range f.Letters {
		if l.Dead {
			count[l.Route]++
		}
	}
	for _, route := range slices.Sorted(maps.Keys(count)) {
		items = append(items, fmt.Sprintf("%s: %s could not be delivered; try picket notify test %s", alert.OneLine(route), plural(count[route], "message"), alert.OneLine(route)))
	}
	return items
}

// noisy are the targets that most incidents were about.
func noisy(real []detect.Incident) (items []string) {
	count := map[string]int{}
	for _, i := range real {
		if i.Target != "" {
			count[i.Target] += 1 + i.Again
		}
	}
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	for _, n := range names {
		if count[n] >= noisyFrom {
			items = append(items, fmt.Sprintf("%s: %d times", alert.OneLine(n), count[n]))
		}
	}
	return items
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return s
}
