package collector

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/fleet"
	"picket/probes"
)

var (
	tick     = time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)
	twoTimes = &fleet.Config{ID: 7, Targets: []fleet.Target{{ID: "web"}, {ID: "own", Client: "acme"}},
		Checks: []fleet.Check{{ID: "web/http", Target: "web", Spec: probes.Spec{Kind: probes.HTTP}}, {ID: "web/ping", Target: "web", Spec: probes.Spec{Kind: probes.Ping}},
			{ID: "own/tcp", Target: "own", Spec: probes.Spec{Kind: probes.TCP}}}}
)

func one(check uint32, at time.Time, o probes.Outcome) *fleet.Batch {
	return &fleet.Batch{Records: []fleet.Record{{Check: check, Time: at, Result: probes.Result{Outcome: o, Total: 30 * time.Millisecond}}}}
}

// everybody is a fleet in which agents a1 of acme and b1 of globex are members.
func everybody(agent string) (fleet.Site, bool) {
	client := map[string]string{"a1": "acme", "b1": "globex"}[agent]
	return fleet.Site{ID: client + "/hq", Client: client, Region: "eu", Network: fleet.Network{Name: "AS64500 Example"}}, client != ""
}

func outcomes(all []web.Latest) (list []string) {
	for _, v := range all {
		list = append(list, v.Agent+" "+v.Check+" "+v.Outcome)
	}
	return list
}

func TestLatestIsTheNewestByTime(t *testing.T) {
	l := newLatest()
	l.saw("a1", twoTimes, one(0, tick, probes.Down), tick)
	l.saw("a1", twoTimes, one(0, tick.Add(-time.Minute), probes.Up), tick) // late, from the spool
	l.saw("b1", twoTimes, one(0, tick.Add(-time.Second), probes.Up), tick)
	l.saw("b1", twoTimes, one(0, tick.Add(time.Hour), probes.Down), tick) // the future
	l.saw("b1", twoTimes, one(99, tick, probes.Down), tick)               // no such check
	l.saw("gone", twoTimes, one(0, tick, probes.Down), tick)              // revoked since
	got := l.of(twoTimes.Targets[0], everybody)
	want := "[a1 web/http down b1 web/http up]"
	if s := fmt.Sprint(outcomes(got)); s != want {
		t.Fatalf("got %s, want %s", s, want)
	}
	if v := got[1]; v.Site != "globex/hq" || v.ISP != "AS64500 Example" || v.Region != "eu" || !v.At.Equal(tick.Add(-time.Second)) || v.Total != 30*time.Millisecond {
		t.Errorf("%+v", v)
	}
	l.forget("a1")
	if s := fmt.Sprint(outcomes(l.of(twoTimes.Targets[0], everybody))); s != "[b1 web/http up]" {
		t.Errorf("after forget: %s", s)
	}
}

func TestLatestOfAPrivateTargetIsItsClientsOnly(t *testing.T) {
	l := newLatest()
	l.saw("a1", twoTimes, one(2, tick, probes.Up), tick)
	l.saw("b1", twoTimes, one(2, tick, probes.Up), tick)
	if s := fmt.Sprint(outcomes(l.of(twoTimes.Targets[1], everybody))); s != "[a1 own/tcp up]" {
		t.Error(s)
	}
}

func TestLatestFollowsTheConfiguration(t *testing.T) {
	l := newLatest()
	l.saw("a1", twoTimes, one(0, tick, probes.Down), tick)
	l.saw("a1", twoTimes, one(2, tick, probes.Up), tick)
	next := &fleet.Config{ID: 8, Targets: twoTimes.Targets, Checks: []fleet.Check{twoTimes.Checks[2], {ID: "web/tls", Target: "web"}}}
	l.saw("b1", next, one(0, tick, probes.Up), tick)
	l.saw("a1", twoTimes, one(2, tick.Add(time.Second), probes.Degraded), tick) // made before the change
	l.saw("a1", twoTimes, one(0, tick.Add(time.Second), probes.Down), tick)     // a check that is no more
	if s := fmt.Sprint(outcomes(l.of(twoTimes.Targets[1], everybody))); s != "[a1 own/tcp degraded]" {
		t.Error(s)
	}
	if got := l.of(twoTimes.Targets[0], everybody); len(got) != 0 {
		t.Errorf("a check that is no more still shows: %v", outcomes(got))
	}
}

func row(at time.Time, check, region string, up, down uint64, mean time.Duration) store.Rollup {
	return store.Rollup{Start: at, Check: check, Region: region, Up: up, Down: down, Sum: time.Duration(up) * mean, Min: mean, Max: mean}
}

func TestPastMergesChecksButNotPings(t *testing.T) {
	all := []store.Rollup{
		row(tick, "web/http", "eu", 3, 1, 200*time.Millisecond), row(tick, "web/ping", "eu", 0, 9, 0), row(tick, "gone/http", "eu", 1, 0, 400*time.Millisecond),
		row(tick, "web/http", "us", 2, 0, 90*time.Millisecond), row(tick.Add(time.Minute), "web/http", "eu", 0, 4, 0),
	}
	read := func(_ context.Context, q store.RollupQuery) (out []store.Rollup, _ error) {
		for _, r := range all {
			if !r.Start.Before(q.From) && r.Start.Before(q.To) && !q.Hours && q.Target == "web" {
				out = append(out, r)
			}
		}
		return out, nil
	}
	got, err := past(t.Context(), read, twoTimes, tick, web.HistoryQuery{Target: "web", From: tick.Add(-30 * time.Minute), To: tick.Add(30 * time.Minute)})
	want := []web.Point{
		{At: tick, Step: time.Minute, Region: "eu", Good: 4, Bad: 1, Mean: 250 * time.Millisecond, Min: 200 * time.Millisecond, Max: 400 * time.Millisecond},
		{At: tick, Step: time.Minute, Region: "us", Good: 2, Mean: 90 * time.Millisecond, Min: 90 * time.Millisecond, Max: 90 * time.Millisecond},
		{At: tick.Add(time.Minute), Step: time.Minute, Region: "eu", Bad: 4},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\ngot  %v\nwant %v", err, got, want)
	}
}

func TestPastReadsWhatIsKeptForTheSpan(t *testing.T) {
	for span, want := range map[time.Duration]struct {
		hours bool
		step  time.Duration
	}{
		time.Hour:           {false, time.Minute},
		24 * time.Hour:      {false, 5 * time.Minute},
		7 * 24 * time.Hour:  {true, time.Hour},
		30 * 24 * time.Hour: {true, 3 * time.Hour},
	} {
		var covered time.Duration
		got, err := past(t.Context(), func(_ context.Context, q store.RollupQuery) ([]store.Rollup, error) {
			if q.Hours != want.hours {
				t.Errorf("%s: hours %v", span, q.Hours)
			}
			covered += q.To.Sub(q.From)
			return []store.Rollup{row(q.From, "web/http", "eu", 1, 0, time.Millisecond)}, nil
		}, twoTimes, tick, web.HistoryQuery{Target: "web", From: tick.Add(-span), To: tick})
		if err != nil || covered != span || len(got) == 0 || got[0].Step != want.step || len(got) > pastPoints {
			t.Errorf("%s: read %s, %d points, %v", span, covered, len(got), err)
		}
	}
	broken := errors.New("disk on fire")
	fails := func(context.Context, store.RollupQuery) ([]store.Rollup, error) { return nil, broken }
	if _, err := past(t.Context(), fails, twoTimes, tick, web.HistoryQuery{Target: "web", From: tick.Add(-time.Hour), To: tick}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := past(t.Context(), fails, twoTimes, tick, web.HistoryQuery{From: tick.Add(-100 * 365 * 24 * time.Hour), To: tick}); err == nil || errors.Is(err, broken) {
		t.Errorf("a century was read: %v", err)
	}
}

// BenchmarkLatest is what keeping the newest result adds to a result.
func BenchmarkLatest(b *testing.B) {
	cfg := &fleet.Config{ID: 1}
	for i := range 200 {
		cfg.Checks = append(cfg.Checks, fleet.Check{ID: fmt.Sprint("t/", i), Target: "t"})
	}
	batch := &fleet.Batch{Config: 1}
	for i := range 500 {
		batch.Records = append(batch.Records, fleet.Record{Check: uint32(i % 200), Result: probes.Result{Outcome: probes.Up, Total: time.Millisecond}})
	}
	l, at := newLatest(), tick
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		for i := range batch.Records {
			batch.Records[i].Time = at
		}
		l.saw("a1", cfg, batch, at)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/result")
}
