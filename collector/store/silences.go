package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Silence mutes alerts for a time. What it mutes is a document.
type Silence struct {
	ID               string // given by AddSilence
	Doc              []byte
	Comment          string
	Author           string
	Created, Expires time.Time
	Ended            time.Time // by hand, before it expired; zero: not
	Ender            string
}

// AddSilence stores a silence under a new id. errors.Is: [ErrMany].
func (s *Store) AddSilence(ctx context.Context, x Silence) (Silence, error) {
	x.ID, x.Created, x.Expires = shortID(), moment(millis(x.Created)), moment(millis(x.Expires))
	err := s.update(ctx, "add a silence", func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM silences WHERE ended = 0 AND expires > ?`, millis(x.Created)).Scan(&n); err != nil {
			return err
		}
		if n >= maxSilences {
			return ErrMany
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO silences (id, doc, comment, author, created, expires) VALUES (?,?,?,?,?,?)`,
			x.ID, notNil(x.Doc), x.Comment, x.Author, millis(x.Created), millis(x.Expires)); err != nil {
			return err
		}
		return audit(ctx, tx, Entry{At: x.Created, Actor: x.Author, Action: "silence.add", Subject: x.ID,
			Detail: "until " + x.Expires.UTC().Format(time.RFC3339) + ": " + x.Comment})
	})
	return x, err
}

// EndSilence ends a silence before it expires. To end it twice changes nothing.
// errors.Is: [ErrNotFound].
func (s *Store) EndSilence(ctx context.Context, id, by string, now time.Time) error {
	return s.update(ctx, "end silence "+id, func(tx *sql.Tx) error {
		var over bool
		err := tx.QueryRowContext(ctx, `SELECT ended > 0 OR expires <= ?2 FROM silences WHERE id = ?1`, id, millis(now)).Scan(&over)
		if err != nil || over {
			return absent(err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE silences SET ended = ?2, ender = ?3 WHERE id = ?1`, id, millis(now), by); err != nil {
			return err
		}
		return audit(ctx, tx, Entry{At: now, Actor: by, Action: "silence.end", Subject: id})
	})
}

// Silences returns those that mute after since: the ones that last longest
// first. The zero time returns all that are kept.
func (s *Store) Silences(ctx context.Context, since time.Time) ([]Silence, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, doc, comment, author, created, expires, ended, ender FROM silences
		WHERE expires > ?1 AND (ended = 0 OR ended > ?1) ORDER BY expires DESC, id LIMIT 5000`, millis(since))
	all, err := collect(rows, err, func(r *sql.Rows) (x Silence, err error) {
		var created, expires, ended int64
		err = r.Scan(&x.ID, &x.Doc, &x.Comment, &x.Author, &created, &expires, &ended, &x.Ender)
		x.Created, x.Expires, x.Ended = moment(created), moment(expires), moment(ended)
		return x, err
	})
	if err != nil {
		return nil, fmt.Errorf("list silences: %w", err)
	}
	return all, nil
}

// MessagesSince returns the messages that were made since then, the newest
// first, at most limit.
func (s *Store) MessagesSince(ctx context.Context, since time.Time, limit int) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, selectMessages+` WHERE created >= ? ORDER BY created DESC, id LIMIT ?`, millis(since), limit)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return all, nil
}

// PlannedWork is a maintenance window as it was applied.
type PlannedWork struct {
	Start, Until time.Time
	Doc          []byte    // what is worked on
	Covered      []byte    // what that meant when it was applied last
	Applied      time.Time // first; set by the store
	Withdrawn    time.Time // taken back before it was over; zero: not
}

// ApplyPlannedWork notes the windows that are in force or planned from now on.
// One that was noted before and is not over keeps when it was applied first; one
// that is no longer among them is noted as withdrawn, and stays. What is over is
// never changed.
func (s *Store) ApplyPlannedWork(ctx context.Context, now time.Time, windows []PlannedWork) error {
	return s.update(ctx, "note planned work", func(tx *sql.Tx) error {
		if err := withdraw(ctx, tx, now, windows); err != nil {
			return err
		}
		for _, w := range windows {
			if !w.Until.After(now) {
				continue
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO planned_work (start, until, doc, covered, applied) VALUES (?,?,?,?,?)
				ON CONFLICT (start, until, doc) WHERE withdrawn = 0 DO UPDATE SET covered = excluded.covered`,
				millis(w.Start), millis(w.Until), notNil(w.Doc), notNil(w.Covered), millis(now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// withdraw notes what is planned no more.
func withdraw(ctx context.Context, tx *sql.Tx, now time.Time, windows []PlannedWork) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, start, until, doc FROM planned_work WHERE until > ? AND withdrawn = 0`, millis(now))
	type planned struct {
		id  int64
		key string
	}
	all, err := collect(rows, err, func(r *sql.Rows) (planned, error) {
		var id, start, until int64
		var doc []byte
		err := r.Scan(&id, &start, &until, &doc)
		return planned{id, workKey(start, until, doc)}, err
	})
	if err != nil {
		return err
	}
	stays := map[string]bool{}
	for _, w := range windows {
		stays[workKey(millis(w.Start), millis(w.Until), w.Doc)] = true
	}
	for _, p := range all {
		if stays[p.key] {
			continue
		}
		if _, err := tx.ExecContext(ctx, `UPDATE planned_work SET withdrawn = ? WHERE id = ?`, millis(now), p.id); err != nil {
			return err
		}
	}
	return nil
}

// workKey tells windows apart.
func workKey(start, until int64, doc []byte) string {
	return fmt.Sprintf("%d %d %s", start, until, doc)
}

// PlannedWork returns the windows that were in force or planned between two
// times, the earliest first.
func (s *Store) PlannedWork(ctx context.Context, from, to time.Time) ([]PlannedWork, error) {
	if !to.After(from) {
		return nil, errors.New("read planned work: no time between from and to")
	}
	rows, err := s.read.QueryContext(ctx, `SELECT start, until, doc, covered, applied, withdrawn FROM planned_work
		WHERE until > ? AND start < ? ORDER BY start, id`, millis(from), millis(to))
	all, err := collect(rows, err, func(r *sql.Rows) (w PlannedWork, err error) {
		var start, until, applied, withdrawn int64
		err = r.Scan(&start, &until, &w.Doc, &w.Covered, &applied, &withdrawn)
		w.Start, w.Until, w.Applied, w.Withdrawn = moment(start), moment(until), moment(applied), moment(withdrawn)
		return w, err
	})
	if err != nil {
		return nil, fmt.Errorf("read planned work: %w", err)
	}
	return all, nil
}
