package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"picket/collector/access"
)

// loginView is the page with the log-in form.
type loginView struct {
	frame
	Name  string // as typed
	Next  string // a local path to go on to
	Wrong string // why it did not work; "" at first
	Open  bool   // no user exists
}

// accessRoutes adds log-in, log-out and the settings pages.
func (s *Server) accessRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.session(s.logout))
	s.settingsRoutes(mux)
}

// local says whether to is a path on this page and nothing that a browser could
// take for an address elsewhere.
func local(to string) bool {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || len(to) > 2048 ||
		strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return false
	}
	u, err := url.Parse(to)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && !strings.HasPrefix(u.Path, "//") &&
		u.Path != "/login" && u.Path != "/logout" && !strings.ContainsAny(u.Path, "\\\r\n")
}

// next is where to go after the log-in.
func next(asked string) string {
	if local(asked) {
		return asked
	}
	return "/"
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) {
	p := who(r.Context())
	to := next(r.URL.Query().Get("next"))
	if p.Via == "session" {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	s.html(w, http.StatusOK, "login.html", loginView{frame: s.frame(r, "", "Log in"), Next: to, Open: p.Via == "open"})
}

// login tries a name and a password. A cookie that the request brought is never
// taken over; if it was a session, that one ends.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.refuse(w, r, formError(err))
		return
	}
	if s.o.Access == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	v := loginView{frame: s.frame(r, "", "Log in"), Name: shorten(r.PostForm.Get("name"), 64), Next: next(r.PostForm.Get("next"))}
	v.Who = access.Principal{}
	cookie, _, err := s.o.Access.Login(r.Context(), r.PostForm.Get("name"), r.PostForm.Get("password"), s.remote(r))
	status := http.StatusUnauthorized
	if th, ok := errors.AsType[*access.Throttled](err); ok {
		wait := int(th.After/time.Second) + 1
		w.Header().Set("Retry-After", strconv.Itoa(wait))
		status, v.Wrong = http.StatusTooManyRequests, "Too many failed log-ins. Wait "+span(time.Duration(wait)*time.Second)+" and try again."
	} else if errors.Is(err, access.ErrBusy) {
		w.Header().Set("Retry-After", "2")
		status, v.Wrong = http.StatusServiceUnavailable, "Many people log in at this moment. Try again in a few seconds."
	} else if errors.Is(err, access.ErrRefused) {
		v.Wrong = "The user name or the password is wrong, or the user is disabled."
	} else if err != nil {
		s.o.Log.Error("log in", "err", err)
		status, v.Wrong = http.StatusInternalServerError, "The collector could not check the password. The reason is in its log."
	}
	if err != nil {
		s.html(w, status, "login.html", v)
		return
	}
	if old := who(r.Context()); old.Via == "session" {
		if err := s.o.Access.Logout(r.Context(), old); err != nil {
			s.o.Log.Error("end the session before a log-in", "err", err)
		}
	}
	s.setCookie(w, r, cookie)
	http.Redirect(w, r, v.Next, http.StatusSeeOther)
}

// setCookie hands out a session, or takes it back with "".
func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, value string) {
	c := &http.Cookie{Name: s.cookieName(r), Value: value, Path: "/", HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.o.Access.Logout(r.Context(), who(r.Context())); err != nil {
		s.o.Log.Error("log out", "err", err)
		s.refuse(w, r, &Error{Status: http.StatusInternalServerError, Code: "internal", What: "you are still logged in", Why: "the collector could not end the session; the reason is in its log"})
		return
	}
	s.setCookie(w, r, "")
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// shorten cuts text of a form to at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
