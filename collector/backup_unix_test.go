//go:build !windows

package collector

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/identity"
)

// dataDir makes a collector's data directory as a stop leaves it.
func dataDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := identity.OpenAuthority(filepath.Join(dir, "ca"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := secretKey(filepath.Join(dir, "ca", "reset.key")); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(dir, databaseName), nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	err = errors.Join(s.CreateUser(t.Context(), store.User{Name: "ana", Role: "admin", Hash: "$argon2id$x", Created: now}),
		s.SaveIncident(t.Context(), "i1", []byte("{}"), now, now, true, []store.Message{{ID: "m1", Incident: "i1", Created: now}}), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func backupOf(t testing.TB, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := BackupDir(t.Context(), dir, "1.2.3", &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// nothingIn wants that a refused restore left dir as it was: missing or empty.
func nothingIn(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, e := range entries {
		t.Errorf("left behind: %s", e.Name())
	}
}

func TestABackupComesBackWhole(t *testing.T) {
	from := dataDir(t)
	acme := filepath.Join(from, "acme")
	if err := errors.Join(os.Mkdir(acme, 0o700), os.WriteFile(filepath.Join(acme, "picket.example+rsa"), []byte("cert"), 0o600),
		os.WriteFile(filepath.Join(from, "ca", "root.key.tmp"), []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	archive := backupOf(t, from)
	if entries, _ := filepath.Glob(filepath.Join(from, stageBackup+"*")); len(entries) != 0 {
		t.Errorf("the copy was left: %v", entries)
	}
	to := filepath.Join(t.TempDir(), "deep", "data")
	m, err := Restore(t.Context(), bytes.NewReader(archive), to)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Inside{Format: m.Inside.Format, Users: 1, Open: 1, Waiting: 1}
	if m.Inside != want || m.Inside.Format < 9 || m.Version != "1.2.3" || time.Since(m.Made) > time.Minute {
		t.Errorf("the backup says of itself: %+v", m)
	}
	for _, name := range []string{"ca/root.key", "ca/root.crt", "ca/issuer.key", "ca/issuer.crt", "ca/reset.key", "acme/picket.example+rsa"} {
		a, err := os.ReadFile(filepath.Join(from, name))
		b, err2 := os.ReadFile(filepath.Join(to, name))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not as it was: %v, %v", name, err, err2)
		}
	}
	if _, err := os.Stat(filepath.Join(to, "ca", "root.key.tmp")); err == nil {
		t.Error("half a key came along")
	}
	err = filepath.WalkDir(to, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		mode := fs.FileMode(0o600)
		if e.IsDir() {
			mode = 0o700
		}
		if err == nil && info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(to, databaseName), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if u, err := s.User(t.Context(), "ana"); err != nil || u.Role != "admin" {
		t.Errorf("user %+v, %v", u, err)
	}
	if err := checkRestored(to); err != nil {
		t.Errorf("the folder cannot be used: %v", err)
	}
}

func TestABackupNeedsAWholeFolder(t *testing.T) {
	empty := t.TempDir()
	if err := BackupDir(t.Context(), empty, "1", io.Discard); !errors.Is(err, ErrNoData) {
		t.Errorf("of an empty folder: %v", err)
	}
	nothingIn(t, empty)
	used := dataDir(t)
	lock, err := store.Lock(filepath.Join(used, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	if err := BackupDir(t.Context(), used, "1", io.Discard); !errors.Is(err, store.ErrInUse) {
		t.Errorf("of a folder that is in use: %v", err)
	}
	lock.Close()
	if err := os.Remove(filepath.Join(used, "ca", "root.crt")); err != nil {
		t.Fatal(err)
	}
	if err := BackupDir(t.Context(), used, "1", io.Discard); err == nil || !strings.Contains(err.Error(), "keys are missing") {
		t.Errorf("of a folder without the root: %v", err)
	}
}

// gate is a reader of a backup that stops reading until it is opened.
type gate struct {
	began chan struct{}
	open  chan struct{}
	once  bool
}

func (g *gate) Write(b []byte) (int, error) {
	if !g.once {
		g.once = true
		close(g.began)
		<-g.open
	}
	return len(b), nil
}

func TestOneBackupAtATimeAndEachInTheTrail(t *testing.T) {
	dir := dataDir(t)
	s, err := store.Open(t.Context(), filepath.Join(dir, databaseName), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.MkdirAll(filepath.Join(dir, stageBackup, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := newBackups(s, dir, "1", slog.New(slog.DiscardHandler))
	if _, err := os.Stat(filepath.Join(dir, stageBackup)); err == nil {
		t.Error("a start leaves what an earlier life left")
	}
	slow, done := &gate{began: make(chan struct{}), open: make(chan struct{})}, make(chan error, 1)
	go func() { done <- b.write(context.WithoutCancel(t.Context()), "operator", slow) }()
	<-slow.began
	err = b.write(t.Context(), "operator", io.Discard)
	if refused, ok := errors.AsType[*web.Error](err); !ok || refused.Status != 409 {
		t.Errorf("a second one meanwhile: %v", err)
	}
	close(slow.open)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	if err := b.write(t.Context(), "operator", &whole); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyBackup(t.Context(), &whole); err != nil {
		t.Error(err)
	}
	trail, err := s.AuditLog(t.Context(), 9)
	if err != nil || len(trail) != 2 || trail[0].Action != "store.backup" || trail[0].Actor != "operator" {
		t.Errorf("trail %+v, %v", trail, err)
	}
}

// TestARestoreTakesAnEmptyFolderOnly also holds that what is there stays.
func TestARestoreTakesAnEmptyFolderOnly(t *testing.T) {
	archive := backupOf(t, dataDir(t))
	fill := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				path := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("mine"), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		prepare func(*testing.T, string)
		err     error // nil: it works
	}{
		"empty":                       {func(*testing.T, string) {}, nil},
		"a new volume":                {fill("lost+found/x"), nil},
		"emptied by hand":             {fill("picket.db.lock"), nil},
		"what an early stop left":     {fill(".restore/picket.db"), nil},
		"a database":                  {fill("picket.db"), ErrNotEmpty},
		"something else":              {fill("notes"), ErrNotEmpty},
		"a restore that was cut late": {fill(".restore/picket.db", "ca/root.key"), ErrUnfinished},
		"a collector that starts": {func(t *testing.T, dir string) {
			lock, err := store.Lock(filepath.Join(dir, databaseName))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { lock.Close() })
		}, ErrRunning},
		"a collector that runs": {func(t *testing.T, dir string) {
			l, err := net.Listen("unix", filepath.Join(dir, AdminSocket))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, ErrRunning},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "pk") // short enough for a socket
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			c.prepare(t, dir)
			before := listing(t, dir)
			_, err = Restore(t.Context(), bytes.NewReader(archive), dir)
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if after := listing(t, dir); err != nil && after != before {
				t.Errorf("the folder changed from\n%s\nto\n%s", before, after)
			}
			if _, err := os.Stat(filepath.Join(dir, stageRestore)); c.err == nil && err == nil {
				t.Error("the stage was left")
			}
		})
	}
	cut := t.TempDir()
	fill(".restore/picket.db", "ca/root.key")(t, cut)
	if err := checkRestored(cut); !errors.Is(err, ErrUnfinished) {
		t.Errorf("a collector would start on half a restore: %v", err)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		b.WriteString(path + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestARestoreByRootBelongsToTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), bytes.NewReader(backupOf(t, dataDir(t))), dir); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if uid := uidOf(t, path); uid != 12345 {
			t.Errorf("%s belongs to %d", path, uid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARestoreThatIsGivenUpLeavesNothing(t *testing.T) {
	archive := backupOf(t, dataDir(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	parent := t.TempDir()
	if _, err := Restore(ctx, bytes.NewReader(archive), filepath.Join(parent, "data")); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	nothingIn(t, parent)
}

func TestKeysThatDoNotBelongTogetherAreRefused(t *testing.T) {
	a, b := dataDir(t), dataDir(t)
	src, err := os.ReadFile(filepath.Join(b, "ca", "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a, "ca", "root.key"), src, 0o600); err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	if _, err := Restore(t.Context(), bytes.NewReader(backupOf(t, a)), filepath.Join(parent, "data")); err == nil || !strings.Contains(err.Error(), "keys") {
		t.Errorf("restored: %v", err)
	}
	nothingIn(t, parent)
}

func uidOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

// TestRootIsNotLedAstray: the folder's owner may put links into it and swap what
// is in it at any moment. Root must neither write nor give away anything through
// them, and refuses where it has no place of its own.
func TestRootIsNotLedAstray(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, who restores for another user")
	}
	archive := backupOf(t, dataDir(t))
	foreign := func(parent string) string {
		dir := filepath.Join(parent, "data")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 12345, 12345)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	roots := t.TempDir()
	outside := filepath.Join(roots, "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := foreign(roots)
	if err := os.Symlink(filepath.Join(outside, "made"), filepath.Join(dir, databaseName+".lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), bytes.NewReader(archive), dir); err == nil {
		t.Error("restored behind a link")
	}
	nothingIn(t, outside)
	if err := os.Remove(filepath.Join(dir, databaseName+".lock")); err != nil {
		t.Fatal(err)
	}

	// While root works, the owner swaps the folder of the work for a link, as
	// often as he can.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				os.RemoveAll(filepath.Join(dir, stageRestore))
				os.Symlink(outside, filepath.Join(dir, stageRestore))
			}
		}
	}()
	_, _ = Restore(t.Context(), bytes.NewReader(archive), dir) // may fail: it is his folder
	close(stop)
	<-stopped
	nothingIn(t, outside)
	if uid := uidOf(t, outside); uid != 0 {
		t.Errorf("a folder of root was given to %d", uid)
	}

	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), bytes.NewReader(archive), foreign(open)); !errors.Is(err, ErrForeign) {
		t.Errorf("beside strangers: %v", err)
	}
}
