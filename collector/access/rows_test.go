package access

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// rows is a Store in memory that does what the interface promises.
type rows struct {
	mu     sync.Mutex
	users  map[string]User
	logins map[[32]byte]Login
	tokens map[string]APIToken
	trail  []Entry
	err    error // what every method fails with
}

func newRows() *rows {
	return &rows{users: map[string]User{}, logins: map[[32]byte]Login{}, tokens: map[string]APIToken{}}
}

func (r *rows) do(f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	return f()
}

func (r *rows) CreateUser(_ context.Context, u User) error {
	return r.do(func() error {
		if _, ok := r.users[u.Name]; ok {
			return ErrExists
		}
		r.users[u.Name] = u
		return nil
	})
}

func (r *rows) User(_ context.Context, name string) (u User, err error) {
	err = r.do(func() error {
		var ok bool
		if u, ok = r.users[name]; !ok {
			return ErrNotFound
		}
		return nil
	})
	return u, err
}

func (r *rows) Users(context.Context) (all []User, err error) {
	err = r.do(func() error { all = slices.Collect(maps.Values(r.users)); return nil })
	return all, err
}

func (r *rows) UpdateUser(_ context.Context, u User) error {
	return r.do(func() error {
		old, ok := r.users[u.Name]
		if !ok {
			return ErrNotFound
		}
		r.users[u.Name] = u
		if old.Hash != u.Hash || old.Role != u.Role || old.Client != u.Client || !old.Disabled.Equal(u.Disabled) {
			maps.DeleteFunc(r.logins, func(_ [32]byte, l Login) bool { return l.User == u.Name })
		}
		return nil
	})
}

func (r *rows) DeleteUser(_ context.Context, name string) error {
	return r.do(func() error {
		if _, ok := r.users[name]; !ok {
			return ErrNotFound
		}
		delete(r.users, name)
		maps.DeleteFunc(r.logins, func(_ [32]byte, l Login) bool { return l.User == name })
		return nil
	})
}

func (r *rows) SaveLogin(_ context.Context, l Login) error {
	return r.do(func() error { r.logins[l.ID] = l; return nil })
}

func (r *rows) Login(_ context.Context, id [32]byte) (l Login, u User, err error) {
	err = r.do(func() error {
		var ok bool
		if l, ok = r.logins[id]; !ok {
			return ErrNotFound
		}
		u = r.users[l.User]
		return nil
	})
	return l, u, err
}

func (r *rows) TouchLogin(_ context.Context, id [32]byte, seen time.Time) error {
	return r.do(func() error {
		l := r.logins[id]
		l.Seen = seen
		r.logins[id] = l
		return nil
	})
}

func (r *rows) EndLogin(_ context.Context, id [32]byte) error {
	return r.do(func() error { delete(r.logins, id); return nil })
}

func (r *rows) EndLogins(_ context.Context, user string) error {
	return r.do(func() error {
		maps.DeleteFunc(r.logins, func(_ [32]byte, l Login) bool { return l.User == user })
		return nil
	})
}

func (r *rows) CreateAPIToken(_ context.Context, t APIToken) error {
	return r.do(func() error { r.tokens[t.ID] = t; return nil })
}

func (r *rows) APIToken(_ context.Context, id string) (t APIToken, err error) {
	err = r.do(func() error {
		var ok bool
		if t, ok = r.tokens[id]; !ok {
			return ErrNotFound
		}
		return nil
	})
	return t, err
}

func (r *rows) APITokens(context.Context) (all []APIToken, err error) {
	err = r.do(func() error { all = slices.Collect(maps.Values(r.tokens)); return nil })
	return all, err
}

func (r *rows) RevokeAPIToken(_ context.Context, id string, now time.Time) error {
	return r.do(func() error {
		t, ok := r.tokens[id]
		if !ok {
			return ErrNotFound
		}
		t.Revoked = now
		r.tokens[id] = t
		return nil
	})
}

func (r *rows) UsedAPIToken(_ context.Context, id string, at time.Time) error {
	return r.do(func() error {
		t := r.tokens[id]
		t.Used = at
		r.tokens[id] = t
		return nil
	})
}

func (r *rows) Audit(_ context.Context, e Entry) error {
	return r.do(func() error { r.trail = append(r.trail, e); return nil })
}

func (r *rows) AuditLog(_ context.Context, limit int) (all []Entry, err error) {
	err = r.do(func() error {
		all = slices.Clone(r.trail)
		slices.Reverse(all)
		all = all[:min(limit, len(all))]
		return nil
	})
	return all, err
}

// actions are the actions of the trail, oldest first.
func (r *rows) actions() (list []string) {
	for _, e := range r.trail {
		list = append(list, e.Action)
	}
	return list
}
