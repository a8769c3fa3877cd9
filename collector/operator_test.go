package collector

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/web"
)

// slowAdmin needs as long for an apply as one does that an agent does not answer.
type slowAdmin struct{ web.Admin }

func (slowAdmin) ApplyConfig(ctx context.Context, _ string, _ web.ConfigFile, _ string) (web.ConfigApplied, error) {
	select {
	case <-ctx.Done():
	case <-time.After(agentsWithin + time.Second):
	}
	return web.ConfigApplied{Online: 5, Took: 4}, nil
}

// pipes is a listener in memory, so that time may be virtual.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// TestAnApplyWaitsForASilentAgent: what was applied is said, although an agent
// did not answer for as long as an apply waits.
func TestAnApplyWaitsForASilentAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pipes{make(chan net.Conn), make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			web.ServeAdmin(ctx, l, slowAdmin{}, nil, slog.New(slog.DiscardHandler))
			close(done)
		}()
		o := &Operator{http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			l.conns <- theirs
			return ours, nil
		}}}}
		a, err := o.ApplyConfig(t.Context(), web.ConfigFile{Name: "/x"}, "")
		if err != nil || a.Online != 5 || a.Took != 4 {
			t.Errorf("got %+v, %v", a, err)
		}
		stop()
		<-done
	})
}

// TestACollectorThatBreaksOffIsNotAbsent: what was asked for may have been done,
// so nobody is told that no collector runs.
func TestACollectorThatBreaksOffIsNotAbsent(t *testing.T) {
	dir := t.TempDir()
	o := DialOperator(dir)
	if _, err := o.Agents(t.Context()); !errors.Is(err, ErrNoCollector) || errors.Is(err, ErrBrokeOff) {
		t.Errorf("nobody listens: %v", err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, AdminSocket))
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan string)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if text := <-answers; text != "" {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte(text))
			http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	})}
	done := make(chan struct{})
	go func() { srv.Serve(l); close(done) }()
	defer func() { srv.Close(); <-done }()
	for _, text := range []string{"", `{"data": [`, `{"data": [{"`} {
		go func() { answers <- text }()
		if _, err := o.Agents(t.Context()); !errors.Is(err, ErrBrokeOff) || errors.Is(err, ErrNoCollector) {
			t.Errorf("broken off after %q: %v", text, err)
		}
	}
}
