package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/internal/fleet"
	"picket/internal/uplink"
)

// registry is who belongs to the fleet, in memory: the store has the truth,
// and every handshake, frame and result asks here.
type registry struct {
	store *store.Store
	file  *config.File

	mu       sync.RWMutex // guards the fields below
	agents   map[string]store.Agent
	networks map[uint32]fleet.Network
	configs  map[uint64]*fleet.Config // those that records have named, and the current one
	metered  map[string]bool          // by agent, as its hello said
	current  fleet.Config
	roster   fleet.Roster
}

func openRegistry(ctx context.Context, s *store.Store, file *config.File, current fleet.Config) (*registry, error) {
	r := &registry{
		store: s, file: file, current: current, metered: map[string]bool{},
		networks: map[uint32]fleet.Network{}, configs: map[uint64]*fleet.Config{current.ID: &current},
	}
	return r, r.reload(ctx)
}

// reload reads who is enrolled and makes the roster anew.
func (r *registry) reload(ctx context.Context) error {
	agents, err := r.store.Agents(ctx)
	if err != nil {
		return err
	}
	networks, err := r.store.Networks(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.agents
	r.agents = make(map[string]store.Agent, len(agents))
	for _, a := range agents {
		if b := before[a.ID]; b.Seen.After(a.Seen) {
			a.Seen = b.Seen // not stored yet
		}
		r.agents[a.ID] = a
	}
	for _, n := range networks {
		r.networks[n.ID] = n
	}
	// Versions grow over restarts too, without being stored.
	r.roster = fleet.Roster{Version: max(r.roster.Version+1, uint64(time.Now().UnixMilli()))}
	for _, a := range agents {
		if a.Revoked.IsZero() {
			r.roster.Seats = append(r.roster.Seats, fleet.Seat{
				Agent: a.ID, Site: a.Site, Client: a.Client, Network: a.Network.Group(), Region: a.Region, Slot: a.Slot,
			})
		}
	}
	return nil
}

// agent returns a member of the fleet: enrolled and not revoked.
func (r *registry) agent(id string) (store.Agent, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a, ok := r.agents[id]
	return a, ok && a.Revoked.IsZero()
}

// check is asked in every handshake.
func (r *registry) check(id string, _ bool) error {
	r.mu.RLock()
	a, ok := r.agents[id]
	r.mu.RUnlock()
	switch {
	case !ok:
		return fmt.Errorf("agent %s is not enrolled here", id)
	case !a.Revoked.IsZero():
		return fmt.Errorf("agent %s: %w", id, uplink.ErrRevoked)
	}
	return nil
}

func (r *registry) currentRoster() *fleet.Roster {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return &fleet.Roster{Version: r.roster.Version, Seats: slices.Clone(r.roster.Seats)}
}

func (r *registry) currentConfig() *fleet.Config {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return &r.current
}

// config returns the configuration that a record was made under. One that this
// collector never made (its database was lost and started anew) becomes a
// placeholder, so that the results are kept under names that say so.
func (r *registry) config(ctx context.Context, id uint64) (*fleet.Config, error) {
	r.mu.RLock()
	cfg := r.configs[id]
	r.mu.RUnlock()
	if cfg != nil {
		return cfg, nil
	}
	stored, err := r.store.Config(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	stored.ID = id
	r.mu.Lock()
	defer r.mu.Unlock()
	r.configs[id] = &stored
	return &stored, nil
}

// describe returns the check and target that a record of cfg names.
func describe(cfg *fleet.Config, index uint32, targets map[string]fleet.Target) (fleet.Check, fleet.Target) {
	if int(index) >= len(cfg.Checks) {
		id := fmt.Sprintf("unknown-%d-%d", cfg.ID, index)
		return fleet.Check{ID: id, Target: id}, fleet.Target{ID: id}
	}
	c := cfg.Checks[index]
	return c, targets[c.Target]
}

func targetsOf(cfg *fleet.Config) map[string]fleet.Target {
	m := make(map[string]fleet.Target, len(cfg.Targets))
	for _, t := range cfg.Targets {
		m[t.ID] = t
	}
	return m
}

// network decides which network an agent is on: by the table of the config, by
// the declaration of its token, else by its public prefix. Never by what the
// agent says.
func (r *registry) network(ctx context.Context, remote netip.Addr, declared string) (fleet.Network, error) {
	name, upstream, basis := declared, "", fleet.BasisDeclared
	if n, up, ok := r.file.Lookup(remote); ok {
		name, upstream, basis = n, up, fleet.BasisTable
	} else if declared == "" {
		name, basis = prefixGroup(remote), fleet.BasisPrefix
	}
	n, err := r.store.Network(ctx, name, upstream, basis)
	if err != nil {
		return n, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.networks[n.ID] = n
	return n, nil
}

// prefixGroup stands in for an unknown network: the IPv4 /24 or the IPv6 /48,
// the usual sizes of what one customer or one access router gets.
func prefixGroup(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "unknown network"
	}
	return "network of " + p.String()
}

func (r *registry) networkByID(id uint32) fleet.Network {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.networks[id]
}

// connected notes what a hello told and says whether that changed the sites.
func (r *registry) connected(id string, n fleet.Network, metered bool, now time.Time) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.agents[id]
	changed = a.Network != n || r.metered[id] != metered || a.Seen.IsZero()
	a.Network, a.Seen, r.metered[id] = n, now, metered
	r.agents[id] = a
	return changed
}

// saw notes a sign of life.
func (r *registry) saw(id string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.agents[id]; ok {
		a.Seen = now
		r.agents[id] = a
	}
}

// sites are the voting units: every site with an agent that has ever been here.
// Two agents of one site may be seen on two networks (a second line); the site
// votes on the one of its first agent.
func (r *registry) sites() []detect.Site {
	r.mu.RLock()
	defer r.mu.RUnlock()
	byID := map[string]*detect.Site{}
	for _, id := range slices.Sorted(maps.Keys(r.agents)) {
		a := r.agents[id]
		if !a.Revoked.IsZero() || a.Network.ID == 0 {
			continue
		}
		s := byID[a.Site]
		if s == nil {
			s = &detect.Site{ID: a.Site, Client: a.Client, Region: a.Region, Network: a.Network}
			byID[a.Site] = s
		}
		s.Agents = append(s.Agents, id)
		s.Metered = s.Metered || r.metered[id]
	}
	list := make([]detect.Site, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		list = append(list, *byID[id])
	}
	return list
}

// seen lists the signs of life since the last flush, for the store.
func (r *registry) seen(since time.Time) []store.Seen {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []store.Seen
	for id, a := range r.agents {
		if a.Seen.After(since) {
			list = append(list, store.Seen{Agent: id, At: a.Seen})
		}
	}
	return list
}
