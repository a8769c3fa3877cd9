package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

var config = fleet.Config{ID: 1,
	Targets: []fleet.Target{{ID: "web", Provider: "azure"}, {ID: "dns"}},
	Checks:  []fleet.Check{{ID: "web/http", Target: "web"}, {ID: "web/tcp", Target: "web"}, {ID: "dns/dns", Target: "dns"}}}

const bigRun = 0xfedcba9876543210 // does not fit into a signed integer

// batch makes records with the given seqs; everything about a record follows
// from its seq.
func batch(run uint64, seqs ...uint64) *fleet.Batch {
	b := &fleet.Batch{Run: run, Config: 1}
	for _, seq := range seqs {
		b.Records = append(b.Records, fleet.Record{Seq: seq, Check: uint32(seq % 3), Time: at.Add(time.Duration(seq) * 7 * time.Second),
			Result: probes.Result{Outcome: probes.Outcome(seq % 4), Total: time.Duration(seq) * time.Millisecond}})
	}
	return b
}

func span(from, to uint64) (seqs []uint64) {
	for s := from; s <= to; s++ {
		seqs = append(seqs, s)
	}
	return seqs
}

func deliver(t testing.TB, s *Store, ds ...Delivery) []Committed {
	t.Helper()
	out, err := s.Commit(context.Background(), ds)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// agree asserts that marks, minutes and hours count the same results.
func agree(t testing.TB, s *Store, results uint64) {
	t.Helper()
	total, err := s.Totals(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	minutes, hours, err := s.RollupTotals(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if total.Results != results || minutes != results || hours != results {
		t.Errorf("marks count %d results, minutes %d, hours %d; want %d", total.Results, minutes, hours, results)
	}
}

func TestEachResultCountsOnce(t *testing.T) {
	s := openAt(t, file(t))
	a := Delivery{Agent: "a", Region: "eu", Batch: batch(bigRun, span(1, 50)...), Config: &config}
	overlap := Delivery{Agent: "a", Region: "eu", Batch: batch(bigRun, span(31, 80)...), Config: &config}
	for range 2 { // the second time everything is a repeat
		deliver(t, s, a, a, overlap)
		deliver(t, s, overlap)
	}
	agree(t, s, 80)

	got := deliver(t, s, Delivery{Agent: "a", Batch: batch(bigRun, span(71, 90)...), Config: &config})[0]
	want := Committed{Mark: fleet.Mark{Run: bigRun, Seq: 90}, First: 10, New: 10}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// Another run and another agent with the same seqs are other results.
	deliver(t, s, Delivery{Agent: "a", Batch: batch(2, span(1, 5)...), Config: &config},
		Delivery{Agent: "b", Batch: batch(bigRun, span(1, 5)...), Config: &config})
	agree(t, s, 100)

	marks, err := s.Marks(t.Context(), "a", []uint64{2, bigRun, 77})
	slices.SortFunc(marks, func(x, y fleet.Mark) int { return int(x.Seq) - int(y.Seq) })
	if err != nil || !slices.Equal(marks, []fleet.Mark{{Run: 2, Seq: 5}, {Run: bigRun, Seq: 90}}) {
		t.Errorf("marks %v, %v", marks, err)
	}
}

func TestHolesAreCountedWithTheirReason(t *testing.T) {
	s := openAt(t, file(t))
	evicted := batch(1, 11, 12, 15) // 1-10 fell out; 13, 14 are missing without a word
	evicted.Gap = fleet.LossEvicted
	got := deliver(t, s, Delivery{Agent: "a", Batch: evicted, Config: &config})[0]
	if got.Lost != 12 || got.New != 3 || got.Mark.Seq != 15 {
		t.Errorf("got %+v", got)
	}
	late := batch(1, 15, 18) // overlaps, so its Gap speaks of nothing new; 16, 17 are missing
	late.Gap = fleet.LossExpired
	future := batch(1, 20)
	future.Gap = 200 // a reason of a later version
	corrupt := batch(9, 4)
	corrupt.Gap = fleet.LossCorrupt
	ds := []Delivery{{Agent: "a", Batch: late}, {Agent: "a", Batch: future}, {Agent: "a", Batch: corrupt}}
	deliver(t, s, ds...)
	deliver(t, s, ds...) // a repeat loses nothing again

	total, err := s.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{"evicted": 10, "unknown": 2 + 2 + 1, "corrupt": 3}
	if fmt.Sprint(total.Lost) != fmt.Sprint(want) {
		t.Errorf("lost %v, want %v", total.Lost, want)
	}
	agree(t, s, 6)
}

func TestRollupsSayWhatWasSeen(t *testing.T) {
	s := openAt(t, file(t))
	rec := func(seq uint64, check uint32, when time.Duration, o probes.Outcome, total time.Duration) fleet.Record {
		return fleet.Record{Seq: seq, Check: check, Time: at.Add(when), Result: probes.Result{Outcome: o, Total: total}}
	}
	first := &fleet.Batch{Run: 1, Records: []fleet.Record{
		rec(1, 0, 0, probes.Down, 5*time.Second),
		rec(2, 0, 59*time.Second, probes.Up, 30*time.Millisecond),
		rec(3, 0, 60*time.Second, probes.Degraded, 9*time.Second),
		rec(4, 99, 0, probes.Unknown, 0), // the config has no such check
	}}
	second := &fleet.Batch{Run: 2, Records: []fleet.Record{
		rec(1, 0, 10*time.Second, probes.Up, 10*time.Millisecond),
		rec(2, 0, 20*time.Second, probes.Outcome(9), 0), // an outcome of a later version
	}}
	deliver(t, s, Delivery{Agent: "a", Region: "eu", Batch: first, Config: &config})
	deliver(t, s, Delivery{Agent: "b", Region: "eu", Batch: second, Config: &config})
	deliver(t, s, Delivery{Agent: "c", Region: "us", Batch: batch(1, 3), Config: nil})

	got, err := s.Rollups(t.Context(), RollupQuery{Check: "web/http"})
	want := []Rollup{
		{Start: at, Check: "web/http", Target: "web", Region: "eu", Up: 2, Down: 1, Unknown: 1,
			Sum: 40 * time.Millisecond, Min: 10 * time.Millisecond, Max: 30 * time.Millisecond},
		{Start: at.Add(time.Minute), Check: "web/http", Target: "web", Region: "eu", Degraded: 1},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("minutes\n got %+v, %v\nwant %+v", got, err, want)
	}
	hours, err := s.Rollups(t.Context(), RollupQuery{Hours: true, Target: "web", From: at, To: at.Add(time.Hour)})
	if err != nil || len(hours) != 1 || hours[0].Up != 2 || hours[0].Degraded != 1 || hours[0].Down != 1 || hours[0].Min != 10*time.Millisecond {
		t.Errorf("hours %+v, %v", hours, err)
	}
	nameless, err := s.Rollups(t.Context(), RollupQuery{Check: "?99"})
	if err != nil || len(nameless) != 1 || nameless[0].Unknown != 1 {
		t.Errorf("a check without a name: %+v, %v", nameless, err)
	}
	agree(t, s, 7)
}

func TestAMalformedBatchHarmsNobodyElse(t *testing.T) {
	s := openAt(t, file(t))
	out := deliver(t, s,
		Delivery{Agent: "evil", Batch: batch(1, 2, 1)},
		Delivery{Agent: "evil", Batch: batch(1, 0)},
		Delivery{Agent: "evil", Batch: batch(1, 1<<63)},
		Delivery{Agent: "evil", Batch: &fleet.Batch{Run: 1}},
		Delivery{Agent: "good", Batch: batch(1, 1, 2), Config: &config})
	for _, c := range out[:4] {
		if !errors.Is(c.Err, ErrBatch) {
			t.Errorf("taken: %+v", c)
		}
	}
	if out[4].Err != nil || out[4].New != 2 {
		t.Errorf("the good one: %+v", out[4])
	}
	agree(t, s, 2)
}

func TestACancelledCommitLeavesNothing(t *testing.T) {
	s := openAt(t, file(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, []Delivery{{Agent: "a", Batch: batch(1, 1), Config: &config}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("commit: %v", err)
	}
	agree(t, s, 0)
	deliver(t, s, Delivery{Agent: "a", Batch: batch(1, 1), Config: &config})
	agree(t, s, 1)
}

// Agents at random repeat, overlap and skip, from several goroutines; the
// rollups must agree with a plain set of what was delivered.
func TestRandomDeliveriesAgreeWithASet(t *testing.T) {
	s := openAt(t, file(t))
	type id struct{ agent, run, seq uint64 }
	taken := make(chan map[id]bool)
	const agents = 4
	for a := range uint64(agents) {
		go func() {
			rng, mine := rand.New(rand.NewPCG(a, 1)), map[id]bool{}
			defer func() { taken <- mine }()
			mark := [2]uint64{}
			for range 60 {
				run := rng.Uint64N(2)
				from := mark[run] + 1 + rng.Uint64N(3) - min(mark[run], rng.Uint64N(6))
				b := batch(run, span(from, from+rng.Uint64N(20))...)
				if _, err := s.Commit(context.Background(), []Delivery{{Agent: fmt.Sprint(a), Batch: b, Config: &config}}); err != nil {
					t.Error(err)
					return
				}
				for _, r := range b.Records {
					if r.Seq > mark[run] {
						mine[id{a, run, r.Seq}] = true
						mark[run] = r.Seq
					}
				}
			}
		}()
	}
	total := 0
	for range agents {
		total += len(<-taken)
	}
	agree(t, s, uint64(total))
}

func TestPruneDeletesOnlyWhatHadItsTime(t *testing.T) {
	s := openAt(t, file(t))
	day := 24 * time.Hour
	b := &fleet.Batch{Run: 1}
	for i, age := range []time.Duration{400 * day, 390 * day, 15 * day, 14*day + time.Minute, 13 * day, 0} {
		b.Records = append(b.Records, fleet.Record{Seq: uint64(i + 1), Time: at.Add(-age)})
	}
	deliver(t, s, Delivery{Agent: "a", Batch: b, Config: &config})
	p, err := s.Prune(t.Context(), at)
	if err != nil || p.Minutes != 4 || p.Hours != 1 {
		t.Fatalf("pruned %+v, %v", p, err)
	}
	minutes, hours, err := s.RollupTotals(t.Context())
	if err != nil || minutes != 2 || hours != 5 {
		t.Errorf("left: %d minutes, %d hours, %v", minutes, hours, err)
	}
	if p, err := s.Prune(t.Context(), at); err != nil || p != (Pruned{}) {
		t.Errorf("again: %+v, %v", p, err)
	}
	// The marks stay as long as the runs may come back.
	if m, err := s.Marks(t.Context(), "a", []uint64{1}); err != nil || len(m) != 1 {
		t.Errorf("marks %v, %v", m, err)
	}
	if p, err := s.Prune(t.Context(), time.Now().Add(keepHours+day)); err != nil || p.Marks != 1 {
		t.Errorf("a year later: %+v, %v", p, err)
	}
}

// One transaction takes 1,000 records from 10 agents, 20 checks each.
func BenchmarkCommit(b *testing.B) {
	for _, synchronous := range []string{"FULL", "NORMAL"} {
		b.Run(synchronous, func(b *testing.B) {
			s, err := open(b.Context(), file(b), nil, migrations, synchronous)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			const agents, records, checks = 10, 100, 20
			cfg := &fleet.Config{}
			for i := range checks {
				cfg.Checks = append(cfg.Checks, fleet.Check{ID: fmt.Sprintf("target-%d/http", i), Target: fmt.Sprintf("target-%d", i)})
			}
			ds := make([]Delivery, agents)
			for a := range ds {
				ds[a] = Delivery{Agent: fmt.Sprintf("agent-%d", a), Region: []string{"eu", "us"}[a%2], Config: cfg,
					Batch: &fleet.Batch{Run: uint64(a), Records: make([]fleet.Record, records)}}
			}
			var seq uint64
			for b.Loop() {
				for i := range uint64(records) { // each agent asks 20 checks every 10 s
					for a := range ds {
						ds[a].Batch.Records[i] = fleet.Record{Seq: seq + i + 1, Check: uint32(i % checks),
							Time: at.Add(time.Duration(seq+i) * time.Second / 2), Result: probes.Result{Outcome: probes.Up, Total: 20 * time.Millisecond}}
					}
				}
				seq += records
				deliver(b, s, ds...)
			}
			b.ReportMetric(float64(b.N)*agents*records/b.Elapsed().Seconds(), "results/s")
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N)/agents/records, "us/result")
		})
	}
}
