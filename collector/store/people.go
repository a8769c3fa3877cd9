package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// formatPeople adds what people do with an incident, and what cannot be found
// out afterwards: who took it on first, when a client was first told, and which
// planned work was in force.
const formatPeople = `
CREATE TABLE acknowledgements (
	incident TEXT NOT NULL REFERENCES incidents (id),
	place    INTEGER NOT NULL,                  -- 1 is the first, which is never changed
	at       INTEGER NOT NULL,
	actor    TEXT NOT NULL,
	note     TEXT NOT NULL,
	PRIMARY KEY (incident, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE opinions (
	incident TEXT NOT NULL REFERENCES incidents (id),
	actor    TEXT NOT NULL,
	verdict  TEXT NOT NULL,
	at       INTEGER NOT NULL,
	PRIMARY KEY (incident, actor)
) STRICT, WITHOUT ROWID;
CREATE TABLE client_notices (                   -- the first one to each client, never changed
	incident TEXT NOT NULL REFERENCES incidents (id),
	client   TEXT NOT NULL,
	at       INTEGER NOT NULL,
	actor    TEXT NOT NULL,
	PRIMARY KEY (incident, client)
) STRICT, WITHOUT ROWID;
CREATE TABLE silences (
	id      TEXT PRIMARY KEY,
	doc     BLOB NOT NULL,                      -- what it mutes
	comment TEXT NOT NULL,
	author  TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	ended   INTEGER NOT NULL DEFAULT 0,         -- by hand, before it expired; 0: not
	ender   TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX silences_expires ON silences (expires);
CREATE TABLE planned_work (                     -- maintenance windows as they were applied
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	start     INTEGER NOT NULL,
	until     INTEGER NOT NULL,
	doc       BLOB NOT NULL,                    -- what is worked on
	covered   BLOB NOT NULL,                    -- what that meant when it was applied last
	applied   INTEGER NOT NULL,                 -- in force or planned since
	withdrawn INTEGER NOT NULL DEFAULT 0        -- taken back before it was over; 0: not
) STRICT;
CREATE UNIQUE INDEX planned_work_once ON planned_work (start, until, doc) WHERE withdrawn = 0;
CREATE INDEX outbox_created ON outbox (created);
`

// Bounds of what people may write to one incident and in all.
const (
	maxAcknowledgements = 200  // of one incident
	maxSilences         = 1000 // that mute at the same time
)

// ErrMany: there is no room for more of it.
var ErrMany = errors.New("there are too many of them already")

// Acknowledgement is that somebody took an incident on, or a note behind that.
type Acknowledgement struct {
	Incident string
	At       time.Time
	By       string
	Note     string
}

// Acknowledge notes that somebody takes the incident on. The first one stays for
// ever as it is; what comes later is kept behind it. errors.Is: [ErrNotFound],
// [ErrMany].
func (s *Store) Acknowledge(ctx context.Context, a Acknowledgement) (first bool, err error) {
	err = s.update(ctx, "acknowledge incident "+a.Incident, func(tx *sql.Tx) error {
		var place int
		err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM acknowledgements WHERE incident = incidents.id) + 1
			FROM incidents WHERE id = ?`, a.Incident).Scan(&place)
		if err != nil {
			return absent(err)
		}
		if place > maxAcknowledgements {
			return ErrMany
		}
		first = place == 1
		if _, err := tx.ExecContext(ctx, `INSERT INTO acknowledgements (incident, place, at, actor, note) VALUES (?,?,?,?,?)`,
			a.Incident, place, millis(a.At), a.By, a.Note); err != nil {
			return err
		}
		return audit(ctx, tx, Entry{At: a.At, Actor: a.By, Action: "incident.ack", Subject: a.Incident, Detail: a.Note})
	})
	return first, err
}

const selectAcknowledgements = `SELECT incident, at, actor, note FROM acknowledgements`

func scanAcknowledgement(r *sql.Rows) (a Acknowledgement, err error) {
	var at int64
	err = r.Scan(&a.Incident, &at, &a.By, &a.Note)
	a.At = moment(at)
	return a, err
}

// Acknowledgements returns those of an incident, the first one first.
func (s *Store) Acknowledgements(ctx context.Context, incident string) ([]Acknowledgement, error) {
	rows, err := s.read.QueryContext(ctx, selectAcknowledgements+` WHERE incident = ? ORDER BY place`, incident)
	all, err := collect(rows, err, scanAcknowledgement)
	if err != nil {
		return nil, fmt.Errorf("read who took incident %s on: %w", incident, err)
	}
	return all, nil
}

// Opinion is what somebody thinks of how an incident was judged.
type Opinion struct {
	Incident, By, Verdict string
	At                    time.Time
}

// SaveOpinion keeps one opinion of each person on each incident, the last.
// errors.Is: [ErrNotFound].
func (s *Store) SaveOpinion(ctx context.Context, o Opinion) error {
	return s.update(ctx, "keep an opinion on incident "+o.Incident, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO opinions (incident, actor, verdict, at) SELECT id, ?2, ?3, ?4 FROM incidents WHERE id = ?1
			ON CONFLICT (incident, actor) DO UPDATE SET verdict = excluded.verdict, at = excluded.at`, o.Incident, o.By, o.Verdict, millis(o.At))
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return ErrNotFound
		}
		return audit(ctx, tx, Entry{At: o.At, Actor: o.By, Action: "incident.opinion", Subject: o.Incident, Detail: o.Verdict})
	})
}

// Opinions returns those on an incident, by person.
func (s *Store) Opinions(ctx context.Context, incident string) ([]Opinion, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT incident, actor, verdict, at FROM opinions WHERE incident = ? ORDER BY actor`, incident)
	all, err := collect(rows, err, func(r *sql.Rows) (o Opinion, err error) {
		var at int64
		err = r.Scan(&o.Incident, &o.By, &o.Verdict, &at)
		o.At = moment(at)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("read opinions on incident %s: %w", incident, err)
	}
	return all, nil
}

// ClientNotice is that a client was told of an incident for the first time.
type ClientNotice struct {
	Incident, Client string
	At               time.Time
	By               string
}

// FirstNotice notes that a client was told of an incident at that time. What is
// kept is the first one to each client; a later one changes nothing. errors.Is:
// [ErrNotFound].
func (s *Store) FirstNotice(ctx context.Context, incident string, at time.Time, by, client string) error {
	return s.update(ctx, "note a client notice of incident "+incident, func(tx *sql.Tx) error {
		var known bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM incidents WHERE id = ?)`, incident).Scan(&known); err != nil {
			return err
		}
		if !known {
			return ErrNotFound
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO client_notices (incident, client, at, actor) VALUES (?,?,?,?) ON CONFLICT DO NOTHING`,
			incident, client, millis(at), by)
		return err
	})
}

// ClientNotices returns the first notice to each client, the earliest first.
func (s *Store) ClientNotices(ctx context.Context, incident string) ([]ClientNotice, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT incident, client, at, actor FROM client_notices WHERE incident = ? ORDER BY at, client`, incident)
	all, err := collect(rows, err, func(r *sql.Rows) (n ClientNotice, err error) {
		var at int64
		err = r.Scan(&n.Incident, &n.Client, &at, &n.By)
		n.At = moment(at)
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("read client notices of incident %s: %w", incident, err)
	}
	return all, nil
}
