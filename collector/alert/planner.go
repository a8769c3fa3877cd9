package alert

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"picket/collector/detect"
)

// keep is how long after its end an incident is remembered: it may come back
// under its id for 90 minutes, and a route may wait up to a day to say "resolved".
const keep = 2 * time.Hour

// Planner knows what every route was told about every incident that may still
// be told about. It is not safe for concurrent use; it does no I/O.
type Planner struct {
	routes    []Route
	words     Words
	beside    func(*detect.Incident) Beside
	incidents map[string]*story
	wide      []*story          // those that may explain others, the widest first
	surges    map[string]*surge // by route
}

// PlannerOptions says what a Planner needs.
type PlannerOptions struct {
	Routes []Route // names are unique
	Words  Words
	// Beside gathers what is known beside an incident, at every look; it must not
	// wait for anybody. nil: nothing is. When it would answer otherwise than
	// before, say so with [Planner.Look].
	Beside func(*detect.Incident) Beside
}

// story is one incident and what the routes know of it.
type story struct {
	incident detect.Incident
	beside   Beside              // at the last look
	told     map[string]Told     // by route
	decided  map[string]Decision // by route, at the last look
	next     time.Time           // when to look again; zero: not before a change
}

// NewPlanner makes a planner.
func NewPlanner(o PlannerOptions) *Planner {
	if o.Beside == nil {
		o.Beside = func(*detect.Incident) Beside { return Beside{} }
	}
	return &Planner{routes: slices.Clone(o.Routes), words: o.Words, beside: o.Beside, incidents: map[string]*story{}, surges: map[string]*surge{}}
}

// SetRoutes replaces the routes. A route keeps what it knows by its name; a new
// one is to be told of what is open, as after a restart: ask Due next.
func (p *Planner) SetRoutes(now time.Time, routes []Route) {
	p.routes = slices.Clone(routes)
	p.Look(now)
}

// Look has every incident looked at again: what is known beside them has
// changed. Ask Due next.
func (p *Planner) Look(now time.Time) {
	for _, s := range p.incidents {
		s.next = now
	}
}

// SetWords replaces how letters are worded from now on.
func (p *Planner) SetWords(words Words) { p.words = words }

// Restore takes back an incident after a restart, with the bodies of all
// letters about it that the outbox has, sent or not. The collector restores the
// incidents that are open or ended less than a day ago, before the first event.
func (p *Planner) Restore(i detect.Incident, bodies [][]byte) error {
	s := p.story(i)
	var errs []error
	var told []Message
	for _, body := range bodies {
		var m Message
		if err := json.Unmarshal(body, &m); err != nil || m.Schema != Schema {
			errs = append(errs, fmt.Errorf("letter about %s cannot be read: schema %q, %v", i.ID, m.Schema, err))
			continue
		}
		told = append(told, m)
	}
	slices.SortStableFunc(told, func(a, b Message) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for _, m := range told {
		s.told[m.Route] = s.told[m.Route].after(m)
	}
	s.next = time.Unix(0, 0) // look at it at the first chance
	return errors.Join(errs...)
}

func (p *Planner) story(i detect.Incident) *story {
	s := p.incidents[i.ID]
	if s == nil {
		s = &story{told: map[string]Told{}, decided: map[string]Decision{}}
		p.incidents[i.ID] = s
	}
	was := s.incident.Kind
	if s.incident = i; was != i.Kind && (width(was) > 1 || width(i.Kind) > 1) {
		p.widest()
	}
	return s
}

func (p *Planner) forget(s *story) {
	delete(p.incidents, s.incident.ID)
	if width(s.incident.Kind) > 1 {
		p.widest()
	}
}

// widest finds those that may explain others.
func (p *Planner) widest() {
	p.wide = p.wide[:0]
	for _, s := range p.incidents {
		if width(s.incident.Kind) > 1 {
			p.wide = append(p.wide, s)
		}
	}
	slices.SortFunc(p.wide, widerFirst)
}

func widerFirst(a, b *story) int {
	return cmp.Or(cmp.Compare(width(b.incident.Kind), width(a.incident.Kind)), cmp.Compare(a.incident.ID, b.incident.ID))
}

// Plan takes the incident as it is now and returns the letters it calls for.
// Save them together with the incident, then call Enqueued.
func (p *Planner) Plan(now time.Time, i detect.Incident) ([]Letter, error) {
	s := p.story(i)
	return p.write(now, func(b *batch) { p.plan(now, s, b) })
}

// Due returns the letters that the passing of time calls for. Save them, then
// call Enqueued. Incidents that nothing can be told about any more are forgotten.
func (p *Planner) Due(now time.Time) ([]Letter, error) {
	return p.write(now, func(b *batch) {
		for _, s := range slices.SortedFunc(maps.Values(p.incidents), widerFirst) {
			if !s.next.IsZero() && !now.Before(s.next) {
				p.plan(now, s, b)
			}
			if ended := s.incident.Resolved; s.next.IsZero() && !s.incident.State.Open() && now.Sub(ended) > keep {
				p.forget(s)
			}
		}
	})
}

// Next returns when Due should be called, if time alone will change anything.
func (p *Planner) Next() (at time.Time, ok bool) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	for _, s := range p.incidents {
		sooner(s.next)
	}
	for _, r := range p.routes {
		g := p.surges[r.Name]
		if g != nil {
			sooner(g.gather)
		}
		if g != nil && g.told.heard(r).open() {
			sooner(g.until)
			sooner(g.hurry)
		}
	}
	return at, ok
}

// batch is what one Plan or Due writes.
type batch struct {
	letters []Letter
	errs    []error
}

func (b *batch) add(l Letter, err error) bool {
	if err != nil {
		b.errs = append(b.errs, err)
		return false
	}
	b.letters = append(b.letters, l)
	return true
}

// write has do write letters, between the end of storms that are over and the
// beginning of those that it brings.
func (p *Planner) write(now time.Time, do func(*batch)) ([]Letter, error) {
	b := &batch{}
	p.calm(now, b)
	do(b)
	p.storm(now, b)
	return b.letters, errors.Join(b.errs...)
}

// plan decides about s for every route.
func (p *Planner) plan(now time.Time, s *story, b *batch) {
	s.next, s.beside = time.Time{}, p.beside(&s.incident)
	for _, r := range p.routes {
		g := p.surge(r)
		d, instead := p.decide(now, s, r)
		if r.instead = instead; !s.incident.Drill {
			d = g.admit(now, d)
		}
		s.decided[r.Name] = d
		s.again(d.Next)
		if d.Event != "" && b.add(p.words.compose(d, s.told[r.Name], &s.incident, s.beside, r, now)) {
			g.wroteTo(s, d.Event)
		}
		if d.Reason == ReasonStorm {
			p.urge(now, s, r)
		}
		if g.wrote[s.incident.ID] || d.Reason == ReasonStorm && g.draft != nil {
			s.again(now) // until Enqueued: if saving fails, the next Due writes it again
		}
	}
	if width(s.incident.Kind) > 1 {
		p.wake(now, s)
	}
}

// again has s looked at again at t, or before; zero is never.
func (s *story) again(t time.Time) {
	if !t.IsZero() && (s.next.IsZero() || t.Before(s.next)) {
		s.next = t
	}
}

// wake has those looked at again that w held back when it was looked at last.
func (p *Planner) wake(now time.Time, w *story) {
	for _, s := range p.incidents {
		for _, d := range s.decided {
			if d.Reason == ReasonInhibited && d.By == w.incident.ID && s != w {
				s.again(now)
				break
			}
		}
	}
}

// decide asks Decide about s for route r, and for those that it stands in for.
func (p *Planner) decide(now time.Time, s *story, r Route) (Decision, standIn) {
	d, instead := decideFor(p.routes, s.told[r.Name], now, &s.incident, func(r Route) Beside { return p.besideOf(now, s, r) }, r)
	if until, id := p.surge(r).holds(r); until.After(now) && !s.incident.Drill && (d.Event == Opened || d.Event == Updated) {
		d = Decision{Reason: ReasonStorm, By: id, Next: until}
	}
	return d, instead
}

// besideOf is what is known beside the incident when r is decided about.
func (p *Planner) besideOf(now time.Time, s *story, r Route) Beside {
	b := s.beside
	b.Steps = p.steps(now, s, r)
	b.Within, b.WithinUntil = p.within(s, r)
	if !s.incident.Drill {
		b.Storm, b.StormID = p.surge(r).holds(r)
	}
	return b
}

// within is the wider incident that explains s on route r: the route knows of
// it, or it is on its way (until is when).
func (p *Planner) within(s *story, r Route) (id string, until time.Time) {
	for _, w := range p.wide {
		if !explains(&w.incident, &s.incident) {
			continue
		}
		d := w.decided[r.Name]
		switch {
		case w.told[r.Name].heard(r).open(), d.Event == Opened:
			return w.incident.ID, time.Time{}
		case d.Reason == ReasonTooEarly:
			return w.incident.ID, d.Next
		}
	}
	return "", time.Time{}
}

// Enqueued notes that the letters are safe in the outbox.
func (p *Planner) Enqueued(letters ...Letter) {
	touched := map[*story]time.Time{}
	for _, l := range letters {
		var m Message
		if err := json.Unmarshal(l.Body, &m); err != nil {
			continue // it was written here
		}
		g := p.surgeOf(l.Route)
		g.note(m)
		if m.Kind == KindStorm {
			for _, s := range p.incidents {
				if s.decided[l.Route].Reason == ReasonStorm {
					touched[s] = l.Created
				}
			}
		} else if s := p.incidents[l.Incident]; s != nil {
			s.told[l.Route] = s.told[l.Route].after(m)
			touched[s] = l.Created
		}
	}
	for s, at := range touched {
		s.next = time.Time{}
		for _, r := range p.routes {
			d, _ := p.decide(at, s, r)
			if d.Event != "" { // its letter is not among those enqueued so far
				d.Next = at
			}
			s.again(d.Next)
		}
	}
}
