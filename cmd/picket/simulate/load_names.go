package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"picket/collector/config/strict"
)

// Agent returns the name of the site's i-th agent, from 0.
func (s *Site) Agent(i int) string { return fmt.Sprintf("%s-%d", s.ID, i+1) }

// known asks, once the file is read, whether a name that is used is defined.
func (l *loader) known(n *strict.Node, path, what, name string, others ...string) {
	l.Later(func() {
		if name == "" || slices.Contains(others, name) {
			return
		}
		if l.names[what] == nil {
			l.names[what] = l.defined(what)
		}
		defined := l.names[what]
		if defined[name] || !l.sure(what) {
			return
		}
		all := append(slices.Sorted(maps.Keys(defined)), others...)
		hint := strict.DidYouMean(name, all)
		if len(all) > 12 {
			all = append(all[:12:12], "...")
		}
		if len(all) == 0 {
			all = []string{"none"}
		}
		l.Wrong(n, path, "this scenario has no such %s%s; it has %s", what, hint, strings.Join(all, ", "))
	})
}

// defined returns the names of a sort that the scenario knows.
func (l *loader) defined(what string) map[string]bool {
	names := map[string]bool{}
	for i := range l.out.Fleet.Sites {
		ofSite(names, what, &l.out.Fleet.Sites[i])
	}
	for i := range l.out.Targets {
		ofTarget(names, what, &l.out.Targets[i])
	}
	for _, r := range l.out.References {
		if what == "reference" || what == "target or reference" {
			names[r.ID] = true
		}
	}
	for i := range l.out.Faults {
		if what == "network" {
			names[l.out.Faults[i].How.Network] = true
		}
	}
	delete(names, "")
	return names
}

// sure says whether the sections that define such names have no problem of
// their own.
func (l *loader) sure(what string) bool {
	switch what {
	case "site", "client", "vantage region", "agent":
		return !l.badFleet
	case "network":
		return !l.badFleet && !l.badFaults
	case "reference":
		return !l.badReferences
	case "target or reference":
		return !l.badReferences && !l.badTargets
	}
	return !l.badTargets
}

func ofSite(names map[string]bool, what string, s *Site) {
	switch what {
	case "site":
		names[s.ID] = true
	case "client":
		names[s.Client] = true
	case "network":
		names[s.Network] = true
		names[s.Upstream] = true
	case "vantage region":
		names[s.Region] = true
	case "agent":
		for i := range s.Agents {
			names[s.Agent(i)] = true
		}
	}
}

func ofTarget(names map[string]bool, what string, t *Target) {
	switch what {
	case "provider":
		names[t.Provider] = true
	case "service":
		names[t.Service] = true
	case "provider region":
		names[t.Region] = true
	case "target", "target or reference":
		names[t.ID] = true
	case "dependency":
		for _, d := range t.Depends {
			names[d] = true
		}
	case "edge":
		for _, e := range t.Edge {
			names[e] = true
		}
	}
}
