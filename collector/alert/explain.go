package alert

import "time"

// Explained is what would be decided about an incident for one route now.
type Explained struct {
	Route    Route
	Told     Told
	Decision Decision
}

// Explain says what would be decided about an incident now, route by route, and
// changes nothing. ok: the incident is known here.
func (p *Planner) Explain(now time.Time, id string) (list []Explained, ok bool) {
	s := p.incidents[id]
	if s == nil {
		return nil, false
	}
	look := *s
	look.beside = p.beside(&look.incident)
	for _, r := range p.routes {
		d, _ := p.decide(now, &look, r)
		list = append(list, Explained{r, s.told[r.Name].heard(r), d})
	}
	return list, true
}
