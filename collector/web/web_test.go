package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

func server(t *testing.T, s Source, hosts ...string) *Server {
	t.Helper()
	srv, err := New(Options{Source: s, Hosts: hosts, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// ask makes one request to a handler as 127.0.0.1.
func ask(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:8443", "127.0.0.1:50000" // on the same machine
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func page(t *testing.T, s Source, path string) string {
	t.Helper()
	w := ask(server(t, s).Handler(), "GET", path, "")
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

var bodyOnly = regexp.MustCompile(`(?s)<main.*</main>`)

func TestGoldenPages(t *testing.T) {
	for name, s := range map[string]*scene{"calm": calm(), "outage": outage(), "many": many(), "empty": empty()} { // as seen by a technician on loopback
		golden(t, name+".html", bodyOnly.FindString(page(t, s, "/"))+"\n")
	}
	golden(t, "incident.html", bodyOnly.FindString(page(t, outage(), "/incidents/01KGF3M8Q2"))+"\n")
}

func TestTheFirstSentence(t *testing.T) {
	change := func(s *scene, f func(*scene)) *scene { f(s); return s }
	for _, c := range []struct {
		name        string
		s           *scene
		text, state string
	}{
		{"calm", calm(), "All 3 providers are healthy as seen from 12 sites on 6 ISPs.", "ok"},
		{"an outage", outage(), "2 problems. Confirmed: Borealis north: outage.", "down"},
		{"no agent", empty(), "No agent has joined yet, so nothing can be said.", "no-data"},
		{"nobody may vote", change(calm(), func(s *scene) {
			for k := range s.snap.Sites {
				s.snap.Sites[k].Eligible = false
			}
		}), "Nothing can be said now: none of 12 sites may vote.", "no-data"},
		{"mixed results", change(calm(), func(s *scene) { s.snap.Cells[0].State = detect.Disputed }),
			"Mixed results for aurora; nothing is confirmed, as seen from 12 sites on 6 ISPs.", "disputed"},
		{"a part unseen", change(calm(), func(s *scene) {
			for k := range 4 {
				s.snap.Cells[k].State = detect.NoData
			}
		}), "2 of 3 providers are healthy as seen from 12 sites on 6 ISPs.", "ok"},
		{"first minute", change(empty(), func(s *scene) { s.snap.Sites = calm().snap.Sites }), "Waiting for the first results of 4 providers.", "no-data"},
		{"nothing watched", change(calm(), func(s *scene) { s.snap.Cells = nil }), "No cloud is watched.", "no-data"},
		{"our own blindness first", change(outage(), func(s *scene) {
			s.snap.Open = append(s.snap.Open, detect.Incident{Kind: detect.KindFleet, State: detect.Probable, Confidence: detect.ConfidenceProbable,
				Severity: detect.SeverityUnseen, Title: "Lost contact with 24 of 63 sites"})
		}), "3 problems. Likely: Lost contact with 24 of 63 sites.", "no-data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := Sentence(c.s.snap, c.s.Provider)
			if v.Text != c.text || v.State != c.state {
				t.Errorf("got %q (%s), want %q (%s)", v.Text, v.State, c.text, c.state)
			}
		})
	}
}

func TestUnknownIsNeverGreenOrRed(t *testing.T) {
	s := empty()
	html := page(t, s, "/")
	for _, state := range []string{"s-ok", "s-down"} {
		if n := strings.Count(strings.Split(html, `class="legend"`)[0], state); n != 0 {
			t.Errorf("a page without data shows %s %d times", state, n)
		}
	}
}

func TestHostileNamesAreText(t *testing.T) {
	evil := `<script>alert(1)</script>"' onload=x javascript:alert(2)`
	s := outage()
	s.snap.Cells[0].Provider, s.snap.Cells[0].Region = evil, evil
	s.snap.Sites[0].ID, s.snap.Sites[0].Network, s.snap.Sites[0].Why, s.snap.Sites[0].Eligible = evil, evil, evil, false
	s.unready = []Unready{{evil, evil}}
	for k := range s.incidents {
		i := &s.incidents[k]
		i.Title, i.Summary, i.Cause, i.Reason.Text, i.Targets = evil, evil, evil, evil+".", []string{evil}
		for n := range i.Evidence {
			e := &i.Evidence[n]
			e.Site, e.Err, e.Network, e.Edge, e.Answer, e.Why = evil, evil, evil, evil, evil, evil
		}
	}
	s.snap.Open = s.incidents[:2]
	s.snap.Open[0].ID = `"><img src=x>`
	for _, path := range []string{"/", "/incidents", "/incidents/01KGF3M8Q2"} {
		html := page(t, s, path)
		for _, bad := range []string{"<script>alert", "<img", `href="javascript`, "'' onload"} {
			if strings.Contains(html, bad) {
				t.Errorf("%s contains %q", path, bad)
			}
		}
		if !strings.Contains(html, "&lt;script&gt;") {
			t.Errorf("%s does not show the name as text", path)
		}
	}
}

func TestWhoMayAskFromWhere(t *testing.T) {
	h := server(t, calm(), "picket.example:8443").Handler()
	for host, want := range map[string]int{
		"127.0.0.1:8443": 200, "localhost": 200, "LOCALHOST.:1": 200, "[::1]:8443": 200, "127.9.9.9": 200, "picket.localhost": 200,
		"picket.example": 200, "PICKET.example:443": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "": 421, "10.0.0.1": 421, "0.0.0.0:8443": 421,
	} {
		r := httptest.NewRequest("GET", "/api/v1/status", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}

func TestEveryAnswerIsStrict(t *testing.T) {
	h := server(t, outage()).Handler()
	asset := regexp.MustCompile(`/assets/[^"]+css`).FindString(page(t, calm(), "/"))
	for _, path := range []string{"/", "/incidents/01KGF3M8Q2", "/incidents/none", "/api/v1/status", "/metrics", "/healthz", "/readyz", "/nowhere", asset} {
		got := ask(h, "GET", path, "").Header()
		for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
			if !strings.HasPrefix(got.Get(name), want) {
				t.Errorf("%s: %s is %q", path, name, got.Get(name))
			}
		}
		if got.Get("Access-Control-Allow-Origin") != "" || strings.Contains(got.Get("Content-Security-Policy"), "unsafe") || got.Get("Content-Type") == "" {
			t.Errorf("%s: %v", path, got)
		}
		if keep := strings.Contains(got.Get("Cache-Control"), "immutable"); keep != (path == asset) {
			t.Errorf("%s: %q", path, got.Get("Cache-Control"))
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		for _, path := range []string{"/", "/api/v1/status", "/agents/a1/revoke", "/tokens"} {
			if w := ask(h, method, path, "{}"); w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	html := page(t, calm(), "/")
	for _, outside := range []string{"http://", "https://", "//", "style=", "onclick", "<style"} {
		if strings.Contains(html, outside) {
			t.Errorf("the page contains %q", outside)
		}
	}
}

func TestTheAPIKeepsItsForm(t *testing.T) {
	h := server(t, outage()).Handler()
	for path, schema := range map[string]string{"status": "status", "targets": "targets", "targets/aurora-web-east": "target", "targets/aurora-web-east/latest": "latest",
		"targets/aurora-web-east/history": "history", "targets/aurora-web-east/history?from=-30m": "history",
		"targets/aurora-web-east/history?from=2026-02-02T10:00:00Z&to=2026-02-02T11:00:00Z": "history", "verdicts": "verdicts", "incidents": "incidents", "incidents?open=true&limit=1": "incidents",
		"incidents/01KGF3M8Q2": "incident", "agents": "agents", "sites": "sites", "silences": "silences"} {
		w := ask(h, "GET", "/api/v1/"+path, "")
		var e struct {
			Schema      string
			GeneratedAt time.Time `json:"generated_at"`
			Data        json.RawMessage
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != 200 || e.Schema != "picket."+schema+"/v1" || !e.GeneratedAt.Equal(noon) || len(e.Data) < 2 {
			t.Errorf("%s: %d %s %v", path, w.Code, w.Body, err)
		}
	}
	golden(t, "status.json", ask(h, "GET", "/api/v1/status", "").Body.String())
	if w := ask(server(t, empty()).Handler(), "GET", "/api/v1/agents", ""); !strings.Contains(w.Body.String(), `"data":[]`) {
		t.Errorf("an empty list is %s", w.Body)
	}
	for path, want := range map[string]int{"targets/none": 404, "targets/none/latest": 404, "targets/none/history": 404, "targets/aurora-web-east/history?from=yesterday": 400,
		"targets/aurora-web-east/history?from=-1h&to=-2h": 400, "targets/aurora-web-east/history?from=-9999999h": 400, "incidents/none": 404, "incidents?open=maybe": 400, "incidents?limit=0": 400, "nowhere": 404} {
		w := ask(h, "GET", "/api/v1/"+path, "")
		if w.Code != want || !strings.Contains(w.Body.String(), `"schema":"picket.error/v1"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	s := calm()
	s.err = errors.New("open /secret/path: disk on fire")
	for _, path := range []string{"/", "/api/v1/status", "/api/v1/agents"} {
		if w := ask(server(t, s).Handler(), "GET", path, ""); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestReadyAndHealth(t *testing.T) {
	h := server(t, outage()).Handler()
	if w := ask(h, "GET", "/readyz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), `{"code":"influxdb","text":"InfluxDB answers 503`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/healthz", ""); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(server(t, calm()).Handler(), "GET", "/readyz", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"unready":[]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestMetricsSayWhatThePageSays(t *testing.T) {
	text := ask(server(t, outage()).Handler(), "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`picket_sites{voting="yes"} 10`, `picket_isps 5`, `picket_agents{connected="no"} 1`, `picket_targets{state="down"} 1`, `picket_targets{state="ok"} 10`,
		`picket_incidents_open{confidence="confirmed",kind="provider-region"} 1`, `picket_results_total 1.234567e+06`, `picket_results_lost_total{reason="evicted"} 42`,
		`picket_ready 0`, `picket_influx_up 0`, `picket_collector_answers 1`, `go_goroutines`,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	s := calm()
	s.err = errors.New("down")
	text = ask(server(t, s).Handler(), "GET", "/metrics", "").Body.String()
	if strings.Contains(text, "picket_results_total ") || !strings.Contains(text, "picket_collector_answers 0") {
		t.Error("what is not known must be left out, never 0")
	}
}

func TestTheEventStreamSendsThePage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	srv := server(t, outage())
	go func() { done <- srv.Serve(ctx, l) }()
	resp, err := http.Get("http://" + l.Addr().String() + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	var got strings.Builder
	for lines.Scan() && lines.Text() != "" {
		got.WriteString(lines.Text() + "\n")
	}
	if resp.Header.Get("Content-Type") != "text/event-stream" || !strings.HasPrefix(got.String(), "event: page\ndata: <time") || !strings.Contains(got.String(), "Borealis north: outage") {
		t.Errorf("%v\n%s", resp.Header, &got)
	}
	cancel() // a stream must not hold up the end
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the server does not end while a stream is open")
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Logf("stream ended with %v", err)
	}
}

func TestTheStreamIsQuietWhileOnlyAgesMove(t *testing.T) {
	s := calm()
	now := noon
	srv, err := New(Options{Source: s, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/events", nil)
	r = r.WithContext(as(r.Context(), access.Visitor()))
	draw := func() fragment {
		f, err := srv.rendered(r)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := draw()
	now = now.Add(20 * time.Second)
	for k := range s.snap.Cells {
		s.snap.Cells[k].Age += 20 * time.Second
	}
	second := draw()
	if first.digest == second.digest && string(first.html) != string(second.html) {
		// as wanted: drawn anew, but nothing to tell at once
	} else {
		t.Errorf("ages alone make news: %v", first.digest != second.digest)
	}
	now = now.Add(time.Second)
	s.snap.Cells[3].State = detect.Down
	if third := draw(); third.digest == second.digest {
		t.Error("a cell that goes down is no news")
	}
}

func TestCellOfAnIncidentThatNobodySeesFailIsNotRed(t *testing.T) {
	for _, state := range []detect.VerdictState{detect.Down, detect.OK} {
		s := outage()
		for k := range s.snap.Cells {
			if c := &s.snap.Cells[k]; c.Incident != "" {
				c.State = state
			}
		}
		for k := range s.snap.Verdicts {
			if v := &s.snap.Verdicts[k]; v.Target == "borealis-web-north" {
				v.State, v.DownSites = state, 0
			}
		}
		body := page(t, s, "/")
		if !strings.Contains(body, `class="field s-disputed" aria-label="borealis, north: recovering, 0 of 1`) || !strings.Contains(body, "fail now, not over yet</span>") ||
			strings.Contains(body, "field s-down") || strings.Contains(body, "0/1") {
			t.Errorf("%v: the cell contradicts its counts", state)
		}
	}
	if body := page(t, outage(), "/"); !strings.Contains(body, `<span class="counts">9 of 11 fail</span>`) || !strings.Contains(body, `<span class="counts">12 sites, 6 ISPs</span>`) {
		t.Error("counts are not worded")
	}
}

func TestHealthSeenByFewIsNotGreen(t *testing.T) {
	s := calm()
	for k := 1; k < len(s.snap.Sites); k++ {
		s.snap.Sites[k].Eligible, s.snap.Sites[k].Why = false, "probation"
	}
	v := Sentence(s.snap, s.Provider)
	if v.Text != "All 3 providers are healthy as seen from 1 site on 1 ISP; 11 sites do not vote yet." || v.State != "no-data" {
		t.Errorf("%s: %s", v.State, v.Text)
	}
	body := page(t, s, "/")
	if strings.Contains(body, "probation") || !strings.Contains(body, "not voting: new: votes after two good rounds of its references") {
		t.Error("a reason reaches people as a code")
	}
	for k := range s.snap.Sites[:6] {
		s.snap.Sites[k].Eligible = true
	}
	if v := Sentence(s.snap, s.Provider); v.State != "ok" {
		t.Errorf("half of the sites vote: %s", v.State)
	}
}

func TestFleetReadsAsSentences(t *testing.T) {
	s := calm()
	s.status.Influx = &Influx{OK: true}
	s.snap.Sites[3].Connected, s.snap.Sites[3].Eligible, s.snap.Sites[3].Why = false, false, "lost contact"
	body := page(t, s, "/")
	if strings.Contains(body, "acme/madrid") {
		t.Error("a site that is well needs no attention")
	}
	if !strings.Contains(body, "<strong>InfluxDB</strong> ok") || !strings.Contains(body, "<strong>6</strong> ISPs voting") {
		t.Error("tiles")
	}
	if strings.Contains(body, "lost contact: lost contact") || !strings.Contains(body, "</strong> lost contact <span") {
		t.Error("a site's state is said twice, or not at all")
	}
}
