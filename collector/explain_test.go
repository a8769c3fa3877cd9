package collector

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
)

// TestWhyNobodyWasCalled: an operator asks, and gets for every route what it was
// told, why not more, and when that is looked at again; after a restart, and of an
// incident that is long over, as well.
func TestWhyNobodyWasCalled(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "picket.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file, err := config.Parse("p.yaml", []byte(`alerts:
- {name: page, webhook: "https://h.example", secret_env: S, class: page}
- {name: desk, webhook: "https://h.example", secret_env: S, class: ticket}
- {name: lines, webhook: "https://h.example", secret_env: S, kinds: site}
`))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	a := newAlerts(s, file, "", log)
	now := time.Now().Truncate(time.Millisecond)
	i := detect.Incident{ID: "01J", Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope", State: detect.Confirmed,
		Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, Title: "Azure westeurope: outage", Started: now, Opened: now, Confirmed: now}
	if err := a.take(t.Context(), now, i); err != nil {
		t.Fatal(err)
	}
	check := func(a *alerts, at time.Time, route, told, event, reason string, next time.Time) {
		t.Helper()
		e, err := a.explain(t.Context(), at, "01J", route)
		if err != nil || len(e.Routes) != 1 {
			t.Fatalf("%s: %+v, %v", route, e, err)
		}
		r := e.Routes[0]
		var heard []string
		for _, l := range r.Told {
			heard = append(heard, l.Event+" "+l.Reason+" "+l.State)
		}
		if strings.Join(heard, ", ") != told || r.Event != event || r.Reason != reason || r.Words == "" || !r.Next.Equal(next) {
			t.Errorf("%s: %+v", route, r)
		}
	}
	check(a, now, "page", "opened opened waiting", "", "already_told", now.Add(30*time.Minute))
	check(a, now, "desk", "", "", "too_early", now.Add(3*time.Minute))
	check(a, now, "lines", "", "", "not_for_route", time.Time{})

	again := newAlerts(s, file, "", log)
	if _, err := again.restore(context.Background(), now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	check(again, now.Add(time.Minute), "desk", "", "", "too_early", now.Add(3*time.Minute))

	i.State, i.Recovered, i.Resolved = detect.Resolved, now.Add(2*time.Minute), now.Add(2*time.Minute)
	if err := again.take(t.Context(), now.Add(2*time.Minute), i); err != nil {
		t.Fatal(err)
	}
	if err := again.due(t.Context(), now.Add(8*time.Minute)); err != nil {
		t.Fatal(err)
	}
	late := newAlerts(s, file, "", log) // it has never heard of the incident
	check(late, now.Add(48*time.Hour), "page", "opened opened waiting, resolved resolved waiting", "", "already_told", time.Time{})
	check(late, now.Add(48*time.Hour), "desk", "", "", "transient", time.Time{})
	if _, err := late.explain(t.Context(), now, "01NONE", ""); err != web.ErrNotFound {
		t.Errorf("an unknown incident: %v", err)
	}
	if _, err := late.explain(t.Context(), now, "01J", "nobody"); err == nil || !strings.Contains(err.Error(), "no alert route nobody") {
		t.Errorf("an unknown route: %v", err)
	}
	file.Alerts = file.Alerts[1:]
	e, err := newAlerts(s, file, "", log).explain(t.Context(), now, "01J", "page")
	if err != nil || len(e.Routes) != 1 || !e.Routes[0].Gone || len(e.Routes[0].Told) != 2 {
		t.Errorf("a route that is gone: %+v, %v", e, err)
	}
}

// TestShadowModeTellsNobody: the built-in routes, the real store; what would have
// been told is there, and nothing waits to be sent.
func TestShadowModeTellsNobody(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "picket.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file, err := config.Parse("p.yaml", []byte("alerts: shadow\n"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	a := newAlerts(s, file, "", log)
	now := time.Now().Truncate(time.Millisecond)
	i := detect.Incident{ID: "01J", Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope", State: detect.Confirmed,
		Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, Title: "Azure westeurope: outage", Started: now, Opened: now, Confirmed: now}
	if err := a.take(t.Context(), now, i); err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{30 * time.Second, 3 * time.Minute, 10 * time.Minute} {
		if err := a.due(t.Context(), now.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	would, err := source{&Collector{store: s, alerts: a}}.Shadowed(t.Context(), now)
	var got []string
	for _, l := range would {
		got = append(got, l.Route+" "+l.Event+" "+l.At.Sub(now).String())
	}
	if want := "page opened 0s"; err != nil || len(got) != 1 || got[0] != want { // the others lie in the future
		t.Errorf("would have sent %q, %v", got, err)
	}
	n, err := s.Outbox(t.Context())
	if err != nil || n != (store.Outbox{Recorded: 4}) {
		t.Errorf("outbox %+v, %v", n, err)
	}

	// Going live in the middle: who was told in shadow mode alone hears of it now,
	// from the beginning, and of its end.
	live, err := config.Parse("p.yaml", []byte("alerts: [{name: page, webhook: \"https://h.example\", secret_env: S, class: page}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := newAlerts(s, live, "", log)
	if _, err := b.restore(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := b.due(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	due, err := s.Due(t.Context(), "page", now.Add(2*time.Hour), 10)
	if err != nil || len(due) != 1 || due[0].Event != string(alert.Opened) {
		t.Errorf("live: %+v, %v", due, err)
	}
}
