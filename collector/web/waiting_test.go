package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
)

func TestOnlyAnAdminSeesAndDecidesWhoWaits(t *testing.T) {
	s := calm()
	s.requests = []Request{
		{ID: "r1", Client: "acme", Hostname: "pc<1>", OS: "windows/amd64", From: "198.51.100.7", Wish: "madrid", State: "waiting", Asked: noon.Add(-time.Minute)},
		{ID: "r2", Client: "acme", Hostname: "pc2", State: "approved", Site: "acme/lyon", Asked: noon},
		{ID: "r3", Client: "acme", Hostname: "pc3", State: "denied", Asked: noon},
	}
	m := man(t, s, access.Options{})
	ann := m.as(t, "ann")
	page := ann.get("/fleet").Body.String()
	for _, says := range []string{"pc&lt;1&gt;", "198.51.100.7", `value="madrid"`, "/fleet/requests/r1/approve", "approved for acme/lyon"} {
		if !strings.Contains(page, says) {
			t.Errorf("the page lacks %q", says)
		}
	}
	if strings.Contains(page, "pc3") || strings.Contains(page, "/fleet/requests/r2/") {
		t.Error("what is decided can be decided again")
	}
	for _, name := range []string{"tim", "vic"} { // a technician, and acme's viewer
		v := m.as(t, name)
		if text := v.get("/fleet").Body.String(); strings.Contains(text, "pc2") || strings.Contains(text, "Waiting for approval") {
			t.Errorf("%s sees who waits", name)
		}
		for _, path := range []string{"/fleet/requests/r1/approve", "/fleet/requests/r1/deny"} {
			if w := v.post(path, url.Values{"site": {"x"}}); w.Code != http.StatusForbidden {
				t.Errorf("%s at %s: %d", name, path, w.Code)
			}
		}
	}
	if len(s.decided) != 0 {
		t.Fatalf("decided: %q", s.decided)
	}
	if w := ann.post("/fleet/requests/r1/approve", url.Values{"site": {" Köln "}}); w.Code != http.StatusSeeOther {
		t.Errorf("approve: %d %s", w.Code, w.Body)
	}
	if w := ann.post("/fleet/requests/r1/deny", nil); w.Code != http.StatusSeeOther {
		t.Errorf("deny: %d", w.Code)
	}
	if w := ann.post("/fleet/requests/nope/deny", nil); w.Code != http.StatusNotFound {
		t.Errorf("nothing: %d", w.Code)
	}
	if want := []string{"ann r1 approved Köln", "ann r1 denied"}; !slices.Equal(s.decided, want) {
		t.Errorf("decided %q, want %q", s.decided, want)
	}
}

func TestACopyOfAnAgentIsShown(t *testing.T) {
	s := calm()
	s.agents[0].Clone = &Clone{At: noon, Since: noon, Host: "vm<2>", From: "203.0.113.9"}
	s.agents[1].HostedBy = "azure"
	page := man(t, s, access.Options{}).as(t, "ann").get("/fleet").Body.String()
	if !strings.Contains(page, "another machine (vm&lt;2&gt; at 203.0.113.9) came with the same identity and was refused") {
		t.Error("the copy is not shown")
	}
	if !strings.Contains(page, "on servers of azure: no vote about it") {
		t.Error("who hosts a site is not shown")
	}
}
