package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/access"
)

// Each test here is one attack on the page. It must be refused, and stand in the
// audit trail where somebody who is known has tried it.

// forms are what changes something, with the least right that it needs.
var forms = map[string]url.Values{
	"/logout":                     {},
	"/settings/password":          {"old": {password}, "new": {password + "!"}, "again": {password + "!"}},
	"/settings/signout":           {},
	"/settings/users":             {"name": {"eve"}, "role": {"admin"}, "password": {password}},
	"/settings/users/tim/delete":  {},
	"/settings/users/tim/disable": {},
	"/settings/users/tim/signout": {},
	"/settings/users/tim/password": {
		"password": {password + "!"}},
	"/settings/tokens":        {"name": {"x"}, "role": {"admin"}},
	"/fleet/tokens":           {"client": {"acme"}, "site": {"madrid"}},
	"/fleet/agents/a1/revoke": {},
	"/check":                  {"target": {"aurora-web-east"}},

	"/incidents/01KGF3M8Q2/ack":    {"note": {"mine"}},
	"/incidents/01KGF3M8Q2/judge":  {"verdict": {"noise"}},
	"/incidents/01KGF3M8Q2/notice": {"client": {"acme"}},
	"/silences":                    {"provider": {"*"}, "comment": {"quiet"}, "lasts": {"30d"}},
	"/silences/sil1/end":           {},
}

// harmed says what changed since the log-ins.
func (m *manned) harmed() string {
	m.rows.mu.Lock()
	defer m.rows.mu.Unlock()
	return strings.Trim(fmt.Sprint(m.rows.changes, " ", m.s.asked.Client, " ", m.s.revoked, " ", strings.Join(m.s.did, " ")), "[] ")
}

func TestAttackForgedForms(t *testing.T) {
	for path, form := range forms {
		for name, forge := range map[string]func(v *visitor){
			"another site's form":     func(v *visitor) { v.edit = func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") } },
			"a neighbour's subdomain": func(v *visitor) { v.edit = func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") } },
			"an old browser's form": func(v *visitor) {
				v.edit = func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") }
			},
			"an origin that is hidden": func(v *visitor) {
				v.edit = func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") }
			},
			"no token":    func(v *visitor) { v.csrf = "x" },
			"empty token": func(v *visitor) { v.edit = func(r *http.Request) { r.Header.Set("X-CSRF-Token", "") }; v.csrf = " " },
			"another session's token": func(v *visitor) {
				v.csrf = v.m.as(t, "ann").csrf
				v.m.rows.changes = nil
			},
		} {
			m := man(t, outage(), access.Options{})
			v := m.as(t, "ann")
			token := v.csrf
			m.rows.changes = nil
			forge(v)
			send := url.Values{}
			for k, x := range form {
				send[k] = x
			}
			if w := v.post(path, send); w.Code != http.StatusForbidden || m.harmed() != "" {
				t.Errorf("%s by %s: %d, changed: %s", path, name, w.Code, m.harmed())
			}
			if v.csrf != token && !m.rows.audited("192.0.2.1", "refused") {
				t.Errorf("%s by %s stands in no trail", path, name)
			}
		}
	}
	m := man(t, outage(), access.Options{}) // and the same forms work from our own page
	for path, form := range forms {
		m.now = m.now.Add(time.Hour)
		if w := m.as(t, "ann").post(path, form); w.Code >= 400 {
			t.Errorf("our own form %s: %d %s", path, w.Code, w.Body)
		}
		if strings.HasSuffix(path, "password") || strings.HasSuffix(path, "delete") { // put it back
			m = man(t, outage(), access.Options{})
		}
	}
}

func TestAttackForgedLogIn(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.visitor()
	v.edit = func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	if w := v.post("/login", url.Values{"name": {"vic"}, "password": {password}}); w.Code != http.StatusForbidden || len(v.jar) != 0 {
		t.Errorf("another site logs a person in as somebody else: %d", w.Code)
	}
}

func TestAttackSessionFixation(t *testing.T) {
	m := man(t, calm(), access.Options{})
	eve := m.as(t, "vic") // a session that the attacker knows, planted into ann's browser
	ann := m.visitor()
	ann.jar["picket"] = eve.jar["picket"]
	if w := ann.post("/login", url.Values{"name": {"ann"}, "password": {password}}); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code)
	}
	if ann.jar["picket"] == eve.jar["picket"] {
		t.Error("the planted cookie became ann's session")
	}
	if w := eve.get("/settings/users"); w.Code == http.StatusOK {
		t.Error("the attacker is ann")
	}
	if w := eve.get("/"); w.Code == http.StatusOK {
		t.Error("the session that the browser had before the log-in goes on")
	}
	for _, made := range []string{strings.Repeat("A", 43), "picket", ""} {
		ann := m.visitor()
		ann.jar["picket"] = made
		ann.post("/login", url.Values{"name": {"ann"}, "password": {password}})
		if ann.jar["picket"] == made || len(ann.jar["picket"]) != 43 {
			t.Errorf("a made-up cookie %q became a session", made)
		}
	}
}

func TestAttackBruteForce(t *testing.T) {
	m := man(t, calm(), access.Options{})
	tried, waits := 0, 0
	for i := range 1000 {
		w := m.visitor().post("/login", url.Values{"name": {"ann"}, "password": {fmt.Sprintf("wrong password %d", i)}})
		switch w.Code {
		case http.StatusUnauthorized:
			tried++
		case http.StatusTooManyRequests:
			waits++
			if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Too many failed log-ins") {
				t.Fatalf("%v", w.Header())
			}
		default:
			t.Fatal(w.Code)
		}
	}
	if tried > 10 || waits < 990 {
		t.Errorf("%d guesses of 1000 were looked at", tried)
	}
	if w := m.visitor().post("/login", url.Values{"name": {"ann"}, "password": {password}}); w.Code != http.StatusTooManyRequests {
		t.Errorf("the right guess of a flood gets in: %d", w.Code)
	}
	if !m.rows.audited("192.0.2.1", "login.refused") || !m.rows.audited("192.0.2.1", "login.throttled") || len(m.rows.trail) > 50 {
		t.Errorf("the trail has %d lines: %v", len(m.rows.trail), m.rows.trail[:3])
	}
	// What a client says of its address frees it only where a proxy of ours says it.
	v := m.visitor()
	v.edit = func(r *http.Request) { r.Header.Set("X-Forwarded-For", "198.51.100.9") }
	if w := v.post("/login", url.Values{"name": {"tim"}, "password": {password}}); w.Code != http.StatusTooManyRequests {
		t.Errorf("a made-up X-Forwarded-For frees from waiting: %d", w.Code)
	}
	p := man(t, calm(), access.Options{BehindProxy: true})
	for i := range 50 {
		v := p.visitor()
		v.edit = func(r *http.Request) {
			r.RemoteAddr = "127.0.0.1:999"
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d, 198.51.100.9", i))
		}
		v.post("/login", url.Values{"name": {fmt.Sprint("n", i)}, "password": {"wrong password"}})
	}
	if !p.rows.audited("198.51.100.9", "login.throttled") {
		t.Error("behind a proxy the client's own words count as its address")
	}
}

func TestAttackPathTraversal(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.as(t, "ann")
	for _, path := range []string{"/assets/..%2f..%2fserver.go", "/assets/../server.go", "/assets/%2e%2e/%2e%2e/etc/passwd", "/assets/..%5cweb.go", "/assets/layout.html", "/assets/style.css%00", "/assets//etc/passwd",
		"/assets/", "/assets/.", "/incidents/..%2f..%2fsettings%2fusers", "/targets/..%2f..%2fetc%2fpasswd", "/api/v1/incidents/..%2f", "/assets/vendor/uplot/LICENSE", "/%2e%2e/%2e%2e/etc/passwd"} {
		r := httptest.NewRequest("GET", "/", nil)
		var err error
		if r.URL, err = url.Parse("http://picket.example" + path); err != nil {
			continue
		}
		w := v.do(r)
		if body := w.Body.String(); w.Code == http.StatusOK || strings.Contains(body, "package web") || strings.Contains(body, "root:") || strings.Contains(body, "{{template") {
			t.Errorf("%s: %d %.100s", path, w.Code, body)
		}
	}
}

func TestAttackOversizedBodies(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.as(t, "ann")
	m.rows.changes = nil
	big := strings.Repeat("x", 1<<20)
	for _, path := range append([]string{"/login"}, keysOf(forms)...) {
		form := url.Values{"name": {"eve"}, "password": {password}, "csrf": {v.csrf}, "client": {big}}
		if w := v.post(path, form); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with a length: %d", path, w.Code)
		}
		r := httptest.NewRequest("POST", path, io.MultiReader(strings.NewReader("client="), strings.NewReader(big))) // of unknown length
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if r.ContentLength > 0 {
			t.Fatal("not what is tested")
		}
		if w := v.do(r); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s chunked: %d", path, w.Code)
		}
	}
	if m.harmed() != "" {
		t.Errorf("changed: %s", m.harmed())
	}
	if w := v.post("/login", url.Values{"name": {strings.Repeat("n", 60_000)}, "password": {"x"}}); w.Code != http.StatusUnauthorized || w.Body.Len() > 10_000 {
		t.Errorf("a long name: %d, %d bytes come back", w.Code, w.Body.Len())
	}
}

func keysOf(m map[string]url.Values) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// pipes is a listener whose connections live in memory, for virtual time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }

func TestAttackSlowClients(t *testing.T) {
	m := man(t, calm(), access.Options{})
	for name, c := range map[string]struct {
		first, drip string
		within      time.Duration
	}{
		"a header that never ends": {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", "X-A: b\r\n", headerTimeout + time.Second},
		"a body that never ends":   {"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n", "a", 2*answerTimeout + time.Second},
		"nothing at all":           {"", "", headerTimeout + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				l := &pipes{make(chan net.Conn), make(chan struct{})}
				ended := make(chan error, 1)
				go func() { ended <- serve(ctx, l, m.h, slog.New(slog.DiscardHandler)) }()
				ours, theirs := net.Pipe()
				l.conns <- theirs
				start := time.Now()
				var dripping sync.WaitGroup
				dripping.Go(func() { // for ever
					if _, err := io.WriteString(ours, c.first); err != nil || c.drip == "" {
						return
					}
					for {
						time.Sleep(time.Second)
						if _, err := io.WriteString(ours, c.drip); err != nil {
							return
						}
					}
				})
				io.Copy(io.Discard, ours) // until the server hangs up
				if took := time.Since(start); took > c.within {
					t.Errorf("the connection was held for %s", took)
				}
				ours.Close()
				cancel()
				<-ended
				dripping.Wait()
			})
		})
	}
}

func TestAttackGETChangesNothing(t *testing.T) {
	m := man(t, outage(), access.Options{})
	v := m.as(t, "ann")
	tok, made, err := m.keep.CreateToken(t.Context(), "ann", access.TokenRequest{Name: "x", Role: access.Admin})
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"a1", "ann", "tim", "01KGF3M8Q2", "aurora-web-east", "abc", made.ID}
	trail := len(m.rows.trail)
	m.rows.changes = nil
	var paths []string
	for _, pattern := range patterns(t) {
		_, path, _ := strings.Cut(pattern, " ")
		if path != "/events" { // never ends; it has tests of its own
			paths = append(paths, fill(path, ids)...)
		}
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			q := "?csrf=" + v.csrf + "&name=eve&role=admin&password=" + url.QueryEscape(password) + "&target=aurora-web-east&client=acme&site=x&verb=delete&_method=POST&X-HTTP-Method-Override=POST"
			for _, edit := range []func(*http.Request){nil, func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "POST") }, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+tok) }} {
				v.edit = edit
				if w := v.do(httptest.NewRequest(method, path+q, nil)); w.Code >= 500 && path != "/readyz" {
					t.Errorf("%s %s: %d", method, path, w.Code)
				}
			}
		}
	}
	if m.harmed() != "" || len(m.rows.trail) != trail {
		t.Errorf("changed by looking: %s, trail %v", m.harmed(), m.rows.trail[trail:])
	}
	if len(paths) < 40 {
		t.Errorf("only %d paths were walked", len(paths))
	}
}

func TestAttackViewerEscalation(t *testing.T) {
	m := man(t, outage(), access.Options{})
	for path, form := range forms {
		if path == "/logout" || path == "/settings/password" || path == "/settings/signout" || path == "/check" {
			continue // a viewer's own
		}
		v := m.as(t, "vic")
		m.rows.changes, m.rows.trail = nil, nil
		form.Del("csrf")
		if w := v.post(path, form); w.Code != http.StatusForbidden || m.harmed() != "" {
			t.Errorf("%s: %d, changed: %s", path, w.Code, m.harmed())
		}
		if !m.rows.audited("192.0.2.1", "refused") {
			t.Errorf("%s stands in no trail", path)
		}
	}
	v := m.as(t, "vic") // nor by saying so
	v.edit = func(r *http.Request) {
		r.Header.Set("X-Picket-Role", "admin")
		r.Header.Set("X-Forwarded-User", "ann")
		r.Header.Set("X-Real-IP", "127.0.0.1")
		r.AddCookie(&http.Cookie{Name: "role", Value: "admin"})
		r.AddCookie(&http.Cookie{Name: "picket", Value: strings.Repeat("A", 43)})
	}
	if w := v.get("/settings/users?role=admin&client="); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
	if body := v.get("/api/v1/agents?client=globex&role=admin").Body.String(); strings.Contains(body, "globex/bonn") || !strings.Contains(body, "acme/madrid") {
		t.Errorf("%s", body)
	}
}

func TestAttackOtherSitesReadNothing(t *testing.T) {
	m := man(t, outage(), access.Options{})
	v := m.as(t, "ann")
	v.edit = func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	for _, path := range []string{"/api/v1/status", "/events", "/metrics", "/api/v1/agents"} {
		if w := v.get(path); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := v.get("/"); w.Code != http.StatusOK { // a link from elsewhere may lead here
		t.Errorf("a link from another site: %d", w.Code)
	}
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.as(t, "vic")
	p, err := m.keep.Session(t.Context(), v.jar["picket"])
	if err != nil {
		t.Fatal(err)
	}
	srv := &Server{o: Options{Access: m.keep}}
	r := httptest.NewRequest("GET", "/events", nil)
	r.AddCookie(&http.Cookie{Name: "picket", Value: v.jar["picket"]})
	r = r.WithContext(as(r.Context(), p))
	if !srv.still(r) {
		t.Error("a good session is told to be over")
	}
	if err := m.keep.Disable(t.Context(), "ann", "vic", true); err != nil {
		t.Fatal(err)
	}
	if srv.still(r) {
		t.Error("the stream of a disabled user goes on")
	}
}

func TestTroubleWithAccountsLetsNobodyIn(t *testing.T) {
	k, err := access.New(access.Options{Store: broken{newAccounts()}, Cost: access.Cost{Memory: 8, Passes: 1, Lanes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	srv, err := New(Options{Source: calm(), Access: k, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/api/v1/status", "/metrics", "/settings"} {
		if w := ask(srv.Handler(), "GET", path, ""); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if !strings.Contains(log.String(), "disk on fire") {
		t.Error("the log does not say why")
	}
}

// broken is a store that cannot be read.
type broken struct{ *accounts }

func (broken) Users(context.Context) ([]access.User, error) { return nil, errors.New("disk on fire") }
