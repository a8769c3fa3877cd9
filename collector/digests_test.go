package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
)

// TestADigestAMorning: one mail a day at half past seven, over restarts too, and
// none where nobody asked for it.
func TestADigestAMorning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "picket.db")
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var file atomic.Pointer[config.File]
		file.Store(&config.File{})
		wrote := 0
		begin := func() func() {
			ctx, cancel := context.WithCancel(t.Context())
			d := &digests{store: s, file: file.Load, sites: func(context.Context) (int, int) { return 3, 3 },
				wrote: func() { wrote++ }, page: "https://picket.msp.example", log: slog.New(slog.DiscardHandler)}
			done := make(chan struct{})
			go func() { defer close(done); d.run(ctx) }()
			return func() { cancel(); <-done }
		}
		letters := func() []alert.Message {
			list, err := s.Due(t.Context(), config.DigestRoute, time.Now(), 100)
			if err != nil {
				t.Fatal(err)
			}
			var all []alert.Message
			for _, l := range list {
				var m alert.Message
				if err := json.Unmarshal(l.Body, &m); err != nil {
					t.Fatal(err)
				}
				all = append(all, m)
			}
			return all
		}
		stop := begin() // the bubble's clock begins at midnight UTC, 1 January 2000
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := letters(); len(got) != 0 {
			t.Fatalf("nobody asked for %d digests", len(got))
		}
		file.Store(&config.File{Daily: &config.Digest{Mail: []string{"desk@msp.example"}, At: config.DefaultDigestAt, Zone: zone}})
		i := detect.Incident{ID: "01A", Kind: detect.KindProvider, Provider: "aws", Title: "AWS: outage", State: detect.Confirmed, Started: time.Now(), Opened: time.Now()}
		doc, _ := json.Marshal(i)
		if err := s.SaveIncident(t.Context(), i.ID, doc, i.Opened, i.Opened, true, []store.Message{
			{ID: "01A.chat.1", Incident: "01A", Route: "chat", Event: "opened", Body: []byte("{}"), Created: time.Now(), State: store.MessageRecorded}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(8 * time.Hour)
		synctest.Wait()
		stop()
		got := letters()
		if len(got) != 1 || wrote != 1 || got[0].SentAs != "digest-2000-01-02.digest.1" || !got[0].At.Equal(time.Date(2000, 1, 2, 6, 30, 0, 0, time.UTC)) {
			t.Fatalf("wrote %d times: %+v", wrote, got)
		}
		for _, want := range []string{"Nothing woke you. 1 incident (1 provider) since Saturday 07:30 CET.", "AWS: outage", "chat would have had 1 message, 1 of them new", "All 3 sites are heard."} {
			if !strings.Contains(got[0].Text, want) {
				t.Errorf("it does not say %q:\n%s", want, got[0].Text)
			}
		}
		for range 3 { // the same morning, started anew
			stop = begin()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			stop()
		}
		if got := letters(); len(got) != 1 {
			t.Fatalf("a restart sent %d digests", len(got))
		}
		time.Sleep(8 * time.Hour) // off while the next is due, and for too long after it
		time.Sleep(24 * time.Hour)
		stop = begin()
		time.Sleep(2 * 24 * time.Hour)
		synctest.Wait()
		stop()
		var dates string
		for _, m := range letters() {
			dates += fmt.Sprintf("%s ", m.At.Format(time.DateTime))
		}
		if dates != "2000-01-02 06:30:00 2000-01-04 06:30:00 2000-01-05 06:30:00 " {
			t.Errorf("digests of %s", dates)
		}
	})
}

// TestTheDigestHasItsOwnRoute, on which no alert is told.
func TestTheDigestHasItsOwnRoute(t *testing.T) {
	file, err := config.Parse("p.yaml", []byte("smtp: {host: mail.example, from: p@msp.example}\nalerts:\n- {name: desk, mail: [a@msp.example]}\ndigest: {mail: [b@msp.example]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := routes(file); len(got) != 1 || got[0].Name != "desk" {
		t.Errorf("alerts go to %v", got)
	}
	if got := deliveryRoutes(file); len(got) != 2 || got[1].Name != config.DigestRoute {
		t.Errorf("letters go to %v", got)
	}
	if w := ways(file)[config.DigestRoute]; w == nil || strings.Join(w.To(), " ") != "b@msp.example" {
		t.Errorf("the digest goes to %v", w)
	}
}
