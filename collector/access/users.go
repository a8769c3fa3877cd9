package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Why a user cannot be made or changed.
var (
	ErrName = errors.New("this name cannot be used")
	ErrRole = errors.New("this role cannot be given")
	// ErrLastAdmin: Picket cannot do without the user, as the only admin who can
	// log in or the only user at all; the text says which.
	ErrLastAdmin = errors.New("this user is needed")
)

const (
	maxName   = 64
	maxClient = 128 // as in the database
	maxUsers  = 10_000
)

// UserName returns the name under which a user is kept, compared and logged in:
// name in small letters, without spaces around it. Whoever stores a user takes
// it from here. errors.Is: [ErrName].
func UserName(name string) (string, error) {
	name = fold(name)
	return name, checkName(name)
}

// fold is how names are compared and kept.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// checkName refuses names that are not plain or mean somebody in the audit trail.
func checkName(name string) error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._@-", r)
	}
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("%w: it must have 1 to %d characters", ErrName, maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }):
		return fmt.Errorf("%w: it may have the letters a to z, digits and . _ @ - only", ErrName)
	case slices.Contains([]string{"operator", "local", "collector", "."}, name) || strings.HasPrefix(name, ".."):
		return fmt.Errorf("%w: it is reserved", ErrName)
	}
	return nil
}

// checkRole refuses unknown roles, viewers of nobody, and others of somebody.
func checkRole(role Role, client string) error {
	switch {
	case role == Viewer && client == "":
		return fmt.Errorf("%w: a viewer needs the client that it may see", ErrRole)
	case role == Viewer && (len(client) > maxClient || strings.ContainsFunc(client, func(r rune) bool { return r < ' ' || r == '/' || r == 0x7f || r == '\ufffd' })):
		return fmt.Errorf("%w: no client can have this name: it may have %d bytes, no slash and no control characters", ErrRole, maxClient)
	case (role == Admin || role == Technician) && client != "":
		return fmt.Errorf("%w: a client is for viewers only, admins and technicians see everything", ErrRole)
	case role != Admin && role != Technician && role != Viewer:
		return fmt.Errorf("%w: it must be admin, technician or viewer", ErrRole)
	}
	return nil
}

// Users returns everybody, with no hashes, by name.
func (k *Keeper) Users(ctx context.Context) ([]User, error) {
	all, err := k.o.Store.Users(ctx)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	for i := range all {
		all[i].Hash = ""
	}
	slices.SortFunc(all, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// CreateUser makes a user, under the name of [UserName]; by stands in the audit
// trail. Nobody checks whether there is such a client yet. errors.Is:
// [ErrExists], [ErrName], [ErrRole], [ErrPassword].
func (k *Keeper) CreateUser(ctx context.Context, by, name string, role Role, client, password string) error {
	name, err := UserName(name)
	client = strings.TrimSpace(client)
	if err := errors.Join(err, checkRole(role, client), CheckPassword(password)); err != nil {
		return err
	}
	hash, err := k.hash(ctx, password)
	if err != nil {
		return err
	}
	k.users.Lock()
	defer k.users.Unlock()
	all, err := k.o.Store.Users(ctx)
	if err != nil {
		return fmt.Errorf("count users: %w", err)
	}
	if len(all) >= maxUsers {
		return fmt.Errorf("%w: there are %d users already", ErrName, len(all))
	}
	now := k.o.Now()
	if err := k.o.Store.CreateUser(ctx, User{Name: name, Role: string(role), Client: client, Hash: hash, Created: now, Changed: now}); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	k.peopled.Store(true)
	detail := string(role)
	if client != "" {
		detail += " of " + client
	}
	k.audit(ctx, by, "user.create", name, detail)
	return nil
}

func (k *Keeper) hash(ctx context.Context, password string) (hash string, err error) {
	_, err = k.tried(ctx, func() bool { hash = hashPassword(password, k.o.Cost); return true })
	return hash, err
}

// SetPassword gives a user a new password and ends its sessions. errors.Is:
// [ErrNotFound], [ErrPassword].
func (k *Keeper) SetPassword(ctx context.Context, by, name, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	hash, err := k.hash(ctx, password)
	if err != nil {
		return err
	}
	return k.change(ctx, by, name, "user.password", func(u *User, _ []User) error {
		u.Hash = hash
		return nil
	})
}

// ChangePassword is SetPassword by the user, who must know the old one. A wrong
// old password counts as a failed log-in. errors.Is: [ErrRefused], [ErrPassword],
// [ErrBusy]; errors.As: [*Throttled].
func (k *Keeper) ChangePassword(ctx context.Context, p Principal, old, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	if wait := k.names.take(p.Name, k.o.Now()); wait > 0 {
		return &Throttled{wait}
	}
	if len(old) > MaxPassword {
		old = ""
	}
	if _, err := k.verify(ctx, p.Name, old); err != nil {
		if !errors.Is(err, ErrRefused) { // our trouble, not theirs
			k.names.well(p.Name, false)
		}
		return err
	}
	k.names.well(p.Name, true)
	return k.SetPassword(ctx, p.Name, p.Name, password)
}

// Disable keeps a user from logging in, and ends its sessions; with off it may
// again. errors.Is: [ErrNotFound], [ErrLastAdmin].
func (k *Keeper) Disable(ctx context.Context, by, name string, off bool) error {
	action := "user.disable"
	if !off {
		action = "user.enable"
	}
	return k.change(ctx, by, name, action, func(u *User, all []User) error {
		u.Disabled = time.Time{}
		if off {
			u.Disabled = k.o.Now()
			return needed(*u, all)
		}
		return nil
	})
}

// DeleteUser removes a user with its sessions. errors.Is: [ErrNotFound], [ErrLastAdmin].
func (k *Keeper) DeleteUser(ctx context.Context, by, name string) error {
	name = fold(name)
	k.users.Lock()
	defer k.users.Unlock()
	u, err := k.o.Store.User(ctx, name)
	if err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	all, err := k.o.Store.Users(ctx)
	if err != nil {
		return fmt.Errorf("look for other users: %w", err)
	}
	if len(all) == 1 { // without users the page would admit nobody, and after a restart everybody on this machine
		return fmt.Errorf("%w: %s is the only user, and without users the page would ask nobody to log in", ErrLastAdmin, name)
	}
	if err := needed(u, all); err != nil {
		return err
	}
	if err := k.o.Store.DeleteUser(ctx, name); err != nil {
		return fmt.Errorf("delete user %s: %w", name, err)
	}
	k.audit(ctx, by, "user.delete", name, "")
	return nil
}

// change reads, changes and writes one user, alone.
func (k *Keeper) change(ctx context.Context, by, name, action string, f func(u *User, all []User) error) error {
	name = fold(name)
	k.users.Lock()
	defer k.users.Unlock()
	u, err := k.o.Store.User(ctx, name)
	if err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	all, err := k.o.Store.Users(ctx)
	if err != nil {
		return fmt.Errorf("look for other users: %w", err)
	}
	if err := f(&u, all); err != nil {
		return err
	}
	u.Changed = k.o.Now()
	if err := k.o.Store.UpdateUser(ctx, u); err != nil {
		return fmt.Errorf("change user %s: %w", name, err)
	}
	k.audit(ctx, by, action, name, "")
	return nil
}

// needed refuses to do without u if it is the last admin who can log in.
func needed(u User, all []User) error {
	if u.Role != string(Admin) {
		return nil
	}
	others := slices.ContainsFunc(all, func(o User) bool {
		return o.Name != u.Name && o.Role == string(Admin) && o.Disabled.IsZero()
	})
	if !others {
		return fmt.Errorf("%w: %s is the only admin who can log in", ErrLastAdmin, u.Name)
	}
	return nil
}
