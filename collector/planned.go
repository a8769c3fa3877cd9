package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/internal/fleet"
)

// Planned work is written down as it was applied: a report of next quarter must
// know what was left out of the judgement, and the file will say something else
// by then. What a window covers is a matter of the day too, since targets and
// sites come and go; so it is spelled out, and noted anew while it is not over.

// plannedWork is what a window says, as it is stored.
type plannedWork struct {
	Provider string `json:"provider,omitempty"`
	Service  string `json:"service,omitempty"`
	Region   string `json:"region,omitempty"`
	Target   string `json:"target,omitempty"`
	Client   string `json:"client,omitempty"`
	Site     string `json:"site,omitempty"`
	Note     string `json:"note,omitempty"`
}

// coveredWork is what that means: pairs of these are not judged.
type coveredWork struct {
	Targets []string `json:"targets"`
	Sites   []string `json:"sites"`
}

// notePlanned writes down the windows that are open at now or begin soon. What
// cannot be written now is tried again within the hour.
func (c *Collector) notePlanned(ctx context.Context, now time.Time, file *config.File) {
	cfg, sites := c.registry.currentConfig(), c.registry.sites()
	var rows []store.PlannedWork
	for _, m := range file.Planned(now, now.Add(planAhead)) {
		doc, err := json.Marshal(plannedWork{m.Provider, m.Service, m.Region, m.Target, m.Client, m.Site, m.Note})
		if err != nil {
			c.log.Error("write down planned work", "err", err) // not reached: texts can be encoded
			continue
		}
		covered, err := json.Marshal(coveredBy(m, cfg, sites))
		if err != nil {
			c.log.Error("write down planned work", "err", err)
			continue
		}
		rows = append(rows, store.PlannedWork{Start: m.From, Until: m.To, Doc: doc, Covered: covered})
	}
	if err := c.store.ApplyPlannedWork(ctx, now, rows); err != nil && ctx.Err() == nil {
		c.log.Error("write down planned work", "err", err)
	}
}

// coveredBy spells a window out.
func coveredBy(m config.Maintenance, cfg *fleet.Config, sites []detect.Site) coveredWork {
	all := coveredWork{[]string{}, []string{}}
	is := func(want, got string) bool { return cmp.Or(want, got) == got }
	for _, t := range cfg.Targets {
		if is(m.Provider, t.Provider) && is(m.Service, t.Service) && is(m.Region, t.Region) && is(m.Target, t.ID) && (m.Client == "" || t.Client == "" || t.Client == m.Client) {
			all.Targets = append(all.Targets, t.ID)
		}
	}
	for _, s := range sites {
		if is(m.Client, s.Client) && (m.Site == "" || m.Site == s.ID || m.Site == strings.TrimPrefix(s.ID, s.Client+"/")) {
			all.Sites = append(all.Sites, s.ID)
		}
	}
	return all
}
