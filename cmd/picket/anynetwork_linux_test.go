package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/store"
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
	for _, tool := range []string{"ip", "nft", "sysctl", "tinyproxy"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s; .ci/run installs it", tool)
		}
	}
	w := newAnyWorld(t)
	t.Run("UDP blocked, opened later", w.udpBlocked)
	t.Run("UDP and TCP blocked", w.allBlocked)
	t.Run("a proxy alone", w.proxyAlone)
	t.Run("a proxy with a password", w.proxyWithPassword)
	t.Run("a box that inspects TLS", w.inspected)
	t.Run("IPv6 alone", w.ipv6Alone)
	w.settle()
}

// anyWorld is the little internet of natWorld with one target and six sites.
type anyWorld struct {
	*natWorld
}

const (
	anyServer  = "198.18.0.10"
	anyServer6 = "2001:db8:18::10"
)

func newAnyWorld(t *testing.T) *anyWorld {
	w := &anyWorld{natWorld: &natWorld{t: t, dir: shortDir(t), prefix: fmt.Sprintf("pk%d", os.Getpid()%10000)}}
	w.hub, w.core, w.cloud = w.netns("hub"), w.netns("core"), w.netns("cloud")
	w.ip("-n", w.hub, "link", "add", "br0", "type", "bridge")
	w.ip("-n", w.hub, "link", "set", "br0", "up")
	w.plug(w.core, "core", anyServer+"/16")
	w.ip("-n", w.core, "-6", "addr", "add", anyServer6+"/48", "dev", "wan", "nodad")
	w.plug(w.cloud, "cloud", "198.18.100.1/16")
	w.play(w.cloud, "cloud", targets{Listen: []string{"198.18.100.1:80"}})
	for n := 1; n <= 6; n++ {
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

// join runs picket-agent join at a site with a fresh token.
func (w *anyWorld) join(t *testing.T, n int, args ...string) (out string, code int, token string) {
	t.Helper()
	made, code := run1(t, exec.Command(binary(t, "picket"), "token", "create", "--client", fmt.Sprintf("client-%d", n), "--site", "site",
		"--region", "eu", "--data", w.data()))
	if code != 0 {
		t.Fatalf("token create: %s", made)
	}
	token = tokenIn(t, made)
	s := w.site(n)
	out, code = run1(t, in(s.host, append([]string{binary(t, "picket-agent"), "join", token, "--state", s.state}, args...)...))
	return out, code, token
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
	if out, code, _ := w.join(t, 1); code != 0 {
		t.Fatalf("join: %d: %s", code, out)
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
	out, code, token := w.join(t, 2)
	if code != 5 || !strings.Contains(out, "E105") || !strings.Contains(out, anyServer) || !strings.Contains(out, "UDP: no reply") || !strings.Contains(out, "TCP: no reply") {
		t.Errorf("join: %d: %s", code, out)
	}
	if strings.Contains(out, token) {
		t.Error("the token was repeated")
	}
}

// proxy starts tinyproxy on a site's router and lets nothing else out.
func (w *anyWorld) proxy(t *testing.T, n int, more string) (addr string) {
	t.Helper()
	w.block(n, "drop")
	conf := filepath.Join(w.dir, fmt.Sprintf("proxy%d.conf", n))
	text := fmt.Sprintf("Port 3128\nListen 10.77.%d.1\nTimeout 600\nMaxClients 20\nConnectPort 4443\nLogLevel Connect\n%s\n", n, more)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	addr = fmt.Sprintf("10.77.%d.1:3128", n)
	start(w.t, "proxy", in(w.site(n).router, "tinyproxy", "-d", "-c", conf))
	return addr
}

func (w *anyWorld) proxyAlone(t *testing.T) {
	addr := w.proxy(t, 3, "")
	if out, code, _ := w.join(t, 3); code != 5 || !strings.Contains(out, "E105") {
		t.Errorf("join past the proxy: %d: %s", code, out)
	}
	if out, code, _ := w.join(t, 3, "--proxy", "http://"+addr); code != 0 {
		t.Fatalf("join: %d: %s", code, out)
	}
	w.run(t, 3, "tcp by proxy")
}

func (w *anyWorld) proxyWithPassword(t *testing.T) {
	const secret = "pa55-of-the-pr0xy"
	addr := w.proxy(t, 4, "BasicAuth acme "+secret)
	for _, args := range [][]string{{"--proxy", "http://" + addr}, {"--proxy", "http://acme:wrong@" + addr}} {
		if out, code, _ := w.join(t, 4, args...); code != 5 || !strings.Contains(out, "E108") || strings.Contains(out, "wrong") {
			t.Errorf("join with %v: %d: %s", args, code, out)
		}
	}
	out, code, _ := w.join(t, 4, "--proxy", "http://acme:"+secret+"@"+addr)
	if code != 0 || strings.Contains(out, secret) {
		t.Fatalf("join: %d: %s", code, out)
	}
	p := w.run(t, 4, "tcp by proxy")
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.cmd.Process.Pid))
	if err != nil || strings.Contains(string(line), secret) || strings.Contains(p.out.String(), secret) {
		t.Errorf("the password is in the arguments %q or in the log: %v", line, err)
	}
	err = filepath.Walk(w.site(4).state, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), secret) && (info.Mode().Perm() != 0o600 || info.Name() != "proxy.secret") {
			t.Errorf("%s (mode %v) has the password", path, info.Mode())
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) { // the spool's segments come and go
		t.Error(err)
	}
}

func (w *anyWorld) inspected(t *testing.T) {
	s := w.site(5)
	box := w.play(s.router, "box", targets{Inspect: "10.77.5.1:4443"})
	w.block(5, "meta l4proto udp drop")
	w.nft(s.router, "add chain ip nat pre { type nat hook prerouting priority -100 ; }", "add rule ip nat pre iifname lan tcp dport 4443 redirect")
	out, code, token := w.join(t, 5)
	if code != 5 || !strings.Contains(out, "E106") || !strings.Contains(out, "FortiGate CA") || strings.Contains(out, token) {
		t.Errorf("join: %d: %s", code, out)
	}
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
	if out, code, _ := w.join(t, 6); code != 0 {
		t.Fatalf("join: %d: %s", code, out)
	}
	w.run(t, 6, "quic") // it delivers what it sees: that no IPv4 target can be reached
}

// settle stops everything and compares what the agents made with what arrived.
func (w *anyWorld) settle() {
	w.t.Helper()
	var want uint64
	for _, s := range w.sites {
		if s.agent == nil {
			continue
		}
		s.agent.stop()
		for _, last := range runsIn(w.t, s.state) {
			want += last
		}
	}
	w.collector.stop()
	db, err := store.Open(w.t.Context(), filepath.Join(w.data(), "picket.db"), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	totals, err := db.Totals(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if totals.Results != want || len(totals.Lost) != 0 || want == 0 {
		w.t.Errorf("the collector has %d of %d results, lost %v", totals.Results, want, totals.Lost)
	}
	w.t.Logf("%d results made, %d arrived", want, totals.Results)
}
