package detect

import (
	"fmt"
	"slices"
	"time"

	"picket/probes"
)

// This file tells people what keeps Picket from seeing, and what is no outage:
//
//	blocked          a guard turns K sites away at one target (403, 405, 407, 429)
//	tls_intercepted  somebody on the way of one site breaks open TLS
//	not_measurable   a check has not worked once in its first twenty runs at a site (A5)
//	policy           a site's own policy forbids a target
//	liar             a site's votes are set aside (reputation.go)
//
// None of these is an incident, and none is a vote. Each is told once about the
// same thing, and at most once a day again while it goes on.

const (
	tellAgain   = 24 * time.Hour
	firstRuns   = 20   // A5
	maxTellings = 4096 // remembered; beyond it the oldest are forgotten
)

// telling is what tells one notice from another.
type telling struct{ cause, target, site string }

// talk is what has been told.
type talk struct {
	at      map[telling]time.Time
	blocked map[*target]map[*site]int64 // when a guard last turned the site away, ms
}

// tellOnce emits the notice unless it was told less than a day ago.
func (e *Engine) tellOnce(now time.Time, n Notice) {
	k := telling{n.Cause, n.Target, n.Site}
	if at, ok := e.talk.at[k]; ok && now.Sub(at) < tellAgain {
		return
	}
	if e.talk.at == nil {
		e.talk.at = map[telling]time.Time{}
	}
	if len(e.talk.at) >= maxTellings {
		for old, at := range e.talk.at {
			if now.Sub(at) >= tellAgain {
				delete(e.talk.at, old)
			}
		}
		if len(e.talk.at) >= maxTellings {
			return // nobody reads thousands of notices a day
		}
	}
	e.talk.at[k] = now
	n.At, n.Kind = now, "told"
	e.emit(n)
}

// noteUntold looks at a result that says nothing of its target, or that failed.
func (e *Engine) noteUntold(now time.Time, a *agent, c *check, cell *cell, r *probes.Result) {
	t, s := c.target, a.site
	switch {
	case t.Reference:
	case r.Cause == probes.Blocked:
		e.turnedAway(now, t, s)
	case r.Cause == probes.TLSIntercepted:
		e.tellOnce(now, Notice{Cause: "tls_intercepted", Site: s.ID, Text: fmt.Sprintf(
			"Somebody on the way breaks open TLS at %s (a proxy or a security product): its TLS and HTTP checks say nothing about the services.", s.ID)})
	case r.Cause == probes.Policy:
		e.tellOnce(now, Notice{Cause: "policy", Target: t.ID, Site: s.ID, Text: fmt.Sprintf(
			"%s is not measured from %s: the site's own policy forbids it.", t.ID, s.ID)})
	case r.Outcome == probes.Down && !cell.worked && cell.fails == firstRuns:
		e.tellOnce(now, Notice{Cause: "not_measurable", Target: t.ID, Site: s.ID, Text: fmt.Sprintf(
			"%s has never worked from %s in its first %d runs (%s): it is not measurable there, and does not count until it has worked.", c.ID, s.ID, firstRuns, r.Cause)})
	}
}

// turnedAway notes that a guard answered s in the place of t, and tells when
// that happens to K sites at once.
func (e *Engine) turnedAway(now time.Time, t *target, s *site) {
	if e.talk.blocked == nil {
		e.talk.blocked = map[*target]map[*site]int64{}
	}
	at := e.talk.blocked[t]
	if at == nil {
		at = map[*site]int64{}
		e.talk.blocked[t] = at
	}
	at[s] = ms(now)
	n := 0
	for _, o := range e.sites {
		if t.concerns(o) {
			n++
		}
	}
	oldest := ms(now.Add(-e.freshest(t)))
	for o, last := range at {
		if last < oldest || o.removed {
			delete(at, o)
		}
	}
	if k := e.rule.K(n); n >= e.rule.MinSites && len(at) >= k {
		e.tellOnce(now, Notice{Cause: "blocked", Target: t.ID, Text: fmt.Sprintf(
			"%s turns %d of %s away (login, firewall or rate limit). That is no outage: ask a page that is open to strangers, or list the status as expected.",
			t.ID, len(at), plural(n, "site"))})
	}
}

// freshest is how long an observation of t's slowest check speaks.
func (e *Engine) freshest(t *target) time.Duration {
	var most time.Duration
	for _, i := range t.checks {
		most = max(most, e.checks[i].fresh)
	}
	return most
}

// dropTold forgets what was noted of targets and providers that are no longer
// watched, and late results, whose checks have new places.
func (e *Engine) dropTold() {
	e.backfill = lateness{}
	for _, s := range e.sites {
		for id := range s.trust.counted {
			if e.targetByID[id] == nil {
				delete(s.trust.counted, id)
			}
		}
		for p := range s.trust.alone {
			if !slices.Contains(e.providers, p) {
				delete(s.trust.alone, p)
			}
		}
	}
	for t := range e.talk.blocked {
		if !slices.Contains(e.targets, t) {
			delete(e.talk.blocked, t)
		}
	}
}
