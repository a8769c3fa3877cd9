package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestValidateWarnsOfWhatFailsOnTheDay: a route that needs what is watched is
// exit code 10 until somebody says who is told in its place. No DNS is needed.
func TestValidateWarnsOfWhatFailsOnTheDay(t *testing.T) {
	validate := func(more string) (string, int) {
		path := filepath.Join(t.TempDir(), "picket.yaml")
		text := `include_catalogue: true
alerts:
- {name: teams, webhook: "https://prod-1.westeurope.logic.azure.com/T0K3N", secret_env: KEY}
` + more
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return run1(t, exec.Command(binary(t, "picket"), "config", "validate", path, "--no-environment"))
	}
	pager := `- {name: pager, webhook: "https://pager.msp.example/x", secret_env: KEY}
`
	for _, c := range []struct {
		more, says string
		code       int
	}{
		{"", "Add a route that does not need it", exitUnsure},
		{pager, "say so with fallback: pager.   [W301]", exitUnsure},
		{pager + "fallback: pager\n", "ok: ", 0},
	} {
		out, code := validate(c.more)
		if code != c.code || !strings.Contains(out, c.says) || strings.Contains(out, "T0K3N") {
			t.Errorf("with %q: exit %d, want %d and %q:\n%s", c.more, code, c.code, c.says, out)
		}
	}
	for _, code := range []string{"W301", "w302", "W310"} {
		if out, exit := run1(t, exec.Command(binary(t, "picket"), "help", code)); exit != 0 || !strings.HasPrefix(out, "# "+strings.ToUpper(code)+": ") {
			t.Errorf("help %s: exit %d\n%s", code, exit, out)
		}
	}
}
