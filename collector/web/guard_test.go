package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"picket/collector/access"
)

func TestWhoAsksThroughProxies(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8::/64")}
	for _, c := range []struct {
		proxy bool
		peer  string
		heard []string
		want  string
	}{
		{true, "127.0.0.1:9", []string{"198.51.100.9"}, "198.51.100.9"},
		{true, "[::1]:9", []string{"198.51.100.9:443"}, "198.51.100.9"},
		{true, "192.0.2.5:9", []string{"198.51.100.9"}, "198.51.100.9"},
		{true, "[::ffff:192.0.2.5]:9", []string{"::ffff:198.51.100.9"}, "198.51.100.9"},
		{true, "[2001:db8::1]:9", []string{"2001:db8:7::7"}, "2001:db8:7::7"},
		{true, "192.0.2.5:9", []string{"10.0.0.1, 198.51.100.9"}, "198.51.100.9"},                            // the client's own word
		{true, "192.0.2.5:9", []string{"10.0.0.1", "198.51.100.9,192.0.2.6", " 127.0.0.1 "}, "198.51.100.9"}, // three proxies of ours
		{true, "192.0.2.5:9", []string{"192.0.2.7, 192.0.2.6"}, "192.0.2.7"},                                 // one of our proxies itself
		{true, "192.0.2.5:9", nil, "192.0.2.5"},                                                              // nothing was heard
		{true, "192.0.2.5:9", []string{"unknown"}, "192.0.2.5"},                                              // nor here
		{true, "192.0.2.5:9", []string{"198.51.100.9, nonsense, 192.0.2.6"}, "192.0.2.6"},                    // and no further than what is understood
		{true, "192.0.2.5:9", []string{",,"}, "192.0.2.5"},                                                   //
		{true, "203.0.113.7:9", []string{"198.51.100.9"}, "203.0.113.7"},                                     // not ours
		{true, "192.0.2.16:9", []string{"127.0.0.1"}, "192.0.2.16"},                                          // nor this
		{false, "127.0.0.1:9", []string{"198.51.100.9"}, "127.0.0.1"},                                        // none was declared
		{true, "192.0.2.5:9", []string{strings.Repeat("192.0.2.6,", 1000) + "192.0.2.7"}, "192.0.2.6"},       //
		{true, "192.0.2.5:9", []string{"127.0.0.1, 203.0.113.7"}, "203.0.113.7"},                             // a stranger who claims to be us
	} {
		k, err := access.New(access.Options{Store: newAccounts(), BehindProxy: c.proxy, TrustedProxies: trusted})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.heard
		if got := (&Server{o: Options{Access: k}}).remote(r); got.String() != c.want {
			t.Errorf("%s with %.80q: %s, want %s", c.peer, c.heard, got, c.want)
		}
	}
}

// Who is no proxy of ours may write what it likes: it waits as itself.
func TestAttackMadeUpAddresses(t *testing.T) {
	m := man(t, calm(), access.Options{BehindProxy: true, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.5/32")}})
	waits := 0
	for i := range 200 {
		v := m.visitor()
		v.edit = func(r *http.Request) {
			r.RemoteAddr = "203.0.113.7:1000"
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
		}
		if w := v.post("/login", url.Values{"name": {fmt.Sprint("user", i)}, "password": {"wrong password"}}); w.Code == http.StatusTooManyRequests {
			waits++
		}
	}
	if waits < 150 || !m.rows.audited("203.0.113.7", "login.throttled") {
		t.Errorf("only %d of 200 tries from one address had to wait", waits)
	}
}

func TestOpenModeEndsAtThisMachine(t *testing.T) {
	k, err := access.New(access.Options{Store: newAccounts()})
	if err != nil {
		t.Fatal(err)
	}
	s := calm()
	srv, err := New(Options{Source: s, Actions: s, Access: k})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path, peer, header string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8443", peer
		r.Header.Set("Accept", "text/html")
		if header != "" {
			r.Header.Set(header, "198.51.100.9")
		}
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, r)
		return w
	}
	paths := []string{"/", "/api/v1/agents", "/api/v1/incidents", "/metrics", "/fleet"}
	for _, path := range paths {
		for _, peer := range []string{"127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"} {
			if w := get(path, peer, ""); w.Code != http.StatusOK {
				t.Errorf("%s from %s: %d", path, peer, w.Code)
			}
		}
	}
	for _, c := range [][2]string{{"127.0.0.1:9", "X-Forwarded-For"}, {"127.0.0.1:9", "x-forwarded-proto"}, {"[::1]:9", "X-Forwarded-Host"}, {"127.0.0.1:9", "Forwarded"}, {"127.0.0.1:9", "Via"},
		{"127.0.0.1:9", "X-Real-IP"}, {"192.0.2.9:9", ""}, {"", ""}} {
		for _, path := range paths {
			w := get(path, c[0], c[1])
			body := w.Body.String()
			if w.Code != http.StatusForbidden || strings.Contains(body, "acme/") {
				t.Errorf("%s from %q with %s: %d %.300s", path, c[0], c[1], w.Code, body)
			}
			for _, way := range []string{"picket user create", "behind_proxy: true"} {
				if !strings.Contains(body, way) {
					t.Errorf("%s does not name %s: %.600s", path, way, body)
				}
			}
		}
		if w := get("/healthz", c[0], c[1]); w.Code != http.StatusOK {
			t.Errorf("/healthz: %d", w.Code)
		}
	}
	if err := k.CreateUser(t.Context(), "operator", "ann", access.Admin, "", password); err != nil {
		t.Fatal(err)
	}
	if w := get("/", "127.0.0.1:9", "Via"); w.Code != http.StatusSeeOther {
		t.Errorf("with a user there is a form to log in: %d", w.Code)
	}
}
