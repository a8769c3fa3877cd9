package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// APIToken is what a program shows to the API in the place of a login.
type APIToken struct {
	ID      string   // a name and no secret
	Hash    [32]byte // SHA-256 of the secret
	Name    string   // what it is for, in its maker's words
	Role    string
	Client  string
	By      string // who made it; need not exist any more
	Created time.Time
	Expires time.Time // zero: never
	Used    time.Time // last use, as told to [Store.UsedAPIToken]; zero: never
	Revoked time.Time // zero: not revoked
}

const selectAPITokens = `SELECT id, hash, name, role, client, maker, created, expires, used, revoked FROM api_tokens`

func scanAPIToken(r scanner) (t APIToken, err error) {
	var hash []byte
	var created, expires, used, revoked int64
	if err = r.Scan(&t.ID, &hash, &t.Name, &t.Role, &t.Client, &t.By, &created, &expires, &used, &revoked); err != nil {
		return t, err
	}
	if len(hash) != len(t.Hash) {
		return t, fmt.Errorf("the hash of API token %s has %d bytes", t.ID, len(hash))
	}
	copy(t.Hash[:], hash)
	t.Created, t.Expires, t.Used, t.Revoked = moment(created), moment(expires), moment(used), moment(revoked)
	return t, nil
}

// CreateAPIToken stores a token. errors.Is: [ErrExists] if its id is taken, [ErrName].
func (s *Store) CreateAPIToken(ctx context.Context, t APIToken) error {
	if err := goodName("id of the API token", t.ID); err != nil {
		return err
	}
	res, err := s.write.ExecContext(ctx, `INSERT INTO api_tokens (id, hash, name, role, client, maker, created, expires, used, revoked)
		VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, t.ID, t.Hash[:], t.Name, t.Role, t.Client, t.By,
		millis(t.Created), millis(t.Expires), millis(t.Used), millis(t.Revoked))
	return made(res, err, "create API token "+t.ID)
}

// APIToken returns one token, whether it is still good or not. errors.Is: [ErrNotFound].
func (s *Store) APIToken(ctx context.Context, id string) (APIToken, error) {
	t, err := scanAPIToken(s.read.QueryRowContext(ctx, selectAPITokens+` WHERE id = ?`, id))
	if err != nil {
		return APIToken{}, fmt.Errorf("read API token: %w", absent(err))
	}
	return t, nil
}

// APITokens lists all tokens, the newest first, those that ended too.
func (s *Store) APITokens(ctx context.Context) ([]APIToken, error) {
	rows, err := s.read.QueryContext(ctx, selectAPITokens+` ORDER BY created DESC, id`)
	all, err := collect(rows, err, func(r *sql.Rows) (APIToken, error) { return scanAPIToken(r) })
	if err != nil {
		return nil, fmt.Errorf("list API tokens: %w", err)
	}
	return all, nil
}

// RevokeAPIToken ends a token for ever. Doing it again changes nothing.
// errors.Is: [ErrNotFound].
func (s *Store) RevokeAPIToken(ctx context.Context, id string, now time.Time) error {
	return s.one(ctx, "revoke API token "+id, `UPDATE api_tokens SET revoked = iif(revoked = 0, ?2, revoked) WHERE id = ?1`, id, millis(now))
}

// UsedAPIToken notes that a token was used; Used never goes back. It is a write:
// do it once a minute, not per request. errors.Is: [ErrNotFound].
func (s *Store) UsedAPIToken(ctx context.Context, id string, at time.Time) error {
	return s.one(ctx, "note the use of API token "+id, `UPDATE api_tokens SET used = max(used, ?2) WHERE id = ?1`, id, millis(at))
}
