package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/docs"
	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", name, got, want)
	}
}

func findings() []uplink.Finding {
	return []uplink.Finding{
		{ID: "files", Level: uplink.LevelPass, Text: "fine"},
		{ID: "dns-collector", Level: uplink.LevelPass, Text: "picket.example.com -> 203.0.113.10 (12 ms, resolver 192.168.1.1)"},
		{ID: "quic", Level: uplink.LevelWarn, Code: "E104", Text: "UDP 4443: no reply in 3s", Means: "outgoing UDP looks blocked", Fix: "allow it"},
		{ID: "tcp", Level: uplink.LevelPass, Text: "TCP 4443: answered in 29 ms"},
		{ID: "clock", Level: uplink.LevelPass, Text: "0.4s fast"},
		{ID: "icmp4", Level: uplink.LevelSkip, Text: "not judged: see files"},
		{ID: "buffer", Level: uplink.LevelPass, Text: "18 GB free"},
	}
}

func TestJoinReadsAsItShould(t *testing.T) {
	res := uplink.EnrolResponse{Agent: "01J9", Client: "acme", Site: "acme/madrid", Network: fleet.Network{Name: "AS64500 Example Fibre"},
		Outlook: "an independent vote: the first site on this ISP", SeenFrom: netip.MustParseAddrPort("198.51.100.7:40000")}
	blocked := preflightFailure(uplink.Finding{ID: "collector", Level: uplink.LevelFail, Code: "E105", Text: "neither UDP nor TCP works", Means: "a firewall", Fix: "ask them"})
	for _, c := range []struct {
		name        string
		plain, json bool
		err         error
	}{
		{"enrolled", false, false, nil}, {"enrolled-plain", true, false, nil}, {"enrolled-json", false, true, nil},
		{"blocked", false, false, blocked}, {"blocked-plain", true, false, blocked}, {"blocked-json", false, true, blocked},
		{"waiting", false, false, explainRefusal(&uplink.Refusal{Code: "approval", Message: "the request waits for approval"})},
	} {
		var out bytes.Buffer
		tell := telling{out: &out, err: &out, plain: c.plain, json: c.json}
		tell.preflight(findings())
		if c.err == nil {
			tell.enrolled(res, agent.JoinOptions{Dir: "/var/lib/picket-agent"}, nil)
		}
		err := tell.end(c.err)
		if f, ok := errors.AsType[*failure](err); ok {
			fmt.Fprintln(&out, "error:", f)
		}
		exit := 0
		if f, ok := errors.AsType[found](err); ok {
			exit = int(f)
		} else if f, ok := errors.AsType[*failure](err); ok {
			exit = f.code
		}
		want := 0
		if c.err == blocked {
			want = exitNetwork
		}
		if exit != want {
			t.Errorf("%s: exit %d, want %d", c.name, exit, want)
		}
		text := regexp.MustCompile(`"generated_at": "[^"]*"`).ReplaceAllString(out.String(), `"generated_at": "NOW"`)
		golden(t, c.name+".txt", text)
	}
}

// TestEveryCodeHasItsPageAndItsExit holds the pages against the program.
func TestEveryCodeHasItsPageAndItsExit(t *testing.T) {
	o := agent.JoinOptions{Dir: "/x", Token: identity.Token{Addrs: []string{"a.example:4443"}}}
	_, _, e101 := tokenSource{args: []string{"pk1_abc"}}.read(nil)
	noRights := &failure{}
	if elevated() {
		noRights = &failure{exitPermission, "E109 x", nil, "y"} // root meets no refusal
	} else {
		noRights, _ = errors.AsType[*failure](explainState(fmt.Errorf("%w: %w", agent.ErrState, fs.ErrPermission), "/x"))
	}
	met := map[string]error{
		"E101": e101,
		"E102": explainEnrol(fmt.Errorf("enrol: %w", &uplink.Refusal{Code: "token_expired", Message: "it has expired"}), o),
		"E103": explainEnrol(fmt.Errorf("%w: x", agent.ErrNames), o),
		"E105": explainEnrol(&uplink.UnreachableError{Addr: "a"}, o),
		"E106": explainEnrol(fmt.Errorf("%w: found", identity.ErrPin), o),
		"E107": preflightFailure(uplink.Finding{ID: "clock", Code: "E107", Text: "slow", Means: "m", Fix: "f"}),
		"E108": explainEnrol(fmt.Errorf("dial: %w", uplink.ErrProxyAuth), o),
		"E109": noRights,
		"E110": preflightFailure(uplink.Finding{ID: "files", Code: "E110", Text: "gone", Means: "m", Fix: "f"}),
		"E111": explainEnrol(&uplink.Refusal{Code: "clone", Message: "m"}, o),
		"E112": explainEnrol(&uplink.Refusal{Code: "approval", Message: "m"}, o),
		"E113": explainEnrol(&uplink.Refusal{Code: "version", Message: "m"}, o),
	}
	for code, err := range met {
		f, ok := errors.AsType[*failure](err)
		if !ok || !strings.HasPrefix(f.what, code+" ") || f.fix == "" {
			t.Errorf("%s: %v", code, err)
			continue
		}
		if !strings.HasSuffix(f.Error(), "help: picket-agent help "+code) {
			t.Errorf("%s does not point to its page: %v", code, f)
		}
		page, ok := docs.Page(code)
		if !ok || !strings.Contains(page, fmt.Sprintf("\nExit code: %d", f.code)) {
			t.Errorf("%s: the program ends with %d, the page says\n%s", code, f.code, page)
		}
	}
	lines := strings.Split(strings.TrimSpace(docs.Codes()), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "W") }) // the Picket server's
	if len(lines) != 13 || !strings.HasPrefix(lines[0], "E101: ") || !strings.HasPrefix(lines[12], "E113: ") {
		t.Errorf("the codes are %q", lines)
	}
	for _, l := range lines {
		page, _ := docs.Page(l[:4])
		for _, part := range []string{"## What it says", "## Why", "## What to do", "Who can do it: ", "Is it tried again by itself: ", "Exit code: "} {
			if !strings.Contains(page, part) {
				t.Errorf("%s says nothing under %q", l[:4], part)
			}
		}
	}
}

func TestHelpKnowsCodesAndCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
		code int
	}{
		{[]string{"help", "E105"}, "# E105: ", 0},
		{[]string{"help", "e105"}, "# E105: ", 0},
		{[]string{"help", "codes"}, "E113: ", 0},
		{[]string{"help", "join"}, "--token-file", 0},
		{[]string{"help"}, "doctor", 0},
		{[]string{"help", "E999"}, "there is no code E999", exitUsage},
		{[]string{"help", "jion"}, "no command or code", exitUsage},
	} {
		var out bytes.Buffer
		if code := run(c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: exit %d: %s", c.args, code, out.String())
		}
	}
}

func TestTheTokenComesFromWhereItIsSaid(t *testing.T) {
	token := identity.Token{Addrs: []string{"a.example:4443"}, ID: "tok", Secret: bytes.Repeat([]byte{7}, 16)}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("\ufeff\r\n"+token.String()+"\r\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PICKET_TOKEN", "")
	for name, s := range map[string]tokenSource{"argument": {args: []string{token.String()}}, "file": {file: file}, "stdin": {args: []string{"-"}}} {
		got, note, err := s.read(strings.NewReader(token.String() + "\n"))
		if err != nil || got.ID != "tok" {
			t.Errorf("%s: %v", name, err)
		}
		if warned := strings.Contains(note, "read by every user"); warned != (name == "argument") {
			t.Errorf("%s: note %q", name, note)
		}
		if strings.Contains(note, "pk1_") {
			t.Errorf("%s: the note tells the token", name)
		}
	}
	t.Setenv("PICKET_TOKEN", token.String())
	if got, note, err := (tokenSource{}).read(nil); err != nil || got.ID != "tok" || note != "" {
		t.Errorf("environment: %v, %q", err, note)
	}
	if _, _, err := (tokenSource{args: []string{"x"}, file: file}).read(nil); err == nil {
		t.Error("two tokens are taken")
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, note, err := (tokenSource{file: file}).read(nil); err != nil || !strings.Contains(note, "chmod 600") {
		t.Errorf("a file that others can read: %v, %q", err, note)
	}
	addrs, err := resolved([]string{"a.example:4443", "192.0.2.1:5"}, []string{"203.0.113.10", "2001:db8::1"})
	if err != nil || fmt.Sprint(addrs) != "[203.0.113.10:4443 [2001:db8::1]:4443 192.0.2.1:5]" {
		t.Errorf("%v, %v", addrs, err)
	}
}

func TestThePublicResolversAreAddresses(t *testing.T) {
	for _, cmd := range []*cobra.Command{joinCommand(), doctorCommand()} {
		list, err := cmd.Flags().GetStringSlice("compare-dns")
		if err != nil || len(list) < 2 {
			t.Errorf("%s: %q, %v", cmd.Name(), list, err)
		}
		for _, s := range list {
			if _, err := netip.ParseAddr(s); err != nil {
				t.Errorf("%s: %v", cmd.Name(), err)
			}
		}
	}
}
