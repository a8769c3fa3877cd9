package web

import (
	"fmt"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
	"picket/collector/inquiry"
)

// boss, helper and guest are principals of the three roles.
var (
	boss   = access.Principal{Name: "ana", Role: access.Admin, Via: "session", CSRF: "c5rf"}
	helper = access.Principal{Name: "ben", Role: access.Technician, Via: "session", CSRF: "c5rf"}
	guest  = access.Principal{Name: "cy", Role: access.Viewer, Client: "acme", Via: "session", CSRF: "c5rf"}
)

// detailed is outage with what the pages check, targets and fleet show.
func detailed() *scene {
	s := outage()
	s.targets = append(s.targets, Target{ID: "ref-one", Name: "Reference one", Reference: true, Checks: []Check{{ID: "ref-one/ping", Kind: "ping", Address: "192.0.2.1", Interval: 20 * time.Second}}})
	k := 5 // borealis-web-north
	s.targets[k].Checks = append(s.targets[k].Checks, Check{ID: s.targets[k].ID + "/ping", Kind: "ping", Address: "web.north.borealis.example", Interval: 20 * time.Second})
	s.targets[k].Depends = []string{"edge.example (CDN)"}
	s.latest, s.tokens = map[string][]Latest{}, map[string]TokenState{}
	for n, site := range s.snap.Sites[:11] {
		for _, t := range []string{"borealis-web-north", "aurora-web-east"} {
			l := Latest{Client: site.Client, Site: site.ID, Agent: fmt.Sprintf("a%d", n+1), ISP: site.Network, Region: region(n), Check: t + "/http",
				At: noon.Add(-time.Duration(3+n) * time.Second), Outcome: "up", DNS: time.Duration(4+n) * time.Millisecond, Connect: time.Duration(12+3*n) * time.Millisecond,
				TLS: time.Duration(25+2*n) * time.Millisecond, TTFB: time.Duration(60+9*n) * time.Millisecond, Code: 200, HasCert: true, CertDays: 61, Addr: "203.0.113.7"}
			l.Total = l.DNS + l.Connect + l.TLS + l.TTFB + 5*time.Millisecond
			if t == "borealis-web-north" && n < 9 {
				l.Outcome, l.Layer, l.Cause, l.Err, l.Code, l.HasCert = "down", "tls", "tls_timeout", "TLS handshake with web.north.borealis.example: i/o timeout", 0, false
				l.TLS, l.TTFB, l.Total = 5*time.Second, 0, 5*time.Second+l.DNS+l.Connect
			} else if t == "borealis-web-north" {
				l.CertDays = 9
			}
			s.latest[t] = append(s.latest[t], l)
		}
		s.latest["borealis-web-north"] = append(s.latest["borealis-web-north"], Latest{Client: site.Client, Site: site.ID, Agent: fmt.Sprintf("a%d", n+1), ISP: site.Network,
			Region: region(n), Check: "borealis-web-north/ping", At: noon.Add(-9 * time.Second), Outcome: "up", RTT: 18 * time.Millisecond})
	}
	for n := range s.snap.Sites {
		s.snap.Sites[n].VRegion = region(n)
	}
	for m := range 24 * 12 {
		for _, r := range []string{"eu-west", "eu-south", "uk"} {
			p := Point{At: noon.Add(-24 * time.Hour).Add(time.Duration(m) * 5 * time.Minute), Step: 5 * time.Minute, Region: r, Good: 20,
				Mean: time.Duration(90+40*len(r)+(m*7+len(r)*13)%30) * time.Millisecond, Min: 60 * time.Millisecond, Max: 400 * time.Millisecond}
			if r != "uk" && m >= 285 {
				p.Good, p.Bad = 4, 16
			}
			if m > 100 && m < 120 && r == "uk" {
				continue
			}
			s.history["aurora-web-east"] = append(s.history["aurora-web-east"], p)
		}
	}
	s.agents = fleetOf(s)
	s.finding = answered()
	s.tokens["tok1"] = TokenState{ID: "tok1", Client: "acme", Site: "acme/cadiz", Uses: 1, Expires: noon.Add(24 * time.Hour)}
	s.tokens["tok2"] = TokenState{ID: "tok2", Client: "acme", Site: "acme/cadiz", Uses: 1, Used: 1, Expires: noon.Add(24 * time.Hour),
		Agents: []Agent{{ID: "a13", Site: "acme/cadiz", Network: "AS3352 Telefonica", Hostname: "cad-srv01", Connected: true}}}
	return s
}

func region(n int) string { return []string{"eu-south", "eu-west", "eu-west", "uk"}[n/3] }

// fleetOf is twelve agents with the usual ailments.
func fleetOf(s *scene) (all []Agent) {
	for n, a := range s.agents {
		site := s.snap.Sites[n]
		a.Network, a.Region, a.Hostname, a.OS, a.Version, a.Transport, a.RTT = site.Network, region(n), fmt.Sprintf("srv%02d", n+1), "linux/amd64", "0.1.0", "quic", time.Duration(9+n)*time.Millisecond
		a.Seen, a.Enrolled, a.NotAfter, a.Config, a.RefsOK, a.RefsAsked, a.Gossip = noon.Add(-2*time.Second), noon.Add(-40*24*time.Hour), noon.Add(21*24*time.Hour), 1, 3, 3, "alive"
		all = append(all, a)
	}
	all[2].Offset, all[2].Spool = -3200*time.Millisecond, 12400
	all[4].Refused = "check 7 is of a kind that this version does not know"
	all[6].NotAfter, all[6].Dropped = noon.Add(3*24*time.Hour), 912
	all[10].Voting, all[10].Why, all[10].RefsOK = false, "uplink", 1
	all[11].Connected, all[11].Seen, all[11].Gossip = false, noon.Add(-40*time.Second), "dead"
	return append(all, Agent{ID: "a0", Client: "acme", Site: "acme/old", Hostname: "old-pc", Revoked: noon.Add(-100 * time.Hour)})
}

// answered is an answer that blames the provider.
func answered() inquiry.Finding {
	return inquiry.Finding{ID: "f1", Client: "acme", Question: inquiry.Question{Target: "borealis-web-north", Site: "acme/madrid"}, At: noon.Add(-8 * time.Second), Took: 5210 * time.Millisecond,
		Party: inquiry.Service, Confidence: detect.ConfidenceConfirmed, Label: "Borealis web, north", Incident: "01KGF3M8Q2",
		Sentence: "It is not you: Borealis web has a problem in north.", Detail: "5 of 6 sites on 4 of 5 ISPs cannot reach it, and the references of all of them answer.",
		Chain: []inquiry.Link{{ID: "internet", Name: "acme/madrid's internet", State: inquiry.LinkOK, Text: "3 of 3 references answer"}, {ID: "dns", Name: "DNS", State: inquiry.LinkOK, Text: "web.north.borealis.example is found"},
			{ID: "path", Name: "AS3352 Telefonica", State: inquiry.LinkOK, Text: "other ISPs fail as well"}, {ID: "service", Name: "Borealis web", State: inquiry.LinkBroken, Text: "TLS handshakes time out from 4 ISPs"}},
		Rows: []inquiry.Row{
			{Site: "acme/madrid", Client: "acme", ISP: "AS3352 Telefonica", Region: "eu-south", Own: true, State: "answered", Outcome: "down", Layer: "tls", Cause: "tls_timeout", DNS: 6 * time.Millisecond, Connect: 21 * time.Millisecond, TLS: 5 * time.Second, Total: 5027 * time.Millisecond, Err: "TLS handshake with web.north.borealis.example: i/o timeout", RefsOK: 3, RefsAsked: 3},
			{Site: "globex/bonn", Client: "globex", ISP: "AS3320 DT", Region: "eu-west", State: "answered", Outcome: "down", Layer: "tls", Cause: "tls_timeout", DNS: 4 * time.Millisecond, Connect: 15 * time.Millisecond, TLS: 5 * time.Second, Total: 5019 * time.Millisecond, RefsOK: 3, RefsAsked: 3, Err: "GLOBEX-SECRET"},
			{Site: "hooli/london", Client: "hooli", ISP: "AS2856 BT", Region: "uk", State: "answered", Outcome: "up", DNS: 9 * time.Millisecond, Connect: 31 * time.Millisecond, TLS: 40 * time.Millisecond, TTFB: 122 * time.Millisecond, Total: 210 * time.Millisecond, RefsOK: 3, RefsAsked: 3},
			{Site: "umbrella/rome", Client: "umbrella", ISP: "AS3269 TIM", Region: "eu-south", State: "silent", Why: "it has no contact with the Picket server"},
			{Site: "initech/paris", Client: "initech", ISP: "AS3215 Orange", Region: "eu-west", State: "refused", Why: "its policy forbids this target"}},
		Missing: []string{"a second site on AS2856 BT"}}
}
