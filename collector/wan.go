package collector

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"picket/collector/detect"
	"picket/collector/wan"
	"picket/probes"
)

// The questions to a site's public address: one packet or one connection, and
// two seconds are longer than any line that works needs.
const (
	wanPort    = 443
	wanTimeout = 2 * time.Second
)

// openWAN makes the room that asks the public addresses of sites; nil if the
// configuration does not want it.
func (c *Collector) openWAN() *wan.Watcher {
	if !c.o.File.WANCheck {
		return nil
	}
	prober := probes.New(probes.Options{})
	return wan.New(wan.Options{
		Ask: func(ctx context.Context, addr netip.Addr, way wan.Way) (wan.Way, error) {
			return askWAN(ctx, prober, addr, way)
		},
		Tell: func(site string, answers bool) {
			c.judge.do(func(now time.Time) { c.judge.engine.WANAddress(now, site, answers) })
		},
		Log: c.log,
	})
}

// askWAN asks addr in the way, None: in both. A refused connection is an answer
// like any other; what is wrong on our own side is an error and none.
func askWAN(ctx context.Context, p *probes.Prober, addr netip.Addr, way wan.Way) (wan.Way, error) {
	var trouble error
	heard := false // at least one way could be asked
	for _, w := range []wan.Way{wan.Ping, wan.TCP} {
		if way != wan.None && way != w {
			continue
		}
		spec := probes.Spec{Kind: probes.Ping, Host: addr.String(), Packets: 1, Timeout: wanTimeout}
		if w == wan.TCP {
			spec = probes.Spec{Kind: probes.TCP, Host: addr.String(), Port: wanPort, Timeout: wanTimeout}
		}
		r := p.Probe(ctx, spec)
		switch {
		case r.Outcome == probes.Up, r.Cause == probes.TCPRefused, r.Cause == probes.TCPReset:
			return w, nil
		case r.Outcome == probes.Down:
			heard = true
		default:
			trouble = fmt.Errorf("%s: %s", r.Cause, r.Err)
		}
	}
	if !heard && trouble != nil {
		return wan.None, trouble
	}
	return wan.None, nil
}

// noteWAN tells the room what the judge has concluded of a site.
func (c *Collector) noteWAN(i detect.Incident) {
	if i.Kind == detect.KindSite && i.State.Open() && i.Reason.Code == detect.LostContact {
		c.wan.Silent(i.Site)
	}
}

// healthWAN tells it where a site is seen; an agent that was carried away says
// nothing of its site.
func (c *Collector) healthWAN(agent string, routed bool, remote netip.Addr) {
	a, ok := c.registry.agent(agent)
	if _, away := c.where.room.Away(agent); !ok || away || !remote.IsValid() {
		return
	}
	c.wan.Seen(a.Site, remote, routed)
}
