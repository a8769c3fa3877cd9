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
	// Page is the base URL of the status page, without a slash at the end; "" means no links.
	Page string
}

// Render writes an open or ended incident as plain text, as [Words.Render]
// does, in plain ids and UTC.
func Render(i *detect.Incident) string {
	event := Opened
	if !i.State.Open() {
		event = Resolved
	}
	now := cmp.Or(i.Resolved, i.Recovered, i.Confirmed, i.Opened)
	return Words{}.Render(event, i, now)
}

// Title is the alert in one line of at most 110 characters.
func (w Words) Title(event Event, i *detect.Incident) string {
	word := i.Confidence.Word()
	switch {
	case event == Resolved && i.SupersededBy != "":
		word = "Merged"
	case event == Resolved:
		word = "Resolved"
	case i.Again > 0 && event == Opened:
		word = "Again"
	case event == Updated && i.Confidence == detect.ConfidenceConfirmed:
		word = "Now confirmed"
	case event == Updated:
		word = "Update"
	}
	title := oneLine(i.Title)
	if title == "" {
		title = w.subject(i) + ": trouble"
	}
	if word != "" {
		title = word + ": " + title
	}
	return clip(title, maxTitle)
}

// Render writes the alert as people read it: a headline, the finding, then
// labelled lines. It is plain text of at most 76 columns where the names allow.
func (w Words) Render(event Event, i *detect.Incident, now time.Time) string {
	var b strings.Builder
	b.WriteString(w.Title(event, i) + "\n")
	summary := oneLine(i.Summary)
	if event == Resolved && i.SupersededBy == "" && summary != "" {
		summary = "It is over. What it was: " + summary
	}
	if summary != "" {
		b.WriteString(wrap(summary, 76, "") + "\n")
	}
	b.WriteString("\n")
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-10s%s\n", name, wrap(text, 66, strings.Repeat(" ", 10)))
		}
	}
	row("WHAT", w.what(i))
	row("WHERE", w.where(i))
	row("SINCE", w.since(event, i, now))
	row("EVIDENCE", w.evidence(i))
	failing := ordered(i.Evidence)
	if event == Resolved {
		failing = nil // who wants it opens the incident
	}
	for _, e := range failing[:min(3, len(failing))] {
		fmt.Fprintf(&b, "%-10s%s\n", "", wrap(w.witness(e), 66, strings.Repeat(" ", 12)))
	}
	if more := len(failing) - 3; more > 0 {
		fmt.Fprintf(&b, "%-10s(%d more)\n", "", more)
	}
	row("DO NOW", doNow(event, i))
	if w.Page != "" {
		row("SEE", w.Page+"/incidents/"+i.ID)
	}
	row("KEY", "picket:"+i.ID)
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
	case detect.KindFleet:
		return "Picket agents"
	case detect.KindCollector:
		return "Picket server"
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
func (w Words) what(i *detect.Incident) string {
	s := CauseWords(i.Cause)
	if s == "" && i.Kind == detect.KindSite {
		s = "no contact with any Picket agent of this site"
	}
	if i.Layer != "" {
		s = strings.TrimPrefix(s+", ", ", ") + "layer " + strings.ToUpper(i.Layer)
	}
	if n := len(i.Targets); n > 0 {
		list := strings.Join(i.Targets[:min(n, 4)], ", ")
		if n > 4 {
			list += fmt.Sprintf(" and %d more", n-4)
		}
		s = strings.TrimPrefix(s+": ", ": ") + list
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
	add("site %s", i.Site)
	add("internet provider %s", i.Network)
	add("seen from %s", i.VRegion)
	add("concerns client %s only", i.Client)
	return strings.Join(parts, ", ")
}

// since says when it began, was confirmed and ended.
func (w Words) since(event Event, i *detect.Incident, now time.Time) string {
	start := cmp.Or(i.Started, i.Opened)
	if start.IsZero() {
		return ""
	}
	s := start.UTC().Format("2006-01-02 15:04:05 UTC")
	if w.Zone != nil && w.Zone != time.UTC {
		s = start.In(w.Zone).Format("2006-01-02 15:04:05 MST") + " (" + start.UTC().Format("15:04:05 UTC") + ")"
	}
	if !i.Confirmed.IsZero() {
		s += ", confirmed " + Span(i.Confirmed.Sub(start)) + " later"
	}
	switch end := cmp.Or(i.Recovered, i.Resolved); {
	case event == Resolved && i.SupersededBy != "":
		return s + ", goes on as " + i.SupersededBy
	case event == Resolved && !end.IsZero():
		return s + ", lasted " + Span(end.Sub(start))
	default:
		return s + ", ongoing " + Span(now.Sub(start))
	}
}

// evidence counts witnesses, sites and ISPs, never agents, and gives the
// reason unless the summary has said it.
func (w Words) evidence(i *detect.Incident) string {
	var parts []string
	if i.Sites > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s on %d of %s", i.DownSites, plural(i.Sites, "site"), i.DownNetworks, plural(i.Networks, "ISP")))
	}
	if text := oneLine(i.Reason.Text); text != "" && !strings.Contains(oneLine(i.Summary), text) {
		parts = append(parts, text)
	}
	return strings.Join(parts, ". ")
}

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
	parts = append(parts, answer)
	if !e.Last.IsZero() {
		parts = append(parts, "at "+e.Last.UTC().Format("15:04:05 UTC"))
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
