package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"picket/collector/config/strict"
	"picket/internal/fleet"
	"picket/probes"
)

// Change is one difference between two files, in words for people. No secret
// and no URL that may hold one is in it.
type Change struct {
	Op   string // "+", "-" or "~"
	Kind string // "target", "alert", "network", "provider", "client", "maintenance" or "setting"
	ID   string // of the thing; of a setting its key
	What string // what is another than before, such as "interval 60s -> 30s"; may be empty
	// Restart says that it counts only from the next start of the collector.
	Restart bool
	// Clients are those whose agents get something else to do; "" among them
	// means every client's. None: no agent notices.
	Clients []string
}

// Diff lists what changes when was is replaced by now: settings first, then
// what is watched and whom to tell, in the order of the files.
func Diff(was, now *File) []Change {
	var list []Change
	list = append(list, settings(was, now)...)
	list = append(list, each("provider", was.Providers, now.Providers, func(p Provider) string { return p.ID }, nil)...)
	list = append(list, each("client", was.Clients, now.Clients, func(c fleet.Client) string { return c.ID }, nil)...)
	list = append(list, each("network", was.Networks, now.Networks, func(n Network) string { return n.Prefix.String() }, networkChange)...)
	list = append(list, targetsDiff(was, now)...)
	list = append(list, each("maintenance", was.Maintenance, now.Maintenance, Maintenance.name, maintenanceChange)...)
	return append(list, each("alert", was.Alerts, now.Alerts, func(r Route) string { return r.Name }, routeChange)...)
}

// setting is a key with one value. Restart: it is read at the start alone.
type setting struct {
	key     string
	value   func(*File) any
	restart bool
	show    bool // values may be shown
}

// The keys with one value. networks, alerts and what is watched are compared
// entry by entry.
func settingsOf() []setting {
	return []setting{
		{"listen", func(f *File) any { return f.Listen }, true, true},
		{"listen_tcp", func(f *File) any { return f.ListenTCP }, true, true},
		{"http", func(f *File) any { return f.HTTP }, true, true},
		{"data", func(f *File) any { return f.Data }, false, true}, // an apply cannot move the folder, and refuses to
		{"tls", func(f *File) any { return f.TLS }, true, false},
		{"names", func(f *File) any { return strings.Join(f.Names, ", ") }, true, true},
		{"login", func(f *File) any { return f.Login }, true, true},
		{"behind_proxy", func(f *File) any { return f.BehindProxy }, true, true},
		{"trusted_proxies", func(f *File) any { return strings.Trim(fmt.Sprint(f.TrustedProxies), "[]") }, true, true},
		{"influx", func(f *File) any { return f.Influx }, true, false},
		{"public", func(f *File) any { return strings.Join(f.Public, ", ") }, false, true},
		{"politeness", func(f *File) any { return strict.Short(f.Politeness) }, false, true},
		{"traffic", func(f *File) any { return f.Traffic.words() }, false, true},
		{"wan_check", func(f *File) any { return f.WANCheck }, true, true},
		{"alerts.mode", func(f *File) any { return map[bool]string{true: "shadow", false: "live"}[f.Shadow] }, false, true},
		{"clients.tier", func(f *File) any { return strings.Join(f.Gold, ", ") }, false, true},
		{"official", func(f *File) any { return f.Official }, false, true},
		{"fallback", func(f *File) any { return f.Fallback }, false, true},
		{"lookups", func(f *File) any { return f.Lookups }, false, true},
		{"weekly_test", func(f *File) any { return f.WeeklyTest.String() }, false, true},
		{"smtp", func(f *File) any { return f.SMTP }, false, false},
		{"digest", func(f *File) any { return f.Daily.words() }, false, true},
		{"runbooks", func(f *File) any { return runbookWords(f.Runbooks) }, false, true},
	}
}

func settings(was, now *File) (list []Change) {
	for _, s := range settingsOf() {
		a, b := s.value(was), s.value(now)
		if reflect.DeepEqual(a, b) {
			continue
		}
		c := Change{Op: "~", Kind: "setting", ID: s.key, Restart: s.restart}
		switch {
		case s.show:
			c.What = fmt.Sprintf("%s -> %s", shown(a), shown(b))
		case reflect.ValueOf(a).IsNil():
			c.Op = "+"
		case reflect.ValueOf(b).IsNil():
			c.Op = "-"
		}
		if s.key == "politeness" || s.key == "traffic" {
			c.Clients = []string{""}
		}
		list = append(list, c)
	}
	return list
}

func shown(v any) string { return cmp.Or(fmt.Sprint(v), "none") }

// each compares two lists of things with ids. what says how one changed; nil
// says nothing.
func each[T any](kind string, was, now []T, id func(T) string, what func(a, b T) string) (list []Change) {
	before := map[string]T{}
	for _, v := range was {
		before[id(v)] = v
	}
	for _, v := range now {
		old, known := before[id(v)]
		delete(before, id(v))
		c := Change{Kind: kind, ID: id(v)}
		switch {
		case !known:
			c.Op = "+"
		case reflect.DeepEqual(old, v):
			continue
		default:
			c.Op = "~"
			if what != nil {
				c.What = what(old, v)
			}
		}
		list = append(list, c)
	}
	for _, gone := range slices.Sorted(maps.Keys(before)) {
		list = append(list, Change{Op: "-", Kind: kind, ID: gone})
	}
	return list
}

func networkChange(a, b Network) string {
	return fmt.Sprintf("%s -> %s", networkName(a), networkName(b))
}

func networkName(n Network) string {
	name := n.Name
	if n.Upstream != "" {
		name += " on " + n.Upstream
	}
	if n.Metered {
		name += ", metered"
	}
	return name
}

func routeChange(a, b Route) string {
	parts := wayChange(a, b)
	for _, v := range []struct{ name, a, b string }{
		{"delay", strict.Short(a.Delay), strict.Short(b.Delay)}, {"resolve_delay", strict.Short(a.ResolveDelay), strict.Short(b.ResolveDelay)},
		{"kinds", a.Kinds, b.Kinds}, {"min_confidence", a.MinConfidence, b.MinConfidence},
		{"zone", zoneName(a.Zone), zoneName(b.Zone)},
		{"escalate", a.Escalate.words(), b.Escalate.words()}, {"only_escalation", fmt.Sprint(a.OnlyEscalation), fmt.Sprint(b.OnlyEscalation)},
		{"fallback", cmp.Or(a.Fallback, "none"), cmp.Or(b.Fallback, "none")},
	} {
		if v.a != v.b {
			parts = append(parts, v.name+" "+v.a+" -> "+v.b)
		}
	}
	return strings.Join(append(parts, policyChange(a.Policy, b.Policy)...), ", ")
}

// targetsDiff compares what is watched, and says whose agents notice.
func targetsDiff(was, now *File) []Change {
	before, after := byID(was.Targets), byID(now.Targets)
	list := each("target", was.Targets, now.Targets, func(t Target) string { return t.ID }, targetChange)
	for i := range list {
		c := &list[i]
		old, gone := before[c.ID]
		t, here := after[c.ID]
		switch {
		case !here:
			c.What, c.Clients = checkNames(old), []string{old.Client}
		case !gone:
			c.What, c.Clients = checkNames(t), []string{t.Client}
		default:
			c.Clients = slices.Compact([]string{old.Client, t.Client})
		}
	}
	if len(list) == 0 && !slices.EqualFunc(was.Targets, now.Targets, func(a, b Target) bool { return a.ID == b.ID }) {
		list = append(list, Change{Op: "~", Kind: "setting", ID: "targets", What: "in another order", Clients: []string{""}})
	}
	return list
}

func byID(targets []Target) map[string]Target {
	m := make(map[string]Target, len(targets))
	for _, t := range targets {
		m[t.ID] = t
	}
	return m
}

// checkNames lists the checks of t, without its own id before each.
func checkNames(t Target) string {
	names := make([]string, len(t.Checks))
	for i, c := range t.Checks {
		names[i] = strings.TrimPrefix(c.ID, t.ID+"/")
	}
	return strings.Join(names, ", ")
}

func targetChange(a, b Target) string {
	var parts []string
	for _, v := range []struct{ name, a, b string }{
		{"name", a.Name, b.Name}, {"provider", a.Provider, b.Provider}, {"service", a.Service, b.Service}, {"region", a.Region, b.Region},
		{"client", a.Client, b.Client}, {"reference", fmt.Sprint(a.Reference), fmt.Sprint(b.Reference)},
		{"depends", strings.Join(a.Dependencies, " "), strings.Join(b.Dependencies, " ")},
	} {
		if v.a != v.b {
			parts = append(parts, fmt.Sprintf("%s %s -> %s", v.name, cmp.Or(v.a, "none"), cmp.Or(v.b, "none")))
		}
	}
	for _, c := range each("check", a.Checks, b.Checks, func(c fleet.Check) string { return c.ID }, checkChange) {
		name := strings.TrimPrefix(c.ID, b.ID+"/")
		if c.Op == "~" {
			parts = append(parts, name+" "+c.What)
			continue
		}
		parts = append(parts, c.Op+name)
	}
	if len(parts) == 0 {
		return "checks in another order"
	}
	return strings.Join(parts, ", ")
}

func checkChange(a, b fleet.Check) string {
	var parts []string
	if a.Interval != b.Interval {
		parts = append(parts, fmt.Sprintf("interval %s -> %s", strict.Short(a.Interval), strict.Short(b.Interval)))
	}
	if a.Spec.Family != b.Spec.Family {
		parts = append(parts, fmt.Sprintf("family %s -> %s", familyName(a.Spec.Family), familyName(b.Spec.Family)))
	}
	x, y := a, b
	x.Interval, y.Interval, x.Spec.Family, y.Spec.Family = 0, 0, 0, 0
	if !reflect.DeepEqual(x, y) {
		parts = append(parts, "asks differently")
	}
	return strings.Join(parts, ", ")
}

func familyName(f probes.Family) string {
	if f == 0 {
		return "any"
	}
	return f.String()
}

// recipientsChange says how a list of addresses changed.
func recipientsChange(a, b []string) []string {
	switch {
	case slices.Equal(a, b):
		return nil
	case len(a) == len(b):
		return []string{"other recipients"}
	}
	return []string{fmt.Sprintf("%d recipients -> %d", len(a), len(b))}
}
