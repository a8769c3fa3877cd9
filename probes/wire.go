package probes

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
)

// What a probe costs its line, for those who pay by the byte: counted where the
// bytes pass through our hands, estimated where they do not. Sizes are those of
// IP packets, both directions, with the headers of IPv4 (20), TCP with timestamps
// (32), UDP (8) and ICMP (8).
const (
	tcpHead    = 52   // of a segment, and an acknowledgement as a whole
	udpHead    = 28   // of a datagram
	tcpLife    = 7    // packets that open and close a connection
	segment    = 1400 // bytes of payload in a full segment
	lookupCost = 300  // a question and an answer by the operating system's resolver, both address types now and then
	echoCost   = 104  // an echo request of 24 bytes and its reply
)

// meter counts the bytes of one probe.
type meter struct{ bytes atomic.Int64 }

// meterKey finds the meter of a probe in its context: a connection is opened in
// several places, and each dials with the probe's context.
type meterKey struct{}

// counting wraps dial, so that what passes over its connections is counted.
func counting(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		t, _ := ctx.Value(meterKey{}).(*meter)
		conn, err := dial(ctx, network, addr)
		if t == nil {
			return conn, err
		}
		tcp := strings.HasPrefix(network, "tcp")
		if err != nil {
			if tcp {
				t.bytes.Add(2 * tcpHead) // asked, and asked again or refused
			}
			return conn, err
		}
		if tcp {
			t.bytes.Add(tcpLife * tcpHead)
		}
		return &countedConn{Conn: conn, meter: t, tcp: tcp}, nil
	}
}

// countedConn counts what is read and written. The other direction's
// acknowledgements, one for two segments, are estimated.
type countedConn struct {
	net.Conn
	meter *meter
	tcp   bool
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.count(n)
	return n, err
}

func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.count(n)
	return n, err
}

func (c *countedConn) count(n int) {
	switch {
	case n <= 0:
	case c.tcp:
		segments := (n + segment - 1) / segment
		c.meter.bytes.Add(int64(n + segments*tcpHead + (segments+1)/2*tcpHead))
	default:
		c.meter.bytes.Add(int64(n + udpHead))
	}
}

// wired writes what the probe has cost.
func (r *run) wired() {
	n := r.meter.bytes.Load()
	if r.res.DNS > 0 && (r.spec.Resolver == "" && r.spec.Kind != DNS || r.spec.Kind == DNS && n == 0) {
		n += lookupCost
	}
	n += int64(r.res.Received*echoCost + (r.res.Sent-r.res.Received)*echoCost/2)
	r.res.Wire = int(n)
}

// Cost is an estimate of what one probe of s costs its line, in bytes of IP
// packets in both directions: for planning, before anything was measured. The
// sizes are those of handshakes and answers of large sites: a chain of three
// certificates makes a TLS handshake of 5.5 kB, an answer to a health check is
// 1.5 kB.
func Cost(s Spec) int {
	lookup := lookupCost
	switch s.Kind {
	case DNS:
		return lookup
	case Ping:
		return lookup + echoCost*max(s.Packets, defaultPackets)
	case TCP:
		return lookup + tcpLife*tcpHead
	case TLS:
		return 5_800
	case HTTP:
		if s.Plain {
			return 2_200
		}
		return 7_300
	}
	return 0
}
