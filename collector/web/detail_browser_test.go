package web

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// probed opens a page of h in a headless browser, with a script of the test
// beside the page's own, and returns what that script tells by tell(text). The
// page's policy holds for it as for every other script of the page.
func probed(t *testing.T, h http.Handler, path, script string) string {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs a browser: install chromium to run this test")
	}
	if testing.Short() {
		t.Skip("starts a browser, which takes seconds")
	}
	told := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		drawn := httptest.NewRecorder()
		h.ServeHTTP(drawn, r)
		maps.Copy(w.Header(), drawn.Header())
		io.WriteString(w, strings.Replace(drawn.Body.String(), "</body>", `<script src="/probe.js"></script></body>`, 1))
	})
	mux.HandleFunc("GET /probe.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		io.WriteString(w, `"use strict"; const tell = (text) => fetch("/told", { method: "POST", body: text });
			const until = (what, test, then) => { let n = 0; const look = () => test() ? then() : ++n > 100 ? tell("never: " + what) : setTimeout(look, 100); look(); };`+script)
	})
	mux.HandleFunc("POST /told", func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		select {
		case told <- string(text):
		default:
		}
	})
	mux.Handle("/", h)
	srv := httptest.NewServer(mux)
	defer srv.Close()
	defer srv.CloseClientConnections()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--user-data-dir="+t.TempDir(),
		"--enable-logging=stderr", srv.URL+path)
	var logged strings.Builder
	cmd.Stderr = &logged
	if err := cmd.Start(); err != nil {
		t.Skipf("the browser does not run here: %v", err)
	}
	text := "nothing: the page did not get as far as the script"
	select {
	case text = <-told:
	case <-ctx.Done():
	}
	cancel()
	cmd.Wait()
	for line := range strings.SplitSeq(logged.String(), "\n") {
		if strings.Contains(line, "CONSOLE") && !strings.Contains(line, "Canvas2D") { // our own reading of pixels
			t.Errorf("the console says: %s", line)
		}
	}
	return text
}

// TestChartsAreDrawn has a real browser draw the charts of a target under our
// own policy. A chart whose scale is broken draws its frame and no line, so it
// looks for the colour of the first line on both.
func TestChartsAreDrawn(t *testing.T) {
	got := probed(t, detail(t, detailed(), boss), "/targets/aurora-web-east", `
		const want = getComputedStyle(document.documentElement).getPropertyValue("--line1").trim();
		const rgb = [1, 3, 5].map((i) => parseInt(want.slice(i, i + 2), 16));
		const drawn = (c) => {
			const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
			for (let i = 0; i < d.length; i += 4) if (d[i] === rgb[0] && d[i + 1] === rgb[1] && d[i + 2] === rgb[2] && d[i + 3] === 255) return true;
			return false;
		};
		const canvases = () => [...document.querySelectorAll(".chart .uplot canvas")];
		until("two charts with their lines", () => canvases().length === 2 && canvases().every(drawn),
			() => tell([...document.querySelectorAll(".chart .u-legend")].map((l) => l.innerText.replace(/[^a-z-]+/gi, " ").trim()).join("; ")));`)
	if !strings.Contains(got, "eu-south") || !strings.Contains(got, "eu-west") || !strings.Contains(got, "uk") {
		t.Errorf("the charts tell %q", got)
	}
}

// expectant is a scene whose token tok1 is redeemed at some moment.
type expectant struct {
	*scene
	asked atomic.Int32
}

func (e *expectant) TokenState(ctx context.Context, id string) (TokenState, error) {
	if e.asked.Add(1) > 2 {
		id = "tok2"
	}
	return e.scene.TokenState(ctx, id)
}

func TestTheDrawerWaitsForTheAgent(t *testing.T) {
	got := probed(t, detail(t, &expectant{scene: detailed()}, boss), "/fleet/tokens/tok1", `
		const wait = document.getElementById("wait"), first = wait.innerText;
		until("connected", () => wait.innerText.includes("connected!") && !document.getElementById("after").hidden,
			() => tell(first + " / " + wait.innerText));`)
	if want := "Waiting for the agent of acme/cadiz… / ● connected! acme/cadiz on AS3352 Telefonica (cad-srv01)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
