package influx

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// maxAnswer bounds what is read of an answer: the client reads error bodies
// whole.
const maxAnswer = 64 << 10

// roundTripper compresses request bodies and bounds answers.
type roundTripper struct {
	next     http.RoundTripper
	compress bool
	writers  sync.Pool // of *gzip.Writer
}

func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.compress && req.Body != nil && req.Header.Get("Content-Encoding") == "" {
		zipped, err := t.zip(req)
		if err != nil {
			return nil, err
		}
		req = zipped
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// CloseIdleConnections is called by http.Client.CloseIdleConnections.
func (t *roundTripper) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// zip returns req with its body compressed at level 1. A round tripper must
// not change the request that it was given, and must close its body.
func (t *roundTripper) zip(req *http.Request) (*http.Request, error) {
	defer req.Body.Close()
	var buf bytes.Buffer
	z, ok := t.writers.Get().(*gzip.Writer)
	if ok {
		z.Reset(&buf)
	} else {
		var err error
		if z, err = gzip.NewWriterLevel(&buf, gzip.BestSpeed); err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
	}
	defer t.writers.Put(z)
	if _, err := io.Copy(z, req.Body); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	body := buf.Bytes()
	req = req.Clone(req.Context())
	req.Header.Set("Content-Encoding", "gzip")
	req.ContentLength = int64(len(body))
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return req, nil
}
