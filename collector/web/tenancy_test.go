package web

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
	"picket/collector/inquiry"
)

// patterns are the routes of the page, read from this package's source, so that
// a new one is walked by the tests without anybody thinking of it.
func patterns(t *testing.T) (list []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "admin") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			text := literal(call.Args[0])
			if method, path, ok := strings.Cut(text, " "); ok && strings.HasPrefix(path, "/") && slices.Contains([]string{"GET", "POST", "PUT", "DELETE"}, method) {
				list = append(list, text)
			}
			return true
		})
	}
	if !slices.Contains(list, "GET /api/v1/status") || !slices.Contains(list, "GET /{$}") || !slices.Contains(list, "POST /settings/users") {
		t.Fatalf("the routes are not found any more: %q", list)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// literal is the text of a string expression; the one variable in it is the API's prefix.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	case *ast.Ident:
		if e.Name == "prefix" {
			return "/api/v1"
		}
	}
	return ""
}

// fill puts each id into the pattern's variables.
func fill(path string, ids []string) (list []string) {
	path = strings.ReplaceAll(path, "{$}", "")
	at := strings.Index(path, "{")
	if at < 0 {
		return []string{path}
	}
	end := at + strings.Index(path[at:], "}") + 1
	for _, id := range ids {
		list = append(list, fill(path[:at]+url.PathEscape(id)+path[end:], ids)...)
	}
	return list
}

// mark stands in every text that is client globex's, and in none of acme's.
const mark = "qqmark"

// secretAddr is globex's in a place where only an address may stand.
const secretAddr = "203.0.113.99"

// twoClients is a world in which acme has two sites, and globex everything else.
func twoClients() *scene {
	s := calm()
	s.snap.Sites, s.agents = nil, nil
	at := noon.Add(-time.Second)
	add := func(n int, client, site, isp, region string) {
		s.snap.Sites = append(s.snap.Sites, detect.SiteStatus{ID: client + "/" + site, Client: client, Network: isp, VRegion: region, Agents: 1, Connected: true, Eligible: true, LastSeen: at, RefsOK: 3, RefsAsked: 3})
		s.agents = append(s.agents, Agent{ID: fmt.Sprintf("ag%d-%s", n, client), Client: client, Site: client + "/" + site, Network: isp, Region: region, Hostname: client + "-host", Connected: true, Voting: true,
			Remote: map[bool]string{true: secretAddr + ":9", false: "198.51.100.7:9"}[client != "acme"], Enrolled: at, Seen: at, NotAfter: at.Add(30 * 24 * time.Hour)})
	}
	add(1, "acme", "madrid", "AS3352 Telefonica", "eu")
	add(2, "acme", "sevilla", "AS3352 Telefonica", "eu")
	foreign := "globex-" + mark
	add(3, foreign, "bonn-"+mark, "AS3320 "+mark, "land-"+mark)
	add(4, foreign, "koeln-"+mark, "AS3215 "+mark, "eu")
	s.snap.Sites[3].Why, s.snap.Sites[3].Eligible = "local trouble "+mark, false
	s.requests = []Request{{ID: "req-" + mark, Client: foreign, Hostname: "pc-" + mark, From: secretAddr, Wish: "bonn-" + mark, State: "waiting", Asked: at}}
	check := []Check{{ID: "c", Kind: "http", Address: "https://shared.example/", Interval: time.Minute}}
	theirs := []Check{{ID: "c-" + mark, Kind: "http", Address: "https://" + mark + ".example/", Interval: time.Minute}}
	s.targets = []Target{{ID: "aurora-web-east", Name: "Aurora web", Provider: "aurora", Service: "web", Region: "east", Checks: check},
		{ID: "own", Name: "Acme's app", Provider: "acme-cloud", Service: "app", Client: "acme", Checks: check},
		{ID: "priv-" + mark, Name: "Private " + mark, Provider: "cloud-" + mark, Service: "svc-" + mark, Region: "reg-" + mark, Client: foreign, Checks: theirs, Depends: []string{mark}}}
	for _, x := range s.targets[1:] {
		s.snap.Cells = append(s.snap.Cells, detect.Cell{Provider: x.Provider, Region: x.Region, State: detect.Down, Targets: 1, Sites: 1, Networks: 1, Incident: "inc-priv-" + mark})
		s.snap.Verdicts = append(s.snap.Verdicts, detect.Verdict{Scope: "target", Provider: x.Provider, Service: x.Service, Region: x.Region, Target: x.ID, Client: x.Client, State: detect.Down, DownSites: 1, Sites: 1,
			Networks: 1, Incident: "inc-priv-" + mark, Reason: detect.Reason{Text: "Seen from " + foreign + "/bonn-" + mark}, At: noon})
	}
	s.incidents = foreignIncidents(foreign)
	s.snap.Open, s.snap.Recent = slices.Clone(s.incidents[:6]), slices.Clone(s.incidents[6:])
	s.latest, s.history, s.told = map[string][]Latest{}, map[string][]Point{}, map[string][]Letter{}
	for _, x := range s.targets {
		for _, a := range s.agents {
			l := Latest{Client: a.Client, Site: a.Site, Agent: a.ID, ISP: a.Network, Region: a.Region, Check: x.Checks[0].ID, At: at, Outcome: "up", Total: time.Millisecond, Addr: "198.51.100.1"}
			if a.Client != "acme" {
				l.Err, l.Addr, l.Outcome, l.Cause = "error "+mark, secretAddr, "down", "tls_timeout"
			}
			s.latest[x.ID] = append(s.latest[x.ID], l)
		}
		for _, region := range []string{"eu", "land-" + mark, "other-" + mark} {
			s.history[x.ID] = append(s.history[x.ID], Point{At: noon.Add(-time.Minute), Step: time.Minute, Region: region, Good: 3, Mean: time.Millisecond, Min: time.Millisecond, Max: time.Millisecond})
		}
	}
	for _, i := range s.incidents {
		s.told[i.ID] = []Letter{{At: at, Route: "pager-" + mark, Event: "opened", State: "sent", Sent: at}}
	}
	s.feeds = []Feed{{ID: "aurora", Provider: "aurora", Known: true, State: "ok", Open: []Notice{}}, {ID: "feed-" + mark, Provider: "cloud-" + mark, Open: []Notice{}}}
	s.covered = []CoverageRow{{At: at, Provider: "aurora", Region: "east", Sites: 4, ISPs: 3}, {At: at, Provider: "cloud-" + mark, Client: foreign, Sites: 2, ISPs: 2}}
	s.lines = []LineTime{{Site: "acme/madrid", Family: 4, Name: "AS3352 Telefonica", Since: at}, {Site: foreign + "/bonn-" + mark, Family: 4, Name: "AS3320 " + mark, Since: at}}
	s.official = map[string]*Official{}
	for _, i := range s.incidents {
		s.official[i.ID] = &Official{Why: "of " + i.ID}
	}
	s.drills = []Drill{{ID: "drill-1", Title: "priv-" + mark + " answers with errors", By: mark, State: DrillPlaying, Clients: true, Begun: at, Why: mark, Incidents: []string{"inc-priv-" + mark},
		Told: []DrillTold{{Route: "pager-" + mark, At: at}}}}
	s.unready = []Unready{{Code: SinkInflux, Text: "agent " + mark + " waits"}}
	s.status.Influx = &Influx{Error: "http://" + mark + ".example refuses"}
	s.tokens = map[string]TokenState{"tok-" + mark: {ID: "tok-" + mark, Client: foreign, Site: foreign + "/bonn-" + mark, Uses: 1, Expires: noon.Add(time.Hour), Agents: s.agents[2:]}}
	s.finding = inquiry.Finding{ID: "find-" + mark, Question: inquiry.Question{Target: "priv-" + mark, Site: foreign + "/bonn-" + mark}, At: noon, Party: inquiry.Service, Sentence: "It is " + mark, Detail: mark, Label: mark,
		Chain: []inquiry.Link{{ID: "internet", Name: mark, State: inquiry.LinkOK, Text: mark}}, Rows: []inquiry.Row{{Site: foreign + "/bonn-" + mark, Client: foreign, Own: true, State: "answered", Outcome: "down", Err: mark}}, Missing: []string{mark}}
	return s
}

// foreignIncidents: six open ones, then two of the past. Those that acme may see
// have texts and evidence that name globex too.
func foreignIncidents(foreign string) []detect.Incident {
	site := foreign + "/bonn-" + mark
	evidence := []detect.Evidence{{Site: "acme/madrid", Client: "acme", Network: "AS3352 Telefonica", VRegion: "eu", Target: "aurora-web-east", Answer: "down", Cause: "tls_timeout", Layer: "tls", First: noon.Add(-time.Minute), Last: noon, Err: "acme's own error"},
		{Site: site, Client: foreign, Network: "AS3320 " + mark, VRegion: "land-" + mark, Target: "priv-" + mark, Answer: "down", Why: mark, Addr: secretAddr, Edge: mark, Err: mark, First: noon, Last: noon},
		{Site: "acme/madrid", Client: "acme", Target: "priv-" + mark, Answer: "up"}}
	base := detect.Incident{State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, DownSites: 3, Sites: 4, DownNetworks: 2, Networks: 3,
		Started: noon.Add(-5 * time.Minute), Opened: noon.Add(-5 * time.Minute), Evidence: evidence, Title: "Trouble at " + strings.ToUpper(site), Summary: "As " + site + " says.", Reason: detect.Reason{Text: "Because of " + site + "."}}
	with := func(f func(*detect.Incident)) detect.Incident { i := base; f(&i); return i }
	return []detect.Incident{
		with(func(i *detect.Incident) {
			i.ID, i.Kind, i.Provider, i.Region, i.Targets = "inc-public", detect.KindProviderRegion, "aurora", "east", []string{"aurora-web-east", "priv-" + mark, "gone-" + mark}
			i.SupersededBy, i.VRegion = "inc-site-"+mark, "land-"+mark
		}),
		with(func(i *detect.Incident) {
			i.ID, i.Kind, i.Site, i.Client = "inc-site-"+mark, detect.KindSite, site, foreign
		}),
		with(func(i *detect.Incident) {
			i.ID, i.Kind, i.Network = "inc-isp-"+mark, detect.KindNetwork, "AS3320 "+mark
		}),
		with(func(i *detect.Incident) {
			i.ID, i.Kind, i.Network, i.Provider = "inc-path-"+mark, detect.KindNetworkProvider, "AS3320 "+mark, "aurora"
		}),
		with(func(i *detect.Incident) {
			i.ID, i.Kind, i.Target, i.Provider, i.Targets = "inc-priv-"+mark, detect.KindTarget, "priv-"+mark, "cloud-"+mark, []string{"priv-" + mark}
		}),
		with(func(i *detect.Incident) { i.ID, i.Kind, i.Site = "inc-fleet-"+mark, detect.KindFleet, site }),
		with(func(i *detect.Incident) {
			i.ID, i.Kind, i.Site, i.Client, i.State, i.Title, i.Resolved = "inc-own", detect.KindSite, "acme/madrid", "acme", detect.Resolved, "Lost contact with acme/madrid", noon
			i.Summary, i.Reason.Text = "acme/madrid was away.", "acme/madrid was away."
		}),
		with(func(i *detect.Incident) {
			i.ID, i.Kind, i.Provider, i.Targets, i.State, i.Resolved = "inc-past-"+mark, detect.KindProvider, "cloud-"+mark, []string{"priv-" + mark}, detect.Resolved, noon
		}),
	}
}

var worldIDs = []string{"inc-public", "inc-own", "inc-site-" + mark, "inc-isp-" + mark, "inc-path-" + mark, "inc-priv-" + mark, "inc-fleet-" + mark, "inc-past-" + mark,
	"aurora-web-east", "own", "priv-" + mark, "tok-" + mark, "req-" + mark, "find-" + mark, "ag1-acme", "ag3-globex-" + mark, "vic", "password"}

// leaks says where globex's stands in an answer.
func leaks(w *httptest.ResponseRecorder) string {
	text := fmt.Sprint(w.Header()) + w.Body.String()
	for _, secret := range []string{mark, secretAddr} {
		if at := strings.Index(strings.ToLower(text), secret); at >= 0 {
			return text[max(0, at-80):min(len(text), at+80)]
		}
	}
	return ""
}

func TestNoByteOfAnotherClient(t *testing.T) {
	m := man(t, twoClients(), access.Options{})
	vic, ann := m.as(t, "vic"), m.as(t, "ann")
	token, _, err := m.keep.CreateToken(t.Context(), "ann", access.TokenRequest{Name: "board", Role: access.Viewer, Client: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	program := m.visitor()
	program.edit = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	queries := []string{"", "?from=-24h&to=" + url.QueryEscape(noon.Format(time.RFC3339)), "?range=7d&q=" + "a", "?open=true&limit=500", "?target=own&site=acme/madrid", "?client=&role=admin"}
	shown, walked := 0, 0
	for _, pattern := range patterns(t) {
		method, path, _ := strings.Cut(pattern, " ")
		if method != "GET" || path == "/events" {
			continue
		}
		for _, path := range fill(path, worldIDs) {
			for _, q := range queries {
				walked++
				for name, v := range map[string]*visitor{"vic": vic, "a program": program} {
					if w := v.get(path + q); leaks(w) != "" {
						t.Errorf("%s sees at %s (%d): ...%s...", name, path+q, w.Code, leaks(w))
					} else if w.Code >= 500 && path != "/readyz" {
						t.Errorf("%s: %d %.200s", path+q, w.Code, w.Body)
					}
				}
			}
			if leaks(ann.get(path)) != "" {
				shown++
			}
		}
	}
	if shown < 20 || walked < 500 {
		t.Errorf("an admin sees the other client at %d of %d places: the walk misses them", shown, walked)
	}
	for _, path := range []string{"/api/v1/incidents/inc-site-" + mark, "/api/v1/targets/priv-" + mark, "/api/v1/targets/priv-" + mark + "/latest", "/api/v1/targets/priv-" + mark + "/history",
		"/incidents/inc-isp-" + mark, "/targets/priv-" + mark, "/check/find-" + mark} {
		if w := vic.get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s exists: %d", path, w.Code)
		}
	}
}

func TestNoByteOfAnotherClientInForms(t *testing.T) {
	m := man(t, twoClients(), access.Options{})
	vic := m.as(t, "vic")
	for _, pattern := range patterns(t) {
		method, path, _ := strings.Cut(pattern, " ")
		if method == "GET" || path == "/logout" || path == "/settings/signout" || path == "/check" {
			continue
		}
		for _, path := range fill(path, worldIDs) {
			if w := vic.post(path, url.Values{"client": {"acme"}, "name": {"x"}, "old": {"wrong password"}, "new": {"x"}}); leaks(w) != "" {
				t.Errorf("%s: ...%s...", path, leaks(w))
			}
		}
	}
	m.s.finding.ID = "f1"
	if w := vic.post("/check", url.Values{"target": {"aurora-web-east"}, "site": {"acme/madrid"}}); leaks(w) != "" {
		t.Errorf("check: ...%s...", leaks(w))
	}
}

func TestNoByteOfAnotherClientInTheStream(t *testing.T) {
	m := man(t, twoClients(), access.Options{})
	srv := httptest.NewServer(m.h)
	defer srv.Close()
	first := func(name string) string {
		r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "picket", Value: m.as(t, name).jar["picket"]})
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var got strings.Builder
		for lines := bufio.NewScanner(res.Body); lines.Scan() && lines.Text() != ""; {
			got.WriteString(lines.Text() + "\n")
		}
		return strings.ToLower(got.String())
	}
	if ann := first("ann"); !strings.Contains(ann, mark) { // drawn first: what she sees must not be handed on
		t.Error("an admin's stream has nothing of the other client: the test sees nothing")
	}
	vic := first("vic")
	if at := strings.Index(vic, mark); at >= 0 {
		t.Errorf("...%s...", vic[max(0, at-80):at+20])
	}
	if !strings.Contains(vic, "event: page") || !strings.Contains(vic, "aurora") {
		t.Errorf("a viewer's stream shows nothing: %.300s", vic)
	}
}

func TestAViewerSeesItsOwn(t *testing.T) {
	m := man(t, twoClients(), access.Options{})
	v := m.as(t, "vic")
	for path, want := range map[string][]string{
		"/api/v1/agents":                          {`"site":"acme/madrid"`, `"site":"acme/sevilla"`},
		"/api/v1/sites":                           {`"id":"acme/madrid"`},
		"/api/v1/feeds":                           {`"provider":"aurora"`},
		"/api/v1/coverage/history":                {`"provider":"aurora"`, `"sites":4`},
		"/api/v1/lines":                           {`"site":"acme/madrid"`, `"name":"AS3352 Telefonica"`},
		"/api/v1/incidents":                       {"inc-public", "inc-own", "aurora east: outage", "acme's own error", "3 of 4 sites on 2 ISPs are concerned.", "Lost contact with acme/madrid", `"down_sites":3`},
		"/api/v1/targets":                         {"own", "aurora-web-east"},
		"/api/v1/status":                          {`"agents":2,"connected":2`, `"targets":2`},
		"/api/v1/targets/aurora-web-east/history": {`"region":"elsewhere","good":6`, `"region":"eu","good":3`},
		"/api/v1/targets/aurora-web-east/latest":  {"acme/madrid"},
		"/incidents/inc-own":                      {"Lost contact with acme/madrid"},
		"/readyz":                                 {`"code":"influxdb"`},
	} {
		body := v.get(path).Body.String()
		for _, w := range want {
			if !strings.Contains(body, w) && !strings.Contains(strings.ReplaceAll(body, "&#39;", "'"), w) {
				t.Errorf("%s has no %s:\n%.1500s", path, w, body)
			}
		}
	}
}

func TestNamesInTexts(t *testing.T) {
	for _, c := range []struct {
		text, name string
		want       bool
	}{
		{"Lost contact with acme/madrid.", "acme", true}, {"Lost contact with ACME/Madrid.", "acme/madrid", true}, {"the acmeist", "acme", false},
		{"macme acme", "acme", true}, {"AS3320 DT is well", "as3320 dt", true}, {"östacme", "acme", false}, {"", "acme", false}, {"acme", "acme", true}, {"anything", "", true},
	} {
		if got := namesOf(map[string]bool{c.name: true, "other acme name": true}).in(c.text); got != c.want {
			t.Errorf("%q in %q: %v", c.name, c.text, got)
		}
	}
}

func TestAViewerOfNobodySeesNothing(t *testing.T) {
	for _, p := range []access.Principal{{}, {Role: access.Viewer}, {Role: "root"}} {
		src := scoped(p, twoClients())
		agents, _ := src.Agents(t.Context())
		incidents, _ := src.Incidents(t.Context(), false, 10)
		if len(agents)+len(incidents)+len(src.Targets())+len(src.Snapshot().Sites)+len(src.Latest("own")) != 0 {
			t.Errorf("%+v sees something", p)
		}
	}
}
