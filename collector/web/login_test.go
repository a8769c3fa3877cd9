package web

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
)

func TestStrangersAreSentToTheLogIn(t *testing.T) {
	m := man(t, outage(), access.Options{})
	v := m.visitor()
	for path, to := range map[string]string{"/": "/login", "/targets?q=a&state=down": "/login?next=%2Ftargets%3Fq%3Da%26state%3Ddown", "/incidents/x": "/login?next=%2Fincidents%2Fx",
		"/settings": "/login?next=%2Fsettings", "/settings/users": "/login?next=%2Fsettings%2Fusers", "/nowhere": "/login?next=%2Fnowhere"} {
		if w := v.get(path); w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
			t.Errorf("%s: %d %q", path, w.Code, w.Header().Get("Location"))
		}
	}
	for _, path := range []string{"/api/v1/status", "/api/v1/incidents", "/events", "/metrics", "/api/v1/nowhere"} {
		w := v.get(path)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), `"code":"login"`) || w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/check", "/logout", "/settings/users", "/fleet/tokens", "/nowhere"} {
		if w := v.post(path, nil); w.Code != http.StatusUnauthorized {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/login", "/healthz"} {
		if w := v.get(path); w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := v.get("/readyz"); w.Code != 503 || strings.Contains(w.Body.String(), "InfluxDB") || !strings.Contains(w.Body.String(), `"code":"influxdb"`) {
		t.Errorf("a stranger learns what is wrong: %s", w.Body)
	}
	login := v.get("/login").Body.String()
	for _, own := range []string{"acme", "borealis", "Fleet", "sites"} {
		if strings.Contains(strings.Split(login, "<footer")[0], own) {
			t.Errorf("the log-in page tells of %s", own)
		}
	}
	if len(m.rows.changes) != 0 {
		t.Errorf("strangers changed something: %q", m.rows.changes)
	}
}

func TestLogInAndOut(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.visitor()
	w := v.post("/login", url.Values{"name": {"Ann"}, "password": {password}, "next": {"/targets?q=a"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/targets?q=a" {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	if c := w.Header().Get("Set-Cookie"); !strings.HasPrefix(c, "picket=") || !strings.Contains(c, "; HttpOnly") || !strings.Contains(c, "; SameSite=Lax") || !strings.Contains(c, "; Path=/") ||
		strings.Contains(c, "Domain") || strings.Contains(c, "Secure") {
		t.Errorf("cookie %q", c)
	}
	if w := v.get("/"); w.Code != 200 || !strings.Contains(w.Body.String(), "Sign out") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d", w.Code)
	}
	if w := v.get("/login?next=/fleet"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/fleet" {
		t.Errorf("%d", w.Code)
	}
	v.csrf = csrfField.FindStringSubmatch(v.get("/").Body.String())[1]
	old := v.jar["picket"]
	if w := v.post("/logout", nil); w.Code != http.StatusSeeOther || len(v.jar) != 0 {
		t.Errorf("%d %v", w.Code, v.jar)
	}
	v.jar["picket"] = old
	if w := v.get("/"); w.Code != http.StatusSeeOther {
		t.Errorf("the cookie works after the log-out: %d", w.Code)
	}
	v = m.visitor()
	w = v.post("/login", url.Values{"name": {"ann"}, "password": {"wrong password"}, "next": {"/fleet"}})
	if body := w.Body.String(); w.Code != http.StatusUnauthorized || len(v.jar) != 0 || !strings.Contains(body, "is wrong") || !strings.Contains(body, `value="ann"`) ||
		!strings.Contains(body, `value="/fleet"`) || strings.Contains(body, "wrong password") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, secret := range []string{password, "wrong password", old} {
		if strings.Contains(m.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

func TestWithTLSTheCookieIsBoundToTheHost(t *testing.T) {
	for name, o := range map[string]access.Options{"tls": {}, "proxy": {BehindProxy: true}} {
		m := man(t, calm(), o)
		v := m.visitor()
		if name == "tls" {
			v.edit = func(r *http.Request) { r.TLS = &tls.ConnectionState{} }
		}
		w := v.post("/login", url.Values{"name": {"ann"}, "password": {password}})
		if c := w.Header().Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-picket=") || !strings.Contains(c, "; Secure") {
			t.Errorf("%s: cookie %q", name, c)
		}
		if hsts := w.Header().Get("Strict-Transport-Security"); (hsts != "") != (name == "tls") {
			t.Errorf("%s: %q", name, hsts)
		}
		if w := v.get("/"); w.Code != 200 {
			t.Errorf("%s: %d", name, w.Code)
		}
		// A name without the prefix can be planted by a neighbour on another port.
		v.jar = map[string]string{"picket": v.jar["__Host-picket"]}
		if w := v.get("/"); w.Code != http.StatusSeeOther {
			t.Errorf("%s: a cookie of the other name counts: %d", name, w.Code)
		}
	}
}

func TestOpenRedirect(t *testing.T) {
	m := man(t, calm(), access.Options{})
	for _, evil := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "/%0d%0aSet-Cookie:x=y", "javascript:alert(1)", "evil.example",
		"/login", "/logout", "/login?next=/", " //evil.example", "http:evil.example", "/\x00", "///evil.example", "/.//evil.example\\", "/" + strings.Repeat("a", 5000)} {
		w := m.visitor().post("/login", url.Values{"name": {"ann"}, "password": {password}, "next": {evil}})
		if got := w.Header().Get("Location"); got != "/" {
			t.Errorf("%q leads to %q", evil, got)
		}
		if w := m.as(t, "ann").get("/login?next=" + url.QueryEscape(evil)); w.Header().Get("Location") != "/" {
			t.Errorf("%q leads to %q", evil, w.Header().Get("Location"))
		}
		m.now = m.now.Add(time.Hour)
	}
	for _, good := range []string{"/", "/fleet", "/targets?q=a%20b&x=//y", "/incidents/01K"} {
		if !local(good) {
			t.Errorf("%q is refused", good)
		}
	}
}

func TestRolesOnThePage(t *testing.T) {
	m := man(t, outage(), access.Options{})
	for _, c := range []struct {
		method, path    string
		vic, tim, admin int
	}{
		{"GET", "/", 200, 200, 200}, {"GET", "/api/v1/status", 200, 200, 200}, {"GET", "/metrics", 403, 200, 200}, {"GET", "/settings", 200, 200, 200},
		{"GET", "/settings/users", 403, 403, 200}, {"GET", "/settings/tokens", 403, 403, 200}, {"GET", "/settings/audit", 403, 403, 200},
		{"POST", "/settings/users", 403, 403, 400}, {"POST", "/settings/tokens", 403, 403, 400}, {"POST", "/settings/users/tim/signout", 403, 403, 303},
		{"POST", "/fleet/agents/none/revoke", 403, 403, 404},
	} {
		for name, want := range map[string]int{"vic": c.vic, "tim": c.tim, "ann": c.admin} {
			v := m.as(t, name)
			w := v.get(c.path)
			if c.method == "POST" {
				w = v.post(c.path, nil)
			}
			if w.Code != want {
				t.Errorf("%s %s by %s: %d, want %d", c.method, c.path, name, w.Code, want)
			}
			if want == 403 && !m.rows.audited(m.as(t, name).from(), "refused") {
				t.Errorf("%s %s by %s stands in no trail", c.method, c.path, name)
			}
		}
	}
}

// from is the address under which the trail has what v tried.
func (v *visitor) from() string { return "192.0.2.1" } // of httptest

func TestProgramsUseTokens(t *testing.T) {
	m := man(t, outage(), access.Options{})
	ask := func(method, path, token string) *httptest.ResponseRecorder {
		v := m.visitor()
		v.edit = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token); r.Header.Set("Accept", "*/*") }
		return v.do(httptest.NewRequest(method, path, nil))
	}
	tech, _, err1 := m.keep.CreateToken(t.Context(), "ann", access.TokenRequest{Name: "board", Role: access.Technician})
	view, made, err2 := m.keep.CreateToken(t.Context(), "ann", access.TokenRequest{Name: "acme's board", Role: access.Viewer, Client: "acme"})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/api/v1/status", tech, 200}, {"GET", "/metrics", tech, 200}, {"GET", "/metrics", view, 403}, {"GET", "/api/v1/agents", view, 200},
		{"GET", "/settings", tech, 403}, {"POST", "/settings/users", tech, 403}, {"GET", "/api/v1/status", tech + "x", 401}, {"GET", "/api/v1/status", "", 401},
		{"POST", "/fleet/agents/a1/revoke", tech, 403},
	} {
		if w := ask(c.method, c.path, c.token); w.Code != c.want {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
	// A wrong token is not made good by a cookie beside it.
	v := m.as(t, "ann")
	v.edit = func(r *http.Request) { r.Header.Set("Authorization", "Bearer pat_wrong") }
	if w := v.get("/api/v1/status"); w.Code != 401 {
		t.Errorf("%d", w.Code)
	}
	if err := m.keep.RevokeToken(t.Context(), "ann", made.ID); err != nil {
		t.Fatal(err)
	}
	if w := ask("GET", "/api/v1/agents", view); w.Code != 401 {
		t.Errorf("a revoked token: %d", w.Code)
	}
}

func TestOpenModeLooksAndChangesNothing(t *testing.T) {
	s := calm()
	k, err := access.New(access.Options{Store: newAccounts(), Cost: access.Cost{Memory: 8, Passes: 1, Lanes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, keep := range map[string]*access.Keeper{"no users": k, "no keeper": nil} {
		srv, err := New(Options{Source: s, Actions: s, Access: keep, Now: func() time.Time { return noon }})
		if err != nil {
			t.Fatal(err)
		}
		h := srv.Handler()
		for _, path := range []string{"/", "/api/v1/status", "/metrics", "/login", "/fleet"} {
			if w := ask(h, "GET", path, ""); w.Code != 200 {
				t.Errorf("%s: %s: %d", name, path, w.Code)
			}
		}
		for _, path := range []string{"/settings/users", "/settings/tokens", "/fleet/tokens", "/fleet/agents/a1/revoke", "/logout", "/settings/password"} {
			if w := ask(h, "POST", path, ""); w.Code != 403 {
				t.Errorf("%s: %s: %d", name, path, w.Code)
			}
		}
		if s.asked.Client != "" || s.revoked != "" {
			t.Error("an open page changed something")
		}
	}
	if err := k.CreateUser(t.Context(), "operator", "ann", access.Admin, "", password); err != nil {
		t.Fatal(err)
	}
	srv, _ := New(Options{Source: s, Access: k})
	if w := ask(srv.Handler(), "GET", "/", ""); w.Code != http.StatusSeeOther {
		t.Errorf("after the first user: %d", w.Code)
	}
}
