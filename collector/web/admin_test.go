package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestOperatorsVerbs(t *testing.T) {
	s := outage()
	h := NewAdmin(s, nil, nil)
	w := ask(h, "POST", "/tokens", `{"client":"acme","site":"madrid","network":"AS3352 Telefonica","ttl":"48h","uses":3}`)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"command":"picket-agent join pk1_abc"`) || !strings.Contains(w.Body.String(), "picket.token/v1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if s.asked != (TokenRequest{Client: "acme", Site: "madrid", Network: "AS3352 Telefonica", TTL: "48h", Uses: 3}) {
		t.Errorf("asked %+v", s.asked)
	}
	if w := ask(h, "POST", "/agents/a1/revoke", ""); w.Code != 200 || s.revoked != "a1" {
		t.Errorf("%d %s, revoked %q", w.Code, w.Body, s.revoked)
	}
	for _, path := range []string{"/agents", "/incidents", "/incidents/01KGF3M8Q2", "/status", "/sites", "/verdicts"} {
		if w := ask(h, "GET", path, ""); w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"schema":"picket.`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, c := range []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"POST", "/tokens", `{"client":"acme"}`, 400, "no client or no site"},
		{"POST", "/tokens", `{"client":"acme","site":"x","sight":1}`, 400, "sight"},
		{"POST", "/tokens", `{"client":"acme","site":"x"} {}`, 400, "more behind"},
		{"POST", "/tokens", `{"client":"acme","site":"x","ttl":"soon"}`, 400, "ttl"},
		{"POST", "/tokens", `{"client":"acme","site":"x","ttl":"-1h"}`, 400, "ttl"},
		{"POST", "/tokens", `{"client":"acme","site":"x","uses":-1}`, 400, "uses"},
		{"POST", "/tokens", strings.Repeat("x", maxBody+1), 400, "body"},
		{"POST", "/agents/nobody/revoke", "", 404, "not_found"},
		{"GET", "/agents/a1/revoke", "", 404, "no such verb"},
	} {
		w := ask(h, c.method, c.path, c.body)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s %.40s: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
	}
	s.err = &Error{Status: http.StatusConflict, Code: "no_address", What: "the token was not made", Why: "public is not configured", Fix: "set public"}
	if w := ask(h, "POST", "/tokens", `{"client":"a","site":"b"}`); w.Code != 409 || !strings.Contains(w.Body.String(), "set public") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.err = errors.New("at /secret/path")
	if w := ask(h, "POST", "/tokens", `{"client":"a","site":"b"}`); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
