package detect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"picket/internal/vantage"
)

// This file remembers whose word does not hold (2.8). Votes that no quorum
// follows do no harm by themselves, but who cries wolf costs rounds, and is
// one of the K that a real false alarm would need. Two things count against a site:
//
//   - a vote DOWN in a round that ended well, with at least settledSites on
//     settledNetworks saying UP and more of them than said DOWN. A spell counts once
//     per provider: not again before a scheduled result of the pair that counted was
//     good, or every broken path would be as many lies as its cloud has targets. What
//     counts is halved every Forget; at Liar of them, and more than LiarFactor
//     times the fleet's median, the site is flagged and abstains everywhere until
//     half of it is forgotten. The median keeps a fleet on noisy lines from
//     flagging itself;
//   - to hold most of one provider's targets down alone for AloneFor, while as many
//     others reach each of them and no incident tells of it. That is what a lie
//     looks like, and what a firewall rule looks like: so the site abstains towards
//     this provider only, and only until it agrees again.
//
// Nobody's word counts against him while an incident tells of the same trouble:
// then the minority may be the one that is right. Reputation lives in memory
// and begins anew with the engine. Agents never learn of it.

const (
	settledSites    = 3 // that say UP
	settledNetworks = 2
	aloneEvery      = 30 * time.Second // how often is looked who stands alone
	aloneForgive    = 2 * time.Minute  // agreeing for so long ends it
)

// trust is what is held against a site.
type trust struct {
	against float64          // events, as of at
	at      time.Time        //
	counted map[string]int64 // by target: when the last event counted, ms
	flagged bool
	alone   map[string]*lonely // by provider
}

// lonely is a spell in which a site stands alone about a provider.
type lonely struct {
	since, last time.Time
	flagged     bool
}

// Flagged returns the sites whose votes are set aside, everywhere or towards one
// provider, sorted.
func (e *Engine) Flagged() []string {
	var out []string
	for _, s := range e.sites {
		flagged := s.trust.flagged
		for _, l := range s.trust.alone {
			flagged = flagged || l.flagged
		}
		if flagged {
			out = append(out, s.ID)
		}
	}
	slices.Sort(out)
	return out
}

// setAside says whether the site's word about the provider does not count.
func (s *site) setAside(provider string) bool {
	l := s.trust.alone[provider]
	return l != nil && l.flagged
}

// appraise looks back on a round that found nothing.
func (e *Engine) appraise(now time.Time, r *round) {
	up, down := 0, 0
	nets := map[string]bool{}
	for k := range r.electors {
		switch b := r.electors[k].ballot(); {
		case b.Pending:
		case b.Answer == vantage.Up:
			up++
			nets[b.Network] = true
		case b.Answer == vantage.Down:
			down++
		}
	}
	if down == 0 || up < settledSites || up <= down || len(nets) < settledNetworks {
		return
	}
	for k := range r.electors {
		s := r.electors[k].site
		if r.electors[k].ballot().Answer == vantage.Down && !s.removed && !e.toldOf(r.t, s) && e.newSpell(s, r.t) {
			s.holdAgainst(now, r.t.ID, e.rule)
		}
	}
	e.flagLiars(now)
}

// newSpell says whether a scheduled result was good since the last event, of each
// target of t's provider about which there was one.
func (e *Engine) newSpell(s *site, t *target) bool {
	for id, at := range s.trust.counted {
		o := e.targetByID[id]
		if o == nil || o.Provider != t.Provider {
			continue
		}
		if !slices.ContainsFunc(s.agents, func(a *agent) bool {
			return slices.ContainsFunc(o.checks, func(i uint32) bool { return a.cells[i].ok > 0 && a.cells[i].start > at })
		}) {
			return false
		}
	}
	return true
}

func (s *site) holdAgainst(now time.Time, target string, rule Rule) {
	if s.trust.counted == nil {
		s.trust.counted = map[string]int64{}
	}
	s.trust.against, s.trust.at = s.trust.now(now, rule)+1, now
	s.trust.counted[target] = ms(now)
}

// now is what is held against the site after forgetting.
func (t *trust) now(now time.Time, rule Rule) float64 {
	if t.against == 0 {
		return 0
	}
	return t.against * math.Exp2(-now.Sub(t.at).Hours()/rule.Forget.Hours())
}

// flagLiars compares every site with the fleet.
func (e *Engine) flagLiars(now time.Time) {
	all := make([]float64, len(e.sites))
	for i, s := range e.sites {
		all[i] = s.trust.now(now, e.rule)
	}
	sorted := slices.Sorted(slices.Values(all))
	median := sorted[len(sorted)/2]
	for i, s := range e.sites {
		switch {
		case !s.trust.flagged && all[i] >= float64(e.rule.Liar) && all[i] > e.rule.LiarFactor*median:
			s.trust.flagged = true
			e.tellOnce(now, Notice{Cause: "liar", Site: s.ID, Text: fmt.Sprintf(
				"%s has said %d times that something is down which at least %d other sites reached at that moment: its votes are set aside.", s.ID, int(all[i]), settledSites)})
		case s.trust.flagged && all[i] < float64(e.rule.Liar)/2:
			s.trust.flagged = false
		}
	}
}

// standAlone looks who alone holds a provider down. It is called once a second
// and works every aloneEvery.
func (e *Engine) standAlone(now time.Time) {
	if now.Sub(e.aloneAt) < aloneEvery || len(e.sites) <= settledSites {
		return
	}
	e.aloneAt = now
	e.findSick(now)
	for _, s := range e.sites {
		for p, provider := range e.providers {
			l := s.trust.alone[provider]
			switch alone := s.sick[p] && e.isAlone(now, s, provider); {
			case alone && l == nil:
				if s.trust.alone == nil {
					s.trust.alone = map[string]*lonely{}
				}
				s.trust.alone[provider] = &lonely{since: now, last: now}
			case alone:
				l.last = now
				if !l.flagged && now.Sub(l.since) >= e.rule.AloneFor {
					l.flagged = true
					e.tellOnce(now, Notice{Cause: "liar", Site: s.ID, Text: fmt.Sprintf(
						"%s alone says since %s that %s is down, while other sites on several ISPs reach it: its votes about %s are set aside until it agrees with them.",
						s.ID, clock(l.since), display(provider), display(provider))})
				}
			case l != nil && now.Sub(l.last) >= aloneForgive:
				delete(s.trust.alone, provider)
			}
		}
	}
	if slices.ContainsFunc(e.sites, func(s *site) bool { return s.trust.flagged }) {
		e.flagLiars(now) // time forgives
	}
}

// isAlone says whether s holds most of the provider's targets down, each of them
// against at least settledSites on settledNetworks that may vote and are more
// than those who agree with s, and no incident tells of any.
func (e *Engine) isAlone(now time.Time, s *site, provider string) bool {
	if ok, _ := e.canVote(now, s); !ok && !s.trust.flagged {
		return false
	}
	n, d := 0, 0
	for _, t := range e.targets {
		if t.Reference || t.Provider != provider || !t.concerns(s) {
			continue
		}
		v := e.siteView(s, t, now, 0, 0)
		if !v.has {
			continue
		}
		n++
		if !v.down || !v.sure {
			continue
		}
		if e.toldOf(t, s) {
			return false
		}
		up, down := 0, 0
		nets := map[string]bool{}
		for _, o := range e.sites {
			if o == s || !t.concerns(o) {
				continue
			}
			if ok, _ := e.canVote(now, o); !ok {
				continue
			}
			if w := e.siteView(o, t, now, 0, v.cause.Layer()); !w.has {
				continue
			} else if w.down {
				down++
			} else {
				up++
				nets[o.net] = true
			}
		}
		if up >= settledSites && up > down+1 && len(nets) >= settledNetworks {
			d++
		}
	}
	return n > 0 && 2*d > n
}
