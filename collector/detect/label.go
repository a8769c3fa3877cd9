package detect

import "strings"

// label names what a scope blames, as titles and sentences do. name gives the
// name of a target by its id, "" if it has none of its own.
func (s scope) label(name func(id string) string) string {
	out := s.labelBoth(name)
	if s.family != 0 {
		out += " over IPv" + s.family.String()
	}
	return out
}

func (s scope) labelBoth(name func(id string) string) string {
	p := display(s.provider)
	switch s.kind {
	case KindProvider:
		return p
	case KindProviderRegion:
		return p + " " + s.region
	case KindService:
		return p + " " + s.service
	case KindTarget:
		return s.targetLabel(name)
	case KindDependency:
		return component(s.dependency)
	case KindEdge:
		return "edge " + s.edge + " of " + s.dependency
	case KindVRegion:
		return "the internet as seen from " + s.vregion
	case KindVRegionProvider:
		return p + " as seen from " + s.vregion
	case KindVRegionDependency:
		return component(s.dependency) + " as seen from " + s.vregion
	case KindVRegionTarget:
		return s.targetLabel(name) + " as seen from " + s.vregion
	case KindNetwork:
		return s.network
	case KindNetworkProvider, KindNetworkDependency:
		return "between " + s.network + " and " + s.far()
	case KindSite:
		return s.site
	case KindReference:
		return "reference " + s.targetLabel(name)
	case KindCollector:
		return "Picket server"
	case KindFleet:
		if s.site != "" {
			return "Picket at " + s.site
		}
		return "Picket fleet"
	}
	return p
}

// far is the far end of a path: a cloud or a shared component.
func (s scope) far() string {
	if s.dependency != "" {
		return s.dependency
	}
	return display(s.provider)
}

// targetLabel names a target by its service and region, if it has them.
func (s scope) targetLabel(name func(id string) string) string {
	p := display(s.provider)
	switch {
	case s.service != "" && s.region != "":
		return s.service + " in " + p + " " + s.region
	case s.service != "" && p != "":
		return p + " " + s.service
	}
	if n := name(s.target); n != "" {
		return n
	}
	return s.target
}

// component is a dependency with the word for what it is, as far as its name
// tells: the well-known content networks, and names that say so themselves.
func component(id string) string {
	low := strings.ToLower(id)
	switch low {
	case "fastly", "cloudflare", "akamai", "cloudfront", "bunny", "edgio", "front-door", "azure-front-door", "afd":
		return "CDN " + id
	}
	for prefix, word := range map[string]string{"cdn": "CDN ", "dns": "DNS host ", "auth": "identity service ", "idp": "identity service "} {
		if strings.HasPrefix(low, prefix) {
			return word + id
		}
	}
	return "shared component " + id
}

// capital makes a label the beginning of a title or sentence. Names of sites,
// ISPs and services keep their writing.
func (s scope) capital(label string) string {
	switch s.kind {
	case KindEdge, KindVRegion, KindReference, KindDependency, KindVRegionDependency, KindNetworkProvider, KindNetworkDependency:
		return strings.ToUpper(label[:1]) + label[1:]
	}
	return label
}

// nameOf is the name that the config gives a target, "" if it gives none.
func (e *Engine) nameOf(id string) string {
	if t := e.targetByID[id]; t != nil {
		return t.Name
	}
	return ""
}
