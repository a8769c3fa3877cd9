package agent

import (
	"net/netip"
	"slices"

	"picket/agent/doctor"
	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/probes"
)

// maxWitnesses bounds the services that a doctor looks at: two tell an affair of
// one from an affair of this network, and one may be away.
const maxWitnesses = 4

// Witnesses are public services among what the agent of dir watches, and what the
// site allows it to probe: by them a doctor sees what this network does to HTTP
// and HTTPS. None if the directory cannot be read.
func Witnesses(dir string) ([]doctor.Service, func(netip.Addr) error) {
	b, err := identity.LoadBundle(dir)
	if err != nil {
		return nil, nil
	}
	cfg, err := readConfig(dir)
	if err != nil {
		return nil, nil
	}
	return witnesses(cfg), guardPolicy(b.Info().Policy)
}

// witnesses takes one service of each owner, references first. One client's own
// services may have an authority that only that client knows, and so may a check
// that brings its own.
func witnesses(cfg fleet.Config) []doctor.Service {
	public, reference := map[string]bool{}, map[string]bool{}
	for _, t := range cfg.Targets {
		public[t.ID], reference[t.ID] = t.Client == "", t.Reference
	}
	var found []doctor.Service
	for _, first := range []bool{true, false} {
		for _, c := range cfg.Checks {
			if !public[c.Target] || reference[c.Target] != first || !witness(c) {
				continue
			}
			port, _ := connects(c.Spec)
			if !slices.ContainsFunc(found, func(f doctor.Service) bool { return doctor.Related(f.Host, c.Spec.Host) }) {
				found = append(found, doctor.Service{Host: c.Spec.Host, Port: port})
			}
		}
	}
	return found[:min(len(found), maxWitnesses)]
}

// witness says that a check is asked here, by TLS, of a name, with the usual
// authorities.
func witness(c fleet.Check) bool {
	s := c.Spec
	byTLS := s.Kind == probes.TLS || s.Kind == probes.HTTP && !s.Plain
	_, err := netip.ParseAddr(s.Host)
	return asked(c) && byTLS && err != nil && s.CA == "" && (s.ServerName == "" || s.ServerName == s.Host)
}
