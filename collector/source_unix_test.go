//go:build unix

package collector

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/collector/influx"
	"picket/collector/web"
	"picket/internal/uplink"
)

// troubled is a source that shows what keeps a collector from its work, over a quiet world.
type troubled struct {
	web.Source // nil: nothing else is asked
	of         source
}

func (troubled) Snapshot() detect.Snapshot                                       { return detect.Snapshot{} }
func (troubled) Status(context.Context) (web.Status, error)                      { return web.Status{}, nil }
func (t troubled) Unready(ctx context.Context) []web.Unready                     { return t.of.Unready(ctx) }
func (troubled) Planned() []web.Planned                                          { return nil }
func (troubled) Drill() *web.Drill                                               { return nil }
func (troubled) Provider(id string) string                                       { return id }
func (troubled) Incidents(context.Context, bool, int) ([]detect.Incident, error) { return nil, nil }

// TestInfluxDBThatIsAwayIsSaidOnThePage delivers a batch while InfluxDB refuses.
func TestInfluxDBThatIsAwayIsSaidOnThePage(t *testing.T) {
	k := newKitchen(t, 1)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer away.Close()
	var err error
	if k.ingest.influx, err = influx.New(influx.Options{URL: away.URL, Bucket: "picket"}); err != nil {
		t.Fatal(err)
	}
	page, err := web.New(web.Options{Source: troubled{of: source{&Collector{ingest: k.ingest}}}})
	if err != nil {
		t.Fatal(err)
	}
	now := func() string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8443", "127.0.0.1:50000"
		w := httptest.NewRecorder()
		page.Handler().ServeHTTP(w, r)
		return w.Body.String()
	}
	const notice = "history is behind until this is over"
	if strings.Contains(now(), notice) {
		t.Error("a notice before there is any trouble")
	}

	batch, err := uplink.DecodeBatch(k.batch(t, 1, 10))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { k.ingest.run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	taken := make(chan struct{})
	go func() { k.ingest.take(ctx, k.agents[0], batch, k.cfg); close(taken) }() // ends with ctx: it is never durable
	defer func() { stop(); <-taken }()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(now(), notice); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the page does not say that InfluxDB is away; unready: %v", k.ingest.troubles())
		}
	}
}
