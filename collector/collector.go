// Package collector is the process in the middle: agents join and deliver, it
// keeps their results, judges what is broken and where, and tells people.
//
// This package only wires rooms that do not know each other:
//
//	uplink ── sessions ──┬── ingest ──── influx, then store (rollups, marks)
//	                     └── judge ───── detect ──┬── uplink (rounds)
//	                                              ├── alerts ── store, alert (outbox, webhooks)
//	                                              └── telemetry ── influx (verdicts, agents)
//	official (the providers' status feeds) ── store, alerts, influx
//	web (page, API, operator verbs) asks all of them
//
// Beside the judge stand two rooms that know sites and no clouds: presence (on
// which line a site is, which of its machines are elsewhere, who said goodbye and
// why; whereabouts.go) and wan (whether the public address of a site that fell
// silent still answers; wan.go). What the first says decides whose votes count;
// what the second finds is evidence for the judge.
//
// While a drill is on (drills.go), a second judge hears what the first one hears,
// rewritten by collector/drill. What it finds goes where all incidents go, marked.
//
// # What holds back whom
//
// Results hold back their agent and nobody else: ingest returns to the uplink
// when a batch is in every sink, and until then no more is read from that
// agent's record stream. Judgement does not wait for any sink: a result is shown
// to the judge before it is stored, so detection goes on while InfluxDB is away.
// Incidents wait for the disk in a queue of their own. Verdict and agent points
// are drawn anew every 30 s and may be dropped, counted, when InfluxDB is slow.
//
// # What a restart finds
//
// Enrolment, marks, incidents and what was told of them are in the store; keys
// are in files beside it; the configuration is the one that was applied last,
// unless the start names a file. Agents come back by themselves and tell at
// hello what they hold down.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/collector/access"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/influx"
	"picket/collector/official"
	"picket/collector/store"
	"picket/collector/wan"
	"picket/collector/web"
	"picket/internal/cluster"
	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// Options says what a [Collector] works with.
type Options struct {
	File    *config.File // required
	Source  []byte       // the text that File was read from; nil for the embedded defaults
	Dir     string       // data directory: database, keys, operator socket. Required
	Sockets Sockets      // required; closed by Run
	Version string
	Log     *slog.Logger // nil discards
	// Feeds are the status feeds of providers; nil: those that are known. Each is
	// read about every FeedsEvery; 0: as often as is polite.
	Feeds      []official.Feed
	FeedsEvery time.Duration
}

// Collector is one collector. Make it with [New], run it once.
type Collector struct {
	o         Options
	log       *slog.Logger
	store     *store.Store
	influx    *influx.Writer // nil: none
	authority *identity.Authority
	registry  *registry
	judge     *judge
	ingest    *ingest
	alerts    *alerts
	telemetry *telemetry
	drills    *drills
	digests   *digests
	officials *officials
	server    *uplink.Server
	gossip    *cluster.Cluster
	agents    *condition
	where     *whereabouts
	wan       *wan.Watcher // nil: not wanted
	runs      *runs
	changed   chan struct{} // the fleet changed; has room for one, never closed
	refused   atomic.Uint64 // results that could not be true
	latest    *latest
	inquirer  *inquirer
	keeper    *access.Keeper
	backups   *backups
	page      *web.Server
	started   time.Time
	logged    map[string]string // what the log last said of an incident; used by the judge alone
}

// New opens the database and the keys, puts the file's configuration into
// force, and makes the parts. Nothing is served before [Collector.Run].
func New(ctx context.Context, o Options) (_ *Collector, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Collector{o: o, log: o.Log, started: time.Now(), agents: newCondition(), runs: newRuns(), latest: newLatest(), changed: make(chan struct{}, 1), logged: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := checkRestored(o.Dir); err != nil {
		return nil, err
	}
	if c.authority, err = identity.OpenAuthority(filepath.Join(o.Dir, "ca"), c.started); err != nil {
		return nil, err
	}
	if c.store, err = store.Open(ctx, filepath.Join(o.Dir, "picket.db"), o.Log); err != nil {
		return nil, err
	}
	cfg, changed, err := saveFirst(ctx, c.store, o, c.started)
	if err != nil {
		return nil, err
	}
	c.log.Info("configuration in force", "config", cfg.ID, "changed", changed, "targets", len(cfg.Targets), "checks", len(cfg.Checks))
	if c.registry, err = openRegistry(ctx, c.store, o.File, cfg); err != nil {
		return nil, err
	}
	if c.where, err = openWhereabouts(ctx, c.store, c.fleetChanged, c.log); err != nil {
		return nil, err
	}
	c.registry.away = c.where.room.Away
	if err := c.openInflux(); err != nil {
		return nil, err
	}
	return c, c.wire(ctx, cfg)
}

func (c *Collector) openInflux() (err error) {
	in := c.o.File.Influx
	if in == nil {
		return nil
	}
	var token []byte
	if in.Token != (config.Secret{}) {
		if token, err = in.Token.Read(); err != nil {
			return fmt.Errorf("InfluxDB token: %w", err)
		}
	}
	c.influx, err = influx.New(influx.Options{
		URL: in.URL, Org: in.Org, Bucket: in.Bucket, Token: string(token),
		DeadLetter: filepath.Join(c.o.Dir, "refused-points.jsonl"), Log: c.log,
	})
	return err
}

// wire makes the parts that work on results and incidents.
func (c *Collector) wire(ctx context.Context, cfg fleet.Config) error {
	c.telemetry = newTelemetry(c.influx, c.log)
	c.ingest = newIngest(c.store, c.influx, c.registry, c.log)
	c.alerts = newAlerts(c.store, c.o.File, pageURL(c.o.Sockets), c.log)

	engine := detect.New(detect.Options{NewID: newIncidentID})
	c.judge = newJudge(engine, c.decided)
	c.alerts.look.snapshot = c.judge.snapshot
	c.wan = c.openWAN()
	var err error
	if c.officials, err = c.openOfficials(ctx); err != nil {
		return err
	}
	c.officials.news, c.alerts.official = c.spoke, c.officials.beside
	open, err := c.alerts.restore(ctx, c.started)
	if err != nil {
		return err
	}
	engine.SetConfig(c.started, cfg)
	engine.SetFleet(c.started, c.registry.sites())
	engine.Restore(c.started, open)
	engine.SetMaintenance(c.started, maintenance(c.o.File, c.started))
	c.notePlanned(ctx, c.started, c.o.File)

	resetKey, err := secretKey(filepath.Join(c.o.Dir, "ca", "reset.key"))
	if err != nil {
		return err
	}
	c.server, err = uplink.NewServer(uplink.ServerOptions{
		Socket: c.o.Sockets.Agents, Listener: c.o.Sockets.AgentsTCP, Authority: c.authority, Check: c.registry.check, Handler: sessions{c},
		Clone: c.cloned, Name: fleet.CollectorID, ResetKey: resetKey, Log: c.log,
	})
	if err != nil {
		return err
	}
	c.gossip, err = cluster.New(cluster.Options{
		Name: fleet.CollectorID, Seat: fleet.Seat{Agent: fleet.CollectorID}, Version: c.o.Version,
		Link: c.server, Allowed: sessions{c}.Member, Seeds: func() []string { return nil }, Log: c.log,
	})
	if err != nil {
		return err
	}
	c.drills = newDrillsOf(c)
	c.digests = &digests{store: c.store, file: c.file, sites: c.heardSites, wrote: c.alerts.sender.Notify, page: pageURL(c.o.Sockets), log: c.log}
	if err := c.drills.endLost(ctx, c.started); err != nil {
		return err
	}
	c.inquirer = newInquirerOf(c)
	c.backups = newBackups(c.store, c.o.Dir, c.o.Version, c.log)
	return c.openPage()
}

// openPage makes the page and those who watch its door.
func (c *Collector) openPage() (err error) {
	file := c.o.File
	if c.keeper, err = newKeeper(c.store, file, c.log); err != nil {
		return err
	}
	if c.o.Sockets.Page, err = securePage(c.o.Sockets.Page, file, c.authority, c.o.Dir, c.log); err != nil {
		return err
	}
	c.page, err = web.New(web.Options{Source: source{c}, Actions: source{c}, Access: c.keeper, Hosts: pageHosts(file), Log: c.log})
	return err
}

// Run serves until ctx ends or a part fails. A nil error is a clean end.
func (c *Collector) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	// Sessions that close still tell the judge, and what it decides is saved:
	// so these two end after the rest, one after the other.
	judging, endJudging := context.WithCancel(context.WithoutCancel(ctx))
	saving, endSaving := context.WithCancel(context.WithoutCancel(ctx))
	var judged, saved sync.WaitGroup
	judged.Go(func() { c.judge.run(judging) })
	saved.Go(func() { c.alerts.run(saving) })

	g.Go(func() error { return c.server.Serve(ctx) })
	g.Go(func() error { return ended(ctx, c.gossip.Run(ctx)) })
	g.Go(func() error { c.ingest.run(ctx); return nil })
	g.Go(func() error { c.telemetry.run(ctx); return nil })
	g.Go(func() error { return ended(ctx, c.alerts.sender.Run(ctx)) })
	g.Go(func() error { c.alerts.keepReliances(ctx); return nil })
	g.Go(func() error { return ended(ctx, c.alerts.channel.Run(ctx)) })
	g.Go(func() error { c.alerts.keepHealth(ctx); return nil })
	g.Go(func() error { c.keepFleet(ctx); return nil })
	g.Go(func() error { c.where.run(ctx); return nil })
	g.Go(func() error { c.wan.Run(ctx); return nil })
	g.Go(func() error { c.officials.poller.Run(ctx); return nil })
	g.Go(func() error { c.officials.keep(ctx); return nil })
	g.Go(func() error { c.keepCoverage(ctx); return nil })
	g.Go(func() error { c.drills.run(ctx); return nil })
	g.Go(func() error { c.digests.run(ctx); return nil })
	g.Go(func() error { c.keepPoints(ctx); return nil })
	g.Go(func() error { return c.keepHouse(ctx) })
	g.Go(func() error { return c.servePages(ctx) })
	c.log.Info("collector is up", "agents", c.o.Sockets.Agents.LocalAddr(), "page", pageURL(c.o.Sockets))
	err := g.Wait()
	endJudging()
	judged.Wait()
	endSaving()
	saved.Wait()
	err = errors.Join(err, c.close())
	c.log.Info("collector has stopped")
	return err
}

func (c *Collector) close() error {
	var errs []error
	if c.influx != nil {
		errs = append(errs, c.influx.Close())
	}
	if c.store != nil {
		errs = append(errs, c.store.Close())
	}
	return errors.Join(append(errs, c.o.Sockets.Close())...)
}

// decided hands out what the judge decides. It is called by the judge and waits
// for nobody.
func (c *Collector) decided(now time.Time, e detect.Event) {
	switch e := e.(type) {
	case detect.Ask:
		c.ask(e)
	case detect.IncidentEvent:
		i := e.Incident
		level := slog.LevelInfo
		if c.logged[i.ID] == i.Title+string(i.State) {
			level = slog.LevelDebug // counts move all the time
		}
		c.logged[i.ID] = i.Title + string(i.State)
		if !i.State.Open() {
			delete(c.logged, i.ID)
		}
		c.logIncident(level, "incident "+string(e.What), i)
		c.noteWAN(i)
		c.found(i)
	case detect.VerdictEvent:
		c.telemetry.verdict(e)
	case detect.Notice:
		c.log.Info("notice", "kind", e.Kind, "site", e.Site, "agent", e.Agent, "text", e.Text)
	}
}

// fleetChanged has the judge and the agents told, soon, who belongs to the fleet.
func (c *Collector) fleetChanged() {
	select {
	case c.changed <- struct{}{}:
	default: // it is due already
	}
}

// tellAgain is how often keepFleet looks for an agent that could not be told.
const tellAgain = 5 * time.Second

// keepFleet re-reads who is enrolled after every change and tells the judge and
// every agent. One goroutine does so, a moment late, so that a hundred agents
// that join together are one change, and a read that fails is tried again. Now
// and then it looks whether every agent that is there was told.
func (c *Collector) keepFleet(ctx context.Context) {
	again := time.NewTicker(tellAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
			if err := c.readFleet(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("read the fleet", "err", err)
				c.fleetChanged()
			}
		case <-again.C:
		}
		c.tellAgents()
		select {
		case <-ctx.Done():
			return
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (c *Collector) readFleet(ctx context.Context) error {
	if err := c.registry.reload(ctx); err != nil {
		return err
	}
	sites := c.registry.sites()
	c.judge.do(func(now time.Time) { c.judge.engine.SetFleet(now, sites) })
	c.drills.fleet(sites)
	return nil
}

// keepHouse stores signs of life, prunes what is too old, and fetches from the
// judge what new agents are told to be typical of each check.
func (c *Collector) keepHouse(ctx context.Context) error {
	flush, learn, prune := time.NewTicker(10*time.Second), time.NewTicker(30*time.Second), time.NewTicker(time.Hour)
	defer flush.Stop()
	defer learn.Stop()
	defer prune.Stop()
	flushed := c.started
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-flush.C:
			if err := c.store.SeenAgent(ctx, c.registry.seen(flushed)...); err != nil && ctx.Err() == nil {
				c.log.Error("store signs of life", "err", err)
			}
			flushed = now
		case <-learn.C:
			c.judge.do(func(time.Time) { c.registry.learned(c.judge.engine.Typical()) })
		case now := <-prune.C:
			file := c.file()
			c.judge.do(func(now time.Time) { c.judge.engine.SetMaintenance(now, maintenance(file, now)) })
			c.notePlanned(ctx, now, file)
			if _, err := c.store.Prune(ctx, now); err != nil && ctx.Err() == nil {
				c.log.Error("prune old rollups", "err", err)
			}
		}
	}
}

// Totals is how many results the collector has for good, and how many it knows
// to be lost.
func (c *Collector) Totals(ctx context.Context) (store.Totals, error) { return c.store.Totals(ctx) }

// ended turns the error of a part that ended because ctx did into none.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
