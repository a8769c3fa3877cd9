package dashboards

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"picket/internal/influxd"
)

// rows runs one query as Grafana would and returns its rows, sorted, each as
// "column=value ..." in the order of the tags and columns; without times.
func rows(t *testing.T, s *influxd.Server, influxql string) []string {
	t.Helper()
	series, err := s.Query(t.Context(), influxql)
	if err != nil {
		t.Fatalf("%s: %v", influxql, err)
	}
	all := []string{}
	for _, one := range series {
		var head []string
		for k, v := range one.Tags {
			head = append(head, k+"="+v)
		}
		slices.Sort(head)
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
	slices.Sort(all)
	return all
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

// want is what each query of the overview must say of the staged world: by
// panel and query, for everybody and for a person who chose one client and one
// cloud. What is over time is in overTime.
func (w *world) want() map[string][2][]string {
	began, ended := ms(w.ago(201)), ms(w.ago(190))
	open := "id=01OPEN title=Azure, West Europe: outage state=confirmed confidence=confirmed start_ms=" + ms(w.ago(6)) + " end_ms=- detect_s=42.5"
	over := "id=01OVER title=beta/depot: lost contact state=resolved confidence=probable start_ms=" + began + " end_ms=" + ended + " detect_s=-"
	return map[string][2][]string{
		"1A": {{"down=1"}, {"down=0"}},
		"2A": {{"down=2"}, {"down=0"}},
		"3A": {{"in contact=3 of=4"}, {"in contact=2 of=2"}},
		"4A": {{"sites=2"}, {"sites=2"}},
		"4B": {{"ISPs=2"}, {"ISPs=2"}},
		"5A": {{"results=1012"}, {"results=12"}},
		"7A": {{"pregion=eu-west-1 provider=aws state=-1", "pregion=northeurope provider=azure state=1", "pregion=westeurope provider=azure state=4"}, {}},
		"8A": {{"provider=m365 service=exchange state=0"}, {"provider=m365 service=exchange state=0"}},
		"9A": {{"pregion=northeurope provider=azure service=front-door target=afd-neu state=1 down_sites=1 sites=11 down_networks=1 networks=7",
			"pregion=westeurope provider=azure service=front-door target=afd-weu state=4 down_sites=9 sites=11 down_networks=6 networks=7",
			"pregion=westeurope provider=azure service=storage target=blob-weu state=3 down_sites=5 sites=11 down_networks=4 networks=7"}, {}},
		"11A": {{"network=AS1 Alpha mean=63.636", "network=AS2 Beta mean=75", "network=AS3 Gamma mean=50"}, {"network=AS2 Beta mean=66.667"}},
		"12A": {{"client=acme failing=1 sites=2", "client=beta failing=1 sites=3"}, {"client=acme failing=0 sites=1"}},
		"13A": {{"pregion= provider=m365 mean=100", "pregion=eu-west-1 provider=aws mean=95", "pregion=northeurope provider=azure mean=100", "pregion=westeurope provider=azure mean=75"},
			{"pregion= provider=m365 mean=100"}},
		"15A": {{open, over}, {open, over}},
		"16A": {{"client=beta network=AS1 Alpha site=beta/office up=1", "client=beta network=AS3 Gamma site=beta/depot up=0"}, {}},
	}
}

// overTime are the queries that TestSeriesOverTime compares.
var overTime = []string{"6A", "10A", "10B", "14A"}

func TestEveryPanelShowsWhatIsTrue(t *testing.T) {
	w, s, b := staged(), started(t, influxd.Options{}), overview(t)
	w.write(t, s, "")
	everybody := view{from: w.now.Add(-24 * time.Hour), to: w.now}
	chosen := everybody
	chosen.vars = map[string][]string{"client": {"acme", "a.me"}, "provider": {"m365"}}
	want := w.want()
	for _, p := range b.Panels {
		for _, q := range p.Targets {
			id := strconv.Itoa(p.ID) + q.RefID
			if slices.Contains(overTime, id) {
				continue
			}
			expected, ok := want[id]
			if !ok {
				t.Errorf("panel %d %q, query %s: nobody says what it must show", p.ID, p.Title, q.RefID)
				continue
			}
			delete(want, id)
			for i, v := range []view{everybody, chosen} {
				got := rows(t, s, rendered(t, b, q.Query, v, p.TimeFrom, p.Interval))
				if !slices.Equal(got, expected[i]) {
					t.Errorf("panel %d %q, view %d:\ngot  %s\nwant %s", p.ID, p.Title, i, strings.Join(got, "\n     "), strings.Join(expected[i], "\n     "))
				}
			}
		}
	}
	for id := range want {
		t.Errorf("there is no query %s any more", id)
	}
}

func TestSeriesOverTime(t *testing.T) {
	w, s, b := staged(), started(t, influxd.Options{}), overview(t)
	w.write(t, s, "")
	v := view{from: w.now.Add(-24 * time.Hour), to: w.now}
	series := func(id string) map[string]map[int64]string {
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				if strconv.Itoa(p.ID)+q.RefID == id {
					return points(t, s, rendered(t, b, q.Query, v, p.TimeFrom, p.Interval))
				}
			}
		}
		t.Fatalf("there is no query %s", id)
		return nil
	}
	expect := func(id string, all map[string]map[int64]string, name string, at time.Time, want string) {
		t.Helper()
		if got, ok := all[name][at.UnixMilli()]; !ok || got != want {
			t.Errorf("%s, %q at %s: %q, want %q; series %v", id, name, at, got, want, len(all))
		}
	}
	regions, minute := series("10A"), func(n int) time.Time { return w.ago(n).Truncate(time.Minute) }
	if len(regions) != 3 {
		t.Errorf("timeline of %d regions", len(regions))
	}
	expect("10A", regions, "northeurope azure", minute(0), "1")
	expect("10A", regions, "northeurope azure", minute(2), "0")
	expect("10A", regions, "westeurope azure", minute(4), "4") // down for half of that minute
	expect("10A", regions, "westeurope azure", minute(8), "0")
	expect("10A", regions, "westeurope azure", minute(30), "-") // nothing was judged: a gap
	expect("10A", regions, "eu-west-1 aws", minute(120), "4")
	expect("10A", regions, "eu-west-1 aws", minute(116), "-")
	global := series("10B")
	if len(global) != 1 {
		t.Errorf("timeline of %d clouds with global services", len(global))
	}
	expect("10B", global, "m365", minute(2), "0")
	latency := series("14A")
	if len(latency) != 2 {
		t.Errorf("latency of %d clouds", len(latency))
	}
	expect("14A", latency, "azure", w.bucket, "190")
	expect("14A", latency, "azure", w.bucket.Add(-5*time.Minute), "-")
	expect("14A", latency, "m365", w.bucket, "70")
	age := series("6A")
	if len(age) != 1 || len(age[""]) != 1 {
		t.Errorf("newest judgement: %v", age)
	}
	expect("6A", age, "", w.ago(0), age[""][w.ago(0).UnixMilli()]) // its time is what the panel shows
}

// points returns series by the values of their tags, each by time.
func points(t *testing.T, s *influxd.Server, influxql string) map[string]map[int64]string {
	t.Helper()
	series, err := s.Query(t.Context(), influxql)
	if err != nil {
		t.Fatalf("%s: %v", influxql, err)
	}
	all := map[string]map[int64]string{}
	for _, one := range series {
		var names []string
		for _, tag := range []string{"pregion", "provider"} {
			if one.Tags[tag] != "" {
				names = append(names, one.Tags[tag])
			}
		}
		line := map[int64]string{}
		for _, row := range one.Values {
			at, err := row[0].(json.Number).Int64()
			if err != nil {
				t.Fatal(err)
			}
			line[at] = plain(row[1])
		}
		all[strings.Join(names, " ")] = line
	}
	return all
}

// TestADeadCollectorIsNotGreen looks five minutes after the last point.
func TestADeadCollectorIsNotGreen(t *testing.T) {
	w, s, b := staged(), started(t, influxd.Options{}), overview(t)
	w.write(t, s, "")
	v := view{from: w.now.Add(-24 * time.Hour), to: w.now.Add(5 * time.Minute)}
	asked := 0
	for _, p := range b.Panels {
		if p.TimeFrom != "3m" {
			continue
		}
		for _, q := range p.Targets {
			asked++
			if got := rows(t, s, rendered(t, b, q.Query, v, p.TimeFrom, p.Interval)); len(got) != 0 {
				t.Errorf("panel %d %q shows the past as the present: %v", p.ID, p.Title, got)
			}
		}
	}
	if asked < 8 {
		t.Errorf("only %d queries were asked", asked)
	}
}

func TestVariablesAndAnnotations(t *testing.T) {
	w, s, b := staged(), started(t, influxd.Options{}), overview(t)
	w.write(t, s, "")
	v := view{from: w.now.Add(-24 * time.Hour), to: w.now}
	offers := map[string][]string{
		"provider": {"key=provider value=aws", "key=provider value=azure", "key=provider value=m365"},
		"client":   {"key=client value=acme", "key=client value=beta"},
	}
	for _, one := range b.Templating.List {
		if one.Type != "query" {
			continue
		}
		if got := rows(t, s, rendered(t, b, one.Query, v, "", "")); !slices.Equal(got, offers[one.Name]) {
			t.Errorf("variable %s offers %v", one.Name, got)
		}
	}
	notes := map[string][]string{
		"Incidents": {"title=Azure, West Europe: outage kind=provider-region end_ms=-", "title=beta/depot: lost contact kind=site end_ms=" + ms(w.ago(190))},
		"Drills":    {"title=A drill kind=provider-region end_ms=" + ms(w.ago(299))},
	}
	for _, a := range b.Annotations.List {
		if got := rows(t, s, rendered(t, b, a.Target.Query, v, "", "")); !slices.Equal(got, notes[a.Name]) {
			t.Errorf("annotation %s: %v", a.Name, got)
		}
	}
}
