package alert

import (
	"cmp"
	"fmt"
	"maps"
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
func (w Words) lines(event Event, i *detect.Incident, now time.Time) []Line {
	var all []Line
	add := func(l Line) {
		if l.Text != "" || len(l.Items) > 0 {
			all = append(all, l)
		}
	}
	over := event == Resolved
	add(drillLine(i))
	if !over {
		add(Line{Label: "WHO", Text: w.who(i)})
	}
	add(Line{Label: "WHAT", Text: w.what(event, i)})
	add(Line{Label: "WHERE", Text: w.where(i)})
	if !over {
		add(Line{Label: "STILL OK", Text: w.stillOK(i)})
	}
	add(Line{Label: "SINCE", Text: w.since(event, i, now)})
	evidence := Line{Label: "EVIDENCE", Text: w.evidence(i)}
	if !over { // who wants it afterwards opens the incident
		evidence.Items = w.witnesses(i)
	}
	add(evidence)
	add(Line{Label: "CLIENTS", Text: clients(i)})
	if !over {
		add(Line{Label: "HOW SURE", Text: surety(i)})
	}
	add(Line{Label: "DO NOW", Items: doNow(event, i), Numbered: true})
	return all
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
			return "Nobody can tell yet: Picket only misses its own agents."
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
		return "Them: " + them + ". Not the sites, and not one internet provider."
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

// clients names whose sites fail, the most concerned first.
func clients(i *detect.Incident) string {
	sites := map[string]map[string]bool{}
	for _, e := range i.Evidence {
		if failing(e) && e.Client != "" {
			if sites[e.Client] == nil {
				sites[e.Client] = map[string]bool{}
			}
			sites[e.Client][e.Site] = true
		}
	}
	if len(sites) == 0 || i.Kind == detect.KindSite {
		return "" // WHERE names the client of a site
	}
	names := slices.SortedFunc(maps.Keys(sites), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(sites[b]), len(sites[a])), cmp.Compare(a, b))
	})
	for k, name := range names {
		names[k] = fmt.Sprintf("%s (%s)", oneLine(name), plural(len(sites[name]), "site"))
	}
	return named(names, maxClients)
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
