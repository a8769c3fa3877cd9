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
// message, and no link to a page that they cannot open. That holds for what
// programs read of it, too: targets, ISPs and places may be another client's, so
// they are left out, and a site only stands there if the incident is theirs alone.

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
	m.Targets, m.ISP, m.SeenFrom = nil, "", ""
	if !theirs(a.i.Client) {
		m.Client, m.Site, m.Target = "", "", ""
	}
	subject, body := "", ""
	if a.Notice != nil {
		subject, body = a.Notice(Notice{a.i, r.Clients, a.beside.Official, a.Zone, a.now, a.next})
	}
	if body == "" { // whoever chose this route wants to hear of it; nothing more is known
		subject, body = a.headline(), a.plainly()+": "+a.headline()+"."
		if a.i.Drill {
			body = "This is a drill: nothing is broken. " + body
		}
	}
	m.Subject, m.Title = clip(oneLine(drillSubject(a.i)+" "+subject), maxTitle), clip(oneLine(drillTitle(a.i)+subject), maxTitle)
	m.What, m.Text, m.Finding, m.Lines = m.Title, body, "", nil
	for k, part := range strings.Split(strings.TrimSpace(body), "\n\n") {
		if k == 0 {
			m.Finding = oneLine(part)
			continue
		}
		m.Lines = append(m.Lines, Line{Text: oneLine(part)})
	}
}

// plainly says how it stands where no notice does. What is no longer followed is
// not over.
func (a account) plainly() string {
	switch {
	case !a.over():
		return "We have noticed this and are looking into it"
	case a.i.SupersededBy != "":
		return "This goes on as part of a wider problem, of which you hear separately"
	case unjudged(a.i):
		return "We no longer watch this, so we cannot say how it is now"
	}
	return "This is over"
}
