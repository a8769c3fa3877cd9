package web

import (
	"context"
	"net/http"
	"time"
)

// JoinToken is a join token as operators see it later: without its secret.
type JoinToken struct {
	ID       string    `json:"id"`
	Client   string    `json:"client"`
	Site     string    `json:"site"` // "client/site"
	Uses     int       `json:"uses"` // how many agents may join with it
	Used     int       `json:"used"` // how many did
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Revoked  time.Time `json:"revoked,omitzero"`
}

// Joins keeps the join tokens that were made.
type Joins interface {
	// Tokens lists all of them, the newest first.
	Tokens(ctx context.Context) ([]JoinToken, error)
	// RevokeToken ends one; agents that joined with it stay. errors.Is: [ErrNotFound].
	RevokeToken(ctx context.Context, by, id string) error
}

// registerTokens adds the operators' verbs
//
//	GET  /tokens                []JoinToken
//	POST /tokens/{id}/revoke
func (a api) registerTokens(mux *http.ServeMux, j Joins) {
	mux.HandleFunc("GET /tokens", a.answer("tokens", func(r *http.Request) (any, error) {
		return j.Tokens(r.Context())
	}))
	mux.HandleFunc("POST /tokens/{id}/revoke", a.answer("token", func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		return done(id), j.RevokeToken(r.Context(), operator, id)
	}))
}
