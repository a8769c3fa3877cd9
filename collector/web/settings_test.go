package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
)

func TestSettingsOfOneself(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.as(t, "vic")
	body := v.get("/settings").Body.String()
	for want, there := range map[string]bool{"viewer of acme": true, "/settings/users": false, "Change the password": true, "Sign out everywhere": true} {
		if strings.Contains(body, want) != there {
			t.Errorf("%q: %v", want, !there)
		}
	}
	for _, c := range []struct{ old, fresh, again, want string }{
		{password, "another long password", "another long passwort", "are not the same"},
		{"wrong password", "another long password", "another long password", "is another one"},
		{password, "short", "short", "fewer than 12"},
	} {
		w := v.post("/settings/password", url.Values{"old": {c.old}, "new": {c.fresh}, "again": {c.again}})
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), c.fresh) && c.fresh != "short" {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
	other := m.as(t, "vic")
	if w := v.post("/settings/password", url.Values{"old": {password}, "new": {"another long password"}, "again": {"another long password"}}); w.Code != http.StatusSeeOther || len(v.jar) != 0 {
		t.Errorf("%d %v", w.Code, v.jar)
	}
	if w := other.get("/"); w.Code != http.StatusSeeOther {
		t.Errorf("an old session outlives the old password: %d", w.Code)
	}
	if w := v.post("/login", url.Values{"name": {"vic"}, "password": {"another long password"}}); w.Code != http.StatusSeeOther {
		t.Errorf("%d", w.Code)
	}
	a, b := m.as(t, "tim"), m.as(t, "tim")
	a.post("/settings/signout", nil)
	if w := b.get("/"); w.Code != http.StatusSeeOther {
		t.Errorf("signed out everywhere but here: %d", w.Code)
	}
}

func TestSettingsOfUsers(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.as(t, "ann")
	if w := v.post("/settings/users", url.Values{"name": {"Bob"}, "role": {"viewer"}, "client": {"globex"}, "password": {password}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	bob := m.as(t, "bob")
	body := v.get("/settings/users").Body.String()
	for _, want := range []string{"bob", "viewer of globex", "ann (you)", "/settings/users/bob/delete"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
	w := v.post("/settings/users", url.Values{"name": {"Bob"}, "role": {"viewer"}, "client": {"globex"}, "password": {password}})
	if body := w.Body.String(); w.Code != 400 || !strings.Contains(body, "There is one of this name already") && !strings.Contains(body, "one of this name already") || !strings.Contains(body, `value="globex"`) || strings.Contains(body, password) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := v.post("/settings/users/ann/disable", nil); w.Code != 400 || !strings.Contains(w.Body.String(), "only admin who can log in") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := v.post("/settings/users/bob/disable", nil); w.Code != http.StatusSeeOther {
		t.Errorf("%d", w.Code)
	}
	if w := bob.get("/"); w.Code != http.StatusSeeOther {
		t.Errorf("a disabled user looks on: %d", w.Code)
	}
	for _, verb := range []string{"enable", "signout", "delete"} {
		if w := v.post("/settings/users/bob/"+verb, nil); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", verb, w.Code)
		}
	}
	if w := v.post("/settings/users/bob/promote", nil); w.Code < 400 {
		t.Errorf("an unknown verb: %d", w.Code)
	}
	trail := v.get("/settings/audit").Body.String()
	for _, want := range []string{"user.create", "user.disable", "user.delete", "viewer of globex", "2026-02-02 12:00:00"} {
		if !strings.Contains(trail, want) {
			t.Errorf("the trail has no %q", want)
		}
	}
}

func TestSettingsOfAPITokens(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.as(t, "ann")
	w := v.post("/settings/tokens", url.Values{"name": {"wall board"}, "role": {"technician"}, "days": {"30"}})
	token := regexp.MustCompile(`pat_[a-z0-9]+_[a-z0-9]+`).FindString(w.Body.String())
	if w.Code != http.StatusOK || token == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if p, err := m.keep.Bearer(t.Context(), token); err != nil || p.Role != access.Technician {
		t.Errorf("%+v %v", p, err)
	}
	list := v.get("/settings/tokens").Body.String()
	if strings.Contains(list, token) || !strings.Contains(list, "wall board") || !strings.Contains(list, "2026-03-04") {
		t.Errorf("%s", list)
	}
	id := strings.Split(token, "_")[1]
	if w := v.post("/settings/tokens/"+id+"/revoke", nil); w.Code != http.StatusSeeOther {
		t.Errorf("%d", w.Code)
	}
	if _, err := m.keep.Bearer(t.Context(), token); err == nil {
		t.Error("a revoked token is good")
	}
	if w := v.post("/settings/tokens", url.Values{"name": {"x"}, "role": {"admin"}, "days": {"36500"}}); w.Code != http.StatusBadRequest {
		t.Errorf("a token for a hundred years: %d", w.Code)
	}
	if strings.Contains(m.log.String(), token) {
		t.Error("the log has the token")
	}
}

func TestASessionThatEndedLeadsBack(t *testing.T) {
	m := man(t, calm(), access.Options{})
	v := m.as(t, "ann")
	m.now = m.now.Add(13 * time.Hour)
	w := v.post("/settings/users", url.Values{"name": {"bob"}})
	if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), `href="/login"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
