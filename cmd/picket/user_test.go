package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/web"
)

func TestPasswordsAreReadFromFilesAndInput(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want, wrong string }{
		"a line":       {"correct horse battery\n", "correct horse battery", ""},
		"no end":       {"correct horse battery", "correct horse battery", ""},
		"windows":      {"correct horse battery\r\nmore\r\n", "correct horse battery", ""},
		"spaces stay":  {" correct horse battery \n", " correct horse battery ", ""},
		"short":        {"short\n", "", "fewer than 12"},
		"empty":        {"", "", "fewer than 12"},
		"longest":      {strings.Repeat("ab", 128) + "\n", strings.Repeat("ab", 128), ""},
		"too long":     {strings.Repeat("ab", 5000) + "\n", "", "more than 256"},
		"no text":      {"\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc", "", "UTF-8"},
		"all the same": {"aaaaaaaaaaaaaaaa", "", "one character"},
	} {
		path := filepath.Join(dir, "password")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := createUserCommand()
		cmd.SetIn(strings.NewReader(c.text))
		for _, file := range []string{path, "-"} {
			got, err := readPassword(cmd, file)
			if got != c.want || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s from %s: %q %v", name, file, got, err)
			}
			if err != nil && len(c.text) > 6 && strings.Contains(err.Error(), strings.TrimSpace(c.text)) {
				t.Errorf("%s: the error tells the password", name)
			}
		}
	}
	cmd := createUserCommand()
	if _, err := readPassword(cmd, filepath.Join(dir, "none")); !errors.As(err, new(*failure)) {
		t.Error(err)
	}
	if cmd.Flags().Lookup("password") != nil {
		t.Error("a password in the arguments can be read by others")
	}
}

func TestUsersAreListed(t *testing.T) {
	var out bytes.Buffer
	at := time.Date(2026, 2, 2, 12, 0, 0, 0, time.Local)
	all := []web.User{{Name: "ann", Role: "admin", LastLogin: at}, {Name: "vic", Role: "viewer", Client: "acme", Disabled: at}}
	if err := printUsers(&out, all); err != nil {
		t.Fatal(err)
	}
	want := "USER  ROLE    CLIENT  STATE     LAST LOG-IN\nann   admin   -       active    2026-02-02 12:00\nvic   viewer  acme    disabled  never\n"
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
	out.Reset()
	if err := printUsers(&out, nil); err != nil || !strings.Contains(out.String(), "picket user create NAME --role admin") {
		t.Errorf("%s %v", &out, err)
	}
}

func TestAClientThatIsNotKnownIsNamed(t *testing.T) {
	known := []string{"acme", "borealis", "cobalt mining", "ÖBB"}
	for _, c := range []struct{ typed, says string }{
		{"acme", ""}, {"cobalt mining", ""},
		{"Acme", `Did you mean "acme"?`}, {"amce", `Did you mean "acme"?`}, {"acm", `Did you mean "acme"?`}, {"acmee", `Did you mean "acme"?`},
		{"boraelis", `Did you mean "borealis"?`}, {"cobaltmining", `Did you mean "cobalt mining"?`}, {"öbb", `Did you mean "ÖBB"?`},
		{"dune", "There are: acme, borealis, cobalt mining, ÖBB"}, {"a", "There are: acme"},
	} {
		got := unknownClient(c.typed, known)
		if c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%q: %q, want %q", c.typed, got, c.says)
		}
	}
	if got := unknownClient("acme", nil); !strings.Contains(got, "no agent has joined") || strings.Contains(got, "There") {
		t.Errorf("before the first agent: %q", got)
	}
	if got := unknownClient("z", strings.Split("aa ab ac ad ae af ag ah ai", " ")); !strings.Contains(got, "There are 9 clients: picket agent list") {
		t.Errorf("of many: %q", got)
	}
}

func TestAnAPITokenMayLiveAYear(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{"365d": 365 * day, "8760h": 365 * day, "90d": 90 * day, "30m": 30 * time.Minute,
		"366d": 0, "8761h": 0, "0d": 0, "-1h": 0, "1y": 0, "": 0, "99999999999999999999d": 0} {
		got, err := parseLife("--ttl", text, access.MaxTokenLife)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v %v", text, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "at most 365d") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestUsersOfARunningCollector makes users by the command, as a technician would
// type them.
func TestUsersOfARunningCollector(t *testing.T) {
	o := newOffice(t)
	if out, code := o.join(o.token(), "a"); code != 0 {
		t.Fatalf("join: %s", out)
	}
	password := filepath.Join(o.dir, "password")
	if err := os.WriteFile(password, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"user create Vic --role viewer --client acme", exitOK, []string{"User vic may log in"}},
		{"user delete vic", exitUsage, []string{"only user", "make another admin"}},
		{"user create front-desk --role viewer --client amce", exitOK, []string{"User front-desk may log in", `Did you mean "acme"?`, "picket user delete front-desk"}},
		{"user create wall --role viewer --client ac/me", exitUsage, []string{"no slash"}},
		{"user create Operator --role admin", exitUsage, []string{"reserved"}},
		{"apitoken create board --role viewer --client Acme --ttl 365d", exitOK, []string{"pat_", `Did you mean "acme"?`, "picket apitoken revoke"}},
		{"apitoken create board --role viewer --client acme --ttl 366d", exitUsage, []string{"at most 365d"}},
	} {
		args := append(strings.Fields(c.args), "--data", o.data)
		if strings.HasPrefix(c.args, "user create") {
			args = append(args, "--password-file", password)
		}
		out, code := run1(t, exec.Command(binary(t, "picket"), args...))
		if code != c.code {
			t.Errorf("%s: exit %d: %s", c.args, code, out)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: does not say %q: %s", c.args, want, out)
			}
		}
		if strings.Contains(c.args, "--client acme") && strings.Contains(out, "warning") {
			t.Errorf("%s: warned without a reason: %s", c.args, out)
		}
	}
}
