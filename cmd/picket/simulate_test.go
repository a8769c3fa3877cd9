package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const outageYAML = `id: T1
title: one target is out
seeds: 3
duration: 3m
faults:
  - {at: 30s, for: 30s, what: {target: azure-compute-eastus}, how: refused}
expect:
  - {kind: target, target: azure-compute-eastus, confidence: confirmed, within: 4s}
`

// simulateRun runs picket simulate with a scenario file of this content.
func simulateRun(t *testing.T, yaml string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code = run(append([]string{"simulate", file}, args...), &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestSimulateAnswersByExitCode(t *testing.T) {
	t.Parallel()
	code, out, errOut := simulateRun(t, outageYAML, "--jobs", "2")
	if code != exitOK || !strings.Contains(out, "3/3") || !strings.Contains(out, "OK:") || errOut != "" {
		t.Errorf("exit code %d:\n%s%s", code, out, errOut)
	}
	code, out, _ = simulateRun(t, outageYAML+"forbid:\n  - {kind: target}\n", "--seed", "2")
	if code != exitFailed || !strings.Contains(out, "--seed 2 --explain") || !strings.Contains(out, "forbidden (line 10") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	code, _, errOut = simulateRun(t, outageYAML+"forbidden: []\n")
	if code != exitConfig || !strings.Contains(errOut, "t.yaml:9:1") {
		t.Errorf("exit code %d:\n%s", code, errOut)
	}
}

func TestSimulatePrintsOneJSONObject(t *testing.T) {
	t.Parallel()
	code, out, _ := simulateRun(t, outageYAML, "--json", "--seeds", "2", "--rule", "route53")
	var s struct {
		Schema string
		OK     bool
		All    struct{ Runs, Found int }
		Rules  []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != exitOK {
		t.Fatalf("exit code %d, %v:\n%s", code, err, out)
	}
	if s.Schema != "picket.simulation/v1" || !s.OK || s.All.Runs != 2 || s.All.Found != 2 || len(s.Rules) != 2 || s.Rules[1].Name != "route53" {
		t.Errorf("%+v", s)
	}
}

func TestSimulateExplainsAndDraws(t *testing.T) {
	t.Parallel()
	svg := filepath.Join(t.TempDir(), "run.svg")
	code, out, errOut := simulateRun(t, outageYAML, "--seed", "2", "--explain", "--picture", svg)
	drawn, err := os.ReadFile(svg)
	if code != exitOK || err != nil || !strings.Contains(out, "seed 2") || !strings.HasPrefix(string(drawn), "<svg") {
		t.Errorf("exit code %d, %v:\n%s%s", code, err, out, errOut)
	}
}

// TestFiveHundredTargetsAreOneIncident: in the first second of a region's outage
// nobody knows of most of its targets, and single services are found before the
// region is. What is left is one incident.
func TestFiveHundredTargetsAreOneIncident(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("seeds: 2\nduration: 5m\ntargets:\n")
	for k := range 500 {
		fmt.Fprintf(&b, "  - {id: w-%03d, provider: azure, service: s%02d, region: westeurope, kinds: [http]}\n", k, k%25)
	}
	for _, region := range []string{"northeurope", "uksouth", "eastus"} {
		for k := range 4 {
			fmt.Fprintf(&b, "  - {id: %s-%d, provider: azure, service: s%02d, region: %s, kinds: [http]}\n", region, k, k, region)
		}
	}
	b.WriteString(`faults:
  - {at: 60s, for: 2m, what: {provider: azure, region: westeurope}, how: refused}
expect:
  - {kind: provider-region, provider: azure, region: westeurope, confidence: confirmed, within: 8s}
  - {kind: provider-region, count: 1}
forbid:
  - {kind: provider}
  - {kind: service, after: 62s}
  - {kind: target, after: 62s}
`)
	if code, out, errOut := simulateRun(t, b.String()); code != exitOK {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
}

func TestSimulatePrintsDefaultsThatLoad(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	if code := run([]string{"simulate", "--defaults"}, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	if code, _, errOut := simulateRun(t, out.String(), "--seeds", "1"); code != exitOK {
		t.Errorf("exit code %d: %s", code, errOut)
	}
}

func TestSimulateRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--rule", "pingdom"}, {"--rule", "gcp", "--baselines"}, {"--explain", "--json"}, {"--explain", "--seeds", "3"},
		{"--years", "3", "--baselines"}, {"--jobs", "0"}, {"--defaults"}, {"--seeds", "-1"},
	} {
		if code, _, errOut := simulateRun(t, outageYAML, args...); code != exitUsage || errOut == "" {
			t.Errorf("%v: exit code %d: %s", args, code, errOut)
		}
	}
	var out, errOut bytes.Buffer
	if code := run([]string{"simulate"}, &out, &errOut); code != exitUsage {
		t.Errorf("without a file: exit code %d", code)
	}
}
