package alert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"picket/collector/detect"
)

// This file keeps a bad day from drowning the people who work on it. When a
// route would be told more than ten times in five minutes, one letter stands for
// all that come after: it is written ten seconds later, when most of them are
// there, names what it holds back, and says until when. What was
// told before hears its end as ever. When the time is over, what still goes on is
// told one by one if it is ten or fewer, else the letter is renewed.
//
// Only what begins or changes counts: the end of what was told is no reason to
// hold back what is new. A drill takes no part at all: its letters neither count
// nor wait, so that an exercise cannot silence what is real.
//
// Something urgent that begins after the letter is not left without a name until
// the time is over: the letter is updated ten seconds later to name it, and not
// again within five minutes. Nor does the letter stop those who would be called
// when nobody takes an incident on (escalate.go).
//
// The letter is an alert of its own: it is opened, updated and resolved, so that
// a pager shows one incident for the storm. It is of kind [KindStorm].

// KindStorm is the kind of a letter that stands for many incidents.
const KindStorm detect.Kind = "storm"

// StormPrefix begins the id of a storm's alert.
const StormPrefix = "storm-"

// The bounds of a storm.
const (
	stormLimit  = 10               // letters in a window
	StormWindow = 5 * time.Minute  // ... of this length
	stormGather = 10 * time.Second // before the first letter is written
	stormHolds  = 15 * time.Minute // how long the first letter stands for the rest
	stormAgain  = 30 * time.Minute // and each further one
	stormNamed  = 50               // incidents that the letter names
)

// Storm is what a letter of [KindStorm] stands for.
type Storm struct {
	Until     time.Time `json:"until"`     // when what goes on is told, or the letter is renewed
	Waiting   int       `json:"waiting"`   // incidents that it stands for
	Incidents []string  `json:"incidents"` // their ids, the most urgent first; at most 50
}

// surge is how much a route was told lately, and its storm.
type surge struct {
	recent []time.Time // of the letters in the outbox that count, none older than the window
	id     string      // of the last storm's alert
	told   Told        // of it
	until  time.Time   // when it is looked at again
	gather time.Time   // when the letter of a storm that has begun is written; zero: there is none
	named  []string    // the incidents that the last letter names, the most urgent first
	hurry  time.Time   // when the letter is written again to name what is urgent; zero: it is not
	// Of the Plan or Due that is running, or whose letters were not saved:
	wrote map[string]bool // incidents with a letter
	fresh int             // of those letters, the ones that count
	draft *draft          // a change of the storm; nil: none
}

// draft is what a storm becomes when its letter is saved.
type draft struct {
	event Event
	id    string
	until time.Time
}

func (p *Planner) surge(r Route) *surge { return p.surgeOf(r.Name) }

func (p *Planner) surgeOf(route string) *surge {
	g := p.surges[route]
	if g == nil {
		g = &surge{wrote: map[string]bool{}}
		p.surges[route] = g
	}
	return g
}

// holds says until when nothing is told one by one, and by which letter.
func (g *surge) holds(r Route) (until time.Time, id string) {
	switch {
	case !g.gather.IsZero() && (g.draft == nil || g.draft.event == Resolved):
		return g.gather, ""
	case g.draft != nil && g.draft.event == Resolved:
		return time.Time{}, ""
	case g.draft != nil:
		return g.draft.until, g.draft.id
	case g.told.heard(r).open():
		return g.until, g.id
	}
	return time.Time{}, ""
}

// admit lets d pass, or begins a storm. That something goes on is no reason for
// one: it waits.
func (g *surge) admit(now time.Time, d Decision) Decision {
	if !counts(d.Event) || len(g.recent)+g.fresh < stormLimit {
		return d
	}
	if d.Reason == ReasonStillOpen {
		return Decision{Reason: ReasonTooSoon, Next: now.Add(StormWindow)}
	}
	if g.gather.IsZero() {
		g.gather = now.Add(stormGather)
	}
	return Decision{Reason: ReasonStorm, Next: g.gather}
}

// counts says whether a letter that tells e makes a storm. The end of something
// does not.
func counts(e Event) bool { return e == Opened || e == Updated }

// wroteTo notes a letter about s, which is not saved yet.
func (g *surge) wroteTo(s *story, e Event) {
	g.wrote[s.incident.ID] = true
	if counts(e) && !s.incident.Drill {
		g.fresh++
	}
}

// note takes a letter of the route that is safe in the outbox.
func (g *surge) note(m Message) {
	g.wrote, g.fresh = map[string]bool{}, 0
	if m.Drill && m.Kind != KindStorm {
		return
	}
	if counts(m.Event) {
		g.recent = append(g.recent, m.At)
	}
	if m.Kind != KindStorm || m.Storm == nil {
		return
	}
	if m.AlertID != g.id {
		g.told = Told{}
	}
	g.id, g.told, g.until, g.draft = m.AlertID, g.told.after(m), m.Storm.Until, nil
	g.named, g.hurry = m.Storm.Incidents, time.Time{}
	if m.Event == Opened {
		g.gather = time.Time{}
	}
}

// Recall takes back after a restart what a route was told lately, whatever it
// was: the body of each letter of the last [StormWindow], and of each of the last
// day whose incident begins with [StormPrefix], in the order in which they were
// written.
func (p *Planner) Recall(body []byte) error {
	var m Message
	if err := json.Unmarshal(body, &m); err != nil || m.Schema != Schema {
		return fmt.Errorf("a letter cannot be read: schema %q, %v", m.Schema, err)
	}
	p.surgeOf(m.Route).note(m)
	return nil
}

// calm begins a batch: it forgets what was not saved, and ends or renews the
// storms whose time is over.
func (p *Planner) calm(now time.Time, b *batch) {
	for _, r := range p.routes {
		g := p.surge(r)
		g.wrote, g.fresh, g.draft = map[string]bool{}, 0, nil
		g.recent = slices.DeleteFunc(g.recent, func(t time.Time) bool { return now.Sub(t) >= StormWindow })
		if !g.gather.IsZero() && !now.Before(g.gather) {
			if len(p.waiting(now, r)) > 0 {
				g.draft = &draft{Opened, fmt.Sprintf("%s%s-%d", StormPrefix, r.Name, now.Unix()), now.Add(stormHolds)}
			} else {
				g.gather = time.Time{}
			}
			continue
		}
		if !g.told.heard(r).open() {
			continue
		}
		if now.Before(g.until) {
			p.hurried(now, r, b)
			continue
		}
		g.draft = &draft{Resolved, g.id, now}
		waiting := p.waiting(now, r)
		if len(waiting) > 0 && len(waiting)+len(g.recent) > stormLimit {
			g.draft = &draft{Updated, g.id, now.Add(stormAgain)}
		}
		b.add(p.stormLetter(now, r, g, waiting))
		for _, s := range waiting {
			s.again(now)
		}
	}
}

// urge has the letter of r's storm written again soon if s, which it holds back,
// is urgent and would be named in it now, but is not.
func (p *Planner) urge(now time.Time, s *story, r Route) {
	g := p.surge(r)
	if !g.hurry.IsZero() || !g.told.heard(r).open() || !p.urgent(s, g) {
		return
	}
	at := now.Add(stormGather)
	if again := g.told.At.Add(StormWindow); g.told.Event == Updated && again.After(at) {
		at = again
	}
	if at.Before(g.until) {
		g.hurry = at
	}
}

// urgent says whether s is, has no name in the letter, and has a place there.
func (p *Planner) urgent(s *story, g *surge) bool {
	if s.level().rank() > LevelHigh.rank() || slices.Contains(g.named, s.incident.ID) {
		return false
	}
	if len(g.named) < stormNamed {
		return true
	}
	last := p.incidents[g.named[len(g.named)-1]]
	return last == nil || s.level().rank() < last.level().rank()
}

// hurried writes the letter of r's storm again if its time has come and something
// urgent is still not named. It holds for no longer than it said.
func (p *Planner) hurried(now time.Time, r Route, b *batch) {
	g := p.surge(r)
	if g.hurry.IsZero() || now.Before(g.hurry) {
		return
	}
	waiting := p.waiting(now, r)
	if !slices.ContainsFunc(waiting, func(s *story) bool { return p.urgent(s, g) }) {
		g.hurry = time.Time{}
		return
	}
	g.draft = &draft{Updated, g.id, g.until}
	b.add(p.stormLetter(now, r, g, waiting))
}

// stands says since when the letter of r's storm has stood for s, which r would
// have been told of.
func (p *Planner) stands(now time.Time, s *story, r Route) (since time.Time, ok bool) {
	letter := p.surge(r).told.heard(r)
	if !letter.open() {
		return time.Time{}, false
	}
	if d, _ := p.decide(now, s, r); d.Reason != ReasonStorm {
		return time.Time{}, false
	}
	since = decided(&s.incident, r).Add(r.Delay)
	if r.OnlyEscalation {
		since, _ = Beside{Steps: p.steps(now, s, r)}.due()
	}
	if letter.Since.After(since) {
		since = letter.Since
	}
	return since, true
}

// storm ends a batch: it writes the letters of the storms that it began.
func (p *Planner) storm(now time.Time, b *batch) {
	for _, r := range p.routes {
		if g := p.surge(r); g.draft != nil && g.draft.event == Opened {
			b.add(p.stormLetter(now, r, g, p.waiting(now, r)))
		}
	}
}

// waiting are the incidents that r would be told of now but for the storm, the
// most urgent first.
func (p *Planner) waiting(now time.Time, r Route) (list []*story) {
	g := p.surge(r)
	for _, s := range p.incidents {
		if s.incident.Drill {
			continue
		}
		d, _ := decideFor(p.routes, s.told[r.Name], now, &s.incident, func(r Route) Beside {
			b := p.besideOf(now, s, r)
			b.Storm = time.Time{}
			return b
		}, r)
		if (d.Event == Opened || d.Event == Updated) && d.Reason != ReasonStillOpen && !g.wrote[s.incident.ID] {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *story) int {
		return cmp.Or(cmp.Compare(a.level().rank(), b.level().rank()), widerFirst(a, b))
	})
	return list
}

func (s *story) level() Level { return LevelOf(&s.incident, s.beside.Gold) }

// stormLetter writes what g.draft says about a storm.
func (p *Planner) stormLetter(now time.Time, r Route, g *surge, waiting []*story) (Letter, error) {
	d, told := g.draft, g.told
	if d.id != g.id {
		told = Told{}
	}
	w := p.words.in(r.Zone)
	m := Message{
		Schema: Schema, Event: d.event, Reason: ReasonStorm, AlertID: d.id, Route: r.Name, Shadow: told.shadow(r, d.event),
		Sequence: told.Sequence + 1, SentAs: Key(d.id, r.Name, told.Sequence+1), At: now.UTC(),
		Kind: KindStorm, State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, Level: LevelMedium,
		Opened: now, Storm: &Storm{Until: d.until, Waiting: len(waiting)}, Link: w.Page,
	}
	m.since(told)
	m.Opened = m.ToldSince
	named := Line{Label: "WAITING"}
	for k, s := range waiting {
		if s.level().rank() < m.Level.rank() {
			m.Level = s.level()
		}
		if k < stormNamed {
			m.Storm.Incidents = append(m.Storm.Incidents, s.incident.ID)
			named.Items = append(named.Items, clip(w.name(&s.incident), maxTitle)+" ("+s.incident.ID+")")
		}
	}
	if more := len(waiting) - stormNamed; more > 0 {
		named.Items = append(named.Items, fmt.Sprintf("and %d more", more))
	}
	w.aboutStorm(&m, named)
	body, err := json.Marshal(m)
	if err != nil {
		return Letter{}, fmt.Errorf("write the letter of a storm %s: %w", d.id, err)
	}
	return Letter{ID: m.SentAs, Incident: d.id, Route: r.Name, Event: d.event, Shadow: m.Shadow, Body: body, Created: now, Due: now}, nil
}

// aboutStorm puts the letter of a storm into words.
func (w Words) aboutStorm(m *Message, named Line) {
	until, n := w.minute(m.Storm.Until), plural(m.Storm.Waiting, "incident")
	step := "Open the page of incidents: it shows all of them. Look for what they have in common."
	switch {
	case m.Event == Resolved:
		m.State, m.Resolved, m.Level, step = detect.Resolved, m.At, LevelInfo, "Nothing."
		m.What = "The storm of alerts is over"
		m.Title = m.What + ": what still goes on follows one by one"
		if m.Storm.Waiting == 0 {
			m.Title = m.What + ": nothing that it held back still goes on"
		}
		m.Finding = "Picket tells this route of every incident again."
	default:
		m.NextUpdate = m.Storm.Until
		m.What = "Many alerts at once"
		m.Title = fmt.Sprintf("%s: %s held back until %s", m.What, n, until)
		m.Finding = fmt.Sprintf("More than %d messages in %s would have come on this route. Picket sends no more of them one by one until %s. "+
			"The end of what was told before is still told. Something urgent that begins meanwhile is named in an update of this message. What goes on then is told; what is over by then is not.", stormLimit, Span(StormWindow), until)
	}
	m.Title = clip(m.Title, maxTitle)
	m.Subject = clip("[STORM] "+m.Title+" ("+m.AlertID+")", maxTitle)
	m.Lines = []Line{{Label: "SINCE", Text: w.moment(m.ToldSince)}, named, {Label: "DO NOW", Items: []string{step}, Numbered: true}}
	if len(named.Items) == 0 {
		m.Lines = slices.Delete(m.Lines, 1, 2)
	}
	m.Text = render(m.Title, m.Finding, m.Lines, nil, m.AlertID)
}
