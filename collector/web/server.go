package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"picket/collector/access"
)

// Options says what a Server needs.
type Options struct {
	Source Source // required
	// Actions is what forms do; nil: nothing can be done on the page.
	Actions Actions
	// Access says who is who; nil: everybody who reaches the page may look.
	Access *access.Keeper
	// Hosts are names or addresses, beside loopback ones, under which the page
	// may be asked for; ports do not matter. Needed behind a proxy.
	Hosts []string
	Log   *slog.Logger // nil discards
	// Now is the time of the page; nil means time.Now. For golden pages.
	Now func() time.Time
}

// Limits of the listener.
const (
	headerTimeout = 5 * time.Second
	answerTimeout = 10 * time.Second // one answer, or one write of an event stream
	maxHeader     = 16 << 10
)

// Server answers for the page, the API and the metrics.
type Server struct {
	o        Options
	registry *prometheus.Registry
	pages    *pages
	ages     *regexp.Regexp // what changes by itself in a fragment

	mu        sync.Mutex         // guards the fields below
	fragments map[scope]fragment // the page's changing part, rendered at most once a second for all streams of a scope
	drawings  map[scope]*drawing // that are under way
	streams   int                // event streams that are open
	readers   map[string]int     // of them, by session or address
}

// New makes a server.
func New(o Options) (*Server, error) {
	if o.Source == nil {
		return nil, errors.New("web: no source")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p, err := loadPages(o.Now)
	if err != nil {
		return nil, fmt.Errorf("read the embedded page: %w", err)
	}
	s := &Server{o: o, pages: p, ages: ages(), fragments: map[scope]fragment{}, drawings: map[scope]*drawing{}, readers: map[string]int{}}
	s.registry, err = newRegistry(o.Source, o.Now)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Handler returns everything the server offers, behind its guards.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.lookRoutes(mux)
	s.askRoutes(mux)
	s.accessRoutes(mux)
	s.drillRoutes(mux)
	mux.HandleFunc("GET /assets/{name}", s.asset)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", metricsHandler(s.registry))
	api{scope: s.source, now: s.o.Now, log: s.o.Log}.register(mux, "/api/v1")
	mux.HandleFunc("/", s.lost)
	return guard(s.o.Hosts, s.authenticated(mux))
}

// Serve answers on l until ctx ends, then ends event streams at once and gives
// other requests two seconds. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, s.Handler(), s.o.Log)
}

// serve answers with h on l until ctx ends; it closes l. log is required.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       answerTimeout,
		WriteTimeout:      answerTimeout, // event streams extend it write by write
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the page: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		srv.Close()
	}
	<-failed
	return ctx.Err()
}
