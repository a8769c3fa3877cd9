package simulate

import (
	"slices"
	"time"

	"picket/collector/config/strict"
	"picket/collector/detect"
	"picket/probes"
)

// incidentKinds are the kinds of incident that a scenario can ask for.
var incidentKinds = []string{
	string(detect.KindSite), string(detect.KindNetwork), string(detect.KindNetworkProvider), string(detect.KindNetworkDependency),
	string(detect.KindVRegion), string(detect.KindVRegionProvider), string(detect.KindVRegionDependency), string(detect.KindVRegionTarget),
	string(detect.KindTarget), string(detect.KindService), string(detect.KindProviderRegion), string(detect.KindDependency),
	string(detect.KindEdge), string(detect.KindProvider), string(detect.KindReference), string(detect.KindFleet), string(detect.KindCollector),
}

var noticeCauses = []string{"blocked", "tls_intercepted", "liar", "not_measurable", "policy"}

// match returns the keys that describe an incident. seen hears that one of them
// was there.
func (l *loader) match(m *Match, seen func(n *strict.Node), kinds ...string) strict.Keys {
	keys := strict.Keys{
		"kind":       l.Choice(&m.Kind, slices.Concat(incidentKinds, kinds)...),
		"provider":   l.named(&m.Provider, "provider"),
		"service":    l.named(&m.Service, "service"),
		"region":     l.named(&m.Region, "provider region"),
		"target":     l.named(&m.Target, "target or reference"),
		"depends":    l.named(&m.Depends, "dependency"),
		"edge":       l.named(&m.Edge, "edge"),
		"network":    l.named(&m.Network, "network"),
		"site":       l.named(&m.Site, "site"),
		"client":     l.named(&m.Client, "client"),
		"vregion":    l.vregion(m),
		"layer":      l.Choice(&m.Layer, "dns", "tcp", "tls", "http", "ping"),
		"severity":   l.Choice(&m.Severity, string(detect.SeverityOutage), string(detect.SeverityPartial), string(detect.SeverityDegraded), string(detect.SeverityUnseen)),
		"confidence": l.Choice(&m.Confidence, string(detect.ConfidenceSuspected), string(detect.ConfidenceProbable), string(detect.ConfidenceConfirmed)),
		"family": func(n *strict.Node, path string) {
			var f probes.Family
			if l.family(&f)(n, path); f != 0 {
				m.Family = f.String()
			}
		},
		"cause":         l.Choice(&m.Cause, causes()...),
		"note":          l.Choice(&m.Note, "ip_reachable"),
		"count":         l.whole(&m.Count),
		"start_within":  l.duration(&m.StartWithin, time.Millisecond, maxTime),
		"closed_within": l.duration(&m.ClosedWithin, time.Millisecond, maxTime),
		"open_at":       l.moment(&m.OpenAt),
		"closed_after":  l.moment(&m.ClosedAfter),
		"intermittent":  l.flag(&m.Intermittent),
		"lingering":     l.flag(&m.Lingering),
		"transient":     l.flag(&m.Transient),
		"retrospective": l.flag(&m.Retrospective),
		"line_down":     l.flag(&m.LineDown),
	}
	for key, read := range keys {
		keys[key] = func(n *strict.Node, path string) { seen(n); read(n, path) }
	}
	return keys
}

// causes are the names of all causes of probes and notices.
func causes() []string {
	names := slices.Clone(noticeCauses)
	for c := range 256 {
		if cause := probes.Cause(c); cause != probes.None && cause.Known() && !slices.Contains(names, cause.String()) {
			names = append(names, cause.String())
		}
	}
	return names
}

// named reads a name that the scenario must define.
func (l *loader) named(into *string, what string) strict.Read {
	return func(n *strict.Node, path string) {
		l.name(into)(n, path)
		l.known(n, path, what, *into)
	}
}

// moment reads a time of the run.
func (l *loader) moment(into *time.Duration) strict.Read {
	return func(n *strict.Node, path string) {
		l.duration(into, time.Millisecond, maxTime)(n, path)
		l.inTime(n, path, *into)
	}
}

func (l *loader) vregion(m *Match) strict.Read {
	return func(n *strict.Node, path string) {
		var name string
		if l.name(&name)(n, path); name == "none" {
			m.VRegionNone = true
			return
		}
		m.VRegion = name
		l.known(n, path, "vantage region", name, "none")
	}
}

func (l *loader) expect(_ int, n *strict.Node, path string) {
	e := Expect{Line: n.At.Line}
	var one Match
	var any, of, closed *strict.Node
	asked := false // a match beside any
	keys := l.match(&one, func(*strict.Node) { asked = true }, KindNotice)
	keys["any"] = func(n *strict.Node, path string) { any = n; l.anyOf(&e.Any, n, path) }
	keys["within"] = func(n *strict.Node, path string) { l.within(&e, n, path) }
	keys["of"] = func(n *strict.Node, path string) { of = n; l.Integer(&e.Of, 0, maxFaults)(n, path) }
	keys["flagged"] = func(n *strict.Node, path string) { l.flagged(&e.Flagged, n, path) }
	keys["max_probes"] = func(n *strict.Node, path string) { l.maxProbes(&e.MaxProbes, n, path) }
	keys["ineligible"] = l.whole(&e.Ineligible)
	l.Object(n, path, keys)
	for _, f := range n.Fields {
		if f.Key == "closed_within" {
			closed = f.Value
		}
	}
	switch figures := e.Flagged != nil || e.MaxProbes != nil || e.Ineligible != nil; {
	case n.Kind != strict.Object:
		return
	case any != nil && asked:
		l.Bad(any.At, "%s has any and a match beside it: put all of it into any", path)
	case any == nil && asked:
		if l.has(n, path, "kind", "say which kind of incident, such as kind: target") {
			l.fits(&one, n, path)
			e.Any = []Match{one}
		}
	case any == nil && !figures:
		l.Bad(n.At, "%s expects nothing: say which kind of incident, such as kind: target", path)
	}
	l.Later(func() { l.refersTo(&e, of, closed, path) })
	l.out.Expect = append(l.out.Expect, e)
}

// refersTo checks what an expectation says of a fault.
func (l *loader) refersTo(e *Expect, of, closed *strict.Node, path string) {
	faults := l.out.Faults
	if l.badFaults {
		return
	}
	if of != nil && e.Of >= len(faults) {
		l.Wrong(of, path+".of", "there are %d faults, counted from 0: name one of them", len(faults))
		return
	}
	if closed != nil && (len(faults) == 0 || faults[e.Of].For == 0) {
		l.Wrong(closed, path+".closed_within", "counts from the end of a fault, and this one has none: give the fault a `for`")
	}
}

// anyOf reads alternatives; bounds and figures stand beside, not inside.
func (l *loader) anyOf(into *[]Match, n *strict.Node, path string) {
	l.Each(100, func(_ int, n *strict.Node, path string) {
		var m Match
		l.Object(n, path, l.match(&m, func(*strict.Node) {}, KindNotice))
		if l.has(n, path, "kind", "say which kind of incident, such as kind: target") {
			l.fits(&m, n, path)
			*into = append(*into, m)
		}
	})(n, path)
	if n.Kind == strict.List && len(n.Items) == 0 {
		l.Bad(n.At, "%s is empty: give alternatives", path)
	}
}

// fits checks the cause against the kind: notices have causes of their own.
func (l *loader) fits(m *Match, n *strict.Node, path string) {
	if m.Kind != KindNotice || m.Cause == "" || slices.Contains(noticeCauses, m.Cause) {
		return
	}
	for _, f := range n.Fields {
		if f.Key == "cause" {
			l.Wrong(f.Value, path+".cause", "no notice has this cause: one of blocked, tls_intercepted, liar, not_measurable, policy")
		}
	}
}

func (l *loader) within(e *Expect, n *strict.Node, path string) {
	const least = time.Millisecond
	if n.Kind != strict.Object {
		l.duration(&e.Within, least, maxTime)(n, path)
		e.WithinP95, e.WithinMax = e.Within, 2*e.Within
		return
	}
	l.Object(n, path, strict.Keys{"p95": l.duration(&e.WithinP95, least, maxTime), "max": l.duration(&e.WithinMax, least, maxTime)})
	switch {
	case len(n.Fields) == 0:
		l.Bad(n.At, "%s is empty: write a duration, or {p95: 3s, max: 8s}", path)
	case e.WithinMax == 0:
		e.WithinMax = 2 * e.WithinP95
	case e.WithinP95 == 0:
		e.WithinP95 = e.WithinMax
	case e.WithinMax < e.WithinP95:
		l.Bad(n.At, "%s: max %s is less than p95 %s", path, strict.Short(e.WithinMax), strict.Short(e.WithinP95))
	}
	e.Within = e.WithinMax
}

func (l *loader) flagged(into *[]string, n *strict.Node, path string) {
	*into = []string{}
	if n.Kind == strict.List && len(n.Items) == 0 {
		return
	}
	l.selector(into, "site")(n, path)
	slices.Sort(*into)
}

func (l *loader) maxProbes(into **MaxProbes, n *strict.Node, path string) {
	var m MaxProbes
	l.Object(n, path, strict.Keys{"per": l.duration(&m.Per, time.Second, maxTime), "agent": l.Integer(&m.Agent, 0, 1_000_000)})
	if l.has(n, path, "per", "say in which time, such as per: 10s") && l.has(n, path, "agent", "say how many, such as agent: 20") {
		*into = &m
	}
}

func (l *loader) forbid(_ int, n *strict.Node, path string) {
	f := Forbid{Line: n.At.Line}
	asked := false
	see := func(*strict.Node) { asked = true }
	keys := l.match(&f.Match, see, KindNotice, KindAny, KindProviderSide)
	page := l.Choice(&f.Page, slices.Concat([]string{"provider-side", "any"}, incidentKinds)...)
	keys["page"] = func(n *strict.Node, path string) { see(n); page(n, path) }
	keys["after"] = func(n *strict.Node, path string) { l.span(&f.After)(n, path); l.inTime(n, path, f.After) }
	keys["before"] = l.duration(&f.Before, time.Millisecond, maxTime)
	l.Object(n, path, keys)
	switch {
	case n.Kind != strict.Object:
		return
	case !asked:
		l.Bad(n.At, "%s forbids nothing: say which kind of incident, such as kind: provider, or page: any", path)
	case f.Before > 0 && f.Before <= f.After:
		l.Bad(n.At, "%s: before %s is not later than after %s", path, strict.Short(f.Before), strict.Short(f.After))
	}
	l.fits(&f.Match, n, path)
	l.out.Forbid = append(l.out.Forbid, f)
}
