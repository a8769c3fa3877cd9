package web

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
)

func TestOperatorsManageUsers(t *testing.T) {
	m := man(t, calm(), access.Options{})
	mux := http.NewServeMux()
	api{now: time.Now, log: slog.New(slog.DiscardHandler)}.registerAccess(mux, m.keep)
	do := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		path, body string
		code       int
		want       string
	}{
		{"/users", `{"name":"bob","role":"viewer","client":"acme","password":"correct horse battery"}`, 200, `"id":"bob"`},
		{"/users", `{"name":"bob","role":"admin","password":"correct horse battery"}`, 400, "take another name"},
		{"/users", `{"name":"eve","role":"admin","password":"short"}`, 400, "take 12 characters or more"},
		{"/users", `{"name":"eve","role":"root","password":"correct horse battery"}`, 400, "must be admin, technician or viewer"},
		{"/users", `{"name":"eve","hash":"x"}`, 400, "unknown field"},
		{"/users/bob/disable", `{}`, 200, ""}, {"/users/bob/enable", `{}`, 200, ""}, {"/users/bob/signout", `{}`, 200, ""},
		{"/users/bob/password", `{"password":"another long password"}`, 200, ""}, {"/users/bob/promote", `{}`, 404, "no such verb"},
		{"/users/ann/delete", `{}`, 400, "make another admin before"}, {"/users/none/delete", `{}`, 404, "not_found"},
		{"/users/bob/delete", `{}`, 200, ""}, {"/apitokens/none/revoke", `{}`, 404, "not_found"},
		{"/apitokens", `{"name":"","role":"viewer"}`, 400, "what the token is for"},
	} {
		if code, body := do("POST", c.path, c.body); code != c.code || !strings.Contains(body, c.want) || strings.Contains(body, "battery") {
			t.Errorf("%s %s: %d %s", c.path, c.body, code, body)
		}
	}
	code, body := do("POST", "/apitokens", `{"name":"board","role":"technician"}`)
	var made struct{ Data APIToken }
	if err := json.Unmarshal([]byte(body), &made); err != nil || code != 200 || !strings.HasPrefix(made.Data.Token, "pat_") {
		t.Fatalf("%d %s %v", code, body, err)
	}
	if code, body := do("GET", "/apitokens", ""); code != 200 || strings.Contains(body, made.Data.Token) || !strings.Contains(body, `"name":"board"`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := do("GET", "/users", ""); code != 200 || strings.Contains(body, "argon2id") || !strings.Contains(body, `"name":"vic","role":"viewer","client":"acme"`) {
		t.Errorf("%d %s", code, body)
	}
	for _, action := range []string{"user.create", "user.disable", "user.enable", "user.password", "user.delete", "logout.all", "apitoken.create"} {
		if !m.rows.audited(operator, action) {
			t.Errorf("%s stands in no trail", action)
		}
	}
}
