package collector

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/config"
	"picket/collector/store"
)

// TestAccountsInTheDatabase walks a user's life on the real store.
func TestAccountsInTheDatabase(t *testing.T) {
	ctx := t.Context()
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "picket.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	k, err := newKeeper(s, &config.File{HTTP: "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if open, err := k.Open(ctx); !open || err != nil {
		t.Fatal(open, err)
	}
	const password = "correct horse battery"
	if err := errors.Join(k.CreateUser(ctx, "operator", "ann", access.Admin, "", password), k.CreateUser(ctx, "operator", "vic", access.Viewer, "acme", password)); err != nil {
		t.Fatal(err)
	}
	if err := k.CreateUser(ctx, "operator", "ann", access.Admin, "", password); !errors.Is(err, access.ErrExists) {
		t.Error(err)
	}
	from := netip.MustParseAddr("192.0.2.7")
	cookie, p, err := k.Login(ctx, "vic", password, from)
	if err != nil || p.Client != "acme" {
		t.Fatal(p, err)
	}
	if got, err := k.Session(ctx, cookie); err != nil || got != p {
		t.Errorf("%+v %v", got, err)
	}
	if u, err := s.User(ctx, "vic"); err != nil || time.Since(u.LastLogin) > time.Minute {
		t.Errorf("%+v %v", u, err)
	}
	if _, _, err := k.Login(ctx, "nobody", password, from); !errors.Is(err, access.ErrRefused) {
		t.Error(err)
	}
	if err := k.Disable(ctx, "ann", "vic", true); err != nil {
		t.Error(err)
	}
	if _, err := k.Session(ctx, cookie); !errors.Is(err, access.ErrRefused) {
		t.Errorf("a disabled user: %v", err)
	}
	if _, _, err := k.Login(ctx, "vic", password, from); !errors.Is(err, access.ErrRefused) {
		t.Error(err)
	}
	text, made, err := k.CreateToken(ctx, "ann", access.TokenRequest{Name: "board", Role: access.Technician})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := k.Bearer(ctx, text); err != nil || p.Role != access.Technician {
		t.Errorf("%+v %v", p, err)
	}
	if err := k.RevokeToken(ctx, "ann", made.ID); err != nil {
		t.Error(err)
	}
	if _, err := k.Bearer(ctx, text); !errors.Is(err, access.ErrRefused) {
		t.Errorf("a revoked token: %v", err)
	}
	for _, err := range []error{k.DeleteUser(ctx, "ann", "none"), k.RevokeToken(ctx, "ann", "none"), k.SetPassword(ctx, "ann", "none", password)} {
		if !errors.Is(err, access.ErrNotFound) {
			t.Error(err)
		}
	}
	if err := k.DeleteUser(ctx, "ann", "vic"); err != nil {
		t.Error(err)
	}
	trail, err := k.AuditLog(ctx, 3)
	if err != nil || fmt.Sprint(trail[0].Actor, " ", trail[0].Action, " ", trail[0].Subject) != "ann user.delete vic" {
		t.Errorf("%+v %v", trail, err)
	}
}

func TestWhenALogInIsNeeded(t *testing.T) {
	for _, c := range []struct {
		file config.File
		open bool
	}{
		{config.File{HTTP: "127.0.0.1:8443"}, true}, {config.File{HTTP: "[::1]:8443"}, true}, {config.File{HTTP: "0.0.0.0:8443"}, false}, {config.File{HTTP: ":8443"}, false},
		{config.File{HTTP: "127.0.0.1:8443", Login: true}, false}, {config.File{HTTP: "127.0.0.1:8443", BehindProxy: true}, false}, {config.File{HTTP: "picket.example:8443"}, false},
	} {
		s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "picket.db"), nil)
		if err != nil {
			t.Fatal(err)
		}
		k, err := newKeeper(s, &c.file, nil)
		if err != nil {
			t.Fatal(err)
		}
		if open, err := k.Open(t.Context()); open != c.open || err != nil {
			t.Errorf("%+v: %v %v", c.file.HTTP, open, err)
		}
		s.Close()
	}
}
