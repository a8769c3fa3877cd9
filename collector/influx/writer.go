package influx

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// Options say where to write.
type Options struct {
	URL string // http(s)://host:port; required, without credentials
	// Token is the API token; "user:password" for InfluxDB 1.8; "" for a server
	// without authentication.
	Token  string
	Org    string // 2.x; "" for 1.8 and 3.x
	Bucket string // required; "database" or "database/policy" for 1.8
	// HTTPTimeout bounds one request; 0 means 20 s.
	HTTPTimeout time.Duration
	// DeadLetter is the file for lines that InfluxDB refuses, made with mode
	// 0600; "" keeps none, and they are only counted and logged.
	DeadLetter string
	// DeadLetterBytes bounds that file and its predecessor together; 0 means 16 MiB.
	DeadLetterBytes int64
	Log             *slog.Logger // nil discards; tells of refused lines, as Write does not fail for them
}

const (
	defaultTimeout    = 20 * time.Second
	defaultDeadLetter = 16 << 20
)

// Writer writes line protocol. Its methods may be called from many goroutines.
type Writer struct {
	token  string
	log    *slog.Logger
	client influxdb2.Client
	http   *http.Client
	write  api.WriteAPIBlocking
	dead   *deadLetters
	n      counters
}

type counters struct {
	requests, lines, bytes, busy, alarms, refused, salvages atomic.Uint64
	lastOK                                                  atomic.Int64 // Unix milliseconds
	slowest                                                 atomic.Int64 // nanoseconds, since it was asked for
}

// Stats are counters since the start.
type Stats struct {
	Requests uint64    // POSTs
	Lines    uint64    // acknowledged by InfluxDB; a repeat counts again
	Bytes    uint64    // of those, uncompressed
	Busy     uint64    // Writes that ended as BusyError
	Alarms   uint64    // Writes that ended as AlarmError
	Salvages uint64    // Writes in which bad lines had to be found
	Refused  uint64    // lines that were set aside
	Unkept   uint64    // of those, lines that could not be kept in the dead-letter file
	LastOK   time.Time // of the last acknowledged request; zero: never
}

// New makes a writer. It contacts nobody.
func New(o Options) (*Writer, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, errors.New("influx: the URL cannot be read") // err would repeat it, credentials and all
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("influx: the URL must be http://host:port or https://host:port")
	case u.User != nil, u.RawQuery != "":
		return nil, errors.New("influx: credentials belong into the token (user:password for InfluxDB 1.8), not into the URL")
	case o.Bucket == "":
		return nil, errors.New("influx: the bucket (the database for InfluxDB 1.8) is missing")
	}
	w := &Writer{token: o.Token, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler))}
	w.http = &http.Client{
		Transport: &roundTripper{next: transport(), compress: !loopback(u.Hostname())},
		Timeout:   cmp.Or(o.HTTPTimeout, defaultTimeout),
		// A redirect would carry the data, and maybe the token, somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	opts := influxdb2.DefaultOptions().SetPrecision(time.Millisecond).SetApplicationName("picket").SetHTTPClient(w.http)
	w.client = influxdb2.NewClientWithOptions(u.String(), o.Token, opts)
	w.write = w.client.WriteAPIBlocking(o.Org, o.Bucket)
	w.dead = &deadLetters{path: o.DeadLetter, limit: cmp.Or(o.DeadLetterBytes, defaultDeadLetter)}
	return w, nil
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 4
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	return t
}

// loopback reports whether host is this machine, by its name alone.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Close drops idle connections and closes the dead-letter file. Writes must
// have ended.
func (w *Writer) Close() error {
	w.client.Close()
	w.http.CloseIdleConnections()
	return w.dead.close()
}

// Stats returns the counters.
func (w *Writer) Stats() Stats {
	s := Stats{Requests: w.n.requests.Load(), Lines: w.n.lines.Load(), Bytes: w.n.bytes.Load(), Busy: w.n.busy.Load(),
		Alarms: w.n.alarms.Load(), Salvages: w.n.salvages.Load(), Refused: w.n.refused.Load(), Unkept: w.dead.unkept.Load()}
	if ms := w.n.lastOK.Load(); ms != 0 {
		s.LastOK = time.UnixMilli(ms)
	}
	return s
}

// took notes how long an acknowledged request took.
func (w *Writer) took(d time.Duration) {
	for {
		worst := w.n.slowest.Load()
		if int64(d) <= worst || w.n.slowest.CompareAndSwap(worst, int64(d)) {
			return
		}
	}
}

// Slowest returns how long the slowest acknowledged request took since it was
// asked for last; 0 if there was none.
func (w *Writer) Slowest() time.Duration { return time.Duration(w.n.slowest.Swap(0)) }

// Write writes lines, each with its end. nil means that every line is either
// durable in InfluxDB or set aside as bad for good. Otherwise nothing is known
// about any of them, and all must be written again: errors.As [*BusyError] or
// [*AlarmError], or the error of ctx if that ended first.
func (w *Writer) Write(ctx context.Context, lines []byte) error {
	lines = bytes.TrimRight(lines, "\n")
	if len(lines) == 0 {
		return nil
	}
	err := w.post(ctx, lines)
	if r, ok := errors.AsType[*refusal](err); ok {
		err = w.salvage(ctx, lines, r)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("write to InfluxDB: %w", context.Cause(ctx))
	}
	if _, ok := errors.AsType[*AlarmError](err); ok {
		w.n.alarms.Add(1)
	} else {
		w.n.busy.Add(1)
	}
	return err
}

// post sends one request and classifies the answer.
func (w *Writer) post(ctx context.Context, lines []byte) error {
	w.n.requests.Add(1)
	began := time.Now()
	err := w.write.WriteRecord(ctx, string(lines))
	if err == nil {
		w.took(time.Since(began))
		w.n.lines.Add(uint64(count(lines)))
		w.n.bytes.Add(uint64(len(lines)))
		w.n.lastOK.Store(time.Now().UnixMilli())
		return nil
	}
	return w.classify(err)
}

// Health asks whether the server is there. It does not prove that the token is
// good: no version tells that without a write.
func (w *Writer) Health(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.client.HTTPService().ServerURL()+"ping", nil)
	if err != nil {
		return fmt.Errorf("InfluxDB health: %w", err)
	}
	answer := w.client.HTTPService().DoHTTPRequest(req, nil, func(r *http.Response) error { return r.Body.Close() })
	if answer != nil { // not an error yet: a nil *Error in an error would not be nil
		return fmt.Errorf("InfluxDB health: %w", w.classify(answer))
	}
	return nil
}

// scrub takes the token out of a text that came from elsewhere.
func (w *Writer) scrub(s string) string {
	if w.token == "" {
		return s
	}
	s = strings.ReplaceAll(s, w.token, "***")
	if _, password, ok := strings.Cut(w.token, ":"); ok && len(password) >= 4 {
		s = strings.ReplaceAll(s, password, "***")
	}
	return s
}

// asHTTP finds the client's error type.
func asHTTP(err error) (*influxhttp.Error, bool) { return errors.AsType[*influxhttp.Error](err) }
