package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"picket/collector/access"
	"picket/collector/alert"
	"picket/collector/alert/notice"
	"picket/collector/detect"
	"picket/collector/inquiry"
)

var noon = time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)

// scene is a Source, and an Admin, that shows a fixed state of the world.
type scene struct {
	snap      detect.Snapshot
	status    Status
	incidents []detect.Incident
	agents    []Agent
	unready   []Unready
	err       error

	targets  []Target
	latest   map[string][]Latest
	history  map[string][]Point
	told     map[string][]Letter
	tokens   map[string]TokenState
	requests []Request
	decided  []string // who decided about which, and how
	finding  inquiry.Finding
	coverage []detect.Coverage

	official map[string]*Official // by incident
	feeds    []Feed
	covered  []CoverageRow
	lines    []LineTime

	drills   []Drill
	planned  []Planned
	played   DrillRequest
	handling map[string]Handling
	silences []alert.Silence
	muted    Muted
	did      []string // by whom, what

	asked   TokenRequest
	revoked string
}

func (s *scene) Snapshot() detect.Snapshot                           { return s.snap }
func (s *scene) Coverage(context.Context) ([]detect.Coverage, error) { return s.coverage, s.err }
func (s *scene) Status(context.Context) (Status, error)              { return s.status, s.err }
func (s *scene) Incidents(_ context.Context, open bool, limit int) (out []detect.Incident, _ error) {
	for _, i := range s.incidents {
		if (!open || i.State.Open()) && len(out) < limit {
			out = append(out, i)
		}
	}
	return out, s.err
}
func (s *scene) Incident(_ context.Context, id string) (detect.Incident, error) {
	for _, i := range s.incidents {
		if i.ID == id {
			return i, nil
		}
	}
	return detect.Incident{}, fmt.Errorf("incident %s: %w", id, ErrNotFound)
}
func (s *scene) Agents(context.Context) ([]Agent, error) { return s.agents, s.err }
func (s *scene) Unready(context.Context) []Unready       { return s.unready }
func (s *scene) Targets() []Target                       { return s.targets }
func (s *scene) Latest(target string) (out []Latest) {
	return append(out, s.latest[target]...)
}
func (s *scene) History(_ context.Context, q HistoryQuery) ([]Point, error) {
	return s.history[q.Target], s.err
}
func (s *scene) Told(_ context.Context, incident string) ([]Letter, error) {
	return s.told[incident], s.err
}
func (s *scene) Handling(_ context.Context, incident string) (Handling, error) {
	return s.handling[incident], s.err
}
func (s *scene) Silences(context.Context) ([]alert.Silence, error) { return s.silences, s.err }
func (s *scene) Acknowledge(ctx context.Context, by, incident, note string) (bool, error) {
	return true, s.do(ctx, incident, by+" takes "+incident+" "+note)
}
func (s *scene) Judge(ctx context.Context, by, incident, verdict string) error {
	return s.do(ctx, incident, by+" finds "+incident+" "+verdict)
}
func (s *scene) do(ctx context.Context, incident, what string) error {
	if _, err := s.Incident(ctx, incident); err != nil {
		return err
	}
	s.did = append(s.did, what)
	return s.err
}
func (s *scene) AddSilence(_ context.Context, by string, r SilenceRequest) (alert.Silence, error) {
	x := alert.Silence{ID: "new", Matchers: r.Matchers, Comment: r.Comment, Author: by, Created: noon, Until: noon.Add(r.For)}
	if err := x.Check(); err != nil {
		return x, &Error{Status: 422, Code: "silence", What: "nothing was silenced", Why: alert.WhyNoSilence(err)}
	}
	s.did = append(s.did, by+" silences "+mutes(x)+" for "+r.For.String())
	return x, s.err
}
func (s *scene) DraftNotice(_ context.Context, i detect.Incident, client, language string) (notice.Draft, error) {
	return notice.Write(language, notice.Facts{Incident: &i, Client: client, Provider: s.Provider, Now: noon})
}
func (s *scene) NoteNotice(ctx context.Context, by, incident, client string) error {
	return s.do(ctx, incident, by+" told "+client+" of "+incident)
}
func (s *scene) PreviewAlert(_ context.Context, r PreviewRequest) (Preview, error) {
	return Preview{Way: "mail", Message: alert.Message{Subject: "[DOWN] " + r.Incident + r.Example, Text: r.Route}}, s.err
}
func (s *scene) EndSilence(_ context.Context, by, id string) error {
	if id != "sil1" {
		return ErrNotFound
	}
	s.did = append(s.did, by+" ends "+id)
	return s.err
}
func (s *scene) PreviewSilence(context.Context, SilenceRequest) (Muted, error) { return s.muted, s.err }
func (s *scene) Official(_ context.Context, i detect.Incident) (*Official, error) {
	return s.official[i.ID], s.err
}
func (s *scene) Feeds(context.Context) ([]Feed, error) { return s.feeds, s.err }
func (s *scene) CoverageHistory(_ context.Context, q CoverageQuery) ([]CoverageRow, error) {
	return keep(s.covered, func(c CoverageRow) bool { return q.Provider == "" || q.Provider == c.Provider }), s.err
}
func (s *scene) Lines(_ context.Context, site string, _, _ time.Time) ([]LineTime, error) {
	return keep(s.lines, func(l LineTime) bool { return site == "" || site == l.Site }), s.err
}
func (s *scene) TokenState(_ context.Context, id string) (TokenState, error) {
	if t, ok := s.tokens[id]; ok {
		return t, nil
	}
	return TokenState{}, ErrNotFound
}
func (s *scene) Ask(_ context.Context, _ access.Principal, q inquiry.Question) (inquiry.Finding, error) {
	f := s.finding
	f.Question = q
	return f, s.err
}
func (s *scene) Finding(id string) (inquiry.Finding, error) {
	if id != s.finding.ID {
		return inquiry.Finding{}, ErrNotFound
	}
	return s.finding, nil
}
func (s *scene) CreateToken(_ context.Context, _ string, r TokenRequest) (Token, error) {
	s.asked = r
	return Token{Token: "pk1_abc", ID: "abc", Site: r.Client + "/" + r.Site, Command: "picket-agent join pk1_abc", Expires: noon, Uses: max(1, r.Uses)}, s.err
}
func (s *scene) Revoke(_ context.Context, _, id string) error {
	if id != "a1" {
		return ErrNotFound
	}
	s.revoked = id
	return nil
}
func (s *scene) Planned() []Planned { return s.planned }
func (s *scene) Drill() *Drill {
	if len(s.drills) > 0 && s.drills[0].On() {
		return &s.drills[0]
	}
	return nil
}
func (s *scene) Drills(context.Context, int) (Drills, error) {
	return Drills{Scenarios: []DrillScenario{{"region", "a cloud region answers with errors", "--provider and --region"}}, Drills: s.drills}, s.err
}
func (s *scene) StartDrill(_ context.Context, by string, r DrillRequest) (Drill, error) {
	if s.Drill() != nil {
		return Drill{}, &Error{Status: http.StatusConflict, Code: "drill", What: "no drill was begun", Why: "another one is on"}
	}
	d := Drill{ID: "d9", Scenario: r.Scenario, Title: "azure westeurope answers with errors", By: by, State: DrillPlaying, Clients: r.Clients, For: r.For, Begun: noon}
	s.drills, s.played = append([]Drill{d}, s.drills...), r
	return d, nil
}
func (s *scene) StopDrill(context.Context, string) (Drill, error) {
	if s.Drill() == nil {
		return Drill{}, &Error{Status: http.StatusConflict, Code: "drill", What: "nothing was stopped", Why: "no drill is on"}
	}
	s.drills[0].State, s.drills[0].Ended = DrillEnded, noon
	return s.drills[0], nil
}
func (s *scene) Requests(context.Context) ([]Request, error) { return s.requests, s.err }
func (s *scene) Approve(_ context.Context, by, id string, a Approval) (Request, error) {
	return s.decide(by, id, "approved "+a.Site)
}
func (s *scene) Deny(_ context.Context, by, id string) (Request, error) {
	return s.decide(by, id, "denied")
}
func (s *scene) decide(by, id, how string) (Request, error) {
	for _, q := range s.requests {
		if q.ID == id {
			s.decided = append(s.decided, by+" "+id+" "+how)
			return q, s.err
		}
	}
	return Request{}, ErrNotFound
}
func (s *scene) ImportSites(context.Context, string, SiteImport) ([]ImportedSite, error) {
	return nil, s.err
}
func (s *scene) Provider(id string) string {
	if name := map[string]string{"azure": "Microsoft Azure", "aws": "Amazon Web Services", "m365": "Microsoft 365"}[id]; name != "" {
		return name
	}
	return id
}

var clouds, places = []string{"aurora", "borealis", "cumulus"}, []string{"east", "north", "south", "west"}

// calm is 3 clouds in 4 regions, 12 sites on 6 ISPs.
func calm() *scene {
	s := &scene{snap: detect.Snapshot{At: noon, Config: 1},
		status: Status{Version: "0.1.0", Started: noon.Add(-time.Hour), Config: 1, Targets: 24, Checks: 60, Agents: 12, Connected: 12,
			Results: 1234567, Lost: map[string]uint64{}}}
	for _, p := range clouds {
		for _, r := range places {
			s.snap.Cells = append(s.snap.Cells, detect.Cell{Provider: p, Region: r, State: detect.OK, Targets: 2, Sites: 12, Networks: 6, Age: 2 * time.Second})
			s.snap.Verdicts = append(s.snap.Verdicts, detect.Verdict{Provider: p, Service: "web", Region: r, Target: p + "-web-" + r, State: detect.OK, Sites: 12, Networks: 6, Since: noon.Add(-time.Hour), At: noon})
			s.targets = append(s.targets, Target{ID: p + "-web-" + r, Name: strings.ToUpper(p[:1]) + p[1:] + " web", Provider: p, Service: "web", Region: r,
				Checks: []Check{{ID: p + "-web-" + r + "/http", Kind: "http", Address: "https://web." + r + "." + p + ".example/", Interval: time.Minute}}})
		}
	}
	for k, name := range []string{"acme/madrid", "acme/sevilla", "acme/bilbao", "globex/bonn", "globex/koeln", "initech/paris", "initech/lyon",
		"hooli/london", "hooli/leeds", "hooli/york", "umbrella/rome", "umbrella/milano"} {
		isp := []string{"AS3352 Telefonica", "AS3320 DT", "AS3215 Orange", "AS2856 BT", "AS3269 TIM", "AS12479 Jazztel"}[k/2]
		client, _, _ := strings.Cut(name, "/")
		s.snap.Sites = append(s.snap.Sites, detect.SiteStatus{ID: name, Client: client, Network: isp, VRegion: "eu", Agents: 1, Connected: true,
			Eligible: true, LastSeen: noon.Add(-300 * time.Millisecond), RefsOK: 3, RefsAsked: 3})
		s.agents = append(s.agents, Agent{ID: fmt.Sprintf("a%d", k+1), Client: client, Site: name, Connected: true, Voting: true})
	}
	return s
}

// outage is calm with a region of one cloud down, a site that lost contact,
// mixed results, a cell without data, and yesterday's incident.
func outage() *scene {
	s := calm()
	start := noon.Add(-14 * time.Minute)
	big := detect.Incident{ID: "01KGF3M8Q2", Kind: detect.KindProviderRegion, Provider: "borealis", Region: "north", State: detect.Confirmed,
		Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage, Layer: "tls", Cause: "tls_timeout",
		Title: "Borealis north: outage", Summary: "9 of 11 sites on 5 of 6 ISPs cannot reach Borealis north: TLS handshakes time out. References are well everywhere.",
		Reason:    detect.Reason{Code: detect.Held, DownSites: 9, Sites: 11, DownNetworks: 5, Networks: 6, Need: 7, NeedNetworks: 3, Abstained: 1, Text: "9 of 11 sites on 5 of 6 ISPs cannot reach Borealis north: TLS handshakes time out."},
		DownSites: 9, Sites: 11, DownNetworks: 5, Networks: 6, Started: start, Opened: start.Add(2 * time.Second), Confirmed: start.Add(3 * time.Second),
		Targets:    []string{"borealis-api-north", "borealis-web-north"},
		Impact:     []detect.Impact{{Client: "acme", Failing: 5, Sites: 5}, {Client: "umbrella", Failing: 2, Sites: 3}},
		Neighbours: []detect.Neighbour{{Kind: detect.KindProvider, Label: "Borealis", Why: "not all of Borealis: 6 of its 8 watched services answer"}}}
	for k, site := range s.snap.Sites {
		e := detect.Evidence{Site: site.ID, Client: site.Client, Network: site.Network, VRegion: "eu", Target: "borealis-web-north", Check: "borealis-web-north/http",
			Answer: "down", Layer: "tls", Cause: "tls_timeout", First: start, Last: start.Add(3 * time.Second), Addr: "203.0.113.7", Err: "TLS handshake with borealis-web-north: i/o timeout"}
		if k > 8 {
			e.Answer, e.Cause, e.Layer, e.Err, e.First, e.Last = "up", "", "", "", time.Time{}, time.Time{}
		}
		if k == 11 {
			e.Answer, e.Why = "abstain", "references fail"
		}
		big.Evidence = append(big.Evidence, e)
	}
	small := detect.Incident{ID: "01KGF3M8Q3", Kind: detect.KindSite, Site: "umbrella/milano", Client: "umbrella", State: detect.Probable, Confidence: detect.ConfidenceProbable,
		Severity: detect.SeverityUnseen, Title: "Lost contact with umbrella/milano", Summary: "umbrella/milano has sent nothing for 40 s; nothing is known of its line.",
		Started: noon.Add(-40 * time.Second), Opened: noon.Add(-36 * time.Second)}
	old := detect.Incident{ID: "01KGF00000", Kind: detect.KindSite, Site: "acme/madrid", State: detect.Resolved, Confidence: detect.ConfidenceProbable,
		Title: "Lost contact with acme/madrid", Summary: "acme/madrid had sent nothing; its own results show that its line was down.", Started: noon.Add(-26 * time.Hour),
		Opened: noon.Add(-26 * time.Hour), Recovered: noon.Add(-25 * time.Hour), Resolved: noon.Add(-25 * time.Hour)}
	s.snap.Open = []detect.Incident{big, small}
	s.incidents = []detect.Incident{small, big, old}
	for k := range s.snap.Cells {
		switch c := &s.snap.Cells[k]; {
		case c.Provider == "borealis" && c.Region == "north":
			c.State, c.Bad, c.Incident = detect.Down, 2, big.ID
		case c.Provider == "borealis" && c.Region == "west":
			c.State, c.Bad = detect.Disputed, 1
		case c.Provider == "cumulus" && c.Region == "south":
			c.State, c.Sites, c.Networks, c.Age = detect.NoData, 0, 0, -1
		}
	}
	for k := range s.snap.Verdicts {
		switch v := &s.snap.Verdicts[k]; v.Target {
		case "borealis-web-north":
			v.State, v.DownSites, v.Sites, v.Since = detect.Down, 9, 11, start
		case "borealis-web-west":
			v.State, v.DownSites, v.Since = detect.Disputed, 3, noon.Add(-20*time.Second)
		}
	}
	gone := &s.snap.Sites[11]
	gone.Connected, gone.Eligible, gone.Why, gone.LastSeen, gone.RefsOK = false, false, "silent", noon.Add(-40*time.Second), 0
	s.snap.Sites[10].Eligible, s.snap.Sites[10].Why, s.snap.Sites[10].RefsOK = false, "1 of 3 references answer", 1
	s.status.Connected, s.status.Lost = 11, map[string]uint64{"evicted": 42}
	s.status.Influx = &Influx{OK: false, Error: "503"}
	s.history = map[string][]Point{"borealis-web-north": past(start)}
	s.told = map[string][]Letter{big.ID: {
		{At: start.Add(5 * time.Second), Route: "helpdesk", Event: "opened", State: "sent", Sent: start.Add(7 * time.Second)},
		{At: start.Add(5 * time.Minute), Route: "oncall", Event: "updated", State: "given up"}}}
	s.official = map[string]*Official{big.ID: {Known: true, Checked: noon.Add(-25 * time.Second), State: "quiet", URL: "https://status.borealis.example"}}
	s.unready = []Unready{{Code: SinkInflux, Text: "InfluxDB answers 503: results are kept at the agents until it is back."}}
	return s
}

// past is a target that was well until start and fails since, in two regions.
func past(start time.Time) (list []Point) {
	for at := start.Add(-around); at.Before(noon); at = at.Add(time.Minute) {
		for k, region := range []string{"eu", "us"} {
			p := Point{At: at, Step: time.Minute, Region: region, Good: 12, Mean: 80 * time.Millisecond, Min: 60 * time.Millisecond, Max: 140 * time.Millisecond}
			if !at.Before(start) && k == 0 {
				p.Good, p.Bad = 3, 9
			}
			list = append(list, p)
		}
	}
	return list
}

// many is clouds whose regions have nothing in common.
func many() *scene {
	s := calm()
	s.snap.Cells = nil
	for _, cloud := range [][2]string{{"aws", "us-east-1 us-east-2 us-west-2 ca-central-1 sa-east-1 eu-west-1 eu-west-2 eu-central-1 ap-southeast-1 ap-northeast-1"},
		{"azure", "eastus eastus2 germanywestcentral northeurope southeastasia uksouth westeurope westus2"}, {"cloudflare", ""}, {"m365", ""}} {
		for r := range strings.SplitSeq(cloud[1], " ") {
			s.snap.Cells = append(s.snap.Cells, detect.Cell{Provider: cloud[0], Region: r, State: detect.OK, Targets: 2, Sites: 12, Networks: 6, Age: 7 * time.Second})
		}
	}
	return s
}

// empty is a collector in its first minute.
func empty() *scene {
	s := many()
	for k := range s.snap.Cells {
		s.snap.Cells[k].State, s.snap.Cells[k].Sites, s.snap.Cells[k].Networks, s.snap.Cells[k].Age = detect.NoData, 0, 0, -1
	}
	s.snap.Sites, s.snap.Verdicts, s.agents = nil, nil, nil
	s.status = Status{Version: "0.1.0", Started: noon, Targets: 68}
	return s
}

// What operators do beside looking is tested with doubles of its own.
func (s *scene) PlanConfig(context.Context, ConfigFile) (ConfigPlan, error) {
	return ConfigPlan{}, s.err
}
func (s *scene) ApplyConfig(context.Context, string, ConfigFile, string) (ConfigApplied, error) {
	return ConfigApplied{}, s.err
}
func (s *scene) AlertRoutes() []AlertRoute { return nil }
func (s *scene) Explain(context.Context, string, string) (Explanation, error) {
	return Explanation{}, s.err
}
func (s *scene) Shadowed(context.Context, time.Time) ([]ShadowLetter, error) { return nil, s.err }
func (s *scene) Receipts(context.Context, string) ([]Letter, error)          { return nil, nil }

func (s *scene) TestAlerts(context.Context, string, string) ([]Delivery, error) {
	return nil, s.err
}
