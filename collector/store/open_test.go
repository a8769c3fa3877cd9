package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
)

// at is when the stories of these tests begin.
var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "data", "picket.db") }

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestOnlyTheOwnerCanReadAnything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41", "picket.db") // characters that mean something in a URI
	s := openAt(t, path)
	if _, err := s.CreateToken(t.Context(), NewToken{Client: "acme", Site: "hq"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode().Perm())
		}
	}
	if info, _ := os.Stat(filepath.Dir(path)); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode().Perm())
	}
}

func TestAWideModeIsNarrowed(t *testing.T) {
	path := file(t)
	if err := openAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openAt(t, path)
	if info, _ := os.Stat(path); info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf("mode %v", info.Mode().Perm())
	}
}

func TestASecondOneIsRefused(t *testing.T) {
	path := file(t)
	first := openAt(t, path)
	if _, err := Open(t.Context(), path, nil); !errors.Is(err, ErrInUse) {
		t.Fatalf("second open: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, path) // the lock is gone with the first
}

func TestDurablePragmas(t *testing.T) {
	s := openAt(t, file(t))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := s.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q", pragma, got, err, want)
		}
	}
	if _, err := s.read.Exec(`INSERT INTO clients VALUES ('x', 'x', 0)`); err == nil {
		t.Error("the read pool can write")
	}
}

// steps is a history with two formats behind the present one.
func steps() []string {
	return append(migrations[:len(migrations):len(migrations)],
		`CREATE TABLE pets (name TEXT NOT NULL) STRICT; INSERT INTO pets SELECT name FROM clients`,
		`ALTER TABLE pets ADD COLUMN legs INTEGER NOT NULL DEFAULT 4`)
}

func TestMigrationGoesForwardAndKeepsACopy(t *testing.T) {
	path, ctx := file(t), t.Context()
	old := openAt(t, path)
	if _, err := old.CreateToken(ctx, NewToken{Client: "acme", Site: "hq"}); err != nil {
		t.Fatal(err)
	}
	old.Close()

	s, err := open(ctx, path, nil, steps(), "FULL")
	if err != nil {
		t.Fatal(err)
	}
	var name string
	var legs int
	if err := s.read.QueryRow(`SELECT name, legs FROM pets`).Scan(&name, &legs); err != nil || name != "acme" || legs != 4 {
		t.Errorf("after migrating: %q with %d legs, %v", name, legs, err)
	}
	s.Close()

	copied := fmt.Sprintf("%s.format%d.bak", path, len(migrations))
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the copy: %v, %v", info, err)
	}
	before := openAt(t, copied) // the copy is a whole database of the old format
	clients, err := before.Clients(ctx)
	if err != nil || len(clients) != 1 || clients[0].ID != "acme" {
		t.Errorf("clients in the copy: %v, %v", clients, err)
	}
}

func TestAFailedMigrationChangesNothing(t *testing.T) {
	path, ctx := file(t), t.Context()
	openAt(t, path).Close()
	reached := len(migrations) + 1
	bad := append(steps()[:reached:reached], `CREATE TABLE half (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)`)
	if _, err := open(ctx, path, nil, bad, "FULL"); err == nil || !strings.Contains(err.Error(), fmt.Sprint("format ", len(migrations)+2)) {
		t.Fatalf("a broken step: %v", err)
	}
	s, err := open(ctx, path, nil, steps()[:reached], "FULL") // the step before it had been reached
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var n int
	if err := s.read.QueryRow(`SELECT count(*) FROM sqlite_schema WHERE name = 'half'`).Scan(&n); err != nil || n != 0 {
		t.Errorf("half a step stayed: %d, %v", n, err)
	}
}

func TestANewerFormatIsRefusedUntouched(t *testing.T) {
	path, ctx := file(t), t.Context()
	s, err := open(ctx, path, nil, steps(), "FULL")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(ctx, path, nil)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), fmt.Sprint("format ", len(steps()))) || !strings.Contains(err.Error(), path) {
		t.Fatalf("open: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file changed (%v)", err)
	}
}

func TestSomebodyElsesFileIsRefusedUntouched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", dsn(path, "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE notes (x)`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	before, _ := os.ReadFile(path)
	if _, err := Open(t.Context(), path, nil); !errors.Is(err, ErrForeign) {
		t.Fatalf("open: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file changed")
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, nil); err == nil {
		t.Error("a text file was opened")
	}
}

func TestNetworksKeepTheirIDs(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	a, err := s.Network(ctx, "AS3352 Telefonica", "", fleet.BasisTable)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Network(ctx, "203.0.113.0/24", "", fleet.BasisPrefix)
	if err != nil || a.ID == b.ID || a.ID == 0 {
		t.Fatalf("%+v %+v %v", a, b, err)
	}
	s.Close()
	s = openAt(t, path)
	again, err := s.Network(ctx, "AS3352 Telefonica", "tier1", fleet.BasisTable)
	want := fleet.Network{ID: a.ID, Name: "AS3352 Telefonica", Upstream: "tier1", Basis: fleet.BasisTable}
	if err != nil || again != want {
		t.Errorf("got %+v, %v; want %+v", again, err, want)
	}
	all, err := s.Networks(ctx)
	if err != nil || len(all) != 2 || all[0] != want || all[1] != b {
		t.Errorf("networks %+v, %v", all, err)
	}
}
