package detect

import (
	"time"
)

// shakyFor is how long references that failed beside a vote disqualify an
// agent until its own health report speaks: one period of references.
const shakyFor = 5 * time.Second

// whyStopped is why a site whose agents said goodbye does not vote.
const whyStopped = "Picket agent was stopped"

// Stopped says that the site's Picket was stopped on purpose: nobody expects to
// hear of it, and its silence says nothing about its line.
func (s SiteStatus) Stopped() bool { return s.Why == whyStopped }

// silentAfter is how long a site may say nothing.
func (e *Engine) silentAfter(s *site) time.Duration {
	if s.Metered {
		return e.rule.SilentMetered
	}
	return e.rule.Silent
}

// able says whether an agent may vote now, and if not, why (section 2.3, the
// parts that the collector sees: contact, references, readiness). Never-worked
// and bad-here are the agent's own abstentions.
func (e *Engine) able(now time.Time, a *agent) (bool, string) {
	h := a.health
	switch {
	case !a.seen:
		return false, "not seen since the Picket server started"
	case a.gone:
		return false, whyStopped
	case now.Sub(a.last) > e.silentAfter(a.site):
		return false, "lost contact"
	case !a.shaky.IsZero() && now.Sub(a.shaky) < shakyFor:
		return false, "its own line: references failed beside a vote"
	case !a.told:
		if e.hasReferences {
			return false, "starting"
		}
		return true, ""
	case !h.Voting:
		if h.Why == "" {
			return false, "not voting"
		}
		return false, h.Why
	case h.RefsAsked > 0 && float64(h.RefsOK) < e.rule.References*float64(h.RefsAsked):
		return false, "its own line: too few references answer"
	}
	return true, ""
}

// canVote says whether any agent of the site may vote, and if none, why not.
func (e *Engine) canVote(now time.Time, s *site) (bool, string) {
	if now.Before(s.onTrial) {
		return false, "just back: watched before it votes again"
	}
	why := "no Picket agent"
	for _, a := range s.agents {
		ok, w := e.able(now, a)
		if ok {
			return true, ""
		}
		why = w
	}
	return false, why
}

// eligible says whether a site may testify about a provider.
func (e *Engine) eligible(now time.Time, s *site, provider string) (bool, string) {
	if ok, why := e.canVote(now, s); !ok {
		return false, why
	}
	if e.isSick(now, s, provider) {
		return false, "fails towards unrelated providers while others reach them"
	}
	return true, ""
}

// isSick implements 2.3(4): the site fails most targets of at least
// SickProviders of the other providers while SickNetworks other networks see
// those very targets up. Corroboration keeps a world-wide outage of a shared
// thing from disqualifying everybody; at least two providers must be bad, since
// with few providers one broken path is a large share.
func (e *Engine) isSick(now time.Time, s *site, provider string) bool {
	if e.sickAt.IsZero() || now.Sub(e.sickAt) > 200*time.Millisecond {
		e.findSick(now)
	}
	bad, n := 0, 0
	for p, name := range e.providers {
		if name == provider || p >= len(s.sick) {
			continue
		}
		n++
		if s.sick[p] {
			bad++
		}
	}
	return bad >= 2 && float64(bad) >= e.rule.SickProviders*float64(n)
}

// findSick fills site.sick for all sites. O(sites x checks), at most five times
// a second, and only while rounds or explanations ask.
func (e *Engine) findSick(now time.Time) {
	e.sickAt = now
	type tallied struct{ bad, n int }
	counts := make([][]tallied, len(e.sites))
	for i := range counts {
		counts[i] = make([]tallied, len(e.providers))
	}
	downHere := make([]bool, len(e.sites))
	up := map[string]bool{}
	for _, t := range e.targets {
		p := e.provider(t)
		if p < 0 {
			continue
		}
		clear(up)
		any := false
		for i, s := range e.sites {
			downHere[i] = false
			v := e.siteView(s, t, now, 0, 0)
			if !v.has {
				continue
			}
			counts[i][p].n++
			if v.down {
				downHere[i], any = true, true
			} else {
				up[s.net] = true
			}
		}
		if !any {
			continue
		}
		for i, s := range e.sites {
			if !downHere[i] {
				continue
			}
			others := len(up)
			if up[s.net] {
				others--
			}
			if others >= e.rule.SickNetworks {
				counts[i][p].bad++
			}
		}
	}
	for i, s := range e.sites {
		if len(s.sick) != len(e.providers) {
			s.sick = make([]bool, len(e.providers))
		}
		for p, c := range counts[i] {
			s.sick[p] = 2*c.bad > c.n
		}
	}
}

// provider is the index of a target's provider, -1 for references.
func (e *Engine) provider(t *target) int {
	if t.Reference {
		return -1
	}
	for i, p := range e.providers {
		if p == t.Provider {
			return i
		}
	}
	return -1
}

// concerns says whether the site may look at the target at all.
func (t *target) concerns(s *site) bool { return t.Client == "" || t.Client == s.Client }
