package channel_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
)

func TestALetterSurvivesTheCrashBetweenWritingAndSending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "picket.db")
	hook := listen(t, nil)
	hooks := page(hook.URL)
	box := open(t, path)
	i := incident("01JA")
	letters, err := alert.NewPlanner(alert.PlannerOptions{Routes: hooks.routes()}).Plan(time.Now(), i)
	if err != nil {
		t.Fatal(err)
	}
	box.put(t, i, letters...)
	if err := box.Close(); err != nil { // no sender ever ran
		t.Fatal(err)
	}

	box = open(t, path)
	defer box.Close()
	s, _ := sender(hooks, nil, box, nil)
	stop := run(t, s)
	m := hook.wait(t)
	if m.AlertID != "01JA" || m.Event != alert.Opened || !strings.HasPrefix(m.Title, "Confirmed: Azure") || !strings.Contains(m.Text, "KEY       picket:01JA") {
		t.Errorf("got %+v", m)
	}
	s.Notify()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left, err := box.Due(t.Context(), "page", time.Now().Add(time.Hour), 10)
		if err == nil && len(left) == 0 {
			break
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("%d letters left, %v", len(left), err)
		}
	}
	stop()
	if hook.requests != 1 {
		t.Errorf("sent %d times", hook.requests)
	}
}

func TestOneRouteThatHangsHoldsUpNobody(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "picket.db"))
	defer box.Close()
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	hook := listen(t, nil)
	hooks := ways{"a-slow": channel.Webhook{URL: slow.URL, Secret: withSecret}, "b-quick": channel.Webhook{URL: hook.URL, Secret: withSecret}}
	i := incident("01JA")
	letters, err := alert.NewPlanner(alert.PlannerOptions{Routes: hooks.routes()}).Plan(time.Now(), i)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := sender(hooks, nil, box, nil)
	stop := run(t, s)
	box.put(t, i, letters...)
	s.Notify()
	hook.wait(t)
	stop() // does not wait for the one that hangs
}

func TestRedirectsAreNotFollowedAndSecretsNotTold(t *testing.T) {
	var stolen bool
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen = true }))
	defer thief.Close()
	hook := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	box := &memory{}
	var log strings.Builder
	box.add(alert.Letter{ID: "x.page.1", Incident: "x", Route: "page", Body: []byte("{}"), Created: time.Now()})
	hooks, logger := page(hook.URL+"/T0K3N"), slog.New(slog.NewTextHandler(&log, nil))
	s, _ := sender(hooks, nil, box, logger)
	stop := run(t, s)
	box.waitFor(t, func(l *entry) bool { return l.Attempts == 1 })
	stop()
	hook.Close()
	box.change("x.page.1", func(e *entry) { e.Due = time.Time{} })
	s, _ = sender(hooks, nil, box, logger)
	stop = run(t, s)
	box.waitFor(t, func(l *entry) bool { return l.Attempts >= 2 })
	stop()
	if stolen || !strings.Contains(log.String(), "redirects") || !strings.Contains(log.String(), "refused") {
		t.Errorf("stolen %v, log:\n%s", stolen, &log)
	}
	if text := log.String() + box.all[0].err; strings.Contains(text, "T0K3N") || strings.Contains(text, string(secret)) {
		t.Errorf("a secret was told:\n%s", text)
	}
}

func TestRetryAfter500AndExactlyOnceByKey(t *testing.T) {
	hook := listen(t, func(n int) int {
		if n == 1 {
			return http.StatusInternalServerError
		}
		return 0
	})
	box := &memory{}
	box.add(alert.Letter{ID: "x.page.1", Incident: "x", Route: "page", Body: []byte(`{"schema":"picket.alert/v1","alert_id":"x"}`), Created: time.Now()})
	s, _ := sender(page(hook.URL), nil, box, nil)
	stop := run(t, s)
	box.waitFor(t, func(e *entry) bool { return e.Attempts == 1 })
	box.change("x.page.1", func(e *entry) { e.Due = time.Time{} }) // do not wait for the backoff
	s.Notify()
	hook.wait(t)
	box.waitFor(t, func(e *entry) bool { return e.sent })
	stop()
	// The collector crashed before it noted the success: it sends again, and the
	// receiver knows the key.
	box.change("x.page.1", func(e *entry) { e.sent = false; e.Due = time.Time{} })
	s, _ = sender(page(hook.URL), nil, box, nil)
	stop = run(t, s)
	box.waitFor(t, func(e *entry) bool { return e.sent })
	stop()
	if len(hook.accepted) != 1 || hook.keys["x.page.1"] != 2 || hook.requests != 3 {
		t.Errorf("accepted %d, keys %v, requests %d", len(hook.accepted), hook.keys, hook.requests)
	}
}
