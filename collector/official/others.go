package official

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Slack reads the current state of Slack.
func Slack(a Reply) (Snapshot, error) {
	var v struct {
		Status    string `json:"status"`
		Incidents []struct {
			ID       json.Number `json:"id"`
			Created  time.Time   `json:"date_created"`
			Title    string      `json:"title"`
			Type     string      `json:"type"`
			Status   string      `json:"status"`
			URL      string      `json:"url"`
			Services []string    `json:"services"`
		} `json:"active_incidents"`
	}
	if err := readJSON(a, false, &v); err != nil {
		return Snapshot{}, err
	}
	var s Snapshot
	for k, i := range v.Incidents {
		if i.ID == "" {
			return Snapshot{}, fmt.Errorf("incident %d has no id", k+1)
		}
		n := Notice{ID: i.ID.String(), Title: i.Title, URL: i.URL, State: Degraded, Posted: i.Created}
		if i.Type == "outage" {
			n.State = Down
		}
		for _, name := range i.Services[:min(len(i.Services), maxParts)] {
			n.Parts = append(n.Parts, Part{Service: name})
		}
		s.Notices = append(s.Notices, n)
	}
	switch {
	case v.Status == "ok" && len(v.Incidents) == 0:
		s.State = OK
	case v.Status == "active" && len(v.Incidents) > 0:
		s.State = overall(s.Notices)
	default:
		return Snapshot{}, fmt.Errorf("its status is %q with %d incidents", line(v.Status, 40), len(v.Incidents))
	}
	return bound(s, a.Now), nil
}

// Salesforce reads the open incidents of Salesforce; the regions are its instances.
func Salesforce(a Reply) (Snapshot, error) {
	var all []struct {
		ID        json.Number `json:"id"`
		All       bool        `json:"affectsAll"`
		Instances []string    `json:"instanceKeys"`
		Services  []string    `json:"serviceKeys"`
		Created   time.Time   `json:"createdAt"`
		Impacts   []struct {
			Start time.Time `json:"startTime"`
			End   time.Time `json:"endTime"`
			Type  string    `json:"type"`
		} `json:"IncidentImpacts"`
	}
	if err := readJSON(a, true, &all); err != nil {
		return Snapshot{}, err
	}
	var s Snapshot
	for k, i := range all {
		if i.ID == "" || i.Created.IsZero() {
			return Snapshot{}, fmt.Errorf("incident %d has no id or no date", k+1)
		}
		n := Notice{ID: i.ID.String(), URL: "https://status.salesforce.com/incidents/" + i.ID.String(), Posted: i.Created, Title: "Salesforce incident " + i.ID.String()}
		if len(i.Instances) > 0 {
			n.Title += " (" + strings.Join(i.Instances[:min(len(i.Instances), 5)], ", ") + ")"
		}
		for _, x := range i.Impacts {
			n.Began = first(n.Began, x.Start)
			n.State = worse(n.State, salesforceImpact(x.Type))
		}
		if i.All {
			i.Instances = nil
		}
		if len(i.Services)+len(i.Instances) > 0 {
			n.Parts = cross(i.Services, i.Instances)
		}
		s.Notices = append(s.Notices, n)
	}
	s.State = overall(s.Notices)
	return bound(s, a.Now), nil
}

func salesforceImpact(token string) State {
	switch token {
	case "performanceDegradation", "featureDegradation", "featureDisruption":
		return Degraded
	case "serviceDisruption":
		return Down
	}
	return Unknown
}

// Oracle reads the health of every service in every region of Oracle Cloud. It
// posts no notice with a date: the first reading counts.
func Oracle(a Reply) (Snapshot, error) {
	var v struct {
		Regions []struct {
			ID       string `json:"regionId"`
			Name     string `json:"regionName"`
			Services []struct {
				Name   string `json:"serviceName"`
				Status string `json:"serviceStatus"`
			} `json:"serviceHealthReports"`
		} `json:"regionHealthReports"`
	}
	if err := readJSON(a, false, &v); err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{State: OK}
	for _, r := range v.Regions {
		n := Notice{ID: r.ID, Title: "Trouble in " + r.Name, URL: "https://ocistatus.oraclecloud.com"}
		for _, x := range r.Services {
			p, state := Part{Service: x.Name, Region: r.ID}, oracleStatus(x.Status)
			s.State = worse(s.State, state)
			s.Components = append(s.Components, Component{Part: p, State: state})
			if state.Trouble() && len(n.Parts) < maxParts {
				n.State, n.Parts = worse(n.State, state), append(n.Parts, p)
			}
		}
		if len(n.Parts) > 0 {
			s.Notices = append(s.Notices, n)
		}
	}
	if len(s.Components) == 0 {
		return Snapshot{}, errors.New("it names no service")
	}
	return bound(s, a.Now), nil
}

func oracleStatus(token string) State {
	switch token {
	case "NormalPerformance":
		return OK
	case "ServiceDegradation":
		return Degraded
	case "ServiceDisruption":
		return Down
	}
	return Unknown
}

// Instatus reads summary.json of an Instatus page. What it gives as started may
// be back-dated; its last update was surely not posted before it was written.
func Instatus(a Reply) (Snapshot, error) {
	var v struct {
		Page *struct {
			Status string `json:"status"`
		} `json:"page"`
		Incidents []struct {
			Name    string    `json:"name"`
			Started time.Time `json:"started"`
			Updated time.Time `json:"updatedAt"`
			Status  string    `json:"status"`
			Impact  string    `json:"impact"`
			URL     string    `json:"url"`
		} `json:"activeIncidents"`
	}
	if err := readJSON(a, false, &v); err != nil {
		return Snapshot{}, err
	}
	if v.Page == nil {
		return Snapshot{}, errors.New("it is not an Instatus page")
	}
	var s Snapshot
	switch v.Page.Status {
	case "UP":
		s.State = OK
	case "HASISSUES":
		s.State = Degraded
	case "UNDERMAINTENANCE":
		s.State = Maintenance
	}
	for _, i := range v.Incidents {
		n := Notice{ID: i.URL + " " + i.Started.UTC().Format(time.RFC3339), Title: i.Name, URL: i.URL, Began: i.Started, Posted: i.Updated}
		switch i.Impact {
		case "DEGRADEDPERFORMANCE", "PARTIALOUTAGE", "MINOROUTAGE":
			n.State = Degraded
		case "MAJOROUTAGE":
			n.State = Down
		case "UNDERMAINTENANCE":
			n.State = Maintenance
		}
		s.Notices = append(s.Notices, n)
	}
	return bound(s, a.Now), nil
}

type statusIOThing struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Code       int             `json:"status_code"`
	Containers []statusIOThing `json:"containers"`
}

type statusIOIncident struct {
	ID       string    `json:"_id"`
	Name     string    `json:"name"`
	Opened   time.Time `json:"datetime_open"`
	Messages []struct {
		At     time.Time `json:"datetime"`
		Status int       `json:"status"`
	} `json:"messages"`
	Containers []struct{ Name string } `json:"containers_affected"`
	Components []struct{ Name string } `json:"components_affected"`
}

// StatusIO reads a page of Status.io; its containers are regions.
func StatusIO(a Reply) (Snapshot, error) {
	var v struct {
		Result *struct {
			Overall   *statusIOThing     `json:"status_overall"`
			Things    []statusIOThing    `json:"status"`
			Incidents []statusIOIncident `json:"incidents"`
		} `json:"result"`
	}
	if err := readJSON(a, false, &v); err != nil {
		return Snapshot{}, err
	}
	if v.Result == nil || v.Result.Overall == nil {
		return Snapshot{}, errors.New("it is not a page of Status.io")
	}
	s := Snapshot{State: statusIOCode(v.Result.Overall.Code)}
	for _, t := range v.Result.Things {
		s.Components = append(s.Components, Component{Part: Part{Service: t.Name}, State: statusIOCode(t.Code)})
		for _, c := range t.Containers {
			s.Components = append(s.Components, Component{Part: Part{Service: t.Name, Region: c.Name}, State: statusIOCode(c.Code)})
		}
	}
	for _, i := range v.Result.Incidents {
		n := Notice{ID: i.ID, Title: i.Name, Began: i.Opened}
		for _, m := range i.Messages {
			n.Posted = first(n.Posted, m.At)
			n.State = worse(n.State, statusIOCode(m.Status))
		}
		var services, regions []string
		for _, c := range i.Components {
			services = append(services, c.Name)
		}
		for _, c := range i.Containers {
			regions = append(regions, c.Name)
		}
		if len(services)+len(regions) > 0 {
			n.Parts = cross(services, regions)
		}
		s.Notices = append(s.Notices, n)
	}
	return bound(s, a.Now), nil
}

func statusIOCode(code int) State {
	switch code {
	case 100:
		return OK
	case 200:
		return Maintenance
	case 300, 400:
		return Degraded
	case 500, 600:
		return Down
	}
	return Unknown
}
