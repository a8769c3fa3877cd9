package collector

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"picket/collector/web"
	"picket/internal/fleet"
	"picket/probes"
)

// latest keeps the newest result of every check at every agent, in memory: it
// is what the page of a target shows. It is gone with the process, which the
// first minute of results repairs.
//
// It stands on the path of every result, so a batch costs one look-up of its
// agent, and a record one comparison in a slice that is indexed as the checks of
// the configuration are. It holds at most agents x checks of [glance], about
// 120 bytes each, and the error texts of what fails now.
type latest struct {
	mu     sync.Mutex        // guards the fields below
	config uint64            // whose check indexes the slices of agents have
	checks []fleet.Check     // of that configuration; never changed
	index  map[string]uint32 // of checks, by id
	agents map[string][]glance
}

// glance is what the page shows of a result; at zero: none yet.
type glance struct {
	at                                  int64 // the record's time, unix milliseconds
	dns, connect, tls, ttfb, rtt, total time.Duration
	addr                                netip.Addr
	err                                 string
	code, certDays                      int32
	outcome                             probes.Outcome
	cause                               probes.Cause
	hasCert                             bool
}

func newLatest() *latest { return &latest{agents: map[string][]glance{}} }

// saw takes a batch of an enrolled agent that was made under cfg. The live and
// the record stream may both carry a record, and a spool brings old ones late:
// the newest time wins. A record of the future is left out, or it would stay.
// Checks that a newer configuration no longer has are forgotten with it.
func (l *latest) saw(agent string, cfg *fleet.Config, b *fleet.Batch, now time.Time) {
	most := now.Add(newest).UnixMilli()
	l.mu.Lock()
	defer l.mu.Unlock()
	if cfg.ID > l.config {
		l.adopt(cfg)
	}
	mine := l.agents[agent]
	if mine == nil {
		mine = make([]glance, len(l.checks))
		l.agents[agent] = mine
	}
	for i := range b.Records {
		r := &b.Records[i]
		k := r.Check
		if cfg.ID != l.config {
			if int(k) >= len(cfg.Checks) {
				continue
			}
			is, ok := l.index[cfg.Checks[k].ID]
			if !ok {
				continue
			}
			k = is
		}
		if int(k) >= len(mine) {
			continue // the live stream is not checked before
		}
		if at := r.Time.UnixMilli(); at > mine[k].at && at <= most {
			mine[k].set(at, &r.Result)
		}
	}
}

func (g *glance) set(at int64, r *probes.Result) {
	*g = glance{at: at, dns: r.DNS, connect: r.Connect, tls: r.TLS, ttfb: r.TTFB, rtt: r.RTT, total: r.Total, addr: r.Addr, err: r.Err,
		code: int32(r.Code), certDays: int32(r.CertDays), outcome: r.Outcome, cause: r.Cause, hasCert: r.HasCert}
}

// adopt makes cfg the configuration that indexes mean.
func (l *latest) adopt(cfg *fleet.Config) {
	index := make(map[string]uint32, len(cfg.Checks))
	for i, c := range cfg.Checks {
		index[c.ID] = uint32(i)
	}
	for agent, old := range l.agents {
		moved := make([]glance, len(cfg.Checks))
		for i, g := range old {
			if to, ok := index[l.checks[i].ID]; ok {
				moved[to] = g
			}
		}
		l.agents[agent] = moved
	}
	l.config, l.checks, l.index = cfg.ID, cfg.Checks, index
}

// forget drops what an agent saw: it was revoked.
func (l *latest) forget(agent string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.agents, agent)
}

// of returns the newest results of a target's checks, ordered by site, agent and
// check. member says who an agent is and whether it still belongs to the fleet;
// sites and networks are as it says, because they are the collector's to say.
func (l *latest) of(t fleet.Target, member func(agent string) (fleet.Site, bool)) []web.Latest {
	var out []web.Latest
	l.mu.Lock()
	var checks []int
	for i, c := range l.checks {
		if c.Target == t.ID {
			checks = append(checks, i)
		}
	}
	for agent, mine := range l.agents {
		for _, i := range checks {
			if mine[i].at != 0 {
				out = append(out, mine[i].tell(agent, l.checks[i].ID))
			}
		}
	}
	l.mu.Unlock()
	known := out[:0]
	for _, v := range out {
		s, ok := member(v.Agent)
		if !ok || t.Client != "" && t.Client != s.Client {
			continue
		}
		v.Client, v.Site, v.Region, v.ISP = s.Client, s.ID, s.Region, s.Network.Group()
		known = append(known, v)
	}
	slices.SortFunc(known, func(a, b web.Latest) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Check, b.Check))
	})
	return known
}

func (g *glance) tell(agent, check string) web.Latest {
	v := web.Latest{Agent: agent, Check: check, At: time.UnixMilli(g.at).UTC(), Outcome: g.outcome.String(), Cause: g.cause.String(),
		DNS: g.dns, Connect: g.connect, TLS: g.tls, TTFB: g.ttfb, RTT: g.rtt, Total: g.total,
		Code: int(g.code), HasCert: g.hasCert, CertDays: int(g.certDays), Err: g.err}
	if layer := g.cause.Layer(); layer != probes.LayerNone {
		v.Layer = layer.String()
	}
	if g.addr.IsValid() {
		v.Addr = g.addr.String()
	}
	return v
}

// Latest is the newest result of every check of a target, per agent.
func (s source) Latest(target string) []web.Latest {
	return s.c.glances(s.c.latest, target)
}

// glances is what l has of a target that is watched now; nil for any other.
func (c *Collector) glances(l *latest, target string) []web.Latest {
	targets := c.registry.currentConfig().Targets
	i := slices.IndexFunc(targets, func(t fleet.Target) bool { return t.ID == target })
	if i < 0 {
		return nil
	}
	return l.of(targets[i], func(agent string) (fleet.Site, bool) {
		a, ok := c.registry.agent(agent)
		return fleet.Site{ID: a.Site, Client: a.Client, Region: a.Region, Network: a.Network}, ok
	})
}
