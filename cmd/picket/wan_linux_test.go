package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

// TestEvidenceThatALineIsDown runs three sites behind routers of their own. The
// collector learns in calm times that the routers answer. Then the machine of one
// site dies and the line of another is cut: both fall silent, and only the second
// is told as a line that is down. The third is stopped on purpose, and is nobody's
// trouble.
func TestEvidenceThatALineIsDown(t *testing.T) {
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
	w := &natWorld{t: t, dir: shortDir(t), prefix: fmt.Sprintf("pw%d", os.Getpid()%10000)}
	w.hub, w.core, w.cloud = w.netns("hub"), w.netns("core"), w.netns("cloud")
	w.ip("-n", w.hub, "link", "add", "br0", "type", "bridge")
	w.ip("-n", w.hub, "link", "set", "br0", "up")
	w.plug(w.core, "core", "198.18.0.10/16")
	w.plug(w.cloud, "cloud", "198.18.100.1/16", "198.18.101.1/16", "198.18.110.1/16", "198.18.111.1/16", "198.18.112.1/16")
	const sites = 4
	for n := 1; n <= sites; n++ {
		w.addSite(n)
		w.nft(w.site(n).router, "add chain inet cut in { type filter hook input priority 0 ; }")
	}
	w.serve()
	w.startCollector()
	for n := 1; n <= sites; n++ {
		w.startAgent(n)
	}
	eventually(t, 4*time.Minute, "the routers of all sites answer reliably", func() bool {
		return strings.Count(w.collector.out.String(), "its silence would be evidence") == sites
	})

	w.site(1).agent.kill()
	died := w.wait(2*time.Minute, "the dead machine's site lost contact, and its line answers", func(i detect.Incident) bool {
		return i.Site == "client-1/site" && i.Reason.Code == detect.WANAnswers
	})
	if died.Kind != detect.KindSite || died.LineDown || died.Title != "Lost contact with client-1/site" {
		t.Errorf("a machine that died: %s: %s", died.Title, died.Summary)
	}

	cut := time.Now()
	w.nft(w.site(2).router, "add rule inet cut through drop", "add rule inet cut in drop")
	down := w.wait(2*time.Minute, "the line that was cut is down", func(i detect.Incident) bool {
		return i.Site == "client-2/site" && i.LineDown
	})
	t.Logf("line cut -> named after %.1f s: %s", time.Since(cut).Seconds(), down.Summary)
	if down.Reason.Code != detect.WANSilent || down.Title != "client-2/site: line down" || !strings.Contains(down.Reason.Text, "which used to answer") {
		t.Errorf("a line that was cut: %s (%s): %s", down.Title, down.Reason.Code, down.Reason.Text)
	}

	w.site(3).agent.stop()
	time.Sleep(20 * time.Second)
	for _, i := range w.incidents() {
		if i.Site == "client-3/site" || i.Kind.ProviderSide() || i.LineDown && i.Site != "client-2/site" {
			t.Errorf("told: %s: %s", i.Title, i.Summary)
		}
	}
	out, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--data", w.data()))
	if !strings.Contains(out, "its service was stopped at ") {
		t.Errorf("the site that was stopped:\n%s", out)
	}
}
