package collector

import (
	"context"
	"fmt"
	"log/slog"

	"picket/collector/detect"
	"picket/internal/uplink"
)

// What the judge of what is real and that of a drill have in common.

// ask hands a question to the agents that it is for.
func (c *Collector) ask(a detect.Ask) {
	ask := uplink.Ask{Round: a.Round, Config: a.Config, Check: a.Check, Deadline: a.Deadline, Attempt: a.Attempt}
	for _, agent := range a.Agents {
		c.server.Ask(agent, ask)
	}
}

// found hands out what an incident is now.
func (c *Collector) found(i detect.Incident) {
	c.telemetry.incident(i)
	c.alerts.changed(i)
}

func (c *Collector) logIncident(level slog.Level, what string, i detect.Incident) {
	c.log.Log(context.Background(), level, what, "id", i.ID, "kind", i.Kind, "state", i.State, "title", i.Title,
		"sites", fmt.Sprintf("%d/%d", i.DownSites, i.Sites), "reason", i.Reason.Code)
}
