package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Notice is what a provider said about itself, as recorded.
type Notice struct {
	ID        string // unique over all providers
	Provider  string
	Doc       []byte
	Published time.Time // by the provider's clock
	Seen      time.Time // when the collector read it first
}

// SaveNotice records a notice; a later version of the same id replaces its
// document, Seen stays.
func (s *Store) SaveNotice(ctx context.Context, n Notice) error { return saveNotice(ctx, s.write, n) }

// saveNotice is SaveNotice with db, a database or a transaction.
func saveNotice(ctx context.Context, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, n Notice) error {
	_, err := db.ExecContext(ctx, `INSERT INTO notices (id, provider, doc, published, seen) VALUES (?,?,?,?,?)
		ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, published = excluded.published`,
		n.ID, n.Provider, notNil(n.Doc), millis(n.Published), millis(n.Seen))
	if err != nil {
		return fmt.Errorf("save notice %s: %w", n.ID, err)
	}
	return nil
}

// Notices returns the notices seen since then, the newest first; provider ""
// means all.
func (s *Store) Notices(ctx context.Context, provider string, since time.Time) ([]Notice, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, provider, doc, published, seen FROM notices
		WHERE seen >= ?1 AND (?2 = '' OR provider = ?2) ORDER BY seen DESC, id`, millis(since), provider)
	all, err := collect(rows, err, func(r *sql.Rows) (n Notice, err error) {
		var published, seen int64
		err = r.Scan(&n.ID, &n.Provider, &n.Doc, &published, &seen)
		n.Published, n.Seen = moment(published), moment(seen)
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("list notices: %w", err)
	}
	return all, nil
}

// Entry is one line of the audit trail: who did what to whom.
type Entry struct {
	At      time.Time
	Actor   string // "unix:1000", "agent 01J...", "collector"
	Action  string // "token.create", "agent.join", "agent.revoke", "config.apply", ...
	Subject string
	Detail  string // for people; no secrets
}

// Audit appends to the trail.
func (s *Store) Audit(ctx context.Context, e Entry) error { return audit(ctx, s.write, e) }

// audit appends to the trail with db, a database or a transaction.
func audit(ctx context.Context, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, e Entry) error {
	_, err := db.ExecContext(ctx, `INSERT INTO audit (at, actor, action, subject, detail) VALUES (?,?,?,?,?)`,
		millis(e.At), e.Actor, e.Action, e.Subject, e.Detail)
	if err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	return nil
}

// AuditLog returns the last entries, the newest first.
func (s *Store) AuditLog(ctx context.Context, limit int) ([]Entry, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT at, actor, action, subject, detail FROM audit ORDER BY id DESC LIMIT ?`, limit)
	all, err := collect(rows, err, func(r *sql.Rows) (e Entry, err error) {
		var at int64
		err = r.Scan(&at, &e.Actor, &e.Action, &e.Subject, &e.Detail)
		e.At = moment(at)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	return all, nil
}
