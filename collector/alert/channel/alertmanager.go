package channel

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
)

// The rhythm that Alertmanager asks of its clients: what fires is said again at
// intervals, and what is over for a while.
const (
	fireEvery  = time.Minute
	firesFor   = 5 * time.Minute
	maxAtOnce  = 100 // alerts in one POST
	amText     = 2000
	amPath     = "/api/v2/alerts"
	testAlert  = "PicketTest"
	otherAlert = "PicketIncident"
)

// postable is an alert as Alertmanager's API v2 takes it.
type postable struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	Generator   string            `json:"generatorURL,omitempty"`
}

// alertNames are what the kinds are called in rules.
func alertName(m alert.Message) string {
	if m.Event == alert.Tested {
		return testAlert
	}
	name, ok := map[detect.Kind]string{
		detect.KindSite: "SiteDown", detect.KindNetwork: "InternetProviderOutage",
		detect.KindNetworkProvider: "PathTrouble", detect.KindNetworkDependency: "PathTrouble",
		detect.KindTarget: "TargetOutage", detect.KindService: "ServiceOutage",
		detect.KindProviderRegion: "ProviderRegionalOutage", detect.KindProvider: "ProviderOutage",
		detect.KindDependency: "DependencyOutage", detect.KindEdge: "DependencyOutage",
		detect.KindVRegion: "RegionalInternetOutage", detect.KindVRegionProvider: "ProviderOutageSeenFromRegion",
		detect.KindVRegionDependency: "DependencyOutageSeenFromRegion", detect.KindVRegionTarget: "TargetOutageSeenFromRegion",
		detect.KindReference: "ReferenceOutage", detect.KindFleet: "PicketBlind", detect.KindCollector: "PicketBlind",
		alert.KindStorm: "PicketStorm",
	}[m.Kind]
	if !ok {
		return otherAlert
	}
	return name
}

// postableOf is m as an alert, said at now. The labels come from the first
// message of the incident: they are what Alertmanager tells alerts apart by, and
// an alert that is called otherwise is another one, which nobody ends. All that
// may change is an annotation.
func postableOf(first, m alert.Message, now time.Time) postable {
	p := postable{Labels: map[string]string{}, Annotations: map[string]string{}, StartsAt: m.Started.UTC(), Generator: link(m)}
	put := func(into map[string]string, name, value string, longest int) {
		if value = clip(oneLine(value), longest); value != "" {
			into[name] = value
		}
	}
	for _, l := range []struct{ name, value string }{
		{"alertname", alertName(first)}, {"incident", first.AlertID}, {"severity", severity(first)}, {"drill", fmt.Sprint(first.Drill)},
		{"provider", first.Provider}, {"service", first.Service}, {"pregion", first.Region}, {"target", first.Target},
		{"dependency", first.Dependency}, {"client", first.Client}, {"site", first.Site}, {"isp", first.ISP}, {"seen_from", first.SeenFrom},
	} {
		put(p.Labels, l.name, l.value, 200)
	}
	put(p.Annotations, "summary", heading(m, 200), 200)
	put(p.Annotations, "description", finding(m, amText), amText)
	put(p.Annotations, "confidence", string(m.Confidence), 40)
	put(p.Annotations, "severity_now", severity(m), 40)
	put(p.Annotations, "clients", strings.Join(clients(m), ", "), amText)
	for _, f := range facts(m, 500) {
		if f.label == "EVIDENCE" || f.label == "WHO" || f.label == "WHERE" {
			put(p.Annotations, strings.ToLower(f.label), f.text, 500)
		}
	}
	for _, l := range m.Links {
		if l.Name == alert.LinkRunbook {
			put(p.Annotations, "runbook_url", address(l.URL), 1000)
		}
	}
	if p.StartsAt.IsZero() {
		p.StartsAt = m.At.UTC()
	}
	switch {
	case m.Event == alert.Resolved:
		p.EndsAt = overAt(m)
	case m.Event == alert.Tested:
		p.EndsAt = now.UTC().Add(time.Minute)
	default:
		p.EndsAt = now.UTC().Add(firesFor)
	}
	if !p.EndsAt.After(p.StartsAt) { // it is refused otherwise
		p.StartsAt = p.EndsAt.Add(-time.Second)
	}
	return p
}

// overAt is when what m tells of was over.
func overAt(m alert.Message) time.Time {
	for _, t := range []time.Time{m.Recovered, m.Resolved} {
		if !t.IsZero() {
			return t.UTC()
		}
	}
	return m.At.UTC()
}

func (w Alertmanager) deliver(ctx context.Context, d *Deliverer, l alert.Letter) error {
	m, err := read(l)
	if err != nil {
		return err
	}
	past, err := d.past(ctx, l.Route, l.Incident, m.Sequence)
	if err != nil {
		return err
	}
	return w.post(ctx, d.poster, []postable{postableOf(firstOf(past, m), m, time.Now())})
}

// post says alerts to Alertmanager.
func (w Alertmanager) post(ctx context.Context, p *poster, alerts []postable) error {
	body, err := encode(alerts)
	if err != nil {
		return err
	}
	header, err := w.login()
	if err != nil {
		return err
	}
	return p.post(ctx, strings.TrimSuffix(w.URL, "/")+amPath, body, header)
}

func (w Alertmanager) login() (map[string]string, error) {
	switch {
	case w.Token != nil:
		token, err := w.Token()
		if err != nil {
			return nil, fmt.Errorf("read the route's token: %w", err)
		}
		return map[string]string{"Authorization": "Bearer " + string(token)}, nil
	case w.Username != "" && w.Password == nil:
		return nil, errors.New("the route has a user name and no password")
	case w.Username != "":
		password, err := w.Password()
		if err != nil {
			return nil, fmt.Errorf("read the route's password: %w", err)
		}
		return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(w.Username+":"+string(password)))}, nil
	}
	return nil, nil
}
