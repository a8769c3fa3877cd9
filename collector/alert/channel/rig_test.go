package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
	"picket/collector/detect"
	"picket/collector/store"
)

var secret = []byte("a shared secret")

func withSecret() ([]byte, error) { return secret, nil }

// durable is the real store as the sender's outbox, the way the collector wires it.
type durable struct{ *store.Store }

func (d durable) Routes(ctx context.Context) ([]string, error) { return d.WaitingRoutes(ctx) }

func (d durable) Due(ctx context.Context, route string, now time.Time, limit int) ([]alert.Letter, error) {
	ms, err := d.Store.Due(ctx, route, now, limit)
	var out []alert.Letter
	for _, m := range ms {
		out = append(out, alert.Letter{ID: m.ID, Incident: m.Incident, Route: m.Route, Event: alert.Event(m.Event), Body: m.Body,
			Created: m.Created, Due: m.Due, Attempts: m.Attempts})
	}
	return out, err
}

func (d durable) put(t *testing.T, i detect.Incident, letters ...alert.Letter) {
	t.Helper()
	var ms []store.Message
	for _, l := range letters {
		ms = append(ms, store.Message{ID: l.ID, Incident: l.Incident, Route: l.Route, Event: string(l.Event), Body: l.Body, Created: l.Created, Due: l.Due})
	}
	doc, err := json.Marshal(i)
	if err == nil {
		err = d.SaveIncident(t.Context(), i.ID, doc, i.Opened, time.Now(), i.State.Open(), ms)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) durable {
	t.Helper()
	s, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return durable{s}
}

func incident(id string) detect.Incident {
	now := time.Now()
	return detect.Incident{ID: id, Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope", State: detect.Confirmed,
		Confidence: detect.ConfidenceConfirmed, Title: "Azure has an outage in westeurope", Opened: now, Started: now, Confirmed: now}
}

// receiver is a webhook that keeps what it accepted, once per key.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	fail     func(n int) int // status of the n-th request from 1; nil or 0 accepts
	requests int
	accepted []alert.Message
	keys     map[string]int
	arrived  chan alert.Message // every accepted first arrival
}

func listen(t *testing.T, fail func(n int) int) *receiver {
	r := &receiver{fail: fail, keys: map[string]int{}, arrived: make(chan alert.Message, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests++
		if err := channel.Verify(secret, req.Header, body, time.Now(), time.Minute); err != nil || req.Header.Get("Content-Type") != "application/json" {
			t.Errorf("request %d: %v", r.requests, err)
		}
		if r.fail != nil {
			if code := r.fail(r.requests); code != 0 {
				w.WriteHeader(code)
				return
			}
		}
		var m alert.Message
		if err := json.Unmarshal(body, &m); err != nil || m.Schema != alert.Schema {
			t.Errorf("body: %v", err)
		}
		key := req.Header.Get(channel.IdempotencyHeader)
		if r.keys[key]++; r.keys[key] == 1 {
			r.accepted = append(r.accepted, m)
			r.arrived <- m
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) wait(t *testing.T) alert.Message {
	t.Helper()
	select {
	case m := <-r.arrived:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("nothing arrived")
		return alert.Message{}
	}
}

// ways is how routes go in a test, by name.
type ways map[string]channel.Way

// page is the route "page" by webhook.
func page(url string) ways { return ways{"page": channel.Webhook{URL: url, Secret: withSecret}} }

func (w ways) routes() (all []alert.Route) {
	for _, name := range slices.Sorted(maps.Keys(w)) {
		all = append(all, alert.Route{Name: name, By: channel.Describe(w[name])})
	}
	return all
}

// sender is the two rooms as the collector puts them together.
func sender(w ways, smtp *channel.SMTP, box alert.Outbox, log *slog.Logger) (*alert.Sender, *channel.Deliverer) {
	d := channel.New(channel.Options{Ways: w, SMTP: smtp, Log: log})
	return alert.NewSender(alert.Options{Outbox: box, Routes: w.routes(), Deliver: d.Deliver, Log: log}), d
}

// run works a sender and returns how to stop it.
func run(t *testing.T, s *alert.Sender) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// entry is a letter in memory.
type entry struct {
	alert.Letter
	sent, dead bool
	err        string
}

// memory is an outbox without a disk.
type memory struct {
	mu  sync.Mutex
	all []*entry
}

func (m *memory) add(l alert.Letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, &entry{Letter: l})
}

func (m *memory) Routes(context.Context) (names []string, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.all {
		if !e.sent && !e.dead && !slices.Contains(names, e.Route) {
			names = append(names, e.Route)
		}
	}
	return names, nil
}

func (m *memory) Due(_ context.Context, route string, now time.Time, limit int) (out []alert.Letter, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.all {
		if e.Route == route && !e.sent && !e.dead && !e.Due.After(now) && len(out) < limit {
			out = append(out, e.Letter)
		}
	}
	return out, nil
}

func (m *memory) change(id string, f func(*entry)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := slices.IndexFunc(m.all, func(e *entry) bool { return e.ID == id })
	if k < 0 {
		return errors.New("no such letter")
	}
	f(m.all[k])
	return nil
}

func (m *memory) Sent(_ context.Context, id string, _ time.Time) error {
	return m.change(id, func(e *entry) { e.sent = true })
}

func (m *memory) Failed(_ context.Context, id string, next time.Time, text string, dead bool) error {
	return m.change(id, func(e *entry) { e.Attempts++; e.Due, e.err, e.dead = next, text, dead })
}

func (m *memory) waitFor(t *testing.T, ok func(*entry) bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		m.mu.Lock()
		done := ok(m.all[0])
		m.mu.Unlock()
		if done {
			return
		}
	}
	t.Fatal("it did not happen")
}
