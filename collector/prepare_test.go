package collector

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"picket/collector/access"
	"picket/collector/config"
	"picket/collector/store"
)

// TestTheFirstUserCanLogIn under the name that was typed, however it was typed,
// and still can after the folder was prepared again.
func TestTheFirstUserCanLogIn(t *testing.T) {
	const password = "correct horse battery"
	for _, typed := range []string{"ana", "Ana", " ANA "} {
		dir := filepath.Join(t.TempDir(), "data")
		o := PrepareOptions{Dir: dir, File: config.Defaults(), Admin: typed, Password: password}
		if _, err := Prepare(t.Context(), o); err != nil {
			t.Fatalf("%q: %v", typed, err)
		}
		for _, name := range []string{"aNa", "bob"} { // users stay as they are, and nobody is added
			o.Admin, o.Password, o.Again = name, "another long password", true
			if done, err := Prepare(t.Context(), o); err != nil || done.Users != 1 {
				t.Fatalf("%q again: %+v, %v", typed, done, err)
			}
		}
		db, err := store.Open(t.Context(), filepath.Join(dir, databaseName), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		k, err := newKeeper(db, o.File, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := k.Login(t.Context(), typed, password, netip.MustParseAddr("192.0.2.7"))
		if err != nil || p.Name != "ana" || p.Role != access.Admin {
			t.Errorf("%q: logged in as %+v, %v", typed, p, err)
		}
		if all, err := k.Users(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%q: %+v, %v", typed, all, err)
		}
		if err := k.SetPassword(t.Context(), "operator", typed, "a third long password"); err != nil {
			t.Errorf("%q: picket user password: %v", typed, err)
		}
	}
}

func TestAFirstUserWhoCouldNotLogInIsRefused(t *testing.T) {
	for _, bad := range []string{"operator", "Local", "ana garcia", "josé", " "} {
		dir := filepath.Join(t.TempDir(), "data")
		_, err := Prepare(t.Context(), PrepareOptions{Dir: dir, File: config.Defaults(), Admin: bad, Password: "correct horse battery"})
		if !errors.Is(err, access.ErrName) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := os.Lstat(dir); err == nil {
			t.Errorf("%q: the folder was made", bad)
		}
	}
}

func TestAnotherFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), PrepareOptions{Dir: dir, File: config.Defaults(), Again: true}); !errors.Is(err, ErrNotOurs) {
		t.Errorf("prepared among somebody's papers: %v", err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("now there is %v, %v", all, err)
	}
}
