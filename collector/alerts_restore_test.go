package collector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
)

// TestAnOldOpenIncidentIsTakenBack: a site has been dark for weeks, and more
// incidents than are read of the newest have come and gone since.
func TestAnOldOpenIncidentIsTakenBack(t *testing.T) {
	h := newHooks(t, filepath.Join(t.TempDir(), "picket.db"), config.Weekly{Off: true})
	defer h.s.Close()
	now := time.Now()
	save := func(i detect.Incident) {
		t.Helper()
		doc, err := json.Marshal(i)
		if err == nil {
			err = h.s.SaveIncident(t.Context(), i.ID, doc, i.Opened, i.Opened, i.State.Open(), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	save(detect.Incident{ID: "dark", Kind: detect.KindSite, State: detect.Confirmed, Opened: now.Add(-30 * 24 * time.Hour)})
	for k := range 1001 {
		at := now.Add(-time.Duration(k+180) * time.Minute)
		save(detect.Incident{ID: fmt.Sprint("over", k), Kind: detect.KindSite, State: detect.Resolved, Opened: at, Resolved: at})
	}
	save(detect.Incident{ID: "new", Kind: detect.KindSite, State: detect.Confirmed, Opened: now})
	open, err := h.a.restore(t.Context(), now)
	var ids []string
	for _, i := range open {
		ids = append(ids, i.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"dark", "new"}) || err != nil {
		t.Errorf("taken back %q, %v", ids, err)
	}
}

// TestTheReceiptOfATestIsNoLetter: it is written down as delivered, so that no
// crash leaves it to be sent, and a restart does not try to read what it said.
func TestTheReceiptOfATestIsNoLetter(t *testing.T) {
	h := newHooks(t, filepath.Join(t.TempDir(), "picket.db"), config.Weekly{Off: true})
	defer h.s.Close()
	h.a.tested(t.Context(), "pager", time.Now())
	all, err := h.s.Letters(t.Context(), "TEST-", 10)
	if err != nil || len(all) != 1 || all[0].State != store.MessageSent || all[0].Done.IsZero() || all[0].Attempts != 0 {
		t.Errorf("kept %+v, %v", all, err)
	}
	var said bytes.Buffer
	h.a.log = slog.New(slog.NewTextHandler(&said, nil))
	if _, err := h.a.restore(t.Context(), time.Now()); err != nil || said.Len() > 0 {
		t.Errorf("after a restart: %v\n%s", err, &said)
	}
}
