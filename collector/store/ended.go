package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Ended is what became of a message that was sent or given up.
type Ended struct {
	Incident, Route, Event string
	State                  MessageState
	Done                   time.Time
	Took                   time.Duration // from when it was first due
	Tries                  int
}

// firstDue is when a message was to go first: due moves on with every failed try.
const firstDue = `CASE attempts WHEN 0 THEN due ELSE created END`

// Ended returns the messages that were sent or given up since then, the newest
// first, at most limit.
func (s *Store) Ended(ctx context.Context, since time.Time, limit int) ([]Ended, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT incident, route, event, state, done, done - `+firstDue+`, attempts + (state = ?)
		FROM outbox WHERE state IN (?, ?) AND done >= ? ORDER BY done DESC, id LIMIT ?`,
		MessageSent, MessageSent, MessageDead, millis(since), limit)
	all, err := collect(rows, err, func(r *sql.Rows) (e Ended, err error) {
		var done, took int64
		err = r.Scan(&e.Incident, &e.Route, &e.Event, &e.State, &done, &took, &e.Tries)
		e.Done, e.Took = moment(done), time.Duration(max(took, 0))*time.Millisecond
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what was sent: %w", err)
	}
	return all, nil
}

// OldestDue returns when the message that waits longest was first due; zero if
// none is due.
func (s *Store) OldestDue(ctx context.Context, now time.Time) (time.Time, error) {
	var at sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT min(`+firstDue+`) FROM outbox WHERE state = 0 AND `+firstDue+` <= ?`, millis(now)).Scan(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the oldest message: %w", err)
	}
	if !at.Valid {
		return time.Time{}, nil
	}
	return moment(at.Int64), nil
}

// FirstSent returns when the first message of an incident arrived; zero if none has.
func (s *Store) FirstSent(ctx context.Context, incident string) (time.Time, error) {
	var at sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT min(done) FROM outbox WHERE incident = ? AND state = ?`, incident, MessageSent).Scan(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("read when incident %s was told: %w", incident, err)
	}
	if !at.Valid {
		return time.Time{}, nil
	}
	return moment(at.Int64), nil
}
