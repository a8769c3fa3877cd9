package access

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestUsersAndTheLastAdmin(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	r.user(t, "ann", Admin, "")
	r.user(t, "vic", Viewer, "acme")
	for _, c := range []struct {
		name, client string
		role         Role
		want         error
	}{
		{"ann", "", Admin, ErrExists}, {"ANN", "", Admin, ErrExists}, {"", "", Admin, ErrName}, {"a b", "", Admin, ErrName}, {"operator", "", Admin, ErrName},
		{"../x", "", Admin, ErrName}, {strings.Repeat("x", 65), "", Admin, ErrName}, {"bob", "", "root", ErrRole}, {"bob", "", Viewer, ErrRole}, {"bob", "acme", Admin, ErrRole},
	} {
		if err := r.CreateUser(ctx, "operator", c.name, c.role, c.client, secret); !errors.Is(err, c.want) {
			t.Errorf("%q %s %q: %v", c.name, c.role, c.client, err)
		}
	}
	if err := errors.Join(r.Disable(ctx, "ann", "ann", true)); !errors.Is(err, ErrLastAdmin) {
		t.Error(err)
	}
	if err := r.DeleteUser(ctx, "ann", "ann"); !errors.Is(err, ErrLastAdmin) {
		t.Error(err)
	}
	r.user(t, "bob", Admin, "")
	if err := r.Disable(ctx, "ann", "bob", true); err != nil {
		t.Error(err)
	}
	if err := r.DeleteUser(ctx, "ann", "ann"); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("a disabled admin is not one who is left: %v", err)
	}
	if _, _, err := r.Login(ctx, "bob", secret, home); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if err := errors.Join(r.Disable(ctx, "ann", "bob", false), r.DeleteUser(ctx, "bob", "ann")); err != nil {
		t.Error(err)
	}
	if err := r.SetPassword(ctx, "bob", "ann", secret+"!"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	all, err := r.Users(ctx)
	if err != nil || len(all) != 2 || all[0].Name != "bob" || all[0].Hash != "" || all[1].Client != "acme" {
		t.Errorf("%+v %v", all, err)
	}
	want := []string{"user.create", "user.create", "user.create", "user.disable", "login.refused", "user.enable", "user.delete"}
	if got := r.rows.actions(); !slices.Equal(got, want) {
		t.Errorf("trail: %q", got)
	}
}

// TestTheLastUserStays whatever its role: without users the page would be open
// to everybody on the machine after a restart.
func TestTheLastUserStays(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	r.user(t, "vic", Viewer, "acme")
	if err := r.DeleteUser(ctx, "operator", "vic"); !errors.Is(err, ErrLastAdmin) || !strings.Contains(err.Error(), "only user") {
		t.Errorf("the last user: %v", err)
	}
	if open, err := r.Open(ctx); open || err != nil {
		t.Error(open, err)
	}
	r.login(t, "vic")
	r.user(t, "ann", Admin, "")
	if err := r.DeleteUser(ctx, "operator", "vic"); err != nil {
		t.Errorf("one of two: %v", err)
	}
}

func TestUserNamesAreFolded(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"ana", "ana"}, {"Ana", "ana"}, {" ANA.Garcia@msp.example\n", "ana.garcia@msp.example"},
		{"ana garcia", ""}, {"", ""}, {"operator", ""}, {"Operator", ""}, {"local", ""}, {"Collector", ""}, {"josé", ""}, {"..", ""}, {strings.Repeat("x", maxName+1), ""},
	} {
		got, err := UserName(c.typed)
		if (err == nil) != (c.want != "") || err == nil && got != c.want || err != nil && !errors.Is(err, ErrName) {
			t.Errorf("%q: %q %v", c.typed, got, err)
		}
	}
}

func TestViewersOfNobodyAreRefused(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	for _, bad := range []string{" ", "a/b", "a\x00b", "a\x7fb", "a\xffb", strings.Repeat("x", maxClient+1)} {
		if err := r.CreateUser(ctx, "operator", "vic", Viewer, bad, secret); !errors.Is(err, ErrRole) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, _, err := r.CreateToken(ctx, "operator", TokenRequest{Name: "x", Role: Viewer, Client: bad}); !errors.Is(err, ErrRole) {
			t.Errorf("token of %q: %v", bad, err)
		}
	}
	r.user(t, "vic", Viewer, " Acme Ltd ")
	if _, p := r.login(t, "vic"); p.Client != "Acme Ltd" || !p.Sees("Acme Ltd") {
		t.Errorf("%+v", p)
	}
}
