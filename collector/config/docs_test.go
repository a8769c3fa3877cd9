package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"picket/collector/config"
)

// recipes are the blocks of docs/alerts.md in a language.
func recipes(t *testing.T, language string) (all []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```([a-z ]*)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if m[1] == language {
			all = append(all, m[2])
		}
	}
	return all
}

// TestTheRecipesAreRight: what people copy from the page is taken, and there is a
// recipe for every way.
func TestTheRecipesAreRight(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range recipes(t, "yaml") {
		src := r
		if !strings.Contains(src, "smtp:") {
			src = "smtp: {host: m.example, from: p@m.example}\n" + src
		}
		f, err := config.Parse("/etc/picket/picket.yaml", []byte(src))
		if err != nil {
			t.Errorf("%v in\n%s", err, r)
			continue
		}
		for _, a := range f.Alerts {
			seen[a.Way()] = true
		}
	}
	for _, way := range []string{"webhook", "mail", "slack", "teams", "pagerduty", "alertmanager", "ticket", "shoutrrr"} {
		if !seen[way] {
			t.Errorf("no recipe for %s", way)
		}
	}
}

// TestTheRulesForAlertmanagerAreRight by Alertmanager's own judgement.
func TestTheRulesForAlertmanagerAreRight(t *testing.T) {
	if _, err := exec.LookPath("amtool"); err != nil {
		t.Skip("amtool of prometheus-alertmanager is not installed")
	}
	rules := recipes(t, "yaml alertmanager")
	if len(rules) != 1 {
		t.Fatalf("%d of them", len(rules))
	}
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(file, []byte(rules[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("amtool", "check-config", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
