package access

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// cheap is a cost for tests that do not test the cost.
var cheap = Cost{Memory: 8, Passes: 1, Lanes: 1}

const secret = "correct horse battery"

var home = netip.MustParseAddr("192.0.2.7")

type rig struct {
	*Keeper
	rows *rows
	now  time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{rows: newRows(), now: time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)}
	k, err := New(Options{Store: r.rows, Cost: cheap, Now: func() time.Time { return r.now }})
	if err != nil {
		t.Fatal(err)
	}
	r.Keeper = k
	return r
}

func (r *rig) user(t *testing.T, name string, role Role, client string) {
	t.Helper()
	if err := r.CreateUser(t.Context(), "operator", name, role, client, secret); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) login(t *testing.T, name string) (string, Principal) {
	t.Helper()
	cookie, p, err := r.Login(t.Context(), name, secret, home)
	if err != nil {
		t.Fatal(err)
	}
	return cookie, p
}

func TestPasswordsAreKeptAsArgon2id(t *testing.T) {
	hash, err := HashPassword(secret)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Fatalf("%s %v", hash, err)
	}
	again, _ := HashPassword(secret)
	if hash == again {
		t.Error("the salt is not fresh")
	}
	h, err := parsePHC(hash)
	if err != nil || !h.matches(secret) || h.matches(secret+" ") {
		t.Errorf("%v", err)
	}
	// A vector of the reference implementation's own tests.
	known, err := parsePHC("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil || !known.matches("password") || known.matches("Password") {
		t.Errorf("a hash made elsewhere: %v", err)
	}
	for _, bad := range []string{"", "$", "plain", "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=65536,t=0,p=4$c29tZXNhbHQ$GpZ3sK", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", strings.Replace(hash, "p=4", "p=0", 1)} {
		if _, err := parsePHC(bad); err == nil || len(bad) > 5 && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "short", "elevenchars", strings.Repeat("x", 20), strings.Repeat("ab", 129), "broken \xff utf-8 text"} {
		if _, err := HashPassword(bad); !errors.Is(err, ErrPassword) || len(bad) > 3 && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestWhoMayWhat(t *testing.T) {
	all := []Action{Look, Check, Probe, Enrol, Revoke, Manage, Approve}
	for _, c := range []struct {
		p    Principal
		want string
	}{
		{Principal{}, ""}, {Principal{Role: "root"}, ""}, {Principal{Role: Viewer}, ""},
		{Principal{Role: Viewer, Client: "acme"}, "look check"},
		{Principal{Role: Technician}, "look check probe enrol"},
		{Principal{Role: Admin}, "look check probe enrol revoke manage approve"},
		{Visitor(), "look check probe enrol"},
	} {
		var may []string
		for _, a := range all {
			if c.p.May(a) {
				may = append(may, string(a))
			}
		}
		if got := strings.Join(may, " "); got != c.want {
			t.Errorf("%+v may %s", c.p, got)
		}
	}
	if v := (Principal{Role: Viewer, Client: "acme"}); !v.Sees("acme") || !v.Sees("") || v.Sees("globex") || (Principal{}).Sees("") {
		t.Error("what a viewer sees")
	}
}

func TestALogInMakesASession(t *testing.T) {
	r := newRig(t)
	r.user(t, "Ann", Admin, "")
	cookie, p := r.login(t, " ANN ")
	if p.Name != "ann" || p.Role != Admin || p.Via != "session" || len(p.CSRF) < 26 || len(cookie) != 43 {
		t.Errorf("%+v %q", p, cookie)
	}
	got, err := r.Session(t.Context(), cookie)
	if err != nil || got != p {
		t.Errorf("%+v %v", got, err)
	}
	second, q := r.login(t, "ann")
	if second == cookie || q.CSRF == p.CSRF || q.Session == p.Session {
		t.Error("two sessions share a secret")
	}
	for id := range r.rows.logins {
		if base64.RawURLEncoding.EncodeToString(id[:]) == cookie {
			t.Error("the store has the cookie itself")
		}
	}
	if err := r.Logout(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Session(t.Context(), cookie); !errors.Is(err, ErrRefused) {
		t.Errorf("after the log-out: %v", err)
	}
	if _, err := r.Session(t.Context(), second); err != nil {
		t.Errorf("the other session: %v", err)
	}
	for _, bad := range []string{"", "x", strings.Repeat("A", 43), cookie + "A", strings.Repeat("=", 43), second[:42] + "!"} {
		if _, err := r.Session(t.Context(), bad); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if got := r.rows.actions(); !slices.Equal(got, []string{"user.create", "login.ok", "login.ok", "logout"}) {
		t.Errorf("trail: %q", got)
	}
}

func TestSessionsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*testing.T, *rig)
		ends bool
	}{
		{"idle for 11 h", func(_ *testing.T, r *rig) { r.now = r.now.Add(11 * time.Hour) }, false},
		{"idle for 12 h", func(_ *testing.T, r *rig) { r.now = r.now.Add(12 * time.Hour) }, true},
		{"in use for 7 days", func(t *testing.T, r *rig) {
			cookie, _ := r.login(t, "ann")
			for range 15 {
				r.now = r.now.Add(11 * time.Hour)
				if _, err := r.Session(t.Context(), cookie); err != nil {
					t.Fatal(err)
				}
			}
			r.now = r.now.Add(11 * time.Hour)
			if _, err := r.Session(t.Context(), cookie); err == nil {
				t.Error("a session lives longer than 7 days")
			}
		}, true},
		{"a new password", func(t *testing.T, r *rig) {
			if err := r.SetPassword(t.Context(), "operator", "ann", "another long password"); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"disabled", func(t *testing.T, r *rig) {
			r.user(t, "bob", Admin, "")
			if err := r.Disable(t.Context(), "bob", "ann", true); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"deleted", func(t *testing.T, r *rig) {
			r.user(t, "bob", Admin, "")
			if err := r.DeleteUser(t.Context(), "bob", "ann"); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"signed out everywhere", func(t *testing.T, r *rig) {
			if err := r.LogoutAll(t.Context(), "ann", "ann"); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.user(t, "ann", Admin, "")
			cookie, _ := r.login(t, "ann")
			c.do(t, r)
			if _, err := r.Session(t.Context(), cookie); errors.Is(err, ErrRefused) != c.ends {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnOwnPasswordNeedsTheOldOne(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	r.user(t, "vic", Viewer, "acme")
	_, p := r.login(t, "vic")
	if err := r.ChangePassword(ctx, p, "wrong password", secret+"!"); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if err := r.ChangePassword(ctx, p, secret, "short"); !errors.Is(err, ErrPassword) {
		t.Error(err)
	}
	if err := r.ChangePassword(ctx, p, secret, secret+"!"); err != nil {
		t.Error(err)
	}
	if _, _, err := r.Login(ctx, "vic", secret+"!", home); err != nil {
		t.Error(err)
	}
	for range 2 * freeTries {
		r.ChangePassword(ctx, p, "wrong password", secret+"?")
	}
	if err := r.ChangePassword(ctx, p, secret+"!", secret+"?"); !errors.As(err, new(*Throttled)) {
		t.Errorf("a stolen session may guess the password: %v", err)
	}
}

// TestOurTroubleIsNoFailedChange: a machine that is busy counts nothing against
// who changes a password.
func TestOurTroubleIsNoFailedChange(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	r.user(t, "ann", Admin, "")
	_, p := r.login(t, "ann")
	for range cap(r.queue) {
		r.queue <- struct{}{}
	}
	for range 2 * freeTries {
		if err := r.ChangePassword(ctx, p, secret, secret+"!"); !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
	}
	for range cap(r.queue) {
		<-r.queue
	}
	if err := r.ChangePassword(ctx, p, secret, secret+"!"); err != nil {
		t.Errorf("after the rush: %v", err)
	}
}

func TestAPITokens(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	text, made, err := r.CreateToken(ctx, "ann", TokenRequest{Name: "wall board", Role: Viewer, Client: "acme"})
	if err != nil || !strings.HasPrefix(text, "pat_"+made.ID+"_") || made.Hash != [32]byte{} || made.Expires.Sub(r.now) != 90*24*time.Hour {
		t.Fatalf("%q %+v %v", text, made, err)
	}
	p, err := r.Bearer(ctx, text)
	if err != nil || p.Role != Viewer || p.Client != "acme" || p.Via != "token" || p.Name != "token wall board" || p.CSRF != "" {
		t.Errorf("%+v %v", p, err)
	}
	if got := r.rows.tokens[made.ID]; !got.Used.Equal(r.now) || strings.Contains(fmt.Sprintf("%s%x", got.Hash, got.Hash), text[15:]) {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"", "pat_", "pat_" + made.ID + "_", text + "x", text[:len(text)-1] + "!", strings.ToUpper(text), "Bearer " + text, "pat_nobodyhere_" + text[15:]} {
		if _, err := r.Bearer(ctx, bad); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := r.RevokeToken(ctx, "ann", made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Bearer(ctx, text); !errors.Is(err, ErrRefused) {
		t.Errorf("a revoked token: %v", err)
	}
	if err := r.RevokeToken(ctx, "ann", "none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	text, _, err = r.CreateToken(ctx, "ann", TokenRequest{Name: "short", Role: Technician, Life: time.Hour})
	r.now = r.now.Add(time.Hour)
	if _, err2 := r.Bearer(ctx, text); err != nil || !errors.Is(err2, ErrRefused) {
		t.Errorf("an ended token: %v %v", err, err2)
	}
	for _, bad := range []TokenRequest{{Role: Admin}, {Name: "x", Role: "root"}, {Name: "x", Role: Viewer}, {Name: "x", Role: Admin, Life: MaxTokenLife + 1}, {Name: "x\n", Role: "x"}} {
		if _, _, err := r.CreateToken(ctx, "ann", bad); !errors.Is(err, ErrName) && !errors.Is(err, ErrRole) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestOpenUntilTheFirstUser(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	if open, err := r.Open(ctx); !open || err != nil {
		t.Error(open, err)
	}
	r.rows.err = errors.New("disk on fire")
	if open, err := r.Open(ctx); open || err == nil {
		t.Error("a store that fails opens the page")
	}
	r.rows.err = nil
	r.user(t, "ann", Admin, "")
	delete(r.rows.users, "ann")
	if open, _ := r.Open(ctx); open {
		t.Error("it opened again")
	}
	k, err := New(Options{Store: newRows(), Required: true, Cost: cheap})
	if err != nil {
		t.Fatal(err)
	}
	if open, _ := k.Open(ctx); open {
		t.Error("open although a log-in is required")
	}
}

func TestATroubledStoreLetsNobodyIn(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	r.user(t, "ann", Admin, "")
	cookie, _ := r.login(t, "ann")
	text, _, err := r.CreateToken(ctx, "ann", TokenRequest{Name: "x", Role: Admin})
	if err != nil {
		t.Fatal(err)
	}
	r.rows.err = errors.New("disk on fire")
	for range 20 {
		_, _, err1 := r.Login(ctx, "ann", secret, home)
		_, err2 := r.Session(ctx, cookie)
		_, err3 := r.Bearer(ctx, text)
		for _, err := range []error{err1, err2, err3} {
			if err == nil || errors.Is(err, ErrRefused) {
				t.Fatal(err)
			}
		}
	}
	r.rows.err = nil
	r.login(t, "ann") // our own trouble did not slow her down
}

// BenchmarkPassword is what one log-in costs at the default.
func BenchmarkPassword(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		hashPassword(secret, Cost{}.orDefault())
	}
}
