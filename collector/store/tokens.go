package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"picket/internal/fleet"
)

// Why a join token was not accepted.
var (
	// ErrTokenUnknown: no such token, or the wrong secret; which of the two is not told.
	ErrTokenUnknown = errors.New("unknown join token")
	ErrTokenExpired = errors.New("the join token has expired")
	ErrTokenUsed    = errors.New("the join token is used up")
	ErrTokenRevoked = errors.New("the join token was revoked")
)

// ErrName marks a client, site or agent name that cannot be stored.
var ErrName = errors.New("bad name")

const (
	tokenIDLen  = 10 // characters of base32: 50 bits, a name and no secret
	secretBytes = 16 // 128 random bits; hence one SHA-256 without salt is enough
	tokenLife   = 24 * time.Hour
	maxName     = 128
)

// NewToken is what a join token is for.
type NewToken struct {
	Client, Site string    // required; made if they do not exist. Site is the name within the client
	Region       string    // vantage region of the site; "" leaves what is known
	Network      string    // network as the operator names it; "" leaves what is known
	Expires      time.Time // zero means 24 hours from now
	Uses         int       // agents that may join with it; 0 means 1
}

// Token is a join token. Secret is only known when the token is made.
type Token struct {
	ID               string
	Secret           []byte
	Client, Site     string // Site is the site's id
	Created, Expires time.Time
	Uses, Used       int
	LastUsed         time.Time // when the newest agent joined with it; zero: none did
	Revoked          time.Time // zero: not revoked
}

// CreateToken makes a token, and on the way its client and site. The secret is
// drawn here, returned once, and stored as its SHA-256 only. errors.Is: [ErrName].
func (s *Store) CreateToken(ctx context.Context, n NewToken) (Token, error) {
	err := errors.Join(goodName("client", n.Client), goodName("site", n.Site), goodText("region", n.Region), goodText("network", n.Network))
	if err != nil {
		return Token{}, err
	}
	now := time.Now()
	t := Token{ID: strings.ToLower(rand.Text()[:tokenIDLen]), Secret: make([]byte, secretBytes), Client: n.Client,
		Site: n.Client + "/" + n.Site, Created: moment(millis(now)), Expires: n.Expires, Uses: max(n.Uses, 1)}
	if t.Expires.IsZero() {
		t.Expires = now.Add(tokenLife)
	}
	rand.Read(t.Secret) // never fails
	err = s.update(ctx, "create token", func(tx *sql.Tx) error {
		if err := makeSite(ctx, tx, t.Site, n, now); err != nil {
			return err
		}
		hash := sha256.Sum256(t.Secret)
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (id, secret, site, created, expires, uses) VALUES (?,?,?,?,?,?)`,
			t.ID, hash[:], t.Site, millis(now), millis(t.Expires), t.Uses)
		return err
	})
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// goodName refuses what would be ambiguous in a site id, a tag or a file name.
func goodName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: the %s is empty", ErrName, what)
	case strings.Contains(name, "/"):
		return fmt.Errorf("%w: the %s %q has a slash", ErrName, what, name)
	}
	return goodText(what, name)
}

// goodText refuses what would be more than a word or a few on a page, a terminal
// or in a tag. Empty is fine.
func goodText(what, text string) error {
	switch {
	case len(text) > maxName:
		return fmt.Errorf("%w: the %s is longer than %d bytes", ErrName, what, maxName)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == '\ufffd' }):
		return fmt.Errorf("%w: the %s %q has a control character or another that cannot be seen", ErrName, what, text)
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("%w: the %s %q begins or ends with a space", ErrName, what, text)
	}
	return nil
}

func makeSite(ctx context.Context, tx *sql.Tx, id string, n NewToken, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO clients (id, name, created) VALUES (?1, ?1, ?2) ON CONFLICT DO NOTHING`,
		n.Client, millis(now)); err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO sites (id, client, name, region, declared, created, slot)
		VALUES (?,?,?,?,?,?, (SELECT coalesce(max(slot) + 1, 0) FROM sites))
		ON CONFLICT (id) DO UPDATE SET
			region = iif(excluded.region = '', region, excluded.region),
			declared = iif(excluded.declared = '', declared, excluded.declared)`,
		id, n.Client, n.Site, n.Region, n.Network, millis(now))
	if err != nil {
		return fmt.Errorf("make site: %w", err)
	}
	return nil
}

// NewAgent is who asks to join.
type NewAgent struct {
	ID                    string    // ULID, drawn by the caller; ignored if the agent joined before (see Key)
	NotAfter              time.Time // end of the certificate it is about to get; zero means unknown
	Version, OS, Hostname string
	// Key is the SHA-256 of the agent's public key. If set, an agent that joins
	// again with the same token and key gets its first identity back and uses
	// nothing up: the answer to its first try may have been lost on the way. nil
	// turns this off.
	Key []byte
}

// Redeem uses a token once and makes the agent, with a slot of its own, in one
// transaction. errors.Is: [ErrTokenUnknown], [ErrTokenRevoked],
// [ErrTokenExpired], [ErrTokenUsed].
func (s *Store) Redeem(ctx context.Context, tokenID string, secret []byte, a NewAgent, now time.Time) (Agent, error) {
	if a.ID == "" {
		return Agent{}, fmt.Errorf("redeem token: %w: the agent id is empty", ErrName)
	}
	var joined Agent
	err := s.update(ctx, "redeem token", func(tx *sql.Tx) error {
		site, spent, err := openToken(ctx, tx, tokenID, secret, now)
		if err != nil {
			return err
		}
		id, err := joinedBefore(ctx, tx, tokenID, a.Key)
		switch {
		case err != nil:
			return err
		case id == "" && spent:
			return ErrTokenUsed
		case id == "":
			id = a.ID
			if err := enrol(ctx, tx, tokenID, site, a, now); err != nil {
				return err
			}
		}
		joined, err = scanAgent(tx.QueryRowContext(ctx, selectAgents+` WHERE agents.id = ?`, id))
		return err
	})
	return joined, err
}

// openToken returns the site of a token that is valid in every respect but its
// uses; spent says that those are gone.
func openToken(ctx context.Context, tx *sql.Tx, id string, secret []byte, now time.Time) (site string, spent bool, err error) {
	var want []byte
	var expires, revoked int64
	err = tx.QueryRowContext(ctx, `SELECT secret, site, expires, revoked, used >= uses FROM tokens WHERE id = ?`, id).
		Scan(&want, &site, &expires, &revoked, &spent)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", false, err
	}
	got := sha256.Sum256(secret)
	switch {
	case subtle.ConstantTimeCompare(got[:], want) != 1: // also when there is no row
		return "", false, ErrTokenUnknown
	case revoked != 0:
		return "", false, ErrTokenRevoked
	case millis(now) >= expires:
		return "", false, ErrTokenExpired
	}
	return site, spent, nil
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

func enrol(ctx context.Context, tx *sql.Tx, token, site string, a NewAgent, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE tokens SET used = used + 1 WHERE id = ?`, token); err != nil {
		return err
	}
	key := a.Key
	if key == nil {
		key = []byte{}
	}
	slot, err := drawSlot(ctx, tx, site)
	if err != nil {
		return fmt.Errorf("draw a slot: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO agents (id, site, token, key, created, not_after, version, os, hostname, slot)
		VALUES (?,?,?,?,?,?,?,?,?,?)`,
		a.ID, site, token, key, millis(now), millis(a.NotAfter), a.Version, a.OS, a.Hostname, slot)
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

const selectTokens = `SELECT tokens.id, sites.client, site, tokens.created, expires, uses, used, revoked,
	coalesce((SELECT max(agents.created) FROM agents WHERE agents.token = tokens.id), 0)
	FROM tokens JOIN sites ON sites.id = site`

func scanToken(r scanner) (t Token, err error) {
	var created, expires, revoked, last int64
	err = r.Scan(&t.ID, &t.Client, &t.Site, &created, &expires, &t.Uses, &t.Used, &revoked, &last)
	t.Created, t.Expires, t.Revoked, t.LastUsed = moment(created), moment(expires), moment(revoked), moment(last)
	return t, err
}

// Tokens lists all tokens, the newest first, without secrets.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.read.QueryContext(ctx, selectTokens+` ORDER BY tokens.created DESC, tokens.id`)
	all, err := collect(rows, err, func(r *sql.Rows) (Token, error) { return scanToken(r) })
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return all, nil
}

// Token returns one token, without its secret. errors.Is: [ErrNotFound].
func (s *Store) Token(ctx context.Context, id string) (Token, error) {
	t, err := scanToken(s.read.QueryRowContext(ctx, selectTokens+` WHERE tokens.id = ?`, id))
	if err != nil {
		return Token{}, fmt.Errorf("read token: %w", absent(err))
	}
	return t, nil
}

// RevokeToken ends a token; agents that joined with it stay. errors.Is: [ErrNotFound].
func (s *Store) RevokeToken(ctx context.Context, id string, now time.Time) error {
	return s.one(ctx, "revoke token "+id, `UPDATE tokens SET revoked = iif(revoked = 0, ?2, revoked) WHERE id = ?1`, id, millis(now))
}

// one runs a statement that must touch a row; [ErrNotFound] if it does not.
func (s *Store) one(ctx context.Context, doing, query string, args ...any) error {
	res, err := s.write.ExecContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return fmt.Errorf("%s: %w", doing, ErrNotFound)
	}
	return nil
}
