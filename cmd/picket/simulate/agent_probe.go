package simulate

import (
	"slices"
	"time"

	"picket/probes"
)

// trips is how many round trips a good probe takes until its phase is over: a
// name is looked up in one, TCP needs one, TLS 1.3 one, a request one.
const (
	packets     = 3                       // of a ping
	windowsSYNs = 1500 * time.Millisecond // Windows repeats a refused SYN twice (detection.md, amendment 7)
)

// timeoutOf is how long an attempt may take; within 0 means the check's own.
func timeoutOf(c *check, within time.Duration) time.Duration {
	if within > 0 {
		return within
	}
	if c.Spec.Timeout > 0 {
		return c.Spec.Timeout
	}
	return probes.DefaultTimeout(c.Spec.Kind)
}

// trips is how many round trips a probe spends before and in each phase that it has.
func (c *check) trips() time.Duration {
	n := time.Duration(0)
	if c.byName || c.Spec.Kind == probes.DNS {
		n++
	}
	switch c.Spec.Kind {
	case probes.Ping, probes.TCP:
		n++
	case probes.TLS:
		n += 2
	case probes.HTTP:
		n += 3
	}
	return n
}

// takes draws how long the pair's next answer takes while nothing is wrong.
func (a *agent) takes(c *check, p *pair) time.Duration {
	d := c.trips() * p.rtt
	if l := &a.w.s.Noise.Latency; l.Sigma > 0 {
		d = time.Duration(float64(d) * p.stretch(l))
	}
	return d
}

// well fills r with a good answer that took total.
func (a *agent) well(c *check, p *pair, total time.Duration, r *probes.Result) {
	r.Kind, r.Outcome, r.Total, r.Family, r.Code = c.Spec.Kind, probes.Up, total, p.family, -1
	each := total / max(1, c.trips())
	if c.byName || c.Spec.Kind == probes.DNS {
		r.DNS = each
	}
	switch c.Spec.Kind {
	case probes.Ping:
		r.RTT, r.Sent, r.Received = each, packets, packets
		return
	case probes.DNS:
		r.Code = 0
		return
	}
	r.Connect = each
	if c.Spec.Kind != probes.TCP {
		r.TLS = each
	}
	if c.Spec.Kind == probes.HTTP {
		r.TTFB, r.Code, r.Edge = each, 200, p.edge
	}
}

// troubled says whether anything could be in the way of an attempt at at.
func (w *world) troubled(a *agent, c *check, p *pair, at time.Duration) bool {
	for _, i := range p.faults {
		if _, on := w.faults[i].during(a.site, at); on {
			return true
		}
	}
	return w.suffers(a.site, c, at) != 0
}

// attempt asks once, at at: what the world answers goes into r. raw says that
// this attempt fails by itself, if it does not fail anyway.
func (a *agent) attempt(c *check, p *pair, at, within time.Duration, raw bool, r *probes.Result) {
	w := a.w
	timeout := timeoutOf(c, within)
	if p.noRoute {
		*r = probes.Result{Kind: c.Spec.Kind, Outcome: probes.Unknown, Cause: probes.LocalNoRoute, Code: -1}
		return
	}
	total := a.takes(c, p)
	worst := effect{}
	blame := func(e effect) {
		if e.layer != phaseNone && (worst.layer == phaseNone || e.layer < worst.layer) {
			worst = e
		}
	}
	lost := 0.0
	var lie *fault
	for _, i := range p.faults {
		f := &w.faults[i]
		switch f.How.Name {
		case Slow:
			if f.strikes(a, c, at) {
				total = slower(total, &f.How)
			}
		case Loss:
			if rate, on := f.during(a.site, at); on {
				lost = 1 - (1-lost)*(1-f.How.Share*rate)
				if c.Spec.Kind != probes.Ping && f.luck(a, c, at) < f.How.Share*rate {
					blame(f.effect(c, a))
				}
			}
		case LieDown, LieUp:
			if _, on := f.during(a.site, at); on {
				lie = f
			}
		default:
			if f.strikes(a, c, at) {
				blame(f.effect(c, a))
			}
		}
	}
	switch w.suffers(a.site, c, at) {
	case 2:
		blame((&fault{Fault: &Fault{Uplink: true, How: How{Name: Blackhole}}}).effect(c, a))
	case 1:
		blame((&fault{Fault: &Fault{How: How{Name: Blackhole}}}).effect(c, a))
	}
	if raw {
		blame(p.raw(c.Spec.Kind))
	}
	a.outcome(c, p, worst, total, timeout, r)
	if lost > 0 && c.Spec.Kind == probes.Ping && r.Outcome == probes.Up {
		a.lose(r, lost, timeout, sown(uint64(a.dice), uint64(c.i), uint64(at)))
	}
	if lie != nil {
		a.twist(lie, c, p, r)
	}
}

func slower(d time.Duration, h *How) time.Duration {
	if h.Factor > 0 {
		d = time.Duration(float64(d) * h.Factor)
	}
	return d + h.Add
}

// outcome fills r for an answer that takes total unless e is in its way.
func (a *agent) outcome(c *check, p *pair, e effect, total, timeout time.Duration, r *probes.Result) {
	if e.layer == phaseNone {
		if total < timeout {
			a.well(c, p, total, r)
			return
		}
		// Too slow is the same as no answer.
		e = effect{layer: phaseNet, cause: probes.TCPTimeout, hangs: true}
		switch c.Spec.Kind {
		case probes.DNS:
			e = effect{layer: phaseDNS, cause: probes.DNSTimeout, hangs: true}
		case probes.Ping:
			e.cause = probes.PingTimeout
		}
	}
	*r = probes.Result{Kind: c.Spec.Kind, Outcome: probes.Down, Cause: e.cause, Family: p.family, Code: -1}
	if e.cause == probes.Blocked || e.cause == probes.TLSIntercepted {
		r.Outcome = probes.Unknown
	}
	each := total / max(1, c.trips())
	spent := time.Duration(0)
	reached := func(layer uint8, d *time.Duration) {
		if e.layer >= layer {
			spent += each
			if e.layer > layer {
				*d = each
			}
		}
	}
	if c.byName || c.Spec.Kind == probes.DNS {
		reached(phaseDNS, &r.DNS)
	}
	reached(phaseNet, &r.Connect)
	reached(phaseTLS, &r.TLS)
	reached(phaseHTTP, &r.TTFB)
	if e.layer == phaseHTTP {
		r.Code, r.TTFB = e.code, each
		r.Edge = p.edge // an edge tells its name in the answer's header only
	}
	if e.cause == probes.TCPRefused && a.site.OS == "windows" {
		spent += windowsSYNs
	}
	if e.hangs || spent >= timeout {
		if !e.hangs && e.layer == phaseNet {
			r.Cause = probes.TCPTimeout
		}
		spent = timeout
	}
	if c.Spec.Kind == probes.Ping {
		r.Sent, r.Connect = packets, 0
	}
	r.Total = spent
}

// lose takes packets out of a ping.
func (a *agent) lose(r *probes.Result, share float64, timeout time.Duration, d dice) {
	for range packets {
		if d.float() < share {
			r.Received--
		}
	}
	switch {
	case r.Received == 0:
		r.Outcome, r.Cause, r.Total, r.RTT = probes.Down, probes.PingTimeout, timeout, 0
	case r.Received < packets:
		r.Outcome, r.Cause, r.Total = probes.Degraded, probes.PingLoss, r.Total+time.Second
	}
}

// twist makes a result what a liar wants it to be.
func (a *agent) twist(f *fault, c *check, p *pair, r *probes.Result) {
	if f.How.Name == LieUp {
		*r = probes.Result{}
		a.well(c, p, c.trips()*p.rtt, r)
		return
	}
	cause := probes.TCPRefused
	switch c.Spec.Kind {
	case probes.DNS:
		cause = probes.DNSServfail
	case probes.Ping:
		cause = probes.PingTimeout
	}
	*r = probes.Result{Kind: c.Spec.Kind, Outcome: probes.Down, Cause: cause, Total: 2 * p.rtt, Family: p.family, Code: -1}
}

// reachable says whether the last address of a name that does not resolve would
// accept a connection at at.
func (a *agent) reachable(c *check, p *pair, at time.Duration) bool {
	for _, i := range p.faults {
		f := &a.w.faults[i]
		if e := f.effect(c, a); e.layer == phaseNet && f.strikes(a, c, at) {
			return false
		}
	}
	if c.Spec.Kind == probes.DNS { // what hits connections hits them for its address, too, though not the check
		for i := range a.w.faults {
			f := &a.w.faults[i]
			if slices.Contains([]string{Blackhole, Refused, Reset}, f.How.Name) && f.concerns(a, c, p) && f.strikes(a, c, at) {
				return false
			}
		}
	}
	return a.w.suffers(a.site, c, at) == 0
}
