package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// saved is a store with one incident.
func saved(t *testing.T, path, incident string) *Store {
	t.Helper()
	s := openAt(t, path)
	if err := s.SaveIncident(t.Context(), incident, []byte("{}"), at, at, true, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func trail(t *testing.T, s *Store) (actions string) {
	t.Helper()
	all, err := s.AuditLog(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		actions = e.Actor + " " + e.Action + " " + e.Subject + "\n" + actions
	}
	return actions
}

// TestTheFirstAcknowledgementStays: response times are made of it, so neither a
// later one, nor a restart, nor the incident's end changes it.
func TestTheFirstAcknowledgementStays(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := saved(t, path, "i1")
	if _, err := s.Acknowledge(ctx, Acknowledgement{Incident: "i2", At: at, By: "ana"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("an incident that is not there: %v", err)
	}
	want := []Acknowledgement{{"i1", at, "ana", "looking at it"}, {"i1", at.Add(time.Minute), "bob", "called Microsoft"}, {"i1", at.Add(-time.Hour), "eve", ""}}
	for n, a := range want {
		if first, err := s.Acknowledge(ctx, a); err != nil || first != (n == 0) {
			t.Fatalf("%d: first %v, %v", n, first, err)
		}
	}
	if err := s.SaveIncident(ctx, "i1", []byte(`{"state":"resolved"}`), at, at, false, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = openAt(t, path)
	if _, err := s.Prune(ctx, at.AddDate(10, 0, 0)); err != nil {
		t.Fatal(err)
	}
	got, err := s.Acknowledgements(ctx, "i1")
	if err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%+v, %v", got, err)
	}
	for n := len(got); n < maxAcknowledgements; n++ {
		if _, err := s.Acknowledge(ctx, Acknowledgement{Incident: "i1", At: at, By: "loop"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Acknowledge(ctx, Acknowledgement{Incident: "i1", At: at, By: "loop"}); !errors.Is(err, ErrMany) {
		t.Errorf("without end: %v", err)
	}
}

func TestAcknowledgementsStandInTheTrail(t *testing.T) {
	s, ctx := saved(t, file(t), "i1"), t.Context()
	if _, err := s.Acknowledge(ctx, Acknowledgement{Incident: "i1", At: at, By: "ana"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveOpinion(ctx, Opinion{Incident: "i1", By: "bob", Verdict: "noise", At: at}); err != nil {
		t.Fatal(err)
	}
	if got := trail(t, s); got != "ana incident.ack i1\nbob incident.opinion i1\n" {
		t.Errorf("the trail says:\n%s", got)
	}
}

func TestOneOpinionOfEach(t *testing.T) {
	s, ctx := saved(t, file(t), "i1"), t.Context()
	for _, o := range []Opinion{{"i1", "bob", "noise", at}, {"i1", "ana", "useful", at}, {"i1", "bob", "wrong", at.Add(time.Minute)}} {
		if err := s.SaveOpinion(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SaveOpinion(ctx, Opinion{Incident: "i2", By: "bob"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("an incident that is not there: %v", err)
	}
	all, err := s.Opinions(ctx, "i1")
	if err != nil || len(all) != 2 || all[0].Verdict != "useful" || all[1].Verdict != "wrong" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestTheFirstNoticeToAClientStays(t *testing.T) {
	s, ctx := saved(t, file(t), "i1"), t.Context()
	for _, n := range []ClientNotice{{"i1", "globex", at.Add(time.Hour), "bob"}, {"i1", "acme", at, "ana"}, {"i1", "acme", at.Add(-time.Hour), "eve"}} {
		if err := s.FirstNotice(ctx, n.Incident, n.At, n.By, n.Client); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.FirstNotice(ctx, "i2", at, "ana", "acme"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an incident that is not there: %v", err)
	}
	all, err := s.ClientNotices(ctx, "i1")
	if err != nil || len(all) != 2 || all[0] != (ClientNotice{"i1", "acme", at, "ana"}) || all[1].Client != "globex" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestSilences(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	add := func(lasts time.Duration) Silence {
		t.Helper()
		x, err := s.AddSilence(ctx, Silence{Doc: []byte("doc"), Comment: "storm", Author: "ana", Created: at, Expires: at.Add(lasts)})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	short, long, taken := add(time.Hour), add(30*24*time.Hour), add(2*time.Hour)
	if err := s.EndSilence(ctx, taken.ID, "bob", at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]error{taken.ID: nil, short.ID: nil, "none": ErrNotFound} { // the one is ended, the other over
		if err := s.EndSilence(ctx, id, "eve", at.Add(90*time.Minute)); !errors.Is(err, want) {
			t.Errorf("end %s: %v", id, err)
		}
	}
	s.Close()
	s = openAt(t, path)
	for after, want := range map[time.Duration][]Silence{0: {long, taken, short}, time.Minute: {long, short}, time.Hour: {long}, 31 * 24 * time.Hour: nil} {
		got, err := s.Silences(ctx, at.Add(after))
		if err != nil || len(got) != len(want) {
			t.Fatalf("after %s: %+v, %v", after, got, err)
		}
		for k := range want {
			if got[k].ID != want[k].ID || string(got[k].Doc) != "doc" || got[k].Comment != "storm" {
				t.Errorf("after %s: %+v", after, got[k])
			}
		}
	}
	if all, err := s.Silences(ctx, time.Time{}); err != nil || len(all) != 3 || all[1].Ender != "bob" || !all[1].Ended.Equal(at.Add(time.Minute)) || !all[2].Ended.IsZero() {
		t.Errorf("all: %+v, %v", all, err)
	}
	if got := trail(t, s); !strings.Contains(got, "ana silence.add "+long.ID) || strings.Count(got, "silence.end") != 1 || !strings.Contains(got, "bob silence.end "+taken.ID) {
		t.Errorf("the trail says:\n%s", got)
	}
	if p, err := s.Prune(ctx, at.Add(keepHours+24*time.Hour)); err != nil || p.Silences != 2 {
		t.Errorf("pruned %+v, %v", p, err)
	}
}

func TestSilencesAreBounded(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	if _, err := s.write.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?)
		INSERT INTO silences (id, doc, comment, author, created, expires) SELECT i, x'', '', '', 0, ? FROM n`, maxSilences, millis(at.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddSilence(ctx, Silence{Created: at, Expires: at.Add(time.Hour)}); !errors.Is(err, ErrMany) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := s.AddSilence(ctx, Silence{Created: at.Add(time.Hour), Expires: at.Add(2 * time.Hour)}); err != nil {
		t.Errorf("after the others: %v", err)
	}
}

// TestPlannedWorkIsKeptAsItWasApplied: taking a window out of the file, or
// another meaning of it later, changes nothing of what was.
func TestPlannedWorkIsKeptAsItWasApplied(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	hour := func(n int) time.Time { return at.Add(time.Duration(n) * time.Hour) }
	tonight := PlannedWork{Start: hour(1), Until: hour(3), Doc: []byte("azure"), Covered: []byte("a")}
	later := PlannedWork{Start: hour(24), Until: hour(25), Doc: []byte("aws"), Covered: []byte("x")}
	grown := tonight
	grown.Covered = []byte("a b")
	changed := tonight
	changed.Covered = []byte("c")
	for _, step := range []struct {
		at      int
		windows []PlannedWork
	}{{0, []PlannedWork{tonight, later}}, {1, []PlannedWork{grown, later}}, {2, nil}, {5, []PlannedWork{changed}}} {
		if err := s.ApplyPlannedWork(ctx, hour(step.at), step.windows); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.PlannedWork(ctx, hour(0), hour(100))
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if w := all[0]; string(w.Doc) != "azure" || string(w.Covered) != "a b" || !w.Applied.Equal(hour(0)) || !w.Withdrawn.Equal(hour(2)) {
		t.Errorf("tonight: %+v", w)
	}
	if w := all[1]; string(w.Doc) != "aws" || !w.Withdrawn.Equal(hour(2)) {
		t.Errorf("later: %+v", w)
	}
	if err := s.ApplyPlannedWork(ctx, hour(6), []PlannedWork{later}); err != nil { // and once more
		t.Fatal(err)
	}
	if all, err = s.PlannedWork(ctx, hour(4), hour(100)); err != nil || len(all) != 2 || !all[1].Applied.Equal(hour(6)) || !all[1].Withdrawn.IsZero() {
		t.Errorf("again: %+v, %v", all, err)
	}
}

// TestADatabaseBeforePeopleLivesOn: incidents of before can be acknowledged.
func TestADatabaseBeforePeopleLivesOn(t *testing.T) {
	path, ctx := file(t), t.Context()
	old, err := open(ctx, path, nil, migrations[:slices.Index(migrations, formatPeople)], "FULL")
	if err != nil {
		t.Fatal(err)
	}
	if err := old.SaveIncident(ctx, "i1", []byte("{}"), at, at, true, nil); err != nil {
		t.Fatal(err)
	}
	old.Close()
	s := openAt(t, path)
	if first, err := s.Acknowledge(ctx, Acknowledgement{Incident: "i1", At: at, By: "ana"}); err != nil || !first {
		t.Errorf("%v, %v", first, err)
	}
}

// TestABackupHasWhatPeopleDid: acknowledgements and notices come back from it.
// Silences come back ended: one that was ended after the copy would mute again.
func TestABackupHasWhatPeopleDid(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := saved(t, path, "i1")
	if _, err := s.Acknowledge(ctx, Acknowledgement{Incident: "i1", At: at, By: "ana"}); err != nil {
		t.Fatal(err)
	}
	if err := s.FirstNotice(ctx, "i1", at, "ana", "acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddSilence(ctx, Silence{Author: "ana", Comment: "c", Created: at, Expires: at.Add(24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(ctx, to); err != nil {
		t.Fatal(err)
	}
	r := openAt(t, to)
	if err := r.Restored(ctx, "operator", at, at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if all, err := r.Acknowledgements(ctx, "i1"); err != nil || len(all) != 1 || all[0].By != "ana" {
		t.Errorf("acknowledgements %+v, %v", all, err)
	}
	if all, err := r.ClientNotices(ctx, "i1"); err != nil || len(all) != 1 {
		t.Errorf("notices %+v, %v", all, err)
	}
	if all, err := r.Silences(ctx, at.Add(time.Hour)); err != nil || len(all) != 0 {
		t.Errorf("silences %+v, %v", all, err)
	}
}

const ackVar = "PICKET_STORE_ACK_FILE"

// TestKilledWhileAcknowledging is its own child process, which acknowledges one
// incident after another and says so, until it is killed: what was said is there.
func TestKilledWhileAcknowledging(t *testing.T) {
	if path := os.Getenv(ackVar); path != "" {
		acknowledgeForEver(path)
		return
	}
	path := file(t)
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileAcknowledging$")
		cmd.Env = append(os.Environ(), ackVar+"="+path)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			id, ok := strings.CutPrefix(lines.Text(), "acked ")
			if !ok {
				t.Errorf("the child says: %s", lines.Text())
				break
			}
			if said = append(said, id); len(said) == 10+7*round {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		s := openAt(t, path)
		for _, id := range said {
			if all, err := s.Acknowledgements(t.Context(), id); err != nil || len(all) != 1 {
				t.Errorf("round %d: incident %s was acknowledged, and has %d, %v", round, id, len(all), err)
			}
		}
		if check := integrity(t, s); check != "ok" || len(said) < 10 {
			t.Errorf("round %d: %d said, integrity %s", round, len(said), check)
		}
		s.Close()
	}
}

func acknowledgeForEver(path string) {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute) // should the parent die
	defer stop()
	s, err := Open(ctx, path, nil)
	for n := 0; err == nil; n++ {
		id := fmt.Sprintf("%d-%d", os.Getpid(), n)
		if err = s.SaveIncident(ctx, id, nil, at, at, true, nil); err == nil {
			_, err = s.Acknowledge(ctx, Acknowledgement{Incident: id, At: at, By: "ana"})
		}
		if err == nil {
			fmt.Println("acked", id)
		}
	}
	fmt.Println(err)
}
