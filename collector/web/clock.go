package web

import (
	"fmt"
	"strconv"
	"time"
)

// clock is a time of today, in UTC as everything on the page.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// stamp is a time with its day, and with its year if that is not the year of now.
func stamp(now, t time.Time) string {
	switch {
	case t.IsZero():
		return "unknown"
	case t.UTC().Year() != now.UTC().Year():
		return t.UTC().Format("2 Jan 2006 15:04:05")
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

// percent writes a share of n, 100 only when nothing is missing. "" for none of none.
func percent(part, n uint64) string {
	switch {
	case n == 0:
		return ""
	case part == n:
		return "100 %"
	}
	return fmt.Sprintf("%.2f %%", min(99.99, 100*float64(part)/float64(n)))
}

// ms writes a duration in milliseconds as people read it; "" for none.
func ms(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
