package collector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"picket/collector/influx"
	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/fleet"
)

// ingest puts results where they stay: in InfluxDB, if there is one, and then
// in one SQLite transaction into rollups and marks. Only then is the agent
// acknowledged and may delete its copy.
//
// Whoever delivers waits. Deliveries that wait together go together: one write
// to InfluxDB and one fsync serve all of them (group commit), so the cost per
// result falls as the load grows. While a sink is away everybody waits, nothing
// is read from the agents, and nothing is kept in memory but what already was.
type ingest struct {
	store    *store.Store
	influx   *influx.Writer // nil: none
	registry *registry
	log      *slog.Logger
	in       chan *delivery // never closed

	mu      sync.Mutex // guards trouble
	trouble map[string]string
}

type delivery struct {
	agent store.Agent
	batch *fleet.Batch
	cfg   *fleet.Config
	done  chan error // has room for one
}

// groupRecords is how many records make a group full: InfluxDB is at its best
// with some thousand lines a request.
const groupRecords = 5000

// Retries of a sink that is away: from retryFirst, doubled up to retryMost. A
// sink that refuses us (bad token, missing bucket) is asked at retryMost.
const (
	retryFirst = 250 * time.Millisecond
	retryMost  = 15 * time.Second
)

func newIngest(s *store.Store, w *influx.Writer, r *registry, log *slog.Logger) *ingest {
	return &ingest{store: s, influx: w, registry: r, log: log, in: make(chan *delivery), trouble: map[string]string{}}
}

// take returns when the batch, made under cfg, is durable. An error means that
// it is not.
func (g *ingest) take(ctx context.Context, a store.Agent, b *fleet.Batch, cfg *fleet.Config) error {
	d := &delivery{agent: a, batch: b, cfg: cfg, done: make(chan error, 1)}
	select {
	case g.in <- d:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-d.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run works until ctx ends. A group under way then fails, and its agents
// deliver it again next time.
func (g *ingest) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-g.in:
			group := g.gather(d)
			errs := make([]error, len(group))
			err := g.write(ctx, group)
			if err == nil {
				err = g.commit(ctx, group, errs)
			}
			for i, d := range group {
				d.done <- errors.Join(err, errs[i])
			}
		}
	}
}

// gather adds to first whatever waits already, up to a full group.
func (g *ingest) gather(first *delivery) []*delivery {
	group, n := []*delivery{first}, len(first.batch.Records)
	for n < groupRecords {
		select {
		case d := <-g.in:
			group, n = append(group, d), n+len(d.batch.Records)
		default:
			return group
		}
	}
	return group
}

// write sends the group to InfluxDB until it is there.
func (g *ingest) write(ctx context.Context, group []*delivery) error {
	if g.influx == nil {
		return nil
	}
	var lines []byte
	for _, d := range group {
		lines = g.lines(lines, d)
	}
	return g.insist(ctx, web.SinkInflux, func() error { return g.influx.Write(ctx, lines) })
}

// lines appends the batch as line protocol.
func (g *ingest) lines(dst []byte, d *delivery) []byte {
	network := g.registry.networkByID(d.batch.Network)
	targets := targetsOf(d.cfg)
	tags := influx.Tags{Client: d.agent.Client, Site: d.agent.Site, Agent: d.agent.ID, VRegion: d.agent.Region}
	for _, r := range d.batch.Records {
		check := d.cfg.Checks[r.Check]
		dst = influx.AppendProbe(dst, tags, network, check, targets[check.Target], r)
	}
	return dst
}

// commit adds the group to rollups and marks. errs gets what is wrong with
// single deliveries, which does not hold up the others.
func (g *ingest) commit(ctx context.Context, group []*delivery, errs []error) error {
	ds := make([]store.Delivery, len(group))
	for i, d := range group {
		ds[i] = store.Delivery{Agent: d.agent.ID, Region: d.agent.Region, Batch: d.batch, Config: d.cfg}
	}
	var done []store.Committed
	err := g.insist(ctx, web.SinkStore, func() (err error) {
		done, err = g.store.Commit(ctx, ds)
		return err
	})
	if err != nil {
		return err
	}
	for i, c := range done {
		errs[i] = c.Err
		if c.Lost > 0 {
			g.log.Warn("results were lost before they reached us", "agent", ds[i].Agent, "lost", c.Lost, "reason", ds[i].Batch.Gap)
		}
	}
	return nil
}

// insist calls f until it succeeds or ctx ends. What is wrong is logged when it
// begins and when it ends, and shown by [ingest.troubles] in between.
func (g *ingest) insist(ctx context.Context, sink string, f func() error) error {
	wait := retryFirst
	for {
		err := f()
		if err == nil || ctx.Err() != nil {
			if err == nil {
				g.settle(sink)
			}
			return err
		}
		g.complain(sink, err)
		pause := wait
		if busy, ok := errors.AsType[*influx.BusyError](err); ok {
			pause = max(pause, busy.RetryAfter)
		}
		if _, ok := errors.AsType[*influx.AlarmError](err); ok {
			pause = retryMost
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		wait = min(2*wait, retryMost)
	}
}

func (g *ingest) complain(sink string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.trouble[sink] == "" {
		g.log.Error("results wait, agents keep them", "sink", sink, "err", err)
	}
	g.trouble[sink] = err.Error()
}

func (g *ingest) settle(sink string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.trouble[sink] != "" {
		g.log.Info("results flow again", "sink", sink)
		delete(g.trouble, sink)
	}
}

// troubles says which sinks are away, and why.
func (g *ingest) troubles() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make(map[string]string, len(g.trouble))
	for k, v := range g.trouble {
		all[k] = v
	}
	return all
}
