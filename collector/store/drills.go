package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// formatDrills adds the drills that were played.
const formatDrills = `
CREATE TABLE drills (
	id    TEXT PRIMARY KEY,
	doc   BLOB NOT NULL,                        -- what was played, and how fast it was found
	begun INTEGER NOT NULL,
	ended INTEGER NOT NULL DEFAULT 0            -- 0: not yet
) STRICT, WITHOUT ROWID;
CREATE INDEX drills_begun ON drills (begun);
`

// maxDrills is how many drills are kept: one a day for more than two years.
const maxDrills = 1000

// Drill is one drill.
type Drill struct {
	ID           string
	Doc          []byte
	Begun, Ended time.Time // zero Ended: not yet
}

// SaveDrill stores a drill as it is now, and forgets the oldest beyond a thousand.
func (s *Store) SaveDrill(ctx context.Context, d Drill) error {
	return s.update(ctx, "save drill "+d.ID, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO drills (id, doc, begun, ended) VALUES (?,?,?,?)
			ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, ended = excluded.ended`, d.ID, notNil(d.Doc), millis(d.Begun), millis(d.Ended))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM drills WHERE id IN (SELECT id FROM drills ORDER BY begun DESC, id DESC LIMIT -1 OFFSET ?)`, maxDrills)
		return err
	})
}

// Drills returns the newest drills first, at most limit; 0 means 100.
func (s *Store) Drills(ctx context.Context, limit int) ([]Drill, error) {
	if limit <= 0 {
		limit = 100
	}
	return s.drills(ctx, `SELECT id, doc, begun, ended FROM drills ORDER BY begun DESC, id DESC LIMIT ?`, limit)
}

// OpenDrills returns the drills that were never ended: a collector that is
// starting has lost them.
func (s *Store) OpenDrills(ctx context.Context) ([]Drill, error) {
	return s.drills(ctx, `SELECT id, doc, begun, ended FROM drills WHERE ended = 0 ORDER BY begun DESC LIMIT ?`, maxDrills)
}

func (s *Store) drills(ctx context.Context, query string, limit int) ([]Drill, error) {
	rows, err := s.read.QueryContext(ctx, query, limit)
	all, err := collect(rows, err, func(r *sql.Rows) (d Drill, err error) {
		var begun, ended int64
		err = r.Scan(&d.ID, &d.Doc, &begun, &ended)
		d.Begun, d.Ended = moment(begun), moment(ended)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list drills: %w", err)
	}
	return all, nil
}
