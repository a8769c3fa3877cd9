package uplink

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// site imitates what one agent records: 26 targets of mixed kinds, one check
// each, every 10 s.
type site struct {
	rnd    *rand.Rand
	checks []siteCheck
}

type siteCheck struct {
	kind   probes.Kind
	addr   netip.Addr
	edge   string
	body   int
	grows  bool // the body is never the same size twice
	days   int
	medium [5]float64 // median of each phase in microseconds
}

func newSite(seed uint64) *site {
	s := &site{rnd: rand.New(rand.NewPCG(seed, 1))}
	kinds := []probes.Kind{probes.HTTP, probes.DNS, probes.TLS, probes.TCP, probes.Ping}
	for i := range 26 {
		c := siteCheck{
			kind: kinds[i%len(kinds)], days: 20 + s.rnd.IntN(300), body: 200 + s.rnd.IntN(40_000), grows: s.rnd.IntN(2) == 0,
			addr: netip.AddrFrom4([4]byte{20, byte(s.rnd.IntN(256)), byte(s.rnd.IntN(256)), byte(i + 1)}),
		}
		switch {
		case c.kind == probes.DNS:
			c.addr = netip.MustParseAddr("192.168.1.1") // the site's resolver answers them all
		case i%8 == 7:
			c.addr = netip.MustParseAddr(fmt.Sprintf("2603:1030:%x::%x", s.rnd.IntN(65536), i+1))
		}
		if c.kind == probes.HTTP && i%2 == 0 {
			c.edge = fmt.Sprintf("MAD5%d-P%d", i%3, i%4)
		}
		for p := range c.medium {
			c.medium[p] = 5000 * math.Pow(16, s.rnd.Float64()) // 5 to 80 ms
		}
		s.checks = append(s.checks, c)
	}
	return s
}

// phase draws a duration around the median of phase p: log-normal, sigma 0.1.
func (s *site) phase(c *siteCheck, p int) time.Duration {
	return time.Duration(c.medium[p]*math.Exp(0.1*s.rnd.NormFloat64())) * time.Microsecond
}

// batch returns n consecutive records, of which 0.3 % fail.
func (s *site) batch(n int) *fleet.Batch {
	b := &fleet.Batch{Run: s.rnd.Uint64(), Config: 17, Network: 4}
	start := time.UnixMilli(1_790_000_000_000).UTC()
	for i := range n {
		round, check := i/len(s.checks), i%len(s.checks)
		due := time.Duration(round)*10*time.Second + time.Duration(check)*10*time.Second/time.Duration(len(s.checks))
		b.Records = append(b.Records, fleet.Record{
			Seq: uint64(120_000 + i), Check: uint32(check),
			Time:   start.Add(due + time.Duration(s.rnd.IntN(3))*time.Millisecond).Truncate(time.Millisecond),
			Result: s.result(&s.checks[check]),
		})
	}
	return b
}

func (s *site) result(c *siteCheck) probes.Result {
	r := probes.Result{Kind: c.kind, Outcome: probes.Up, Addr: c.addr, Family: 4, Edge: c.edge}
	if c.addr.Is6() {
		r.Family = 6
	}
	r.DNS = s.phase(c, 0)
	rest := time.Duration(30+s.rnd.IntN(60)) * time.Microsecond
	switch c.kind {
	case probes.HTTP:
		r.Connect, r.TLS, r.TTFB = s.phase(c, 1), s.phase(c, 2), s.phase(c, 3)
		r.Code, r.HasCert, r.CertDays, r.Bytes = 200, true, c.days, c.body
		if c.grows {
			r.Bytes += s.rnd.IntN(64)
		}
		rest += time.Duration(s.rnd.IntN(400)) * time.Microsecond
	case probes.TLS:
		r.Connect, r.TLS = s.phase(c, 1), s.phase(c, 2)
		r.HasCert, r.CertDays = true, c.days
	case probes.TCP:
		r.Connect = s.phase(c, 1)
	case probes.Ping:
		r.RTT, r.Jitter, r.Sent, r.Received = s.phase(c, 1), (s.phase(c, 2) / 20).Truncate(time.Microsecond), 3, 3
		rest += 100*time.Millisecond + 20*time.Microsecond
	}
	if s.rnd.Float64() < 0.003 {
		r.TLS, r.TTFB, r.RTT, r.Jitter, r.Received, r.Code, r.Bytes, r.HasCert, r.CertDays = 0, 0, 0, 0, 0, 0, 0, false, 0
		r.Connect, r.Outcome, r.Cause = 3*time.Second, probes.Down, probes.TCPTimeout
		r.Err = "dial tcp " + c.addr.String() + ": i/o timeout"
	}
	for _, d := range phasesOf(&r) {
		r.Total += d
	}
	r.Total += rest - r.Jitter
	return r
}

var batchSizes = []int{1, 3, 100, 1000}

func BenchmarkEncodeBatch(b *testing.B) {
	for _, n := range batchSizes {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			var batches []*fleet.Batch
			for seed := range uint64(8) {
				batches = append(batches, newSite(seed).batch(n))
			}
			var buf []byte
			bytes := 0
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				var err error
				if buf, err = EncodeBatch(buf[:0], batches[i%len(batches)]); err != nil {
					b.Fatal(err)
				}
				bytes += len(buf)
			}
			b.ReportMetric(float64(bytes)/float64(b.N*n), "B/result")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/result")
		})
	}
}

func BenchmarkDecodeBatch(b *testing.B) {
	for _, n := range batchSizes {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			src, err := EncodeBatch(nil, newSite(1).batch(n))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeBatch(src); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/result")
		})
	}
}
