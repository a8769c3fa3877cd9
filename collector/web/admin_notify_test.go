package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// telling is a Notifier with one route.
type telling struct{ by, asked string }

func (n *telling) AlertRoutes() []AlertRoute {
	return []AlertRoute{{Name: "desk", Way: "mail", To: []string{"ana@msp.example"}, Delay: time.Minute}}
}

func (n *telling) Receipts(_ context.Context, incident string) ([]Letter, error) {
	return []Letter{{Incident: incident, Route: "desk", Event: "opened", State: "sent", Took: time.Second}}, nil
}

func (n *telling) TestAlerts(ctx context.Context, by, route string) ([]Delivery, error) {
	n.by, n.asked = by, route
	if _, ok := ctx.Deadline(); !ok {
		return nil, context.Canceled
	}
	if route == "nobody" {
		return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "route", What: "nothing was sent", Fix: "picket notify routes lists them"}
	}
	return []Delivery{{Route: "desk", Way: "mail", OK: false, Why: "it answers 535", Fix: "correct the password"}}, nil
}

func TestNotifyVerbs(t *testing.T) {
	n := &telling{}
	mux := http.NewServeMux()
	api{now: time.Now, log: slog.New(slog.DiscardHandler)}.registerNotify(mux, n)
	server := httptest.NewServer(mux) // a test extends its write deadline, which a recorder has not
	defer server.Close()
	for _, c := range []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"GET", "/notify/routes", "", 200, `"to":["ana@msp.example"]`},
		{"POST", "/notify/test", `{}`, 200, `"why":"it answers 535"`},
		{"POST", "/notify/test", `{"route":"desk"}`, 200, `picket.alert_test/v1`},
		{"POST", "/notify/test", `{"route":"nobody"}`, 422, "lists them"},
		{"POST", "/notify/test", `{"rout":"desk"}`, 400, "rout"},
		{"GET", "/notify/test", ``, 405, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		resp.Write(&b)
		resp.Body.Close()
		if resp.StatusCode != c.code || !strings.Contains(b.String(), c.says) {
			t.Errorf("%s %s %s: %s", c.method, c.path, c.body, b.String())
		}
	}
	if n.by != operator || n.asked != "nobody" {
		t.Errorf("by %q, asked %q", n.by, n.asked)
	}
}
