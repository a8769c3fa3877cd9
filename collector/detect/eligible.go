package detect

import (
	"math/bits"
	"time"

	"picket/probes"
)

// shakyFor is how long an agent may not vote none of whose references answered
// beside a vote, until its own health report speaks: one period of references.
// If one of them answered, that vote is lost and no other: two of three fail by
// chance now and then.
const shakyFor = 5 * time.Second

// whyStopped is why a site whose agents said goodbye does not vote.
const whyStopped = "Picket agent was stopped"

// whyHosted is why a site on a provider's own servers is no witness towards it.
const whyHosted = "runs on this cloud's own servers"

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
// and bad-here are the agent's own abstentions. So is how many of its references
// must answer: only the agent knows which of them have been out for long. Who
// reaches none at all is no witness whatever it says.
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
		return false, "its own line: no reference answered beside a vote"
	case !a.told:
		if len(e.refs) > 0 {
			return false, "starting"
		}
		return true, ""
	case !h.Voting:
		if h.Why == "" {
			return false, "not voting"
		}
		return false, h.Why
	case h.RefsAsked > 0 && h.RefsOK == 0:
		return false, "its own line: no reference answers"
	}
	return true, ""
}

// canVote says whether any agent of the site may vote, and if none, why not.
func (e *Engine) canVote(now time.Time, s *site) (bool, string) {
	if now.Before(s.onTrial) {
		return false, "just back: watched before it votes again"
	}
	if s.trust.flagged {
		return false, "its votes are set aside"
	}
	if len(e.upkeep.active) > 0 && e.kept(s) {
		return false, "maintenance"
	}
	why, rank := "no Picket agent", 0
	for _, a := range s.agents {
		ok, w := e.able(now, a)
		if ok {
			return true, ""
		}
		r := 3
		switch { // stopped is the site only if nobody else of it is missed
		case !a.seen:
			r = 1
		case w == whyStopped:
			r = 2
		}
		if r >= rank {
			rank, why = r, w
		}
	}
	return false, why
}

// eligible says whether a site may testify about a provider.
func (e *Engine) eligible(now time.Time, s *site, provider string) (bool, string) {
	if ok, why := e.canVote(now, s); !ok {
		return false, why
	}
	if s.hosted(provider) {
		return false, whyHosted
	}
	if s.setAside(provider) {
		return false, "its votes are set aside: it alone says that " + display(provider) + " is down"
	}
	if e.isSick(now, s, provider) {
		return false, "fails towards unrelated providers while others reach them"
	}
	return true, ""
}

// hosted says whether the site runs on servers of the provider: it would go down
// with it, and reaches it by no ISP (amendment 9).
func (s *site) hosted(provider string) bool { return provider != "" && s.HostedBy == provider }

// isSick implements 2.3(4): the site fails most targets of at least
// SickProviders of the other providers while SickNetworks other networks, and no
// fewer than see them down, see those very targets up. Corroboration keeps a
// world-wide outage of a shared thing from disqualifying everybody, and two sites
// that say that all is well from disqualifying all who know better; at least two
// providers must be bad, since with few providers one broken path is a large share.
func (e *Engine) isSick(now time.Time, s *site, provider string) bool {
	if e.sickAt.IsZero() || now.Sub(e.sickAt) > 200*time.Millisecond {
		e.findSick(now)
	}
	if s.ill < 2 {
		return false
	}
	bad, n := s.ill, len(e.providers)
	for p, name := range e.providers {
		if name != provider {
			continue
		}
		n--
		if p < len(s.sick) && s.sick[p] {
			bad--
		}
	}
	return bad >= 2 && float64(bad) >= e.rule.SickProviders*float64(n)
}

// clinic is the scratch paper of findSick.
type clinic struct {
	words  int      // of a set of networks
	downAt []uint64 // by target, a set each: networks that see it down
	upAt   []uint64 // ... up, as many as can matter
	looked []bool   // by target: upAt is filled
	seen   []int    // by target: the site (plus one) for which it was looked at last
	bad, n []int    // of one site, by provider
}

// findSick fills site.sick for all sites, at most five times a second, and only
// while rounds or explanations ask. It looks at nothing but the checks that fail
// (agent.failing), and at as many of the others as it takes to know that they
// are the majority.
func (e *Engine) findSick(now time.Time) {
	e.sickAt = now
	c := &e.clinic
	c.words = (len(e.isps) + 63) / 64
	c.downAt, c.upAt = resized(c.downAt, c.words*len(e.targets)), resized(c.upAt, c.words*len(e.targets))
	c.looked, c.seen = resized(c.looked, len(e.targets)), resized(c.seen, len(e.targets))
	c.bad, c.n = resized(c.bad, len(e.providers)), resized(c.n, len(e.providers))
	clear(c.downAt)
	clear(c.upAt)
	clear(c.looked)
	clear(c.seen)
	e.countDown(now)
	for _, s := range e.sites {
		if len(s.sick) != len(e.providers) {
			s.sick = make([]bool, len(e.providers))
		}
		clear(s.sick)
		s.ill = 0
		if e.countBad(now, s) {
			e.diagnose(now, s)
		}
	}
}

// countBad counts in clinic.bad the targets that the site does not reach while
// SickNetworks other networks do.
func (e *Engine) countBad(now time.Time, s *site) bool {
	c := &e.clinic
	any := false
	for _, a := range s.agents {
		for w, word := range a.failing {
			for ; word != 0; word &= word - 1 {
				t := e.checks[w*64+bits.TrailingZeros64(word)].target
				if t == nil || t.vendor < 0 || c.seen[t.i] == s.i+1 {
					continue
				}
				c.seen[t.i] = s.i + 1
				if !e.upElsewhere(now, t, s) || !e.siteView(s, t, now, 0, 0).down {
					continue
				}
				if !any {
					any = true
					clear(c.bad)
				}
				c.bad[t.vendor]++
			}
		}
	}
	return any
}

// countDown notes in clinic.downAt which networks see which targets down.
func (e *Engine) countDown(now time.Time) {
	c, at := &e.clinic, ms(now)
	for _, s := range e.sites {
		bit := uint64(1) << (s.isp & 63)
		for _, a := range s.agents {
			for w, word := range a.failing {
				for ; word != 0; word &= word - 1 {
					i := w*64 + bits.TrailingZeros64(word)
					t := e.checks[i].target
					if t == nil || t.vendor < 0 {
						continue
					}
					if set := &c.downAt[t.i*c.words+int(s.isp>>6)]; *set&bit == 0 && e.lenses[i].reach != probes.LayerNone && a.cells[i].view >= at-e.lenses[i].fresh {
						*set |= bit
					}
				}
			}
		}
	}
}

// upElsewhere says whether SickNetworks networks other than the site's see t up,
// and no fewer than see it down.
func (e *Engine) upElsewhere(now time.Time, t *target, s *site) bool {
	c := &e.clinic
	down, up := c.downAt[t.i*c.words:(t.i+1)*c.words], c.upAt[t.i*c.words:(t.i+1)*c.words]
	need := max(e.rule.SickNetworks, size(down))
	if !c.looked[t.i] {
		c.looked[t.i] = true
		for n, k := 0, 0; n <= need && k < len(e.sites); k++ { // whoever asks, enough of them are others
			o := e.sites[k]
			set, bit := &up[o.isp>>6], uint64(1)<<(o.isp&63)
			if *set&bit != 0 {
				continue
			}
			if v := e.siteView(o, t, now, 0, 0); v.has && !v.down {
				*set |= bit
				n++
			}
		}
	}
	others := size(up)
	if up[s.isp>>6]&(1<<(s.isp&63)) != 0 {
		others--
	}
	return others >= need
}

// size counts the members of a set.
func size(set []uint64) int {
	n := 0
	for _, word := range set {
		n += bits.OnesCount64(word)
	}
	return n
}

// diagnose compares clinic.bad with what else the site sees of each provider.
func (e *Engine) diagnose(now time.Time, s *site) {
	c := &e.clinic
	clear(c.n)
	left := 0 // providers of which too few good targets are known yet
	for _, bad := range c.bad {
		if bad > 0 {
			left++
		}
	}
	for _, t := range e.targets {
		if left == 0 {
			break
		}
		p := t.vendor
		if p < 0 || c.bad[p] == 0 || c.n[p] >= 2*c.bad[p] || !e.siteView(s, t, now, 0, 0).has {
			continue
		}
		if c.n[p]++; c.n[p] >= 2*c.bad[p] {
			left--
		}
	}
	for p, bad := range c.bad {
		if s.sick[p] = 2*bad > c.n[p]; s.sick[p] {
			s.ill++
		}
	}
}

// resized returns s with n elements, whatever is in them.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// concerns says whether the site may look at the target at all.
func (t *target) concerns(s *site) bool { return t.Client == "" || t.Client == s.Client }
