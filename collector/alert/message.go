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
	// ToldSince is when this route was told that the alert began, or began again.
	ToldSince time.Time `json:"told_since,omitzero"`
	Escalated bool      `json:"escalated,omitempty"` // it came here because nobody had acknowledged

	Title   string `json:"title"`             // one line
	What    string `json:"what,omitempty"`    // what it is about, without how sure or how new: "Azure westeurope: outage"
	Subject string `json:"subject,omitempty"` // of a mail or a ticket: "[DOWN] ... (id)"
	Verdict string `json:"verdict,omitempty"` // who it is (us, our ISP, them), a sentence; empty at the end
	Finding string `json:"finding,omitempty"` // one or two sentences
	Lines   []Line `json:"lines,omitempty"`   // the labelled parts of Text
	Link    string `json:"link,omitempty"`    // the incident's page
	Links   []Link `json:"links,omitempty"`   // it, and where else to go on
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
	Level      Level             `json:"level,omitempty"` // how urgent it is
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

	Official     *Said           `json:"official,omitempty"` // what the provider says; nil: nobody publishes anything
	Clients      []detect.Impact `json:"clients,omitempty"`  // whose sites fail, the hardest hit first; at most 100
	Acknowledged time.Time       `json:"acknowledged,omitzero"`
	By           string          `json:"acknowledged_by,omitempty"`
	NextUpdate   time.Time       `json:"next_update,omitzero"` // when the reader hears again even if nothing changes
	// InsteadOf are the routes that may not get this, because their way depends on
	// what is out.
	InsteadOf []string `json:"instead_of,omitempty"`

	Storm *Storm `json:"storm,omitempty"` // it stands for many: see [Storm]

	SupersededBy string            `json:"superseded_by,omitempty"`
	Evidence     []detect.Evidence `json:"evidence,omitempty"` // at most 20, failing sites first
	MoreEvidence int               `json:"more_evidence,omitempty"`
}

// maxClientsTold is how many clients a message names to programs.
const maxClientsTold = 100

// compose writes the message that d calls for.
func (w Words) compose(d Decision, told Told, i *detect.Incident, beside Beside, r Route, now time.Time) (Letter, error) {
	a := account{Words: w.in(r.Zone), event: d.Event, i: i, beside: beside, told: told, now: now, next: d.Next}
	m := a.message(d.Reason, r)
	body, err := json.Marshal(m)
	if err != nil {
		return Letter{}, fmt.Errorf("write alert %s: %w", m.SentAs, err)
	}
	return Letter{ID: m.SentAs, Incident: i.ID, Route: r.Name, Event: d.Event, Shadow: m.Shadow, Body: body, Created: now, Due: now}, nil
}

// message is the account as it is sent on a route.
func (a account) message(why Reason, r Route) Message {
	a.why = why
	i, seq := a.i, a.told.Sequence+1
	title, found, lines, links := a.title(), a.finding(), a.lines(), a.links()
	if len(r.instead.of) > 0 {
		lines = append(lines, r.instead.line(r.By))
	}
	evidence := ordered(i.Evidence)
	more := max(0, len(evidence)-maxEvidence)
	hit := reach(i)
	m := Message{
		Schema: Schema, Event: a.event, Reason: why, AlertID: i.ID, Route: r.Name, Sequence: seq, SentAs: Key(i.ID, r.Name, seq), At: a.now.UTC(),
		Title: title, What: clip(a.headline(), maxTitle), Subject: a.subject(), Finding: found, Lines: lines,
		Link: a.link(i), Links: links, Text: render(title, found, lines, links, i.ID),
		Kind: i.Kind, Provider: i.Provider, Service: i.Service, Region: i.Region, Target: i.Target, Targets: i.Targets,
		Client: i.Client, Site: i.Site, ISP: i.Network, SeenFrom: i.VRegion, Dependency: i.Dependency, Edge: i.Edge, IPVersion: i.Family,
		State: i.State, Confidence: i.Confidence, Severity: i.Severity, Layer: i.Layer, Cause: i.Cause, ReasonCode: i.Reason.Code,
		DownSites: i.DownSites, Sites: i.Sites, DownISPs: i.DownNetworks, ISPs: i.Networks, LineDown: i.LineDown, Again: i.Again,
		Started: i.Started, Opened: i.Opened, Confirmed: i.Confirmed, Recovered: i.Recovered, Resolved: i.Resolved,
		Official: a.said(), Clients: hit[:min(len(hit), maxClientsTold)], Acknowledged: a.beside.Acknowledged, By: oneLine(a.beside.By), NextUpdate: a.next,
		InsteadOf: r.instead.names(), Drill: i.Drill, DrillClients: i.DrillClients, ProviderAck: a.beside.Official.Posted, SupersededBy: i.SupersededBy, Evidence: evidence[:len(evidence)-more], MoreEvidence: more,
	}
	m.since(a.told)
	m.Shadow, m.Level = a.told.shadow(r, a.event), LevelOf(i, a.beside.Gold)
	if !a.over() {
		m.Verdict = a.who(i)
	} else {
		m.NextUpdate = time.Time{}
	}
	if r.Class == ClassClient {
		a.toClients(&m, r)
	}
	return m
}

// Key is the idempotency key of a letter, and the left side of its Message-ID.
func Key(incident, route string, seq int) string {
	return fmt.Sprintf("%s.%s.%d", incident, route, seq)
}

// since says since when the route knows of it, and whether it was called to it.
func (m *Message) since(told Told) {
	m.ToldSince, m.Escalated = told.Since, told.Escalated || m.Reason == ReasonEscalated
	if m.Event == Opened || m.ToldSince.IsZero() {
		m.ToldSince, m.Escalated = m.At, m.Reason == ReasonEscalated
	}
}
