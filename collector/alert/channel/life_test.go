package channel_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
	"picket/collector/detect"
)

// life is an incident from its beginning to its end, told on one route "x" by a
// real planner, a real store and a real sender.
type life struct {
	t       *testing.T
	way     channel.Way
	smtp    *channel.SMTP
	path    string
	box     durable
	planner *alert.Planner
	sender  *alert.Sender
	channel *channel.Deliverer
	stop    func()
	i       detect.Incident
}

func live(t *testing.T, way channel.Way, smtp *channel.SMTP) *life {
	i := incident("01KGF3M8Q2")
	began := time.Now().Add(-2 * time.Hour).Truncate(time.Second)
	i.Started, i.Opened, i.Confirmed, i.Severity = began, began, began, detect.SeverityOutage
	i.DownSites, i.Sites, i.DownNetworks, i.Networks = 9, 11, 6, 7
	l := &life{t: t, way: way, smtp: smtp, path: filepath.Join(t.TempDir(), "picket.db"), i: i}
	l.planner = alert.NewPlanner(alert.PlannerOptions{Routes: ways{"x": way}.routes(), Words: alert.Words{Page: "https://picket.msp.example"}})
	l.start()
	t.Cleanup(func() { l.stop(); l.box.Close() })
	return l
}

// start is a start of the collector.
func (l *life) start() {
	l.box = open(l.t, l.path)
	l.channel = channel.New(channel.Options{Ways: ways{"x": l.way}, SMTP: l.smtp, Past: l.box, Log: slog.New(slog.DiscardHandler)})
	l.sender = alert.NewSender(alert.Options{Outbox: l.box, Routes: ways{"x": l.way}.routes(), Deliver: l.channel.Deliver})
	l.stop = run(l.t, l.sender)
}

// crash ends the collector and starts it again.
func (l *life) crash() {
	l.t.Helper()
	l.stop()
	if err := l.box.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.start()
}

// tell plans what the incident calls for so long after its beginning.
func (l *life) tell(after time.Duration) {
	l.t.Helper()
	letters, err := l.planner.Plan(l.i.Started.Add(after), l.i)
	if err != nil || len(letters) != 1 {
		l.t.Fatalf("%d letters, %v", len(letters), err)
	}
	l.box.put(l.t, l.i, letters...)
	l.planner.Enqueued(letters...)
	l.sender.Notify()
}

func (l *life) opened() { l.tell(time.Minute) }

func (l *life) updated() {
	l.i.Severity = detect.SeverityPartial
	l.tell(40 * time.Minute)
}

func (l *life) resolved() {
	l.i.State, l.i.Recovered = detect.Resolved, l.i.Started.Add(100*time.Minute)
	l.i.Resolved = l.i.Recovered.Add(time.Minute)
	l.tell(110 * time.Minute)
}

func (l *life) waiting() []alert.Letter {
	l.t.Helper()
	list, err := l.box.Due(l.t.Context(), "x", time.Now().Add(48*time.Hour), 100)
	if err != nil {
		l.t.Fatal(err)
	}
	return list
}

// failed waits until the letter that waits was tried in vain.
func (l *life) failed() {
	l.t.Helper()
	within(l.t, "the try", func() bool { w := l.waiting(); return len(w) == 1 && w[0].Attempts > 0 })
}

// settle waits until everything is delivered, without the pauses between tries.
func (l *life) settle() {
	l.t.Helper()
	within(l.t, "the delivery", func() bool {
		list := l.waiting()
		for _, w := range list {
			if w.Attempts > 0 && w.Due.After(time.Now()) {
				if err := l.box.Failed(l.t.Context(), w.ID, time.Now(), "hurried by the test", false); err != nil {
					l.t.Fatal(err)
				}
				l.sender.Notify()
			}
		}
		return len(list) == 0
	})
}

// within waits for what happens by itself.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// Letters and Standing make the store the channels' past, as the collector does.
func (d durable) Letters(ctx context.Context, route, incident string) (bodies [][]byte, err error) {
	list, err := d.Messages(ctx, incident)
	for _, m := range list {
		if m.Route == route {
			bodies = append(bodies, m.Body)
		}
	}
	return bodies, err
}

// house is a receiver over HTTP that can be killed and revived at its address.
type house struct {
	t    *testing.T
	addr string

	mu     sync.Mutex
	server *http.Server
	take   func(r *http.Request, body []byte) (status int)
	cut    string // "before" or "after" it takes the next request: the connection ends there
}

func build(t *testing.T, take func(r *http.Request, body []byte) int) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, addr: l.Addr().String(), take: take}
	h.serve(l)
	t.Cleanup(h.kill)
	return h
}

func (h *house) url() string { return "http://" + h.addr }

func (h *house) serve(l net.Listener) {
	server := &http.Server{Handler: h}
	h.mu.Lock()
	h.server = server
	h.mu.Unlock()
	go server.Serve(l)
}

func (h *house) kill() {
	h.mu.Lock()
	server := h.server
	h.mu.Unlock()
	server.Close()
}

func (h *house) revive() {
	h.t.Helper()
	l, err := net.Listen("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.serve(l)
}

// cutNext ends the connection of the next request.
func (h *house) cutNext(where string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut = where
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	where := h.cut
	h.cut = ""
	if where == "before" {
		panic(http.ErrAbortHandler)
	}
	status := h.take(r, body)
	if where == "after" {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}
