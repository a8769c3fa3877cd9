package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"picket/collector/access"
	"picket/collector/detect"
)

// pane is a page in a real browser.
type pane struct {
	t   *testing.T
	ctx context.Context
	// ears listen to the console until ctx ends.
	ears sync.WaitGroup

	mu   sync.Mutex // guards the field below
	said []string   // what the console said: errors of scripts, refusals of the policy
}

// openBrowser starts a headless Chromium for the test.
func openBrowser(t *testing.T) *pane {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs a browser: install chromium to run this test")
	}
	if testing.Short() {
		t.Skip("starts a browser, which takes seconds")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-quic", true),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	b := &pane{t: t}
	b.ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		logged, thrown := cdp.Events(b.ctx, target, log.EntryAdded), cdp.Events(b.ctx, target, runtime.ExceptionThrown)
		b.ears.Go(func() {
			for ev, err := range logged {
				if err == nil && (ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning) {
					b.hear(ev.Entry.Text + " " + ev.Entry.URL)
				}
			}
		})
		b.ears.Go(func() {
			for ev, err := range thrown {
				if err == nil {
					b.hear(fmt.Sprint(ev.ExceptionDetails.Text, " ", ev.ExceptionDetails.URL, ":", ev.ExceptionDetails.LineNumber))
				}
			}
		})
		_, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{})
		if err == nil {
			_, err = cdp.Call(ctx, target, runtime.Enable, cdp.Empty{})
		}
		return err
	}))
	t.Cleanup(func() { cancel(); b.ears.Wait() })
	return b
}

func (b *pane) hear(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, text)
}

// heard returns what the console said since the last call.
func (b *pane) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.said
	b.said = nil
	return said
}

func (b *pane) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// open loads a page at a window of this width; dark as asked.
func (b *pane) open(url string, width int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(
		chromedp.EmulateViewport(width, 900),
		chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia,
				emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			return err
		}),
		chromedp.Navigate(url), chromedp.WaitReady("main"),
	)
}

// js returns the value of an expression.
func js[T any](b *pane, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

// until waits until an expression is true.
func (b *pane) until(within time.Duration, what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(within); !js[bool](b, expression); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("not within %s: %s\n%.3000s", within, what, js[string](b, "document.body.innerText"))
		}
	}
}

// shot keeps a picture of the page in the folder PICKET_SHOTS, for people.
func (b *pane) shot(name string) {
	dir := os.Getenv("PICKET_SHOTS")
	if dir == "" {
		return
	}
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// walked are the pages of every scene.
func walked(s *scene) []string {
	pages := []string{"/", "/incidents", "/check", "/targets", "/fleet"}
	for _, i := range s.incidents[:min(1, len(s.incidents))] {
		pages = append(pages, "/incidents/"+i.ID, "/incidents/"+i.ID+"/ack", "/silences?incident="+i.ID)
	}
	for _, t := range s.targets[:min(1, len(s.targets))] {
		pages = append(pages, "/targets/"+t.ID)
	}
	return pages
}

// TestEveryPageInABrowser draws every page of every scene: it must have its
// sentence, stay within a telephone's width, and keep the console silent, which
// tells of scripts that fail and of what our own policy refuses.
func TestEveryPageInABrowser(t *testing.T) {
	b := openBrowser(t)
	for name, s := range map[string]*scene{"calm": calm(), "outage": outage(), "site": siteOutage(), "empty": empty()} {
		h := httptest.NewServer(server(t, s).Handler())
		for _, path := range walked(s) {
			for _, width := range []int64{1280, 390} {
				for _, dark := range []bool{false, true} {
					b.open(h.URL+path, width, dark)
					at := fmt.Sprintf("%s %s at %d px, dark %v", name, path, width, dark)
					if js[string](b, `document.querySelector("main h1")?.innerText ?? ""`) == "" {
						t.Errorf("%s: no sentence", at)
					}
					if wide := js[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
						t.Errorf("%s: %d px too wide", at, wide)
					}
					if n := js[int](b, `[...document.querySelectorAll("main table")].filter(x => !x.caption && !x.getAttribute("aria-labelledby") && !x.getAttribute("aria-label")).length`); n > 0 {
						t.Errorf("%s: %d tables without a name", at, n)
					}
					for _, line := range b.heard() {
						t.Errorf("%s: the console says: %s", at, line)
					}
					b.shot(strings.Trim(fmt.Sprintf("%s%s-%d-%v", name, strings.ReplaceAll(path, "/", "-"), width, dark), "-"))
				}
			}
		}
		h.CloseClientConnections()
		h.Close()
	}
}

// TestNothingStaysGreen kills the server under an open page: within 30 seconds
// no cell claims health any more.
func TestNothingStaysGreen(t *testing.T) {
	b := openBrowser(t)
	h := httptest.NewServer(server(t, calm()).Handler())
	b.open(h.URL, 1280, false)
	green := `[...document.querySelectorAll("main .glyph")].filter(x => x.innerText.includes("●") && !x.closest(".legend")).length`
	if js[int](b, green) == 0 {
		t.Fatal("nothing was green to begin with")
	}
	b.until(10*time.Second, "the stream is live", `document.getElementById("live").innerText.includes("live")`)
	h.CloseClientConnections()
	h.Close()
	b.until(30*time.Second, "no cell is green", green+" === 0")
	b.shot("stale")
	if text := js[string](b, "document.body.innerText"); !strings.Contains(text, "No contact") {
		t.Errorf("the page does not say that it has no contact:\n%s", text)
	}
}

// TestByKeyboardAlone walks from the address bar to an incident.
func TestByKeyboardAlone(t *testing.T) {
	b := openBrowser(t)
	h := httptest.NewServer(server(t, outage()).Handler())
	defer h.Close()
	defer h.CloseClientConnections()
	b.open(h.URL, 1280, false)
	b.do(chromedp.KeyEvent("\t"))
	if first := js[string](b, `document.activeElement.getAttribute("href") ?? ""`); !strings.HasPrefix(first, "#") {
		t.Errorf("the first stop is %q, not the way past the navigation", first)
	}
	for range 40 {
		if js[bool](b, `!!document.activeElement.closest(".matrix")`) {
			break
		}
		b.do(chromedp.KeyEvent("\t"))
	}
	if !js[bool](b, `!!document.activeElement.closest(".matrix")`) {
		t.Fatal("the matrix cannot be reached with the tab key")
	}
	where := `document.activeElement.closest(".matrix")?.querySelectorAll(".field") && [...document.activeElement.closest(".matrix").querySelectorAll(".field")].indexOf(document.activeElement)`
	before := js[int](b, where)
	b.do(chromedp.KeyEvent("\ue014")) // arrow right, as WebDriver numbers keys
	_ = before
	for range 40 {
		if strings.HasPrefix(js[string](b, `document.activeElement.getAttribute("href") ?? ""`), "/incidents/") {
			break
		}
		b.do(chromedp.KeyEvent("\t"))
	}
	if outline := js[string](b, `getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
		t.Error("the focus cannot be seen")
	}
	b.do(chromedp.KeyEvent("\r"))
	b.until(10*time.Second, "the incident is open", `location.pathname.startsWith("/incidents/")`)
}

// siteOutage is a calm world in which one client's office has fallen silent.
func siteOutage() *scene {
	s := calm()
	i := detect.Incident{ID: "01SITE", Kind: detect.KindSite, Client: "acme", Site: "acme/madrid", Network: "AS3352 Telefonica",
		State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityUnseen,
		Title: "Lost contact with acme/madrid", Summary: "Nothing has been heard from acme/madrid since 11:58:00 UTC. Nothing is known of its line: the machine may be off.",
		DownSites: 1, Sites: 1, DownNetworks: 1, Networks: 1, Started: noon.Add(-2 * time.Minute), Opened: noon.Add(-110 * time.Second),
		Confirmed: noon.Add(-110 * time.Second), Reason: detect.Reason{Code: detect.LostContact, Text: "no frame from the site"},
		Evidence: []detect.Evidence{{Site: "acme/madrid", Client: "acme", Network: "AS3352 Telefonica", Answer: "silent", First: noon.Add(-2 * time.Minute), Last: noon}}}
	s.snap.Open = []detect.Incident{i}
	s.incidents = append([]detect.Incident{i}, s.incidents...)
	for k := range s.snap.Sites {
		if s.snap.Sites[k].ID == "acme/madrid" {
			s.snap.Sites[k].Connected, s.snap.Sites[k].Eligible, s.snap.Sites[k].LastSeen = false, false, noon.Add(-2*time.Minute)
		}
	}
	return s
}

// TestAViewerInABrowser logs in by the form as acme's viewer and walks all pages:
// whatever the browser holds, drawn or hidden, streamed or loaded by a script,
// has no word of the other client. Signing out leaves nothing to go back to.
func TestAViewerInABrowser(t *testing.T) {
	m := man(t, twoClients(), access.Options{})
	h := httptest.NewServer(m.h)
	defer h.Close()
	defer h.CloseClientConnections()
	b := openBrowser(t)
	b.open(h.URL+"/targets", 390, true)
	b.shot("login")
	b.do(chromedp.SendKeys(`input[name="name"]`, "vic"), chromedp.SendKeys(`input[name="password"]`, password+"\r"))
	b.until(10*time.Second, "the page asked for is there", `location.pathname === "/targets"`)
	for _, path := range []string{"/", "/incidents", "/incidents/inc-public", "/check", "/targets", "/targets/aurora-web-east", "/targets/own", "/fleet", "/settings"} {
		b.open(h.URL+path, 1280, false)
		if path == "/" {
			b.until(10*time.Second, "the stream is live", `document.getElementById("live").innerText.includes("live")`)
		}
		if strings.HasPrefix(path, "/targets/") {
			b.until(10*time.Second, "the chart is drawn", `!document.querySelector(".chart") || !!document.querySelector(".chart canvas")`)
		}
		if html := js[string](b, "document.documentElement.outerHTML"); strings.Contains(strings.ToLower(html), mark) || strings.Contains(html, secretAddr) {
			t.Errorf("%s shows the other client", path)
		}
		for _, line := range b.heard() {
			t.Errorf("%s: the console says: %s", path, line)
		}
		b.shot("viewer" + strings.ReplaceAll(path, "/", "-"))
	}
	b.do(chromedp.Click(`form[action="/logout"] button`))
	b.until(10*time.Second, "the log-in is shown", `location.pathname === "/login"`)
	b.do(chromedp.Navigate(h.URL + "/fleet"))
	b.until(10*time.Second, "what is behind it stays closed", `location.pathname === "/login"`)
}
