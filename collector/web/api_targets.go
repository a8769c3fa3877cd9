package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"picket/collector/detect"
)

// historyByDefault is what is told without from.
const historyByDefault = 24 * time.Hour

// targetData is one target in picket.targets/v1 and picket.target/v1.
type targetData struct {
	Target
	State     string    `json:"state"` // ok, disputed, degraded, partial, down, no-data
	Since     time.Time `json:"since,omitzero"`
	DownSites int       `json:"down_sites"`
	Sites     int       `json:"sites"`
	Networks  int       `json:"networks"` // ISPs of the sites
	Incident  string    `json:"incident,omitempty"`
}

// historyData is the data of picket.history/v1. Points are ordered by time, then
// region; what was not measured has no point.
type historyData struct {
	Target string    `json:"target"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Points []Point   `json:"points"`
}

// registerTargets adds the routes about targets under prefix:
//
//	GET /targets                            -> picket.targets/v1
//	GET /targets/{id}                       -> picket.target/v1
//	GET /targets/{id}/latest                -> picket.latest/v1, the newest result of each check at each agent
//	GET /targets/{id}/history?from=&to=     -> picket.history/v1
//
// from and to are RFC 3339 or a time before now such as -24h; without them the
// last 24 hours are told.
func (a api) registerTargets(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/targets", a.answer("targets", func(r *http.Request) (any, error) {
		return describe(a.of(r)), nil
	}))
	mux.HandleFunc("GET "+prefix+"/targets/{id}", a.answer("target", func(r *http.Request) (any, error) {
		for _, t := range describe(a.of(r)) {
			if t.ID == r.PathValue("id") {
				return t, nil
			}
		}
		return nil, fmt.Errorf("target %q: %w", r.PathValue("id"), ErrNotFound)
	}))
	mux.HandleFunc("GET "+prefix+"/targets/{id}/latest", a.answer("latest", func(r *http.Request) (any, error) {
		t, err := target(a.of(r), r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return list(a.of(r).Latest(t.ID)), nil
	}))
	mux.HandleFunc("GET "+prefix+"/targets/{id}/history", a.answer("history", a.history))
}

// describe returns every target of src with its state.
func describe(src Source) []targetData {
	verdicts := map[string]detect.Verdict{}
	for _, v := range src.Snapshot().Verdicts {
		verdicts[v.Target] = v
	}
	all := src.Targets()
	out := make([]targetData, len(all))
	for i, t := range all {
		out[i] = targetData{Target: t, State: detect.NoData.String()}
		if v, ok := verdicts[t.ID]; ok {
			out[i].State, out[i].Since, out[i].Incident = v.State.String(), v.Since, v.Incident
			out[i].DownSites, out[i].Sites, out[i].Networks = v.DownSites, v.Sites, v.Networks
		}
	}
	return out
}

// target returns the target of an id. errors.Is: [ErrNotFound].
func target(src Source, id string) (Target, error) {
	for _, t := range src.Targets() {
		if t.ID == id {
			return t, nil
		}
	}
	return Target{}, fmt.Errorf("target %q: %w", id, ErrNotFound)
}

func (a api) history(r *http.Request) (any, error) {
	src := a.of(r)
	t, err := target(src, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	from, to, err := period(a.now(), r.URL.Query().Get("from"), r.URL.Query().Get("to"))
	if err != nil {
		return nil, err
	}
	points, err := src.History(r.Context(), HistoryQuery{Target: t.ID, From: from, To: to})
	return historyData{t.ID, from.UTC(), to.UTC(), list(points)}, err
}

// period reads the two ends of a question for history.
func period(now time.Time, from, to string) (start, end time.Time, err error) {
	start, end = now.Add(-historyByDefault), now
	if to != "" {
		if end, err = readTime(now, to); err != nil {
			return start, end, badPeriod("to is neither a time nor an age")
		}
		start = end.Add(-historyByDefault)
	}
	if from != "" {
		if start, err = readTime(now, from); err != nil {
			return start, end, badPeriod("from is neither a time nor an age")
		}
	}
	switch {
	case !start.Before(end):
		return start, end, badPeriod("from is not before to")
	case end.Sub(start) > LongestHistory:
		return start, end, badPeriod(fmt.Sprintf("it is longer than %d days", LongestHistory/(24*time.Hour)))
	}
	return start, end, nil
}

// readTime reads 2006-01-02T15:04:05Z or -24h.
func readTime(now time.Time, text string) (time.Time, error) {
	if strings.HasPrefix(text, "-") {
		d, err := time.ParseDuration(text)
		return now.Add(d), err
	}
	return time.Parse(time.RFC3339, text)
}

func badPeriod(why string) error {
	return &Error{Status: http.StatusBadRequest, Code: "query", What: "the history was not read", Why: why,
		Fix: "write times as 2006-01-02T15:04:05Z, or as an age such as -24h"}
}
