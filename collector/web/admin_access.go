package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"picket/collector/access"
)

// User is a user as operators see it.
type User struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Client    string    `json:"client,omitempty"` // of a viewer
	Created   time.Time `json:"created"`
	Disabled  time.Time `json:"disabled,omitzero"`
	LastLogin time.Time `json:"last_login,omitzero"`
}

// UserRequest asks for a user, or for a new password of one.
type UserRequest struct {
	Name     string `json:"name,omitempty"`
	Role     string `json:"role,omitempty"`
	Client   string `json:"client,omitempty"`
	Password string `json:"password,omitempty"`
}

// APIToken is an API token as operators see it. Token is only known when it is made.
type APIToken struct {
	Token   string    `json:"token,omitempty"`
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Client  string    `json:"client,omitempty"`
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Used    time.Time `json:"used,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// APITokenRequest asks for an API token.
type APITokenRequest struct {
	Name   string        `json:"name"`
	Role   string        `json:"role"`
	Client string        `json:"client,omitempty"`
	Life   time.Duration `json:"life_ns,omitempty"` // 0 means 90 days
}

// registerAccess adds the operators' verbs
//
//	GET  /users
//	POST /users                    UserRequest
//	POST /users/{name}/{verb}      disable, enable, delete, signout; password: UserRequest
//	GET  /apitokens
//	POST /apitokens                APITokenRequest -> APIToken with Token
//	POST /apitokens/{id}/revoke
func (a api) registerAccess(mux *http.ServeMux, k *access.Keeper) {
	mux.HandleFunc("GET /users", a.answer("users", func(r *http.Request) (any, error) {
		all, err := k.Users(r.Context())
		out := make([]User, len(all))
		for i, u := range all {
			out[i] = User{u.Name, u.Role, u.Client, u.Created, u.Disabled, u.LastLogin}
		}
		return out, explained(err)
	}))
	mux.HandleFunc("POST /users", a.answer("user", func(r *http.Request) (any, error) {
		var q UserRequest
		if err := readJSON(r, &q); err != nil {
			return nil, err
		}
		return done(q.Name), explained(k.CreateUser(r.Context(), operator, q.Name, access.Role(q.Role), q.Client, q.Password))
	}))
	mux.HandleFunc("POST /users/{name}/{verb}", a.answer("user", func(r *http.Request) (any, error) {
		name, verb := r.PathValue("name"), r.PathValue("verb")
		var q UserRequest
		if verb == "password" {
			if err := readJSON(r, &q); err != nil {
				return nil, err
			}
		}
		return done(name), explained(changeByVerb(r.Context(), k, operator, name, verb, q.Password))
	}))
	mux.HandleFunc("GET /apitokens", a.answer("apitokens", func(r *http.Request) (any, error) {
		all, err := k.Tokens(r.Context())
		out := make([]APIToken, len(all))
		for i, t := range all {
			out[i] = shown(t)
		}
		return out, explained(err)
	}))
	mux.HandleFunc("POST /apitokens", a.answer("apitoken", func(r *http.Request) (any, error) {
		var q APITokenRequest
		if err := readJSON(r, &q); err != nil {
			return nil, err
		}
		text, t, err := k.CreateToken(r.Context(), operator, access.TokenRequest{Name: q.Name, Role: access.Role(q.Role), Client: q.Client, Life: q.Life})
		out := shown(t)
		out.Token = text
		return out, explained(err)
	}))
	mux.HandleFunc("POST /apitokens/{id}/revoke", a.answer("apitoken", func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		return done(id), explained(k.RevokeToken(r.Context(), operator, id))
	}))
}

func done(id string) any { return map[string]string{"id": id} }

func shown(t access.APIToken) APIToken {
	return APIToken{ID: t.ID, Name: t.Name, Role: t.Role, Client: t.Client, By: t.By, Created: t.Created, Expires: t.Expires, Used: t.Used, Revoked: t.Revoked}
}

// errVerb marks a verb that this collector does not know.
var errVerb = errors.New("no such verb")

// changeByVerb does to a user what the last part of a path says, for the
// operators' socket and for the settings pages. password is that of the verb
// password. errors.Is: [errVerb], and those of access.
func changeByVerb(ctx context.Context, k *access.Keeper, by, name, verb, password string) error {
	switch verb {
	case "disable":
		return k.Disable(ctx, by, name, true)
	case "enable":
		return k.Disable(ctx, by, name, false)
	case "delete":
		return k.DeleteUser(ctx, by, name)
	case "signout":
		return k.LogoutAll(ctx, by, name)
	case "password":
		return k.SetPassword(ctx, by, name, password)
	}
	return errVerb
}

// explained turns an error of access into one for people.
func explained(err error) error {
	refused := func(code, fix string) error {
		return &Error{Status: http.StatusBadRequest, Code: code, What: "nothing was changed", Why: err.Error(), Fix: fix}
	}
	switch {
	case err == nil || errors.As(err, new(*Error)):
		return err
	case errors.Is(err, errVerb):
		return &Error{Status: http.StatusNotFound, Code: "verb", What: "this collector knows no such verb", Fix: "use a picket command of the collector's version"}
	case errors.Is(err, access.ErrNotFound):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, access.ErrExists):
		return refused("exists", "take another name, or set a new password: picket user password NAME")
	case errors.Is(err, access.ErrLastAdmin):
		return refused("last_admin", "make another admin before: picket user create NAME --role admin")
	case errors.Is(err, access.ErrPassword):
		return refused("password", fmt.Sprintf("take %d characters or more: a sentence is easy to keep in mind", access.MinPassword))
	case errors.Is(err, access.ErrRole):
		return refused("role", "")
	case errors.Is(err, access.ErrName):
		return refused("name", "")
	case errors.Is(err, access.ErrBusy):
		return refused("busy", "try again in a moment")
	}
	return err
}
