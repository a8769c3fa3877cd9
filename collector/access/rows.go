package access

import (
	"context"
	"errors"
	"time"
)

// User is somebody who may log in.
type User struct {
	Name, Role, Client, Hash string    // Client only for viewers; Hash is argon2id in PHC form
	Created, Changed         time.Time // Changed: password, role, client or state
	Disabled                 time.Time // zero: active
	LastLogin                time.Time // zero: never
}

// Login is a session.
type Login struct {
	ID                     [32]byte // SHA-256 of the cookie
	User, CSRF, From       string
	Created, Seen, Expires time.Time
}

// APIToken is a token for programs.
type APIToken struct {
	ID                              string
	Hash                            [32]byte // SHA-256 of the secret
	Name, Role, Client, By          string   // By is the user who made it
	Created, Expires, Used, Revoked time.Time
}

// Entry is one line of the audit trail.
type Entry struct {
	At                             time.Time
	Actor, Action, Subject, Detail string
}

// What a Store answers beside failures.
var (
	ErrNotFound = errors.New("there is none of this name")
	ErrExists   = errors.New("there is one of this name already")
)

// Store keeps the rows. Every method may be called from several goroutines.
type Store interface {
	CreateUser(context.Context, User) error // errors.Is: ErrExists
	User(ctx context.Context, name string) (User, error)
	Users(context.Context) ([]User, error)
	// UpdateUser replaces the user of this name and, if Hash, Role, Client or
	// Disabled changed, ends all sessions of it in the same transaction.
	UpdateUser(context.Context, User) error
	DeleteUser(ctx context.Context, name string) error // with its sessions

	// SaveLogin begins a session and notes it as the user's last login.
	SaveLogin(context.Context, Login) error
	// Login returns a session that has not expired, with its user.
	Login(ctx context.Context, id [32]byte) (Login, User, error)
	TouchLogin(ctx context.Context, id [32]byte, seen time.Time) error
	EndLogin(ctx context.Context, id [32]byte) error
	EndLogins(ctx context.Context, user string) error

	CreateAPIToken(context.Context, APIToken) error
	APIToken(ctx context.Context, id string) (APIToken, error)
	APITokens(context.Context) ([]APIToken, error)
	RevokeAPIToken(ctx context.Context, id string, now time.Time) error
	UsedAPIToken(ctx context.Context, id string, at time.Time) error

	Audit(context.Context, Entry) error
	AuditLog(ctx context.Context, limit int) ([]Entry, error) // the newest first
}
