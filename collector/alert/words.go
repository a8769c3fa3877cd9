package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// maxTitle is what fits a subject line and a phone's lock screen.
const maxTitle = 110

// Words says how alerts are worded. The zero value is fit for use.
type Words struct {
	// Provider returns a cloud's name for people; nil leaves ids as they are.
	Provider func(id string) string
	// Zone is the zone in which times are given beside UTC; nil means UTC alone.
	Zone *time.Location
	// Well returns what an open provider-side incident does not touch, such as
	// the cloud's other regions, for people; nil means that nothing is known.
	Well func(i *detect.Incident) []string
	// Page is the base URL of the status page, without a slash at the end; "" means no links.
	Page string
	// Runbook returns the URL of what to do about an incident; nil or "": there is none.
	Runbook func(i *detect.Incident) string
	// Notice words what routes of [ClassClient] are told; nil, or an empty body:
	// they are told the headline alone.
	Notice func(n Notice) (subject, body string)
}

// title is the alert in one line of at most 110 characters.
func (a account) title() string {
	i := a.i
	word := i.Confidence.Word()
	switch {
	case a.over() && i.SupersededBy != "":
		word = "Merged"
	case a.over() && unjudged(i):
		word = "Closed"
	case a.over() && i.Reason.Code == detect.DrillEnded:
		word = "Ended"
	case a.over():
		word = "Over" + strings.Replace(a.lasted(), " - over", "", 1)
	case a.event == Opened && i.Again > 0:
		word = "Again"
	case a.event == Updated:
		word, _ = a.news()
	}
	title := a.headline()
	if word != "" {
		title = word + ": " + title
	}
	return clip(drillTitle(i)+title, maxTitle)
}

// headline is what an alert is about, without any word of how sure or how new.
func (a account) headline() string { return a.name(a.i) }

// name is what an incident is called.
func (w Words) name(i *detect.Incident) string {
	return cmp.Or(oneLine(i.Title), w.subject(i)+": trouble")
}

// unjudged says whether an incident ended because nobody judges it any more,
// and not because it was well again.
func unjudged(i *detect.Incident) bool {
	return i.Reason.Code == detect.Unwatched || i.Reason.Code == detect.Maintained
}

// finding is the one or two sentences below the headline.
func (a account) finding() string {
	s := oneLine(a.i.Summary)
	switch {
	case a.i.Drill:
		return drillFinding(a.event, a.i, s)
	case !a.over() || a.i.SupersededBy != "" || s == "":
	case a.i.Reason.Code == detect.Unwatched:
		s = "It is no longer watched. What it was: " + s
	case a.i.Reason.Code == detect.Maintained:
		s = "It is in maintenance now. What it was: " + s
	case !a.i.Recovered.IsZero(): // the summary tells it as what was
		s = "It is over. " + s
	default:
		s = "It is over. What it was: " + s
	}
	return s
}

// link is where the incident is on the page.
func (w Words) link(i *detect.Incident) string {
	if w.Page == "" {
		return ""
	}
	return w.Page + "/incidents/" + i.ID
}

// render lays an alert out as people read it: a headline, the finding, then
// labelled lines. It is plain text of at most 76 columns where the names allow.
func render(title, finding string, lines []Line, links []Link, id string) string {
	var b strings.Builder
	b.WriteString(title + "\n")
	if finding != "" {
		b.WriteString(wrap(finding, 76, "") + "\n")
	}
	b.WriteString("\n")
	const label, width = 10, 66
	row := func(name, text, indent string) {
		fmt.Fprintf(&b, "%-*s%s\n", label, name, wrap(text, width, strings.Repeat(" ", label)+indent))
	}
	for _, l := range lines {
		name := l.Label
		if l.Text != "" {
			row(name, l.Text, "")
			name = ""
		}
		for k, item := range l.Items {
			if l.Numbered && len(l.Items) > 1 {
				row(name, fmt.Sprintf("%d. %s", k+1, item), "   ")
			} else {
				row(name, item, "  ")
			}
			name = ""
		}
	}
	for _, l := range links {
		row(cmp.Or(linkLabels[l.Name], "SEE"), l.URL, "")
	}
	if id != "" {
		row("KEY", "picket:"+id, "")
	}
	return b.String()
}

func (w Words) provider(id string) string {
	if w.Provider != nil && id != "" {
		return oneLine(w.Provider(id))
	}
	return id
}

// subject is what the incident blames, in a few words.
func (w Words) subject(i *detect.Incident) string {
	switch i.Kind {
	case detect.KindSite:
		return i.Site
	case detect.KindNetwork:
		return i.Network
	case detect.KindNetworkProvider:
		return "between " + i.Network + " and " + w.provider(i.Provider)
	case detect.KindNetworkDependency:
		return "between " + i.Network + " and " + i.Dependency
	case detect.KindFleet:
		return "Picket fleet"
	case detect.KindCollector:
		return "Picket server"
	case detect.KindVRegion:
		return "the internet as seen from " + i.VRegion
	}
	s := w.blamed(i)
	if i.Kind.Regional() {
		s += " as seen from " + i.VRegion
	}
	return s
}

// blamed is what is out, whoever looks.
func (w Words) blamed(i *detect.Incident) string {
	switch {
	case i.Edge != "" && i.Dependency != "":
		return "edge " + i.Edge + " of " + i.Dependency
	case i.Dependency != "":
		return i.Dependency
	}
	s := cmp.Or(w.provider(i.Provider), i.Target)
	for _, part := range []string{i.Service, i.Region} {
		if part != "" {
			s += " " + part
		}
	}
	return s
}

// what says what fails.
func (w Words) what(event Event, i *detect.Incident) string {
	s := upper(CauseWords(i.Cause))
	if s == "" && i.Kind == detect.KindSite {
		s = "No contact with Picket at this site"
	}
	if i.Layer != "" {
		s = strings.TrimPrefix(s+", ", ", ") + "layer " + strings.ToUpper(i.Layer)
		if event != Resolved && (i.Layer == "tls" || i.Layer == "http") { // what fails there has connected
			s += " (connecting works)"
		}
	}
	if len(i.Targets) > 0 {
		s = strings.TrimPrefix(s+": ", ": ") + named(slices.Clone(i.Targets), maxNamed)
	}
	return s
}

// where says what is concerned, and from where it is seen.
func (w Words) where(i *detect.Incident) string {
	var parts []string
	add := func(format, v string) {
		if v != "" {
			parts = append(parts, fmt.Sprintf(format, v))
		}
	}
	add("%s", w.provider(i.Provider))
	add("service %s", i.Service)
	add("cloud region %s", i.Region)
	add("shared component %s", i.Dependency)
	add("its edge %s", i.Edge)
	add("over IPv%s only", i.Family)
	add("site %s", i.Site)
	add("internet provider %s", i.Network)
	add("seen from %s", i.VRegion)
	add("concerns client %s only", i.Client)
	return strings.Join(parts, ", ")
}

// since says when it began, was confirmed and ended.
func (a account) since() string {
	i, start := a.i, a.began()
	if start.IsZero() {
		return ""
	}
	s := a.moment(start)
	if !i.Confirmed.IsZero() {
		if after := i.Confirmed.Sub(start); after < time.Second {
			s += ", confirmed at once"
		} else {
			s += ", confirmed " + Span(after) + " later"
		}
	}
	switch end := cmp.Or(i.Recovered, i.Resolved); {
	case a.over() && i.SupersededBy != "":
		return s + ", goes on as " + i.SupersededBy
	case a.over() && i.Reason.Code == detect.Unwatched:
		return s + ", no longer watched"
	case a.over() && i.Reason.Code == detect.Maintained:
		return s + ", in maintenance now"
	case a.over() && !end.IsZero():
		return s + ", well again since " + a.clock(end) + ", lasted " + Span(end.Sub(start))
	default:
		return s + ", ongoing " + Span(a.now.Sub(start))
	}
}

// evidence counts witnesses, sites and ISPs, never agents, names the ISPs, and
// gives the reason unless the summary has said it.
func (w Words) evidence(i *detect.Incident) string {
	var parts []string
	if i.Sites > 0 && i.Kind != detect.KindSite {
		s := fmt.Sprintf("%d of %s on %d of %s", i.DownSites, plural(i.Sites, "site"), i.DownNetworks, plural(i.Networks, "ISP"))
		if names := failingISPs(i); len(names) > 0 {
			s += " (" + named(names, maxNamed) + ")"
		}
		parts = append(parts, s)
	}
	if text := oneLine(i.Reason.Text); text != "" && !strings.Contains(oneLine(i.Summary), text) {
		parts = append(parts, text)
	}
	return strings.Join(parts, ". ")
}

// failingISPs are the internet providers of the sites that fail, where that is
// not what the incident blames anyhow.
func failingISPs(i *detect.Incident) (names []string) {
	for _, e := range ordered(i.Evidence) {
		if failing(e) && e.Network != "" && e.Network != i.Network && !slices.Contains(names, e.Network) {
			names = append(names, e.Network)
		}
	}
	return names
}

// maxRaw is how much of an error's own text a line of evidence quotes.
const maxRaw = 60

// witness is one site's evidence in one line.
func (w Words) witness(e detect.Evidence) string {
	parts := []string{e.Site}
	if e.Network != "" {
		parts = append(parts, e.Network)
	}
	answer := cmp.Or(CauseWords(e.Cause), oneLine(detect.WhyWords(e.Why)), e.Answer)
	if e.Target != "" {
		answer = e.Target + ": " + answer
	}
	if raw := clip(oneLine(e.Err), maxRaw); raw != "" {
		answer += fmt.Sprintf(" (%q)", raw)
	}
	parts = append(parts, answer)
	if !e.Last.IsZero() {
		parts = append(parts, "last at "+w.clock(e.Last))
	}
	return oneLine(strings.Join(parts, " | "))
}

// ordered returns the evidence with failing sites first, then silent ones,
// otherwise by site; it does not change the original.
func ordered(all []detect.Evidence) []detect.Evidence {
	rank := func(e detect.Evidence) int {
		return max(0, slices.Index([]string{"", "down", "degraded", "silent", "abstain", "up"}, e.Answer))
	}
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b detect.Evidence) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Target, b.Target))
	})
	return out
}
