package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/uplink"
)

// source is the collector as its page, API and operators see it.
type source struct{ c *Collector }

// snapshotWithin is how long the page waits for the judge.
const snapshotWithin = 2 * time.Second

func (s source) Snapshot() detect.Snapshot {
	ctx, cancel := context.WithTimeout(context.Background(), snapshotWithin)
	defer cancel()
	snap, err := s.c.judge.snapshot(ctx)
	if err != nil {
		return detect.Snapshot{At: time.Now()} // it is ending, or far behind: nothing is known
	}
	return snap
}

// Coverage asks the judge what the fleet could confirm now.
func (s source) Coverage(ctx context.Context) ([]detect.Coverage, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotWithin)
	defer cancel()
	return s.c.judge.coverage(ctx)
}

func (s source) Status(ctx context.Context) (web.Status, error) {
	c := s.c
	totals, err := c.store.Totals(ctx)
	if err != nil {
		return web.Status{}, err
	}
	cfg := c.registry.currentConfig()
	st := web.Status{
		Version: c.o.Version, Started: c.started, Config: cfg.ID, Checks: len(cfg.Checks),
		Agents: len(c.registry.currentRoster().Seats), Connected: len(c.server.Sessions()),
		Results: totals.Results, Lost: totals.Lost, Alerts: web.Alerts{Routes: len(c.file().Alerts)},
	}
	for _, t := range cfg.Targets {
		if !t.Reference {
			st.Targets++
		}
	}
	n, err := c.store.Outbox(ctx)
	if err != nil {
		return st, err
	}
	st.Alerts.Waiting, st.Alerts.Sent, st.Alerts.Dead, st.Alerts.Recorded = n.Waiting, n.Sent, n.Dead, n.Recorded
	if st.Alerts.ByRoute, err = c.alerts.byRoute(ctx); err != nil {
		return st, err
	}
	if c.influx != nil {
		stats := c.influx.Stats()
		trouble := c.ingest.troubles()[web.SinkInflux]
		st.Influx = &web.Influx{OK: trouble == "", Error: trouble, Points: stats.Lines, Rejected: stats.Refused}
	}
	return st, nil
}

func (s source) Incidents(ctx context.Context, open bool, limit int) ([]detect.Incident, error) {
	docs, err := s.c.store.Incidents(ctx, open, limit)
	if err != nil {
		return nil, err
	}
	list := make([]detect.Incident, len(docs))
	for i, doc := range docs {
		if err := json.Unmarshal(doc, &list[i]); err != nil {
			return nil, fmt.Errorf("read a stored incident: %w", err)
		}
	}
	return list, nil
}

func (s source) Incident(ctx context.Context, id string) (i detect.Incident, err error) {
	doc, err := s.c.store.Incident(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return i, fmt.Errorf("incident %q: %w", id, web.ErrNotFound)
	}
	if err != nil {
		return i, err
	}
	if err := json.Unmarshal(doc, &i); err != nil {
		return i, fmt.Errorf("read incident %s: %w", id, err)
	}
	return i, nil
}

func (s source) Agents(ctx context.Context) ([]web.Agent, error) {
	all, err := s.c.store.Agents(ctx)
	if err != nil {
		return nil, err
	}
	sessions := map[string]uplink.Session{}
	for _, x := range s.c.server.Sessions() {
		sessions[x.Agent] = x
	}
	gossip := map[string]string{}
	for _, m := range s.c.gossip.Members() {
		gossip[m.Seat.Agent] = m.State.String()
	}
	list := make([]web.Agent, len(all))
	for i, a := range all {
		list[i] = web.Agent{
			ID: a.ID, Client: a.Client, Site: a.Site, Network: a.Network.Name, Region: a.Region, Hostname: a.Hostname, OS: a.OS,
			Version: a.Version, Enrolled: a.Created, Seen: a.Seen, NotAfter: a.NotAfter, Revoked: a.Revoked, Gossip: gossip[a.ID],
			HostedBy: a.HostedBy,
		}
		if x, ok := sessions[a.ID]; ok {
			list[i].Connected, list[i].Transport, list[i].Remote = true, x.Transport, x.Remote.String()
			list[i].RTT, list[i].Since = x.RTT, x.Since
		}
		if m, ok := s.c.registry.agent(a.ID); ok {
			list[i].Seen = m.Seen // fresher than what is stored
		}
		s.c.agents.fill(&list[i])
		s.c.where.fill(&list[i])
	}
	return list, nil
}

func (s source) Unready(context.Context) []web.Unready {
	troubles := s.c.ingest.troubles()
	var list []web.Unready
	for _, sink := range slices.Sorted(maps.Keys(troubles)) {
		list = append(list, web.Unready{Code: sink, Text: troubles[sink]})
	}
	return list
}

// plannedShown is how far ahead planned work is shown.
const plannedShown = 7 * 24 * time.Hour

// Planned is the planned work of now and of the next week.
func (s source) Planned() []web.Planned {
	now := time.Now()
	var list []web.Planned
	for _, m := range s.c.file().Planned(now, now.Add(plannedShown)) {
		list = append(list, web.Planned{From: m.From, To: m.To, Provider: m.Provider, Service: m.Service, Region: m.Region, Target: m.Target, Client: m.Client, Site: m.Site, Note: m.Note})
	}
	return list
}

func (s source) Provider(id string) string { return s.c.file().ProviderName(id) }

// Revoke ends an agent's membership: first for ever, then at once.
func (s source) Revoke(ctx context.Context, by, agent string) error {
	c := s.c
	err := c.store.Revoke(ctx, agent, time.Now())
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("agent %q: %w", agent, web.ErrNotFound)
	}
	if err != nil {
		return err
	}
	c.registry.revoked(agent, time.Now())
	c.latest.forget(agent)
	c.where.room.Forget(agent)
	c.fleetChanged()
	c.server.Disconnect(agent, "revoked", "this agent was revoked")
	s.audit(ctx, by, "agent.revoke", agent, "")
	c.log.Info("agent revoked", "by", by, "agent", agent)
	return nil
}

// audit writes to the trail who did what. What was done is done: a trail that
// cannot be written is an error of the log.
func (s source) audit(ctx context.Context, by, action, subject, detail string) {
	err := s.c.store.Audit(context.WithoutCancel(ctx), store.Entry{At: time.Now(), Actor: by, Action: action, Subject: subject, Detail: detail})
	if err != nil {
		s.c.log.Error("write the audit trail", "action", action, "subject", subject, "by", by, "err", err)
	}
}

// Targets is what is watched now.
func (s source) Targets() []web.Target {
	cfg := s.c.registry.currentConfig()
	list := make([]web.Target, len(cfg.Targets))
	at := make(map[string]int, len(cfg.Targets))
	for i, t := range cfg.Targets {
		list[i] = web.Target{ID: t.ID, Name: cmp.Or(t.Name, t.ID), Provider: t.Provider, Service: t.Service, Region: t.Region,
			Client: t.Client, Reference: t.Reference, Depends: t.Dependencies, Checks: []web.Check{}}
		at[t.ID] = i
	}
	for _, c := range cfg.Checks {
		if i, ok := at[c.Target]; ok {
			list[i].Checks = append(list[i].Checks, web.Check{ID: c.ID, Kind: c.Spec.Kind.String(), Address: c.Spec.Host, Interval: c.Interval})
		}
	}
	return list
}

// Backup writes one archive of the collector to w.
func (s source) Backup(ctx context.Context, by string, w io.Writer) error {
	return s.c.backups.write(ctx, by, w)
}

// Told is whom alerts about an incident went to.
func (s source) Told(ctx context.Context, incident string) ([]web.Letter, error) {
	all, err := s.c.store.Messages(ctx, incident)
	if err != nil {
		return nil, err
	}
	return letters(all), nil
}

// servePages serves the page and the operator's socket until ctx ends.
func (c *Collector) servePages(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ended(ctx, web.ServeAdmin(ctx, c.o.Sockets.Admin, source{c}, c.keeper, c.log)) })
	if c.o.Sockets.Page != nil {
		g.Go(func() error { return ended(ctx, c.page.Serve(ctx, c.o.Sockets.Page)) })
	}
	return g.Wait()
}

// condition is what agents tell of themselves, for people.
type condition struct {
	mu  sync.Mutex // guards the field below
	all map[string]*told
}

type told struct {
	health  uplink.Health
	remote  netip.Addr // where it is seen; zero: no hello yet
	config  uint64
	refused string
	doctor  uplink.Doctor // zero: none yet
	// givenConfig and givenRoster are what its session was given last, with the
	// welcome or after it.
	givenConfig, givenRoster uint64
	// doubtful says that results of it were left out, and that the log knows.
	doubtful bool
	// clone is the machine that was refused last as a copy of this one, and
	// cloneTold when the trail told of one.
	clone     *web.Clone
	cloneTold time.Time
}

func newCondition() *condition { return &condition{all: map[string]*told{}} }

func (c *condition) note(agent string, f func(*told)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.all[agent]
	if t == nil {
		t = &told{}
		c.all[agent] = t
	}
	f(t)
}

// health is what the agent told last; zero if it never did.
func (c *condition) health(agent string) uplink.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.all[agent]; t != nil {
		return t.health
	}
	return uplink.Health{}
}

func (c *condition) fill(a *web.Agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.all[a.ID]
	if t == nil {
		return
	}
	h := t.health
	a.Voting, a.Why, a.RefsOK, a.RefsAsked = h.Voting, h.Why, h.RefsOK, h.RefsAsked
	if t.clone != nil && time.Since(t.clone.At) <= cloneShown {
		clone := *t.clone
		a.Clone = &clone
	}
	if h.TrafficMonth > 0 {
		a.Traffic = &web.Traffic{Day: h.TrafficDay, Month: h.TrafficMonth, Stretch: h.Stretch}
	}
	a.Spool, a.Dropped, a.Offset, a.Config, a.Refused = h.Spool, h.Dropped, h.Offset, t.config, t.refused
	if !t.doctor.At.IsZero() {
		a.Doctor = &web.Doctor{At: t.doctor.At}
		for _, f := range t.doctor.Findings {
			a.Doctor.Findings = append(a.Doctor.Findings, web.Found{ID: f.ID, Level: f.Level.String(), Text: f.Text, Means: f.Means, Fix: f.Fix, Code: f.Code})
		}
	}
}
