package web

import (
	"net/http"
	"time"

	"picket/collector/access"
	"picket/collector/inquiry"
)

// registerCheck adds the operators' verb
//
//	POST /check    inquiry.Question -> inquiry.Finding
//
// Whoever may open the socket may ask about everything; how often is limited as
// for everybody else.
func (a api) registerCheck(mux *http.ServeMux, actions Actions) {
	by := access.Principal{Name: operator, Role: access.Admin, Via: "socket"}
	ask := a.answer("check", func(r *http.Request) (any, error) {
		var q inquiry.Question
		if err := readJSON(r, &q); err != nil {
			return nil, err
		}
		if q.Target == "" {
			return nil, &Error{Status: http.StatusBadRequest, Code: "target", What: "nothing was asked", Why: "no target is named"}
		}
		return actions.Ask(r.Context(), by, q)
	})
	mux.HandleFunc("POST /check", func(w http.ResponseWriter, r *http.Request) {
		// The answer takes longer than others may.
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(askTimeout + answerTimeout)); err != nil {
			a.fail(w, r, err)
			return
		}
		ask(w, r)
	})
}
