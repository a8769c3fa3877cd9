package collector

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"picket/collector/detect"
	"picket/collector/influx"
)

// telemetry writes what is not a result to InfluxDB: verdicts, incidents, alerts,
// and how the agents and the server itself are. These points are drawn anew every 30 s, so a full queue drops
// and counts instead of holding anybody back.
type telemetry struct {
	influx  *influx.Writer // nil: none
	log     *slog.Logger
	lines   chan []byte // never closed
	dropped atomic.Uint64
}

func newTelemetry(w *influx.Writer, log *slog.Logger) *telemetry {
	return &telemetry{influx: w, log: log, lines: make(chan []byte, 8192)}
}

func (t *telemetry) put(line []byte) {
	if t.influx == nil || len(line) == 0 {
		return
	}
	select {
	case t.lines <- line:
	default:
		t.dropped.Add(1)
	}
}

func (t *telemetry) verdict(e detect.VerdictEvent) { t.put(influx.AppendVerdict(nil, verdictPoint(e))) }
func (t *telemetry) incident(i detect.Incident) {
	t.put(influx.AppendIncident(nil, incidentPoint(i, aftermath{})))
}

// redraw is how often every agent and every incident that is open or has just
// ended is drawn anew, so that a point InfluxDB missed does not stay missing.
const redraw = 30 * time.Second

// keepPoints draws agents, incidents, alerts and the server itself until ctx ends.
func (c *Collector) keepPoints(ctx context.Context) {
	if c.influx == nil {
		return
	}
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	var told uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := c.draw(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("draw points for InfluxDB", "err", err)
		}
		if n := c.telemetry.dropped.Load(); n > told {
			c.log.Warn("verdict and agent points could not be written to InfluxDB", "points", n-told)
			told = n
		}
	}
}

// run writes what is queued, at most once a second, until ctx ends.
func (t *telemetry) run(ctx context.Context) {
	if t.influx == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var batch []byte
		n := uint64(0)
	gather:
		for range cap(t.lines) {
			select {
			case line := <-t.lines:
				batch, n = append(batch, line...), n+1
			default:
				break gather
			}
		}
		if len(batch) == 0 {
			continue
		}
		if err := t.influx.Write(ctx, batch); err != nil && ctx.Err() == nil {
			t.dropped.Add(n)
			t.log.Debug("write verdicts", "err", err)
		}
	}
}
