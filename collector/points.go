package collector

import (
	"context"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"picket/collector/detect"
	"picket/collector/influx"
	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/uplink"
)

// What is drawn for InfluxDB every 30 s, and how our nouns become its points.

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
	if err := c.drawIncidents(ctx, now); err != nil {
		return err
	}
	if err := c.drawLetters(ctx, now); err != nil {
		return err
	}
	c.drawOfficial(now)
	return c.drawSelf(ctx, now)
}

func (c *Collector) drawIncidents(ctx context.Context, now time.Time) error {
	incidents, err := source{c}.Incidents(ctx, false, 200)
	if err != nil {
		return err
	}
	for _, i := range incidents {
		if i.State.Open() || now.Sub(i.Resolved) < lately {
			after, err := c.aftermath(ctx, i)
			if err != nil {
				return err
			}
			c.telemetry.put(influx.AppendIncident(nil, incidentPoint(i, after)))
		}
	}
	return nil
}

// lately is how long an incident that is over is drawn anew: providers admit an
// outage when it is over, too.
const lately = 3 * time.Hour

// aftermath reads what came of an incident.
func (c *Collector) aftermath(ctx context.Context, i detect.Incident) (after aftermath, err error) {
	if after.told, err = c.store.FirstSent(ctx, i.ID); err != nil {
		return after, err
	}
	taken, err := c.store.Acknowledgements(ctx, i.ID)
	if err != nil {
		return after, err
	}
	if len(taken) > 0 {
		after.taken = taken[0].At
	}
	if i.Kind.ProviderSide() && !i.Drill && c.alerts.official != nil {
		after.admitted = c.alerts.official(time.Now(), &i).Posted
	}
	return after, nil
}

// drawLetters draws what became of alerts in the last hour. Two of one route in
// one millisecond would be one point: the later one is moved on.
func (c *Collector) drawLetters(ctx context.Context, now time.Time) error {
	ended, err := c.store.Ended(ctx, now.Add(-time.Hour), maxLetters)
	if err != nil {
		return err
	}
	routes := ways(c.file())
	last := map[string]time.Time{} // by route
	for _, e := range slices.Backward(ended) {
		way := routes[e.Route]
		if way == nil {
			continue // the route is gone; what was drawn stays
		}
		if at := last[e.Route]; !e.Done.After(at) {
			e.Done = at.Add(time.Millisecond)
		}
		last[e.Route] = e.Done
		c.telemetry.put(influx.AppendLetter(nil, influx.Letter{Time: e.Done, Route: e.Route, Channel: string(way.Kind()), GivenUp: e.State == store.MessageDead,
			Event: e.Event, Incident: e.Incident, Latency: e.Took, Tries: e.Tries}))
	}
	return nil
}

// maxLetters bounds how many alerts are drawn at once.
const maxLetters = 1000

// drawSelf draws how the server itself is.
func (c *Collector) drawSelf(ctx context.Context, now time.Time) error {
	st, err := source{c}.Status(ctx)
	if err != nil {
		return err
	}
	p := influx.Collector{
		Time: now, Version: st.Version, Uptime: now.Sub(st.Started), Ready: len(source{c}.Unready(ctx)) == 0,
		Agents: st.Agents, Connected: st.Connected, Results: st.Results, Refused: c.refused.Load(),
		Dropped: c.telemetry.dropped.Load(), Waiting: st.Alerts.Waiting, Sent: st.Alerts.Sent, Dead: st.Alerts.Dead, Routines: runtime.NumGoroutine(),
	}
	for _, n := range st.Lost {
		p.Lost += n
	}
	stats := c.influx.Stats()
	p.InfluxLines, p.InfluxRefused, p.InfluxBusy, p.InfluxAlarms, p.InfluxWrite = stats.Lines, stats.Refused, stats.Busy, stats.Alarms, c.influx.Slowest()
	oldest, err := c.store.OldestDue(ctx, now)
	if err != nil {
		return err
	}
	if !oldest.IsZero() {
		p.Due = now.Sub(oldest)
	}
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(sample)
	p.Memory = sample[0].Value.Uint64()
	c.drawJudge(ctx, &p)
	c.telemetry.put(influx.AppendCollector(nil, p))
	return nil
}

// drawJudge adds what the judge sees, if it answers in time.
func (c *Collector) drawJudge(ctx context.Context, p *influx.Collector) {
	ctx, cancel := context.WithTimeout(ctx, snapshotWithin)
	defer cancel()
	lag, err := c.judge.lag(ctx)
	if err != nil {
		p.JudgeLag = -1 // it is far behind; the gap shows it
		return
	}
	p.JudgeLag = lag
	snap, err := c.judge.snapshot(ctx)
	if err != nil {
		return
	}
	p.Frozen, p.Rounds, p.Sites = snap.Frozen, snap.Rounds, len(snap.Sites)
	isps := map[string]bool{}
	for _, s := range snap.Sites {
		if s.Eligible {
			p.Voting++
			isps[s.Network] = true
		}
	}
	p.Networks = len(isps)
}

func agentPoint(a web.Agent, h uplink.Health, now time.Time) influx.Agent {
	return influx.Agent{
		Client: a.Client, Site: a.Site, Agent: a.ID, Network: a.Network, OS: a.OS, Version: a.Version,
		Up: a.Connected, Voting: a.Connected && h.Voting, Spool: h.Spool, Skew: h.Offset, RSS: h.RSS, CPU: h.CPU,
		Transport: a.Transport, Dropped: h.Dropped, VRegion: a.Region, RTT: a.RTT, Since: a.Since, Time: now,
	}
}

// verdictPoint adds what availability is computed from: `good` on points of the
// 30 s grid. Where nobody can tell, as in an outage that nobody sees any more, it is
// not known, and what is worked on is neither good nor bad.
func verdictPoint(e detect.VerdictEvent) influx.Verdict {
	v := e.Verdict
	return influx.Verdict{
		Scope: v.Scope, Provider: v.Provider, Service: v.Service, Region: v.Region, Target: v.Target, State: int(v.State),
		Good: v.State == detect.OK || v.State == detect.Disputed || v.State == detect.Degraded,
		Grid: e.Grid, Known: v.State != detect.NoData && v.Sites > 0, Maintenance: v.Maintained,
		DownSites: v.DownSites, Sites: v.Sites, DownNetworks: v.DownNetworks, Networks: v.Networks,
		Layer: v.Layer, Confidence: string(v.Confidence), Time: v.At,
	}
}

// aftermath is what came of an incident, as far as it is known.
type aftermath struct {
	told, taken, admitted time.Time // the first alert arrived, somebody took it on, the provider admitted it; zero: not
}

func incidentPoint(i detect.Incident, after aftermath) influx.Incident {
	return influx.Incident{
		ID: i.ID, Kind: string(i.Kind), Provider: i.Provider, Service: i.Service, Region: i.Region, Client: i.Client,
		Title: i.Title, State: string(i.State), Confidence: string(i.Confidence), Severity: string(i.Severity), Layer: i.Layer,
		Start: i.Started, End: i.Resolved, Detect: detectTime(i), Drill: i.Drill, SupersededBy: i.SupersededBy, Opened: i.Opened,
		Target: i.Target, Site: i.Site, Network: i.Network, VRegion: i.VRegion,
		Notified: after.since(i, after.told), Acknowledged: after.since(i, after.taken),
		AckLag: after.admitted.Sub(sure(i)), HasAckLag: !after.admitted.IsZero(),
	}
}

// sure is when Picket was certain of an incident, or declared it if it never was.
func sure(i detect.Incident) time.Time {
	if i.Confirmed.IsZero() {
		return i.Opened
	}
	return i.Confirmed
}

// since is how long after it was declared something happened; 0: it has not.
func (aftermath) since(i detect.Incident, at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(at.Sub(i.Opened), time.Millisecond)
}

// detectTime is how long it took from the first failure to being sure.
func detectTime(i detect.Incident) time.Duration {
	if i.Confirmed.IsZero() {
		return 0
	}
	return i.Confirmed.Sub(i.Started)
}
