package alert

import (
	"testing"
	"time"

	"picket/collector/detect"
)

func TestDecideByPolicy(t *testing.T) {
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	never := time.Time{}
	page := Route{Name: "page", Class: ClassPage, Cadence: ClassPage.Cadence(UpdatesAll)}
	ticket := Route{Name: "ticket", Class: ClassTicket, Cadence: ClassTicket.Cadence(UpdatesChanges)}
	ends := Route{Name: "ends", Cadence: ClassTicket.Cadence(UpdatesNone)}
	early := Route{Name: "early", MinConfidence: detect.ConfidenceSuspected}
	acme := Route{Name: "acme", Class: ClassClient, Clients: []string{"acme"}}
	night := Route{Name: "night", Quiet: []Quiet{{From: 11 * time.Hour, To: 13 * time.Hour, Zone: time.UTC, Except: LevelCritical}}}
	at12 := func(i detect.Incident, event Event, why Reason) Told {
		k := knows(event, i)
		k.At, k.Reason, k.Layer = noon, why, i.Layer
		return k
	}
	drill := func(i *detect.Incident) { i.Drill = true }
	wanted := func(i *detect.Incident) { i.Drill, i.DrillClients = true, true }
	hitsAcme := func(i *detect.Incident) { i.Impact = []detect.Impact{{Client: "acme", Failing: 1, Sites: 1}} }
	suspected := func(i *detect.Incident) { i.State, i.Confidence = detect.Suspected, detect.ConfidenceSuspected }
	layer := func(i *detect.Incident) { i.Layer = "tls" }
	posted := Beside{Official: Official{Posted: at(time.Minute)}}
	acked := Beside{Acknowledged: at(time.Minute)}

	for _, c := range []struct {
		name  string
		told  Told
		now   time.Time
		i     detect.Incident
		b     Beside
		r     Route
		event Event
		why   Reason
		next  time.Time
	}{
		{"a possible trouble is for who asks", Told{}, noon, outage(suspected), Beside{}, early, Opened, ReasonOpened, never},
		{"and for nobody else", Told{}, noon, outage(suspected), Beside{}, page, "", ReasonBelowConfidence, never},
		{"a client hears of what hits it", Told{}, noon, outage(hitsAcme), Beside{}, acme, Opened, ReasonOpened, never},
		{"and of nothing else", Told{}, noon, outage(), Beside{}, acme, "", ReasonOtherClients, never},
		{"of its own things too", Told{}, noon, outage(func(i *detect.Incident) { i.Client = "acme" }), Beside{}, acme, Opened, ReasonOpened, never},
		{"customers hear of no drill", Told{}, noon, outage(hitsAcme, drill), Beside{}, acme, "", ReasonDrill, never},
		{"unless who plays it wants so", Told{}, noon, outage(hitsAcme, wanted), Beside{}, acme, Opened, ReasonOpened, never},
		{"colleagues do", Told{}, noon, outage(drill), Beside{}, early, Opened, ReasonOpened, never},

		{"a part of what is told is not told", Told{}, noon, outage(), Beside{Within: "01JWIDE"}, early, "", ReasonInhibited, never},
		{"nor of what is about to be", Told{}, noon, outage(), Beside{Within: "01JWIDE", WithinUntil: at(time.Minute)}, early, "", ReasonInhibited, at(time.Minute)},
		{"its end is, if it was told before", knows(Opened, outage()), at(2 * time.Hour), outage(resolved), Beside{Within: "01JWIDE"}, early, Resolved, ReasonResolved, never},
		{"at night it waits for the morning", Told{}, noon, outage(), Beside{}, night, "", ReasonQuiet, at(time.Hour)},
		{"if it lasts", Told{}, at(time.Hour), outage(resolved), Beside{}, night, "", ReasonTransient, never},
		{"it is told then", Told{}, at(time.Hour), outage(), Beside{}, night, Opened, ReasonOpened, never},
		{"a gold client wakes people", Told{}, noon, outage(), Beside{Gold: true}, night, Opened, ReasonOpened, never},
		{"the end is told at night", knows(Opened, outage()), noon.Add(24 * time.Hour), outage(resolved), Beside{}, night, Resolved, ReasonResolved, never},
		{"in a storm nothing is told one by one", Told{}, noon, outage(), Beside{Storm: at(time.Minute), StormID: "storm-x"}, early, "", ReasonStorm, at(time.Minute)},
		{"but every end", knows(Opened, outage()), at(2 * time.Hour), outage(resolved), Beside{Storm: at(3 * time.Hour)}, early, Resolved, ReasonResolved, never},

		{"who is told hears when it hears again", Told{}, noon, outage(), Beside{}, page, Opened, ReasonOpened, at(30 * time.Minute)},
		{"until then nothing", at12(outage(), Opened, ReasonOpened), at(29 * time.Minute), outage(), Beside{}, page, "", ReasonAlreadyTold, at(30 * time.Minute)},
		{"then that it goes on", at12(outage(), Opened, ReasonOpened), at(30 * time.Minute), outage(), Beside{}, page, Updated, ReasonStillOpen, at(90 * time.Minute)},
		{"and then hourly", at12(outage(), Updated, ReasonStillOpen), at(30 * time.Minute), outage(), Beside{}, page, "", ReasonAlreadyTold, at(time.Hour)},
		{"not who has somebody at it", at12(outage(), Opened, ReasonOpened), at(30 * time.Minute), outage(), acked, page, "", ReasonAcknowledged, never},
		{"a ticket is not written into for nothing", at12(outage(), Opened, ReasonOpened), at(24 * time.Hour), outage(), Beside{}, ticket, "", ReasonAlreadyTold, never},
		{"another layer is news", at12(outage(), Opened, ReasonOpened), at(time.Minute), outage(layer), Beside{}, page, Updated, ReasonUpdated, at(31 * time.Minute)},
		{"news come a while apart", at12(outage(), Updated, ReasonUpdated), at(time.Minute), outage(layer), Beside{}, page, "", ReasonTooSoon, at(5 * time.Minute)},
		{"and not at all to some", at12(outage(), Opened, ReasonOpened), at(time.Minute), outage(layer), Beside{}, ends, "", ReasonNoUpdates, never},
		{"that it is surer does not wait", at12(outage(probable), Updated, ReasonUpdated), at(time.Minute), outage(), Beside{}, page, Updated, ReasonUpdated, at(31 * time.Minute)},
		{"nor that the provider admits it", at12(outage(), Updated, ReasonUpdated), at(time.Minute), outage(), posted, page, Updated, ReasonProviderAck, at(31 * time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Decide(c.told, c.now, &c.i, c.b, c.r)
			if got.Event != c.event || got.Reason != c.why || !got.Next.Equal(c.next) {
				t.Errorf("got %+v, want %q %s %v", got, c.event, c.why, c.next)
			}
			if words := got.Words(c.r); words == string(got.Reason) || words == "" {
				t.Errorf("no words for %s", got.Reason)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		name string
		i    detect.Incident
		gold bool
		want Level
	}{
		{"confirmed down", outage(), false, LevelHigh},
		{"for a gold client", outage(), true, LevelCritical},
		{"not sure", outage(probable), true, LevelMedium},
		{"slow", outage(func(i *detect.Incident) { i.Severity = detect.SeverityDegraded }), true, LevelMedium},
		{"one site's line", outage(siteIncident), false, LevelMedium},
		{"a gold client's line", outage(siteIncident), true, LevelCritical},
		{"lost contact", outage(siteIncident, func(i *detect.Incident) { i.Severity = detect.SeverityUnseen }), true, LevelLow},
		{"our own agents", outage(func(i *detect.Incident) { i.Kind = detect.KindFleet }), true, LevelLow},
		{"a drill", outage(func(i *detect.Incident) { i.Drill = true }), true, LevelInfo},
	} {
		if got := LevelOf(&c.i, c.gold); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestQuietHours(t *testing.T) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	nights := Quiet{From: 22 * time.Hour, To: 7 * time.Hour, Zone: madrid}
	fridays := Quiet{Days: []time.Weekday{time.Friday}, From: 22 * time.Hour, To: 7 * time.Hour, Zone: madrid}
	sunday := Quiet{Days: []time.Weekday{time.Saturday, time.Sunday}, Zone: madrid}
	when := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, madrid)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name       string
		q          []Quiet
		now, until string // until "": it is told
	}{
		{"in the evening", []Quiet{nights}, "2026-02-02 22:00", "2026-02-03 07:00"},
		{"after midnight", []Quiet{nights}, "2026-02-03 06:59", "2026-02-03 07:00"},
		{"in the morning", []Quiet{nights}, "2026-02-03 07:00", ""},
		{"the night that begins on a friday", []Quiet{fridays}, "2026-02-07 03:00", "2026-02-07 07:00"},
		{"not the one after it", []Quiet{fridays}, "2026-02-08 03:00", ""},
		{"a weekend, and the night before it", []Quiet{fridays, sunday}, "2026-02-06 23:00", "2026-02-09 00:00"},
		{"the night in which clocks go forward", []Quiet{nights}, "2026-03-28 23:00", "2026-03-29 07:00"},
	} {
		until, ok := quietUntil(c.q, LevelHigh, when(c.now))
		if ok != (c.until != "") || ok && !until.Equal(when(c.until)) {
			t.Errorf("%s: until %v %v", c.name, until, ok)
		}
	}
	nights.Except = LevelHigh
	if _, ok := quietUntil([]Quiet{nights}, LevelCritical, when("2026-02-02 23:00")); ok {
		t.Error("what is more urgent than the exception waits")
	}
	if _, ok := quietUntil([]Quiet{nights}, LevelMedium, when("2026-02-02 23:00")); !ok {
		t.Error("what is less urgent than the exception is told")
	}
}

func TestExplains(t *testing.T) {
	region := outage()
	line := outage(siteIncident, func(i *detect.Incident) { i.ID, i.Network, i.Provider, i.Region = "01JS", "AS1", "", "" })
	isp := outage(func(i *detect.Incident) { i.ID, i.Kind, i.Network = "01JN", detect.KindNetwork, "AS1" })
	target := outage(func(i *detect.Incident) {
		i.ID, i.Kind, i.Target, i.Targets = "01JT", detect.KindTarget, "web", []string{"web"}
	})
	with := func(i detect.Incident, f func(*detect.Incident)) detect.Incident { f(&i); return i }
	lossy := func(i *detect.Incident) { i.Severity = detect.SeverityDegraded }
	silent := func(i *detect.Incident) { i.Severity = detect.SeverityUnseen }
	cutOff := func(i *detect.Incident) { i.Severity, i.LineDown = detect.SeverityUnseen, true }
	for _, c := range []struct {
		name string
		p, c detect.Incident
		want bool
	}{
		{"a target of the region", region, target, true},
		{"not the region by its target", target, region, false},
		{"a target of another region", region, with(target, func(i *detect.Incident) { i.Region = "uksouth" }), false},
		{"a target of the provider", with(region, func(i *detect.Incident) { i.Kind = detect.KindProvider }), target, true},
		{"a region of the provider", with(target, func(i *detect.Incident) { i.Kind = detect.KindProvider }), region, true},
		{"a target that is worse", with(region, func(i *detect.Incident) { i.Severity = detect.SeverityDegraded }), target, false},
		{"a target when only IPv6 is out", with(region, func(i *detect.Incident) { i.Family = "6" }), target, false},
		{"what is over explains nothing", outage(resolved), target, false},
		{"a drill explains nothing real", with(region, func(i *detect.Incident) { i.Drill = true }), target, false},
		{"one client's explains nobody else's", with(region, func(i *detect.Incident) { i.Client = "acme" }), target, false},
		{"a site by its ISP", isp, line, true},
		{"not by a cloud", region, line, false},
		{"a dead line by an ISP that loses much", with(isp, lossy), with(line, cutOff), false},
		{"a site that is out by an ISP that loses much", with(isp, lossy), line, false},
		{"a silent site by an ISP that loses much", with(isp, lossy), with(line, silent), false},
		{"a site that loses much by an ISP that does", with(isp, lossy), with(line, lossy), true},
		{"a dead line by an ISP that is out", isp, with(line, cutOff), true},
		{"a silent site by a silent ISP", with(isp, silent), with(line, silent), true},
		{"a dead line by an ISP that is only silent", with(isp, silent), with(line, cutOff), false},
		{"a dead line by an ISP whose lines are dead", with(isp, cutOff), with(line, cutOff), true},
		{"a site that is out by a silent ISP", with(isp, silent), line, false},
		{"not by another ISP", isp, with(line, func(i *detect.Incident) { i.Network = "AS2" }), false},
		{"a path by its ISP", isp, outage(func(i *detect.Incident) { i.ID, i.Kind, i.Network = "01JP", detect.KindNetworkProvider, "AS1" }), true},
	} {
		if got := explains(&c.p, &c.c); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if explains(&c.p, &c.c) && explains(&c.c, &c.p) {
			t.Errorf("%s: each explains the other", c.name)
		}
	}
}
