package web

import (
	"context"
	"net/http"
	"time"
)

// Joins keeps the join tokens that were made.
type Joins interface {
	// Tokens lists all of them, the newest first.
	Tokens(ctx context.Context) ([]JoinToken, error)
	// RevokeToken ends one; agents that joined with it stay. errors.Is: [ErrNotFound].
	RevokeToken(ctx context.Context, by, id string) error
}

const (
	maxImport = 3 << 20 // bytes of a list of sites as JSON: escaping may double it
	// importWithin is how long an import may take: 5,000 sites took 2 s on two busy
	// cores, and a small computer is ten times slower.
	importWithin = 30 * time.Second
)

// registerTokens adds the operators' verbs
//
//	POST /tokens                  TokenRequest -> Token
//	GET  /tokens                  []JoinToken
//	POST /tokens/{id}/revoke
//	GET  /requests                []Request
//	POST /requests/{id}/approve   Approval -> Request
//	POST /requests/{id}/deny      -> Request
//	POST /sites/import            SiteImport -> []ImportedSite
func (a api) registerTokens(mux *http.ServeMux, j interface {
	Joins
	Importer
	Actions
}) {
	mux.HandleFunc("POST /tokens", a.answer("token", func(r *http.Request) (any, error) {
		var req TokenRequest
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		if err := req.valid(); err != nil {
			return nil, err
		}
		return j.CreateToken(r.Context(), operator, req)
	}))
	mux.HandleFunc("GET /requests", a.answer("requests", func(r *http.Request) (any, error) {
		return j.Requests(r.Context())
	}))
	mux.HandleFunc("POST /requests/{id}/approve", a.answer("request", func(r *http.Request) (any, error) {
		var req Approval
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		return j.Approve(r.Context(), operator, r.PathValue("id"), req)
	}))
	mux.HandleFunc("POST /requests/{id}/deny", a.answer("request", func(r *http.Request) (any, error) {
		return j.Deny(r.Context(), operator, r.PathValue("id"))
	}))
	imported := a.answer("sites", func(r *http.Request) (any, error) {
		var req SiteImport
		if err := readSome(r, &req, maxImport); err != nil {
			return nil, err
		}
		return j.ImportSites(r.Context(), operator, req)
	})
	mux.HandleFunc("POST /sites/import", func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(importWithin + answerTimeout)); err != nil {
			a.fail(w, r, err)
			return
		}
		imported(w, r)
	})
	mux.HandleFunc("GET /tokens", a.answer("tokens", func(r *http.Request) (any, error) {
		return j.Tokens(r.Context())
	}))
	mux.HandleFunc("POST /tokens/{id}/revoke", a.answer("token", func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		return done(id), j.RevokeToken(r.Context(), operator, id)
	}))
}
