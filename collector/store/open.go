package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // registers the "sqlite" driver; it offers no other way in
)

// Errors that callers tell apart.
var (
	// ErrInUse: another process holds the database.
	ErrInUse = errors.New("the database is in use by another process")
	// ErrNewer: the file was written by a newer version of Picket.
	ErrNewer = errors.New("the database was written by a newer version of Picket")
	// ErrForeign: the file is an SQLite database, but not one of ours.
	ErrForeign = errors.New("this is not a Picket database")
	// ErrNotFound: there is no such thing under this id.
	ErrNotFound = errors.New("not found")
	// ErrExists: there is such a thing already.
	ErrExists = errors.New("it exists already")
)

const (
	busyTimeout = 5 * time.Second // readers may meet a checkpoint; writers never meet each other
	readers     = 4               // connections of the read pool: the page, the API, metrics, a handshake
	walKeep     = 64 << 20        // bytes the write-ahead log is cut back to after a checkpoint
)

// Store is an open database. Its methods may be called from many goroutines.
type Store struct {
	log   *slog.Logger
	path  string // absolute
	lock  *os.File
	write *sql.DB // exactly one connection
	read  *sql.DB
	stmts statements // of the write connection

	mu     sync.Mutex // guards series
	series map[seriesKey]int64
}

// Open opens the database at path, makes it if there is none (mode 0600, its
// folder 0700), and brings it to the current format. A nil log discards.
//
// errors.Is: [ErrInUse], [ErrNewer], [ErrForeign].
func Open(ctx context.Context, path string, log *slog.Logger) (*Store, error) {
	return open(ctx, path, log, migrations, "FULL")
}

// open is Open with its constants as parameters, for tests of migrations and
// for the benchmark that compares the synchronous modes.
func open(ctx context.Context, path string, log *slog.Logger, steps []string, synchronous string) (_ *Store, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{log: cmp.Or(log, slog.New(slog.DiscardHandler)), path: path, series: map[seriesKey]int64{}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open store %s: %w", path, err)
			s.Close()
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if s.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	// Before SQLite opens the file: closing any descriptor of a file drops the
	// POSIX locks that the process holds on it.
	if err := private(path); err != nil {
		return nil, err
	}
	// journal_mode(WAL) is not here: it writes, and the format is not known yet.
	s.write, err = sql.Open("sqlite", dsn(path, "rwc", "synchronous("+synchronous+")",
		"foreign_keys(ON)", fmt.Sprintf("journal_size_limit(%d)", walKeep)))
	if err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	s.write.SetMaxIdleConns(1)
	s.write.SetConnMaxLifetime(0) // the prepared statements live on this connection
	if err := s.migrate(ctx, path, steps); err != nil {
		return nil, err
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "ro", "query_only(ON)")); err != nil {
		return nil, err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if err := s.stmts.prepare(ctx, s.write); err != nil {
		return nil, err
	}
	return s, nil
}

// dsn writes path as an SQLite URI, in which every character of a path is
// safe, with the pragmas that each connection starts with.
func dsn(path, mode string, pragmas ...string) string {
	q := url.Values{"mode": {mode}, "_txlock": {"immediate"}, "_dqs": {"false"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}}
	q["_pragma"] = append(q["_pragma"], pragmas...)
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/...
	}
	return (&url.URL{Scheme: "file", Path: p, RawQuery: q.Encode()}).String()
}

// private makes sure that path exists and that nobody but its owner may read
// it. SQLite gives the log and its index beside it the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&^fs.FileMode(0o600) != 0 {
		return f.Chmod(0o600)
	}
	return nil
}

// Close ends all use. A commit that is under way finishes first.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.stmts.close(), s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close()) // drops the lock; the file stays, or a waiter could lock an unlinked one
	}
	return errors.Join(errs...)
}

// update runs f in one immediate transaction on the write connection.
func (s *Store) update(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := f(tx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// collect scans every row of a query with scan.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// absent turns "no rows" into [ErrNotFound].
func absent(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// millis is how a time is stored; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is the inverse of millis, in UTC.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
