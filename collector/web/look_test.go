package web

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
)

// below asserts that texts stand in html in this order.
func below(t *testing.T, html string, texts ...string) {
	t.Helper()
	rest := html
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Errorf("%q is missing, or not below what comes before it", text)
			return
		}
		rest = after
	}
}

func TestAnIncidentIsToldFromTheSentenceToTheTimeline(t *testing.T) {
	html := page(t, outage(), "/incidents/01KGF3M8Q2")
	below(t, html, "Borealis north: outage</h1>", "9 of 11 sites on 5 of 6 ISPs cannot reach", "since 2 Feb 11:46:00, 14 min", "declared after 2 s, confirmed after 3 s",
		"DNS: works", "Connection: works", "TLS: fails", "HTTP: not reached", "the TLS handshake got stuck", "9 sites of 11 failing, 7 needed; 5 ISPs of 6, 3 needed; 1 site could not tell",
		"12 sites asked: 9 failing, 1 could not tell, 2 working.", "acme/bilbao", "fails", "umbrella/milano", "could not tell", "references fail", "hooli/york", "works",
		"first failure seen", "declared (after 2 s)", "confirmed (after 3 s)", "helpdesk was told: opened, delivered after 2 s (after 5 s)", "oncall was told: updated, given up",
		`data-history="/api/v1/targets/borealis-web-north/history?from=2026-02-02T11%3A16%3A00Z&amp;to=2026-02-02T12%3A00%3A00Z" data-from="2026-02-02T11:46:00Z"`,
		"Show the chart as a table", "25.00 %", "100 %")
	if strings.Contains(html, `data-to=`) {
		t.Error("an open incident has no end to be shaded to")
	}
	below(t, page(t, outage(), "/incidents/01KGF3M8Q2?sort=isp"), `aria-current="true">by ISP`, "hooli/london", "initech/lyon", "hooli/leeds", "globex/bonn")
	if w := ask(server(t, outage()).Handler(), "GET", "/incidents/none", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "There is no incident of this id.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s := outage()
	i := &s.incidents[1]
	i.State, i.Recovered, i.Resolved = detect.Resolved, noon.Add(-4*time.Minute), noon.Add(-3*time.Minute)
	html = page(t, s, "/incidents/01KGF3M8Q2")
	below(t, html, "lasted 10 min", "TLS: failed", "healthy again", "resolved", `data-to="2026-02-02T11:56:00Z"`)
	if strings.Contains(html, "data-refresh") || strings.Contains(html, `http-equiv="refresh"`) {
		t.Error("what is over is fetched again and again")
	}
	s.targets = nil
	if html := page(t, s, "/incidents/01KGF3M8Q2"); strings.Contains(html, "data-history") {
		t.Error("the chart of a target that is not watched")
	}
}

func TestIncidentsAreListedOpenOnesFirst(t *testing.T) {
	html := page(t, outage(), "/incidents")
	below(t, html, "2 incidents open.", "Confirmed: Borealis north: outage.", `aria-current="true">All`, "Borealis north: outage</a>", "14 min so far", "9 of 11 sites, 5 ISPs",
		"Lost contact with umbrella/milano</a>", "Lost contact with acme/madrid</a>", "Resolved", "1 h 0 min")
	if html := page(t, outage(), "/incidents?show=open"); strings.Contains(html, "acme/madrid") || !strings.Contains(html, "umbrella/milano") {
		t.Error("the filter does not filter")
	}
	below(t, page(t, calm(), "/incidents"), "No incident is open.", "None has been seen yet.")
	below(t, page(t, empty(), "/incidents"), "No agent has joined yet, so no incident can be seen.")
	s := calm()
	for range someIncidents + 1 {
		s.incidents = append(s.incidents, outage().incidents[2])
	}
	if html := page(t, s, "/incidents"); strings.Count(html, "<tr class=") != someIncidents || !strings.Contains(html, `href="/incidents?limit=all">Older`) {
		t.Error("a long list is not cut")
	}
	if html := page(t, s, "/incidents?limit=all"); strings.Count(html, "<tr class=") != someIncidents+1 {
		t.Error("the rest cannot be reached")
	}
}

func TestTroubleComesFirstInTheMatrix(t *testing.T) {
	below(t, page(t, outage(), "/"), `scope="row">borealis`, `scope="row">aurora`, `scope="row">cumulus`)
	s := many()
	for k := range s.snap.Cells {
		if c := &s.snap.Cells[k]; c.Region == "uksouth" {
			c.State = detect.Down
		}
	}
	html := page(t, s, "/")
	below(t, html, "Microsoft Azure", ">uksouth<", ">eastus<", "Amazon Web Services", "us-east-1", "cloudflare", ">worldwide<")
	below(t, html, `href="/targets?provider=aws&amp;q=us-east-1"`, `href="/targets?provider=cloudflare"`)
	below(t, page(t, outage(), "/"), `href="/incidents/01KGF3M8Q2" class="field s-down"`)
}

func TestTheFirstStepsFitWhoLooks(t *testing.T) {
	if html := page(t, empty(), "/"); !strings.Contains(html, "picket token create --client NAME") || strings.Contains(html, "/fleet#add") || !strings.Contains(html, "Already 68 endpoints of 4 providers") ||
		!strings.Contains(html, "No alert route yet") {
		t.Error("open on loopback: the command to type")
	}
	m := man(t, empty(), access.Options{})
	if html := m.as(t, "tim").get("/").Body.String(); !strings.Contains(html, "/fleet#add") || strings.Contains(html, "picket token create") {
		t.Error("a technician: the form")
	}
	if html := m.as(t, "vic").get("/").Body.String(); strings.Contains(html, "/fleet#add") || strings.Contains(html, "picket token create") || !strings.Contains(html, "Ask whoever runs Picket") {
		t.Error("a viewer: somebody else must do it")
	}
	s := empty()
	s.status.Alerts.Routes = 2
	if !strings.Contains(page(t, s, "/"), "2 alert routes set up") {
		t.Error("routes that are there")
	}
	if html := page(t, calm(), "/"); strings.Contains(html, "Three steps") {
		t.Error("the steps stay when agents are there")
	}
}

func TestWhatIsWrongWithPicketItselfIsSaid(t *testing.T) {
	s := outage()
	s.snap.Frozen, s.snap.At = true, noon.Add(-time.Minute)
	for k := range s.snap.Cells {
		s.snap.Cells[k].Age = 4 * time.Minute
	}
	below(t, page(t, s, "/"), "InfluxDB answers 503", "What you see of now is live; history is behind until this is over.", "many sites have lost contact at the same time", "nothing was judged since 11:59:00 UTC", "no result has arrived for 4 min.")
	if strings.Contains(page(t, calm(), "/"), "Picket itself") {
		t.Error("all is well")
	}
	s = calm()
	s.snap.Sites = s.snap.Sites[:3]
	if !strings.Contains(page(t, s, "/"), "Sites on 2 ISPs vote. An outage is confirmed at once when sites on 3 ISPs agree") {
		t.Error("what a small fleet lacks is not said")
	}
}

func TestAFragmentIsDrawnPerScope(t *testing.T) {
	srv := server(t, outage())
	draw := func(p access.Principal) string {
		r := httptest.NewRequest("GET", "/events", nil)
		f, err := srv.rendered(r.WithContext(as(r.Context(), p)))
		if err != nil {
			t.Fatal(err)
		}
		return string(f.html)
	}
	tim := draw(access.Principal{Name: "tim", Role: access.Technician, Via: "session", CSRF: "token-of-tim", Session: "1"})
	vic := draw(access.Principal{Name: "vic", Role: access.Viewer, Client: "acme", Via: "session", Session: "2"})
	if !strings.Contains(tim, "umbrella/milano") || strings.Contains(vic, "umbrella") {
		t.Error("a viewer gets what was drawn for a technician")
	}
	if strings.Contains(tim, "token-of-tim") {
		t.Error("a fragment that others get holds a session's token")
	}
	if again := draw(access.Principal{Name: "tom", Role: access.Technician, Via: "session", Session: "3"}); again != tim || len(srv.fragments) != 2 {
		t.Error("the same scope is drawn twice")
	}
}

func TestOneReaderCannotTakeAllStreams(t *testing.T) {
	srv := server(t, calm())
	r := httptest.NewRequest("GET", "/events", nil)
	var leave []func()
	for range maxStreamsOf {
		l, ok := srv.enter(r)
		if !ok {
			t.Fatal("no place")
		}
		leave = append(leave, l)
	}
	if _, ok := srv.enter(r); ok {
		t.Error("one address may open any number of streams")
	}
	other := httptest.NewRequest("GET", "/events", nil)
	other.RemoteAddr = "192.0.2.99:1"
	l, ok := srv.enter(other)
	if !ok {
		t.Error("another address is refused")
	}
	for _, l := range append(leave, l) {
		l()
	}
	if srv.streams != 0 || len(srv.readers) != 0 {
		t.Error("places are not given back")
	}
	w := httptest.NewRecorder()
	r.Host = "127.0.0.1"
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	srv.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("another web site gets the stream: %d", w.Code)
	}
}

func TestAStreamEndsWithTheSession(t *testing.T) {
	m := man(t, outage(), access.Options{})
	tim := m.as(t, "tim")
	srv := httptest.NewServer(m.h)
	defer srv.Close()
	defer srv.CloseClientConnections()
	r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range tim.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != "event: page" {
		t.Fatalf("no stream: %q", lines.Text())
	}
	if err := m.keep.LogoutAll(t.Context(), "ann", "tim"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
		}
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the stream goes on after the session has ended")
	}
}

func TestPathsOfNobody(t *testing.T) {
	h := server(t, calm()).Handler()
	r := httptest.NewRequest("GET", "/nowhere", nil)
	r.Host = "127.0.0.1"
	r.Header.Set("Accept", "text/html,*/*")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 404 || !strings.Contains(w.Body.String(), "There is no such page.") || !strings.Contains(w.Body.String(), `href="/fleet"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestStrangersLearnNoReasons(t *testing.T) {
	m := man(t, outage(), access.Options{})
	if body := m.visitor().get("/readyz").Body.String(); strings.Contains(body, "InfluxDB") || !strings.Contains(body, `"code":"influxdb"`) {
		t.Error(body)
	}
	if body := m.as(t, "ann").get("/readyz").Body.String(); !strings.Contains(body, "InfluxDB answers 503") {
		t.Error(body)
	}
}

// TestAnEventHasOneEnd: what an agent says may stand in the page; it must not
// end a line of the stream and begin an event of its own.
func TestAnEventHasOneEnd(t *testing.T) {
	for _, text := range []string{"a\r\revent: page\rdata: FORGED\r\r", "a\n\nevent: page\ndata: FORGED", "a\r\n\r\nevent: page\r\n"} {
		sent := string(event("page", []byte(text)))
		if strings.ContainsRune(sent, '\r') || strings.Count(sent, "\n\n") != 1 || strings.Count(sent, "\nevent:") != 0 {
			t.Errorf("%q is sent as %q", text, sent)
		}
	}
}
