package alert

import (
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
	beside   Beside          // at the last look
	told     map[string]Told // by route
	next     time.Time       // when to look again; zero: not before a change
}

// NewPlanner makes a planner.
func NewPlanner(o PlannerOptions) *Planner {
	if o.Beside == nil {
		o.Beside = func(*detect.Incident) Beside { return Beside{} }
	}
	return &Planner{routes: slices.Clone(o.Routes), words: o.Words, beside: o.Beside, incidents: map[string]*story{}}
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
	for _, body := range bodies {
		var m Message
		if err := json.Unmarshal(body, &m); err != nil || m.Schema != Schema {
			errs = append(errs, fmt.Errorf("letter about %s cannot be read: schema %q, %v", i.ID, m.Schema, err))
			continue
		}
		if m.Sequence > s.told[m.Route].Sequence {
			s.told[m.Route] = m.told()
		}
	}
	s.next = time.Unix(0, 0) // look at it at the first chance
	return errors.Join(errs...)
}

func (p *Planner) story(i detect.Incident) *story {
	s := p.incidents[i.ID]
	if s == nil {
		s = &story{told: map[string]Told{}}
		p.incidents[i.ID] = s
	}
	s.incident = i
	return s
}

// Plan takes the incident as it is now and returns the letters it calls for.
// Save them together with the incident, then call Enqueued.
func (p *Planner) Plan(now time.Time, i detect.Incident) ([]Letter, error) {
	return p.plan(now, p.story(i))
}

// Due returns the letters that the passing of time calls for. Save them, then
// call Enqueued. Incidents that nothing can be told about any more are forgotten.
func (p *Planner) Due(now time.Time) ([]Letter, error) {
	var all []Letter
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(p.incidents)) {
		s := p.incidents[id]
		if !s.next.IsZero() && !now.Before(s.next) {
			letters, err := p.plan(now, s)
			all, errs = append(all, letters...), append(errs, err)
		}
		if ended := s.incident.Resolved; s.next.IsZero() && !s.incident.State.Open() && now.Sub(ended) > keep {
			delete(p.incidents, id)
		}
	}
	return all, errors.Join(errs...)
}

// Next returns when Due should be called, if time alone will change anything.
func (p *Planner) Next() (at time.Time, ok bool) {
	for _, s := range p.incidents {
		if !s.next.IsZero() && (!ok || s.next.Before(at)) {
			at, ok = s.next, true
		}
	}
	return at, ok
}

// plan asks Decide for every route.
func (p *Planner) plan(now time.Time, s *story) ([]Letter, error) {
	s.next, s.beside = time.Time{}, p.beside(&s.incident)
	var letters []Letter
	var errs []error
	for _, r := range p.routes {
		told := s.told[r.Name]
		d, instead := decideFor(p.routes, told, now, &s.incident, func(r Route) Beside { return p.besideOf(now, s, r) }, r)
		if !d.Next.IsZero() && (s.next.IsZero() || d.Next.Before(s.next)) {
			s.next = d.Next
		}
		if d.Event == "" {
			continue
		}
		r.instead = instead
		letter, err := p.words.compose(d, told, &s.incident, s.beside, r, now)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		letters = append(letters, letter)
		s.next = now // until Enqueued: if saving fails, the next Due writes it again
	}
	return letters, errors.Join(errs...)
}

// Enqueued notes that the letters are safe in the outbox.
func (p *Planner) Enqueued(letters ...Letter) {
	for _, l := range letters {
		s := p.incidents[l.Incident]
		if s == nil {
			continue
		}
		var m Message
		if err := json.Unmarshal(l.Body, &m); err == nil {
			s.told[l.Route] = m.told()
		}
		s.next = time.Time{}
		for _, r := range p.routes {
			d, _ := decideFor(p.routes, s.told[r.Name], l.Created, &s.incident, func(r Route) Beside { return p.besideOf(l.Created, s, r) }, r)
			if d.Event != "" { // its letter is not among those enqueued so far
				d.Next = l.Created
			}
			if !d.Next.IsZero() && (s.next.IsZero() || d.Next.Before(s.next)) {
				s.next = d.Next
			}
		}
	}
}
