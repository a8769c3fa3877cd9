package alert

import (
	"encoding/json"
	"fmt"
	"time"

	"picket/collector/detect"
)

// Schema names the form of a [Message]. Within v1 fields are only added.
const Schema = "picket.alert/v1"

// maxEvidence is how many sites' evidence a message carries, DOWN first.
const maxEvidence = 20

// Message is the body of a webhook. AlertID stays the same from "opened" to
// "resolved" and through reopenings: it is the key of a ticket.
type Message struct {
	Schema   string    `json:"schema"`
	Event    Event     `json:"event"`
	Reason   Reason    `json:"reason"`
	AlertID  string    `json:"alert_id"` // the incident's id
	Route    string    `json:"route"`
	Shadow   bool      `json:"shadow,omitempty"` // only written down, never delivered
	Sequence int       `json:"sequence"`         // of this alert and route, from 1
	SentAs   string    `json:"key"`              // the Idempotency-Key
	At       time.Time `json:"at"`               // when the message was written

	Title   string `json:"title"`             // one line
	Subject string `json:"subject,omitempty"` // of a mail or a ticket: "[DOWN] ... (id)"
	Finding string `json:"finding,omitempty"` // one or two sentences
	Lines   []Line `json:"lines,omitempty"`   // the labelled parts of Text
	Link    string `json:"link,omitempty"`    // the incident's page
	Text    string `json:"text"`              // the whole alert as people read it

	Kind       detect.Kind       `json:"kind"`
	Provider   string            `json:"provider,omitempty"`
	Service    string            `json:"service,omitempty"`
	Region     string            `json:"region,omitempty"`
	Target     string            `json:"target,omitempty"`
	Targets    []string          `json:"targets,omitempty"`
	Client     string            `json:"client,omitempty"` // the only client concerned
	Site       string            `json:"site,omitempty"`
	ISP        string            `json:"isp,omitempty"`
	SeenFrom   string            `json:"seen_from,omitempty"`
	Dependency string            `json:"dependency,omitempty"`
	Edge       string            `json:"edge,omitempty"`
	IPVersion  string            `json:"ip_version,omitempty"` // "4" or "6" if only that one is concerned
	State      detect.State      `json:"state"`
	Confidence detect.Confidence `json:"confidence"`
	Severity   detect.Severity   `json:"severity"`
	Layer      string            `json:"layer,omitempty"`
	Cause      string            `json:"cause,omitempty"`
	ReasonCode detect.Code       `json:"reason_code,omitempty"`
	DownSites  int               `json:"down_sites"`
	Sites      int               `json:"sites"`
	DownISPs   int               `json:"down_isps"`
	ISPs       int               `json:"isps"`
	LineDown   bool              `json:"line_down,omitempty"`
	Again      int               `json:"again,omitempty"` // times it came back

	Started   time.Time `json:"started,omitzero"`
	Opened    time.Time `json:"opened,omitzero"`
	Confirmed time.Time `json:"confirmed,omitzero"`
	Recovered time.Time `json:"recovered,omitzero"`
	Resolved  time.Time `json:"resolved,omitzero"`

	// Drill: nothing has happened, somebody plays an outage. DrillClients: and wants
	// clients to be told, too.
	Drill        bool      `json:"drill,omitempty"`
	DrillClients bool      `json:"drill_clients,omitempty"`
	ProviderAck  time.Time `json:"provider_acknowledged,omitzero"` // when the provider first admitted it

	SupersededBy string            `json:"superseded_by,omitempty"`
	Evidence     []detect.Evidence `json:"evidence,omitempty"` // at most 20, failing sites first
	MoreEvidence int               `json:"more_evidence,omitempty"`
}

// compose writes the message that d calls for.
func (w Words) compose(d Decision, told Told, i *detect.Incident, b Beside, r Route, now time.Time) (Letter, error) {
	seq := told.Sequence + 1
	id := Key(i.ID, r.Name, seq)
	title, found, lines, link := w.Title(d.Event, i), finding(d.Event, i), w.lines(d.Event, i, now), w.link(i)
	evidence := ordered(i.Evidence)
	more := max(0, len(evidence)-maxEvidence)
	m := Message{
		Schema: Schema, Event: d.Event, Reason: d.Reason, AlertID: i.ID, Route: r.Name, Shadow: r.Shadow, Sequence: seq, SentAs: id, At: now.UTC(),
		Title: title, Subject: w.Subject(d.Event, i), Finding: found, Lines: lines, Link: link, Text: render(title, found, lines, link, i.ID),
		Kind: i.Kind, Provider: i.Provider, Service: i.Service, Region: i.Region, Target: i.Target, Targets: i.Targets,
		Client: i.Client, Site: i.Site, ISP: i.Network, SeenFrom: i.VRegion, Dependency: i.Dependency, Edge: i.Edge, IPVersion: i.Family,
		State: i.State, Confidence: i.Confidence, Severity: i.Severity, Layer: i.Layer, Cause: i.Cause, ReasonCode: i.Reason.Code,
		DownSites: i.DownSites, Sites: i.Sites, DownISPs: i.DownNetworks, ISPs: i.Networks, LineDown: i.LineDown, Again: i.Again,
		Started: i.Started, Opened: i.Opened, Confirmed: i.Confirmed, Recovered: i.Recovered, Resolved: i.Resolved,
		Drill: i.Drill, DrillClients: i.DrillClients, ProviderAck: b.Official.Posted, SupersededBy: i.SupersededBy, Evidence: evidence[:len(evidence)-more], MoreEvidence: more,
	}
	body, err := json.Marshal(m)
	if err != nil {
		return Letter{}, fmt.Errorf("write alert %s: %w", id, err)
	}
	return Letter{ID: id, Incident: i.ID, Route: r.Name, Event: d.Event, Shadow: r.Shadow, Body: body, Created: now, Due: now}, nil
}

// Key is the idempotency key of a letter, and the left side of its Message-ID.
func Key(incident, route string, seq int) string {
	return fmt.Sprintf("%s.%s.%d", incident, route, seq)
}

// told is what a reader of m knows.
func (m Message) told() Told {
	i := detect.Incident{Kind: m.Kind, Provider: m.Provider, Service: m.Service, Region: m.Region, Target: m.Target, Site: m.Site, Network: m.ISP,
		Dependency: m.Dependency, Edge: m.Edge, VRegion: m.SeenFrom, Family: m.IPVersion}
	return Told{Event: m.Event, Sequence: m.Sequence, Confidence: m.Confidence, Severity: m.Severity, Label: label(&i), LineDown: m.LineDown}
}
