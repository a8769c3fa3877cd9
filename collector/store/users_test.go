package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

func newUser(t *testing.T, s *Store, name string) User {
	t.Helper()
	u := User{Name: name, Role: "technician", Hash: "$argon2id$" + name, Created: at, Changed: at}
	if err := s.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u
}

// newLogin logs a user in with a session that is good for an hour from now.
func newLogin(t *testing.T, s *Store, user, cookie string) Login {
	t.Helper()
	now := moment(millis(time.Now()))
	l := Login{ID: sha256.Sum256([]byte(cookie)), User: user, CSRF: "c-" + cookie, From: "192.0.2.7", Created: now, Seen: now, Expires: now.Add(time.Hour)}
	if err := s.SaveLogin(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

// alive says whether a session would still let its user in.
func alive(t *testing.T, s *Store, l Login) bool {
	t.Helper()
	_, _, err := s.Login(t.Context(), l.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestUsersAreKept(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	ana := User{Name: "Ana Ñ", Role: "viewer", Client: "acme", Hash: "$argon2id$x", Created: at, Changed: at}
	if err := s.CreateUser(ctx, ana); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateUser(ctx, User{Name: ana.Name, Role: "admin"}); !errors.Is(err, ErrExists) {
		t.Errorf("a second one of the name: %v", err)
	}
	for _, bad := range []string{"", "a/b", " a", "a\n"} {
		if err := s.CreateUser(ctx, User{Name: bad}); !errors.Is(err, ErrName) {
			t.Errorf("name %q: %v", bad, err)
		}
	}
	bob := newUser(t, s, "bob")
	s.Close()

	s = openAt(t, path)
	if all, err := s.Users(ctx); err != nil || !slices.Equal(all, []User{ana, bob}) {
		t.Errorf("users %+v, %v", all, err)
	}
	ana.Role, ana.Client, ana.Changed = "admin", "", at.Add(time.Hour)
	if err := s.UpdateUser(ctx, ana); err != nil {
		t.Fatal(err)
	}
	if got, err := s.User(ctx, ana.Name); err != nil || got != ana {
		t.Errorf("changed: %+v, %v", got, err)
	}
	if err := s.DeleteUser(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	_, err := s.User(ctx, "bob")
	for what, err := range map[string]error{"read": err, "change": s.UpdateUser(ctx, bob), "delete": s.DeleteUser(ctx, "bob"),
		"log in": s.SaveLogin(ctx, Login{User: "bob"})} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of a deleted user: %v", what, err)
		}
	}
}

func TestALoginIsAUserForATime(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	bob := newUser(t, s, "bob")
	l := newLogin(t, s, "bob", "one")
	s.Close()
	s = openAt(t, path)
	if err := s.TouchLogin(ctx, l.ID, l.Seen.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := s.TouchLogin(ctx, l.ID, l.Seen); err != nil { // an older request comes late
		t.Fatal(err)
	}
	l.Seen = l.Seen.Add(time.Minute)
	bob.LastLogin = l.Created
	if got, user, err := s.Login(ctx, l.ID); err != nil || got != l || user != bob {
		t.Errorf("login %+v of %+v, %v", got, user, err)
	}
	if err := s.SaveLogin(ctx, l); !errors.Is(err, ErrExists) {
		t.Errorf("the id was taken: %v", err)
	}
	old := Login{ID: sha256.Sum256([]byte("old")), User: "bob", Created: at, Expires: at.Add(time.Hour)}
	if err := s.SaveLogin(ctx, old); err != nil {
		t.Fatal(err)
	}
	if alive(t, s, old) {
		t.Error("an expired login lets in")
	}
	if err := s.EndLogin(ctx, l.ID); err != nil || alive(t, s, l) {
		t.Errorf("after logging out: %v", err)
	}
	if err := s.EndLogin(ctx, l.ID); err != nil {
		t.Errorf("logging out twice: %v", err)
	}
	if err := s.TouchLogin(ctx, l.ID, at); !errors.Is(err, ErrNotFound) {
		t.Errorf("touched what is over: %v", err)
	}
	if p, err := s.Prune(ctx, time.Now()); err != nil || p.Logins != 1 {
		t.Errorf("pruned %+v, %v", p, err)
	}
}

// TestRightsThatAreTakenAwayEndLogins: whoever had a session must not go on
// with what it was given.
func TestRightsThatAreTakenAwayEndLogins(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*User)
		ends   bool
	}{
		"password": {func(u *User) { u.Hash = "new" }, true},
		"role":     {func(u *User) { u.Role = "viewer" }, true},
		"client":   {func(u *User) { u.Client = "acme" }, true},
		"disabled": {func(u *User) { u.Disabled = at }, true},
		"nothing":  {func(u *User) { u.Changed = at.Add(time.Hour) }, false},
	} {
		t.Run(what, func(t *testing.T) {
			s, ctx := openAt(t, file(t)), t.Context()
			bob := newUser(t, s, "bob")
			newUser(t, s, "eve")
			hers, his := newLogin(t, s, "eve", "hers"), newLogin(t, s, "bob", "his")
			c.change(&bob)
			if err := s.UpdateUser(ctx, bob); err != nil {
				t.Fatal(err)
			}
			if alive(t, s, his) == c.ends {
				t.Errorf("ends: %v, want %v", !alive(t, s, his), c.ends)
			}
			if !alive(t, s, hers) {
				t.Error("somebody else's login ended")
			}
		})
	}
}

func TestADisabledUserHasNoLogin(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	bob := newUser(t, s, "bob")
	his := newLogin(t, s, "bob", "his")
	if _, err := s.write.Exec(`UPDATE users SET disabled = 1`); err != nil { // whatever way it came about
		t.Fatal(err)
	}
	if alive(t, s, his) {
		t.Error("a disabled user is let in")
	}
	bob.Disabled = at
	if err := s.UpdateUser(ctx, bob); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveLogin(ctx, Login{User: "bob", Expires: time.Now().Add(time.Hour)}); !errors.Is(err, ErrNotFound) {
		t.Errorf("logged in: %v", err)
	}
}

func TestEndLoginsAndDeleteEndAllOfOne(t *testing.T) {
	for what, end := range map[string]func(*Store) error{
		"sign out everywhere": func(s *Store) error { return s.EndLogins(t.Context(), "bob") },
		"delete":              func(s *Store) error { return s.DeleteUser(t.Context(), "bob") },
	} {
		s := openAt(t, file(t))
		newUser(t, s, "bob")
		newUser(t, s, "eve")
		one, two, hers := newLogin(t, s, "bob", "1"), newLogin(t, s, "bob", "2"), newLogin(t, s, "eve", "3")
		if err := end(s); err != nil {
			t.Fatal(err)
		}
		if alive(t, s, one) || alive(t, s, two) || !alive(t, s, hers) {
			t.Errorf("%s: the wrong logins ended", what)
		}
	}
}

func TestAUserCannotFillTheDiskWithLogins(t *testing.T) {
	s := openAt(t, file(t))
	newUser(t, s, "bob")
	var newest Login
	for i := range maxLogins + 20 {
		newest = newLogin(t, s, "bob", fmt.Sprint(i))
	}
	var n int
	if err := s.read.QueryRow(`SELECT count(*) FROM sessions`).Scan(&n); err != nil || n > maxLogins+1 {
		t.Errorf("%d sessions, %v", n, err)
	}
	if !alive(t, s, newest) {
		t.Error("the newest one was ended")
	}
}

func TestAPITokensAreKept(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	one := APIToken{ID: "t1", Hash: sha256.Sum256([]byte("s")), Name: "backup script", Role: "viewer", Client: "acme", By: "ana", Created: at}
	two := APIToken{ID: "t2", Name: "grafana", Role: "technician", By: "ana", Created: at.Add(time.Hour), Expires: at.Add(48 * time.Hour)}
	for _, v := range []APIToken{one, two} {
		if err := s.CreateAPIToken(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateAPIToken(ctx, one); !errors.Is(err, ErrExists) {
		t.Errorf("the id was taken: %v", err)
	}
	if err := errors.Join(s.UsedAPIToken(ctx, "t1", at.Add(time.Hour)), s.UsedAPIToken(ctx, "t1", at),
		s.RevokeAPIToken(ctx, "t1", at.Add(2*time.Hour)), s.RevokeAPIToken(ctx, "t1", at.Add(3*time.Hour))); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = openAt(t, path)
	one.Used, one.Revoked = at.Add(time.Hour), at.Add(2*time.Hour)
	if all, err := s.APITokens(ctx); err != nil || !reflect.DeepEqual(all, []APIToken{two, one}) {
		t.Errorf("tokens %+v, %v", all, err)
	}
	if got, err := s.APIToken(ctx, "t1"); err != nil || got != one {
		t.Errorf("token %+v, %v", got, err)
	}
	_, err := s.APIToken(ctx, "t3")
	for what, err := range map[string]error{"read": err, "use": s.UsedAPIToken(ctx, "t3", at), "revoke": s.RevokeAPIToken(ctx, "t3", at)} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of a token that is not there: %v", what, err)
		}
	}
}

func TestAJoinTokenIsRead(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	made := newToken(t, s, NewToken{Client: "acme", Site: "madrid", Uses: 2})
	if _, err := s.Redeem(ctx, made.ID, made.Secret, NewAgent{ID: "a1"}, at); err != nil {
		t.Fatal(err)
	}
	made.Secret, made.Used, made.LastUsed = nil, 1, at
	if got, err := s.Token(ctx, made.ID); err != nil || !reflect.DeepEqual(got, made) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, made)
	}
	if _, err := s.Token(ctx, "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a token that is not there: %v", err)
	}
}

func TestTheTrailIsKeptForThirteenMonths(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	for _, when := range []time.Time{at, at.Add(24 * time.Hour)} {
		if err := s.Audit(ctx, Entry{At: when, Actor: "ana", Action: "login"}); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := s.Prune(ctx, at.Add(keepHours+time.Hour)); err != nil || p.Entries != 1 {
		t.Errorf("pruned %+v, %v", p, err)
	}
	if left, err := s.AuditLog(ctx, 10); err != nil || len(left) != 1 || !left[0].At.Equal(at.Add(24*time.Hour)) {
		t.Errorf("left: %+v, %v", left, err)
	}
}
