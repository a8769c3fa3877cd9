package simulate

import (
	"math"
	"time"

	"picket/probes"
)

// burst is how long a raw failure that a retry does not clear goes on [E]: the
// two attempts of a confirmation are seconds, not milliseconds, behind it.
const burst = 5 * time.Second

// gap draws how many attempts go well before one fails by itself.
func (p *pair) gap(fail float64) int64 {
	if fail >= 1 {
		return 0
	}
	return int64(math.Log(1-p.dice.float()) / math.Log1p(-fail))
}

// fails says whether the scheduled attempt at at fails by itself, and draws the
// next that will.
func (p *pair) fails(n *Noise, at time.Duration) bool {
	if p.failIn < 0 {
		return false
	}
	if p.failIn > 0 {
		p.failIn--
		return at < p.burst
	}
	p.failIn = p.gap(n.Fail)
	if p.dice.float() >= n.ClearsOnRetry {
		p.burst = at + burst
	}
	p.reset = p.dice.next()&1 == 0
	return true
}

// calm says that the next scheduled attempt does not fail by itself.
func (p *pair) calm(at time.Duration) bool { return p.failIn != 0 && at >= p.burst }

// raw is how an attempt that fails by itself ends: half of the connections are
// reset, everything else is simply lost [E].
func (p *pair) raw(k probes.Kind) effect {
	switch {
	case k == probes.DNS:
		return effect{layer: phaseDNS, cause: probes.DNSTimeout, hangs: true}
	case k == probes.Ping:
		return effect{layer: phaseNet, cause: probes.PingTimeout, hangs: true}
	case p.reset:
		return effect{layer: phaseNet, cause: probes.TCPReset}
	}
	return effect{layer: phaseNet, cause: probes.TCPTimeout, hangs: true}
}

// stretch draws by how much this answer is slower or faster than usual: ln is
// AR(1) with the noise's sigma, spikes are on top and not remembered.
func (p *pair) stretch(l *Latency) float64 {
	if l.Sigma <= 0 {
		return 1
	}
	p.ar = l.AR1*p.ar + math.Sqrt(1-l.AR1*l.AR1)*p.dice.normal()
	x := l.Sigma * p.ar
	if l.Spikes > 0 && p.dice.float() < l.Spikes {
		x += p.dice.exponential() * 6 * l.Sigma
	}
	return math.Exp(x)
}

// normal draws from the standard normal distribution (Box and Muller 1958, one
// of the two).
func (d *dice) normal() float64 {
	return math.Sqrt(2*d.exponential()) * math.Cos(2*math.Pi*d.float())
}

// exponential draws with mean 1.
func (d *dice) exponential() float64 { return -math.Log(1 - d.float()) }

// episode is a trouble that comes and goes by itself: on a line, in an ISP, on a
// path. It knows its current or next time only.
type episode struct {
	Episodes
	dice     dice
	from, to time.Duration
	on       bool
	cuts     []*agent // who loses the collector with it
	what     string
}

const year = 365 * 24 * time.Hour

// draw sets the episode's next time after at.
func (e *episode) draw(at time.Duration) {
	gap := e.dice.exponential() * float64(year) / e.PerYear
	if gap > float64(never/4) {
		gap = float64(never / 4)
	}
	e.from = at + time.Duration(gap)
	e.to = e.from + time.Duration(e.dice.exponential()*float64(e.Lasts))
}

func (e *episode) active(at time.Duration) bool { return at >= e.from && at < e.to }

// siteNoise is which episodes concern a site; -1 none.
type siteNoise struct {
	uplink, isp int32
	paths       []int32 // two for each provider: of its network, of itself
}

// disturb draws the episodes of the noise.
func (w *world) disturb() {
	n := &w.s.Noise
	providers := 0
	for i := range w.checks {
		providers = max(providers, w.checks[i].provider+1)
	}
	make1 := func(e Episodes, what string, salt ...uint64) int32 {
		if e.PerYear <= 0 || e.Lasts <= 0 {
			return -1
		}
		ep := episode{Episodes: e, dice: sown(w.o.Seed, salt...), what: what}
		ep.draw(w.from)
		w.episodes = append(w.episodes, ep)
		return int32(len(w.episodes) - 1)
	}
	isps, paths := map[string]int32{}, map[string][]int32{}
	for _, s := range w.sites {
		name := s.Network
		if _, ok := isps[name]; !ok {
			k := uint64(len(isps))
			isps[name] = make1(n.ISP, "ISP "+name, 5, k)
			for p := range providers {
				paths[name] = append(paths[name], make1(n.Path, "path of "+name, 6, k, uint64(p)))
			}
		}
		s.noise.uplink = make1(n.Uplink, "line of "+s.ID, 7, uint64(s.i))
		s.noise.isp = isps[name]
		for _, e := range []int32{s.noise.uplink, s.noise.isp} {
			if e >= 0 {
				w.episodes[e].cuts = append(w.episodes[e].cuts, s.agents...)
			}
		}
		for p := range providers {
			s.noise.paths = append(s.noise.paths, paths[name][p], make1(n.SitePath, "path of "+s.ID, 8, uint64(s.i), uint64(p)))
		}
	}
}

// turn begins or ends an episode.
func (w *world) turn(i int32) {
	e := &w.episodes[i]
	defer w.storms()
	if !e.on {
		e.on = true
		w.note("noise", "%s: trouble for %v", e.what, (e.to - e.from).Round(time.Second))
		for _, a := range e.cuts {
			a.cut()
		}
		w.push(event{at: e.to, what: evEpisode, x: i})
		return
	}
	e.on = false
	for _, a := range e.cuts {
		a.heal(false)
	}
	e.draw(w.now)
	w.push(event{at: e.from, what: evEpisode, x: i})
}

// suffers is what the noise's episodes do to an attempt: 0 nothing, 1 the way to
// its provider is gone, 2 the whole line.
func (w *world) suffers(s *site, c *check, at time.Duration) int {
	if len(w.episodes) == 0 {
		return 0
	}
	on := func(i int32) bool { return i >= 0 && w.episodes[i].active(at) }
	if on(s.noise.uplink) || on(s.noise.isp) {
		return 2
	}
	if p := 2 * c.provider; p >= 0 && (on(s.noise.paths[p]) || on(s.noise.paths[p+1])) {
		return 1
	}
	return 0
}
