package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"picket/collector/access"
	"picket/collector/config"
	"picket/collector/store"
)

// accessRows is the store as access wants it: the same rows under its own names.
type accessRows struct{ s *store.Store }

// foreign turns the store's marks into those of access.
func foreign(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w (%w)", access.ErrNotFound, err)
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("%w (%w)", access.ErrExists, err)
	case errors.Is(err, store.ErrName):
		return fmt.Errorf("%w: %w", access.ErrName, err)
	}
	return err
}

func (r accessRows) CreateUser(ctx context.Context, u access.User) error {
	return foreign(r.s.CreateUser(ctx, store.User(u)))
}

func (r accessRows) User(ctx context.Context, name string) (access.User, error) {
	u, err := r.s.User(ctx, name)
	return access.User(u), foreign(err)
}

func (r accessRows) Users(ctx context.Context) ([]access.User, error) {
	all, err := r.s.Users(ctx)
	list := make([]access.User, len(all))
	for i, u := range all {
		list[i] = access.User(u)
	}
	return list, err
}

func (r accessRows) UpdateUser(ctx context.Context, u access.User) error {
	return foreign(r.s.UpdateUser(ctx, store.User(u)))
}

func (r accessRows) DeleteUser(ctx context.Context, name string) error {
	return foreign(r.s.DeleteUser(ctx, name))
}

func (r accessRows) SaveLogin(ctx context.Context, l access.Login) error {
	return foreign(r.s.SaveLogin(ctx, store.Login(l)))
}

func (r accessRows) Login(ctx context.Context, id [32]byte) (access.Login, access.User, error) {
	l, u, err := r.s.Login(ctx, id)
	return access.Login(l), access.User(u), foreign(err)
}

func (r accessRows) TouchLogin(ctx context.Context, id [32]byte, seen time.Time) error {
	return foreign(r.s.TouchLogin(ctx, id, seen))
}

func (r accessRows) EndLogin(ctx context.Context, id [32]byte) error {
	return foreign(r.s.EndLogin(ctx, id))
}

func (r accessRows) EndLogins(ctx context.Context, user string) error {
	return foreign(r.s.EndLogins(ctx, user))
}

func (r accessRows) CreateAPIToken(ctx context.Context, t access.APIToken) error {
	return foreign(r.s.CreateAPIToken(ctx, store.APIToken(t)))
}

func (r accessRows) APIToken(ctx context.Context, id string) (access.APIToken, error) {
	t, err := r.s.APIToken(ctx, id)
	return access.APIToken(t), foreign(err)
}

func (r accessRows) APITokens(ctx context.Context) ([]access.APIToken, error) {
	all, err := r.s.APITokens(ctx)
	list := make([]access.APIToken, len(all))
	for i, t := range all {
		list[i] = access.APIToken(t)
	}
	return list, err
}

func (r accessRows) RevokeAPIToken(ctx context.Context, id string, now time.Time) error {
	return foreign(r.s.RevokeAPIToken(ctx, id, now))
}

func (r accessRows) UsedAPIToken(ctx context.Context, id string, at time.Time) error {
	return foreign(r.s.UsedAPIToken(ctx, id, at))
}

func (r accessRows) Audit(ctx context.Context, e access.Entry) error {
	return r.s.Audit(ctx, store.Entry(e))
}

func (r accessRows) AuditLog(ctx context.Context, limit int) ([]access.Entry, error) {
	all, err := r.s.AuditLog(ctx, limit)
	list := make([]access.Entry, len(all))
	for i, e := range all {
		list[i] = access.Entry(e)
	}
	return list, err
}

// newKeeper is who decides about log-ins: needed as soon as the page can be
// reached from elsewhere, the file says so, or a user exists.
func newKeeper(s *store.Store, file *config.File, log *slog.Logger) (*access.Keeper, error) {
	return access.New(access.Options{
		Store:          accessRows{s},
		Required:       file.Login || file.BehindProxy || !config.Loopback(file.HTTP),
		BehindProxy:    file.BehindProxy,
		TrustedProxies: file.TrustedProxies,
		Log:            log,
	})
}
