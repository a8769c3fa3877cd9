package store

import (
	"path/filepath"
	"testing"
	"time"
)

// TestReceiptsTellWhatBecameOfARoutesMessages, without what was only written down.
func TestReceiptsTellWhatBecameOfARoutesMessages(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "picket.db"))
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	put := func(id, incident, route string, state MessageState) {
		t.Helper()
		if err := s.Enqueue(ctx, []Message{{ID: id, Incident: incident, Route: route, Event: "opened", Body: []byte("{}"), Created: now, State: state}}); err != nil {
			t.Fatal(err)
		}
	}
	put("1", "01J", "chat", MessageDue)
	put("2", "01J", "mail", MessageDue)
	put("3", "01K", "mail", MessageDue)
	put("4", "ROUTE-1-chat", "mail", MessageDue)
	put("5", "01J", "dry", MessageRecorded)
	for _, err := range []error{
		s.Sent(ctx, "2", now.Add(time.Second)), s.Failed(ctx, "3", now.Add(2*time.Second), "answers 404", true),
		s.Failed(ctx, "4", now.Add(time.Minute), "answers 503", false),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Receipts(ctx)
	if err != nil || len(got) != 3 || got[0] != (RouteReceipts{Route: "chat", Waiting: 1}) || got[1] != (RouteReceipts{Route: "dry"}) ||
		got[2] != (RouteReceipts{Route: "mail", Waiting: 1, Sent: 1, Dead: 1, LastSent: now.Add(time.Second), LastDead: now.Add(2 * time.Second)}) {
		t.Errorf("receipts %+v, %v", got, err)
	}
	ids := func(all []Message, err error) (s string) {
		if err != nil {
			t.Error(err)
		}
		for _, m := range all {
			s += m.ID
		}
		return s
	}
	if got := ids(s.Undelivered(ctx, now, 10)); got != "34" { // 1 was not tried yet
		t.Errorf("undelivered %s", got)
	}
	if got := ids(s.Undelivered(ctx, now.Add(time.Hour), 10)); got != "4" {
		t.Errorf("undelivered, and given up lately: %s", got)
	}
	if got := ids(s.Letters(ctx, "ROUTE-", 10)); got != "4" {
		t.Errorf("of routes %s", got)
	}
	if got := ids(s.Letters(ctx, "", 2)); got != "54" {
		t.Errorf("the newest %s", got)
	}
}
