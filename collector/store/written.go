package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Written returns the messages that were written from a time up to another,
// without it, whatever became of them: the oldest first, at most limit, and
// without their bodies.
func (s *Store) Written(ctx context.Context, from, to time.Time, limit int) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, incident, route, event, created, state FROM outbox
		WHERE created >= ? AND created < ? ORDER BY created, id LIMIT ?`, millis(from), millis(to), limit)
	all, err := collect(rows, err, func(r *sql.Rows) (m Message, err error) {
		var created int64
		err = r.Scan(&m.ID, &m.Incident, &m.Route, &m.Event, &created, &m.State)
		m.Created = moment(created)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what was written: %w", err)
	}
	return all, nil
}
