package official

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The pages on which Google tells people; its feeds name incidents relative to
// them.
const (
	gcpPage       = "https://status.cloud.google.com/"
	workspacePage = "https://www.google.com/appsstatus/dashboard/"
)

type googleIncident struct {
	ID      string    `json:"id"`
	Begin   time.Time `json:"begin"`
	Created time.Time `json:"created"`
	End     time.Time `json:"end"` // null while it is open
	Text    string    `json:"external_desc"`
	Impact  string    `json:"status_impact"`
	URI     string    `json:"uri"`
	Service string    `json:"service_name"`
	Newest  struct {
		Status string `json:"status"`
	} `json:"most_recent_update"`
	Products []googleName `json:"affected_products"`
	Now      []googleName `json:"currently_affected_locations"`
	Before   []googleName `json:"previously_affected_locations"`
}

type googleName struct {
	Title string `json:"title"`
	ID    string `json:"id"`
}

// GoogleCloud reads incidents.json of Google Cloud.
func GoogleCloud(a Reply) (Snapshot, error) { return google(a, gcpPage) }

// GoogleWorkspace reads incidents.json of Google Workspace.
func GoogleWorkspace(a Reply) (Snapshot, error) { return google(a, workspacePage) }

// google reads the archive of either. An archive without any incident is no
// archive: both have had some every month.
func google(a Reply, base string) (Snapshot, error) {
	var all []googleIncident
	if err := readJSON(a, true, &all); err != nil {
		return Snapshot{}, err
	}
	if len(all) == 0 {
		return Snapshot{}, errors.New("the archive of incidents is empty")
	}
	var s Snapshot
	for k, i := range all {
		if i.ID == "" || i.Created.IsZero() {
			return Snapshot{}, fmt.Errorf("incident %d has no id or no date", k+1)
		}
		if !i.End.IsZero() && a.Now.Sub(i.End) > recent {
			continue
		}
		s.Notices = append(s.Notices, i.notice(base))
	}
	s.State = overall(s.Notices)
	return bound(s, a.Now), nil
}

func (i googleIncident) notice(base string) Notice {
	n := Notice{ID: i.ID, Title: i.Text, URL: base, State: googleStatus(i.Newest.Status), Posted: i.Created, Began: i.Begin, Ended: i.End}
	if strings.HasPrefix(i.URI, "incidents/") {
		n.URL = base + i.URI
	}
	if !n.State.Trouble() {
		n.State = googleStatus(i.Impact) // the newest update may say that it is over; the incident is not
	}
	if !n.State.Trouble() {
		n.State = Degraded
	}
	services := make([]string, 0, len(i.Products))
	for _, p := range i.Products {
		services = append(services, p.Title)
	}
	if len(services) == 0 && i.Service != "" {
		services = append(services, i.Service)
	}
	places := append(append([]googleName(nil), i.Now...), i.Before...)
	if len(places) == 0 {
		places = []googleName{{}}
	}
	if len(services) == 0 || len(services)*len(places) > maxParts {
		services = []string{""} // any: so many are all
	}
	have := map[Part]bool{}
	for _, where := range places {
		for _, service := range services {
			if p := (Part{Service: service, Region: where.ID}); !have[p] && len(n.Parts) < maxParts {
				have[p] = true
				n.Parts = append(n.Parts, p)
			}
		}
	}
	return n
}

func googleStatus(token string) State {
	switch token {
	case "AVAILABLE":
		return OK
	case "SERVICE_INFORMATION", "SERVICE_DISRUPTION":
		return Degraded
	case "SERVICE_OUTAGE":
		return Down
	}
	return Unknown
}
