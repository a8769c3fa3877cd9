package collector

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"picket/collector/config"
	"picket/collector/web"
)

// How a configuration gets into force while the collector runs: it is read and
// compared (plan), kept in the store, given to the registry, the judge and the
// alert routes, and then told to every agent by keepFleet, which goes on until
// each has it, those too that are saying hello just now. What is read at the
// start alone (sockets, TLS, InfluxDB) waits for the next start, and is said to.
// The data folder cannot be changed this way: the configuration is kept in it.

// agentsWithin is how long an apply waits for the agents to answer.
const agentsWithin = 10 * time.Second

// file is the configuration in force.
func (c *Collector) file() *config.File { return c.registry.currentFile() }

// PlanConfig says what would change if f were applied.
func (s source) PlanConfig(ctx context.Context, f web.ConfigFile) (web.ConfigPlan, error) {
	file, err := s.c.fleetFile(f)
	if err != nil {
		return web.ConfigPlan{}, err
	}
	p := s.c.plan(file)
	p.Warnings = append(p.Warnings, s.c.dependence(ctx, file)...)
	return p, nil
}

// dependence says what alerts, the page and confirmation depend on under file.
func (c *Collector) dependence(ctx context.Context, file *config.File) (list []string) {
	warnings := CheckIndependence(ctx, file, true).Warnings
	cover, err := source{c}.Coverage(ctx)
	if err == nil { // else the judge is busy: picket coverage tells it later
		warnings = append(warnings, ThinCover(cover, file.ProviderName)...)
	}
	for _, w := range warnings {
		list = append(list, w.String())
	}
	return list
}

// ApplyConfig puts f into force.
func (s source) ApplyConfig(ctx context.Context, by string, f web.ConfigFile, plan string) (web.ConfigApplied, error) {
	file, err := s.c.fleetFile(f)
	if err != nil {
		return web.ConfigApplied{}, err
	}
	// Whoever asked may leave: what is begun is brought to its end.
	whole := context.WithoutCancel(ctx)
	done, err := s.swap(whole, by, file, f.Source, plan)
	if err != nil {
		return done, err
	}
	s.c.awaitAgents(ctx, &done)
	if err := s.c.moveAgents(whole); err != nil {
		s.c.log.Error("sort agents into the new networks", "err", err) // they are, when they come back
	}
	return done, nil
}

// moveAgents has the agents come back that the table of networks now puts
// elsewhere: the network belongs to the hello.
func (c *Collector) moveAgents(ctx context.Context) error {
	for _, s := range c.server.Present() {
		a, ok := c.registry.agent(s.Agent)
		if !ok {
			continue
		}
		n, err := c.registry.network(ctx, s.Remote.Addr(), a.Declared)
		if err != nil {
			return err
		}
		if n != a.Network {
			c.server.Disconnect(s.Agent, "moved", "the table of networks changed")
		}
	}
	return nil
}

// fleetFile parses f and looks whether it can be applied: its secrets are there,
// for the user that will need them, and it does not want another data folder.
func (c *Collector) fleetFile(f web.ConfigFile) (*config.File, error) {
	refuse := func(code, what string, err error, fix string) error {
		return &web.Error{Status: http.StatusUnprocessableEntity, Code: code, What: what, Why: err.Error(), Fix: fix}
	}
	if !filepath.IsAbs(f.Name) {
		return nil, refuse("config", "the configuration was not read", errors.New("its name is not an absolute path"), "")
	}
	file, err := config.Parse(f.Name, f.Source)
	if err != nil {
		return nil, refuse("config", "the configuration is wrong", err, "correct it; check with: picket config validate FILE")
	}
	if err := errors.Join(file.Unreadable()...); err != nil {
		return nil, refuse("secret", "a secret of the configuration cannot be read", err, "make it readable for the collector's user")
	}
	if file.Data != "" && file.Data != c.file().Data && !sameFolder(file.Data, c.o.Dir) {
		return nil, refuse("data", "an apply cannot change the data folder",
			fmt.Errorf("the collector keeps its data in %s, the configuration says data: %s", c.o.Dir, file.Data),
			"leave data out; or end the collector, move its folder, and start it with: picket collector --config FILE --data FOLDER")
	}
	return file, nil
}

// sameFolder says whether two paths lead to one folder.
func sameFolder(a, b string) bool {
	x, errA := filepath.Abs(a)
	y, errB := filepath.Abs(b)
	if errA == nil && errB == nil && x == y {
		return true
	}
	one, errA := os.Stat(a)
	two, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(one, two)
}

// plan compares file with what is in force.
func (c *Collector) plan(file *config.File) web.ConfigPlan {
	was := c.file()
	cfg := file.Fleet()
	p := web.ConfigPlan{
		ID: planID(was, file), Running: was.Name, Same: was.Name == file.Name && was.Digest == file.Digest, Changes: []web.ConfigChange{}, Restart: []string{},
		Targets: len(cfg.Targets), Checks: len(cfg.Checks), Warnings: []string{},
	}
	for _, w := range file.Warnings {
		p.Warnings = append(p.Warnings, w.String())
	}
	seats := c.registry.currentRoster().Seats
	reached := map[string]bool{}
	for _, d := range config.Diff(was, file) {
		agents := 0
		for _, seat := range seats {
			if slices.Contains(d.Clients, "") || slices.Contains(d.Clients, seat.Client) {
				agents++
				reached[seat.Agent] = true
			}
		}
		p.Changes = append(p.Changes, web.ConfigChange{Op: d.Op, Kind: d.Kind, ID: d.ID, What: d.What, Agents: agents, Restart: d.Restart})
	}
	p.Agents = len(reached)
	// Against what the process was started with: an earlier apply may wait for
	// the restart too.
	for _, d := range config.Diff(c.o.File, file) {
		if d.Restart {
			p.Restart = append(p.Restart, d.ID)
		}
	}
	return p
}

// planID names the step from one file to another: three bytes of each digest. A
// plan that was looked at is refused when either end is not what it was.
func planID(was, now *config.File) string {
	return hex.EncodeToString(was.Digest[:3]) + "-" + hex.EncodeToString(now.Digest[:3])
}

// swap makes file the configuration in force.
func (s source) swap(ctx context.Context, by string, file *config.File, src []byte, plan string) (web.ConfigApplied, error) {
	c := s.c
	c.registry.applying.Lock()
	defer c.registry.applying.Unlock()
	done := web.ConfigApplied{ConfigPlan: c.plan(file), Refused: []web.ConfigRefusal{}}
	if plan != "" && plan != done.ID {
		return done, stale(plan, done.ID)
	}
	cfg, changed, err := c.store.SaveConfig(ctx, file.Fleet(), file.Name, src, time.Now())
	if err != nil {
		return done, err
	}
	done.Config = cfg.ID
	c.registry.use(file, cfg)
	c.alerts.setRoutes(file)
	if changed {
		c.drills.interrupt("the configuration was changed")
	}
	c.judge.do(func(now time.Time) { c.judge.engine.SetMaintenance(now, maintenance(file, now)) })
	c.notePlanned(ctx, time.Now(), file)
	if changed {
		c.judge.do(func(now time.Time) { c.judge.engine.SetConfig(now, cfg) })
		c.fleetChanged() // has the agents told, see tellAgents
	}
	s.audit(ctx, by, "config.apply", file.Name, fmt.Sprintf("plan %s, configuration %d, %d changes", done.ID, cfg.ID, len(done.Changes)))
	c.log.Info("configuration in force", "by", by, "file", file.Name, "config", cfg.ID, "changed", changed, "targets", done.Targets, "checks", done.Checks,
		"after a restart", strings.Join(done.Restart, " "))
	return done, nil
}

// stale says which end of a plan moved.
func stale(plan, is string) error {
	e := &web.Error{Status: http.StatusConflict, Code: "plan", What: "nothing was applied", Fix: "look at it again: picket config plan FILE"}
	wasOld, wasNew, _ := strings.Cut(plan, "-")
	isOld, isNew, _ := strings.Cut(is, "-")
	switch {
	case wasOld != isOld:
		e.Why = "somebody applied another configuration since plan " + plan
	case wasNew != isNew:
		e.Why = "the file changed since plan " + plan
	}
	return e
}

// tellAgents gives every agent with a session the configuration and the roster
// that are in force, if its session was not given them yet. Part of keepFleet,
// which comes again for those that take nothing now.
func (c *Collector) tellAgents() {
	config, roster := c.registry.currentConfig().ID, c.registry.currentRoster().Version
	for _, s := range c.server.Present() {
		a, ok := c.registry.agent(s.Agent)
		if !ok {
			continue
		}
		gave := c.agents.given(s.Agent)
		if gave.givenConfig != config && !c.agents.has(s.Agent, config) {
			if cfg := c.registry.configFor(a.Client, a.Site); c.server.Config(s.Agent, cfg) {
				c.agents.note(s.Agent, func(t *told) { t.givenConfig = cfg.ID })
			}
		}
		if gave.givenRoster != roster {
			if r := c.registry.rosterFor(a.Client); c.server.Roster(s.Agent, r) {
				c.agents.note(s.Agent, func(t *told) { t.givenRoster = r.Version })
			}
		}
	}
}

// awaitAgents waits until every connected agent has answered, and counts.
func (c *Collector) awaitAgents(ctx context.Context, done *web.ConfigApplied) {
	ctx, cancel := context.WithTimeout(ctx, agentsWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !c.countAgents(done) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// countAgents fills in who uses the configuration of done, and says whether all
// that are connected have answered.
func (c *Collector) countAgents(done *web.ConfigApplied) (all bool) {
	seats := c.registry.currentRoster().Seats
	online := map[string]bool{}
	for _, s := range c.server.Sessions() {
		online[s.Agent] = true
	}
	done.Online, done.Took, done.Offline, done.Refused = 0, 0, 0, []web.ConfigRefusal{}
	for _, seat := range seats {
		if !online[seat.Agent] {
			done.Offline++
			continue
		}
		done.Online++
		took, refused := c.agents.applied(seat.Agent, done.Config)
		switch {
		case refused != "":
			done.Refused = append(done.Refused, web.ConfigRefusal{Agent: seat.Agent, Site: seat.Site, Why: refused})
		case took:
			done.Took++
		}
	}
	return done.Took+len(done.Refused) == done.Online
}

// given is what the agent's session was given; zero if it never had one.
func (c *condition) given(agent string) told {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.all[agent]; t != nil {
		return *t
	}
	return told{}
}

// applied says what an agent told of a configuration: that it uses it, or why not.
func (c *condition) applied(agent string, config uint64) (took bool, refused string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.all[agent]
	if t == nil || t.config != config {
		return false, ""
	}
	return t.refused == "", t.refused
}

// has says whether an agent has answered to a configuration.
func (c *condition) has(agent string, config uint64) bool {
	took, refused := c.applied(agent, config)
	return took || refused != ""
}
