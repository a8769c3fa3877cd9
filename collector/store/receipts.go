package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// formatReceipts has what became of each route's messages found without reading
// their bodies.
const formatReceipts = `
CREATE INDEX outbox_receipts ON outbox (state, route, done);
`

// RouteReceipts is what became of the messages of one route. What was only
// recorded (shadow) is not among them.
type RouteReceipts struct {
	Route      string
	Waiting    int
	Sent, Dead uint64
	LastSent   time.Time // newest delivery; zero: none
	LastDead   time.Time // newest message that was given up
}

// Receipts returns what became of the messages of every route that ever had one,
// sorted by route.
func (s *Store) Receipts(ctx context.Context) ([]RouteReceipts, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT route, count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2),
		coalesce(max(done) FILTER (WHERE state = 1), 0), coalesce(max(done) FILTER (WHERE state = 2), 0) FROM outbox GROUP BY route ORDER BY route`)
	all, err := collect(rows, err, func(r *sql.Rows) (v RouteReceipts, err error) {
		var sent, dead int64
		err = r.Scan(&v.Route, &v.Waiting, &v.Sent, &v.Dead, &sent, &dead)
		v.LastSent, v.LastDead = moment(sent), moment(dead)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the receipts: %w", err)
	}
	return all, nil
}

// Undelivered returns the messages that wait although they were tried, and those
// that were given up since a time, the oldest first, at most limit. Their bodies
// are left out.
func (s *Store) Undelivered(ctx context.Context, since time.Time, limit int) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, incident, route, event, x'', created, due, attempts, error, state, done FROM outbox
		WHERE state = 0 AND attempts > 0 OR state = 2 AND done >= ? ORDER BY created, id LIMIT ?`, millis(since), limit)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read what was not delivered: %w", err)
	}
	return all, nil
}

// Letters returns the newest messages about what has an id that begins with
// prefix ("" all), the newest first, at most limit, without their bodies.
func (s *Store) Letters(ctx context.Context, prefix string, limit int) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, incident, route, event, x'', created, due, attempts, error, state, done FROM outbox
		WHERE incident >= ?1 AND incident < ?1 || char(1114111) ORDER BY created DESC, id DESC LIMIT ?2`, prefix, limit)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return all, nil
}

// FirstApplied is when the first configuration was put into force: how old this
// installation is.
func (s *Store) FirstApplied(ctx context.Context) (time.Time, error) {
	var at int64
	if err := s.read.QueryRowContext(ctx, `SELECT coalesce(min(applied), 0) FROM sources`).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("read the first configuration: %w", err)
	}
	return moment(at), nil
}
