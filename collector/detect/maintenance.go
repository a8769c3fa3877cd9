package detect

import (
	"slices"
	"strings"
	"time"

	"picket/probes"
)

// This file leaves alone what is being worked on. A pair of site and target
// inside a maintenance window abstains everywhere: it is in no round, no row of
// the explainer, no verdict and no evidence, its failures are not remembered, and
// its suspicions open nothing. A site that is in maintenance as a whole does not
// vote, and its silence is no incident until the window is over. An incident
// that lies wholly inside is closed ([Maintained]); what still fails when the
// window ends begins anew with the next two results, under the same id if that
// was less than 90 minutes ago.

// Maintenance is a window of planned work. "" matches anything; all that is
// given must match. Nothing but times is everything there is.
type Maintenance struct {
	From, To                          time.Time // To is not part of it
	Provider, Service, Region, Target string    // what is worked on
	Client                            string    // the site's client, and that of private targets
	Site                              string    // id ("client/site"), or its name within the client
}

// upkeep is what is known of maintenance.
type upkeep struct {
	all    []Maintenance
	active []Maintenance // as of the last look
}

// SetMaintenance replaces the windows. Those that are over are forgotten.
func (e *Engine) SetMaintenance(now time.Time, m []Maintenance) {
	e.wake(now)
	e.upkeep.all = slices.Clone(m)
	e.maintain(now)
	e.flush(now)
}

// maintain looks which windows are open, and closes incidents inside them. It
// is called once a second.
func (e *Engine) maintain(now time.Time) {
	u := &e.upkeep
	if len(u.all) == 0 {
		u.active = nil
		return
	}
	u.all = slices.DeleteFunc(u.all, func(m Maintenance) bool { return !now.Before(m.To) })
	u.active = u.active[:0]
	for _, m := range u.all {
		if !now.Before(m.From) {
			u.active = append(u.active, m)
		}
	}
	if len(u.active) > 0 {
		for _, l := range slices.Clone(e.open) {
			if !e.inside(l) {
				continue
			}
			e.close(now, l, Maintained)
			for id := range l.quiet { // to be told when the window ends
				if s := e.siteByID[id]; s != nil && !s.silence.over() {
					s.silence.kept, s.silence.l = true, nil
				}
			}
		}
	}
	e.missKept(now)
}

// kept says whether the site as a whole is in maintenance.
func (e *Engine) kept(s *site) bool {
	for i := range e.upkeep.active {
		if m := &e.upkeep.active[i]; m.Provider == "" && m.Service == "" && m.Region == "" && m.Target == "" && m.at(s) {
			return true
		}
	}
	return false
}

// maintained says whether the pair is in maintenance.
func (e *Engine) maintained(s *site, t *target) bool {
	for i := range e.upkeep.active {
		if m := &e.upkeep.active[i]; m.at(s) && m.of(t) {
			return true
		}
	}
	return false
}

// closed says whether the target is in maintenance wherever it is seen from.
func (e *Engine) closed(t *target) bool {
	for i := range e.upkeep.active {
		if m := &e.upkeep.active[i]; m.Site == "" && (m.Client == "" || m.Client == t.Client) && m.of(t) {
			return true
		}
	}
	return false
}

func (m *Maintenance) at(s *site) bool {
	return (m.Client == "" || m.Client == s.Client) &&
		(m.Site == "" || m.Site == s.ID || m.Site == strings.TrimPrefix(s.ID, s.Client+"/"))
}

func (m *Maintenance) of(t *target) bool {
	return (m.Provider == "" || m.Provider == t.Provider) && (m.Service == "" || m.Service == t.Service) &&
		(m.Region == "" || m.Region == t.Region) && (m.Target == "" || m.Target == t.ID)
}

// inside says whether everything that the incident tells of is in maintenance.
func (e *Engine) inside(l *live) bool {
	n := 0
	for id := range l.quiet {
		s := e.siteByID[id]
		if s == nil || s.silence.over() {
			continue
		}
		if n++; !e.kept(s) {
			return false
		}
	}
	for _, id := range l.inc.Targets {
		t := e.targetByID[id]
		if t == nil {
			continue
		}
		for site := range l.failing {
			s := e.siteByID[site]
			if s == nil || !l.scope.looks(s) || !t.concerns(s) || !l.failed(site, id) {
				continue
			}
			if n++; !e.maintained(s, t) {
				return false
			}
		}
	}
	return n > 0
}

// ignore says whether a result tells nothing because its pair is in
// maintenance. A failing spell that began before ends with it.
func (e *Engine) ignore(a *agent, c *check, cell *cell, o probes.Outcome) bool {
	if len(e.upkeep.active) == 0 || o != probes.Down || !e.maintained(a.site, c.target) {
		return false
	}
	cell.fails, cell.spell = 0, 0
	if cell.outcome == probes.Down {
		cell.outcome, cell.cause, cell.first, cell.voted = probes.Unknown, probes.None, 0, false
	}
	return true
}

// missKept tells of sites that were silent when their maintenance ended.
func (e *Engine) missKept(now time.Time) {
	for _, s := range e.sites {
		sp := s.silence
		if sp.over() || !sp.kept || e.kept(s) {
			continue
		}
		sp.kept = false
		if !sp.stopped && sp.l == nil {
			e.declareSilence(now, scope{kind: KindSite, site: s.ID}, []*site{s}, 1, LostContact)
		}
	}
}
