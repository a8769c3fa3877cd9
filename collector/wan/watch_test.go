package wan

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// street is a row of sites whose addresses answer, or not, in virtual time.
type street struct {
	w     *watch
	now   time.Time
	deaf  map[string]bool // its address does not answer
	asked map[string]int
	told  []verdict
}

func newStreet(sites int) *street {
	s := &street{w: newWatch(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), deaf: map[string]bool{}, asked: map[string]int{}}
	for i := range sites {
		s.w.seen(s.now, name(i), addr(i), true)
	}
	return s
}

func name(i int) string { return fmt.Sprintf("c/s%02d", i) }

func addr(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}) }

func (s *street) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(500 * time.Millisecond) {
		for _, q := range s.w.due(s.now) {
			s.asked[q.site]++
			way := Ping
			if s.deaf[q.site] {
				way = None
			}
			s.told = append(s.told, s.w.answered(s.now, q, way)...)
		}
	}
}

func TestASilentSiteWhoseAddressFellSilentTooIsDark(t *testing.T) {
	s := newStreet(4)
	s.pass(10 * time.Minute)
	s.deaf[name(1)] = true
	s.w.becomes(s.now, name(1), silent)
	began := s.now
	s.pass(30 * time.Second)
	if len(s.told) != 1 || s.told[0] != (verdict{name(1), false}) {
		t.Fatalf("told %v after %v", s.told, s.now.Sub(began))
	}
	s.pass(10 * time.Minute)
	if len(s.told) != 1 {
		t.Errorf("told again: %v", s.told)
	}
}

func TestASilentSiteWhoseAddressAnswersIsNotDark(t *testing.T) {
	s := newStreet(4)
	s.pass(10 * time.Minute)
	s.w.becomes(s.now, name(1), silent)
	s.pass(time.Minute)
	if len(s.told) != 1 || s.told[0] != (verdict{name(1), true}) {
		t.Fatalf("told %v", s.told)
	}
	s.deaf[name(1)] = true // later the line goes too
	s.pass(3 * time.Minute)
	if len(s.told) != 2 || s.told[1] != (verdict{name(1), false}) {
		t.Errorf("told %v", s.told)
	}
}

// TestOurOwnLineIsNoEvidence: when nobody answers, the trouble may be ours.
func TestOurOwnLineIsNoEvidence(t *testing.T) {
	for sites, what := range map[int]string{1: "nobody to compare with", 5: "all are deaf at once"} {
		s := newStreet(sites)
		s.pass(10 * time.Minute)
		for i := range sites {
			s.deaf[name(i)] = true
		}
		s.w.becomes(s.now, name(0), silent)
		s.pass(5 * time.Minute)
		if len(s.told) != 0 {
			t.Errorf("%s: told %v", what, s.told)
		}
		if sites == 1 {
			continue
		}
		s.deaf[name(3)] = false // our line is back, theirs is not
		s.pass(2 * time.Minute)
		if len(s.told) != 1 || s.told[0].answers {
			t.Errorf("%s: told %v when another answers again", what, s.told)
		}
	}
}

func TestAnAddressThatNeverAnsweredSaysNothing(t *testing.T) {
	s := newStreet(4)
	s.deaf[name(1)] = true
	s.pass(10 * time.Minute)
	s.w.becomes(s.now, name(1), silent)
	s.asked[name(1)] = 0
	s.pass(10 * time.Minute)
	if len(s.told) != 0 || s.asked[name(1)] != 0 {
		t.Errorf("told %v, asked %d times", s.told, s.asked[name(1)])
	}
}

// TestAnAddressThatGoesWithItsMachineNeverCounts: a goodbye gives it away.
func TestAnAddressThatGoesWithItsMachineNeverCounts(t *testing.T) {
	s := newStreet(4)
	s.pass(10 * time.Minute)
	s.w.becomes(s.now, name(1), stopped)
	s.pass(5 * time.Second)
	s.deaf[name(1)] = true // the machine is down now
	s.pass(5 * time.Minute)
	s.deaf[name(1)] = false
	s.w.seen(s.now, name(1), addr(1), true) // it is back
	s.pass(20 * time.Minute)
	s.deaf[name(1)] = true // and crashes
	s.w.becomes(s.now, name(1), silent)
	s.pass(10 * time.Minute)
	if len(s.told) != 0 {
		t.Errorf("told %v of an address that is the machine's own", s.told)
	}
	// An address that stays through a goodbye goes on counting.
	s.w.becomes(s.now, name(2), stopped)
	s.pass(10 * time.Minute)
	s.w.seen(s.now, name(2), addr(2), true)
	s.pass(10 * time.Minute)
	s.deaf[name(2)] = true
	s.w.becomes(s.now, name(2), silent)
	s.pass(time.Minute)
	if len(s.told) != 1 || s.told[0] != (verdict{name(2), false}) {
		t.Errorf("told %v", s.told)
	}
}

func TestWhoIsNotAsked(t *testing.T) {
	s := newStreet(0)
	s.w.seen(s.now, "own", netip.MustParseAddr("198.51.100.9"), false)
	s.w.seen(s.now, "loopback", netip.MustParseAddr("127.0.0.1"), true)
	s.w.seen(s.now, "link", netip.MustParseAddr("fe80::1"), true)
	s.w.seen(s.now, "router", netip.MustParseAddr("198.51.100.10"), true)
	s.pass(time.Hour)
	if len(s.asked) != 1 || s.asked["router"] == 0 {
		t.Errorf("asked %v", s.asked)
	}
}

func TestCalmTimesAreCheapForEverybody(t *testing.T) {
	s := newStreet(250)
	for i := range 100 {
		s.deaf[name(i)] = true // many routers do not answer
	}
	most, total := 0, 0
	for range 600 {
		before := total
		s.pass(time.Second)
		total = 0
		for _, n := range s.asked {
			total += n
		}
		most = max(most, total-before)
	}
	clear(s.asked)
	s.pass(time.Hour)
	for site, n := range s.asked {
		if n > 13 {
			t.Fatalf("%s was asked %d times in an hour of calm", site, n)
		}
	}
	if most > 2*rate {
		t.Errorf("%d questions in one second", most)
	}
}

func TestARunAsksAndTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deaf atomic.Bool
		told := make(chan string, 10)
		w := New(Options{
			Ask: func(_ context.Context, a netip.Addr, way Way) (Way, error) {
				if a == addr(7) {
					return None, fmt.Errorf("no permission")
				}
				if a == addr(0) && deaf.Load() {
					return None, nil
				}
				return TCP, nil
			},
			Tell: func(site string, answers bool) { told <- fmt.Sprint(site, " ", answers) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		w.Seen(name(0), addr(0), true)
		w.Seen(name(1), addr(1), true)
		w.Seen(name(7), addr(7), true)
		time.Sleep(10 * time.Minute)
		deaf.Store(true)
		w.Silent(name(0))
		w.Silent(name(7)) // could never be asked: nothing is known
		time.Sleep(time.Minute)
		cancel()
		<-ended
		if len(told) != 1 || <-told != name(0)+" false" {
			t.Error("wanted to be told that the first site's address is dark, and nothing else")
		}
	})
	var off *Watcher
	off.Seen("x", addr(1), true)
	off.Run(t.Context())
}
