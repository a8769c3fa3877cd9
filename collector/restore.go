package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"picket/collector/store"
	"picket/internal/identity"
)

// Why a restore does not begin, beside [ErrRunning], [ErrDataDir] and [ErrBackup].
var (
	// ErrNotEmpty: the folder holds something already.
	ErrNotEmpty = errors.New("the folder is not empty")
	// ErrForeign: the folder is another user's, who could meddle while root works in it.
	ErrForeign = errors.New("the folder belongs to another user")
	// ErrUnfinished: a restore into the folder was cut short.
	ErrUnfinished = errors.New("a restore into this folder was cut short")
)

// Restore brings a backup back into dir, which must be missing or empty, and
// prepares it to go on: see [store.Store.Restored]. It reads and proves
// everything in a folder inside dir first (on a mounted volume there is no
// place beside dir to rename from) and gives it its names at the end, keys
// first and the database last. If it fails, dir is as it was. Results that
// agents delivered after the backup are not in it, and do not come again: an
// agent forgets what was acknowledged.
//
// Root may restore for a service's user; the files then are that user's. Since
// he could put links where root is about to write, root works in a folder of its
// own beside dir, and only there; without a place that is root's alone it
// refuses.
//
// errors.Is: [ErrBackup], [ErrNotEmpty], [ErrRunning], [ErrDataDir],
// [ErrUnfinished], [ErrForeign], [store.ErrNewer].
func Restore(ctx context.Context, archive io.Reader, dir string) (m Manifest, err error) {
	if conn, err := net.Dial("unix", filepath.Join(dir, AdminSocket)); err == nil {
		conn.Close()
		return m, fmt.Errorf("%w: %s", ErrRunning, dir)
	}
	if err := vacant(dir); err != nil {
		return m, err
	}
	undo, err := prepareDir(dir)
	defer func() {
		if err != nil {
			undo()
		}
	}()
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	owner, err := ownerOf(dir)
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	lock, err := lockDatabase(filepath.Join(dir, databaseName), owner) // a collector that starts meanwhile is refused
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, lock(err != nil)) }()
	mark := filepath.Join(dir, stageRestore)
	if err := os.RemoveAll(mark); err != nil {
		return m, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(mark)) }()
	if err := os.Mkdir(mark, 0o700); err != nil {
		return m, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	stage := mark
	if owner.foreign {
		if stage, err = owner.apart(dir); err != nil {
			return m, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	}
	if m, err = unpack(ctx, archive, stage); err != nil {
		return m, err
	}
	if err := revive(ctx, stage, m); err != nil {
		return m, err
	}
	if err := owner.adopt(stage); err != nil {
		return m, fmt.Errorf("give the files to the owner of %s: %w", dir, err)
	}
	return m, settle(stage, dir)
}

// vacant wants dir to be missing or empty.
func vacant(dir string) error {
	found, cut, err := occupants(dir)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDataDir, err)
	case len(found) > 0 && cut:
		return fmt.Errorf("%w: %s", ErrUnfinished, dir)
	case len(found) > 0:
		return fmt.Errorf("%w: %s has %s", ErrNotEmpty, dir, strings.Join(found, ", "))
	}
	return nil
}

// occupants names what is in dir, at most five of it, without what a file system
// or an emptied data directory may have. cut says that a restore began there.
func occupants(dir string) (found []string, cut bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	for _, e := range entries {
		switch e.Name() {
		case "lost+found", databaseName + ".lock":
		case stageRestore:
			cut = true
		default:
			found = append(found, e.Name())
		}
	}
	if len(found) > 4 {
		found = append(found[:4], "...")
	}
	return found, cut, err
}

// checkRestored refuses a data directory into which a restore was cut short.
// errors.Is: [ErrUnfinished].
func checkRestored(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, stageRestore)); err == nil {
		return fmt.Errorf("%w: empty %s and restore again", ErrUnfinished, dir)
	}
	return nil
}

// lockDatabase holds the lock of a database that is not there yet. unlock
// removes the lock's file too if that is asked for and it was made here.
func lockDatabase(path string, o owner) (unlock func(remove bool) error, err error) {
	_, err = os.Lstat(path + ".lock")
	made := errors.Is(err, fs.ErrNotExist)
	lock, err := store.Lock(path)
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("%w: %w", ErrRunning, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	if err := o.give(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrDataDir, err), lock.Close())
	}
	return func(remove bool) error {
		err := lock.Close()
		if remove && made {
			err = errors.Join(err, os.Remove(path+".lock"))
		}
		return err
	}, nil
}

// unpack writes the files of a backup into stage and syncs them.
func unpack(ctx context.Context, archive io.Reader, stage string) (Manifest, error) {
	return readArchive(ctx, archive, func(f BackupFile) (io.WriteCloser, error) {
		path := filepath.Join(stage, filepath.FromSlash(f.Name)) // the manifest was checked: no name leaves stage
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return synced{file}, err
	})
}

// synced is a file that is on the disk when it is closed.
type synced struct{ *os.File }

func (s synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }

// revive proves that the keys belong together and the database is whole and of
// a format that we know, brings it to ours, and prepares it to go on.
func revive(ctx context.Context, stage string, m Manifest) error {
	now := time.Now()
	if _, err := identity.OpenAuthority(filepath.Join(stage, "ca"), now); err != nil {
		return fmt.Errorf("the keys of the backup: %w", err)
	}
	path := filepath.Join(stage, databaseName)
	if _, err := store.Inspect(ctx, path); err != nil {
		return err
	}
	s, err := store.Open(ctx, path, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := errors.Join(s.Restored(ctx, "operator", m.Made, now), s.Close()); err != nil {
		return err
	}
	entries, err := os.ReadDir(stage)
	if err != nil {
		return err
	}
	for _, e := range entries { // the lock, and the copy before a migration: the backup is one
		if strings.HasPrefix(e.Name(), databaseName+".") {
			if err := os.Remove(filepath.Join(stage, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle moves what is in stage to dir, the database last, and removes what it
// moved if it cannot move all.
func settle(stage, dir string) (err error) {
	found, _, err := occupants(dir)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("%w any more: %s came meanwhile", ErrNotEmpty, strings.Join(found, ", "))
	}
	entries, err := os.ReadDir(stage)
	if err != nil {
		return err
	}
	var moved []string
	defer func() {
		if err != nil {
			for _, path := range moved {
				err = errors.Join(err, os.RemoveAll(path))
			}
		}
	}()
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return last(a) - last(b) })
	for _, e := range entries {
		to := filepath.Join(dir, e.Name())
		if err := os.Rename(filepath.Join(stage, e.Name()), to); err != nil {
			return err
		}
		moved = append(moved, to)
	}
	return syncDir(dir)
}

func last(e fs.DirEntry) int {
	if e.Name() == databaseName {
		return 1
	}
	return 0
}
