package detect

import (
	"testing"
	"time"
)

// A sibling of a target in alarm belongs to the same trouble if it fails like it,
// not if three chance failures have put it on the way to an alarm of its own.
func TestASiblingMustFailLikeTheAlarm(t *testing.T) {
	var w pools
	w.weigh(time.Unix(0, 0))
	const minute = 60_000
	feed := func(every int, last int) *pool { // a minute of 12 sites; every n-th of the last ones fails
		p, pairs := &pool{}, make([]tried, 12)
		for i := range 72 {
			at := int64(i) * minute / 72
			p.feed(&w, &pairs[i%12], at, at, 4, i >= 72-last && i%every == 0, 0)
		}
		return p
	}
	half, tenth := feed(2, 72), feed(10, 72)
	for name, k := range map[string]struct {
		p, alarmed *pool
		want       bool
	}{
		"the same share":           {feed(2, 72), half, true},
		"a third of it":            {feed(6, 72), half, true},
		"three at last":            {feed(8, 24), half, false},
		"three at last, few there": {feed(8, 24), tenth, false},
		"four at last, few there":  {feed(5, 20), tenth, true},
		"none":                     {feed(2, 0), tenth, false},
	} {
		if got := k.p.like(&w, minute-1, k.alarmed); got != k.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	over := feed(2, 72)
	for i := range 30 {
		over.minute(minute+int64(i)*700, 1, false)
	}
	if feed(2, 72).like(&w, minute+20_000, over) {
		t.Error("an alarm that is over takes in others")
	}
}

// A vantage region is not told of what the rest of the fleet has as well.
func TestARegionDoesNotRingForEverybody(t *testing.T) {
	for name, k := range map[string]struct {
		rest int // every n-th request of the other regions fails
		want bool
	}{
		"the rest is well":            {0, true},
		"one of the rest fails":       {150, true},
		"the rest fails like it":      {16, false},
		"the rest fails even oftener": {8, false},
	} {
		f := newFeeder(feederSites(18, 9), 1)
		f.round(never)
		e, tg := f.e, f.e.targetByID["aws-storage-r1"]
		r := e.pools.regions["us"]
		p, at := &tg.regional[r], f.now
		for i := range 240 { // a minute; every eighth request of the region fails
			at = at.Add(250 * time.Millisecond)
			s := e.sites[i%len(e.sites)]
			in := s.poolRegion == r
			failed := in && i%16 == 1 || !in && k.rest > 0 && i%k.rest == 0
			tg.pool.feed(&e.pools, &s.pairs[tg.i].target, ms(at), ms(at), 4, failed, 0)
			if in {
				p.feed(&e.pools, &s.pairs[tg.i].region, ms(at), ms(at), 4, failed, 0)
			}
		}
		for _, s := range e.sites {
			e.Health(at, s.ID+"-1", Health{RefsOK: 5, RefsAsked: 5, Voting: true})
		}
		e.poolAlarm(at, tg, p, r)
		if got := p.alarm > 0; got != k.want {
			n, d := p.lately(ms(at), poolSlots)
			N, D := tg.pool.lately(ms(at), poolSlots)
			t.Errorf("%s: %v; %d of %d there, %d of %d in all", name, got, d, n, D, N)
		}
	}
}

// The pools narrow it, once they have blamed one region for a minute.
func TestPartialIsNarrowedByThePools(t *testing.T) {
	f := newFeeder(feederSites(12, 6), 1)
	f.round(never)
	e, tg := f.e, f.e.targetByID["aws-storage-r1"]
	l := newLive(Incident{ID: "x", Severity: SeverityPartial, State: Confirmed, Targets: []string{tg.ID}}, targetScope(tg))
	e.open = append(e.open, l)
	only := finding{scope: l.scope.within("us"), targets: []string{tg.ID}, severity: SeverityPartial}
	look := func(at time.Time) string {
		for i := range 12 {
			tg.regional[e.pools.regions["us"]].minute(ms(at), 1, i%2 == 0)
		}
		e.keepsTo(at, &only)
		return l.scope.vregion
	}
	if look(f.now) != "" || look(f.now.Add(30*time.Second)) != "" || look(f.now.Add(time.Minute)) != "us" {
		t.Errorf("narrowed to %q", l.scope.vregion)
	}
}
