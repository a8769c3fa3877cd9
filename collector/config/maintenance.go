package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"picket/collector/config/strict"
)

// Bounds of maintenance windows. A longer one is no planned work: it is a
// target that should not be watched.
const (
	maxWindows     = 1000
	maxMaintenance = 14 * 24 * time.Hour
)

// Maintenance is planned work, in which what matches is not judged: nobody is
// told, and nobody who is worked on is a witness. "" matches anything. It is one
// window from From to To, or, with a Rule, windows that come again (recur.go):
// see [Maintenance.Windows].
type Maintenance struct {
	From, To                          time.Time // To is not part of it; zero with a Rule, whose first window begins at From
	Provider, Service, Region, Target string
	Client, Site                      string // who looks; the client also of private targets
	Note                              string // for people

	Rule string        // RRULE of RFC 5545; "": once
	For  time.Duration // how long each window of the Rule is
	Zone string        // by whose clocks the Rule counts
}

// name tells windows apart in a diff.
func (m Maintenance) name() string {
	parts := []string{m.From.UTC().Format(time.RFC3339) + " to " + m.To.UTC().Format(time.RFC3339)}
	if m.Recurring() {
		parts[0] = m.often()
	}
	for _, v := range []struct{ key, value string }{
		{"provider", m.Provider}, {"service", m.Service}, {"region", m.Region}, {"target", m.Target}, {"client", m.Client}, {"site", m.Site},
	} {
		if v.value != "" {
			parts = append(parts, v.key+" "+v.value)
		}
	}
	if len(parts) == 1 {
		parts = append(parts, "everything")
	}
	return strings.Join(parts, " ")
}

// maintenance reads the windows. A name that no target has would match nothing,
// and the work would be told as an outage: it is a problem. Sites are enrolled
// by tokens, so their names are not known here.
func (s *schema) maintenance(_ int, n *strict.Node, path string) {
	var m Maintenance
	var from, to, rule, long, zone *strict.Node
	var place *time.Location
	s.Object(n, path, strict.Keys{
		"rrule":    func(n *strict.Node, path string) { rule = n; s.Line(&m.Rule, maxRule)(n, path) },
		"for":      func(n *strict.Node, path string) { long = n; s.Duration(&m.For, time.Minute, maxMaintenance)(n, path) },
		"zone":     func(n *strict.Node, path string) { zone = n; s.zone(&place)(n, path) },
		"from":     func(n *strict.Node, _ string) { from = n },
		"to":       func(n *strict.Node, path string) { to = n; s.moment(&m.To)(n, path) },
		"provider": s.watched(&m.Provider, "provider", func(t Target) string { return t.Provider }),
		"service":  s.watched(&m.Service, "service", func(t Target) string { return t.Service }),
		"region":   s.watched(&m.Region, "region", func(t Target) string { return t.Region }),
		"target":   s.watched(&m.Target, "target", func(t Target) string { return t.ID }),
		"client":   s.reference(&m.Client, s.client, "client", s.clientIDs),
		"site":     s.Line(&m.Site, 200),
		"note":     s.Line(&m.Note, 200),
	})
	switch {
	case n.Kind != strict.Object:
		return
	case rule != nil || long != nil || zone != nil:
		s.again(n, path, &m, recurringNodes{from, to, rule, long, zone}, place)
		return
	}
	if from != nil {
		s.moment(&m.From)(from, path+".from")
	}
	switch {
	case from == nil || to == nil:
		s.Bad(n.At, "%s needs from and to, such as {from: 2026-03-01T22:00:00Z, to: 2026-03-02T02:00:00Z, provider: azure}", path)
		return
	case m.From.IsZero() || m.To.IsZero():
		return // told already
	case !m.To.After(m.From):
		s.Wrong(to, path+".to", "is not after from: correct one of them")
		return
	case m.To.Sub(m.From) > maxMaintenance:
		s.Wrong(to, path+".to", "is %d days after from, at most 14: for longer, do not watch it", int(m.To.Sub(m.From).Hours()/24))
		return
	}
	s.out.Maintenance = append(s.out.Maintenance, m)
}

// recurringNodes is where the keys of work that comes again stand; nil: nowhere.
type recurringNodes struct{ from, to, rule, long, zone *strict.Node }

// again reads planned work that comes again.
func (s *schema) again(n *strict.Node, path string, m *Maintenance, at recurringNodes, zone *time.Location) {
	switch {
	case at.to != nil:
		s.Wrong(at.to, path+".to", "has no place in work that comes again: each window lasts as long as for says")
		return
	case at.rule == nil || at.from == nil || at.long == nil || at.zone == nil:
		s.Bad(n.At, "%s comes again, so it needs rrule, from, for and zone, such as {rrule: \"FREQ=WEEKLY;BYDAY=SU\", from: 2026-03-01T22:00, for: 2h, zone: Europe/Madrid, provider: azure}", path)
		return
	case zone == nil || m.Rule == "" || m.For == 0:
		return // told already
	}
	local := false
	if at.from.Kind == strict.Scalar {
		m.From, local = localMoment(at.from.Text, zone)
	}
	if !local {
		s.moment(&m.From)(at.from, path+".from")
	}
	m.Zone = zone.String()
	switch {
	case m.From.IsZero():
		return // told already
	case m.From.Year() < leastYear || m.From.Year() > mostYear:
		s.Wrong(at.from, path+".from", "is in the year %d: write one from %d to %d", m.From.Year(), leastYear, mostYear)
		return
	}
	if m.From = m.From.UTC(); s.recurring(at.rule, path, m) {
		s.out.Maintenance = append(s.out.Maintenance, *m)
	}
}

// watched reads a name that some target of the file or of the catalogue has.
func (s *schema) watched(into *string, what string, of func(Target) string) strict.Read {
	return func(n *strict.Node, path string) {
		s.ID(into)(n, path)
		id := *into
		if id == "" {
			return
		}
		s.Later(func() {
			targets := s.out.Targets
			if s.catalogue != nil {
				targets = slices.Concat(targets, s.catalogue.get().Targets)
			}
			known := map[string]bool{}
			for _, t := range targets {
				known[of(t)] = true
			}
			if !known[id] {
				s.Wrong(n, path, "no target has this %s%s", what, strict.DidYouMean(id, slices.Sorted(maps.Keys(known))))
			}
		})
	}
}

// moment reads a time as RFC 3339 writes it, with its zone.
func (s *schema) moment(into *time.Time) strict.Read {
	return func(n *strict.Node, path string) {
		if !s.Expect(n, path, strict.Scalar) {
			return
		}
		t, err := time.Parse(time.RFC3339, n.Text)
		if err != nil {
			s.Wrong(n, path, "not a time with its zone: write it like 2026-03-01T22:00:00Z or 2026-03-01T22:00:00+01:00")
			return
		}
		*into = t.UTC()
	}
}

func maintenanceChange(a, b Maintenance) string { return fmt.Sprintf("note %q -> %q", a.Note, b.Note) }
