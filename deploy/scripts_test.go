package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func scripts(t *testing.T, patterns ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, p := range patterns {
		names, err := filepath.Glob(p)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", p, names, err)
		}
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(src)
		}
	}
	return all
}

func TestShellScriptsAreShell(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	for name := range scripts(t, "install.sh", "rmm/*/*.sh", "agent/debian/*", "agent/rpm/*", "testdata/*.sh", "testdata/systemctl") {
		if out, err := exec.Command("sh", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestPowerShellScriptsAreClosed is what can be said without a PowerShell: strings
// and remarks end, brackets match, and every letter is ASCII, because Windows
// PowerShell reads a file without a mark in the machine's own code page.
func TestPowerShellScriptsAreClosed(t *testing.T) {
	for name, src := range scripts(t, "install.ps1", "rmm/*/*.ps1") {
		if why := unclosed(src); why != "" {
			t.Errorf("%s: %s", name, why)
		}
		for i, r := range src {
			if r > 126 {
				t.Errorf("%s: %q at %d is not ASCII", name, r, i)
				break
			}
		}
	}
	for _, bad := range []string{"if (1) {", "'a", "\"a`\"", "<# a", "(]", "\"$(a\""} {
		if unclosed(bad) == "" {
			t.Errorf("%s passes", bad)
		}
	}
}

// unclosed says what in a PowerShell text does not end, or "". It knows quotes,
// the backtick, remarks and expressions within strings.
func unclosed(src string) string {
	pairs := map[byte]byte{')': '(', ']': '[', '}': '{'}
	var open []byte // brackets, and " for a string that has an expression in it
	for i := 0; i < len(src); i++ {
		inString := len(open) > 0 && open[len(open)-1] == '"'
		switch c := src[i]; {
		case c == '`':
			i++
		case inString && c == '"':
			open = open[:len(open)-1]
		case inString && c == '$' && i+1 < len(src) && (src[i+1] == '(' || src[i+1] == '{'):
			open = append(open, src[i+1])
			i++
		case inString:
		case strings.HasPrefix(src[i:], "<#"):
			end := strings.Index(src[i:], "#>")
			if end < 0 {
				return "a remark does not end"
			}
			i += end + 1
		case c == '#':
			end := strings.IndexByte(src[i:], '\n')
			if end < 0 {
				end = len(src) - i
			}
			i += end
		case c == '\'':
			end := strings.IndexByte(src[i+1:], '\'')
			if end < 0 {
				return "a string does not end"
			}
			i += end + 1
		case c == '"', c == '(', c == '[', c == '{':
			open = append(open, c)
		case pairs[c] != 0:
			if len(open) == 0 || open[len(open)-1] != pairs[c] {
				return "a bracket has no partner: " + src[max(0, i-30):i+1]
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return "not closed: " + string(open)
	}
	return ""
}

// TestInstallersGiveNoTokenToAProgram holds that a token reaches the agent by the
// environment, which other users cannot see, and never by a flag of theirs.
func TestInstallersGiveNoTokenToAProgram(t *testing.T) {
	for name, src := range scripts(t, "install.sh", "install.ps1", "rmm/*/*.sh", "rmm/*/*.ps1") {
		for n, line := range strings.Split(src, "\n") {
			code, _, _ := strings.Cut(strings.TrimSpace(line), "#")
			if strings.Contains(code, "join") && strings.Contains(strings.ToLower(code), "$") && strings.Contains(strings.ToLower(code), "token") {
				t.Errorf("%s:%d: %s", name, n+1, line)
			}
		}
	}
}

// fakes are programs in the place of those that an installer calls: root's id, and
// a curl that notes its arguments and its proxy, and finds nothing.
func fakes(t *testing.T) (path, noted string) {
	t.Helper()
	dir := t.TempDir()
	noted = filepath.Join(dir, "noted")
	for name, text := range map[string]string{
		"id":   "#!/bin/sh\necho 0\n",
		"curl": "#!/bin/sh\necho \"args $*\" >>" + noted + "\necho \"proxy ${https_proxy:-none} past ${no_proxy:-none}\" >>" + noted + "\nexit 22\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir + string(filepath.ListSeparator) + os.Getenv("PATH"), noted
}

// TestAPipedInstallerTakesNothingFromTheCurrentFolder: whoever pipes it into sudo
// sh in /tmp must not install as root what another user has put there.
func TestAPipedInstallerTakesNothingFromTheCurrentFolder(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	path, noted := fakes(t)
	here := t.TempDir()
	for _, name := range []string{"sh", "SHA256SUMS"} {
		if err := os.WriteFile(filepath.Join(here, name), []byte("planted\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.Open("install.sh")
	if err != nil {
		t.Fatal(err)
	}
	defer script.Close()
	cmd := exec.Command(sh, "-s", "--", "--repair")
	cmd.Args[0] = "sh" // which is $0 in there
	cmd.Stdin, cmd.Dir, cmd.Env = script, here, []string{"PATH=" + path}
	out, err := cmd.CombinedOutput()
	asked, _ := os.ReadFile(noted)
	if err == nil || !strings.Contains(string(asked), "https://get.picket.example/SHA256SUMS") {
		t.Errorf("it asked %q: %v\n%s", asked, err, out)
	}
}

// TestInstallersGiveNoPasswordToAProgram holds that a proxy's password is in no
// list of processes, and that the proxy is used all the same.
func TestInstallersGiveNoPasswordToAProgram(t *testing.T) {
	const proxy = "http://ana:s3cr3t@10.0.0.5:3128"
	for script, args := range map[string][]string{"install.sh": {"--repair"}, "rmm/generic/install.sh": nil} {
		path, noted := fakes(t)
		cmd := exec.Command("sh", append([]string{script}, args...)...)
		cmd.Env = []string{"PATH=" + path, "PICKET_PROXY=" + proxy, "PICKET_FROM=https://place.example", "no_proxy=place.example"}
		out, err := cmd.CombinedOutput()
		asked, _ := os.ReadFile(noted)
		first, rest, _ := strings.Cut(string(asked), "\n")
		if err == nil || !strings.Contains(first, "https://place.example/") || strings.Contains(first, "s3cr3t") || strings.TrimSpace(rest) != "proxy "+proxy+" past none" {
			t.Errorf("%s asked %q: %v\n%s", script, asked, err, out)
		}
	}
}
