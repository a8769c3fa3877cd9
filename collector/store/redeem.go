package store

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"picket/internal/fleet"
	"time"
)

// Why a join token was not accepted.
var (
	// ErrTokenUnknown: no such token, or the wrong secret; which of the two is not told.
	ErrTokenUnknown = errors.New("unknown join token")
	ErrTokenExpired = errors.New("the join token has expired")
	ErrTokenUsed    = errors.New("the join token is used up")
	ErrTokenRevoked = errors.New("the join token was revoked")
	// ErrTokenSite: whoever installs the agent names another site than the token does.
	ErrTokenSite = errors.New("the join token is for another site")
)

// TokenError is a token whose secret was right and that was not accepted all
// the same. It says to whom it belongs, which whoever holds it may know.
type TokenError struct {
	Token Token // without its secret
	Why   error // [ErrTokenExpired], [ErrTokenUsed], [ErrTokenRevoked], [ErrTokenSite] or [ErrDenied]
}

// Error implements error.
func (e *TokenError) Error() string { return "token " + e.Token.ID + ": " + e.Why.Error() }

// Unwrap returns Why.
func (e *TokenError) Unwrap() error { return e.Why }

// NewAgent is who asks to join.
type NewAgent struct {
	ID                    string    // ULID, drawn by the caller; ignored if the agent joined before (see Key)
	NotAfter              time.Time // end of the certificate it is about to get; zero means unknown
	Version, OS, Hostname string
	// From is the address that it asks from, for people; "" is not told.
	From string
	// Site is where whoever installs it says that it stands, the name within the
	// client; "" leaves that to the token, or to who approves.
	Site string
	// Key is the SHA-256 of the agent's public key. If set, an agent that joins
	// again with the same token and key gets its first identity back and uses
	// nothing up: the answer to its first try may have been lost on the way. nil
	// turns this off. A [Tenant]'s token needs it.
	Key []byte
}

// Redeem uses a token once and makes the agent, with a slot of its own, in one
// transaction. With a [Tenant]'s token it keeps the request instead, until an
// admin has decided ([Store.Approve]) and the agent asks again.
//
// errors.Is: [ErrTokenUnknown], [ErrTokenRevoked], [ErrTokenExpired],
// [ErrTokenUsed], [ErrTokenSite], [ErrDenied], [ErrName], [ErrManyRequests];
// errors.As: *[TokenError] for those of a token that exists, *[WaitingError].
func (s *Store) Redeem(ctx context.Context, tokenID string, secret []byte, a NewAgent, now time.Time) (Agent, error) {
	if a.ID == "" {
		return Agent{}, fmt.Errorf("redeem token: %w: the agent id is empty", ErrName)
	}
	if a.Site != "" {
		if err := goodName("site", a.Site); err != nil {
			return Agent{}, fmt.Errorf("redeem token: %w", err)
		}
	}
	var joined Agent
	var waiting *WaitingError
	err := s.update(ctx, "redeem token", func(tx *sql.Tx) error {
		t, err := openToken(ctx, tx, tokenID, secret, now)
		if err != nil {
			return err
		}
		id, err := joinedBefore(ctx, tx, tokenID, a.Key)
		if err != nil {
			return err
		}
		if id == "" {
			site := t.Site
			if t.Kind == Tenant {
				r, err := ask(ctx, tx, t, a, now)
				if err != nil {
					return err
				}
				if r.State == RequestWaiting {
					waiting = &WaitingError{r}
					return nil // and keep the request
				}
				site = r.Site
			} else if err := t.usable(a, now); err != nil {
				return err
			}
			id = a.ID
			if err := enrol(ctx, tx, t, site, a, now); err != nil {
				return err
			}
		}
		joined, err = scanAgent(tx.QueryRowContext(ctx, selectAgents+` WHERE agents.id = ?`, id))
		return err
	})
	if err == nil && waiting != nil {
		return Agent{}, waiting
	}
	return joined, err
}

// openToken returns a token whose secret is right and that was not revoked. One
// that is for a site has not expired either: a tenant's may, since what was asked
// for in time is decided later.
func openToken(ctx context.Context, tx *sql.Tx, id string, secret []byte, now time.Time) (t Token, err error) {
	var want []byte
	err = tx.QueryRowContext(ctx, `SELECT secret FROM tokens WHERE id = ?`, id).Scan(&want)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return t, err
	}
	got := sha256.Sum256(secret)
	if subtle.ConstantTimeCompare(got[:], want) != 1 { // also when there is no row
		return t, ErrTokenUnknown
	}
	if t, err = scanToken(tx.QueryRowContext(ctx, selectTokens+` WHERE id = ?`, id)); err != nil {
		return t, err
	}
	switch {
	case !t.Revoked.IsZero():
		return t, &TokenError{t, ErrTokenRevoked}
	case t.Kind != Tenant && !now.Before(t.Expires):
		return t, &TokenError{t, ErrTokenExpired}
	}
	return t, nil
}

// usable says whether one more agent may join with the token of a site.
func (t Token) usable(a NewAgent, now time.Time) error {
	switch {
	case !now.Before(t.Expires):
		return &TokenError{t, ErrTokenExpired}
	case t.Used >= t.Uses:
		return &TokenError{t, ErrTokenUsed}
	case a.Site != "" && t.Site != "" && t.Client+"/"+a.Site != t.Site:
		return &TokenError{t, ErrTokenSite}
	}
	return nil
}

// joinedBefore finds the agent that joined with this token and key, "" if none did.
func joinedBefore(ctx context.Context, tx *sql.Tx, token string, key []byte) (id string, err error) {
	if len(key) == 0 {
		return "", nil
	}
	err = tx.QueryRowContext(ctx, `SELECT id FROM agents WHERE token = ? AND key = ? AND revoked = 0`, token, key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

func enrol(ctx context.Context, tx *sql.Tx, t Token, site string, a NewAgent, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE tokens SET used = used + 1, last_used = ?2, last_from = ?3, last_network = '' WHERE id = ?1`,
		t.ID, millis(now), a.From); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM requests WHERE token = ? AND key = ?`, t.ID, notNil(a.Key)); err != nil {
		return err
	}
	slot, err := drawSlot(ctx, tx, site)
	if err != nil {
		return fmt.Errorf("draw a slot: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO agents (id, site, token, key, created, not_after, version, os, hostname, slot)
		VALUES (?,?,?,?,?,?,?,?,?,?)`,
		a.ID, site, t.ID, notNil(a.Key), millis(now), millis(a.NotAfter), a.Version, a.OS, a.Hostname, slot)
	return err
}

// drawSlot draws the slot of one more agent at a site: above all that were ever
// drawn, and where the agents of its vantage region leave room.
func drawSlot(ctx context.Context, tx *sql.Tx, site string) (uint32, error) {
	var first uint32
	var region string
	err := tx.QueryRowContext(ctx, `SELECT (SELECT coalesce(max(slot) + 1, 0) FROM agents), region FROM sites WHERE id = ?`, site).Scan(&first, &region)
	if err != nil {
		return 0, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT agents.slot, region FROM agents JOIN sites ON sites.id = site WHERE revoked = 0 ORDER BY agents.slot`)
	placed, err := collect(rows, err, func(r *sql.Rows) (p fleet.Placed, err error) {
		err = r.Scan(&p.Slot, &p.Region)
		return p, err
	})
	if err != nil {
		return 0, err
	}
	return fleet.NextSlot(first, placed, region), nil
}

// TokenUsedFrom notes, for people, the network that a token was used from last.
func (s *Store) TokenUsedFrom(ctx context.Context, id, network string) error {
	return s.one(ctx, "note use of token "+id, `UPDATE tokens SET last_network = ?2 WHERE id = ?1`, id, network)
}
