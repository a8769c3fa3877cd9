package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
	"picket/collector/inquiry"
)

// detail is the pages of this file's concern as p sees them: their routes
// without the log-in, which has tests of its own.
func detail(t *testing.T, s Admin, p access.Principal) http.Handler {
	t.Helper()
	srv, err := New(Options{Source: s, Actions: s, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{
		"GET /targets": srv.targetsPage, "GET /targets/{id}": srv.targetPage, "GET /check": srv.checkPage, "POST /check": srv.askNow, "GET /check/{id}": srv.findingPage,
		"GET /fleet": srv.fleetPage, "POST /fleet/tokens": srv.makeToken, "GET /fleet/tokens/{id}": srv.waitPage, "GET /api/v1/tokens/{id}": srv.tokenState,
		"GET /fleet/agents/{id}/revoke": srv.revokePage, "POST /fleet/agents/{id}/revoke": srv.revoke, "GET /assets/{name}": srv.asset,
	} {
		mux.HandleFunc(path, h)
	}
	api{scope: srv.source, now: srv.o.Now, log: srv.o.Log}.registerTargets(mux, "/api/v1")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		strict(w.Header(), false)
		mux.ServeHTTP(w, r.WithContext(as(r.Context(), p)))
	})
}

// look gets a page that must be there.
func look(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := ask(h, "GET", path, "")
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// post sends a form.
func post(h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Host = "127.0.0.1:8443"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// shows asserts that a page has all of the texts, in their order.
func shows(t *testing.T, html string, texts ...string) {
	t.Helper()
	rest := html
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			t.Errorf("no %q in its place in the page", text)
			return
		}
		rest = after
	}
}

func hides(t *testing.T, html string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(html, text) {
			t.Errorf("the page contains %q", text)
		}
	}
}

func TestTargetsListsWhatFailsFirst(t *testing.T) {
	h := detail(t, detailed(), helper)
	html := look(t, h, "/targets")
	shows(t, html, "1 of 12 targets does not work well.", "1 more has mixed results.", `href="/targets/borealis-web-north"`, "9 of 11 sites on 6 ISPs fail", `href="/targets/borealis-web-west"`,
		`href="/targets/aurora-web-east"`, "12 sites on 6 ISPs", "1 reference, by which", "Reference one")
	html = look(t, h, "/targets?q=AURORA+east&state=ok")
	shows(t, html, `value="AURORA east"`, "Show all 12", `href="/targets/aurora-web-east"`)
	hides(t, html[strings.Index(html, "<tbody"):], "borealis-web", "aurora-web-west")
	shows(t, look(t, h, "/targets?provider=cumulus&state=down"), "No target fits this filter.")
}

func TestTargetPageSaysWhatEachSiteSees(t *testing.T) {
	html := look(t, detail(t, detailed(), helper), "/targets/borealis-web-north")
	shows(t, html, "Borealis web, north: down, 9 of 11 sites on 6 ISPs fail.", "The certificate ends in 9 days.", `action="/check"`, `name="target" value="borealis-web-north"`,
		"acme/bilbao", "fails: TLS timeout", "TLS handshake with web.north", `aria-label="DNS 6.0 ms, connect 18 ms, TLS 5000 ms"`, "umbrella/rome", "works", "ends in 9 d",
		`href="/targets/borealis-web-north?range=7d#past"`, "How it is asked", "every 1 min", "edge.example (CDN)")
	if strings.Index(html, "acme/madrid") > strings.Index(html, "umbrella/rome") {
		t.Error("a site that fails stands below one that works")
	}
	shows(t, look(t, detail(t, detailed(), helper), "/targets/ref-one"), "no data yet", "First results in about 20 s.")
	if w := ask(detail(t, detailed(), helper), "GET", "/targets/nope", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "There is no target of this id.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTargetPageChoosesItsRange(t *testing.T) {
	s := detailed()
	h := detail(t, s, helper)
	html := look(t, h, "/targets/aurora-web-east")
	shows(t, html, `?range=24h#past" aria-current="true"`, `data-history="/api/v1/targets/aurora-web-east/history?from=2026-02-01T12%3A00%3A00Z&amp;to=2026-02-02T12%3A00%3A00Z"`,
		"eu-south", "99.17 %", "uk", "100 %", "Show the chart as a table", "In steps of 30 min")
	html = look(t, h, "/targets/aurora-web-east?range=30d")
	shows(t, html, `?range=30d#past" aria-current="true"`, "from=2026-01-03T12%3A00%3A00Z")
	s.err = errors.New("open /secret: disk on fire")
	html = look(t, h, "/targets/aurora-web-east")
	shows(t, html, "works", "The history cannot be read")
	hides(t, html, "secret")
}

func TestOldResultsAreNotOfNow(t *testing.T) {
	c := Check{ID: "x/http", Kind: "http", Interval: time.Minute}
	l := Latest{Site: "a/b", Agent: "a1", Check: c.ID, At: noon.Add(-5 * time.Minute), Outcome: "up"}
	lines, _ := seenBy(noon, Target{Checks: []Check{c}}, []Latest{l})
	if len(lines) != 1 || lines[0].State != "no-data" || lines[0].Word != "no fresh result" {
		t.Errorf("%+v", lines)
	}
}

func TestASiteSeesWhatAnyOfItsAgentsSees(t *testing.T) {
	c := []Check{{ID: "x/http", Kind: "http", Interval: time.Minute}, {ID: "x/ping", Kind: "ping", Interval: time.Minute}}
	at := func(agent, check, outcome string) Latest {
		return Latest{Site: "a/b", Agent: agent, Check: check, At: noon, Outcome: outcome}
	}
	lines, _ := seenBy(noon, Target{Checks: c}, []Latest{at("a1", "x/http", "down"), at("a2", "x/http", "up"), at("a1", "x/ping", "down")})
	if len(lines) != 1 || lines[0].State != "ok" || lines[0].Checks[1].State != "down" {
		t.Errorf("a machine that fails, or a ping, speaks for the site: %+v", lines)
	}
}

func TestCheckAsksOnPostOnly(t *testing.T) {
	s := &questioned{scene: detailed()}
	h := detail(t, s, helper)
	html := look(t, h, "/check?target=borealis-web-north&site=acme/madrid")
	shows(t, html, `value="Borealis web, north"`, `<option value="acme/madrid" selected>`, "Begin with", "Borealis web, north")
	if len(s.questions) != 0 {
		t.Fatal("looking at the form asked sites")
	}
	w := post(h, "/check", url.Values{"target": {" borealis WEB, north "}, "site": {"acme/madrid"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/check/f1" || len(s.questions) != 1 || s.questions[0] != (inquiry.Question{Target: "borealis-web-north", Site: "acme/madrid"}) {
		t.Errorf("%d %v %v", w.Code, w.Header(), s.questions)
	}
	s.refuse = &Error{Status: 429, What: "nothing was asked", Why: "you have asked often", Fix: "wait 8 s"}
	w = post(h, "/check", url.Values{"target": {"https://x.example/<b>"}, "site": {"acme/madrid"}})
	if w.Code != 429 {
		t.Errorf("%d", w.Code)
	}
	shows(t, w.Body.String(), "nothing was asked</strong>: you have asked often", "wait 8 s", `value="https://x.example/&lt;b&gt;"`, `<option value="acme/madrid" selected>`)
	if w = post(h, "/check", url.Values{"target": {"  "}}); w.Code != 400 || len(s.questions) != 2 {
		t.Errorf("an empty question: %d", w.Code)
	}
	if post(h, "/check", url.Values{"target": {strings.Repeat("é", 9000)}}); len(s.questions[2].Target) > maxQuestion {
		t.Error("a question without end was taken")
	}
}

// questioned is a scene that notes questions and may refuse them.
type questioned struct {
	*scene
	questions []inquiry.Question
	refuse    error
}

func (a *questioned) Ask(_ context.Context, _ access.Principal, q inquiry.Question) (inquiry.Finding, error) {
	a.questions = append(a.questions, q)
	return a.finding, a.refuse
}

func TestFindingSaysWhoItIs(t *testing.T) {
	s := detailed()
	h := detail(t, s, helper)
	shows(t, look(t, h, "/check/f1"), "■</span> It is not you: Borealis web has a problem in north.", "5 of 6 sites on 4 of 5 ISPs", "It is them", "Confirmed",
		"acme/madrid&#39;s internet", "AS3352 Telefonica", `class="s-down here"`, "TLS handshakes time out", "this site", "fails: TLS timeout", "3 of 3 references answer", "hooli/london", "works",
		"no answer", "did not want to be asked", "a second site on AS2856 BT", `href="/incidents/01KGF3M8Q2"`, "Ask again")
	s.finding.Party, s.finding.Confidence, s.finding.Incident = inquiry.CantTell, "", ""
	html := look(t, h, "/check/f1")
	shows(t, html, "○</span> It is not you", "Can&#39;t tell")
	hides(t, html[:strings.Index(html, "The way, link by link")], "s-down", "s-ok", "Confirmed")
	if w := ask(h, "GET", "/check/other", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "kept for an hour") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestViewerSeesOfAFindingOnlyItsOwn(t *testing.T) {
	s := detailed()
	html := look(t, detail(t, s, guest), "/check/f1")
	shows(t, html, "acme/madrid", "another customer's site", "fails: TLS timeout")
	hides(t, html, "GLOBEX", "globex", "hooli", "umbrella", "initech")
	stranger := guest
	stranger.Client = "umbrella"
	if w := ask(detail(t, s, stranger), "GET", "/check/f1", ""); w.Code != 404 {
		t.Errorf("an answer about another client's site: %d", w.Code)
	}
}

func TestFleetSaysWhatToDo(t *testing.T) {
	html := look(t, detail(t, detailed(), boss), "/fleet")
	shows(t, html, "10 of 12 sites vote, on 5 ISPs.", "5 sites need attention. 2 regions are seen by fewer than 3 independent ISPs.", "How well each region is covered",
		"uk", "<strong>1</strong> one view", "Add a site on another ISP", "eu-south", "<strong>2</strong> thin", "on 1 more ISP", "eu-west", "<strong>4</strong> well seen",
		"umbrella/milano", "lost contact", "umbrella/rome", "not voting: its own line", "1 of 3 references answer", "its clock is 3.2 s ahead", "12,400 results wait", "refuses the configuration: check 7",
		"had to drop 912 results", "certificate ends in 3 d", "voting", "1 revoked agent", "acme/old")
	shows(t, html, `action="/fleet/tokens"`, `name="csrf" value="c5rf"`, `href="/fleet/agents/a1/revoke"`)
}

func TestWhoMayChangeTheFleet(t *testing.T) {
	html := look(t, detail(t, detailed(), helper), "/fleet")
	shows(t, html, `action="/fleet/tokens"`)
	hides(t, html, "/revoke")
	html = look(t, detail(t, detailed(), access.Principal{Name: "local", Role: access.Technician, Via: "open"}), "/fleet?add")
	shows(t, html, `id="add" open`, "picket token create --client NAME --site NAME")
	hides(t, html, "/fleet/tokens", "/revoke")
	hides(t, look(t, detail(t, detailed(), guest), "/fleet"), "/fleet/tokens", "/revoke", "picket token create")
	none := detailed()
	none.agents, none.snap.Sites = nil, nil
	shows(t, look(t, detail(t, none, boss), "/fleet"), "No agent has joined yet.", `id="add" open`)
}

// On an open page anybody on the machine may look, and nothing of this changes.
func TestAnOpenPageChangesNothing(t *testing.T) {
	s := detailed()
	srv, err := New(Options{Source: s, Actions: s, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	h := srv.Handler()
	for _, path := range []string{"/check", "/check/f1", "/targets", "/targets/borealis-web-north", "/fleet"} {
		look(t, h, path)
	}
	for _, path := range []string{"/fleet/tokens", "/fleet/agents/a1/revoke"} {
		if w := post(h, path, url.Values{"client": {"acme"}, "site": {"x"}}); w.Code != 401 && w.Code != 403 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if s.asked.Client != "" || s.revoked != "" {
		t.Error("it was done all the same")
	}
}

func TestAddingAnAgent(t *testing.T) {
	s := detailed()
	h := detail(t, s, boss)
	w := post(h, "/fleet/tokens", url.Values{"client": {"acme"}, "site": {" cadiz "}, "region": {"eu-south"}})
	html := w.Body.String()
	if w.Code != 200 || s.asked != (TokenRequest{Client: "acme", Site: "cadiz", Region: "eu-south"}) {
		t.Fatalf("%d %+v", w.Code, s.asked)
	}
	shows(t, html, "picket-agent join pk1_abc", "It works once, until 2 Feb", `data-token="/api/v1/tokens/abc"`, "Waiting for the agent of <strong>acme/cadiz")
	hides(t, html, "http-equiv") // reloading would make another token
	html = look(t, h, "/fleet/tokens/tok1")
	shows(t, html, `http-equiv="refresh"`, "Waiting for acme/cadiz")
	hides(t, html, "pk1_")
	shows(t, look(t, h, "/fleet/tokens/tok2"), "<strong>connected</strong>: acme/cadiz on AS3352 Telefonica (cad-srv01)")
	shows(t, look(t, h, "/api/v1/tokens/tok2"), `"schema":"picket.token/v1"`, `"site":"acme/cadiz"`, `"connected":true`, `"over":true`)
	shows(t, look(t, h, "/api/v1/tokens/tok1"), `"agents":[]`, `"over":false`)
	if w := ask(h, "GET", "/api/v1/tokens/none", ""); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

func TestAFormWithoutASiteComesBack(t *testing.T) {
	s := detailed()
	w := post(detail(t, s, boss), "/fleet/tokens", url.Values{"client": {"acme"}})
	if w.Code != 400 || s.asked.Client != "" {
		t.Fatalf("%d %+v", w.Code, s.asked)
	}
	shows(t, w.Body.String(), `id="add" open`, "client and site are needed", `name="client" value="acme"`)
}

func TestRevokingAsksFirst(t *testing.T) {
	s := detailed()
	h := detail(t, s, boss)
	shows(t, look(t, h, "/fleet/agents/a1/revoke"), "Revoke the agent of acme/madrid?", "It is the only agent of acme/madrid", `method="post"`, `value="c5rf"`)
	if s.revoked != "" {
		t.Fatal("looking at the question revoked it")
	}
	if w := post(h, "/fleet/agents/a1/revoke", nil); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/fleet?revoked=a1" || s.revoked != "a1" {
		t.Errorf("%d %v %q", w.Code, w.Header(), s.revoked)
	}
	if w := post(h, "/fleet/agents/nobody/revoke", nil); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

func TestDetailPagesAreStrict(t *testing.T) {
	evil := `<script>alert(1)</script>"' onload=x`
	s := detailed()
	for k := range s.targets {
		s.targets[k].Name, s.targets[k].Service = evil, evil
	}
	for k := range s.latest["borealis-web-north"] {
		l := &s.latest["borealis-web-north"][k]
		l.Site, l.ISP, l.Err, l.Cause, l.Region = evil, evil, evil, evil, evil
	}
	for k := range s.agents {
		a := &s.agents[k]
		a.Hostname, a.Network, a.Refused, a.Why, a.Gossip, a.OS = evil, evil, evil, evil, evil, evil
	}
	s.finding.Sentence, s.finding.Label, s.finding.Rows[0].Err, s.finding.Chain[0].Text, s.finding.Missing[0] = evil, evil, evil, evil, evil
	h := detail(t, s, boss)
	for _, path := range []string{"/check", "/check/f1", "/targets", "/targets/borealis-web-north", "/fleet", "/fleet/agents/a1/revoke", "/fleet/tokens/tok2"} {
		html := look(t, h, path)
		hides(t, html, "<script>alert", "style=", "<style", "onclick", `src="http`, `src="//`)
		if !strings.Contains(html, "</html>") {
			t.Errorf("%s breaks off", path)
		}
	}
}

func TestAgentFindings(t *testing.T) {
	well := Agent{ID: "a", Site: "x/y", Connected: true, Voting: true, Seen: noon, NotAfter: noon.Add(20 * 24 * time.Hour), Config: 3, RefsOK: 3, RefsAsked: 3, Gossip: "alive", Transport: "quic"}
	for _, c := range []struct {
		change func(*Agent)
		want   string
	}{
		{func(*Agent) {}, ""},
		{func(a *Agent) { a.Offset = 3 * time.Second }, "its clock is 3.0 s behind: set it by NTP"},
		{func(a *Agent) { a.Offset = -70 * time.Second }, "its clock is 1 min ahead: set it by NTP"},
		{func(a *Agent) { a.Config = 2 }, "has not taken the newest configuration yet"},
		{func(a *Agent) { a.NotAfter = noon.Add(-time.Hour) }, "its certificate has ended: it must join again with a new token"},
		{func(a *Agent) {
			a.Moved = &Moved{Since: noon.Add(-time.Hour), Usual: "Fibre", Now: "Mobile", Backup: true}
		}, "on another line since " + stamp(noon, noon.Add(-time.Hour)) + ": Mobile instead of Fibre"},
		{func(a *Agent) { a.Moved = &Moved{Since: noon, Usual: "network of 1", Now: "network of 2"} }, "seen from another address since " + stamp(noon, noon) + ": network of 2 instead of network of 1"},
		{func(a *Agent) { a.Traffic = &Traffic{Month: 4_300_000_000, Stretch: 2.5} }, "asks 2.5 times less often, to stay within the traffic budget of its site (4.3 GB this month)"},
		{func(a *Agent) { a.Gossip = "suspect" }, "other agents cannot reach it (suspect)"},
		{func(a *Agent) { a.Spool = 5000 }, "5,000 results wait to be sent: its line, or the Picket server, is slow"},
		{func(a *Agent) { a.Spool, a.Connected = 5000, false }, ""},
	} {
		a := well
		c.change(&a)
		if got := strings.Join(findings(noon, a, Status{Config: 3}), "; "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if l := agentLineOf(noon, well, detect.SiteStatus{ID: "x/y", Eligible: false, Why: "probation"}, Status{Config: 3}); l.Word != "not counted" || l.State == "ok" {
		t.Errorf("an agent that votes for a site without a vote is green: %+v", l)
	}
}

func TestAnEmptyChairIsExplained(t *testing.T) {
	gone := Agent{ID: "a", Site: "x/y", Seen: noon.Add(-time.Hour), Left: noon.Add(-time.Hour)}
	for reason, want := range map[string]string{"stop": "stopped", "shutdown": "shut down", "reboot": "restarting", "uninstall": "uninstalled", "upgrade": "upgrading", "<b>": "stopped"} {
		gone.LeftWhy = reason
		l := agentLineOf(noon, gone, detect.SiteStatus{ID: "x/y"}, Status{})
		if l.Word != want || len(l.Findings) != 1 || !strings.Contains(l.Findings[0], "; nothing is known of its line") || l.rank != 1 || gone.Presence() != want {
			t.Errorf("%s: %+v", reason, l)
		}
	}
	gone.Left = time.Time{}
	if l := agentLineOf(noon, gone, detect.SiteStatus{ID: "x/y"}, Status{}); l.Word != "lost contact" || l.rank != 3 {
		t.Errorf("without a goodbye: %+v", l)
	}
	away := Agent{ID: "a", Site: "x/y", Connected: true, Voting: true, Seen: noon, Away: noon.Add(-time.Minute)}
	if l := agentLineOf(noon, away, detect.SiteStatus{ID: "x/y", Eligible: true}, Status{}); l.Word != "away" || l.State == "ok" || !strings.Contains(strings.Join(l.Findings, ""), "does not vote") {
		t.Errorf("away: %+v", l)
	}
}

func TestBarsNeverLeaveTheirBox(t *testing.T) {
	for _, p := range []phases{{}, {Total: time.Hour}, {DNS: 1, Connect: 1, TLS: 1, TTFB: 1, Total: time.Second}, {DNS: time.Second, Total: time.Millisecond}, {RTT: time.Millisecond}} {
		b := p.bar(p.longest())
		for _, x := range b.Parts {
			if x.X < 0 || x.W <= 0 || x.X+x.W > barWidth+0.11 {
				t.Errorf("%+v: %+v", p, b)
			}
		}
	}
}
