package simulate

import (
	"slices"
	"testing"

	"picket/probes"
)

// TestDefaultsTellLabelsApart holds what makes a wrong label a wrong answer: no
// cause has the same consequences as a cause of another sort.
func TestDefaultsTellLabelsApart(t *testing.T) {
	d := Defaults()
	networks, regions := map[string][]string{}, map[string][]string{}
	for _, s := range d.Fleet.Sites {
		networks[s.Network] = append(networks[s.Network], s.Region)
		regions[s.Region] = append(regions[s.Region], s.Network)
	}
	if len(d.Fleet.Sites) != 12 || len(networks) != 6 || len(regions) != 3 {
		t.Errorf("%d sites, %d networks, %d vantage regions", len(d.Fleet.Sites), len(networks), len(regions))
	}
	for network, seen := range networks {
		if len(seen) != 2 || seen[0] == seen[1] {
			t.Errorf("%s looks from %v: its outage would be one of a vantage region", network, seen)
		}
	}
	for region, via := range regions {
		if slices.Sort(via); len(slices.Compact(via)) != 4 {
			t.Errorf("%s looks over %v: too few ISPs for a verdict of its own", region, via)
		}
	}
	if len(d.Targets) != 26 {
		t.Errorf("%d targets", len(d.Targets))
	}
	group := func(key func(Target) []string) map[string][]Target {
		m := map[string][]Target{}
		for _, target := range d.Targets {
			for _, k := range key(target) {
				m[k] = append(m[k], target)
			}
		}
		return m
	}
	services := group(func(t Target) []string { return []string{t.Provider + " " + t.Service} })
	places := group(func(t Target) []string { return []string{t.Provider + " " + t.Region} })
	for name, of := range group(func(t Target) []string { return t.Depends }) {
		providers := map[string]bool{}
		for _, target := range of {
			providers[target.Provider] = true
		}
		if len(of) < 3 || len(providers) < 3 {
			t.Errorf("%s lies under %d targets of %d clouds", name, len(of), len(providers))
		}
		for what, whole := range services {
			if covers(of, whole) && len(whole) > 1 {
				t.Errorf("%s lies under the whole of %s", name, what)
			}
		}
		for what, whole := range places {
			if covers(of, whole) && len(whole) > 1 {
				t.Errorf("%s lies under the whole of %s", name, what)
			}
		}
	}
	operators, named := map[string]bool{}, 0
	for _, r := range d.References {
		operators[r.Network] = true
		if slices.Contains(r.Kinds, probes.DNS) {
			named++
		}
	}
	// 60 % of the references must answer: a site with a broken resolver keeps its vote.
	if len(d.References) != 5 || len(operators) != 3 || named != 2 {
		t.Errorf("%d references of %d operators, %d asked by name", len(d.References), len(operators), named)
	}
}

func covers(some, whole []Target) bool {
	for _, target := range whole {
		if !slices.ContainsFunc(some, func(s Target) bool { return s.ID == target.ID }) {
			return false
		}
	}
	return true
}
