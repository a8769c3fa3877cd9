package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// Bounds of an incident's page.
const (
	maxCharts   = 3                // targets that are drawn
	around      = 30 * time.Minute // of time before and after an incident in its charts
	maxChart    = 24 * time.Hour   // of an incident in its charts: its first day
	maxEvidence = 500              // rows
)

// incidentView is the page of one incident.
type incidentView struct {
	frame
	I        detect.Incident
	Line     incidentLine
	Delays   string // "declared after 2 s, confirmed after 3 s"
	Counts   string
	Says     string // how many sites say what
	Reason   string // "" if the summary says it already
	Extent   string // how bad, in numbers; "" of a plain outage
	Reaches  string // which clients, the hardest hit first
	Flags    []string
	Layers   []layer
	Cause    string // in words; "" if none is known
	Sorts    []choice
	Evidence []evidenceRow
	More     int // rows left out
	Charts   []chart
	Moments  []happening
	Official *officialLine // what the provider says; nil: nobody would speak of it
	Refresh  int           // seconds after which an open incident is fetched anew; 0 never
	Letters  []Letter
	handledView
}

// layer is one step of reaching a service, as the witnesses found it.
type layer struct{ Name, State, Text string }

// choice is one of a filter or an order; URL is the whole state.
type choice struct {
	Name, URL string
	Chosen    bool
}

// evidenceRow is what one site says about one target, worded.
type evidenceRow struct {
	detect.Evidence
	State, Word, Since, Where string
}

// happening is one line of an incident's timeline.
type happening struct {
	at         time.Time
	Time, Text string
}

// incidentPage answers /incidents/{id}.
func (s *Server) incidentPage(w http.ResponseWriter, r *http.Request) {
	src := s.source(r)
	i, err := src.Incident(r.Context(), r.PathValue("id"))
	if errors.Is(err, ErrNotFound) {
		s.nothing(w, r, "There is no incident of this id.", "It may be older than what is kept.", "/incidents", "All incidents")
		return
	}
	if err != nil {
		s.broken(w, r, "incidents", err)
		return
	}
	letters, err := src.Told(r.Context(), i.ID)
	if err != nil {
		s.broken(w, r, "incidents", fmt.Errorf("letters about incident %s: %w", i.ID, err))
		return
	}
	v := incidentView{frame: s.frame(r, "incidents", ""), I: i}
	v.Line = line(v.Now, i)
	v.Title = v.Line.Word + ": " + i.Title
	said, err := src.Official(r.Context(), i)
	if err != nil {
		s.broken(w, r, "incidents", fmt.Errorf("what the provider says of incident %s: %w", i.ID, err))
		return
	}
	v.Official = said.says(v.Now, i, publisher(i, src.Provider))
	v.Moments = timeline(v.Now, i, letters, said, publisher(i, src.Provider))
	v.Letters = letters
	v.Delays = delays(i)
	v.Layers = layers(i)
	v.Cause = causeClause(i.Cause)
	v.Says = says(i.Evidence)
	v.Evidence, v.More, v.Sorts = evidence(i, r.URL.Query().Get("sort"))
	if !strings.Contains(i.Summary, i.Reason.Text) {
		v.Reason = i.Reason.Text
	}
	if i.Sites > 0 {
		v.Counts = fmt.Sprintf("%d of %s on %d of %s", i.DownSites, plural(i.Sites, "site"), i.DownNetworks, plural(i.Networks, "ISP"))
	}
	v.Extent, v.Reaches, v.Flags = extent(i), reaches(i.Impact), flags(i)
	if i.State.Open() {
		v.Refresh = 10
	}
	if v.handledView, err = s.handledBy(r, v.Now, src, i); err != nil {
		s.broken(w, r, "incidents", fmt.Errorf("what people did about incident %s: %w", i.ID, err))
		return
	}
	if v.Charts, err = charts(r.Context(), v.Now, src, i); err != nil {
		s.broken(w, r, "incidents", fmt.Errorf("history around incident %s: %w", i.ID, err))
		return
	}
	s.html(w, http.StatusOK, "incident.html", v)
}

// extent is how bad it is where not everything fails.
func extent(i detect.Incident) string {
	switch i.Severity {
	case detect.SeverityPartial:
		if i.Rate > 0 {
			return fmt.Sprintf("about %.0f %% of requests fail", 100*i.Rate)
		}
		return "part of the requests fail"
	case detect.SeverityDegraded:
		if i.Added > 0 {
			return fmt.Sprintf("slower than usual by %s (%.1f times)", i.Added.Round(time.Millisecond), i.Ratio)
		}
		return "slower than usual"
	}
	return ""
}

// maxClients is how many clients are named as hit.
const maxClients = 8

// reaches is how far an incident reaches into each client.
func reaches(all []detect.Impact) string {
	var parts []string
	for _, x := range all[:min(len(all), maxClients)] {
		parts = append(parts, fmt.Sprintf("%s: %d of %s", x.Client, x.Failing, plural(x.Sites, "site")))
	}
	if more := len(all) - maxClients; more > 0 {
		parts = append(parts, fmt.Sprintf("and %s more", plural(more, "client")))
	}
	return strings.Join(parts, "; ")
}

// flags are what else is to be known of an incident, in sentences.
func flags(i detect.Incident) []string {
	var list []string
	for _, f := range []struct {
		set  bool
		text string
	}{
		{i.IPReachable, "Only the names are broken: the last known addresses answer."},
		{i.Family != "", "Only IPv" + i.Family + " is concerned."},
		{i.Intermittent, "It comes and goes; it closes after 15 quiet minutes."},
		{i.State == detect.Lingering, "Most of it has healed; what is listed below has not."},
		{i.Easing && i.State != detect.Recovering && i.State != detect.Resolved, "The newest answers are good again."},
		{i.Retrospective, "It was found afterwards, in results that were delivered late."},
		{i.Transient, "It was over within seconds."},
	} {
		if f.set {
			list = append(list, f.text)
		}
	}
	return list
}

// evidence is what the sites say in the order that was asked for, at most
// maxEvidence rows, and the orders to choose from.
func evidence(i detect.Incident, order string) (rows []evidenceRow, more int, sorts []choice) {
	failing := func(a, b detect.Evidence) int { return cmp.Compare(answerRank(a.Answer), answerRank(b.Answer)) }
	site := func(a, b detect.Evidence) int { return cmp.Compare(a.Site, b.Site) }
	isp := func(a, b detect.Evidence) int { return cmp.Compare(a.Network, b.Network) }
	target := func(a, b detect.Evidence) int { return cmp.Compare(a.Target, b.Target) }
	by := []func(a, b detect.Evidence) int{failing, site, target}
	switch order {
	case "site":
		by = []func(a, b detect.Evidence) int{site, failing, target}
	case "isp":
		by = []func(a, b detect.Evidence) int{isp, failing, site, target}
	case "target":
		by = []func(a, b detect.Evidence) int{target, failing, site}
	default:
		order = ""
	}
	for _, o := range [][2]string{{"", "failing first"}, {"site", "by site"}, {"isp", "by ISP"}, {"target", "by target"}} {
		t := choice{Name: o[1], URL: "/incidents/" + url.PathEscape(i.ID), Chosen: o[0] == order}
		if o[0] != "" {
			t.URL += "?sort=" + o[0]
		}
		sorts = append(sorts, t)
	}
	all := slices.Clone(i.Evidence)
	slices.SortStableFunc(all, func(a, b detect.Evidence) int {
		for _, f := range by {
			if c := f(a, b); c != 0 {
				return c
			}
		}
		return 0
	})
	more = max(0, len(all)-maxEvidence)
	for _, e := range all[:len(all)-more] {
		rows = append(rows, evidenceLine(e))
	}
	return rows, more, sorts
}

func answerRank(answer string) int {
	return slices.Index([]string{"down", "degraded", "silent", "abstain", "up"}, answer)
}

// evidenceLine words one answer.
func evidenceLine(e detect.Evidence) evidenceRow {
	e.Why = detect.WhyWords(e.Why)
	row := evidenceRow{Evidence: e, State: "no-data", Word: e.Answer}
	switch e.Answer {
	case "up":
		row.State, row.Word = "ok", "works"
	case "down":
		row.State, row.Word = "down", "fails"
	case "degraded":
		row.State = "degraded"
	case "abstain":
		row.Word = "could not tell"
	}
	if !e.First.IsZero() {
		row.Since = clock(e.First)
		if e.Last.Sub(e.First) >= time.Second {
			row.Since += " to " + clock(e.Last)
		}
	}
	if e.Cause != "" {
		row.Cause = causeWords(e.Cause)
	}
	row.Where = strings.TrimSpace(e.Addr + " " + e.Edge)
	return row
}

// says counts what sites say; a site that says several things counts for the worst.
func says(all []detect.Evidence) string {
	worst := map[string]int{}
	for _, e := range all {
		rank := answerRank(e.Answer)
		if was, ok := worst[e.Site]; rank >= 0 && (!ok || rank < was) {
			worst[e.Site] = rank
		}
	}
	var count [5]int
	for _, rank := range worst {
		count[rank]++
	}
	var parts []string
	for rank, words := range []string{"failing", "degraded", "silent", "could not tell", "working"} {
		if count[rank] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[rank], words))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return plural(len(worst), "site") + " asked: " + strings.Join(parts, ", ") + "."
}

// layers is the chain of a connection up to where it breaks; nil if that is not known.
func layers(i detect.Incident) []layer {
	order := []string{"dns", "tcp", "tls", "http"}
	at := slices.Index(order, i.Layer)
	if at < 0 {
		return nil
	}
	list := make([]layer, len(order))
	for k, name := range []string{"DNS", "Connection", "TLS", "HTTP"} {
		list[k] = layer{Name: name, State: "no-data", Text: "not reached"}
		switch {
		case k < at:
			list[k].State, list[k].Text = "ok", "works"
		case k == at:
			list[k].State, list[k].Text = incidentState(i), "fails"
			if i.State == detect.Resolved || i.State == detect.Recovering {
				list[k].Text = "failed"
			}
		}
	}
	return list
}

// delays says how long the first two steps took.
func delays(i detect.Incident) string {
	first := cmp.Or(i.Started, i.Opened)
	var parts []string
	if d := i.Opened.Sub(first); d > 0 {
		parts = append(parts, "declared after "+span(d))
	}
	if !i.Confirmed.IsZero() {
		parts = append(parts, "confirmed after "+span(i.Confirmed.Sub(first)))
	}
	return strings.Join(parts, ", ")
}

// timeline is an incident's timeline, letters too, each with the time since the first.
func timeline(now time.Time, i detect.Incident, letters []Letter, said *Official, who string) []happening {
	var list []happening
	first := cmp.Or(i.Started, i.Opened)
	add := func(t time.Time, text string) {
		if t.IsZero() {
			return
		}
		if since := t.Sub(first); since >= time.Second {
			text += " (after " + span(since) + ")"
		}
		list = append(list, happening{t, stamp(now, t), text})
	}
	add(i.Started, "first failure seen")
	add(i.Opened, "declared")
	add(i.Confirmed, "confirmed")
	add(i.Reopened, "came back")
	if said != nil {
		add(said.Posted, "acknowledged by "+who)
	}
	add(i.Recovered, "healthy again")
	add(i.Resolved, "resolved")
	for _, l := range letters {
		text := fmt.Sprintf("%s was told: %s", l.Route, l.Event)
		switch {
		case l.State == "waiting":
			text += ", not delivered yet"
		case l.State == "given up":
			text += ", given up: it could not be delivered"
		case l.Sent.Sub(l.At) >= time.Second:
			text += ", delivered after " + span(l.Sent.Sub(l.At))
		}
		add(l.At, text)
	}
	slices.SortStableFunc(list, func(a, b happening) int { return a.at.Compare(b.at) })
	return list
}
