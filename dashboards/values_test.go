package dashboards

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"picket/collector/influx"
	"picket/internal/influxd"
)

// rows runs one query as Grafana would and returns its rows, sorted, each as
// "column=value ..." in the order of the tags and columns; without times.
func rows(t *testing.T, s *influxd.Server, influxql string) []string {
	t.Helper()
	all := []string{}
	for _, one := range answer(t, s, influxql) {
		head := tagsOf(one)
		for _, values := range one.Values {
			row := slices.Clone(head)
			for i, c := range one.Columns {
				if c != "time" {
					row = append(row, c+"="+plain(values[i]))
				}
			}
			all = append(all, strings.Join(row, " "))
		}
	}
	return counted(all)
}

// counted sorts rows and writes those that are equal once, with their number.
func counted(rows []string) []string {
	slices.Sort(rows)
	all := []string{}
	for i := 0; i < len(rows); {
		n := 1
		for i+n < len(rows) && rows[i+n] == rows[i] {
			n++
		}
		if i += n; n > 1 {
			all = append(all, fmt.Sprintf("%d x %s", n, rows[i-1]))
		} else {
			all = append(all, rows[i-1])
		}
	}
	return all
}

// overTime runs one query and returns a line for each series: its tags, then the
// buckets (of UTC) that have the same value together, as "11:50-11:52=0". What is
// null is left out, so that it shows as a gap between buckets.
func overTime(t *testing.T, s *influxd.Server, influxql string, width time.Duration) []string {
	t.Helper()
	all := []string{}
	for _, one := range answer(t, s, influxql) {
		for i, c := range one.Columns {
			if c == "time" {
				continue
			}
			head := tagsOf(one)
			if len(one.Columns) > 2 {
				head = append(head, c)
			}
			if drawn := buckets(t, one.Values, i, width); drawn != "" {
				all = append(all, strings.TrimPrefix(strings.Join(head, " ")+":"+drawn, ": "))
			}
		}
	}
	slices.Sort(all)
	return all
}

func buckets(t *testing.T, values [][]any, column int, width time.Duration) (drawn string) {
	t.Helper()
	type run struct {
		from, to time.Time
		value    string
	}
	var runs []run
	for _, row := range values {
		ms, err := row[0].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		at, value := time.UnixMilli(ms).UTC(), plain(row[column])
		if value == "-" {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].value == value && at.Sub(runs[n-1].to) == width {
			runs[n-1].to = at
			continue
		}
		runs = append(runs, run{at, at, value})
	}
	for _, r := range runs {
		drawn += " " + clock(r.from)
		if !r.to.Equal(r.from) {
			drawn += "-" + clock(r.to)
		}
		drawn += "=" + r.value
	}
	return drawn
}

func clock(at time.Time) string {
	if at.Second() == 0 {
		return at.Format("15:04")
	}
	return at.Format("15:04:05")
}

func answer(t *testing.T, s *influxd.Server, influxql string) []influxd.Series {
	t.Helper()
	series, err := s.Query(t.Context(), influxql)
	if err != nil {
		t.Fatalf("%s: %v", influxql, err)
	}
	return series
}

func tagsOf(one influxd.Series) (head []string) {
	for k, v := range one.Tags {
		head = append(head, k+"="+v)
	}
	slices.Sort(head)
	return head
}

// plain writes a number with at most three decimals, null as "-".
func plain(v any) string {
	n, ok := v.(json.Number)
	if !ok {
		if v == nil {
			return "-"
		}
		return fmt.Sprint(v)
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return strconv.FormatFloat(float64(int64(f*1000+0.5*sign(f)))/1000, 'f', -1, 64)
}

func sign(f float64) float64 {
	if f < 0 {
		return -1
	}
	return 1
}

// told is what each query of a board must say of the staged world, by "title/query":
// for somebody who chose nothing, and for somebody who chose a few.
type told struct {
	chosen map[string][]string // by variable
	tables map[string][2][]string
}

// expected is a file for every board. The figures were checked by hand against
// what is staged: whoever changes one should do so too.
func expected(w *world) map[string]told {
	return map[string]told{
		"overview": toldOverview(w), "client": toldClient(w), "target": toldTarget(w), "fleet": toldFleet(w),
		"provider": toldProvider(w), "dns": toldDNS(w), "sla": toldSLA(w), "self": toldSelf(w),
	}
}

// same are two views that must say the same.
func same(rows ...string) [2][]string {
	return [2][]string{append([]string{}, rows...), append([]string{}, rows...)}
}

// both are what the first view and the second must say.
func both(all, chosen []string) [2][]string {
	return [2][]string{append([]string{}, all...), append([]string{}, chosen...)}
}

func TestEveryPanelShowsWhatIsTrue(t *testing.T) {
	w, s := staged(), started(t, influxd.Options{})
	w.write(t, s, "")
	want := expected(w)
	for name, b := range shipped(t) {
		name = strings.TrimSuffix(strings.TrimPrefix(name, home+"/"), ".json")
		board, ok := want[name]
		if !ok {
			t.Errorf("nobody says what the board %s must show", name)
			continue
		}
		views := [2]view{{from: w.now.Add(-24 * time.Hour), to: w.now}, {from: w.now.Add(-24 * time.Hour), to: w.now, vars: board.chosen}}
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				id := p.Title + "/" + q.RefID
				table, ok := board.tables[id]
				if !ok {
					t.Errorf("%s: %q: nobody says what it must show", name, id)
				}
				delete(board.tables, id)
				if len(table[0])+len(table[1]) == 0 {
					t.Errorf("%s: %q: nothing that is staged shows in it", name, id)
				}
				for i, v := range views {
					got := shown(t, s, b, p, q, v)
					if !slices.Equal(got, table[i]) {
						t.Errorf("%s: %q, view %d:\ngot  %s\nwant %s", name, id, i, strings.Join(got, "\n     "), strings.Join(table[i], "\n     "))
					}
				}
			}
		}
		for id := range board.tables {
			t.Errorf("%s: there is no query %q any more", name, id)
		}
	}
}

// shown is what a query of a panel says in a view.
func shown(t *testing.T, s *influxd.Server, b board, p panel, q query, v view) []string {
	t.Helper()
	influxql := rendered(t, b, q.Query, v, p.TimeFrom, p.Interval)
	if !strings.Contains(q.Query, "GROUP BY time(") {
		return rows(t, s, influxql)
	}
	width, err := time.ParseDuration(strings.Replace(p.Interval, "1d", "24h", 1))
	if err != nil {
		t.Fatalf("%q is drawn over time and has no least interval: %v", p.Title, err)
	}
	return overTime(t, s, influxql, width)
}

// TestADeadCollectorIsNotGreen looks five minutes after the last point.
func TestADeadCollectorIsNotGreen(t *testing.T) {
	w, s := staged(), started(t, influxd.Options{})
	w.write(t, s, "")
	v := view{from: w.now.Add(-24 * time.Hour), to: w.now.Add(5 * time.Minute)}
	asked := 0
	for name, b := range shipped(t) {
		for _, p := range b.Panels {
			if p.TimeFrom != "3m" {
				continue
			}
			for _, q := range p.Targets {
				asked++
				if got := rows(t, s, rendered(t, b, q.Query, v, p.TimeFrom, p.Interval)); len(got) != 0 {
					t.Errorf("%s: %q shows the past as the present: %v", name, p.Title, got)
				}
			}
		}
	}
	if asked < 20 {
		t.Errorf("only %d queries were asked", asked)
	}
}

func TestVariablesAndAnnotations(t *testing.T) {
	w, s := staged(), started(t, influxd.Options{})
	w.write(t, s, "")
	everybody := view{from: w.now.Add(-24 * time.Hour), to: w.now}
	chosen := everybody
	chosen.vars = map[string][]string{"client": {"acme"}, "provider": {"azure"}, "service": {"storage"}}
	offers := map[string][2]string{ // without and with a choice above it
		"provider": {"aws azure m365", "aws azure m365"},
		"client":   {"acme beta", "acme beta"},
		"site":     {"acme/branch acme/hq beta/closed beta/depot beta/office", "acme/branch acme/hq"},
		"service":  {"ec2 exchange front-door s3 storage", "front-door storage"},
		"pregion":  {"eu-west-1 northeurope westeurope", "westeurope"},
		"target":   {"afd-neu afd-weu blob-weu exo gone s3-ie", "afd-neu afd-weu blob-weu"},
	}
	notes := map[string][]string{
		"Incidents":        {"title=Azure, West Europe: outage kind=provider-region end_ms=-", "title=beta/depot: lost contact kind=site end_ms=" + ms(w.ago(190))},
		"Drills":           {"title=A drill kind=provider-region end_ms=" + ms(w.ago(299))},
		"Provider notices": {"title=Front Door: errors about=azure front-door westeurope end_ms=-", "title=S3 about=aws end_ms=" + ms(w.ago(380))},
	}
	for name, b := range shipped(t) {
		for _, one := range b.Templating.List {
			if one.Type != "query" {
				continue
			}
			for i, v := range []view{everybody, chosen} {
				var got []string
				for _, row := range rows(t, s, rendered(t, b, one.Query, v, "", "")) {
					_, value, _ := strings.Cut(row, " value=")
					got = append(got, value)
				}
				if strings.Join(got, " ") != offers[one.Name][i] {
					t.Errorf("%s: variable %s offers %v, view %d", name, one.Name, got, i)
				}
			}
		}
		for _, a := range b.Annotations.List {
			if got := rows(t, s, rendered(t, b, a.Target.Query, everybody, "", "")); !slices.Equal(got, notes[a.Name]) {
				t.Errorf("%s: annotation %s: %v", name, a.Name, got)
			}
		}
	}
}

// TestWhatCountsAsDown: mixed results and degraded do not, partly down does.
func TestWhatCountsAsDown(t *testing.T) {
	w := &world{now: time.Now().UTC().Truncate(24 * time.Hour).Add(-12*time.Hour + 2*time.Second)}
	for state, provider := range []string{"a", "b", "c", "d", "e"} {
		w.verdict(influx.Verdict{Time: w.ago(0), Provider: provider, Region: "r", Target: provider, State: state, Sites: 3, Networks: 3})
	}
	s := started(t, influxd.Options{})
	w.write(t, s, "")
	b := shipped(t)[home+"/overview.json"]
	for _, p := range b.Panels[:2] {
		v := view{from: w.now.Add(-time.Hour), to: w.now}
		if got := shown(t, s, b, p, p.Targets[0], v); !slices.Equal(got, []string{"down=2"}) {
			t.Errorf("%s: %v", p.Title, got)
		}
	}
}
