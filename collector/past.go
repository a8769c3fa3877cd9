package collector

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/fleet"
	"picket/probes"
)

// Bounds of one reading of history.
const (
	minutesUpTo = 24 * time.Hour // beyond, the hour rows are read
	pastPoints  = 400            // per vantage region
	pastRows    = 100_000        // rollup rows of one slice of the reading
)

// pastSteps are the steps that points may have; the shortest that makes no more
// than pastPoints is taken.
var pastSteps = [...]time.Duration{time.Minute, 5 * time.Minute, time.Hour, 3 * time.Hour, 24 * time.Hour}

// past reads the rollups of a target and merges them into points, oldest first,
// then by region. What began before the minutes that are kept at now is read from
// hours, however short it is. Two rules make its numbers mean something:
//
//   - Pings are left out where the target is asked in any other way, as the
//     engine leaves them out: firewalls drop them, and nobody's service is down.
//   - Latency is that of the check that goes deepest (http, tls, tcp, dns, ping):
//     a mean over a name lookup and a web page is the mean of nothing.
func past(ctx context.Context, rollups func(context.Context, store.RollupQuery) ([]store.Rollup, error), cfg *fleet.Config, now time.Time, q web.HistoryQuery) ([]web.Point, error) {
	if !q.To.After(q.From) || q.To.Sub(q.From) > web.LongestHistory {
		return nil, fmt.Errorf("history of %q from %s to %s: not a range that is kept", q.Target, q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))
	}
	kinds, deepest := kindsOf(cfg, q.Target)
	step, slice := pastStep(q.To.Sub(q.From), q.From.After(now.Add(-store.KeepMinutes))), time.Hour
	read := store.RollupQuery{Target: q.Target, Hours: step >= time.Hour, Limit: pastRows}
	if read.Hours {
		slice = 48 * time.Hour
	}
	points := map[pointKey]*web.Point{}
	sums := map[pointKey]latencySum{}
	end := q.To
	for from := q.From.Truncate(step); from.Before(end); from = from.Add(slice) {
		read.From, read.To = from, from.Add(slice)
		if read.To.After(end) {
			read.To = end
		}
		rows, err := rollups(ctx, read)
		if err != nil {
			return nil, fmt.Errorf("history of %q: %w", q.Target, err)
		}
		for _, r := range rows {
			kind, known := kinds[r.Check]
			if known && kind == probes.Ping && deepest != probes.Ping {
				continue
			}
			merge(points, sums, r, step, !known || kind == deepest)
		}
	}
	return ordered(points), nil
}

type pointKey struct {
	at     int64
	region string
}

// latencySum is what a mean is made of.
type latencySum struct {
	n   uint64
	sum time.Duration
}

// merge adds a row to its point. timed: its latency counts too.
func merge(points map[pointKey]*web.Point, sums map[pointKey]latencySum, r store.Rollup, step time.Duration, timed bool) {
	at := r.Start.Truncate(step)
	key := pointKey{at.Unix(), r.Region}
	p := points[key]
	if p == nil {
		p = &web.Point{At: at.UTC(), Step: step, Region: r.Region}
		points[key] = p
	}
	p.Good, p.Slow, p.Bad, p.Blind = p.Good+r.Up, p.Slow+r.Degraded, p.Bad+r.Down, p.Blind+r.Unknown
	if !timed || r.Up == 0 {
		return
	}
	s := sums[key]
	if s.n == 0 || r.Min < p.Min {
		p.Min = r.Min
	}
	s.n, s.sum = s.n+r.Up, s.sum+r.Sum
	sums[key] = s
	p.Max, p.Mean = max(p.Max, r.Max), s.sum/time.Duration(s.n)
}

func ordered(points map[pointKey]*web.Point) []web.Point {
	out := make([]web.Point, 0, len(points))
	for _, p := range points {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b web.Point) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Region, b.Region)) })
	return out
}

// kindsOf is how a target is asked now, by check id, and the kind that goes deepest.
func kindsOf(cfg *fleet.Config, target string) (kinds map[string]probes.Kind, deepest probes.Kind) {
	depth := []probes.Kind{probes.Ping, probes.DNS, probes.TCP, probes.TLS, probes.HTTP}
	kinds = map[string]probes.Kind{}
	for _, c := range cfg.Checks {
		if c.Target == target {
			kinds[c.ID] = c.Spec.Kind
			if slices.Index(depth, c.Spec.Kind) > slices.Index(depth, deepest) {
				deepest = c.Spec.Kind
			}
		}
	}
	return kinds, deepest
}

// pastStep is the step of the points of a span. Up to a day they come from
// minutes, if these are still there.
func pastStep(span time.Duration, minutes bool) time.Duration {
	for _, step := range pastSteps {
		if span <= step*pastPoints && (minutes && span <= minutesUpTo || step >= time.Hour) {
			return step
		}
	}
	return pastSteps[len(pastSteps)-1]
}

// History is what the rollups have of a target.
func (s source) History(ctx context.Context, q web.HistoryQuery) ([]web.Point, error) {
	return past(ctx, s.c.store.Rollups, s.c.registry.currentConfig(), time.Now(), q)
}
