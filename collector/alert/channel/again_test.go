package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
)

// standing is a past without a disk.
type standing struct {
	asked  atomic.Int32
	bodies map[string][][]byte // by incident
}

func (s *standing) Letters(_ context.Context, _, incident string) ([][]byte, error) {
	return s.bodies[incident], nil
}

func (s *standing) Standing(context.Context, string, time.Time) (ids []string, _ error) {
	s.asked.Add(1)
	for id := range s.bodies {
		ids = append(ids, id)
	}
	return ids, nil
}

// TestWhatFiresIsSaidEveryMinute and no longer than the collector runs.
func TestWhatFiresIsSaidEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		past := &standing{}
		d := channel.New(channel.Options{Ways: ways{"am": channel.Alertmanager{URL: "http://127.0.0.1:1"}, "page": channel.Webhook{}}, Past: past})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		time.Sleep(10*time.Minute + time.Second)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || past.asked.Load() != 10 {
			t.Errorf("said %d times in ten minutes, then %v", past.asked.Load(), err)
		}
	})
}

type said struct {
	Labels   map[string]string
	StartsAt time.Time
	EndsAt   time.Time
}

// TestWhatFiresEndsByItself: an alert that is not said again is over in five
// minutes, and one that is over says when that really was.
func TestWhatFiresEndsByItself(t *testing.T) {
	var heard []said
	var login string
	h := build(t, func(r *http.Request, body []byte) int {
		login = r.Header.Get("Authorization")
		if wrong := channel.AlertForm(body); len(wrong) > 0 || r.URL.Path != "/am/api/v2/alerts" {
			t.Errorf("%s: %q", r.URL, wrong)
		}
		var some []said
		if err := json.Unmarshal(body, &some); err != nil {
			t.Error(err)
		}
		heard = append(heard, some...)
		return 200
	})
	began := time.Date(2026, 2, 2, 8, 41, 20, 0, time.UTC)
	body := func(id string, seq int, e alert.Event, level alert.Level) []byte {
		m := alert.Message{Schema: alert.Schema, Event: e, AlertID: id, Route: "am", Sequence: seq, Kind: "provider-region", Provider: "azure", Level: level, Started: began, At: began}
		if e == alert.Resolved {
			m.Recovered = began.Add(time.Hour)
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	past := &standing{bodies: map[string][][]byte{
		"on":   {body("on", 1, alert.Opened, alert.LevelMedium), body("on", 2, alert.Updated, alert.LevelCritical)},
		"over": {body("over", 1, alert.Opened, alert.LevelHigh), body("over", 2, alert.Resolved, alert.LevelHigh)},
		"odd":  {[]byte("{")},
	}}
	for k := range 250 {
		id := fmt.Sprintf("i%d", k)
		past.bodies[id] = [][]byte{body(id, 1, alert.Opened, alert.LevelHigh)}
	}
	d := channel.New(channel.Options{Past: past, Ways: ways{"am": channel.Alertmanager{URL: h.url() + "/am/", Token: text("T0K3N")}}})
	now := began.Add(61 * time.Minute)
	d.Repeat(t.Context(), now)
	if len(heard) != 252 || login != "Bearer T0K3N" {
		t.Fatalf("heard %d, log-in %q", len(heard), login)
	}
	for _, a := range heard {
		want := now.Add(5 * time.Minute)
		if a.Labels["incident"] == "over" {
			want = began.Add(time.Hour)
		}
		if !a.EndsAt.Equal(want) || !a.StartsAt.Equal(began) {
			t.Errorf("%v: from %v to %v", a.Labels, a.StartsAt, a.EndsAt)
		}
		if a.Labels["incident"] == "on" && a.Labels["severity"] != "warning" {
			t.Errorf("its labels changed with the update: %v", a.Labels)
		}
	}
}

// TestASecretIsNotTold: no way repeats in an error what its URL or key is.
func TestASecretIsNotTold(t *testing.T) {
	refuse := build(t, func(*http.Request, []byte) int { return http.StatusForbidden })
	dead := "http://" + free(t)
	for name, w := range map[string]channel.Way{
		"slack": channel.Slack{URL: text(refuse.url() + "/HUNTER2")}, "slack, dead": channel.Slack{URL: text(dead + "/HUNTER2")},
		"slack, no URL": channel.Slack{URL: text("HUNTER2")}, "teams": channel.Teams{URL: text(refuse.url() + "/?sig=HUNTER2")},
		"teams, bent": channel.Teams{URL: text("https://HUNTER2\x7f/")}, "pagerduty": channel.PagerDuty{URL: refuse.url(), Key: text("HUNTER2")},
		"alertmanager": channel.Alertmanager{URL: refuse.url(), Username: "u", Password: text("HUNTER2")},
		"ticket":       channel.Ticket{URL: refuse.url() + "/HUNTER2", Secret: text("HUNTER2")}, "ticket, dead": channel.Ticket{URL: dead + "/HUNTER2", Secret: text("HUNTER2")},
		"ntfy":       channel.Shoutrrr{URL: text("ntfy://u:HUNTER2@" + refuse.addr + "/HUNTER2?scheme=http")},
		"ntfy, dead": channel.Shoutrrr{URL: text("ntfy://u:HUNTER2@" + strings.TrimPrefix(dead, "http://") + "/HUNTER2?scheme=http")},
		"telegram":   channel.Shoutrrr{URL: text("telegram://HUNTER2@telegram?chats=HUNTER2")},
		"unknown":    channel.Shoutrrr{URL: text("hunter://HUNTER2")}, "no URL": channel.Shoutrrr{URL: text("HUNTER2")},
		"mail in disguise": channel.Shoutrrr{URL: text("smtp://u:HUNTER2@h.example/?from=a@b.example&to=c@d.example")},
		"a log":            channel.Shoutrrr{URL: text("logger://HUNTER2")},
	} {
		var log strings.Builder
		s, _ := sender(ways{"x": w}, nil, &memory{}, slog.New(slog.NewTextHandler(&log, nil)))
		err := s.Test(t.Context(), "x")
		if err == nil {
			t.Errorf("%s: delivered", name)
			continue
		}
		if all := err.Error() + channel.Remedy(err) + log.String() + channel.Describe(w); strings.Contains(all, "HUNTER2") {
			t.Errorf("%s: %s", name, all)
		}
	}
}

// TestATestLeavesNothingOpen: who tries a pager or a service desk does not have
// to clean up.
func TestATestLeavesNothingOpen(t *testing.T) {
	b := &book{t: t, keys: map[string]bool{}, open: map[string]bool{}}
	pager, desk := build(t, b.pagerDuty), build(t, b.desk)
	for _, w := range []channel.Way{channel.PagerDuty{URL: pager.url(), Key: text(pagerSecret)},
		channel.Ticket{URL: desk.url(), Secret: withSecret}, channel.Ticket{URL: desk.url(), Secret: withSecret, PerClient: true}} {
		b.events, b.keys = nil, map[string]bool{} // two tests in one millisecond have one key
		s, _ := sender(ways{"x": w}, nil, &memory{}, nil)
		if err := s.Test(t.Context(), "x"); err != nil || strings.Join(b.events, " ") != "opened resolved" {
			t.Errorf("%s: %v, %q", w.Kind(), err, b.events)
		}
	}
}

// TestAServiceThatHangsCostsOneGoroutine: the library cannot be stopped, so it is
// not asked a second time while it hangs.
func TestAServiceThatHangsCostsOneGoroutine(t *testing.T) {
	release, got := make(chan struct{}), make(chan string, 100)
	var asked atomic.Int32
	ntfy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if asked.Add(1) == 1 {
			<-release
		}
		got <- string(body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":"x","event":"message"}`)
	}))
	defer ntfy.Close()
	s, _ := sender(ways{"x": channel.Shoutrrr{URL: text("ntfy://" + strings.TrimPrefix(ntfy.URL, "http://") + "/topic?scheme=http")}}, nil, &memory{}, nil)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.Test(short, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it hangs: %v", err)
	}
	if err := s.Test(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "still on its way") || asked.Load() != 1 {
		t.Errorf("asked %d times, %v", asked.Load(), err)
	}
	close(release)
	within(t, "a delivery", func() bool { return s.Test(t.Context(), "x") == nil })
	if first := <-got; !strings.Contains(first, "[TEST] Nothing has happened") {
		t.Errorf("got %q", first)
	}
}
