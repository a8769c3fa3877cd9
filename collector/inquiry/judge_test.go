package inquiry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// The fleet of these tests: acme/madrid asks, on Northnet. seen writes a row as
// "site isp what", where what is ok, slow, tcp, dns, tls, http (where it fails),
// line (it and the references fail), mute (lost five minutes ago), refused, blocked,
// noroute, resolver; or another silence: stopped (on purpose), unheard (since the
// server started), long (for 90 days), late (connected, but no answer in time).
func seen(t *testing.T, text string, own bool) Row {
	t.Helper()
	p := strings.Fields(text)
	if len(p) != 3 {
		t.Fatalf("row %q", text)
	}
	client, _, _ := strings.Cut(p[0], "/")
	r := Row{Site: p[0], Client: client, ISP: p[1], Own: own, State: Answered, Outcome: "down", RefsOK: 3, RefsAsked: 3, DNS: 2 * time.Millisecond}
	switch p[2] {
	case "ok":
		r.Outcome, r.Connect, r.TLS, r.TTFB, r.Total = "up", 3*time.Millisecond, 4*time.Millisecond, 5*time.Millisecond, 14*time.Millisecond
	case "slow":
		r.Outcome, r.Cause, r.Layer = "degraded", "ping_loss", "ping"
	case "tcp":
		r.Layer, r.Cause = "tcp", "tcp_timeout"
	case "dns":
		r.Layer, r.Cause, r.DNS = "dns", "dns_timeout", 0
	case "tls":
		r.Layer, r.Cause, r.Connect = "tls", "tls_timeout", 3*time.Millisecond
	case "http":
		r.Layer, r.Cause, r.Connect, r.TLS = "http", "http_status", 3*time.Millisecond, 4*time.Millisecond
	case "line":
		r.Layer, r.Cause, r.DNS, r.RefsOK = "dns", "dns_timeout", 0, 0
	case "mute", "stopped", "unheard", "long", "late":
		r = Row{Site: p[0], Client: client, ISP: p[1], Own: own, State: Silent, Why: "no answer within 7 s"}
	case "refused":
		r = Row{Site: p[0], Client: client, ISP: p[1], Own: own, State: Refused, Why: "local policy"}
	case "blocked":
		r.Outcome, r.Cause, r.Connect = "unknown", "blocked", 3*time.Millisecond
	case "noroute":
		r.Outcome, r.Cause, r.DNS = "unknown", "local_noroute", 0
	case "resolver":
		r.Outcome, r.Cause, r.DNS = "unknown", "local_resolver", 0
	default:
		t.Fatalf("what is %q", p[2])
	}
	return r
}

// scenario is rows, the first of them the site of the question unless it begins
// with "-", and what must come out.
type scenario struct {
	name  string
	rows  string // separated by ";"
	fleet string // likewise: sites that nobody asked
	open  []detect.Incident
	party Party
	sure  detect.Confidence
	says  string // part of the sentence
	where string // id of the first broken link; "" for none
	lacks string // part of what is missing; "" for nothing missing
	id    string // of the incident
}

var confirmedService = detect.Incident{ID: "I1", Kind: detect.KindProviderRegion, Provider: "nimbus", Confidence: detect.ConfidenceConfirmed, Targets: []string{"t"}}

const (
	possible = detect.ConfidenceSuspected
	likely   = detect.ConfidenceProbable
	sure     = detect.ConfidenceConfirmed
)

func scenarios() []scenario {
	return []scenario{
		{name: "it works", rows: "acme/madrid North ok; b/1 North ok; b/2 West ok; b/3 City ok", party: Nobody, sure: sure, says: "It works: acme/madrid reaches"},
		{name: "it works, one of the others fails", rows: "acme/madrid North ok; b/1 North ok; b/2 West tcp; b/3 City ok", party: Nobody, sure: sure, says: "It works"},
		{name: "it works, badly", rows: "acme/madrid North slow; b/2 West ok", party: Nobody, sure: sure, says: "not well"},
		{name: "it works for a fleet of one", rows: "acme/madrid North ok", party: Nobody, sure: sure, says: "It works"},
		{name: "an open incident is nearly over", rows: "acme/madrid North ok; b/1 North ok; b/2 West ok", open: []detect.Incident{confirmedService}, party: Nobody, sure: sure, says: "It works", id: "I1"},
		{name: "it refuses everybody alike", rows: "acme/madrid North blocked; b/1 West blocked", party: Nobody, sure: sure, says: "refuses to serve a stranger"},
		{name: "it refuses here alone", rows: "acme/madrid North blocked; b/1 West ok; b/2 City ok", party: Site, sure: possible, says: "proxy or filter"},
		{name: "it refuses here and there", rows: "acme/madrid North blocked; b/1 West ok; b/2 City blocked", party: Nobody, sure: sure, says: "refuses to serve a stranger"},

		{name: "the line of the site", rows: "acme/madrid North line; b/1 North ok; b/2 West ok", party: Site, sure: likely, says: "It is acme/madrid, not Nimbus: its own internet line fails, 0 of 3", where: "internet"},
		{name: "the line of the site, nobody else on its ISP", rows: "acme/madrid North line; b/2 West ok; b/3 City ok", party: Site, sure: likely, says: "internet line fails", where: "internet"},
		{name: "no route", rows: "acme/madrid North noroute; b/2 West ok", party: Site, sure: likely, says: "It is acme/madrid, not Nimbus", where: "internet"},
		{name: "the site's resolver", rows: "acme/madrid North resolver; b/2 West ok", party: Site, sure: likely, says: "resolver", where: "dns"},
		{name: "the name resolves elsewhere", rows: "acme/madrid North dns; b/1 North ok; b/2 West ok", party: Site, sure: likely, says: "look at the site's DNS resolver", where: "dns"},
		{name: "only this site", rows: "acme/madrid North tcp; b/1 North ok; b/2 West ok; b/3 City ok", party: Site, sure: likely, says: "only this site is affected", where: "path"},
		{name: "only this site, all on one ISP", rows: "acme/madrid North tcp; b/1 North ok", party: Site, sure: likely, says: "only this site is affected", where: "path"},

		{name: "silence is lost contact", rows: "acme/madrid North mute; b/1 North ok; b/2 West ok", party: Site, sure: possible, says: "It looks like acme/madrid, not Nimbus: contact with acme/madrid is lost, last heard 5 min ago", lacks: "contact with acme/madrid"},
		{name: "silence with evidence is a line that is down", rows: "acme/madrid North mute; b/1 North ok; b/2 West ok", party: Site, sure: likely, says: "its internet line is down", where: "internet", id: "S1",
			open: []detect.Incident{{ID: "S1", Kind: detect.KindSite, Site: "acme/madrid", LineDown: true}}},
		{name: "silence of a whole ISP", rows: "acme/madrid North mute; b/1 North mute; b/2 West ok; b/3 City ok", party: ISP, sure: possible, says: "It looks like the internet provider North, not Nimbus: contact with 2 sites on it was lost at about the same time", where: "path", lacks: "contact with acme/madrid"},
		{name: "silence of a whole ISP, one of it not asked", rows: "acme/madrid North mute; b/2 West ok", fleet: "b/1 North mute; b/5 North long", party: ISP, sure: possible, says: "contact with 2 sites on it was lost", where: "path", lacks: "contact with acme/madrid"},
		{name: "silence, while another on the ISP is late", rows: "acme/madrid North mute; b/1 North late; b/2 West ok", party: Site, sure: possible, says: "contact with acme/madrid is lost", lacks: "contact with acme/madrid"},
		{name: "silence of two on an ISP, a third still heard", rows: "acme/madrid North mute; b/2 West ok", fleet: "b/5 North mute; b/1 North ok", party: Site, sure: possible, says: "contact with acme/madrid is lost", lacks: "contact with acme/madrid"},
		{name: "a late answer", rows: "acme/madrid North late; b/1 North late; b/2 West ok", party: Site, sure: possible, says: "acme/madrid does not answer (no answer within 7 s)", lacks: "contact with acme/madrid"},
		{name: "all of an ISP were stopped", rows: "acme/madrid North stopped; b/2 West ok; b/3 City ok", fleet: "b/1 North stopped", party: CantTell, says: "the Picket agent at acme/madrid was stopped, so nobody looks from there; elsewhere Nimbus storage works", lacks: "contact with acme/madrid"},
		{name: "stopped, the other on the ISP lost", rows: "acme/madrid North stopped; b/2 West ok", fleet: "b/1 North mute", party: CantTell, says: "was stopped", lacks: "contact with acme/madrid"},
		{name: "lost, the other on the ISP was stopped", rows: "acme/madrid North mute; b/2 West ok", fleet: "b/1 North stopped", party: Site, sure: possible, says: "contact with acme/madrid is lost", lacks: "contact with acme/madrid"},
		{name: "the server has just started", rows: "acme/madrid North unheard; b/2 West ok; b/3 City ok", fleet: "b/1 North unheard", party: CantTell, says: "has not heard of acme/madrid since it started; elsewhere Nimbus storage works", lacks: "contact with acme/madrid"},
		{name: "lost, the other on the ISP not heard since the start", rows: "acme/madrid North mute; b/2 West ok", fleet: "b/1 North unheard", party: Site, sure: possible, says: "contact with acme/madrid is lost", lacks: "contact with acme/madrid"},
		{name: "lost, the other on the ISP dead for 90 days", rows: "acme/madrid North mute; b/2 West ok; b/3 City ok", fleet: "b/1 North long", party: Site, sure: possible, says: "contact with acme/madrid is lost, last heard 5 min ago", lacks: "contact with acme/madrid"},
		{name: "stopped while the service fails", rows: "acme/madrid North stopped; b/1 North tcp; b/2 West tcp; b/3 City tcp", party: Service, sure: likely, says: "It is Nimbus: ", where: "service"},
		{name: "silence of a whole ISP, found by the detector", rows: "acme/madrid North mute; b/1 North mute; b/2 West ok", party: ISP, sure: likely, says: "It is the internet provider North", where: "path", id: "N1",
			open: []detect.Incident{{ID: "N1", Kind: detect.KindNetwork, Network: "North", Confidence: likely}}},
		{name: "references of the whole ISP fail", rows: "acme/madrid North line; b/1 North line; b/2 West ok; b/3 City ok", party: ISP, sure: likely, says: "It is the internet provider North, not Nimbus: its 2 sites reach nothing", where: "path"},
		{name: "references fail at two, the third is silent", rows: "acme/madrid North line; b/1 North line; b/5 North late; b/2 West ok", party: ISP, sure: likely, says: "its 2 sites reach nothing", where: "path"},
		{name: "references fail, the other on the ISP is late", rows: "acme/madrid North line; b/1 North late; b/2 West ok; b/3 City ok", party: ISP, sure: possible, says: "It looks like the internet provider North, not Nimbus: acme/madrid reaches nothing, and 1 other site on it is silent", where: "path", lacks: "word from 1 other site on North"},
		{name: "references fail, the other on the ISP was stopped", rows: "acme/madrid North line; b/1 North stopped; b/2 West ok; b/3 City ok", party: Site, sure: likely, says: "its own internet line fails", where: "internet"},
		{name: "silence while the service fails", rows: "acme/madrid North mute; b/1 North tcp; b/2 West tcp; b/3 City tcp", party: Service, sure: likely, says: "It is Nimbus: ", where: "service"},

		{name: "only one ISP", rows: "acme/madrid North tcp; b/1 North tcp; b/2 West ok; b/3 City ok; b/4 Sun ok", party: Path, sure: likely, says: "It is between North and Nimbus: only sites on that internet provider fail", where: "path"},
		{name: "only one ISP, found by the detector", rows: "acme/madrid North tcp; b/1 North tcp; b/2 West ok", party: Path, sure: sure, says: "between North and Nimbus", where: "path", id: "P1",
			open: []detect.Incident{{ID: "P1", Kind: detect.KindNetworkProvider, Network: "North", Provider: "nimbus", Confidence: sure, Targets: []string{"t"}}}},
		{name: "a part of one ISP", rows: "acme/madrid North tcp; b/1 North tcp; b/5 North ok; b/2 West ok", party: Path, sure: possible, says: "2 sites on that internet provider fail, others reach it", where: "path"},
		{name: "nobody else on the ISP", rows: "acme/madrid North tcp; b/2 West ok; b/3 City ok", party: Path, sure: possible, says: "It is not Nimbus: it is between North and Nimbus, or acme/madrid itself", where: "path", lacks: "a second site on North"},

		{name: "the service", rows: "acme/madrid North tcp; b/1 North tcp; b/2 West tcp; b/3 City tcp; b/4 Sun tcp; b/5 Sea tcp", party: Service, sure: likely, says: "It is Nimbus, not acme/madrid: Nimbus storage fails at all 6 sites on 5 ISPs", where: "service"},
		{name: "the service, confirmed", rows: "acme/madrid North http; b/2 West http; b/3 City http", open: []detect.Incident{confirmedService}, party: Service, sure: sure, says: "all 3 sites on 3 ISPs", where: "service", id: "I1"},
		{name: "the service, but not from here", rows: "acme/madrid North ok; b/1 North tcp; b/2 West tcp; b/3 City tcp; b/4 Sun tcp", party: Service, sure: likely, says: "It is Nimbus: Nimbus storage fails at 4 of 5 sites on 4 ISPs", where: "service"},
		{name: "two sites on two ISPs", rows: "acme/madrid North tcp; b/2 West tcp", party: Service, sure: possible, says: "2 sites on 2 ISPs", where: "service", lacks: "1 more site"},
		{name: "a part of the service, confirmed", rows: "acme/madrid North tcp; b/1 North tcp; b/2 West tcp; b/3 City ok; b/4 Sun ok; b/5 Sea ok", open: []detect.Incident{confirmedService}, party: Service, sure: sure, says: "3 of 6 sites on 2 ISPs", where: "service", id: "I1"},
		{name: "an incident is open, and only this site of its ISP fails", rows: "acme/madrid North tcp; b/1 North ok", open: []detect.Incident{confirmedService}, party: Site, sure: possible, says: "It looks like acme/madrid, not Nimbus: others on the same internet provider reach it", where: "path", id: "I1", lacks: "a site on another internet provider"},
		{name: "an incident is open, and this site of its ISP and one elsewhere fail", rows: "acme/madrid North tcp; b/1 North ok; b/2 West tcp; b/3 City ok", open: []detect.Incident{confirmedService}, party: CantTell, says: "mixed results", id: "I1"},
		{name: "an incident is open, and two other ISPs see it", rows: "acme/madrid North tcp; b/1 North ok; b/2 West tcp; b/3 City tcp; b/4 Sun ok; b/5 Sea ok", open: []detect.Incident{confirmedService}, party: Service, sure: sure, says: "3 of 6 sites on 3 ISPs", where: "service", id: "I1"},
		{name: "an incident is open, and one ISP sees it", rows: "acme/madrid North tcp; b/2 West ok", open: []detect.Incident{confirmedService}, party: Service, sure: possible, says: "1 of 2 sites on 1 ISP", where: "service", id: "I1", lacks: "1 more site"},
		{name: "an incident is open, and one ISP elsewhere sees it", rows: "acme/madrid North line; b/1 North line; b/2 West line; b/3 City tcp", open: []detect.Incident{confirmedService}, party: Service, sure: possible, says: "1 site on 1 ISP", where: "internet", id: "I1", lacks: "2 more sites"},
		{name: "of several open incidents the surest counts", rows: "acme/madrid North http; b/2 West http; b/3 City http", open: []detect.Incident{{ID: "I0", Kind: detect.KindTarget, Target: "t", Confidence: possible}, confirmedService, {ID: "I2", Kind: detect.KindTarget, Target: "t", Confidence: possible}}, party: Service, sure: sure, says: "all 3 sites", where: "service", id: "I1"},

		{name: "mixed results", rows: "acme/madrid North tcp; b/1 North ok; b/2 West tcp; b/3 City ok; b/4 Sun ok; b/5 Sea ok", party: CantTell, says: "mixed results, Nimbus storage fails at 2 of 6 sites on 2 ISPs"},
		{name: "a fleet of one", rows: "acme/madrid North tcp", party: CantTell, says: "no other site can say whether it does elsewhere", lacks: "a second site on North"},
		{name: "a fleet of one lacks another ISP", rows: "acme/madrid North tcp", party: CantTell, says: "We can't tell", lacks: "a site on another internet provider"},
		{name: "a fleet of one whose line fails", rows: "acme/madrid North line", party: CantTell, says: "nothing answers at acme/madrid", where: "internet", lacks: "a second site on North"},
		{name: "a fleet of one that is silent", rows: "acme/madrid North mute", party: CantTell, says: "contact with acme/madrid is lost", lacks: "contact with acme/madrid"},
		{name: "a fleet on one ISP", rows: "acme/madrid North tcp; b/1 North tcp; b/5 North tcp", party: CantTell, says: "no site on another internet provider can say", lacks: "a site on another internet provider"},
		{name: "the site refuses", rows: "acme/madrid North refused; b/2 West ok", party: CantTell, says: "did not look (local policy); elsewhere Nimbus storage works"},

		{name: "everybody: it works", rows: "-; b/1 North ok; b/2 West ok; b/3 City ok", party: Nobody, sure: sure, says: "It works: all 3 sites on 3 ISPs reach Nimbus storage."},
		{name: "everybody: one could look", rows: "-; b/1 North ok; b/2 West mute; b/3 City line", party: Nobody, sure: sure, says: "It works: 1 site on 1 ISP reaches Nimbus storage."},
		{name: "everybody: refused", rows: "-; b/1 North blocked; b/2 West blocked; b/3 City blocked", party: Nobody, sure: sure, says: "It answers: all 3 sites on 3 ISPs reach Nimbus storage, which refuses to serve a stranger."},
		{name: "everybody: badly", rows: "-; b/1 North slow; b/2 West slow; b/3 City slow", party: Nobody, sure: sure, says: "It works, but not well: all 3 sites on 3 ISPs reach Nimbus storage (some echo requests were not answered)."},
		{name: "everybody: most of them badly", rows: "-; b/1 North slow; b/2 West slow; b/3 City ok", party: Nobody, sure: sure, says: "not well: all 3 sites on 3 ISPs reach Nimbus storage, 2 of them badly"},
		{name: "everybody: it works, an incident is open", rows: "-; b/1 North ok; b/2 West ok", open: []detect.Incident{confirmedService}, party: Nobody, sure: sure, says: "It works: 2 sites on 2 ISPs reach", id: "I1"},
		{name: "everybody: the service", rows: "-; b/1 North tls; b/2 West tls; b/3 City tls", party: Service, sure: likely, says: "It is Nimbus: ", where: "service"},
		{name: "everybody: one ISP", rows: "-; b/1 North tcp; b/5 North tcp; b/2 West ok; b/3 City ok", party: Path, sure: likely, says: "between North and Nimbus", where: "path"},
		{name: "everybody: one site", rows: "-; b/1 North tcp; b/5 North ok; b/2 West ok", party: Site, sure: possible, says: "only one of 3 sites fails"},
		{name: "everybody: nobody", rows: "-; b/1 North mute; b/2 West refused", party: CantTell, says: "no site could look", lacks: "a connected site"},
	}
}

func factsOf(t *testing.T, c scenario) Facts {
	f := Facts{At: noon, Label: "Nimbus storage", Provider: "Nimbus", Target: "t", Open: c.open, Question: Question{Target: "t"}}
	for i, text := range strings.Split(c.rows, ";") {
		if strings.TrimSpace(text) == "-" {
			continue
		}
		f.Rows = append(f.Rows, seen(t, text, i == 0))
		f.Sites = append(f.Sites, statusOf(t, text))
	}
	for text := range strings.SplitSeq(c.fleet, ";") {
		if c.fleet != "" {
			f.Sites = append(f.Sites, statusOf(t, text))
		}
	}
	return f
}

// statusOf is what the detector knows of the site of a row.
func statusOf(t *testing.T, text string) detect.SiteStatus {
	t.Helper()
	r, what := seen(t, text, false), strings.Fields(text)[2]
	st := detect.SiteStatus{ID: r.Site, Client: r.Client, Network: r.ISP, Agents: 1, Connected: r.State != Silent || what == "late", LastSeen: noon}
	switch what {
	case "mute":
		st.Why, st.LastSeen = "lost contact", noon.Add(-5*time.Minute)
	case "stopped":
		st.Why, st.LastSeen = "Picket agent was stopped", noon.Add(-5*time.Minute)
	case "unheard":
		st.Why, st.LastSeen = "not seen since the Picket server started", time.Time{}
	case "long":
		st.Why, st.LastSeen = "lost contact", noon.AddDate(0, 0, -90)
	}
	return st
}

func TestWhoItIs(t *testing.T) {
	for _, c := range scenarios() {
		t.Run(c.name, func(t *testing.T) {
			got := Judge(factsOf(t, c))
			if got.Party != c.party || got.Confidence != c.sure || got.Incident != c.id || !strings.Contains(got.Sentence, c.says) {
				t.Errorf("%s (%s), incident %q: %s\nwanted %s (%s), %q: ... %s ...", got.Party, got.Confidence, got.Incident, got.Sentence, c.party, c.sure, c.id, c.says)
			}
			broken, ids := "", ""
			for _, l := range got.Chain {
				if l.State == LinkBroken && broken == "" {
					broken = l.ID
				}
				if ids += l.ID + " "; l.Name == "" || l.Text == "" {
					t.Errorf("the link %s says nothing: %+v", l.ID, l)
				}
			}
			if broken != c.where || ids != "internet dns path service " {
				t.Errorf("the chain breaks at %q, wanted %q: %+v", broken, c.where, got.Chain)
			}
			lacks := strings.Join(got.Missing, "; ")
			if !strings.Contains(lacks, c.lacks) || (c.lacks == "") != (lacks == "") {
				t.Errorf("missing: %q, wanted %q", lacks, c.lacks)
			}
		})
	}
}

// TestAFreshAnswerOutweighsTheFleet: a site that answered just now is heard,
// whatever was known of it.
func TestAFreshAnswerOutweighsTheFleet(t *testing.T) {
	f := factsOf(t, scenario{rows: "acme/madrid North mute; b/1 North ok; b/2 West ok", fleet: "b/5 North mute"})
	f.Sites[1].Connected, f.Sites[1].LastSeen = false, f.Sites[0].LastSeen
	if got := Judge(f); got.Party != Site {
		t.Errorf("%s: %s", got.Party, got.Sentence)
	}
}

// TestSilenceWithoutTheFleet: with nothing known from before, a site's silence is
// only that.
func TestSilenceWithoutTheFleet(t *testing.T) {
	f := factsOf(t, scenario{rows: "acme/madrid North mute; b/1 North mute; b/2 West ok"})
	f.Sites = nil
	if got := Judge(f); got.Party != Site || got.Confidence != possible || !strings.Contains(got.Sentence, "acme/madrid does not answer (no answer within 7 s)") {
		t.Errorf("%s (%s): %s", got.Party, got.Confidence, got.Sentence)
	}
}

func TestJudgeOfNothing(t *testing.T) {
	if f := Judge(Facts{}); f.Party != CantTell || len(f.Chain) != 4 || f.Rows == nil {
		t.Errorf("%+v", f)
	}
}

func TestChoose(t *testing.T) {
	var all []Candidate
	for _, text := range []string{"a/1 North", "b/1 North", "b/2 North", "c/1 West", "c/2 West", "d/1 City", "d/2 City", "e/1 Sun", "e/2 Sea"} {
		site, isp, _ := strings.Cut(text, " ")
		all = append(all, Candidate{Site: site, ISP: isp, Ready: site != "e/2"})
	}
	names := func(list []Candidate) (out []string) {
		for _, c := range list {
			out = append(out, c.Site)
		}
		return out
	}
	for _, c := range []struct {
		own  string
		more int
		want string
	}{
		{"a/1", 5, "[a/1 b/1 c/1 d/1 e/1 b/2]"},
		{"a/1", 2, "[a/1 b/1 c/1]"},
		{"a/1", 0, "[a/1]"},
		{"e/1", 5, "[e/1 a/1 c/1 d/1 b/1 c/2]"},
		{"e/2", 1, "[e/2 a/1]"}, // asked about though it is silent
		{"", 4, "[a/1 c/1 d/1 e/1]"},
		{"x/9", 1, "[a/1]"},
		{"a/1", 99, "[a/1 b/1 c/1 d/1 e/1 b/2 c/2 d/2]"},
	} {
		if got := fmt.Sprint(names(Choose(c.own, all, c.more))); got != c.want {
			t.Errorf("Choose(%q, %d) = %s, wanted %s", c.own, c.more, got, c.want)
		}
	}
}

func TestANameThatDoesNotExist(t *testing.T) {
	rows := []Row{}
	for _, site := range []string{"acme/madrid", "acme/lisbon", "borealis/oslo"} {
		rows = append(rows, Row{Site: site, ISP: site, State: Answered, Outcome: "down", Layer: "dns", Cause: "dns_nxdomain", RefsOK: 3, RefsAsked: 3, Own: site == "acme/madrid"})
	}
	f := Facts{Question: Question{Site: "acme/madrid"}, At: noon, Label: "https://outlok.example/", Rows: rows}
	if got := Judge(f); got.Party != CantTell || !strings.Contains(got.Sentence, "spelt right") {
		t.Errorf("a typing error: %s: %s", got.Party, got.Sentence)
	}
	f.Target, f.Provider = "mail", "Example Mail"
	if got := Judge(f); got.Party != Service {
		t.Errorf("a watched name is gone everywhere: %s: %s", got.Party, got.Sentence)
	}
}
