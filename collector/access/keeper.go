package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How long a session lives.
const (
	idleLife = 12 * time.Hour
	fullLife = 7 * 24 * time.Hour
	touch    = time.Minute // a sign of life is stored at most so often
)

// Passwords tried at once, and those that may wait.
const (
	maxHashes = 2
	maxQueue  = 16
)

// Why somebody does not get in.
var (
	// ErrRefused: the name, the password, the cookie or the token is wrong, or
	// its user is disabled; which of them is not told.
	ErrRefused = errors.New("the user name or the password is wrong")
	// ErrBusy: too many others log in at this moment.
	ErrBusy = errors.New("too many log-ins at once")
)

// Throttled says that there were too many failures.
type Throttled struct{ After time.Duration } // until the next try may be made

func (t *Throttled) Error() string {
	return fmt.Sprintf("too many failed log-ins: the next try is possible in %s", t.After.Round(time.Second))
}

// Options says what a Keeper works with.
type Options struct {
	Store Store // required
	// Required says that nobody may look without a log-in, even while no user
	// exists: the page can be reached from elsewhere, or the configuration says so.
	Required bool
	// BehindProxy says that the page is only reached through a proxy that adds
	// TLS and sets X-Forwarded-For; cookies are Secure then, and that header says
	// whom the brakes count, if a proxy that may be believed has sent it.
	BehindProxy bool
	// TrustedProxies are whose X-Forwarded-For is believed, beside loopback.
	TrustedProxies []netip.Prefix
	// Cost of passwords that are set here; zero means [Cost]'s default.
	Cost Cost
	Now  func() time.Time // nil means time.Now
	Log  *slog.Logger     // nil discards
}

// Keeper knows who may come in. It is safe for concurrent use and owns no goroutine.
type Keeper struct {
	o        Options
	names    *brake[string]
	prefixes *brake[netip.Prefix]
	refused  trickle
	queue    chan struct{} // a slot per log-in that waits or runs
	hashes   chan struct{} // a slot per password that is being tried
	nobody   phc           // what the password of nobody is compared with
	peopled  atomic.Bool   // a user exists; never false again

	users sync.Mutex // held while a user's row is read, changed and written
}

// New makes a keeper.
func New(o Options) (*Keeper, error) {
	if o.Store == nil {
		return nil, errors.New("access: no store")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Cost = o.Cost.orDefault()
	if o.Cost.Lanes < 1 || o.Cost.Passes < 1 || o.Cost.Passes > maxPasses || o.Cost.Memory > maxMemory {
		return nil, fmt.Errorf("access: a cost of %+v is not possible", o.Cost)
	}
	nobody := phc{cost: o.Cost, salt: make([]byte, saltBytes), key: make([]byte, keyBytes)}
	rand.Read(nobody.salt)
	rand.Read(nobody.key) // no password has it
	return &Keeper{o: o, names: newBrake[string](nameWait), prefixes: newBrake[netip.Prefix](prefixWait), nobody: nobody,
		queue: make(chan struct{}, maxHashes+maxQueue), hashes: make(chan struct{}, maxHashes)}, nil
}

// BehindProxy says that a proxy adds TLS.
func (k *Keeper) BehindProxy() bool { return k.o.BehindProxy }

// Proxy says whether a is a proxy of ours, whose word counts about the address
// for which it asks.
func (k *Keeper) Proxy(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return k.o.BehindProxy && (a.IsLoopback() || slices.ContainsFunc(k.o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) }))
}

// Open says whether one may look without a log-in. An error means no.
func (k *Keeper) Open(ctx context.Context) (bool, error) {
	if k.o.Required || k.peopled.Load() {
		return false, nil
	}
	all, err := k.o.Store.Users(ctx)
	if err != nil {
		return false, fmt.Errorf("look for users: %w", err)
	}
	if len(all) > 0 {
		k.peopled.Store(true)
	}
	return len(all) == 0, nil
}

// Visitor is the principal of the open mode.
func Visitor() Principal { return Principal{Name: "local", Role: Technician, Via: "open"} }

// Login starts a session for who knows the password, and returns the cookie that
// stands for it. errors.Is: [ErrRefused], [ErrBusy]; errors.As: [*Throttled].
func (k *Keeper) Login(ctx context.Context, name, password string, from netip.Addr) (cookie string, p Principal, err error) {
	now := k.o.Now()
	name = fold(name)
	if len(name) > maxName { // nobody's, and not worth a place in the brake
		name = strings.Repeat("x", maxName+1)
	}
	if len(password) > MaxPassword {
		password = "" // nobody's
	}
	wait := k.prefixes.take(prefix(from), now)
	if wait == 0 {
		if wait = k.names.take(name, now); wait > 0 {
			k.prefixes.well(prefix(from), false)
		}
	}
	if wait > 0 {
		k.auditRefused(ctx, now, "login.throttled", "too many tries", from)
		return "", Principal{}, &Throttled{wait}
	}
	user, err := k.verify(ctx, name, password)
	if errors.Is(err, ErrRefused) {
		who := "somebody" // what was typed may be a password
		if user.Name != "" {
			who = user.Name
		}
		k.auditRefused(ctx, now, "login.refused", who, from)
	}
	if err != nil {
		if !errors.Is(err, ErrRefused) { // our trouble, not theirs
			k.prefixes.well(prefix(from), false)
			k.names.well(name, false)
		}
		return "", Principal{}, err
	}
	k.names.well(name, true)
	k.prefixes.well(prefix(from), false) // not all: an own account must not free the way to others
	return k.begin(ctx, user, from, now)
}

// verify returns the user if the password is its own. With [ErrRefused] the user
// is who was meant, if there is one.
func (k *Keeper) verify(ctx context.Context, name, password string) (User, error) {
	user, err := k.o.Store.User(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, fmt.Errorf("read a user: %w", err)
	}
	known := err == nil
	hash := k.nobody
	if known {
		if hash, err = parsePHC(user.Hash); err != nil {
			return User{}, fmt.Errorf("user %s: %w", user.Name, err)
		}
	}
	good, err := k.tried(ctx, func() bool { return hash.matches(password) })
	switch {
	case err != nil:
		return User{}, err
	case known && good && user.Disabled.IsZero():
		return user, nil
	}
	return user, ErrRefused
}

// tried does f, which takes the memory of a password hash, when it is its turn.
func (k *Keeper) tried(ctx context.Context, f func() bool) (bool, error) {
	select {
	case k.queue <- struct{}{}:
		defer func() { <-k.queue }()
	default:
		return false, ErrBusy
	}
	select {
	case k.hashes <- struct{}{}:
		defer func() { <-k.hashes }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return f(), nil
}

// begin stores a new session of user.
func (k *Keeper) begin(ctx context.Context, user User, from netip.Addr, now time.Time) (string, Principal, error) {
	k.users.Lock()
	defer k.users.Unlock()
	fresh, err := k.o.Store.User(ctx, user.Name)
	if err != nil || fresh.Hash != user.Hash || !fresh.Disabled.IsZero() { // changed while the password was tried
		return "", Principal{}, errors.Join(ErrRefused, err)
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	l := Login{ID: sha256.Sum256(secret), User: user.Name, CSRF: rand.Text(), From: from.Unmap().String(), Created: now, Seen: now, Expires: now.Add(fullLife)}
	if err := k.o.Store.SaveLogin(ctx, l); err != nil {
		return "", Principal{}, fmt.Errorf("begin a session of %s: %w", user.Name, err)
	}
	k.audit(ctx, user.Name, "login.ok", user.Name, "from "+l.From)
	return base64.RawURLEncoding.EncodeToString(secret), principal(l, fresh), nil
}

func principal(l Login, u User) Principal {
	return Principal{Name: u.Name, Role: Role(u.Role), Client: u.Client, Via: "session", Session: hex.EncodeToString(l.ID[:]), CSRF: l.CSRF}
}

// Session returns who holds the cookie. errors.Is: [ErrRefused].
func (k *Keeper) Session(ctx context.Context, cookie string) (Principal, error) {
	if len(cookie) != base64.RawURLEncoding.EncodedLen(32) {
		return Principal{}, ErrRefused
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(cookie)
	if err != nil {
		return Principal{}, ErrRefused
	}
	l, u, err := k.o.Store.Login(ctx, sha256.Sum256(secret))
	if errors.Is(err, ErrNotFound) {
		return Principal{}, ErrRefused
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read a session: %w", err)
	}
	now := k.o.Now()
	if !now.Before(l.Expires) || now.Sub(l.Seen) >= idleLife || !u.Disabled.IsZero() {
		return Principal{}, ErrRefused
	}
	if now.Sub(l.Seen) >= touch {
		if err := k.o.Store.TouchLogin(ctx, l.ID, now); err != nil {
			k.o.Log.Error("note a session's sign of life", "user", u.Name, "err", err) // it may look on
		}
	}
	return principal(l, u), nil
}

// Logout ends the session of p.
func (k *Keeper) Logout(ctx context.Context, p Principal) error {
	id, err := hex.DecodeString(p.Session)
	if err != nil || len(id) != 32 {
		return ErrRefused
	}
	if err := k.o.Store.EndLogin(ctx, [32]byte(id)); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("end the session of %s: %w", p.Name, err)
	}
	k.audit(ctx, p.Name, "logout", p.Name, "")
	return nil
}

// LogoutAll ends every session of the user.
func (k *Keeper) LogoutAll(ctx context.Context, by, user string) error {
	if err := k.o.Store.EndLogins(ctx, fold(user)); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("end the sessions of %s: %w", user, err)
	}
	k.audit(ctx, by, "logout.all", fold(user), "")
	return nil
}

// Refused notes in the audit trail that p was kept from doing something, as
// seldom as refused log-ins are.
func (k *Keeper) Refused(ctx context.Context, p Principal, what string, from netip.Addr) {
	if now := k.o.Now(); p.Name != "" {
		k.auditRefused(ctx, now, "refused", p.Name+": "+what, from)
	}
}

// audit writes to the trail who did what. What was done is done: a trail that
// cannot be written is an error of the log.
func (k *Keeper) audit(ctx context.Context, by, action, subject, detail string) {
	err := k.o.Store.Audit(context.WithoutCancel(ctx), Entry{At: k.o.Now(), Actor: by, Action: action, Subject: subject, Detail: detail})
	if err != nil {
		k.o.Log.Error("write the audit trail", "action", action, "subject", subject, "by", by, "err", err)
	}
}

// auditRefused is audit for what strangers can cause at will.
func (k *Keeper) auditRefused(ctx context.Context, now time.Time, action, subject string, from netip.Addr) {
	held, ok := k.refused.pass(now)
	if !ok {
		return
	}
	detail := ""
	if held > 0 {
		detail = fmt.Sprintf("and %d more were refused before, not listed", held)
	}
	k.audit(ctx, from.Unmap().String(), action, subject, detail)
}

// AuditLog returns the last entries of the trail, the newest first, at most limit.
func (k *Keeper) AuditLog(ctx context.Context, limit int) ([]Entry, error) {
	all, err := k.o.Store.AuditLog(ctx, limit)
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	return all, nil
}
