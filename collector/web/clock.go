package web

import (
	"fmt"
	"strconv"
	"time"
)

// clock is a time of today, in UTC as everything on the page.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// stamp is a time with its day.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2 Jan 15:04:05")
}

// age says how old something is, coarsely enough not to flicker.
func age(d time.Duration) string {
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds())/5*5)
	default:
		return span(d) + " ago"
	}
}

// span writes a duration as people say it.
func span(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	h, m := int(d.Hours()), int(d.Minutes())%60
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", m)
	case h < 48:
		return fmt.Sprintf("%d h %d min", h, m)
	default:
		return fmt.Sprintf("%d d %d h", h/24, h%24)
	}
}

// thousands groups the digits of n.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for k := len(s) - 3; k > 0; k -= 3 {
		s = s[:k] + "," + s[k:]
	}
	return s
}
