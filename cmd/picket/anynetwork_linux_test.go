package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAnyNetwork installs agents at sites whose firewalls are in the way, each as
// a process behind a router of its own: the ones that can deliver do, the others
// say why they cannot.
func TestAnyNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces; .ci/run runs it")
	}
	needTools(t, "ip", "nft", "ss", "sysctl", "tinyproxy", "squid")
	w := newAnyWorld(t, 8)
	t.Run("sites", func(t *testing.T) {
		for _, site := range []struct {
			name  string
			story func(*testing.T)
		}{
			{"UDP blocked, opened later", w.udpBlocked},
			{"UDP and TCP blocked", w.allBlocked},
			{"a proxy alone", w.proxyAlone},
			{"a proxy with a password", w.proxyWithPassword},
			{"squid", w.squidAlone},
			{"squid with a password", w.squidWithPassword},
			{"a box that inspects TLS", w.inspected},
			{"IPv6 alone", w.ipv6Alone},
		} {
			t.Run(site.name, func(t *testing.T) { t.Parallel(); site.story(t) }) // they mostly wait
		}
	})
	w.settle()
}

func needTools(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s; .ci/run installs it", tool)
		}
	}
}

// anyWorld is the little internet of natWorld with one target and as many sites
// as are wanted.
type anyWorld struct {
	*natWorld
	mu     sync.Mutex // guards the field below
	tokens []string   // all that were made
}

// secrets are what must be told to nobody.
func (w *anyWorld) secrets() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{proxySecret}, w.tokens...)
}

func (w *anyWorld) keep(token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, token)
}

const (
	anyServer  = "198.18.0.10"
	anyServer6 = "2001:db8:18::10"
)

func newAnyWorld(t *testing.T, sites int) *anyWorld {
	w := &anyWorld{natWorld: &natWorld{t: t, dir: shortDir(t), prefix: fmt.Sprintf("pk%d", os.Getpid()%10000)}}
	w.hub, w.core, w.cloud = w.netns("hub"), w.netns("core"), w.netns("cloud")
	w.ip("-n", w.hub, "link", "add", "br0", "type", "bridge")
	w.ip("-n", w.hub, "link", "set", "br0", "up")
	w.plug(w.core, "core", anyServer+"/16")
	w.ip("-n", w.core, "-6", "addr", "add", anyServer6+"/48", "dev", "wan", "nodad")
	w.plug(w.cloud, "cloud", "198.18.100.1/16")
	w.play(w.cloud, "cloud", targets{Listen: []string{"198.18.100.1:80"}})
	for n := 1; n <= sites; n++ {
		w.addSite(n)
	}
	file := filepath.Join(w.dir, "picket.yaml")
	text := fmt.Sprintf("listen: \"[::]:4443\"\npublic: [\"%s:4443\", \"[%s]:4443\"]\nhttp: 127.0.0.1:8443\n"+
		"targets:\n  - {id: one, reference: true, checks: [{kind: tcp, host: 198.18.100.1, port: 80, interval: 1s}]}\n", anyServer, anyServer6)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.collector = start(t, "collector", in(w.core, binary(t, "picket"), "collector", "--config", file, "--data", w.data()))
	eventually(t, 20*time.Second, "the collector answers its operator", func() bool {
		_, code := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--data", w.data()))
		return code == 0
	})
	return w
}

// token makes a join token for a site.
func (w *anyWorld) token(t *testing.T, n int, more ...string) string {
	t.Helper()
	args := append([]string{"token", "create", "--client", fmt.Sprintf("client-%d", n), "--site", "site", "--region", "eu", "--data", w.data()}, more...)
	made, code := run1(t, exec.Command(binary(t, "picket"), args...))
	if code != 0 {
		t.Fatalf("token create: %s", made)
	}
	token := tokenIn(t, made)
	w.keep(token)
	return token
}

// joining is picket-agent join at a site with a fresh token.
func (w *anyWorld) joining(t *testing.T, n int, args ...string) *exec.Cmd {
	t.Helper()
	s := w.site(n)
	return in(s.host, append([]string{binary(t, "picket-agent"), "join", w.token(t, n), "--state", s.state}, args...)...)
}

// join wants that a site joins.
func (w *anyWorld) join(t *testing.T, n int, args ...string) (out string) {
	t.Helper()
	out, code := run1(t, w.joining(t, n, args...))
	if code != 0 || strings.Contains(out, "error:") || wholeToken.MatchString(out) {
		t.Fatalf("join: %d: %s", code, out)
	}
	return out
}

// run starts the site's agent and waits until it delivers by the transport.
func (w *anyWorld) run(t *testing.T, n int, transport string, env ...string) *process {
	t.Helper()
	s := w.site(n)
	cmd := in(s.host, binary(t, "picket-agent"), "run", "--state", s.state)
	cmd.Env = append(os.Environ(), env...)
	s.agent = start(w.t, fmt.Sprintf("agent %d", n), cmd)
	w.by(t, n, transport)
	w.delivers(t, n)
	return s.agent
}

// status is what picket-agent status tells at a site.
func (w *anyWorld) status(t *testing.T, n int) (s struct {
	Transport string
	Spool     struct{ Pending, Syncs uint64 }
}) {
	t.Helper()
	out, _ := run1(t, in(w.site(n).host, binary(t, "picket-agent"), "status", "--json", "--state", w.site(n).state))
	_ = json.Unmarshal([]byte(out), &s) // not yet there: zero
	return s
}

func (w *anyWorld) by(t *testing.T, n int, transport string) {
	t.Helper()
	eventually(t, 60*time.Second, fmt.Sprintf("agent %d comes by %s", n, transport), func() bool { return w.status(t, n).Transport == transport })
}

// delivers waits until more was made at a site, and the collector has it all.
func (w *anyWorld) delivers(t *testing.T, n int) {
	t.Helper()
	before := w.status(t, n).Spool.Syncs
	eventually(t, 60*time.Second, fmt.Sprintf("agent %d delivers", n), func() bool {
		s := w.status(t, n)
		return s.Spool.Syncs > before+1 && s.Spool.Pending == 0
	})
}

func (w *anyWorld) block(n int, rules ...string) {
	w.nft(w.site(n).router, "flush chain inet cut through")
	for _, rule := range rules {
		w.nft(w.site(n).router, "add rule inet cut through "+rule)
	}
}

func (w *anyWorld) udpBlocked(t *testing.T) {
	w.block(1, "meta l4proto udp drop")
	out := w.join(t, 1)
	if got := codesIn(out); len(got) != 1 || got[0] != "E104" || !strings.Contains(out, "fix: ") {
		t.Errorf("join tells %v, not E104 alone: %s", got, out)
	}
	w.run(t, 1, "tcp", "PICKET_QUIC_AGAIN=3s")
	time.Sleep(5 * time.Second) // QUIC is tried again in vain
	w.by(t, 1, "tcp")
	w.block(1)
	w.by(t, 1, "quic")
	w.delivers(t, 1)
}

func (w *anyWorld) allBlocked(t *testing.T) {
	w.block(2, "udp dport 4443 drop", "tcp dport 4443 drop")
	joinCase(t, w.joining(t, 2), "E105", 5, anyServer, "UDP: no reply", "TCP: no reply", "Please allow outgoing UDP and TCP from ", "Nothing has to be opened from outside")
}

// inspect puts a box into a site's router that ends TLS.
func (w *anyWorld) inspect(n int) (box *process) {
	s := w.site(n)
	box = w.play(s.router, "box", targets{Inspect: fmt.Sprintf("10.77.%d.1:4443", n)})
	w.block(n, "meta l4proto udp drop")
	w.nft(s.router, "add chain ip nat pre { type nat hook prerouting priority -100 ; }", "add rule ip nat pre iifname lan tcp dport 4443 redirect")
	return box
}

func (w *anyWorld) inspected(t *testing.T) {
	box := w.inspect(5)
	joinCase(t, w.joining(t, 5), "E106", 5, "FortiGate CA", "nspection")
	seen := box.out.String()
	if !strings.Contains(seen, "inspected 0 bytes") || strings.Count(seen, "inspected ") != strings.Count(seen, "inspected 0 bytes") {
		t.Errorf("the box says:\n%s", seen)
	}
}

func (w *anyWorld) ipv6Alone(t *testing.T) {
	s := w.site(6)
	w.ip("-n", s.host, "addr", "flush", "dev", "eth0", "scope", "global")
	w.ip("-n", s.router, "-6", "addr", "add", "2001:db8:18::6/48", "dev", "wan", "nodad")
	w.ip("-n", s.router, "-6", "addr", "add", "2001:db8:77::1/64", "dev", "lan", "nodad")
	w.ip("-n", s.host, "-6", "addr", "add", "2001:db8:77::2/64", "dev", "eth0", "nodad")
	w.ip("-n", s.host, "-6", "route", "add", "default", "via", "2001:db8:77::1")
	w.ip("-n", w.core, "-6", "route", "add", "2001:db8:77::/64", "via", "2001:db8:18::6")
	if out, code := run1(t, in(s.router, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")); code != 0 {
		t.Fatalf("forward: %s", out)
	}
	w.join(t, 6)
	w.run(t, 6, "quic") // it delivers what it sees: that no IPv4 target can be reached
}

// discreet wants that neither a token nor a password of a proxy is in the logs or
// the arguments of what runs, or in a file under dir that others may read.
func (w *anyWorld) discreet(dir string, running ...*process) {
	w.t.Helper()
	for _, secret := range w.secrets() {
		for _, p := range running {
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.cmd.Process.Pid))
			if err != nil || len(line) == 0 || strings.Contains(string(line), secret) {
				w.t.Errorf("the arguments of %s are %q, %v", p.name, line, err)
			}
			if strings.Contains(p.out.String(), secret) {
				w.t.Errorf("the log of %s tells a secret", p.name)
			}
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil // segments of the spool come and go
		}
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		info, err2 := d.Info()
		if err != nil || err2 != nil || info.Mode().Perm()&0o077 == 0 {
			return nil
		}
		for _, secret := range w.secrets() {
			if strings.Contains(string(b), secret) {
				w.t.Errorf("%s (mode %v) holds a secret", path, info.Mode())
			}
		}
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
}

// settle stops everything and compares what the agents made with what arrived.
func (w *anyWorld) settle() {
	w.t.Helper()
	running := []*process{w.collector}
	for _, s := range w.sites {
		if s.agent != nil {
			running = append(running, s.agent)
		}
	}
	w.discreet(w.dir, running...)
	var want uint64
	for _, s := range w.sites {
		if s.agent == nil {
			continue
		}
		s.agent.stop()
		made := uint64(0)
		for _, last := range runsIn(w.t, s.state) {
			made += last
		}
		if made == 0 {
			w.t.Errorf("%s made no result", s.agent.name)
		}
		want += made
	}
	w.collector.stop()
	arrived(w.t, w.data(), want)
}
