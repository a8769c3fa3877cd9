package collector

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
)

// inbox is a webhook that hands out what it receives.
func inbox(t *testing.T) (url string, got chan alert.Message) {
	t.Helper()
	got = make(chan alert.Message, 10)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		var m alert.Message
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil {
			t.Errorf("webhook: %v", err)
		}
		got <- m
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func receive(t *testing.T, got chan alert.Message) alert.Message {
	t.Helper()
	select {
	case m := <-got:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no alert arrived")
		return alert.Message{}
	}
}

// TestAppliedRoutesTellOfWhatIsWrong: who is written into the configuration hears
// of what is wrong now and of what comes, without a restart, by the names it
// gives; who is no longer in it hears nothing more.
func TestAppliedRoutesTellOfWhatIsWrong(t *testing.T) {
	t.Setenv("PICKET_TEST_HOOK", "secret")
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "picket.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first, atFirst := inbox(t)
	second, atSecond := inbox(t)
	route := func(name, url string) config.Route {
		return config.Route{Name: name, Webhook: url, Secret: config.Secret{Env: "PICKET_TEST_HOOK"}, Kinds: "all", MinConfidence: "probable"}
	}
	a := newAlerts(s, &config.File{Alerts: []config.Route{route("old", first)}}, "https://picket.msp.example", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { a.run(ctx); done <- struct{}{} }()
	go func() { a.sender.Run(ctx); done <- struct{}{} }()
	stop := sync.OnceFunc(func() { cancel(); <-done; <-done })
	defer stop()

	now := time.Now()
	i := detect.Incident{ID: "01J", Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope", State: detect.Confirmed,
		Confidence: detect.ConfidenceConfirmed, Title: "Azure westeurope: outage", Started: now, Opened: now, Confirmed: now}
	a.changed(i)
	if m := receive(t, atFirst); m.Route != "old" || !strings.Contains(m.Text, "Them: azure.") {
		t.Errorf("got %+v", m)
	}
	a.setRoutes(&config.File{Alerts: []config.Route{route("new", second)}, Providers: []config.Provider{{ID: "azure", Name: "Microsoft Azure"}}})
	if m := receive(t, atSecond); m.Route != "new" || m.AlertID != "01J" || !strings.Contains(m.Text, "Them: Microsoft Azure.") {
		t.Errorf("of what was open before: got %+v", m)
	}
	i.ID = "01K"
	a.changed(i)
	if m := receive(t, atSecond); m.Route != "new" || m.AlertID != "01K" {
		t.Errorf("of what came later: got %+v", m)
	}
	i.State, i.Resolved = detect.Resolved, time.Now()
	a.changed(i)
	if m := receive(t, atSecond); m.Event != alert.Resolved {
		t.Errorf("of its end: got %+v", m)
	}
	stop() // what is on its way has arrived now, or stands in the outbox
	if len(atFirst) > 0 {
		t.Errorf("the old route was told: %+v", <-atFirst)
	}
	letters, err := s.Messages(t.Context(), "01K")
	if err != nil || len(letters) != 2 || slices.ContainsFunc(letters, func(m store.Message) bool { return m.Route != "new" }) {
		t.Errorf("letters %+v, %v", letters, err)
	}
}

func TestAlertsNameWhatIsWellBeside(t *testing.T) {
	cell := func(provider, region string, state detect.VerdictState) detect.Cell {
		return detect.Cell{Provider: provider, Region: region, State: state, Targets: 2, Age: time.Second}
	}
	snap := detect.Snapshot{Cells: []detect.Cell{
		cell("aws", "", detect.OK), cell("aws", "eu-west-1", detect.OK),
		cell("azure", "", detect.OK), cell("azure", "eastus", detect.Disputed), cell("azure", "northeurope", detect.OK), cell("azure", "uksouth", detect.NoData), cell("azure", "westeurope", detect.Down),
		cell("gcp", "", detect.OK), cell("gcp", "europe-west1", detect.Disputed),
		{Provider: "ovh", State: detect.OK, Targets: 1, Age: -1},
	}}
	name := func(id string) string { return strings.ToUpper(id) }
	region := detect.Incident{Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope"}
	if got := wellBeside(snap, &region, name); !slices.Equal(got, []string{"AZURE northeurope", "AWS"}) {
		t.Errorf("beside a region: %q", got)
	}
	whole := detect.Incident{Kind: detect.KindProvider, Provider: "azure"}
	if got := wellBeside(snap, &whole, name); !slices.Equal(got, []string{"AWS"}) {
		t.Errorf("beside a cloud: %q", got)
	}
	site := detect.Incident{Kind: detect.KindSite, Site: "acme/madrid"}
	if got := wellBeside(snap, &site, name); got != nil {
		t.Errorf("beside a site: %q", got)
	}
	if snap.Frozen = true; wellBeside(snap, &region, name) != nil {
		t.Error("who sees little claims nothing")
	}
}

func TestALetterDoesNotWaitForAJudgeThatIsBusy(t *testing.T) {
	asked := 0
	l := lookout{snapshot: func(ctx context.Context) (detect.Snapshot, error) {
		asked++
		<-ctx.Done()
		return detect.Snapshot{}, ctx.Err()
	}}
	for range 3 { // three routes are told of one change
		if got := l.now(); len(got.Cells) > 0 {
			t.Errorf("got %+v", got)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestRoutesAreListedWithoutSecrets(t *testing.T) {
	hook := alertRoute(config.Route{Name: "page", Webhook: "https://user:pass@hooks.example/services/T0K3N?key=T0K3N"})
	if !slices.Equal(hook.To, []string{"https://hooks.example"}) || hook.Way != "webhook" {
		t.Errorf("got %+v", hook)
	}
	mail := alertRoute(config.Route{Name: "desk", Mail: []string{"ana@msp.example"}})
	if !slices.Equal(mail.To, []string{"ana@msp.example"}) || mail.Way != "mail" {
		t.Errorf("got %+v", mail)
	}
}
