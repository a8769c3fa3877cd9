package web

import (
	"errors"
	"net/http"
	"time"

	"picket/collector/access"
)

// maxAudit is how much of the audit trail the page shows.
const maxAudit = 500

// settingsView is what the settings pages show; each uses its part.
type settingsView struct {
	frame
	Tab    string // own, users, tokens, audit
	Done   string // what was just done; "" nothing
	Wrong  string // why it was not
	Fix    string
	Users  []userLine
	Tokens []tokenLine
	Audit  []access.Entry
	Secret string // an API token, shown once
	Roles  []access.Role
	Kept   map[string]string // a form's fields as they were sent, no secrets
}

type userLine struct {
	access.User
	Self, Active bool
}

type tokenLine struct {
	access.APIToken
	State string // usable, ended, revoked
}

// settingsRoutes adds the settings pages. Who is who changes here and on the
// operator's socket, nowhere else.
func (s *Server) settingsRoutes(mux *http.ServeMux) {
	manage := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(pattern, s.may(access.Manage, s.kept(h))) }
	mux.HandleFunc("GET /settings", s.session(s.ownPage))
	mux.HandleFunc("POST /settings/password", s.session(s.changePassword))
	mux.HandleFunc("POST /settings/signout", s.session(s.signOutAll))
	manage("GET /settings/users", s.usersPage)
	manage("POST /settings/users", s.createUser)
	manage("POST /settings/users/{name}/{verb}", s.changeUser)
	manage("GET /settings/tokens", s.tokensPage)
	manage("POST /settings/tokens", s.createAPIToken)
	manage("POST /settings/tokens/{id}/revoke", s.revokeAPIToken)
	mux.HandleFunc("GET /settings/routes", s.may(access.Probe, s.routesPage))
	manage("GET /settings/audit", s.auditPage)
}

// kept lets h be asked only where there are users to manage.
func (s *Server) kept(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.o.Access == nil {
			notFound(w, r)
			return
		}
		h(w, r)
	}
}

func (s *Server) settings(r *http.Request, tab, title string) settingsView {
	return settingsView{frame: s.frame(r, "settings", title), Tab: tab, Roles: []access.Role{access.Technician, access.Viewer, access.Admin}, Kept: map[string]string{}}
}

func (s *Server) ownPage(w http.ResponseWriter, r *http.Request) {
	s.html(w, http.StatusOK, "settings.html", s.settings(r, "own", "Settings"))
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) {
	v := s.settings(r, "own", "Settings")
	if fresh := r.PostFormValue("new"); fresh != r.PostFormValue("again") {
		v.Wrong = "The two new passwords are not the same."
	} else if err := s.o.Access.ChangePassword(r.Context(), v.Who, r.PostFormValue("old"), fresh); errors.Is(err, access.ErrRefused) {
		v.Wrong = "The password that you have now is another one."
	} else if err != nil {
		v.Wrong = s.words(err)
	}
	if v.Wrong != "" {
		s.html(w, http.StatusBadRequest, "settings.html", v)
		return
	}
	s.setCookie(w, r, "") // all sessions have ended, this one too
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func (s *Server) signOutAll(w http.ResponseWriter, r *http.Request) {
	p := who(r.Context())
	if err := s.o.Access.LogoutAll(r.Context(), p.Name, p.Name); err != nil {
		v := s.settings(r, "own", "Settings")
		v.Wrong = s.words(err)
		s.html(w, http.StatusInternalServerError, "settings.html", v)
		return
	}
	s.setCookie(w, r, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// words is an error of access for people; what is not theirs goes to the log.
func (s *Server) words(err error) string {
	if th, ok := errors.AsType[*access.Throttled](err); ok {
		return "Too many failures. Wait " + span(th.After.Round(time.Second)) + " and try again."
	}
	for _, known := range []error{access.ErrName, access.ErrRole, access.ErrPassword, access.ErrLastAdmin, access.ErrExists, access.ErrNotFound, access.ErrBusy} {
		if errors.Is(err, known) {
			return "This was not done. " + sentence(err.Error())
		}
	}
	s.o.Log.Error("settings", "err", err)
	return "This was not done. The reason is in the collector's log."
}

// sentence makes an error's text one.
func sentence(text string) string {
	b := []byte(text)
	if len(b) > 0 && b[0] >= 'a' && b[0] <= 'z' {
		b[0] -= 'a' - 'A'
	}
	return string(b) + "."
}

func (s *Server) usersPage(w http.ResponseWriter, r *http.Request) {
	s.showUsers(w, r, http.StatusOK, s.settings(r, "users", "Users"))
}

func (s *Server) showUsers(w http.ResponseWriter, r *http.Request, status int, v settingsView) {
	all, err := s.o.Access.Users(r.Context())
	if err != nil {
		v.Wrong, status = s.words(err), http.StatusInternalServerError
	}
	for _, u := range all {
		v.Users = append(v.Users, userLine{User: u, Self: u.Name == v.Who.Name, Active: u.Disabled.IsZero()})
	}
	s.html(w, status, "settings_users.html", v)
}

func (s *Server) createUser(w http.ResponseWriter, r *http.Request) {
	v := s.settings(r, "users", "Users")
	name, role, client := r.PostFormValue("name"), r.PostFormValue("role"), r.PostFormValue("client")
	if err := s.o.Access.CreateUser(r.Context(), v.Who.Name, name, access.Role(role), client, r.PostFormValue("password")); err != nil {
		v.Wrong = s.words(err)
		v.Kept = map[string]string{"name": shorten(name, 64), "role": role, "client": shorten(client, 128)}
		s.showUsers(w, r, http.StatusBadRequest, v)
		return
	}
	http.Redirect(w, r, "/settings/users", http.StatusSeeOther)
}

func (s *Server) changeUser(w http.ResponseWriter, r *http.Request) {
	err := changeByVerb(r.Context(), s.o.Access, who(r.Context()).Name, r.PathValue("name"), r.PathValue("verb"), r.PostFormValue("password"))
	if errors.Is(err, errVerb) {
		notFound(w, r)
		return
	}
	if err != nil {
		v := s.settings(r, "users", "Users")
		v.Wrong = s.words(err)
		s.showUsers(w, r, http.StatusBadRequest, v)
		return
	}
	http.Redirect(w, r, "/settings/users", http.StatusSeeOther)
}

func (s *Server) tokensPage(w http.ResponseWriter, r *http.Request) {
	s.showTokens(w, r, http.StatusOK, s.settings(r, "tokens", "API tokens"))
}

func (s *Server) showTokens(w http.ResponseWriter, r *http.Request, status int, v settingsView) {
	all, err := s.o.Access.Tokens(r.Context())
	if err != nil {
		v.Wrong, status = s.words(err), http.StatusInternalServerError
	}
	for _, t := range all {
		line := tokenLine{APIToken: t, State: "usable"}
		switch {
		case !t.Revoked.IsZero():
			line.State = "revoked"
		case !v.Now.Before(t.Expires):
			line.State = "ended"
		}
		v.Tokens = append(v.Tokens, line)
	}
	s.html(w, status, "settings_tokens.html", v)
}

// createAPIToken answers with the page itself: the token is shown once and
// stands in no address.
func (s *Server) createAPIToken(w http.ResponseWriter, r *http.Request) {
	v := s.settings(r, "tokens", "API tokens")
	req := access.TokenRequest{Name: r.PostFormValue("name"), Role: access.Role(r.PostFormValue("role")), Client: r.PostFormValue("client")}
	life := map[string]time.Duration{"": 0, "30": 30 * 24 * time.Hour, "90": 90 * 24 * time.Hour, "365": 365 * 24 * time.Hour}
	var known bool
	if req.Life, known = life[r.PostFormValue("days")]; !known {
		v.Wrong = "This was not done. A token lives 30, 90 or 365 days."
		s.showTokens(w, r, http.StatusBadRequest, v)
		return
	}
	text, _, err := s.o.Access.CreateToken(r.Context(), v.Who.Name, req)
	if err != nil {
		v.Wrong = s.words(err)
		v.Kept = map[string]string{"name": shorten(req.Name, 64), "role": string(req.Role), "client": shorten(req.Client, 128)}
		s.showTokens(w, r, http.StatusBadRequest, v)
		return
	}
	v.Secret = text
	s.showTokens(w, r, http.StatusOK, v)
}

func (s *Server) revokeAPIToken(w http.ResponseWriter, r *http.Request) {
	if err := s.o.Access.RevokeToken(r.Context(), who(r.Context()).Name, r.PathValue("id")); err != nil {
		v := s.settings(r, "tokens", "API tokens")
		v.Wrong = s.words(err)
		s.showTokens(w, r, http.StatusBadRequest, v)
		return
	}
	http.Redirect(w, r, "/settings/tokens", http.StatusSeeOther)
}

func (s *Server) auditPage(w http.ResponseWriter, r *http.Request) {
	v := s.settings(r, "audit", "Audit trail")
	status := http.StatusOK
	var err error
	if v.Audit, err = s.o.Access.AuditLog(r.Context(), maxAudit); err != nil {
		v.Wrong, status = s.words(err), http.StatusInternalServerError
	}
	s.html(w, status, "settings_audit.html", v)
}
