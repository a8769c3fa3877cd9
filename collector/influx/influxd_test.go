package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/influxd"
	"picket/probes"
)

// These tests meet a real InfluxDB 1.8.10.

// binary asks the toolchain once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // it may have to be built first
	defer cancel()
	return influxd.Build(ctx)
})

func server(t testing.TB, o influxd.Options) *influxd.Server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o.Dir, o.Binary = t.TempDir(), path
	s, err := influxd.StartWith(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

// today is near enough for the retention.
func today() time.Time { return time.Now().Add(-time.Hour).Truncate(time.Millisecond) }

func one(t *testing.T, s *influxd.Server, query string) influxd.Series {
	t.Helper()
	series, err := s.Query(t.Context(), query)
	if err != nil || len(series) != 1 {
		t.Fatalf("%s: %d series, %v", query, len(series), err)
	}
	return series[0]
}

func points(t *testing.T, s *influxd.Server, measurement string) int64 {
	t.Helper()
	n, err := s.CountPoints(t.Context(), measurement)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRealExactValues(t *testing.T) {
	s := server(t, influxd.Options{})
	w := writer(t, Options{URL: s.URL})
	r := full
	r.Time = today()
	r.Result.Outcome, r.Result.Cause = probes.Down, probes.HTTPBody
	r.Result.Err = `it said "no" \ twice \` + "\nand é漢"
	names := Tags{Client: `a,b=c d`, Site: `ends\`, Agent: `é漢`, VRegion: `C:\x`}
	if err := w.Write(t.Context(), AppendProbe(nil, names, network, check, target, r)); err != nil {
		t.Fatal(err)
	}
	got := one(t, s, `SELECT * FROM probe`)
	row := map[string]any{}
	for i, c := range got.Columns {
		if v := got.Values[0][i]; v != nil {
			row[c] = v
		}
	}
	n := func(v int64) any { return json.Number(fmt.Sprint(v)) }
	want := map[string]any{"time": n(r.Time.UnixMilli()), "agent": `é漢`, "check": "afd-weu/http", "client": `a,b=c d`, "family": "4", "kind": "http",
		"network": "AS3352 Telefonica", "pregion": "westeurope", "provider": "azure", "service": "front-door", "site": `ends\_`, "target": "afd-weu", "vregion": `C:\x`,
		"outcome": n(3), "up": n(0), "cause": "http_body", "dns_us": n(1500), "connect_us": n(12000), "tls_us": n(25000), "ttfb_us": n(31000), "total_us": n(70000),
		"code": n(200), "cert_days": n(-3), "bytes": n(5120), "edge": "MAD", "addr": "192.0.2.1", "err": `it said "no" \ twice \ and é漢`}
	if !reflect.DeepEqual(row, want) {
		t.Errorf("got  %v\nwant %v", row, want)
	}
	types := map[any]any{}
	keys := one(t, s, `SHOW FIELD KEYS FROM probe`)
	for _, k := range keys.Values {
		types[k[0]] = k[1]
	}
	for field, kind := range map[string]string{"outcome": "integer", "up": "integer", "total_us": "integer", "err": "string"} {
		if types[field] != kind {
			t.Errorf("%s is stored as %v", field, types[field])
		}
	}
	if err := w.Health(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRealEveryMeasurementIsTaken(t *testing.T) {
	s := server(t, influxd.Options{})
	w := writer(t, Options{URL: s.URL})
	at := today()
	b := AppendVerdict(nil, Verdict{Time: at, Scope: "region", Provider: "azure", State: 4, Grid: true, Known: true})
	b = AppendIncident(b, Incident{ID: "01J", Opened: at, Title: "T", Detect: 3 * time.Second})
	b = AppendAgent(b, Agent{Time: at, Agent: "a", CPU: 1})
	// Later states: whole seconds and per cents must stay floats.
	b = AppendIncident(b, Incident{ID: "01J", Opened: at, Title: "T2", Detect: 3500 * time.Millisecond, End: at.Add(time.Minute)})
	b = AppendAgent(b, Agent{Time: at.Add(time.Second), Agent: "a", CPU: 1.5})
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for m, want := range map[string]int64{"verdict": 1, "incident": 1, "agent": 2} {
		if n := points(t, s, m); n != want {
			t.Errorf("%s: %d points, want %d", m, n, want)
		}
	}
	if title := one(t, s, `SELECT title FROM incident`).Column("title")[0]; title != "T2" {
		t.Errorf("title %v", title)
	}
}

func probeLines(n int, at time.Time) (b []byte) {
	for i := range n {
		b = AppendProbe(b, tags, network, check, target, fleet.Record{Time: at.Add(time.Duration(i) * time.Millisecond), Result: full.Result})
	}
	return b
}

func TestRealRewritingChangesNothing(t *testing.T) {
	s := server(t, influxd.Options{})
	w := writer(t, Options{URL: s.URL})
	b := probeLines(1000, today())
	for range 3 {
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if n := points(t, s, "probe"); n != 1000 {
			t.Fatalf("%d points", n)
		}
	}
}

func TestRealTypeConflictIsSetAside(t *testing.T) {
	s := server(t, influxd.Options{})
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	w := writer(t, Options{URL: s.URL, DeadLetter: path})
	at := today()
	good := probeLines(400, at)
	if err := w.Write(t.Context(), probeLines(1, at)); err != nil { // fixes the types
		t.Fatal(err)
	}
	conflict := fmt.Sprintf("probe,agent=x outcome=1.5 %d\n", at.UnixMilli())
	garbage := "this is no line protocol\n"
	if err := w.Write(t.Context(), []byte(garbage+string(good)+conflict)); err != nil {
		t.Fatal(err)
	}
	if n := points(t, s, "probe"); n != 400 {
		t.Errorf("%d points", n)
	}
	var conflicts, parse int
	for _, l := range letters(t, path) {
		switch {
		case l.Line+"\n" == conflict && strings.Contains(l.Reason, "field type conflict"):
			conflicts++
		case l.Line+"\n" == garbage && strings.Contains(l.Reason, "unable to parse"):
			parse++
		default:
			t.Errorf("set aside: %+v", l)
		}
	}
	if conflicts != 1 || parse != 1 {
		t.Errorf("%d conflicts, %d unreadable", conflicts, parse)
	}
}

func TestRealTooOldIsSetAsideAtOnce(t *testing.T) {
	s := server(t, influxd.Options{})
	w := writer(t, Options{URL: s.URL, DeadLetter: filepath.Join(t.TempDir(), "dead.jsonl")})
	if err := w.Write(t.Context(), probeLines(500, today().Add(-60*24*time.Hour))); err != nil {
		t.Fatal(err)
	}
	if got := w.Stats(); got.Refused != 500 || got.Requests != 1 {
		t.Errorf("stats %+v", got)
	}
}

func TestRealAuthentication(t *testing.T) {
	s := server(t, influxd.Options{User: "picket", Password: "right-password"})
	at := today()
	for token, good := range map[string]bool{"picket:right-password": true, "picket:wrong-password": false, "": false} {
		w := writer(t, Options{URL: s.URL, Token: token})
		err := w.Write(t.Context(), probeLines(1, at))
		alarm, isAlarm := errors.AsType[*AlarmError](err)
		if good != (err == nil) || good == isAlarm || isAlarm && alarm.Status != 401 {
			t.Errorf("token %q: %v", token, err)
		}
		if err != nil && strings.Contains(err.Error(), "password") && strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("the token is in %v", err)
		}
	}
	for _, bucket := range []string{"nowhere", "picket/nonsense"} {
		w := writer(t, Options{URL: s.URL, Token: "picket:right-password", Bucket: bucket})
		if _, ok := errors.AsType[*AlarmError](w.Write(t.Context(), probeLines(1, at))); !ok {
			t.Errorf("bucket %s does not alarm", bucket)
		}
	}
	if n := points(t, s, "probe"); n != 1 {
		t.Errorf("%d points", n)
	}
}

func TestRealKilledServerIsBusyThenTakesTheRest(t *testing.T) {
	s := server(t, influxd.Options{})
	w := writer(t, Options{URL: s.URL})
	at := today()
	b := probeLines(200, at)
	if err := w.Write(t.Context(), probeLines(100, at)); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*BusyError](w.Write(t.Context(), b)); !ok {
		t.Error("a killed server is not busy")
	}
	if err := w.Health(t.Context()); err == nil {
		t.Error("a killed server is healthy")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n := points(t, s, "probe"); n != 200 {
		t.Errorf("%d points", n)
	}
}

func BenchmarkWriteReal(b *testing.B) {
	s := server(b, influxd.Options{})
	w := writer(b, Options{URL: s.URL})
	at := today()
	for b.Loop() {
		if err := w.Write(b.Context(), probeLines(1000, at)); err != nil {
			b.Fatal(err)
		}
		at = at.Add(time.Second)
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "points/s")
}
