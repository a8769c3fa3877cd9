package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket/collector/alert"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestPreviews keeps what the command prints of every example. Read them aloud
// when they change.
func TestPreviews(t *testing.T) {
	show := func(file string, args ...string) string {
		var out bytes.Buffer
		if code := run(append([]string{"notify", "preview", "--zone", "Europe/Madrid"}, args...), &out, &out); code != 0 {
			t.Errorf("%v: exit %d: %s", args, code, out.String())
			return ""
		}
		path := filepath.Join("testdata", "preview", file)
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != string(want) {
			t.Errorf("%s differs; got:\n%s", path, out.String())
		}
		return out.String()
	}
	for _, e := range alert.Examples() {
		text := show(e.Name+".txt", "--example", e.Name)
		subject, _, _ := strings.Cut(text, "\n")
		if n := len([]rune(strings.TrimPrefix(subject, "Subject: "))); n > 110 {
			t.Errorf("%s: a subject of %d", e.Name, n)
		}
		if strings.Contains(text, "agent") {
			t.Errorf("%s speaks of agents:\n%s", e.Name, text)
		}
	}
	// What the other channels make of it is kept where they are made.
	for _, kind := range append(channelKinds(), "html") {
		args := []string{"notify", "preview", "--example", "provider-region", "--channel", kind}
		if kind == "html" {
			args = []string{"notify", "preview", "--example", "provider-region", "--html"}
		}
		var out bytes.Buffer
		if code := run(args, &out, &out); code != 0 || !strings.Contains(out.String(), "01KGF3M8Q2V7Q8J5T3Z4X6Y9AB") {
			t.Errorf("%s: exit %d: %s", kind, code, out.String())
		}
	}
}

func TestPreviewsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "at least one of the flags in the group [incident example] is required"},
		{[]string{"--example", "nothing"}, "there is no example nothing"},
		{[]string{"--example", "site", "--channel", "fax"}, "one of text, mail, slack"},
		{[]string{"--example", "site", "--zone", "Madrid"}, "Madrid is no time zone"},
		{[]string{"--example", "site", "--incident", "x"}, "none of the others can be"},
		{[]string{"--example", "site", "--route", "desk", "--data", t.TempDir()}, "no collector runs"},
	} {
		var out bytes.Buffer
		if code := run(append([]string{"notify", "preview"}, c.args...), &out, &out); code == 0 || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: exit %d: %s", c.args, code, out.String())
		}
	}
}
