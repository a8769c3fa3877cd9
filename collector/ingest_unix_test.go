//go:build unix

package collector

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/internal/fleet"
	"picket/internal/uplink"
	"picket/probes"
)

// BenchmarkTake is what one result costs the collector, from the bytes of a
// batch to the acknowledgement: decoding, judging, rollups and
// marks with one fsync per group. InfluxDB and the QUIC stack are not in it, encoding the batch on the other side is.
func BenchmarkTake(b *testing.B) {
	const agents, perBatch = 10, 100
	k := newKitchen(b, agents)
	work, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { k.ingest.run(work) })
	wg.Go(func() { k.judge.run(work) })
	defer wg.Wait()
	defer stop()

	before := cpuTime(b)
	b.ResetTimer()
	var senders sync.WaitGroup
	for _, a := range k.agents {
		senders.Go(func() {
			for n := 0; n*perBatch*agents < b.N; n++ {
				src := k.batch(b, uint64(n*perBatch)+1, perBatch)
				batch, err := uplink.DecodeBatch(src)
				if err != nil {
					b.Error(err)
					return
				}
				if err := k.judge.observe(b.Context(), a.ID, batch); err != nil {
					b.Error(err)
					return
				}
				if err := k.ingest.take(b.Context(), a, batch, k.cfg); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	b.StopTimer()
	results := float64((b.N + perBatch*agents - 1) / (perBatch * agents) * perBatch * agents)
	b.ReportMetric(results/b.Elapsed().Seconds(), "results/s")
	b.ReportMetric(float64(cpuTime(b)-before)/results/1000, "cpu-us/result")
	b.ReportMetric(0, "ns/op")
}

// kitchen is the part of a collector that works on results.
type kitchen struct {
	cfg    *fleet.Config
	agents []store.Agent
	ingest *ingest
	judge  *judge
}

func newKitchen(tb testing.TB, agents int) *kitchen {
	tb.Helper()
	var text strings.Builder
	text.WriteString("providers: [{id: p}]\ntargets:\n")
	for i := range 24 {
		fmt.Fprintf(&text, "  - {id: t%d, provider: p, service: s%d, region: r%d, host: t%d.example, checks: [http]}\n", i, i%4, i%6, i)
	}
	file, err := config.Parse("bench.yaml", []byte(text.String()))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := store.Open(tb.Context(), filepath.Join(tb.TempDir(), "picket.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	cfg, _, err := s.SaveConfig(tb.Context(), file.Fleet(), "", nil, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	k := &kitchen{cfg: &cfg}
	for i := range agents {
		t, err := s.CreateToken(tb.Context(), store.NewToken{Client: "c", Site: fmt.Sprint(i), Region: "eu"})
		if err != nil {
			tb.Fatal(err)
		}
		a, err := s.Redeem(tb.Context(), t.ID, t.Secret, store.NewAgent{ID: fmt.Sprintf("agent-%d", i)}, time.Now())
		if err != nil {
			tb.Fatal(err)
		}
		k.agents = append(k.agents, a)
	}
	r, err := openRegistry(tb.Context(), s, file, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	engine := detect.New(detect.Options{})
	engine.SetConfig(time.Now(), cfg)
	engine.SetFleet(time.Now(), r.sites())
	k.judge = newJudge(engine, func(time.Time, detect.Event) {})
	k.ingest = newIngest(s, nil, r, slog.New(slog.DiscardHandler))
	return k
}

// batch encodes n records from first on.
func (k *kitchen) batch(tb testing.TB, first uint64, n int) []byte {
	b := &fleet.Batch{Run: 7, Config: k.cfg.ID, Network: 1}
	now := time.Now().Truncate(time.Millisecond)
	for i := range n {
		b.Records = append(b.Records, fleet.Record{
			Seq: first + uint64(i), Check: uint32(i % len(k.cfg.Checks)), Time: now.Add(time.Duration(i) * 10 * time.Millisecond),
			Result: probes.Result{Kind: probes.HTTP, Outcome: probes.Up, Total: 40 * time.Millisecond, DNS: 3 * time.Millisecond,
				Connect: 12 * time.Millisecond, TLS: 14 * time.Millisecond, TTFB: 11 * time.Millisecond, Code: 200, Family: 4},
		})
	}
	src, err := uplink.EncodeBatch(nil, b)
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

// TestAResultTakenTwiceCountsOnce delivers the same batch again, as an agent does
// whose acknowledgement was lost.
func TestAResultTakenTwiceCountsOnce(t *testing.T) {
	k := newKitchen(t, 1)
	work, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { k.ingest.run(work); close(done) }()
	defer func() { stop(); <-done }()
	for range 3 {
		batch, err := uplink.DecodeBatch(k.batch(t, 1, 50))
		if err != nil {
			t.Fatal(err)
		}
		if err := k.ingest.take(t.Context(), k.agents[0], batch, k.cfg); err != nil {
			t.Fatal(err)
		}
	}
	totals, err := k.ingest.store.Totals(t.Context())
	if err != nil || totals.Results != 50 {
		t.Errorf("50 results delivered three times count as %d (%v)", totals.Results, err)
	}
}

// cpuTime is the time all threads of this process have spent computing.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
