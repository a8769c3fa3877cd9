package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fence is a block of commands in a page of docs/install. Its info string says
// who runs it: "run" is run here, after everything was removed if "fresh" follows;
// "run=wine", "run=server" and "run=grafana" elsewhere; "not-run: REASON" by nobody.
type fence struct{ info, text string }

func fences(t *testing.T, page string) []fence {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("../docs/install", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []fence
	open := false
	for line := range strings.Lines(string(src)) {
		mark, isMark := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isMark && !open:
			all, open = append(all, fence{info: mark}), true
		case isMark:
			open = false
		case open:
			all[len(all)-1].text += strings.TrimSpace(line) + "\n"
		}
	}
	return all
}

func TestEveryCommandOfThePagesIsRunOrSaysWhyNot(t *testing.T) {
	pages, err := os.ReadDir("../docs/install")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for _, b := range fences(t, page.Name()) {
			language, how, _ := strings.Cut(b.info, " ")
			known := map[string]bool{"run": true, "run fresh": true, "run=wine": true, "run=server": true, "run=grafana": true}
			_, reason, not := strings.Cut(how, "not-run: ")
			if language == "" || !known[how] && (!not || len(reason) < 10) {
				t.Errorf("%s: nobody runs, and no reason says why not (%q):\n%s", page.Name(), b.info, b.text)
			}
		}
	}
}

// TestTheCommandsOfThePages runs them in a copy of this machine's file system
// that is thrown away, against a server and a place for packages on loopback.
func TestTheCommandsOfThePages(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("it builds server and agent")
	case os.Geteuid() != 0:
		t.Skip("only root can install a package")
	case runtime.GOARCH != "amd64":
		t.Skip("the pages name the packages of amd64")
	}
	for _, tool := range []string{"unshare", "setpriv", "chroot", "useradd", "jq", "curl", "apt"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := packages(t)
	binary := picket(t)
	s := newServer(t, binary)
	place := httptest.NewServer(nil)
	defer place.Close()
	place.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		src, err := os.ReadFile(filepath.Join(dir, filepath.Base(r.URL.Path)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/install.sh") {
			src = []byte(strings.ReplaceAll(string(src), "https://get.picket.example", place.URL))
		}
		w.Write(src)
	})
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(sums)
	work := t.TempDir()
	var steps strings.Builder
	n := 0
	for _, page := range []string{"linux.md", "offline.md", "container.md"} {
		for _, b := range fences(t, page) {
			if b.info != "sh run" && b.info != "sh run fresh" {
				continue
			}
			text := strings.NewReplacer("https://get.picket.example", place.URL, "VERSION", agentVersion, "SUM\n", hex.EncodeToString(sum[:])+"\n",
				"10.0.0.5:3128", "127.0.0.1:9", "pk1_...", s.token(t, "madrid")).Replace(b.text)
			n++
			if err := os.WriteFile(filepath.Join(work, fmt.Sprint(n)), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&steps, "%d %s %s\n", n, page, strings.TrimPrefix(b.info, "sh "))
		}
	}
	if n < 9 {
		t.Fatalf("only %d blocks are run", n)
	}
	if err := os.WriteFile(filepath.Join(work, "token"), []byte(s.token(t, "lisbon")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "steps"), []byte(steps.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, "unshare", "--mount", "--propagation", "private", "sh", "-eu", "testdata/docs.sh", dir, work).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("%d blocks were run", n)) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, b := range fences(t, "rmm.md") {
		if b.info == "sh run=server" {
			cmd := command(t, "sh", "-euc", b.text)
			cmd.Env = append(os.Environ(), "PICKET_DATA="+s.data, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
			if out := output(t, cmd); !strings.Contains(out, "pk1_") {
				t.Errorf("no token: %s", out)
			}
		}
	}
}
