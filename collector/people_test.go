package collector

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
)

// staffed is the part of a collector that tells people and listens to them, with
// routes to webhooks that are named with what else is said of them.
func staffed(t *testing.T, path string, routes ...config.Route) (source, func()) {
	t.Helper()
	t.Setenv("PICKET_TEST_HOOK", "secret")
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(t.Context(), path, log)
	if err != nil {
		t.Fatal(err)
	}
	for k := range routes {
		routes[k].Secret, routes[k].Kinds, routes[k].MinConfidence = config.Secret{Env: "PICKET_TEST_HOOK"}, "all", "probable"
	}
	a := newAlerts(s, &config.File{Alerts: routes}, "https://picket.msp.example", log)
	if _, err := a.restore(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { a.run(ctx); done <- struct{}{} }()
	go func() { a.sender.Run(ctx); done <- struct{}{} }()
	return source{&Collector{store: s, alerts: a, log: log}}, func() {
		cancel()
		<-done
		<-done
		s.Close()
	}
}

// trouble is a confirmed outage that begins now.
func trouble(id string) detect.Incident {
	now := time.Now()
	return detect.Incident{ID: id, Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope", State: detect.Confirmed, Severity: detect.SeverityOutage,
		Confidence: detect.ConfidenceConfirmed, Title: "Azure westeurope: outage", Started: now, Opened: now, Confirmed: now}
}

// saved waits until an incident is in the store, and so has been planned.
func saved(t *testing.T, s source, id string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := s.Incident(t.Context(), id); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the incident was not saved")
		}
	}
}

// TestNobodyAcknowledgesSoTheNextIsCalled, also by a collector that was started
// anew in between: the time runs on.
func TestNobodyAcknowledgesSoTheNextIsCalled(t *testing.T) {
	first, atFirst := inbox(t)
	second, atSecond := inbox(t)
	path := filepath.Join(t.TempDir(), "picket.db")
	routes := func() []config.Route {
		return []config.Route{{Name: "chat", Webhook: first, Escalate: config.Escalation{After: 300 * time.Millisecond, To: "person"}},
			{Name: "person", Webhook: second, OnlyEscalation: true}}
	}
	s, stop := staffed(t, path, routes()...)
	s.c.alerts.changed(trouble("01J"))
	if m := receive(t, atFirst); m.Reason != alert.ReasonOpened || !slices.ContainsFunc(m.Links, func(l alert.Link) bool { return l.URL == "https://picket.msp.example/incidents/01J/ack" }) {
		t.Errorf("first %+v", m)
	}
	stop()
	_, stop = staffed(t, path, routes()...)
	defer stop()
	if m := receive(t, atSecond); m.Reason != alert.ReasonEscalated || m.Event != alert.Opened || m.Route != "person" || !m.Escalated {
		t.Errorf("second %+v", m)
	}
}

// TestAcknowledgementsAreWeighed: by whom and when, from the first; and anew for
// what came back after its end.
func TestAcknowledgementsAreWeighed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "picket.db")
	s, stop := staffed(t, path)
	i := trouble("01J")
	s.c.alerts.changed(i)
	saved(t, s, "01J")
	ctx := t.Context()
	if b := s.c.alerts.beside(ctx, &i); !b.Acknowledged.IsZero() {
		t.Errorf("before: %+v", b)
	}
	for n, by := range []string{"ana", "bob"} {
		if first, err := s.Acknowledge(ctx, by, "01J", "note of "+by); err != nil || first != (n == 0) {
			t.Fatalf("%s: first %v, %v", by, first, err)
		}
	}
	b := s.c.alerts.beside(ctx, &i)
	if b.By != "ana" || time.Since(b.Acknowledged) > time.Minute {
		t.Errorf("after: %+v", b)
	}
	stop()
	s, stop = staffed(t, path)
	defer stop()
	if again := s.c.alerts.beside(ctx, &i); again.By != "ana" || !again.Acknowledged.Equal(b.Acknowledged) {
		t.Errorf("after a restart: %+v", again)
	}
	i.Reopened, i.Again = time.Now().Add(time.Millisecond), 1
	if b := s.c.alerts.beside(ctx, &i); !b.Acknowledged.IsZero() {
		t.Errorf("what came back counts as taken on: %+v", b)
	}
	i.Reopened = time.Now()
	if _, err := s.Acknowledge(ctx, "eve", "01J", ""); err != nil {
		t.Fatal(err)
	}
	if b := s.c.alerts.beside(ctx, &i); b.By != "eve" {
		t.Errorf("taken on again: %+v", b)
	}
	h, err := s.Handling(ctx, "01J")
	if err != nil || h.By != "ana" || len(h.Notes) != 3 || h.Notes[1].Text != "note of bob" {
		t.Errorf("shown: %+v, %v", h, err)
	}
	if _, err := s.Acknowledge(ctx, "ana", "01NONE", ""); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("an incident that is not there: %v", err)
	}
	if _, err := s.Acknowledge(ctx, "ana", "01J", "two\nlines"); !errors.As(err, new(*web.Error)) {
		t.Errorf("a forged note: %v", err)
	}
}

func asked(t *testing.T, matchers ...string) web.SilenceRequest {
	t.Helper()
	r := web.SilenceRequest{Comment: "known", For: time.Hour}
	for _, text := range matchers {
		m, err := alert.ParseMatcher(text)
		if err != nil {
			t.Fatal(err)
		}
		r.Matchers = append(r.Matchers, m)
	}
	return r
}

// TestASilenceMutesUntilItIsEnded: what began meanwhile is told as soon as
// somebody ends it, and the trail says who did what.
func TestASilenceMutesUntilItIsEnded(t *testing.T) {
	hook, got := inbox(t)
	s, stop := staffed(t, filepath.Join(t.TempDir(), "picket.db"), config.Route{Name: "page", Webhook: hook})
	defer stop()
	ctx := t.Context()
	x, err := s.AddSilence(ctx, "ana", asked(t, "provider=azure", "region=west*"))
	if err != nil {
		t.Fatal(err)
	}
	s.c.alerts.changed(trouble("01MUTE"))
	saved(t, s, "01MUTE")
	other := trouble("01LOUD")
	other.Region = "northeurope"
	s.c.alerts.changed(other)
	if m := receive(t, got); m.AlertID != "01LOUD" {
		t.Errorf("told of %s", m.AlertID)
	}
	if letters, err := s.c.store.Messages(ctx, "01MUTE"); err != nil || len(letters) != 0 {
		t.Errorf("written although silenced: %+v, %v", letters, err)
	}
	if err := s.EndSilence(ctx, "bob", x.ID); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, got); m.AlertID != "01MUTE" || m.Reason != alert.ReasonOpened {
		t.Errorf("after its end: %+v", m)
	}
	if err := s.EndSilence(ctx, "bob", "none"); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("end none: %v", err)
	}
	all, err := s.Silences(ctx)
	if err != nil || len(all) != 1 || all[0].EndedBy != "bob" || all[0].Author != "ana" {
		t.Errorf("%+v, %v", all, err)
	}
	trail, err := s.c.store.AuditLog(ctx, 9)
	if err != nil || len(trail) != 2 || trail[0].Action != "silence.end" || trail[1].Action != "silence.add" || !strings.Contains(trail[1].Detail, "known") {
		t.Errorf("trail %+v, %v", trail, err)
	}
}

// TestASilenceSurvivesARestart, and an endless or empty one is refused.
func TestASilenceSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "picket.db")
	s, stop := staffed(t, path)
	ctx := t.Context()
	if _, err := s.AddSilence(ctx, "ana", asked(t, "route=page")); err != nil {
		t.Fatal(err)
	}
	long := asked(t, "route=page")
	long.For = 31 * 24 * time.Hour
	for name, r := range map[string]web.SilenceRequest{"of nothing": asked(t), "for too long": long, "without a field": {Comment: "c", For: time.Hour, Matchers: []alert.Matcher{{Field: "colour", Pattern: "red"}}}} {
		if _, err := s.AddSilence(ctx, "ana", r); !errors.As(err, new(*web.Error)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop()
	s, stop = staffed(t, path)
	defer stop()
	i := trouble("01J")
	b := s.c.alerts.beside(ctx, &i)
	if b.Silences == nil {
		t.Fatal("it is forgotten")
	}
	if id, until := b.Silences("page"); id == "" || time.Until(until) < 50*time.Minute {
		t.Errorf("page: %q until %v", id, until)
	}
	if id, _ := b.Silences("desk"); id != "" {
		t.Errorf("it mutes another route: %q", id)
	}
}

// TestWhatASilenceWouldHaveMuted counts what was told of the last seven days, as
// it was then.
func TestWhatASilenceWouldHaveMuted(t *testing.T) {
	hook, got := inbox(t)
	s, stop := staffed(t, filepath.Join(t.TempDir(), "picket.db"), config.Route{Name: "page", Webhook: hook}, config.Route{Name: "desk", Webhook: hook})
	defer stop()
	for _, id := range []string{"01A", "01B"} {
		i := trouble(id)
		if id == "01B" {
			i.Provider, i.Title = "aws", "AWS westeurope: outage"
		}
		s.c.alerts.changed(i)
		receive(t, got)
		receive(t, got)
		i.State, i.Recovered, i.Resolved, i.Region = detect.Resolved, time.Now(), time.Now(), "elsewhere" // it is kept as it was told
		s.c.alerts.changed(i)
		receive(t, got)
		receive(t, got)
	}
	for matchers, want := range map[string]int{"provider=azure": 2, "provider=a*": 4, "provider=azure route=desk": 1, "region=westeurope": 4, "region=elsewhere": 0, "kind=site": 0} {
		r := asked(t, strings.Fields(matchers)...)
		r.Comment = ""
		m, err := s.PreviewSilence(t.Context(), r)
		if err != nil || m.Alerts != want {
			t.Errorf("%s: %+v, %v; want %d", matchers, m, err, want)
		}
	}
	m, err := s.PreviewSilence(t.Context(), asked(t, "provider=aws"))
	if err != nil || len(m.Incidents) != 1 || m.Incidents[0].ID != "01B" || !strings.Contains(m.Incidents[0].Title, "outage") || len(m.Incidents[0].Routes) != 2 {
		t.Errorf("%+v, %v", m, err)
	}
	if i := trouble("01C"); s.c.alerts.beside(t.Context(), &i).Silences != nil {
		t.Error("a preview mutes")
	}
}

func TestTheFirstNoticeIsNotedOnce(t *testing.T) {
	s, stop := staffed(t, filepath.Join(t.TempDir(), "picket.db"))
	defer stop()
	s.c.alerts.changed(trouble("01J"))
	saved(t, s, "01J")
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	for k := range 2 {
		if err := s.c.FirstNotice(t.Context(), "01J", at.Add(time.Duration(k)*time.Hour), "ana", "acme"); err != nil {
			t.Fatal(err)
		}
	}
	h, err := s.Handling(t.Context(), "01J")
	if err != nil || len(h.Notices) != 1 || h.Notices[0] != (web.ClientNotice{Client: "acme", At: at, By: "ana"}) {
		t.Errorf("%+v, %v", h, err)
	}
	if err := s.c.FirstNotice(t.Context(), "01NONE", at, "ana", "acme"); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("an incident that is not there: %v", err)
	}
}

// TestARouteForCustomersIsANotice to those of its clients that are hit, from when
// it was delivered; a drill is none.
func TestARouteForCustomersIsANotice(t *testing.T) {
	hook, got := inbox(t)
	path := filepath.Join(t.TempDir(), "picket.db")
	s, stop := staffed(t, path, config.Route{Name: "customers", Webhook: hook, Policy: config.Policy{Class: config.ClassClient, Clients: []string{"acme", "globex"}, Drills: true}})
	i, drill := trouble("01J"), trouble("01DRILL")
	i.Impact = []detect.Impact{{Client: "acme", Failing: 1, Sites: 2}, {Client: "initech", Failing: 1, Sites: 1}, {Client: "globex", Sites: 3}}
	drill.Impact, drill.Drill = i.Impact, true
	for _, x := range []detect.Incident{i, drill} {
		s.c.alerts.changed(x)
		receive(t, got)
	}
	var h web.Handling
	for end := time.Now().Add(20 * time.Second); len(h.Notices) == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var err error
		if h, err = s.Handling(t.Context(), "01J"); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.Notices) != 1 || h.Notices[0].Client != "acme" || h.Notices[0].By != "route customers" {
		t.Errorf("%+v", h.Notices)
	}
	ctx := t.Context()
	stop()
	again, err := store.Open(ctx, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if all, err := again.ClientNotices(ctx, "01DRILL"); err != nil || len(all) != 0 {
		t.Errorf("a drill is a notice: %+v, %v", all, err)
	}
}

// TestPlannedWorkIsWrittenDown as it was when it was applied, with what it meant.
func TestPlannedWorkIsWrittenDown(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	from, to := now.Add(-time.Hour).Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339)
	window := "maintenance: [{from: " + from + ", to: " + to + ", target: one, note: new router}]\n"
	c := running(t, "targets:\n"+target("one")+target("two")+window)
	read := func() []store.PlannedWork {
		t.Helper()
		all, err := c.store.PlannedWork(t.Context(), now.Add(-24*time.Hour), now.Add(24*time.Hour))
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all
	}
	var said plannedWork
	var covered coveredWork
	w := read()[0]
	if err := errors.Join(json.Unmarshal(w.Doc, &said), json.Unmarshal(w.Covered, &covered)); err != nil {
		t.Fatal(err)
	}
	if said != (plannedWork{Target: "one", Note: "new router"}) || !slices.Equal(covered.Targets, []string{"one"}) || !w.Withdrawn.IsZero() || w.Start.Format(time.RFC3339) != from {
		t.Errorf("%+v: %+v covers %+v", w, said, covered)
	}
	if _, err := (source{c}).ApplyConfig(t.Context(), "ana", edited(t, c, window, ""), ""); err != nil {
		t.Fatal(err)
	}
	if w := read()[0]; w.Withdrawn.IsZero() {
		t.Errorf("taken out of the file, and still planned: %+v", w)
	}
}
