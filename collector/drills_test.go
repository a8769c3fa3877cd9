package collector

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
)

// TestADrillDoesNotOutliveItsCollector: a collector died in a drill. The next one
// hands none of it to its engine, closes what was found, tells those who were
// told, and knows the drill to be over. What was real stays open.
func TestADrillDoesNotOutliveItsCollector(t *testing.T) {
	t.Setenv("PICKET_TEST_HOOK", "secret")
	path, quiet := filepath.Join(t.TempDir(), "picket.db"), slog.New(slog.DiscardHandler)
	url, got := inbox(t)
	file := &config.File{Alerts: []config.Route{{Name: "desk", Webhook: url, Secret: config.Secret{Env: "PICKET_TEST_HOOK"}, Kinds: "all", MinConfidence: "probable"}}}
	begun := time.Now().Add(-time.Minute)
	found := func(id string, drill bool) detect.Incident {
		return detect.Incident{ID: id, Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope", State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed,
			Title: "Azure westeurope: outage", Started: begun, Opened: begun, Confirmed: begun, Drill: drill, Targets: []string{"t"}}
	}
	life := func(work func(s *store.Store, a *alerts)) {
		s, err := store.Open(t.Context(), path, quiet)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		a := newAlerts(s, file, "", quiet)
		open, err := a.restore(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range open {
			if i.Drill {
				t.Errorf("the engine is given %s of the drill", i.ID)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { a.run(ctx) })
		done.Go(func() { a.sender.Run(ctx) })
		work(s, a)
		cancel()
		done.Wait()
	}
	life(func(s *store.Store, a *alerts) {
		record, err := json.Marshal(web.Drill{ID: "D", State: web.DrillPlaying, Begun: begun, Incidents: []string{"drill"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SaveDrill(t.Context(), store.Drill{ID: "D", Doc: record, Begun: begun}); err != nil {
			t.Fatal(err)
		}
		a.changed(found("drill", true))
		a.changed(found("real", false))
		for range 2 {
			if m := receive(t, got); m.Event != alert.Opened || m.Drill != (m.AlertID == "drill") {
				t.Errorf("told %q of %s", m.Subject, m.AlertID)
			}
		}
		for waiting := 1; waiting > 0; { // what is not known to have arrived would be told again
			box, err := s.Outbox(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			waiting = box.Waiting
		}
	})
	life(func(s *store.Store, a *alerts) {
		if m := receive(t, got); m.AlertID != "drill" || m.Event != alert.Resolved || !m.Drill || m.ReasonCode != detect.DrillEnded {
			t.Errorf("after the restart: told %q of %s", m.Subject, m.AlertID)
		}
		d := newDrills(drillOptions{Store: s, Log: quiet})
		if err := d.endLost(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		all, err := d.list(t.Context(), 10)
		if err != nil || len(all) != 1 || all[0].On() || all[0].Why != "the Picket server was restarted" || len(all[0].Told) != 1 {
			t.Errorf("the drill is kept as %+v, %v", all, err)
		}
	})
	life(func(s *store.Store, _ *alerts) { // and it is told once
		letters, err := s.Messages(t.Context(), "drill")
		if err != nil || len(letters) != 2 {
			t.Errorf("letters %+v, %v", letters, err)
		}
		open, err := s.Incidents(t.Context(), true, 0)
		if err != nil || len(open) != 1 {
			t.Errorf("open are %s, %v", open, err)
		}
	})
}
