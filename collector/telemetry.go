package collector

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"picket/collector/detect"
	"picket/collector/influx"
	"picket/collector/store"
	"picket/internal/uplink"
)

// telemetry writes what is not a result to InfluxDB: verdicts, incidents and how
// the agents are. These points are drawn anew all the time, so a full queue
// drops and counts instead of holding anybody back.
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

func (t *telemetry) agent(a store.Agent, h uplink.Health, now time.Time) {
	t.put(influx.AppendAgent(nil, influx.Agent{
		Client: a.Client, Site: a.Site, Agent: a.ID, Network: a.Network.Group(), OS: a.OS, Version: a.Version,
		Up: true, Voting: h.Voting, Spool: h.Spool, Skew: h.Offset, RSS: h.RSS, CPU: h.CPU, Transport: "quic", Dropped: h.Dropped, Time: now,
	}))
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
	gather:
		for range cap(t.lines) {
			select {
			case line := <-t.lines:
				batch = append(batch, line...)
			default:
				break gather
			}
		}
		if len(batch) == 0 {
			continue
		}
		if err := t.influx.Write(ctx, batch); err != nil && ctx.Err() == nil {
			t.dropped.Add(1)
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
		Good: v.State == detect.OK || v.State == detect.Disputed, HasGood: e.Grid && v.State != detect.NoData,
		DownSites: v.DownSites, Sites: v.Sites, DownNetworks: v.DownNetworks, Networks: v.Networks,
		Layer: v.Layer, Confidence: string(v.Confidence), Time: v.At,
	}
}

func incidentPoint(i detect.Incident) influx.Incident {
	return influx.Incident{
		ID: i.ID, Kind: string(i.Kind), Provider: i.Provider, Service: i.Service, Region: i.Region, Client: i.Client,
		Title: i.Title, State: string(i.State), Confidence: string(i.Confidence), Severity: string(i.Severity), Layer: i.Layer,
		Start: i.Started, End: i.Resolved, Detect: detectTime(i), SupersededBy: i.SupersededBy, Opened: i.Opened,
	}
}

// detectTime is how long it took from the first failure to being sure.
func detectTime(i detect.Incident) time.Duration {
	if i.Confirmed.IsZero() {
		return 0
	}
	return i.Confirmed.Sub(i.Started)
}
