package collector

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/store"
	"picket/internal/fleet"
)

// hooks are two routes by webhook on loopback: chat, whose receiver fails while
// down is set, and pager.
type hooks struct {
	a       *alerts
	s       *store.Store
	down    atomic.Bool
	atChat  chan alert.Message
	atPager chan alert.Message
}

func newHooks(t *testing.T, path string, weekly config.Weekly) *hooks {
	t.Helper()
	t.Setenv("PICKET_TEST_HOOK", "secret")
	h := &hooks{atChat: make(chan alert.Message, 10), atPager: make(chan alert.Message, 10)}
	receiver := func(fails *atomic.Bool, got chan alert.Message) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if fails.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			var m alert.Message
			if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
				t.Errorf("webhook: %v", err)
			}
			got <- m
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	route := func(name, url string) config.Route {
		return config.Route{Name: name, Webhook: url, Secret: config.Secret{Env: "PICKET_TEST_HOOK"}, Kinds: "all", MinConfidence: "probable"}
	}
	file := &config.File{Lookups: config.LookupsOff, WeeklyTest: weekly,
		Alerts: []config.Route{route("chat", receiver(&h.down, h.atChat)), route("pager", receiver(new(atomic.Bool), h.atPager))}}
	var err error
	if h.s, err = store.Open(t.Context(), path, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	h.a = newAlerts(h.s, file, "", slog.New(slog.DiscardHandler))
	return h
}

// send has what is due delivered until done says so.
func (h *hooks) send(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var g sync.WaitGroup
	defer g.Wait()
	sending, end := context.WithCancel(ctx)
	defer end()
	g.Go(func() { h.a.sender.Run(sending) })
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come to an end")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (h *hooks) states(t *testing.T, incident string) string {
	t.Helper()
	all, err := h.s.Messages(t.Context(), incident)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, m := range letters(all) {
		words = append(words, m.Route+" "+m.Event+" "+m.State)
	}
	return strings.Join(words, ", ")
}

// TestAFailingRouteIsToldByAnother: its receiver is down, and after five minutes
// the pager is told of it, once, also through a restart, and of the end.
func TestAFailingRouteIsToldByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "picket.db")
	h := newHooks(t, path, config.Weekly{Off: true})
	h.down.Store(true)
	ctx, written := t.Context(), time.Now().Add(-10*time.Minute)
	enqueue := func(s *store.Store, id string) {
		t.Helper()
		m, _ := json.Marshal(alert.Message{Schema: alert.Schema, Event: alert.Opened, AlertID: id, Route: "chat", Sequence: 1, SentAs: alert.Key(id, "chat", 1)})
		if err := s.Enqueue(ctx, []store.Message{{ID: alert.Key(id, "chat", 1), Incident: id, Route: "chat", Event: "opened", Body: m, Created: written}}); err != nil {
			t.Fatal(err)
		}
	}
	enqueue(h.s, "01J")
	tried := func() bool {
		all, err := h.s.Undelivered(ctx, time.Time{}, 10)
		return err == nil && len(all) == 1
	}
	h.send(t, tried)
	h.a.lookAfter(ctx, written.Add(4*time.Minute))
	if len(h.a.health.told) != 0 {
		t.Fatalf("after four minutes: %+v", h.a.health.told)
	}
	h.a.lookAfter(ctx, written.Add(6*time.Minute))
	told := h.a.health.told["chat"]
	if len(told.routes) != 1 || told.routes[0] != "pager" {
		t.Fatalf("after six minutes: %+v", told)
	}
	routes, err := h.a.byRoute(ctx)
	if err != nil || routes[0].Failing.IsZero() || !strings.Contains(routes[0].Why, "503") || !routes[1].Failing.IsZero() {
		t.Errorf("receipts %+v, %v", routes, err)
	}
	h.send(t, func() bool { return strings.HasSuffix(h.states(t, told.trouble.ID()), "sent") })
	if m := receive(t, h.atPager); !strings.HasPrefix(m.Subject, "[ROUTE] ") || !strings.Contains(m.Text, "503") {
		t.Errorf("the pager was told: %s\n%s", m.Subject, m.Text)
	}
	h.s.Close()

	h = newHooks(t, path, config.Weekly{Off: true}) // after a restart chat works
	defer h.s.Close()
	if !h.a.restoreTroubles(ctx) {
		t.Fatal("not restored")
	}
	h.a.lookAfter(ctx, written.Add(7*time.Minute))
	if got := h.states(t, told.trouble.ID()); got != "pager opened sent" {
		t.Errorf("told again after a restart: %s", got)
	}
	h.a.tested(ctx, "pager", time.Now()) // a test of another route says nothing of chat
	h.send(t, func() bool { return strings.HasSuffix(h.states(t, "01J"), "sent") })
	h.a.lookAfter(ctx, written.Add(8*time.Minute))
	h.send(t, func() bool { return h.states(t, told.trouble.ID()) == "pager opened sent, pager resolved sent" })
	if m := receive(t, h.atPager); m.Event != alert.Resolved || !strings.Contains(m.Subject, "chat delivers again") {
		t.Errorf("the end: %+v", m)
	}
	h.a.lookAfter(ctx, written.Add(9*time.Minute))
	if routes, err := h.a.byRoute(ctx); err != nil || !routes[0].Failing.IsZero() || routes[0].Sent != 1 || routes[0].LastSent.IsZero() || routes[0].Took.Count != 1 {
		t.Errorf("receipts %+v, %v", routes, err)
	}
}

// TestATroubleIsNotOverBecauseItIsOld: what a dead route lost ages out, and
// nobody is told that it delivers again until it has, also through a restart.
func TestATroubleIsNotOverBecauseItIsOld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "picket.db")
	h := newHooks(t, path, config.Weekly{Off: true})
	ctx, written := t.Context(), time.Now().Add(-20*24*time.Hour).Truncate(time.Millisecond)
	put := func(id string, created time.Time) {
		t.Helper()
		if err := h.s.Enqueue(ctx, []store.Message{{ID: id, Incident: id, Route: "chat", Event: "opened", Body: []byte("{}"), Created: created}}); err != nil {
			t.Fatal(err)
		}
	}
	put("lost", written)
	if err := h.s.Failed(ctx, "lost", written.Add(time.Hour), "the receiver answers 404", true); err != nil {
		t.Fatal(err)
	}
	// One that arrived before the other was given up says nothing of now.
	put("arrived", written)
	if err := h.s.Sent(ctx, "arrived", written.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	h.a.lookAfter(ctx, written.Add(2*time.Hour))
	told := h.a.health.told["chat"]
	h.a.lookAfter(ctx, written.Add(9*24*time.Hour))
	if got := h.states(t, told.trouble.ID()); got != "pager opened waiting" {
		t.Errorf("after nine days: %q", got)
	}
	h.s.Close()
	h = newHooks(t, path, config.Weekly{Off: true})
	defer h.s.Close()
	if !h.a.restoreTroubles(ctx) {
		t.Fatal("not restored")
	}
	h.a.lookAfter(ctx, written.Add(10*24*time.Hour))
	if got := h.states(t, told.trouble.ID()); got != "pager opened waiting" {
		t.Errorf("after a restart: %q", got)
	}
	routes, err := h.a.byRoute(ctx)
	if err != nil || !routes[0].Failing.Equal(written) {
		t.Errorf("the page says %+v, %v", routes, err)
	}
	put("again", written.Add(11*24*time.Hour))
	if err := h.s.Sent(ctx, "again", written.Add(11*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.a.lookAfter(ctx, written.Add(11*24*time.Hour+time.Minute))
	if got := h.states(t, told.trouble.ID()); got != "pager opened waiting, pager resolved waiting" {
		t.Errorf("when it delivers: %q", got)
	}
}

// TestEveryRouteIsTestedOnceAWeek: at its time and not before the installation,
// once however often it is looked, also through a restart and for a route that
// was not there before; what becomes of it is kept.
func TestEveryRouteIsTestedOnceAWeek(t *testing.T) {
	path := filepath.Join(t.TempDir(), "picket.db")
	weekly := config.Weekly{Day: time.Wednesday, Hour: 9}
	h := newHooks(t, path, weekly)
	ctx, installed := t.Context(), time.Now()
	if _, _, err := h.s.SaveConfig(ctx, fleet.Config{}, "", nil, installed); err != nil {
		t.Fatal(err)
	}
	due := weekly.Before(installed).AddDate(0, 0, 7)
	if h.a.lookAfter(ctx, installed); h.states(t, alert.WeeklyID(weekly.Before(installed))) != "" {
		t.Error("tested for a time before it was installed")
	}
	if h.a.lookAfter(ctx, due.Add(-time.Second)); h.states(t, alert.WeeklyID(due)) != "" {
		t.Error("tested too early")
	}
	h.a.lookAfter(ctx, due.Add(time.Second))
	h.a.lookAfter(ctx, due.Add(time.Minute))
	if got := h.states(t, alert.WeeklyID(due)); got != "chat test waiting, pager test waiting" {
		t.Fatalf("at its time: %s", got)
	}
	h.s.Close()
	h = newHooks(t, path, weekly)
	defer h.s.Close()
	h.a.lookAfter(ctx, due.Add(time.Hour))
	h.a.lookAfter(ctx, due.Add(25*time.Hour))
	all, err := h.s.Messages(ctx, alert.WeeklyID(due))
	if err != nil || len(all) != 2 {
		t.Fatalf("after a restart: %+v, %v", all, err)
	}
	var m alert.Message
	if err := json.Unmarshal(all[0].Body, &m); err != nil || !strings.HasPrefix(m.Subject, "[TEST] ") || !strings.Contains(m.Text, "Once a week") {
		t.Errorf("it says %s\n%s", m.Subject, m.Text)
	}
	if err := h.s.Sent(ctx, all[0].ID, due.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	tests, err := h.a.lastTests(ctx, due)
	if err != nil || tests["chat"].State != store.MessageSent || letterStates()[tests["pager"].State] != "waiting" {
		t.Errorf("kept %+v, %v", tests, err)
	}
}
