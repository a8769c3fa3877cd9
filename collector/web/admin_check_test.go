package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/inquiry"
)

// checkAsker is the part of [Actions] that the verb uses.
type checkAsker struct {
	Actions
	by  access.Principal
	q   inquiry.Question
	err error
}

func (a *checkAsker) Ask(_ context.Context, by access.Principal, q inquiry.Question) (inquiry.Finding, error) {
	a.by, a.q = by, q
	return inquiry.Finding{ID: "f1", Party: inquiry.Service, Sentence: "It is Nimbus."}, a.err
}

func TestCheckVerb(t *testing.T) {
	a := &checkAsker{}
	mux := http.NewServeMux()
	api{now: time.Now, log: slog.New(slog.DiscardHandler)}.registerCheck(mux, a)
	srv := httptest.NewServer(mux)
	defer srv.Close()
	post := func(body string) (int, string) {
		res, err := http.Post(srv.URL+"/check", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	code, text := post(`{"target":"mail","site":"acme/madrid"}`)
	if code != 200 || !strings.Contains(text, `"schema":"picket.check/v1"`) || !strings.Contains(text, `"sentence":"It is Nimbus."`) {
		t.Errorf("%d %s", code, text)
	}
	if a.q != (inquiry.Question{Target: "mail", Site: "acme/madrid"}) || a.by.Name != operator || !a.by.May(access.Probe) || a.by.Via != "socket" {
		t.Errorf("asked %+v by %+v", a.q, a.by)
	}
	for body, says := range map[string]string{`{}`: "no target is named", `{"target":"x","by":"root"}`: "unknown field", strings.Repeat("x", maxBody+1): "body"} {
		if code, text := post(body); code != 400 || !strings.Contains(text, says) {
			t.Errorf("%.40s: %d %s", body, code, text)
		}
	}
	a.err = &Error{Status: http.StatusTooManyRequests, Code: "too_often", What: "nothing was asked", Fix: "try again in 5 s"}
	if code, text := post(`{"target":"mail"}`); code != 429 || !strings.Contains(text, "try again in 5 s") {
		t.Errorf("%d %s", code, text)
	}
}
