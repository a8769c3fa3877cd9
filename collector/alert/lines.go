package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// Line is one labelled part of an alert: WHAT, WHERE, SINCE, DO NOW.
type Line struct {
	Label    string   `json:"label"` // at most 9 characters
	Text     string   `json:"text,omitempty"`
	Items    []string `json:"items,omitempty"`
	Numbered bool     `json:"numbered,omitempty"` // the items are steps, in this order
}

// How much an alert lists before it says "and N more".
const (
	samples    = 3
	maxNamed   = 4 // targets, clouds
	maxClients = 6
)

// lines writes what stands below the headline and the finding.
func (a account) lines() []Line {
	i := a.i
	var all []Line
	add := func(l Line) {
		if l.Text != "" || len(l.Items) > 0 {
			all = append(all, l)
		}
	}
	add(drillLine(i))
	_, news := a.news()
	add(Line{Label: "NEW", Text: strings.Join(news, " ")})
	if !a.over() {
		add(Line{Label: "WHO", Text: a.who(i)})
		add(Line{Label: "STATE", Text: a.state()})
	}
	add(Line{Label: "WHAT", Text: a.what(a.event, i)})
	add(Line{Label: "WHERE", Text: a.where(i)})
	if !a.over() {
		add(Line{Label: "STILL OK", Text: a.stillOK(i)})
	}
	add(Line{Label: "SINCE", Text: a.since()})
	evidence := Line{Label: "EVIDENCE", Text: a.evidence(i)}
	if !a.over() { // who wants it afterwards opens the incident
		evidence.Items = a.witnesses(i)
	}
	add(evidence)
	add(Line{Label: "OFFICIAL", Text: a.official()})
	add(Line{Label: "CLIENTS", Text: clients(i)})
	if !a.over() {
		add(Line{Label: "HOW SURE", Text: surety(i)})
	}
	add(Line{Label: "DO NOW", Items: a.doNow(), Numbered: true})
	add(Line{Label: "NEXT", Text: a.nextUpdate()})
	return all
}

// state says how sure, how bad, and who has taken it on.
func (a account) state() string {
	i := a.i
	s := i.Confidence.Word()
	switch i.Severity {
	case detect.SeverityPartial:
		s += " partial outage"
		if i.Rate > 0 {
			s += fmt.Sprintf(" (about %.0f %% of requests fail)", 100*i.Rate)
		}
	case detect.SeverityDegraded:
		s += ": slower than usual"
		if i.Added > 0 {
			s += fmt.Sprintf(" by %s (%.1f times)", i.Added.Round(time.Millisecond), i.Ratio)
		}
	case detect.SeverityUnseen:
		s += ": out of sight (nothing is known to be broken)"
	default:
		s += " outage"
	}
	s += ", urgency " + string(LevelOf(i, a.beside.Gold))
	if b := a.beside; !b.Acknowledged.IsZero() {
		s += ". " + cmp.Or(oneLine(b.By), "Somebody") + " has been on it since " + a.At(b.Acknowledged, "15:04")
	} else if a.event == Updated {
		s += ". Nobody has taken it on"
	}
	return s + "."
}

// nextUpdate says when the reader hears again.
func (a account) nextUpdate() string {
	switch {
	case a.over():
		return ""
	case a.next.IsZero():
		return "You hear again when it changes or is over."
	}
	return "You hear again by " + a.minute(a.next) + ", sooner if it changes or is over."
}

// who answers the first question of everybody: is it us, our ISP, or them?
func (w Words) who(i *detect.Incident) string {
	them := cmp.Or(i.Dependency, w.provider(i.Provider), i.Target)
	switch i.Kind {
	case detect.KindSite, detect.KindNetwork:
		switch {
		case i.LineDown:
			return "This side: the line or the power of " + w.subject(i) + "."
		case i.Reason.Code == detect.ContactOnly:
			return "Picket itself: only its contact with " + w.subject(i) + " was cut."
		case i.Reason.Code == detect.WANAnswers:
			return "Nobody can tell yet; the site's line seems to work, so look at Picket's machine there."
		case i.Reason.Code == detect.NetworkSilent:
			return "Most likely the internet provider: " + i.Network + "."
		case i.Reason.Code != detect.Explained:
			return "Nobody can tell yet: Picket only misses its contact with the site."
		case i.Kind == detect.KindSite:
			return "This side: the site's own line, firewall or DNS."
		}
		return "The internet provider: " + i.Network + "."
	case detect.KindReference:
		return "Nobody you depend on: a service that Picket compares lines with is out. No cloud is concerned."
	case detect.KindVRegion:
		return "The internet around " + i.VRegion + ": not one site, and not one cloud."
	case detect.KindNetworkProvider, detect.KindNetworkDependency:
		return "Between " + i.Network + " and " + them + ". Which of the two cannot be told from here."
	case detect.KindFleet, detect.KindCollector:
		return "Picket itself. This says nothing about any cloud."
	}
	if i.Kind.Regional() {
		them += " towards " + i.VRegion + " (its edge there, or the way to it)"
	}
	switch {
	case i.Reason.Code == detect.Alone:
		return "One site cannot tell " + them + " from its own way to it."
	case i.Confidence == detect.ConfidenceConfirmed:
		return "Them: " + them + ". It is not your clients' sites and not an internet provider."
	}
	return "Most likely them: " + them + "."
}

// stillOK is what the incident does not touch, as far as it is known now.
func (w Words) stillOK(i *detect.Incident) string {
	if i.CoverageLost || i.State == detect.Recovering || !i.Kind.ProviderSide() {
		return ""
	}
	var parts []string
	if w.Well != nil {
		if names := w.Well(i); len(names) > 0 {
			parts = append(parts, named(names, maxNamed))
		}
	}
	if well := i.Sites - i.DownSites; well > 0 && i.DownSites > 0 {
		s := fmt.Sprintf("%d of %s", well, plural(i.Sites, "site"))
		if well == 1 {
			s += " reaches it"
		} else {
			s += " reach it"
		}
		if e, ok := reaching(i); ok {
			s += ", such as " + oneLine(e.Site)
			if e.Network != "" {
				s += " on " + oneLine(e.Network)
			}
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ". ")
}

// reaching is a site that reaches everything of the incident it looks at.
func reaching(i *detect.Incident) (found detect.Evidence, ok bool) {
	bad := map[string]bool{}
	for _, e := range i.Evidence {
		bad[e.Site] = bad[e.Site] || e.Answer != "up"
	}
	for _, e := range ordered(i.Evidence) {
		if !bad[e.Site] {
			return e, true
		}
	}
	return found, false
}

// reach is how far an incident reaches into each client, the hardest hit first.
// Older incidents have no count of it: then the evidence is counted.
func reach(i *detect.Incident) []detect.Impact {
	if len(i.Impact) > 0 {
		return i.Impact
	}
	sites := map[string]map[string]bool{}
	for _, e := range i.Evidence {
		if failing(e) && e.Client != "" {
			if sites[e.Client] == nil {
				sites[e.Client] = map[string]bool{}
			}
			sites[e.Client][e.Site] = true
		}
	}
	var all []detect.Impact
	for client, own := range sites {
		all = append(all, detect.Impact{Client: client, Failing: len(own)})
	}
	slices.SortFunc(all, func(a, b detect.Impact) int {
		return cmp.Or(cmp.Compare(b.Failing, a.Failing), cmp.Compare(a.Client, b.Client))
	})
	return all
}

// clients names whose sites fail, the most concerned first.
func clients(i *detect.Incident) string {
	all := reach(i)
	if len(all) == 0 || i.Kind == detect.KindSite {
		return "" // WHERE names the client of a site
	}
	names, failing := make([]string, len(all)), 0
	for k, x := range all {
		failing += x.Failing
		names[k] = fmt.Sprintf("%s (%s)", oneLine(x.Client), plural(x.Failing, "site"))
		if x.Sites > 0 {
			names[k] = fmt.Sprintf("%s (%d of %s)", oneLine(x.Client), x.Failing, plural(x.Sites, "site"))
		}
	}
	s := named(names, maxClients)
	if len(all) > 1 {
		s = plural(len(all), "client") + ", " + plural(failing, "site") + ": " + s
	}
	return s
}

// failing says whether a row of evidence speaks for the incident.
func failing(e detect.Evidence) bool {
	return e.Answer == "down" || e.Answer == "degraded" || e.Answer == "silent"
}

// witnesses are a few rows of evidence, from different ISPs if there are any.
func (w Words) witnesses(i *detect.Incident) []string {
	var fails, chosen []detect.Evidence
	for _, e := range ordered(i.Evidence) {
		if failing(e) {
			fails = append(fails, e)
		}
	}
	slices.SortStableFunc(fails, func(a, b detect.Evidence) int { // who has an error to quote goes first
		return cmp.Compare(min(1, len(b.Err)), min(1, len(a.Err)))
	})
	seen := map[string]bool{}
	for _, again := range []bool{false, true} { // first one of each ISP, then whoever
		for _, e := range fails {
			if len(chosen) < samples && seen[e.Network] == again && !slices.Contains(chosen, e) {
				chosen = append(chosen, e)
				seen[e.Network] = true
			}
		}
	}
	var out []string
	for _, e := range chosen {
		out = append(out, w.witness(e))
	}
	if more := len(fails) - len(chosen); more > 0 {
		out = append(out, fmt.Sprintf("and %d more like this", more))
	}
	return out
}

// named lists at most limit names.
func named(names []string, limit int) string {
	for k, n := range names {
		names[k] = oneLine(n)
	}
	s := strings.Join(names[:min(len(names), limit)], ", ")
	if more := len(names) - limit; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}
