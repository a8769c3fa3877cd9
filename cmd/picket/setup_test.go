package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"picket/collector/config"
	"picket/collector/store"
)

// trial is one picket setup inside the test: no process, no network but loopback.
type trial struct {
	setup
	t    *testing.T
	dir  string
	args []string
	out  bytes.Buffer
}

func newTrial(t *testing.T, args ...string) *trial {
	t.Helper()
	dir := shortDir(t)
	r := &trial{t: t, dir: dir, setup: setup{
		given: map[string]bool{}, answer: map[string]string{}, hidden: map[string]string{},
		lookup: func(_ context.Context, host string) ([]string, error) {
			if strings.HasSuffix(host, ".example") {
				return []string{"192.0.2.7"}, nil
			}
			return nil, errors.New("no such host")
		},
	}}
	r.args = append([]string{"--data", filepath.Join(dir, "data"), "--config", filepath.Join(dir, "etc", "picket.yaml"),
		"--listen", freeUDP(t), "--public", "192.0.2.7:4443", "--http", freeTCP(t)}, args...)
	return r
}

// run returns the exit code and what people read.
func (r *trial) run(input string) (int, string) {
	r.t.Helper()
	cmd := r.command()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(r.args)
	cmd.SetIn(strings.NewReader(input))
	cmd.SetOut(&r.out)
	cmd.SetErr(&r.out)
	err := cmd.ExecuteContext(r.t.Context())
	if err == nil {
		return exitOK, r.out.String()
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		r.t.Fatalf("an error without an exit code: %v", err)
	}
	return f.code, r.out.String() + f.Error()
}

// untouched wants that nothing was written.
func (r *trial) untouched() {
	r.t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil || len(entries) > 0 {
		r.t.Errorf("something was written: %v %v", entries, err)
	}
}

func TestSetupTakesDefaultsAndFlags(t *testing.T) {
	r := newTrial(t, "--yes")
	code, out := r.run("")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	for _, want := range []string{"picket collector --data " + r.answer["data"], "picket-agent join pk1_", "home/office", "First user     admin", "shown this once"} {
		if !strings.Contains(out, want) {
			t.Errorf("does not say %q:\n%s", want, out)
		}
	}
	file, src, err := config.Load(r.answer["config"])
	if err != nil {
		t.Fatal(err)
	}
	if !file.Catalogue || file.SMTP != nil || file.Influx != nil || file.TLS != nil || len(file.Public) != 1 {
		t.Errorf("got %+v", file)
	}
	if strings.Contains(string(src), r.hidden["admin-password"]) {
		t.Error("the password stands in the configuration")
	}
	db, err := store.Open(t.Context(), filepath.Join(r.answer["data"], "picket.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	u, err := db.User(t.Context(), "admin")
	if err != nil || u.Role != "admin" || !strings.HasPrefix(u.Hash, "$argon2id$") {
		t.Errorf("user %+v, %v", u, err)
	}
	last, err := db.LastConfig(t.Context())
	if err != nil || last.Name != r.answer["config"] || !bytes.Equal(last.Source, src) {
		t.Errorf("applied last: %q, %v", last.Name, err)
	}
	if runtime.GOOS != "windows" {
		mode(t, r.answer["config"], 0o644)
		mode(t, filepath.Join(r.answer["data"], "ca", "root.key"), 0o600)
	}
}

func mode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != want {
		t.Errorf("%s: %v %v, want %o", path, info, err, want)
	}
}

func TestSetupWritesEverythingThatWasAnswered(t *testing.T) {
	smtp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer smtp.Close()
	_, smtpPort, _ := net.SplitHostPort(smtp.Addr().String())
	points := make(chan string, 1)
	influx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		points <- r.Header.Get("Authorization") + " " + r.URL.Query().Get("bucket")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer influx.Close()

	secrets := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(secrets, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	r := newTrial(t, "--yes", "--http", "0.0.0.0:0", "--tls", "own-ca", "--name", "picket.msp.example,192.0.2.7",
		"--admin", "ana", "--admin-password-file", file("pw", "correct horse battery"),
		"--smtp-host", "127.0.0.1", "--smtp-port", smtpPort, "--smtp-from", "Picket <picket@msp.example>", "--smtp-username", "picket",
		"--smtp-password-file", file("smtp", "mail-secret"), "--mail", "noc@msp.example, boss@msp.example",
		"--influx-url", influx.URL, "--influx-org", "msp", "--influx-token-file", file("influx", "influx-secret"),
		"--client", "Acme: \"Ltd\"", "--site", "madrid", "--region", "eu-west", "--network", "AS64500 #1 \"Fibre\"", "--network-prefix", "198.51.100.9/24")
	code, out := r.run("")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	if got := <-points; got != "Token influx-secret picket" {
		t.Errorf("InfluxDB was tried with %q", got)
	}
	f, src, err := config.Load(r.answer["config"])
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"correct horse", "mail-secret", "influx-secret"} {
		if strings.Contains(string(src)+out, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if errs := f.Unreadable(); len(errs) > 0 {
		t.Error(errs)
	}
	mode(t, f.SMTP.Password.File, 0o600)
	mode(t, f.Influx.Token.File, 0o600)
	if !f.TLS.OwnCA || strings.Join(f.Names, " ") != "picket.msp.example 192.0.2.7" || f.Influx.Org != "msp" ||
		len(f.Alerts) != 1 || strings.Join(f.Alerts[0].Mail, " ") != "noc@msp.example boss@msp.example" ||
		f.Networks[0].Prefix.String() != "198.51.100.0/24" || f.Networks[0].Name != `AS64500 #1 "Fibre"` {
		t.Errorf("got %+v", f)
	}
	if !strings.Contains(out, `Acme: "Ltd"/madrid`) || !strings.Contains(out, "https://picket.msp.example") || strings.Contains(out, "shown this once") {
		t.Errorf("said:\n%s", out)
	}
}

func TestSetupRefusesWhatCannotWork(t *testing.T) {
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	says := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	short := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(short, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		code int
		want string
		args []string
	}{
		{"the agents' port is taken", exitNetwork, "key listen", []string{"--listen", busy.LocalAddr().String()}},
		{"the page's port is taken", exitNetwork, "key http", []string{"--http", taken.Addr().String()}},
		{"a name that does not resolve", exitNetwork, "picket.nowhere does not resolve", []string{"--public", "picket.nowhere"}},
		{"InfluxDB refuses the token", exitAuth, "refuses the token", []string{"--influx-url", says(401)}},
		{"InfluxDB has no such bucket", exitAuth, "no bucket", []string{"--influx-url", says(404)}},
		{"InfluxDB is not there", exitNetwork, "cannot be reached", []string{"--influx-url", "http://" + freeTCP(t)}},
		{"a reserved name", exitUsage, "reserved", []string{"--admin", "Operator"}},
		{"a name with a space", exitUsage, "letters a to z", []string{"--admin", "ana garcia"}},
		{"a short password", exitUsage, "12 characters", []string{"--admin-password-file", short}},
		{"a page for others without a user", exitUsage, "needs a user", []string{"--http", "0.0.0.0:0", "--admin", "none"}},
		{"TLS on loopback", exitUsage, "--tls has nothing to do here", []string{"--tls", "acme"}},
		{"mail to nobody", exitUsage, "at least one address", []string{"--smtp-host", "127.0.0.1"}},
		{"a certificate that is none", exitUsage, "cannot use the certificate", []string{"--http", "0.0.0.0:0", "--tls", "files", "--tls-cert", short, "--tls-key", short}},
		{"a certificate that is not there", exitUsage, "no such file", []string{"--http", "0.0.0.0:0", "--tls", "files", "--tls-cert", short + "x", "--tls-key", short}},
		{"a port that is none", exitUsage, "--http \"127.0.0.1:99999\" is no answer", []string{"--http", "127.0.0.1:99999"}},
		{"a name that is none", exitUsage, "not a host", []string{"--http", "0.0.0.0:0", "--name", "picket@msp.example"}},
		{"a password in a URL", exitUsage, "ends up in logs", []string{"--influx-url", "http://ana:hunter2@127.0.0.1:1"}},
		{"a URL that is none", exitUsage, "write it in full", []string{"--influx-url", "influx.example"}},
		{"acme for an address", exitUsage, "--name", []string{"--http", "0.0.0.0:0", "--tls", "acme"}},
		{"a value that the file does not take", exitUsage, "--smtp-port \"99999\" is no answer", []string{"--smtp-host", "127.0.0.1", "--smtp-port", "99999", "--mail", "a@m.example"}},
		{"a site with a slash", exitUsage, "slash", []string{"--site", "a/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newTrial(t, append([]string{"--yes"}, c.args...)...)
			code, out := r.run("")
			if code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, c.code, c.want, out)
			}
			if strings.Contains(out, "hunter2") {
				t.Error("the password is shown")
			}
			r.untouched()
		})
	}
	t.Run("nobody to ask", func(t *testing.T) {
		r := newTrial(t)
		if code, out := r.run(""); code != exitUsage || !strings.Contains(out, "--yes") {
			t.Errorf("exit %d: %s", code, out)
		}
		r.untouched()
	})
	t.Run("dry run", func(t *testing.T) {
		r := newTrial(t, "--yes", "--dry-run")
		if code, out := r.run(""); code != exitOK || !strings.Contains(out, "include_catalogue: true") {
			t.Errorf("exit %d: %s", code, out)
		}
		r.untouched()
	})
}

func TestSetupAgainKeepsTheKeys(t *testing.T) {
	r := newTrial(t, "--yes")
	if code, out := r.run(""); code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	root := filepath.Join(r.answer["data"], "ca", "root.crt")
	before, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	again := newTrial(t)
	again.args = append(r.args, "--region", "eu-west")
	if code, out := again.run(""); code != exitUsage || !strings.Contains(out, "not empty") {
		t.Errorf("a second set-up: exit %d: %s", code, out)
	}
	forced := newTrial(t)
	forced.args = append(r.args, "--region", "eu-west", "--force")
	if code, out := forced.run(""); code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	if after, err := os.ReadFile(root); err != nil || !bytes.Equal(before, after) {
		t.Errorf("--force made another authority: every agent would be lost (%v)", err)
	}
	if _, err := os.Stat(r.answer["config"] + ".bak"); err != nil {
		t.Error(err)
	}
}

func TestSetupAsks(t *testing.T) {
	r := newTrial(t)
	r.args = []string{"--data", filepath.Join(r.dir, "data"), "--listen", freeUDP(t)}
	r.setup.ask = true
	passwords := []string{"short", "correct horse battery", "correct horse batery", "correct horse battery", "correct horse battery"}
	r.setup.secret = func() (string, error) { p := passwords[0]; passwords = passwords[1:]; return p, nil }
	// public; page (a mistake, then right); user (two mistakes, then right); no mail; no InfluxDB; client, site, region, network, prefix (wrong, right); yes
	code, out := r.run("picket.msp.example\nnonsense\n" + freeTCP(t) + "\noperator\nana garcia\nAna\nnone\n\nacme\nmadrid\neu\nAS64500\nx\n198.51.100.0/24\n\n")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	for _, want := range []string{"write host:port", "fewer than 12", "the two are not the same", "write address/bits", "192.0.2.7, which is no address of this machine", "acme/madrid",
		"it is reserved", "letters a to z", "the first user is called ana", "First user     ana"} {
		if !strings.Contains(out, want) {
			t.Errorf("does not say %q:\n%s", want, out)
		}
	}
	f, _, err := config.Load(filepath.Join(r.dir, "data", "picket.yaml"))
	if err != nil || len(f.Networks) != 1 || len(f.Public) != 1 || !strings.HasPrefix(f.Public[0], "picket.msp.example:") {
		t.Errorf("%+v, %v", f, err)
	}
	no := newTrial(t)
	no.args, no.setup.ask = no.args[:2], true
	no.setup.secret = func() (string, error) { return "", nil }
	if code, out := no.run("127.0.0.1\n" + freeTCP(t) + "\n\n\n\n\n\n\n\nn\n"); code != exitInterrupted {
		t.Errorf("a no at the end: exit %d: %s", code, out)
	}
	no.untouched()
}
