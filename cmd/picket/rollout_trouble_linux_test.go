package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/internal/identity"
)

// trouble is what is in the way of a machine's join, and what is to come of it.
type trouble struct {
	name string
	way  string // how it delivers; "" if it does not
	code string // the one code that the script tells; "" none
	exit int    // of the script
	// Of one whose running agent tells: its code, and the monitor script's exit.
	later   string
	monitor int
	lay     func(r *rollout, m *machine)
}

var troubles = []trouble{
	{name: "none", way: "quic", lay: (*rollout).noTrouble},
	{name: "UDP dropped", way: "tcp", code: "E104", lay: func(r *rollout, m *machine) { r.noTrouble(m); r.block(m.n, "meta l4proto udp drop") }},
	{name: "UDP and TCP to the port dropped", code: "E105", exit: 5, lay: func(r *rollout, m *machine) {
		r.noTrouble(m)
		r.block(m.n, "udp dport 4443 drop", "tcp dport 4443 drop")
	}},
	{name: "DNS refused", code: "E103", exit: 5, lay: (*rollout).dnsRefused},
	{name: "a proxy that nobody names", code: "E105", exit: 5, lay: func(r *rollout, m *machine) { r.noTrouble(m); r.proxy(r.t, m.n, "") }},
	{name: "a proxy", way: "tcp by proxy", code: "E104", lay: func(r *rollout, m *machine) { r.by(m, "", r.proxy(r.t, m.n, "")) }},
	{name: "a proxy with a password", way: "tcp by proxy", code: "E104", lay: func(r *rollout, m *machine) {
		r.by(m, "acme:"+proxySecret+"@", r.proxy(r.t, m.n, "BasicAuth acme "+proxySecret))
	}},
	{name: "a proxy whose password nobody names", code: "E108", exit: 5, lay: func(r *rollout, m *machine) {
		r.by(m, "", r.proxy(r.t, m.n, "BasicAuth acme "+proxySecret))
	}},
	{name: "squid", way: "tcp by proxy", code: "E104", lay: func(r *rollout, m *machine) { r.by(m, "", r.squid(r.t, m.n, false)) }},
	{name: "squid with a password", way: "tcp by proxy", code: "E104", lay: func(r *rollout, m *machine) {
		r.by(m, "acme:"+proxySecret+"@", r.squid(r.t, m.n, true))
	}},
	{name: "a box that inspects TLS", code: "E106", exit: 5, lay: (*rollout).inspects},
	{name: "a clock that is 11 minutes off", code: "E107", exit: 6, lay: func(r *rollout, m *machine) { m.token = r.elsewhere(lateServer) }},
	{name: "a token that was cut off", code: "E101", exit: 2, lay: func(r *rollout, m *machine) { r.noTrouble(m); m.token = m.token[:len(m.token)-7] }},
	{name: "a token that has expired", code: "E102", exit: 4, lay: func(r *rollout, m *machine) { m.token = r.token(r.t, m.n, "--expires", "1s") }},
	{name: "a token that is used up", code: "E102", exit: 4, lay: func(r *rollout, m *machine) { m.token = r.used }},
	{name: "a copy of another machine", later: "E111", monitor: 1004 & 0xff, lay: (*rollout).copied},
	{name: "a protocol that is too old", code: "E113", exit: 8, lay: func(r *rollout, m *machine) { m.token = r.elsewhere(newerServer) }},
}

// Servers in the core beside the collector.
const (
	lateServer  = "198.18.0.11:4444"
	newerServer = "198.18.0.12:4444"
	deafDNS     = "198.18.0.53"
)

func (r *rollout) noTrouble(m *machine) { m.token = r.token(r.t, m.n) }

func (r *rollout) by(m *machine, user, addr string) {
	r.noTrouble(m)
	m.settings = append(m.settings, "PICKET_PROXY=http://"+user+addr)
}

// dnsRefused gives a machine a token with a name that its DNS server does not tell.
func (r *rollout) dnsRefused(m *machine) {
	token, err := identity.ParseToken(r.token(r.t, m.n))
	if err != nil {
		r.t.Fatal(err)
	}
	token.Addrs = []string{"picket.example:4443"}
	m.token = token.String()
	r.keep(m.token)
	r.write(m, "resolv.conf", "nameserver "+deafDNS+"\n")
}

func (r *rollout) inspects(m *machine) {
	r.noTrouble(m)
	r.inspect(m.n)
}

// elsewhere is a token for one of the other servers.
func (r *rollout) elsewhere(addr string) string {
	token := identity.Token{Addrs: []string{addr}, Pin: r.pin, ID: "tok", Secret: []byte("sixteen letters!")}.String()
	r.keep(token)
	return token
}

// copied makes a machine of the image that was taken of the first one.
func (r *rollout) copied(m *machine) {
	m.token = r.token(r.t, m.n)
	for _, name := range []string{"state", "machine-id"} {
		if out, code := run1(r.t, exec.Command("cp", "-a", "-T", filepath.Join(r.image, name), filepath.Join(m.root, name))); code != 0 {
			r.t.Fatal(out)
		}
	}
}

// machine is one of those that the script is run on.
type machine struct {
	trouble
	n        int
	root     string // see testdata/machine.sh
	token    string
	settings []string // of the script and of the service
	agent    *process
	begun    time.Time
	before   map[string]string // its files before the second run
	syncs    uint64            // and how often its agent had stored results
}

func (m *machine) String() string { return fmt.Sprintf("machine %d (%s)", m.n, m.name) }

// machine makes the root of a machine and lays its trouble.
func (r *rollout) machine(n int, of trouble) *machine {
	t := r.t
	t.Helper()
	m := &machine{trouble: of, n: n, root: filepath.Join(r.dir, fmt.Sprintf("m%d", n))}
	r.site(n).state = filepath.Join(m.root, "state")
	for _, dir := range []string{"state", "lib/picket-agent", "tmp"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r.write(m, "name", fmt.Sprintf("machine-%d\n", n))
	r.write(m, "machine-id", fmt.Sprintf("%032x\n", n))
	r.write(m, "resolv.conf", "nameserver 127.0.0.1\n")
	m.lay(r, m)
	return m
}

func (r *rollout) write(m *machine, name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// on is a command on a machine. Whole says that all that it starts ends with it.
func (r *rollout) on(m *machine, whole bool, args ...string) *exec.Cmd {
	r.t.Helper()
	line := []string{"unshare", "--mount", "--uts"}
	if whole {
		line = append(line, "--pid", "--fork", "--mount-proc", "--kill-child")
	}
	here, err := os.Getwd()
	if err != nil {
		r.t.Fatal(err)
	}
	line = append(append(line, "sh", filepath.Join(here, "testdata", "machine.sh"), m.root), args...)
	cmd := in(r.site(m.n).host, line...)
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Join(m.root, "tmp"))
	cmd.Env = append(cmd.Env, m.settings...)
	return cmd
}

// script begins the install script of an RMM on a machine.
func (r *rollout) script(m *machine) *process {
	r.t.Helper()
	from, err := filepath.Abs("../../deploy")
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := r.on(m, true, "sh", filepath.Join(from, "rmm", "generic", "install.sh"))
	cmd.Env = append(cmd.Env, "PICKET_FROM="+from, "PICKET_TOKEN="+m.token)
	m.begun = time.Now()
	return start(r.t, "script on "+m.String(), cmd)
}

// serve is the service manager of a machine that has none.
func (r *rollout) serve(m *machine) {
	r.t.Helper()
	m.agent = start(r.t, "agent on "+m.String(), r.on(m, false, "/usr/bin/picket-agent", "run", "--state", "/var/lib/picket-agent"))
	if m.way != "" {
		r.site(m.n).agent = m.agent // one whose results count
	}
}

// monitored is what the monitor script of an RMM says.
func (r *rollout) monitored(m *machine) (string, int) {
	r.t.Helper()
	script, err := filepath.Abs("../../deploy/rmm/generic/monitor.sh")
	if err != nil {
		r.t.Fatal(err)
	}
	return run1(r.t, r.on(m, true, "sh", script))
}

// files are what a machine keeps, with the modes and contents. Of one that runs
// those that its agent does not write all the time.
func (r *rollout) files(m *machine) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(m.root, func(path string, d os.DirEntry, err error) error {
		name := strings.TrimPrefix(path, m.root)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if m.agent != nil && d.Name() == "spool" {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || m.agent != nil && !identityFile(name) {
			return err
		}
		b, err := os.ReadFile(path)
		all[name] = fmt.Sprintf("%v %s", info.Mode(), b)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func identityFile(name string) bool {
	dir, file := filepath.Split(name)
	return dir != "/state/" || strings.HasPrefix(file, "agent.") || strings.HasPrefix(file, "proxy") || strings.HasPrefix(file, "trust")
}

// spend joins a machine that is none of those, and returns its token.
func (r *rollout) spend(t *testing.T) string {
	t.Helper()
	token := r.token(t, 99)
	if out, code := run1(t, in(r.core, binary(t, "picket-agent"), "join", token, "--state", filepath.Join(r.dir, "spent"))); code != 0 {
		t.Fatalf("join: %s", out)
	}
	return token
}
