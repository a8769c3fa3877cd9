package spool

import (
	"fmt"
	"testing"
	"time"

	"picket/internal/fleet"
)

// BenchmarkAppend records n results per flush, durably.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("flush=%d", n), func(b *testing.B) {
			s := open(b, Options{Dir: b.TempDir(), FlushEvery: time.Hour, MaxBytes: 8 << 20})
			start := time.Now()
			i := 0
			for b.Loop() {
				for range n {
					i++
					if err := s.Append(1, 1, uint32(i%26), start.Add(time.Duration(i)*time.Millisecond), result(20_000+i*37%4000), false); err != nil {
						b.Fatal(err)
					}
				}
				if err := s.Flush(); err != nil {
					b.Fatal(err)
				}
			}
			st := s.Stats()
			b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(st.Syncs)/b.Elapsed().Seconds(), "fsyncs/s")
			b.ReportMetric(float64(s.Stats().Bytes)/float64(st.Pending), "B/record")
		})
	}
}

// BenchmarkNext reads a backlog of small frames in batches of 1000.
func BenchmarkNext(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	const records = 10_000
	for n := 0; n < records; n += 10 {
		fill(b, s, n, n+10)
	}
	for b.Loop() {
		drain(b, s, fleet.Mark{Run: s.run}, 1000)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
}
