package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"picket/collector/config/strict"
)

// Planned work that comes again is written as a rule of RFC 5545 and a first
// start in a zone. Its windows begin at the same time of day by the clocks of that
// zone, also when these are put forward or back, and last as long as for says. A
// rule may have no end, so windows are made for a stretch of time and never all.

// Bounds of windows that come again.
const (
	maxRule       = 200                       // letters of a rule
	maxRecurring  = 200                       // windows of one rule that are made at once
	ruleLook      = 10 * 366 * 24 * time.Hour // a rule without a window for so long is a mistake
	leastYear     = 2010                      // of a first start: every window since is counted to find today's
	mostYear      = 2100
	leastSpace    = time.Minute // between the end of one window and the next
	rulesOfWindow = 8           // windows that are looked at for that space
)

// ruleKeys are the parts of a rule that are understood. The time of day is that of
// the first start, so none chooses one.
var ruleKeys = []string{"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "WKST"}

// Recurring says whether m is planned work that comes again.
func (m *Maintenance) Recurring() bool { return m.Rule != "" }

// Windows returns the windows of m that overlap the time from from to until, each
// with a time of its own and no rule, the first one first. Of work that comes
// again it makes at most 200.
func (m Maintenance) Windows(from, until time.Time) []Maintenance {
	if !m.Recurring() {
		if m.To.After(from) && m.From.Before(until) {
			return []Maintenance{m}
		}
		return nil
	}
	starts, err := m.starts(from.Add(-m.For), until, maxRecurring)
	if err != nil {
		return nil // it was read before, so it can be read
	}
	var list []Maintenance
	for _, at := range starts {
		w := m
		w.From, w.To = at.UTC(), at.Add(m.For).UTC()
		w.Rule, w.For, w.Zone = "", 0, ""
		if w.To.After(from) && w.From.Before(until) {
			list = append(list, w)
		}
	}
	return list
}

// Planned returns the windows of planned work that overlap a stretch of time, the
// first one first.
func (f *File) Planned(from, until time.Time) []Maintenance {
	var list []Maintenance
	for _, m := range f.Maintenance {
		list = append(list, m.Windows(from, until)...)
	}
	slices.SortStableFunc(list, func(a, b Maintenance) int { return a.From.Compare(b.From) })
	return list
}

// starts returns the first starts of a rule that lie between two times.
func (m *Maintenance) starts(from, until time.Time, most int) ([]time.Time, error) {
	zone, err := time.LoadLocation(m.Zone)
	if err != nil {
		return nil, err
	}
	option, err := rrule.StrToROption(m.Rule)
	if err != nil {
		return nil, err
	}
	option.Dtstart = m.From.In(zone)
	if option.Until.IsZero() || option.Until.After(until) {
		option.Until = until // so that a rule that never comes again is not looked for until the year 9999
	}
	rule, err := rrule.NewRRule(*option)
	if err != nil {
		return nil, err
	}
	var list []time.Time
	next := rule.Iterator()
	for len(list) < most {
		at, ok := next()
		if !ok || at.After(until) {
			break
		}
		if !at.Before(from) {
			list = append(list, at)
		}
	}
	return list, nil
}

// recurring checks the rule of m, which stands at n.
func (s *schema) recurring(n *strict.Node, path string, m *Maintenance) (fine bool) {
	wrong := func(format string, args ...any) bool {
		s.Wrong(n, path+".rrule", format, args...)
		return false
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(m.Rule, ";") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case strings.HasPrefix(key, "BY") && slices.Contains([]string{"BYHOUR", "BYMINUTE", "BYSECOND"}, key), key == "DTSTART", key == "TZID":
			return wrong("has %s: when it begins is said by from and zone", key)
		case !slices.Contains(ruleKeys, key):
			return wrong("has %q, which is no part of a rule%s: write it like FREQ=WEEKLY;BYDAY=SU", strict.Clip(key, 20), strict.DidYouMean(key, ruleKeys))
		case seen[key]:
			return wrong("has %s twice", key)
		case key == "FREQ" && slices.Contains([]string{"HOURLY", "MINUTELY", "SECONDLY"}, value):
			return wrong("comes again too often: DAILY is the most; what is worked on all day should not be watched")
		}
		seen[key] = true
	}
	switch {
	case !seen["FREQ"]:
		return wrong("needs FREQ: DAILY, WEEKLY, MONTHLY or YEARLY")
	case seen["COUNT"] && seen["UNTIL"]:
		return wrong("has COUNT and UNTIL: keep one")
	}
	starts, err := m.starts(m.From, m.From.Add(ruleLook), rulesOfWindow)
	switch {
	case err != nil:
		return wrong("cannot be read: %s", strict.Clip(err.Error(), 100))
	case len(starts) == 0:
		return wrong("never comes: no day fits it within ten years of from")
	}
	for i := 1; i < len(starts); i++ {
		if space := starts[i].Sub(starts[i-1].Add(m.For)); space < leastSpace {
			return wrong("comes again after %s, and each window is %s long: so it would never end; what is always worked on should not be watched",
				strict.Short(starts[i].Sub(starts[i-1])), strict.Short(m.For))
		}
	}
	return true
}

// localMoment reads a time by the clocks of a zone, without an offset.
func localMoment(text string, zone *time.Location) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// often says in words how often m comes again.
func (m *Maintenance) often() string {
	if !m.Recurring() {
		return ""
	}
	return fmt.Sprintf("%s, for %s, from %s (%s)", m.Rule, strict.Short(m.For), m.From.UTC().Format(time.RFC3339), m.Zone)
}
