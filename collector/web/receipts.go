package web

import (
	"fmt"
	"net/http"
	"time"
)

// RouteReceipts is what became of the messages of one alert route, and what its
// way relies on.
type RouteReceipts struct {
	Name     string    `json:"name"`
	Way      string    `json:"way"`                  // webhook, mail, ...
	To       []string  `json:"to"`                   // without what may be secret
	Relies   []string  `json:"relies,omitempty"`     // providers without each of which it reaches nobody
	Unsure   bool      `json:"unsure,omitempty"`     // it could not be found out for all of its way
	Fallback string    `json:"fallback,omitempty"`   // told in its place then; "" the best other route
	Waiting  int       `json:"waiting"`              // messages that have not arrived yet
	Sent     uint64    `json:"sent"`                 // ... that have
	Dead     uint64    `json:"dead"`                 // ... that were given up
	LastSent time.Time `json:"last_sent,omitzero"`   // newest delivery
	Failing  time.Time `json:"failing,omitzero"`     // it has not delivered since then, for long; zero: it is well
	Why      string    `json:"why,omitempty"`        // what the last try met
	Tested   time.Time `json:"tested,omitzero"`      // newest weekly test
	Test     string    `json:"test_state,omitempty"` // what became of it: waiting, sent, given up
	Took     Took      `json:"-"`
}

// Took is how long messages took from the decision to the receipt since the
// collector started.
type Took struct {
	Count uint64
	Sum   float64            // seconds
	UpTo  map[float64]uint64 // by upper bound in seconds
}

// routesView is the page of the alert routes.
type routesView struct {
	settingsView
	Routes []RouteReceipts
}

// routesPage answers /settings/routes: whether alerts arrive.
func (s *Server) routesPage(w http.ResponseWriter, r *http.Request) {
	st, err := s.source(r).Status(r.Context())
	if err != nil {
		s.broken(w, r, "settings", fmt.Errorf("status for the page of the alert routes: %w", err))
		return
	}
	s.html(w, http.StatusOK, "settings_routes.html", routesView{s.settings(r, "routes", "Alert routes"), st.Alerts.ByRoute})
}

// failingRoutes says of the routes that fail that they do.
func failingRoutes(now time.Time, all []RouteReceipts) (list []string) {
	for _, r := range all {
		if !r.Failing.IsZero() {
			list = append(list, fmt.Sprintf("the alert route %s has delivered nothing for %s. Who is told by it may know nothing of what you see here: try it with picket notify test %s.",
				r.Name, span(now.Sub(r.Failing)), r.Name))
		}
	}
	return list
}
