package official

import (
	"errors"
	"time"
)

// page is the part of Atlassian Statuspage's API v2 that is read; incident.io
// serves the same.
type page struct {
	Page *struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	} `json:"page"`
	Status *struct {
		Indicator string `json:"indicator"`
	} `json:"status"`
	Components []pageComponent `json:"components"`
	Incidents  []pageIncident  `json:"incidents"`
}

type pageComponent struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Parent string `json:"group_id"`
	Group  bool   `json:"group"`
}

type pageIncident struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Status   string    `json:"status"`
	Impact   string    `json:"impact"`
	Link     string    `json:"shortlink"`
	Created  time.Time `json:"created_at"`
	Started  time.Time `json:"started_at"`
	Resolved time.Time `json:"resolved_at"`
	Updates  []struct {
		Created  time.Time `json:"created_at"`
		Affected []struct {
			Code string `json:"code"`
			Name string `json:"name"`
		} `json:"affected_components"`
	} `json:"incident_updates"`
	Components []pageComponent `json:"components"`
}

// Statuspage reads summary.json of a Statuspage.
func Statuspage(a Reply) (Snapshot, error) {
	p, err := readPage(a)
	if err != nil {
		return Snapshot{}, err
	}
	if p.Status == nil {
		return Snapshot{}, errors.New("it has no status")
	}
	s := Snapshot{State: indicator(p.Status.Indicator), Components: p.components()}
	parts := p.parts()
	for _, i := range p.Incidents {
		s.Notices = append(s.Notices, i.notice(parts))
	}
	return bound(s, a.Now), nil
}

// StatuspageComponents reads components.json, which names the components that a
// summary leaves out. Of the page as a whole it says nothing.
func StatuspageComponents(a Reply) (Snapshot, error) {
	p, err := readPage(a)
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{State: Unknown, Components: p.components()}
	if len(s.Components) == 0 {
		return Snapshot{}, errors.New("it has no components")
	}
	return bound(s, a.Now), nil
}

func readPage(a Reply) (p page, err error) {
	if err := readJSON(a, false, &p); err != nil {
		return p, err
	}
	if p.Page == nil || p.Page.Name == "" && p.Page.URL == "" {
		return p, errors.New("it is not a Statuspage: it names no page")
	}
	return p, nil
}

// parts is each component in its group, by id: names alone repeat.
func (p page) parts() map[string]Part {
	groups := map[string]string{}
	for _, c := range p.Components {
		if c.Group {
			groups[c.ID] = c.Name
		}
	}
	out := make(map[string]Part, len(p.Components))
	for _, c := range p.Components {
		if !c.Group {
			out[c.ID] = Part{Service: c.Name, Group: groups[c.Parent]}
		}
	}
	return out
}

func (p page) components() []Component {
	parts := p.parts()
	var out []Component
	for _, c := range p.Components {
		if !c.Group {
			out = append(out, Component{Part: parts[c.ID], State: componentStatus(c.Status)})
		}
	}
	return out
}

func (i pageIncident) notice(parts map[string]Part) Notice {
	n := Notice{ID: i.ID, Title: i.Name, URL: i.Link, State: impact(i.Impact), Posted: i.Created, Began: i.Started, Ended: i.Resolved}
	if i.Status == "resolved" || i.Status == "postmortem" {
		if n.Ended.IsZero() {
			n.Ended = i.Created
			for _, u := range i.Updates {
				if u.Created.After(n.Ended) {
					n.Ended = u.Created
				}
			}
		}
	}
	if n.Posted.IsZero() {
		for _, u := range i.Updates {
			n.Posted = first(n.Posted, u.Created)
		}
	}
	have := map[Part]bool{}
	add := func(id, name string) {
		p, ok := parts[id]
		if !ok {
			p = Part{Service: name}
		}
		if p != (Part{}) && !have[p] && len(n.Parts) < maxParts {
			have[p] = true
			n.Parts = append(n.Parts, p)
		}
	}
	for _, c := range i.Components {
		add(c.ID, c.Name)
	}
	for _, u := range i.Updates {
		for _, c := range u.Affected {
			add(c.Code, c.Name)
		}
	}
	return n
}

// indicator is the state of a whole page.
func indicator(token string) State {
	switch token {
	case "none":
		return OK
	case "minor":
		return Degraded
	case "major", "critical":
		return Down
	case "maintenance":
		return Maintenance
	}
	return Unknown
}

func componentStatus(token string) State {
	switch token {
	case "operational":
		return OK
	case "degraded_performance", "partial_outage":
		return Degraded
	case "major_outage":
		return Down
	case "under_maintenance":
		return Maintenance
	}
	return Unknown
}

func impact(token string) State {
	switch token {
	case "minor":
		return Degraded
	case "major", "critical":
		return Down
	case "maintenance":
		return Maintenance
	}
	return Unknown // "none": it is posted, and does not say how bad
}
