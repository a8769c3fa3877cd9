package agent

import (
	"net/netip"

	"picket/internal/fleet"
	"picket/probes"
)

// addrs remembers under which address each name last answered, by the id of the
// check: for when the name is all that fails. It holds one address per check of
// the configuration in force and is not safe for concurrent use.
type addrs map[string]seenAddr

type seenAddr struct {
	host string // as it was asked
	addr netip.AddrPort
}

// saw notes the address of a good result.
func (m addrs) saw(c fleet.Check, r probes.Result) {
	port, ok := connects(c.Spec)
	if !ok || !r.Addr.IsValid() || r.Outcome != probes.Up && r.Outcome != probes.Degraded {
		return
	}
	if _, err := netip.ParseAddr(c.Spec.Host); err == nil {
		return // no name that could fail
	}
	m[c.ID] = seenAddr{host: c.Spec.Host, addr: netip.AddrPortFrom(r.Addr, port)}
}

// of is the last good address of a check, or, for a dns check, that of another
// check of the same target that connects to the same name. None: invalid.
func (m addrs) of(cfg *fleet.Config, check uint32) netip.AddrPort {
	c := cfg.Checks[check]
	if s, ok := m[c.ID]; ok {
		return s.addr
	}
	if c.Spec.Kind != probes.DNS {
		return netip.AddrPort{}
	}
	for _, other := range cfg.Checks {
		if s, ok := m[other.ID]; ok && other.Target == c.Target && s.host == c.Spec.Host &&
			(c.Spec.Family == 0 || s.addr.Addr().Is4() == (c.Spec.Family == 4)) {
			return s.addr
		}
	}
	return netip.AddrPort{}
}

// keep forgets what is not asked in cfg any more.
func (m addrs) keep(cfg *fleet.Config) addrs {
	kept := addrs{}
	for _, c := range cfg.Checks {
		if s, ok := m[c.ID]; ok && s.host == c.Spec.Host {
			if port, ok := connects(c.Spec); ok && port == s.addr.Port() {
				kept[c.ID] = s
			}
		}
	}
	return kept
}

// connects is the port that a check connects to; false for kinds that do not.
func connects(s probes.Spec) (port uint16, ok bool) {
	switch {
	case s.Kind != probes.TCP && s.Kind != probes.TLS && s.Kind != probes.HTTP:
		return 0, false
	case s.Port != 0:
		return s.Port, true
	case s.Kind == probes.HTTP && s.Plain:
		return 80, true
	}
	return 443, true
}
