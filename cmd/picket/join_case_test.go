package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	errorCode  = regexp.MustCompile(`\bE1\d\d\b`)
	wholeToken = regexp.MustCompile(`pk1_[A-Za-z0-9_-]{8}`)
)

// codesIn lists the codes that a text tells, each once.
func codesIn(text string) []string {
	return slices.Compact(slices.Sorted(slices.Values(errorCode.FindAllString(text, -1))))
}

// joinCase runs a join and wants its code, its exit and nothing of its secret.
func joinCase(t *testing.T, cmd *exec.Cmd, code string, exit int, says ...string) string {
	t.Helper()
	out, got := run1(t, cmd)
	if got != exit || strings.Count(out, "error: "+code+" ") != 1 || strings.Count(out, "error:") != 1 || !strings.Contains(out, "\n  fix: ") {
		t.Errorf("%s: exit %d, want %d: %s", code, got, exit, out)
	}
	if !strings.Contains(out, "help: picket-agent help "+code) {
		t.Errorf("%s: no word of its page: %s", code, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			t.Errorf("%s: does not say %q: %s", code, s, out)
		}
	}
	if all := codesIn(out); len(all) != 1 || all[0] != code {
		t.Errorf("%s: tells %v: %s", code, all, out)
	}
	if wholeToken.MatchString(out) {
		t.Errorf("%s: tells the token: %s", code, out)
	}
	return out
}
