package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// formatRecords adds what reports need and nobody can find out later: what each
// status feed said from when on, how many could judge a cloud at each minute, and
// which line a site was on from when to when. The lines that sites are on now
// begin the last of them.
const formatRecords = `
CREATE TABLE feed_readings (                    -- a row for each change; it holds until the next
	feed     TEXT NOT NULL,
	at       INTEGER NOT NULL,
	provider TEXT NOT NULL,
	state    TEXT NOT NULL,                     -- '' unknown
	why      TEXT NOT NULL,                     -- it could not be understood; '' it was
	troubled TEXT NOT NULL,                     -- JSON of the components that were not well
	PRIMARY KEY (feed, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_seen ON notices (seen);

CREATE TABLE watched (                          -- the long names of coverage rows
	id       INTEGER PRIMARY KEY,
	provider TEXT NOT NULL,
	region   TEXT NOT NULL,                     -- the provider's
	client   TEXT NOT NULL,                     -- whose targets they are; '' everybody's
	UNIQUE (provider, region, client)
) STRICT;
CREATE TABLE coverage_1m (                      -- no row: the collector was not there
	start      INTEGER NOT NULL,                -- Unix seconds
	watched    INTEGER NOT NULL,
	sites      INTEGER NOT NULL,                -- that could judge
	networks   INTEGER NOT NULL,                -- they are on
	confidence INTEGER NOT NULL,                -- the most an outage could be called: 0 nothing to 3 confirmed
	PRIMARY KEY (start, watched)
) STRICT, WITHOUT ROWID;
CREATE TABLE coverage_1h (
	start        INTEGER NOT NULL,
	watched      INTEGER NOT NULL,
	minutes      INTEGER NOT NULL,              -- that are known
	sites        INTEGER NOT NULL,              -- sum over them
	networks     INTEGER NOT NULL,              -- sum over them
	min_sites    INTEGER NOT NULL,
	min_networks INTEGER NOT NULL,
	sure         INTEGER NOT NULL,              -- minutes in which an outage could be confirmed
	PRIMARY KEY (start, watched)
) STRICT, WITHOUT ROWID;

CREATE TABLE line_times (
	site   TEXT NOT NULL REFERENCES sites (id),
	family INTEGER NOT NULL,                    -- 4 or 6
	key    TEXT NOT NULL,
	since  INTEGER NOT NULL,
	until  INTEGER NOT NULL DEFAULT 0,          -- 0: it is on it
	name   TEXT NOT NULL,
	PRIMARY KEY (site, family, key, since)
) STRICT, WITHOUT ROWID;
INSERT INTO line_times (site, family, key, since, name) SELECT site, family, key, since, name FROM lines WHERE since <> 0;
`

// Bounds of the records, against a feed or a line that changes without end.
const (
	maxNotices   = 5000  // of one provider
	maxReadings  = 20000 // of one feed
	maxLineTimes = 2000  // of one site
)

// Reading is what a status feed said from At on, until the next reading of it.
type Reading struct {
	Feed, Provider string
	At             time.Time
	State          string // "" unknown
	Why            string // it was not understood
	Troubled       string // JSON of the components that were not well; "" none
}

// SaveFeeds records notices and readings together. A notice that is known takes
// its new document and keeps when it was first seen.
func (s *Store) SaveFeeds(ctx context.Context, notices []Notice, readings []Reading) error {
	return s.update(ctx, "record status feeds", func(tx *sql.Tx) error {
		providers, feeds := map[string]bool{}, map[string]bool{}
		for _, n := range notices {
			if err := saveNotice(ctx, tx, n); err != nil {
				return err
			}
			providers[n.Provider] = true
		}
		for _, r := range readings {
			if _, err := tx.ExecContext(ctx, `INSERT INTO feed_readings (feed, at, provider, state, why, troubled) VALUES (?,?,?,?,?,?)
				ON CONFLICT (feed, at) DO UPDATE SET state = excluded.state, why = excluded.why, troubled = excluded.troubled`,
				r.Feed, millis(r.At), r.Provider, r.State, r.Why, r.Troubled); err != nil {
				return err
			}
			feeds[r.Feed] = true
		}
		for provider := range providers {
			if _, err := tx.ExecContext(ctx, `DELETE FROM notices WHERE id IN
				(SELECT id FROM notices WHERE provider = ? ORDER BY seen DESC, id LIMIT -1 OFFSET ?)`, provider, maxNotices); err != nil {
				return err
			}
		}
		for feed := range feeds {
			if _, err := tx.ExecContext(ctx, `DELETE FROM feed_readings WHERE feed = ?1 AND at <=
				(SELECT at FROM feed_readings WHERE feed = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)`, feed, maxReadings); err != nil {
				return err
			}
		}
		return nil
	})
}

// Readings returns what the feeds said since then, the oldest first, and of each
// feed what held when that began.
func (s *Store) Readings(ctx context.Context, since time.Time) ([]Reading, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT feed, provider, at, state, why, troubled FROM feed_readings AS r
		WHERE at >= coalesce((SELECT max(at) FROM feed_readings WHERE feed = r.feed AND at <= ?1), 0) ORDER BY at, feed`, millis(since))
	all, err := collect(rows, err, func(r *sql.Rows) (v Reading, err error) {
		var at int64
		err = r.Scan(&v.Feed, &v.Provider, &at, &v.State, &v.Why, &v.Troubled)
		v.At = moment(at)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("list readings of status feeds: %w", err)
	}
	return all, nil
}

// Coverage is how many could judge a region of a cloud in one minute, or in the
// known minutes of an hour.
type Coverage struct {
	Start                    time.Time
	Provider, Region, Client string
	// Sites and Networks are those of the minute; of an hour the least there were.
	Sites, Networks int
	Confidence      int // of a minute: 0 nothing to 3 an outage could be confirmed

	// Of an hour:
	Minutes                 int     // that are known
	MeanSites, MeanNetworks float64 // over them
	Sure                    int     // minutes in which an outage could be confirmed
}

// confirmed is the confidence at which a minute is sure.
const confirmed = 3

// SaveCoverage records the minute, and adds it to its hour. A minute that is
// recorded stays as it is.
func (s *Store) SaveCoverage(ctx context.Context, minute time.Time, rows []Coverage) error {
	minute = minute.UTC().Truncate(time.Minute)
	return s.update(ctx, "record coverage", func(tx *sql.Tx) error {
		for _, c := range rows {
			var id int64
			if err := tx.QueryRowContext(ctx, `INSERT INTO watched (provider, region, client) VALUES (?,?,?)
				ON CONFLICT (provider, region, client) DO UPDATE SET region = region RETURNING id`, c.Provider, c.Region, c.Client).Scan(&id); err != nil {
				return err
			}
			res, err := tx.ExecContext(ctx, `INSERT INTO coverage_1m (start, watched, sites, networks, confidence) VALUES (?,?,?,?,?)
				ON CONFLICT DO NOTHING`, minute.Unix(), id, c.Sites, c.Networks, c.Confidence)
			if err != nil {
				return err
			}
			if n, _ := res.RowsAffected(); n == 0 {
				continue
			}
			sure := 0
			if c.Confidence >= confirmed {
				sure = 1
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO coverage_1h (start, watched, minutes, sites, networks, min_sites, min_networks, sure)
				VALUES (?1, ?2, 1, ?3, ?4, ?3, ?4, ?5) ON CONFLICT (start, watched) DO UPDATE SET minutes = minutes + 1, sites = sites + excluded.sites,
					networks = networks + excluded.networks, min_sites = min(min_sites, excluded.min_sites),
					min_networks = min(min_networks, excluded.min_networks), sure = sure + excluded.sure`,
				minute.Truncate(time.Hour).Unix(), id, c.Sites, c.Networks, sure); err != nil {
				return err
			}
		}
		return nil
	})
}

// CoverageQuery chooses coverage rows.
type CoverageQuery struct {
	Hours    bool      // the hour rows; false means the minute rows
	From, To time.Time // From <= start < To
	Provider string    // "" all
	Limit    int       // 0 means 10,000
}

// CoverageHistory returns rows ordered by start, provider and region.
func (s *Store) CoverageHistory(ctx context.Context, q CoverageQuery) ([]Coverage, error) {
	query := `SELECT start, provider, region, client, sites, networks, confidence, 1, sites, networks, 0 FROM coverage_1m`
	if q.Hours {
		query = `SELECT start, provider, region, client, min_sites, min_networks, 0, minutes, sites, networks, sure FROM coverage_1h`
	}
	if q.Limit <= 0 {
		q.Limit = 10_000
	}
	rows, err := s.read.QueryContext(ctx, query+` JOIN watched ON watched.id = watched
		WHERE start >= ?1 AND start < ?2 AND (?3 = '' OR provider = ?3) ORDER BY start, provider, region, client LIMIT ?4`,
		q.From.Unix(), q.To.Unix(), q.Provider, q.Limit)
	all, err := collect(rows, err, func(r *sql.Rows) (c Coverage, err error) {
		var start, sites, networks int64
		err = r.Scan(&start, &c.Provider, &c.Region, &c.Client, &c.Sites, &c.Networks, &c.Confidence, &c.Minutes, &sites, &networks, &c.Sure)
		c.Start = time.Unix(start, 0).UTC()
		if c.Minutes > 0 {
			c.MeanSites, c.MeanNetworks = float64(sites)/float64(c.Minutes), float64(networks)/float64(c.Minutes)
		}
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	return all, nil
}

// LineTime is how long a site was on a line.
type LineTime struct {
	Site   string
	Family uint8 // 4 or 6
	Name   string
	Since  time.Time
	Until  time.Time // zero: it is on it
}

// LineTimes returns the lines that sites were on between two moments, by site,
// the oldest first; site "" means all.
func (s *Store) LineTimes(ctx context.Context, site string, from, to time.Time, limit int) ([]LineTime, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT site, family, name, since, until FROM line_times
		WHERE (?1 = '' OR site = ?1) AND since < ?3 AND (until = 0 OR until > ?2) ORDER BY site, since, family LIMIT ?4`,
		site, millis(from), millis(to), limit)
	all, err := collect(rows, err, func(r *sql.Rows) (l LineTime, err error) {
		var since, until int64
		err = r.Scan(&l.Site, &l.Family, &l.Name, &since, &until)
		l.Since, l.Until = moment(since), moment(until)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read which lines sites were on: %w", err)
	}
	return all, nil
}

// noteLines brings line_times to what lines says of the site: what it is not on
// any more ends now, what it is on since another time begins then.
func noteLines(ctx context.Context, tx *sql.Tx, site string, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE line_times SET until = max(since, ?2) WHERE site = ?1 AND until = 0 AND NOT EXISTS
		(SELECT 1 FROM lines AS l WHERE l.site = ?1 AND l.family = line_times.family AND l.key = line_times.key AND l.since = line_times.since)`,
		site, millis(now)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO line_times (site, family, key, since, name)
		SELECT site, family, key, since, name FROM lines WHERE site = ?1 AND since <> 0
		ON CONFLICT (site, family, key, since) DO UPDATE SET name = excluded.name, until = 0`, site); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM line_times WHERE site = ?1 AND until <> 0 AND since <=
		(SELECT since FROM line_times WHERE site = ?1 ORDER BY since DESC LIMIT 1 OFFSET ?2)`, site, maxLineTimes)
	return err
}
