package demo

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector"
	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/web"
)

// everybody is all sites of the demo.
func everybody() (ids []string) {
	for _, s := range sites {
		ids = append(ids, s.id())
	}
	return ids
}

// calm waits until every site votes and sees every cell of the matrix well.
func (s *stage) calm(t *testing.T) {
	t.Helper()
	op := collector.DialOperator(s.dir)
	eventually(t, calmWithin, "all is calm", func() bool {
		cells, err := op.Cells(t.Context())
		return err == nil && len(cells) == len(providers)*len(regions) &&
			!slices.ContainsFunc(cells, func(c detect.Cell) bool { return c.State != detect.OK || c.Sites != len(sites) })
	})
}

func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// heard waits for a message that is wanted, and returns it with those before it.
func (s *stage) heard(t *testing.T, within time.Duration, what string, want func(alert.Message) bool) (alert.Message, []alert.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var before []alert.Message
	for {
		select {
		case <-ctx.Done():
			t.Fatalf("not told within %s: %s; told was %+v", within, what, before)
		case got := <-s.inbox.alerts:
			var m alert.Message
			if err := json.Unmarshal(got.body, &m); err != nil {
				t.Fatal(err)
			}
			if want(m) {
				return m, before
			}
			before = append(before, m)
		}
	}
}

// text is a page as a browser gets it.
func (s *stage) text(t *testing.T, path string) string {
	t.Helper()
	res, err := http.Get(strings.TrimSuffix(s.pageURL(), "/") + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(path, res.Status, err)
	}
	return string(body)
}

// TestDrillIsFoundAndToldAndNothingElseIs plays a cloud region that is out: real
// agents answer, the helpdesk hears of it marked as a drill, and the engine that
// watches for real sees nothing of it. Another region that really fails
// meanwhile is told as real.
func TestDrillIsFoundAndToldAndNothingElseIs(t *testing.T) {
	s := staged(t, everybody()...)
	op := collector.DialOperator(s.dir)
	s.calm(t)
	began, err := op.StartDrill(t.Context(), web.DrillRequest{Scenario: "nimbus-west", For: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.StartDrill(t.Context(), web.DrillRequest{Scenario: "line", Sites: []string{cutSite}}); err == nil {
		t.Error("a second drill was begun beside the first")
	}
	if page := s.text(t, "/"); !strings.Contains(page, "DRILL") {
		t.Error("the page has no ribbon")
	}
	told, _ := s.heard(t, detectWithin+alertWithin, "the drill", func(m alert.Message) bool { return m.Event == alert.Opened && m.Kind == detect.KindProviderRegion })
	if !told.Drill || !strings.HasPrefix(told.Subject, "[DRILL]") || told.Provider != brokenProvider || told.Region != brokenRegion {
		t.Errorf("told: drill %v, %q, %s %s", told.Drill, told.Subject, told.Provider, told.Region)
	}
	eventually(t, detectWithin, "the drill is confirmed and its receipt is known", func() bool {
		all, err := op.Drills(t.Context(), 1)
		return err == nil && len(all.Drills) == 1 && !all.Drills[0].Confirmed.IsZero() && len(all.Drills[0].Told) == 1
	})
	cells, err := op.Cells(t.Context())
	if err != nil || slices.ContainsFunc(cells, func(c detect.Cell) bool { return c.State != detect.OK || c.Incident != "" }) {
		t.Errorf("the production engine sees the drill: %+v %v", cells, err)
	}

	if err := s.cloud.fail("stratus", "east"); err != nil {
		t.Fatal(err)
	}
	real, before := s.heard(t, detectWithin+alertWithin, "the real outage", func(m alert.Message) bool { return m.Provider == "stratus" && m.Event == alert.Opened })
	if real.Drill || strings.Contains(real.Text, "DRILL") || real.Region != "east" {
		t.Errorf("the real outage is told as %q", real.Text)
	}
	for _, m := range before {
		if !m.Drill || m.Provider != brokenProvider {
			t.Errorf("beside the two was told: %q", m.Subject)
		}
	}

	ended, err := op.StopDrill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	over, before := s.heard(t, alertWithin, "the end of the drill", func(m alert.Message) bool { return m.AlertID == told.AlertID && m.Event == alert.Resolved })
	if !over.Drill || !strings.HasPrefix(over.Subject, "[DRILL][OK]") || over.ReasonCode != detect.DrillEnded {
		t.Errorf("the end is told as %q, because of %s", over.Subject, over.ReasonCode)
	}
	for _, m := range before {
		if m.Drill && m.Provider != brokenProvider {
			t.Errorf("a drill tells of what is real: %q", m.Subject)
		}
	}
	t.Logf("detected after %s, confirmed after %s, told after %s", ended.Detected.Sub(began.Begun), ended.Confirmed.Sub(began.Begun), ended.Told[0].At.Sub(began.Begun))
	if ended.On() || ended.Detected.Before(ended.Begun) || ended.Confirmed.Before(ended.Detected) || !ended.Told[0].At.After(ended.Detected) {
		t.Errorf("the record: %+v", ended)
	}
	for _, id := range ended.Incidents {
		i, err := op.Incident(t.Context(), id)
		if err != nil || i.State != detect.Resolved || !i.Drill {
			t.Errorf("incident %s of the drill is %s, drill %v, %v", id, i.State, i.Drill, err)
		}
	}
	if strings.Contains(s.text(t, "/targets"), "ribbon") {
		t.Error("the ribbon stays")
	}
}

// again runs another collector on the folder of one that has ended.
func (s *stage) again(t *testing.T) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(s.dir, "webhook.secret"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(string(src))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.buildCollector(t.Context(), Options{Page: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)}, secret, ""); err != nil {
		t.Fatal(err)
	}
	life, die := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.collector.Run(life) }()
	t.Cleanup(func() {
		die()
		if err := <-done; err != nil {
			t.Errorf("the second collector: %v", err)
		}
	})
}

// TestADrillEndsWithItsCollector restarts the collector in mid-drill: who was
// told hears of the end, and nothing of the drill is open afterwards.
func TestADrillEndsWithItsCollector(t *testing.T) {
	s, end := mortal(t, everybody()...)
	op := collector.DialOperator(s.dir)
	s.calm(t)
	if _, err := op.StartDrill(t.Context(), web.DrillRequest{Scenario: "line", Sites: []string{cutSite}, For: 10 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	told, _ := s.heard(t, siteWithin+alertWithin, "the site's line", func(m alert.Message) bool { return m.Event == alert.Opened })
	if !told.Drill || told.Site != cutSite {
		t.Errorf("told: drill %v, %q", told.Drill, told.Subject)
	}
	end()
	s.again(t)
	over, _ := s.heard(t, alertWithin, "the end of the drill", func(m alert.Message) bool { return m.Event == alert.Resolved })
	if !over.Drill || over.AlertID != told.AlertID || over.ReasonCode != detect.DrillEnded {
		t.Errorf("told of the end: %q, because of %s", over.Subject, over.ReasonCode)
	}
	all, err := op.Drills(t.Context(), 10)
	if err != nil || len(all.Drills) != 1 || all.Drills[0].On() || all.Drills[0].Why == "" {
		t.Errorf("the drill is kept as %+v, %v", all.Drills, err)
	}
	eventually(t, calmWithin, "the incident of the drill is closed", func() bool {
		open, err := op.Incidents(t.Context(), true, 10)
		return err == nil && len(open) == 0
	})
}

// TestADrillEndsByItself waits until the time is up: the twin hears the answers as
// they are again, and resolves its incident by its own rule.
func TestADrillEndsByItself(t *testing.T) {
	s := staged(t, everybody()...)
	op := collector.DialOperator(s.dir)
	s.calm(t)
	if _, err := op.StartDrill(t.Context(), web.DrillRequest{Scenario: "blackhole", Provider: brokenProvider, Region: brokenRegion, For: 20 * time.Second}); err != nil {
		t.Fatal(err)
	}
	told, _ := s.heard(t, detectWithin+alertWithin, "the drill", func(m alert.Message) bool { return m.Event == alert.Opened })
	over, _ := s.heard(t, resolveWithin, "the end of the drill", func(m alert.Message) bool { return m.Event == alert.Resolved })
	if !told.Drill || !over.Drill || over.AlertID != told.AlertID || over.ReasonCode == detect.DrillEnded {
		t.Errorf("told %q and %q, because of %s", told.Subject, over.Subject, over.ReasonCode)
	}
	var last web.Drill
	eventually(t, 10*time.Second, "the drill is over", func() bool {
		all, err := op.Drills(t.Context(), 1)
		if err == nil && len(all.Drills) == 1 {
			last = all.Drills[0]
		}
		return !last.On() && last.ID != ""
	})
	t.Logf("%s: %s, detected after %s, cleared after %s, resolved %s later", told.Title, told.Layer, last.Detected.Sub(last.Begun), last.Cleared.Sub(last.Begun), last.Ended.Sub(last.Cleared))
	if last.Why != "the time was up" || told.Kind != detect.KindProviderRegion {
		t.Errorf("%s: %s", told.Kind, last.Why)
	}
}
