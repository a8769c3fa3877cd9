package simulate

import (
	"slices"
	"time"

	"picket/collector/detect"
	"picket/internal/vantage"
)

// While the engine is calm ([detect.Engine.Calm]) it need not hear of good
// results as they come: the world keeps a debt, pair by pair, and pays what a
// question may read before it is put. What that is the engine says itself. A doubted
// failure reads its check everywhere, and the pools that it feeds; who fails
// repeatedly is looked at whole; and when something could be explained all is.

// stale is after what time the engine is told again who is there [E]: with the
// longest gap between two signs of life still far from a silence of three seconds.
const stale = 500 * time.Millisecond

// ledger finds the checks of every target, and the target of every check.
func (w *world) ledger() {
	place := map[string]int{}
	for i := range w.s.Targets {
		place[w.s.Targets[i].ID] = i
	}
	for i := range w.s.References {
		place[w.s.References[i].ID] = len(w.s.Targets) + i
	}
	w.of = make([][]int, len(w.s.Targets)+len(w.s.References))
	for i := range w.checks {
		at := place[w.checks[i].Target]
		w.of[at] = append(w.of[at], i)
		w.place = append(w.place, at)
	}
}

// drowse is how often the world looks whether an engine that was not calm is [E]:
// the look costs as much as a result, and a later doze changes nothing.
const drowse = 200 * time.Millisecond

// doze looks whether the engine is calm, and sets its timer.
func (w *world) doze() {
	was := w.dozing
	w.dozing = w.engine != nil && (was || w.now >= w.calmAt) && w.away == 0 && !w.o.Full && w.o.Observer == nil && w.engine.Calm(w.time(w.now)) &&
		!slices.ContainsFunc(w.agents, func(a *agent) bool { return a.cfg.ID != w.version })
	if !was && w.now >= w.calmAt {
		w.calmAt = w.now + drowse
	}
	if was && !w.dozing {
		w.contact()
		w.squareAll()
	}
	w.engineAt = never
	if w.engine == nil {
		return
	}
	next, ok := w.engine.NextRound()
	if !w.dozing {
		next, ok = w.engine.Next()
	}
	if ok { // a timer fires late rather than early, and never twice at a time
		w.engineAt = max(w.at(next), w.now+time.Millisecond)
	}
}

// wakeUp tells the engine of everything, and has it do what it would have done
// each second, before something that is no routine.
func (w *world) wakeUp() {
	if !w.dozing {
		return
	}
	w.contact()
	w.squareAll()
	w.dozing = false
	w.tick()
}

// tick is the engine's Tick, with all that it may read.
func (w *world) tick() {
	if w.dozing {
		w.greet()
		w.heed()
		if w.engine.Explains(w.time(w.now)) {
			w.explains()
		}
	}
	w.ticked = w.now
	w.engine.Tick(w.time(w.now))
}

// attend prepares the engine for a failure of a check at an agent: its second is
// looked after if that is due, for what is asked who could vote lately. Nobody else's
// word on the check is read for a first failure that nobody doubts yet.
func (w *world) attend(a *agent, check int32, doubted bool) {
	if !w.dozing {
		return
	}
	if doubted {
		for _, o := range w.agents {
			o.square(int(check))
		}
	} else {
		a.square(int(check))
	}
	w.drainPools(a, w.place[check])
	if w.now-w.ticked >= time.Second {
		w.tick()
		return
	}
	w.greet()
	w.heed()
}

// drainPools tells of the OKs that the pools of a failure wait for.
func (w *world) drainPools(a *agent, target int) {
	ofSite, ofTarget := w.engine.Excursion(a.site.i, target)
	if ofTarget {
		drained := func() bool { _, more := w.engine.Excursion(a.site.i, target); return !more }
		w.squareTarget(target, a.site.Region, drained)
		if !drained() {
			w.squareTarget(target, "", drained)
		}
		ofSite, _ = w.engine.Excursion(a.site.i, target)
	}
	for _, o := range a.site.agents {
		for i := 0; i < len(o.pairs) && ofSite; i++ {
			if o.pairs[i].debt > 0 {
				o.square(i)
				ofSite, _ = w.engine.Excursion(a.site.i, target)
			}
		}
	}
}

// all is never enough.
func all() bool { return false }

// squareTarget tells of the pairs with a target, from a vantage region if it is
// named, until enough says that it is.
func (w *world) squareTarget(target int, region string, enough func() bool) {
	for _, i := range w.of[target] {
		for _, a := range w.agents {
			if a.pairs[i].debt > 0 && (region == "" || a.site.Region == region) {
				if a.square(i); enough() {
					return
				}
			}
		}
	}
}

// poll prepares the engine for a vote.
func (w *world) poll(a *agent, v *detect.Vote, check int32) {
	if !w.dozing {
		return
	}
	w.greet()
	a.square(int(check))
	if v.RefsOK < v.RefsAsked {
		a.squareAll() // its word may not count for a while
	}
	if !w.engine.ExplainsAfter(v.Round, v.Answer == vantage.Up) {
		return
	}
	if v.Answer == vantage.Down && a.pairs[check].good > 0 {
		w.squareAll() // nobody knew that it fails here, too
		return
	}
	w.squareTarget(w.place[check], "", all)
	w.heed()
	w.explains()
}

// heed pays for what the engine looks at by itself.
func (w *world) heed() {
	w.engine.Heeded(func(target int) {
		w.squareTarget(target, "", all)
	}, func(site int) {
		for _, a := range w.sites[site].agents {
			a.squareAll()
		}
	})
}

// explains pays for what an explanation reads: what refutes it most likely, or all.
func (w *world) explains() {
	if w.engine.Hopeless(w.time(w.now)) {
		return
	}
	w.engine.Failing(func(site int) {
		for _, s := range w.sites {
			if s.network == w.sites[site].network {
				for _, a := range s.agents {
					a.squareAll()
				}
			}
		}
	})
	if !w.engine.Hopeless(w.time(w.now)) {
		w.squareAll()
	}
}

// greet tells the engine who is there, unless it was told just now.
func (w *world) greet() {
	if w.now-w.greeted >= stale {
		w.contact()
	}
}

func (w *world) contact() {
	w.greeted = w.now
	for _, a := range w.agents {
		w.engine.Contact(w.time(a.seen), a.id)
	}
}

// square tells the engine of the results that it is owed of a pair.
func (a *agent) square(i int) {
	p := &a.pairs[i]
	if p.debt == 0 {
		return
	}
	w := a.w
	every := max(w.checks[i].Interval, time.Second)
	last, n := p.due-every, int(p.debt)
	p.debt = 0
	w.engine.Quiet(w.time(last+p.total+w.relay), a.id, a.cfg.index[i], n, every, w.time(last), p.total)
}

func (a *agent) squareAll() {
	for i := range a.pairs {
		a.square(i)
	}
}

func (w *world) squareAll() {
	for _, a := range w.agents {
		a.squareAll()
	}
}
