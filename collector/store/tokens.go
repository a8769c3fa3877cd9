package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// ErrName marks a client, site or agent name that cannot be stored.
var ErrName = errors.New("bad name")

const (
	tokenIDLen  = 10 // characters of base32: 50 bits, a name and no secret
	secretBytes = 16 // 128 random bits; hence one SHA-256 without salt is enough
	maxName     = 128
)

// TokenKind is what a join token may be used for. The texts are stored.
type TokenKind string

// The kinds, from the narrowest.
const (
	OneShot TokenKind = "one-shot" // a technician on site: one agent, now
	SiteKit TokenKind = "site"     // the machines of one site, over weeks: an RMM's policy
	Tenant  TokenKind = "tenant"   // any machine of a client, each approved by an admin
)

// Bounds says how long a token of the kind may be used, and by how many agents,
// unless it was made otherwise. The figures are a compromise between how far a
// token that leaks reaches and how often people have to make a new one.
func (k TokenKind) Bounds() (life time.Duration, uses int) {
	switch k {
	case SiteKit:
		return 30 * 24 * time.Hour, 25
	case Tenant:
		return 7 * 24 * time.Hour, 500
	}
	return time.Hour, 1
}

// NewToken is what a join token is for.
type NewToken struct {
	// Kind "" is [OneShot] for one use and [SiteKit] for more.
	Kind     TokenKind
	Client   string    // required; made if it does not exist
	Site     string    // the name within the client; made if it does not exist. Required, but for [Tenant], which has none
	Region   string    // vantage region of the site; "" leaves what is known
	Network  string    // network as the operator names it; "" leaves what is known
	HostedBy string    // provider on whose servers the site runs; "" leaves what is known, [NotHosted] clears it
	Expires  time.Time // zero means what the kind allows
	Uses     int       // agents that may join with it; 0 means what the kind allows
	By       string    // who makes it, for people; "" nobody is told
}

// NotHosted says that a site runs on nobody's servers but its own.
const NotHosted = "none"

// Token is a join token. Secret is only known when the token is made.
type Token struct {
	ID               string
	Secret           []byte
	Kind             TokenKind
	Client, Site     string // Site is the site's id; "" for a [Tenant]'s
	By               string // who made it; "" not known
	Created, Expires time.Time
	Uses, Used       int
	LastUsed         time.Time // when the newest agent joined with it; zero: none did
	LastFrom         string    // the address that came from
	LastNetwork      string    // and its network, for people
	Revoked          time.Time // zero: not revoked
}

// CreateToken makes a token, and on the way its client and site. The secret is
// drawn here, returned once, and stored as its SHA-256 only. errors.Is: [ErrName].
func (s *Store) CreateToken(ctx context.Context, n NewToken) (Token, error) {
	if err := n.check(); err != nil {
		return Token{}, err
	}
	now := time.Now()
	var t Token
	err := s.update(ctx, "create token", func(tx *sql.Tx) (err error) {
		if err := makeClient(ctx, tx, n.Client, now); err != nil {
			return err
		}
		if n.Site != "" {
			if err := makeSite(ctx, tx, n, now); err != nil {
				return err
			}
		}
		t, err = insertToken(ctx, tx, n, now)
		return err
	})
	return t, err
}

// check holds a new token's names to what can be stored.
func (n NewToken) check() error {
	switch n.Kind {
	case "", OneShot, SiteKit:
		return CheckSite(n.Client, n.Site, n.Region, n.Network, n.HostedBy)
	case Tenant:
		if n.Site != "" || n.Region != "" || n.Network != "" || n.HostedBy != "" {
			return fmt.Errorf("%w: a tenant token is for no site: what is said of a site is said at approval", ErrName)
		}
		return goodName("client", n.Client)
	}
	return fmt.Errorf("%w: there is no token kind %q", ErrName, n.Kind)
}

// CheckSite holds what is said of a site to what can be stored, all at once.
// errors.Is: [ErrName].
func CheckSite(client, site, region, network, hosted string) error {
	return errors.Join(goodName("client", client), goodName("site", site), goodText("region", region), goodText("network", network),
		goodText("hosting provider", hosted))
}

func insertToken(ctx context.Context, tx *sql.Tx, n NewToken, now time.Time) (Token, error) {
	if n.Kind == "" {
		n.Kind = OneShot
		if n.Uses > 1 {
			n.Kind = SiteKit
		}
	}
	life, uses := n.Kind.Bounds()
	t := Token{ID: shortID(), Secret: make([]byte, secretBytes), Kind: n.Kind, Client: n.Client, By: n.By,
		Created: moment(millis(now)), Expires: n.Expires, Uses: n.Uses}
	if t.Expires.IsZero() {
		t.Expires = now.Add(life)
	}
	if t.Uses <= 0 {
		t.Uses = uses
	}
	if n.Site != "" {
		t.Site = n.Client + "/" + n.Site
	}
	rand.Read(t.Secret) // never fails
	hash := sha256.Sum256(t.Secret)
	_, err := tx.ExecContext(ctx, `INSERT INTO tokens (id, secret, kind, client, site, maker, created, expires, uses) VALUES (?,?,?,?,nullif(?,''),?,?,?,?)`,
		t.ID, hash[:], t.Kind, t.Client, t.Site, t.By, millis(now), millis(t.Expires), t.Uses)
	return t, err
}

// shortID names a token or a request: no secret, and short enough to be typed.
func shortID() string { return strings.ToLower(rand.Text()[:tokenIDLen]) }

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

const selectTokens = `SELECT id, kind, client, coalesce(site, ''), maker, created, expires, uses, used, revoked, last_used, last_from, last_network FROM tokens`

func scanToken(r scanner) (t Token, err error) {
	var created, expires, revoked, last int64
	err = r.Scan(&t.ID, &t.Kind, &t.Client, &t.Site, &t.By, &created, &expires, &t.Uses, &t.Used, &revoked, &last, &t.LastFrom, &t.LastNetwork)
	t.Created, t.Expires, t.Revoked, t.LastUsed = moment(created), moment(expires), moment(revoked), moment(last)
	return t, err
}

// Tokens lists all tokens, the newest first, without secrets.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.read.QueryContext(ctx, selectTokens+` ORDER BY created DESC, id`)
	all, err := collect(rows, err, func(r *sql.Rows) (Token, error) { return scanToken(r) })
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return all, nil
}

// Token returns one token, without its secret. errors.Is: [ErrNotFound].
func (s *Store) Token(ctx context.Context, id string) (Token, error) {
	t, err := scanToken(s.read.QueryRowContext(ctx, selectTokens+` WHERE id = ?`, id))
	if err != nil {
		return Token{}, fmt.Errorf("read token: %w", absent(err))
	}
	return t, nil
}

// RevokeToken ends a token; agents that joined with it stay, requests that were
// made with it are dropped. errors.Is: [ErrNotFound].
func (s *Store) RevokeToken(ctx context.Context, id string, now time.Time) error {
	return s.update(ctx, "revoke token "+id, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE tokens SET revoked = iif(revoked = 0, ?2, revoked) WHERE id = ?1`, id, millis(now))
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return ErrNotFound
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM requests WHERE token = ?`, id)
		return err
	})
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
