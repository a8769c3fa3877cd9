package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Why an agent that asked with a tenant's token does not join.
var (
	// ErrDenied: an admin said no.
	ErrDenied = errors.New("an admin denied this request")
	// ErrManyRequests: no more requests are kept.
	ErrManyRequests = errors.New("too many requests wait for approval")
	// ErrDecided: somebody decided otherwise before.
	ErrDecided = errors.New("it was decided already")
)

const (
	requestLife = 14 * 24 * time.Hour // after which a request is forgotten, decided or not [E]
	maxRequests = 2000                // kept at once, of all tokens: some 400 bytes each [E]
)

// RequestState is what became of a request. The numbers are stored.
type RequestState int

// The states.
const (
	RequestWaiting  RequestState = 0
	RequestApproved RequestState = 1 // the agent has not come back for its certificate yet
	RequestDenied   RequestState = 2
)

// Request is a machine that asked to join with a tenant's token.
type Request struct {
	ID                    string
	Token, Client         string
	Wish                  string // site as whoever installs it named it; "" not told
	Hostname, OS, Version string
	From                  string // address it asked from last
	Key                   []byte // SHA-256 of its public key
	Made, Asked           time.Time
	Expires               time.Time
	State                 RequestState
	Site                  string // where it may join, the site's id; "" not decided
	Decided               time.Time
	By                    string // who decided
}

// WaitingError says that a request is kept until an admin decides.
type WaitingError struct{ Request Request }

// Error implements error.
func (e *WaitingError) Error() string {
	return "request " + e.Request.ID + " waits for the approval of an admin"
}

const selectRequests = `SELECT requests.id, token, tokens.client, wish, hostname, os, version, origin, key, made, asked, state, coalesce(requests.site, ''), decided, decider
	FROM requests JOIN tokens ON tokens.id = token`

func scanRequest(r scanner) (q Request, err error) {
	var made, asked, decided int64
	err = r.Scan(&q.ID, &q.Token, &q.Client, &q.Wish, &q.Hostname, &q.OS, &q.Version, &q.From, &q.Key, &made, &asked, &q.State, &q.Site, &decided, &q.By)
	q.Made, q.Asked, q.Decided = moment(made), moment(asked), moment(decided)
	q.Expires = q.Made.Add(requestLife)
	return q, err
}

// ask finds the request of a machine, or makes it.
func ask(ctx context.Context, tx *sql.Tx, t Token, a NewAgent, now time.Time) (Request, error) {
	if len(a.Key) == 0 {
		return Request{}, fmt.Errorf("%w: a tenant's token needs the agent's key", ErrName)
	}
	if err := dropOld(ctx, tx, now); err != nil {
		return Request{}, err
	}
	r, err := scanRequest(tx.QueryRowContext(ctx, selectRequests+` WHERE token = ? AND key = ?`, t.ID, a.Key))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return newRequest(ctx, tx, t, a, now)
	case err != nil:
		return r, err
	case r.State == RequestDenied:
		return r, &TokenError{t, ErrDenied}
	case r.State == RequestApproved:
		return r, nil
	}
	r.Asked, r.From, r.Hostname = moment(millis(now)), a.From, a.Hostname
	if a.Site != "" {
		r.Wish = a.Site
	}
	_, err = tx.ExecContext(ctx, `UPDATE requests SET asked = ?2, origin = ?3, hostname = ?4, wish = ?5 WHERE id = ?1`,
		r.ID, millis(now), r.From, r.Hostname, r.Wish)
	return r, err
}

// newRequest keeps a request, if there is room for it among those of its token
// and of all tokens.
func newRequest(ctx context.Context, tx *sql.Tx, t Token, a NewAgent, now time.Time) (Request, error) {
	if !now.Before(t.Expires) {
		return Request{}, &TokenError{t, ErrTokenExpired}
	}
	var ours, all int
	err := tx.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE token = ?1 AND state <> ?2) FROM requests`, t.ID, RequestDenied).Scan(&all, &ours)
	switch {
	case err != nil:
		return Request{}, err
	case t.Used+ours >= t.Uses:
		t.Used += ours // who waits has a place
		return Request{}, &TokenError{t, ErrTokenUsed}
	case all >= maxRequests:
		return Request{}, ErrManyRequests
	}
	r := Request{ID: shortID(), Token: t.ID, Client: t.Client, Wish: a.Site, Hostname: a.Hostname, OS: a.OS, Version: a.Version, From: a.From,
		Key: a.Key, Made: moment(millis(now)), Asked: moment(millis(now))}
	r.Expires = r.Made.Add(requestLife)
	_, err = tx.ExecContext(ctx, `INSERT INTO requests (id, token, key, wish, hostname, os, version, origin, made, asked) VALUES (?,?,?,?,?,?,?,?,?,?)`,
		r.ID, r.Token, r.Key, r.Wish, r.Hostname, r.OS, r.Version, r.From, millis(now), millis(now))
	return r, err
}

func dropOld(ctx context.Context, tx *sql.Tx, now time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM requests WHERE made <= ?`, millis(now.Add(-requestLife)))
	return err
}

// Requests lists those that are kept: who waits first, then the newest first.
func (s *Store) Requests(ctx context.Context, now time.Time) ([]Request, error) {
	rows, err := s.read.QueryContext(ctx, selectRequests+` WHERE made > ? ORDER BY state, made DESC, requests.id`, millis(now.Add(-requestLife)))
	all, err := collect(rows, err, func(r *sql.Rows) (Request, error) { return scanRequest(r) })
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	return all, nil
}

// Approval lets a request join.
type Approval struct {
	ID   string // of the request
	Site string // the name within the client, made if new; "" takes the one that was wished for
	// What is said of the site; "" leaves what is known.
	Region, Network, HostedBy string
	By                        string // who decides
}

// Approve lets the machine of a request join when it asks again. To approve
// twice in the same way changes nothing. errors.Is: [ErrNotFound], [ErrName] for
// a site that is not named or cannot be, [ErrDecided].
func (s *Store) Approve(ctx context.Context, p Approval, now time.Time) (r Request, err error) {
	err = s.update(ctx, "approve request "+p.ID, func(tx *sql.Tx) error {
		if r, err = requestByID(ctx, tx, p.ID, now); err != nil {
			return err
		}
		if p.Site == "" {
			p.Site = r.Wish
		}
		if p.Site == "" {
			return fmt.Errorf("%w: nobody has named its site", ErrName)
		}
		if err := CheckSite(r.Client, p.Site, p.Region, p.Network, p.HostedBy); err != nil {
			return err
		}
		id := r.Client + "/" + p.Site
		if r.State != RequestWaiting {
			if r.State == RequestApproved && r.Site == id {
				return nil
			}
			return ErrDecided
		}
		n := NewToken{Client: r.Client, Site: p.Site, Region: p.Region, Network: p.Network, HostedBy: p.HostedBy}
		if err := makeSite(ctx, tx, n, now); err != nil {
			return err
		}
		r.State, r.Site, r.Decided, r.By = RequestApproved, id, moment(millis(now)), p.By
		return decide(ctx, tx, r)
	})
	return r, err
}

// Deny refuses a request; the machine is told so when it asks again. errors.Is:
// [ErrNotFound], [ErrDecided] if it was approved before.
func (s *Store) Deny(ctx context.Context, id, by string, now time.Time) (r Request, err error) {
	err = s.update(ctx, "deny request "+id, func(tx *sql.Tx) error {
		if r, err = requestByID(ctx, tx, id, now); err != nil {
			return err
		}
		switch r.State {
		case RequestDenied:
			return nil
		case RequestApproved:
			return ErrDecided
		}
		r.State, r.Decided, r.By = RequestDenied, moment(millis(now)), by
		return decide(ctx, tx, r)
	})
	return r, err
}

func requestByID(ctx context.Context, tx *sql.Tx, id string, now time.Time) (Request, error) {
	r, err := scanRequest(tx.QueryRowContext(ctx, selectRequests+` WHERE requests.id = ? AND made > ?`, id, millis(now.Add(-requestLife))))
	return r, absent(err)
}

func decide(ctx context.Context, tx *sql.Tx, r Request) error {
	_, err := tx.ExecContext(ctx, `UPDATE requests SET state = ?2, site = nullif(?3, ''), decided = ?4, decider = ?5 WHERE id = ?1`,
		r.ID, r.State, r.Site, millis(r.Decided), r.By)
	return err
}
