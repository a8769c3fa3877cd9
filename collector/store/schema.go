package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
)

// applicationID marks the file as ours: "Pkt1" in PRAGMA application_id.
const applicationID = 0x506b7431

// migrations[i] brings a database from format i to format i+1. Never edit a
// step that was released; add one at the end.
var migrations = []string{format1}

const format1 = `
CREATE TABLE clients (
	id   TEXT PRIMARY KEY,
	name TEXT NOT NULL,
	created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE networks (
	id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused
	name     TEXT NOT NULL,
	basis    INTEGER NOT NULL,                  -- fleet.Basis
	upstream TEXT NOT NULL,
	UNIQUE (name, basis)
) STRICT;

CREATE TABLE sites (
	id       TEXT PRIMARY KEY,                  -- client/name
	client   TEXT NOT NULL REFERENCES clients (id),
	name     TEXT NOT NULL,
	region   TEXT NOT NULL,
	slot     INTEGER NOT NULL UNIQUE,           -- drawn once, never reused
	declared TEXT NOT NULL,                     -- network as the operator named it
	network  INTEGER REFERENCES networks (id),  -- network as last observed
	created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
	id      TEXT PRIMARY KEY,
	secret  BLOB NOT NULL,                      -- SHA-256
	site    TEXT NOT NULL REFERENCES sites (id),
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	uses    INTEGER NOT NULL,
	used    INTEGER NOT NULL DEFAULT 0,
	revoked INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
	id        TEXT PRIMARY KEY,
	site      TEXT NOT NULL REFERENCES sites (id),
	slot      INTEGER NOT NULL UNIQUE,          -- drawn once, never reused
	token     TEXT NOT NULL REFERENCES tokens (id),
	key       BLOB NOT NULL,                    -- SHA-256 of the public key, empty if not told
	created   INTEGER NOT NULL,
	not_after INTEGER NOT NULL,
	revoked   INTEGER NOT NULL DEFAULT 0,
	seen      INTEGER NOT NULL DEFAULT 0,
	version   TEXT NOT NULL,
	os        TEXT NOT NULL,
	hostname  TEXT NOT NULL,
	network   INTEGER REFERENCES networks (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX agents_site ON agents (site);

CREATE TABLE configs (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,  -- fleet.Config.ID, never reused
	digest  BLOB NOT NULL,                      -- SHA-256 of doc
	doc     BLOB NOT NULL,                      -- JSON of fleet.Config with ID 0
	applied INTEGER NOT NULL
) STRICT;
CREATE TABLE sources (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	digest  BLOB NOT NULL,                      -- SHA-256 of source
	source  BLOB NOT NULL,                      -- the file as it was applied
	config  INTEGER NOT NULL REFERENCES configs (id),
	applied INTEGER NOT NULL
) STRICT;

CREATE TABLE marks (
	agent    TEXT NOT NULL,
	run      INTEGER NOT NULL,
	seq      INTEGER NOT NULL,
	received INTEGER NOT NULL,
	updated  INTEGER NOT NULL,
	PRIMARY KEY (agent, run)
) STRICT, WITHOUT ROWID;
CREATE TABLE losses (
	agent  TEXT NOT NULL,
	run    INTEGER NOT NULL,
	reason INTEGER NOT NULL,                    -- fleet.LossReason
	n      INTEGER NOT NULL,
	PRIMARY KEY (agent, run, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE series (                           -- the long names of rollup rows
	id        INTEGER PRIMARY KEY,
	check_id  TEXT NOT NULL,
	target    TEXT NOT NULL,
	region    TEXT NOT NULL,                    -- vantage region
	UNIQUE (check_id, target, region)
) STRICT;
CREATE TABLE rollup_1m (
	start    INTEGER NOT NULL,                  -- Unix seconds
	series   INTEGER NOT NULL,
	up       INTEGER NOT NULL,
	degraded INTEGER NOT NULL,
	down     INTEGER NOT NULL,
	unknown  INTEGER NOT NULL,
	sum_us   INTEGER NOT NULL,                  -- total time over up
	min_us   INTEGER,
	max_us   INTEGER,
	PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_1h (
	start    INTEGER NOT NULL,
	series   INTEGER NOT NULL,
	up       INTEGER NOT NULL,
	degraded INTEGER NOT NULL,
	down     INTEGER NOT NULL,
	unknown  INTEGER NOT NULL,
	sum_us   INTEGER NOT NULL,
	min_us   INTEGER,
	max_us   INTEGER,
	PRIMARY KEY (start, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
	id      TEXT PRIMARY KEY,
	doc     BLOB NOT NULL,
	opened  INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	open    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_open ON incidents (open, opened);

CREATE TABLE outbox (
	id       TEXT PRIMARY KEY,
	incident TEXT NOT NULL,
	route    TEXT NOT NULL,
	event    TEXT NOT NULL,
	body     BLOB NOT NULL,
	created  INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	attempts INTEGER NOT NULL DEFAULT 0,
	error    TEXT NOT NULL DEFAULT '',
	state    INTEGER NOT NULL DEFAULT 0,        -- MessageState
	done     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (due) WHERE state = 0;

CREATE TABLE notices (
	id        TEXT PRIMARY KEY,
	provider  TEXT NOT NULL,
	doc       BLOB NOT NULL,
	published INTEGER NOT NULL,
	seen      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	at      INTEGER NOT NULL,
	actor   TEXT NOT NULL,
	action  TEXT NOT NULL,
	subject TEXT NOT NULL,
	detail  TEXT NOT NULL
) STRICT;
`

// migrate brings the database to the format that steps lead to.
func (s *Store) migrate(ctx context.Context, path string, steps []string) error {
	var format, app, tables int
	for q, v := range map[string]*int{
		"PRAGMA user_version":                &format,
		"PRAGMA application_id":              &app,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := s.write.QueryRowContext(ctx, q).Scan(v); err != nil {
			return fmt.Errorf("read the format: %w", err)
		}
	}
	switch {
	case app != applicationID && (tables > 0 || format > 0 || app != 0):
		return ErrForeign
	case format > len(steps):
		return fmt.Errorf("%w: it has format %d, this program knows up to %d; run the newer version, or restore the copy it made (*.bak)",
			ErrNewer, format, len(steps))
	}
	if _, err := s.write.ExecContext(ctx, "PRAGMA journal_mode(WAL)"); err != nil { // stays with the file
		return fmt.Errorf("turn on the write-ahead log: %w", err)
	}
	if format == len(steps) {
		return nil
	}
	if format > 0 {
		copyPath := fmt.Sprintf("%s.format%d.bak", path, format)
		if err := s.copyTo(ctx, copyPath); err != nil {
			return fmt.Errorf("copy before migrating from format %d: %w", format, err)
		}
		s.log.Info("store: copied before migrating", "from", format, "to", len(steps), "copy", copyPath)
	}
	for n := format; n < len(steps); n++ {
		err := s.update(ctx, fmt.Sprintf("migrate to format %d", n+1), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, fmt.Sprintf("%s\n;PRAGMA application_id = %d; PRAGMA user_version = %d", steps[n], applicationID, n+1))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyTo writes a whole, compact copy of the database to path, mode 0600. A
// copy of the same name, from a migration that did not come to its end, is
// replaced once the new one is complete.
func (s *Store) copyTo(ctx context.Context, path string) error {
	tmp := path + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := private(tmp); err != nil { // VACUUM INTO accepts an empty file
		return err
	}
	if _, err := s.write.ExecContext(ctx, "VACUUM INTO ?", tmp); err != nil {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
