package house

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "picket"

// pkg is what `go list -json` tells of one package.
type pkg struct {
	ImportPath string
	Dir        string
	Doc        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json"}, args...)...)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go list: %s", exit.Stderr)
	}
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		all = append(all, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// within says whether path is the package tree rooted at one of roots.
func within(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool {
		return path == r || strings.HasPrefix(path, r+"/")
	})
}

// bans are arrows that must not exist: no package under from may import a
// package under to, except where a package under but does.
var bans = []struct {
	from, to []string
	but      []string
	why      string
}{
	{from: []string{"picket/agent"}, to: []string{"picket/collector"},
		why: "an agent must stay light, and must not judge for the fleet"},
	{from: []string{"picket/collector"}, to: []string{"picket/agent"},
		why: "the collector knows agents by the wire alone, so that versions may differ"},
	{from: []string{"picket/internal"}, to: []string{"picket/agent", "picket/collector", "picket/cmd"},
		why: "the shared floor carries both towers and leans on neither"},
	{from: []string{"picket/internal/cluster"}, to: []string{"picket/internal/uplink"},
		why: "gossip is given packets and streams; who carries them is not its business"},
	{from: []string{"picket/internal/uplink"}, to: []string{"picket/internal/cluster"},
		why: "the uplink carries gossip without understanding it"},
	{from: []string{"picket/probes"}, to: []string{"picket"}, but: []string{"picket/probes"},
		why: "a probe asks one question once and knows nothing of fleets"},
	{from: []string{"picket/internal/fleet"}, to: []string{"picket"}, but: []string{"picket/probes", "picket/internal/fleet"},
		why: "the nouns know only what a result is"},
	{from: []string{"picket/collector/store", "picket/collector/influx", "picket/collector/config"},
		to:  []string{"picket/collector"},
		but: []string{"picket/collector/store", "picket/collector/influx", "picket/collector/config"},
		why: "the doors of the collector do not know the rooms behind them; the collector wires"},
	{from: []string{"picket/collector/config/strict"}, to: []string{"picket"}, but: []string{"picket/collector/config/strict"},
		why: "how a file is read does not depend on what it says"},
	{from: []string{"picket/cmd/picket/simulate"},
		to:  []string{"picket/agent", "picket/collector", "picket/internal"},
		but: []string{"picket/agent/schedule", "picket/collector/config", "picket/collector/config/strict", "picket/collector/detect", "picket/collector/alert", "picket/internal/vantage", "picket/internal/fleet"},
		why: "a simulated world has judgement and time, and no wire, disk or page"},
	{from: []string{"picket/cmd/picket/simulate"}, to: []string{"net", "net/http", "os", "os/exec", "log", "log/slog", "database/sql", "crypto/rand"},
		why: "a run is a pure function of the scenario and its seed"},
	{from: []string{"picket/collector/detect", "picket/internal/vantage"},
		to: []string{"context", "net", "net/http", "os", "os/exec", "io", "log", "log/slog", "database/sql", "crypto/rand", "math/rand",
			"math/rand/v2", "sync", "sync/atomic", "syscall", "runtime"},
		why: "judgement is a pure function of votes, seats and time, or it cannot be simulated, replayed and trusted"},
	{from: []string{"picket/collector/detect"}, to: []string{"picket"},
		but: []string{"picket/collector/detect", "picket/internal/vantage", "picket/internal/fleet", "picket/probes"},
		why: "judgement knows nouns and votes, no door and no wire"},
	{from: []string{"picket/collector/inquiry"}, to: []string{"context", "net", "net/http", "os", "io", "log", "log/slog", "database/sql", "crypto/rand",
		"math/rand", "math/rand/v2", "sync", "sync/atomic", "syscall", "runtime"},
		why: "an answer is a pure function of what was seen, or nobody can repeat it"},
	{from: []string{"picket/collector/inquiry"}, to: []string{"picket"},
		but: []string{"picket/collector/inquiry", "picket/collector/detect", "picket/internal/fleet", "picket/probes"},
		why: "an answer knows votes and verdicts, no door and no wire"},
	{from: []string{"picket/collector/drill"}, to: []string{"context", "net", "net/http", "os", "io", "log", "log/slog", "database/sql", "crypto/rand",
		"math/rand", "math/rand/v2", "sync", "sync/atomic", "syscall", "runtime"},
		why: "what a drill plays is a pure function of the scenario, what was said and time, or nobody can repeat it"},
	{from: []string{"picket/collector/drill"}, to: []string{"picket"},
		but: []string{"picket/collector/drill", "picket/collector/detect", "picket/internal/vantage", "picket/internal/fleet", "picket/probes"},
		why: "a drill is played on what agents say, and knows no door, no page and no alert"},
	{from: []string{"picket/collector/presence"}, to: []string{"picket"}, but: []string{"picket/collector/presence"},
		why: "where a site is follows from who was seen where, and from no room that shows or stores it"},
	{from: []string{"picket/collector/presence"}, to: []string{"context", "net", "net/http", "os", "io", "log", "log/slog", "database/sql"},
		why: "bookkeeping with time as an argument, or a week cannot be played in a test"},
	{from: []string{"picket/collector/wan"}, to: []string{"picket"}, but: []string{"picket/collector/wan"},
		why: "whom to ask when, and what the answers mean, does not depend on how they are asked"},
	{from: []string{"picket/collector/independence"}, to: []string{"picket"}, but: []string{"picket/collector/independence"},
		why: "whose names are whose depends on no file, alert or page; the collector wires"},
	{from: []string{"picket/agent/traffic"}, to: []string{"picket"}, but: []string{"picket/agent/traffic", "picket/internal/fleet", "picket/probes"},
		why: "a budget is arithmetic on checks, and knows no agent"},
	{from: []string{"picket/agent/traffic"}, to: []string{"context", "net", "net/http", "os", "io", "log", "log/slog", "sync"},
		why: "a budget is arithmetic with time as an argument, or a month cannot be played in a test"},
	{from: []string{"picket/collector/official"}, to: []string{"picket"}, but: []string{"picket/collector/official"},
		why: "what a provider says of itself is read without knowing what we found, and so cannot be bent by it"},
	{from: []string{"picket/collector/detect", "picket/internal"}, to: []string{"picket/collector/official"},
		why: "a provider's word is late and its own: it is shown beside the verdict and never enters it"},
	{from: []string{"picket/collector/access"}, to: []string{"picket"}, but: []string{"picket/collector/access"},
		why: "who may come in depends on no room that is entered"},
	{from: []string{"picket/collector/web", "picket/collector/alert"},
		to:  []string{"picket/collector"},
		but: []string{"picket/collector/web", "picket/collector/alert", "picket/collector/detect", "picket/collector/access", "picket/collector/inquiry"},
		why: "page and alerts are shown what they show; the collector asks the doors for it"},
	{from: []string{"picket/collector/alert/notice", "picket/collector/alert/digest"},
		to: []string{"picket"}, but: []string{"picket/collector/alert", "picket/collector/detect"},
		why: "what is written to people follows from what is known, and from no door"},
	{from: []string{"picket/collector/alert/notice", "picket/collector/alert/digest"},
		to:  []string{"context", "net", "net/http", "os", "io", "log", "log/slog", "database/sql", "sync"},
		why: "a text is a pure function of its facts, or nobody can read it aloud in a test"},
	{from: []string{"picket/collector/alert"}, to: []string{"picket/collector/web", "picket/collector/access", "picket/collector/inquiry"},
		why: "an alert tells of an incident and of nothing else"},
	{from: []string{"picket/collector/alert/channel"}, to: []string{"picket"}, but: []string{"picket/collector/alert", "picket/collector/detect"},
		why: "a channel is handed a message, and asks nobody what it means"},
	{from: []string{"picket/internal/vantage"}, to: []string{"picket"},
		but: []string{"picket/internal/vantage", "picket/internal/fleet", "picket/probes"},
		why: "what a site may conclude by itself depends on what it saw, and on nothing else"},
	{from: []string{"picket/dashboards"}, to: []string{"picket"}, but: []string{"picket/dashboards"},
		why: "a board knows the database by its words, and no room that writes there"},
	{from: []string{"picket/cmd", "picket/collector", "picket/agent"}, to: []string{"picket/dashboards/boards", "picket/dashboards/grafana"},
		why: "the program carries the JSON; what makes it is run by whoever changes it"},
	{from: []string{"picket"}, to: []string{"testing"},
		why: "production code is not built on test packages"},
}

// exact lists the packages whose ban is about the path itself and not the tree
// under it ("net" is I/O, "net/netip" is arithmetic).
var exact = []string{"context", "net", "os", "io", "log", "sync", "runtime", "syscall", "testing"}

func hits(path string, to []string) bool {
	return slices.ContainsFunc(to, func(r string) bool {
		return path == r || (!slices.Contains(exact, r) && strings.HasPrefix(path, r+"/"))
	})
}

func TestArrowsPointDown(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, b := range bans {
			if !within(p.ImportPath, b.from...) {
				continue
			}
			for _, imp := range p.Imports {
				if hits(imp, b.to) && !within(imp, b.but...) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, b.why)
				}
			}
		}
	}
}

// doors says who may import a library. Whoever replaces the library changes
// that one room.
var doors = map[string][]string{
	"github.com/hashicorp/memberlist":          {"picket/internal/cluster"},
	"github.com/quic-go/quic-go":               {"picket/internal/uplink"},
	"github.com/hashicorp/yamux":               {"picket/internal/uplink"},
	"github.com/go-ping/ping":                  {"picket/probes"},
	"github.com/miekg/dns":                     {"picket/probes", "picket/cmd/picket/demo", "picket/collector/independence/names"},
	"github.com/influxdata/influxdb-client-go": {"picket/collector/influx"},
	"modernc.org/sqlite":                       {"picket/collector/store"},
	"github.com/goccy/go-yaml":                 {"picket/collector/config/strict"},
	"github.com/prometheus/client_golang":      {"picket/collector/web"},
	"github.com/kardianos/service":             {"picket/cmd/picket-agent/daemon"},
	"github.com/spf13/cobra":                   {"picket/cmd/picket", "picket/cmd/picket-agent"},
	"github.com/teambition/rrule-go":           {"picket/collector/config"},
	"github.com/wneessen/go-mail":              {"picket/collector/alert/channel"},
	"github.com/nicholas-fedor/shoutrrr":       {"picket/collector/alert/channel"},
	"golang.org/x/crypto/argon2":               {"picket/collector/access"},
	"golang.org/x/crypto/acme":                 {"picket/collector"},
	"golang.org/x/term":                        {"picket/cmd/picket"},
	"google.golang.org/protobuf":               {"picket/internal/uplink"},
	"github.com/klauspost/compress":            {"picket/internal/uplink", "picket/collector/influx"},
}

// TestAnAlertDoesNotKnowItsWay holds what a ban on a tree cannot: the channels
// are under the alerts, and the arrow between them points up.
func TestAnAlertDoesNotKnowItsWay(t *testing.T) {
	for _, p := range list(t, "./collector/alert") {
		if slices.Contains(p.Imports, "picket/collector/alert/channel") {
			t.Errorf("%s imports its channels: what is told must not depend on how it goes", p.ImportPath)
		}
	}
}

func TestEachLibraryHasOneDoor(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, imp := range p.Imports {
			for lib, rooms := range doors {
				if within(imp, lib) && !within(p.ImportPath, rooms...) {
					t.Errorf("%s imports %s, whose door is %s", p.ImportPath, imp, strings.Join(rooms, ", "))
				}
			}
		}
	}
}

func TestTheAgentStaysLight(t *testing.T) {
	never := map[string]string{
		"modernc.org/sqlite":                       "an agent keeps plain files",
		"github.com/influxdata/influxdb-client-go": "only the collector writes to InfluxDB",
		"github.com/goccy/go-yaml":                 "an agent is configured by its collector",
		"github.com/prometheus/client_golang":      "an agent opens no port to be scraped",
		"golang.org/x/net/idna":                    "tables of all scripts, larger than the doctor",
		"net/http/pprof":                           "no debug surface at a client's site",
		"picket/collector":                         "an agent must not judge",
	}
	for _, p := range list(t, "./cmd/picket-agent") {
		for _, dep := range p.Deps {
			for ban, why := range never {
				if within(dep, ban) {
					t.Errorf("picket-agent links %s: %s", dep, why)
				}
			}
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, p := range list(t, "./...") {
		if len(p.GoFiles) > 0 && len(strings.Fields(p.Doc)) < 5 && !generated(t, p) {
			t.Errorf("%s has no package doc that says what it is for", p.ImportPath)
		}
	}
}

func generated(t *testing.T, p pkg) bool {
	t.Helper()
	for _, f := range p.GoFiles {
		src, err := os.Open(filepath.Join(p.Dir, f))
		if err != nil {
			t.Fatalf("read %s: %v", f, err)
		}
		line, _ := bufio.NewReader(src).ReadString('\n')
		src.Close()
		if !strings.HasPrefix(line, "// Code generated") {
			return false
		}
	}
	return true
}

// TestPureRoomsAskNoClock holds what imports cannot show: the pure rooms are
// told the time, start no goroutine, and use the vocabulary of probes, never
// the probes themselves.
func TestPureRoomsAskNoClock(t *testing.T) {
	forbidden := map[string]string{
		"time.Now": "time is an argument", "time.Since": "time is an argument", "time.Until": "time is an argument",
		"time.Sleep": "a pure room does not wait", "time.After": "a pure room does not wait",
		"time.AfterFunc": "a pure room does not wait", "time.NewTimer": "a pure room does not wait",
		"time.NewTicker": "a pure room does not wait", "time.Tick": "a pure room does not wait",
		"probes.New": "a pure room asks nobody",
	}
	for _, p := range list(t, "./collector/detect", "./collector/inquiry", "./internal/vantage") {
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatalf("parse %s: %v", name, err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: starts a goroutine in a pure room", fset.Position(n.Pos()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok {
						if why, bad := forbidden[x.Name+"."+n.Sel.Name]; bad {
							t.Errorf("%s: %s.%s: %s", fset.Position(n.Pos()), x.Name, n.Sel.Name, why)
						}
					}
				}
				return true
			})
		}
	}
}

// TestNamesSayWhatIsInside refuses the rooms in which everything ends up.
func TestNamesSayWhatIsInside(t *testing.T) {
	vague := []string{"util", "utils", "common", "helpers", "helper", "misc", "types", "shared", "base"}
	for _, p := range list(t, "./...") {
		if last := p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:]; slices.Contains(vague, last) {
			t.Errorf("%s: a name that fits anything: put the code where it is used", p.ImportPath)
		}
		for _, f := range p.GoFiles {
			if slices.Contains(vague, strings.TrimSuffix(f, ".go")) {
				t.Errorf("%s: a name that fits anything: put the code where it is used", strconv.Quote(filepath.Join(p.Dir, f)))
			}
		}
	}
	if !strings.HasPrefix(list(t, "./internal/house")[0].ImportPath, module) {
		t.Fatal("this test looks at another module")
	}
}
