package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Backup writes a whole, consistent copy of the database to path, mode 0600,
// and replaces what has that name when the copy is complete. It reads one
// moment of the database on a connection of its own, so commits go on
// meanwhile; the write-ahead log grows until it is done. If ctx ends, it stops
// and leaves nothing.
func (s *Store) Backup(ctx context.Context, path string) error {
	db, err := openCopier(s.path)
	if err == nil {
		err = errors.Join(copyTo(ctx, db, path), db.Close())
	}
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

// Copy is [Store.Backup] for a database that no process has open: hold its
// [Lock]. It migrates nothing. errors.Is: [ErrNewer], [ErrForeign],
// fs.ErrNotExist.
func Copy(ctx context.Context, from, to string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("copy the database %s: %w", from, err)
		}
	}()
	if from, err = filepath.Abs(from); err != nil {
		return err
	}
	if _, err := os.Stat(from); err != nil {
		return err
	}
	// "rw": what a crash left in the write-ahead log is recovered on the way.
	db, err := sql.Open("sqlite", dsn(from, "rw"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer db.Close()
	format, err := readFormat(ctx, db, len(migrations))
	if err == nil && format == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return err
	}
	return copyTo(ctx, db, to)
}

// openCopier opens a database that is in use to read one moment of it.
func openCopier(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, "ro")) // query_only would forbid VACUUM INTO
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// copyTo writes a whole, compact copy of db to path, mode 0600. A copy of the
// same name, from a migration that did not come to its end, is replaced once
// the new one is complete.
func copyTo(ctx context.Context, db *sql.DB, path string) (err error) {
	tmp := path + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := private(tmp); err != nil { // VACUUM INTO accepts an empty file
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp) // best effort: the next copy removes it anyway
		}
	}()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", tmp); err != nil {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Inside is what a copy holds.
type Inside struct {
	Format  int `json:"format"`
	Agents  int `json:"agents"` // not revoked
	Users   int `json:"users"`
	Open    int `json:"open_incidents"`
	Waiting int `json:"waiting_letters"`
}

// Inspect looks into a copy that nobody has open, and changes nothing. It reads
// the whole file: damage is an error. errors.Is: [ErrNewer], [ErrForeign],
// fs.ErrNotExist.
func Inspect(ctx context.Context, path string) (in Inside, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("look into the database copy: %w", err)
		}
	}()
	if path, err = filepath.Abs(path); err != nil {
		return in, err
	}
	if _, err := os.Stat(path); err != nil {
		return in, err
	}
	db, err := sql.Open("sqlite", dsn(path, "ro")+"&immutable=1") // makes no files beside it
	if err != nil {
		return in, err
	}
	defer db.Close()
	if in.Format, err = readFormat(ctx, db, len(migrations)); err != nil {
		return in, err
	}
	if in.Format == 0 {
		return in, errors.New("it is empty")
	}
	var answer string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&answer); err != nil {
		return in, err
	}
	if answer != "ok" {
		return in, fmt.Errorf("it is damaged: %s", answer)
	}
	for _, c := range []struct {
		n     *int
		since int // the format that has the table
		query string
	}{
		{&in.Agents, 1, `SELECT count(*) FROM agents WHERE revoked = 0`},
		{&in.Users, 2, `SELECT count(*) FROM users`},
		{&in.Open, 1, `SELECT count(*) FROM incidents WHERE open = 1`},
		{&in.Waiting, 1, `SELECT count(*) FROM outbox WHERE state = 0`},
	} {
		if in.Format < c.since {
			continue
		}
		if err := db.QueryRowContext(ctx, c.query).Scan(c.n); err != nil {
			return in, err
		}
	}
	return in, nil
}

// Lock keeps every other process from opening the database at path until the
// file that it returns is closed; the database need not exist. errors.Is: [ErrInUse].
func Lock(path string) (*os.File, error) {
	f, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// restoreGap is how many numbers are left out behind a restored copy.
const restoreGap = 1000

// Restored makes a copy fit to go on from, once, before a collector runs on it.
// Numbers that were given away after the copy was made (of configurations and
// networks; records in a spool may name them) are not given to others: the next
// ones come from further on. Login sessions end, since one that was ended after
// the copy would live again; for the same reason silences end: one too many
// alerts is better than one too few. The trail says from when the copy was.
func (s *Store) Restored(ctx context.Context, by string, made, now time.Time) error {
	return s.update(ctx, "go on from a copy", func(tx *sql.Tx) error {
		for _, table := range []string{"configs", "networks"} {
			_, err := tx.ExecContext(ctx, `UPDATE sqlite_sequence SET seq = seq + ?2 WHERE name = ?1`, table, restoreGap)
			if err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE silences SET ended = ?1, ender = 'store.restore' WHERE ended = 0 AND expires > ?1`, millis(now)); err != nil {
			return err
		}
		return audit(ctx, tx, Entry{At: now, Actor: cmp.Or(by, "operator"), Action: "store.restore",
			Detail: "from the backup of " + made.UTC().Format(time.RFC3339)})
	})
}
