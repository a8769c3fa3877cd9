package uplink

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/internal/uplink/wire"
)

// sentTimes remembers when heartbeats were sent, with the monotonic reading
// that the wire cannot carry.
type sentTimes struct {
	mu   sync.Mutex // guards the fields below
	last time.Time
	at   [4]time.Time // a pong that comes after four more heartbeats is no sample
	n    int
}

func (s *sentTimes) sent(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.at[s.n%len(s.at)] = t, t
	s.n++
}

// find returns the time that was sent as ns, once.
func (s *sentTimes) find(ns uint64) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.at {
		if !t.IsZero() && uint64(t.UnixNano()) == ns {
			s.at[i] = time.Time{}
			return t, true
		}
	}
	return time.Time{}, false
}

func (s *sentTimes) since(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.last)
}

// beat sends a heartbeat if one is due, and says when to look again. Any frame
// is a sign of life, so one is due only after a silence; but time samples and
// health must not starve behind a stream of results.
func (l *link) beat() (time.Duration, error) {
	quiet, sample := silence, sampleEvery
	if l.metered {
		quiet, sample = spareBeats, 6*sampleEvery
	}
	now := time.Now()
	spoke := now.Sub(time.Unix(0, l.spoke.Load()))
	if since := l.beats.since(now); spoke < quiet && since < sample {
		return max(time.Millisecond, min(quiet-spoke, sample-since)), nil
	}
	l.beats.sent(now)
	hb := &wire.Heartbeat{SentNs: uint64(now.UnixNano())}
	l.c.mu.Lock()
	if l.c.health != nil && !l.renewOnly {
		l.c.told = *l.c.health
		hb.Health = l.c.told.wire()
	}
	l.c.mu.Unlock()
	return quiet, l.writeFrame(&wire.ToCollector{Frame: &wire.ToCollector_Heartbeat{Heartbeat: hb}})
}

// pong takes a time sample.
func (l *link) pong(p *wire.Pong) {
	now := time.Now()
	if sent, ok := l.beats.find(p.GetEchoNs()); ok {
		l.c.clock.sample(sent, now, time.Unix(0, int64(p.GetReceivedNs())), time.Unix(0, int64(p.GetSentNs())))
	}
}

// readPackets hands over gossip.
func (l *link) readPackets(live context.Context) error {
	for {
		b, err := l.conn.ReceiveDatagram(live)
		if err != nil {
			return why(l.conn, err)
		}
		if len(b) > vaddrSize {
			l.c.o.Handler.Packet(netip.AddrFrom16([16]byte(b[:vaddrSize])), b[vaddrSize:])
		}
	}
}

// acceptStreams hands over the gossip streams that the collector relays.
func (l *link) acceptStreams(live context.Context, g *errgroup.Group) error {
	for {
		st, err := l.conn.AcceptStream(live)
		if err != nil {
			return why(l.conn, err)
		}
		g.Go(func() error {
			_ = st.SetReadDeadline(time.Now().Add(headerWait)) // it never fails
			kind, err := readKind(st)
			if err != nil || kind != kindRelay {
				refuse(st, streamUnknown)
				return nil
			}
			src, err := readAddr(st)
			if err != nil {
				refuse(st, streamRefused)
				return nil
			}
			_ = st.SetReadDeadline(time.Time{})
			l.c.o.Handler.Stream(src, &streamConn{stream: st, local: addressOf(l.me), remote: addressOf(src)})
			return nil
		})
	}
}
