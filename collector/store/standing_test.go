package store

import (
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestWhatStandsOnARoute follows from the newest message of each incident.
func TestWhatStandsOnARoute(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "picket.db"))
	now := time.Now().Truncate(time.Millisecond)
	put := func(id, incident, route, event string, age time.Duration, state MessageState) {
		t.Helper()
		m := Message{ID: id, Incident: incident, Route: route, Event: event, Body: []byte("{}"), Created: now.Add(-age), State: state}
		if err := s.Enqueue(t.Context(), []Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	put("a.r.1", "a", "r", "opened", time.Hour, MessageDue)
	put("a.r.2", "a", "r", "updated", 30*time.Minute, MessageDue)
	put("b.r.1", "b", "r", "opened", time.Hour, MessageDue)
	put("b.r.2", "b", "r", "resolved", 10*time.Minute, MessageDue) // over for long
	put("c.r.1", "c", "r", "opened", time.Hour, MessageDue)
	put("c.r.2", "c", "r", "resolved", time.Minute, MessageDue) // just over
	put("d.r.1", "d", "r", "resolved", 50*time.Minute, MessageDue)
	put("d.r.2", "d", "r", "opened", 20*time.Minute, MessageDue) // it is back
	put("e.other.1", "e", "other", "opened", time.Hour, MessageDue)
	put("f.r.1", "f", "r", "opened", time.Hour, MessageRecorded) // never sent
	put("g.r.1", "g", "r", "opened", 40*24*time.Hour, MessageDue)
	put("TEST-WEEK-1.r.1", "TEST-WEEK-1", "r", "test", time.Minute, MessageDue) // no incident: it is not said again
	for k := range 11 {                                                         // the tenth is newer than the ninth, written in the same moment
		event := "updated"
		if k == 10 {
			event = "resolved"
		}
		put("h.r."+[]string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}[k], "h", "r", event, 15*time.Minute, MessageDue)
	}
	got, err := s.Standing(t.Context(), "r", now.Add(-5*time.Minute))
	slices.Sort(got)
	if want := []string{"a", "c", "d"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	// Given up counts like sent: the end of an alert must not be forgotten because
	// nobody could be told of it.
	put("i.r.1", "i", "r", "opened", time.Hour, MessageDue)
	put("i.r.2", "i", "r", "resolved", 20*time.Minute, MessageDue)
	if err := s.Failed(t.Context(), "i.r.2", now, "gone", true); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Standing(t.Context(), "r", now.Add(-5*time.Minute)); err != nil || slices.Contains(again, "i") {
		t.Errorf("got %q, %v", again, err)
	}
}
