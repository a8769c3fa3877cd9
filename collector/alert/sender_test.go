package alert_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/alert"
)

func TestALetterSurvivesTheCrashBetweenWritingAndSending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "picket.db")
	hook := listen(t, nil)
	routes := []alert.Route{{Name: "page", URL: hook.URL, Secret: withSecret}}
	box := open(t, path)
	i := incident("01JA")
	letters, err := alert.NewPlanner(alert.PlannerOptions{Routes: routes}).Plan(time.Now(), i)
	if err != nil {
		t.Fatal(err)
	}
	box.put(t, i, letters...)
	if err := box.Close(); err != nil { // no sender ever ran
		t.Fatal(err)
	}

	box = open(t, path)
	defer box.Close()
	s, stop := run(t, alert.Options{Outbox: box, Routes: routes})
	m := hook.wait(t)
	if m.AlertID != "01JA" || m.Event != alert.Opened || !strings.HasPrefix(m.Title, "Confirmed: Azure") || !strings.Contains(m.Text, "KEY       picket:01JA") {
		t.Errorf("got %+v", m)
	}
	s.Notify()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left, err := box.Due(t.Context(), routes[0].Name, time.Now().Add(time.Hour), 10)
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
	routes := []alert.Route{{Name: "a-slow", URL: slow.URL, Secret: withSecret}, {Name: "b-quick", URL: hook.URL, Secret: withSecret}}
	i := incident("01JA")
	letters, err := alert.NewPlanner(alert.PlannerOptions{Routes: routes}).Plan(time.Now(), i)
	if err != nil {
		t.Fatal(err)
	}
	s, stop := run(t, alert.Options{Outbox: box, Routes: routes})
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
	route := alert.Route{Name: "page", URL: hook.URL + "/T0K3N", Secret: withSecret}
	_, stop := run(t, alert.Options{Outbox: box, Routes: []alert.Route{route}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	box.waitFor(t, func(l *entry) bool { return l.Attempts == 1 })
	stop()
	hook.Close()
	box.change("x.page.1", func(e *entry) { e.Due = time.Time{} })
	_, stop = run(t, alert.Options{Outbox: box, Routes: []alert.Route{route}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	box.waitFor(t, func(l *entry) bool { return l.Attempts >= 2 })
	stop()
	if stolen || !strings.Contains(log.String(), "redirects") || !strings.Contains(log.String(), "refused") {
		t.Errorf("stolen %v, log:\n%s", stolen, &log)
	}
	if text := log.String() + box.all[0].err; strings.Contains(text, "T0K3N") || strings.Contains(text, string(secret)) {
		t.Errorf("a secret was told:\n%s", text)
	}
}

// attempt is what a fake channel saw.
type attempt struct {
	id string
	at time.Duration // since the beginning
}

// deliveries runs a sender in virtual time against a channel that answers
// with the errors of script, per letter, then accepts.
func deliveries(t *testing.T, d time.Duration, letters []alert.Letter, script func(id string, n int) error) (seen []attempt, box *memory) {
	box = &memory{}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, l := range letters {
			l.Created = start
			box.add(l)
		}
		var mu sync.Mutex
		count := map[string]int{}
		ctx, cancel := context.WithCancel(t.Context())
		s := alert.NewSender(alert.Options{Outbox: box, Routes: []alert.Route{{Name: "page"}},
			Deliver: func(_ context.Context, _ alert.Route, l alert.Letter) error {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, attempt{l.ID, time.Since(start)})
				count[l.ID]++
				return script(l.ID, count[l.ID])
			}})
		go s.Run(ctx)
		time.Sleep(d)
		cancel()
		synctest.Wait()
	})
	return seen, box
}

func letter(incident string, seq int) alert.Letter {
	return alert.Letter{ID: fmt.Sprintf("%s.page.%d", incident, seq), Incident: incident, Route: "page"}
}

func TestLettersOfAnIncidentKeepTheirOrder(t *testing.T) {
	seen, box := deliveries(t, time.Hour, []alert.Letter{letter("a", 1), letter("a", 2), letter("b", 1), letter("a", 3)}, func(id string, n int) error {
		if id == "a.page.1" && n <= 3 {
			return errors.New("the receiver answers 500")
		}
		return nil
	})
	var order []string
	for _, a := range seen {
		order = append(order, a.id)
	}
	want := []string{"a.page.1", "b.page.1", "a.page.1", "a.page.1", "a.page.1", "a.page.2", "a.page.3"}
	if !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
	for _, e := range box.all {
		if !e.sent {
			t.Errorf("%s was not sent", e.ID)
		}
	}
}

func TestBackoffGrowsAndEndsAfterADay(t *testing.T) {
	seen, box := deliveries(t, 30*time.Hour, []alert.Letter{letter("a", 1)}, func(string, int) error { return errors.New("no route to host") })
	if !box.all[0].dead || box.all[0].sent {
		t.Error("it is not given up")
	}
	last := seen[len(seen)-1].at
	if last > 24*time.Hour || last < 23*time.Hour || len(seen) < 90 || len(seen) > 160 {
		t.Errorf("%d tries, the last after %v", len(seen), last)
	}
	for k := 1; k < len(seen); k++ {
		if wait := seen[k].at - seen[k-1].at; wait < 4*time.Second || wait > 18*time.Minute+time.Second {
			t.Errorf("try %d came %v after the one before", k+1, wait)
		}
	}
}

func TestADefiniteNoIsGivenUpSoonAndFreesTheNext(t *testing.T) {
	seen, box := deliveries(t, time.Hour, []alert.Letter{letter("a", 1), letter("a", 2), letter("b", 1)}, func(id string, n int) error {
		switch id {
		case "a.page.1":
			return fmt.Errorf("%w: the receiver answers 400", alert.ErrRefused)
		case "b.page.1":
			return fmt.Errorf("%w: the receiver answers 410", alert.ErrGone)
		}
		return nil
	})
	if len(seen) != 6+1+1 || !box.all[0].dead || !box.all[1].sent || !box.all[2].dead {
		t.Errorf("%v, %+v", seen, box.all[0])
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
	route := alert.Route{Name: "page", URL: hook.URL, Secret: withSecret}
	s, stop := run(t, alert.Options{Outbox: box, Routes: []alert.Route{route}})
	box.waitFor(t, func(e *entry) bool { return e.Attempts == 1 })
	box.change("x.page.1", func(e *entry) { e.Due = time.Time{} }) // do not wait for the backoff
	s.Notify()
	hook.wait(t)
	box.waitFor(t, func(e *entry) bool { return e.sent })
	stop()
	// The collector crashed before it noted the success: it sends again, and the
	// receiver knows the key.
	box.change("x.page.1", func(e *entry) { e.sent = false; e.Due = time.Time{} })
	_, stop = run(t, alert.Options{Outbox: box, Routes: []alert.Route{route}})
	box.waitFor(t, func(e *entry) bool { return e.sent })
	stop()
	if len(hook.accepted) != 1 || hook.keys["x.page.1"] != 2 || hook.requests != 3 {
		t.Errorf("accepted %d, keys %v, requests %d", len(hook.accepted), hook.keys, hook.requests)
	}
}

func TestLettersToARouteThatIsGoneAreBuried(t *testing.T) {
	box := &memory{}
	box.add(alert.Letter{ID: "x.old.1", Incident: "x", Route: "old", Created: time.Now()})
	_, stop := run(t, alert.Options{Outbox: box})
	box.waitFor(t, func(e *entry) bool { return e.dead })
	stop()
	if !strings.Contains(box.all[0].err, "no longer configured") {
		t.Errorf("got %q", box.all[0].err)
	}
}
