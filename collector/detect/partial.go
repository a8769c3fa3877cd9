package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// This file turns alarms of the pools (pool.go) into findings: which targets
// fail in part, for whom, and what is to blame.

// Pooled is the reason of what no single site could show: the failures of the
// whole fleet taken together.
const Pooled Code = "pooled"

const (
	poolEvery = 5 * time.Second // [E] what is told is looked at again: labels widen, rates move
	siteHold  = 5 * time.Second // [E] a lossy site waits for an outage to explain it
	unlikely  = 0.2             // [E] no failure in so many runs at the pool's rate: this pair is well
	unlikelyR = 0.1             // [E] ... this whole vantage region is well
)

// poolAlarm looks at a pool in the red: enough sites on enough networks must
// contribute, and not one bad site (A17: judged one site at a time; several are
// the signal). Two bad sites, or two liars, and one failure of chance elsewhere
// are none either: see borne. Nor is one vantage region where all others fail
// alike: see everywhere.
func (e *Engine) poolAlarm(now time.Time, t *target, p *pool, region int) {
	if t.calledDown(now, e) {
		return // the votes of this very moment tell more
	}
	nets, n := map[string]bool{}, 0
	var all []stake
	var worst tried
	for _, s := range e.sites {
		if !t.concerns(s) || t.i >= len(s.pairs) {
			continue
		}
		if ok, _ := e.eligible(now, s, t.Provider); !ok {
			continue
		}
		n++
		k := s.tried(t, p, region)
		if all = append(all, stake{s.net, k}); k.fails > 0 {
			nets[s.net] = true
			if k.fails > worst.fails {
				worst = k
			}
		}
	}
	rest := float64(p.fails) - float64(worst.fails)
	if n < poolFewest || len(nets) < poolNets || rest < poolClean*(float64(p.runs)-float64(worst.runs)) || !e.pools.borne(all) ||
		region >= 0 && p.everywhere(&e.pools, ms(now), &t.pool) {
		return
	}
	p.ring(now)
	e.pools.busy = true
}

// stake is what one site has to do with an excursion.
type stake struct {
	net string
	tried
}

// borne says whether the excursion rests on more than two sites [E]: three on
// poolNets networks show it each by itself, or the others show it without the two
// that show it most. A chance failure elsewhere, which three networks need by
// themselves, is no third witness. The price, mean of six runs at 17, 30 and 50 %:
// 5 sites 120, 59, 34 s without it and 147, 72, 43 s with it; 10 sites 51, 23, 18 s
// and 71, 24, 18 s; 20 sites at 30 % 11 s both.
func (w *pools) borne(all []stake) bool {
	own := map[string]bool{}
	var rest int64
	var most [2]int64
	for _, s := range all {
		v := s.shows(w)
		if rest += v; v >= poolOwn {
			own[s.net] = true
		}
		switch {
		case v > most[0]:
			most = [2]int64{v, most[0]}
		case v > most[1]:
			most[1] = v
		}
	}
	return len(own) >= poolNets || rest-most[0]-most[1] >= poolRest
}

// shows is the pair's own part of the pool's sum, as if no sum were cut at zero.
func (k tried) shows(w *pools) int64 {
	return int64(min(k.fails, poolCap))*int64(w.fail) - int64(k.runs-k.fails)*int64(w.ok)
}

// calledDown says whether a round has just found the target down: an outage
// is being explained.
func (t *target) calledDown(now time.Time, e *Engine) bool {
	return e.calledOut(now, t) && now.Sub(t.outAt) < e.rule.Sibling
}

// tried is what the site has seen in the excursion of a pool of t; zero if nothing.
func (s *site) tried(t *target, p *pool, region int) tried {
	k := s.pairs[t.i].target
	if region >= 0 {
		if k = s.pairs[t.i].region; s.poolRegion != region {
			return tried{}
		}
	}
	if k.epoch != p.epoch {
		return tried{}
	}
	return k
}

// carePools runs once a second: the base rate, alarms that are over, findings.
func (e *Engine) carePools(now time.Time) {
	e.pools.weigh(now)
	for _, l := range e.open {
		if !l.mild() && l.scope.kind.ProviderSide() {
			for _, id := range l.inc.Targets {
				if t := e.targetByID[id]; t != nil && (t.pool.sum > 0 || t.pool.alarm > 0) {
					t.resetPools() // the outage tells of it
				}
			}
		}
	}
	if !e.pools.busy {
		return
	}
	e.pools.busy = false
	for _, t := range e.targets {
		e.pools.busy = e.carePool(now, &t.pool) || e.pools.busy
		for i := range t.regional {
			e.pools.busy = e.carePool(now, &t.regional[i]) || e.pools.busy
		}
	}
	for _, s := range e.sites {
		if s.pool.alarm > 0 && !e.failsWidely(s) {
			s.pool.reset() // something else tells of it by now
		}
		e.pools.busy = e.carePool(now, &s.pool) || e.pools.busy
	}
	if e.pools.busy && (e.untold(now) || !now.Before(e.pools.next)) {
		e.pools.next = now.Add(poolEvery)
		e.explainPools(now)
		e.explainLossySites(now)
	}
}

// untold says whether an alarm that may be told is in no incident yet.
func (e *Engine) untold(now time.Time) bool {
	for _, t := range e.targets {
		if t.alarmed(now) && e.incidentOf(t) == nil {
			return true
		}
	}
	for _, s := range e.sites {
		if s.pool.lasts(now) && !slices.ContainsFunc(e.open, func(l *live) bool { return l.scope.kind == KindSite && l.scope.site == s.ID }) {
			return true
		}
	}
	return false
}

func (t *target) resetPools() {
	t.pool.reset()
	for i := range t.regional {
		t.regional[i].reset()
	}
}

// carePool ends an alarm after a minute of health.
func (e *Engine) carePool(now time.Time, p *pool) bool {
	if p.alarm == 0 {
		return false
	}
	at := ms(now)
	if calm, seen := p.calm(&e.pools, at, p.share(at)); !calm || !seen {
		p.well = 0
	} else if p.well == 0 {
		p.well = at
	}
	quiet := at-p.alarm > time.Hour.Milliseconds() && p.well == 0 && p.runs == 0
	if p.well > 0 && at-p.well >= e.rule.CloseAfter.Milliseconds() || quiet {
		p.reset()
		return false
	}
	return true
}

// poolHealth is how a pool stands for the closing of an incident.
func (e *Engine) poolHealth(now time.Time, l *live, p *pool, regional []pool) health {
	at := ms(now)
	calm, seen := p.calm(&e.pools, at, l.inc.Rate)
	h := health{well: calm && seen, calm: calm && seen, seen: seen}
	for i := range regional {
		if regional[i].alarm > 0 {
			calm, _ := regional[i].calm(&e.pools, at, l.inc.Rate)
			h.well, h.calm = h.well && calm, h.calm && calm
		}
	}
	h.relapsed = seen && !calm && !l.inc.Recovered.IsZero() && 2*p.share(at) > l.inc.Rate
	return h
}

// fails says whether the pair takes part in what the pool has found: it failed
// at a share like the pool's, or has been asked too rarely to tell.
func (k tried) failsAt(rate float64) bool {
	if k.fails > 0 {
		return 4*float64(k.fails) >= rate*float64(k.runs)
	}
	return math.Pow(1-rate, float64(k.runs)) >= unlikely
}

// partRows builds the explainer's rows: the pairs of targets that fail in part.
// With all, whoever looks at such a target counts as failing.
func (e *Engine) partRows(now time.Time, all bool) []row {
	var rows []row
	for _, t := range e.targets {
		if t.Reference {
			continue
		}
		well, fails := e.wellRegions(t), e.failsAlong(now, t)
		for _, s := range e.sites {
			if !t.concerns(s) || t.i >= len(s.pairs) || e.outageTells(t, s) {
				continue
			}
			if ok, _ := e.eligible(now, s, t.Provider); !ok {
				continue
			}
			r := row{s: s, t: t, able: true, first: t.pool.began, last: ms(now), cause: t.pool.cause, check: t.anyCheck()}
			k := s.tried(t, &t.pool, -1)
			switch rg := s.poolRegion; {
			case fails:
				r.down = all || k.failsAt(t.pool.share(ms(now))) && !well[s.Region]
			case rg >= 0 && t.regional[rg].alarm > 0:
				p := &t.regional[rg]
				r.down = all || s.tried(t, p, rg).failsAt(p.share(ms(now)))
				r.first, r.cause = p.began, p.cause
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// wellRegions are the vantage regions without a failure, though the pool's rate
// would have shown there.
func (e *Engine) wellRegions(t *target) map[string]bool {
	if !t.leans() {
		return nil
	}
	sum := map[string]tallyPair{}
	for _, s := range e.sites {
		if t.i < len(s.pairs) {
			k, p := s.tried(t, &t.pool, -1), sum[s.Region]
			sum[s.Region] = tallyPair{p.n + int(k.runs), p.d + int(k.fails)}
		}
	}
	rate := 0.0
	if t.pool.runs > 0 {
		rate = float64(t.pool.fails) / float64(t.pool.runs)
	}
	out := map[string]bool{}
	for r, p := range sum {
		out[r] = r != "" && p.d == 0 && math.Pow(1-rate, float64(p.n)) < unlikelyR
	}
	return out
}

func (t *target) anyCheck() uint32 {
	if len(t.checks) == 0 {
		return 0
	}
	return t.checks[0]
}

// explainPools declares what the alarmed pools have in common: first by who
// fails, then, for what that leaves, by target alone (a share of the sites that
// always fails is a partial outage, too).
func (e *Engine) explainPools(now time.Time) {
	taken := map[*target]bool{}
	for _, all := range []bool{false, true} {
		if !slices.ContainsFunc(e.targets, func(t *target) bool { return !taken[t] && t.alarmed(now) }) {
			return
		}
		rows := slices.DeleteFunc(e.partRows(now, all), func(r row) bool { return taken[r.t] && r.down })
		for _, h := range e.mildRows(rows) {
			if !h.kind.ProviderSide() || !slices.ContainsFunc(h.badOnes(), func(t *target) bool { return t.alarmed(now) }) {
				continue
			}
			for _, t := range h.badOnes() {
				taken[t] = true
			}
			f := e.partialFinding(now, h)
			e.declare(now, f)
			e.keepsTo(now, &f)
		}
	}
}

// alarmed says whether any pool of the target is in an alarm that may be told,
// and the votes have nothing to say about it just now.
func (t *target) alarmed(now time.Time) bool {
	lasts := t.pool.lasts(now)
	for i := range t.regional {
		lasts = lasts || t.regional[i].lasts(now)
	}
	return lasts && (t.round == nil || t.pool.share(ms(now)) < poolMost)
}

// badOnes are the failing targets of a hypothesis, in the order of the config.
func (h *hypothesis) badOnes() []*target {
	var out []*target
	for t, p := range h.targets {
		if p.bad() {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *target) int { return cmp.Compare(a.i, b.i) })
	return out
}

// partialFinding is a hypothesis over alarmed pools in the words of an incident:
// failing sites are those that failed at all in the excursion.
func (e *Engine) partialFinding(now time.Time, h *hypothesis) finding {
	f := h.finding()
	f.severity, f.conf, f.sites = SeverityPartial, ConfidenceConfirmed, nil
	var runs, fails, lately float64
	for _, t := range h.badOnes() {
		p := &t.pool
		for i := range t.regional {
			if t.pool.alarm == 0 && t.regional[i].alarm > 0 {
				p = &t.regional[i]
			}
		}
		n := float64(max(p.runs, 1))
		runs, fails = runs+n, fails+n*p.share(ms(now))
		if r, d := p.lately(ms(now), 2); r > 0 {
			lately += n * float64(d) / float64(r)
		}
	}
	f.rate, f.fading = fails/max(runs, 1), 2*lately < fails
	nets, down, known := map[string]bool{}, map[string]bool{}, map[string]bool{}
	f.reason = Reason{Code: Pooled, Share: h.share(), Need: poolFewest, NeedNetworks: poolNets, NeedShare: e.rule.Tau}
	for _, s := range e.sites {
		if h.sites[s] == nil {
			continue
		}
		f.reason.Sites++
		nets[s.net] = true
		if slices.ContainsFunc(h.badOnes(), func(t *target) bool {
			return s.tried(t, &t.pool, -1).fails > 0 || s.poolRegion >= 0 && s.tried(t, &t.regional[s.poolRegion], s.poolRegion).fails > 0
		}) {
			f.sites = append(f.sites, s)
			down[s.net] = true
			if s.named() {
				known[s.net] = true
			}
		}
	}
	f.reason.DownSites, f.reason.DownNetworks, f.reason.Networks = len(f.sites), len(down), len(nets)
	switch {
	case e.isFrozen(now):
		f.conf = ConfidenceProbable
	case len(known) < poolNets || len(f.sites) < e.rule.MinSites:
		f.conf = ConfidenceProbable
	}
	return f
}

// partialText is the sentence of an incident of severity partial.
func partialText(inc *Incident, subject, who string, past bool) string {
	if past {
		return fmt.Sprintf("%s of requests to %s failed from %s, from %s: %s.", about(inc.Rate), subject, clock(inc.Started), who, causeText(inc.Cause, 1))
	}
	return fmt.Sprintf("%s of requests to %s fail, from %s: %s.", about(inc.Rate), subject, who, causeText(inc.Cause, 1))
}
