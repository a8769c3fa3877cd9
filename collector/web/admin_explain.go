package web

import (
	"context"
	"net/http"
	"time"
)

// Explainer says why somebody was told, or not.
type Explainer interface {
	// Explain says of an incident what every route was told, and why not more; of
	// one route only unless route is "". errors.Is: [ErrNotFound].
	Explain(ctx context.Context, incident, route string) (Explanation, error)
	// Shadowed lists what would have been sent since then, the oldest first.
	Shadowed(ctx context.Context, since time.Time) ([]ShadowLetter, error)
}

// Explanation is why the routes were told of an incident, or not.
type Explanation struct {
	Incident string             `json:"incident"`
	Title    string             `json:"title"`
	State    string             `json:"state"`
	Routes   []RouteExplanation `json:"routes"`
}

// RouteExplanation is why one route was told, or not.
type RouteExplanation struct {
	Route  string       `json:"route"`
	Class  string       `json:"class,omitempty"`
	Shadow bool         `json:"shadow,omitempty"` // it is only written down
	Gone   bool         `json:"gone,omitempty"`   // it is no longer configured
	Told   []ToldLetter `json:"told"`
	// Event is what it is about to be told; "" nothing, and Reason and Words say why.
	Event  string    `json:"event,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Words  string    `json:"words,omitempty"`
	By     string    `json:"by,omitempty"`  // the incident, silence or storm that holds it back
	Next   time.Time `json:"next,omitzero"` // when it is looked at again; zero: when something changes
	// Counted says whether its way needs what the incident blames: counted_on, or
	// who is told in its place and why; Detour says it for people.
	Counted string `json:"counted,omitempty"`
	Detour  string `json:"detour,omitempty"`
}

// ToldLetter is one letter to a route, and how far it came.
type ToldLetter struct {
	At     time.Time `json:"at"`
	Event  string    `json:"event"`
	Reason string    `json:"reason,omitempty"`
	State  string    `json:"state"` // waiting, sent, given up, recorded only
	Done   time.Time `json:"done,omitzero"`
	Tries  int       `json:"failed_tries,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// ShadowLetter is what would have been sent.
type ShadowLetter struct {
	At       time.Time `json:"at"`
	Route    string    `json:"route"`
	Event    string    `json:"event"`
	Incident string    `json:"incident"`
	Reason   string    `json:"reason"`
	Subject  string    `json:"subject"`
}

// registerExplain registers
//
//	GET /notify/explain?incident=ID&route=NAME  -> Explanation
//	GET /notify/shadow?since=TIME               -> []ShadowLetter
func (a api) registerExplain(mux *http.ServeMux, e Explainer) {
	mux.HandleFunc("GET /notify/explain", a.answer("alert_explanation", func(r *http.Request) (any, error) {
		q := r.URL.Query()
		return e.Explain(r.Context(), q.Get("incident"), q.Get("route"))
	}))
	mux.HandleFunc("GET /notify/shadow", a.answer("alert_shadow", func(r *http.Request) (any, error) {
		since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
		if err != nil {
			return nil, &Error{Status: http.StatusBadRequest, Code: "since", What: "since is no time", Fix: "write it like 2026-02-02T15:04:05Z"}
		}
		all, err := e.Shadowed(r.Context(), since)
		return list(all), err
	}))
}
