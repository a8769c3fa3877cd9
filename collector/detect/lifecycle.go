package detect

import (
	"slices"
	"time"

	"picket/probes"
)

const (
	maxOpen     = 512 // open incidents; beyond it the newest are not declared
	maxRecent   = 256 // resolved ones kept for reopening
	maxEvidence = 300 // rows of evidence of an incident
)

// live is an incident with what the engine must remember about it.
type live struct {
	inc    Incident
	scope  scope
	widest scope // the broadest label it ever had: it may become so again
	// failing holds the sites that have failed; their recovery closes it.
	failing map[string]bool
	// quiet holds the sites whose silence it tells of.
	quiet   map[string]bool
	proof   map[proofKey]*Evidence
	well    map[string]time.Time // since when a target is healthy
	healthy time.Time            // since when everything is
	lastBad time.Time
	// top is the most that failed at once; pauseFrom to pauseTo is the last
	// spell of health that did not last.
	top                failing
	pauseFrom, pauseTo time.Time
	unwell             bool        // who fails is also without its own references
	others             int         // sites that can tell besides those that it blames, when last looked
	dirty              bool        // counts or text changed: told at the next flush
	told               bool        // an event has told of it since it was (re)opened
	recheck            easing      // recover.go
	turns              []time.Time // when it turned bad lately (flap.go)
	tail               tail        // linger.go
	parts              wellParts   // narrow.go
}

type proofKey struct{ site, target string }

func newLive(inc Incident, sc scope) *live {
	return &live{inc: inc, scope: sc, widest: sc, top: countsOf(&inc), failing: map[string]bool{}, quiet: map[string]bool{},
		proof: map[proofKey]*Evidence{}, well: map[string]time.Time{}}
}

// countsOf are an incident's counts.
func countsOf(inc *Incident) failing {
	return failing{inc.DownSites, inc.Sites, inc.DownNetworks, inc.Networks}
}

// lists says whether t is among the incident's failing targets, which are sorted.
func (l *live) lists(t *target) bool {
	_, found := slices.BinarySearch(l.inc.Targets, t.ID)
	return found
}

// covered says whether an open outage of the provider's side already tells of t.
func (e *Engine) covered(t *target) bool {
	l := e.incidentOf(t)
	return l != nil && !l.mild()
}

// toldOf says whether any open incident tells of trouble between s and t.
func (e *Engine) toldOf(t *target, s *site) bool {
	return slices.ContainsFunc(e.open, func(l *live) bool {
		return l.scope.looks(s) && l.lists(t)
	})
}

// incidentOf is the open provider-side incident that lists t as failing, the
// gravest if there are several.
func (e *Engine) incidentOf(t *target) *live {
	var found *live
	for _, l := range e.open {
		if l.scope.kind.ProviderSide() && l.lists(t) && (found == nil || grave(l.inc.Severity) > grave(found.inc.Severity)) {
			found = l
		}
	}
	return found
}

// pathOf is the open path incident that lists t as failing.
func (e *Engine) pathOf(t *target) *live {
	for _, l := range e.open {
		if (l.scope.kind == KindNetworkProvider || l.scope.kind == KindNetworkDependency) && l.scope.has(&t.Target) && l.lists(t) {
			return l
		}
	}
	return nil
}

// ancestor is the open outage that has, or contains, the scope.
func (e *Engine) ancestor(sc scope) *live {
	for _, l := range e.open {
		if !l.mild() && e.contains(l.scope, sc) {
			return l
		}
	}
	return nil
}

// declare opens, upgrades, reopens or feeds the incident of a finding.
func (e *Engine) declare(now time.Time, f finding) {
	if l, graver := e.part(&f); graver {
		return
	} else if l != nil {
		e.oneFamily(now, l, f)
		e.feed(now, l, f)
		return
	}
	var inside []*live
	for _, l := range e.open {
		if grave(l.inc.Severity) > grave(f.severity) {
			continue
		}
		if e.replaces(now, f, l) || e.pathInto(f.scope, l) && now.Sub(l.inc.Opened) <= e.rule.Merge {
			inside = append(inside, l)
		}
	}
	i := slices.IndexFunc(inside, func(l *live) bool { // oldest first: e.open is ordered
		return e.replaces(now, f, l) && (now.Sub(l.inc.Opened) <= e.rule.Merge || l.mild() || e.contains(l.widest, f.scope))
	})
	var l *live
	switch {
	case i >= 0:
		l = inside[i]
		l.raise(&f)
		l.scope, l.dirty = f.scope, true
		if e.contains(f.scope, l.widest) {
			l.widest = f.scope
		}
		e.feed(now, l, f)
		e.announce(now, l, Changed)
	default:
		if l = e.reopen(now, f); l == nil {
			l = e.openNew(now, f)
		}
	}
	if l == nil {
		return
	}
	for _, o := range inside {
		if o != l {
			l.inc.Started = earlier(l.inc.Started, o.inc.Started)
			o.inc.SupersededBy = l.inc.ID
			e.close(now, o, Superseded)
		}
	}
}

// openNew makes a new incident.
func (e *Engine) openNew(now time.Time, f finding) *live {
	if len(e.open) >= maxOpen {
		return nil
	}
	l := newLive(Incident{ID: e.newID(now), Opened: now, Started: now, Severity: f.severityOr()}, f.scope)
	if f.conf == ConfidenceNone {
		f.conf = ConfidenceProbable
	}
	e.open = append(e.open, l)
	e.turnedBad(now, l)
	e.feed(now, l, f)
	e.announce(now, l, Opened)
	return l
}

// reopen takes up an incident of the same lineage that was resolved lately.
func (e *Engine) reopen(now time.Time, f finding) *live {
	for i := len(e.recent) - 1; i >= 0; i-- {
		l := e.recent[i]
		if l.inc.SupersededBy != "" || l.inc.Retrospective || (l.inc.Severity == SeverityDegraded) != (f.severity == SeverityDegraded) ||
			now.Sub(l.inc.Resolved) > e.rule.Reopen || !e.contains(f.scope, l.scope) && !e.contains(l.scope, f.scope) {
			continue
		}
		e.recent = slices.Delete(e.recent, i, i+1)
		e.open = append(e.open, l)
		l.scope = f.scope
		if e.contains(f.scope, l.widest) {
			l.widest = f.scope
		}
		l.inc.Again++
		l.inc.Reopened, l.inc.Recovered, l.inc.Resolved = now, time.Time{}, time.Time{}
		l.inc.Confidence, l.inc.LineDown, l.inc.Transient = ConfidenceNone, false, false
		l.inc.Severity, l.inc.Rate, l.inc.Added, l.inc.Ratio = f.severityOr(), 0, 0, 0
		l.inc.Targets = nil
		clear(l.failing)
		clear(l.quiet)
		clear(l.proof)
		clear(l.well)
		l.healthy, l.told = time.Time{}, false
		l.top, l.pauseFrom, l.pauseTo = failing{}, time.Time{}, time.Time{}
		l.recheck, l.tail, l.inc.Easing, l.inc.Intermittent = easing{}, tail{}, false, false
		e.turnedBad(now, l)
		e.feed(now, l, f)
		e.announce(now, l, Opened)
		return l
	}
	return nil
}

// feed takes a finding into an incident: more targets, more sites, surer.
func (e *Engine) feed(now time.Time, l *live, f finding) {
	inc := &l.inc
	l.lastBad = now
	for _, id := range f.targets {
		if !slices.Contains(inc.Targets, id) {
			inc.Targets = append(inc.Targets, id)
			l.dirty = true
		}
		delete(l.well, id)
	}
	slices.Sort(inc.Targets)
	for _, s := range f.sites {
		if !l.failing[s.ID] {
			l.failing[s.ID], l.dirty = true, true
		}
	}
	if at := fromMS(f.first); f.first > 0 && at.Before(inc.Started) {
		inc.Started, l.dirty = at, true
	}
	surer := f.conf.Rank() > inc.Confidence.Rank()
	whole := l.scope == f.scope || len(f.targets) >= len(inc.Targets) // else its counts are those of a part
	weak := inc.Confidence == ConfidenceConfirmed && l.scope.kind.ProviderSide() && !f.quorate(e.rule)
	more := f.reason.DownSites >= inc.DownSites
	if whole {
		l.measure(&f)
	}
	if !weak && (whole && (l.scope.kind != inc.Kind || more) || surer && (whole || more)) {
		l.count(f)
	}
	if !surer {
		return
	}
	if len(l.quiet) == 0 {
		inc.Reason.Code = f.reason.Code
	}
	inc.Confidence = f.conf
	if inc.State != Recovering {
		inc.State = State(f.conf)
	}
	if f.conf == ConfidenceConfirmed && inc.Confirmed.IsZero() {
		inc.Confirmed = now
	}
	if l.told {
		e.announce(now, l, Changed)
	}
}

// count takes the finding's counts, layer and cause.
func (l *live) count(f finding) {
	inc := &l.inc
	if len(l.quiet) > 0 && f.reason.Code == Explained {
		return // silence is the graver word: a site that is heard no more cannot be asked
	}
	if f.reason.DownSites != inc.DownSites || f.reason.Sites != inc.Sites {
		l.dirty = true
	}
	code, text := inc.Reason.Code, inc.Reason.Text
	inc.Reason = f.reason
	if l.scope == f.scope {
		inc.Neighbours = f.neighbours
	}
	inc.Reason.Text = text // until it is described anew
	if f.conf.Rank() < inc.Confidence.Rank() {
		inc.Reason.Code = code
	}
	inc.DownSites, inc.Sites = f.reason.DownSites, f.reason.Sites
	inc.DownNetworks, inc.Networks = f.reason.DownNetworks, f.reason.Networks
	if inc.DownSites >= l.top.down {
		l.top = countsOf(inc)
	}
	inc.Layer, inc.Cause = "", f.cause.String()
	if f.layer != probes.LayerNone {
		inc.Layer = f.layer.String()
	}
}

// close ends an incident for a reason.
func (e *Engine) close(now time.Time, l *live, why Code) {
	i := slices.Index(e.open, l)
	if i < 0 {
		return
	}
	e.open = slices.Delete(e.open, i, i+1)
	for _, id := range l.inc.Targets {
		if t := e.targetByID[id]; t != nil && why != Superseded {
			t.out, t.outAt = Decision{}, time.Time{}
		}
	}
	l.inc.State, l.inc.Resolved = Resolved, now
	if l.inc.Recovered.IsZero() {
		l.inc.Recovered = now
	}
	l.inc.CoverageLost, l.inc.Easing = false, false
	l.inc.Transient = why == Healthy && l.lastFailure(e.rule).Sub(l.inc.Started) <= e.rule.Transient
	if why != Healthy {
		l.inc.Reason.Code = why
	}
	e.recent = append(e.recent, l)
	if len(e.recent) > maxRecent {
		e.recent = slices.Delete(e.recent, 0, 1)
	}
	e.announce(now, l, Closed)
}

// lastFailure is when nearly all of the pairs that failed were last seen to fail:
// one request in hundreds fails by itself while an incident waits to be closed.
func (l *live) lastFailure(rule Rule) time.Time {
	if len(l.quiet) > 0 || l.mild() {
		return l.lastBad
	}
	var last []time.Time
	for _, ev := range l.proof {
		if ev.Answer == "down" {
			last = append(last, ev.Last)
		}
	}
	if len(last) == 0 {
		return time.Time{}
	}
	slices.SortFunc(last, time.Time.Compare)
	return last[len(last)-1-int(rule.CloseShare*float64(len(last)))]
}

// announce tells of an incident as it is now.
func (e *Engine) announce(now time.Time, l *live, what What) {
	l.dirty, l.told = false, true
	e.label(l)
	if what != Closed {
		e.gather(now, l)
	}
	l.inc.Impact = l.impact()
	e.describe(now, l)
	e.emit(IncidentEvent{What: what, Incident: l.inc.clone()})
	if l.scope.kind.ProviderSide() && !e.mute {
		for _, id := range l.inc.Targets {
			if t := e.targetByID[id]; t != nil {
				e.verdict(now, t)
			}
		}
	}
}

// flush tells of incidents whose counts or text changed.
func (e *Engine) flush(now time.Time) {
	for _, l := range e.open {
		if l.dirty {
			e.announce(now, l, Changed)
		}
	}
}

// label writes the scope into the incident.
func (e *Engine) label(l *live) {
	inc, sc := &l.inc, l.scope
	inc.Kind, inc.Provider, inc.Service, inc.Region = sc.kind, sc.provider, sc.service, sc.region
	inc.Target, inc.Network, inc.Site = sc.target, sc.network, sc.site
	inc.Dependency, inc.Edge, inc.VRegion, inc.Family = sc.dependency, sc.edge, sc.vregion, ""
	if sc.family != 0 {
		inc.Family = sc.family.String()
	}
	if inc.Targets == nil {
		inc.Targets = []string{}
	}
	if sc.site == "" {
		inc.Client = e.clientOf(inc)
	} else if s := e.siteByID[sc.site]; s != nil {
		inc.Client, inc.Network = s.Client, s.net
	}
	if only, known := l.onlyNames(e); inc.Layer != probes.LayerDNS.String() {
		inc.IPReachable = false
	} else if known {
		inc.IPReachable = only
	}
}

// clientOf is the only client whose targets an incident lists, "" if there is
// none. Targets that are watched no longer belong to whom the incident was of: it
// must not become everybody's because one client's target was removed.
func (e *Engine) clientOf(inc *Incident) string {
	client := inc.Client
	for i, id := range inc.Targets {
		of := inc.Client
		if t := e.targetByID[id]; t != nil {
			of = t.Client
		}
		if i > 0 && of != client {
			return ""
		}
		client = of
	}
	return client
}
