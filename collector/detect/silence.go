package detect

import (
	"slices"
	"strings"
	"time"

	"picket/probes"
)

// silence is one spell in which nothing came from a site.
type silence struct {
	from, to time.Time // last frame before, first frame after; to is zero while it lasts
	stopped  bool      // every agent said goodbye: not a line's fault
	together bool      // two or more agents fell silent at one moment
	ok, bad  int       // what the site's own results say of the spell, delivered afterwards
	l        *live     // the incident that tells of it; nil: none (yet)
	kept     bool      // the site was in maintenance: nobody is told (maintenance.go)
}

func (s *silence) over() bool { return s == nil || !s.to.IsZero() }

// holds says whether t lies inside the silence: what began then tells of the past.
func (s *silence) holds(t time.Time) bool {
	return s != nil && !s.stopped && t.After(s.from) && (s.to.IsZero() || t.Before(s.to))
}

// group gathers silences that begin in one window of Rule.Group: one cause.
type group struct {
	first time.Time // the first site fell silent
	sites []*site
}

// hush looks who has fallen silent and who is back, and sets the next look.
func (e *Engine) hush(now time.Time) {
	next := now.Add(time.Second)
	for _, s := range e.sites {
		last, connected, seen := s.contact(now, e.silentAfter(s))
		switch {
		case connected:
			if at := last.Add(e.silentAfter(s) + time.Millisecond); at.Before(next) {
				next = at
			}
			if !s.silence.over() {
				s.silence.to = last
			}
		case seen && s.silence.over() && (s.silence == nil || last.After(s.silence.to) || s.silence.to.Equal(last)):
			e.fallSilent(now, s, last)
		}
	}
	if e.group != nil {
		if at := e.group.first.Add(e.rule.GroupAfter); !at.After(now) {
			g := e.group
			e.group = nil
			e.judgeSilence(now, g)
			e.flush(now)
		} else if at.Before(next) {
			next = at
		}
	}
	if least := now.Add(50 * time.Millisecond); next.Before(least) {
		next = least
	}
	e.hushAt = next
}

// contact tells the site's last frame, whether an agent is connected, and
// whether any was ever seen. Agents that said goodbye are not missed.
func (s *site) contact(now time.Time, limit time.Duration) (last time.Time, connected, seen bool) {
	for _, a := range s.agents {
		if !a.seen {
			continue
		}
		seen = true
		if a.last.After(last) {
			last = a.last
		}
		if !a.gone && now.Sub(a.last) <= limit {
			connected = true
		}
	}
	return last, connected, seen
}

func (e *Engine) fallSilent(now time.Time, s *site, last time.Time) {
	sp := &silence{from: last, stopped: true}
	missed := 0
	sp.together = true
	for _, a := range s.agents {
		if !a.seen || a.gone {
			continue
		}
		sp.stopped = false
		missed++
		if last.Sub(a.last) > 5*time.Second {
			sp.together = false
		}
	}
	sp.together = sp.together && missed >= 2
	s.silence = sp
	if sp.kept = e.kept(s); sp.kept {
		return
	}
	if e.group == nil {
		e.group = &group{first: now}
	}
	e.group.sites = append(e.group.sites, s)
}

// census is the fleet as a group of silences finds it.
type census struct {
	silent, stopped []*site
	pop             int // sites that were there before
	byNet           map[string]*tallyPair
}

func (e *Engine) census(now time.Time, g *group) census {
	c := census{byNet: map[string]*tallyPair{}}
	for _, s := range e.sites {
		last, connected, seen := s.contact(now, e.silentAfter(s))
		in := slices.Contains(g.sites, s) && !s.silence.over()
		young := !s.silence.over() && s.silence.l != nil && s.silence.l.scope.kind == KindSite && now.Sub(s.silence.l.inc.Opened) <= e.rule.Merge
		switch {
		case !seen:
			continue
		case in && s.silence.stopped:
			c.stopped = append(c.stopped, s)
			c.pop++
			continue
		case in:
			c.silent = append(c.silent, s)
		case connected && s.Metered && now.Sub(last) > e.rule.Silent:
			continue // too early to tell
		case !connected && !young:
			continue
		}
		p := c.byNet[s.net]
		if p == nil {
			p = &tallyPair{}
			c.byNet[s.net] = p
		}
		p.n++
		if !connected {
			p.d++
		}
		if connected || in {
			c.pop++
		}
	}
	return c
}

// judgeSilence says what a group of silences means (amendment 3).
func (e *Engine) judgeSilence(now time.Time, g *group) {
	c := e.census(now, g)
	many := func(n int) bool { return n >= 2 && float64(n) >= e.rule.FleetShare*float64(c.pop) }
	if many(len(c.stopped)) {
		e.declareSilence(now, scope{kind: KindFleet}, c.stopped, c.pop, Stopped)
	}
	if len(c.silent) == 0 {
		return
	}
	if len(c.silent) >= 2 && len(c.silent) == c.pop-len(c.stopped) {
		e.freeze(now)
		e.declareSilence(now, scope{kind: KindCollector}, c.silent, c.pop, AllSilent)
		return
	}
	left := c.silent
	nets := c.silentNetworks(e.rule)
	if len(nets) == 1 || !many(len(c.silent)) {
		for _, net := range nets {
			in := slices.DeleteFunc(slices.Clone(e.sites), func(s *site) bool { return s.net != net || s.silence.over() || s.silence.stopped })
			e.declareSilence(now, scope{kind: KindNetwork, network: net}, in, c.byNet[net].n, NetworkSilent)
			left = slices.DeleteFunc(slices.Clone(left), func(s *site) bool { return s.net == net })
		}
	}
	if len(nets) != 1 && many(len(left)) {
		e.freeze(now)
		e.declareSilence(now, scope{kind: KindFleet}, left, c.pop, FleetSilent)
		return
	}
	for _, s := range left {
		sc := scope{kind: KindSite, site: s.ID}
		if l := e.ancestor(scope{kind: KindNetwork, network: s.net}); l != nil && len(l.quiet) > 0 {
			sc = l.scope // one more of a network that is already silent
		}
		code := LostContact
		if s.silence.stopped {
			code = Stopped
		}
		e.declareSilence(now, sc, []*site{s}, 1, code)
	}
}

// silentNetworks are the networks of which (nearly) all sites are silent. If
// hardly anybody else is, there is one; several are possible while they are few.
func (c *census) silentNetworks(rule Rule) []string {
	var out []string
	for net, p := range c.byNet {
		if p.n < 2 || float64(p.d) < rule.NearlyAll*float64(p.n) {
			continue
		}
		out = append(out, net)
	}
	slices.Sort(out)
	if len(out) < 2 {
		others, d := 0, 0
		for net, p := range c.byNet {
			if !slices.Contains(out, net) {
				others, d = others+p.n, d+p.d
			}
		}
		if others > 0 && float64(d) > max(rule.HardlyAny*float64(others), 1) {
			return nil
		}
	}
	return out
}

// declareSilence opens or feeds the incident of silent sites.
func (e *Engine) declareSilence(now time.Time, sc scope, sites []*site, of int, code Code) {
	f := finding{scope: sc, sites: sites, conf: ConfidenceProbable}
	nets := map[string]bool{}
	for _, s := range sites {
		nets[s.net] = true
		if at := ms(s.silence.from); f.first == 0 || at < f.first {
			f.first = at
		}
		if code == LostContact && s.silence.together {
			code = LineDown
		}
	}
	f.reason = Reason{Code: code, DownSites: len(sites), Sites: max(of, len(sites)), DownNetworks: len(nets), Networks: len(nets)}
	e.declare(now, f)
	l := e.ancestor(sc)
	if l == nil {
		return
	}
	l.inc.Severity = SeverityUnseen
	l.inc.LineDown = l.inc.LineDown || code == LineDown
	for _, s := range sites {
		l.quiet[s.ID] = true
		s.silence.l = l
	}
	for _, in := range e.open { // the engine fed the incident before it knew the quiet sites
		if in == l {
			l.healthy = time.Time{}
			e.retell(now, l)
		}
	}
}

// retell replaces the last event if it is this incident's, so that an incident
// is told once, with its silent sites, and not twice in one breath.
func (e *Engine) retell(now time.Time, l *live) {
	what := Changed
	if n := len(e.events); n > 0 {
		if ev, ok := e.events[n-1].(IncidentEvent); ok && ev.Incident.ID == l.inc.ID {
			what = ev.What
			e.events = e.events[:n-1]
		}
	}
	e.announce(now, l, what)
}

// still counts the sites whose silence l tells of and that are still silent.
func (e *Engine) still(l *live) int {
	n := 0
	for id := range l.quiet {
		if s := e.siteByID[id]; s != nil && !s.silence.over() {
			n++
		}
	}
	return n
}

// freeze caps new provider-side incidents at probable: with the fleet itself in
// trouble, agreement of the rest proves less.
func (e *Engine) freeze(now time.Time) {
	if !e.isFrozen(now) {
		e.emit(Notice{At: now, Kind: "freeze", Text: "Many sites lost contact at once: until that is over, new incidents are at most likely, not confirmed."})
	}
	e.frozen = now.Add(e.rule.FreezeLimit)
}

func (e *Engine) isFrozen(now time.Time) bool { return now.Before(e.frozen) }

// thaw ends the freeze when its cause is gone or time is up.
func (e *Engine) thaw(now time.Time) {
	if e.frozen.IsZero() {
		return
	}
	cause := slices.ContainsFunc(e.open, func(l *live) bool {
		return (l.scope.kind == KindFleet || l.scope.kind == KindCollector) && l.healthy.IsZero() && l.inc.Reason.Code != Stopped
	})
	if !cause || !e.isFrozen(now) {
		e.frozen = time.Time{}
		e.emit(Notice{At: now, Kind: "thaw", Text: "The fleet is well enough again: incidents are confirmed as usual."})
	}
}

// weWereAway says whether the site's absence was ours: all sites were silent at once.
func weWereAway(s *site) bool {
	return s.silence != nil && s.silence.l != nil && s.silence.l.scope.kind == KindCollector
}

// stops turns a site that was stopped long ago into an incident: nobody
// watches from there, and nothing is known of its line.
func (e *Engine) stops(now time.Time) {
	for _, s := range e.sites {
		sp := s.silence
		if sp.over() || !sp.stopped || sp.kept || sp.l != nil || now.Sub(sp.from) < e.rule.StoppedFor {
			continue
		}
		e.declareSilence(now, scope{kind: KindFleet, site: s.ID}, []*site{s}, 1, Stopped)
	}
}

// late takes a result that tells of the past: it may date an open incident
// back, turn "lost contact" into what the site itself saw, and, with many others,
// show an outage that nobody was told of (late.go); it opens nothing.
func (e *Engine) late(now time.Time, a *agent, c *check, i uint32, o Observation) {
	s := a.site
	e.noteLate(now, a, c, i, o)
	if sp := s.silence; sp.holds(o.Start) {
		switch {
		case o.Result.Outcome == probes.Up || o.Result.Outcome == probes.Degraded:
			sp.ok++
		case o.Result.Outcome == probes.Down || o.Result.Cause == probes.LocalNoRoute || o.Result.Cause == probes.LocalResolver:
			sp.bad++
		}
	}
	if o.Result.Outcome != probes.Down || c.reach == probes.LayerNone {
		return
	}
	if d := a.health.Offset; d > e.rule.ClockLimit || d < -e.rule.ClockLimit {
		return // a clock that far off dates nothing
	}
	for _, l := range e.open {
		if l.failing[s.ID] && slices.Contains(l.inc.Targets, c.Target) && o.Start.Before(l.inc.Started) && l.inc.Opened.Sub(o.Start) <= e.rule.Merge {
			l.inc.Started, l.dirty = o.Start, true
		}
	}
}

// hindsight words silences by what the sites' own results said afterwards.
func (e *Engine) hindsight(now time.Time) {
	for _, list := range [][]*live{e.open, e.recent} {
		for _, l := range list {
			if len(l.quiet) == 0 || l.scope.kind != KindSite && l.scope.kind != KindNetwork || l.inc.SupersededBy != "" {
				continue
			}
			code := e.seenByItself(l)
			if code == "" || code == l.inc.Reason.Code || l.inc.Reason.Code == Unwatched || l.inc.Reason.Code == Maintained {
				continue
			}
			l.inc.Reason.Code = code
			l.inc.LineDown = code == LineDown
			e.announce(now, l, Changed)
		}
	}
}

// seenByItself adds up the evidence of the silent sites: "" while there is too little.
func (e *Engine) seenByItself(l *live) Code {
	down, fine := 0, 0
	for id := range l.quiet {
		s := e.siteByID[id]
		if s == nil || s.silence == nil || s.silence.l != l {
			continue
		}
		n := s.silence.ok + s.silence.bad
		switch {
		case n < 3:
		case float64(s.silence.bad) >= 0.6*float64(n):
			down++
		case float64(s.silence.ok) >= 0.8*float64(n):
			fine++
		}
	}
	switch {
	case 2*down > len(l.quiet):
		return LineDown
	case 2*fine > len(l.quiet):
		return ContactOnly
	}
	return ""
}

// restoreSilence picks up a silence that began in a former life.
func (e *Engine) restoreSilence(now time.Time, l *live, ev Evidence) {
	s := e.siteByID[ev.Site]
	if s == nil || !l.inc.State.Open() {
		return
	}
	s.silence = &silence{from: ev.First, stopped: strings.HasPrefix(string(l.inc.Reason.Code), string(Stopped)), l: l}
}
