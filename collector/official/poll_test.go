package official

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// poll reads feeds until the test ends, quickly.
func poll(t *testing.T, b *Book, want func(string) bool, feeds ...Feed) {
	t.Helper()
	p := NewPoller(Options{Book: b, Feeds: feeds, Want: want, Version: "test", Every: 30 * time.Millisecond, Within: 400 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func always(string) bool { return true }

// until waits for what is asked of the book; the deadline is generous and only
// there so that a failure ends.
func until(t *testing.T, b *Book, what string, f func(func(Question) Answer) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if f(func(q Question) Answer { q.From = time.Now(); return b.Answer(time.Now(), q) }) {
			return
		}
		select {
		case <-b.Changed():
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("never: %s; feeds: %+v", what, b.Feeds(time.Now()))
		}
	}
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// at returns the shipped feed at a server of the test.
func (f Feed) at(url string) Feed { f.URL = url; return f }

// TestEachHostHasItsOwnTime: a host that never answers, one that sends without
// end, and one that is well.
func TestEachHostHasItsOwnTime(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	hang := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	drip := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for {
			if _, err := io.WriteString(w, "["); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-release:
				return
			case <-r.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	var agent atomic.Value
	well := serve(t, func(w http.ResponseWriter, r *http.Request) {
		agent.Store(r.UserAgent())
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write(sample(t, "statuspage_ok.json"))
	})
	feeds := []Feed{feed(t, "slack").at(hang.URL), feed(t, "gcp-incidents").at(drip.URL), feed(t, "stripe").at(well.URL)}
	b := NewBook(feeds)
	poll(t, b, always, feeds...)
	until(t, b, "the one that is well", func(ask func(Question) Answer) bool { return ask(Question{Provider: "stripe"}).State == OK })
	for _, provider := range []string{"slack", "gcp"} {
		until(t, b, provider, func(ask func(Question) Answer) bool {
			a := ask(Question{Provider: provider})
			if a.Known {
				t.Fatalf("%s: %+v", provider, a)
			}
			return a.Why == "no answer in time"
		})
	}
	if got := agent.Load(); got != "Picket-status-reader/test" {
		t.Errorf("User-Agent %q", got)
	}
}

// TestWorstDays serves each answer that must never be green, after one that was.
func TestWorstDays(t *testing.T) {
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(sample(t, "statuspage_ok.json"))
	})
	answers := map[string]struct {
		h   http.HandlerFunc
		why string
	}{
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no robots", http.StatusForbidden) }, "the server answered 403"},
		"broken":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusBadGateway) }, "the server answered 502"},
		"a page for people": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Write(sample(t, "shell.html"))
		}, errHTML.Error()},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte(`{"page":{"name":"x"},"status":{"indicator":"none"`))
		}, "unexpected EOF"},
		"without end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, `{"page":{"name":"`)
			for range (maxBody >> 16) + 2 {
				if _, err := io.WriteString(z, strings.Repeat("x", 1<<16)); err != nil {
					return
				}
			}
			z.Close()
		}, "the answer is larger than 8 MiB"},
		"sent elsewhere": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
			"it was redirected to " + strings.TrimPrefix(elsewhere.URL, "http://") + ", which is not known as this feed's"},
		"in circles":           {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "it cannot be reached: it was redirected in circles"},
		"304 to nobody's body": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, "the server answered 304"},
	}
	for name, c := range answers {
		t.Run(name, func(t *testing.T) {
			var bad atomic.Bool
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if bad.Load() {
					c.h(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				w.Write(sample(t, "statuspage_ok.json"))
			})
			f := feed(t, "stripe").at(s.URL + "/api/v2/summary.json")
			b := NewBook([]Feed{f})
			p := NewPoller(Options{Book: b, Feeds: []Feed{f}, Want: always, Every: 30 * time.Millisecond, Within: 20 * time.Second})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); p.Run(ctx) }()
			t.Cleanup(func() { cancel(); <-done })
			q := Question{Provider: "stripe"}
			until(t, b, "well at first", func(ask func(Question) Answer) bool { return ask(q).State == OK })
			bad.Store(true)
			until(t, b, "unknown", func(ask func(Question) Answer) bool {
				a := ask(q)
				return !a.Known && a.State == Unknown && a.Why == c.why
			})
		})
	}
}

// TestAzureFromTheWrongHost: the empty channel of an instance near the reader,
// as on the day when that instance was in the region that was down.
func TestAzureFromTheWrongHost(t *testing.T) {
	near := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/rss+xml")
		w.Write(sample(t, "azure_empty.xml"))
	})
	canonical := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, near.URL, http.StatusMovedPermanently)
	})
	f := feed(t, "azure-rss").at(canonical.URL)
	b := NewBook([]Feed{f})
	poll(t, b, always, f)
	until(t, b, "unknown", func(ask func(Question) Answer) bool {
		a := ask(Question{Provider: "azure"})
		if a.Known {
			t.Fatalf("%+v", a)
		}
		return strings.HasPrefix(a.Why, "it was redirected to")
	})

	f.Hosts = []string{strings.TrimPrefix(near.URL, "http://")}
	known := NewBook([]Feed{f})
	poll(t, known, always, f)
	until(t, known, "quiet", func(ask func(Question) Answer) bool { return ask(Question{Provider: "azure"}).State == Quiet })
}

// TestItAsksPolitely: with conditions once the server offers them, and again
// without after a body that was not understood.
func TestItAsksPolitely(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	body, notModified := string(sample(t, "statuspage_ok.json")), 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Header.Get("If-None-Match"))
		etag := fmt.Sprintf(`"%d"`, len(body))
		w.Header().Set("ETag", etag)
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("If-None-Match") == etag {
			notModified++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, body)
	})
	f := feed(t, "stripe").at(s.URL)
	b := NewBook([]Feed{f})
	poll(t, b, always, f)
	q := Question{Provider: "stripe"}
	var seen time.Time
	until(t, b, "three times not modified, and read each time", func(ask func(Question) Answer) bool {
		a := ask(q)
		mu.Lock()
		defer mu.Unlock()
		if notModified < 3 {
			seen = a.Checked
		}
		return notModified >= 3 && a.State == OK && a.Checked.After(seen)
	})
	mu.Lock()
	body = "{}"
	mu.Unlock()
	until(t, b, "unknown", func(ask func(Question) Answer) bool { return !ask(q).Known })
	mu.Lock()
	last := len(asked)
	mu.Unlock()
	until(t, b, "asked without conditions", func(func(Question) Answer) bool {
		mu.Lock()
		defer mu.Unlock()
		return len(asked) > last+1 && asked[len(asked)-1] == ""
	})
}

// TestNobodyIsAskedUnasked: a provider that is not watched gets no request.
func TestNobodyIsAskedUnasked(t *testing.T) {
	var asked atomic.Int32
	silent := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	well := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(sample(t, "slack_ok.json"))
	})
	feeds := []Feed{feed(t, "stripe").at(silent.URL), feed(t, "slack").at(well.URL)}
	b := NewBook(feeds)
	poll(t, b, func(provider string) bool { return provider == "slack" }, feeds...)
	until(t, b, "the one that is wanted", func(ask func(Question) Answer) bool { return ask(Question{Provider: "slack"}).State == OK })
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests to a provider that is not watched", n)
	}
}

func TestAHostThatFailsIsLeftInPeace(t *testing.T) {
	p := NewPoller(Options{Want: always})
	for failed, most := range map[int]time.Duration{0: 2 * time.Minute, 2: 2 * time.Minute, 3: 4 * time.Minute, 30: 20 * time.Minute} {
		for range 200 {
			if d := p.pause(failed); d < time.Minute || d >= most {
				t.Fatalf("after %d failures: %s", failed, d)
			}
		}
	}
	for in, want := range map[string]time.Duration{"": 0, "30": 30 * time.Second, "-1": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0, "99999999999": 15 * time.Minute, "86400": 15 * time.Minute} {
		if got := retryAfter(in, 15*time.Minute); got != want {
			t.Errorf("Retry-After %q: %s, want %s", in, got, want)
		}
	}
}
