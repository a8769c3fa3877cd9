package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

func makeClient(ctx context.Context, tx *sql.Tx, client string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO clients (id, name, created) VALUES (?1, ?1, ?2) ON CONFLICT DO NOTHING`, client, millis(now))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	return nil
}

// makeSite makes the site that n names, or notes what n says of it. Its client exists.
func makeSite(ctx context.Context, tx *sql.Tx, n NewToken, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sites (id, client, name, region, declared, created, hosted, slot)
		VALUES (?1,?2,?3,?4,?5,?6, iif(?7 = ?8, '', ?7), (SELECT coalesce(max(slot) + 1, 0) FROM sites))
		ON CONFLICT (id) DO UPDATE SET
			region = iif(excluded.region = '', region, excluded.region),
			declared = iif(excluded.declared = '', declared, excluded.declared),
			hosted = iif(?7 = '', hosted, excluded.hosted)`,
		n.Client+"/"+n.Site, n.Client, n.Site, n.Region, n.Network, millis(now), n.HostedBy, NotHosted)
	if err != nil {
		return fmt.Errorf("make site: %w", err)
	}
	return nil
}

// SiteRow is one site of a list that is imported; see [NewToken] for its fields.
type SiteRow struct{ Client, Site, Region, Network, HostedBy string }

// Import is a list of sites that shall exist, each with a token to join with.
type Import struct {
	Rows []SiteRow // no two of the same site
	// Plan says what would be done and does nothing.
	Plan bool
	// Renew makes new tokens for sites that have a good one, and revokes that.
	Renew   bool
	Expires time.Time // of the tokens; zero means 30 days
	Uses    int       // of each; 0 means 25
	By      string
}

// Imported is what became of one row.
type Imported struct {
	SiteRow
	Change string // "new", "changed" (region, network or hosting), "same"
	// Token is the one that was made, with its secret; its id is empty if none
	// was, because the site has the good token Standing, or because it is a plan.
	Token    Token
	Standing Token
}

// errPlanned takes a plan back.
var errPlanned = errors.New("a plan changes nothing")

// ImportSites makes all sites of a list and a token for each that has none, in
// one transaction: all of it or nothing. To import the same list again changes
// nothing. errors.Is: [ErrName].
func (s *Store) ImportSites(ctx context.Context, i Import, now time.Time) ([]Imported, error) {
	out := make([]Imported, 0, len(i.Rows))
	err := s.update(ctx, "import sites", func(tx *sql.Tx) error {
		for _, row := range i.Rows {
			done, err := importSite(ctx, tx, i, row, now)
			if err != nil {
				return fmt.Errorf("site %s/%s: %w", row.Client, row.Site, err)
			}
			out = append(out, done)
		}
		if i.Plan {
			return errPlanned
		}
		return nil
	})
	if err != nil && !errors.Is(err, errPlanned) {
		return nil, err
	}
	return out, nil
}

func importSite(ctx context.Context, tx *sql.Tx, i Import, row SiteRow, now time.Time) (Imported, error) {
	done := Imported{SiteRow: row, Change: "new"}
	n := NewToken{Kind: SiteKit, Client: row.Client, Site: row.Site, Region: row.Region, Network: row.Network, HostedBy: row.HostedBy,
		Expires: i.Expires, Uses: i.Uses, By: i.By}
	if err := n.check(); err != nil {
		return done, err
	}
	site := row.Client + "/" + row.Site
	before, there, err := siteSays(ctx, tx, site)
	if err != nil {
		return done, err
	}
	if err := makeClient(ctx, tx, row.Client, now); err != nil {
		return done, err
	}
	if err := makeSite(ctx, tx, n, now); err != nil {
		return done, err
	}
	if there {
		after, _, err := siteSays(ctx, tx, site)
		if err != nil {
			return done, err
		}
		if done.Change = "same"; after != before {
			done.Change = "changed"
		}
		if done.Standing, err = standing(ctx, tx, site, now); err != nil {
			return done, err
		}
	}
	switch {
	case done.Standing.ID != "" && !i.Renew:
		return done, nil
	case done.Standing.ID != "":
		if _, err := tx.ExecContext(ctx, `UPDATE tokens SET revoked = ? WHERE id = ?`, millis(now), done.Standing.ID); err != nil {
			return done, err
		}
	}
	t, err := insertToken(ctx, tx, n, now)
	if err == nil && !i.Plan {
		done.Token = t
	}
	return done, err
}

// siteSays is what is said of a site, to be compared.
func siteSays(ctx context.Context, tx *sql.Tx, id string) (says [3]string, there bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT region, declared, hosted FROM sites WHERE id = ?`, id).Scan(&says[0], &says[1], &says[2])
	if errors.Is(err, sql.ErrNoRows) {
		return says, false, nil
	}
	return says, err == nil, err
}

// standing is the token of a site, made for many agents, that lasts longest
// among those that can be used; its id is empty if there is none.
func standing(ctx context.Context, tx *sql.Tx, site string, now time.Time) (Token, error) {
	t, err := scanToken(tx.QueryRowContext(ctx, selectTokens+` WHERE site = ? AND kind = ? AND revoked = 0 AND expires > ? AND used < uses ORDER BY expires DESC, id LIMIT 1`,
		site, SiteKit, millis(now)))
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, nil
	}
	return t, err
}
