package store

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func TestConfigIDsGrowOnlyWhenAgentsAreToldSomethingNew(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	if _, err := s.LastConfig(ctx); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an empty store: %v", err)
	}
	first := fleet.Config{ID: 99, Politeness: time.Second, Targets: []fleet.Target{{ID: "web", Dependencies: []string{"cdn"}}},
		Checks: []fleet.Check{{ID: "web/http", Target: "web", Interval: time.Minute, Spec: probes.Spec{Kind: probes.HTTP, Host: "example.org", Status: []int{200}}}}}
	second := first
	second.Politeness = 2 * time.Second
	for i, step := range []struct {
		cfg     fleet.Config
		source  string
		id      uint64
		changed bool
	}{
		{first, "a", 1, true},
		{first, "a", 1, false},
		{first, "a # comment", 1, false},
		{second, "b", 2, true},
		{first, "a", 3, true}, // back again
	} {
		got, changed, err := s.SaveConfig(ctx, step.cfg, "/etc/picket.yaml", []byte(step.source), at.Add(time.Duration(i)*time.Hour))
		if err != nil || got.ID != step.id || changed != step.changed {
			t.Fatalf("step %d: id %d, changed %v, %v", i, got.ID, changed, err)
		}
	}
	s.Close()
	s = openAt(t, path)
	want := first
	want.ID = 3
	last, err := s.LastConfig(ctx)
	if err != nil || string(last.Source) != "a" || !last.At.Equal(at.Add(4*time.Hour)) || !reflect.DeepEqual(last.Config, want) {
		t.Errorf("last: %+v, %v", last, err)
	}
	second.ID = 2
	if got, err := s.Config(ctx, 2); err != nil || !reflect.DeepEqual(got, second) {
		t.Errorf("config 2: %+v, %v", got, err)
	}
	if _, err := s.Config(ctx, 1<<63); !errors.Is(err, ErrNotFound) {
		t.Errorf("config 2^63: %v", err)
	}
	var kept int
	if err := s.read.QueryRow(`SELECT count(*) FROM sources`).Scan(&kept); err != nil || kept != 4 {
		t.Errorf("%d files kept, %v; want 4", kept, err)
	}
}

func TestTheOutboxSurvivesAndTellsOnce(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	opened := Message{ID: "i1/opened", Incident: "i1", Route: "hook", Event: "opened", Body: []byte(`{"a":1}`), Created: at}
	closed := Message{ID: "i1/closed", Incident: "i1", Route: "hook", Event: "closed", Created: at.Add(time.Minute), Due: at.Add(time.Hour)}
	if err := s.SaveIncident(ctx, "i1", []byte("one"), at, at, true, []Message{opened, closed}); err != nil {
		t.Fatal(err)
	}
	s.Close()

	s = openAt(t, path)
	due, err := s.Due(ctx, "hook", at, 10)
	want := opened
	want.Due = at
	if err != nil || !reflect.DeepEqual(due, []Message{want}) {
		t.Fatalf("due %+v, %v", due, err)
	}
	if err := s.Failed(ctx, opened.ID, at.Add(5*time.Second), strings.Repeat("x", 900), false); err != nil {
		t.Fatal(err)
	}
	if due, _ := s.Due(ctx, "hook", at, 10); len(due) != 0 {
		t.Errorf("due too early: %+v", due)
	}
	due, err = s.Due(ctx, "hook", at.Add(5*time.Second), 10)
	if err != nil || len(due) != 1 || due[0].Attempts != 1 || len(due[0].LastError) != 500 {
		t.Fatalf("second try: %+v, %v", due, err)
	}
	if err := s.Sent(ctx, opened.ID, at.Add(6*time.Second)); err != nil {
		t.Fatal(err)
	}
	// The collector died before it noted that it had decided, and decides again.
	if err := s.SaveIncident(ctx, "i1", []byte("two"), at.Add(time.Hour), at.Add(time.Hour), false, []Message{opened}); err != nil {
		t.Fatal(err)
	}
	if due, _ := s.Due(ctx, "hook", at.Add(time.Minute), 10); len(due) != 0 {
		t.Errorf("told twice: %+v", due)
	}
	if err := s.Failed(ctx, closed.ID, at.Add(24*time.Hour), "gave up", true); err != nil {
		t.Fatal(err)
	}
	all, err := s.Messages(ctx, "i1")
	if err != nil || len(all) != 2 || all[0].State != MessageSent || all[1].State != MessageDead {
		t.Errorf("messages %+v, %v", all, err)
	}
	if n, err := s.Outbox(ctx); err != nil || n != (Outbox{Sent: 1, Dead: 1}) {
		t.Errorf("outbox: %+v, %v", n, err)
	}
	if p, err := s.Prune(ctx, at.Add(100*24*time.Hour)); err != nil || p.Messages != 2 {
		t.Errorf("pruned %+v, %v", p, err)
	}
	if err := s.Sent(ctx, "nothing", at); !errors.Is(err, ErrNotFound) {
		t.Errorf("sent nothing: %v", err)
	}
}

func TestIncidentsAreListed(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	for i, open := range []bool{true, false, true} {
		opened := at.Add(time.Duration(i) * time.Minute)
		if err := s.SaveIncident(ctx, string(rune('a'+i)), []byte{byte('a' + i)}, opened, opened, open, nil); err != nil {
			t.Fatal(err)
		}
	}
	list := func(open bool, limit int) (s2 string) {
		docs, err := s.Incidents(ctx, open, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			s2 += string(d)
		}
		return s2
	}
	if got := list(true, 0) + " " + list(false, 0) + " " + list(false, 1); got != "ca cba c" {
		t.Errorf("listed %q", got)
	}
	if doc, err := s.Incident(ctx, "b"); err != nil || string(doc) != "b" {
		t.Errorf("%q, %v", doc, err)
	}
	if _, err := s.Incident(ctx, "z"); !errors.Is(err, ErrNotFound) {
		t.Errorf("incident z: %v", err)
	}
}

func TestNoticesAndAudit(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	n := Notice{ID: "aws:1", Provider: "aws", Doc: []byte("first"), Published: at, Seen: at.Add(time.Minute)}
	later := n
	later.Doc, later.Seen = []byte("second"), at.Add(time.Hour)
	for _, v := range []Notice{n, later} {
		if err := s.SaveNotice(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Notices(ctx, "aws", at)
	later.Seen = n.Seen
	if err != nil || !reflect.DeepEqual(got, []Notice{later}) {
		t.Errorf("notices %+v, %v", got, err)
	}
	if got, err := s.Notices(ctx, "gcp", at); err != nil || len(got) != 0 {
		t.Errorf("notices of another: %+v, %v", got, err)
	}
	entries := []Entry{{at, "unix:0", "token.create", "t1", ""}, {at.Add(time.Second), "collector", "config.apply", "2", "by file"}}
	for _, e := range entries {
		if err := s.Audit(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	log, err := s.AuditLog(ctx, 1)
	if err != nil || !reflect.DeepEqual(log, entries[1:]) {
		t.Errorf("audit %+v, %v", log, err)
	}
}

// TestWhatIsRecordedIsNeverDue: it is found by its time, counted by itself, kept
// as long as what was sent, and never handed to who delivers.
func TestWhatIsRecordedIsNeverDue(t *testing.T) {
	ctx, s := t.Context(), openAt(t, file(t))
	would := Message{ID: "i1.page.1", Incident: "i1", Route: "page", Event: "opened", Body: []byte(`{}`), Created: at, State: MessageRecorded}
	does := Message{ID: "i1.desk.1", Incident: "i1", Route: "desk", Event: "opened", Body: []byte(`{}`), Created: at}
	if err := s.SaveIncident(ctx, "i1", []byte("one"), at, at, true, []Message{would, does}); err != nil {
		t.Fatal(err)
	}
	if due, err := s.Due(ctx, "page", at.Add(time.Hour), 10); err != nil || len(due) != 0 {
		t.Errorf("due: %+v, %v", due, err)
	}
	if names, err := s.WaitingRoutes(ctx); err != nil || len(names) != 1 || names[0] != "desk" {
		t.Errorf("waiting: %q, %v", names, err)
	}
	for _, c := range []struct {
		from, to time.Time
		want     int
	}{{at, at.Add(time.Second), 1}, {at.Add(-time.Hour), at, 0}, {at.Add(time.Second), at.Add(time.Hour), 0}} {
		if got, err := s.Recorded(ctx, c.from, c.to, 10); err != nil || len(got) != c.want {
			t.Errorf("from %v to %v: %+v, %v", c.from, c.to, got, err)
		}
	}
	if n, err := s.Outbox(ctx); err != nil || n != (Outbox{Waiting: 1, Recorded: 1}) {
		t.Errorf("outbox: %+v, %v", n, err)
	}
	if p, err := s.Prune(ctx, at.Add(80*24*time.Hour)); err != nil || p.Messages != 0 {
		t.Errorf("pruned too soon: %+v, %v", p, err)
	}
	if p, err := s.Prune(ctx, at.Add(100*24*time.Hour)); err != nil || p.Messages != 1 {
		t.Errorf("not pruned: %+v, %v", p, err)
	}
}
