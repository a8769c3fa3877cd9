package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// User is somebody who may log in. What role and client mean is decided
// elsewhere.
type User struct {
	Name      string // the key; see goodName
	Role      string
	Client    string
	Hash      string // of the password, in PHC form; opaque here, and no secret to log
	Created   time.Time
	Changed   time.Time // of the password, role or client
	Disabled  time.Time // zero: active
	LastLogin time.Time // zero: never; set by [Store.SaveLogin]
}

const selectUsers = `SELECT name, role, client, hash, users.created, changed, disabled, login FROM users`

// scanUser reads the columns of selectUsers behind those that before takes.
func scanUser(r scanner, before ...any) (u User, err error) {
	var created, changed, disabled, login int64
	err = r.Scan(append(before, &u.Name, &u.Role, &u.Client, &u.Hash, &created, &changed, &disabled, &login)...)
	u.Created, u.Changed, u.Disabled, u.LastLogin = moment(created), moment(changed), moment(disabled), moment(login)
	return u, err
}

// CreateUser adds a user. errors.Is: [ErrExists], [ErrName].
func (s *Store) CreateUser(ctx context.Context, u User) error {
	if err := goodName("user", u.Name); err != nil {
		return err
	}
	res, err := s.write.ExecContext(ctx, `INSERT INTO users (name, role, client, hash, created, changed, disabled, login)
		VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, u.Name, u.Role, u.Client, u.Hash,
		millis(u.Created), millis(u.Changed), millis(u.Disabled), millis(u.LastLogin))
	return made(res, err, "create user "+u.Name)
}

// made wants that a statement has added a row; [ErrExists] if it has not.
func made(res sql.Result, err error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return fmt.Errorf("%s: %w", doing, ErrExists)
	}
	return nil
}

// User returns one user. errors.Is: [ErrNotFound].
func (s *Store) User(ctx context.Context, name string) (User, error) {
	u, err := scanUser(s.read.QueryRowContext(ctx, selectUsers+` WHERE name = ?`, name))
	if err != nil {
		return User{}, fmt.Errorf("read user: %w", absent(err))
	}
	return u, nil
}

// Users lists all users by name, disabled ones too.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	rows, err := s.read.QueryContext(ctx, selectUsers+` ORDER BY name`)
	all, err := collect(rows, err, func(r *sql.Rows) (User, error) { return scanUser(r) })
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return all, nil
}

// UpdateUser changes the user of this name. If the hash, role, client or
// Disabled is another than before, all its logins end in the same transaction:
// nobody goes on with rights that were taken away. Created stays, and LastLogin
// never goes back. errors.Is: [ErrNotFound].
func (s *Store) UpdateUser(ctx context.Context, u User) error {
	return s.update(ctx, "change user "+u.Name, func(tx *sql.Tx) error {
		old, err := scanUser(tx.QueryRowContext(ctx, selectUsers+` WHERE name = ?`, u.Name))
		if err != nil {
			return absent(err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE users SET role = ?2, client = ?3, hash = ?4, changed = ?5, disabled = ?6,
			login = max(login, ?7) WHERE name = ?1`, u.Name, u.Role, u.Client, u.Hash, millis(u.Changed), millis(u.Disabled), millis(u.LastLogin))
		if err != nil {
			return err
		}
		if old.Hash == u.Hash && old.Role == u.Role && old.Client == u.Client && millis(old.Disabled) == millis(u.Disabled) {
			return nil
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE user = ?`, u.Name)
		return err
	})
}

// DeleteUser removes a user and ends its logins. API tokens that it made stay:
// they have a role of their own. errors.Is: [ErrNotFound].
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	return s.one(ctx, "delete user "+name, `DELETE FROM users WHERE name = ?`, name)
}

// Login is one session of a user on the page.
type Login struct {
	ID      [32]byte // SHA-256 of the cookie; the cookie itself is never stored
	User    string
	CSRF    string
	From    string // address that logged in, for people
	Created time.Time
	Seen    time.Time // last use, as told to [Store.TouchLogin]
	Expires time.Time // whatever happens
}

// maxLogins is how many sessions one user may have; a new one ends the oldest
// beyond. A script that logs in anew each time must not fill the disk.
const maxLogins = 100

// SaveLogin begins a session and notes it as the user's last login. errors.Is:
// [ErrNotFound] if there is no such user or it is disabled by now, [ErrExists]
// if the id is taken.
func (s *Store) SaveLogin(ctx context.Context, l Login) error {
	return s.update(ctx, "begin a login", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE users SET login = max(login, ?2) WHERE name = ?1 AND disabled = 0`, l.User, millis(l.Created))
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return ErrNotFound
		}
		res, err = tx.ExecContext(ctx, `INSERT INTO sessions (id, user, csrf, origin, created, seen, expires) VALUES (?,?,?,?,?,?,?)
			ON CONFLICT DO NOTHING`, l.ID[:], l.User, l.CSRF, l.From, millis(l.Created), millis(l.Seen), millis(l.Expires))
		if err := made(res, err, "add the session"); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE user = ?1 AND id <> ?2 AND id NOT IN
			(SELECT id FROM sessions WHERE user = ?1 ORDER BY created DESC, id LIMIT ?3)`, l.User, l.ID[:], maxLogins)
		return err
	})
}

// Login returns a session and its user as it is now. errors.Is: [ErrNotFound]
// if there is none, it has expired, or the user is disabled. How long a session
// may lie idle is for the caller to say, by Seen.
func (s *Store) Login(ctx context.Context, id [32]byte) (Login, User, error) {
	l := Login{ID: id}
	var created, seen, expires int64
	row := s.read.QueryRowContext(ctx, `SELECT csrf, origin, sessions.created, seen, expires,
			name, role, client, hash, users.created, changed, disabled, login
		FROM sessions JOIN users ON name = user WHERE id = ? AND expires > ? AND disabled = 0`, id[:], millis(time.Now()))
	u, err := scanUser(row, &l.CSRF, &l.From, &created, &seen, &expires)
	if err != nil {
		return Login{}, User{}, fmt.Errorf("read the login: %w", absent(err))
	}
	l.User, l.Created, l.Seen, l.Expires = u.Name, moment(created), moment(seen), moment(expires)
	return l, u, nil
}

// TouchLogin notes that a session is in use; Seen never goes back. It is a
// write: do it once a minute, not per request. errors.Is: [ErrNotFound].
func (s *Store) TouchLogin(ctx context.Context, id [32]byte, seen time.Time) error {
	return s.one(ctx, "touch the login", `UPDATE sessions SET seen = max(seen, ?2) WHERE id = ?1`, id[:], millis(seen))
}

// EndLogin ends a session; one that is over already is no error.
func (s *Store) EndLogin(ctx context.Context, id [32]byte) error {
	err := s.one(ctx, "end the login", `DELETE FROM sessions WHERE id = ?`, id[:])
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// EndLogins ends all sessions of a user.
func (s *Store) EndLogins(ctx context.Context, user string) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM sessions WHERE user = ?`, user); err != nil {
		return fmt.Errorf("end the logins of %s: %w", user, err)
	}
	return nil
}
