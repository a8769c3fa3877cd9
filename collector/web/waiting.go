package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// requestLine is a machine that waits for an admin, or that was approved and has
// not come for its certificate yet.
type requestLine struct {
	ID, Host, OS, Client, Wish, From, Network, Asked string
	Site                                             string // where it was approved for; "" it waits
}

// maxWaiting is how many requests the page lists; picket agent pending lists all.
const maxWaiting = 200

// waiting lists who waits. Who may know is decided before.
func (s *Server) waiting(ctx context.Context, now time.Time) ([]requestLine, error) {
	all, err := s.o.Actions.Requests(ctx)
	if err != nil {
		return nil, err
	}
	var out []requestLine
	for _, q := range all {
		if q.State == "denied" || len(out) == maxWaiting {
			continue
		}
		out = append(out, requestLine{ID: q.ID, Host: cmp.Or(q.Hostname, "nameless"), OS: q.OS, Client: q.Client, Wish: q.Wish, From: q.From, Network: q.Network,
			Asked: age(now.Sub(q.Asked)), Site: q.Site})
	}
	return out, nil
}

// approve answers POST /fleet/requests/{id}/approve.
func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	a := Approval{Site: typed(strings.TrimSpace(r.PostFormValue("site")))}
	s.decided(w, r, "the machine was not approved", func(by, id string) error {
		_, err := s.o.Actions.Approve(r.Context(), by, id, a)
		return err
	})
}

// deny answers POST /fleet/requests/{id}/deny.
func (s *Server) deny(w http.ResponseWriter, r *http.Request) {
	s.decided(w, r, "the machine was not denied", func(by, id string) error {
		_, err := s.o.Actions.Deny(r.Context(), by, id)
		return err
	})
}

// decided answers what became of a decision.
func (s *Server) decided(w http.ResponseWriter, r *http.Request, not string, decide func(by, id string) error) {
	err := ErrNotFound
	if s.o.Actions != nil {
		err = decide(who(r.Context()).Name, r.PathValue("id"))
	}
	told, known := errors.AsType[*Error](err)
	switch {
	case err == nil:
		http.Redirect(w, r, "/fleet#waiting", http.StatusSeeOther)
	case errors.Is(err, ErrNotFound):
		s.nothing(w, r, "There is no request of this id.", "It may have been withdrawn with its token, or be too old.", "/fleet", "Fleet")
	case known:
		s.refuse(w, r, told)
	default:
		s.o.Log.Error("decide about a request to join", "request", r.PathValue("id"), "err", err)
		s.refuse(w, r, &Error{Status: http.StatusInternalServerError, Code: "internal", What: not, Why: "the reason is in the collector's log"})
	}
}
