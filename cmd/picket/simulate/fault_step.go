package simulate

import "time"

// step is a moment at which a fault does more than to break probes.
type step struct {
	at    time.Duration
	fault *fault
	do    func()
	note  string
}

// plot puts the moments of a fault on the calendar.
func (w *world) plot(in *fault) {
	f := &fault{}
	*f = *in
	add := func(at time.Duration, do func()) {
		if at < never {
			w.steps = append(w.steps, step{at: at, fault: f, do: do})
		}
	}
	w.steps = append(w.steps, step{at: f.from, fault: f, note: "begins"})
	if f.to < never {
		w.steps = append(w.steps, step{at: f.to, fault: f, note: "ends"})
	}
	switch f.How.Name {
	case AgentCrash, AgentReboot, AgentOffline, Clock:
		for _, a := range w.agents {
			if f.takes(a) {
				begin, end := w.onAgent(f, a)
				w.wave(f, a.site, func() { add(w.waveAt, begin) }, func() { add(w.waveAt, end) })
			}
		}
	case LieDown:
		for _, a := range w.agents {
			if f.takes(a) {
				a.lie, a.lieAt = f, make([]time.Duration, len(w.checks))
				for i := range a.lieAt {
					a.lieAt[i] = -never / 2
				}
				add(f.from+f.delay[a.site.i], a.slander)
			}
		}
	case LieUp:
		for _, a := range w.agents {
			if f.takes(a) {
				a.lie = f
			}
		}
	case CollectorRestart, CollectorCut:
		w.onCollector(f, add)
	case Backfill:
		add(f.from, func() { w.backfill(f) })
	case ConfigPush:
		w.onPush(f, add)
	case LineSwitch:
		add(f.from, func() { w.reroute(f, f.How.Network) })
		add(f.to, func() { w.reroute(f, "") })
	}
	if f.Uplink && f.How.Name != Loss && f.How.Name != Slow && (f.Rate == 0 || f.Rate >= 1) {
		for _, a := range w.agents {
			if f.takes(a) {
				w.wave(f, a.site, func() { add(w.waveAt, a.cut) }, func() { add(w.waveAt, func() { a.heal(false) }) })
			}
		}
	}
}

// takes says whether the fault's `who` takes the agent.
func (f *fault) takes(a *agent) bool {
	return f.sites[a.site.i] && (f.agents == nil || f.agents[a.id])
}

// wave calls begin and end for each time that the fault is on at a site, with
// waveAt the moment.
func (w *world) wave(f *fault, s *site, begin, end func()) {
	from := f.from + f.delay[s.i]
	last := min(f.to, w.end+time.Hour)
	for from < last {
		w.waveAt = from
		begin()
		to := f.to
		if f.Every > 0 {
			to = min(to, from+f.Every)
		}
		w.waveAt = to
		end()
		if f.Every <= 0 {
			return
		}
		from += 2 * f.Every
	}
}

// onAgent is what happens to an agent when a fault of its own begins and ends.
func (w *world) onAgent(f *fault, a *agent) (begin, end func()) {
	back := func() {
		a.start(w.now)
		if a.cuts == 0 {
			w.push(event{at: w.now + a.dice.within(reconnect), what: evHello, agent: a.i, life: a.life})
		}
	}
	switch f.How.Name {
	case AgentCrash:
		return a.stop, back
	case AgentReboot:
		return func() {
			if a.linked && w.engine != nil {
				w.wakeUp()
				w.engine.Goodbye(w.time(w.now), a.id, "clean stop")
				w.drain()
			}
			a.stop()
		}, back
	case AgentOffline:
		return a.cut, func() { a.heal(false) }
	default: // Clock
		set := func(by time.Duration) func() {
			return func() {
				a.squareAll()
				a.offset += by
				a.wrong, a.until = by, w.now+a.dice.within(clockSample)
			}
		}
		return set(f.How.D), set(-f.How.D)
	}
}

// clockSample is how often an agent measures its offset to the collector
// (internal/uplink).
const clockSample = 10 * time.Second

// onCollector is the collector's own trouble.
func (w *world) onCollector(f *fault, add func(time.Duration, func())) {
	all := func(do func(*agent)) {
		for _, a := range w.agents {
			do(a)
		}
	}
	if f.How.Name == CollectorCut {
		add(f.from, func() { all((*agent).cut) })
		add(f.to, func() { all(func(a *agent) { a.heal(false) }) })
		return
	}
	to := f.to
	if to == never {
		to = f.from + defaultRestart
	}
	add(f.from, func() {
		w.wakeUp()
		w.engine, w.engineAt, w.dozing = nil, never, false
		w.lives++
		all((*agent).cut)
	})
	add(to, func() {
		w.collect(w.stored())
		all(func(a *agent) { a.heal(true) })
	})
}

// onPush rolls a new configuration out to all but half of the fault's sites,
// which follow when it ends.
func (w *world) onPush(f *fault, add func(time.Duration, func())) {
	var late []*agent
	n := 0
	for _, s := range w.sites {
		if !f.sites[s.i] {
			continue
		}
		if n++; n%2 == 0 {
			late = append(late, s.agents...)
		}
	}
	to := f.to
	if to == never {
		to = f.from + time.Minute
	}
	add(f.from, func() {
		w.version++
		for _, a := range late {
			a.held = true
		}
		if w.engine != nil {
			w.wakeUp()
			w.engine.SetConfig(w.time(w.now), w.config(w.version, "").Config)
			w.drain()
		}
		w.roll(w.agents)
	})
	add(to, func() {
		for _, a := range late {
			a.held = false
		}
		w.roll(late)
	})
}

// roll puts the newest configuration in force at agents that have a session.
func (w *world) roll(agents []*agent) {
	for _, a := range agents {
		if a.linked && !a.held && a.cfg.ID != w.version {
			a.adopt(w.config(w.version, a.site.Client))
		}
	}
}

// reroute moves the egress of the fault's sites to another network, "" back to
// their own.
func (w *world) reroute(f *fault, network string) {
	for _, s := range w.sites {
		if f.sites[s.i] {
			s.network = network
			if network == "" {
				s.network = s.Network
			}
		}
	}
	w.reconsider()
	if w.engine != nil {
		w.wakeUp()
		w.engine.SetFleet(w.time(w.now), w.fleet())
		w.drain()
	}
}

// tell makes a step happen.
func (w *world) tell(s *step) {
	w.storms()
	if s.do != nil {
		s.do()
	}
	if s.note != "" {
		w.note("fault", "%s %s", s.fault.How.Name, s.note)
	}
}
