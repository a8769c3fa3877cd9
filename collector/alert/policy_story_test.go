package alert_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/store"
)

// house is the planner, the store and the sender as the collector wires them, in
// virtual time. What arrives is kept by route.
type house struct {
	t      *testing.T
	mu     sync.Mutex // guards heard, texts and late
	box    durable
	p      *alert.Planner
	s      *alert.Sender
	stop   func()
	start  time.Time
	beside alert.Beside
	heard  map[string][]string // "12m0s opened opened", by route
	texts  []string
	late   time.Duration // the longest from decision to receipt
}

// route is one of a class with its usual delay.
func route(class alert.Class) alert.Route {
	delays := map[alert.Class]time.Duration{alert.ClassChat: 30 * time.Second, alert.ClassTicket: 3 * time.Minute, alert.ClassClient: 10 * time.Minute}
	return alert.Route{Name: string(class), Class: class, Delay: delays[class], ResolveDelay: 5 * time.Minute, Cadence: class.Cadence(class.Updates())}
}

func everyClass() []alert.Route {
	return []alert.Route{route(alert.ClassPage), route(alert.ClassChat), route(alert.ClassTicket), route(alert.ClassClient)}
}

func newHouse(t *testing.T, routes ...alert.Route) *house {
	h := &house{t: t, box: open(t, filepath.Join(t.TempDir(), "picket.db")), start: time.Now(), heard: map[string][]string{}}
	h.p = alert.NewPlanner(alert.PlannerOptions{Routes: routes, Beside: func(*detect.Incident) alert.Beside { return h.beside }})
	h.s, h.stop = run(t, alert.Options{Outbox: h.box, Routes: routes, Deliver: func(_ context.Context, r alert.Route, l alert.Letter) error {
		var m alert.Message
		if err := json.Unmarshal(l.Body, &m); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.late = max(h.late, time.Since(l.Created))
		h.heard[r.Name] = append(h.heard[r.Name], fmt.Sprintf("%v %s %s", time.Since(h.start).Round(time.Second), m.Event, m.Reason))
		h.texts = append(h.texts, m.Text)
		return nil
	}})
	return h
}

// now tells of the incident as it is.
func (h *house) now(i detect.Incident) {
	letters, err := h.p.Plan(time.Now(), i)
	h.save(&i, letters, err)
}

func (h *house) save(i *detect.Incident, letters []alert.Letter, err error) {
	h.t.Helper()
	if err == nil && i != nil {
		h.box.put(h.t, *i, letters...)
	} else if err == nil {
		err = h.box.Enqueue(h.t.Context(), stored(letters))
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.p.Enqueued(letters...)
	h.s.Notify()
	synctest.Wait()
}

// until lets time pass.
func (h *house) until(after time.Duration) {
	h.t.Helper()
	for end := h.start.Add(after); ; {
		at, ok := h.p.Next()
		if !ok || at.After(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(time.Until(at))
		letters, err := h.p.Due(time.Now())
		h.save(nil, letters, err)
	}
}

func (h *house) wants(route string, want ...string) {
	h.t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.heard[route], want) {
		h.t.Errorf("%s heard\n%q, want\n%q", route, h.heard[route], want)
	}
	delete(h.heard, route)
}

func (h *house) end() { h.stop(); h.box.Close() }

// fresh is an incident that begins now.
func fresh(id string, change ...func(*detect.Incident)) detect.Incident {
	i := incident(id)
	i.Severity = detect.SeverityOutage
	for _, f := range change {
		f(&i)
	}
	return i
}

func done(i detect.Incident) detect.Incident {
	i.State, i.Recovered, i.Resolved = detect.Resolved, time.Now(), time.Now()
	return i
}

func aTarget(i *detect.Incident) {
	i.Kind, i.Target, i.Targets, i.Title = detect.KindTarget, i.ID, []string{i.ID}, "Web shop "+i.ID
}

// TestABlipReachesNobodyButWhoAsks: twenty seconds of trouble. The page asked for
// the first second, and hears the end, too.
func TestABlipReachesNobodyButWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, everyClass()...)
		defer h.end()
		i := fresh("01JBLIP")
		h.now(i)
		h.until(20 * time.Second)
		h.now(done(i))
		h.until(3 * time.Hour)
		h.wants("page", "0s opened opened", "5m20s resolved resolved")
		for _, r := range []string{"chat", "ticket", "client"} {
			h.wants(r)
		}
	})
}

// TestALongOutage: each class at its time, now and then that it goes on, once that
// the provider admits it, and the end.
func TestALongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, everyClass()...)
		defer h.end()
		i := fresh("01JLONG")
		h.now(i)
		h.until(20 * time.Minute)
		h.beside.Official = alert.Official{Known: true, State: "down", Posted: time.Now()}
		h.p.Look(time.Now())
		for minute := range 140 { // every probe moves the counts, and is no news
			i.DownSites = minute % 7
			h.until(20*time.Minute + time.Duration(minute)*time.Minute)
			h.now(i)
		}
		h.now(done(i))
		h.until(6 * time.Hour)
		h.wants("page", "0s opened opened", "20m0s updated provider_ack", "50m0s updated still_open", "1h50m0s updated still_open", "2h44m0s resolved resolved")
		h.wants("chat", "30s opened opened", "20m0s updated provider_ack", "50m0s updated still_open", "1h50m0s updated still_open", "2h44m0s resolved resolved")
		h.wants("ticket", "3m0s opened opened", "20m0s updated provider_ack", "2h44m0s resolved resolved")
		h.wants("client", "10m0s opened opened", "20m0s updated provider_ack", "1h20m0s updated still_open", "2h44m0s resolved resolved")
	})
}

// TestAStormOfIncidents: 500 targets fail in one second, each an incident of its
// own, and nothing explains them. Ten are told, one letter stands for the rest and
// is renewed; what was told hears its end.
func TestAStormOfIncidents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, route(alert.ClassPage), route(alert.ClassTicket))
		defer h.end()
		var all []detect.Incident
		for k := range 500 {
			all = append(all, fresh(fmt.Sprintf("01JT%03d", k), aTarget, func(i *detect.Incident) { i.Provider, i.Region = "", "" }))
			h.now(all[k])
			time.Sleep(2 * time.Millisecond)
		}
		h.until(29 * time.Minute)
		opened := slices.Repeat([]string{"0s opened opened"}, 10)
		h.wants("page", append(opened, "10s opened storm", "15m10s updated storm")...)
		found := slices.IndexFunc(h.texts, func(s string) bool { return strings.Contains(s, "490 incidents held back") })
		if found < 0 || !strings.Contains(h.texts[found], "Web shop 01JT010") || !strings.Contains(h.texts[found], "and 440 more") {
			t.Error("no letter names what it holds back")
		}
		ticket := append(slices.Repeat([]string{"3m0s opened opened"}, 10), "3m10s opened storm", "18m10s updated storm")
		h.wants("ticket", ticket...)
		for _, i := range all {
			h.now(done(i))
		}
		h.until(3 * time.Hour)
		ends := slices.Repeat([]string{"34m0s resolved resolved"}, 10)
		h.wants("page", append(ends, "45m10s resolved storm")...)
		h.wants("ticket", append(ends, "48m10s resolved storm")...)
	})
}

// TestARegionWithFiveHundredTargets: one alert per route, and afterwards at most one
// update in half an hour; a receiver has it within a second of the decision.
func TestARegionWithFiveHundredTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, everyClass()...)
		defer h.end()
		region := fresh("01JA")
		h.now(region)
		for k := range 500 {
			h.now(fresh(fmt.Sprintf("01JT%03d", k), aTarget))
		}
		h.until(89 * time.Minute)
		h.wants("page", "0s opened opened", "30m0s updated still_open")
		h.wants("chat", "30s opened opened", "30m30s updated still_open")
		h.wants("ticket", "3m0s opened opened")
		h.wants("client", "10m0s opened opened", "1h10m0s updated still_open")
		if h.late > time.Second {
			t.Errorf("%v from the decision to the receiver", h.late)
		}
	})
}

// TestWhatOutlastsTheWiderOneIsTold: the region recovers, one target does not.
func TestWhatOutlastsTheWiderOneIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, route(alert.ClassChat))
		defer h.end()
		child := fresh("01JC", aTarget)
		h.now(child) // first, as an engine may tell it
		region := fresh("01JR")
		h.now(region)
		h.until(10 * time.Minute)
		h.wants("chat", "30s opened opened")
		if x, _ := h.p.Explain(time.Now(), "01JC"); len(x) != 1 || x[0].Decision.Reason != alert.ReasonInhibited || x[0].Decision.By != "01JR" {
			t.Errorf("explained as %+v", x)
		}
		h.now(done(region))
		h.until(time.Hour)
		h.wants("chat", "10m0s opened opened", "15m0s resolved resolved", "40m0s updated still_open")
		h.now(done(child))
		h.until(2 * time.Hour)
		h.wants("chat", "1h5m0s resolved resolved")
	})
}

// TestANightIsQuiet: what begins in quiet hours is told in the morning if it lasts;
// what was told before them ends in them.
func TestANightIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble begins at midnight UTC
		chat := route(alert.ClassChat)
		chat.Quiet = []alert.Quiet{{From: time.Hour, To: 7 * time.Hour, Zone: time.UTC}}
		h := newHouse(t, chat)
		defer h.end()
		evening := fresh("01JE")
		h.now(evening)
		h.until(2 * time.Hour)
		h.wants("chat", "30s opened opened", "30m30s updated still_open")
		h.now(done(evening))
		blip, night := fresh("01JB"), fresh("01JN", func(i *detect.Incident) { i.Region = "uksouth" })
		h.now(blip)
		h.now(night)
		h.until(3 * time.Hour)
		h.now(done(blip))
		h.until(7*time.Hour + time.Minute)
		h.wants("chat", "2h5m0s resolved resolved", "7h0m0s opened opened")
	})
}

// TestShadowSendsNothing: all of it is written down as it would have been sent.
func TestShadowSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := route(alert.ClassPage)
		page.Shadow = true
		h := newHouse(t, page)
		defer h.end()
		i := fresh("01JS")
		h.now(i)
		h.until(time.Hour)
		h.now(done(i))
		h.until(2 * time.Hour)
		h.wants("page")
		would, err := h.box.Recorded(t.Context(), h.start, h.start.Add(24*time.Hour), 10)
		if err != nil || len(would) != 3 || would[0].Event != "opened" || would[1].Event != "updated" || would[2].Event != "resolved" {
			t.Errorf("would have sent %+v, %v", would, err)
		}
	})
}

func stored(letters []alert.Letter) []store.Message {
	var ms []store.Message
	for _, l := range letters {
		m := store.Message{ID: l.ID, Incident: l.Incident, Route: l.Route, Event: string(l.Event), Body: l.Body, Created: l.Created, Due: l.Due}
		if l.Shadow {
			m.State = store.MessageRecorded
		}
		ms = append(ms, m)
	}
	return ms
}
