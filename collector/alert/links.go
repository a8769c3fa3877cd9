package alert

import (
	"net/url"

	"picket/collector/detect"
)

// Link is where a reader can go on. A link only ever opens a page: what it does
// is done there, by a button.
type Link struct {
	Name string `json:"name"` // incident, ack, silence, notice, runbook, official
	Text string `json:"text"` // for people, as the words on a button
	URL  string `json:"url"`
}

// The names of links.
const (
	LinkIncident = "incident"
	LinkAck      = "ack"
	LinkSilence  = "silence"
	LinkNotice   = "notice"
	LinkRunbook  = "runbook"
	LinkOfficial = "official"
)

// linkLabels are how links are labelled in plain text.
var linkLabels = map[string]string{
	LinkIncident: "SEE", LinkAck: "TAKE IT", LinkSilence: "SILENCE", LinkNotice: "NOTICE", LinkRunbook: "RUNBOOK", LinkOfficial: "STATUS",
}

// links are where the reader can go on, the most wanted first.
func (a account) links() []Link {
	var all []Link
	add := func(name, text, to string) {
		if to != "" {
			all = append(all, Link{name, text, to})
		}
	}
	page := a.link(a.i)
	add(LinkIncident, "See the incident with all its evidence", page)
	if page != "" {
		if !a.over() {
			if a.beside.Acknowledged.IsZero() {
				add(LinkAck, "Take it on", page+"/ack")
			}
			add(LinkSilence, "Silence it", a.Page+"/silences?incident="+url.QueryEscape(a.i.ID))
		}
		if a.hasNotice() {
			add(LinkNotice, "Notice for the clients, ready to send", page+"/notice")
		}
	}
	if a.Runbook != nil && !a.over() {
		add(LinkRunbook, "Runbook", a.Runbook(a.i))
	}
	if s := a.said(); s != nil {
		add(LinkOfficial, "What "+a.publisher()+" says", s.URL)
	}
	return all
}

// hasNotice says whether there is something to tell clients: trouble of theirs
// that somebody has seen, and not Picket's own.
func (a account) hasNotice() bool {
	switch a.i.Kind {
	case detect.KindFleet, detect.KindCollector, detect.KindReference:
		return false
	}
	return a.i.SupersededBy == "" && !unjudged(a.i)
}
