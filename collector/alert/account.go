package alert

import (
	"cmp"
	"strings"
	"time"

	"picket/collector/detect"
)

// account is all that one alert is written from.
type account struct {
	Words
	event  Event
	why    Reason
	i      *detect.Incident
	beside Beside
	told   Told      // what the reader knows
	now    time.Time // when it is written
	next   time.Time // when the reader hears again even if nothing changes; zero: not
}

// over says whether the alert tells of an end.
func (a account) over() bool { return a.event == Resolved }

// began is when the trouble started, as far as it is known.
func (a account) began() time.Time { return cmp.Or(a.i.Started, a.i.Opened) }

// clock is the time of day in the reader's zone.
func (w Words) clock(t time.Time) string { return w.At(t, "15:04:05") }

// minute is the time of day in the reader's zone and in UTC, to the minute.
func (w Words) minute(t time.Time) string { return w.both(t, "15:04", "15:04") }

// moment is a date and a time in the reader's zone, with the time in UTC.
func (w Words) moment(t time.Time) string { return w.both(t, "2006-01-02 15:04:05", "15:04:05") }

// both writes t in the reader's zone and, where that is another, in UTC. The
// date of UTC is told where it is another day there.
func (w Words) both(t time.Time, local, utc string) string {
	s := w.At(t, local)
	if w.utc(t) {
		return s
	}
	if t.In(w.Zone).Format(time.DateOnly) != t.UTC().Format(time.DateOnly) {
		utc = "2006-01-02 " + utc
	}
	return s + " (" + t.UTC().Format(utc) + " UTC)"
}

// At writes t in the reader's zone, and names the zone.
func (w Words) At(t time.Time, layout string) string {
	if w.utc(t) {
		return t.UTC().Format(layout) + " UTC"
	}
	t = t.In(w.Zone)
	name := t.Format("MST")
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") { // a zone without letters
		name = "UTC" + name
	}
	return t.Format(layout) + " " + name
}

// utc says whether the reader's clock shows UTC at t.
func (w Words) utc(t time.Time) bool {
	return w.Zone == nil || t.In(w.Zone).Format("-0700 MST") == "+0000 UTC"
}

// in is w for a reader in zone; nil leaves it as it is.
func (w Words) in(zone *time.Location) Words {
	if zone != nil {
		w.Zone = zone
	}
	return w
}
