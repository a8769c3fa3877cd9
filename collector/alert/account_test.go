package alert

import (
	"testing"
	"time"
	_ "time/tzdata"
)

// TestTimesAreTheReadersOwn, with UTC beside them: in summer and winter, over
// midnight, and in zones without a name.
func TestTimesAreTheReadersOwn(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ zone, when, want string }{
		{"", "2026-02-02T08:41:20Z", "2026-02-02 08:41:20 UTC"},
		{"UTC", "2026-02-02T08:41:20Z", "2026-02-02 08:41:20 UTC"},
		{"Europe/Madrid", "2026-02-02T08:41:20Z", "2026-02-02 09:41:20 CET (08:41:20 UTC)"},
		{"Europe/Madrid", "2026-07-02T08:41:20Z", "2026-07-02 10:41:20 CEST (08:41:20 UTC)"},
		{"Europe/London", "2026-02-02T08:41:20Z", "2026-02-02 08:41:20 GMT (08:41:20 UTC)"},
		{"Europe/London", "2026-07-02T08:41:20Z", "2026-07-02 09:41:20 BST (08:41:20 UTC)"},
		{"America/Sao_Paulo", "2026-02-02T01:00:00Z", "2026-02-01 22:00:00 UTC-03 (2026-02-02 01:00:00 UTC)"},
		{"Asia/Tokyo", "2026-02-02T23:30:00Z", "2026-02-03 08:30:00 JST (2026-02-02 23:30:00 UTC)"},
		{"Europe/Madrid", "2026-03-29T00:59:59Z", "2026-03-29 01:59:59 CET (00:59:59 UTC)"},
		{"Europe/Madrid", "2026-03-29T01:00:00Z", "2026-03-29 03:00:00 CEST (01:00:00 UTC)"},
		{"Europe/Madrid", "2026-10-25T00:30:00Z", "2026-10-25 02:30:00 CEST (00:30:00 UTC)"},
		{"Europe/Madrid", "2026-10-25T01:30:00Z", "2026-10-25 02:30:00 CET (01:30:00 UTC)"},
	} {
		var w Words
		if c.zone != "" {
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			w = w.in(zone)
		}
		if got := w.moment(at(c.when)); got != c.want {
			t.Errorf("%s in %q: %q, want %q", c.when, c.zone, got, c.want)
		}
	}
}
