package collector

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/notice"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/web"
)

// TestAPreviewIsWhatARouteWouldGet, in its zone, and sends nothing.
func TestAPreviewIsWhatARouteWouldGet(t *testing.T) {
	hook, got := inbox(t)
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	s, stop := staffed(t, filepath.Join(t.TempDir(), "picket.db"), config.Route{Name: "chat", Webhook: hook, Zone: zone, Delay: time.Hour})
	defer stop()
	i := trouble("01J")
	s.c.alerts.changed(i)
	saved(t, s, "01J")
	if _, err := s.Acknowledge(t.Context(), "ana", "01J", ""); err != nil {
		t.Fatal(err)
	}
	p, err := s.PreviewAlert(t.Context(), web.PreviewRequest{Incident: "01J", Route: "chat"})
	if err != nil || p.Way != "webhook" || p.Message.Route != "chat" || p.Message.Event != alert.Opened || p.Message.By != "ana" || !strings.Contains(p.Message.Text, " JST (") {
		t.Errorf("%v: %+v", err, p)
	}
	p, err = s.PreviewAlert(t.Context(), web.PreviewRequest{Example: "recovered", Route: "chat"})
	if err != nil || p.Message.Event != alert.Resolved || !strings.Contains(p.Message.Text, "17:41:20 JST (08:41:20 UTC)") {
		t.Errorf("%v: %s", err, p.Message.Text)
	}
	for _, r := range []web.PreviewRequest{{Incident: "01J", Route: "fax"}, {Example: "nothing"}} {
		if _, err := s.PreviewAlert(t.Context(), r); !errors.As(err, new(*web.Error)) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := s.PreviewAlert(t.Context(), web.PreviewRequest{Incident: "none"}); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	select {
	case m := <-got:
		t.Errorf("a preview was sent: %+v", m)
	default:
	}
}

// TestTheFirstNoticeToEachClientIsKept, and only to who is concerned.
func TestTheFirstNoticeToEachClientIsKept(t *testing.T) {
	s, stop := staffed(t, filepath.Join(t.TempDir(), "picket.db"))
	defer stop()
	i := trouble("01J")
	i.Impact = []detect.Impact{{Client: "acme", Failing: 2, Sites: 2}}
	i.Evidence = []detect.Evidence{{Site: "acme/madrid", Client: "acme", Answer: "down"}}
	s.c.alerts.changed(i)
	saved(t, s, "01J")
	d, err := s.DraftNotice(t.Context(), i, "acme", notice.English)
	if err != nil || d.Subject != "azure problem - nothing wrong at your office" || !d.Next.After(time.Now()) {
		t.Errorf("%v: %+v", err, d)
	}
	if _, err := s.DraftNotice(t.Context(), i, "globex", notice.English); !errors.Is(err, notice.ErrNothing) {
		t.Errorf("a client that is not concerned: %v", err)
	}
	for _, by := range []string{"ana", "bo"} {
		if err := s.NoteNotice(t.Context(), by, "01J", "acme"); err != nil {
			t.Fatal(err)
		}
	}
	h, err := s.Handling(t.Context(), "01J")
	if err != nil || len(h.Notices) != 1 || h.Notices[0].Client != "acme" || h.Notices[0].By != "ana" {
		t.Errorf("%v: %+v", err, h.Notices)
	}
	if err := s.NoteNotice(t.Context(), "ana", "01J", "globex"); !errors.As(err, new(*web.Error)) {
		t.Errorf("a client that is not concerned: %v", err)
	}
	if err := s.NoteNotice(t.Context(), "ana", "none", "acme"); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
}

// TestARouteForCustomersGetsANotice, and nothing of anybody else.
func TestARouteForCustomersGetsANotice(t *testing.T) {
	hook, got := inbox(t)
	s, stop := staffed(t, filepath.Join(t.TempDir(), "picket.db"), config.Route{Name: "acme", Webhook: hook, Policy: config.Policy{Class: config.ClassClient, Clients: []string{"acme"}}})
	defer stop()
	i := trouble("01J")
	i.Impact = []detect.Impact{{Client: "acme", Failing: 2, Sites: 2}, {Client: "globex", Failing: 1, Sites: 1}}
	i.Evidence = []detect.Evidence{{Site: "acme/madrid", Client: "acme", Answer: "down"}, {Site: "globex/lyon", Client: "globex", Answer: "down"}}
	s.c.alerts.changed(i)
	m := receive(t, got)
	if m.Subject != "azure problem - nothing wrong at your office" || !strings.Contains(m.Text, "Your internet connection works.") || len(m.Clients) != 1 || len(m.Evidence) != 1 || len(m.Links) != 0 {
		t.Errorf("got %+v", m)
	}
}
