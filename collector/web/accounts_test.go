package web

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/collector/access"
)

// accounts is an access.Store in memory that counts its changes.
type accounts struct {
	mu      sync.Mutex
	users   map[string]access.User
	logins  map[[32]byte]access.Login
	tokens  map[string]access.APIToken
	trail   []access.Entry
	changes []string // names of the methods that changed something, signs of life left out
}

func newAccounts() *accounts {
	return &accounts{users: map[string]access.User{}, logins: map[[32]byte]access.Login{}, tokens: map[string]access.APIToken{}}
}

// change notes a change and holds the lock; call what it returns at the end.
func (a *accounts) change(name string) func() {
	a.mu.Lock()
	if name != "" {
		a.changes = append(a.changes, name)
	}
	return a.mu.Unlock
}

func find[K comparable, V any](m map[K]V, k K) (V, error) {
	v, ok := m[k]
	if !ok {
		return v, access.ErrNotFound
	}
	return v, nil
}

func (a *accounts) CreateUser(_ context.Context, u access.User) error {
	defer a.change("CreateUser")()
	if _, ok := a.users[u.Name]; ok {
		return access.ErrExists
	}
	a.users[u.Name] = u
	return nil
}

func (a *accounts) User(_ context.Context, name string) (access.User, error) {
	defer a.change("")()
	return find(a.users, name)
}

func (a *accounts) Users(context.Context) ([]access.User, error) {
	defer a.change("")()
	return slices.Collect(maps.Values(a.users)), nil
}

func (a *accounts) UpdateUser(_ context.Context, u access.User) error {
	defer a.change("UpdateUser")()
	a.users[u.Name] = u
	maps.DeleteFunc(a.logins, func(_ [32]byte, l access.Login) bool { return l.User == u.Name })
	return nil
}

func (a *accounts) DeleteUser(_ context.Context, name string) error {
	defer a.change("DeleteUser")()
	delete(a.users, name)
	maps.DeleteFunc(a.logins, func(_ [32]byte, l access.Login) bool { return l.User == name })
	return nil
}

func (a *accounts) SaveLogin(_ context.Context, l access.Login) error {
	defer a.change("SaveLogin")()
	a.logins[l.ID] = l
	return nil
}

func (a *accounts) Login(_ context.Context, id [32]byte) (access.Login, access.User, error) {
	defer a.change("")()
	l, err := find(a.logins, id)
	return l, a.users[l.User], err
}

func (a *accounts) TouchLogin(_ context.Context, id [32]byte, seen time.Time) error {
	defer a.change("")()
	l := a.logins[id]
	l.Seen = seen
	a.logins[id] = l
	return nil
}

func (a *accounts) EndLogin(_ context.Context, id [32]byte) error {
	defer a.change("EndLogin")()
	delete(a.logins, id)
	return nil
}

func (a *accounts) EndLogins(_ context.Context, user string) error {
	defer a.change("EndLogins")()
	maps.DeleteFunc(a.logins, func(_ [32]byte, l access.Login) bool { return l.User == user })
	return nil
}

func (a *accounts) CreateAPIToken(_ context.Context, t access.APIToken) error {
	defer a.change("CreateAPIToken")()
	a.tokens[t.ID] = t
	return nil
}

func (a *accounts) APIToken(_ context.Context, id string) (access.APIToken, error) {
	defer a.change("")()
	return find(a.tokens, id)
}

func (a *accounts) APITokens(context.Context) ([]access.APIToken, error) {
	defer a.change("")()
	return slices.Collect(maps.Values(a.tokens)), nil
}

func (a *accounts) RevokeAPIToken(_ context.Context, id string, now time.Time) error {
	defer a.change("RevokeAPIToken")()
	t, err := find(a.tokens, id)
	if err != nil {
		return err
	}
	t.Revoked = now
	a.tokens[id] = t
	return nil
}

func (a *accounts) UsedAPIToken(_ context.Context, id string, at time.Time) error {
	defer a.change("")()
	t := a.tokens[id]
	t.Used = at
	a.tokens[id] = t
	return nil
}

func (a *accounts) Audit(_ context.Context, e access.Entry) error {
	defer a.change("")()
	a.trail = append(a.trail, e)
	return nil
}

func (a *accounts) AuditLog(_ context.Context, limit int) ([]access.Entry, error) {
	defer a.change("")()
	all := slices.Clone(a.trail)
	slices.Reverse(all)
	return all[:min(limit, len(all))], nil
}

// audited says whether the trail has an entry of this action by this actor.
func (a *accounts) audited(actor, action string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.trail, func(e access.Entry) bool { return e.Actor == actor && e.Action == action })
}

const password = "correct horse battery"

// manned is a server with accounts: ann is an admin, tim a technician, vic a
// viewer of acme.
type manned struct {
	h    http.Handler
	keep *access.Keeper
	rows *accounts
	s    *scene
	log  *bytes.Buffer
	now  time.Time
}

func man(t *testing.T, s *scene, o access.Options) *manned {
	t.Helper()
	m := &manned{rows: newAccounts(), s: s, log: &bytes.Buffer{}, now: noon}
	o.Store, o.Cost, o.Now = m.rows, access.Cost{Memory: 8, Passes: 1, Lanes: 1}, func() time.Time { return m.now }
	k, err := access.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string][2]string{"ann": {"admin"}, "tim": {"technician"}, "vic": {"viewer", "acme"}} {
		if err := k.CreateUser(t.Context(), "operator", name, access.Role(of[0]), of[1], password); err != nil {
			t.Fatal(err)
		}
	}
	srv, err := New(Options{Source: s, Actions: s, Access: k, Now: func() time.Time { return m.now }, Hosts: []string{"picket.example"},
		Log: slog.New(slog.NewTextHandler(m.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	m.h, m.keep = srv.Handler(), k
	m.rows.changes, m.rows.trail = nil, nil
	return m
}

// visitor is one browser.
type visitor struct {
	m    *manned
	jar  map[string]string
	csrf string
	edit func(*http.Request) // changes each request before it is sent
}

func (m *manned) visitor() *visitor { return &visitor{m: m, jar: map[string]string{}} }

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// as is a browser in which name has logged in.
func (m *manned) as(t *testing.T, name string) *visitor {
	t.Helper()
	v := m.visitor()
	w := v.post("/login", url.Values{"name": {name}, "password": {password}})
	if w.Code != http.StatusSeeOther || len(v.jar) != 1 {
		t.Fatalf("%s cannot log in: %d %s", name, w.Code, w.Body)
	}
	found := csrfField.FindStringSubmatch(v.get("/settings").Body.String())
	if found == nil {
		t.Fatal("no form with a token")
	}
	v.csrf = found[1]
	return v
}

func (v *visitor) get(path string) *httptest.ResponseRecorder {
	return v.do(httptest.NewRequest("GET", path, nil))
}

// post sends a form as our own page would, with the token if there is one.
func (v *visitor) post(path string, form url.Values) *httptest.ResponseRecorder {
	if form == nil {
		form = url.Values{}
	}
	if v.csrf != "" && !form.Has("csrf") {
		form.Set("csrf", v.csrf)
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return v.do(r)
}

func (v *visitor) do(r *http.Request) *httptest.ResponseRecorder {
	r.Host = "picket.example"
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "text/html,*/*;q=0.8")
	}
	for name, value := range v.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if v.edit != nil {
		v.edit(r)
	}
	w := httptest.NewRecorder()
	v.m.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(v.jar, c.Name)
		} else {
			v.jar[c.Name] = c.Value
		}
	}
	return w
}
