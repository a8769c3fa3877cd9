package probes

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// userAgent tells the owner of a service who is asking.
const userAgent = "Picket/1 (availability check)"

// http asks for one page. The connection is made by the same steps as in a tls
// probe and only then handed to net/http, so a failure has its phase by
// construction. Redirects are answers, not orders; there is no proxy, no
// cookie, no compression, and no second connection.
func (r *run) http(ctx context.Context) error {
	u, err := r.spec.url()
	if err != nil {
		return &fault{BadSpec, err}
	}
	var conn net.Conn
	if r.spec.Plain {
		conn, err = r.connect(ctx)
	} else {
		conn, err = r.secure(ctx, "h2", "http/1.1")
	}
	if err != nil {
		return err
	}
	tr := transport(conn)
	defer tr.CloseIdleConnections()

	r.at = LayerHTTP
	var clock stopwatch
	req, err := http.NewRequestWithContext(clock.trace(ctx), cmp.Or(r.spec.Method, http.MethodGet), "", nil)
	if err != nil {
		return &fault{BadSpec, err}
	}
	req.URL, req.Host = u, u.Host
	req.Header.Set("User-Agent", userAgent)
	resp, err := tr.RoundTrip(req)
	r.res.TTFB = clock.elapsed()
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	r.res.Code = resp.StatusCode
	r.res.Edge = edge(resp.Header)
	return r.judge(resp)
}

// judge reads the answer and compares it with what is expected. A status that
// is wrong is the news, whatever happens to the body afterwards.
func (r *run) judge(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
	r.res.Bytes = len(body)
	r.answered()
	if f := r.status(resp.StatusCode); f != nil {
		return f
	}
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if r.spec.Body != "" && !bytes.Contains(body, []byte(r.spec.Body)) {
		return &fault{HTTPBody, fmt.Errorf("the expected text is not in the first %d bytes", len(body))}
	}
	return nil
}

// status judges the code. What a guard answers to a stranger says nothing
// about the service behind it: public monitors met 401, 403, 405 and 429 far
// more often than outages.
func (r *run) status(code int) error {
	ok := code >= 200 && code <= 399
	if len(r.spec.Status) > 0 {
		ok = slices.Contains(r.spec.Status, code)
	}
	if ok {
		return nil
	}
	cause := HTTPStatus
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed,
		http.StatusProxyAuthRequired, http.StatusTooManyRequests:
		cause = Blocked
	}
	return &fault{cause, fmt.Errorf("status %d %s", code, http.StatusText(code))}
}

// transport returns an http transport around one connection, which it gets
// once: whatever asks for a second one (a retry after GOAWAY) fails.
func transport(conn net.Conn) *http.Transport {
	var used atomic.Bool
	once := func(context.Context, string, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, fmt.Errorf("%w: the server closed the connection", io.EOF)
		}
		return conn, nil
	}
	return &http.Transport{
		Proxy:                  nil, // what the site's proxy sees is another question
		DialContext:            once,
		DialTLSContext:         once,
		ForceAttemptHTTP2:      true, // off by default as soon as one dials by oneself
		DisableKeepAlives:      true,
		DisableCompression:     true, // Bytes and the limit mean what was sent
		MaxResponseHeaderBytes: MaxBody,
	}
}

// stopwatch measures from the written request to the first byte of the answer.
// The library may call its hooks from other goroutines and after the return.
type stopwatch struct{ wrote, first atomic.Int64 } // ns since start, 0 = not yet

func (w *stopwatch) trace(ctx context.Context) context.Context {
	start := time.Now()
	mark := func(at *atomic.Int64) { at.CompareAndSwap(0, int64(time.Since(start))) }
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { mark(&w.wrote) },
		GotFirstResponseByte: func() { mark(&w.first) },
	})
}

// elapsed is zero if no byte came; an answer that overtakes the request took at least 1 ns.
func (w *stopwatch) elapsed() time.Duration {
	first := w.first.Load()
	if first == 0 {
		return 0
	}
	return time.Duration(max(first-w.wrote.Load(), 1))
}

// edge names the point of presence that answered, for the networks that say
// so in a header: "cloudflare/FRA". The header is a stranger's, so it is cut
// to letters and digits.
func edge(h http.Header) string {
	for _, e := range []struct{ network, header string }{
		{"cloudflare", "Cf-Ray"},       // 8f2a1c7e9d3b4a5c-FRA
		{"cloudfront", "X-Amz-Cf-Pop"}, // FRA56-P4
		{"fastly", "X-Served-By"},      // cache-fra-eddf8230048-FRA
	} {
		v := h.Get(e.header)
		if v == "" {
			continue
		}
		if e.network == "cloudfront" {
			v, _, _ = strings.Cut(v, "-")
		} else {
			v = v[strings.LastIndexByte(v, '-')+1:]
		}
		if v == "" || len(v) > 16 || strings.ContainsFunc(v, notAlnum) {
			return ""
		}
		return e.network + "/" + v
	}
	return ""
}

func notAlnum(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9')
}
