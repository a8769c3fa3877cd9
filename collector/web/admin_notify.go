package web

import (
	"context"
	"net/http"
	"time"
)

// notifyWithin is how long a test of the alert routes may take. A mail server
// may greet slowly, so it is longer than other answers.
const notifyWithin = 45 * time.Second

// Notifier tells of the alert routes and tries them. An error that is an
// *[Error] is told as it is.
type Notifier interface {
	// AlertRoutes lists the routes in the order of the configuration, without
	// their secrets.
	AlertRoutes() []AlertRoute
	// TestAlerts delivers a test message on one route, or on all of them if route
	// is "", and says how each went. by stands in the audit trail.
	TestAlerts(ctx context.Context, by, route string) ([]Delivery, error)
	// Receipts lists what became of messages, the newest first: about one incident,
	// or the last few hundred if incident is "".
	Receipts(ctx context.Context, incident string) ([]Letter, error)
}

// AlertRoute is whom Picket tells of what. It holds no secret: of a webhook's
// URL only the host is named.
type AlertRoute struct {
	Name          string        `json:"name"`
	Class         string        `json:"class"`            // page, chat, ticket, client
	Shadow        bool          `json:"shadow,omitempty"` // what it would be told is written down and not sent
	Way           string        `json:"way"`              // webhook, mail, slack, ...; none
	To            []string      `json:"to"`               // host or service, or the mail addresses
	Kinds         string        `json:"kinds"`
	MinConfidence string        `json:"min_confidence"`
	Delay         time.Duration `json:"delay_ns"`
	ResolveDelay  time.Duration `json:"resolve_delay_ns"`
}

// Delivery is how a test message went.
type Delivery struct {
	Route string        `json:"route"`
	Way   string        `json:"way"`
	To    []string      `json:"to"`
	OK    bool          `json:"ok"`
	Took  time.Duration `json:"took_ns"`
	Why   string        `json:"why,omitempty"` // it failed
	Fix   string        `json:"fix,omitempty"` // what may help
}

// TestRequest names the route to try.
type TestRequest struct {
	Route string `json:"route,omitempty"` // "": all
}

// registerNotify registers
//
//	GET  /notify/routes               -> []AlertRoute
//	GET  /notify/receipts?incident=ID -> []Letter
//	POST /notify/test  TestRequest    -> []Delivery
func (a api) registerNotify(mux *http.ServeMux, n Notifier) {
	mux.HandleFunc("GET /notify/routes", a.answer("alert_routes", func(*http.Request) (any, error) {
		return list(n.AlertRoutes()), nil
	}))
	mux.HandleFunc("GET /notify/receipts", a.answer("alert_receipts", func(r *http.Request) (any, error) {
		all, err := n.Receipts(r.Context(), r.URL.Query().Get("incident"))
		return list(all), err
	}))
	mux.HandleFunc("POST /notify/test", func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(notifyWithin + answerTimeout)); err != nil {
			a.fail(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), notifyWithin)
		defer cancel()
		a.answer("alert_test", func(r *http.Request) (any, error) {
			var req TestRequest
			if err := readJSON(r, &req); err != nil {
				return nil, err
			}
			all, err := n.TestAlerts(ctx, operator, req.Route)
			return list(all), err
		})(w, r)
	})
}
