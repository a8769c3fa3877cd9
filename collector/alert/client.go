package alert

import (
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// A route of [ClassClient] is read by customers. They are told in plain language,
// by the words that a person would send them (see notice), and of nobody but
// themselves: neither the evidence nor the names of other clients is in their
// message, and no link to a page that they cannot open.

// Notice says something to clients.
type Notice struct {
	Incident *detect.Incident
	Clients  []string // whom; empty: everybody
	Official Official
	Zone     *time.Location
	Now      time.Time
	Next     time.Time // when they hear again even if nothing changes; zero: not
}

// toClients turns the message of an incident into one that customers may read.
func (a account) toClients(m *Message, r Route) {
	theirs := func(client string) bool { return slices.Contains(r.Clients, client) }
	m.Evidence = slices.DeleteFunc(slices.Clone(m.Evidence), func(e detect.Evidence) bool { return !theirs(e.Client) })
	m.Clients = slices.DeleteFunc(slices.Clone(m.Clients), func(x detect.Impact) bool { return !theirs(x.Client) })
	m.MoreEvidence, m.Link, m.Links, m.By, m.Acknowledged, m.Verdict, m.InsteadOf = 0, "", nil, "", time.Time{}, "", nil
	subject, body := "", ""
	if a.Notice != nil {
		subject, body = a.Notice(Notice{a.i, r.Clients, a.beside.Official, a.Zone, a.now, a.next})
	}
	if body == "" { // whoever chose this route wants to hear of it; nothing more is known
		subject, body = a.headline(), "We have noticed this and are looking into it: "+a.headline()+"."
		if a.over() {
			body = "This is over: " + a.headline() + "."
		}
		if a.i.Drill {
			body = "This is a drill: nothing is broken. " + body
		}
	}
	m.Subject, m.Title = clip(oneLine(drillSubject(a.i)+" "+subject), maxTitle), clip(oneLine(drillTitle(a.i)+subject), maxTitle)
	m.Text, m.Finding, m.Lines = body, "", nil
	for k, part := range strings.Split(strings.TrimSpace(body), "\n\n") {
		if k == 0 {
			m.Finding = oneLine(part)
			continue
		}
		m.Lines = append(m.Lines, Line{Text: oneLine(part)})
	}
}
