package web

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestInABrowser draws the page in a real browser: the style sheet and the
// script must get past our own content security policy, and the stream must
// arrive.
func TestInABrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs a browser: install chromium to run this test")
	}
	if testing.Short() {
		t.Skip("starts a browser, which takes seconds")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h := server(t, outage()).Handler()
	// The browser dumps the page when everything is loaded; a picture that takes
	// its time gives the stream time to arrive.
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		drawn := httptest.NewRecorder()
		h.ServeHTTP(drawn, r)
		maps.Copy(w.Header(), drawn.Header())
		w.Write([]byte(strings.Replace(drawn.Body.String(), "</body>", `<img src="/slow" alt=""></body>`, 1)))
	})
	mux.HandleFunc("GET /slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(3 * time.Second):
		case <-r.Context().Done():
		}
	})
	mux.Handle("/", h)
	srv := httptest.NewServer(mux)
	defer srv.Close()
	defer srv.CloseClientConnections()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--enable-logging=stderr", "--dump-dom", srv.URL+"/")
	var logged strings.Builder
	cmd.Stderr = &logged
	dom, err := cmd.Output()
	if ctx.Err() != nil || err != nil && len(dom) == 0 {
		t.Skipf("the browser does not run here: %v", err)
	}
	if !strings.Contains(string(dom), ">live, drawn 12:00:00 UTC</span>") {
		t.Errorf("the script did not run:\n%.2000s", dom)
	}
	if !strings.Contains(string(dom), `aria-live="polite">■ 2 problems.`) {
		t.Error("the stream did not arrive, or its sentence is not announced")
	}
	for line := range strings.SplitSeq(logged.String(), "\n") {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the console says: %s", line)
		}
	}
}
