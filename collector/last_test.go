package collector

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/config"
	"picket/collector/store"
	"picket/internal/identity"
)

// applied makes a data folder in which the file at path was applied last.
func applied(t *testing.T, path string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, databaseName), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	o := Options{File: config.Defaults()}
	if path != "" {
		if o.File, o.Source, err = config.Load(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := saveFirst(t.Context(), db, o, time.Now()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func fileWith(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestARestartUsesWhatWasAppliedLast(t *testing.T) {
	const text = "listen: 127.0.0.1:7777\nsmtp: {host: m.example, from: p@m.example, username: u, password_file: s/mail}\n"
	path := fileWith(t, "picket.yaml", text)
	dir := applied(t, path)

	last, err := LastFile(t.Context(), dir)
	if err != nil || last.File.Listen != "127.0.0.1:7777" || string(last.Source) != text || last.Warning != "" {
		t.Fatalf("%+v, %v", last, err)
	}
	if want := filepath.Join(filepath.Dir(path), "s", "mail"); last.File.SMTP.Password.File != want {
		t.Errorf("secrets are looked for at %s, they are at %s", last.File.SMTP.Password.File, want)
	}
	if err := os.WriteFile(path, []byte("listen: 127.0.0.1:8888\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	last, err = LastFile(t.Context(), dir)
	if err != nil || last.File.Listen != "127.0.0.1:7777" || !strings.Contains(last.Warning, "picket config plan") {
		t.Errorf("an edited file counts only when it is applied: %+v, %v", last, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if last, err = LastFile(t.Context(), dir); err != nil || last.File.Listen != "127.0.0.1:7777" || last.Warning != "" {
		t.Errorf("a file that is gone is not needed: %+v, %v", last, err)
	}
}

func TestARestartWithoutAFile(t *testing.T) {
	empty := t.TempDir()
	if _, err := LastFile(t.Context(), empty); !errors.Is(err, ErrNoLast) {
		t.Errorf("an empty folder: %v", err)
	}
	if entries, _ := os.ReadDir(empty); len(entries) > 0 {
		t.Error("looking made a database")
	}
	last, err := LastFile(t.Context(), applied(t, ""))
	if err != nil || !last.File.Catalogue || last.Source != nil {
		t.Errorf("the embedded defaults: %+v, %v", last, err)
	}
}

func TestARestartWhoseFilesAreGone(t *testing.T) {
	path := fileWith(t, "picket.yaml", "targets: [{id: t, reference: true, host: a.example, ca_file: ca.pem, checks: [tls]}]\n")
	authority, err := identity.OpenAuthority(filepath.Join(t.TempDir(), "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(filepath.Dir(path), "ca.pem")
	if err := os.WriteFile(ca, authority.Root(), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := applied(t, path)
	if err := os.Remove(ca); err != nil {
		t.Fatal(err)
	}
	var wrong config.Problems
	if _, err := LastFile(t.Context(), dir); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "ca.pem") {
		t.Errorf("it must say which file is missing: %v", err)
	}
	if err := os.WriteFile(path, []byte("listen: 127.0.0.1:9999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	last, err := LastFile(t.Context(), dir)
	if err != nil || last.File.Listen != "127.0.0.1:9999" || !strings.Contains(last.Warning, "can no longer be used") {
		t.Errorf("the repaired file is used, and that is said: %+v, %v", last, err)
	}
}
