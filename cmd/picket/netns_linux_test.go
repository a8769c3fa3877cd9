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

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/store"
)

// TestFleetBehindNAT runs a collector and six agents as processes in network
// namespaces: each agent behind a router of its own that translates addresses,
// on a network of its own. It drops a cloud region's servers, and later cuts one
// site's uplink.
func TestFleetBehindNAT(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three minutes")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces; .ci/run runs it")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s; .ci/run installs it", tool)
		}
	}
	w := newNATWorld(t)
	w.calm()

	broke := time.Now()
	w.nft(w.cloud, "add rule inet cut in ip daddr 198.18.100.1 drop")
	region := w.wait(15*time.Second, "a confirmed incident of the provider region", func(i detect.Incident) bool {
		return i.Kind == detect.KindProviderRegion && i.Confidence == detect.ConfidenceConfirmed
	})
	t.Logf("region dropped -> confirmed in %.1f s: %s", time.Since(broke).Seconds(), region.Summary)
	asForetold(t, "testdata/nat-region.yaml", broke.Sub(w.started), region.Confirmed.Sub(broke))
	if region.Provider != "cloud" || region.Region != "west" || region.Layer != "tcp" {
		t.Errorf("blamed %s %s at layer %s", region.Provider, region.Region, region.Layer)
	}
	eventually(t, 20*time.Second, "the alert", func() bool { return len(w.alerts(alert.Opened)) > 0 })
	w.nft(w.cloud, "flush chain inet cut in")

	w.nft(w.site(2).router, "add rule inet cut through drop")
	cut := time.Now()
	lost := w.wait(20*time.Second, "an incident of the site that was cut off", func(i detect.Incident) bool {
		return i.Kind == detect.KindSite
	})
	t.Logf("uplink cut -> declared in %.1f s: %s", time.Since(cut).Seconds(), lost.Summary)
	if lost.Site != "client-2/site" || lost.Title != "Lost contact with client-2/site" {
		t.Errorf("want lost contact with client-2/site, got %s: %s", lost.Site, lost.Title)
	}
	time.Sleep(10 * time.Second) // results pile up behind the cut
	w.nft(w.site(2).router, "flush chain inet cut through")

	w.wait(150*time.Second, "all incidents resolved", nil)
	var kinds []string
	for _, i := range w.incidents() {
		kinds = append(kinds, string(i.Kind))
	}
	if len(kinds) != 2 {
		t.Errorf("want one provider-region and one site incident, got %v", kinds)
	}
	var provider []string
	for _, m := range w.alerts(alert.Opened) {
		if m.Kind.ProviderSide() {
			provider = append(provider, m.AlertID)
		}
	}
	if len(provider) != 1 || provider[0] != region.ID {
		t.Errorf("want one alert about %s, got %v", region.ID, provider)
	}
	w.count()
}

// natWorld is a little internet: a switch in a hub namespace, a core with the
// collector, a cloud with servers in two regions, and six sites.
type natWorld struct {
	t         *testing.T
	dir       string
	prefix    string
	hub       string
	core      string
	cloud     string
	collector *process
	sites     []natSite
	started   time.Time // the last agent
	watched   bool
}

type natSite struct {
	router, host, state string
	agent               *process
}

const natSites = 6

func newNATWorld(t *testing.T) *natWorld {
	w := &natWorld{t: t, dir: shortDir(t), prefix: fmt.Sprintf("pk%d", os.Getpid()%10000)}
	w.hub, w.core, w.cloud = w.netns("hub"), w.netns("core"), w.netns("cloud")
	w.ip("-n", w.hub, "link", "add", "br0", "type", "bridge")
	w.ip("-n", w.hub, "link", "set", "br0", "up")
	w.plug(w.core, "core", "198.18.0.10/16")
	w.plug(w.cloud, "cloud", "198.18.100.1/16", "198.18.101.1/16", "198.18.110.1/16", "198.18.111.1/16", "198.18.112.1/16")
	w.nft(w.cloud, "add table inet cut", "add chain inet cut in { type filter hook input priority 0 ; }")
	for n := 1; n <= natSites; n++ {
		w.addSite(n)
	}
	w.serve()
	w.startCollector()
	for n := 1; n <= natSites; n++ {
		w.startAgent(n)
	}
	w.started = time.Now()
	return w
}

// netns makes a network namespace that goes with the test.
func (w *natWorld) netns(name string) string {
	w.t.Helper()
	if !w.watched {
		w.watched = true
		w.sweepAtEnd()
	}
	name = w.prefix + "-" + name
	w.ip("netns", "add", name)
	w.ip("-n", name, "link", "set", "lo", "up")
	return name
}

func (w *natWorld) ip(args ...string) {
	w.t.Helper()
	if out, code := run1(w.t, exec.Command("ip", args...)); code != 0 {
		w.t.Fatalf("ip %s: %s", strings.Join(args, " "), out)
	}
}

func (w *natWorld) nft(netns string, rules ...string) {
	w.t.Helper()
	for _, rule := range rules {
		if out, code := run1(w.t, exec.Command("ip", "netns", "exec", netns, "nft", rule)); code != 0 {
			w.t.Fatalf("nft %s: %s", rule, out)
		}
	}
}

// plug connects a namespace to the switch with an interface called wan.
func (w *natWorld) plug(netns, port string, addrs ...string) {
	w.t.Helper()
	w.ip("link", "add", "wan", "netns", netns, "type", "veth", "peer", "name", port, "netns", w.hub)
	w.ip("-n", w.hub, "link", "set", port, "master", "br0", "up")
	for _, a := range addrs {
		w.ip("-n", netns, "addr", "add", a, "dev", "wan")
	}
	w.ip("-n", netns, "link", "set", "wan", "up")
}

// addSite makes a LAN behind a router that hides it behind one address.
func (w *natWorld) addSite(n int) {
	w.t.Helper()
	s := natSite{router: w.netns(fmt.Sprintf("r%d", n)), host: w.netns(fmt.Sprintf("s%d", n)), state: filepath.Join(w.dir, fmt.Sprintf("a%d", n))}
	w.plug(s.router, fmt.Sprintf("r%d", n), fmt.Sprintf("198.18.%d.1/16", n))
	w.ip("link", "add", "lan", "netns", s.router, "type", "veth", "peer", "name", "eth0", "netns", s.host)
	w.ip("-n", s.router, "addr", "add", fmt.Sprintf("10.77.%d.1/24", n), "dev", "lan")
	w.ip("-n", s.router, "link", "set", "lan", "up")
	w.ip("-n", s.host, "addr", "add", fmt.Sprintf("10.77.%d.2/24", n), "dev", "eth0")
	w.ip("-n", s.host, "link", "set", "eth0", "up")
	w.ip("-n", s.host, "route", "add", "default", "via", fmt.Sprintf("10.77.%d.1", n))
	if out, code := run1(w.t, exec.Command("ip", "netns", "exec", s.router, "sysctl", "-qw", "net.ipv4.ip_forward=1")); code != 0 {
		w.t.Fatalf("forward: %s", out)
	}
	w.nft(s.router,
		"add table ip nat", "add chain ip nat post { type nat hook postrouting priority 100 ; }", "add rule ip nat post oifname wan masquerade",
		"add table inet cut", "add chain inet cut through { type filter hook forward priority 0 ; }")
	w.sites = append(w.sites, s)
}

func (w *natWorld) site(n int) *natSite { return &w.sites[n-1] }

// in runs a command inside a namespace.
func in(netns string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", netns}, args...)...)
}

// serve starts the cloud's servers and, in the core, the webhook.
func (w *natWorld) serve() {
	w.t.Helper()
	var listen []string
	for _, region := range []string{"198.18.100.1", "198.18.101.1"} {
		for port := 8001; port <= 8003; port++ {
			listen = append(listen, fmt.Sprintf("%s:%d", region, port))
		}
	}
	for _, ref := range []string{"198.18.110.1", "198.18.111.1", "198.18.112.1"} {
		listen = append(listen, ref+":80")
	}
	w.play(w.cloud, "cloud", targets{Listen: listen})
	w.play(w.core, "webhook", targets{Webhook: "198.18.0.10:9000", Secret: "a secret of the test", Alerts: w.alertFile()})
}

func (w *natWorld) alertFile() string { return filepath.Join(w.dir, "alerts") }

func (w *natWorld) play(netns, name string, order targets) *process {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := json.Marshal(order)
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := in(netns, self)
	cmd.Env = append(os.Environ(), "PICKET_TEST_SERVE="+string(text))
	if _, err := cmd.StdinPipe(); err != nil { // held open until the process is killed
		w.t.Fatal(err)
	}
	p := start(w.t, name, cmd)
	eventually(w.t, 5*time.Second, name+" serves", func() bool { return strings.Contains(p.out.String(), "serving") })
	return p
}

func (w *natWorld) data() string { return filepath.Join(w.dir, "data") }

func (w *natWorld) startCollector() {
	w.t.Helper()
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("listen: 198.18.0.10:4443")
	p("public: [\"198.18.0.10:4443\"]")
	p("http: 127.0.0.1:8443")
	p("networks:")
	for n := 1; n <= natSites; n++ {
		p("  - {prefix: 198.18.%d.0/24, name: AS%d Line %d}", n, 64495+n, n)
	}
	p("alerts:")
	p("  - {name: hook, webhook: \"http://198.18.0.10:9000/\", secret_file: %q, delay: 3s, resolve_delay: 5s}", filepath.Join(w.dir, "secret"))
	p("providers: [{id: cloud, name: Cloud}]")
	p("targets:")
	for region, addr := range map[string]string{"west": "198.18.100.1", "east": "198.18.101.1"} {
		for k, service := range []string{"storage", "compute", "queue"} {
			p("  - {id: %s-%s, provider: cloud, service: %s, region: %s,", service, region, service, region)
			p("     checks: [{kind: http, url: \"http://%s:%d/\", interval: 10s}]}", addr, 8001+k)
		}
	}
	for k, addr := range []string{"198.18.110.1", "198.18.111.1", "198.18.112.1"} {
		p("  - {id: reference-%d, reference: true, checks: [{kind: tcp, host: %s, port: 80, interval: 5s}]}", k+1, addr)
	}
	for name, text := range map[string]string{"picket.yaml": b.String(), "secret": "a secret of the test"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	w.collector = start(w.t, "collector", in(w.core, binary(w.t, "picket"), "collector",
		"--config", filepath.Join(w.dir, "picket.yaml"), "--data", w.data()))
	eventually(w.t, 10*time.Second, "the collector answers its operator", func() bool {
		_, code := run1(w.t, exec.Command(binary(w.t, "picket"), "agent", "list", "--data", w.data()))
		return code == 0
	})
}

func (w *natWorld) startAgent(n int) {
	w.t.Helper()
	out, code := run1(w.t, exec.Command(binary(w.t, "picket"), "token", "create", "--client", fmt.Sprintf("client-%d", n), "--site", "site",
		"--region", "eu", "--data", w.data()))
	if code != 0 {
		w.t.Fatalf("token create: %s", out)
	}
	s := w.site(n)
	if out, code := run1(w.t, in(s.host, binary(w.t, "picket-agent"), "join", tokenIn(w.t, out), "--state", s.state)); code != 0 {
		w.t.Fatalf("join: %s", out)
	}
	s.agent = start(w.t, fmt.Sprintf("agent %d", n), in(s.host, binary(w.t, "picket-agent"), "run", "--state", s.state))
}

// calm waits until all six sites vote and see every target up.
func (w *natWorld) calm() {
	w.t.Helper()
	eventually(w.t, 90*time.Second, "six sites on six networks vote and see both regions well", func() bool {
		out, code := run1(w.t, exec.Command(binary(w.t, "picket"), "status", "--json", "--data", w.data()))
		var s view
		if code != 0 || json.Unmarshal([]byte(out), &s) != nil {
			return false
		}
		voting := 0
		for _, site := range s.Sites {
			if site.Eligible {
				voting++
			}
		}
		for _, c := range s.Cells {
			if c.State != detect.OK || c.Networks != natSites {
				return false
			}
		}
		return voting == natSites && len(s.Cells) == 2
	})
}

// incidents lists all there are, open or not.
func (w *natWorld) incidents() []detect.Incident {
	w.t.Helper()
	out, code := run1(w.t, exec.Command(binary(w.t, "picket"), "incident", "list", "--json", "--data", w.data()))
	var list struct{ Data []detect.Incident }
	if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil {
		w.t.Fatalf("incident list: %v: %s", err, out)
	}
	return list.Data
}

// wait returns the first incident that is wanted; want nil waits until none is open.
func (w *natWorld) wait(within time.Duration, what string, want func(detect.Incident) bool) (found detect.Incident) {
	w.t.Helper()
	eventually(w.t, within, what, func() bool {
		open := 0
		for _, i := range w.incidents() {
			if want != nil && want(i) {
				found = i
				return true
			}
			if i.State.Open() {
				open++
			}
		}
		return want == nil && open == 0
	})
	return found
}

func (w *natWorld) alerts(e alert.Event) []alert.Message {
	w.t.Helper()
	all, err := readAlerts(w.alertFile())
	if err != nil {
		w.t.Fatal(err)
	}
	var some []alert.Message
	for _, m := range all {
		if m.Event == e {
			some = append(some, m)
		}
	}
	return some
}

// count stops everything and compares what the agents made with what arrived.
func (w *natWorld) count() {
	w.t.Helper()
	var want uint64
	for _, s := range w.sites {
		s.agent.stop()
		for _, last := range runsIn(w.t, s.state) {
			want += last
		}
	}
	w.collector.stop()
	arrived(w.t, w.data(), want)
}

// arrived wants that a collector that has stopped has every result that was made.
func arrived(t testing.TB, data string, want uint64) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(data, "picket.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	totals, err := db.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if totals.Results != want || len(totals.Lost) != 0 || want == 0 {
		t.Errorf("the collector has %d of %d results, lost %v", totals.Results, want, totals.Lost)
	}
	t.Logf("%d results made, %d arrived", want, totals.Results)
}
