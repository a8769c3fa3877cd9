package alert

import (
	"slices"
	"time"
)

// Quiet is a time of the week in which a route wants to hear of nothing new.
type Quiet struct {
	Days []time.Weekday // on which it begins; empty: every day
	// From and To are times of the day. A To that is not after From is one of the
	// next day.
	From, To time.Duration
	Zone     *time.Location // nil: this machine's
	// Except is told all the same, and what is more urgent than it; "" nothing is.
	Except Level
}

// end is when the quiet time in which now lies is over; ok: it lies in one.
func (q Quiet) end(now time.Time) (end time.Time, ok bool) {
	zone := q.Zone
	if zone == nil {
		zone = time.Local
	}
	local := now.In(zone)
	for _, back := range []int{0, 1} {
		day := time.Date(local.Year(), local.Month(), local.Day()-back, 0, 0, 0, 0, zone)
		if len(q.Days) > 0 && !slices.Contains(q.Days, day.Weekday()) {
			continue
		}
		next := 0
		if q.To <= q.From {
			next = 1
		}
		from, to := clock(day, 0, q.From), clock(day, next, q.To)
		if !now.Before(from) && now.Before(to) {
			return to, true
		}
	}
	return time.Time{}, false
}

// clock is a time of the day that is so many days after day, by the wall clock.
func clock(day time.Time, days int, of time.Duration) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day()+days, 0, 0, int(of/time.Second), 0, day.Location())
}

// quietUntil is when a message of a level may go on a route with these times;
// ok: it must wait. Times that follow on each other are one.
func quietUntil(times []Quiet, level Level, now time.Time) (until time.Time, ok bool) {
	until = now
	for range 8 * len(times) { // a week of every one; a route that is always quiet is asked again then
		at := until
		for _, q := range times {
			if q.Except != "" && level.rank() <= q.Except.rank() {
				continue
			}
			if end, in := q.end(at); in && end.After(until) {
				until = end
			}
		}
		if until.Equal(at) {
			break
		}
	}
	return until, until.After(now)
}
