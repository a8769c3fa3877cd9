package uplink

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"picket/internal/fleet"
)

// meter counts the UDP payload that a socket sends.
type meter struct {
	net.PacketConn
	sent *atomic.Int64
}

func (m meter) WriteTo(b []byte, to net.Addr) (int, error) {
	m.sent.Add(int64(len(b)))
	return m.PacketConn.WriteTo(b, to)
}

// conveyor is a source with exactly total results of a real site's kind, in
// batches of size.
type conveyor struct {
	site  *site
	size  int
	total uint64
	acked atomic.Uint64
	all   chan struct{} // closed when everything is acknowledged
}

func (c *conveyor) Runs() []Run { return []Run{{ID: 9, Oldest: 1, Newest: c.total}} }

func (c *conveyor) Acknowledge(m fleet.Mark) error {
	if c.acked.Swap(m.Seq) != m.Seq && m.Seq == c.total {
		close(c.all)
	}
	return nil
}

func (c *conveyor) Next(ctx context.Context, after fleet.Mark, _ int) (*fleet.Batch, error) {
	if after.Seq == c.total {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	b := c.site.batch(int(min(uint64(c.size), c.total-after.Seq)))
	b.Run = 9
	for i := range b.Records {
		b.Records[i].Seq = after.Seq + uint64(i) + 1
	}
	return b, nil
}

// BenchmarkDelivery sends results from a source over QUIC on loopback to a
// handler that keeps nothing, and waits for the last acknowledgement. Both ends
// and the making of the results share the CPU.
func BenchmarkDelivery(b *testing.B) {
	for _, size := range []int{100, 1000} {
		for _, way := range []string{TransportQUIC, TransportTCP} {
			b.Run(fmt.Sprint(way, "/", size), func(b *testing.B) {
				w := newWorld(b)
				var up, down atomic.Int64
				w.open = func() net.PacketConn { return meter{w.udp("127.0.0.1:0"), &up} }
				w.listen = func() net.PacketConn { return meter{w.udp("127.0.0.1:0"), &down} }
				if way == TransportTCP {
					w.overTCP()
					w.ways.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
						return tcpMeter{c, &up, &down}, err
					}
				}
				w.office.record = func(context.Context) error { return nil }
				defer w.serve()()
				a := w.agent("agent-1", time.Now())
				src := &conveyor{site: newSite(1), size: size, total: uint64(b.N), all: make(chan struct{})}
				a.client.o.Source = src
				b.ResetTimer()
				stop := w.run(a)
				<-src.all
				b.StopTimer()
				stop()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "results/s")
				b.ReportMetric(float64(up.Load())/float64(b.N), "B-up/result")
				b.ReportMetric(float64(down.Load())/float64(b.N), "B-down/result")
			})
		}
	}
}

// tcpMeter counts what goes over a TCP connection, without TCP's own headers.
type tcpMeter struct {
	net.Conn
	up, down *atomic.Int64
}

func (m tcpMeter) Write(b []byte) (int, error) {
	n, err := m.Conn.Write(b)
	m.up.Add(int64(n))
	return n, err
}

func (m tcpMeter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.down.Add(int64(n))
	return n, err
}

// BenchmarkServerPath is what the collector computes for each result between
// the stream and the handler, TLS aside: ns/op is CPU time per result.
func BenchmarkServerPath(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := newSite(1)
			batch := s.batch(size)
			raw, err := appendBatch(nil, batch)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += size {
				in, err := newFrameReader(bytes.NewReader(raw), maxFrame).next()
				if err != nil {
					b.Fatal(err)
				}
				got, err := DecodeBatch(in)
				if err != nil {
					b.Fatal(err)
				}
				if err := newOrder(nil).next(got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
