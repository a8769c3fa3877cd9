package influxd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// configText is influxd's TOML. Strings go through %q: TOML's basic strings
// escape as Go does for the paths and addresses that stand here.
func configText(o Options, listen string) []byte {
	return fmt.Appendf(nil, `# Written at every start.
reporting-disabled = true
bind-address = "127.0.0.1:0"

[meta]
dir = %q

[data]
dir = %q
wal-dir = %q
index-version = "tsi1"
query-log-enabled = false

[http]
bind-address = %q
auth-enabled = %v
log-enabled = false
pprof-enabled = false

[logging]
format = "logfmt"
level = "info"
suppress-logo = true

[monitor]
store-enabled = false

[subscriber]
enabled = false
`, filepath.Join(o.Dir, "meta"), filepath.Join(o.Dir, "data"), filepath.Join(o.Dir, "wal"), listen, o.User != "")
}

// environ is the process's environment without what would override the config.
func environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "INFLUXDB_") {
			env = append(env, v)
		}
	}
	return env
}

const (
	listeningText = `msg="Listening on HTTP"`
	tailLines     = 10
	maxLine       = 4096 // longer log lines are cut
)

// logWatch reads influxd's log: it finds the address and keeps the last lines
// for an error. os/exec writes to it from one goroutine.
type logWatch struct {
	listening chan string // buffered by one; gets the address once

	mu    sync.Mutex // guards the fields below
	part  []byte     // of a line without its end yet
	lines []string
	found bool
}

func (w *logWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range p {
		switch {
		case b == '\n':
			w.line(string(w.part))
			w.part = w.part[:0]
		case len(w.part) < maxLine:
			w.part = append(w.part, b)
		}
	}
	return len(p), nil
}

// line takes one whole line; w.mu is held.
func (w *logWatch) line(l string) {
	w.lines = append(w.lines, l)
	w.lines = w.lines[max(0, len(w.lines)-tailLines):]
	if w.found || !strings.Contains(l, listeningText) {
		return
	}
	for field := range strings.FieldsSeq(l) {
		if addr, ok := strings.CutPrefix(field, "addr="); ok {
			w.found = true
			w.listening <- strings.Trim(addr, `"`)
			return
		}
	}
}

// tail returns the last lines.
func (w *logWatch) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}
