package uplink

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// clock estimates the collector's clock minus ours from round trips, as NTP
// does. A round trip that was quick could hardly be lopsided, so the quickest
// of the last minute is believed. One goroutine samples at a time.
type clock struct {
	tell    func(time.Duration)
	samples []sample
	offset  atomic.Int64 // nanoseconds
	told    bool
}

type sample struct {
	at     time.Time
	rtt    time.Duration
	offset time.Duration
}

const (
	clockWindow  = time.Minute
	clockSamples = 64
	// clockStep is how far our wall clock may run from our monotonic one
	// between two samples before somebody must have set it.
	clockStep = 100 * time.Millisecond
)

func newClock(tell func(time.Duration)) *clock { return &clock{tell: tell} }

// now is the estimate in force, 0 before the first.
func (c *clock) now() time.Duration { return time.Duration(c.offset.Load()) }

// sample takes one round trip: sent and got by our clock, received and answered
// by the collector's.
func (c *clock) sample(sent, got, received, answered time.Time) {
	rtt := got.Sub(sent) - answered.Sub(received) // got and sent carry monotonic readings
	if rtt < 0 || answered.Before(received) {
		return
	}
	if n := len(c.samples); n > 0 {
		last := c.samples[n-1].at
		if step := got.Round(0).Sub(last.Round(0)) - got.Sub(last); step.Abs() > clockStep {
			c.samples = c.samples[:0]
		}
	}
	c.samples = slices.DeleteFunc(c.samples, func(s sample) bool { return got.Sub(s.at) > clockWindow })
	if len(c.samples) >= clockSamples {
		c.samples = slices.Delete(c.samples, 0, 1)
	}
	there, back := received.Sub(sent.Round(0)), answered.Sub(got.Round(0))
	c.samples = append(c.samples, sample{at: got, rtt: rtt, offset: there/2 + back/2})
	best := slices.MinFunc(c.samples, func(a, b sample) int { return cmp.Compare(a.rtt, b.rtt) })
	if !c.told || best.offset != c.now() {
		c.told = true
		c.offset.Store(int64(best.offset))
		c.tell(best.offset)
	}
}
