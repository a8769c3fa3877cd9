package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
)

// TestReleasedStepsStay holds the rule that a released step is never edited: a
// database that went through it would differ from one that goes through it now.
func TestReleasedStepsStay(t *testing.T) {
	const want = "5db240c3c6d78384c4323052ac34f4ddf952250738f3909bd0ffa83f920ba647"
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(format1))); got != want {
		t.Errorf("format 1 was edited (%s): add a step instead", got)
	}
	const want2 = "35e41355a7f1e40c38c79fd3727806f527098ce9cad1324dfdabb89a9914f59f"
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(format2))); got != want2 {
		t.Errorf("format 2 was edited (%s): add a step instead", got)
	}
}

// TestADatabaseOfTheFirstFormatLivesOn fills a database as the first release
// made it, and opens it with this one.
func TestADatabaseOfTheFirstFormatLivesOn(t *testing.T) {
	path, ctx := file(t), t.Context()
	old, err := open(ctx, path, nil, migrations[:1], "FULL")
	if err != nil {
		t.Fatal(err)
	}
	seed(t, ctx, old, Token{ID: "tok", Secret: []byte("sixteen bytes ..")})
	for _, q := range []string{ // as the first release wrote them
		`INSERT INTO configs (digest, doc, applied) VALUES (x'00', CAST('{"Politeness":1000000000}' AS BLOB), 1)`,
		`INSERT INTO sources (digest, source, config, applied) VALUES (x'01', CAST('politeness: 1s' AS BLOB), 1, 1)`,
	} {
		if _, err := old.write.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.SaveIncident(ctx, "i1", []byte("doc"), at, at, true, []Message{{ID: "m1", Incident: "i1", Route: "hook", Created: at}}); err != nil {
		t.Fatal(err)
	}
	if err := old.Audit(ctx, Entry{At: at, Actor: "operator", Action: "token.create"}); err != nil {
		t.Fatal(err)
	}
	old.Close()

	s := openAt(t, path)
	want := Agent{ID: "A1", Client: "acme", Site: "acme/hq", Region: "eu", Slot: 7, Created: at, Version: "1", OS: "linux", Hostname: "box"}
	if got, err := s.Agent(ctx, "A1"); err != nil || got != want {
		t.Errorf("agent %+v, %v", got, err)
	}
	if last, err := s.LastConfig(ctx); err != nil || last.Name != "" || string(last.Source) != "politeness: 1s" || last.Config.Politeness != time.Second {
		t.Errorf("config %+v, %v", last, err)
	}
	if due, err := s.Due(ctx, "hook", at, 9); err != nil || len(due) != 1 {
		t.Errorf("outbox %+v, %v", due, err)
	}
	newUser(t, s, "bob")
	if trail, err := s.AuditLog(ctx, 9); err != nil || len(trail) != 1 {
		t.Errorf("trail %+v, %v", trail, err)
	}
	if in, err := Inspect(ctx, path+".format1.bak"); err != nil || in != (Inside{Format: 1, Agents: 1, Open: 1, Waiting: 1}) {
		t.Errorf("the copy made before: %+v, %v", in, err)
	}
}

func TestTheNameOfTheFileIsKept(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	for i, name := range []string{"/etc/picket.yaml", "/srv/picket.yaml", "/srv/picket.yaml"} {
		cfg, changed, err := s.SaveConfig(ctx, fleet.Config{Politeness: time.Second}, name, []byte("politeness: 1s"), at.Add(time.Duration(i)*time.Hour))
		if err != nil || cfg.ID != 1 || changed != (i == 0) {
			t.Fatalf("%d: %+v, changed %v, %v", i, cfg, changed, err)
		}
	}
	if last, err := s.LastConfig(ctx); err != nil || last.Name != "/srv/picket.yaml" || !last.At.Equal(at.Add(time.Hour)) {
		t.Errorf("last %+v, %v", last, err)
	}
}

// TestABackupIsOneMomentWhileCommitsGoOn takes copies under load: each must be
// whole, and agree with itself to the last result.
func TestABackupIsOneMomentWhileCommitsGoOn(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	stop, loaded := make(chan struct{}), make(chan error, 1)
	go func() {
		for seq := uint64(0); ; seq += 20 {
			select {
			case <-stop:
				loaded <- nil
				return
			default:
			}
			d := Delivery{Agent: "a", Batch: batch(1, span(seq+1, seq+20)...), Config: &fleet.Config{}}
			if _, err := s.Commit(ctx, []Delivery{d}); err != nil {
				loaded <- err
				return
			}
		}
	}()
	var before uint64
	for i := range 5 {
		to := filepath.Join(filepath.Dir(path), "copy.db")
		if err := s.Backup(ctx, to); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the copy: %v, %v", info, err)
		}
		if _, err := Inspect(ctx, to); err != nil {
			t.Errorf("copy %d: %v", i, err)
		}
		c := openAt(t, to)
		totals, err := c.Totals(ctx)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, c, totals.Results)
		if totals.Results < before {
			t.Errorf("copy %d has %d results, one before it had %d", i, totals.Results, before)
		}
		before = totals.Results
		c.Close()
	}
	close(stop)
	if err := <-loaded; err != nil {
		t.Errorf("commits failed during a backup: %v", err)
	}
	if before == 0 {
		t.Error("this was no load")
	}
}

func TestABackupThatIsGivenUpLeavesNothing(t *testing.T) {
	path := file(t)
	s := openAt(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	to := filepath.Join(filepath.Dir(path), "copy.db")
	if err := s.Backup(ctx, to); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if left, _ := filepath.Glob(to + "*"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if err := s.Backup(t.Context(), filepath.Join(path, "under-a-file")); err == nil {
		t.Error("written where nothing can be")
	}
}

func TestCopyOfADatabaseThatCrashed(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	newToken(t, s, NewToken{Client: "acme", Site: "hq"})
	dead := filepath.Join(t.TempDir(), "picket.db") // with its write-ahead log, as a kill leaves it
	for _, end := range []string{"", "-wal"} {
		src, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dead+end, src, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := Copy(ctx, dead, to); err != nil {
		t.Fatal(err)
	}
	c := openAt(t, to)
	if clients, err := c.Clients(ctx); err != nil || len(clients) != 1 {
		t.Errorf("clients %v, %v", clients, err)
	}
	if err := Copy(ctx, filepath.Join(t.TempDir(), "none.db"), to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy of nothing: %v", err)
	}
}

func TestCopyKeepsAnOldFormat(t *testing.T) {
	path, ctx := file(t), t.Context()
	old, err := open(ctx, path, nil, migrations[:1], "FULL")
	if err != nil {
		t.Fatal(err)
	}
	old.Close()
	to := path + ".copy"
	if err := Copy(ctx, path, to); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, to} {
		if in, err := Inspect(ctx, name); err != nil || in.Format != 1 {
			t.Errorf("%s: %+v, %v", filepath.Base(name), in, err)
		}
	}
}

func TestTheLockKeepsOthersOut(t *testing.T) {
	path := file(t)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("opened: %v", err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrInUse) {
		t.Errorf("locked twice: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, path)
}

func TestInspectRefusesDamage(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	var ds []Delivery
	for i := range 40 {
		ds = append(ds, Delivery{Agent: fmt.Sprint("agent-", i), Batch: batch(1, span(1, 1000)...), Config: &fleet.Config{}})
	}
	if _, err := s.Commit(ctx, ds); err != nil {
		t.Fatal(err)
	}
	to := path + ".copy"
	if err := s.Backup(ctx, to); err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(src) / 2; i < len(src)/2+4096; i++ {
		src[i] ^= 0xff
	}
	if err := os.WriteFile(to, src, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(ctx, to); err == nil {
		t.Error("a damaged page was not noticed")
	}
	if err := os.WriteFile(to, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(ctx, to); err == nil {
		t.Error("an empty file was taken for a database")
	}
	newer := path + ".newer"
	n, err := open(ctx, newer, nil, steps(), "FULL")
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	if _, err := Inspect(ctx, newer); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer one: %v", err)
	}
}

// TestARestoredCopyGivesNoNumberTwice: records in a spool may name
// configurations and networks that were made after the copy.
func TestARestoredCopyGivesNoNumberTwice(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	save := func(s *Store, politeness time.Duration) uint64 {
		t.Helper()
		cfg, _, err := s.SaveConfig(ctx, fleet.Config{Politeness: politeness}, "", nil, at)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.ID
	}
	network := func(s *Store, name string) uint32 {
		t.Helper()
		n, err := s.Network(ctx, name, "", fleet.BasisTable)
		if err != nil {
			t.Fatal(err)
		}
		return n.ID
	}
	kept := save(s, time.Second)
	network(s, "AS64496 One")
	newUser(t, s, "bob")
	his := newLogin(t, s, "bob", "cookie")
	to := path + ".copy"
	if err := s.Backup(ctx, to); err != nil {
		t.Fatal(err)
	}
	lostConfig, lostNetwork := save(s, time.Minute), network(s, "AS64497 Two")

	r := openAt(t, to)
	if err := r.Restored(ctx, "operator", at, at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if id := save(r, time.Second); id != kept {
		t.Errorf("what agents have already got another number: %d, was %d", id, kept)
	}
	if id := save(r, time.Hour); id <= lostConfig {
		t.Errorf("config number %d was given before (up to %d)", id, lostConfig)
	}
	if id := network(r, "AS64498 Three"); id <= lostNetwork {
		t.Errorf("network number %d was given before (up to %d)", id, lostNetwork)
	}
	if alive(t, r, his) {
		t.Error("a login from before the restore lets in")
	}
	trail, err := r.AuditLog(ctx, 1)
	want := Entry{At: at.Add(time.Hour), Actor: "operator", Action: "store.restore", Detail: "from the backup of 2026-03-01T12:00:00Z"}
	if err != nil || !slices.Equal(trail, []Entry{want}) {
		t.Errorf("trail %+v, %v", trail, err)
	}
}
