package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"picket/collector/store"
	"picket/internal/fleet"
)

// An agent is authenticated, not trusted: what it sends is checked here before
// it reaches the judge or a sink. A result that cannot be true is left out, and
// the hole in the agent's numbering is counted as lost; it never stops the rest.
const (
	// oldest is one day more than a spool keeps, newest what a clock may be
	// ahead. InfluxDB makes a shard per day, so times from elsewhere cost it dearly.
	oldest = 15 * 24 * time.Hour
	newest = 5 * time.Minute

	// maxRuns is how many runs one agent may begin while the collector lives:
	// each is a row for a year, and an honest agent begins one per restart.
	maxRuns = 1000
)

// errRuns ends the session of an agent that begins runs without end.
var errRuns = errors.New("too many runs")

// runs counts the runs that agents have begun.
type runs struct {
	mu   sync.Mutex // guards the field below
	seen map[string]map[uint64]struct{}
}

func newRuns() *runs { return &runs{seen: map[string]map[uint64]struct{}{}} }

func (r *runs) begin(agent string, run uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.seen[agent]
	if of == nil {
		of = map[uint64]struct{}{}
		r.seen[agent] = of
	}
	if _, ok := of[run]; !ok && len(of) >= maxRuns {
		return fmt.Errorf("%w: agent %s began %d", errRuns, agent, maxRuns)
	}
	of[run] = struct{}{}
	return nil
}

// admit returns the part of b that can be true, and the configuration it was
// made under. Results made under a configuration that this collector never had
// (its database was lost) are kept under one check called "unknown".
func (c *Collector) admit(ctx context.Context, a store.Agent, b *fleet.Batch, now time.Time) (*fleet.Batch, *fleet.Config, error) {
	cfg, err := c.registry.config(ctx, b.Config)
	if err != nil {
		return nil, nil, err
	}
	out := *b
	if !c.registry.wasGiven(a.ID, b.Network) {
		out.Network = 0
	}
	out.Records = make([]fleet.Record, 0, len(b.Records))
	for _, r := range b.Records {
		if cfg.ID == 0 {
			r.Check = 0
		}
		if int(r.Check) < len(cfg.Checks) && r.Time.After(now.Add(-oldest)) && r.Time.Before(now.Add(newest)) {
			out.Records = append(out.Records, r)
		}
	}
	if left := len(b.Records) - len(out.Records); left > 0 {
		c.refused.Add(uint64(left))
		c.agents.note(a.ID, func(t *told) {
			if !t.doubtful {
				c.log.Warn("results left out: their time or their check cannot be true", "agent", a.ID, "results", left)
			}
			t.doubtful = true
		})
	}
	return &out, cfg, nil
}
