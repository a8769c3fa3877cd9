package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGrafanaExport(t *testing.T) {
	export := func(args ...string) (string, error) {
		cmd := grafanaCommand()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SetArgs(append([]string{"export"}, args...))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	dir := t.TempDir()
	out, err := export("--dir", dir, "--page", "https://picket.msp.example")
	if err != nil || !strings.Contains(out, filepath.Join(dir, "dashboards", "picket", "overview.json")) || !strings.Contains(out, "PICKET_INFLUX_TOKEN") {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := export("--dir", dir, "--page", "https://picket.msp.example"); err != nil || !strings.Contains(out, "are those of this version") {
		t.Errorf("again: %v: %s", err, out)
	}
	board := filepath.Join(dir, "dashboards", "picket", "overview.json")
	if err := os.WriteFile(board, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = export("--dir", dir)
	if f, ok := errors.AsType[*failure](err); !ok || f.code != exitUsage || !strings.Contains(f.Error(), "--force") {
		t.Errorf("over a changed file: %v", err)
	}
	if _, err := export("--dir", dir, "--force"); err != nil {
		t.Errorf("forced: %v", err)
	}
	if _, err := export(); err == nil {
		t.Error("nobody said where to")
	}
}
