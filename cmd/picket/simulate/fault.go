package simulate

import (
	"slices"
	"time"

	"picket/probes"
)

// The phases of a probe, from the lowest. A phase that breaks fails every kind
// that needs it, and the lowest that breaks is what the probe meets.
const (
	phaseNone = iota
	phaseDNS
	phaseNet // the connection, or the echo of a ping
	phaseTLS
	phaseHTTP
)

// effect is how an attempt ends badly.
type effect struct {
	layer uint8 // phaseNone: it does not
	cause probes.Cause
	code  int
	hangs bool // nothing comes back: it costs the whole timeout
}

// fault is a fault of the scenario, made ready to be asked often.
type fault struct {
	*Fault
	i      int
	from   time.Duration
	to     time.Duration // never if it lasts to the end
	seed   uint64
	sites  []bool          // whom it concerns, by site; the network may change
	delay  []time.Duration // of the spread, by site
	agents map[string]bool // nil: all of these sites
}

// breakdown makes the scenario's faults ready and tells every pair which of
// them concern it.
func (w *world) breakdown() {
	for i := range w.s.Faults {
		in := &w.s.Faults[i]
		f := fault{Fault: in, i: i, from: in.At, to: never, seed: uint64(sown(w.o.Seed, 9, uint64(i)))}
		if in.For > 0 {
			f.to = in.At + in.For
		}
		f.sites, f.delay = w.concerned(in, i)
		if len(in.Who.Agents) > 0 {
			f.agents = map[string]bool{}
			for _, id := range in.Who.Agents {
				f.agents[id] = true
			}
		}
		w.faults = append(w.faults, f)
	}
	for i := range w.faults {
		f := &w.faults[i]
		if probing(f.How.Name) {
			for _, a := range w.agents {
				for c := range w.checks {
					if f.meets(a, &w.checks[c], &a.pairs[c]) {
						a.pairs[c].faults = append(a.pairs[c].faults, int32(i))
					}
				}
			}
		}
		w.plot(f)
	}
}

// concerned returns the sites of a fault, and when each joins in.
func (w *world) concerned(f *Fault, i int) ([]bool, []time.Duration) {
	in := make([]bool, len(w.sites))
	delay := make([]time.Duration, len(w.sites))
	var all []int
	for k, s := range w.sites {
		if selects(f.Who.Sites, s.ID) && selects(f.Who.Clients, s.Client) && selects(f.Who.Regions, s.Region) &&
			selects(f.Who.OS, s.OS) && w.onNetwork(f, s) && hasAgent(f, s) {
			all = append(all, k)
		}
	}
	luck := sown(w.o.Seed, 10, uint64(i))
	if f.Who.Share > 0 && f.Who.Share < 1 {
		for k := len(all) - 1; k > 0; k-- {
			j := int(luck.next() % uint64(k+1))
			all[k], all[j] = all[j], all[k]
		}
		all = all[:int(f.Who.Share*float64(len(all))+0.5)]
	}
	for _, k := range all {
		in[k] = true
	}
	for k := range delay {
		delay[k] = luck.within(f.Spread)
	}
	return in, delay
}

// onNetwork says whether the site is, or will be, on a network of the fault.
func (w *world) onNetwork(f *Fault, s *site) bool {
	if selects(f.Who.Networks, s.Network) {
		return true
	}
	return slices.ContainsFunc(w.s.Faults, func(o Fault) bool {
		return o.How.Name == LineSwitch && slices.Contains(f.Who.Networks, o.How.Network)
	})
}

func hasAgent(f *Fault, s *site) bool {
	return len(f.Who.Agents) == 0 || slices.ContainsFunc(s.agents, func(a *agent) bool { return slices.Contains(f.Who.Agents, a.id) })
}

// selects says whether a selector takes v: an empty one takes everything.
func selects[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// probing says whether a fault is met by probes.
func probing(how string) bool {
	switch how {
	case AgentCrash, AgentReboot, AgentOffline, GossipCut, CollectorRestart, CollectorCut, Backfill, Maintenance, ConfigPush, LineSwitch, Clock:
		return false
	}
	return true
}

// meets says whether the fault lies between this agent and what it asks, at
// whatever time.
func (f *fault) meets(a *agent, c *check, p *pair) bool {
	if !f.concerns(a, c, p) {
		return false
	}
	switch f.How.Name {
	case Slow, LieDown, LieUp, Loss:
		return true
	}
	return f.effect(c, a).layer != phaseNone
}

// concerns says whether the fault is about the agent and the check, whatever it
// does to the check's own attempts.
func (f *fault) concerns(a *agent, c *check, p *pair) bool {
	return f.sites[a.site.i] && (f.agents == nil || f.agents[a.id]) && selects(f.Who.Families, p.family) && f.names(c, p)
}

// names says whether the fault's `what` takes the check.
func (f *fault) names(c *check, p *pair) bool {
	s := &f.What
	if !selects(s.Kinds, c.Spec.Kind) {
		return false
	}
	if c.ref != nil {
		return s.All || f.How.Name == Resolver && s.targetless() || s.Reference || slices.Contains(s.References, c.ref.ID)
	}
	if s.All {
		return true
	}
	if s.Reference || len(s.References) > 0 {
		return false
	}
	t := c.target
	return selects(s.Providers, t.Provider) && selects(s.Services, t.Service) && selects(s.Regions, t.Region) && selects(s.Targets, t.ID) &&
		(len(s.Depends) == 0 || slices.ContainsFunc(t.Depends, func(d string) bool { return slices.Contains(s.Depends, d) })) &&
		(len(s.Edges) == 0 || p.edge != "" && slices.Contains(s.Edges, p.edge))
}

// targetless says that no target is singled out.
func (s *What) targetless() bool {
	return len(s.Providers)+len(s.Services)+len(s.Regions)+len(s.Targets)+len(s.Depends)+len(s.Edges) == 0
}

// effect is how an attempt at c ends under the fault.
func (f *fault) effect(c *check, a *agent) effect {
	k := c.Spec.Kind
	tcp := k == probes.TCP || k == probes.TLS || k == probes.HTTP
	dns := func(cause probes.Cause) effect {
		if !c.byName && k != probes.DNS {
			return effect{}
		}
		return effect{layer: phaseDNS, cause: cause, hangs: cause == probes.DNSTimeout}
	}
	tls := func(cause probes.Cause) effect {
		if k != probes.TLS && k != probes.HTTP {
			return effect{}
		}
		return effect{layer: phaseTLS, cause: cause, hangs: cause == probes.TLSTimeout}
	}
	http := func(cause probes.Cause, code int) effect {
		if k != probes.HTTP {
			return effect{}
		}
		return effect{layer: phaseHTTP, cause: cause, code: code}
	}
	switch f.How.Name {
	case Blackhole, Loss:
		switch {
		case tcp:
			return effect{layer: phaseNet, cause: probes.TCPTimeout, hangs: true}
		case k == probes.Ping:
			return effect{layer: phaseNet, cause: probes.PingTimeout, hangs: true}
		case f.Uplink || c.ref != nil || f.How.Name == Loss:
			// The resolver's answers come over the same line; a reference of kind dns
			// is its operator's own server.
			return effect{layer: phaseDNS, cause: probes.DNSTimeout, hangs: true}
		}
	case Refused, Reset:
		if tcp {
			cause := probes.TCPRefused
			if f.How.Name == Reset {
				cause = probes.TCPReset
			}
			return effect{layer: phaseNet, cause: cause}
		}
	case DNSServfail:
		return dns(probes.DNSServfail)
	case DNSTimeout, Resolver:
		return dns(probes.DNSTimeout)
	case DNSEmpty:
		return dns(probes.DNSEmpty)
	case DNSNXDomain:
		return dns(probes.DNSNXDomain)
	case TLSHang:
		return tls(probes.TLSTimeout)
	case TLSAlert:
		return tls(probes.TLSAlert)
	case TLSExpired:
		return tls(probes.TLSExpired)
	case TLSIntercepted:
		return tls(probes.TLSIntercepted)
	case HTTP500:
		return http(probes.HTTPStatus, 500)
	case HTTP503:
		return http(probes.HTTPStatus, 503)
	case HTTPBody:
		return http(probes.HTTPBody, 200)
	case Blocked:
		return http(probes.Blocked, 429)
	}
	return effect{}
}

// during says whether the fault is on for a site at at, and at which rate.
func (f *fault) during(s *site, at time.Duration) (rate float64, on bool) {
	from := f.from + f.delay[s.i]
	if at < from || at >= f.to {
		return 0, false
	}
	if len(f.Who.Networks) > 0 && !slices.Contains(f.Who.Networks, s.network) {
		return 0, false
	}
	since := at - from
	if f.Every > 0 && since/f.Every%2 == 1 {
		return 0, false
	}
	rate = f.Rate
	if rate == 0 {
		rate = 1
	}
	if f.Ramp > 0 && since < f.Ramp {
		rate *= float64(since) / float64(f.Ramp)
	}
	return rate, true
}

// strikes says whether the fault hits the attempt that begins at at: one and the
// same attempt always gets the same answer, whoever asks, and how often.
func (f *fault) strikes(a *agent, c *check, at time.Duration) bool {
	rate, on := f.during(a.site, at)
	if !on || rate <= 0 {
		return false
	}
	if rate >= 1 {
		return true
	}
	return f.luck(a, c, at) < rate
}

// luck is uniform in [0, 1) and depends on the attempt alone.
func (f *fault) luck(a *agent, c *check, at time.Duration) float64 {
	d := sown(f.seed, uint64(a.i), uint64(c.i), uint64(at))
	return d.float()
}
