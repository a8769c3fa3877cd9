package collector

import (
	"context"
	"fmt"
	"time"

	"picket/collector/web"
	"picket/internal/uplink"
)

const (
	// cloneShown is how long a copy is shown after it came last: three of its tries.
	cloneShown = 15 * time.Minute
	// cloneAudit is how often the trail tells of copies of one agent: one that is
	// restarted all the time must not fill it.
	cloneAudit = time.Hour
)

// cloned notes that a machine was refused because another one is online with the
// same identity. It is called by the session that was refused.
func (c *Collector) cloned(v uplink.Clone) {
	now, tell := time.Now(), false
	c.agents.note(v.Agent, func(t *told) {
		if t.clone == nil || now.Sub(t.clone.At) > cloneShown {
			t.clone = &web.Clone{Since: now}
		}
		t.clone = &web.Clone{At: now, Since: t.clone.Since, Host: v.RefusedHost, From: v.Refused.Addr().String()}
		if tell = v.First && now.Sub(t.cloneTold) >= cloneAudit; tell {
			t.cloneTold = now
		}
	})
	if !tell {
		return
	}
	detail := fmt.Sprintf("refused %s (%s): %s (%s) is online with the same identity", v.RefusedHost, v.Refused.Addr(), v.StaysHost, v.Stays.Addr())
	source{c}.audit(context.Background(), "collector", "agent.clone", v.Agent, detail)
}
