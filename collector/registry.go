package collector

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
	blind [32]byte // key of the opaque site names; drawn anew at each start

	away func(agent string) (time.Time, bool) // since when an agent is elsewhere; set before it is used

	applying sync.Mutex // held while a configuration is put into force

	mu       sync.RWMutex // guards the fields below
	file     *config.File // in force; never changed, only replaced
	agents   map[string]store.Agent
	networks map[uint32]fleet.Network
	configs  map[uint64]*fleet.Config   // those that records have named, and the current one
	metered  map[string]bool            // by agent, as its hello said
	given    map[string]map[uint32]bool // networks that each agent was told it is on
	hello    map[string]time.Time       // when each agent last said hello to this process
	current  *fleet.Config              // what file tells agents; never changed, only replaced
	roster   fleet.Roster
	typical  map[string]time.Duration // the fleet's median of good totals by check id; never changed, only replaced
}

func openRegistry(ctx context.Context, s *store.Store, file *config.File, current fleet.Config) (*registry, error) {
	r := &registry{
		store: s, away: func(string) (time.Time, bool) { return time.Time{}, false }, file: file, current: &current, metered: map[string]bool{}, given: map[string]map[uint32]bool{}, hello: map[string]time.Time{},
		networks: map[uint32]fleet.Network{}, configs: map[uint64]*fleet.Config{current.ID: &current},
	}
	rand.Read(r.blind[:]) // never fails
	if err := r.reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
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
	for id, b := range before {
		r.agents[id] = b // enrolled since the store was read
	}
	for _, a := range agents {
		// The store was read before the lock was taken: what has happened since
		// is in memory, and a revocation is never taken back.
		if b := before[a.ID]; !b.Seen.IsZero() && !b.Seen.Before(a.Seen) {
			a.Seen, a.Network = b.Seen, b.Network
		}
		if b := before[a.ID]; a.Revoked.IsZero() {
			a.Revoked = b.Revoked
		}
		r.agents[a.ID] = a
		r.giveLocked(a.ID, a.Network.ID)
	}
	for _, n := range networks {
		r.networks[n.ID] = n
	}
	// Versions grow over restarts too, without being stored.
	r.roster = fleet.Roster{Version: max(r.roster.Version+1, uint64(time.Now().UnixMilli()))}
	for _, id := range slices.Sorted(maps.Keys(r.agents)) {
		if a := r.agents[id]; a.Revoked.IsZero() {
			r.roster.Seats = append(r.roster.Seats, fleet.Seat{
				Agent: a.ID, Site: a.Site, Client: a.Client, Network: a.Network.Group(), Region: a.Region, Slot: a.Slot,
			})
		}
	}
	return nil
}

// enrolled adds an agent that the store has just taken.
func (r *registry) enrolled(a store.Agent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.agents[a.ID]; !ok {
		r.agents[a.ID] = a
	}
}

// revoked ends an agent's membership in memory, as the store has for ever.
func (r *registry) revoked(id string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.agents[id]; ok {
		a.Revoked = now
		r.agents[id] = a
	}
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
	return r.current
}

// currentFile is the configuration in force.
func (r *registry) currentFile() *config.File {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.file
}

// use puts another configuration into force. What was made under an earlier one
// is still understood.
func (r *registry) use(file *config.File, cfg fleet.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file, r.current = file, &cfg
	r.configs[cfg.ID] = &cfg
}

// config returns the configuration that a record was made under, and
// [unknownConfig] for one that this collector never made.
func (r *registry) config(ctx context.Context, id uint64) (*fleet.Config, error) {
	r.mu.RLock()
	cfg := r.configs[id]
	r.mu.RUnlock()
	if cfg != nil {
		return cfg, nil
	}
	stored, err := r.store.Config(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return &unknownConfig, nil // not remembered: whoever sends ids chooses them
	}
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.configs[id] = &stored
	return &stored, nil
}

// unknownConfig stands for every configuration that is not known here. It is
// never changed.
var unknownConfig = fleet.Config{
	Targets: []fleet.Target{{ID: "unknown"}},
	Checks:  []fleet.Check{{ID: "unknown", Target: "unknown"}},
}

// configFor is the current configuration as agents of client may see it: the
// private targets of other clients are left out, and their checks are blank
// places, so that indexes mean the same everywhere. With it go what is typical of
// each check in the fleet just then, and the budget of the agent's site.
func (r *registry) configFor(client, site string) *fleet.Config {
	r.mu.RLock()
	cfg, typical := *r.current, r.typical
	cfg.Budget = r.file.BudgetOf(site)
	r.mu.RUnlock()
	foreign := map[string]bool{}
	mine := make([]fleet.Target, 0, len(cfg.Targets))
	for _, t := range cfg.Targets {
		if t.Client != "" && t.Client != client {
			foreign[t.ID] = true
			continue
		}
		mine = append(mine, t)
	}
	cfg.Targets, cfg.Checks = mine, slices.Clone(cfg.Checks)
	for i, c := range cfg.Checks {
		if foreign[c.Target] {
			cfg.Checks[i] = fleet.Check{}
			continue
		}
		cfg.Checks[i].Typical = typical[c.ID]
	}
	return &cfg
}

// learned takes what is typical of the checks in the fleet, by their ids.
func (r *registry) learned(typical map[string]time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.typical = typical
}

// rosterFor is the roster as agents of client may see it. Of other clients'
// seats they learn that they exist and in which site they stand together, not
// whose or where: the rest is for the collector.
func (r *registry) rosterFor(client string) *fleet.Roster {
	roster := r.currentRoster()
	for i, s := range roster.Seats {
		if s.Client != client {
			roster.Seats[i] = fleet.Seat{Agent: s.Agent, Site: r.opaque(s.Site), Slot: s.Slot}
		}
	}
	return roster
}

// opaque is a name for site that tells nothing but equality.
func (r *registry) opaque(site string) string {
	mac := hmac.New(sha256.New, r.blind[:])
	mac.Write([]byte(site))
	return "site-" + hex.EncodeToString(mac.Sum(nil)[:6])
}

// wasGiven says whether the collector ever told agent that it is on network n.
func (r *registry) wasGiven(agent string, n uint32) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.given[agent][n]
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
	if n, up, ok := r.currentFile().Lookup(remote); ok {
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
	r.giveLocked(id, n.ID)
	r.hello[id] = now
	r.agents[id] = a
	return changed
}

func (r *registry) giveLocked(agent string, network uint32) {
	if r.given[agent] == nil {
		r.given[agent] = map[uint32]bool{}
	}
	r.given[agent][network] = true
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
// Its agents may be seen on different networks (a second line; an old machine
// that was replaced and never revoked): the site votes on the network of the
// agent that said hello last.
func (r *registry) sites() []detect.Site {
	r.mu.RLock()
	defer r.mu.RUnlock()
	byID := map[string]*detect.Site{}
	latest := map[string]time.Time{}
	for _, id := range slices.Sorted(maps.Keys(r.agents)) {
		a := r.agents[id]
		if !a.Revoked.IsZero() || a.Network.ID == 0 {
			continue
		}
		s := byID[a.Site]
		if s == nil {
			s = &detect.Site{ID: a.Site, Client: a.Client, Region: a.Region, Network: a.Network, HostedBy: a.HostedBy}
			byID[a.Site] = s
		}
		if _, away := r.away(id); away {
			continue // a machine that was carried away is no witness of its site
		}
		said := r.hello[id]
		if said.IsZero() && latest[a.Site].IsZero() || said.After(latest[a.Site]) {
			s.Network, latest[a.Site] = a.Network, said
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
