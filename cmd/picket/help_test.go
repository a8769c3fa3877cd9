package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestHelpKnowsCodesAndCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
		code int
	}{
		{[]string{"help", "E103"}, "# E103: ", 0},
		{[]string{"help", "codes"}, "E113: ", 0},
		{[]string{"help", "token", "create"}, "--client", 0},
		{[]string{"help"}, "collector", 0},
		{[]string{"help", "E999"}, "there is no code E999", exitUsage},
		{[]string{"help", "tokn"}, "no command or code", exitUsage},
	} {
		var out bytes.Buffer
		if code := run(c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: exit %d: %s", c.args, code, out.String())
		}
	}
}
