package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/official"
	"picket/collector/store"
	"picket/collector/web"
)

// statusPage is a provider's status page that says what the test wants.
func statusPage(t *testing.T, says *atomic.Value) official.Feed {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, says.Load())
	}))
	t.Cleanup(s.Close)
	return official.Feed{ID: "p-page", Provider: "p", URL: s.URL, Page: "https://status.example", Read: official.Statuspage, Parts: true,
		Names: map[string][]string{"web": {"Web"}}}
}

const pageWell = `{"page":{"name":"P"},"status":{"indicator":"none"},"components":[{"id":"w","name":"Web","status":"operational"}],"incidents":[]}`

// pageDown is the page with an incident that was created then, and is said to
// have begun an hour before.
func pageDown(created time.Time) string {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
	return fmt.Sprintf(`{"page":{"name":"P"},"status":{"indicator":"major"},"components":[{"id":"w","name":"Web","status":"major_outage"}],
		"incidents":[{"id":"i","name":"Web is down","status":"investigating","impact":"major","shortlink":"https://stspg.io/i","created_at":%q,"started_at":%q,"components":[{"id":"w","name":"Web"}]}]}`,
		at(created), at(created.Add(-time.Hour)))
}

// reading is a collector that reads a status page and has one agent enrolled.
func reading(t *testing.T, dir, text string, feed official.Feed) (c *Collector, stop func()) {
	t.Helper()
	path := fileWith(t, "picket.yaml", "listen: 127.0.0.1:0\nhttp: 127.0.0.1:0\nproviders: [{id: p, name: Papaya}]\n"+
		"targets:\n- {id: one, provider: p, service: web, host: 127.0.0.1, checks: [{kind: tcp, port: 9}]}\n"+text)
	file, src, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := Listen(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err = New(t.Context(), Options{File: file, Source: src, Dir: dir, Sockets: sockets, Feeds: []official.Feed{feed}, FeedsEvery: 40 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if agents, err := c.store.Agents(t.Context()); err == nil && len(agents) == 0 {
		token, err := c.store.CreateToken(t.Context(), store.NewToken{Client: "acme", Site: "madrid"})
		if err == nil {
			_, err = c.store.Redeem(t.Context(), token.ID, token.Secret, store.NewAgent{ID: "a1"}, time.Now())
		}
		if err == nil {
			err = c.registry.reload(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return c, stop
}

// eventually waits for f; the deadline is only there so that a failure ends.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !f() {
		select {
		case <-deadline:
			t.Fatal("never: " + what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func outage(opened time.Time) detect.Incident {
	return detect.Incident{ID: "01OFFICIAL", Kind: detect.KindService, Provider: "p", Service: "web", State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed,
		Severity: detect.SeverityOutage, Title: "Papaya web: outage", Started: opened.Add(-10 * time.Second), Opened: opened, Confirmed: opened}
}

// TestAProviderSpeaksAfterUs: we opened the incident 21 minutes ago. The page is
// well, then admits it as of a minute ago; who was told is told of that, the page
// shows 20 minutes, and a restart knows it still.
func TestAProviderSpeaksAfterUs(t *testing.T) {
	t.Setenv("PICKET_TEST_SECRET", "secret")
	url, letters := inbox(t)
	var says atomic.Value
	says.Store(pageWell)
	feed, dir := statusPage(t, &says), t.TempDir()
	c, stop := reading(t, dir, "alerts: [{name: desk, webhook: "+url+", secret_env: PICKET_TEST_SECRET, delay: 0s}]\n", feed)
	s := source{c}
	opened := time.Now().Add(-21 * time.Minute).Truncate(time.Second)
	i := outage(opened)

	eventually(t, "the page is read", func() bool { o, err := s.Official(t.Context(), i); return err == nil && o.Known })
	if o, _ := s.Official(t.Context(), i); o.State != "ok" || !o.Posted.IsZero() || o.Lead != nil {
		t.Errorf("before they post: %+v", o)
	}
	c.alerts.changed(i)
	if m := receive(t, letters); m.Event != alert.Opened || m.Official == nil || m.Official.State != "ok" || m.Official.Lead != 21 {
		t.Errorf("first letter: %s, %+v", m.Event, m.Official)
	}

	posted := opened.Add(20 * time.Minute)
	says.Store(pageDown(posted))
	if m := receive(t, letters); m.Event != alert.Updated || !m.ProviderAck.Equal(posted) || m.Official.Lead != 20 || m.Official.Title != "Web is down" {
		t.Errorf("second letter: %s, %s, %+v", m.Event, m.ProviderAck, m.Official)
	}
	o, err := s.Official(t.Context(), i)
	if err != nil || o.State != "down" || o.Lead == nil || *o.Lead != 20*time.Minute || o.URL != "https://stspg.io/i" {
		t.Errorf("on the page: %+v, %v", o, err)
	}
	feeds, err := s.Feeds(t.Context())
	if err != nil || len(feeds) != 1 || len(feeds[0].Open) != 1 || feeds[0].Open[0].Title != "Web is down" {
		t.Errorf("feeds: %+v, %v", feeds, err)
	}
	says.Store("<!doctype html><html></html>")
	eventually(t, "unknown", func() bool { o, err := s.Official(t.Context(), i); return err == nil && !o.Known })
	if b := c.officials.beside(time.Now(), &i); !b.Known || b.State != "" || !b.Posted.Equal(posted) {
		t.Errorf("what was admitted is forgotten when the page breaks: %+v", b)
	}
	eventually(t, "all is recorded", func() bool { r, s := c.officials.book.Unsaved(); return len(r)+len(s) == 0 })
	stop()

	c, _ = reading(t, dir, "", feed)
	if o, err := (source{c}).Official(t.Context(), i); err != nil || o.Known || o.Lead == nil || *o.Lead != 20*time.Minute {
		t.Errorf("after a restart: %+v, %v", o, err)
	}
}

// TestTheRecordAnswersForOldIncidents: what is older than memory comes from the store.
func TestTheRecordAnswersForOldIncidents(t *testing.T) {
	var says atomic.Value
	says.Store(pageWell)
	dir := t.TempDir()
	feed := statusPage(t, &says)
	c, _ := reading(t, dir, "", feed)
	opened := time.Now().Add(-100 * 24 * time.Hour).UTC().Truncate(time.Second)
	i := outage(opened)
	i.State, i.Resolved = detect.Resolved, opened.Add(2*time.Hour)
	r := official.Record{ID: "p-page/x", Feed: "p-page", Provider: "p", Seen: opened.Add(-5 * time.Minute), Notice: official.Notice{ID: "x", Title: "Web", State: official.Down,
		Posted: opened.Add(-7 * time.Minute), Ended: opened.Add(time.Hour), Parts: []official.Part{{Service: "Web"}}}}
	doc, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.store.SaveFeeds(t.Context(), []store.Notice{{ID: r.ID, Provider: "p", Doc: doc, Published: r.Posted, Seen: r.Seen}},
		[]store.Reading{{Feed: "p-page", Provider: "p", At: opened.Add(-10 * 24 * time.Hour), State: "ok"}}); err != nil {
		t.Fatal(err)
	}
	o, err := (source{c}).Official(t.Context(), i)
	if err != nil || !o.Known || o.Lead == nil || *o.Lead != -7*time.Minute || o.State != "down" {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestNobodyIsAsked: before an agent has joined, with official: false, and for a
// drill or a site.
func TestNobodyIsAsked(t *testing.T) {
	var says atomic.Value
	says.Store(pageWell)
	c, _ := reading(t, t.TempDir(), "official: false\n", statusPage(t, &says))
	i := outage(time.Now())
	if o, err := (source{c}).Official(t.Context(), i); err != nil || o.Known || o.Why != "reading status feeds is turned off (official: false)" {
		t.Errorf("turned off: %+v, %v", o, err)
	}
	for _, change := range []func(*detect.Incident){
		func(i *detect.Incident) { i.Drill = true },
		func(i *detect.Incident) { i.Kind, i.Provider, i.Site = detect.KindSite, "", "acme/madrid" },
		func(i *detect.Incident) { i.Kind, i.Network = detect.KindNetworkProvider, "AS1 Net" },
	} {
		x := i
		change(&x)
		if o, err := (source{c}).Official(t.Context(), x); err != nil || o != nil {
			t.Errorf("%+v, %v", o, err)
		}
	}
	x := i
	x.Kind, x.Provider, x.Dependency = detect.KindDependency, "", "azure-front-door"
	if q, ok := question(&x); !ok || q.Provider != "azure" || q.Service != "front-door" {
		t.Errorf("a shared component: %+v, %v", q, ok)
	}
}

// TestCoverageIsRecorded: a minute with its reason to exist, once.
func TestCoverageIsRecorded(t *testing.T) {
	var says atomic.Value
	says.Store(pageWell)
	c, _ := reading(t, t.TempDir(), "", statusPage(t, &says))
	minute := time.Now().UTC().Truncate(time.Minute)
	for _, now := range []time.Time{minute.Add(-time.Minute), minute, minute.Add(time.Second)} {
		if err := c.noteCoverage(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := (source{c}).CoverageHistory(t.Context(), web.CoverageQuery{From: minute.Add(-time.Hour), To: minute.Add(time.Hour)})
	rows = slices.DeleteFunc(rows, func(r web.CoverageRow) bool { return r.At.After(minute) }) // the collector's own, if a minute began
	if err != nil || len(rows) != 2 || rows[0].Provider != "p" || rows[0].Sites != 0 || rows[0].Step != time.Minute || rows[1].At != minute {
		t.Errorf("%+v, %v", rows, err)
	}
	long, err := (source{c}).CoverageHistory(t.Context(), web.CoverageQuery{From: minute.Add(-30 * time.Hour), To: minute.Add(time.Hour)})
	if err != nil || len(long) == 0 || long[0].Step != time.Hour || long[0].Sure != 0 {
		t.Errorf("%+v, %v", long, err)
	}
}
