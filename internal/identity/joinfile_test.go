package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAJoinBundleTravelsAsOneFile(t *testing.T) {
	dir := t.TempDir()
	a, err := OpenAuthority(filepath.Join(dir, "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenAuthority(filepath.Join(dir, "other"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "acme.pkbundle")
	want := JoinFile{Token: Token{Addrs: []string{"collector.example:4443"}, Pin: a.Pin(), ID: "tok", Secret: []byte("sixteen bytes ..")},
		Root: a.Root(), Client: "acme", Site: "acme/madrid", Expires: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	if err := WriteJoinFile(path, want); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || bits && info.Mode().Perm() != 0o600 {
		t.Errorf("its mode: %v, %v", info.Mode(), err)
	}
	got, err := ReadJoinFile(path)
	if err != nil || got.Token.String() != want.Token.String() || got.Site != want.Site || !got.Expires.Equal(want.Expires) || string(got.Root) != string(want.Root) {
		t.Errorf("read %+v, %v", got, err)
	}
	if err := WriteJoinFile(path, want); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	wrong := want
	wrong.Root = other.Root()
	if err := WriteJoinFile(filepath.Join(dir, "wrong"), wrong); err == nil {
		t.Error("a root that the token does not name was written")
	}
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := want.Token.String()
	for what, c := range map[string]struct {
		src string
		is  error
	}{
		"cut":             {string(src[:len(src)/2]), ErrJoinFile},
		"a token alone":   {text, ErrJoinFile},
		"another format":  {strings.Replace(string(src), "/v1", "/v9", 1), ErrJoinFile},
		"a changed token": {strings.Replace(string(src), text, text[:len(text)-3]+"AAA", 1), ErrTokenCut},
		"another root":    {strings.Replace(string(src), jsonPEM(want.Root), jsonPEM(other.Root()), 1), ErrJoinFile},
	} {
		if c.src == string(src) {
			t.Fatalf("%s: nothing was changed", what)
		}
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, []byte(c.src), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadJoinFile(bad)
		if !errors.Is(err, c.is) || strings.Contains(err.Error(), text[10:30]) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !bits {
		return
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadJoinFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a bundle that everybody can read: %v", err)
	}
}

func jsonPEM(pem []byte) string { return strings.ReplaceAll(string(pem), "\n", `\n`) }
