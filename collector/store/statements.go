package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// statements are those that every commit runs, prepared once.
type statements struct {
	mark, setMark, loss, series, minute, hour *sql.Stmt
}

const addRollup = `INSERT INTO %s (start, series, up, degraded, down, unknown, sum_us, min_us, max_us)
VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (start, series) DO UPDATE SET
	up = up + excluded.up, degraded = degraded + excluded.degraded,
	down = down + excluded.down, unknown = unknown + excluded.unknown, sum_us = sum_us + excluded.sum_us,
	min_us = min(coalesce(min_us, excluded.min_us), coalesce(excluded.min_us, min_us)),
	max_us = max(coalesce(max_us, excluded.max_us), coalesce(excluded.max_us, max_us))`

func (st *statements) prepare(ctx context.Context, db *sql.DB) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		sql  string
	}{
		{&st.mark, `SELECT seq FROM marks WHERE agent = ? AND run = ?`},
		{&st.setMark, `INSERT INTO marks (agent, run, seq, received, updated) VALUES (?,?,?,?,?)
			ON CONFLICT (agent, run) DO UPDATE SET seq = excluded.seq, received = received + excluded.received, updated = excluded.updated`},
		{&st.loss, `INSERT INTO losses (agent, run, reason, n) VALUES (?,?,?,?)
			ON CONFLICT (agent, run, reason) DO UPDATE SET n = n + excluded.n`},
		// The update changes nothing; it is there because DO NOTHING returns no row.
		{&st.series, `INSERT INTO series (check_id, target, region) VALUES (?,?,?)
			ON CONFLICT (check_id, target, region) DO UPDATE SET region = region RETURNING id`},
		{&st.minute, fmt.Sprintf(addRollup, "rollup_1m")},
		{&st.hour, fmt.Sprintf(addRollup, "rollup_1h")},
	} {
		var err error
		if *p.stmt, err = db.PrepareContext(ctx, p.sql); err != nil {
			return fmt.Errorf("prepare %q: %w", p.sql, err)
		}
	}
	return nil
}

func (st *statements) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{st.mark, st.setMark, st.loss, st.series, st.minute, st.hour} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}
