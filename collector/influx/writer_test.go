package influx

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

const secret = "s3cr3t-t0ken"

func writer(t testing.TB, o Options) *Writer {
	t.Helper()
	if o.Bucket == "" {
		o.Bucket = "picket"
	}
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// answering is a server that always says the same.
func answering(t *testing.T, status int, header http.Header, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			rw.Header()[k] = v
		}
		rw.WriteHeader(status)
		io.WriteString(rw, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestStatusClasses(t *testing.T) {
	leak := `{"code":"x","message":"no such token ` + secret + `"}`
	header := http.Header{"Retry-After": {"7"}, "Content-Type": {"application/json"}}
	for _, c := range []struct {
		status int
		busy   bool
	}{{401, false}, {403, false}, {404, false}, {302, false}, {418, false}, {408, true}, {429, true}, {500, true}, {503, true}} {
		w := writer(t, Options{URL: answering(t, c.status, header, leak), Token: secret})
		err := w.Write(t.Context(), []byte("m x=1i 1\n"))
		alarm, isAlarm := errors.AsType[*AlarmError](err)
		busy, isBusy := errors.AsType[*BusyError](err)
		if isBusy != c.busy || isAlarm == c.busy {
			t.Errorf("%d: %v", c.status, err)
			continue
		}
		if isBusy && (busy.Status != c.status || busy.RetryAfter != 7*time.Second) || isAlarm && alarm.Status != c.status {
			t.Errorf("%d: %+v", c.status, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%d: the token is in %v", c.status, err)
		}
		if s := w.Stats(); s.Busy+s.Alarms != 1 || s.Lines != 0 || !s.LastOK.IsZero() {
			t.Errorf("%d: stats %+v", c.status, s)
		}
	}
}

func TestAnAbsurdRetryAfterIsBounded(t *testing.T) {
	w := writer(t, Options{URL: answering(t, 429, http.Header{"Retry-After": {"4000000000"}}, "")})
	busy, ok := errors.AsType[*BusyError](w.Write(t.Context(), []byte("m x=1i 1")))
	if !ok || busy.RetryAfter != maxRetryAfter {
		t.Errorf("%+v", busy)
	}
}

func TestAHugeAnswerIsNotReadWhole(t *testing.T) {
	w := writer(t, Options{URL: answering(t, 503, nil, strings.Repeat("x", 10<<20))})
	busy, ok := errors.AsType[*BusyError](w.Write(t.Context(), []byte("m x=1i 1")))
	if !ok || len(busy.Message) > maxMessage {
		t.Errorf("%d bytes of message", len(busy.Message))
	}
}

func TestASilentServerIsBusyAndACancelledWriteIsNot(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	w := writer(t, Options{URL: s.URL, HTTPTimeout: 50 * time.Millisecond})
	if _, ok := errors.AsType[*BusyError](w.Write(t.Context(), []byte("m x=1i 1"))); !ok {
		t.Error("a timeout is not busy")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := w.Write(ctx, []byte("m x=1i 1"))
	if _, ok := errors.AsType[*BusyError](err); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOptionsThatWouldLeakOrFailAreRefused(t *testing.T) {
	for _, url := range []string{"http://user:" + secret + "@localhost:1", "localhost:8086", "ftp://x", "http://", "http://[" + secret, "http://x?token=" + secret} {
		_, err := New(Options{URL: url, Bucket: "b"})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := New(Options{URL: "http://localhost:1"}); err == nil {
		t.Error("no bucket")
	}
}

// fake is an InfluxDB 2.x in miniature: it refuses a whole batch in which a
// line has "bad", and keeps the lines of others.
type fake struct {
	status   int // of a refusal
	requests atomic.Int64
	stored   map[string]bool
	zipped   bool
}

func (f *fake) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	body := io.Reader(r.Body)
	if f.zipped = r.Header.Get("Content-Encoding") == "gzip"; f.zipped {
		z, err := gzip.NewReader(body)
		if err != nil {
			rw.WriteHeader(599)
			return
		}
		body = z
	}
	text, _ := io.ReadAll(body)
	if bytes.Contains(text, []byte("bad")) {
		rw.WriteHeader(f.status)
		io.WriteString(rw, "a line is bad")
		return
	}
	for line := range strings.Lines(string(text)) {
		f.stored[strings.TrimSpace(line)] = true
	}
	rw.WriteHeader(204)
}

func lines(n int, bad ...int) []byte {
	var b bytes.Buffer
	for i := range n {
		name := "good"
		for _, j := range bad {
			if i == j {
				name = "bad"
			}
		}
		fmt.Fprintf(&b, "m,i=%d %s=1i 1\n", i, name)
	}
	return b.Bytes()
}

func letters(t *testing.T, path string) (all []deadLetter) {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var l deadLetter
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", s.Text(), err)
		}
		all = append(all, l)
	}
	return all
}

func TestTheGoodOfABatchAreWrittenTheBadSetAside(t *testing.T) {
	for _, bad := range [][]int{{0}, {999}, {500}, {3, 4, 700}} {
		f := &fake{status: 400, stored: map[string]bool{}}
		s := httptest.NewServer(f)
		path := filepath.Join(t.TempDir(), "dead.jsonl")
		w := writer(t, Options{URL: s.URL, DeadLetter: path})
		if err := w.Write(t.Context(), lines(1000, bad...)); err != nil {
			t.Fatal(err)
		}
		s.Close()
		dead := letters(t, path)
		if len(f.stored) != 1000-len(bad) || len(dead) != len(bad) {
			t.Errorf("%v: %d stored, %d set aside", bad, len(f.stored), len(dead))
			continue
		}
		for i, l := range dead {
			if l.Line != fmt.Sprintf("m,i=%d bad=1i 1", bad[i]) || l.Reason != "a line is bad" || l.Status != 400 || l.At.IsZero() {
				t.Errorf("%+v", l)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		if s := w.Stats(); s.Refused != uint64(len(bad)) || s.Unkept != 0 || s.Salvages != 1 {
			t.Errorf("stats %+v", s)
		}
	}
}

func TestWhenAllAreBadTheSearchIsBounded(t *testing.T) {
	f := &fake{status: 422, stored: map[string]bool{}}
	s := httptest.NewServer(f)
	defer s.Close()
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	w := writer(t, Options{URL: s.URL, DeadLetter: path})
	var all []int
	for i := range 5000 {
		all = append(all, i)
	}
	if err := w.Write(t.Context(), lines(5000, all...)); err != nil {
		t.Fatal(err)
	}
	if n := f.requests.Load(); n > maxSalvage+1 {
		t.Errorf("%d requests", n)
	}
	if dead := letters(t, path); len(dead) != 5000 {
		t.Errorf("%d set aside", len(dead))
	}
}

func TestASearchThatIsInterruptedSetsNothingAside(t *testing.T) {
	f := &fake{status: 400, stored: map[string]bool{}}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f.requests.Load() >= 8 {
			rw.WriteHeader(503)
			return
		}
		f.ServeHTTP(rw, r)
	}))
	defer s.Close()
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	w := writer(t, Options{URL: s.URL, DeadLetter: path})
	if _, ok := errors.AsType[*BusyError](w.Write(t.Context(), lines(100, 0, 1, 99))); !ok {
		t.Error("not busy")
	}
	if dead := letters(t, path); len(dead) != 0 {
		t.Errorf("%d set aside, and they will come again", len(dead))
	}
}

func TestTooMuchAtOnceIsWrittenInHalves(t *testing.T) {
	stored := 0
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if len(text) > 300 {
			rw.WriteHeader(413)
			return
		}
		stored += bytes.Count(text, []byte("m,"))
		rw.WriteHeader(204)
	}))
	defer s.Close()
	w := writer(t, Options{URL: s.URL})
	if err := w.Write(t.Context(), lines(100)); err != nil || stored != 100 || w.Stats().Refused != 0 {
		t.Errorf("%d stored, %v, %+v", stored, err, w.Stats())
	}
}

func TestOnlyBeyondLoopbackIsCompressed(t *testing.T) {
	f := &fake{status: 400, stored: map[string]bool{}}
	s := httptest.NewServer(f)
	defer s.Close()
	w := writer(t, Options{URL: s.URL})
	if err := w.Write(t.Context(), lines(10)); err != nil || f.zipped {
		t.Errorf("over loopback: compressed %v, %v", f.zipped, err)
	}
	w.http.Transport.(*roundTripper).compress = true // as for any other host
	for range 3 {
		if err := w.Write(t.Context(), lines(50)); err != nil || !f.zipped || len(f.stored) != 50 {
			t.Errorf("compressed %v, %d stored, %v", f.zipped, len(f.stored), err)
		}
	}
	for host, want := range map[string]bool{"127.0.0.1": true, "::1": true, "localhost": true, "influx.example": false, "192.0.2.1": false} {
		if loopback(host) != want {
			t.Errorf("loopback(%s) = %v", host, !want)
		}
	}
}

func TestTheDeadLetterFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	d := &deadLetters{path: path, limit: 20_000}
	for i := range 500 {
		if err := d.keep([]deadLetter{{Status: 400, Reason: "r", Line: fmt.Sprintf("%d %s", i, strings.Repeat("x", 100))}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.keep([]deadLetter{{Line: strings.Repeat("x", 20_000)}}); err == nil || d.unkept.Load() != 1 {
		t.Errorf("a line beyond the limit: %v, %d not kept", err, d.unkept.Load())
	}
	d.close()
	var size int64
	for _, p := range []string{path, path + ".old"} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 20_000 {
		t.Errorf("%d bytes", size)
	}
	newest := append(letters(t, path+".old"), letters(t, path)...)
	if last := newest[len(newest)-1]; !strings.HasPrefix(last.Line, "499 ") {
		t.Errorf("the newest is %.10s", last.Line)
	}
	d = &deadLetters{path: path, limit: 20_000} // a restart goes on behind it
	if err := d.keep([]deadLetter{{Line: "after"}}); err != nil || d.size < 100 {
		t.Errorf("size %d, %v", d.size, err)
	}
	d.close()
}

func TestNothingToWriteAsksNobody(t *testing.T) {
	w := writer(t, Options{URL: "http://127.0.0.1:1"})
	if err := w.Write(t.Context(), []byte("\n")); err != nil || w.Stats().Requests != 0 {
		t.Errorf("%v, %+v", err, w.Stats())
	}
	if err := w.Health(t.Context()); err == nil {
		t.Error("nobody there is healthy")
	}
}
