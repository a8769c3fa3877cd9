package alert

import (
	"slices"

	"picket/collector/detect"
)

// width says how much a kind takes in. Only what is wider explains another, so
// that two incidents never hold each other back.
func width(k detect.Kind) int {
	switch k {
	case detect.KindFleet, detect.KindCollector:
		return 5
	case detect.KindProvider, detect.KindNetwork, detect.KindVRegion:
		return 4
	case detect.KindDependency:
		return 3
	case detect.KindService, detect.KindProviderRegion, detect.KindVRegionProvider, detect.KindVRegionDependency:
		return 2
	}
	return 1 // a target, a site, a path, an edge
}

// explains says whether who knows of the open incident p needs no word of c: c is
// part of it, no worse, and concerns nobody else. A drill explains nothing real.
func explains(p, c *detect.Incident) bool {
	switch {
	case !p.State.Open() || p.SupersededBy != "" || p.ID == c.ID, width(p.Kind) <= width(c.Kind),
		p.Drill != c.Drill, p.Client != "" && p.Client != c.Client, p.Family != "" && p.Family != c.Family:
		return false
	case c.Kind == detect.KindSite:
		return explainsSite(p, c)
	case p.Kind == detect.KindCollector:
		return c.Severity == detect.SeverityUnseen
	case harm(c.Severity) > harm(p.Severity):
		return false
	}
	return contains(p, c)
}

// explainsSite is explains for a site: its ISP is as badly off, or Picket has
// lost sight of more than it.
func explainsSite(p, c *detect.Incident) bool {
	switch p.Kind {
	case detect.KindNetwork:
		return p.Network == c.Network && p.Network != "" && asBad(p, c)
	case detect.KindFleet:
		return c.Severity == detect.SeverityUnseen && !c.LineDown && (p.Site == "" || p.Site == c.Site)
	case detect.KindCollector:
		return c.Severity == detect.SeverityUnseen && !c.LineDown
	}
	return false
}

// asBad says whether an ISP's trouble is enough to explain that of a site on it.
// Lines that lose much explain no silence and no dead line, and silence alone,
// behind which nothing need be broken, explains no line that is known to be dead.
func asBad(isp, site *detect.Incident) bool {
	mild := func(i *detect.Incident) bool {
		return i.Severity == detect.SeverityDegraded || i.Severity == detect.SeverityPartial
	}
	switch {
	case mild(isp) && !mild(site), site.LineDown && isp.Severity == detect.SeverityUnseen && !isp.LineDown:
		return false
	}
	return site.Severity == detect.SeverityUnseen || harm(site.Severity) <= harm(isp.Severity)
}

// contains says whether what c blames lies inside what p blames, by the names
// and targets that both list.
func contains(p, c *detect.Incident) bool {
	one := c.Kind == detect.KindTarget || c.Kind == detect.KindVRegionTarget
	same := func(a, b string) bool { return a == b && a != "" }
	listed := c.Kind.ProviderSide() && len(c.Targets) > 0 && !slices.ContainsFunc(c.Targets, func(t string) bool { return !slices.Contains(p.Targets, t) })
	switch p.Kind {
	case detect.KindProvider:
		return same(p.Provider, c.Provider) && (c.Kind.ProviderSide() || c.Kind == detect.KindNetworkProvider)
	case detect.KindProviderRegion:
		return one && (same(p.Provider, c.Provider) && same(p.Region, c.Region) || listed)
	case detect.KindService:
		return one && (same(p.Provider, c.Provider) && same(p.Service, c.Service) || listed)
	case detect.KindDependency:
		return same(p.Dependency, c.Dependency) || listed
	case detect.KindVRegionProvider:
		return c.Kind == detect.KindVRegionTarget && same(p.VRegion, c.VRegion) && same(p.Provider, c.Provider)
	case detect.KindVRegionDependency:
		return c.Kind == detect.KindVRegionTarget && same(p.VRegion, c.VRegion) && listed
	case detect.KindVRegion:
		return c.Kind.Regional() && same(p.VRegion, c.VRegion)
	case detect.KindNetwork:
		return (c.Kind == detect.KindNetworkProvider || c.Kind == detect.KindNetworkDependency) && same(p.Network, c.Network)
	}
	return false
}

// harm orders severities.
func harm(s detect.Severity) int {
	switch s {
	case detect.SeverityOutage, "":
		return 3
	case detect.SeverityPartial:
		return 2
	case detect.SeverityDegraded:
		return 1
	}
	return 0
}
