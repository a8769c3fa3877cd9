package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// formatPresence adds where sites are and why agents left: what the page shows of
// an empty chair must outlive a restart of the collector.
const formatPresence = `
CREATE TABLE lines (
	site   TEXT NOT NULL REFERENCES sites (id),
	family INTEGER NOT NULL,                    -- 4 or 6
	key    TEXT NOT NULL,
	place  INTEGER NOT NULL,                    -- order of first use
	name   TEXT NOT NULL,
	tabled INTEGER NOT NULL,                    -- the table of networks knows it
	usual  INTEGER NOT NULL,
	shared INTEGER NOT NULL,
	since  INTEGER NOT NULL,                    -- on it since; 0: not on it
	PRIMARY KEY (site, family, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE chairs (
	agent  TEXT PRIMARY KEY REFERENCES agents (id),
	gone   INTEGER NOT NULL,                    -- its goodbye; 0: none
	reason TEXT NOT NULL,
	away   INTEGER NOT NULL                     -- elsewhere since; 0: not
) STRICT, WITHOUT ROWID;
CREATE TABLE roaming (                          -- tokens of machines without a fixed place
	token TEXT PRIMARY KEY REFERENCES tokens (id)
) STRICT, WITHOUT ROWID;
`

// Line is one line of a site in one IP version, as picket/collector/presence
// knows it.
type Line struct {
	Site                  string
	Family                uint8
	Key, Name             string
	Tabled, Usual, Shared bool
	Since                 time.Time // zero: the site is not on it
}

// Chair is what is known of an agent that may not be there.
type Chair struct {
	Agent  string
	Gone   time.Time // its goodbye; zero: none
	Reason string
	Away   time.Time // elsewhere since; zero: it is not
}

// SavePresence replaces the lines of the sites that are keys of lines, and
// stores the chairs. Sites and agents that are not enrolled are passed over. What
// a line is left or taken for is kept, as of now ([Store.LineTimes]).
func (s *Store) SavePresence(ctx context.Context, lines map[string][]Line, chairs []Chair, now time.Time) error {
	return s.update(ctx, "store where sites are", func(tx *sql.Tx) error {
		for site, list := range lines {
			if _, err := tx.ExecContext(ctx, `DELETE FROM lines WHERE site = ?`, site); err != nil {
				return err
			}
			for i, l := range list {
				if _, err := tx.ExecContext(ctx, `INSERT INTO lines (site, family, key, place, name, tabled, usual, shared, since)
					SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM sites WHERE id = ?1`,
					site, l.Family, l.Key, i, l.Name, l.Tabled, l.Usual, l.Shared, millis(l.Since)); err != nil {
					return err
				}
			}
			if err := noteLines(ctx, tx, site, now); err != nil {
				return err
			}
		}
		for _, c := range chairs {
			if _, err := tx.ExecContext(ctx, `INSERT INTO chairs (agent, gone, reason, away) SELECT id, ?2, ?3, ?4 FROM agents WHERE id = ?1
				ON CONFLICT (agent) DO UPDATE SET gone = excluded.gone, reason = excluded.reason, away = excluded.away`,
				c.Agent, millis(c.Gone), c.Reason, millis(c.Away)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Presence returns what was stored: the lines of each site in the order of
// their first use, and the chairs.
func (s *Store) Presence(ctx context.Context) (lines []Line, chairs []Chair, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT site, family, key, name, tabled, usual, shared, since FROM lines ORDER BY site, place`)
	lines, err = collect(rows, err, func(r *sql.Rows) (l Line, err error) {
		var since int64
		err = r.Scan(&l.Site, &l.Family, &l.Key, &l.Name, &l.Tabled, &l.Usual, &l.Shared, &since)
		l.Since = moment(since)
		return l, err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the lines of sites: %w", err)
	}
	rows, err = s.read.QueryContext(ctx, `SELECT agent, gone, reason, away FROM chairs ORDER BY agent`)
	chairs, err = collect(rows, err, func(r *sql.Rows) (c Chair, err error) {
		var gone, away int64
		err = r.Scan(&c.Agent, &gone, &c.Reason, &away)
		c.Gone, c.Away = moment(gone), moment(away)
		return c, err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read who left: %w", err)
	}
	return lines, chairs, nil
}

// LetRoam notes that the machines that join with a token have no fixed place.
// errors.Is: [ErrNotFound].
func (s *Store) LetRoam(ctx context.Context, token string) error {
	return s.one(ctx, "let machines roam", `INSERT INTO roaming (token) SELECT id FROM tokens WHERE id = ? ON CONFLICT DO NOTHING`, token)
}

// Roams says whether the agent joined with a token of machines without a fixed
// place. An agent that is not known does not.
func (s *Store) Roams(ctx context.Context, agent string) (roams bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM agents JOIN roaming ON roaming.token = agents.token WHERE agents.id = ?)`, agent).Scan(&roams)
	if err != nil {
		return false, fmt.Errorf("read whether agent %s roams: %w", agent, err)
	}
	return roams, nil
}
