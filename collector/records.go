package collector

import (
	"context"
	"time"

	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
)

// keepCoverage records at every full minute how many sites could judge each
// region of each cloud, until ctx ends. A minute in which the judge was too busy
// to say, or the disk away, has no row, as one without a collector.
func (c *Collector) keepCoverage(ctx context.Context) {
	for {
		now := time.Now()
		timer := time.NewTimer(now.Truncate(time.Minute).Add(time.Minute).Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case now = <-timer.C:
		}
		if err := c.noteCoverage(ctx, now); err != nil && ctx.Err() == nil {
			c.log.Error("record coverage", "err", err)
		}
	}
}

func (c *Collector) noteCoverage(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	answer := make(chan []detect.Witness, 1)
	witnesses, err := awaited(ctx, c.judge, answer, func(now time.Time) { answer <- c.judge.engine.Witnesses(now) })
	if err != nil {
		return err
	}
	rows := make([]store.Coverage, len(witnesses))
	for i, w := range witnesses {
		rows[i] = store.Coverage{Provider: w.Provider, Region: w.Region, Client: w.Client, Sites: w.Sites, Networks: w.Networks, Confidence: w.Confidence.Rank()}
	}
	return c.store.SaveCoverage(ctx, now, rows)
}

// CoverageHistory returns how many sites could judge a provider, by the minute
// where minutes are kept and the span is short, else by the hour.
func (s source) CoverageHistory(ctx context.Context, q web.CoverageQuery) ([]web.CoverageRow, error) {
	hours := q.To.Sub(q.From) > 25*time.Hour || time.Since(q.From) > store.KeepMinutes
	rows, err := s.c.store.CoverageHistory(ctx, store.CoverageQuery{Hours: hours, From: q.From, To: q.To, Provider: q.Provider, Limit: web.MostRecords})
	if err != nil {
		return nil, err
	}
	step := time.Minute
	if hours {
		step = time.Hour
	}
	list := make([]web.CoverageRow, len(rows))
	for i, r := range rows {
		list[i] = web.CoverageRow{At: r.Start, Step: step, Provider: r.Provider, Region: r.Region, Client: r.Client, Sites: r.Sites, ISPs: r.Networks, Minutes: r.Minutes, Sure: r.Sure}
		if !hours && r.Confidence == detect.ConfidenceConfirmed.Rank() {
			list[i].Sure = 1
		}
	}
	return list, nil
}

// Lines returns which line each site was on.
func (s source) Lines(ctx context.Context, site string, from, to time.Time) ([]web.LineTime, error) {
	rows, err := s.c.store.LineTimes(ctx, site, from, to, web.MostRecords)
	if err != nil {
		return nil, err
	}
	list := make([]web.LineTime, len(rows))
	for i, r := range rows {
		list[i] = web.LineTime{Site: r.Site, Family: int(r.Family), Name: r.Name, Since: r.Since, Until: r.Until}
	}
	return list, nil
}
