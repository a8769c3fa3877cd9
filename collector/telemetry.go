package collector

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"picket/collector/detect"
	"picket/collector/influx"
	"picket/collector/web"
	"picket/internal/uplink"
)

// telemetry writes what is not a result to InfluxDB: verdicts, incidents and how
// the agents are. These points are drawn anew every 30 s, so a full queue drops
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
func (t *telemetry) incident(i detect.Incident)    { t.put(influx.AppendIncident(nil, incidentPoint(i))) }

// redraw is how often every agent and every incident that is open or has just
// ended is drawn anew, so that a point InfluxDB missed does not stay missing.
const redraw = 30 * time.Second

// keepPoints draws agents and incidents until ctx ends.
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
			c.log.Error("draw agents and incidents", "err", err)
		}
		if n := c.telemetry.dropped.Load(); n > told {
			c.log.Warn("verdict and agent points could not be written to InfluxDB", "points", n-told)
			told = n
		}
	}
}

func (c *Collector) draw(ctx context.Context) error {
	now := time.Now()
	agents, err := source{c}.Agents(ctx)
	if err != nil {
		return err
	}
	for _, a := range agents {
		if a.Revoked.IsZero() {
			c.telemetry.put(influx.AppendAgent(nil, agentPoint(a, c.agents.health(a.ID), now)))
		}
	}
	incidents, err := source{c}.Incidents(ctx, false, 200)
	if err != nil {
		return err
	}
	for _, i := range incidents {
		if i.State.Open() || now.Sub(i.Resolved) < time.Hour {
			c.telemetry.incident(i)
		}
	}
	return nil
}

func agentPoint(a web.Agent, h uplink.Health, now time.Time) influx.Agent {
	return influx.Agent{
		Client: a.Client, Site: a.Site, Agent: a.ID, Network: a.Network, OS: a.OS, Version: a.Version,
		Up: a.Connected, Voting: a.Connected && h.Voting, Spool: h.Spool, Skew: h.Offset, RSS: h.RSS, CPU: h.CPU,
		Transport: a.Transport, Dropped: h.Dropped, Time: now,
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

// verdictPoint adds what availability is computed from: `good` on points of the
// 30 s grid, where something is known.
func verdictPoint(e detect.VerdictEvent) influx.Verdict {
	v := e.Verdict
	return influx.Verdict{
		Scope: v.Scope, Provider: v.Provider, Service: v.Service, Region: v.Region, Target: v.Target, State: int(v.State),
		Good: v.State == detect.OK || v.State == detect.Disputed || v.State == detect.Degraded, HasGood: e.Grid && v.State != detect.NoData,
		DownSites: v.DownSites, Sites: v.Sites, DownNetworks: v.DownNetworks, Networks: v.Networks,
		Layer: v.Layer, Confidence: string(v.Confidence), Time: v.At,
	}
}

func incidentPoint(i detect.Incident) influx.Incident {
	return influx.Incident{
		ID: i.ID, Kind: string(i.Kind), Provider: i.Provider, Service: i.Service, Region: i.Region, Client: i.Client,
		Title: i.Title, State: string(i.State), Confidence: string(i.Confidence), Severity: string(i.Severity), Layer: i.Layer,
		Start: i.Started, End: i.Resolved, Detect: detectTime(i), Drill: i.Drill, SupersededBy: i.SupersededBy, Opened: i.Opened,
	}
}

// detectTime is how long it took from the first failure to being sure.
func detectTime(i detect.Incident) time.Duration {
	if i.Confirmed.IsZero() {
		return 0
	}
	return i.Confirmed.Sub(i.Started)
}
