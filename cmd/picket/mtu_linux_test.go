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
)

// TestALineThatLosesLongPackets puts an agent behind a router whose line carries
// less than Ethernet, with and without the message that says so.
func TestALineThatLosesLongPackets(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces; .ci/run runs it")
	}
	for _, tool := range []string{"ip", "nft", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s; .ci/run installs it", tool)
		}
	}
	w := &anyWorld{natWorld: &natWorld{t: t, dir: shortDir(t), prefix: fmt.Sprintf("pk%d", os.Getpid()%10000)}}
	w.hub, w.core = w.netns("hub"), w.netns("core")
	w.ip("-n", w.hub, "link", "add", "br0", "type", "bridge")
	w.ip("-n", w.hub, "link", "set", "br0", "up")
	w.plug(w.core, "core", anyServer+"/16")
	for n := 1; n <= 3; n++ {
		w.addSite(n)
	}
	file := filepath.Join(w.dir, "picket.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("listen: \"[::]:4443\"\npublic: [\"%s:4443\"]\nhttp: 127.0.0.1:8443\n", anyServer)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.collector = start(t, "collector", in(w.core, binary(t, "picket"), "collector", "--config", file, "--data", w.data()))
	eventually(t, 20*time.Second, "the collector answers its operator", func() bool {
		_, code := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--data", w.data()))
		return code == 0
	})
	narrow := func(n, mtu int, silent bool) {
		w.ip("-n", w.site(n).router, "link", "set", "wan", "mtu", fmt.Sprint(mtu))
		if silent {
			w.nft(w.site(n).router, "add chain inet cut out { type filter hook output priority 0 ; }", "add rule inet cut out icmp type destination-unreachable drop")
		}
	}
	narrow(1, 1400, true)
	narrow(2, 1400, false)
	narrow(3, 1250, true)

	if level, text := w.packetSize(t, 1); level != "WARN" || !strings.HasSuffix(text, "packets of 1400 bytes get through") {
		t.Errorf("a line that does not say what it loses: %s %s", level, text)
	}
	if level, text := w.packetSize(t, 2); level != "PASS" {
		t.Errorf("a line that does: %s %s", level, text)
	}
	// QUIC does not fit; a join says so before it tries.
	out, _ := run1(t, w.joining(t, 3))
	if !strings.Contains(out, "WARN  path mtu") || !strings.Contains(out, "packets of 1200 bytes get through") || strings.Contains(out, "E104") {
		t.Errorf("join where QUIC does not fit: %s", out)
	}
}

// packetSize joins at a site and asks its doctor.
func (w *anyWorld) packetSize(t *testing.T, n int) (level, text string) {
	t.Helper()
	w.join(t, n)
	out, err := in(w.site(n).host, binary(t, "picket-agent"), "doctor", "--json", "--compare-dns", "", "--state", w.site(n).state).Output()
	var r report
	if jerr := json.Unmarshal(out, &r); jerr != nil {
		t.Fatalf("%v, %v: %s", err, jerr, out)
	}
	for _, f := range r.Findings {
		if f.ID == "mtu" {
			return f.Level, f.Text
		}
	}
	return "", fmt.Sprint(r.Findings)
}
