package store

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks the file as ours: "Pkt1" in PRAGMA application_id.
const applicationID = 0x506b7431

// migrations[i] brings a database from format i to format i+1. Never edit a
// step that was released; add one at the end.
var migrations = []string{format1, format2, format3, formatPresence, formatPeople, formatDrills, formatRecords, formatOutbox, formatReceipts}

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

// format2 adds people: users, their login sessions, API tokens; and remembers
// under which name a configuration was applied.
const format2 = `
CREATE TABLE users (
	name     TEXT PRIMARY KEY,
	role     TEXT NOT NULL,
	client   TEXT NOT NULL,                     -- the only one a viewer sees; not a key: it may come later
	hash     TEXT NOT NULL,                     -- PHC form; opaque here
	created  INTEGER NOT NULL,
	changed  INTEGER NOT NULL,
	disabled INTEGER NOT NULL,
	login    INTEGER NOT NULL                   -- the last one
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	id      BLOB PRIMARY KEY,                   -- SHA-256 of the cookie
	user    TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
	csrf    TEXT NOT NULL,
	origin  TEXT NOT NULL,                      -- address that logged in
	created INTEGER NOT NULL,
	seen    INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user, created);

CREATE TABLE api_tokens (
	id      TEXT PRIMARY KEY,
	hash    BLOB NOT NULL,                      -- SHA-256 of the secret
	name    TEXT NOT NULL,
	role    TEXT NOT NULL,
	client  TEXT NOT NULL,
	maker   TEXT NOT NULL,                      -- no key: a token outlives who made it
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,                   -- 0: never
	used    INTEGER NOT NULL DEFAULT 0,
	revoked INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

ALTER TABLE sources ADD COLUMN name TEXT NOT NULL DEFAULT ''; -- path of the file; '': embedded, or not known
CREATE INDEX audit_at ON audit (at);
`

// format3 adds kinds of tokens (a tenant's is for no site), who made them and
// where they were used last, requests that wait for an admin, and the provider
// on whose servers a site runs. A column cannot lose NOT NULL, so tokens is made
// anew, and agents with it, which names it.
const format3 = `
ALTER TABLE sites ADD COLUMN hosted TEXT NOT NULL DEFAULT ''; -- provider on whose servers it runs

ALTER TABLE tokens RENAME TO tokens_2;
CREATE TABLE tokens (
	id      TEXT PRIMARY KEY,
	secret  BLOB NOT NULL,                      -- SHA-256
	kind    TEXT NOT NULL,                      -- TokenKind
	client  TEXT NOT NULL REFERENCES clients (id),
	site    TEXT REFERENCES sites (id),         -- NULL: of the client, no site in particular
	maker   TEXT NOT NULL,                      -- '': not known
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	uses    INTEGER NOT NULL,
	used    INTEGER NOT NULL DEFAULT 0,
	revoked INTEGER NOT NULL DEFAULT 0,
	last_used    INTEGER NOT NULL DEFAULT 0,
	last_from    TEXT NOT NULL DEFAULT '',      -- address
	last_network TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
INSERT INTO tokens (id, secret, kind, client, site, maker, created, expires, uses, used, revoked, last_used)
	SELECT t.id, t.secret, iif(t.uses = 1, 'one-shot', 'site'), sites.client, t.site, '', t.created, t.expires, t.uses, t.used, t.revoked,
		coalesce((SELECT max(agents.created) FROM agents WHERE agents.token = t.id), 0)
	FROM tokens_2 AS t JOIN sites ON sites.id = t.site;
CREATE INDEX tokens_site ON tokens (site);

CREATE TABLE agents_3 (
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
INSERT INTO agents_3 (id, site, slot, token, key, created, not_after, revoked, seen, version, os, hostname, network)
	SELECT id, site, slot, token, key, created, not_after, revoked, seen, version, os, hostname, network FROM agents;
DROP TABLE agents;
ALTER TABLE agents_3 RENAME TO agents;
CREATE INDEX agents_site ON agents (site);
DROP TABLE tokens_2;

CREATE TABLE requests (
	id       TEXT PRIMARY KEY,
	token    TEXT NOT NULL REFERENCES tokens (id),
	key      BLOB NOT NULL,                     -- SHA-256 of the public key
	wish     TEXT NOT NULL,                     -- site as whoever installs it named it; '': not told
	hostname TEXT NOT NULL,
	os       TEXT NOT NULL,
	version  TEXT NOT NULL,
	origin   TEXT NOT NULL,                     -- address it came from last
	made     INTEGER NOT NULL,
	asked    INTEGER NOT NULL,                  -- last
	state    INTEGER NOT NULL DEFAULT 0,        -- RequestState
	site     TEXT REFERENCES sites (id),        -- where it may join; NULL: not decided
	decided  INTEGER NOT NULL DEFAULT 0,
	decider  TEXT NOT NULL DEFAULT '',
	UNIQUE (token, key)
) STRICT, WITHOUT ROWID;
`

// migrate brings the database to the format that steps lead to.
func (s *Store) migrate(ctx context.Context, path string, steps []string) error {
	format, err := readFormat(ctx, s.write, len(steps))
	if err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, "PRAGMA journal_mode(WAL)"); err != nil { // stays with the file
		return fmt.Errorf("turn on the write-ahead log: %w", err)
	}
	if format == len(steps) {
		return nil
	}
	if format > 0 {
		copyPath := fmt.Sprintf("%s.format%d.bak", path, format)
		if err := copyTo(ctx, s.write, copyPath); err != nil {
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

// readFormat returns the format of a database that we know, 0 for an empty
// file. errors.Is: [ErrForeign], [ErrNewer] above the format known.
func readFormat(ctx context.Context, db *sql.DB, known int) (int, error) {
	var format, app, tables int
	for q, v := range map[string]*int{
		"PRAGMA user_version":                &format,
		"PRAGMA application_id":              &app,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := db.QueryRowContext(ctx, q).Scan(v); err != nil {
			return 0, fmt.Errorf("read the format: %w", err)
		}
	}
	switch {
	case app != applicationID && (tables > 0 || format > 0 || app != 0):
		return 0, ErrForeign
	case format > known:
		return 0, fmt.Errorf("%w: it has format %d, this program knows up to %d; run the newer version, or restore the copy it made (*.bak)",
			ErrNewer, format, known)
	}
	return format, nil
}
