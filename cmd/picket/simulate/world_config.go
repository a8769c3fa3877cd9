package simulate

import (
	"time"

	"picket/internal/fleet"
)

// referenceInterval is how often references are asked (detection.md 2.12).
const referenceInterval = 5 * time.Second

// configKey names the config that an agent has in force.
type configKey struct {
	version uint64
	client  string
}

// agentConfig is a config as the agents of one client see it, and where its
// indexes lie among the world's checks.
type agentConfig struct {
	fleet.Config
	index []uint32 // by check of the world
	check []int32  // by index in the config
}

// config makes the configuration of a version as client sees it; client "" is
// the collector. Every version turns the order of the checks by one, so that
// whoever confuses two versions confuses all checks.
func (w *world) config(version uint64, client string) *agentConfig {
	key := configKey{version, client}
	if c := w.configs[key]; c != nil {
		return c
	}
	n := len(w.checks)
	c := &agentConfig{Config: fleet.Config{ID: version}, index: make([]uint32, n), check: make([]int32, n)}
	hidden := func(t *Target) bool { return t != nil && t.Client != "" && client != "" && t.Client != client }
	for i := range w.s.Targets {
		if t := &w.s.Targets[i]; !hidden(t) {
			c.Targets = append(c.Targets, fleet.Target{ID: t.ID, Provider: t.Provider, Service: t.Service, Region: t.Region,
				Dependencies: t.Depends, Client: t.Client})
		}
	}
	for i := range w.s.References {
		c.Targets = append(c.Targets, fleet.Target{ID: w.s.References[i].ID, Reference: true})
	}
	c.Checks = make([]fleet.Check, n)
	for i := range w.checks {
		at := (i + int(version) - 1) % n
		c.index[i], c.check[at] = uint32(at), int32(i)
		if !hidden(w.checks[i].target) {
			c.Checks[at] = w.checks[i].Check
		}
	}
	w.configs[key] = c
	return c
}
