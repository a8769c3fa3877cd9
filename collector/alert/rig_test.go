package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/store"
)

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
	doc, err := json.Marshal(i)
	if err == nil {
		err = d.SaveIncident(t.Context(), i.ID, doc, i.Opened, time.Now(), i.State.Open(), stored(letters))
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

// run starts a sender and returns how to stop it.
func run(t *testing.T, o alert.Options) (*alert.Sender, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := alert.NewSender(o)
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return s, stop
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
