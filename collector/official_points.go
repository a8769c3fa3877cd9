package collector

import (
	"slices"
	"time"

	"picket/collector/influx"
	"picket/collector/official"
	"picket/internal/fleet"
)

// spoke has what providers have said told: drawn, and looked at again by alerts.
func (c *Collector) spoke(records []official.Record) {
	places := placesOf(c.registry.currentConfig())
	for i := range records {
		c.drawNotice(&records[i], places)
	}
	c.alerts.reconsider()
}

// maxRedrawn bounds how many notices of a feed are drawn anew.
const maxRedrawn = 20

// drawOfficial draws what each provider says of each place that is watched, and
// the newest notices that are open anew. Where no feed speaks of a provider
// nothing is drawn.
func (c *Collector) drawOfficial(now time.Time) {
	places := placesOf(c.registry.currentConfig())
	for _, p := range places {
		q := official.Question{Provider: p.provider, Service: p.service, Region: p.region, From: now}
		a := c.officials.answer(c.officials.book, now, q)
		if !a.Feed {
			continue
		}
		v := influx.Official{Time: now, Provider: p.provider, Service: p.service, Region: p.region, State: officialState(a.State), Title: a.Title, URL: a.URL, Age: -1}
		if !a.Checked.IsZero() {
			v.Age = now.Sub(a.Checked)
		}
		c.telemetry.put(influx.AppendOfficial(nil, v))
	}
	for _, f := range c.officials.book.Feeds(now) {
		slices.SortFunc(f.Open, func(a, b official.Record) int { return b.Seen.Compare(a.Seen) })
		for i := range f.Open[:min(len(f.Open), maxRedrawn)] {
			c.drawNotice(&f.Open[i], places)
		}
	}
}

// officialState is how a state is stored. That nothing is posted is not the same
// as being well, and unknown is never green.
func officialState(s official.State) influx.OfficialState {
	switch s {
	case official.OK:
		return influx.OfficialOK
	case official.Quiet:
		return influx.OfficialQuiet
	case official.Maintenance:
		return influx.OfficialMaintenance
	case official.Degraded:
		return influx.OfficialDegraded
	case official.Down:
		return influx.OfficialDown
	}
	return influx.OfficialUnknown
}

// place is what a feed may speak of, under our names.
type place struct{ provider, service, region string }

// placesOf are the places that are watched, in the order of the configuration.
func placesOf(cfg *fleet.Config) (list []place) {
	seen := map[place]bool{}
	for _, t := range cfg.Targets {
		p := place{t.Provider, t.Service, t.Region}
		if t.Reference || t.Provider == "" || seen[p] {
			continue
		}
		seen[p] = true
		list = append(list, p)
	}
	return list
}

// drawNotice draws a notice if it is about something that is watched: under the
// service and the region, as far as it is about one of them.
func (c *Collector) drawNotice(r *official.Record, places []place) {
	at := slices.IndexFunc(c.officials.feeds, func(f official.Feed) bool { return f.ID == r.Feed })
	if at < 0 {
		return
	}
	v := influx.Notice{Posted: r.Since(), ID: r.ID, Provider: r.Provider, State: officialState(r.State), Title: r.Title, URL: r.URL, End: r.Ended}
	about := 0
	for _, p := range places {
		if p.provider != r.Provider || !c.officials.feeds[at].Admits(&r.Notice, p.service, p.region) {
			continue
		}
		if about++; about == 1 {
			v.Service, v.Region = p.service, p.region
		}
		if v.Service != p.service {
			v.Service = ""
		}
		if v.Region != p.region {
			v.Region = ""
		}
	}
	if about > 0 {
		c.telemetry.put(influx.AppendNotice(nil, v))
	}
}
