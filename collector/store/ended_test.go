package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func TestWhatBecameOfMessages(t *testing.T) {
	s := saved(t, filepath.Join(t.TempDir(), "picket.db"), "I")
	defer s.Close()
	t0 := time.UnixMilli(1_772_366_400_000)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Enqueue(t.Context(), []Message{
		{ID: "at-once", Incident: "I", Route: "a", Event: "opened", Created: t0, Due: t0.Add(30 * time.Second)},
		{ID: "retried", Incident: "I", Route: "b", Event: "opened", Created: t0},
		{ID: "dead", Incident: "I", Route: "c", Event: "opened", Created: t0},
		{ID: "waits", Incident: "I", Route: "d", Event: "opened", Created: t0},
		{ID: "recorded", Incident: "I", Route: "e", Event: "opened", Created: t0, State: MessageRecorded, Done: t0},
	}))
	must(s.Sent(t.Context(), "at-once", t0.Add(31*time.Second)))
	must(s.Failed(t.Context(), "retried", t0.Add(5*time.Second), "busy", false))
	must(s.Sent(t.Context(), "retried", t0.Add(6*time.Second)))
	must(s.Failed(t.Context(), "dead", t0.Add(7*time.Second), "gone", true))
	must(s.Failed(t.Context(), "waits", t0.Add(time.Hour), "busy", false))

	all, err := s.Ended(t.Context(), t0, 10)
	must(err)
	got := ""
	for _, e := range all {
		got += fmt.Sprintf("%s %d %v %d; ", e.Route, e.State, e.Took, e.Tries)
	}
	if want := "a 1 1s 1; c 2 7s 1; b 1 6s 2; "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if all, err := s.Ended(t.Context(), t0.Add(10*time.Second), 10); err != nil || len(all) != 1 {
		t.Errorf("since then %d ended, %v", len(all), err)
	}
	if at, err := s.OldestDue(t.Context(), t0.Add(time.Minute)); err != nil || !at.Equal(t0) {
		t.Errorf("the oldest is due since %v, %v", at, err)
	}
	if at, err := s.OldestDue(t.Context(), t0.Add(-time.Minute)); err != nil || !at.IsZero() {
		t.Errorf("before its time one is due since %v, %v", at, err)
	}
	if at, err := s.FirstSent(t.Context(), "I"); err != nil || !at.Equal(t0.Add(6*time.Second)) {
		t.Errorf("first told %v, %v", at, err)
	}
	if at, err := s.FirstSent(t.Context(), "another"); err != nil || !at.IsZero() {
		t.Errorf("told %v, %v", at, err)
	}
}
