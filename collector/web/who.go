package web

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"picket/collector/access"
)

type principalKey struct{}

// who is the principal of a request; the zero one may do nothing.
func who(ctx context.Context) access.Principal {
	p, _ := ctx.Value(principalKey{}).(access.Principal)
	return p
}

// as returns ctx for p.
func as(ctx context.Context, p access.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// source is what the principal of r may see. Every page, answer and event is
// made from it and from nothing else.
func (s *Server) source(r *http.Request) Source { return scoped(who(r.Context()), s.o.Source) }

// frame is what every page has around its content.
type frame struct {
	Title  string
	Active string // of the navigation: now, incidents, check, targets, fleet, settings
	Who    access.Principal
	Now    time.Time
	Drill  *Drill // that is on, as the reader may know of it; nil: none
}

func (s *Server) frame(r *http.Request, active, title string) frame {
	return frame{Title: title, Active: active, Who: who(r.Context()), Now: s.o.Now(), Drill: s.source(r).Drill()}
}

// cookieName is the session cookie's. With TLS its prefix has browsers take it
// only from this host, by TLS, for all of its paths.
func (s *Server) cookieName(r *http.Request) string {
	if s.secure(r) {
		return "__Host-picket"
	}
	return "picket"
}

// secure says whether the client came by TLS.
func (s *Server) secure(r *http.Request) bool {
	return r.TLS != nil || s.o.Access != nil && s.o.Access.BehindProxy()
}

// identify finds out whose request it is: the zero principal for nobody's. An
// API token counts alone: a wrong one is not made good by a cookie.
func (s *Server) identify(r *http.Request) (access.Principal, error) {
	k := s.o.Access
	if k == nil {
		return access.Visitor(), nil
	}
	ctx := r.Context()
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return access.Principal{}, nil
		}
		p, err := k.Bearer(ctx, strings.TrimSpace(token))
		return p, nobodys(err)
	}
	if c, err := r.Cookie(s.cookieName(r)); err == nil {
		p, err := k.Session(ctx, c.Value)
		if err == nil || !errors.Is(err, access.ErrRefused) {
			return p, err
		}
	}
	open, err := k.Open(ctx)
	if open && forwarded(r) == "" {
		return access.Visitor(), nil
	}
	return access.Principal{}, err
}

func nobodys(err error) error {
	if errors.Is(err, access.ErrRefused) {
		return nil
	}
	return err
}

// still says whether the principal of r, which may be old, is who it was: a
// stream ends when it is not.
func (s *Server) still(r *http.Request) bool {
	p, err := s.identify(r)
	return err == nil && p == who(r.Context())
}

// public are the paths that need no log-in.
func public(path string) bool {
	return path == "/login" || path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, "/assets/")
}

// authenticated puts the principal of each request into its context, or refuses.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := s.identify(r)
		if err != nil && !public(r.URL.Path) {
			s.o.Log.Error("find out who asks", "err", err)
			s.refuse(w, r, &Error{Status: http.StatusServiceUnavailable, Code: "internal", What: "the collector could not find out who you are", Why: "the reason is in its log"})
			return
		}
		if p.Role == access.Viewer && r.URL.Path == "/readyz" {
			p = access.Principal{} // what ails the collector is for its operators
		}
		r = r.WithContext(as(r.Context(), p))
		switch {
		case public(r.URL.Path):
		case !p.May(access.Look):
			s.stranger(w, r)
			return
		case r.URL.Path == "/metrics" && p.Role == access.Viewer: // they count everybody's
			s.forbid(w, r, "read metrics")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// stranger answers somebody who has not logged in.
func (s *Server) stranger(w http.ResponseWriter, r *http.Request) {
	if s.shut(w, r) {
		return
	}
	if !programs(r.URL.Path) && !unsafe(r.Method) {
		to := "/login"
		if back := r.URL.RequestURI(); back != "/" && local(back) {
			to += "?next=" + url.QueryEscape(back)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="picket"`)
	s.refuse(w, r, &Error{Status: http.StatusUnauthorized, Code: "login", What: "you are not logged in", Why: "this needs a session or an API token, and there was none or it has ended",
		Fix: "log in at /login, or send the header Authorization: Bearer TOKEN with a token of picket apitoken create"})
}

// shut answers who could look if it were on this machine: while there is no user
// nobody can log in, so sending it to the form would be no help.
func (s *Server) shut(w http.ResponseWriter, r *http.Request) bool {
	if s.o.Access == nil {
		return false
	}
	why := forwarded(r)
	open, err := s.o.Access.Open(r.Context())
	if why == "" || !open || err != nil {
		return false
	}
	s.refuse(w, r, &Error{Status: http.StatusForbidden, Code: "forwarded", What: "this page is only open on the Picket server itself", Why: "no user exists yet, and the request shows that " + why,
		Fix: "make the first user on the server: picket user create NAME --role admin; behind a proxy also write behind_proxy: true in the configuration"})
	return true
}

// unsafe says whether a method may change something.
func unsafe(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// may lets h be asked only by who may do a. A method that changes something also
// needs the session's CSRF token, in the form field csrf or the header
// X-CSRF-Token; API tokens need none. In open mode nothing can be changed but
// [access.Check], which changes nothing that lasts.
func (s *Server) may(a access.Action, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := who(r.Context())
		switch {
		case p.Role == "":
			s.stranger(w, r)
		case p.Via == "open" && (a == access.Manage || a == access.Revoke || a == access.Approve || unsafe(r.Method) && (a == access.Enrol || a == access.Drill || a == access.Handle)):
			s.refuse(w, r, &Error{Status: http.StatusForbidden, Code: "open", What: "this needs a log-in", Why: "no user exists yet, so nobody can tell who you are",
				Fix: "make the first user on the collector's machine: picket user create NAME --role admin"})
		case !p.May(a):
			s.forbid(w, r, string(a))
		case unsafe(r.Method) && !s.unforged(w, r, p):
		default:
			h(w, r)
		}
	}
}

// session lets h be asked only from a log-in session, by any role.
func (s *Server) session(h http.HandlerFunc) http.HandlerFunc {
	return s.may(access.Look, func(w http.ResponseWriter, r *http.Request) {
		if who(r.Context()).Via != "session" {
			s.refuse(w, r, &Error{Status: http.StatusForbidden, Code: "session", What: "this belongs to a log-in session", Why: "you have not logged in with a name and a password"})
			return
		}
		h(w, r)
	})
}

// unforged checks the CSRF token, and answers when it is wrong.
func (s *Server) unforged(w http.ResponseWriter, r *http.Request, p access.Principal) bool {
	if p.Via != "session" {
		return true // nothing that a browser sends by itself; the origin was checked by the guard
	}
	got := r.Header.Get("X-CSRF-Token")
	if got == "" {
		if err := r.ParseForm(); err != nil {
			s.refuse(w, r, formError(err))
			return false
		}
		got = r.PostForm.Get("csrf")
	}
	if p.CSRF == "" || subtle.ConstantTimeCompare([]byte(got), []byte(p.CSRF)) != 1 {
		s.o.Access.Refused(r.Context(), p, "a form without its token", s.remote(r))
		s.refuse(w, r, &Error{Status: http.StatusForbidden, Code: "csrf", What: "the form was refused", Why: "it does not come from a page of this session",
			Fix: "go back, load the page again and send the form once more"})
		return false
	}
	return true
}

// formError words why a form could not be read.
func formError(err error) *Error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Error{Status: http.StatusRequestEntityTooLarge, Code: "body", What: "the form was not read", Why: "it is longer than 64 KiB"}
	}
	return &Error{Status: http.StatusBadRequest, Code: "body", What: "the form was not understood"}
}

// forbid answers somebody whose role does not allow it, and notes it.
func (s *Server) forbid(w http.ResponseWriter, r *http.Request, what string) {
	p := who(r.Context())
	if s.o.Access != nil {
		s.o.Access.Refused(r.Context(), p, what, s.remote(r))
	}
	s.refuse(w, r, &Error{Status: http.StatusForbidden, Code: "role", What: "your role does not allow this", Why: "you are a " + string(p.Role),
		Fix: "ask an admin of this Picket server"})
}

// refuse answers with e: as a page to people, as JSON to programs.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, e *Error) {
	if programs(r.URL.Path) || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		fail(w, e)
		return
	}
	s.html(w, e.Status, "refused.html", struct {
		frame
		E *Error
	}{s.frame(r, "", e.What), e})
}
