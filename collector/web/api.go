package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
)

// maxIncidents is the most one answer lists.
const maxIncidents = 1000

// envelope is every answer of the API.
type envelope struct {
	Schema      string    `json:"schema"`
	GeneratedAt time.Time `json:"generated_at"`
	Data        any       `json:"data"`
}

// statusData is the data of picket.status/v1.
type statusData struct {
	Status
	Sentence string    `json:"sentence"` // the page's first sentence
	State    string    `json:"state"`    // ok, disputed, degraded, down, no-data: the worst that is open
	Ready    bool      `json:"ready"`
	Unready  []Unready `json:"unready"`
	Sites    int       `json:"sites"`
	Eligible int       `json:"eligible"`        // sites that may vote now
	Networks int       `json:"networks"`        // ISPs of the sites
	Open     int       `json:"open"`            // open incidents
	Frozen   bool      `json:"frozen"`          // new confirmed incidents are frozen
	Drill    *Drill    `json:"drill,omitempty"` // that is on
}

// verdictsData is the data of picket.verdicts/v1.
type verdictsData struct {
	At       time.Time        `json:"at"`
	Config   uint64           `json:"config"`
	Cells    []detect.Cell    `json:"cells"`
	Verdicts []detect.Verdict `json:"verdicts"`
}

// api answers in JSON.
type api struct {
	source Source
	// scope returns what the principal of a request may see; nil: all of source.
	scope func(*http.Request) Source
	now   func() time.Time
	log   *slog.Logger
}

// of is the source for a request.
func (a api) of(r *http.Request) Source {
	if a.scope == nil {
		return a.source
	}
	return a.scope(r)
}

// register adds the read-only routes under prefix.
func (a api) register(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/status", a.answer("status", a.status))
	mux.HandleFunc("GET "+prefix+"/verdicts", a.answer("verdicts", func(r *http.Request) (any, error) {
		s := a.of(r).Snapshot()
		return verdictsData{s.At, s.Config, list(s.Cells), list(s.Verdicts)}, nil
	}))
	mux.HandleFunc("GET "+prefix+"/sites", a.answer("sites", func(r *http.Request) (any, error) {
		return list(a.of(r).Snapshot().Sites), nil
	}))
	mux.HandleFunc("GET "+prefix+"/coverage", a.answer("coverage", func(r *http.Request) (any, error) {
		all, err := a.of(r).Coverage(r.Context())
		return list(all), err
	}))
	mux.HandleFunc("GET "+prefix+"/agents", a.answer("agents", func(r *http.Request) (any, error) {
		all, err := a.of(r).Agents(r.Context())
		return list(all), err
	}))
	mux.HandleFunc("GET "+prefix+"/incidents", a.answer("incidents", a.incidents))
	mux.HandleFunc("GET "+prefix+"/incidents/{id}", a.answer("incident", a.handled))
	mux.HandleFunc("GET "+prefix+"/silences", a.answer("silences", func(r *http.Request) (any, error) {
		all, err := a.of(r).Silences(r.Context())
		return list(all), err
	}))
	a.registerTargets(mux, prefix)
	a.registerRecords(mux, prefix)
	a.registerDrills(mux, prefix)
}

// list makes an absent list an empty one: null is a trap for readers.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

// answer wraps what get returns.
func (a api) answer(name string, get func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := get(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, envelope{"picket." + name + "/v1", a.now().UTC(), data})
	}
}

func (a api) status(r *http.Request) (any, error) {
	src := a.of(r)
	st, err := src.Status(r.Context())
	if err != nil {
		return nil, err
	}
	snap := src.Snapshot()
	un := src.Unready(r.Context())
	sentence := Sentence(snap, src.Provider)
	d := statusData{Status: st, Sentence: sentence.Text, State: sentence.State, Ready: len(un) == 0, Unready: list(un),
		Sites: len(snap.Sites), Open: len(snap.Open), Frozen: snap.Frozen, Drill: src.Drill()}
	d.Eligible, d.Networks = voters(snap.Sites)
	return d, nil
}

func (a api) incidents(r *http.Request) (any, error) {
	open, limit := false, 100
	switch v := r.URL.Query().Get("open"); v {
	case "", "false":
	case "true":
		open = true
	default:
		return nil, &Error{Status: http.StatusBadRequest, Code: "query", What: "the list was not made", Why: "open is neither true nor false", Fix: "leave it out for all incidents"}
	}
	if v := r.URL.Query().Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxIncidents {
			return nil, &Error{Status: http.StatusBadRequest, Code: "query", What: "the list was not made", Why: "limit is not a number from 1 to 1000"}
		}
		limit = n
	}
	all, err := a.of(r).Incidents(r.Context(), open, limit)
	return list(all), err
}

// fail answers an error: its own words if it has any, else none of its text,
// which is for our log.
func (a api) fail(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*Error](err); ok {
		fail(w, e)
		return
	}
	switch {
	case errors.Is(err, ErrNotFound):
		fail(w, &Error{Status: http.StatusNotFound, Code: "not_found", What: "there is nothing of this id", Fix: "list them to see the ids"})
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil: // the client left
	default:
		a.log.Error("request", "path", r.URL.Path, "err", err)
		fail(w, &Error{Status: http.StatusInternalServerError, Code: "internal", What: "the collector could not answer", Why: "the reason is in its log"})
	}
}

// fail answers with e.
func fail(w http.ResponseWriter, e *Error) {
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	writeJSON(w, status, struct {
		Schema string `json:"schema"`
		Error  *Error `json:"error"`
	}{"picket.error/v1", e})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, &Error{Status: http.StatusMethodNotAllowed, Code: "method", What: "nothing can be changed here", Fix: "use the picket command on the collector's machine"})
		return
	}
	fail(w, &Error{Status: http.StatusNotFound, Code: "not_found", What: "there is no such page", Fix: "begin at /"})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

// ready answers /readyz: 200, or 503 with the reasons. Strangers, such as a load
// balancer, are told the codes alone.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	un := slices.Clone(s.o.Source.Unready(r.Context()))
	if !who(r.Context()).May(access.Look) {
		for i := range un {
			un[i].Text = ""
		}
	}
	status := http.StatusOK
	if len(un) > 0 {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, envelope{"picket.ready/v1", s.o.Now().UTC(), struct {
		Ready   bool      `json:"ready"`
		Unready []Unready `json:"unready"`
	}{len(un) == 0, list(un)}})
}
