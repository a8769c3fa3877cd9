package dashboards

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/cmd/picket/demo"
	"picket/collector/influx"
	"picket/internal/influxd"
)

// The demo was played once and what its collector wrote was recorded: a calm
// minute, a region of a cloud that is down, a site whose line is cut. Here the
// boards are asked what a person asks at each of these moments.

var record = flag.Bool("record", false, "play the demo and record what it writes, which takes two minutes")

const recording = "testdata/demo.lines.gz"

// TestRecordTheDemo does nothing unless it is asked to. The moments below belong to
// one recording: whoever records anew looks at what was printed, and sets them.
func TestRecordTheDemo(t *testing.T) {
	if !*record {
		return
	}
	var mu sync.Mutex
	var lines []string
	db := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(string(body)) {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer db.Close()
	if err := demo.Run(t.Context(), demo.Options{Once: true, Influx: db.URL, Page: "127.0.0.1:0", Out: os.Stderr, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(lines) // the same series together, which packs well
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, strings.Join(slices.Compact(lines), "\n")+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recording, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d lines, %d bytes", len(lines), out.Len())
}

var (
	stamps  = regexp.MustCompile(` (\d{13})$`)
	moments = regexp.MustCompile(`(start|end|since)_ms=(\d{13})i`)
)

// played writes the recording into a database as if its first judgement of the
// grid had been at yesterday's noon, and returns that time.
func played(t *testing.T, s *influxd.Server) time.Time {
	t.Helper()
	src, err := os.ReadFile(recording)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	first := int64(1) << 62
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "verdict,") && strings.Contains(line, "known=") {
			first = min(first, number(t, stamps.FindStringSubmatch(strings.TrimSpace(line))[1]))
		}
	}
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	shift := noon.UnixMilli() - first
	var out []byte
	for line := range strings.Lines(string(text)) {
		line = stamps.ReplaceAllStringFunc(strings.TrimSpace(line), func(m string) string { return " " + strconv.FormatInt(number(t, m[1:])+shift, 10) })
		line = moments.ReplaceAllStringFunc(line, func(m string) string {
			at := moments.FindStringSubmatch(m)
			return at[1] + "_ms=" + strconv.FormatInt(number(t, at[2])+shift, 10) + "i"
		})
		out = append(append(out, line...), '\n')
	}
	w, err := influx.New(influx.Options{URL: s.URL, Bucket: influxd.Database})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Write(t.Context(), out); err != nil || w.Stats().Refused != 0 {
		t.Fatalf("%v, %d refused", err, w.Stats().Refused)
	}
	return noon
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTheRecordedDemo asks what a person would look at: is all well, whose fault is
// it, what does the client with the broken line see, and was everybody told.
func TestTheRecordedDemo(t *testing.T) {
	s := started(t, influxd.Options{})
	noon := played(t, s)
	all := shipped(t)
	for _, scene := range scenes() {
		at := noon.Add(scene.after)
		v := view{from: at.Add(-15 * time.Minute), to: at, vars: scene.chosen}
		for _, want := range scene.tables {
			b := all[home+"/"+want.board+".json"]
			found := false
			for _, p := range b.Panels {
				for _, q := range p.Targets {
					if p.Title+"/"+q.RefID != want.query {
						continue
					}
					found = true
					if got := shown(t, s, b, p, q, v); !slices.Equal(got, want.rows) {
						t.Errorf("%s: %s, %q:\ngot  %s\nwant %s", scene.name, want.board, want.query, strings.Join(got, "\n     "), strings.Join(want.rows, "\n     "))
					}
				}
			}
			if !found {
				t.Errorf("%s: %s has no query %q", scene.name, want.board, want.query)
			}
		}
	}
}

// scene is a moment of the recording, and what the boards say then.
type scene struct {
	name   string
	after  time.Duration // the first judgement of the grid
	chosen map[string][]string
	tables []seen
}

type seen struct {
	board, query string
	rows         []string
}

func scenes() []scene {
	says := func(board, query string, rows ...string) seen { return seen{board, query, append([]string{}, rows...)} }
	return []scene{
		{name: "calm", after: -3500 * time.Millisecond, tables: []seen{
			says("overview", "Cloud regions down now/A", "down=0"),
			says("overview", "Services down now/A", "down=0"),
			says("overview", "Clouds and their regions now/A", cells("0")...),
			says("overview", "Not well now, and who agrees/A"),
			says("overview", "Clients, last 10 minutes/A", clients(0)...),
			says("client", "Each site's own line, last 10 minutes/A", wellLines()...),
		}},
		// Every site of every client fails towards one region, over lines that are well.
		{name: "a region is down", after: 5 * time.Second, tables: []seen{
			says("overview", "Cloud regions down now/A", "down=1"),
			says("overview", "Services down now/A", "down=2"),
			says("overview", "Sites in contact now/A", "in contact=12 of=12"),
			says("overview", "Sites and ISPs that vote now/A", "sites=12"),
			says("overview", "Sites and ISPs that vote now/B", "ISPs=6"),
			says("overview", "Clouds and their regions now/A", cells("4")...),
			says("overview", "Not well now, and who agrees/A",
				"pregion=west provider=nimbus service=compute target=nimbus-compute-west state=4 down_sites=12 sites=12 down_networks=6 networks=6",
				"pregion=west provider=nimbus service=storage target=nimbus-storage-west state=4 down_sites=12 sites=12 down_networks=6 networks=6"),
			says("overview", "Clients, last 10 minutes/A", clients(1)...),
			says("client", "Each site's own line, last 10 minutes/A", wellLines()...),
			says("provider", "At which layer it failed/A", "pregion=west provider=nimbus: 11:59-12:00=tcp"),
			says("fleet", "ISPs that vote, by where they see from, now/A", "vregion=ap ISPs=2", "vregion=eu ISPs=3", "vregion=us ISPs=2"),
			says("self", "Ready now/A", "ready=1"),
		}},
		// The region is well again. What the cut site could not ask is no cloud's fault.
		{name: "a site's line was cut", after: 65 * time.Second, chosen: map[string][]string{"client": {"cobalt"}, "target": {"cirrus-compute-east"}}, tables: []seen{
			says("overview", "Cloud regions down now/A", "down=0"),
			says("overview", "Not well now, and who agrees/A"),
			says("client", "Sites in contact now/A", "in contact=2 of=2"),
			says("client", "Each site's own line over time/A", "site=cobalt/austin: 11:55-12:00=100", "site=cobalt/denver: 11:55=100 12:00=78.125"),
			says("client", "Services that fail, last 10 minutes/A", "fail=0 of=24"),
			says("target", "Who gets an answer/A", "site=cobalt/austin: 11:55-12:00=100", "site=cobalt/denver: 11:55=100 12:00=84.615"),
			says("target", "Judged now/A", "state=0"),
			says("sla", "Coverage/A", "coverage=100"),
			says("self", "Alerts by route in the time shown/A", "channel=webhook result=sent route=helpdesk letters=3 tries=3 p95=104 slowest=104"),
			says("self", "Alerts given up/A", "given up=0 of=3"),
		}},
	}
}

// cells are those of the matrix: all ok but Nimbus west.
func cells(west string) (rows []string) {
	for _, region := range []string{"east", "north", "south", "west"} {
		for _, provider := range []string{"cirrus", "nimbus", "stratus"} {
			state := "0"
			if provider+region == "nimbuswest" {
				state = west
			}
			rows = append(rows, "pregion="+region+" provider="+provider+" state="+state)
		}
	}
	return rows
}

// clients are all with all their sites, of which that share sees a failure.
func clients(share int) (rows []string) {
	for _, c := range []struct {
		name  string
		sites int
	}{{"acme", 3}, {"borealis", 2}, {"cobalt", 2}, {"dune", 2}, {"ember", 3}} {
		rows = append(rows, fmt.Sprintf("client=%s failing=%d sites=%d", c.name, share*c.sites, c.sites))
	}
	return rows
}

// wellLines are the lines of all sites, by ISP.
func wellLines() (rows []string) {
	for _, l := range []string{"AS64496 Northnet site=acme/madrid", "AS64496 Northnet site=borealis/oslo", "AS64497 Westel site=acme/lisbon", "AS64497 Westel site=ember/osaka",
		"AS64498 Citylink site=acme/berlin", "AS64498 Citylink site=ember/hamburg", "AS64499 Atlanta Fiber site=borealis/boston", "AS64499 Atlanta Fiber site=cobalt/austin",
		"AS64500 Prairie Cable site=cobalt/denver", "AS64500 Prairie Cable site=dune/tucson", "AS64501 Straits site=dune/singapore", "AS64501 Straits site=ember/sydney"} {
		rows = append(rows, "network="+l+" mean=100")
	}
	return rows
}
