package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"picket/internal/fleet"
)

// KeepMinutes is how long the minute rollups are kept; of what is older only
// hours are known.
const KeepMinutes = 14 * 24 * time.Hour

const (
	keepHours = 396 * 24 * time.Hour // 13 months: the same month of last year is still whole; the audit trail too
	keepDone  = 90 * 24 * time.Hour  // messages that were sent or given up
)

// Marks returns how far each of the agent's runs was taken. A run that is not
// known is not in the answer: it begins at seq 1.
func (s *Store) Marks(ctx context.Context, agent string, runs []uint64) ([]fleet.Mark, error) {
	signed := make([]int64, len(runs))
	for i, r := range runs {
		signed[i] = int64(r)
	}
	list, err := json.Marshal(signed)
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT run, seq FROM marks WHERE agent = ? AND run IN (SELECT value FROM json_each(?))`, agent, string(list))
	marks, err := collect(rows, err, func(r *sql.Rows) (fleet.Mark, error) {
		var run, seq int64
		err := r.Scan(&run, &seq)
		return fleet.Mark{Run: uint64(run), Seq: uint64(seq)}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	return marks, nil
}

// Totals is what was taken since the first day, as far as marks are kept.
type Totals struct {
	Results uint64            // distinct results taken
	Lost    map[string]uint64 // seqs that never came, by fleet.LossReason
	Agents  map[string]uint64 // distinct results taken per agent
}

// Totals reads the marks; it costs one row per run, for metrics and tests.
func (s *Store) Totals(ctx context.Context) (Totals, error) {
	t := Totals{Lost: map[string]uint64{}, Agents: map[string]uint64{}}
	each := func(query string, f func(key string, n int64)) error {
		rows, err := s.read.QueryContext(ctx, query)
		_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
			var key string
			var n int64
			err := r.Scan(&key, &n)
			if err == nil {
				f(key, n)
			}
			return struct{}{}, err
		})
		return err
	}
	err := each(`SELECT agent, CAST(total(received) AS INTEGER) FROM marks GROUP BY agent`, func(agent string, n int64) {
		t.Agents[agent] = uint64(n)
		t.Results += uint64(n)
	})
	if err != nil {
		return Totals{}, fmt.Errorf("total results: %w", err)
	}
	err = each(`SELECT reason, CAST(total(n) AS INTEGER) FROM losses GROUP BY reason`, func(reason string, n int64) {
		var number uint8
		if _, err := fmt.Sscan(reason, &number); err == nil {
			t.Lost[fleet.LossReason(number).String()] += uint64(n)
		}
	})
	if err != nil {
		return Totals{}, fmt.Errorf("total losses: %w", err)
	}
	return t, nil
}

// RollupTotals counts the results in the minute and in the hour rollups. It
// reads every row: for tests and audits, not for a page. Before anything was
// pruned both equal Totals.Results.
func (s *Store) RollupTotals(ctx context.Context) (minutes, hours uint64, err error) {
	const q = `SELECT (SELECT coalesce(sum(up+degraded+down+unknown), 0) FROM rollup_1m),
		(SELECT coalesce(sum(up+degraded+down+unknown), 0) FROM rollup_1h)`
	var m, h int64
	if err := s.read.QueryRowContext(ctx, q).Scan(&m, &h); err != nil {
		return 0, 0, fmt.Errorf("total rollups: %w", err)
	}
	return uint64(m), uint64(h), nil
}

// RollupQuery chooses rollup rows. Empty strings mean all.
type RollupQuery struct {
	Hours                 bool      // the hour rows; false means the minute rows
	From, To              time.Time // From <= start < To; zero To means no end
	Check, Target, Region string
	Limit                 int // 0 means 10,000
}

// Rollup is what all agents of one vantage region saw of one check in one
// minute or hour.
type Rollup struct {
	Start                       time.Time
	Check, Target, Region       string
	Up, Degraded, Down, Unknown uint64
	// Sum, Min and Max are the total times of the results that were up; zero
	// if none was.
	Sum, Min, Max time.Duration
}

// Rollups returns rows ordered by start, then check and region.
func (s *Store) Rollups(ctx context.Context, q RollupQuery) ([]Rollup, error) {
	table, to := "rollup_1m", int64(1)<<62
	if q.Hours {
		table = "rollup_1h"
	}
	if !q.To.IsZero() {
		to = q.To.Unix()
	}
	rows, err := s.read.QueryContext(ctx, `SELECT start, check_id, target, region, up, degraded, down, unknown, sum_us,
			coalesce(min_us, 0), coalesce(max_us, 0)
		FROM `+table+` JOIN series ON series.id = series
		WHERE start >= ?1 AND start < ?2 AND (?3 = '' OR check_id = ?3) AND (?4 = '' OR target = ?4) AND (?5 = '' OR region = ?5)
		ORDER BY start, check_id, region LIMIT ?6`,
		q.From.Unix(), to, q.Check, q.Target, q.Region, cmp.Or(q.Limit, 10_000))
	all, err := collect(rows, err, func(r *sql.Rows) (Rollup, error) {
		var v Rollup
		var start, sum, least, most int64
		err := r.Scan(&start, &v.Check, &v.Target, &v.Region, &v.Up, &v.Degraded, &v.Down, &v.Unknown, &sum, &least, &most)
		v.Start = time.Unix(start, 0).UTC()
		v.Sum, v.Min, v.Max = micros(sum), micros(least), micros(most)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("read rollups: %w", err)
	}
	return all, nil
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// Pruned counts deleted rows.
type Pruned struct{ Minutes, Hours, Marks, Messages, Requests, Logins, Entries, Silences, Coverage, Records int64 }

// Prune deletes what has had its time: minutes after 14 days, hours, the marks
// of runs that ended, the audit trail, silences and the records of status feeds and lines after 13 months, messages that are done
// after 90 days, requests to join after 14, logins when they expire. It works in slices of an hour of
// rollups each, so that commits wait milliseconds. Call it about hourly.
func (s *Store) Prune(ctx context.Context, now time.Time) (Pruned, error) {
	var p Pruned
	var err error
	if p.Minutes, err = s.pruneRollup(ctx, "rollup_1m", now.Add(-KeepMinutes), time.Hour); err != nil {
		return p, err
	}
	if p.Hours, err = s.pruneRollup(ctx, "rollup_1h", now.Add(-keepHours), 24*time.Hour); err != nil {
		return p, err
	}
	for table, end := range map[string]time.Time{"coverage_1m": now.Add(-KeepMinutes), "coverage_1h": now.Add(-keepHours)} {
		n, err := s.pruneRollup(ctx, table, end, 24*time.Hour)
		if p.Coverage += n; err != nil {
			return p, err
		}
	}
	err = s.update(ctx, "prune", func(tx *sql.Tx) error {
		old := millis(now.Add(-keepHours))
		if _, err := tx.ExecContext(ctx, `DELETE FROM losses WHERE (agent, run) IN (SELECT agent, run FROM marks WHERE updated < ?)`, old); err != nil {
			return err
		}
		for _, d := range []struct {
			deleted *int64
			query   string
			before  int64
		}{
			{&p.Marks, `DELETE FROM marks WHERE updated < ?`, old},
			{&p.Messages, `DELETE FROM outbox WHERE state <> 0 AND done < ?`, millis(now.Add(-keepDone))},
			{&p.Requests, `DELETE FROM requests WHERE made <= ?`, millis(now.Add(-requestLife))},
			{&p.Logins, `DELETE FROM sessions WHERE expires <= ?`, millis(now)},
			{&p.Entries, `DELETE FROM audit WHERE at < ?`, old},
			{&p.Silences, `DELETE FROM silences WHERE expires < ?`, old},
			{&p.Records, `DELETE FROM notices WHERE seen < ?`, old},
			// What held at the beginning of what is kept stays.
			{&p.Records, `DELETE FROM feed_readings WHERE at < (SELECT max(at) FROM feed_readings AS r WHERE r.feed = feed_readings.feed AND r.at < ?)`, old},
			{&p.Records, `DELETE FROM line_times WHERE until <> 0 AND until < ?`, old},
		} {
			res, err := tx.ExecContext(ctx, d.query, d.before)
			if err != nil {
				return err
			}
			n, _ := res.RowsAffected()
			*d.deleted += n
		}
		return nil
	})
	return p, err
}

// pruneRollup deletes the rows of table that start before end, oldest first,
// one slice per transaction.
func (s *Store) pruneRollup(ctx context.Context, table string, end time.Time, slice time.Duration) (deleted int64, err error) {
	for {
		var oldest sql.NullInt64
		if err := s.read.QueryRowContext(ctx, `SELECT min(start) FROM `+table).Scan(&oldest); err != nil {
			return deleted, fmt.Errorf("prune %s: %w", table, err)
		}
		if !oldest.Valid || oldest.Int64 >= end.Unix() {
			return deleted, nil
		}
		upTo := min(oldest.Int64+int64(slice.Seconds()), end.Unix())
		res, err := s.write.ExecContext(ctx, `DELETE FROM `+table+` WHERE start < ?`, upTo)
		if err != nil {
			return deleted, fmt.Errorf("prune %s: %w", table, err)
		}
		n, _ := res.RowsAffected()
		deleted += n
	}
}
