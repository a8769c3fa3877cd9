package web

import (
	"context"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"picket/collector/detect"
)

// turning is a scene whose snapshot can be exchanged while it is being read.
type turning struct {
	*scene
	now atomic.Pointer[detect.Snapshot]
}

func (t *turning) Snapshot() detect.Snapshot { return *t.now.Load() }

// window is a tab of a real browser.
type window struct {
	t   *testing.T
	ctx context.Context

	mu   sync.Mutex // guards the field below
	said []string   // what the console complained of
}

func openWindow(t *testing.T) *window {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs a browser: install chromium to run this test")
	}
	if testing.Short() {
		t.Skip("starts a browser, which takes seconds")
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	w := &window{t: t, ctx: ctx}
	w.do(chromedp.Navigate("about:blank"))
	go func() { // ends with the browser
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
				w.mu.Lock()
				w.said = append(w.said, m.Text+" "+m.URL)
				w.mu.Unlock()
			}
		}
	}()
	return w
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.t.Fatalf("browser: %v", err)
	}
}

// open loads a page in a window of this width.
func (w *window) open(url string, width int64) {
	w.t.Helper()
	w.do(chromedp.EmulateViewport(width, 900), chromedp.Navigate(url), chromedp.WaitReady("#main"))
}

// is evaluates a condition.
func (w *window) is(condition string) bool {
	w.t.Helper()
	v, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
	if err != nil {
		w.t.Fatalf("browser: %s: %v", condition, err)
	}
	return v
}

func (w *window) text(expression string) string {
	w.t.Helper()
	v, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		w.t.Fatalf("browser: %s: %v", expression, err)
	}
	return v
}

// until waits for a condition.
func (w *window) until(what, condition string) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !w.is(condition); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s\n%.2000s", what, w.text("document.body.innerText"))
		}
	}
}

// serveTurning serves a scene whose snapshot can be exchanged, with a clock that goes.
func serveTurning(t *testing.T, s *scene) (url string, turn *turning, srv *httptest.Server) {
	t.Helper()
	turn = &turning{scene: s}
	turn.now.Store(&s.snap)
	began := time.Now()
	page, err := New(Options{Source: turn, Now: func() time.Time { return noon.Add(time.Since(began)) }})
	if err != nil {
		t.Fatal(err)
	}
	srv = httptest.NewServer(page.Handler())
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL, turn, srv
}

// TestNowInABrowser walks through a life of the page: calm, an outage that is
// announced, the keyboard, and a Picket server that goes away.
func TestNowInABrowser(t *testing.T) {
	w := openWindow(t)
	url, turn, srv := serveTurning(t, calm())
	w.open(url, 1280)
	w.until("the stream arrives", `document.getElementById("live").textContent.startsWith("live, as of 12:00:")`)
	if said := w.text(`document.getElementById("said").textContent`); said != "" {
		t.Errorf("announces what has not changed: %q", said)
	}
	w.do(chromedp.KeyEvent(kb.Tab))
	if !w.is(`document.activeElement.className === "skip" && document.activeElement.getBoundingClientRect().left >= 0`) {
		t.Errorf("the first stop of the keyboard is %s", w.text("document.activeElement.outerHTML"))
	}
	if n := w.text(`document.querySelectorAll('.matrix .field[tabindex="0"]').length`); n != "1" {
		t.Errorf("the matrix has %s stops, want 1", n)
	}
	w.is(`document.querySelector('.matrix .field[tabindex="0"]').focus()`)
	for _, c := range []struct{ key, at string }{{kb.ArrowRight, "aurora, north"}, {kb.ArrowDown, "borealis, north"}, {kb.ArrowDown, "cumulus, north"}, {kb.ArrowDown, "cumulus, north"},
		{kb.ArrowUp, "borealis, north"}, {kb.End, "cumulus, west"}, {kb.Home, "aurora, east"}, {kb.ArrowLeft, "aurora, east"}, {kb.ArrowRight, "aurora, north"}} {
		w.do(chromedp.KeyEvent(c.key))
		if at := w.text(`document.activeElement.getAttribute("aria-label")`); !strings.HasPrefix(at, c.at+":") {
			t.Errorf("after %q the focus is on %q, want %s", c.key, at, c.at)
		}
	}

	bad := outage().snap
	turn.now.Store(&bad)
	w.until("the outage arrives", `document.querySelector("h1").textContent.includes("2 problems. Confirmed: Borealis north: outage.")`)
	w.until("and is announced", `document.getElementById("said").textContent.includes("2 problems.") && document.title.startsWith("2 problems.")`)
	if at := w.text(`document.activeElement.getAttribute("aria-label")`); !strings.HasPrefix(at, "aurora, north:") {
		t.Errorf("the redrawn page takes the focus away: %q", at)
	}
	better := calm().snap
	turn.now.Store(&better)
	w.until("it is over", `document.querySelector("h1").textContent.includes("All 3 providers")`)
	if w.is(`document.getElementById("said").textContent.includes("All 3")`) {
		t.Error("two announcements within 15 s")
	}

	w.mu.Lock()
	for _, text := range w.said { // what comes later is about the server that is gone
		t.Errorf("the console says: %s", text)
	}
	w.mu.Unlock()
	srv.CloseClientConnections()
	srv.Close()
	if !w.is(`[...document.querySelectorAll(".field .glyph")].some((g) => g.textContent === "●")`) {
		t.Fatal("nothing was green before")
	}
	// The page's clock jumps by 26 s, so that the test need not wait.
	gone := time.Now()
	w.is(`(() => { const now = performance.now.bind(performance); performance.now = () => now() + 26000; })()`)
	w.until("no cell stays green", `[...document.querySelectorAll(".field .glyph, h1 .glyph")].every((g) => g.textContent === "○")`)
	if after := 26*time.Second + time.Since(gone); after > 30*time.Second {
		t.Errorf("cells stay green for %s after the last sign of the server, want at most 30 s", after)
	}
	if !w.is(`[...document.querySelectorAll(".field .glyph, h1 .glyph")].every((g) => getComputedStyle(g).color === getComputedStyle(document.querySelector(".legend .s-no-data .glyph")).color)`) {
		t.Error("a state keeps its colour")
	}
	if text := w.text(`document.body.innerText`); !strings.Contains(text, "No contact with the Picket server since 12:00:") || !strings.Contains(text, "no contact since 12:00:") {
		t.Errorf("the loss is not said:\n%s", text)
	}
	if !w.is(`[...document.querySelectorAll(".field")].every((c) => c.getAttribute("aria-label").includes("unknown now, was"))`) {
		t.Error("a screen reader still reads what was")
	}
}

// TestPagesFitAPhone looks for what sticks out at 390 pixels, and for complaints
// of the browser.
func TestPagesFitAPhone(t *testing.T) {
	w := openWindow(t)
	for name, s := range map[string]*scene{"outage": outage(), "many": many(), "empty": empty()} {
		url, _, _ := serveTurning(t, s)
		for _, path := range []string{"/", "/incidents", "/incidents/01KGF3M8Q2", "/nowhere"} {
			for _, width := range []int64{390, 1280} {
				w.open(url+path, width)
				if w.is("document.documentElement.scrollWidth > document.documentElement.clientWidth") {
					t.Errorf("%s%s sticks out at %d pixels", name, path, width)
				}
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range w.said {
		if !strings.Contains(text, "404") {
			t.Errorf("the console says: %s", text)
		}
	}
}
