package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"picket/collector/config/strict"
)

// What keeps alerts arriving: who is told in a route's place, which DNS server
// says what routes rely on, and the weekly test of every route.

// The words of Lookups beside an address.
const (
	LookupsSystem = "system" // the machine's DNS servers
	LookupsOff    = "off"    // DNS is not asked
)

// Weekly is when every route gets its test message.
type Weekly struct {
	Off          bool
	Day          time.Weekday
	Hour, Minute int // in the machine's zone
}

// defaultWeekly is Monday at nine: people are there to see that it did not come.
func defaultWeekly() Weekly { return Weekly{Day: time.Monday, Hour: 9} }

// String is w as the file has it.
func (w Weekly) String() string {
	if w.Off {
		return "off"
	}
	return fmt.Sprintf("%s %02d:%02d", strings.ToLower(w.Day.String()), w.Hour, w.Minute)
}

// Before returns the last time before now at which the test was due; zero if it is off.
func (w Weekly) Before(now time.Time) time.Time {
	if w.Off {
		return time.Time{}
	}
	y, m, d := now.Date()
	back := (int(now.Weekday()) - int(w.Day) + 7) % 7
	at := time.Date(y, m, d-back, w.Hour, w.Minute, 0, 0, now.Location())
	if at.After(now) {
		at = time.Date(y, m, d-back-7, w.Hour, w.Minute, 0, 0, now.Location())
	}
	return at
}

// weekly reads {day, at}, or off.
func (s *schema) weekly(n *strict.Node, path string) {
	if n.Kind == strict.Scalar {
		var off string
		s.Choice(&off, "off")(n, path)
		s.out.WeeklyTest.Off = off == "off"
		return
	}
	days := []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
	w := s.out.WeeklyTest
	var day string
	s.Object(n, path, strict.Keys{
		"day": s.Choice(&day, days...),
		"at": func(n *strict.Node, path string) {
			var v string
			s.Line(&v, 10)(n, path)
			at, err := time.Parse("15:04", v)
			if v != "" && err != nil {
				s.Wrong(n, path, "not a time of day: write it as \"09:00\"")
			}
			w.Hour, w.Minute = at.Hour(), at.Minute()
		},
	})
	if k := slices.Index(days, day); k >= 0 {
		w.Day = time.Weekday(k)
	}
	s.out.WeeklyTest = w
}

// lookups reads system, off, or the address of a DNS server; the port may be left out.
func (s *schema) lookups(n *strict.Node, path string) {
	var v string
	s.Line(&v, 100)(n, path)
	if v == "" || v == LookupsSystem || v == LookupsOff {
		s.out.Lookups = cmp.Or(v, s.out.Lookups)
		return
	}
	if ip, err := netip.ParseAddr(v); err == nil && ip.Zone() == "" {
		s.out.Lookups = net.JoinHostPort(v, "53")
		return
	}
	at, err := netip.ParseAddrPort(v)
	if err != nil || at.Port() == 0 || at.Addr().Zone() != "" {
		s.Wrong(n, path, "not a DNS server: write system, off, or its IP address, such as 192.0.2.53 or 192.0.2.53:53")
		return
	}
	s.out.Lookups = at.String()
}

// fallback reads the name of the route that is told in the place of another, or
// of all others if of is nil.
func (s *schema) fallback(into *string, of *Route) strict.Read {
	return func(n *strict.Node, path string) {
		s.ID(into)(n, path)
		if *into == "" {
			return
		}
		name := *into
		s.Later(func() {
			switch {
			case of != nil && of.Name == name:
				s.Wrong(n, path, "a route cannot stand in for itself: name another one")
			case !slices.ContainsFunc(s.out.Alerts, func(r Route) bool { return r.Name == name }):
				s.Wrong(n, path, "there is no alert route of this name: write one under alerts, or correct the name")
			}
		})
	}
}

// settleFallbacks gives the routes that name no fallback the one of the file.
func (f *File) settleFallbacks() {
	for k := range f.Alerts {
		if r := &f.Alerts[k]; r.Fallback == "" && r.Name != f.Fallback {
			r.Fallback = f.Fallback
		}
	}
}
