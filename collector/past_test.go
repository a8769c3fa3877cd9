package collector

import (
	"context"
	"testing"
	"time"

	"picket/collector/store"
	"picket/collector/web"
)

// The chart of an incident two hours long, long after its minutes were pruned.
func TestOldHistoryIsReadFromHours(t *testing.T) {
	for _, c := range []struct {
		ago   time.Duration
		hours bool
	}{{3 * time.Hour, false}, {store.KeepMinutes - time.Hour, false}, {store.KeepMinutes + time.Hour, true}, {300 * 24 * time.Hour, true}} {
		from := tick.Add(-c.ago).Add(20 * time.Minute)
		if c.hours {
			from = tick.Add(-c.ago)
		}
		got, err := past(t.Context(), func(_ context.Context, q store.RollupQuery) ([]store.Rollup, error) {
			if q.Hours != c.hours {
				t.Errorf("%s ago: hours %v", c.ago, q.Hours)
			}
			return []store.Rollup{row(q.From.Truncate(time.Hour), "web/http", "eu", 59, 1, time.Millisecond)}, nil
		}, twoTimes, tick, web.HistoryQuery{Target: "web", From: from, To: from.Add(2 * time.Hour)})
		if err != nil || len(got) == 0 || c.hours != (got[0].Step == time.Hour) {
			t.Errorf("%s ago: %v %v", c.ago, got, err)
		}
	}
}

func TestAllThatMayBeAskedForIsRead(t *testing.T) {
	none := func(context.Context, store.RollupQuery) ([]store.Rollup, error) { return nil, nil }
	if _, err := past(t.Context(), none, twoTimes, tick, web.HistoryQuery{Target: "web", From: tick.Add(-web.LongestHistory), To: tick}); err != nil {
		t.Error(err)
	}
}
