package proxy

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestAnAddressIsReadInManyWays(t *testing.T) {
	for text, want := range map[string]string{
		"proxy.corp:3128":             "http://proxy.corp:3128",
		"http://proxy.corp:3128/":     "http://proxy.corp:3128",
		"http://10.0.0.5":             "http://10.0.0.5:80",
		" http://u@[2001:db8::1]:88 ": "http://u@[2001:db8::1]:88",
		"http://u:p%40ss@h:1":         "http://u:p%40ss@h:1",
		"none":                        "",
		"NONE":                        "",
		"":                            "",
	} {
		u, err := Parse(text)
		got := ""
		if u != nil {
			got = u.String()
		}
		if got != want || err != nil {
			t.Errorf("%q is read as %q: %v", text, got, err)
		}
	}
}

func TestAWrongAddressIsRefusedWithoutBeingRepeated(t *testing.T) {
	for _, text := range []string{"https://u:s3cret@h:1", "socks5://h:1", "http://", "http://u:s3cret@h:0", "http://u:s3cret@h:70000", "http://h:1/path?s3cret", "http://u:s3%cret@h:1", "http://u:s3cret@h:x"} {
		if u, err := Parse(text); !errors.Is(err, ErrProxy) || strings.Contains(err.Error(), "cret") {
			t.Errorf("%q is read as %v: %v", text, u, err)
		}
	}
}

// settings are settings in an environment of the test's own.
func settingsIn(env map[string]string, explicit, password string) Settings {
	return Settings{Explicit: explicit, password: password, env: func(name string) string { return env[name] }}
}

func TestWhatGoesPastTheProxy(t *testing.T) {
	for _, c := range []struct {
		list, to string
		want     bool
	}{
		{"", "c.example:4443", false},
		{"", "localhost:4443", true},
		{"", "127.0.0.9:4443", true},
		{"", "[::1]:4443", true},
		{"*", "c.example:4443", true},
		{"other.example, C.Example ,", "c.example:4443", true},
		{"c.example", "a.c.example:4443", true},
		{"c.example", "abc.example:4443", false},
		{".c.example", "a.c.example:4443", true},
		{".c.example", "c.example:4443", false},
		{"*.c.example", "a.c.example:4443", true},
		{"*.c.example", "c.example:4443", false},
		{"c.example:4443", "c.example:4443", true},
		{"c.example:443", "c.example:4443", false},
		{"10.0.0.0/8", "10.1.2.3:4443", true},
		{"10.0.0.0/8", "11.1.2.3:4443", false},
		{"10.0.0.0/8", "c.example:4443", false},
		{"192.0.2.7", "192.0.2.7:4443", true},
		{"192.0.2.7:80", "192.0.2.7:4443", false},
		{"[2001:db8::7]:4443", "[2001:db8::7]:4443", true},
		{"2001:db8::7", "[2001:db8:0::7]:4443", true},
		{"2001:db8::/32", "[2001:db8::8]:4443", true},
		{":4443,.,*.,", "c.example:4443", false},
	} {
		if got := excepted(c.list, c.to); got != c.want {
			t.Errorf("NO_PROXY=%q, %s: %v", c.list, c.to, got)
		}
	}
}

func TestWhoIsAskedFirst(t *testing.T) {
	all := map[string]string{"PICKET_PROXY": "picket:1", "HTTPS_PROXY": "https:2", "NO_PROXY": "direct.example,10.0.0.0/8"}
	web := map[string]string{"https_proxy": "http://https:2", "no_proxy": "direct.example,10.0.0.0/8"}
	for _, c := range []struct {
		name     string
		s        Settings
		to       string
		url, who string
	}{
		{"the flag", settingsIn(all, "flag:3", ""), "c.example:4443", "http://flag:3", "--proxy"},
		{"the flag is for all", settingsIn(all, "flag:3", ""), "direct.example:4443", "http://flag:3", "--proxy"},
		{"the flag says none", settingsIn(all, "none", ""), "c.example:4443", "", "--proxy"},
		{"our variable", settingsIn(all, "", ""), "c.example:4443", "http://picket:1", "PICKET_PROXY"},
		{"everybody's variable", settingsIn(web, "", ""), "c.example:4443", "http://https:2", "HTTPS_PROXY"},
		{"an exception by name", settingsIn(web, "", ""), "direct.example:4443", "", ""},
		{"an exception by prefix", settingsIn(web, "", ""), "10.1.2.3:4443", "", ""},
		{"nobody", settingsIn(nil, "", ""), "c.example:4443", "", ""},
		{"the stored password", settingsIn(nil, "http://ana@flag:3", "s3cret"), "c.example:4443", "http://ana:s3cret@flag:3", "--proxy"},
		{"a password of its own", settingsIn(nil, "http://ana:own@flag:3", "s3cret"), "c.example:4443", "http://ana:own@flag:3", "--proxy"},
		{"no user, no password", settingsIn(nil, "flag:3", "s3cret"), "c.example:4443", "http://flag:3", "--proxy"},
	} {
		got, err := c.s.Choose(c.to)
		url := ""
		if got.URL != nil {
			url = got.URL.String()
		}
		if err != nil || url != c.url || (got.From != c.who && runtime.GOOS != "windows") {
			t.Errorf("%s: %q by %s: %v", c.name, url, got.From, err)
		}
	}
	for _, env := range []map[string]string{{"PICKET_PROXY": "socks5://u:s3cret@h"}, {"HTTPS_PROXY": "socks5://u:s3cret@h"}} {
		if _, err := settingsIn(env, "", "").For("c.example:1"); !errors.Is(err, ErrProxy) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v: %v", env, err)
		}
	}
}

func TestWhatWasStoredComesBackWithThePasswordApart(t *testing.T) {
	dir := t.TempDir()
	steps := []struct{ store, want string }{
		{"http://ana:s3cr%40t@proxy:3128", "http://ana:s3cr%40t@proxy:3128"},
		{"", "http://ana:s3cr%40t@proxy:3128"},
		{"http://ana@other:1", "http://ana:s3cr%40t@other:1"}, // the password stays
		{"third:1", "http://third:1"},
		{"http://ana@other:1", "http://ana@other:1"}, // and is gone
		{"none", ""},
	}
	for _, step := range steps {
		if err := Store(dir, step.store); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		u, err := s.For("c.example:4443")
		got := ""
		if u != nil {
			got = u.String()
		}
		if err != nil || got != step.want {
			t.Errorf("after %q: %q, %v", step.store, got, err)
		}
		name, err := os.ReadFile(filepath.Join(dir, nameFile))
		if err != nil || strings.Contains(string(name), "s3cr") {
			t.Errorf("the file with the address: %q, %v", name, err)
		}
		for _, file := range []string{nameFile, secretFile} {
			if info, err := os.Stat(filepath.Join(dir, file)); err == nil && runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", file, info.Mode())
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".proxy-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if err := Store(dir, "socks5://h:1"); !errors.Is(err, ErrProxy) {
		t.Errorf("a wrong address was stored: %v", err)
	}
	if s, err := Open(dir, "flag:9"); err != nil || s.Explicit != "flag:9" {
		t.Errorf("the flag does not win: %+v, %v", s, err)
	}
}

func TestASecretThatOthersMayReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, secretFile)
	if err := os.WriteFile(path, []byte("s3cret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "http://ana@proxy:1"); err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("opened: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "http://ana@proxy:1"); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("http://u:p@h:1", "*.x;<local>")
	f.Add("https=h:1;http=g:2", "[")
	f.Fuzz(func(t *testing.T, text, bypass string) {
		u, err := Parse(text)
		if err != nil && (u != nil || !errors.Is(err, ErrProxy)) {
			t.Fatalf("%q: %v, %v", text, u, err)
		}
		if u != nil {
			if again, err := Parse(u.String()); err != nil || again.String() != u.String() {
				t.Fatalf("%q becomes %q becomes %v: %v", text, u, again, err)
			}
		}
		if _, err := (machine{text, bypass}).proxy("c.example:4443"); err != nil && !errors.Is(err, ErrProxy) {
			t.Fatal(err)
		}
	})
}

func TestWindowsSettingsAreUnderstood(t *testing.T) {
	for _, c := range []struct{ proxies, bypass, to, want string }{
		{"proxy:8080", "", "c.example:4443", "http://proxy:8080"},
		{"http=web:80;https=secure:81;ftp=f:21", "", "c.example:4443", "http://secure:81"},
		{"http=web:80", "", "c.example:4443", ""}, // for plain HTTP alone
		{"https=http://secure:81", "", "c.example:4443", "http://secure:81"},
		{"proxy:8080", "*.corp.example;<local>", "c.corp.example:4443", ""},
		{"proxy:8080", "*.corp.example;<local>", "C.CORP.example:4443", ""},
		{"proxy:8080", "*.corp.example;<local>", "collector:4443", ""},
		{"proxy:8080", "*.corp.example;<local>", "corp.example.org:4443", "http://proxy:8080"},
		{"proxy:8080", "10.*; https://c.example:4443", "10.1.2.3:4443", ""},
		{"proxy:8080", "10.*; https://c.example:4443", "c.example:4443", ""},
		{"proxy:8080", "<local>", "[2001:db8::1]:4443", "http://proxy:8080"},
		{"proxy:8080", "[", "c.example:4443", "http://proxy:8080"},
		{"", "", "c.example:4443", ""},
	} {
		u, err := machine{c.proxies, c.bypass}.proxy(c.to)
		got := ""
		if u != nil {
			got = u.String()
		}
		if err != nil || got != c.want {
			t.Errorf("%q but %q to %s: %q, %v", c.proxies, c.bypass, c.to, got, err)
		}
	}
}

// TestAPasswordIsNotReadThroughALink: root runs join and doctor in a directory of
// the service's user, who could name a file of root's there, and a proxy of its own
// to send it to.
func TestAPasswordIsNotReadThroughALink(t *testing.T) {
	for _, name := range []string{nameFile, secretFile} {
		dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "id_ed25519")
		if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Store(dir, "http://u:s3cret@127.0.0.1:3128"); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
		if s, err := Open(dir, ""); err == nil || s.password == "precious" || s.Explicit == "precious" || strings.Contains(err.Error(), "precious") {
			t.Errorf("%s was read through a link: %v", name, err)
		}
	}
}
