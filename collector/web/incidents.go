package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
)

// Bounds of the list of incidents.
const (
	someIncidents = 100  // shown at once
	mostIncidents = 1000 // with ?limit=all
)

// incidentsView is the list of incidents.
type incidentsView struct {
	frame
	Verdict Verdict
	Tabs    []choice
	Lines   []listLine
	Open    bool   // only open ones were asked for
	Older   string // link to more of them; "" if these are all
	// Silences says what is muted now; "" for who may not know.
	Silences string
}

// listLine is an incident in the list.
type listLine struct {
	incidentLine
	Began, Lasted, Counts string
}

// incidentsPage answers /incidents?show=open&limit=all.
func (s *Server) incidentsPage(w http.ResponseWriter, r *http.Request) {
	src, q := s.source(r), r.URL.Query()
	v := incidentsView{frame: s.frame(r, "incidents", "Incidents"), Open: q.Get("show") == "open"}
	limit := someIncidents
	if q.Get("limit") == "all" {
		limit = mostIncidents
	}
	all, open, err := listed(r.Context(), src, v.Open, limit+1)
	if err != nil {
		s.broken(w, r, "incidents", fmt.Errorf("list of incidents: %w", err))
		return
	}
	if len(all) > limit {
		all = all[:limit]
		if limit == someIncidents {
			q.Set("limit", "all")
			v.Older = "/incidents?" + q.Encode()
		}
	}
	for _, i := range all {
		v.Lines = append(v.Lines, inList(v.Now, i))
	}
	v.Tabs = []choice{{"All", "/incidents", !v.Open}, {"Open only", "/incidents?show=open", v.Open}}
	if open > 0 {
		v.Verdict = Verdict{Text: plural(open, "incident") + " open.", Detail: v.Lines[0].Word + ": " + v.Lines[0].Title + ".", State: v.Lines[0].State}
	} else {
		v.Verdict = noneOpen(src.Snapshot(), src.Provider)
	}
	if v.Who.May(access.Handle) {
		all, err := src.Silences(r.Context())
		if err != nil {
			s.broken(w, r, "incidents", fmt.Errorf("silences for the page: %w", err))
			return
		}
		v.Silences = silencesWords(v.Now, all)
	}
	s.html(w, http.StatusOK, "incidents.html", v)
}

// listed reads the open incidents, the most urgent first, how many of them are
// real, and, unless only these
// are wanted, the newest of the others. Open ones are asked for by themselves:
// however old one is, it is there.
func listed(ctx context.Context, src Source, only bool, limit int) (all []detect.Incident, open int, err error) {
	if all, err = src.Incidents(ctx, true, mostIncidents); err != nil {
		return nil, 0, err
	}
	all = byUrgency(all)
	slices.SortStableFunc(all, func(a, b detect.Incident) int { return btoi(a.Drill) - btoi(b.Drill) }) // what is played comes last, and does not count
	for _, i := range all {
		open += btoi(!i.Drill)
	}
	if only {
		return all, open, nil
	}
	newest, err := src.Incidents(ctx, false, limit)
	if err != nil {
		return nil, 0, err
	}
	for _, i := range newest {
		if !i.State.Open() {
			all = append(all, i)
		}
	}
	return all, open, nil
}

// noneOpen is the first sentence when no incident is open: as green as that of Now.
func noneOpen(s detect.Snapshot, provider func(string) string) Verdict {
	s.Open = nil
	now := Sentence(s, provider)
	switch {
	case len(s.Sites) == 0:
		return Verdict{Text: "No agent has joined yet, so no incident can be seen.", State: "no-data"}
	case now.State == "ok":
		return Verdict{Text: "No incident is open.", State: "ok"}
	}
	return Verdict{Text: "No incident is open.", Detail: now.Text, State: now.State}
}

// inList words an incident for the list.
func inList(now time.Time, i detect.Incident) listLine {
	l := listLine{incidentLine: line(now, i)}
	start := cmp.Or(i.Started, i.Opened)
	l.Began = stamp(now, start)
	if end := cmp.Or(i.Recovered, i.Resolved); !end.IsZero() {
		l.Lasted = span(end.Sub(start))
	} else {
		l.Lasted = span(now.Sub(start)) + " so far"
	}
	if i.Sites > 0 {
		l.Counts = fmt.Sprintf("%d of %s, %s", i.DownSites, plural(i.Sites, "site"), plural(i.DownNetworks, "ISP"))
	}
	return l
}

// chart is the availability of one target around an incident.
type chart struct {
	ID, Name     string
	Began, Ended time.Time // of the incident; zero Ended: it goes on
	pastView
}

// charts reads the history of an incident's first targets from half an hour
// before it to half an hour after.
func charts(ctx context.Context, now time.Time, src Source, i detect.Incident) ([]chart, error) {
	began, ended := cmp.Or(i.Started, i.Opened), cmp.Or(i.Recovered, i.Resolved)
	from, to := began.Add(-around).UTC().Truncate(time.Minute), now
	if !ended.IsZero() {
		to = ended.Add(around)
	}
	for _, latest := range []time.Time{now, from.Add(maxChart)} {
		if to.After(latest) {
			to = latest
		}
	}
	to = to.UTC().Truncate(time.Second)
	var list []chart
	for _, id := range i.Targets {
		t, err := target(src, id)
		if err != nil || len(list) == maxCharts || !from.Before(to) {
			continue // no longer watched, or not for these eyes
		}
		points, err := src.History(ctx, HistoryQuery{Target: id, From: from, To: to})
		if err != nil {
			return nil, err
		}
		c := chart{ID: id, Name: label(t), Began: began, Ended: ended}
		c.From, c.To = from, to
		q := url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
		c.URL = "/api/v1/targets/" + url.PathEscape(id) + "/history?" + q.Encode()
		c.Regions = regionsOf(points)
		var step time.Duration
		c.Moments, step = momentsOf(points, to.Sub(from))
		c.Step = span(step)
		list = append(list, c)
	}
	return list, nil
}
