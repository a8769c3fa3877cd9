package channel

import (
	"net/url"
	"strings"
)

// oneLine keeps text that came from elsewhere from breaking a layout.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 }), " ")
}

// clip cuts s to at most limit characters.
func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:max(0, limit-3)]) + "..."
	}
	return s
}

// origin is the part of a URL that may be shown; "?" if it has none.
func origin(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return "?"
}
